"""``jobs``: every action of this machine, with its journal."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

from cli.planned import alias, team, told
from mlops_dash.actions.journal import Journal, actions_folder
from mlops_dash.actions.reasons import with_reason
from mlops_dash.cli.following import follow
from mlops_dash.domain.plans import ActionKind, EventKind, Outcome
from mlops_dash.project import open_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = team(tmp_path / "project")
    monkeypatch.chdir(made)
    return made


def act(folder: Path, environment: str, to: str, outcome: str, reason: str = "slow since noon") -> str:
    """Journal an action as the agent does."""
    with open_project(folder) as project:
        project.refresh()
        plan = with_reason(project.plan(ActionKind.ROLLBACK, environment, to=to), reason)
        with Journal(actions_folder(project.located.servers)).begin(plan) as log:
            log.append(EventKind.CHECKED, words="you may change the registry: holds")
            log.append(EventKind.SENT, "alias", "move the alias")
            if outcome == "failed":
                log.append(EventKind.UNDOING, "alias", "move it back")
                log.append(EventKind.UNDONE, "alias", "moved back")
            else:
                log.append(EventKind.ACCEPTED, "alias", "moved")
            log.append(EventKind.OUTCOME, words=f"it is {outcome}", evidence={"outcome": outcome})
            log.append(EventKind.AUDITED, words="it stands in the store", evidence={"run": "r1"})
    return plan.id


def test_nothing_was_done_yet(say, project: Path) -> None:
    said = say("jobs")
    assert (said.code, said.out, said.err) == (0, "", "nothing was done from this machine yet\n")
    assert say("jobs", "--json").json == {"jobs": []}


def test_actions_are_told_newest_first_and_one_with_its_journal(say, project: Path) -> None:
    first = act(project, "production", "3", "verified")
    second = act(project, "staging", "5", "failed", "evil \x1b]0;x\x07 [/b]")
    said = say("jobs")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == (
        [second, first]
        if second.split("-")[0] != first.split("-")[0]
        else sorted([first, second], reverse=True)
    )
    assert "4 → 3" in said.out
    assert "verified" in said.out
    assert "\x1b" not in said.out
    (one,) = [job for job in say("jobs", "--json").json["jobs"] if job["id"] == second]
    assert (one["outcome"], one["running"], one["from"], one["to"]) == ("failed", False, "6", "5")
    assert (one["reason"], one["audit_run"], one["words"]) == ("evil [/b]", "r1", "it is failed")
    assert [step["state"] for step in one["steps"]] == ["undone"]
    assert "events" not in one
    whole = say("jobs", first, "--json").json
    assert [event["kind"] for event in whole["events"]] == [
        "intent", "checked", "sent", "accepted", "outcome", "audited",
    ]  # fmt: skip
    assert whole["ended_at"].endswith("Z")
    text = told(say("jobs", first[-8:]).out)
    assert text.startswith("verified  rollback production version 4 → 3\n  it is verified\n")
    assert "  accepted  move the alias production of progression from version 4 to version 3" in text
    assert re.search(r"\n  \d\d:\d\d:\d\d\.\d{3}  sent      alias: move the alias\n", text)
    assert "audit     run r1 in experiment mlops-dash" in text


def test_jobs_as_csv(say, project: Path) -> None:
    assert next(csv.reader(io.StringIO(say("jobs", "--csv").out)))[:3] == ["id", "kind", "environment"]
    done = act(project, "production", "3", "verified", "=1+1")
    (row,) = csv.DictReader(io.StringIO(say("jobs", "--csv").out))
    assert (row["id"], row["from"], row["to"], row["outcome"]) == (done, "4", "3", "verified")
    assert row["reason"] == "'=1+1"  # no formula
    rows = [*csv.DictReader(io.StringIO(say("jobs", done, "--csv").out))]
    assert [event["kind"] for event in rows] == [
        "intent", "checked", "sent", "accepted", "outcome", "audited",
    ]  # fmt: skip


def test_an_unknown_action_names_the_nearest(say, project: Path) -> None:
    first = act(project, "production", "3", "verified")
    act(project, "staging", "5", "verified")
    wrong = first[:-1] + ("0" if first[-1] != "0" else "1")
    said = say("jobs", wrong)
    assert (said.code, said.out) == (2, "")
    assert f"there is no action '{wrong}'" in said.err
    assert f"did you mean {first}" in said.err
    said = say("jobs", first[:4])
    assert said.code == 2
    assert f"'{first[:4]}' are 2 actions" in said.err
    assert say("jobs", first, "more").code == 2


@pytest.mark.campaign
def test_what_was_interrupted_is_finished_by_whoever_looks_next(say, project: Path) -> None:
    with open_project(project) as opened:
        opened.refresh()
        plan = with_reason(opened.plan(ActionKind.PROMOTE, "production", to="6"), "better")
        with Journal(actions_folder(opened.located.servers)).begin(plan) as log:
            log.append(EventKind.SENT, "alias", "move the alias", {"attempt": 1})
        # here the process that carried it out was killed
        said = say("jobs", "--json")
        assert said.code == 0
        assert f"goes on with what was left undone: {plan.id}" in said.err
        done = follow(opened, plan.id)
    assert done.outcome is Outcome.VERIFIED
    assert alias(project) == "6"
    assert "resumed" in [event.kind.value for event in done.events]
