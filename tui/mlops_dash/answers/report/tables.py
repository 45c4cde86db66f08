"""The tables of a report: what stands in each cell, and what is left out where there is too much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from mlops_dash.answers.compare_shapes import CompareAnswer, DataLine, Group, MetricLine, TextLine
from mlops_dash.answers.report import words

CELLS = 12_000  # of one table: what a browser lays out within a second or two
_SHORT = 120  # characters of a text in its cell; the rest unfolds
_WHOLE = 20_000  # characters of a text at most
_TEXT = 2_000_000  # characters of all unfolding texts of a report


class _Line(Protocol):
    @property
    def differs(self) -> bool: ...


_AnyLine = TypeVar("_AnyLine", bound=_Line)


@dataclass(frozen=True, slots=True)
class Text:
    """A text: its beginning, and where that is not all of it the whole and what is missing even there."""

    short: str
    whole: str | None = None
    cut: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """What an item has in a row.

    Attributes:
        text: ``None`` where it has nothing.
        exact: the number behind ``text``, to the last bit.
        delta: against the baseline.
        mark: better or worse than the baseline, else empty.
        best: whether no other item is better.
        unknown: whether it may have something, but what that is could not be learned.
        differs: from the baseline.
        notes: further facts, each on a line of its own.
    """

    text: Text | None
    exact: str = ""
    delta: str = ""
    mark: str = ""
    best: bool = False
    unknown: bool = False
    differs: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table; ``note`` stands under its name."""

    name: Text
    cells: tuple[Cell, ...]
    differs: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a row for each name and a column for each item.

    Attributes:
        differing, total: how many names differ, how many there are, shown or not.
        notes: what is left out and why, each a sentence.
    """

    id: str
    title: str
    what: str
    rows: tuple[Row, ...]
    differing: int
    total: int
    notes: tuple[str, ...] = ()


class TextRoom:
    """How much text a report still takes: a hundred items may have a thousand long parameters each."""

    def __init__(self, characters: int = _TEXT) -> None:
        self._left = characters

    def text(self, value: str) -> Text:
        """Return what is shown of a text."""
        if len(value) <= _SHORT and "\n" not in value:
            return Text(words.line(value))
        short = words.line(value, _SHORT)
        whole = min(len(value), _WHOLE)
        if whole > self._left:
            return Text(short, None, f"{len(value):,} characters")
        self._left -= whole
        missing = len(value) - whole
        return Text(short, words.lines(value, _WHOLE), f"{missing:,} characters more" if missing else "")


def tables(answer: CompareAnswer) -> list[Table]:
    """Return the tables of metrics, parameters, data, packages, signature and tags, in this order.

    Those without any row are among them: that nothing is known is an answer.
    """
    room = TextRoom()
    artifacts = _texts(room, answer.artifacts)
    return [
        _table(answer, "metrics", "Metrics", "metric", answer.metrics, _metric),
        _table(answer, "params", "Parameters", "parameter", answer.params, _texts(room)),
        _table(answer, "data", "Data", "dataset", answer.data, _data),
        _table(answer, "packages", "Packages", "package", answer.packages, artifacts, _unknown(answer)),
        _table(answer, "signature", "Signature", "part", answer.signature, artifacts, _unknown(answer)),
        _table(answer, "tags", "Tags", "tag", answer.tags, _texts(room)),
    ]


def _table(
    answer: CompareAnswer,
    id: str,  # noqa: A002 - the attribute of HTML
    title: str,
    what: str,
    found: Sequence[_AnyLine],
    row: Callable[[_AnyLine, int], Row],
    notes: tuple[str, ...] = (),
) -> Table:
    kept = _kept(found, max(1, CELLS // max(1, len(answer.items))))
    if len(kept) < len(found):
        notes = (
            f"{len(kept):,} of {words.plural(len(found), what)} are shown, those that differ first: "
            "compare --csv writes all of them.",
            *notes,
        )
    differing = sum(entry.differs for entry in found)
    return Table(
        id, title, what, tuple(row(entry, answer.baseline) for entry in kept), differing, len(found), notes
    )


def _kept(found: Sequence[_AnyLine], most: int) -> list[_AnyLine]:
    if len(found) <= most:
        return list(found)
    # sorted() keeps the order of equals: those that differ come first, then the others
    places = sorted(range(len(found)), key=lambda place: not found[place].differs)[:most]
    return [found[place] for place in sorted(places)]


def _unknown(answer: CompareAnswer) -> tuple[str, ...]:
    reasons: dict[str, list[int]] = {}
    for place, reason in enumerate(answer.artifacts):
        if reason is not None:
            reasons.setdefault(reason, []).append(place)
    return tuple(f"Unknown for {words.letters(who)}: {words.line(why)}" for why, who in reasons.items())


def _metric(found: MetricLine, baseline: int) -> Row:
    cells = []
    for place, value in enumerate(found.values):
        if value is None:
            cells.append(Cell(None, differs=found.values[baseline] is not None))
            continue
        delta = found.deltas[place] if place != baseline else None
        shown = ""
        mark = ""
        if delta is not None and found.differs:
            part = words.percent(found.relative[place])
            shown = words.signed(delta) + (f" ({part})" if part else "")
            if found.better is not None and delta != 0:
                mark = "better" if (delta < 0) == (found.better == "min") else "worse"
        differs = words.exact(value) != _exact(found.values[baseline])
        cells.append(
            Cell(
                Text(words.number(value)),
                words.exact(value),
                shown,
                mark,
                place in found.best,
                differs=differs,
            )
        )
    note = {"min": "lower is better", "max": "higher is better"}.get(found.better or "", "")
    return Row(Text(words.line(found.key)), tuple(cells), found.differs, note)


def _exact(value: float | None) -> str:
    return "" if value is None else words.exact(value)


def _texts(room: TextRoom, unknown: Sequence[str | None] = ()) -> Callable[[TextLine, int], Row]:
    gaps = {place for place, reason in enumerate(unknown) if reason is not None}

    def cell(found: TextLine, place: int, baseline: int) -> Cell:
        value, base = found.values[place], found.values[baseline]
        if value is None and place in gaps:
            return Cell(None, unknown=True)
        differs = value != base and not (base is None and baseline in gaps)
        return Cell(None if value is None else room.text(value), differs=differs)

    def row(found: TextLine, baseline: int) -> Row:
        cells = tuple(cell(found, place, baseline) for place in range(len(found.values)))
        return Row(Text(words.line(found.key)), cells, found.differs)

    return row


def _data(found: DataLine, baseline: int) -> Row:
    cells = []
    for digest, source, size in zip(found.digests, found.sources, found.sizes, strict=True):
        notes = tuple(words.line(part) for part in (size, source) if part)
        text = None if digest is None and not notes else Text(words.line(digest or "digest unknown"))
        cells.append(Cell(text, notes=notes, differs=digest != found.digests[baseline]))
    note = words.line(", ".join(part for part in (found.kind, found.context) if part))
    return Row(Text(words.line(found.name)), tuple(cells), found.differs, note)


@dataclass(frozen=True, slots=True)
class GroupTable:
    """Means of repeats: ``heads`` are (letters, how many), a cell is (mean, deviation, exact mean, count)."""

    heads: tuple[tuple[str, int], ...]
    rows: tuple[tuple[str, tuple[tuple[str, str, str, int] | None, ...]], ...]
    left_out: int


def group_table(answer: CompareAnswer) -> GroupTable | None:
    """Return means and deviations by group, ``None`` where nothing is a repeat of anything."""
    if not answer.groups:
        return None
    places = {found.key: place for place, found in enumerate(answer.metrics)}
    keys = {spread.key for group in answer.groups for spread in group.spreads}
    ordered = sorted(keys, key=lambda key: (places.get(key, len(places)), key))
    kept = ordered[: max(1, CELLS // len(answer.groups))]
    spreads = [{spread.key: spread for spread in group.spreads} for group in answer.groups]
    rows = []
    for key in kept:
        cells: list[tuple[str, str, str, int] | None] = []
        for found in spreads:
            spread = found.get(key)
            if spread is None or spread.mean is None:
                cells.append(None)
                continue
            deviation = "" if spread.deviation is None else words.number(spread.deviation)
            cells.append((words.number(spread.mean), deviation, words.exact(spread.mean), spread.count))
        rows.append((words.line(key), tuple(cells)))
    heads = tuple((_members(group), len(group.items)) for group in answer.groups)
    return GroupTable(heads, tuple(rows), len(ordered) - len(kept))


def _members(group: Group) -> str:
    return words.letters(group.items)
