"""A comparison as a pandas frame, for notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from mlops_dash.answers.compare_shapes import CompareAnswer

OWN = ("kind", "key", "differs", "better")
Row = tuple[str, str, bool, str | None, tuple[Any, ...]]


def compare_frame(answer: CompareAnswer) -> pd.DataFrame:
    """Return one row for each metric, parameter, dataset, package, part of the signature and tag.

    Columns are ``kind`` (metric, param, data, package, signature, tag), ``key``, ``differs``, ``better`` and
    one for each item by its label. Values are numbers for metrics and text for the rest; ``None`` where an
    item has none. The baseline's label is in ``frame.attrs["baseline"]``, the references in
    ``frame.attrs["refs"]``.
    """
    import pandas as pd

    rows = list(compare_rows(answer))
    names = column_names(answer)
    columns: dict[str, list[Any]] = {name: [row[at] for row in rows] for at, name in enumerate(OWN)}
    columns |= {name: [row[4][place] for row in rows] for place, name in enumerate(names)}
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    frame["differs"] = frame["differs"].astype(bool)
    frame.attrs["baseline"] = names[answer.baseline]
    frame.attrs["refs"] = [item.ref for item in answer.items]
    return frame


def compare_rows(answer: CompareAnswer) -> Iterator[Row]:
    """Yield (kind, key, differs, better, values of the items) of every line of a comparison."""
    for metric in answer.metrics:
        yield ("metric", metric.key, metric.differs, metric.better, metric.values)
    for param in answer.params:
        yield ("param", param.key, param.differs, None, param.values)
    for data in answer.data:
        key = f"{data.name} ({data.context})" if data.context else data.name
        yield ("data", key, data.differs, None, data.digests)
    for kind, lines in (
        ("package", answer.packages), ("signature", answer.signature), ("tag", answer.tags),
    ):  # fmt: skip
        for line in lines:
            yield (kind, line.key, line.differs, None, line.values)


def column_names(answer: CompareAnswer) -> list[str]:
    """Return a name of its own for every item's column: its label, unless that is a column already."""
    names: list[str] = []
    for item in answer.items:
        name, number = item.label, 1
        while name in names or name in OWN:
            number += 1
            name = f"{item.label} ({number})"
        names.append(name)
    return names
