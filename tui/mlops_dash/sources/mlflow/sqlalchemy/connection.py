"""One connection to a database server that only reads, with deadlines, and what its failures mean."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mlops_dash.domain.progress import Cancelled
from mlops_dash.domain.secrets import scrub
from mlops_dash.errors import DashError, SourceError
from mlops_dash.sources.mlflow.address import Address, Kind

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

CONNECT = 4  # seconds; a server that is down is told within 5
STATEMENT = 30  # seconds
_NAMES = {Kind.MYSQL: "MySQL", Kind.MSSQL: "SQL Server"}
_EXTRAS = {Kind.MYSQL: ("mysql", "pymysql"), Kind.MSSQL: ("mssql", "pymssql")}
# SQLAlchemy's driver and the module that it needs, in the order in which they are tried
_DRIVERS = {
    Kind.MYSQL: {
        "pymysql": "pymysql",
        "mysqldb": "MySQLdb",
        "mysqlconnector": "mysql.connector",
        "mariadbconnector": "mariadb",
    },
    Kind.MSSQL: {"pymssql": "pymssql", "pyodbc": "pyodbc"},
}
_OF_ANOTHER_DRIVER = ("driver", "TrustServerCertificate", "Encrypt", "ApplicationIntent")  # ODBC's words


def engine_of(address: Address) -> Engine:
    """Return an engine whose connections can only read, each opened when asked for.

    Raises:
        SourceError: the address cannot be one, or no driver for it is installed; says which.
    """
    import sqlalchemy
    from sqlalchemy import event
    from sqlalchemy.pool import NullPool

    try:
        url = sqlalchemy.make_url(address.uri)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise SourceError(
            f"the address of the database cannot be understood: {address.shown}",
            "write mysql+pymysql://USER:PASSWORD@HOST:PORT/DATABASE, special characters percent-encoded",
        ) from None
    url = _with_driver(url, address)
    driver = url.get_driver_name()
    options: dict[str, Any] = {"hide_parameters": True, "poolclass": NullPool}
    engine = sqlalchemy.create_engine(url, connect_args=_connect_arguments(address, driver, url), **options)
    event.listen(engine, "connect", lambda raw, _: _prepare(raw, address.kind, driver))
    return engine


def _with_driver(url: URL, address: Address) -> URL:
    """Name a driver that is installed: the one that was named, else any other of the same database."""
    known = _DRIVERS[address.kind]
    wanted = address.driver or next(iter(known))
    for driver in (wanted, *known):
        if driver in known and _is_there(known[driver]):
            dialect = "mysql" if address.kind is Kind.MYSQL else "mssql"
            changed = url.set(drivername=f"{dialect}+{driver}")
            return changed if driver == wanted else changed.difference_update_query(_OF_ANOTHER_DRIVER)
    extra, package = _EXTRAS[address.kind]
    raise SourceError(
        f"reading {_NAMES[address.kind]} needs a driver, and none is installed",
        f"pip install 'mlops-dash[{extra}]', which brings {package}",
    )


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is missing
        return False


def _connect_arguments(address: Address, driver: str, url: URL) -> dict[str, Any]:
    if address.kind is Kind.MSSQL:
        return (
            {"login_timeout": CONNECT, "timeout": STATEMENT} if driver == "pymssql" else {"timeout": CONNECT}
        )
    if driver == "mysqlconnector":
        found: dict[str, Any] = {"connection_timeout": CONNECT}
    else:
        found = {"connect_timeout": CONNECT}
    if driver in ("pymysql", "mysqldb"):
        found |= {"read_timeout": CONNECT, "write_timeout": CONNECT}
    if driver == "pymysql":
        found["program_name"] = "mlops-dash"
    if "charset" not in url.query and driver != "mariadbconnector":
        found["charset"] = "utf8mb4"
    for name in ("ssl_ca", "ssl_cert", "ssl_key"):  # as MLflow passes them
        if value := os.environ.get(f"MLFLOW_MYSQL_{name.upper()}"):
            found[name] = value
    return found


def _prepare(raw: Any, kind: Kind, driver: str) -> None:
    """Make a new connection one that only reads and that ends what takes too long."""
    cursor = raw.cursor()
    try:
        if kind is Kind.MSSQL:
            cursor.execute(f"set lock_timeout {STATEMENT * 1000}")
            if driver == "pyodbc":
                raw.timeout = STATEMENT
            return
        cursor.execute("set session transaction read only")
        cursor.execute("set session transaction isolation level repeatable read")
        cursor.execute("select version()")
        if "mariadb" in str(cursor.fetchone()[0]).lower():
            cursor.execute(f"set session max_statement_time = {STATEMENT}")
        else:
            cursor.execute(f"set session max_execution_time = {STATEMENT * 1000}")
    finally:
        cursor.close()
    if driver == "pymysql":  # it has shaken hands: from now on statements may take their time
        raw._read_timeout = STATEMENT + CONNECT


@contextmanager
def connected(engine: Engine, address: Address) -> Iterator[Connection]:
    """Open a connection in a transaction that is never committed.

    Raises:
        SourceError: whatever went wrong, with what it means.
        Cancelled: passed on.
    """
    try:
        with engine.connect() as connection:
            try:
                yield connection
            finally:
                connection.rollback()
    except (Cancelled, GeneratorExit, DashError):
        raise
    except Exception as error:
        if not _is_of_a_database(error):
            raise
        raise explain(error, address) from None  # the driver's own traceback may hold the password


def _is_of_a_database(error: Exception) -> bool:
    """Tell a failure of the server, the network or a driver from an error of our own."""
    modules = {
        "sqlalchemy",
        *(module.partition(".")[0] for kind in _DRIVERS.values() for module in kind.values()),
    }
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in modules


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What errors with these numbers, or with one of these words in them, mean, and what to do about it."""

    codes: tuple[int, ...]
    words: tuple[str, ...]
    message: str
    remedy: str


