"""What whole rebuilds do alike on every cluster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest

from mlops_dash.domain.plans import Precondition, Tick
from mlops_dash.project.acting import resume_unfinished
from rebuilds.making import Making, Rebuilt, awaited, begin
from rebuilds.watching import TRAINS, agents, as_command, checked, copy_of, one_run, processes, wait

_WAITS = "print('here', flush=True); import threading; threading.Event().wait()"


class OnCluster:
    """Tests for a class with a fixture ``shared``: the cluster, with the variables by which it is found.

    Attributes:
        settings: of ``[rebuild]``.
        place: where the plan says that the command runs.
    """

    settings: str
    place: str

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls, tmp_path_factory: pytest.TempPathFactory) -> tuple[Making, str]:
        making, run_id = one_run(tmp_path_factory.mktemp("trained"))
        making.git.commit("On a cluster", {"mlops-dash.toml": f"[rebuild]\n{cls.settings}\n"})
        return making, run_id

    @pytest.fixture
    def made(
        self, trained: tuple[Making, str], shared: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> tuple[Making, str]:
        for name, value in shared.variables.items():
            monkeypatch.setenv(name, value)
        making, run_id = trained
        return copy_of(making, tmp_path, monkeypatch), run_id

    def test_it_comes_out_the_same(self, made: tuple[Making, str], shared: Cluster) -> None:
        making, run_id = made
        look = checked(making, run_id)["runner"]
        assert (look.tick, look.title) == (Tick.HOLDS, f"the command is taken: it runs {self.place}")
        rebuilt = making.rebuild(run_id)
        assert rebuilt.verdict == "identical", rebuilt.journal
        self.look_at_cluster(shared, f"mlops-dash-{rebuilt.action.plan.id}-1", rebuilt)
        assert making.left() == []

    def look_at_cluster(self, shared: Cluster, name: str, rebuilt: Rebuilt) -> None:
        """Check that the cluster ran the job of this name."""
        raise NotImplementedError

    def test_it_is_cancelled(self, made: tuple[Making, str]) -> None:
        making, run_id = made
        as_command(making, run_id, "-c", _WAITS)
        with making.opened() as project:
            action = begin(project, run_id)
            wait(lambda: b"here" in _log_of(making, action))
            project.cancel(action)
            rebuilt = awaited(project, action)
        assert "it was cancelled" in rebuilt.words
        assert (processes(action), making.left()) == ([], [])

    def test_fault_67_it_is_found_again_when_whoever_carries_it_out_is_killed(
        self, made: tuple[Making, str], tmp_path: Path
    ) -> None:
        making, run_id = made
        go, ran = tmp_path / "go", tmp_path / "ran"
        waits = f"import os; open({str(ran)!r}, 'a').write('x'); open({str(go)!r}).read(); {TRAINS}"
        as_command(making, run_id, "-c", f"import os; os.mkfifo({str(go)!r}); {waits}")
        with making.opened() as project:
            action = begin(project, run_id)
            wait(ran.exists)
            for agent in agents(making):
                agent.kill()
            wait(lambda: not project.action(action).running)  # type: ignore[union-attr]
            assert resume_unfinished(project) == (action,)
            go.write_text("")
            rebuilt = awaited(project, action)
        assert rebuilt.found["runs"], rebuilt.journal
        assert ran.read_text() == "x"
        assert making.left() == []

    def test_where_it_is_away_it_is_refused_before_it_begins(
        self, made: tuple[Making, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        making, run_id = made
        monkeypatch.setenv(*self.away(tmp_path))
        look = checked(making, run_id)["runner"]
        assert look.tick is Tick.FAILS
        self.look_at_refusal(look)

    def away(self, tmp_path: Path) -> tuple[str, str]:
        """The variable that leads to a cluster that is not there."""
        raise NotImplementedError

    def look_at_refusal(self, look: Precondition) -> None:
        """Check what is told then."""
        raise NotImplementedError


class Cluster(Protocol):
    """What is known of every cluster."""

    @property
    def variables(self) -> Mapping[str, str]: ...


def _log_of(making: Making, action: str) -> bytes:
    log = making.state / "rebuilds" / action / "run1" / "output.log"
    return log.read_bytes() if log.exists() else b""
