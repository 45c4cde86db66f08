"""What errors of PostgreSQL, libpq and ADBC mean for the person who wants to see runs.

States are PostgreSQL's SQLSTATE codes ("PostgreSQL Error Codes" in its manual). While a connection is made
libpq gives only text, the server's part of it in the server's language.
"""

from __future__ import annotations

from mlops_dash.domain.secrets import scrub
from mlops_dash.errors import DashError, SourceError

_CHECK = "Check MLFLOW_TRACKING_URI or [tracking] uri"

# the first that is found in the error's state or its text in lower case: what happened, what to do
_MEANINGS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("password authentication failed", "28p01", "no password supplied"),
        "The database did not accept user or password",
        f"{_CHECK}; a password may also stand in PGPASSWORD or in ~/.pgpass.",
    ),
    (
        (
            "certificate verify failed",
            "root certificate",
            "does not match host name",
            "certificate has expired",
        ),
        "The database's TLS certificate cannot be trusted",
        "Name the certificate of its authority with ?sslrootcert=FILE, or its right host name.",
    ),
    (
        ("server does not support ssl",),
        "The address asks for TLS and the database does not offer it",
        "Switch ssl on in the server's postgresql.conf, or take sslmode out of the address.",
    ),
    (
        ("no encryption", "ssl off", "connection requires a valid client certificate"),
        "The database takes connections from here over TLS only",
        "Append ?sslmode=require to the address (or sslcert and sslkey where it asks for a certificate).",
    ),
    (
        ("pg_hba.conf", "28000"),
        "The database lets this user not connect from here",
        "Let an administrator add a line for it to pg_hba.conf.",
    ),
    (("ssl error", "tls"), "A TLS connection with the database failed", f"{_CHECK}: sslmode, sslrootcert."),
    (
        ("too many clients", "too many connections", "remaining connection slots", "53300"),
        "The database has no connection left",
        "It is tried again at the next refresh; raise max_connections if it stays.",
    ),
    (
        ("starting up", "shutting down", "recovery mode", "57p01", "57p02", "57p03", "not accepting"),
        "The database is being restarted or has failed over",
        "It is read again at the next refresh.",
    ),
    (
        ("connection refused",),
        "Nothing listens at the database's address",
        f"Start the server. {_CHECK}: host and port.",
    ),
    (
        ("could not translate host name", "name or service not known", "name resolution"),
        "There is no such host",
        f"{_CHECK}: its host.",
    ),
    (("no such file or directory",), "There is no socket of PostgreSQL at that path", f"{_CHECK}: its host."),
    (
        ("does not exist", "3d000"),  # of a database or role: what may lack in statements has a state
        "There is no such database, or no such user in it",
        f"{_CHECK}: the database's name. Nothing was created.",
    ),
    (
        ("timeout expired", "timed out", "no route", "unreachable", "terminated abnormally"),
        "The database could not be reached in time",
        "Check the network and whether the server is up.",
    ),
    (
        ("closed the connection", "connection reset", "broken pipe", "no connection to the server"),
        "The connection to the database broke off",
        "It is made anew at the next refresh.",
    ),
)
# what a statement's error means, by its state; where rows were streaming already there are only words
_STATEMENTS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("42501", "permission denied"),
        "The database's user may not read all of it",
        "Let an administrator run: GRANT SELECT ON ALL TABLES IN SCHEMA public TO the user.",
    ),
    (
        ("55P03", "lock timeout"),
        "A table is locked by another program, such as a migration",
        "It is read again at the next refresh.",
    ),
    (
        ("57014", "statement timeout"),
        "The database took too long for one statement",
        "It is tried again at the next refresh; look whether the server is overloaded.",
    ),
    (
        ("40001", "conflict with recovery"),
        "The replica broke off a reading, to follow its primary",
        "It is read again at the next refresh.",
    ),
    (
        ("42P01", "42703"),
        "A table or column went away while it was read",
        "It is read again at the next refresh.",
    ),
)


def explain(error: BaseException, shown: str) -> DashError:
    """Return what an error means.

    Args:
        shown: the store's address without any secret.
    """
    if isinstance(error, DashError):
        return error
    state = str(getattr(error, "sqlstate", None) or "")
    text = str(error).lower()
    for words, what, remedy in _STATEMENTS:
        if state in words or (not state and "error:" in text and words[1] in text):
            return SourceError(f"{what} ({shown}).", remedy)
    # what a statement's error says in words may be about anything
    known = f"{state.lower()} {text}" if not state or state.startswith(("08", "57")) else ""
    for words, what, remedy in _MEANINGS:
        if any(word in known for word in words):
            return SourceError(f"{what} ({shown}).", remedy)
    return SourceError(
        f"The database could not be read: {_first_line(error)} ({shown}).",
        "It is tried again at the next refresh; mlops-dash doctor looks at the connection step by step.",
    )


def silent(shown: str) -> SourceError:
    """Return the error of a server that does not answer."""
    return SourceError(
        f"The database did not answer in time ({shown}).", "Check the network and whether the server is up."
    )


def driver_missing(error: ImportError) -> SourceError:
    """Return the error of an installation that lacks the driver."""
    return SourceError(
        f"Reading PostgreSQL takes the package adbc-driver-postgresql ({_first_line(error)}).",
        "Run: pip install adbc-driver-postgresql",
    )


def is_answer(error: BaseException) -> bool:
    """Tell whether an error shows that a server is there and alive."""
    return bool(getattr(error, "sqlstate", None)) or "FATAL" in str(error)


def _first_line(error: BaseException) -> str:
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    for mark in ("FATAL:", "ERROR:"):
        text = text.rpartition(mark)[2].strip() or text
    return scrub(text[:300])
