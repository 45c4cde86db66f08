"""Histories of metrics in the store: what thinning keeps, what is read again, and what makes room."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_dash.answers.histories import MOST_CURVES, curves_answer, fineness, pairs_of, tokens_of
from mlops_dash.errors import SourceError, StoreError
from mlops_dash.sources.base import POINTS, Apply, Batch
from mlops_dash.sources.columns import Columns
from mlops_dash.store import histories
from mlops_dash.store.histories import Histories, Pair, Point

Told = dict[Pair, list[Point]]
ONE = ("run", "loss")


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Histories]:
    made = Histories(lambda: tmp_path)
    yield made
    made.close()


def batch(told: Told) -> Batch:
    """What a source tells of these curves."""
    rows = [(*pair, *point) for pair, points in told.items() for point in points]
    runs, keys, steps, times, values = (
        (list(column) for column in zip(*rows, strict=True)) if rows else [[]] * 5
    )
    columns = Columns({"run_id": runs, "key": keys}, {"step": steps, "time": times}, {"value": values})
    return Batch(POINTS, columns, Apply.APPEND)


def load(held: Histories, told: Told, fine: int = histories.FINEST, token: object = "x") -> None:
    with held.loading(dict.fromkeys(told, token), fine) as loading:
        loading.take(batch(told))
        loading.complete = True


def thinned(held: Histories, points: int, pair: Pair = ONE) -> list[Point]:
    return next((found for of, _, found in held.thinned([pair], points) if of == pair), [])


def test_a_short_history_is_kept_whole_and_in_order(held: Histories) -> None:
    load(held, {ONE: [(3, 30, 0.5), (1, 10, math.inf), (2, 20, None), (1, 5, -1.0)]})
    assert list(held.thinned([ONE], 400)) == [
        (ONE, 4, [(1, 5, -1.0), (1, 10, math.inf), (2, 20, None), (3, 30, 0.5)])
    ]


def test_values_of_one_step_and_time_stay_in_the_order_in_which_they_came(held: Histories) -> None:
    values = [float(random.Random(5).random()) for _ in range(300)]
    load(held, {ONE: [(0, 7, value) for value in values]})
    assert [value for _, _, value in thinned(held, 1000)] == values


@pytest.mark.parametrize("fine", [histories.FINEST, 400], ids=["as it comes", "again"])
def test_a_spike_is_never_dropped(held: Histories, fine: int) -> None:
    values: list[float | None] = [math.sin(step / 300) for step in range(20_000)]
    values[7777], values[12_345], values[15_000], values[15_001] = 99.0, -99.0, None, -math.inf
    load(held, {ONE: [(step, 1000 + step, value) for step, value in enumerate(values)]}, fine)
    ((_, logged, found),) = held.thinned([ONE], 400)
    assert logged == 20_000
    assert 200 <= len(found) <= 600
    assert {(7777, 8777, 99.0), (12_345, 13_345, -99.0), (15_000, 16_000, None)} <= set(found)
    assert (15_001, 16_001, -math.inf) in found
    assert (found[0], found[-1]) == ((0, 1000, 0.0), (19_999, 20_999, values[-1]))


@pytest.mark.parametrize("at", [0, 2**62, -(2**63)])
def test_values_that_were_logged_without_steps_are_thinned_by_time(held: Histories, at: int) -> None:
    load(held, {ONE: [(at, moment, 9.0 if moment == 5123 else moment / 1e6) for moment in range(10_000)]})
    found = thinned(held, 400)
    assert 200 <= len(found) <= 600
    assert (at, 5123, 9.0) in found
    gaps = [later[1] - earlier[1] for earlier, later in itertools.pairwise(found)]
    assert max(gaps) <= 2 * 10_000 / 100


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1),
            st.integers(-(2**63), 2**63 - 1),
            st.none() | st.floats(allow_nan=False),
        ),
        min_size=1,
        max_size=80,
    ),
    st.integers(4, 40),
)
def test_what_is_kept_was_logged_and_holds_the_extremes(told: list[Point], points: int) -> None:
    held = Histories(lambda: None)
    load(held, {ONE: told})
    ((_, logged, found),) = held.thinned([ONE], points)
    held.close()
    assert logged == len(told)
    assert len(found) <= max(points, 6 * max(1, points // 4))
    rest = list(map(repr, told))
    for point in map(repr, found):
        rest.remove(point)  # each at most as often as it was logged
    assert [point[:2] for point in found] == sorted(point[:2] for point in found)
    ends = sorted(point[:2] for point in told)
    assert (found[0][:2], found[-1][:2]) == (ends[0], ends[-1])
    finite = [value for *_, value in told if value is not None and math.isfinite(value)]
    kept = [value for *_, value in found if value is not None and math.isfinite(value)]
    assert not finite or (min(kept), max(kept)) == (min(finite), max(finite))
    assert any(point[2] is None for point in told) == any(point[2] is None for point in found)


def test_what_was_read_is_missing_again_when_its_metric_changes(held: Histories) -> None:
    other = ("run", "none")
    assert held.missing({ONE: "x", other: "x"}, 400) == [ONE, other]
    with held.loading({ONE: "x", other: "x"}, 400) as loading:
        loading.take(batch({ONE: [(1, 1, 1.0)]}))
        loading.complete = True
    assert held.missing({ONE: "x", other: "x"}, 400) == []
    assert held.missing({ONE: "y", other: "x"}, 400) == [ONE]
    assert held.missing({ONE: None}, 400) == [ONE]  # its run goes on
    load(held, {ONE: [(2, 2, 2.0)]}, token="y")
    assert thinned(held, 400) == [(2, 2, 2.0)]
    assert held.missing({ONE: "y"}, 400) == []


def test_more_points_than_were_kept_are_read_again(held: Histories) -> None:
    load(held, {ONE: [(step, step, 0.0) for step in range(1000)]}, fine=100)
    assert held.missing({ONE: "x"}, 100) == []
    assert held.missing({ONE: "x"}, 400) == [ONE]


def test_what_did_not_come_is_missing_still_when_the_reading_failed(held: Histories) -> None:
    other = ("other", "loss")

    def fail() -> None:
        with held.loading({ONE: "x", other: "x"}, 400) as loading:
            loading.take(batch({ONE: [(1, 1, 1.0)]}))
            loading.settle()
            raise SourceError("gone")

    with pytest.raises(SourceError):
        fail()
    assert held.missing({ONE: "x", other: "x"}, 400) == [other]


def test_a_batch_that_cannot_be_read_says_why_and_leaves_the_others(held: Histories) -> None:
    def explain(error: Exception) -> list[Batch]:
        raise SourceError("locked") from error

    broken = Batch(POINTS, Columns({"run_id": ["run"]}), Apply.APPEND, recover=explain)
    with held.loading({ONE: "x"}, 400) as loading:
        loading.take(batch({ONE: [(1, 1, 1.0)]}))
        with pytest.raises(SourceError, match="locked"):
            loading.take(broken)
    assert thinned(held, 400) == [(1, 1, 1.0)]


def test_what_was_not_asked_for_lately_makes_room(held: Histories, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "MOST_POINTS", 250)
    curves = {name: (name, "loss") for name in "abc"}
    for pair in curves.values():
        assert held.missing({pair: "x"}, 100) == [pair]
        load(held, {pair: [(step, step, 0.0) for step in range(100)]})
    assert held.missing({curves["a"]: "x"}, 100) == [curves["a"]]
    assert held.missing({curves["b"]: "x", curves["c"]: "x"}, 100) == []
    assert thinned(held, 100, curves["a"]) == []


@pytest.mark.campaign
def test_more_than_fits_into_memory_is_thinned(held: Histories) -> None:
    rows = duckdb.sql(
        "select 'run' as run_id, 'loss' as key, i as step, i as time, (i = 2345678)::double as value "
        "from range(3000000) as r(i)"
    ).to_arrow_table()
    with held.loading({ONE: "x"}, 400) as loading:
        loading.take(Batch(POINTS, rows, Apply.APPEND))
    ((_, logged, found),) = held.thinned([ONE], 400)
    assert logged == 3_000_000
    assert (2_345_678, 2_345_678, 1.0) in found


def test_it_can_be_closed_at_any_time() -> None:
    held = Histories(lambda: None)
    held.close()
    with pytest.raises(StoreError, match="closed"):
        list(held.thinned([ONE], 400))


# -- what is asked for --------------------------------------------------------------------------------------


def state(run_id: str, key: str | None, status: str, *rest: Any) -> tuple[Any, ...]:
    return (run_id, key, status, *(rest or (9, 5, 7, 0.5, False)))


def test_an_ended_run_s_curve_has_a_token_and_a_running_one_s_has_none() -> None:
    pairs = [("ended", "loss"), ("ended", "none"), ("on", "loss"), ("unknown", "loss")]
    states = [
        state("ended", "loss", "FINISHED"),
        state("on", "loss", "RUNNING"),
        state("on", None, "RUNNING"),
    ]
    tokens = tokens_of(pairs, states)
    assert tokens.keys() == {("ended", "loss"), ("on", "loss"), ("unknown", "loss")}
    assert tokens["ended", "loss"] is not None
    assert (tokens["on", "loss"], tokens["unknown", "loss"]) == (None, None)
    later = tokens_of(pairs, [state("ended", "loss", "FINISHED", 9, 6, 8, 0.4, False)])
    assert later["ended", "loss"] != tokens["ended", "loss"]
    nan = [state("ended", "loss", "FAILED", 9, 5, 7, math.nan, True)]
    assert tokens_of(pairs, nan) == tokens_of(pairs, nan)


def test_more_curves_than_can_be_drawn_are_said_to_be_left_out() -> None:
    assert pairs_of(["b", "a", "b"], ["k", "k"]) == ([("b", "k"), ("a", "k")], None)
    pairs, problem = pairs_of([str(number) for number in range(200)], [str(number) for number in range(6)])
    assert len(pairs) == MOST_CURVES
    assert problem == "1,200 curves are asked for, 1,000 are read"


@given(st.integers(0, MOST_CURVES), st.integers(-5, 10**9))
def test_all_that_is_asked_for_has_room(curves: int, points: int) -> None:
    answered, kept = fineness(curves, points)
    assert 4 <= answered <= kept <= histories.FINEST
    assert curves * kept <= histories.MOST_POINTS


def test_curves_come_in_the_order_in_which_they_were_asked_for(held: Histories) -> None:
    from known_facts import NOW

    pairs = [("b", "k"), ("a", "k"), ("a", "none")]
    load(held, {pairs[1]: [(1, 1, 1.0)], pairs[0]: [(1, 1, None)]})
    answer = curves_answer(held, pairs, 10, NOW, "slow")
    assert [(curve.run_id, curve.points[0].value) for curve in answer.curves] == [("b", None), ("a", 1.0)]
    assert (answer.as_of, answer.problem) == (NOW, "slow")
