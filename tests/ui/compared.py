"""Comparisons made by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from threading import Event
from typing import Any

from mlops_dash.answers.compare_shapes import (
    CodeBetween,
    CommitLine,
    CompareAnswer,
    CompareItem,
    Curve,
    CurvePoint,
    CurvesAnswer,
    DataLine,
    FileChange,
    Group,
    MetricLine,
    Spread,
    TextLine,
)
from mlops_dash.answers.shapes import CodeFacts, RunFacts
from mlops_dash.domain.environments import CodeStatus
from mlops_dash.errors import UsageError
from replacing import replace

OLD = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"
NEW = "9f3e210aa1b2c3d4e5f60718293a4b5c6d7e8f90"
DIFF = """\
diff --git a/train.py b/train.py
index 111..222 100644
--- a/train.py
+++ b/train.py
@@ -10,4 +10,5 @@ def fit(table):
 \tmodel = Ridge()
-    model.fit(table)
+    scaled = scale(table)
+    model.fit(scaled)
     return model
-- a removed comment of SQL
diff --git a/features.py b/features.py
new file mode 100644
--- /dev/null
+++ b/features.py
@@ -0,0 +1 @@
+COLUMNS = ("bmi", "bp")
\\ No newline at end of file
"""


def item(place: int, ref: str, **changes: Any) -> CompareItem:
    """The place-th item: production, staging, then runs."""
    run_id = f"{place:02d}ff8a7e2101f34b"
    run = RunFacts(run_id, f"fit-{17 + place}", "diabetes progression")
    old = place != 1
    code = CodeFacts(
        OLD if old else NEW,
        CodeStatus.OK,
        "Scale features" if old else "Tune trees",
        "Ann Lee" if old else "Bo Chen",
    )
    kinds: dict[int, dict[str, Any]] = {
        0: {"kind": "environment", "label": "production", "note": "v4 observed", "environment": "production"},
        1: {"kind": "environment", "label": "staging", "note": "v6 observed", "environment": "staging"},
    }
    parts = kinds.get(place, {"kind": "run", "label": f"fit-{17 + place}"})
    if place < 2:
        parts |= {"model": "progression", "version": "4" if place == 0 else "6"}
    return replace(CompareItem(ref=ref, run_id=run_id, run=run, code=code, **parts), **changes)


def metric(key: str, values: Sequence[float | None], better: str | None, baseline: int = 0) -> MetricLine:
    base = values[baseline]

    def less(value: float | None) -> float | None:
        return None if value is None or base is None or math.isnan(value - base) else value - base

    deltas = tuple(map(less, values))
    ranked = [value for value in values if value is not None and not math.isnan(value)]
    best: tuple[int, ...] = ()
    if better and len(set(ranked)) > 1:
        top = min(ranked) if better == "min" else max(ranked)
        best = tuple(place for place, value in enumerate(values) if value == top)
    relative = tuple(None if each is None or not base else each / abs(base) for each in deltas)
    return MetricLine(key, tuple(values), deltas, relative, better, best, len(set(values)) > 1)


def line(key: str, *values: str | None) -> TextLine:
    return TextLine(key, values, len(set(values)) > 1)


def filled(first: Sequence[Any], count: int) -> tuple[Any, ...]:
    """The first values, the last one again until there are ``count``."""
    return tuple(first[min(place, len(first) - 1)] for place in range(count))


def between(place: int) -> CodeBetween:
    if place != 1:
        return CodeBetween(place, OLD, OLD, "same")
    return CodeBetween(
        1,
        OLD,
        NEW,
        "diverged",
        ahead=(CommitLine(NEW, "Tune trees", "Bo Chen", None),),
        behind=(CommitLine(OLD, "Scale features", "Ann Lee", None),),
        ahead_count=1,
        behind_count=1,
        files=(FileChange("features.py", 1, 0), FileChange("train.py", 2, 2)),
        left_out=3,
        diff=DIFF,
    )


def compared(
    refs: Sequence[str] = ("production", "staging"), baseline: int = 0, **changes: Any
) -> CompareAnswer:
    """Production and staging, and as many runs as there are further references."""
    from ui.answers import NOW

    count = len(refs)

    def values(*first: float) -> list[float]:
        return [*first, *(first[-1] + place for place in range(1, count))][:count]

    made = CompareAnswer(
        as_of=NOW,
        items=tuple(item(place, ref) for place, ref in enumerate(refs)),
        baseline=baseline,
        metrics=(
            metric("rmse", values(53.914, 52.8012), "min", baseline),
            metric("mae", values(43.21, 42.0), "min", baseline),
            metric("r2", values(0.4821, 0.4999), "max", baseline),
            metric("seconds", values(12.5, 14.0), None, baseline),
        ),
        params=(
            line("alpha", *filled(("0.1", "0.5"), count)),
            line("model", *filled(("ridge",), count)),
            line("seed", *filled(("7", "8", "9"), count)),
        ),
        data=(
            DataLine(
                "diabetes.csv",
                "dvc",
                None,
                filled(("8d1e92f17c", "77aa01bc99"), count),
                filled(("data/diabetes.csv",), count),
                filled(("1.2 MB",), count),
                True,
            ),
        ),
        code=tuple(between(place) for place in range(count) if place != baseline),
        packages=(
            line("scikit-learn", *filled(("1.5.1", "1.6.0"), count)),
            line("numpy", *filled(("2.1.0",), count)),
        ),
        signature=(line("inputs", *filled(("bmi: double", "bmi: double, bp: double"), count)),),
        tags=(line("team", *filled(("blue",), count)),),
        groups=()
        if count < 4
        else (
            Group((1, 2), (Spread("rmse", 53.3, 0.71, 2), Spread("mae", 42.5, None, 1))),
            Group((0, 3), (Spread("rmse", 54.36, 0.63, 2),)),
        ),
        artifacts=(None,) * count,
    )
    return replace(made, **changes)


def curves_of(run_ids: Sequence[str], keys: Sequence[str], steps: int = 20) -> CurvesAnswer:
    """Falling curves, each run a little higher than the one before."""
    from ui.answers import NOW

    made = tuple(
        Curve(
            run_id,
            key,
            tuple(
                CurvePoint(
                    step, 1_790_000_000_000 + place * 3_600_000 + step * 1000, 50 + place + 40 / (step + 1)
                )
                for step in range(steps)
            ),
            steps,
        )
        for place, run_id in enumerate(run_ids)
        for key in keys
    )
    return CurvesAnswer(NOW, made)


def hurried(count: int) -> dict[str, Any]:
    """What is different while Git and artifacts have not answered."""
    reading = "being read …"
    code = tuple(CodeBetween(place, OLD, NEW, "unknown", reason=reading) for place in range(1, count))
    return {"code": code, "packages": (), "signature": (), "artifacts": (reading,) * count, "reading": True}


class HandComparisons:
    """Part of a board made by hand: what it answers about items side by side.

    Attributes:
        asked: the references and the baseline of every question.
        unknown: references that are not known.
        changes: what is different about every answer.
        drawn: the metrics whose curves were asked for.
        slow: Git and artifacts answer when it is set.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[tuple[str, ...], int]] = []
        self.unknown: set[str] = set()
        self.changes: dict[str, Any] = {}
        self.drawn: list[tuple[str, ...]] = []
        self.slow: Event | None = None

    def compare(self, *refs: str, baseline: int = 0, within: float | None = None) -> CompareAnswer:
        if within != 0:
            self.asked.append((refs, baseline))
        for ref in refs:
            if ref in self.unknown:
                raise UsageError(f"nothing here is called {ref!r}", "did you mean production?")
        if within is not None and self.slow is not None:
            return compared(refs, baseline, **self.changes, **hurried(len(refs)))
        if self.slow is not None:
            assert self.slow.wait(30)
        return compared(refs, baseline, **self.changes)

    def curves(self, run_ids: Sequence[str], keys: Sequence[str], *, points: int = 400) -> CurvesAnswer:
        self.drawn.append(tuple(keys))
        return curves_of(run_ids, keys)
