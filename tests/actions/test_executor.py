"""The executor: whatever hands do, and wherever it is killed, an action ends in an outcome that is true."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.journalled import FileHand, Says, plan_of, step
from mlops_dash.actions import executor
from mlops_dash.actions import log as log_of
from mlops_dash.actions.executor import execute, resume
from mlops_dash.actions.hands import Hand, Look, Note, Standing
from mlops_dash.actions.journal import Journal, JournalError, Log
from mlops_dash.actions.verifying import Proof
from mlops_dash.domain.plans import Action, EventKind, Outcome, Plan, Precondition, Step, Tick
from mlops_dash.errors import DashError, OutcomeUnknownError, RefusedError


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it. The real one is in test_kills_alias.py."""


def nothing(_: Plan) -> Iterable[Precondition]:
    return ()


@dataclass
class World:
    """Systems in memory, and a script of what they do instead of what they are told.

    Attributes:
        has: version by name of step.
        ours: how often we wrote.
        foreign: steps whose system somebody else has changed.
        silent: a system did not answer.
        stuck: steps that could not be undone.
        script: what the next calls do; honest when it is used up.
    """

    has: dict[str, str] = field(default_factory=dict)
    ours: int = 0
    foreign: set[str] = field(default_factory=set)
    silent: bool = False
    stuck: set[str] = field(default_factory=set)
    script: list[str] = field(default_factory=list)
    kill_in: int | None = None

    def next(self) -> str:
        return self.script.pop(0) if self.script else "honest"

    def passes(self) -> None:
        """A boundary: the process may be killed here."""
        if self.kill_in is not None:
            self.kill_in -= 1
            if self.kill_in < 0:
                raise Killed


class Scripted:
    """A hand that keeps its contract, however its system misbehaves."""

    def __init__(self, world: World, step: Step) -> None:
        self.world, self.name = world, step.id

    def look(self) -> Look:
        self.world.passes()
        does = self.world.next()
        if does == "silent":
            self.world.silent = True
            return Look(Standing.UNKNOWN, words="it does not answer")
        if does == "somebody":
            self.world.has[self.name] = "9"
            self.world.foreign.add(self.name)
        return self._truth()

    def _truth(self) -> Look:
        found = self.world.has[self.name]
        known = {"6": Standing.BEFORE, "4": Standing.AFTER}
        return Look(known.get(found, Standing.OTHER), found, words=f"{self.name} has {found}")

    def act(self, note: Note) -> Mapping[str, Any]:
        return self._change("4", note)

    def undo(self, note: Note) -> Mapping[str, Any]:
        return self._change("6", note)

    def _change(self, version: str, note: Note) -> Mapping[str, Any]:
        self.world.passes()
        does = self.world.next()
        if does == "somebody":
            self.world.has[self.name] = "9"
            self.world.foreign.add(self.name)
        standing = self._truth().standing
        if standing is Standing.OTHER or does == "refused":
            if version == "6" and standing is Standing.AFTER:
                self.world.stuck.add(self.name)
            raise RefusedError(f"{self.name} says no")
        if does == "failed":
            if version == "6":
                self.world.stuck.add(self.name)
            raise DashError(f"{self.name} failed")
        if does == "bug":
            raise TypeError("a fault of ours")
        if does == "unsent":
            self.world.silent = True
            raise OutcomeUnknownError("no answer")
        note("it is about to be written", {})
        if self.world.has[self.name] != version:
            self.world.ours += 1
        self.world.has[self.name] = version
        self.world.stuck.discard(self.name)
        self.world.passes()
        if does == "lost":
            self.world.silent = True
            raise OutcomeUnknownError("no answer")
        if does == "bug-after":
            raise ValueError("a fault of ours")
        return {"found": version}


DOES = st.sampled_from(
    "honest honest honest silent somebody refused failed bug unsent lost bug-after".split()
)


@pytest.fixture(scope="module", autouse=True)
def _without_waiting_for_the_disk() -> Iterable[None]:
    """Durability is tested elsewhere; here it is order."""
    patch = pytest.MonkeyPatch()
    patch.setattr(os, "fsync", lambda _: None)
    append = Log.append

    def watched(log: Log, *given: Any, **named: Any) -> Any:
        world = getattr(log, "world", None)
        if world is not None:
            world.passes()
        event = append(log, *given, **named)
        if world is not None:
            world.passes()
        return event

    patch.setattr(Log, "append", watched)
    yield
    patch.undo()


