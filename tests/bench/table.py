"""What was measured, as a markdown table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table.

    Attributes:
        ours, reference: what was measured, in ``unit``; ``reference`` is ``None`` where there is none.
        limit: what must be reached: a multiple of the reference, or ``unit``s where there is none;
            ``None`` for a figure that is only told.
    """

    target: str
    measure: str
    unit: str
    ours: float
    reference: float | None = None
    against: str = ""
    limit: float | None = None

    @property
    def reached(self) -> bool:
        """Whether the limit is kept."""
        value = self.ours if self.reference is None else self.ours / self.reference
        return self.limit is None or value <= self.limit

    def cells(self) -> list[str]:
        """Return the row's cells."""
        reference = "" if self.reference is None else f"{self.against}: {_number(self.reference)} {self.unit}"
        ratio = "" if self.reference is None else f"{self.ours / self.reference:.2f}"
        limit = ""
        if self.limit is not None:
            limit = f"≤ {self.limit:g} " + ("×" if self.reference is not None else self.unit)
        verdict = "" if self.limit is None else "reached" if self.reached else "**missed**"
        return [
            self.target,
            self.measure,
            f"{_number(self.ours)} {self.unit}",
            reference,
            ratio,
            limit,
            verdict,
        ]


def markdown(figures: Sequence[Figure]) -> str:
    """Return the table of ``figures``."""
    head = ["", "measure", "ours", "reference", "ratio", "must reach", "verdict"]
    rows = [head, ["---"] * len(head), *(figure.cells() for figure in figures)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def middle(values: Sequence[float]) -> float:
    """Return the median of several measurements."""
    return float(median(values))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
