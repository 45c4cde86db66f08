"""A planted change of each kind gets the verdict and the cause that it deserves, from end to end."""

from __future__ import annotations

import json

import pytest

from mlops_dash.domain.plans import Outcome
from mlops_dash.domain.recorded import Recorded, from_tags, to_tags
from rebuilds.making import TRAIN, Making, Rebuilt

pytestmark = pytest.mark.campaign


def causes(rebuilt: Rebuilt) -> list[str]:
    return [one["kind"] for one in rebuilt.found["inputs"]]


def recorded(making: Making, run_id: str) -> Recorded:
    found = from_tags(making.tags(run_id))
    assert found is not None
    return found


def diverged(rebuilt: Rebuilt) -> None:
    assert (rebuilt.verdict, rebuilt.action.outcome) == ("diverged", Outcome.FAILED), rebuilt.journal


def test_another_seed(script: Making) -> None:
    original = script.python("train.py", "--seed", "1")
    script.tag(original, argv=json.dumps(["train.py", "--seed", "2"]))
    rebuilt = script.rebuild(original)
    diverged(rebuilt)
    assert causes(rebuilt)[0] in ("seed", "parameter")
    assert script.left() == []


def test_a_changed_default_that_nobody_recorded(script: Making) -> None:
    """The tree was dirty, and says that it was clean: nothing that went in differs."""
    script.git.write("train.py", TRAIN.replace("default=0.5", "default=5000"))
    original = script.python("train.py")
    script.git.git("checkout", "-q", "--", "train.py")
    script.tag(original, dirty="false")
    rebuilt = script.rebuild(original)
    diverged(rebuilt)
    assert [one["name"] for one in rebuilt.found["outcomes"] if one["kind"] == "metric"] == ["rmse"]


def test_another_package_version(script: Making) -> None:
    """The recorded packages are installed by uv; one that uv cannot know of is told."""
    original = script.python("train.py")
    packages = dict(recorded(script, original).packages)
    packages["toolz"] = "0.12.0"
    noted = recorded(script, original)
    tags = to_tags(Recorded(**{**_fields(noted), "packages": packages}))
    script.tag(original, **{key.removeprefix("mlops-dash."): value for key, value in tags.items()})
    rebuilt = script.rebuild(original)
    assert rebuilt.verdict == "identical", rebuilt.journal
    (new,) = rebuilt.found["runs"]
    assert recorded(script, new).packages["toolz"] == "0.12.0"  # noted by us: no recorder is installed there
    built = next((script.cache / "environments").glob("*/mlops-dash-environment.json"))
    assert json.loads(built.read_text())["packages"]["toolz"] == "0.12.0"


def test_noise_is_told_from_a_difference(script: Making) -> None:
    noisy = TRAIN.replace("random.seed(options.seed)", "random.seed()")
    script.git.commit("No seed", {"train.py": noisy})
    original = script.python("train.py")
    rebuilt = script.rebuild(original, repeats=3)
    assert len(rebuilt.found["runs"]) == 3
    assert rebuilt.verdict in ("equivalent", "diverged")
    assert "noise" in rebuilt.words, rebuilt.journal


def _fields(recorded: Recorded) -> dict[str, object]:
    return {name: getattr(recorded, name) for name in recorded.__slots__}
