"""``promote`` and ``rollback`` carried out: on real stores, by agents, until they are verified."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.planned import CONFIG, alias, change, team
from mlops_dash.actions.reasons import clean_reason
from mlops_dash.domain.plans import ActionKind, Outcome
from mlops_dash.errors import RefusedError
from mlops_dash.project import open_project

OPEN = CONFIG.replace("protected = true\n", "")
WITHIN = 120.0  # seconds that anything may take on a busy machine


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = team(tmp_path / "project", OPEN)
    monkeypatch.chdir(made)
    return made


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WITHIN
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_promotion_needs_to_know_what_to(say, project: Path) -> None:
    said = say("promote", "production")
    assert said.code == 2
    assert "--to" in said.err


def test_the_plan_of_a_promotion_names_the_environment_it_comes_from(say, project: Path) -> None:
    said = say("promote", "production", "--to", "staging", "--dry-run", "--json")
    assert said.code == 0, said.err
    plan = said.json["plan"]
    assert (plan["kind"], plan["from"]["version"], plan["to"]["version"]) == ("promote", "4", "6")
    (source,) = [one for one in plan["preconditions"] if one["id"] == "source"]
    assert (source["title"], source["status"]) == ("staging serves version 6", "holds")
    assert plan["difference"]["code"]["ahead"] == 6


@pytest.mark.campaign
def test_there_and_back_and_not_to_the_bad_version_again(say, project: Path) -> None:
    said = say("promote", "production", "--to", "staging", "--yes", "--reason", "beats it on all patients")
    assert said.code == 0, said.err
    assert alias(project) == "6"
    assert re.search(r"^verified  promote production version 4 → 6$", said.out, re.MULTILINE)
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{3}  accepted  alias: ", said.err, re.MULTILINE)

    said = say("rollback", "production", "--yes", "--reason", "worse at night", "--json")
    assert said.code == 0, said.err
    assert alias(project) == "4"
    answer = said.json
    assert (answer["outcome"], answer["action"]["from"], answer["action"]["to"]) == ("verified", "6", "4")
    assert answer["action"]["reason"] == "worse at night"
    assert [step["state"] for step in answer["action"]["steps"]] == ["accepted"]
    assert answer["plan"]["difference"]["metrics"][0]["side"] == "worse"

    said = say("rollback", "production", "--yes", "--reason", "again")
    assert said.code == 3
    assert "version 6 was rolled back from on" in said.err
    assert alias(project) == "4"

    jobs = say("jobs", "--json").json["jobs"]
    assert [(job["kind"], job["outcome"]) for job in jobs] == [
        ("rollback", "verified"), ("promote", "verified"),
    ]  # fmt: skip
    with open_project(project) as opened:
        opened.refresh()
        back = opened.undo_plan(jobs[0]["id"])
        assert (back.kind, back.after.version, back.undoes) == (ActionKind.PROMOTE, "6", jobs[0]["id"])
        assert [one.id for one in back.preconditions if one.id == "good"] == ["good"]  # a warning


@pytest.mark.campaign
def test_fault_62_changed_after_the_plan_was_shown_is_refused(project: Path) -> None:
    with open_project(project) as opened:
        opened.refresh()
        plan = opened.plan(ActionKind.PROMOTE, "production", to="staging")
        agent = opened.prepare(plan)
        change(project, "update registered_model_aliases set version = 5 where alias = 'production'")
        try:
            with pytest.raises(RefusedError) as refused:
                raise_for(opened.action(agent.go("better")), opened)
        finally:
            agent.leave()
        assert "names version 5 now" in str(refused.value)
        assert alias(project) == "5"
        (action,) = opened.actions()
        assert action.outcome is Outcome.REFUSED


def raise_for(action, opened) -> None:
    """Raise what an action that was refused after its intent says; some are refused before."""
    until(lambda: opened.action(action.plan.id).outcome is not None)
    done = opened.action(action.plan.id)
    words = [event.words for event in done.events if event.kind == "outcome"]
    assert done.outcome is Outcome.REFUSED, words
    raise RefusedError(words[-1])


class Terminal:
    """The command line in a pseudo-terminal; standard output apart, as in a pipe."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.main, self.side = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mlops_dash", *words], cwd=folder, stdin=self.side, stderr=self.side,
            stdout=subprocess.PIPE, env={**os.environ, "TERM": "dumb"}, start_new_session=True,
        )  # fmt: skip
        os.close(self.side)
        self.seen = ""

    def wait_for(self, text: str) -> None:
        end = time.monotonic() + WITHIN
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            if select.select([self.main], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.main, 65536).decode("utf-8", "replace")
                except OSError:
                    break
        assert text in self.seen, self.seen

    def type(self, text: str) -> None:
        os.write(self.main, f"{text}\n".encode())

    def end(self) -> tuple[int, str]:
        out, _ = self.process.communicate(timeout=WITHIN)
        os.close(self.main)
        return self.process.returncode, out.decode()


