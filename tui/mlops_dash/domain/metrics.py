"""Which way a metric is better, and which one stands for a model."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_INFINITE = 1.797e308  # from here on a value is what MLflow writes for an infinity

_LOWER = frozenset(
    "rmse mse mae mape smape msle rmsle medae loss logloss error err deviance perplexity ppl wer cer mer ece "
    "brier eer fid crossentropy latency nll bpc".split()
)
_HIGHER = frozenset(
    "accuracy acc auc auroc auprc f1 fbeta precision recall r2 score map ndcg mrr bleu rouge iou dice kappa "
    "mcc sensitivity specificity ap gini hits".split()
)
_HELD_OUT = {"val", "valid", "validation", "test", "eval", "holdout", "dev"}
_TRAINING = {"train", "training", "fit"}


@dataclass(frozen=True, slots=True)
class MetricRules:
    """What the configuration says of metrics: ``[metrics]``."""

    primary: str | None = None
    lower: frozenset[str] = frozenset()
    higher: frozenset[str] = frozenset()


def _words(key: str) -> list[str]:
    return [w for w in re.split(r"[^a-z0-9]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", key).lower()) if w]


def direction(key: str, rules: MetricRules) -> str | None:
    """Return ``min``, ``max`` or ``None``: from the configuration, else from the metric's name."""
    if key in rules.lower:
        return "min"
    if key in rules.higher:
        return "max"
    words = _words(key)
    joined = "".join(words)
    if joined.endswith(("logloss", "crossentropy")):
        return "min"
    for word in reversed(words):
        if word in _LOWER or word.endswith(("loss", "error")):
            return "min"
        if word in _HIGHER or word.endswith(("accuracy", "score")):
            return "max"
    return None


def primary_metric(keys: Iterable[str], rules: MetricRules) -> str | None:
    """Return the metric that stands for a model.

    The configured one if it is there; else one with a known direction, held-out before unnamed before
    training, shorter names first; else ``None``.
    """
    present: Sequence[str] = sorted(keys)
    if rules.primary is not None:
        return rules.primary if rules.primary in present else None

    def rank(key: str) -> tuple[int, int, int, str]:
        words = set(_words(key))
        kind = 2 if words & _TRAINING else 0 if words & _HELD_OUT else 1
        named = 0 if key in rules.lower or key in rules.higher else 1
        return (named, kind, len(key), key)

    known = [key for key in present if direction(key, rules)]
    return min(known, key=rank) if known else None


def can_be_ranked(value: float) -> bool:
    """Tell whether a value is a number like others: neither NaN nor an infinity, also as MLflow stores it."""
    return math.isfinite(value) and abs(value) < _INFINITE
