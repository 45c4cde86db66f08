"""A MariaDB server with one store that MLflow filled; each test gets a copy of it."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.mariadb_server import Server, server
from conformance.scenario import fill

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def maria() -> Iterator[Server]:
    """A server whose database ``store_filled`` holds everything that a store can hold."""
    from mlflow.tracking import MlflowClient

    with server() as one:
        one.sql("create database store_filled")
        address = one.address("store_filled", "writer")
        client = MlflowClient(address, address)
        fill(client, client)
        yield one


@pytest.fixture
def database(maria: Server, tmp_path: Path) -> str:
    """The name of a copy of the filled store."""
    name = f"store_{next(_NUMBERS)}"
    maria.sql(f"create database {name}")
    access = [f"--socket={maria.folder}/sql.sock"]
    dump = subprocess.run(
        ["mariadb-dump", "--no-defaults", *access, "store_filled"], capture_output=True, check=True
    ).stdout
    subprocess.run(["mariadb", "--no-defaults", *access, name], input=dump, check=True)
    return name
