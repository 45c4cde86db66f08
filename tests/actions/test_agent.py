"""The agent: a process of its own that acts when it is told to, and that nobody's end stops half-way."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event as Waiting

import psutil
import pytest

from actions.registries import MODEL, alias_in, alias_step, write
from mlops_dash.actions.plan_json import encoded, plan_to_json
from mlops_dash.actions.registry_writer import Registry
from mlops_dash.domain.plans import Action, ActionKind, EventKind, Outcome, Plan
from mlops_dash.errors import RefusedError, UsageError
from mlops_dash.project import Project, open_project
from mlops_dash.project.acting import journal_of, prepare, resume_unfinished, send_audits

pytestmark = pytest.mark.campaign

WITHIN = 120.0  # seconds: generous, a loaded machine imports MLflow for half a minute


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project whose environment ``production`` is the alias of that name; version 6 is declared."""
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "cache"))
    write(tmp_path / "project")
    with open_project(tmp_path / "project") as opened:
        opened.refresh()
        yield opened
        wait(lambda: not agents(tmp_path), "agents are still there")


def database(project: Project) -> Path:
    return project.located.folder / "mlflow.db"


def plan_for(project: Project, to: str = "4") -> Plan:
    return project.plan(ActionKind.ROLLBACK, "production", to=to)


def wait(condition: Callable[[], object], what: str) -> None:
    for _ in range(int(WITHIN / 0.05)):
        if condition():
            return
        Waiting().wait(0.05)
    raise AssertionError(what)


