"""A pooler that lends sessions by the transaction (PgBouncer) takes no settings of a session."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any
from urllib.parse import quote

import pytest

from conformance.board import Board
from conformance.postgres_server import PASSWORD, Server, free_port
from mlops_dash.errors import SourceError
from mlops_dash.sources.mlflow.postgres import MlflowPostgres
from mlops_dash.sources.mlflow.postgres.connection import Link
from mlops_dash.sources.mlflow.postgres.conninfo import conninfo


@pytest.fixture
def pooled(pg: Server, database: str) -> Iterator[str]:
    """The address of the database through a pooler."""
    port = free_port()
    users = pg.folder / "users"
    secret = PASSWORD.replace('"', '""')
    users.write_text(f'"reader" "{secret}"\n"writer" "{secret}"\n')
    configuration = pg.folder / "pooler.ini"
    configuration.write_text(
        f"[databases]\n* = host=127.0.0.1 port={pg.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
        f"listen_port = {port}\nauth_type = scram-sha-256\nauth_file = {users}\npool_mode = transaction\n"
        "default_pool_size = 2\nunix_socket_dir =\n"
    )
    who: dict[str, Any] = {}
    if not os.getuid():
        owner = pwd.getpwnam("postgres")
        for path in (users, configuration):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        who = {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": "/"}
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    process = subprocess.Popen(
        [program, "-q", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **who
    )
    try:
        until = time.monotonic() + 20
        while not listens(port):
            assert process.poll() is None
            assert time.monotonic() < until
        yield f"postgresql://reader:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/{database}"
    finally:
        process.terminate()
        process.wait()


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@pytest.mark.campaign
def test_a_store_behind_a_pooler_is_read_and_never_written(
    pooled: str, database: str, board: Board, pg: Server
) -> None:
    with closing(Board(MlflowPostgres(pooled))) as other:
        other.refresh()
        assert other.content() == board.content()
        assert not other.source.changed(other.position)
        pg.sql("update tags set value = 'edited' where key = 'note'", database)
        assert other.source.changed(other.position)
        other.refresh()
        board.refresh()
        assert other.content() == board.content()
    link = Link(conninfo(pooled.replace("reader", "writer")))
    with pytest.raises(SourceError, match="read-only transaction"):
        link.ask("select setval('experiments_experiment_id_seq', 99)")
    link.close()
