"""Every value of some metrics of a file store, read from their files run by run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from mlops_dash.domain.progress import CancelToken
from mlops_dash.errors import SourceError
from mlops_dash.sources.base import MOST_VALUES, POINTS, Apply, Batch
from mlops_dash.sources.columns import Columns
from mlops_dash.sources.mlflow.files.disk import Look, files_below, name, opened
from mlops_dash.sources.mlflow.files.metrics import Value, line_value, pieces, stored
from mlops_dash.sources.mlflow.files.places import experiments_in, run_unit


def read_histories(
    root: str, run_ids: list[str], keys: list[str], cancel: CancelToken
) -> Iterator[Batch | SourceError]:
    """Yield the values of metrics, a batch for each run, and which files could not be read.

    Raises:
        Cancelled: ``cancel`` was set.
    """
    experiments = list(experiments_in(root))
    wanted = set(keys)
    for run_id in dict.fromkeys(run_ids):
        cancel.check()
        folder = f"{run_unit(root, experiments, run_id).path}/metrics"
        found: list[tuple[str, Value]] = []
        for file in files_below(folder, Look()):
            key = name(file.key)
            if key not in wanted:
                continue
            try:
                values = _values(file.path, MOST_VALUES // len(wanted), cancel.check)
            except OSError as error:
                yield SourceError(
                    f"metric {key} of run {run_id} cannot be read ({os.strerror(error.errno or 0)})",
                    "Check the file's permissions.",
                )
            else:
                found += ((key, value) for value in values)
        if found:
            yield Batch(POINTS, _columns(run_id, found), Apply.APPEND)


def _columns(run_id: str, found: list[tuple[str, Value]]) -> Columns:
    return Columns(
        {"run_id": [run_id] * len(found), "key": [key for key, _ in found]},
        {"step": [value[0] for _, value in found], "time": [value[1] for _, value in found]},
        {"value": [stored(value[2]) for _, value in found]},
    )


def _values(path: str, most: int, check: Callable[[], None]) -> list[Value]:
    """Return the values in a file as they were logged; of more than ``most`` some, evenly, and the last."""
    try:
        descriptor = opened(path)
    except FileNotFoundError:
        return []
    kept: list[Value] = []
    last, number, every = None, 0, 1
    try:
        for lines, _ in pieces(descriptor, check):
            for line in lines:
                found = line_value(line)
                if found is None:
                    continue
                last = found
                if number % every == 0:
                    kept.append(found)
                number += 1
                if len(kept) > most:
                    kept, every = kept[::2], every * 2
    finally:
        os.close(descriptor)
    if last is not None and (number - 1) % every:
        kept.append(last)
    return kept
