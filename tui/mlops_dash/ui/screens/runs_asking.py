"""What the Runs screen asks, in a thread: an index with the rows of it that will be in sight."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from mlops_dash.answers.run_shapes import RunIndex, RunRow, RunsRequest
from mlops_dash.errors import UsageError
from mlops_dash.ui.widgets.index_table import Stretch

if TYPE_CHECKING:
    from mlops_dash.ui.board import Board

MOST_MARKED = 1000
_MORE = 3  # rows above and below those in sight that come with them; the others are fetched afterwards


class Stand(Struct, frozen=True):
    """Where a person looks: what is to stay in its place.

    Attributes:
        key: the run under the cursor; ``None`` where the cursor goes to the first one.
        place: where it is now.
        first: the run in the first line, where the cursor is not in sight.
        top: the place of the first line.
        height: lines for runs.
    """

    key: str | None
    place: int
    first: str | None
    top: int
    height: int


class Looked(Struct, frozen=True):
    """An index and its rows that will be in sight.

    Attributes:
        columns: ids of the columns that the rows have values of.
        cursor: the place where the cursor goes.
        top: the place of the first line.
    """

    index: RunIndex
    held: Stretch[RunRow]
    columns: tuple[str, ...]
    cursor: int
    top: int


def look(
    board: Board, request: RunsRequest, columns: tuple[str, ...], stand: Stand, *, keep_top: bool
) -> Looked:
    """Ask which runs match, and what is shown of those that will be in sight.

    Args:
        keep_top: where the first line is the first run, it stays so.

    Raises:
        FilterError, UsageError: as :meth:`Board.run_index`.
    """
    index = board.run_index(request)
    cursor, top = _where(index, stand, keep_top)
    height = max(1, stand.height)
    top = max(min(top, cursor), cursor - height + 1)  # the cursor is brought into sight
    start = max(0, min(top, len(index) - height) - _MORE)
    stop = min(len(index), start + height + 2 * _MORE)
    return Looked(index, rows_of(board, index, start, stop, columns), columns, cursor, top)


def _where(index: RunIndex, stand: Stand, keep_top: bool) -> tuple[int, int]:
    """Return the places of the cursor and of the first line: the run under the cursor stays where it is on
    the screen; out of sight, the first line does."""
    if stand.key is None:
        return 0, 0
    found = index.place(stand.key)
    if found is None:
        return min(stand.place, max(0, len(index) - 1)), stand.top
    if keep_top and stand.top == 0 and found < stand.height:
        return found, 0
    if stand.first is not None and (first := index.place(stand.first)) is not None:
        return found, first
    return found, found - (stand.place - stand.top)


def rows_of(board: Board, index: RunIndex, start: int, stop: int, columns: Sequence[str]) -> Stretch[RunRow]:
    """Ask what is shown of a stretch of an index."""
    keys = index.run_ids(start, stop)
    return Stretch(start, keys, {row.run_id: row for row in board.run_rows(keys, columns)})


def prepare_comparison() -> None:
    """Import what a comparison is made and drawn with, before one is asked for."""
    import mlops_dash.answers.compare
    import mlops_dash.answers.compare_code
    import mlops_dash.answers.compare_packages
    import mlops_dash.answers.histories
    import mlops_dash.project.comparing
    import mlops_dash.project.histories
    import mlops_dash.sources.git_between
    import mlops_dash.ui.screens.compare  # noqa: F401


def between(index: RunIndex, one: str, other: int) -> Sequence[str]:
    """Return the runs from that with the id ``one`` to the place ``other``.

    Raises:
        UsageError: the run is not shown, or there are too many between.
    """
    place = index.place(one)
    if place is None:
        raise UsageError("the last marked run is not shown now", "esc shows all runs again")
    start, stop = min(place, other), max(place, other) + 1
    if stop - start > MOST_MARKED:
        raise UsageError(
            f"{stop - start:,} runs are between the last mark and here",
            f"at most {MOST_MARKED:,} are marked at once",
        )
    return index.run_ids(start, stop)


def export(
    board: Board, request: RunsRequest, columns: Sequence[str], path: Path, *, overwrite: bool
) -> tuple[int, Path]:
    """Write all runs that match to a file, in the format that its name ends in; return how many, and where.

    Raises:
        DashError: it cannot be written, the name ends in no known format, or a file has come in between.
    """
    from mlops_dash.answers.run_exports import write_runs
    from mlops_dash.answers.table_files import FORMS

    if path.suffix.lower().removeprefix(".") not in FORMS:  # before all runs are read for nothing
        raise UsageError(f"{path.name} does not say what to write", f"end it in .{', .'.join(FORMS)}")
    answer = board.runs(request.filter, sort=request.sort, columns=columns, deleted=request.deleted)
    if not overwrite and path.exists():
        raise UsageError(f"{path} is there now", "ctrl+s asks whether to replace it")
    return len(answer.rows), write_runs(answer, path)
