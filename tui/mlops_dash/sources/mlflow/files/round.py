"""Going round what seldom changes: some of it at each refresh, all of it within a stated number of them."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

from mlops_dash.sources.mlflow.files.rows import Kind
from mlops_dash.sources.mlflow.files.state import State

Name = tuple[str, str]
"""Path of a listing, and a name in it."""


@dataclass(slots=True)
class Round:
    """Takes names in turn. It starts anywhere: commands that each refresh once see all of it in time."""

    kinds: tuple[Kind, ...]
    _paths: deque[str] = field(default_factory=deque)
    _path: str = ""
    _names: list[str] = field(default_factory=list)

    def take(self, state: State, count: int) -> list[Name]:
        """Return the next names, ``count`` of them or all that there are."""
        taken: list[Name] = []
        once_round = False
        while len(taken) < count:
            if not self._names:
                if not self._paths:
                    paths = [path for path, listing in state.of(*self.kinds) if listing.marks]
                    if once_round or not paths:
                        break
                    once_round = True
                    start = random.randrange(len(paths))  # noqa: S311 - no secret
                    self._paths.extend(paths[start:] + paths[:start])
                self._path = self._paths.popleft()
                listing = state.listings.get(self._path)
                self._names = list(listing.marks) if listing else []
                continue
            some = self._names[-(count - len(taken)) :]
            del self._names[-len(some) :]
            taken += [(self._path, name) for name in some]
        return taken
