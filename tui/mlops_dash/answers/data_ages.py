"""How many later versions of a dataset have been seen."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Newer:
    """The later versions of a dataset.

    Attributes:
        count: how many there are.
        digest: of the newest; ``None`` where there is none.
        at: when the newest was first used, in milliseconds since the epoch.
    """

    count: int = 0
    digest: str | None = None
    at: int | None = None


class DataAges:
    """When the versions of datasets were first used.

    A version is as old as the first run that used it, deleted runs aside; one that only deleted runs used is
    as old as the first of these, and is newer than nothing.

    Args:
        rows: those of ``queries/dataset_ages.sql``.
    """

    def __init__(self, rows: Iterable[tuple[Any, ...]]) -> None:
        self._since: dict[tuple[str, str], int] = {}
        self._seen: dict[str, list[tuple[int, str]]] = {}
        for name, digest, first_seen, ever in rows:
            since = ever if first_seen is None else first_seen
            if since is not None:
                self._since[name, digest] = since
            if first_seen is not None:
                self._seen.setdefault(name, []).append((first_seen, digest))
        for versions in self._seen.values():
            versions.sort()

    def newer(self, name: str | None, digest: str | None) -> Newer:
        """Return what came after a version of a dataset; nothing where it is not known how old that is."""
        if name is None or digest is None or (since := self._since.get((name, digest))) is None:
            return Newer()
        versions = self._seen.get(name, [])
        later = len(versions) - bisect_right(versions, since, key=lambda version: version[0])
        return Newer(later, versions[-1][1], versions[-1][0]) if later else Newer()
