"""Addresses of PostgreSQL as SQLAlchemy's users write them, turned into what libpq understands.

The grammar is that of SQLAlchemy's ``make_url``; the parameters are libpq's own ("Parameter Key Words" in
PostgreSQL's manual). Parameters of other drivers mean nothing to libpq and are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from mlops_dash.errors import SourceError
from mlops_dash.sources.mlflow.address import Address

_URL = re.compile(
    r"postgresql://(?:(?P<user>[^:/]*)(?::(?P<password>.*))?@)?"
    r"(?:\[(?P<ipv6>[^/?\]]+)\]|(?P<host>[^/:?@]*))(?::(?P<port>[^/?]*))?"
    r"(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?",
    re.DOTALL,
)
_TAKEN = frozenset(
    "user password host hostaddr port dbname passfile service sslmode sslcert sslkey sslpassword sslrootcert "
    "sslcrl sslcrldir sslsni sslcertmode sslnegotiation ssl_min_protocol_version ssl_max_protocol_version "
    "requirepeer require_auth channel_binding target_session_attrs load_balance_hosts krbsrvname gssencmode "
    "options".split()
)
_OURS = {
    "application_name": "mlops-dash",
    "client_encoding": "UTF8",
    "connect_timeout": "3",  # seconds for each address that the name has
    "keepalives": "1",  # a server that vanished is noticed after idle + count * interval seconds
    "keepalives_idle": "2",
    "keepalives_interval": "1",
    "keepalives_count": "2",
    "tcp_user_timeout": "4000",  # milliseconds that what was sent may stay unacknowledged
}
_SESSION = {
    "default_transaction_read_only": "on",
    "statement_timeout": "60s",
    "lock_timeout": "3s",  # a migration holds tables for as long as it takes
    "idle_in_transaction_session_timeout": "30s",
    "standard_conforming_strings": "on",
    "jit": "off",
}
TRANSACTION = (
    "set transaction read only",
    "set local statement_timeout = '60s'",
    "set local lock_timeout = '3s'",
    "set local standard_conforming_strings = on",
)
"""What makes one transaction as bounded and read-only as the session otherwise is."""
_ASYNCPG = {"true": "require", "false": "disable"}  # what it calls ssl, libpq calls sslmode


@dataclass(frozen=True, slots=True)
class ConnInfo:
    """How to connect.

    Attributes:
        parameters: libpq's; they may hold a password, so they are in no ``repr``.
        shown: the address without any secret.
    """

    parameters: dict[str, str] = field(repr=False)
    shown: str

    def text(self, *, pooled: bool = False) -> str:
        """Return a connection string.

        Args:
            pooled: without settings of the session, for a pooler that lends sessions by the transaction:
                :data:`TRANSACTION` then stands before every selection.
        """
        found = self.parameters | _OURS
        if pooled:
            found.pop("options", None)
        else:
            ours = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
            found["options"] = f"{found.get('options', '')} {ours}".strip()
        return " ".join(f"{name}='{_escaped(value)}'" for name, value in found.items())

    @property
    def encrypted(self) -> bool:
        """Whether the address insists on TLS."""
        return self.parameters.get("sslmode", "") in ("require", "verify-ca", "verify-full")


def conninfo(uri: str) -> ConnInfo:
    """Read an address.

    Raises:
        SourceError: it cannot be one of PostgreSQL; the message holds no secret.
    """
    address = Address.of(uri)
    match = _URL.fullmatch(address.plain)
    if match is None:
        raise _unreadable(address, "it has no form that PostgreSQL's addresses have")
    port = match["port"] or ""
    if port and not port.isdecimal():
        raise _unreadable(address, "what stands after the last colon of its host is no port number")
    named = {
        "user": unquote(match["user"] or ""),
        "password": unquote(match["password"] or ""),
        "host": match["ipv6"] or unquote(match["host"] or ""),
        "port": port,
        "dbname": match["database"] or "",
    }
    parameters = {name: value for name, value in named.items() if value}
    hosts: list[tuple[str, str]] = []
    for name, value in parse_qsl(match["query"] or "", keep_blank_values=False):
        if name == "host":
            hosts.append(_host_and_port(value))
        elif name == "ssl":
            parameters["sslmode"] = _ASYNCPG.get(value.lower(), value)
        elif name in _TAKEN:
            parameters[name] = value
    if hosts:
        parameters["host"] = ",".join(host for host, _ in hosts)
        if any(port for _, port in hosts):
            parameters["port"] = ",".join(port for _, port in hosts)
    if parameters.get("sslrootcert") == "system":
        parameters["sslrootcert"] = _system_certificates() or "system"
    if any("\0" in value for value in parameters.values()):
        raise _unreadable(address, "it holds a NUL character")
    return ConnInfo(parameters, address.shown)


def _unreadable(address: Address, why: str) -> SourceError:
    return SourceError(
        f"The address of the tracking store cannot be read: {why} ({address.shown}).",
        "Write it as postgresql://USER:PASSWORD@HOST:5432/DATABASE, special characters as %XX.",
    )


def _host_and_port(value: str) -> tuple[str, str]:
    """SQLAlchemy's way to name several hosts: ``?host=one:5432&host=two:5433``."""
    host, colon, port = value.rpartition(":")
    if colon and port.isdecimal() and not host.startswith("/") and "," not in host:
        return host, port
    return value, ""


def _system_certificates() -> str | None:
    """The bundled OpenSSL looks where it was built; Python knows where this system keeps them."""
    import ssl

    paths = ssl.get_default_verify_paths()
    return next((path for path in (paths.cafile, paths.openssl_cafile) if path and Path(path).exists()), None)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
