"""What doctor sees of a connection to PostgreSQL, step by step, up to the first that fails."""

from __future__ import annotations

from collections.abc import Callable

from conformance.postgres_server import PASSWORD, Server
from mlops_dash.sources.mlflow.postgres import probe
from mlops_dash.sources.mlflow.probing import State, Step


def steps(uri: str) -> dict[str, Step]:
    found = list(probe(uri))
    for step in found:
        assert PASSWORD not in f"{step.evidence} {step.remedy}"
        assert step.state is not State.FAIL or step.remedy
    assert all(step.state is not State.FAIL for step in found[:-1])
    return {step.name: step for step in found}


def test_a_connection_that_works(database: str, pg: Server) -> None:
    found = steps(pg.address(database))
    assert list(found) == ["address", "TLS", "credentials", "version", "schema", "rights", "speed"]
    assert {step.state for step in found.values()} == {State.OK}
    assert found["TLS"].evidence.startswith("TLSv1")
    assert found["version"].evidence.startswith("PostgreSQL 1")
    assert "dc11669786a5" in found["schema"].evidence
    assert "'reader'" in found["rights"].evidence


def test_an_older_store_says_what_it_lacks(copy_of: Callable[[str], str], pg: Server) -> None:
    assert (
        "no datasets, no aliases, no logged models" in steps(pg.address(copy_of("1.30.1")))["schema"].evidence
    )


def test_rights_on_some_tables_only(database: str, pg: Server) -> None:
    pg.sql("revoke select on params, alembic_version from reader", database)
    found = steps(pg.address(database))
    assert found["rights"].state is State.WARN
    assert "GRANT SELECT ON public.params TO reader" in str(found["rights"].remedy)
    assert "may not be read" in found["schema"].evidence


def test_each_failure_ends_it_where_it_is(database: str, pg: Server) -> None:
    for uri, last in (
        ("postgresql://reader@[::1/x", "address"),
        ("postgresql://reader@127.0.0.1:1/x", "address"),
        (pg.address(database, password="wr0ng"), "credentials"),
        (pg.address("nowhere"), "credentials"),
        (pg.address("postgres"), "schema"),
    ):
        found = steps(uri)
        assert list(found)[-1] == last
        assert found[last].state is State.FAIL
