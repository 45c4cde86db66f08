"""The verb ``rebuild``: what it asks for, shows, refuses, and answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from git_projects import GitProject
from rebuilds.making import POINTS, TRAIN, Making
from saying import Said

Say = Callable[..., Said]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "name what is to be rebuilt"),
        (("production", "--live"), "name what is to be rebuilt"),
        (("production", "--repeat", "0"), "--repeat takes a number from 1 to 100"),
        (("production", "--repeat", "x"), "invalid int value"),
        (("production", "--dry-run", "--yes"), "--dry-run runs nothing"),
        (("production", "--reason", " \x1b[31m "), "a reason is needed"),
        (("production", "--forse"), "--forse is not known to rebuild"),
    ],
)
def test_bad_usage(say: Say, folder: Path, words: tuple[str, ...], told: str) -> None:
    found = say("rebuild", *words)
    assert found.code == 2
    assert told in found.err
    assert found.out == ""


def test_something_that_nobody_knows(say: Say, folder: Path) -> None:
    found = say("rebuild", "production", "--yes")
    assert (found.code, found.out) == (2, "")


def test_nothing_is_live(say: Say, folder: Path) -> None:
    GitProject(folder).commit("Begin")
    found = say("rebuild", "--live", "--check", "--yes")
    assert found.code == 3
    assert "nothing is known to be live" in found.err


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Making, str]:
    making = Making(tmp_path_factory.mktemp("trained"))
    making.git.commit("A script", {"train.py": TRAIN, "points.csv": POINTS})
    return making, making.python("train.py", "--data", "points.csv")


class TestReally:
    """On a project with one run, trained once."""

    pytestmark = pytest.mark.campaign

    @pytest.fixture
    def run_id(self, trained: tuple[Making, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
        monkeypatch.chdir(trained[0].root)
        yield trained[1]
        assert trained[0].left() == []

    def test_the_plan_is_shown_and_nothing_is_run(self, say: Say, run_id: str) -> None:
        found = say("rebuild", run_id[:12], "--dry-run")
        assert found.code == 0
        for words in (
            "python train.py --data points.csv",
            "worktree of its own",
            "✓ the tree was clean",
            "STEPS",
        ):
            assert words in found.out
        document = json.loads(say("rebuild", run_id, "--dry-run", "--json").out)
        assert (document["outcome"], document["verdict"], document["original_run_id"]) == (
            "planned",
            None,
            run_id,
        )
        assert [step["kind"] for step in document["plan"]["steps"]] == [
            "checkout", "data", "packages", "train", "judge", "sweep",
        ]  # fmt: skip
        assert say("jobs").out == ""

    def test_nobody_is_asked_where_nobody_sits(self, say: Say, run_id: str) -> None:
        found = say("rebuild", run_id)
        assert found.code == 3
        assert "this is no terminal" in found.err
        assert "--yes" in found.err

    def test_read_only_runs_nothing(self, say: Say, run_id: str) -> None:
        found = say("--read-only", "rebuild", run_id, "--yes", "--wait")
        assert found.code == 3
        assert "--read-only" in found.err

    def test_it_waits_for_a_verdict_and_jobs_knows_it(self, say: Say, run_id: str) -> None:
        found = say("rebuild", run_id, "--yes", "--wait", "--json")
        document = json.loads(found.out)
        assert (found.code, document["verdict"], document["outcome"]) == (0, "identical", "verified")
        assert document["run_id"] not in (None, run_id)
        assert (document["original_run_id"], document["differences"]) == (run_id, [])
        (job,) = json.loads(say("jobs", "--json").out)["jobs"]
        assert (job["kind"], job["verdict"], job["environment"]) == ("rebuild", "identical", "")
        shown = say("jobs", job["id"])
        assert "identical  rebuild run" in shown.out
        assert "1 metric and 1 file are equal" in shown.out
        again = say("jobs", job["id"], "--cancel")
        assert (again.code, "has ended already" in again.err) == (3, True)
        assert say("history", "--json").code == 0

    def test_one_that_fails_exits_with_1(self, say: Say, run_id: str, trained: tuple[Making, str]) -> None:
        making = trained[0]
        kept = making.tags(run_id)["mlops-dash.argv"]
        making.tag(run_id, argv=json.dumps(["gone.py"]))
        try:
            found = say("rebuild", run_id, "--yes", "--check", "--json")
        finally:
            making.tag(run_id, argv=kept)
        document = json.loads(found.out)
        assert (found.code, document["verdict"], document["outcome"]) == (1, "failed", "failed")
        assert "can't open file" in document["message"]

    def test_everything_live(self, say: Say, run_id: str, trained: tuple[Making, str]) -> None:
        from mlflow.tracking.client import MlflowClient

        client = MlflowClient(trained[0].uri, registry_uri=trained[0].uri)
        client.create_registered_model("points")
        client.create_model_version("points", f"runs:/{run_id}/model", run_id)
        client.set_registered_model_alias("points", "production", "1")
        found = say("rebuild", "--live", "--check", "--yes", "--json")
        (document,) = json.loads(found.out)["rebuilds"]
        assert (found.code, document["verdict"]) == (0, "identical")
        assert client.get_model_version("points", "1").tags == {"mlops-dash.rebuilt": "identical"}
        refused = say("rebuild", "production", "--yes", "--wait", "--register")
        assert refused.code == 1
        assert "logged no model that could be registered" in refused.err
