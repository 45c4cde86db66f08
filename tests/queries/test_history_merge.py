"""One place's evidence, in whatever order it comes and however much of it there is, tells one history."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_dash.answers.history_moments import was_live
from mlops_dash.answers.timeline import Timeline, same
from mlops_dash.domain.changes import Aspect, Change, Evidence, Proof, Sighting
from mlops_dash.domain.plans import Outcome
from replacing import replace

START = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
DECLARED, SERVED = Aspect.DECLARED, Aspect.SERVED


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def action(
    before: str | None, after: str, minutes: float, outcome: Outcome = Outcome.VERIFIED, **facts: Any
) -> Change:
    made = Change(
        "production", "wine", SERVED, before, after, at(minutes), Evidence.AUDIT, outcome=outcome,
        by="ada", kind="rollback", action_id=f"a{minutes:08.2f}", begun_at=at(minutes - 0.2),
        also=(Proof(Evidence.AUDIT, DECLARED, at(minutes)),),
    )  # fmt: skip
    return replace(made, **facts)


def tag(before: str | None, after: str, minutes: float, evidence: Evidence = Evidence.GTO) -> Change:
    return Change("production", "wine", DECLARED, before, after, at(minutes), evidence, by="bo")


def seen(aspect: Aspect, *looks: tuple[str | None, float]) -> list[Sighting]:
    """The sightings that looks (version, minutes) make."""
    stints: list[Sighting] = []
    for version, minutes in looks:
        if stints and stints[-1].version == version:
            stints[-1] = replace(stints[-1], last=at(minutes))
            continue
        former = stints[-1] if stints else None
        stints.append(
            Sighting(
                "production", "wine", aspect, version, at(minutes), at(minutes),
                before=former.version if former else None, not_before=former.last if former else None,
            )
        )  # fmt: skip
    return stints


def line(records: Sequence[Change], sightings: Sequence[Sighting] = (), primary: Aspect = SERVED) -> Timeline:
    return Timeline("production", "wine", records, sightings, primary)


def told(timeline: Timeline) -> list[tuple[str, str | None, str | None, str]]:
    return [(c.aspect.value, c.before, c.after, c.evidence.value) for c in reversed(timeline.changes())]


def test_an_action_that_was_also_seen_is_one_row_told_by_the_action() -> None:
    looks = [*seen(SERVED, ("6", 0), ("6", 9), ("4", 10.5)), *seen(DECLARED, ("6", 0), ("6", 9), ("4", 10.5))]
    made = line([action("6", "4", 10)], looks)
    assert told(made) == [
        ("declared", None, "6", "seen"),
        ("served", None, "6", "seen"),
        ("served", "6", "4", "audit"),
    ]
    newest = made.changes()[0]
    assert (newest.by, newest.at) == ("ada", at(10))
    assert {(p.evidence, p.aspect, p.not_before) for p in newest.also if p.evidence is Evidence.SEEN} == {
        (Evidence.SEEN, SERVED, at(9)),
        (Evidence.SEEN, DECLARED, at(9)),
    }


@pytest.mark.parametrize("ahead", [-4.5, -0.4, 0.4, 4.5], ids=lambda minutes: f"{minutes:+} min")
def test_a_clock_that_is_minutes_off_makes_no_second_event(ahead: float) -> None:
    looks = seen(SERVED, ("6", 0), ("6", 9.9), ("4", 10.0), ("4", 30))
    made = line([action("6", "4", 10 + ahead)], looks)
    assert told(made) == [("served", None, "6", "seen"), ("served", "6", "4", "audit")]
    assert was_live(made, at(5)).version == "6"
    assert was_live(made, at(20)).version == "4"


def test_a_tag_and_a_commit_that_an_action_made_are_told_by_the_action() -> None:
    for evidence in (Evidence.GTO, Evidence.MANIFEST):
        made = line([tag("v1", "v2", 9.9, evidence), action("v1", "v2", 10)], primary=DECLARED)
        (change,) = made.changes()
        assert (change.evidence, change.by, change.before) == (Evidence.AUDIT, "ada", "v1")
        assert evidence in {proof.evidence for proof in change.also}


def test_two_events_are_two_rows_though_they_bring_the_same_version() -> None:
    made = line([action("6", "4", 10), action("4", "6", 40), action("6", "4", 70)])
    assert [(c.before, c.after) for c in made.changes()] == [("6", "4"), ("4", "6"), ("6", "4")]


def test_what_nobody_wrote_down_is_told_with_its_interval_and_by_nobody() -> None:
    made = line([], seen(SERVED, ("4", 0), ("4", 60), ("6", 90)))
    newest, first = made.changes()
    assert (newest.before, newest.after, newest.not_before, newest.at) == ("4", "6", at(60), at(90))
    assert newest.by is None
    assert (first.before, first.after, first.not_before) == (None, "4", None)


def test_a_change_that_an_action_found_made_is_told_though_it_was_not_seen() -> None:
    made = line([action("5", "4", 60)], seen(SERVED, ("6", 0), ("6", 10)))
    assert told(made)[1:] == [("served", "6", "5", "seen"), ("served", "5", "4", "audit")]
    assert was_live(made, at(30)).between == ("6", "5")


def test_a_failed_action_changes_nothing_and_what_it_took_back_is_no_event() -> None:
    looks = seen(SERVED, ("4", 0), ("4", 9.9), ("6", 10.0), ("4", 10.3), ("4", 30))
    made = line([action("4", "6", 10.2, Outcome.FAILED)], looks)
    assert told(made) == [("served", None, "4", "seen"), ("served", "4", "6", "audit")]
    assert was_live(made, at(20)).version == "4"


def test_a_failed_action_whose_tag_stays_leaves_the_tag_in_the_history() -> None:
    made = line([tag("v1", "v2", 9.9), action("v1", "v2", 10, Outcome.FAILED)], primary=DECLARED)
    assert {c.evidence for c in made.changes()} == {Evidence.GTO, Evidence.AUDIT}
    taken_back = [tag("v1", "v2", 9.9), tag("v2", "v1", 9.95), action("v1", "v2", 10, Outcome.FAILED)]
    assert [c.evidence for c in line(taken_back, primary=DECLARED).changes()] == [Evidence.AUDIT]


def test_a_refused_action_is_told_and_changes_nothing() -> None:
    made = line([action("4", "6", 10, Outcome.REFUSED)], seen(SERVED, ("4", 0), ("4", 30)))
    assert made.changes()[0].outcome is Outcome.REFUSED
    assert was_live(made, at(20)).version == "4"


def test_after_an_unknown_outcome_either_may_be_live_until_somebody_looks() -> None:
    unsure = action("6", "4", 10, Outcome.UNKNOWN)
    alone = line([unsure], seen(SERVED, ("6", 0), ("6", 9)))
    assert was_live(alone, at(5)).version == "6"
    later = was_live(alone, at(20))
    assert (later.version, later.basis) == (None, "unknown")
    assert "not known" in later.words
    for version in ("6", "4"):
        looked = line([unsure], seen(SERVED, ("6", 0), ("6", 9), (version, 30)))
        assert [c.evidence for c in looked.changes()] == [Evidence.AUDIT, Evidence.SEEN]
        assert was_live(looked, at(20)).between == ("6", "4")
        assert was_live(looked, at(30)).version == version


def test_tags_of_one_second_follow_their_counters() -> None:
    made = line([tag(None, "v1", 10), tag("v1", "v2", 10), tag("v2", "v3", 9)], primary=DECLARED)
    assert [c.after for c in made.changes()] == ["v3", "v2", "v1"]
    assert was_live(made, at(10)).version == "v3"


# -- what was live -------------------------------------------------------------------------------------------


def test_where_evidence_begins_and_ends_is_said_and_nothing_is_guessed_beyond() -> None:
    made = line([], seen(SERVED, ("4", 10), ("4", 20)))
    early, late = was_live(made, at(5)), was_live(made, at(25))
    for unknown in (early, late):
        assert (unknown.version, unknown.basis) == (None, "unknown")
        assert (unknown.evidence_from, unknown.evidence_until) == (at(10), at(20))
    assert "evidence begins" in early.words
    assert "evidence ends" in late.words


def test_a_moment_between_two_sights_names_both() -> None:
    made = line([], seen(SERVED, ("4", 0), ("4", 60), ("6", 90)))
    found = was_live(made, at(75))
    assert (found.version, found.between) == (None, ("4", "6"))
    assert "either may have been live" in found.words


def test_until_a_change_with_an_exact_time_the_version_before_was_live() -> None:
    made = line([tag("v1", "v2", 90)], [], DECLARED)
    assert was_live(made, at(89)).version is None  # evidence begins with the tag
    made = line([tag(None, "v1", 0), tag("v1", "v2", 90)], [], DECLARED)
    found = was_live(made, at(89))
    assert (found.version, found.since, found.until) == ("v1", at(0), at(90))
    assert (found.basis, found.evidence) == ("declared", Evidence.GTO)


def test_what_was_declared_is_told_as_such_where_nobody_asked_the_target() -> None:
    looks = [*seen(DECLARED, ("4", 0), ("4", 100)), *seen(SERVED, ("4", 50), ("4", 100))]
    found = was_live(line([], looks), at(20))
    assert (found.version, found.basis) == ("4", "declared")
    assert "what was served is not known" in found.words


def test_nobody_looked_for_a_while_is_said() -> None:
    first, second = seen(SERVED, ("4", 0), ("4", 10)), seen(SERVED, ("4", 100), ("4", 110))
    again = [replace(second[0], before="4", not_before=at(10))]
    found = was_live(line([], [*first, *again]), at(50))
    assert (found.version, found.basis) == ("4", "observed")
    assert "nobody looked between" in found.words


# -- properties ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """What truly happened: (minute, version served from then on), and which evidence there is of it."""

    changes: tuple[tuple[float, str], ...]
    records: tuple[Change, ...]
    sightings: tuple[Sighting, ...]
    looks: tuple[float, ...]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Changes an hour or so apart; after each, before the next, somebody looks."""
    count = draw(st.integers(0, 8))
    version, minute = draw(st.sampled_from("123")), 0.0
    changes: list[tuple[float, str]] = []
    records: list[Change] = []
    looks: list[tuple[str, float]] = [(version, minute)]
    for _ in range(count):
        former = version
        version = draw(st.sampled_from([v for v in "1234" if v != former]))
        gap = draw(st.integers(20, 90))
        looks += [(former, minute + 10)] * draw(st.booleans())
        minute += gap
        changes.append((minute, version))
        if draw(st.booleans()):
            off = draw(st.integers(-4, 4))
            records.append(action(former, version, minute + off))
        looks.append((version, minute + draw(st.integers(0, 5))))
    return World(
        tuple(changes), tuple(records), tuple(seen(SERVED, *looks)), tuple(minute for _, minute in looks)
    )


