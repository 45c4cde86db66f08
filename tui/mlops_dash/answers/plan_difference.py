"""What does a change of version mean for the model and for those who call it?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from mlops_dash.answers.compare_shapes import CodeBetween, CompareAnswer, DataLine, MetricLine, TextLine
from mlops_dash.answers.shapes import CodeFacts, RunFacts
from mlops_dash.domain.metrics import MetricRules, primary_metric

# what MLflow accepts where a signature asks for more: the wider type on the right of each
_WIDER = {
    "integer": frozenset({"long", "double"}),
    "long": frozenset[str](),
    "float": frozenset({"double"}),
    "boolean": frozenset[str](),
}
_TENSOR = re.compile(r"tensor (\S+) (\[.*\])")


class PlanSide(Struct, frozen=True):
    """One of the two versions.

    Attributes:
        run: ``None`` where the tracking store does not have it.
        artifacts: why its packages and signature are not known; ``None`` where they are.
    """

    version: str
    run: RunFacts | None = None
    code: CodeFacts | None = None
    artifacts: str | None = None


class MetricChange(Struct, frozen=True):
    """A metric before and after.

    Attributes:
        delta, relative: after less before, and as a part of it; ``None`` where it cannot be told.
        better: ``min``, ``max`` or ``None`` where the direction is not known.
        side: ``better`` or ``worse`` after the change, ``same``, or ``None`` where it cannot be told.
        primary: it stands for the model.
    """

    key: str
    before: float | None
    after: float | None
    delta: float | None
    relative: float | None
    better: str | None
    side: str | None
    primary: bool = False


class TextChange(Struct, frozen=True):
    """A parameter or package that differs; ``None`` where a side does not have it."""

    key: str
    before: str | None
    after: str | None


class DataChange(Struct, frozen=True):
    """A dataset that differs, by digest; ``kind`` is mlflow or dvc, sizes are in words."""

    name: str
    kind: str
    context: str | None
    before: str | None
    after: str | None
    before_size: str | None = None
    after_size: str | None = None


class SignatureChange(Struct, frozen=True):
    """A part of the signature that differs.

    Attributes:
        key: ``inputs.age``, ``outputs``, ``params.top_k``.
        breaks: callers that fit the old version would fail or read something else.
        words: what that means for callers.
    """

    key: str
    before: str | None
    after: str | None
    breaks: bool
    words: str


class PlanDifference(Struct, frozen=True):
    """What differs between the version that is live and the one that is wanted.

    Attributes:
        before: ``None`` where nothing is known to be live: then there is nothing to compare with.
        metrics: all of both, the one that stands for the model first.
        params, data, packages, signature: only what differs.
        code: what lies between the commits; ``None`` where there is nothing to compare with.
        unknown: what is not known, and why, for a person.
        reading: what Git and artifacts tell is not all there yet: asked again, there is more.
    """

    before: PlanSide | None
    after: PlanSide
    metrics: tuple[MetricChange, ...] = ()
    params: tuple[TextChange, ...] = ()
    data: tuple[DataChange, ...] = ()
    code: CodeBetween | None = None
    packages: tuple[TextChange, ...] = ()
    signature: tuple[SignatureChange, ...] = ()
    unknown: tuple[str, ...] = ()
    reading: bool = False

    @property
    def breaking(self) -> tuple[SignatureChange, ...]:
        """The changes of the signature that break callers."""
        return tuple(change for change in self.signature if change.breaks)


def plan_difference(
    answer: CompareAnswer, before: str | None, after: str, rules: MetricRules
) -> PlanDifference:
    """Return what differs between the first item of a comparison, the baseline, and its second.

    Args:
        before: version of the first item; ``None``: nothing is known to be live, both items are the wanted.
        after: version of the second.
    """
    sides = [
        PlanSide(version, item.run, item.code, artifacts)
        for version, item, artifacts in zip(
            (before or "", after), answer.items, answer.artifacts, strict=True
        )
    ]
    alone = before is None
    known = all(side.artifacts is None for side in sides)
    first = primary_metric([line.key for line in answer.metrics], rules)
    return PlanDifference(
        before=None if alone else sides[0],
        after=sides[1],
        metrics=tuple(_metric(line, line.key == first, alone) for line in answer.metrics),
        params=() if alone else _texts(answer.params),
        data=() if alone else tuple(_data(line) for line in answer.data if line.differs),
        code=None if alone else answer.code[0],
        packages=_texts(answer.packages) if known and not alone else (),
        signature=signature_changes(answer.signature) if known and not alone else (),
        unknown=tuple(_unknown(sides[1:] if alone else sides)),
        reading=answer.reading,
    )


def _unknown(sides: Sequence[PlanSide]) -> Iterator[str]:
    for side in sides:
        if side.run is None:
            yield f"the run of version {side.version} is not in the tracking store"
        if side.artifacts is not None:
            yield f"packages and signature of version {side.version}: {side.artifacts}"


def _metric(line: MetricLine, primary: bool, alone: bool) -> MetricChange:
    before, after = line.values
    if alone:
        return MetricChange(line.key, None, after, None, None, line.better, None, primary)
    delta = line.deltas[1]
    side = None
    if delta is not None:
        side = "same" if delta == 0 else None
        if line.better is not None and delta != 0:
            side = "better" if (delta < 0) == (line.better == "min") else "worse"
    return MetricChange(line.key, before, after, delta, line.relative[1], line.better, side, primary)


def _texts(lines: Sequence[TextLine]) -> tuple[TextChange, ...]:
    return tuple(TextChange(line.key, *line.values) for line in lines if line.differs)


def _data(line: DataLine) -> DataChange:
    return DataChange(line.name, line.kind, line.context, *line.digests, *line.sizes)


# signatures


def signature_changes(lines: Sequence[TextLine]) -> tuple[SignatureChange, ...]:
    """Judge what differs between two signatures, what breaks callers first.

    Callers are judged by what MLflow enforces: columns that are not asked for are dropped, integers and
    floats are widened where nothing is lost, an unknown parameter is ignored.
    """
    has = [any(line.values[side] is not None for line in lines) for side in (0, 1)]
    if has == [True, False]:
        words = "nothing is checked any more: the version has no signature"
        return tuple(_change(line, False, words) for line in lines if line.differs)
    if has == [False, True]:
        words = "checked from now on: the version before has no signature"
        return tuple(_change(line, False, words) for line in lines if line.differs)
    judged = [_judged(line) for line in lines if line.differs]
    return tuple(sorted(judged, key=lambda change: not change.breaks))


def _change(line: TextLine, breaks: bool, words: str) -> SignatureChange:
    return SignatureChange(line.key, line.values[0], line.values[1], breaks, words)


def _judged(line: TextLine) -> SignatureChange:
    part = line.key.partition(".")[0]
    before, after = line.values
    if part == "inputs":
        return _change(line, *_input(before, after))
    if part == "outputs":
        return _change(line, *_output(before, after))
    return _change(line, *_param(before, after))


def _input(before: str | None, after: str | None) -> tuple[bool, str]:
    if after is None:
        return False, "callers may go on sending it: it is dropped"
    wanted, optional = _plain(after)
    if before is None:
        if optional:
            return False, "new, and optional"
        return True, "new and required: calls without it fail"
    sent, was_optional = _plain(before)
    if not _accepts(wanted, sent):
        return True, "another type: calls that send the old one fail"
    if was_optional and not optional:
        return True, "required now: calls without it fail"
    return False, "what callers send still fits"


def _output(before: str | None, after: str | None) -> tuple[bool, str]:
    if after is None:
        return True, "gone: callers that read it fail"
    if before is None:
        return False, "new"
    wanted, optional = _plain(before)
    given, is_optional = _plain(after)
    if wanted != given:
        return True, "another type: callers read something else"
    if is_optional and not optional:
        return True, "may be missing now: callers that rely on it fail"
    return False, "what callers read still fits"


def _param(before: str | None, after: str | None) -> tuple[bool, str]:
    if after is None:
        return False, "callers may go on sending it: it is ignored"
    if before is None:
        return False, "new, with a default"
    if before.partition(" = ")[0] != after.partition(" = ")[0]:
        return True, "another type: calls that send the old one fail"
    return False, "another default: calls without it behave differently"


def _plain(told: str) -> tuple[str, bool]:
    return told.removesuffix(" optional"), told.endswith(" optional")


def _accepts(wanted: str, sent: str) -> bool:
    if wanted == sent or wanted in _WIDER.get(sent, ()):
        return True
    new, old = _TENSOR.fullmatch(wanted), _TENSOR.fullmatch(sent)
    return new is not None and old is not None and new[1] == old[1] and _fits(_shape(new[2]), _shape(old[2]))


def _shape(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _fits(wanted: Any, sent: Any) -> bool:
    """Tell whether a tensor of one shape is one of another: ``-1`` is any length."""
    if not isinstance(wanted, list) or not isinstance(sent, list) or len(wanted) != len(sent):
        return False
    return all(size in (-1, other) for size, other in zip(wanted, sent, strict=True))
