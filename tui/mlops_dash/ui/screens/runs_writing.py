"""Ways out of Runs: what is shown to a file, and a report of the marked runs for the browser."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_dash.errors import DashError
from mlops_dash.ui.commands import RUNS
from mlops_dash.ui.screens.compare_asking import report, report_folder
from mlops_dash.ui.screens.runs_base import RunsBase
from mlops_dash.ui.widgets.prompt import Prompt
from mlops_dash.ui.wording import plural

if TYPE_CHECKING:
    from mlops_dash.ui.board import Board

EXPORT, REPORT = f"{RUNS}.export", f"{RUNS}.report"
_DEFAULT = "runs.csv"
_MOST_REPORTED = 100


class Writing(RunsBase):
    """Export and report."""

    def __init__(self) -> None:
        super().__init__()
        self._path: Path | None = None  # what would be replaced, while that is asked

    def take_answer(self, topic: str, answer: object) -> None:
        """Say where it is, or why it is not."""
        if topic not in (EXPORT, REPORT):
            super().take_answer(topic, answer)
        elif isinstance(answer, Exception):
            what = "export" if topic == EXPORT else "report"
            self.dash.say(f"The {what} was not written: {answer}", severity="error")
        elif topic == EXPORT and isinstance(answer, tuple):
            count, path = answer
            self.dash.say(f"Wrote {plural(count, 'run')} to {path}")
        elif isinstance(answer, Path):
            self.dash.browse(answer.absolute().as_uri())

    # -- export -------------------------------------------------------------------------------------------

    def why_not_export(self) -> str | None:
        """Nothing to write."""
        return None if self.index is not None and len(self.index) else "there are no runs to write"

    def do_export(self) -> None:
        """Ask for the file's name."""
        hint = "NAME.csv, .json, .md or .parquet"
        self.prompt("export", "write to", value=_DEFAULT, hint=hint)

    def prompt_done(self, event: Prompt.Done) -> None:
        """Write, unless a file is there: then ask."""
        super().prompt_done(event)
        text = (event.text or "").strip()
        if event.purpose == "export" and text:
            self._path = Path(text).expanduser()
            if self._path.exists():
                self.prompt("replace", f"{self._path.name} is there", hint="type yes to replace it")
            else:
                self._export(overwrite=False)
        elif event.purpose == "replace":
            if text.casefold() in ("y", "yes"):
                self._export(overwrite=True)
            else:
                self.dash.say_quietly("nothing was written")

    def _export(self, *, overwrite: bool) -> None:
        reader, index, path = self._reader, self.index, self._path
        if reader is None or index is None or path is None:
            return
        from mlops_dash.ui.screens.runs_asking import export

        request, columns = index.request, self.shown
        self.dash.say_quietly(f"writing {plural(len(index), 'run')} …")
        reader.ask(EXPORT, partial(export, reader.board, request, columns, path, overwrite=overwrite))

    # -- report -------------------------------------------------------------------------------------------

    def why_not_browse(self) -> str | None:
        """Nothing to compare."""
        if len(self.compared()) > _MOST_REPORTED:
            return f"a report has {_MOST_REPORTED} runs at most"
        return None if len(self.compared()) > 1 else "mark two runs with space"

    def do_browse(self) -> None:
        """Write a report of what would be compared, and open it."""
        if self._reader is not None:
            self.dash.say_quietly("writing the report …")
            self._reader.ask(
                REPORT, partial(_report, self._reader.board, self.compared(), self.dash.project_name)
            )


def _report(board: Board, refs: tuple[str, ...], title: str) -> Path:
    answer = board.compare(*refs)
    if all(item.run is None for item in answer.items):
        raise DashError("none of the runs is in the tracking store any more")
    return report(board, answer, report_folder(), title, None)
