"""Comparisons made by hand: a plain one, one whose every text is hostile, and one that is too large."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from msgspec import Struct, structs

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

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
NAN, INF = math.nan, math.inf

DIFF = """diff --git a/train.py b/train.py
index 1a2b3c4..5d6e7f8 100644
--- a/train.py
+++ b/train.py
@@ -1,5 +1,6 @@
 import mlflow
-ALPHA = 0.5
+ALPHA = 0.1
+L1_RATIO = 0.3
 def fit(x, y):
     return model
diff --git a/features/scale.py b/features/scale.py
new file mode 100644
--- /dev/null
+++ b/features/scale.py
@@ -0,0 +1,2 @@
+def scale(frame):
+    return (frame - frame.mean()) / frame.std()
"""


def item(place: int, label: str, kind: str = "run", note: str = "", **more: object) -> CompareItem:
    """An item with a run and a commit."""
    run = RunFacts(
        f"{place:032x}",
        f"fit-{place}",
        "diabetes",
        user=f"dev{place}",
        started_at=NOW - timedelta(days=place),
    )
    code = CodeFacts(f"{place + 1:x}" * 40, CodeStatus.OK, f"Change {place}", "dev1", NOW)
    known = {"run_id": run.run_id, "run": run, "code": code} | more
    return CompareItem(label, kind, label, note, **known)  # type: ignore[arg-type]


def metric(key: str, *values: float | None, better: str | None = None) -> MetricLine:
    """A metric against the first item, as the comparison makes it."""
    base = values[0]

    def delta(value: float | None) -> float | None:
        fits = value is not None and base is not None and math.isfinite(value) and math.isfinite(base)
        return value - base if fits else None  # type: ignore[operator]

    deltas = tuple(delta(value) for value in values)
    relative = tuple(d / abs(base) if d is not None and base else None for d in deltas)
    ranked = [value for value in values if value is not None and math.isfinite(value)]
    top = {"min": min, "max": max}.get(better or "")
    best = top(ranked) if top and len(set(ranked)) > 1 else None
    places = tuple(place for place, value in enumerate(values) if best is not None and value == best)
    return MetricLine(key, values, deltas, relative, better, places, len({repr(v) for v in values}) > 1)


def text(key: str, *values: str | None) -> TextLine:
    """A parameter, package or tag."""
    return TextLine(key, values, len(set(values)) > 1)


def curve(place: int, key: str, values: list[float | None]) -> Curve:
    """A history with a value each second."""
    points = tuple(
        CurvePoint(step, 1_700_000_000_000 + step * 1000, value) for step, value in enumerate(values)
    )
    return Curve(f"{place:032x}", key, points, len(points))


def plain() -> CompareAnswer:
    """Production against staging and two runs, one of them not a number in places."""
    commits = tuple(CommitLine(f"{n}f" * 20, f"Scale features, part {n}", "dev1", NOW) for n in range(4))
    files = (
        FileChange("features/scale.py", 2, 0),
        FileChange("model.bin", None, None),
        FileChange("train.py", 2, 1),
    )
    return CompareAnswer(
        as_of=NOW,
        items=(
            item(0, "production", "environment", "progression v4"),
            item(1, "staging", "environment", "progression v6"),
            item(2, "fit-17"),
            item(3, "fit-18"),
        ),
        baseline=0,
        metrics=(
            metric("rmse", 53.9123456789, 52.8012, 54.1, NAN, better="min"),
            metric("r2", 0.482, 0.503, 0.479, 0.31, better="max"),
            metric("train_seconds", 12.0, 14.5, 11.2, 12.0),
            metric("features", 10.0, 10.0, 10.0, 10.0),
            metric("loss", INF, 0.21, None, 0.25, better="min"),
            metric("mae", 43.1, 42.6, 43.1, 47.0, better="min"),
        ),
        params=(
            text("alpha", "0.5", "0.1", "0.01", "10"),
            text("l1_ratio", None, "0.3", "0.3", None),
            text("solver", "cholesky", "saga", "saga", "lsqr"),
            text("features", "bmi,bp,s5", "bmi,bp,s5", "bmi,bp,s5", "bmi,bp,s5"),
            text("notes", "x" * 6000, "first line\nsecond line", None, ""),
        ),
        data=(
            DataLine(
                "diabetes.csv", "mlflow", "training",
                ("8d1e33f0", "77aa02bc", "77aa02bc", None), ("data/diabetes.csv",) * 3 + (None,),
                ("442 rows", "442 rows", "442 rows", None), True,
            ),
            DataLine(
                "data/raw", "dvc", None,
                ("9b" * 16 + ".dir",) * 4, ("data/raw.dvc",) * 4, ("1.2 MB",) * 4, False,
            ),
        ),
        code=(
            CodeBetween(
                1, "1" * 40, "2" * 40, "diverged", commits, commits[:1], 4, 1, files, 2, DIFF,
            ),
            CodeBetween(2, "1" * 40, "1" * 40, "same"),
            CodeBetween(3, "1" * 40, "4" * 40, "unknown", reason="commit 4444444 is not in this repository"),
        ),
        packages=(
            text("numpy", "2.3.1", "2.4.0", "2.4.0", None),
            text("scikit-learn", "1.7.2", "1.7.2", "1.7.2", None),
        ),
        signature=(text("inputs", "age: double", "age: double", "age: double", None),),
        tags=(text("team", "risk", "risk", "risk", "risk"),),
        groups=(Group((1, 2), (Spread("rmse", 53.4506, 0.918, 2), Spread("r2", 0.491, None, 1))),),
        artifacts=(None, None, None, "its artifacts are in s3://models, which could not be reached"),
    )  # fmt: skip


def plain_curves() -> CurvesAnswer:
    """Two metrics of all four items; the last one's loss is no number halfway."""
    curves = []
    for place in range(4):
        loss: list[float | None] = [
            (2.2 + place / 3) * math.exp(-step / (14 + 3 * place)) + 0.3 + 0.05 * math.sin(step * (place + 2))
            for step in range(80)
        ]
        if place == 3:
            loss[40] = None
        curves.append(curve(place, "loss", loss))
        curves.append(
            curve(place, "rmse", [80 - 26 * (1 - math.exp(-s / (9 + place))) + place for s in range(80)])
        )
        curves.append(curve(place, "r2", [0.48]))
    return CurvesAnswer(NOW, tuple(curves), "histories of 1 run could not be read: it is gone")


