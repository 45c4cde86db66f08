"""Plans on a tracking server that fails after the plan was shown: refused in time, with what it said."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_dash.domain.plans import ActionKind, Tick
from mlops_dash.project import open_project
from mlops_dash.project.checking import WITHIN
from sources.http.misbehaving import Handler, Misbehaving, run

Says = Callable[[Handler], Any]


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache, a state folder and a home of the test's own."""
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))


class Server:
    """A tracking server with two versions of the wine, the first of them in production."""

    def __init__(self) -> None:
        self.says: Says | None = None
        self.server = Misbehaving(
            [run(1), run(2)],
            models=[
                {
                    "name": "wine",
                    "creation_timestamp": 1,
                    "last_updated_timestamp": 2,
                    "aliases": [{"alias": "production", "version": "1"}],
                }
            ],
            versions=[
                {
                    "name": "wine", "version": str(number), "run_id": f"{number:032x}", "status": "READY",
                    "creation_timestamp": number, "last_updated_timestamp": number, "current_stage": "None",
                    "source": f"mlflow-artifacts:/1/{number:032x}/artifacts/model",
                }
                for number in (1, 2)
            ],
            fault=self._fault,
        )  # fmt: skip

    def _fault(self, handler: Handler, _: str, __: dict[str, Any]) -> bool:
        if self.says is None:
            return False
        self.says(handler)
        return True


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.server.close()


@pytest.mark.parametrize(
    ("says", "told"),
    [
        pytest.param(lambda h: h.say({"error_code": "INTERNAL_ERROR"}, 503), "503", id="15"),
        pytest.param(lambda h: h.say({"error_code": "DENIED"}, 403), "credentials", id="16"),
        pytest.param(lambda h: h.say("<html>log in</html>", 200, "text/html"), "MLflow", id="24"),
        pytest.param(lambda h: h.hang(), "", id="20", marks=pytest.mark.campaign),
    ],
)
def test_faults_15_to_24_after_the_plan_was_shown_are_refused(
    tmp_path: Path, server: Server, says: Says, told: str
) -> None:
    (tmp_path / "project").mkdir()
    with open_project(tmp_path / "project", tracking_uri=server.server.url) as project:
        project.refresh()
        plan = project.plan(ActionKind.PROMOTE, "production", to="2")
        assert [step.kind for step in plan.steps] == ["alias"]
        whole = {one.id: one for one in project.check(plan)}
        assert whole["unchanged"].tick is Tick.HOLDS
        assert (whole["artifacts"].tick, whole["artifacts"].blocking) == (Tick.FAILS, True)  # 404: gone
        server.says = says
        started = time.monotonic()
        found = {one.id: one for one in project.check(plan)}
        assert time.monotonic() - started < 4 * WITHIN
    assert (found["unchanged"].tick, found["unchanged"].blocking) == (Tick.FAILS, True)
    assert told in found["unchanged"].detail
