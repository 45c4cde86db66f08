"""What ``doctor`` asks of a tracking store in an SQLite file, step by step. Nothing is written."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from mlops_dash.errors import SourceError
from mlops_dash.sources.mlflow.address import Address
from mlops_dash.sources.mlflow.probing import Step, fail, failed, ok, warn
from mlops_dash.sources.mlflow.sqlite.connection import Reader, check_header, explain, file_state

# newest revision of the schema -> the MLflow that wrote it (mlflow/store/db_migrations/versions)
_HEADS = {
    "97727af70f4d": "MLflow 1.30",
    "acf3f17fdcc7": "MLflow 2.9",
    "0584bdc529eb": "MLflow 2.22",
    "dc11669786a5": "MLflow 3.17",
    "f4a9b2c7d1e6": "MLflow 3.18",
}
_NEEDED = ("alembic_version", "experiments", "runs")
_READ = {
    "params": "parameters",
    "tags": "tags",
    "latest_metrics": "metrics",
    "metrics": "metric histories",
    "datasets": "datasets",
    "inputs": "dataset inputs",
    "registered_models": "registered models",
    "model_versions": "model versions",
    "registered_model_aliases": "aliases",
    "logged_models": "logged models",
}
_ROWS = ("runs", "params", "tags", "latest_metrics")
_SAMPLE = 20_000  # rows that are read to tell the speed
_SLOW = 60.0  # seconds of a first reading from which a person should know


def probe(uri: str) -> Iterator[Step]:
    """Look at an SQLite file: file, format, journal, lock, schema, tables, rights, speed."""
    path = Address.of(uri).path
    if path is None:
        yield fail("file", f"no file is named: {Address.of(uri).shown}", "Write sqlite:////path/to/mlflow.db")
        return
    try:
        file_state(path, time.time_ns())
        state = path.stat()
        yield ok("file", f"{path}, {state.st_size:,} bytes, written {_age(time.time() - state.st_mtime)}")
    except (SourceError, OSError) as error:
        yield _failed("file", error, path)
        return
    try:
        write_ahead = check_header(path)
    except SourceError as error:
        yield failed("format", error)
        return
    yield ok("format", "an SQLite database, whole")
    yield _journal(path, write_ahead)
    with closing(Reader(path, write_ahead=write_ahead)) as reader:
        yield from _inside(reader, path)


def _inside(reader: Reader, path: Path) -> Iterator[Step]:
    started = time.monotonic()
    try:
        found = reader.ask("select name, 0 as no from sqlite_master where type = 'table' order by 1")
    except Exception as error:  # noqa: BLE001 - the step says what it means
        yield _failed("lock", error, path)
        return
    waited = time.monotonic() - started
    told = f"read after waiting {waited:.1f} s for a writer" if waited > 0.5 else "nobody keeps it locked"
    yield ok("lock", told)
    tables = {str(name) for name, _ in found}
    for step in (_schema, _tables, _rights, _speed):
        try:
            done = step(reader, path, tables)
        except Exception as error:  # noqa: BLE001 - the step says what it means
            done = _failed(step.__name__.removeprefix("_"), error, path)
        yield done
        if done.state == "fail":
            return


def _journal(path: Path, write_ahead: bool) -> Step:
    unfinished = Path(f"{path}-journal")
    if not write_ahead and unfinished.exists() and unfinished.stat().st_size:
        return warn(
            "journal",
            "a write is under way, or was left unfinished",
            "If no program writes to it: let MLflow or sqlite3 open it once, which rolls the write back.",
        )
    if write_ahead:
        return ok("journal", "write-ahead log: readers and writers do not wait for each other")
    return ok("journal", "rollback journal: it is read in short pieces, so that training never waits long")


def _schema(reader: Reader, path: Path, tables: set[str]) -> Step:
    missing = [name for name in _NEEDED if name not in tables]
    if missing == ["alembic_version"]:
        return fail(
            "schema",
            "MLflow's tables without their version (alembic_version)",
            "It was written by an unknown program or an MLflow older than 1.0: restore it from a backup.",
        )
    if missing:
        return fail(
            "schema",
            "an SQLite database, but no MLflow tracking store",
            "Check MLFLOW_TRACKING_URI or [tracking] uri. Nothing was created in it.",
        )
    heads = [str(row[0]) for row in reader.ask("select version_num, 0 as no from alembic_version")]
    told = " and ".join(f"{head[:40]} ({_HEADS.get(head, 'of another release')})" for head in heads)
    if not told:
        return warn("schema", "MLflow's tables at no version", "mlflow db upgrade gives them one.")
    return ok("schema", f"{told}: read by its columns, never migrated")


def _tables(reader: Reader, path: Path, tables: set[str]) -> Step:
    lacking = [word for name, word in _READ.items() if name not in tables]
    if lacking:
        return warn(
            "tables",
            f"an older schema, without {', '.join(lacking)}",
            "These stay empty. A newer MLflow adds them with mlflow db upgrade, once all who write have it.",
        )
    return ok("tables", "all that is read is there")


def _rights(reader: Reader, path: Path, tables: set[str]) -> Step:
    reader.ask("select count(*) as runs from runs")
    if os.access(path, os.W_OK):
        return ok("rights", "you may read and write it; it was opened for reading only")
    return ok("rights", "you may read it, which is enough")


def _speed(reader: Reader, path: Path, tables: set[str]) -> Step:
    """Read a sample, and tell from the largest row numbers how long everything would take."""
    present = [name for name in _ROWS if name in tables]
    largest = " union all ".join(f"select coalesce(max(rowid), 0) as n from {name}" for name in present)  # noqa: S608
    total = sum(int(row[0]) for row in reader.ask(largest))
    sample = "params" if "params" in tables else "runs"
    started = time.perf_counter()
    rows = reader.ask(f"select * from {sample} limit {_SAMPLE}", through="select count(*) from asked")[0][0]  # noqa: S608
    took = max(time.perf_counter() - started, 1e-6)
    if rows < 1000:  # too few to tell anything
        return ok("speed", f"{rows:,} rows in {took * 1000:.0f} ms")
    whole = total / rows * took
    told = f"{rows:,} rows in {took * 1000:.0f} ms: some {total:,} rows take about {max(1, round(whole))} s"
    if whole > _SLOW:
        return warn("speed", told, "The disk is slow or far away: a tracking server beside it is quicker.")
    return ok("speed", told)


def _failed(name: str, error: Exception, path: Path) -> Step:
    return failed(name, explain(error, path))


def _age(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"
