"""What ``doctor`` sees of a tracking store in PostgreSQL, step by step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

from mlops_dash.errors import DashError
from mlops_dash.sources.mlflow.postgres.catalogue import Catalogue
from mlops_dash.sources.mlflow.postgres.columns import rows_sql
from mlops_dash.sources.mlflow.postgres.connection import Link
from mlops_dash.sources.mlflow.postgres.conninfo import conninfo
from mlops_dash.sources.mlflow.probing import Step, failed, ok, warn
from mlops_dash.sources.mlflow.sqlite.columns import RUN

_OLDEST = 110_000  # the version of PostgreSQL from which on everything that is asked is there
_SLOW = 0.3  # seconds for one small question
_ROWS = 20_000
_WHERE_FROM = (
    "select coalesce((select s.version || ', ' || s.cipher from pg_stat_ssl as s "
    "where s.pid = pg_backend_pid() and s.ssl), ''), inet_server_addr() is null, "
    "coalesce(host(inet_server_addr()) in ('127.0.0.1', '::1'), true)"
)


def probe(uri: str) -> Iterator[Step]:
    """Look at the store with this address: address, TLS, credentials, version, schema, rights, speed."""
    try:
        target = conninfo(uri)
    except DashError as error:
        yield failed("address", error)
        return
    link = Link(target)
    with closing(link):
        started = time.monotonic()
        try:
            ((cipher, local_socket, this_machine),) = link.ask(_WHERE_FROM)
        except DashError as error:
            yield failed("address" if _is_of_the_network(error) else "credentials", error)
            return
        took = time.monotonic() - started
        yield ok("address", f"{target.shown} answers")
        if cipher or local_socket or this_machine:
            yield ok("TLS", str(cipher) or "not needed on this machine")
        else:
            yield warn(
                "TLS",
                "passwords and data cross the network unencrypted",
                "Append ?sslmode=require to the address.",
            )
        yield ok("credentials", f"accepted; connecting took {took * 1000:,.0f} ms")
        try:
            yield from _contents(link)
        except DashError as error:
            yield failed("speed", error)


def _contents(link: Link) -> Iterator[Step]:
    try:
        catalogue = link.catalogue()
    except DashError as error:
        yield failed("schema", error)
        return
    release = f"PostgreSQL {catalogue.release}"
    if catalogue.version < _OLDEST:
        yield warn(
            "version", f"{release}, older than what this is tested with", "Upgrade to PostgreSQL 11 or later."
        )
    else:
        yield ok("version", release)
    heads = _heads(link)
    lacking = ", ".join(f"no {name}" for name in _newer(catalogue))
    yield ok("schema", f"MLflow's, at {heads}" + (f"; an older one: {lacking}" if lacking else ""))
    if catalogue.denied:
        yield warn(
            "rights",
            f"user {catalogue.login!r} may not read {', '.join(catalogue.denied)}",
            f"Let an administrator run: {catalogue.grant}",
        )
    else:
        yield ok("rights", f"user {catalogue.login!r} may read all of it; the session is read-only")
    yield _speed(link, catalogue)


def _heads(link: Link) -> str:
    """Return the schema's version, which the user may have no right to read."""
    try:
        return ", ".join(str(row[0]) for row in link.ask("select version_num from alembic_version")) or "none"
    except DashError:
        return "a version that may not be read"


def _newer(catalogue: Catalogue) -> list[str]:
    """Return what newer versions of MLflow keep and this store does not."""
    known = {
        "datasets": "datasets",
        "registered_model_aliases": "aliases",
        "logged_models": "logged models",
    }
    there = {*catalogue.tables, *(name.rpartition(".")[2] for name in catalogue.denied)}
    return [name for table, name in known.items() if table not in there]


def _speed(link: Link, catalogue: Catalogue) -> Step:
    """Measure an answer's time and how many rows come in a second."""
    started = time.monotonic()
    link.ask("select 1")
    answer = time.monotonic() - started
    rows = link.wait(link.submit(f"{rows_sql(RUN, catalogue)} limit {_ROWS}"))
    rate = rows.num_rows / max(rows.seconds, 0.001)
    seen = f"an answer takes {answer * 1000:,.0f} ms"
    if rows.num_rows >= _ROWS // 10:
        seen += f", {rate:,.0f} runs a second"
    if answer > _SLOW:
        return warn("speed", seen, "The database is far away or busy: refreshes take some seconds.")
    return ok("speed", seen)


def _is_of_the_network(error: DashError) -> bool:
    words = ("listens", "no such host", "no socket", "reached in time", "did not answer", "broke off")
    return any(word in error.message for word in words)