# whatever runs of it says so: in the title, which any script could set
EVIL = (
    "</script><script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"
    "</title></style></textarea>--><svg onload=document.title='ran'>"
    "<a href=\"javascript:document.title='ran'\">"
    "<b>bold</b>&lt;i&gt;{{ 7 * 7 }}{% raw %}%{x}${1}\u2028\u202e\x1b]52;c;\x07\ud800'\"` "
)
_OURS = {"better", "status", "kind"}  # fields with words of ours


def hostile(value: Any, evil: Callable[[str], str] = lambda text: EVIL + text) -> Any:
    """Return an answer with hostile text before every text of it."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return evil(value)
    if isinstance(value, tuple):
        return tuple(hostile(entry, evil) for entry in value)
    if isinstance(value, Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__ if name not in _OURS}
        return structs.replace(value, **{name: hostile(entry, evil) for name, entry in fields.items()})
    return value


def large(items: int = 100, metrics: int = 5000, params: int = 1000) -> CompareAnswer:
    """As many items as there may be with more metrics and parameters than a page can hold."""
    runs = tuple(item(place, f"fit-{place}") for place in range(items))
    found = [
        metric(
            f"class_{n}/recall", *(((place * 7919 + n) % 1000) / 1000 for place in range(items)), better="max"
        )
        if n % 2
        else metric(f"count_{n}", *[float(n)] * items)
        for n in range(metrics)
    ]
    long = [text(f"layer_{n}", *("y" * 5000 + str(place) for place in range(items))) for n in range(params)]
    plain_params = [text("alpha", *(str(10 ** (place % 7) / 1000) for place in range(items)))]
    code = tuple(
        CodeBetween(place, "1" * 40, f"{place:x}" * 20, "ahead", ahead_count=1, diff=DIFF * 500)
        for place in range(1, items)
    )
    return CompareAnswer(
        NOW, runs, 0, tuple(found), (*plain_params, *long), (), code, (), (), (), (), (None,) * items
    )  # fmt: skip


def large_curves(items: int = 100, keys: int = 50, points: int = 400) -> CurvesAnswer:
    """Histories of many metrics of many items."""
    values: list[float | None] = [step / points for step in range(points)]
    return CurvesAnswer(
        NOW,
        tuple(
            curve(place, f"class_{2 * n + 1}/recall", values) for n in range(keys) for place in range(items)
        ),
    )
