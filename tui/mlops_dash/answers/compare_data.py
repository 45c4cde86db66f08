"""Datasets side by side: those that MLflow recorded, and those tracked with DVC at the commits."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from mlops_dash.answers.compare_metrics import by_name
from mlops_dash.answers.compare_shapes import DataLine
from mlops_dash.answers.facts import dataset_source

_UNITS = ("kB", "MB", "GB", "TB", "PB")
_LONGEST_PROFILE = 1_000_000


@dataclass(frozen=True, slots=True)
class Used:
    """A dataset version that an item used; ``size`` in words."""

    name: str
    kind: str
    context: str | None
    digest: str
    source: str | None
    size: str | None

    @property
    def line(self) -> tuple[str, str, str]:
        """What the same dataset of other items has in common with it."""
        return (self.kind, self.name, self.context or "")


def mlflow_data(row: Mapping[str, Any]) -> Used:
    """Read a row of ``queries/compare_inputs.sql``."""
    source = dataset_source(row["source_type"], row["source"])
    return Used(row["name"], "mlflow", row["context"], row["digest"], source, rows_of(row["profile"]))


def dvc_data(row: Mapping[str, Any]) -> Used:
    """Read a row of ``queries/compare_dvc.sql``."""
    size = bytes_in_words(row["size"])
    return Used(row["path"], "dvc", None, row["digest"], row["tracked_in"], size)


def data_lines(used: Sequence[Sequence[Used] | None]) -> tuple[DataLine, ...]:
    """Return a line for every dataset that an item used.

    Args:
        used: the datasets of each item; ``None`` where nothing is known of it: that is no difference.
    """
    lines: dict[tuple[str, str, str], list[list[Used]]] = defaultdict(lambda: [[] for _ in used])
    for place, several in enumerate(used):
        for one in several or ():
            lines[one.line][place].append(one)
    known = [several is not None for several in used]
    order = sorted(lines, key=lambda line: (line[0] != "mlflow", by_name(line[1]), line[2]))
    return tuple(_line(row, known) for line in order for row in _rows(lines[line]))


def _rows(columns: Sequence[Sequence[Used]]) -> Iterable[tuple[Used | None, ...]]:
    """Set versions of one dataset side by side: those that all items used first, then each item's own."""
    by_digest = [{one.digest: one for one in sorted(column, key=lambda u: u.digest)} for column in columns]
    shared = set.intersection(*(set(found) for found in by_digest)) if by_digest else set()
    for digest in sorted(shared):
        yield tuple(found[digest] for found in by_digest)
    yield from zip_longest(*([u for d, u in found.items() if d not in shared] for found in by_digest))


def _line(row: Sequence[Used | None], known: Sequence[bool]) -> DataLine:
    one = next(used for used in row if used is not None)
    told = [used.digest if used else None for used, is_known in zip(row, known, strict=True) if is_known]
    return DataLine(
        name=one.name,
        kind=one.kind,
        context=one.context,
        digests=tuple(used.digest if used else None for used in row),
        sources=tuple(used.source if used else None for used in row),
        sizes=tuple(used.size if used else None for used in row),
        differs=len(set(told)) > 1,
    )


def rows_of(profile: str | None) -> str | None:
    """Return how many rows a dataset has, in words, where MLflow's profile of it tells."""
    if not profile or len(profile) > _LONGEST_PROFILE:
        return None
    try:
        told = json.loads(profile)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    rows, about = told.get("num_rows"), ""
    shape = told.get("features_shape")
    if rows is None and isinstance(shape, list) and shape:
        rows = shape[0]  # of an array the first dimension counts the samples
    if rows is None:
        rows, about = told.get("approx_count"), "about "
    if isinstance(rows, bool) or not isinstance(rows, int) or not 0 <= rows < 1 << 63:
        return None
    return f"{about}{rows:,} row{'' if rows == 1 else 's'}"


def bytes_in_words(size: int | None) -> str | None:
    """Return a size as ``512 bytes`` or ``1.2 MB``."""
    if size is None or size < 0:
        return None
    if size < 1000:
        return f"{size} byte{'' if size == 1 else 's'}"
    number, units = size / 1000, list(_UNITS)
    while number >= 999.5 and len(units) > 1:
        number /= 1000
        units.pop(0)
    return f"{number:.3g} {units[0]}" if number < 999.5 else f"{number:,.0f} {units[0]}"
