"""The journals of actions: durable, private, readable whatever a crash has left of them."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.journalled import plan_of, step
from mlops_dash.actions.journal import Journal, JournalError, actions_folder
from mlops_dash.actions.plan_json import decoded, encoded, event_of, event_to_json, plan_to_json
from mlops_dash.actions.plan_json import plan_of as plan_from
from mlops_dash.domain.plans import Event, EventKind, Outcome, Plan
from mlops_dash.errors import RefusedError


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state" / "actions" / "of-this-project")


def finish(journal: Journal, plan: Plan, outcome: Outcome = Outcome.VERIFIED) -> None:
    with journal.begin(plan) as log:
        log.append(EventKind.OUTCOME, None, "done", {"outcome": outcome.value})


def test_what_was_written_is_read_again(journal: Journal) -> None:
    plan = plan_of(
        step("alias", model="wine", n=1, deep={"list": [None, True]}), undoes="20261126T000000Z-aaaa"
    )
    with journal.begin(plan) as log:
        log.append(EventKind.SENT, "alias", "move it", {"before": "6"})
        seen = journal.action(plan.id)
        assert seen is not None
        assert seen.running
        assert not seen.unfinished
    found = journal.action(plan.id)
    assert found is not None
    assert found.plan == plan
    assert [event.kind for event in found.events] == [EventKind.INTENT, EventKind.SENT]
    assert found.events[1].evidence == {"before": "6"}
    assert found.unfinished
    assert found.log == str(journal.folder / f"{plan.id}.jsonl")


def test_only_its_owner_reads_it(journal: Journal) -> None:
    plan = plan_of()
    finish(journal, plan)
    assert stat.S_IMODE(journal.folder.stat().st_mode) == 0o700
    for path in journal.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_projects_have_folders_of_their_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path))
    assert actions_folder("/a") != actions_folder("/b")
    assert actions_folder("/a").parent == tmp_path / "actions"
    actions_folder("/with\udcff")


def test_newest_first(journal: Journal) -> None:
    moments = [datetime(2026, 11, day, tzinfo=UTC) for day in (3, 1, 2)]
    for made in moments:
        finish(journal, plan_of(made_at=made))
    assert [action.plan.made_at for action in journal.actions()] == sorted(moments, reverse=True)


def lines_of(plan: Plan) -> bytes:
    """A journal's content: its intent and three notes."""
    intent = Event(datetime.now(UTC), EventKind.INTENT, evidence={"plan": plan_to_json(plan)})
    notes = [Event(datetime.now(UTC), EventKind.NOTE, words=f"note {number}") for number in range(3)]
    return b"".join(encoded(event_to_json(event)) + b"\n" for event in (intent, *notes))


@given(cut=st.integers(0, 2000), garbage=st.binary(max_size=40))
@settings(max_examples=60, deadline=None)
def test_a_torn_line_costs_only_itself(
    tmp_path_factory: pytest.TempPathFactory, cut: int, garbage: bytes
) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal"))
    plan = plan_of()
    whole = lines_of(plan)
    content = whole[: max(0, len(whole) - cut)] + garbage.replace(b"\n", b"")
    (journal.folder / f"{plan.id}.jsonl").write_bytes(content)
    complete = content.count(b"\n")
    found = journal.action(plan.id)
    assert (found is None) == (complete == 0)
    if found is not None:
        assert len(found.events) == complete
        taken = journal.take_up(plan.id)
        assert taken is not None
        with taken:
            taken.append(EventKind.OUTCOME, None, "done", {"outcome": "failed"})
        again = journal.action(plan.id)
        assert again is not None
        assert again.outcome is Outcome.FAILED
        assert len(again.events) == complete + 1


def test_lines_that_are_no_events_are_passed_over(journal: Journal) -> None:
    plan = plan_of()
    finish(journal, plan)
    path = journal.folder / f"{plan.id}.jsonl"
    first, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(
        first + b'{"of": "a later release"}\n' + b"\x00\xff\n" + b"[" * 5000 + b"\n" + b"".join(rest)
    )
    found = journal.action(plan.id)
    assert found is not None
    assert found.outcome is Outcome.VERIFIED


def test_files_of_others_are_no_actions(journal: Journal) -> None:
    finish(journal, plan_of())
    for name in ("notes.jsonl", "../x.jsonl", "20261126T043208Z-zz.jsonl"):
        (journal.folder / name).write_text("{}\n")
    assert len(journal.actions()) == 1
    assert journal.action("../../etc/passwd") is None
    assert journal.take_up("../notes") is None
    with pytest.raises(RefusedError):
        journal.begin(plan_of(id="../escape"))


