"""Which runs are there, in what order? Asked of the store, with and without conditions."""

from __future__ import annotations

import random
from hashlib import md5

import pytest

from known_facts import KnownFacts, sha
from mlops_dash.answers.filters import CompiledFilter
from mlops_dash.answers.run_index import ArrowRunIndex, run_index
from mlops_dash.answers.run_shapes import RunsRequest
from mlops_dash.answers.run_sorting import sorting
from mlops_dash.errors import UsageError

INFINITE = 1.7976931348623157e308


def own(number: int) -> str:
    """A run id as MLflow makes them."""
    return md5(str(number).encode()).hexdigest()


def index(given: KnownFacts, *sort: tuple[str, bool], **request: object) -> ArrowRunIndex:
    asked = RunsRequest(**({"sort": sort} if sort else {}), **request)
    return run_index(given.store, asked, None, {"production": ["b"], "canary": ["a", "b"]})


def order(given: KnownFacts, *sort: tuple[str, bool], **request: object) -> list[str]:
    return list(index(given, *sort, **request).run_ids(0, 10_000))


def frugal(given: KnownFacts, *sort: tuple[str, bool]) -> list[str]:
    """Return the order as it is found where memory is scarce."""
    keys = sorting(sort, {"production": ["b"], "canary": ["a", "b"]})
    rows = given.store.composed("run_index", keys.frugal_question(["true"]), keys.parameters)
    found = given.store.records("run_ids_of_keys", keys=[str(key) for (key,) in rows])
    ids = {row["run_key"]: row["run_id"] for row in found}
    return [ids[str(key)] for (key,) in rows]


def test_the_newest_come_first_and_equal_ones_by_id(given: KnownFacts) -> None:
    ids = sorted(own(number) for number in range(4))
    for place, one in enumerate(ids):
        given.run(one, start=2000 if place < 3 else 9000)
    assert order(given) == [ids[3], *ids[:3]]


@pytest.mark.parametrize("descending", [False, True])
def test_of_a_metric_nan_comes_after_numbers_and_missing_ones_last(
    given: KnownFacts, descending: bool
) -> None:
    for name, value in {"a": 1.0, "nan": None, "big": INFINITE, "small": -INFINITE}.items():
        given.run(name, metrics={"rmse": value})
    given.run("without", metrics={"other": 0.0})
    numbers = ["small", "a", "big"]
    assert order(given, ("metrics.rmse", descending)) == [
        *(reversed(numbers) if descending else numbers), "nan", "without",
    ]  # fmt: skip
    assert frugal(given, ("metrics.rmse", descending)) == order(given, ("metrics.rmse", descending))


@pytest.mark.parametrize("descending", [False, True])
def test_of_a_parameter_numbers_are_numbers_and_texts_come_after_them(
    given: KnownFacts, descending: bool
) -> None:
    for value in ("10", "9", "1e-3", "adam", "None", "nan", ""):
        given.run(f"={value}", params={"x": value})
    given.run("without")
    numbers, texts = ["=1e-3", "=9", "=10"], ["=", "=None", "=adam", "=nan"]
    turn = -1 if descending else 1
    assert order(given, ("params.x", descending)) == [*numbers[::turn], *texts[::turn], "without"]


def test_the_first_key_decides_and_then_the_next(given: KnownFacts) -> None:
    given.run("a", tags={"team": "x"}, metrics={"rmse": 2.0})
    given.run("b", tags={"team": "x"}, metrics={"rmse": 1.0})
    given.run("c", tags={"team": "w"}, metrics={"rmse": 3.0})
    assert order(given, ("tags.team", True), ("metrics.rmse", False)) == ["b", "a", "c"]


def test_every_column_can_be_sorted_by(given: KnownFacts) -> None:
    given.put("experiment", {"experiment_id": "1", "name": "wine"})
    given.run("a", start=1, commit=sha(2), data=(("wine", "d2"),), params={"x": "1"})
    given.run("b", start=2, commit=sha(1), data=(("wine", "d1"), ("wine", "d3")), tags={"t": "1"})
    given.run("c", start=3)
    given.repository(sha(1), sha(2))
    given.version("wine", "10", "a")
    given.version("wine", "9", "b")
    for column, expected in {
        "attributes.run_id": "abc", "attributes.run_name": "abc", "attributes.start_time": "abc",
        "attributes.end_time": "cba", "attributes.duration": "cba", "attributes.status": "cba",
        "attributes.user": "cba", "attributes.source": "cba", "attributes.experiment": "cba",
        "attributes.experiment_id": "cba", "attributes.artifact_uri": "cba", "code.commit": "bac",
        "code.author": "bac", "code.subject": "bac", "code.branch": "bac", "data.digest": "bac",
        "data.name": "bac", "version.name": "bac", "version.number": "bac", "live.environment": "bac",
    }.items():  # fmt: skip
        found = "".join(order(given, (column, False)))
        assert found == expected, column
        assert len(order(given, (column, True))) == 3
        for descending in (False, True):
            sorts = ((column, descending), ("params.x", True), ("attributes.status", False))
            assert frugal(given, *sorts) == order(given, *sorts), column


