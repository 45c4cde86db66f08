"""The verdict: whether a rebuilt run came out as the original did, and what differs if not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlops_dash.actions.judging.causes import ROUNDING, differing_inputs, told_by_digest_alone
from mlops_dash.actions.judging.folders import FilesCompared, compare_artifacts, imported
from mlops_dash.actions.judging.numbers import MetricsCompared, compare_metrics, relative
from mlops_dash.actions.judging.predicting import Interpreter, Predicted, compare_predictions, unequal
from mlops_dash.actions.judging.sides import FINISHED, Side, Tolerances, clean
from mlops_dash.domain.metrics import MetricRules, primary_metric
from mlops_dash.domain.rebuilds import Difference, Judgement, Verdict

_MOST_TOLD = 200
UNEXPLAINED = "nothing that was recorded differs: unfixed randomness or threads are likely"


@dataclass(frozen=True, slots=True)
class _Evidence:
    metrics: MetricsCompared
    files: FilesCompared
    predicted: tuple[Predicted, ...]

    @property
    def outcomes(self) -> tuple[Difference, ...]:
        return (*self.metrics.differing, *unequal(self.predicted), *self.files.differing)

    @property
    def missing(self) -> list[str]:
        metrics = [
            one.name for one in self.metrics.differing if one.original is not None and one.rebuilt is None
        ]
        return [f"metric {name}" for name in metrics] + self.files.missing


def judge(
    original: Side,
    rebuilt: Side,
    *,
    tolerances: Tolerances | None = None,
    interpreter: Interpreter | None = None,
    rules: MetricRules | None = None,
) -> Judgement:
    """Compare a rebuilt run with its original.

    *Identical*: every metric of the original is equal to the last bit and every artifact in bytes or content,
    all could be compared, and nothing is new. *Equivalent*: no metric and no artifact is missing, metrics and
    predictions are within tolerance; where predictions cannot be compared, metrics alone decide, if there are
    any. *Failed*: the rebuilt run did not finish. Else *diverged*, also where too little could be compared.

    Models are loaded only where their files differ, in a process of their own; it may take minutes.

    Args:
        interpreter: what loads models; without one predictions are not compared.
        rules: which metric stands for a model.
    """
    tolerances = tolerances or Tolerances()
    if rebuilt.status != FINISHED:
        words = f"failed: the rebuilt run ended {clean(rebuilt.status, 40)}"
        return Judgement(Verdict.FAILED, words, (), differing_inputs(original, rebuilt), ())
    files = compare_artifacts(original, rebuilt)
    evidence = _Evidence(
        compare_metrics(original.metrics, rebuilt.metrics, tolerances),
        files,
        compare_predictions(files.unlike, interpreter, tolerances.predictions),
    )
    verdict, why = _decide(evidence)
    inputs = differing_inputs(
        original,
        rebuilt,
        files.inputs,
        imported=imported(original),
        rounding=_is_rounding(evidence, original, rebuilt),
    )
    by_digest = told_by_digest_alone(original, rebuilt)
    unseen = [f"data {by_digest[0]} beyond its first 10,000 rows"] if by_digest else []
    unseen += _unrecorded(original)
    words = _words(verdict, why, evidence, inputs, unseen, rules or MetricRules())
    compared = (
        *evidence.metrics.lines,
        *(f"predictions of {one.name}: {one.words}" for one in evidence.predicted),
        *files.lines,
        *(
            f"data {name}: same digest of MLflow, which covers its first 10,000 rows only"
            for name in by_digest
        ),
    )
    return Judgement(verdict, words, _bounded(evidence.outcomes), inputs, compared)


def _bounded(outcomes: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """Return as many differences as a person and a record take, those that matter first."""
    ordered = sorted(outcomes, key=lambda one: one.within)
    if len(ordered) <= _MOST_TOLD:
        return tuple(ordered)
    rest = ordered[_MOST_TOLD:]
    more = Difference(
        rest[0].kind,
        f"{len(rest):,} more",
        "…",
        "…",
        within=rest[0].within,
        words=f"{len(rest):,} more differ",
    )
    return (*ordered[:_MOST_TOLD], more)


def _decide(evidence: _Evidence) -> tuple[Verdict, str]:
    """Return the verdict and, where it is not plain from the outcomes, why."""
    metrics, files = evidence.metrics, evidence.files
    if not metrics.compared and not files.compared:
        return Verdict.DIVERGED, "nothing could be compared: there are no metrics and no artifacts"
    if missing := evidence.missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        return Verdict.DIVERGED, f"the rebuilt run lacks {', '.join(missing[:3])}{more}"
    if files.lost:
        return Verdict.DIVERGED, f"{files.lost[0]}, so that nothing shows that the models are the same"
    if any(not one.within for one in metrics.differing):
        return Verdict.DIVERGED, ""
    if not evidence.outcomes and not files.unknown:
        return Verdict.IDENTICAL, ""
    if any(one.known and not one.within for one in evidence.predicted):
        return Verdict.DIVERGED, ""
    unasked = next((one for one in evidence.predicted if not one.known), None)
    apart = any(not one.within for one in files.differing)
    if not metrics.compared and apart and (unasked is not None or not evidence.predicted):
        why = f"predictions were not compared ({unasked.words})" if unasked else "nothing predicts"
        return Verdict.DIVERGED, f"artifacts differ, there are no metrics, and {why}"
    return Verdict.EQUIVALENT, ""


def _is_rounding(evidence: _Evidence, original: Side, rebuilt: Side) -> bool:
    """Tell whether numbers differ by no more than rounding does."""
    for one in evidence.metrics.differing:
        if one.original is None or one.rebuilt is None:
            return False
        part = _part(one.name, original, rebuilt)
        if part is None or part > ROUNDING:
            return False
    return all(one.within for one in evidence.predicted if one.known)


def _part(name: str, original: Side, rebuilt: Side) -> float | None:
    """Return how far a metric lies apart, as a part of the original's."""
    if name not in original.metrics or name not in rebuilt.metrics:
        return None
    part = relative(original.metrics[name], rebuilt.metrics[name])
    return None if part is None else abs(part)


