"""Which way a metric is better, and which one stands for a model."""

from __future__ import annotations

import pytest

from mlops_dash.domain.metrics import MetricRules, direction, primary_metric

NONE = MetricRules()


@pytest.mark.parametrize(
    ("key", "better"),
    [
        ("rmse", "min"),
        ("val_loss", "min"),
        ("validation-log-loss", "min"),
        ("trainError", "min"),
        ("accuracy", "max"),
        ("test_f1", "max"),
        ("val/auc", "max"),
        ("r2_score", "max"),
        ("best_cv_score", "max"),
        ("epochs", None),
        ("learning_rate", None),
        ("", None),
    ],
)
def test_a_known_name_has_a_direction(key: str, better: str | None) -> None:
    assert direction(key, NONE) == better


def test_the_configuration_decides_before_the_name() -> None:
    rules = MetricRules(lower=frozenset({"score"}), higher=frozenset({"profit"}))
    assert direction("score", rules) == "min"
    assert direction("profit", rules) == "max"


@pytest.mark.parametrize(
    ("keys", "rules", "primary"),
    [
        (["train_rmse", "val_rmse", "epochs"], NONE, "val_rmse"),
        (["train_rmse", "rmse"], NONE, "rmse"),
        (["epochs"], NONE, None),
        ([], NONE, None),
        (["a", "rmse"], MetricRules(primary="a"), "a"),
        (["rmse"], MetricRules(primary="a"), None),
        (["profit", "val_rmse"], MetricRules(higher=frozenset({"profit"})), "profit"),
    ],
)
def test_held_out_metrics_stand_for_a_model(keys: list[str], rules: MetricRules, primary: str | None) -> None:
    assert primary_metric(keys, rules) == primary