@settings(deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_any_order_of_evidence_gives_the_same_history(world: World, shuffled: random.Random) -> None:
    records, sightings = list(world.records), list(world.sightings)
    expected = line(records, sightings)
    shuffled.shuffle(records)
    shuffled.shuffle(sightings)
    again = line(records, [*sightings, *sightings])
    assert again.changes() == expected.changes()
    for minutes in range(-10, 800, 31):
        assert was_live(again, at(minutes)) == was_live(expected, at(minutes))


@settings(deadline=None)
@given(worlds())
def test_every_true_change_is_told_once_with_an_interval_that_holds_it(world: World) -> None:
    found = list(reversed(line(world.records, world.sightings).changes()))
    assert found[0].not_before is None
    rows = found[1:]
    assert [c.after for c in rows] == [version for _, version in world.changes]
    for change, (minute, _) in zip(rows, world.changes, strict=True):
        if change.evidence is Evidence.AUDIT:
            assert abs(change.at - at(minute)) <= timedelta(minutes=4)
        else:
            assert change.not_before is not None
            assert change.not_before <= at(minute) <= change.at


@settings(deadline=None)
@given(worlds(), st.integers(-30, 900))
def test_what_was_live_then_agrees_with_the_list_and_with_the_truth(world: World, minutes: int) -> None:
    made, moment = line(world.records, world.sightings), at(minutes)
    changes, found = made.changes(), was_live(made, moment)
    former = next((c for c in changes if c.at <= moment), None)
    following = next((c for c in reversed(changes) if c.at > moment), None)
    if former is None:
        assert found.version is None
    elif following is not None and following.not_before is not None and following.not_before <= moment:
        told_of = {found.version} if found.between is None else set(found.between)
        assert told_of <= {following.before, following.after}
        assert found.between is not None or moment == following.not_before
    elif found.version is None:
        assert found.evidence_until is not None
        assert moment > found.evidence_until
    else:
        assert same(found.version, former.after)
    true = next((v for minute, v in reversed(world.changes) if minute <= minutes), world.sightings[0].version)
    near = any(abs(minute - minutes) <= 5 for minute, _ in world.changes)  # clocks were off by so much
    if found.version is not None and not near:
        assert found.version == true
    if found.between is not None and not near:
        assert true in found.between


hostile = st.datetimes(datetime(1970, 1, 2), datetime(2026, 11, 20)).map(lambda d: d.replace(tzinfo=UTC))
versions = st.sampled_from(["1", "2", "v2", "x", None])
any_sighting = st.builds(
    Sighting, st.just("production"), st.just("wine"), st.sampled_from(Aspect), versions, hostile, hostile,
    before=versions, not_before=st.none() | hostile, healthy=st.sampled_from([True, False, None]),
)  # fmt: skip
any_record = st.builds(
    Change, st.just("production"), st.just("wine"), st.sampled_from(Aspect), versions, versions, hostile,
    st.sampled_from([e for e in Evidence if e is not Evidence.SEEN]), begun_at=st.none() | hostile,
    outcome=st.sampled_from([None, *Outcome]), action_id=st.sampled_from(["a", "b", None]),
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(any_record, max_size=8), st.lists(any_sighting, max_size=8), st.lists(hostile, max_size=4))
def test_evidence_that_contradicts_itself_is_answered_all_the_same(
    records: list[Change], sightings: list[Sighting], moments: list[datetime]
) -> None:
    made = line(records, sightings)
    changes = made.changes()
    assert changes == sorted(changes, key=lambda change: change.at, reverse=True)
    for change in changes:
        assert change.not_before is None or change.not_before <= change.at
    for moment in [*moments, *(change.at for change in changes)]:
        found = was_live(made, moment)
        assert found.basis in ("observed", "declared", "unknown")
        assert found.words
        assert (found.basis == "unknown") >= (found.between is not None)
