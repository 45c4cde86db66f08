"""Addresses of tracking stores, as MLflow writes them: which kind each is, and what a person may see of it.

The kinds and their spellings are those of MLflow's registry of tracking stores and of SQLAlchemy's URLs
(``dialect+driver://``); ``postgres`` is an old spelling that MLflow takes for ``postgresql``.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlops_dash.domain.secrets import USER_INFO_ALONE, learn, shown_address


class Kind(StrEnum):
    """What keeps the runs; the value is the ``kind`` of the source that reads it."""

    SQLITE = "mlflow-sqlite"
    POSTGRESQL = "mlflow-postgresql"
    MYSQL = "mlflow-mysql"
    MSSQL = "mlflow-mssql"
    HTTP = "mlflow-http"
    FILES = "mlflow-files"
    DATABRICKS = "mlflow-databricks"
    UNKNOWN = "mlflow-unknown"


_KINDS = {
    "sqlite": Kind.SQLITE,
    "postgresql": Kind.POSTGRESQL,
    "postgres": Kind.POSTGRESQL,
    "mysql": Kind.MYSQL,
    "mariadb": Kind.MYSQL,
    "mssql": Kind.MSSQL,
    "http": Kind.HTTP,
    "https": Kind.HTTP,
    "file": Kind.FILES,
    "databricks": Kind.DATABRICKS,
    "databricks-uc": Kind.DATABRICKS,
    "uc": Kind.DATABRICKS,
}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9.-]+)(?:\+([A-Za-z0-9_.-]+))?:")  # one letter is a drive
_SQLITE = re.compile(r"sqlite(?:\+[a-z0-9_]+)?:///", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """An address of a tracking store.

    Attributes:
        uri: as it was written; it may hold a password, so it is in no ``repr``.
        kind: what keeps the runs.
        scheme: ``postgresql``, ``https``…, in lower case; empty for a path.
        driver: what SQLAlchemy's users write after ``+``, or ``None``.
    """

    uri: str = field(repr=False)
    kind: Kind
    scheme: str
    driver: str | None

    @classmethod
    def of(cls, uri: str) -> Address:
        """Look at an address. It never fails: what is unknown is of kind ``UNKNOWN``."""
        learn(uri)
        if uri in ("databricks", "databricks-uc"):
            return cls(uri, Kind.DATABRICKS, "databricks", None)
        found = _SCHEME.match(uri)
        if "://" not in uri and USER_INFO_ALONE.match(uri):  # its scheme was forgotten: it is no path
            return cls(uri, Kind.UNKNOWN, "", None)
        if found is None:
            return cls(uri, Kind.FILES, "", None)
        scheme, driver = found[1].lower(), found[2]
        kind = _KINDS.get(scheme)
        if kind is None or (kind not in (Kind.FILES, Kind.DATABRICKS) and uri[found.end() :][:2] != "//"):
            # a colon may be part of a path; an address that says where has two slashes
            kind = Kind.UNKNOWN if "://" in uri or kind else Kind.FILES
        return cls(uri, kind, scheme if kind is not Kind.FILES or scheme == "file" else "", driver)

    @property
    def shown(self) -> str:
        """The address without any secret."""
        return shown(self.uri)

    @property
    def plain(self) -> str:
        """The address without SQLAlchemy's driver, ``postgres`` spelt out. It may hold a password."""
        if not self.scheme:
            return self.uri
        scheme = "postgresql" if self.scheme == "postgres" else self.scheme
        return scheme + self.uri[self.uri.index(":") :]

    @property
    def path(self) -> Path | None:
        """The file or folder that it names; ``None`` where it names none on this machine."""
        if self.kind is Kind.SQLITE:
            found = _SQLITE.match(self.uri)
            return None if found is None else _existing(self.uri[found.end() :].partition("?")[0])
        if self.kind is not Kind.FILES:
            return None
        if not self.scheme:
            return _existing(self.uri)
        split = urlsplit(self.uri)
        return _existing(split.path) if split.netloc in ("", "localhost") and split.path else None

    def __str__(self) -> str:
        return self.shown


def shown(uri: str) -> str:
    """Return an address as a person may see it: no user info, no password, token or signature."""
    return shown_address(uri)


def absolute(uri: str, against: Path) -> str:
    """Make a relative SQLite, ``file:`` or folder address absolute; others stay as they are."""
    sqlite = _SQLITE.match(uri)
    if sqlite is not None:
        path, question, query = uri[sqlite.end() :].partition("?")
        return f"sqlite:///{_resolved(path, against)}{question}{query}"
    address = Address.of(uri)
    if address.kind is not Kind.FILES:
        return uri
    if not address.scheme:
        return str(_resolved(uri, against))
    path = uri[len("file:") :]
    return uri if path.startswith("/") else f"file://{_resolved(path, against)}"


def _resolved(path: str, against: Path) -> Path:
    return Path(os.path.abspath(against / os.path.expanduser(path)))


def _existing(path: str) -> Path:
    """MLflow unquotes paths; a percent sign in a name that is there stays one."""
    return Path(unquote(path) if "%" in path and not Path(path).exists() else path)