def _unrecorded(original: Side) -> list[str]:
    """Say what may have differed, too, because nobody recorded it of the original."""
    unknown = [
        (original.commit is not None and original.dirty is None, "uncommitted changes"),
        (original.variables is None and not original.packages, "packages"),
    ]
    names = [name for is_unknown, name in unknown if is_unknown]
    return [f"{' and '.join(names)}, which nobody recorded"] if names else []


def _words(
    verdict: Verdict,
    why: str,
    evidence: _Evidence,
    inputs: tuple[Difference, ...],
    unseen: Sequence[str],
    rules: MetricRules,
) -> str:
    metrics, files = evidence.metrics, evidence.files
    although = f", although {inputs[0].words}" if inputs else ""
    if verdict is Verdict.IDENTICAL:
        counted = [f"{metrics.compared} metric{'s' * (metrics.compared != 1)}"] if metrics.compared else []
        counted += [f"{files.compared} file{'s' * (files.compared != 1)}"] if files.compared else []
        are = "is" if metrics.compared + files.compared == 1 else "are"
        return f"identical: {' and '.join(counted)} {are} equal{although}"
    if verdict is Verdict.EQUIVALENT:
        return f"equivalent: {'; '.join(_near(evidence))}{although}"
    told = why or _main(evidence, rules)
    if inputs:
        return f"diverged: {told}; likeliest cause: {inputs[0].words}"
    beyond = f" (or {', or '.join(unseen)})" if unseen else ""
    return f"diverged: {told}; {UNEXPLAINED}{beyond}" if not why else f"diverged: {told}"


def _near(evidence: _Evidence) -> list[str]:
    """Say in what an equivalent run is not identical."""
    metrics, files = evidence.metrics, evidence.files
    near = sum(one.original is not None for one in metrics.differing)
    told = []
    if metrics.compared:
        told.append(f"{near} of {metrics.compared} metrics within tolerance" if near else "metrics are equal")
    for one in evidence.predicted[:3]:
        if not one.known:
            told.append(f"predictions of {one.name} were not compared ({one.words})")
        elif one.difference is None:
            told.append(f"predictions of {one.name} are equal")
        else:
            told.append(one.words)
    apart = sum(not one.within for one in files.differing)
    new = sum(one.original is None for one in (*metrics.differing, *files.differing))
    told += [f"{apart} file{'s differ' if apart != 1 else ' differs'}"] if apart else []
    told += [f"{new} new"] if new else []
    return told + files.unknown[:1]


def _main(evidence: _Evidence, rules: MetricRules) -> str:
    """Say the difference that matters most: of the metric that stands for the model, of another, a
    prediction's."""
    outside = {one.name: one for one in evidence.metrics.differing if not one.within}
    if outside:
        named = primary_metric(outside, rules) or next(iter(outside))
        more = f" and {len(outside) - 1} more" if len(outside) > 1 else ""
        return outside[named].words + more
    wrong = next((one for one in evidence.predicted if one.known and not one.within), None)
    return wrong.words if wrong is not None else "artifacts differ"
