"""What is known of a file store: of each folder in it a number that changes with every write.

This is the source's position. It also tells what has gone, which no file says.
"""

from __future__ import annotations

import json
from array import array
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Any

from mlops_dash.sources.mlflow.files.disk import Flag
from mlops_dash.sources.mlflow.files.rows import Kind

FORMAT = 1
TRASH = ".trash"
Mark = tuple[int, int]
"""Stamps of a folder's ``meta.yaml`` and of all in it."""
NOTHING: Mark = (0, 0)
"""A folder without ``meta.yaml``: it may get one."""
AGAIN = -1
"""In a mark: to be read again at the next look."""
UNREAD: Mark = (AGAIN, 0)
"""It came, and was not read yet."""


@dataclass(slots=True)
class Listing:
    """A folder whose folders are experiments, runs, models or datasets.

    Attributes:
        stamp: of the folder, when its content was listed; changes when a folder in it comes or goes.
        marks: of each folder in it, by name.
        flags: by name, where something is the matter; ``""`` for the folder itself.
        watched: time of the newest change in nanoseconds, by name, of those that are likely to change.
        running: names of runs that are under way.
    """

    kind: Kind
    stamp: int = AGAIN
    marks: dict[str, Mark] = field(default_factory=dict)
    flags: dict[str, int] = field(default_factory=dict)
    watched: dict[str, int] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    dumped: str | None = None
    counted: int | None = None

    def forget(self, name: str) -> None:
        """Drop what is known of one folder."""
        self.marks.pop(name, None)
        self.flags.pop(name, None)
        self.watched.pop(name, None)
        self.running.discard(name)
        self.dumped = None

    def set(self, name: str, mark: Mark, flags: int) -> None:
        """Note what was seen of one folder."""
        if self.marks.get(name) != mark or self.flags.get(name, 0) != flags:
            self.dumped = None
        self.marks[name] = mark
        if flags:
            self.flags[name] = int(flags)
        else:
            self.flags.pop(name, None)

    def shows(self, name: str) -> bool:
        """Tell whether the store holds something of a folder."""
        mark = self.marks[name]
        return mark[0] != 0 and mark != UNREAD and not self.flags.get(name, 0) & Flag.MISSING

    def count(self) -> int:
        """Return how many the store holds something of."""
        if self.counted is None or self.dumped is None:
            self.counted = sum(1 for name in self.marks if self.shows(name))
        return self.counted

    def dump(self, path: str) -> str:
        """Return the listing as JSON text; the same object as long as nothing changes."""
        if self.dumped is None:
            numbers = array("q", (number for mark in self.marks.values() for number in mark))
            self.dumped = json.dumps(
                {
                    "path": path,
                    "kind": self.kind,
                    "stamp": self.stamp,
                    "names": "/".join(self.marks),  # no name holds one
                    "marks": b64encode(numbers.tobytes()).decode("ascii"),
                    "flags": self.flags,
                    "running": {name: self.watched.get(name, 0) for name in sorted(self.running)},
                },
                separators=(",", ":"),
            )
        return self.dumped

    @classmethod
    def load(cls, found: dict[str, Any]) -> Listing:
        """Return what :meth:`dump` wrote.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        numbers = array("q")
        numbers.frombytes(b64decode(found["marks"]))
        names = found["names"].split("/") if found["names"] else []
        marks = dict(zip(names, zip(numbers[::2], numbers[1::2], strict=True), strict=True))
        running = {str(name): int(newest) for name, newest in found["running"].items()}
        flags = {str(name): int(value) for name, value in found["flags"].items()}
        return cls(Kind(found["kind"]), int(found["stamp"]), marks, flags, running, set(running))


@dataclass(slots=True)
class State:
    """All that is known of a store.

    Attributes:
        listings: by path below it, ``""`` for itself.
        whole: whether all that was found was read.
    """

    listings: dict[str, Listing] = field(default_factory=dict)
    whole: bool = False

    def of(self, *kinds: Kind) -> list[tuple[str, Listing]]:
        """Return the listings of some kinds with their paths."""
        return [(path, listing) for path, listing in self.listings.items() if listing.kind in kinds]

    def count(self, kind: Kind) -> int:
        """Return how many of a kind are shown."""
        return sum(listing.count() for _, listing in self.of(kind))

    def dump(self) -> str:
        """Return it as a position."""
        parts = ",".join(listing.dump(path) for path, listing in self.listings.items())
        return f'{{"format":{FORMAT},"whole":{json.dumps(self.whole)},"listings":[{parts}]}}'

    @classmethod
    def load(cls, text: str | None) -> State | None:
        """Return the state, or ``None`` if there is none that this version wrote."""
        if not text:
            return None
        try:
            found = json.loads(text)
            if found["format"] != FORMAT:
                return None
            listings = {str(part["path"]): Listing.load(part) for part in found["listings"]}
            return cls(listings, bool(found["whole"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
