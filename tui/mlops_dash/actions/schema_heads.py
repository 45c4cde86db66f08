"""Which schema a tracking store's database has, read without changing anything, and whether the installed
MLflow may write to it: given another schema its client would migrate the database."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, RefusedError
from mlops_dash.sources.mlflow.address import Address, Kind

_RELEASES = {
    "97727af70f4d": "1.30",
    "acf3f17fdcc7": "2.9",
    "0584bdc529eb": "2.22",
    "dc11669786a5": "3.17",
    "f4a9b2c7d1e6": "3.18",
}
_HEAD = "select version_num from alembic_version"
_WAIT = 2.0  # seconds for another program's lock while something is only read
_THROUGH_SERVER = "or act through the team's tracking server"


def check_schema(address: Address, *, within: float) -> None:
    """Return where the installed MLflow's client may write to a database or folder.

    Args:
        within: seconds for which a database server is waited for.

    Raises:
        RefusedError: it is not there (nothing is created), no store, read-only, or of another schema: names
            the version to install.
        DashError: it does not answer.
    """
    match address.kind:
        case Kind.SQLITE if address.path is not None:
            heads = _sqlite_heads(address.path)
        case Kind.POSTGRESQL | Kind.MYSQL | Kind.MSSQL:
            heads = _server_heads(address, within)
        case Kind.FILES if address.path is not None:
            _check_folder(address.path)
            return
        case _:
            raise RefusedError(f"Nothing can be written to this tracking store: {address.shown}.")
    _check_heads(heads, address.shown)


def sqlite_rows(path: Path, question: str, values: Sequence[str] = ()) -> list[tuple[Any, ...]]:
    """Return the answer to a question of an SQLite file that is opened for reading only.

    It goes through the library that MLflow writes with, because file locks belong to the whole process.

    Raises:
        RefusedError: it is not there or no database.
        DashError: it cannot be read now.
    """
    _check_file(path)
    try:
        address = f"file:{quote(str(path))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=_WAIT, isolation_level=None)) as connection:
            return connection.execute(question, tuple(values)).fetchall()
    except sqlite3.Error as error:
        raise _meaning(error, path) from None


def installed_head() -> str:
    """Return the schema that the installed MLflow writes."""
    return _installed()[0]


@lru_cache(maxsize=1)
def _installed() -> tuple[str, frozenset[str]]:
    """The installed MLflow's newest schema, and all that it knows of."""
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config

    config = _get_alembic_config("")  # type: ignore[no-untyped-call]
    script = ScriptDirectory.from_config(config)
    return str(script.get_current_head()), frozenset(one.revision for one in script.walk_revisions())


def _sqlite_heads(path: Path) -> list[str]:
    heads = [str(row[0]) for row in sqlite_rows(path, _HEAD)]
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise RefusedError(
            f"The tracking store is read-only for you: {visible(str(path), 300)}.",
            f"Ask for the right to write, {_THROUGH_SERVER}.",
        )
    return heads


def _check_file(path: Path) -> None:
    shown = visible(str(path), 300)
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise RefusedError(
            f"There is no tracking store at {shown}. Nothing was created.",
            "Check MLFLOW_TRACKING_URI or [tracking] uri.",
        ) from None
    except OSError as error:
        raise DashError(f"The tracking store cannot be looked at ({error.strerror}): {shown}.") from None
    if not path.is_file():
        raise RefusedError(f"The tracking store is no file: {shown}.", "Point at the file, or at a server.")
    if not size:
        raise RefusedError(
            f"The tracking store is empty (0 bytes) and was left as it is: {shown}.",
            "MLflow fills it with the first run that is logged to it.",
        )


