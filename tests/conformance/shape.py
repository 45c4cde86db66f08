"""What the suite must know of a kind of tracking store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from mlops_dash.sources.base import Source


@dataclass(frozen=True)
class Place:
    """An empty tracking store, made for the suite.

    Attributes:
        written: the address to which MLflow's client writes runs and registered models.
        read: the address that our source reads; it may name other rights or another way in.
        backend: where ``mlflow gc`` would work; ``written`` by default.
        fingerprint: returns what must stay as it is while the store is read.
    """

    written: str
    read: str
    backend: str = ""
    fingerprint: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class StoreKind:
    """One kind of store.

    Attributes:
        name: names it in the tests' ids.
        place: makes an empty store, in a folder of its own, that is there while the context lasts.
        source: our reader of an address.
        refreshes: after how many refreshes an edit of an old run shows at the latest.
    """

    name: str
    place: Callable[[Path], AbstractContextManager[Place]]
    source: Callable[[str], Source]
    refreshes: int = 1