# numbers of MySQL and MariaDB (1000 to 3999), of SQL Server (3 to 5 digits) and of FreeTDS (20000 on)
_MEANINGS = (
    _Meaning(
        (1044, 1049, 4060), (), "{name} has no such database, or none for this user",
        "check the database's name",
    ),
    _Meaning(
        (1045, 1698, 18456), ("access denied for user", "login failed"),
        "{name} refuses the user or the password",
        "check the credentials in MLFLOW_TRACKING_URI or [tracking] uri",
    ),
    _Meaning(
        (1142, 1143, 229, 230), (), "the user may not read one of MLflow's tables ({text})",
        "grant select on all tables of the database",
    ),
    _Meaning(
        (1969, 3024), ("max_statement_time",),
        f"{{name}} took longer than {STATEMENT} seconds for one statement",
        "it is read again at the next refresh; look at the load of the database",
    ),
    _Meaning(
        (2002, 2003, 2005, 20002, 20009), ("can't connect",), "{name} cannot be reached ({text})",
        "check host, port and network",
    ),
    _Meaning(
        (0, 1053, 1927, 2006, 2013, 20047), ("timed out", "lost connection"),
        "the connection to {name} was lost ({text})", "it is read again at the next refresh",
    ),
    _Meaning(
        (), ("ssl", "tls"), "no secure connection to {name} ({text})",
        "check MLFLOW_MYSQL_SSL_CA, …_CERT and …_KEY, or ssl_ca in the address",
    ),
    _Meaning((), ("",), "{name} could not be read ({text})", "mlops-dash doctor looks at each step"),
)  # fmt: skip


def explain(error: Exception, address: Address) -> DashError:
    """Return what an error of a driver or of SQLAlchemy means for the person who wants to see runs."""
    text = scrub(_text(error))
    code = _code(error)
    found = next((one for one in _MEANINGS if code in one.codes), None) or next(
        one for one in _MEANINGS if any(word in text.lower() for word in one.words)
    )
    told = found.message.format(name=_NAMES[address.kind], text=_line(text))
    return SourceError(f"{told}: {address.shown}", found.remedy)


def _code(error: Exception) -> int | None:
    arguments = getattr(getattr(error, "orig", None) or error, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def _text(error: Exception) -> str:
    """The words of an error; drivers give a number before them, and SQL Server's give bytes."""
    original = getattr(error, "orig", None) or error
    words = original.args[-1] if original.args else ""
    if isinstance(words, bytes):
        return words.decode("utf-8", "replace")
    return words if isinstance(words, str) and words else str(original)


def _line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[0][:200]
