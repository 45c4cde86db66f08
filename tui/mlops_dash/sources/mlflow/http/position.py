"""How far a tracking server was read: every moment of time belongs to one window, read or not.

A window holds the runs of some experiments that were started after ``low`` and not after ``high``. It is
asked for by those bounds, not by the server's page tokens: they expire, and they count rows, so that a run
deleted or created between two pages would make them skip or repeat one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

FORMAT = 1
LOWEST, HIGHEST = -(2**63), 2**63 - 1
RUNS, MODELS = "runs", "models"
_UNKNOWN = ""


@dataclass(slots=True)
class Window:
    """A stretch of time, in ms: after ``low``, up to ``high`` included.

    Attributes:
        count: what is in it.
        digest: sum of the digests of what is in it; empty where it must be read again.
        seen: the turn in which it was read last.
    """

    low: int
    high: int
    count: int = 0
    digest: str = _UNKNOWN
    seen: int = 0


@dataclass(slots=True)
class Group:
    """Experiments that are read together, or all logged models.

    Attributes:
        kind: ``runs`` or ``models``.
        experiments: their ids; none for logged models, which are read of all experiments.
        unread: the stretch of time that was not read yet: after the first, up to the second.
        windows: what was read, the newest first.
    """

    kind: str
    experiments: list[str]
    unread: tuple[int, int] | None = (LOWEST, HIGHEST)
    windows: list[Window] = field(default_factory=list)

    def replace(self, low: int, high: int, found: list[Window]) -> None:
        """Put windows in the place of those between two bounds."""
        kept = [one for one in self.windows if one.high <= low or one.low >= high]
        self.windows = sorted([*kept, *found], key=lambda one: -one.high)

    def between(self, low: int, high: int) -> Window | None:
        """Return the window with these bounds."""
        return next((one for one in self.windows if (one.low, one.high) == (low, high)), None)


@dataclass(slots=True)
class Recent:
    """A run that is looked at in every refresh: when it started (ms), its digest, whether it is running."""

    start: int
    digest: str
    running: bool


@dataclass(slots=True)
class Mark:
    """A position of :class:`mlops_dash.sources.mlflow.http.MlflowServer`.

    Attributes:
        server: digest of the address.
        groups: all time of all experiments, as far as it was read.
        small: digests of what is read whole.
        recent: the newest runs and the running ones.
        turn: counts the readings.
        size: how many runs the server can deliver at once in good time.
        registry_pages: pages that the registry had when it was last read whole.
    """

    server: str
    groups: list[Group] = field(default_factory=list)
    small: dict[str, str] = field(default_factory=dict)
    recent: dict[str, Recent] = field(default_factory=dict)
    turn: int = 0
    size: int = 0
    registry_pages: int = 1

    def dump(self) -> str:
        """Return it as text."""
        groups = [
            [one.kind, one.experiments, one.unread, [_row(window) for window in one.windows]]
            for one in self.groups
        ]
        recent = {run: [one.start, one.digest, one.running] for run, one in self.recent.items()}
        rest = (self.server, self.small, self.turn, self.size, self.registry_pages)
        return json.dumps(
            {"format": FORMAT, "rest": rest, "groups": groups, "recent": recent}, separators=(",", ":")
        )

    @classmethod
    def load(cls, text: str | None, server: str) -> Mark | None:
        """Return the position, or ``None`` if there is none that this version wrote of this server."""
        try:
            found = json.loads(text or "")
            if found["format"] != FORMAT or found["rest"][0] != server:
                return None
            _, small, turn, size, pages = found["rest"]
            groups = [_group(*row) for row in found["groups"]]
            recent = {
                str(run): Recent(int(start), str(digest), bool(running))
                for run, (start, digest, running) in found["recent"].items()
            }
            kept = {str(name): str(digest) for name, digest in small.items()}
            return cls(server, groups, kept, recent, int(turn), int(size), int(pages)) if groups else None
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            return None

    def windows(self) -> Iterator[tuple[Group, Window]]:
        """Yield every window that was read."""
        for group in self.groups:
            for window in group.windows:
                yield group, window

    def tidy(self, largest: int) -> None:
        """Join neighbouring windows, and groups that are one window each, up to ``largest`` rows."""
        for group in self.groups:
            joined: list[Window] = []
            for window in group.windows:
                above = joined[-1] if joined else None
                if above is not None and above.low == window.high and _joins(above, window, largest):
                    joined[-1] = _join(above, window, window.low, above.high)
                else:
                    joined.append(window)
            group.windows = joined
        self._join_groups(largest)

    def _join_groups(self, largest: int) -> None:
        groups: list[Group] = []
        small: Group | None = None
        for group in self.groups:
            if group.kind == RUNS and group.unread is None and len(group.windows) == 1:
                if small is not None and _joins(small.windows[0], group.windows[0], largest):
                    small.experiments += group.experiments
                    small.windows = [_join(small.windows[0], group.windows[0], LOWEST, HIGHEST)]
                    continue
                small = group
            groups.append(group)
        self.groups = groups


def added(digests: Iterator[int]) -> str:
    """Return one digest of many, whatever their order."""
    return f"{sum(digests) % 2**64:016x}"


def _joins(one: Window, other: Window, largest: int) -> bool:
    return bool(one.digest and other.digest) and one.count + other.count <= largest


def _join(one: Window, other: Window, low: int, high: int) -> Window:
    digest = added(int(part.digest, 16) for part in (one, other))
    return Window(low, high, one.count + other.count, digest, min(one.seen, other.seen))


def _row(window: Window) -> list[Any]:
    return [window.low, window.high, window.count, window.digest, window.seen]


def _group(kind: str, experiments: list[str], unread: list[int] | None, windows: list[list[Any]]) -> Group:
    rows = [Window(int(a), int(b), int(c), str(d), int(e)) for a, b, c, d, e in windows]
    stretch = None if unread is None else (int(unread[0]), int(unread[1]))
    return Group(str(kind), [str(one) for one in experiments], stretch, rows)
