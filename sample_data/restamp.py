"""Change two things in the store that the sample's runs wrote: when it happened, and where it lies."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PLACEHOLDER = "/mlops-dash-sample"

# columns in milliseconds that belong to a run, and how its rows are found
_OF_RUN = {
    "runs": (("start_time", "end_time"), "run_uuid = :run"),
    "metrics": (("timestamp",), "run_uuid = :run"),
    "latest_metrics": (("timestamp",), "run_uuid = :run"),
    "logged_models": (("creation_timestamp_ms", "last_updated_timestamp_ms"), "source_run_id = :run"),
    "logged_model_metrics": (("metric_timestamp_ms",), "run_id = :run"),
    "model_versions": (("creation_time", "last_updated_time"), "run_id = :run"),
}


@dataclass(frozen=True)
class Moved:
    """A run and the story's time for it (UTC); ``version`` and ``deleted`` as in the story."""

    run_id: str
    at: str
    version: int | None
    deleted: bool


def move_times(store: Path, runs: list[Moved]) -> None:
    """Move every run to its time in the story; durations stay as they really were."""
    with sqlite3.connect(store) as connection:
        for moved in runs:
            start = _milliseconds(moved.at)
            ((really,),) = connection.execute(
                "select start_time from runs where run_uuid = ?", (moved.run_id,)
            )
            for table, (columns, where) in _OF_RUN.items():
                changes = ", ".join(f"{column} = {column} + :by" for column in columns)
                connection.execute(
                    f"update {table} set {changes} where {where}", {"by": start - really, "run": moved.run_id}
                )
            if moved.deleted:
                connection.execute(
                    "update runs set deleted_time = end_time + 600000 where run_uuid = ?", (moved.run_id,)
                )
        first = _milliseconds(min(moved.at for moved in runs))
        connection.execute("update experiments set creation_time = ?, last_update_time = ?", (first, first))
        connection.execute(
            "update experiments set (creation_time, last_update_time) ="
            " (select min(start_time), min(start_time) from runs"
            " where runs.experiment_id = experiments.experiment_id)"
            " where experiment_id in (select experiment_id from runs)"
        )
        connection.execute(
            "update registered_models set creation_time = (select min(creation_time) from model_versions),"
            " last_updated_time = (select max(creation_time) from model_versions)"
        )
    _no_other_times(store)


def forget_folder(folder: Path) -> None:
    """Put the placeholder wherever the folder's path stands, in the store and in the logged models."""
    store = folder / "mlflow.db"
    connection = sqlite3.connect(store)
    with connection:
        for table, column in _text_columns(connection):
            connection.execute(
                f'update "{table}" set "{column}" = replace("{column}", ?, ?) where "{column}" like ?',
                (str(folder), PLACEHOLDER, f"%{folder}%"),
            )
    connection.execute("vacuum")
    times = dict(connection.execute("select model_id, creation_timestamp_ms from logged_models"))
    connection.close()
    for path in folder.glob("mlartifacts/**/MLmodel"):
        model_id = path.parent.parent.name
        at = datetime.fromtimestamp(times[model_id] / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        text = path.read_text().replace(str(folder), PLACEHOLDER)
        path.write_text(re.sub(r"utc_time_created: '.*'", f"utc_time_created: '{at}'", text))


def _text_columns(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
    return [
        (table, column)
        for table in tables
        for _, column, kind, *_ in connection.execute(f'pragma table_info("{table}")')
        if "CHAR" in kind.upper() or "TEXT" in kind.upper()
    ]


def _no_other_times(store: Path) -> None:
    """Fail if a time of the day of building is left anywhere."""
    today = (datetime.now(UTC).timestamp() - 6 * 3600) * 1000
    with sqlite3.connect(store) as connection:
        for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
            for _, column, kind, *_ in connection.execute(f'pragma table_info("{table}")').fetchall():
                if "INT" not in kind.upper():
                    continue
                if connection.execute(f'select 1 from "{table}" where "{column}" > ?', (today,)).fetchone():
                    raise SystemExit(f"{table}.{column} still holds the time of building")


def _milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
