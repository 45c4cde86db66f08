"""Tables of runs as pandas frames, for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_dash.answers.run_names import METRIC, split_id

if TYPE_CHECKING:
    import pandas as pd

    from mlops_dash.answers.run_shapes import RunsAnswer

_NUMBERS = ("attributes.duration",)
_TIMES = ("attributes.start_time", "attributes.end_time")


def runs_frame(answer: RunsAnswer) -> pd.DataFrame:
    """Return one row for each run: what every run has, then the columns that were asked for, by their ids.

    Metrics are float64: a NaN that was logged and a metric that a run does not have are both NaN there, as
    pandas has it; ``frame.attrs["nan"]`` lists the (run id, column) where NaN was logged. Other columns hold
    text or ``None``. Times are in UTC; a time that no pandas clock holds is missing.
    """
    import pandas as pd

    rows = answer.rows
    found: dict[str, pd.Series[Any]] = {
        "run_id": _texts([row.run_id for row in rows]),
        "name": _texts([row.name for row in rows]),
        "experiment": _texts([row.experiment for row in rows]),
        "status": _texts([row.status for row in rows]),
        "user": _texts([row.user for row in rows]),
        "started_at": _times([row.started_at for row in rows]),
        "ended_at": _times([row.ended_at for row in rows]),
        "deleted": pd.Series([row.deleted for row in rows], dtype="bool"),
        "versions": pd.Series([[f"{name}/{v}" for name, v in row.versions] for row in rows], dtype="object"),
        "live": pd.Series([list(row.live) for row in rows], dtype="object"),
    }
    for column in answer.columns:
        values = [row.values.get(column) for row in rows]
        if split_id(column)[0] == METRIC or column in _NUMBERS:
            found[column] = pd.Series(values, dtype="float64")
        else:
            found[column] = _times(values) if column in _TIMES else _texts(values)
    frame = pd.DataFrame(found)
    frame.attrs["nan"] = [
        (row.run_id, column)
        for row in rows
        for column, value in row.values.items()
        if isinstance(value, float) and value != value
    ]
    frame.attrs["matched"] = answer.matched
    return frame


def _texts(values: list[Any]) -> pd.Series[Any]:
    import pandas as pd

    return pd.Series(values, dtype="object")


def _times(values: list[Any]) -> pd.Series[Any]:
    import pandas as pd

    return pd.to_datetime(pd.Series(values, dtype="object"), utc=True, errors="coerce", format="ISO8601")