@pytest.mark.campaign
def test_a_person_types_the_name_and_the_reason(project: Path) -> None:
    (project / "mlops-dash.toml").write_text(CONFIG)
    terminal = Terminal(project, "promote", "production", "--to", "6")
    terminal.wait_for("production is protected. Type its name to go on: ")
    terminal.type("production")
    terminal.wait_for("Why? ")
    terminal.type("   ")
    terminal.wait_for("a reason is needed")
    terminal.type("evening \x1b[31mrelease")
    terminal.wait_for("outcome")
    code, out = terminal.end()
    assert code == 0, terminal.seen
    assert alias(project) == "6"
    assert "verified  promote production version 4 → 6" in out
    with open_project(project) as opened:
        assert opened.actions()[0].plan.reason == clean_reason("evening \x1b[31mrelease")


@pytest.mark.campaign
@pytest.mark.parametrize(
    ("config", "answers"),
    [(CONFIG, ["staging"]), (CONFIG, [""]), (OPEN, ["because", "n"]), (OPEN, ["because", ""])],
)
def test_what_is_not_confirmed_is_not_done(project: Path, config: str, answers: list[str]) -> None:
    (project / "mlops-dash.toml").write_text(config)
    terminal = Terminal(project, "promote", "production", "--to", "6", "--json")
    for answer in answers:
        terminal.wait_for("go on: " if config is CONFIG else "history: " if answer == "because" else "[y/N] ")
        terminal.type(answer)
    terminal.wait_for("it was not confirmed")
    code, out = terminal.end()
    assert code == 3
    assert '"outcome": "refused"' in out
    assert alias(project) == "4"
    with open_project(project) as opened:
        assert opened.actions() == ()


@pytest.mark.campaign
def test_an_interrupt_stops_nothing_that_has_begun(project: Path) -> None:
    terminal = Terminal(project, "promote", "production", "--to", "6", "--yes", "--reason", "x")
    terminal.wait_for("begun")
    terminal.process.send_signal(signal.SIGINT)
    code, _ = terminal.end()
    assert code in (0, 4)  # it may have been done by then
    with open_project(project) as opened:
        until(lambda: opened.actions()[0].outcome is not None)
        assert opened.actions()[0].outcome is Outcome.VERIFIED
    assert alias(project) == "6"


@pytest.mark.campaign
def test_the_model_server_is_handed_over_and_the_alias_follows(say, project: Path) -> None:
    (project / "mlops-dash.toml").write_text(
        OPEN.replace('model = "progression"\n', 'model = "progression"\ntarget = { kind = "process" }\n', 1)
    )
    try:
        assert say("up", "production").code == 0
        until(lambda: serves(say, "4"))
        said = say("promote", "production", "--to", "6", "--yes", "--reason", "beats it", "--json")
        assert said.code == 0, said.err
        action = said.json["action"]
        assert [(step["kind"], step["state"]) for step in action["steps"]] == [
            ("process", "accepted"), ("alias", "accepted"),
        ]  # fmt: skip
        assert [event["kind"] for event in action["events"]].count("seen") >= 3
        assert serves(say, "6")
        assert alias(project) == "6"
        said = say("rollback", "production", "--dry-run", "--json")
        assert said.code == 0, said.err
        assert said.json["plan"]["to"]["version"] == "4"
    finally:
        say("down", "production")


def serves(say, version: str) -> bool:
    environments = say("live", "--json").json["environments"]
    row = next(one for one in environments if one["environment"] == "production")
    return (row["observed"] or {}).get("version") == version and row["health"] == "healthy"
