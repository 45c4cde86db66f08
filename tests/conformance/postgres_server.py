"""MLflow's store in a PostgreSQL server of our own, started in a folder that goes with it."""

from __future__ import annotations

import datetime
import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from conformance.shape import Place
from mlops_dash.sources.base import Source

PASSWORD = "p/w?@#%&' \\"  # with everything that must be escaped in an address or for libpq
_SETTINGS = (
    "fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "shared_buffers=64MB",
    "max_connections=40", "max_prepared_transactions=4", "listen_addresses=127.0.0.1",
    "log_min_messages=fatal",
)  # fmt: skip
_CHECKSUMS = """
select string_agg(format($f$select '%s',
  (select md5(string_agg(t::text, ',' order by t::text)) from %I as t)$f$,
  tablename, tablename), ' union all ' order by tablename) from pg_tables where schemaname = 'public'
"""


@dataclass
class Server:
    """A server that can be stopped and started again. Locally everybody is its administrator."""

    folder: Path
    port: int

    def start(self) -> None:
        options = " ".join(f"-c {setting}" for setting in _SETTINGS)
        options += f" -c port={self.port} -c unix_socket_directories={self.folder}"
        self._control("start", "-w", "-o", options, "-l", str(self.folder / "log"))

    def stop(self, mode: str = "immediate") -> None:
        self._control("stop", "-w", "-m", mode)

    def sql(self, text: str, database: str = "postgres") -> str:
        """Execute SQL as the administrator; rows as lines, columns separated by ``|``."""
        command = [program("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder)]
        command += ["-p", str(self.port), "-U", "postgres", "-d", database]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def connect(self, database: str, **options: Any) -> Any:
        """A connection of the administrator's, for transactions that stay open."""
        import psycopg

        return psycopg.connect(
            host=str(self.folder), port=self.port, user="postgres", dbname=database, **options
        )

    def address(
        self, database: str, user: str = "reader", password: str = PASSWORD, driver: str = "+psycopg2"
    ) -> str:
        """The address of a database."""
        who = f"{user}:{quote(password, safe='')}"
        return f"postgresql{driver}://{who}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, template: str = "template1") -> None:
        """Create a database of the writer's, whose tables the reader may select from."""
        self.sql(f'create database "{database}" owner writer template "{template}"')
        self.sql(
            "alter default privileges for role writer grant select on tables to reader; "
            "grant create on schema public to writer",
            database,
        )

    def _control(self, *arguments: str) -> None:
        command = [program("pg_ctl"), "-D", str(self.folder / "data"), "-t", "60", *arguments]
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, **_who()
        )
        log = self.folder / "log"
        assert done.returncode == 0, log.read_text("utf-8", "replace")[-2000:] if log.exists() else command


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's programs."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}")) or [shutil.which(name) or name]
    return found[-1]


def _who() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.getuid():
        return {}
    return {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": "/"}


def _memory() -> str | None:
    """A folder in memory, where there is room for one: a database is made of hundreds of files."""
    with suppress(OSError):
        if shutil.disk_usage("/dev/shm").free > 2 << 30 and os.access("/dev/shm", os.W_OK):
            return "/dev/shm"
    return None


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def server() -> Iterator[Server]:
    """Start a server; its socket's path must be short."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_memory()))
    (folder / "password").write_text(PASSWORD + "\n")
    _certify(folder)
    if not os.getuid():
        found = pwd.getpwnam("postgres")
        for path in (folder, *folder.iterdir()):
            os.chown(path, found.pw_uid, found.pw_gid)
    command = [
        program("initdb"), "-D", str(folder / "data"), "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
        "--no-sync", "--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={folder}/password",
    ]  # fmt: skip
    one = Server(folder, free_port())
    try:
        subprocess.run(command, check=True, capture_output=True, **_who())
        for name in ("server.crt", "server.key"):
            shutil.move(folder / name, folder / "data" / name)
        with (folder / "data" / "postgresql.conf").open("a") as configuration:
            configuration.write("ssl = on\n")  # not an option: tests switch it off
        one.start()
        secret = PASSWORD.replace("'", "''")
        for name in ("writer", "reader"):
            one.sql(f"create role {name} login password '{secret}'")
        yield one
    finally:
        with suppress(AssertionError):  # a test may have stopped it
            one.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _certify(folder: Path) -> None:
    """Write a certificate that only the server itself trusts."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "server.crt").write_bytes(certificate.public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.key").write_bytes(secret)
    (folder / "server.key").chmod(0o600)


def checksums(one: Server, database: str) -> tuple[str, str]:
    """All rows, and the next transaction's number: even one that is rolled back would count."""
    return one.sql(one.sql(_CHECKSUMS, database), database), one.sql("select txid_current_snapshot()")


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """An empty database; MLflow writes it as one user, we read it as another that may only select."""
    with server() as one:
        one.create("store")

        yield Place(
            one.address("store", "writer", driver="+psycopg"),
            one.address("store"),
            fingerprint=lambda: checksums(one, "store"),
        )


def source(address: str) -> Source:
    from mlops_dash.sources.mlflow.postgres import MlflowPostgres

    return MlflowPostgres(address)