def begin_with(world: World) -> Callable[[Log], None]:
    return lambda log: setattr(log, "world", world)


def run(world: World, plan: Plan, book: Journal, proof: Proof, kill: int | None) -> Outcome | None:
    """Carry the plan out, killed at a boundary; ``None`` where it was."""
    world.kill_in = kill
    try:
        return execute(
            plan, book, lambda one: Scripted(world, one), Says(proof), nothing, begun=begin_with(world)
        )
    except Killed:
        return None
    finally:
        world.kill_in = None


def go_on(world: World, plan: Plan, book: Journal, proof: Proof, kill: int | None) -> Outcome | None:
    log = book.take_up(plan.id)
    assert log is not None
    begin_with(world)(log)
    world.kill_in = kill
    try:
        with log:
            return resume(log, lambda one: Scripted(world, one), Says(proof), nothing)
    except Killed:
        return None
    finally:
        world.kill_in = None


@given(
    kinds=st.lists(st.sampled_from(["process", "alias", "manifest"]), min_size=1, max_size=3),
    script=st.lists(DOES, max_size=14),
    kills=st.lists(st.integers(0, 40), max_size=3),
    proof=st.sampled_from(Proof),
    asks=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_every_action_ends_in_an_outcome_that_is_true(
    tmp_path_factory: pytest.TempPathFactory,
    kinds: list[str],
    script: list[str],
    kills: list[int],
    proof: Proof,
    asks: bool,
) -> None:
    book = Journal(tmp_path_factory.mktemp("journal"))
    plan = plan_of(*(step(f"{n}-{kind}", kind) for n, kind in enumerate(kinds)), asks=asks)
    world = World({one.id: "6" for one in plan.steps}, script=list(script))
    outcome = run(world, plan, book, proof, kills[0] if kills else None)
    for kill in kills[1:]:
        if outcome is None and book.action(plan.id) is not None:
            outcome = go_on(world, plan, book, proof, kill)
    if book.action(plan.id) is None:
        assert world.ours == 0
        return
    if outcome is None:
        outcome = go_on(world, plan, book, proof, None)
    is_true(world, plan, book, outcome, proof)
    if outcome is Outcome.UNKNOWN:
        assert world.silent or proof is Proof.NOTHING or "bug" in script or "bug-after" in script
        world.script, world.silent = [], False
        settled = go_on(world, plan, book, Proof.SERVED, None)
        assert settled is not Outcome.UNKNOWN
        is_true(world, plan, book, settled, Proof.SERVED)


def is_true(world: World, plan: Plan, book: Journal, outcome: Outcome | None, proof: Proof) -> None:
    action = book.action(plan.id)
    assert action is not None
    assert action.outcome is outcome
    told = f"{outcome}: {[(e.kind.value, e.words) for e in action.events]}; {world}"
    if outcome is Outcome.VERIFIED:
        assert set(world.has.values()) == {"4"}, told
        assert proof is Proof.SERVED or not plan.verification.asks, told
    if outcome is Outcome.REFUSED:
        assert world.ours == 0, told
    if outcome is Outcome.FAILED:
        for name, version in world.has.items():
            left = name in world.foreign or name in world.stuck
            assert version == "6" or left or proof is Proof.NOT_SERVED, told


# -- single stories -------------------------------------------------------------------------------------


@pytest.fixture
def book(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


def system(folder: Path, *names: str) -> dict[str, FileHand]:
    hands = {name: FileHand(folder / name) for name in names}
    for hand in hands.values():
        hand.put("6")
    return hands


def of(hands: Mapping[str, Hand]) -> Callable[[Step], Hand]:
    return lambda one: hands[one.id]


def words(action: Action | None) -> str:
    assert action is not None
    return action.events[-1].words


def test_the_steps_are_done_in_order_and_the_server_is_proven_before_the_alias(
    book: Journal, tmp_path: Path
) -> None:
    hands = system(tmp_path, "server", "alias")
    plan = plan_of(step("server", "process"), step("alias", "alias"), asks=True)
    assert execute(plan, book, of(hands), Says(), nothing) is Outcome.VERIFIED
    action = book.action(plan.id)
    assert action is not None
    told = [(e.kind, e.step) for e in action.events if e.kind is not EventKind.NOTE]
    assert told == [
        (EventKind.INTENT, None),
        (EventKind.SENT, "server"),
        (EventKind.ACCEPTED, "server"),
        (EventKind.SEEN, None),
        (EventKind.SENT, "alias"),
        (EventKind.ACCEPTED, "alias"),
        (EventKind.OUTCOME, None),
    ]


def test_a_failure_half_way_is_undone_in_reverse_and_told(book: Journal, tmp_path: Path) -> None:
    hands: dict[str, Any] = dict(system(tmp_path, "server", "alias", "manifest"))

    def refuse(_: Note) -> Mapping[str, Any]:
        raise DashError("the branch is protected")

    hands["manifest"].act = refuse
    plan = plan_of(step("server", "process"), step("alias"), step("manifest", "manifest"), asks=True)
    assert execute(plan, book, of(hands), Says(), nothing) is Outcome.FAILED
    action = book.action(plan.id)
    assert action is not None
    assert [e.step for e in action.events if e.kind is EventKind.UNDONE] == ["alias", "server"]
    assert {hand.now() for hand in hands.values()} == {"6"}
    assert words(action).startswith("the branch is protected; undone: set alias back; set server back")
    assert not action.unserved  # no fault of the version


def test_a_version_that_does_not_serve_is_undone(book: Journal, tmp_path: Path) -> None:
    hands = system(tmp_path, "server", "alias")
    plan = plan_of(step("server", "process"), step("alias"), asks=True)
    assert execute(plan, book, of(hands), Says(Proof.NOT_SERVED), nothing) is Outcome.FAILED
    assert hands["server"].now() == "6"
    assert book.actions()[0].unserved
    assert "SENT alias" not in [f"{e.kind.name} {e.step}" for e in book.actions()[0].events]


def test_fault_57_a_target_that_does_not_answer_is_unknown_and_asked_again(
    book: Journal, tmp_path: Path
) -> None:
    hands = system(tmp_path, "alias")
    plan = plan_of(step("alias"), asks=True)
    assert execute(plan, book, of(hands), Says(Proof.NOTHING), nothing) is Outcome.UNKNOWN
    assert hands["alias"].now() == "4"
    log = book.take_up(plan.id)
    assert log is not None
    with log:
        assert resume(log, of(hands), Says(), nothing) is Outcome.VERIFIED


def test_fault_61_the_loser_changes_nothing_and_is_told_who(book: Journal, tmp_path: Path) -> None:
    hands: dict[str, Any] = dict(system(tmp_path, "alias"))
    hands["alias"].put("5")
    hands["alias"].look = lambda: Look(Standing.OTHER, "5", "ada", "the alias names 5, put there by ada")
    plan = plan_of(step("alias"))
    assert execute(plan, book, of(hands), Says(), nothing) is Outcome.REFUSED
    assert hands["alias"].now() == "5"
    assert "ada" in words(book.action(plan.id))
    assert "nothing was changed" in words(book.action(plan.id))


def test_fault_62_a_precondition_that_fails_refuses_and_nothing_is_sent(
    book: Journal, tmp_path: Path
) -> None:
    hands = system(tmp_path, "alias")
    plan = plan_of(step("alias"))

    def check(_: Plan) -> Iterable[Precondition]:
        yield Precondition("rights", "you may", Tick.HOLDS)
        yield Precondition("good", "it is good", Tick.FAILS, "it is not", blocking=False)
        yield Precondition("unchanged", "production serves 6", Tick.FAILS, "it serves 5", "plan again")
        raise AssertionError("no one asks on after that")

    assert execute(plan, book, of(hands), Says(), check) is Outcome.REFUSED
    action = book.action(plan.id)
    assert action is not None
    assert [e.kind for e in action.events][1:] == [EventKind.CHECKED] * 3 + [EventKind.OUTCOME]
    assert words(action) == "production serves 6: it serves 5; nothing was changed"
    assert action.events[-1].evidence["remedy"] == "plan again"
    assert hands["alias"].now() == "6"


def test_a_check_that_breaks_refuses(book: Journal, tmp_path: Path) -> None:
    hands = system(tmp_path, "alias")

    def check(_: Plan) -> Iterable[Precondition]:
        raise KeyError("a fault of ours")

    assert execute(plan_of(step("alias")), book, of(hands), Says(), check) is Outcome.REFUSED
    assert hands["alias"].now() == "6"


def test_fault_65_already_there_sends_nothing(book: Journal, tmp_path: Path) -> None:
    hands = system(tmp_path, "alias")
    hands["alias"].put("4")
    plan = plan_of(step("alias"))
    assert execute(plan, book, of(hands), Says(), nothing) is Outcome.VERIFIED
    action = book.action(plan.id)
    assert action is not None
    assert EventKind.SENT not in [e.kind for e in action.events]


def test_what_was_there_already_is_not_taken_back(book: Journal, tmp_path: Path) -> None:
    hands = system(tmp_path, "alias", "manifest")
    hands["alias"].put("4")  # by somebody else
    plan = plan_of(step("alias"), step("manifest", "manifest"), asks=True)
    assert execute(plan, book, of(hands), Says(Proof.NOT_SERVED), nothing) is Outcome.FAILED
    assert (hands["alias"].now(), hands["manifest"].now()) == ("4", "6")


def test_read_only_is_refused_before_anything_is_written(book: Journal, tmp_path: Path) -> None:
    hands = system(tmp_path, "alias")
    with pytest.raises(RefusedError, match="--read-only"):
        execute(plan_of(step("alias")), book, of(hands), Says(), nothing, read_only=True)
    assert book.actions() == ()
    assert not book.folder.exists()
    assert hands["alias"].now() == "6"


def test_fault_72_a_disk_that_fills_up_is_no_success(
    book: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = system(tmp_path, "alias")
    plan = plan_of(step("alias"))
    real = log_of.write_whole

    def full(file: Any, data: bytes) -> None:
        if b'"accepted"' in data:
            raise OSError(28, os.strerror(28))
        real(file, data)

    monkeypatch.setattr(log_of, "write_whole", full)
    with pytest.raises(JournalError, match="No space left"):
        execute(plan, book, of(hands), Says(), nothing)
    action = book.action(plan.id)
    assert action is not None
    assert action.unfinished
    monkeypatch.undo()
    log = book.take_up(plan.id)
    assert log is not None
    with log:
        assert resume(log, of(hands), Says(), nothing) is Outcome.VERIFIED


def interrupted(book: Journal, plan: Plan, *sent: str, age: float = 0.0) -> Log:
    """The journal of an action that was killed after it had sent these steps, so many seconds ago."""
    with book.begin(plan) as log:
        for name in sent:
            log.append(EventKind.SENT, name, "")
    taken = book.take_up(plan.id)
    assert taken is not None
    long_ago = datetime.now(UTC) - timedelta(seconds=age)
    taken.events[:] = [type(e)(long_ago, e.kind, e.step, e.words, e.evidence) for e in taken.events]
    return taken


@pytest.mark.parametrize("done", [False, True])
def test_an_action_that_was_just_interrupted_is_finished(book: Journal, tmp_path: Path, done: bool) -> None:
    hands = system(tmp_path, "alias")
    if done:
        hands["alias"].put("4")
    with interrupted(book, plan_of(step("alias")), "alias") as log:
        assert resume(log, of(hands), Says(), nothing) is Outcome.VERIFIED
    assert hands["alias"].now() == "4"


def test_an_action_that_had_sent_nothing_looks_at_its_preconditions_again(
    book: Journal, tmp_path: Path
) -> None:
    hands = system(tmp_path, "alias")

    def check(_: Plan) -> Iterable[Precondition]:
        yield Precondition("artifacts", "they are there", Tick.FAILS, "gone")

    with interrupted(book, plan_of(step("alias"))) as log:
        assert resume(log, of(hands), Says(), check) is Outcome.REFUSED
    assert hands["alias"].now() == "6"


LONG_AGO = executor.FRESH + 60


def test_an_old_action_is_not_begun_again(book: Journal, tmp_path: Path) -> None:
    hands = system(tmp_path, "alias")
    with interrupted(book, plan_of(step("alias")), age=LONG_AGO) as log:
        assert resume(log, of(hands), Says(), nothing) is Outcome.REFUSED
    assert hands["alias"].now() == "6"


def test_an_old_action_that_is_half_done_is_undone(book: Journal, tmp_path: Path) -> None:
    hands = system(tmp_path, "alias", "manifest")
    hands["alias"].put("4")
    plan = plan_of(step("alias"), step("manifest", "manifest"))
    with interrupted(book, plan, "alias", age=LONG_AGO) as log:
        assert resume(log, of(hands), Says(), nothing) is Outcome.FAILED
    assert hands["alias"].now() == "6"


def test_an_old_action_that_arrived_is_told_as_what_it_is(book: Journal, tmp_path: Path) -> None:
    hands = system(tmp_path, "alias")
    hands["alias"].put("4")
    with interrupted(book, plan_of(step("alias"), asks=True), "alias", age=LONG_AGO) as log:
        assert resume(log, of(hands), Says(Proof.NOT_SERVED), nothing) is Outcome.FAILED
    assert hands["alias"].now() == "4"  # others may have built on it


def test_what_somebody_took_back_meanwhile_is_not_done_again(book: Journal, tmp_path: Path) -> None:
    hands = system(tmp_path, "alias")
    plan = plan_of(step("alias"))
    log = interrupted(book, plan, "alias")
    with log:
        log.append(EventKind.ACCEPTED, "alias", "")
        assert resume(log, of(hands), Says(), nothing) is Outcome.FAILED
    assert hands["alias"].now() == "6"


def test_what_was_being_undone_is_undone_further(book: Journal, tmp_path: Path) -> None:
    hands = system(tmp_path, "server", "alias")
    hands["server"].put("4")
    plan = plan_of(step("server", "process"), step("alias"), asks=True)
    with interrupted(book, plan, "server", "alias") as log:
        log.append(EventKind.ACCEPTED, "server")
        log.append(EventKind.NOTE, "alias", "no rights", {"failed": "no rights"})
        assert resume(log, of(hands), Says(), nothing) is Outcome.FAILED
        assert log.events[-1].words == "no rights; undone: set server back"
    assert {hand.now() for hand in hands.values()} == {"6"}


def test_what_somebody_changes_in_between_is_no_success(book: Journal, tmp_path: Path) -> None:
    hands: dict[str, Any] = dict(system(tmp_path, "alias"))

    class Then(Says):
        def verify(self, plan: Plan, seen: Any) -> Any:
            hands["alias"].put("5")
            return super().verify(plan, seen)

    plan = plan_of(step("alias"), asks=True)
    assert execute(plan, book, of(hands), Then(), nothing) is Outcome.FAILED
    assert hands["alias"].now() == "5"
    assert "left alone" in words(book.action(plan.id))


def test_what_was_not_answered_is_sent_once_more_and_then_unknown(book: Journal, tmp_path: Path) -> None:
    hands: dict[str, Any] = dict(system(tmp_path, "alias"))
    sent = []

    def lost(_: Note) -> Mapping[str, Any]:
        sent.append(1)
        raise OutcomeUnknownError("no answer")

    hands["alias"].act = lost
    assert execute(plan_of(step("alias")), book, of(hands), Says(), nothing) is Outcome.UNKNOWN
    assert len(sent) == 2


def test_a_refusal_has_changed_nothing_whatever_comes_after(book: Journal, tmp_path: Path) -> None:
    hands: dict[str, Any] = dict(system(tmp_path, "alias"))

    def refuse(_: Note) -> Mapping[str, Any]:
        hands["alias"].look = lambda: Look(Standing.UNKNOWN, words="it does not answer any more")
        raise RefusedError("no rights", "ask for them")

    hands["alias"].act = refuse
    plan = plan_of(step("alias"))
    assert execute(plan, book, of(hands), Says(), nothing) is Outcome.REFUSED
    action = book.action(plan.id)
    assert action is not None
    assert words(action) == "no rights; nothing was changed"
    assert action.events[-1].evidence["remedy"] == "ask for them"


def test_a_finished_action_is_not_resumed(book: Journal, tmp_path: Path) -> None:
    hands = system(tmp_path, "alias")
    plan = plan_of(step("alias"))
    execute(plan, book, of(hands), Says(), nothing)
    hands["alias"].put("6")
    log = book.take_up(plan.id)
    assert log is not None
    with log:
        assert resume(log, of(hands), Says(), nothing) is Outcome.VERIFIED
        assert log.events[-1].kind is EventKind.OUTCOME
    assert hands["alias"].now() == "6"


def test_asking_again_about_what_still_does_not_answer_writes_nothing(book: Journal, tmp_path: Path) -> None:
    hands: dict[str, Any] = dict(system(tmp_path, "alias"))
    plan = plan_of(step("alias"))
    with book.begin(plan) as log:
        log.append(EventKind.SENT, "alias", "")
        log.append(EventKind.OUTCOME, None, "", {"outcome": "unknown"})
    hands["alias"].look = lambda: Look(Standing.UNKNOWN)
    taken = book.take_up(plan.id)
    assert taken is not None
    with taken:
        assert resume(taken, of(hands), Says(), nothing) is Outcome.UNKNOWN
        assert len(taken.events) == 3
