"""Every kind of tracking store that is read: one line each."""

from __future__ import annotations

from conformance import file_store, mariadb_server, mlflow_server, postgres_server, sqlite_file
from conformance.shape import StoreKind

KINDS = [
    StoreKind("sqlite", sqlite_file.place, sqlite_file.source),
    StoreKind("files", file_store.place, file_store.source),
    StoreKind("mariadb", mariadb_server.place, mariadb_server.source),
    StoreKind("postgresql", postgres_server.place, postgres_server.source),
    StoreKind("server", mlflow_server.place, mlflow_server.source, mlflow_server.REFRESHES),
]
EVERYDAY = ("sqlite",)
"""The kinds that are quick enough for every run of the tests; the others are of the campaign."""
