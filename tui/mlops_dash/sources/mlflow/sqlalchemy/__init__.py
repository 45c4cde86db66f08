"""MLflow's tracking store in MySQL, MariaDB or SQL Server, through SQLAlchemy, never written."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mlops_dash.domain.progress import CancelToken
from mlops_dash.errors import SourceError
from mlops_dash.sources.base import Batch, Position, Reading, run_counts
from mlops_dash.sources.mlflow.address import Address, Kind
from mlops_dash.sources.mlflow.sqlalchemy.connection import connected, engine_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from mlops_dash.sources.mlflow.probing import Step
    from mlops_dash.sources.mlflow.sqlalchemy.tables import Schema


class MlflowDatabase:
    """A tracking store in a database that SQLAlchemy reaches.

    New runs, changes of a run's status, name or stage, whatever belongs to the 200 newest running runs, and
    the registry show at the next refresh. Other edits (a tag of an old run, a late metric) are looked for in
    2,000 runs at each refresh, in turn: they show after at most one refresh for each 2,000 runs, and two
    more; at once with ``r`` and ``sync``.

    Args:
        uri: ``mysql://``, ``mariadb://`` or ``mssql://``, with any driver that SQLAlchemy knows.
    """

    name = "tracking"

    def __init__(self, uri: str) -> None:
        self._address = Address.of(uri)
        self.kind = self._address.kind.value
        self._engine: Any = None

    def changed(self, position: str | None) -> bool:
        """Always true: such a database does not tell within 5 ms whether anything was written."""
        return True

    def read(self, reading: Reading) -> Iterator[Batch | Position]:
        """Yield what is new since the position, or everything.

        Raises:
            SourceError: the database cannot be reached or read, or is no tracking store; says what to do.
            Cancelled: the reading's token was cancelled.
        """
        from mlops_dash.sources.mlflow.sqlalchemy.position import Mark
        from mlops_dash.sources.mlflow.sqlalchemy.reading import Pass

        with connected(self._open(), self._address) as connection:
            schema = self._schema(connection)
            one = Pass(connection, self._address.kind, schema, reading)
            yield from one.batches(Mark.load(reading.position))
            counts = run_counts(reading.known)
            warning, remedy = _not_seen(schema)
            yield Position(one.mark.dump(), counts, warning, remedy)

    def runs(self, run_ids: list[str], reading: Reading) -> Iterator[Batch]:
        """Yield batches that bring these runs and all that belongs to them up to date.

        Raises:
            SourceError: they could not be read.
            Cancelled: the reading's token was cancelled.
        """
        from mlops_dash.sources.mlflow.sqlalchemy.belongings import Belongings

        with connected(self._open(), self._address) as connection:
            yield from Belongings(connection, self._schema(connection), reading).again(run_ids)

    def metric_history(
        self, run_ids: list[str], keys: list[str], cancel: CancelToken | None = None
    ) -> Generator[Batch | SourceError, None, None]:
        """Yield every value of some metrics, a batch for each run, at most ``MOST_VALUES`` of one run.

        Raises:
            SourceError: the database could not be read.
            Cancelled: ``cancel`` was set.
        """
        if not run_ids or not keys:
            return
        from mlops_dash.sources.mlflow.sqlalchemy.belongings import read_histories

        with connected(self._open(), self._address) as connection:
            yield from read_histories(
                connection, self._schema(connection), run_ids, keys, cancel or CancelToken()
            )

    def close(self) -> None:
        """Forget the engine; connections live for one reading only."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _open(self) -> Any:
        if self._engine is None:
            self._engine = engine_of(self._address)
        return self._engine

    def _schema(self, connection: Connection) -> Schema:
        """Return the tables and columns that this user may read.

        Raises:
            SourceError: it is no tracking store, or this user may not read one.
        """
        schema = visible_schema(connection, self._address.kind)
        if {"runs", "experiments"} <= schema.keys():
            return schema
        if schema.keys() & {"runs", "experiments", "alembic_version", "params"}:
            raise SourceError(
                f"the user may not read MLflow's runs and experiments: {self._address.shown}",
                "grant select on all tables of the database",
            )
        raise SourceError(
            f"this database holds no MLflow tracking store that the user may read: {self._address.shown}",
            "check the database's name in MLFLOW_TRACKING_URI or [tracking] uri. Nothing was created in it.",
        )


def visible_schema(connection: Connection, kind: Kind) -> Schema:
    """Return the columns of every table that the user may read anything of."""
    from sqlalchemy import column, func, select, table

    columns = table(
        "columns",
        column("table_name"),
        column("column_name"),
        column("table_schema"),
        schema="information_schema",
    )
    here = func.database() if kind is Kind.MYSQL else func.schema_name()
    asked = select(columns.c.table_name, columns.c.column_name).where(columns.c.table_schema == here)
    found: dict[str, set[str]] = {}
    for name, of_it in connection.execute(asked):
        found.setdefault(str(name), set()).add(str(of_it))
    return {name: frozenset(names) for name, names in found.items()}


def _not_seen(schema: Schema) -> tuple[str | None, str | None]:
    """Return a warning and its remedy where the user may not read a table that every store has."""
    from mlops_dash.sources.mlflow.sqlalchemy.tables import CORE

    missing: Sequence[str] = [name for name in CORE if name not in schema]
    if not missing:
        return None, None
    return f"the user may not read {', '.join(missing)}", "grant select on all tables of the database"


def probe(uri: str) -> Iterable[Step]:
    """Look at a database step by step, for ``doctor``."""
    from mlops_dash.sources.mlflow.sqlalchemy import probing

    return probing.probe(uri)
