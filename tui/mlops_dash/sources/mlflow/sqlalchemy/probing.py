"""What ``doctor`` asks of a database that keeps a tracking store, step by step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlops_dash.errors import SourceError
from mlops_dash.sources.mlflow.address import Address, Kind
from mlops_dash.sources.mlflow.probing import Step, fail, failed, ok, warn
from mlops_dash.sources.mlflow.sqlalchemy.connection import connected, engine_of, explain
from mlops_dash.sources.mlflow.sqlalchemy.tables import CORE, Schema, table_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SLOW = 0.1  # seconds for one small question
_GRANT = "grant select on all tables of the database to this user"


def probe(uri: str) -> Iterator[Step]:
    """Look at a database: driver, address and credentials, TLS, version, schema, rights, speed."""
    from sqlalchemy.exc import SQLAlchemyError

    address = Address.of(uri)
    try:
        engine = engine_of(address)
    except SourceError as error:
        yield failed("driver" if "driver" in error.message else "address", error)
        return
    yield ok("driver", f"{engine.dialect.driver} for {engine.dialect.name}")
    try:
        started = time.monotonic()
        with connected(engine, address) as connection:
            yield ok("address", f"{address.shown} answers in {time.monotonic() - started:.2f} s")
            yield ok("credentials", "the user and the password are accepted")
            try:
                yield from _steps(connection, address)
            except SQLAlchemyError as error:
                yield failed("reading", explain(error, address))
    except SourceError as error:
        refused = "refuses" in error.message or "no such database" in error.message
        yield failed("credentials" if refused else "address", error)
    finally:
        engine.dispose()


def _steps(connection: Connection, address: Address) -> Iterator[Step]:
    from sqlalchemy import func, select, text

    from mlops_dash.sources.mlflow.sqlalchemy import visible_schema

    mysql = address.kind is Kind.MYSQL
    if mysql:
        row = connection.execute(text("show session status like 'Ssl_cipher'")).one_or_none()
        yield _encryption(str(row[1]) if row else "", address)
    version = connection.execute(text("select version()" if mysql else "select @@version")).scalar_one()
    yield ok("version", str(version).partition("\n")[0])
    schema = visible_schema(connection, address.kind)
    yield (schema_step := _schema(connection, schema))
    if schema_step.remedy and not {"runs", "experiments"} <= schema.keys():
        return
    missing = [name for name in CORE if name not in schema]
    if missing:
        yield warn("rights", f"{', '.join(missing)} may not be read", _GRANT)
    else:
        yield ok("rights", "all of MLflow's tables may be read")
    runs = table_of("runs", schema)
    started = time.monotonic()
    count = connection.execute(select(func.count()).select_from(runs)).scalar_one()
    counted = time.monotonic() - started
    started = time.monotonic()
    connection.execute(select(1))
    took = time.monotonic() - started
    told = f"{took * 1000:.0f} ms for a question, {counted:.2f} s to count {count:,} runs"
    yield (
        warn("speed", told, "look at the network between here and the database")
        if took > _SLOW
        else ok("speed", told)
    )


def _encryption(cipher: str, address: Address) -> Step:
    if cipher:
        return ok("TLS", f"encrypted with {cipher}")
    if any(f"@{host}" in address.uri or f"//{host}" in address.uri for host in ("127.0.0.1", "localhost")):
        return ok("TLS", "not encrypted, and on this machine")
    return warn(
        "TLS",
        "not encrypted: the password and all that is read can be seen on the network",
        "set MLFLOW_MYSQL_SSL_CA, or ssl_ca in the address",
    )


def _schema(connection: Connection, schema: Schema) -> Step:
    from sqlalchemy import select

    if not {"runs", "experiments"} <= schema.keys():
        remedy = (
            "check the database's name; MLflow makes its tables when a server first uses it; or " + _GRANT
        )
        return fail("schema", "no tables of MLflow that this user may read", remedy)
    table = table_of("alembic_version", schema)
    if "version_num" not in table.c:
        return warn("schema", "MLflow's tables, without their version (alembic_version)", _GRANT)
    heads = connection.execute(select(table.c.version_num)).scalars().all()
    return ok("schema", f"MLflow's tables at {', '.join(map(str, heads)) or 'no version'}")
