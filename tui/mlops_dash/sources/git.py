"""Git as a source: commits, refs, the working tree's state, and where commits that matter stand."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_dash.domain.progress import Progress
from mlops_dash.errors import SourceError
from mlops_dash.sources import git_history, git_positions, git_refs
from mlops_dash.sources.base import Apply, Batch, Known, Position, Reading
from mlops_dash.sources.git_place import find_place
from mlops_dash.sources.git_positions import CommitPosition
from mlops_dash.sources.git_refs import Refs
from mlops_dash.sources.git_runner import GitError, GitRunner
from mlops_dash.sources.git_state import count_changes, read_settings

if TYPE_CHECKING:
    import pyarrow as pa

_FORMAT = 1
_STATE_EVERY = 30.0  # seconds between looks at the working tree, more where a look takes long
_DAMAGE_HOLDS = 60.0  # seconds after which a damaged repository is tried again
_MANY_GONE = 20_000


@dataclass(frozen=True, slots=True)
class _Mark:
    """What a position remembers. ``tips`` are the commits that all known history leads from; ``low`` is the
    lowest ``seq`` given so far: newer commits go below it."""

    repository: str
    refs: str = ""
    tips: list[str] = field(default_factory=list)
    low: int = 0
    count: int = 0
    main: str | None = None
    main_commit: str | None = None
    version: int = _FORMAT


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
            raise SourceError(f"{root} is no Git repository", "Check --repo and [git] repo.")
        self.place = place
        self.runner = GitRunner(place.root)
        self._main = main
        self._refs: tuple[str, Refs] | None = None
        self._state: tuple[str, float, float] | None = None  # what it was read for, when, seconds it took
        self._given: str | None = None
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

    def read(self, reading: Reading) -> Iterator[Batch | Position]:
        """Yield what is new; costs next to nothing when nothing is.

        Call it after tracking was read, too: other commits may matter then.
        """
        signature = self.place.refs_signature()
        mark = None if reading.thorough and self._damage else self._decoded(reading.position)
        if (known := self._known_damage(signature)) and not reading.thorough:
            raise known
        moved = mark is None or mark.refs != signature or reading.thorough
        refs = self.current_refs(fresh=moved)
        main = git_refs.main_branch(self.runner, refs, self._main)
        damage: SourceError | None = None
        after = _Mark(str(self.place.common), signature, refs.tips(), 0, 0, *main)
        if moved or mark is None:
            try:
                after = yield from self._commits(reading, mark, after)
            except GitError as error:
                if not error.damaged or mark is not None:
                    self._damage = (signature, time.monotonic(), error)
                    raise
                damage = error
                after = yield from self._readable_commits(reading, after)
        else:
            after = mark
        before = _commits_by_ref(reading.known)
        if moved:
            yield Batch("git_ref", git_refs.table(refs), Apply.REPLACE)
        if moved or reading.thorough or self._state_due(signature):
            yield self._state_batch(refs, main, signature)
        reading.cancel.check()
        yield from self._positions(reading, refs, mark, after, before)
        if damage is not None:
            self._damage = (signature, time.monotonic(), damage)
            raise damage
        self._damage = None
        position = self._position(after)
        self._given = position.value
        yield position

    def position_of(self, commit: str) -> CommitPosition:
        """Return where one commit stands now, for a trace; unknown strings are not in the repository.

        Raises:
            SourceError: the repository cannot be read.
        """
        refs = self.current_refs(fresh=False)
        _, main_commit = git_refs.main_branch(self.runner, refs, self._main)
        found = git_positions.positions(self.runner, [commit], refs, main_commit)
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

    def close(self) -> None:
        """Nothing stays open between readings."""

    def _decoded(self, position: str | None) -> _Mark | None:
        if position is None:
            return None
        try:
            mark = _Mark(**json.loads(position))
        except (ValueError, TypeError):
            return None
        same = mark.version == _FORMAT and mark.repository == str(self.place.common)
        return mark if same else None

    def _known_damage(self, signature: str) -> SourceError | None:
        if self._damage is None:
            return None
        seen, at, error = self._damage
        return error if seen == signature and time.monotonic() - at < _DAMAGE_HOLDS else None

    def _position(self, mark: _Mark) -> Position:
        shallow = self.place.shallow
        return Position(
            json.dumps(asdict(mark)),
            f"{mark.count:,} commit{'' if mark.count == 1 else 's'}",
            "history incomplete (shallow clone)" if shallow else None,
            "git fetch --unshallow brings the rest." if shallow else None,
        )

    # commits

    def _commits(self, reading: Reading, mark: _Mark | None, after: _Mark) -> Generator[Batch, None, _Mark]:
        if mark is not None:
            try:
                return (yield from self._newer_commits(reading, mark, after))
            except GitError as error:
                if not error.damaged:
                    raise  # else: where it stood is gone, for example after a gc; read all
        return (yield from self._all_commits(reading, after))

    def _all_commits(self, reading: Reading, after: _Mark) -> Generator[Batch, None, _Mark]:
        count = 0
        for columns in git_history.log(self.runner, after.tips):
            reading.cancel.check()
            apply = Apply.APPEND if count else Apply.REPLACE
            yield Batch("git_commit", git_history.table(columns, count), apply)
            count += len(columns["hash"])
            reading.progress(Progress(self.name, "commits", count))
        if not count:
            yield Batch("git_commit", git_history.no_commits(), Apply.REPLACE)
        return _with(after, low=0, count=count)

    def _newer_commits(self, reading: Reading, mark: _Mark, after: _Mark) -> Generator[Batch, None, _Mark]:
        new_tips = [tip for tip in after.tips if tip not in set(mark.tips)]
        old_tips = [tip for tip in mark.tips if tip not in set(after.tips)]
        low, count = mark.low, mark.count
        blocks = list(git_history.log(self.runner, new_tips, mark.tips))
        parents = {parent for block in blocks for names in block["parents"] for parent in names.split(" ")}
        gone = self._unreachable([tip for tip in old_tips if tip not in parents], after.tips)
        if len(gone) > _MANY_GONE:
            return (yield from self._all_commits(reading, after))
        reading.cancel.check()
        if blocks:
            columns = {key: [value for block in blocks for value in block[key]] for key in blocks[0]}
            low -= len(columns["hash"])
            count += len(columns["hash"])
            # where the last reading was ours and was kept, none of these can be there already
            apply = Apply.APPEND if reading.position == self._given else Apply.UPSERT
            yield Batch("git_commit", git_history.table(columns, low), apply, ("hash",))
        if gone:
            count -= len(gone)
            yield Batch("git_commit", git_history.no_commits(), Apply.REPLACE_WHERE, ("hash",), tuple(gone))
        return _with(after, low=low, count=count)

    def _unreachable(self, old_tips: list[str], tips: list[str]) -> list[str]:
        """Return the commits that only ``old_tips`` led to: history was rewritten or a branch deleted."""
        if not old_tips:
            return []
        asked = "\n".join([*old_tips, *(f"^{tip}" for tip in tips)])
        output = self.runner.run("rev-list", "--stdin", stdin=asked.encode() + b"\n", deadline=60.0)
        return output.decode("ascii").split()

    def _readable_commits(self, reading: Reading, after: _Mark) -> Generator[Batch, None, _Mark]:
        """Read a damaged repository branch by branch: each gives what it has up to the hole."""
        seen: set[str] = set()
        yield Batch("git_commit", git_history.no_commits(), Apply.REPLACE)
        for tip in after.tips[:100]:
            reading.cancel.check()
            try:
                for columns in git_history.log(self.runner, [tip]):
                    fresh = [i for i, name in enumerate(columns["hash"]) if name not in seen]
                    if fresh:
                        part = {key: [values[i] for i in fresh] for key, values in columns.items()}
                        yield Batch("git_commit", git_history.table(part, len(seen)), Apply.APPEND)
                        seen.update(part["hash"])
            except GitError as error:
                if not error.damaged:
                    raise
        return _with(after, low=0, count=len(seen))

    # the working tree

    def _state_due(self, signature: str) -> bool:
        if self._state is None:
            return True
        seen, at, took = self._state
        if seen != signature + self.place.index_signature():
            return True
        return time.monotonic() - at > max(_STATE_EVERY, 20 * took)

    def _state_batch(self, refs: Refs, main: tuple[str | None, str | None], signature: str) -> Batch:
        import pyarrow as pa

        started = time.monotonic()
        watched = signature + self.place.index_signature()
        settings = read_settings(self.runner)  # each time: filters may have been added
        counted = count_changes(self.runner, self.place, settings)
        row: dict[str, tuple[pa.DataType, object]] = {
            "root": (pa.string(), str(self.place.root).encode("utf-8", "replace").decode()),
            "head": (pa.string(), refs.head),
            "head_branch": (pa.string(), refs.head_branch),
            "main": (pa.string(), main[0]),
            "main_commit": (pa.string(), main[1]),
            "shallow": (pa.bool_(), self.place.shallow),
            "bare": (pa.bool_(), self.place.bare),
            "changed_files": (pa.int64(), counted[0] if counted else None),
            "untracked_files": (pa.int64(), counted[1] if counted else None),
            "remote": (pa.string(), settings.remote),
        }
        self._state = (watched, time.monotonic(), time.monotonic() - started)
        table = pa.table({key: pa.array([value], kind) for key, (kind, value) in row.items()})
        return Batch("git_state", table, Apply.REPLACE)

    # commits that matter

    def _positions(
        self, reading: Reading, refs: Refs, mark: _Mark | None, after: _Mark, before: dict[str, str | None]
    ) -> Iterator[Batch]:
        wanted = [row[0] for row in reading.known.rows("commits_that_matter")]
        known = {
            name: CommitPosition(name, there, behind, ahead, tuple(branches.split()), remote)
            for name, there, behind, ahead, branches, remote in reading.known.rows("commit_positions")
        }
        moved = mark is None or mark.refs != after.refs or reading.thorough
        if not moved:
            missing = [name for name in wanted if name not in known]
            if missing:
                found = git_positions.positions(self.runner, missing, refs, after.main_commit)
                yield Batch("commit_position", git_positions.table(found), Apply.UPSERT, ("commit_hash",))
            return
        kept: list[CommitPosition] = []
        if mark is not None and mark.main == after.main and not reading.thorough:
            still = [known[name] for name in wanted if name in known]
            kept, _ = git_positions.moved_on(
                self.runner, still, before, refs, (mark.main_commit, after.main_commit)
            )
        settled = {position.commit for position in kept}
        open_ones = [name for name in wanted if name not in settled]
        found = git_positions.positions(self.runner, open_ones, refs, after.main_commit)
        if kept or found or known:
            yield Batch("commit_position", git_positions.table([*kept, *found]), Apply.REPLACE)


def _with(mark: _Mark, *, low: int, count: int) -> _Mark:
    return _Mark(mark.repository, mark.refs, mark.tips, low, count, mark.main, mark.main_commit)


def _commits_by_ref(known: Known) -> dict[str, str | None]:
    return {f"{kind}/{name}": commit for kind, name, commit in known.rows("git_refs")}