def test_deleted_runs_are_there_only_when_they_are_asked_for(given: KnownFacts) -> None:
    given.run("a", start=1)
    given.run("gone", start=2, deleted=True)
    assert order(given) == ["a"]
    assert order(given, deleted=True) == ["gone", "a"]
    assert (index(given).total, index(given, deleted=True).total) == (1, 2)


def test_experiments_are_named_or_numbered(given: KnownFacts) -> None:
    given.put("experiment", {"experiment_id": "1", "name": "wine"}, {"experiment_id": "2", "name": "beer"})
    given.run("a")
    given.put("run", {"run_id": "b", "experiment_id": "2", "start_time": 1, "status": "RUNNING"})
    assert order(given, experiments=("beer",)) == ["b"]
    assert order(given, experiments=("1",)) == ["a"]
    assert order(given, experiments=("wine", "beer")) == ["a", "b"]
    found = index(given, experiments=("wine",))
    assert (len(found), found.total, found.running) == (1, 1, 1)
    with pytest.raises(UsageError, match="vine") as raised:
        index(given, experiments=("vine",))
    assert raised.value.remedy == "did you mean wine?"


@pytest.mark.parametrize(
    ("column", "nearest"),
    [
        ("metrics.rsme", "metrics.rmse"),
        ("metric.rms", "metrics.rmse"),
        ("attributes.staus", "attributes.status"),
        ("tags.alpha", "params.alpha"),
        ("code.comit", "code.commit"),
        ("bogus.x", "columns are"),
        ("", "columns are"),
    ],
)
def test_a_column_that_is_not_known_is_told_with_the_nearest(
    given: KnownFacts, column: str, nearest: str
) -> None:
    given.run("a", metrics={"rmse": 1.0}, params={"alpha": "1"})
    with pytest.raises(UsageError) as raised:
        index(given, (column, True))
    assert nearest in str(raised.value.remedy)


def test_a_condition_leaves_out_runs_but_not_of_the_total(given: KnownFacts) -> None:
    given.run("a", metrics={"rmse": 1.0})
    given.run("b", metrics={"rmse": 2.0})
    where = CompiledFilter("r.run_key in (select run_key from metric where value > $f1)", {"f1": 1.5})
    found = run_index(given.store, RunsRequest(filter="…"), where)
    assert (list(found.run_ids(0, 9)), len(found), found.total) == (["b"], 1, 2)


@pytest.mark.parametrize("odd", [False, True])
def test_ids_and_places_are_each_others_inverse(given: KnownFacts, odd: bool) -> None:
    ids = [own(number) for number in range(200)] + (["Ünïcode", "A" * 32, own(777).upper()] if odd else [])
    mixed = ids[:]
    random.Random(1).shuffle(mixed)
    for start, one in enumerate(mixed):
        given.put("run", {"run_id": one, "start_time": -start})
    found = index(given)
    assert list(found.run_ids(0, 1000)) == mixed
    assert [found.place(one) for one in mixed] == list(range(len(mixed)))
    assert [found.run_id(place) for place in (0, len(mixed) - 1)] == [mixed[0], mixed[-1]]
    assert list(found.run_ids(150, 50)) == []
    assert list(found.run_ids(-5, 2)) == mixed[:2]
    for unknown in ("", "x", own(9999), "g" * 32):
        assert found.place(unknown) is None
    for place in (-1, len(mixed)):
        with pytest.raises(IndexError):
            found.run_id(place)


def test_a_place_is_not_found_between_two_ids(given: KnownFacts) -> None:
    first, second = "00" * 15 + "01", "02" + "00" * 15
    across = "00" * 14 + "0102"  # the end of the first and the beginning of the second
    given.put("run", {"run_id": first, "start_time": 9}, {"run_id": second, "start_time": 8})
    assert index(given).place(across) is None
    given.put("run", {"run_id": across, "start_time": 7})
    assert [index(given).place(one) for one in (first, second, across)] == [0, 1, 2]


def test_an_empty_store_has_no_runs(given: KnownFacts) -> None:
    found = index(given)
    assert (len(found), found.total, found.running, list(found.run_ids(0, 5))) == (0, 0, 0, [])
    assert found.place(own(1)) is None
