"""Git as a source: commits, refs, the working tree's state, and where commits that matter stand."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path

from mlops_dash.errors import SourceError
from mlops_dash.sources import git_commits, git_positions, git_refs, git_state
from mlops_dash.sources.base import Apply, Batch, Known, Position, Reading, Tracks
from mlops_dash.sources.git_commits import Mark
from mlops_dash.sources.git_place import find_place
from mlops_dash.sources.git_positions import CommitPosition
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.git_refs import Refs
from mlops_dash.sources.git_runner import GitRunner
from mlops_dash.sources.git_state import State, WorkingTree

_STATE_EVERY = 30.0  # seconds between looks at the working tree, more where a look takes long
_DAMAGE_HOLDS = 300.0  # seconds after which a damaged repository is tried again


@dataclass(slots=True)
class _Held:
    """What a reading brings, and what the store surely holds once all of it was applied."""

    refs: Refs
    mark: Mark
    state: State | None
    damage: SourceError | None
    position: str | None = None


class GitSource:
    """A Git repository, read only.

    Args:
        root: a folder that :meth:`locate` found, or any folder inside of it.
        main: the configured name of the main branch.

    Raises:
        SourceError: there is no repository around ``root``.
    """

    name = "git"
    kind = "git"

    def __init__(self, root: Path, main: str | None = None) -> None:
        place = find_place(root)
        if place is None:
            raise SourceError(f"no Git repository: {root}", "Check --repo and [git] repo.")
        self.place = place
        self.runner = GitRunner(place.root)
        self._main = main
        self._refs: tuple[str, Refs] | None = None
        self._state: tuple[str, float, float] | None = None  # what it was read for, when, seconds it took
        self._main_found: tuple[Refs, tuple[str | None, str | None]] | None = None
        self._held: _Held | None = None
        self._damage: tuple[str, float, SourceError] | None = None

    @classmethod
    def locate(cls, folder: Path) -> Path | None:
        """Return the top of the repository that ``folder`` lies in; ``None`` if there is none.

        Raises:
            SourceError: there is one, but it is broken.
        """
        place = find_place(folder)
        return place.root if place else None

    def changed(self, position: str | None) -> bool:
        """Tell from file times alone whether something moved, or the working tree is due for a look."""
        mark = self._decoded(position)
        signature = self.place.refs_signature()
        if self._known_damage(signature):
            return False
        return mark is None or mark.refs != signature or self._state_due(signature)

    def read(self, reading: Reading) -> Iterator[Batch | Tracks | Position]:
        """Yield what is new; costs next to nothing when nothing is.

        Call it after tracking was read, too: other commits may matter then. Where refs moved, the commits
        that have a position get their new one; which commits matter is asked when they stand still.
        """
        signature = self.place.refs_signature()
        mark = None if reading.thorough and self._damage else self._decoded(reading.position)
        if (known := self._known_damage(signature)) and not reading.thorough:
            raise known
        held, self._held = self._held, None  # sure again only when all was applied
        if held and (reading.thorough or held.position != reading.position):
            held = None
        moved = mark is None or mark.refs != signature or reading.thorough
        watched = signature + self.place.index_signature()
        look = git_state.look(self.runner, self.place) if moved or self._state_due(signature) else None
        refs = self.current_refs(fresh=moved)
        main = self.main_branch()
        start = Mark(str(self.place.common), signature, refs.tips(), 0, 0, *main)
        new = _Held(refs, start if moved or mark is None else mark, held.state if held else None, refs.damage)
        before: dict[str, str | None] = {}
        if moved:
            before = held.refs.by_name() if held else _commits_by_ref(reading.known)
            others = self._refs_and_state(new, held, main, watched, look)
            yield Tracks((self._commits(reading, mark, new, kept=held is not None), others))
        elif look is not None:
            yield from self._state_batches(new, main, watched, look)
        reading.cancel.check()
        yield from self._positions(reading, mark, new, before)
        if new.damage is not None:
            self._damage = (signature, time.monotonic(), new.damage)
            raise new.damage
        self._damage = None
        position = self._position(new.mark)
        new.position = position.value
        self._held = new
        yield position

    def position_of(self, commit: str) -> CommitPosition:
        """Return where one commit stands now, for a trace; unknown strings are not in the repository.

        Raises:
            SourceError: the repository cannot be read.
        """
        refs = self.current_refs()
        found = git_positions.positions(self.runner, [commit], refs, self.main_branch()[1])
        return found[0] if found else CommitPosition(commit, in_repository=True)

    def current_refs(self, *, fresh: bool = False) -> Refs:
        """Return branches and tags, read again only if they moved.

        Raises:
            SourceError: the repository cannot be read.
        """
        signature = self.place.refs_signature()
        if fresh or self._refs is None or self._refs[0] != signature:
            self._refs = (signature, git_refs.read_refs(self.runner, self.place))
        return self._refs[1]

    def main_branch(self) -> tuple[str | None, str | None]:
        """Return (name, commit) of the main branch, as it was when refs were read last.

        Raises:
            SourceError: the repository cannot be read.
        """
        refs = self.current_refs()
        if self._main_found is None or self._main_found[0] is not refs:
            self._main_found = (refs, git_refs.main_branch(self.runner, refs, self._main))
        return self._main_found[1]

    def close(self) -> None:
        """Nothing stays open between readings."""

    def _decoded(self, position: str | None) -> Mark | None:
        if position is None:
            return None
        try:
            mark = Mark(**json.loads(position))
        except (ValueError, TypeError):
            return None
        same = mark.version == Mark("").version and mark.repository == str(self.place.common)
        return mark if same else None

    def _known_damage(self, signature: str) -> SourceError | None:
        if self._damage is None:
            return None
        seen, at, error = self._damage
        return error if seen == signature and time.monotonic() - at < _DAMAGE_HOLDS else None

    def _position(self, mark: Mark) -> Position:
        shallow = self.place.shallow
        return Position(
            json.dumps(asdict(mark)),
            f"{mark.count:,} commit{'' if mark.count == 1 else 's'}",
            "history incomplete (shallow clone)" if shallow else None,
            "git fetch --unshallow brings the rest." if shallow else None,
        )

    # what a reading brings

    def _commits(self, reading: Reading, mark: Mark | None, new: _Held, *, kept: bool) -> Iterator[Batch]:
        try:
            read = git_commits.commits(self.runner, reading, mark, new.mark, kept=kept)
            new.mark, damage = yield from read
        except GitError as error:
            if error.damaged:
                self._damage = (new.mark.refs, time.monotonic(), error)
            raise
        new.damage = damage or new.damage

    def _refs_and_state(
        self,
        new: _Held,
        held: _Held | None,
        main: tuple[str | None, str | None],
        watched: str,
        look: Future[WorkingTree] | None,
    ) -> Iterator[Batch]:
        yield from git_refs.batches(new.refs, held.refs if held else None)
        if look is not None:
            yield from self._state_batches(new, main, watched, look)

    def _state_due(self, signature: str) -> bool:
        if self._state is None:
            return True
        seen, at, took = self._state
        if seen != signature + self.place.index_signature():
            return True
        return time.monotonic() - at > max(_STATE_EVERY, 20 * took)

    def _state_batches(
        self, new: _Held, main: tuple[str | None, str | None], watched: str, look: Future[WorkingTree]
    ) -> Iterator[Batch]:
        tree = look.result()
        self._state = (watched, time.monotonic(), tree.seconds)
        state = git_state.State(
            str(self.place.root).encode("utf-8", "replace").decode(),
            new.refs.head, new.refs.head_branch, *main, self.place.shallow, self.place.bare,
            tree.changed, tree.untracked, tree.remote,
        )  # fmt: skip
        if state != new.state:
            yield Batch("git_state", git_state.table(state), Apply.REPLACE)
        new.state = state

    # commits that matter

    def _positions(
        self, reading: Reading, mark: Mark | None, new: _Held, before: dict[str, str | None]
    ) -> Iterator[Batch]:
        refs, after = new.refs, new.mark
        old = None if reading.thorough else mark
        moved = old is None or old.refs != after.refs
        known = {
            name: CommitPosition(name, there, behind, ahead, _names(branches), remote)
            for name, there, behind, ahead, branches, remote in reading.known.rows("commit_positions")
        }
        wanted = list(known)
        if not moved or old is None or new.damage:  # else the next reading asks: it finds nothing moved
            wanted = [row[0] for row in reading.known.rows("commits_that_matter")]
        kept = [known[name] for name in wanted if name in known]
        if old is None or old.main != after.main:
            kept = []
        elif moved:
            mains = (old.main_commit, after.main_commit)
            kept, _ = git_positions.moved_on(self.runner, kept, before, refs, mains)
        settled = {position.commit for position in kept}
        open_ones = [name for name in wanted if name not in settled]
        found = [*kept, *git_positions.positions(self.runner, open_ones, refs, after.main_commit)]
        changed = [position for position in found if known.get(position.commit) != position]
        gone = known.keys() - {position.commit for position in found}
        if changed or gone:
            scope = (*gone, *(position.commit for position in changed))
            rows = git_positions.table(changed)
            yield Batch("commit_position", rows, Apply.REPLACE_WHERE, ("commit_hash",), scope)


def _names(branches: str) -> tuple[str, ...]:
    return tuple(branches.split("\n")) if branches else ()


def _commits_by_ref(known: Known) -> dict[str, str | None]:
    return {f"{kind}/{name}": commit for kind, name, commit in known.rows("git_refs")}
