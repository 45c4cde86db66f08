"""MLflow's file store (``mlruns/``), read in bulk from its files and never written.

Layouts from MLflow 1.30 on, the model registry in it included. :mod:`.looking` says how soon an edit shows.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_dash.domain.progress import Cancelled, CancelToken
from mlops_dash.errors import DashError, SourceError
from mlops_dash.sources.base import Batch, Position, Reading
from mlops_dash.sources.mlflow.files.histories import read_histories
from mlops_dash.sources.mlflow.files.looking import Rounds
from mlops_dash.sources.mlflow.files.metrics import LargeFiles
from mlops_dash.sources.mlflow.files.places import check_store, units_of_runs
from mlops_dash.sources.mlflow.files.probing import probe
from mlops_dash.sources.mlflow.files.reading import Pass, Useful
from mlops_dash.sources.mlflow.files.rows import Kind
from mlops_dash.sources.mlflow.files.state import State
from mlops_dash.sources.mlflow.files.troubles import warning

__all__ = ["MlflowFiles", "probe"]


class MlflowFiles:
    """A tracking store in a folder.

    Args:
        path: the folder, or a link to it.
    """

    name = "tracking"
    kind = "mlflow-files"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rounds = Rounds()
        self._large = LargeFiles()
        self._last: tuple[str, State] | None = None  # position that was told last, and what it stands for

    def changed(self, position: str | None) -> bool:
        """Always: only a reading looks at enough to tell, and it brings nothing where nothing is new."""
        return True

    def read(self, reading: Reading) -> Iterator[Batch | Position]:
        """Yield what is new since the position, or everything.

        Raises:
            SourceError: the folder is missing, no tracking store or cannot be read; says what to do.
            Cancelled: the reading's token was cancelled.
        """
        with self._explained():
            root = check_store(self.path)
            last, self._last = self._last, None
            same = last is not None and last[0] == reading.position
            state = last[1] if same and last else State.load(reading.position)
            one = Pass(root, state or State(), reading, fresh=state is None, large=self._large)
            for item in one.batches(self._rounds):
                if isinstance(item, Useful):
                    yield self._position(one.state, reading.position, whole=False)
                    self._last = None
                else:
                    yield item
            check_store(self.path)
            yield self._position(one.state, reading.position, whole=True)

    def _position(self, state: State, before: str | None, *, whole: bool) -> Position:
        runs = state.count(Kind.RUN)
        text = state.dump()
        told, remedy = warning(state)
        self._last = (text, state)
        return Position(text, f"{runs:,} run{'' if runs == 1 else 's'}", told, remedy, whole)

    def runs(self, run_ids: list[str], reading: Reading) -> Iterator[Batch]:
        """Yield batches that bring these runs, their datasets and their logged models up to date.

        Raises:
            SourceError: they could not be read.
            Cancelled: the reading's token was cancelled.
        """
        with self._explained():
            root = check_store(self.path)
            units = units_of_runs(root, run_ids)
            one = Pass(root, State(), reading, fresh=False, large=LargeFiles())
            yield from one.single(units)

    def metric_history(
        self, run_ids: list[str], keys: list[str], cancel: CancelToken | None = None
    ) -> Generator[Batch | SourceError, None, None]:
        """Yield every value of some metrics, a batch for each run.

        Of a metric of more than a million values some between the first and the last are left out, evenly.

        Raises:
            SourceError: the store could not be read.
            Cancelled: ``cancel`` was set.
        """
        with self._explained():
            yield from read_histories(check_store(self.path), run_ids, keys, cancel or CancelToken())

    def close(self) -> None:
        """Forget what is known; no file is held open."""
        self._last = None
        self._large = LargeFiles()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (Cancelled, GeneratorExit, DashError):
            raise
        except OSError as error:
            raise SourceError(
                f"The tracking folder cannot be read ({os.strerror(error.errno or 0)}): {self.path}",
                "Check the disk and the folder's permissions.",
            ) from None
