"""The eight checks of what a rebuild takes: each holds, will probably do, or is missing, and says why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from mlops_dash.answers.rebuilding import rebuildable
from mlops_dash.answers.shapes import CodeFacts, DataFacts, ReadinessCheck, Rebuildable, RunFacts
from mlops_dash.domain.environments import CodeStatus
from mlops_dash.domain.rebuilds import Level
from mlops_dash.domain.recorded import Recorded, RecordedFile

RUN = RunFacts("a" * 32, "fit", "e", "FINISHED", None, None, None, False, {}, {"seed": "7"}, "train.py")
CODE = CodeFacts("b" * 40, CodeStatus.OK, on_remote=True)
DVC = DataFacts("data.csv", "8d1e", "data.csv.dvc", "dvc")
LOGGED = DataFacts("visits", "77aa", None, "mlflow")
NOTED = Recorded(argv=("train.py", "--x"), python="3.11.7", packages_sha256="c" * 64, dirty=False)


def judged(**changes: Any) -> Rebuildable:
    given = {"run": RUN, "code": CODE, "data": (DVC,), "recorded": NOTED, "registered": True, "command": None}
    given |= changes
    run, code, data, recorded = (given.pop(name) for name in ("run", "code", "data", "recorded"))
    return rebuildable(run, code, data, recorded, **given)


def check(name: str, **changes: Any) -> ReadinessCheck:
    return next(one for one in judged(**changes).checks if one.name == name)


def test_all_eight_hold() -> None:
    found = judged()
    assert [one.name for one in found.checks] == [
        "commit", "remote", "tree", "data", "parameters", "command", "packages", "randomness",
    ]  # fmt: skip
    assert (found.ready, found.missing, found.held) == (True, (), 8)


GONE = structs.replace(CODE, status=CodeStatus.MISSING)
DIRTY = structs.replace(CODE, status=CodeStatus.DIRTY)
SEEDLESS = structs.replace(RUN, params={})
PIPELINE = structs.replace(DVC, source="dvc.lock")
NAMED = replace(NOTED, files=(RecordedFile("a", 1, "e"),))
SEED_GIVEN = replace(NOTED, argv=("x", "--seed=3"))
SEED_SET = replace(NOTED, variables={"SEED": "5"})
PATCHED = replace(NOTED, dirty=True, patch_sha256="d" * 64)

OMITTED = replace(PATCHED, omitted="2 new files too large")


@pytest.mark.parametrize(
    ("name", "level", "evidence", "changes"),
    [
        ("commit", Level.MISSING, "none is recorded", {"code": None}),
        ("commit", Level.MISSING, "is not in this repository", {"code": GONE}),
        ("commit", Level.MISSING, "names no run", {"run": None}),
        ("remote", Level.WEAK, "on no remote", {"code": structs.replace(CODE, on_remote=False)}),
        ("tree", Level.HOLDS, "uncommitted changes are recorded", {"recorded": PATCHED}),
        ("tree", Level.MISSING, "2 new files", {"recorded": OMITTED}),
        ("tree", Level.MISSING, "nobody recorded them", {"recorded": None, "code": DIRTY}),
        ("tree", Level.WEAK, "nobody noted", {"recorded": None}),
        ("data", Level.WEAK, "MLflow's digest", {"data": (LOGGED,)}),
        ("data", Level.MISSING, "none is recorded", {"data": ()}),
        ("data", Level.HOLDS, "1 named and hashed", {"data": (), "recorded": NAMED}),
        ("command", Level.MISSING, "its arguments are not recorded", {"recorded": None}),
        ("command", Level.MISSING, "looked like a secret", {"recorded": replace(NOTED, withheld=True)}),
        ("command", Level.HOLDS, "[rebuild] command", {"recorded": None, "command": "[rebuild] command"}),
        ("command", Level.HOLDS, "DVC pipeline", {"recorded": None, "data": (PIPELINE,)}),
        ("packages", Level.WEAK, "the logged model names", {"recorded": None}),
        ("packages", Level.MISSING, "nobody recorded them", {"recorded": None, "registered": False}),
        ("randomness", Level.WEAK, "no seed", {"run": SEEDLESS}),
        ("randomness", Level.HOLDS, "argument --seed=3", {"run": SEEDLESS, "recorded": SEED_GIVEN}),
        ("randomness", Level.HOLDS, "SEED = 5", {"run": SEEDLESS, "recorded": SEED_SET}),
    ],
)  # fmt: skip
def test_each_check_says_why(name: str, level: Level, evidence: str, changes: dict[str, Any]) -> None:
    found = check(name, **changes)
    assert found.level is level
    assert evidence in found.evidence
    assert (found.remedy is None) == (level is Level.HOLDS)
    assert (name in judged(**changes).missing) == (level is Level.MISSING)