def agents(folder: Path) -> list[psutil.Process]:
    """The agents of this test: those whose environment names its state folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "mlops_dash.project.agent_main" in (process.info["cmdline"] or []):
            try:
                mine = process.environ().get("MLOPS_DASH_STATE_DIR") == str(folder / "state")
                if mine and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
    return found


def ended(project: Project, action_id: str) -> Action:
    """The action, when it has an outcome."""
    journal = journal_of(project)
    wait(lambda: (found := journal.action(action_id)) and found.outcome, "it has no outcome")
    action = journal.action(action_id)
    assert action is not None
    return action


def reached(project: Project, action_id: str, kind: EventKind) -> None:
    """Wait until a line of this kind is in the journal."""

    def there() -> bool:
        action = journal_of(project).action(action_id)
        return action is not None and any(event.kind is kind for event in action.events)

    wait(there, f"no {kind}")


@pytest.fixture
def held(project: Project) -> Iterator[Callable[[], None]]:
    """Another program that is writing, so that an alias is sent and not accepted; call it to end that."""
    writing = sqlite3.connect(database(project), isolation_level=None, check_same_thread=False)
    writing.execute("begin immediate")

    def release() -> None:
        if writing.in_transaction:
            writing.execute("rollback")

    yield release
    release()
    writing.close()


def test_it_acts_when_told_to_and_leaves_a_record_for_the_team(project: Project) -> None:
    agent = prepare(project, plan_for(project))
    assert agent.ready(WITHIN)
    assert alias_in(database(project)) == "6"
    action_id = agent.go("it answers too slowly")
    action = ended(project, action_id)
    assert action.outcome is Outcome.VERIFIED
    assert action.plan.reason == "it answers too slowly"
    assert alias_in(database(project)) == "4"
    wait(lambda: (a := journal_of(project).action(action_id)) and a.audit_run, "no record")
    action = ended(project, action_id)
    client = Registry(f"sqlite:///{database(project)}").client
    run = client.get_run(action.audit_run)
    assert run.data.tags["mlops_dash.reason"] == "it answers too slowly"
    assert run.data.tags["mlops_dash.outcome"] == "verified"


def test_told_to_leave_it_has_done_nothing(project: Project, tmp_path: Path) -> None:
    agent = prepare(project, plan_for(project))
    agent.leave()
    agent.leave()
    wait(lambda: not agents(tmp_path), "it stays")
    assert alias_in(database(project)) == "6"
    assert journal_of(project).actions() == ()


def test_it_needs_no_one_once_it_has_begun(
    project: Project, held: Callable[[], None], tmp_path: Path
) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from mlops_dash.project import open_project\n"
        "from mlops_dash.project.acting import prepare\n"
        "from mlops_dash.actions.plan_json import decoded, plan_of\n"
        "with open_project(sys.argv[1]) as project:\n"
        "    agent = prepare(project, plan_of(decoded(sys.argv[2].encode())))\n"
        "    print(agent.go('why not'), flush=True)\n"
        "    sys.stdin.read()\n"
    )
    plan = plan_for(project)
    parent = subprocess.Popen(
        [sys.executable, "-c", program, project.located.folder, encoded(plan_to_json(plan)).decode()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    assert parent.stdout.readline().decode().strip() == plan.id
    reached(project, plan.id, EventKind.SENT)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdin.close()
    parent.stdout.close()
    assert len(agents(tmp_path)) == 1
    held()
    assert ended(project, plan.id).outcome is Outcome.VERIFIED
    assert alias_in(database(project)) == "4"


def test_whoever_goes_away_before_the_word_has_changed_nothing(project: Project, tmp_path: Path) -> None:
    program = (
        "import sys, os, signal\n"
        "from mlops_dash.project import open_project\n"
        "from mlops_dash.project.acting import prepare\n"
        "from mlops_dash.actions.plan_json import decoded, plan_of\n"
        "with open_project(sys.argv[1]) as project:\n"
        "    prepare(project, plan_of(decoded(sys.argv[2].encode())))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    told = encoded(plan_to_json(plan_for(project))).decode()
    subprocess.run([sys.executable, "-c", program, project.located.folder, told], check=False)
    wait(lambda: not agents(tmp_path), "it stays")
    assert journal_of(project).actions() == ()
    assert alias_in(database(project)) == "6"


def test_fault_66_after_kill_9_the_next_start_finishes_it(
    project: Project, held: Callable[[], None], tmp_path: Path
) -> None:
    plan = plan_for(project)
    agent = prepare(project, plan)
    agent.go("it answers too slowly")
    reached(project, plan.id, EventKind.SENT)
    (process,) = agents(tmp_path)
    process.kill()
    wait(lambda: (a := journal_of(project).action(plan.id)) and a.unfinished, "it lives")
    held()
    assert resume_unfinished(project) == (plan.id,)
    action = ended(project, plan.id)
    assert action.outcome is Outcome.VERIFIED
    assert EventKind.RESUMED in {event.kind for event in action.events}
    assert alias_in(database(project)) == "4"
    wait(lambda: (a := journal_of(project).action(plan.id)) and a.audit_run, "no record")
    wait(lambda: not agents(tmp_path), "it stays")
    assert resume_unfinished(project) == ()


def test_the_next_plan_first_settles_what_was_interrupted(
    project: Project, held: Callable[[], None], tmp_path: Path
) -> None:
    first = plan_for(project)
    prepare(project, first).go("it answers too slowly")
    reached(project, first.id, EventKind.SENT)
    (process,) = agents(tmp_path)
    process.kill()
    wait(lambda: journal_of(project).unfinished(), "it lives")
    held()
    again = replace(plan_for(project), id=f"{first.id}beef")
    prepare(project, again).go("once more")
    # the first was finished, so that there is nothing left to do
    assert ended(project, first.id).outcome is Outcome.VERIFIED
    assert ended(project, again.id).outcome in {Outcome.VERIFIED, Outcome.REFUSED}
    assert alias_in(database(project)) == "4"


def test_fault_61_two_at_once_on_one_machine(project: Project, held: Callable[[], None]) -> None:
    first = replace(plan_for(project), actor="ada")
    second = plan_for(project, to="3")
    agents_of = prepare(project, first), prepare(project, second)
    agents_of[0].go("it answers too slowly")
    reached(project, first.id, EventKind.SENT)
    with pytest.raises(RefusedError, match="ada"):
        agents_of[1].go("I was here, too")
    held()
    assert ended(project, first.id).outcome is Outcome.VERIFIED
    assert journal_of(project).action(second.id) is None
    assert alias_in(database(project)) == "4"


def test_fault_62_what_changed_after_the_plan_was_shown_is_refused(project: Project) -> None:
    agent = prepare(project, plan_for(project))
    assert agent.ready(WITHIN)
    registry = Registry(f"sqlite:///{database(project)}")
    registry.set_alias(MODEL, "production", "5")
    action = ended(project, agent.go("it answers too slowly"))
    assert action.outcome is Outcome.REFUSED
    (told,) = [event.words for event in action.events if event.kind is EventKind.OUTCOME]
    assert "5" in told
    assert alias_in(database(project)) == "5"


def test_fault_73_without_a_journal_no_agent_is_started(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a-file").write_text("")
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "a-file"))
    with pytest.raises(RefusedError, match="durable journal"):
        prepare(project, plan_for(project))
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "state"))


def test_read_only_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Project) -> None:
    plan = plan_for(project)
    with open_project(project.located.folder, read_only=True) as opened:
        with pytest.raises(RefusedError, match="--read-only"):
            prepare(opened, plan)
        assert resume_unfinished(opened) == ()
        assert send_audits(opened) == ()


def test_a_reason_that_cannot_be_kept_is_refused_and_another_may_be_given(project: Project) -> None:
    agent = prepare(project, plan_for(project))
    with pytest.raises(UsageError, match="a reason is needed"):
        agent.go("\x1b[31m \t")
    with pytest.raises(UsageError, match="10,000 characters"):
        agent.go("x" * 10_000)
    assert journal_of(project).actions() == ()
    assert ended(project, agent.go("it \x1b[31manswers\n too slowly")).plan.reason == "it answers too slowly"


def test_an_agent_that_cannot_begin_says_why(project: Project, tmp_path: Path) -> None:
    plan = plan_for(project)
    agent = prepare(project, plan)
    (process,) = agents(tmp_path)
    process.kill()
    with pytest.raises(RefusedError, match="nothing was changed"):
        agent.go("it answers too slowly")


def test_its_own_words_hold_no_secret(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct-horse")
    plan = plan_for(project)
    whole = replace(plan, steps=(replace(alias_step(), kind="unheard-of"),))
    action = ended(project, prepare(project, whole).go("it answers too slowly, says correct-horse"))
    assert action.outcome is not Outcome.VERIFIED
    for path in (tmp_path / "state").rglob("*"):
        if path.is_file():
            assert b"correct-horse" not in path.read_bytes()
