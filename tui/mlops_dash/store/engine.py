"""DuckDB as the store uses it: nothing is fetched, loaded or reached outside, and it stays small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

_SETTINGS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "preserve_insertion_order": "false",
    "threads": "2",
    "allocator_flush_threshold": "16MB",
    "arrow_lossless_conversion": "true",  # run keys leave as the 16 bytes that they are
}
# the working copy is read again if it is lost; what is published is synced when it is published
_ON_DISK = {"memory_limit": "64MB", "fsync_mode": "NONE"}
_IN_MEMORY = {"memory_limit": "1GB"}


def connect(database: Path | None) -> duckdb.DuckDBPyConnection:
    """Open a database file, or one in memory; its settings can't be changed afterwards.

    Raises:
        duckdb.Error: it cannot be opened.
    """
    settings: dict[str, Any] = _SETTINGS | (_IN_MEMORY if database is None else _ON_DISK)
    connection = duckdb.connect(":memory:" if database is None else str(database), config=settings)
    try:
        connection.execute("set global TimeZone = 'UTC'")  # else now() as a plain time is the user's own
        connection.execute("set lock_configuration = true")
    except duckdb.Error:
        connection.close()
        raise
    return connection
