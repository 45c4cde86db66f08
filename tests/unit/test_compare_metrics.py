"""Metrics side by side: deltas, the better side, and values that cannot be ranked."""

from __future__ import annotations

import math

import pytest

from mlops_dash.answers.compare_groups import groups, is_seed, spreads
from mlops_dash.answers.compare_metrics import metric_lines
from mlops_dash.answers.shapes import RunFacts
from mlops_dash.domain.metrics import MetricRules

RULES = MetricRules()
NAN, INF = math.nan, math.inf
STORED = 1.7976931348623157e308  # as MLflow's databases hold an infinity


def line(*values: float | None, key: str = "rmse", baseline: int = 0, rules: MetricRules = RULES):
    (found,) = metric_lines([{} if v is None else {key: v} for v in values], baseline, rules)
    return found


def test_deltas_are_against_the_baseline():
    found = line(2.0, 1.5, 3.0)
    assert found.deltas == (0.0, -0.5, 1.0)
    assert found.relative == (0.0, -0.25, 0.5)
    assert (found.better, found.best, found.differs) == ("min", (1,), True)
    found = line(2.0, 1.5, 3.0, baseline=2)
    assert found.deltas == (-1.0, -1.5, 0.0)


def test_relative_is_a_part_of_the_baselines_absolute_value():
    assert line(-2.0, -1.0).relative == (0.0, 0.5)
    assert line(0.0, 1.0).relative == (None, None)
    assert line(5e-324, 1.0).relative == (0.0, None)  # beyond every double


@pytest.mark.parametrize("bad", [None, NAN, INF, -INF, STORED, -STORED])
def test_what_cannot_be_ranked_has_no_delta_and_is_never_best(bad):
    for values in ((1.0, bad, 2.0), (bad, 1.0, 2.0)):
        found = line(*values)
        place = values.index(bad)
        assert found.deltas[place] is None
        assert found.relative[place] is None
        assert found.best == (values.index(1.0),)
        assert found.differs
        assert repr(found.values) == repr(values)
    assert line(bad, 1.0, 2.0).deltas == (None, None, None)


def test_values_stay_as_they_are_to_the_last_bit():
    values = (0.1, 0.1 + 2**-56, 5e-324, -0.0, 1e308)
    assert [value.hex() for value in line(*values).values] == [value.hex() for value in values]
    assert line(0.1, math.nextafter(0.1, 1)).differs
    assert line(1e308, -1e308).deltas == (0.0, None)


def test_equal_values_differ_in_nothing_and_none_is_best():
    for same in (1.5, NAN, INF):
        found = line(same, same)
        assert (found.best, found.differs) == ((), False)
    assert line(1.0, 1.0, 2.0).best == (0, 1)
    assert line(1.0, None).best == ()


def test_the_direction_is_configured_or_told_by_the_name_or_not_known():
    assert line(1.0, 2.0, key="accuracy").best == (1,)
    assert line(1.0, 2.0, key="depth").better is None
    assert line(1.0, 2.0, key="depth").best == ()
    assert line(1.0, 2.0, key="depth", rules=MetricRules(higher=frozenset(["depth"]))).best == (1,)
    assert line(1.0, 2.0, key="accuracy", rules=MetricRules(lower=frozenset(["accuracy"]))).best == (0,)


def test_the_metric_that_stands_for_a_model_is_first():
    keys = [one.key for one in metric_lines([{"b": 1.0, "A": 1.0, "val_rmse": 1.0, "c": 2.0}] * 2, 0, RULES)]
    assert keys == ["val_rmse", "A", "b", "c"]
    rules = MetricRules(primary="c")
    assert metric_lines([{"b": 1.0, "c": 2.0}] * 2, 0, rules)[0].key == "c"


def test_items_of_which_nothing_is_known_are_no_difference():
    (found,) = metric_lines([None, {"rmse": 1.0}, {"rmse": 1.0}], 0, RULES)
    assert found.values == (None, 1.0, 1.0)
    assert not found.differs
    assert metric_lines([None, None], 0, RULES) == ()


def test_five_thousand_metrics():
    metrics = {f"m{number}": float(number) for number in range(5000)}
    assert len(metric_lines([metrics, metrics, {}], 1, RULES)) == 5000


# repeats


def run(name: str, params: dict[str, str], metrics: dict[str, float] | None = None, experiment: str = "e"):
    return RunFacts(name, name, experiment, params=params, metrics=metrics or {})


@pytest.mark.parametrize(
    "key",
    ["seed", "random_state", "model__random_state", "np_seed", "Seed", "dataSeed", "randomState", "a.seed"],
)
def test_seeds(key):
    assert is_seed(key)


@pytest.mark.parametrize("key", ["seeded", "state", "random", "seed_words", "linseed_oil", "alpha", "", "_"])
def test_no_seeds(key):
    assert not is_seed(key)


def test_repeats_are_equal_but_for_their_seeds():
    runs = [
        run("a", {"alpha": "1", "seed": "1"}, {"rmse": 1.0, "nan": NAN}),
        run("b", {"alpha": "2", "seed": "1"}),
        run("c", {"alpha": "1", "seed": "2"}, {"rmse": 3.0, "nan": 2.0, "own": 4.0}),
        run("d", {"alpha": "1", "seed": "3"}, {"rmse": 5.0}, experiment="another"),
    ]
    (group,) = groups(runs, ["k"] * 4, [frozenset("d")] * 4)
    assert group.items == (0, 2)
    found = {spread.key: (spread.mean, spread.deviation, spread.count) for spread in group.spreads}
    assert found["rmse"] == (2.0, math.sqrt(2), 2)
    assert found["nan"] == (2.0, None, 1)
    assert found["own"] == (4.0, None, 1)


@pytest.mark.parametrize(
    ("commits", "data"),
    [(["k", "l"], [frozenset("d")] * 2), (["k", "k"], [frozenset("d"), frozenset("e")])],
)
def test_other_code_or_data_is_no_repeat(commits, data):
    assert groups([run("a", {"x": "1"}), run("b", {"x": "1"})], commits, data) == ()


def test_the_same_run_twice_and_runs_of_which_nothing_is_known_are_no_repeats():
    one = run("a", {"x": "1"})
    nothing = [frozenset[str]()] * 2
    assert groups([one, one], ["k", "k"], nothing) == ()
    assert groups([run("a", {}), run("b", {})], [None, None], nothing) == ()
    assert groups([None, None], [None, None], nothing) == ()
    (group,) = groups([one, one, run("b", {"x": "1"})], [None] * 3, [frozenset[str]()] * 3)
    assert group.items == (0, 1, 2)


def test_spreads_of_extreme_values():
    (spread,) = spreads([{"m": 1e308}, {"m": 1e308}, {"m": 1.2e308}])
    assert spread.mean == pytest.approx(1.0666e308, rel=1e-3)
    assert spread.deviation == pytest.approx(1.1547e307, rel=1e-3)
    (spread,) = spreads([{"m": 1.7e308}, {"m": -1.7e308}])
    assert (spread.mean, spread.count) == (0.0, 2)
    (spread,) = spreads([{"m": 0.1}] * 3)
    assert (spread.mean, spread.deviation) == (0.1, 0.0)
    (spread,) = spreads([{"m": NAN}, {"m": INF}])
    assert (spread.mean, spread.deviation, spread.count) == (None, None, 0)
