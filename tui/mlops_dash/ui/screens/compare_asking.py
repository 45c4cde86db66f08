"""What the Compare screen asks of a board, in a thread: the items, those that have gone, files to write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from mlops_dash.answers.compare_shapes import CompareAnswer, CurvesAnswer
from mlops_dash.answers.node_ids import environment_id
from mlops_dash.answers.shapes import EnvironmentRow
from mlops_dash.errors import DashError, UsageError
from mlops_dash.ui.board import Board
from mlops_dash.ui.screens.compare_verdict import Score, scores

MOST = 100  # items that a comparison can have
_REPORTED = 24  # metrics whose curves are in a report
_POINTS = 400


class Compared(Struct, frozen=True):
    """An answer and its scores, the references it is to, and those that could not be found any more, each
    with why."""

    refs: tuple[str, ...]
    answer: CompareAnswer
    scores: list[Score]
    gone: tuple[tuple[str, str], ...] = ()


def ask(
    board: Board, refs: Sequence[str], baseline: int, *, forgive: bool = False, within: float | None = None
) -> Compared:
    """Compare; with ``forgive`` leave out what is not there any more, as long as two are left.

    Raises:
        UsageError: a reference is not known.
    """
    try:
        answer = board.compare(*refs, baseline=baseline, within=within)
        return Compared(tuple(refs), answer, scores(answer))
    except UsageError:
        if not forgive:
            raise
        gone = dict(_missing(board, refs))
        left = tuple(ref for ref in refs if ref not in gone)
        if not gone or len(left) < 2:
            raise
        base = left.index(refs[baseline]) if refs[baseline] in left else 0
        answer = board.compare(*left, baseline=base)
        return Compared(left, answer, scores(answer), tuple(gone.items()))


def _missing(board: Board, refs: Sequence[str]) -> list[tuple[str, str]]:
    """Return the references that can't be compared even with themselves, and why."""
    found = []
    for ref in dict.fromkeys(refs):
        try:
            board.compare(ref, ref, within=0)
        except UsageError as error:
            found.append((ref, error.message))
    return found


def first_offer(rows: Sequence[EnvironmentRow]) -> tuple[str, ...]:
    """Return production and staging of one model, the first being the baseline; else the first two
    environments that have a run; none where there are no two."""
    known = [row for row in rows if row.run is not None]
    for one in known:
        if one.environment.casefold() in ("production", "prod"):
            for other in known:
                if other.environment.casefold() == "staging" and other.model == one.model:
                    return _ref(one, rows), _ref(other, rows)
    for one in known:
        for other in known:
            if other is not one and other.model == one.model:
                return _ref(one, rows), _ref(other, rows)
    return (_ref(known[0], rows), _ref(known[1], rows)) if len(known) > 1 else ()


def _ref(row: EnvironmentRow, rows: Sequence[EnvironmentRow]) -> str:
    alone = sum(other.environment == row.environment for other in rows) == 1
    return row.environment if alone else environment_id(row.environment, row.model)


# -- files ------------------------------------------------------------------------------------------------


def report(board: Board, answer: CompareAnswer, folder: Path, title: str, primary: str | None) -> Path:
    """Write the report beside what is there already; return where it is."""
    from mlops_dash.answers.report import write_report

    folder.mkdir(parents=True, exist_ok=True)
    path = unused(folder / f"compare-{answer.as_of:%Y%m%d-%H%M%S}.html")
    return write_report(path, answer, all_curves(board, answer), title=title, primary=primary)


def all_curves(board: Board, answer: CompareAnswer) -> CurvesAnswer:
    """Return the curves of the metrics that differ, the first ones where there are many."""
    runs = list(dict.fromkeys(item.run_id for item in answer.items if item.run_id))
    lines = sorted(answer.metrics, key=lambda line: not line.differs)
    return board.curves(runs, [line.key for line in lines[:_REPORTED]], points=_POINTS)


def unused(path: Path) -> Path:
    """Return a path that nothing stands at: with a number where the plain one is taken."""
    for number in range(1, 10_000):
        found = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
        if not found.exists():
            return found
    raise DashError(f"{path} and 10,000 names like it are taken", "write to another folder")


def report_folder() -> Path:
    """Return where reports are written: the person's folder for downloads, which any browser may read, else
    the cache."""
    import platformdirs

    from mlops_dash.paths import cache_dir

    downloads = Path(platformdirs.user_downloads_dir())
    return downloads if downloads.is_dir() else cache_dir() / "reports"


def export(
    board: Board,
    answer: CompareAnswer,
    path: Path,
    title: str,
    primary: str | None,
    *,
    differences: bool,
    overwrite: bool,
) -> Path:
    """Write a comparison to a file in the format that its name ends in; ``.html`` is the report.

    Raises:
        DashError: it cannot be written, the name ends in no known format, or a file has come in between.
    """
    if not overwrite and path.exists():
        raise UsageError(f"{path} is there now", "ctrl+s asks whether to replace it")
    if path.suffix.lower() in (".html", ".htm"):
        from mlops_dash.answers.report import write_report

        curves = all_curves(board, answer)
        return write_report(path, answer, curves, title=title, primary=primary, overwrite=overwrite)
    from mlops_dash.answers.compare_exports import write_comparison

    return write_comparison(path, answer, differences=differences)
