"""What has changed in a file store since it was read: by the times of its folders and files.

A new run changes the time of its experiment's folder, a new parameter or tag that of the run's; but a value
that is appended to a metric, or a ``meta.yaml`` that MLflow writes in place, changes only the file's own.
So each refresh looks at

- every folder that things come to and go from, and every ``meta.yaml`` (4,000 of them at a time);
- all files of the runs that are under way or changed in the last ten minutes (150 of them, the newest);
- all files of one sixtieth of everything else: an edit of an old run shows after 60 refreshes at most.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mlops_dash.sources.mlflow.files import disk
from mlops_dash.sources.mlflow.files.disk import META, Flag, Look, folders_in, stamp_of, stamp_of_state
from mlops_dash.sources.mlflow.files.hands import Hands, blocks
from mlops_dash.sources.mlflow.files.round import Name, Round
from mlops_dash.sources.mlflow.files.rows import Kind
from mlops_dash.sources.mlflow.files.state import AGAIN, TRASH, UNREAD, Listing, State
from mlops_dash.sources.mlflow.files.units import Unit, identity, whole_mark

REFRESHES_OF_A_ROUND = 60
_QUICK_LOOKS = 4_000
_WATCHED = 150
_WATCHED_FOR_NS = 600_000_000_000
_MODELS = "models"
_ALL = (Kind.EXPERIMENT, Kind.MODEL, Kind.LOGGED_MODEL, Kind.DATASET, Kind.RUN)
_OFTEN_EDITED = (Kind.EXPERIMENT, Kind.MODEL, Kind.LOGGED_MODEL, Kind.RUN)
_NO_RUNS = frozenset(("tags", "datasets", "traces", "models"))  # MLflow's own folders in an experiment's


@dataclass(slots=True)
class Rounds:
    """How far each round has come; lives as long as the source."""

    quick: Round = field(
        default_factory=lambda: Round((Kind.EXPERIMENT, Kind.LOGGED_MODEL, Kind.RUN, Kind.MODEL))
    )
    whole: Round = field(default_factory=lambda: Round(_ALL))


@dataclass(slots=True)
class Looking:
    """One look at a store. ``state`` is brought up to date with what came and went.

    Attributes:
        gone: what the store holds of each kind and the files no longer have.
        new: what came, by listing and name, and the time when its folder was last changed.
    """

    root: str
    state: State
    check: Callable[[], None]
    gone: dict[Kind, set[str]] = field(default_factory=lambda: {kind: set() for kind in _ALL})
    new: dict[Name, int] = field(default_factory=dict)

    def list_all(self, thorough: bool) -> None:
        """List every folder that things come to and go from, where its time has changed."""
        self._list("", Kind.EXPERIMENT, thorough, frozenset((TRASH, _MODELS)))
        # MLflow may have restored a deleted experiment under the same name: that one counts
        self._list(TRASH, Kind.EXPERIMENT, thorough, frozenset(self.state.listings[""].marks))
        self._list(_MODELS, Kind.MODEL, thorough)
        there = {"", TRASH, _MODELS}
        for parent in ("", TRASH):
            for name in list(self.state.listings[parent].marks):
                self.check()
                path = f"{parent}/{name}" if parent else name
                if stamp_of(f"{self.root}/{path}/{META}", Look()) is None:
                    continue  # no experiment
                there |= {path, f"{path}/datasets", f"{path}/models"}
                self._list(path, Kind.RUN, thorough, _NO_RUNS)
                self._list(f"{path}/datasets", Kind.DATASET, thorough)
                self._list(f"{path}/models", Kind.LOGGED_MODEL, thorough)
        for path in self.state.listings.keys() - there:
            listing = self.state.listings[path]
            for name in list(listing.marks):
                self._lose(path, listing, name)
            del self.state.listings[path]
        for path, name in self.new:
            unit = self.unit(path, name)
            self.gone[unit.kind].discard(unit.identity)

    def unit(self, path: str, name: str) -> Unit:
        """Return one folder of a listing."""
        listing = self.state.listings[path]
        place = f"{self.root}/{path}/{name}" if path else f"{self.root}/{name}"
        return Unit(listing.kind, path, name, place, listing.shows(name))

    def _list(self, path: str, kind: Kind, thorough: bool, without: frozenset[str] = frozenset()) -> None:
        listing = self.state.listings.setdefault(path, Listing(kind))
        folder = f"{self.root}/{path}" if path else self.root
        look = Look()
        try:
            state = os.lstat(folder) if path else os.stat(folder)  # the store itself may be a link
            stamp = look.saw(state)
            if stat.S_ISLNK(state.st_mode):
                raise FileNotFoundError
            if stamp == listing.stamp and not thorough:
                return
            entries, links = folders_in(folder)
        except (FileNotFoundError, NotADirectoryError):
            stamp, entries, links = 0, [], []
        except OSError:  # what is known of it stays
            listing.flags[""] = int(Flag.FORBIDDEN)
            listing.dumped = None
            return
        if stamp != listing.stamp:
            listing.dumped = None
        listing.stamp = AGAIN if disk.racing(look.newest) else stamp
        names = {entry.name for entry in entries} - without
        for name in listing.marks.keys() - names:
            self._lose(path, listing, name)
        listing.flags.pop("", None)
        if links:
            listing.flags[""] = int(Flag.LINKED)
        for entry in entries:
            if entry.name in names and entry.name not in listing.marks:
                listing.marks[entry.name] = UNREAD
                self.new[path, entry.name] = _changed_at(entry.path)

    def _lose(self, path: str, listing: Listing, name: str) -> None:
        unit = self.unit(path, name)
        if unit.known:
            self.gone[listing.kind].add(identity(unit.kind, unit.experiment, name))
        listing.forget(name)

    # -- what has changed in what is known ----------------------------------------------------------

    def changed(self, hands: Hands, rounds: Rounds, thorough: bool) -> list[Name]:
        """Return what is to be read, the newest first."""
        total = sum(len(listing.marks) for listing in self.state.listings.values())
        share = total if thorough else -(-total // REFRESHES_OF_A_ROUND)
        whole = dict.fromkeys(self._watched() + rounds.whole.take(self.state, share))
        now = disk.now_ns()
        quick = [] if thorough or not self.state.whole else rounds.quick.take(self.state, _QUICK_LOOKS)
        found = dict(self.new)
        if not self.state.whole:  # an earlier reading was interrupted
            found |= {
                (path, name): _changed_at(f"{self.root}/{path}/{name}")
                for path, listing in self.state.listings.items()
                for name, mark in listing.marks.items()
                if mark == UNREAD and (path, name) not in found
            }
        for work, names, size in ((self._quick, quick, 2500), (self._whole, list(whole), 100)):
            for differing in hands.map(work, blocks(names, size)):
                found |= dict.fromkeys((name for name in differing if name not in found), now)
        return sorted(found, key=found.__getitem__, reverse=True)

    def _watched(self) -> list[Name]:
        """Return what is likely to change, the latest changed first."""
        now = disk.now_ns()
        found = []
        for path, listing in self.state.listings.items():
            for name, newest in list(listing.watched.items()):
                if name in listing.running or now - newest < _WATCHED_FOR_NS:
                    found.append((newest, path, name))
                else:
                    del listing.watched[name]
        found.sort(reverse=True)
        return [(path, name) for _, path, name in found[:_WATCHED]]

    def _quick(self, names: Sequence[Name]) -> list[Name]:
        """Return those whose ``meta.yaml`` is not as it was."""
        self.check()
        differing = []
        listings, lstat = self.state.listings, os.lstat
        for path, name in names:
            listing = listings.get(path)
            mark = listing.marks.get(name) if listing else None
            if mark is None:
                continue
            try:
                state = lstat(f"{self.root}/{path}/{name}/{META}")
            except (FileNotFoundError, NotADirectoryError):
                stamp = 0
            except (OSError, ValueError):
                stamp = AGAIN
            else:
                regular = stat.S_ISREG(state.st_mode)
                stamp = stamp_of_state(state) if regular else 0
            if stamp != mark[0]:
                differing.append((path, name))
        return differing

    def _whole(self, names: Sequence[Name]) -> list[Name]:
        """Return those of which any file is not as it was."""
        differing = []
        for path, name in names:
            self.check()
            listing = self.state.listings.get(path)
            mark = listing.marks.get(name) if listing else None
            if mark is not None and whole_mark(self.unit(path, name)) != mark:
                differing.append((path, name))
        return differing


def _changed_at(path: str) -> int:
    try:
        return os.lstat(path).st_mtime_ns
    except OSError:
        return 0