def test_secrets_are_not_written(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct-horse")
    plan = plan_of()
    with journal.begin(plan) as log:
        log.append(EventKind.NOTE, None, "asked correct-horse", {"url": "https://me:hunter22@host/x"})
        content = log.path.read_text()
    assert "correct-horse" not in content
    assert "hunter22" not in content


def test_two_on_one_place_are_kept_apart_and_told_who(journal: Journal) -> None:
    first, second = plan_of(actor="ada"), plan_of(actor="bob")
    with journal.begin(first):
        with pytest.raises(RefusedError) as caught:
            journal.begin(second)
        assert "ada" in caught.value.message
        assert first.id in caught.value.message
        assert str(os.getpid()) in caught.value.message
        assert journal.at_work(first) is None
        assert "ada" in (journal.at_work(second) or "")
        with journal.begin(plan_of(environment="staging")):
            pass
    assert journal.action(second.id) is None
    assert journal.at_work(second) is None


def test_an_interrupted_action_keeps_its_place(journal: Journal) -> None:
    first = plan_of()
    journal.begin(first).close()
    with pytest.raises(RefusedError, match="interrupted"):
        journal.begin(plan_of())
    assert [action.plan.id for action in journal.unfinished(("production", "wine"))] == [first.id]
    assert journal.unfinished(("staging", "wine")) == ()


def test_one_id_is_one_action(journal: Journal) -> None:
    plan = plan_of()
    finish(journal, plan)
    with pytest.raises(RefusedError, match="under way already"):
        journal.begin(plan)


def test_nobody_takes_up_what_somebody_is_at_work_on(journal: Journal) -> None:
    plan = plan_of()
    with journal.begin(plan):
        assert journal.take_up(plan.id) is None
    taken = journal.take_up(plan.id)
    assert taken is not None
    taken.close()


def test_unknown_outcomes_are_asked_about_until_the_place_has_changed_again(journal: Journal) -> None:
    now = datetime.now(UTC)
    unknown = plan_of(made_at=now - timedelta(minutes=3))
    finish(journal, unknown, Outcome.UNKNOWN)
    finish(journal, plan_of(made_at=now - timedelta(minutes=2)), Outcome.REFUSED)
    assert [action.plan.id for action in journal.unsettled()] == [unknown.id]
    finish(journal, plan_of(made_at=now - timedelta(minutes=1)))
    assert journal.unsettled() == ()


def test_fault_73_a_folder_that_cannot_be_written_refuses(tmp_path: Path) -> None:
    blocked = tmp_path / "a-file"
    blocked.write_text("")
    journal = Journal(blocked / "actions")
    with pytest.raises(RefusedError) as caught:
        journal.begin(plan_of())
    assert "Nothing is changed without a durable journal" in caught.value.message
    assert "MLOPS_DASH_STATE_DIR" in (caught.value.remedy or "")
    with pytest.raises(RefusedError):
        journal.check_writable()
    assert journal.actions() == ()


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """Let no file grow beyond so many bytes: the kernel then answers as on a full disk."""
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, kept[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, kept)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("room", [0, 100, 700])
def test_fault_72_no_room_for_the_intent_refuses_and_leaves_nothing(
    journal: Journal, full_disk: Callable[[int], None], room: int
) -> None:
    plan = plan_of()
    full_disk(room)
    with pytest.raises(RefusedError) as caught:
        journal.begin(plan)
    with pytest.raises(RefusedError):
        journal.check_writable()
    full_disk(1 << 30)
    assert os.strerror(errno.EFBIG) in caught.value.message
    assert not (journal.folder / f"{plan.id}.jsonl").exists()
    with journal.begin(plan):
        pass  # the place is free, and so is the id


def test_fault_72_a_disk_that_fills_up_stops_the_action_and_loses_no_line(
    journal: Journal, full_disk: Callable[[int], None]
) -> None:
    plan = plan_of()
    with journal.begin(plan) as log:
        full_disk(log.path.stat().st_size + 30)
        with pytest.raises(JournalError):
            log.append(EventKind.SENT, "one", "a line that does not fit")
        full_disk(1 << 30)
        assert log.path.read_bytes().endswith(b"\n")
        log.append(EventKind.OUTCOME, None, "done", {"outcome": "failed"})
    found = journal.action(plan.id)
    assert found is not None
    assert [event.kind for event in found.events] == [EventKind.INTENT, EventKind.OUTCOME]


def test_a_lock_dies_with_its_process(journal: Journal) -> None:
    plan = plan_of()
    program = (
        "import sys, os, signal, json; from pathlib import Path\n"
        "from mlops_dash.actions.journal import Journal\n"
        "from mlops_dash.actions.plan_json import plan_of\n"
        "log = Journal(Path(sys.argv[1])).begin(plan_of(json.loads(sys.argv[2])))\n"
        "print('begun', flush=True); sys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, journal.folder, encoded(plan_to_json(plan)).decode()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == b"begun\n"
    found = journal.action(plan.id)
    assert found is not None
    assert found.running
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()
    found = journal.action(plan.id)
    assert found is not None
    assert found.unfinished


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(words=TEXTS, evidence=st.dictionaries(TEXTS, VALUES, max_size=4), kind=st.sampled_from(EventKind))
def test_any_event_survives_its_line(words: str, evidence: dict[str, object], kind: EventKind) -> None:
    event = Event(datetime(2026, 11, 26, 4, 32, 8, 123456, tzinfo=UTC), kind, None, words, evidence)
    line = encoded(event_to_json(event))
    assert b"\n" not in line
    assert event_of(decoded(line)) == replace(event, words=words.replace("\0", "\ufffd")) or "\0" in str(
        evidence
    )


@given(reason=st.text(), argument=VALUES)
def test_any_plan_survives_its_line(reason: str, argument: object) -> None:
    plan = plan_of(step("one", value=argument), reason=reason)
    line = encoded(plan_to_json(plan))
    again = plan_from(decoded(line))
    assert encoded(plan_to_json(again)) == line