def _meaning(error: sqlite3.Error, path: Path) -> DashError:
    shown, text = visible(str(path), 300), str(error)
    if "no such table" in text:
        return RefusedError(
            f"No tracking store of a known schema: {shown} ({visible(text, 100)}).",
            "Check MLFLOW_TRACKING_URI or [tracking] uri; mlops-dash doctor looks closer.",
        )
    if "not a database" in text:
        return RefusedError(f"No SQLite database: {shown}.", "Check MLFLOW_TRACKING_URI or [tracking] uri.")
    if "locked" in text or "busy" in text:
        return DashError(
            f"Another program keeps the tracking store locked: {shown}", "Wait for it, or end it."
        )
    if "malformed" in text:
        return RefusedError(f"The tracking store is damaged: {shown}.", "Restore it from a backup.")
    return DashError(f"The tracking store cannot be read ({visible(text, 200)}): {shown}")


def _server_heads(address: Address, within: float) -> list[str]:
    """Ask a database server in a thread that is left alone when its time is over."""
    import sqlalchemy
    from sqlalchemy.pool import NullPool

    found: list[list[str]] = []
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            named = "login_timeout" if address.kind is Kind.MSSQL else "connect_timeout"
            engine = sqlalchemy.create_engine(
                address.uri, poolclass=NullPool, connect_args={named: max(1, int(within))}
            )
            with engine.connect() as connection:
                found.append([str(row[0]) for row in connection.execute(sqlalchemy.text(_HEAD))])
        except BaseException as error:  # noqa: BLE001 - told to the one who asked
            errors.append(error)

    thread = threading.Thread(target=ask, name="mlops-dash-schema", daemon=True)
    thread.start()
    thread.join(within)
    if found:
        return found[0]
    if errors and isinstance(errors[0], ImportError):
        raise RefusedError(
            f"MLflow has no driver for this database here: {address.shown} needs "
            f"{visible(str(errors[0].name), 60)}.",
            f"Install it where mlops-dash runs, {_THROUGH_SERVER}.",
        )
    if errors and "alembic_version" in str(errors[0]):
        raise RefusedError(f"No tracking store of a known schema: {address.shown}.")
    why = (
        type(errors[0]).__name__ if errors else f"no answer within {within:g} s"
    )  # its text may hold secrets
    raise DashError(f"The tracking store does not answer ({why}): {address.shown}", "mlops-dash doctor")


def _check_folder(path: Path) -> None:
    """A folder of files is MLflow's oldest store: its client writes it only where it was told to."""
    shown = visible(str(path), 300)
    if not path.is_dir():
        raise RefusedError(f"There is no tracking store at {shown}. Nothing was created.")
    if os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() not in {"1", "true"}:
        raise RefusedError(
            f"MLflow does not write to a folder of runs any more: {shown}.",
            "Move it to a database: mlflow migrate-filestore. Or set MLFLOW_ALLOW_FILE_STORE=true.",
        )


def _check_heads(heads: Sequence[str], shown: str) -> None:
    import mlflow

    newest, known = _installed()
    if list(heads) == [newest]:
        return
    head = visible(", ".join(heads) or "none", 100)
    release = _RELEASES.get(heads[0]) if len(heads) == 1 else None
    told = f"MLflow {release}" if release else "another release of MLflow"
    installed = visible(mlflow.__version__, 40)
    if len(heads) == 1 and heads[0] in known:  # an older one
        install = f"install mlflow=={release}.* beside a mlops-dash that takes it" if release else "use it"
        raise RefusedError(
            f"The tracking store has the schema of {told} ({head}); the installed MLflow {installed} would "
            f"migrate it, and older clients could not use it any more: {shown}.",
            f"Run mlflow db upgrade once all who write have MLflow {installed}; to keep it, {install}, "
            f"{_THROUGH_SERVER}.",
        )
    raise RefusedError(
        f"The tracking store has the schema of {told} ({head}), which the installed MLflow {installed} does "
        f"not know: {shown}.",
        f"Install {f'mlflow=={release}.*' if release else 'the MLflow that its server runs'}, "
        f"{_THROUGH_SERVER}.",
    )
