"""Fault 67: killed at every boundary, a rebuild is finished or undone, swept, and never called reproduced."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from actions.crashing import Kill, Zygote, kill_everywhere
from actions.quick_training import Trainer
from actions.scenes_rebuild import scene
from mlops_dash.actions.plan_json import encoded, plan_to_json
from mlops_dash.domain.plans import Outcome
from mlops_dash.domain.recorded import Recorded, to_tags
from mlops_dash.project import open_project
from rebuilds.making import Making

pytestmark = pytest.mark.campaign


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("actions.scenes_rebuild:scene") as made:
        yield made


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trainer]:
    with Trainer(tmp_path_factory.mktemp("trainer")) as made:
        yield made


@pytest.fixture(scope="module")
def prepared(trainer: Trainer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Making, str]:
    """A project with one run."""
    making = Making(tmp_path_factory.mktemp("prepared"))
    making.git.commit("A script", {"train.py": "", "points.csv": "1,2\n"})
    run_id = making.train(sys.executable, "-S", *trainer.argv())
    noted = to_tags(Recorded(argv=tuple(trainer.argv()), folder=".", dirty=False))
    making.tag(run_id, **{key.removeprefix("mlops-dash."): value for key, value in noted.items()})
    tagged = {"mlflow.source.git.commit": making.git.head()}
    client = "import json, sys; from mlflow import MlflowClient\n" \
        "c = MlflowClient(sys.argv[1])\n" \
        "[c.set_tag(sys.argv[2], k, v) for k, v in json.loads(sys.argv[3]).items()]"  # fmt: skip
    subprocess.run([sys.executable, "-c", client, making.uri, run_id, json.dumps(tagged)], check=True)
    return making, run_id


@pytest.fixture
def world(
    prepared: tuple[Making, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Callable[[], Path]]:
    """Make worlds: a copy of the project, and a plan of its own."""
    making, run_id = prepared
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(making.state))
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(making.cache))
    with open_project(making.root) as project:
        project.refresh()
        plan = project.plan_rebuild(run_id)
    numbers = count()

    def of(*, exits: int = 0) -> Callable[[], Path]:
        def made() -> Path:
            folder = tmp_path / f"{next(numbers)}"
            shutil.copytree(making.root, folder / "project")
            told = (
                encoded(plan_to_json(plan)).decode().replace(plan.id, f"{plan.id[:17]}{secrets.token_hex(4)}")
            )
            values = json.loads(told)
            train = next(step for step in values["steps"] if step["kind"] == "train")
            train["arguments"]["argv"] += [str(exits)] if exits else []
            (folder / "plan.json").write_text(json.dumps(values))
            return folder

        return made

    return of


def outcomes(kills: list[Kill]) -> set[str | None]:
    return {kill.outcome for kill in kills}


def test_fault_67_a_rebuild_survives_every_kill(
    zygote: Zygote, world: Callable[..., Callable[[], Path]]
) -> None:
    kills = kill_everywhere(zygote, world(), scene)
    assert len(kills) >= 160
    # killed before its intent was written there is no action; from then on it is finished
    assert outcomes(kills) == {None, Outcome.VERIFIED}


def test_fault_67_a_rebuild_that_fails_survives_every_kill(
    zygote: Zygote, world: Callable[..., Callable[[], Path]]
) -> None:
    kills = kill_everywhere(zygote, world(exits=3), scene)
    assert len(kills) >= 140
    assert outcomes(kills) == {None, Outcome.FAILED}
