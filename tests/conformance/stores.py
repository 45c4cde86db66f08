"""Every kind of tracking store that is read: one line each."""

from __future__ import annotations

from conformance import sqlite_file
from conformance.shape import StoreKind

KINDS = [
    StoreKind("sqlite", sqlite_file.place, sqlite_file.source),
]
EVERYDAY = ("sqlite",)
"""The kinds that are quick enough for every run of the tests; the others are of the campaign."""
