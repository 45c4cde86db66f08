"""What a PostgreSQL database has of MLflow's tables, and what of it may be read.

From ``pg_catalog`` and PostgreSQL's ``has_…_privilege`` functions, which everybody may use; names are looked
up along the ``search_path``, as MLflow does.
"""

# ruff: noqa: S608 - only names of ours are put into SQL

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from mlops_dash.errors import SourceError
from mlops_dash.sources.mlflow.sqlite.columns import GROWING, METRIC, SMALL

ESSENTIAL = ("experiments", "runs")
HISTORY = "metrics"
WANTED = (*dict.fromkeys(shape.source for shape in (*GROWING, METRIC, *SMALL)), HISTORY)
_NAMES = ", ".join(f"'{name}'" for name in (*WANTED, "alembic_version"))
_SERVER = (
    "select current_database()::text, current_user::text, "
    "current_setting('server_version_num')::bigint, current_setting('server_version'), "
    "current_setting('server_encoding'), pg_postmaster_start_time()::text, "
    "has_function_privilege('pg_control_system()', 'execute') "
    "and has_function_privilege('pg_control_checkpoint()', 'execute')"
)
_IDENTITY = (
    "select system_identifier::text || '/' || timeline_id::text "
    "from pg_control_system(), pg_control_checkpoint()"
)
_TABLES = (
    "select w.name, c.oid::bigint, quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind::text, "
    "has_table_privilege(c.oid, 'select'), a.attname::text, has_column_privilege(c.oid, a.attnum, 'select') "
    f"from unnest(array[{_NAMES}]) as w(name) join pg_catalog.pg_class as c on c.oid = to_regclass(w.name) "
    "join pg_catalog.pg_namespace as n on n.oid = c.relnamespace "
    "join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
)
_STAMP = (
    "(select coalesce(sum(hashtext(concat(c.oid, c.relacl::text, (select string_agg(concat(a.attname, "
    "a.attacl::text), ',' order by a.attnum) from pg_catalog.pg_attribute as a "
    "where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)))::bigint), 0)::text "
    f"from unnest(array[{_NAMES}]) as w(name) join pg_catalog.pg_class as c on c.oid = to_regclass(w.name))"
)
SNAPSHOT = "select txid_current_snapshot()::text"
"""Asks which transactions can be seen; :data:`STAMPED` also asks for what :attr:`Catalogue.stamp` holds."""
STAMPED = f"{SNAPSHOT}, {_STAMP}"
_ELSEWHERE = (
    "select n.nspname::text from pg_catalog.pg_class as r "
    "join pg_catalog.pg_namespace as n on n.oid = r.relnamespace "
    "where r.relname = 'runs' and exists (select 1 from pg_catalog.pg_class as e "
    "where e.relname = 'experiments' and e.relnamespace = r.relnamespace) order by 1 limit 3"
)

Ask = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Table:
    """A table that may be read.

    Attributes:
        name: MLflow's name of it.
        place: its name with its schema, quoted.
        columns: those that may be read.
        tracked: whether its rows tell who wrote them and where they are; views do not, nor does a table
            of which only some columns may be read.
    """

    name: str
    oid: int
    place: str
    columns: frozenset[str]
    tracked: bool


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What there is.

    Attributes:
        tables: what may be read, by MLflow's name.
        denied: names of tables that are there and may not be read.
        version: the server's, as 150018; ``release`` for a person.
        identity: changes with the database cluster that answers, and with its history.
        started: when the server was started.
        stamp: changes with the tables, their columns and the rights that were granted on them.
        login: the database's user.
    """

    tables: dict[str, Table]
    denied: tuple[str, ...]
    managed: bool
    version: int
    release: str
    encoding: str
    identity: str
    started: str
    stamp: str
    database: str
    login: str

    def has(self, table: str, column: str) -> bool:
        """Tell whether a column may be read."""
        found = self.tables.get(table)
        return found is not None and column in found.columns

    @property
    def digest(self) -> str:
        """Changes with the tables and columns that may be read."""
        known = sorted(
            f"{table.oid} {table.place} {table.tracked} {column}"
            for table in self.tables.values()
            for column in table.columns
        )
        return blake2b("\n".join(known).encode(), digest_size=8).hexdigest()

    @property
    def grant(self) -> str:
        """The statement that would let the user read what it may not."""
        return f"GRANT SELECT ON {', '.join(self.denied)} TO {_identifier(self.login)};"


def look(ask: Ask, shown: str) -> Catalogue:
    """Read the catalogue.

    Raises:
        SourceError: it is no tracking store, or too little of it may be read; says what to do.
    """
    database, login, version, release, encoding, started, may_identify = ask(_SERVER)[0]
    identity = str(ask(_IDENTITY)[0][0]) if may_identify else ""
    stamp = str(ask(STAMPED)[0][1])
    tables: dict[str, Table] = {}
    denied = []
    rows = ask(_TABLES)
    there = {str(row[0]): str(row[2]) for row in rows}
    for name in WANTED:
        mine = [row for row in rows if row[0] == name]
        columns = frozenset(str(row[5]) for row in mine if row[6])
        if columns:
            _, oid, place, kind, whole = mine[0][:5]
            tables[name] = Table(name, int(oid), str(place), columns, bool(whole) and kind == "r")
        elif mine:
            denied.append(there[name])
    catalogue = Catalogue(
        tables,
        tuple(denied),
        "alembic_version" in there,
        int(version),
        str(release),
        str(encoding),
        f"{identity}/{database}",
        str(started),
        stamp,
        str(database),
        str(login),
    )
    _check(catalogue, frozenset(there), ask, shown)
    return catalogue


def _check(catalogue: Catalogue, there: frozenset[str], ask: Ask, shown: str) -> None:
    if not there.issuperset(ESSENTIAL):
        elsewhere = [str(row[0]) for row in ask(_ELSEWHERE)]
        if elsewhere:
            raise SourceError(
                f"MLflow's tables are in the schema {elsewhere[0]!r}, where user {catalogue.login!r} "
                f"does not look or may not ({shown}).",
                f"Append ?options=-csearch_path%3D{elsewhere[0]} to the address, "
                "or let an administrator run: "
                f"GRANT USAGE ON SCHEMA {_identifier(elsewhere[0])} TO {_identifier(catalogue.login)};",
            )
        raise SourceError(
            f"The database {catalogue.database!r} holds no MLflow tracking store ({shown}).",
            "Check the database's name in MLFLOW_TRACKING_URI or [tracking] uri. Nothing was created in it.",
        )
    if not catalogue.managed:
        raise SourceError(
            f"The database {catalogue.database!r} has MLflow's tables but no schema version "
            f"(alembic_version) ({shown}).",
            "It was written by an unknown program or an MLflow older than 1.0: restore it from a backup.",
        )
    lacking = [name for name in ESSENTIAL if name not in catalogue.tables]
    if lacking:
        raise SourceError(
            f"User {catalogue.login!r} may not read {' and '.join(lacking)} in the database "
            f"{catalogue.database!r} ({shown}).",
            f"Let an administrator run: {catalogue.grant}",
        )


def _identifier(name: str) -> str:
    plain = name.isidentifier() and name.islower() and name.isascii()
    return name if plain else '"' + name.replace('"', '""') + '"'
