"""DVC as a source: which data the commits that matter record, and its versions along the main branch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

from mlops_dash.domain.text import visible
from mlops_dash.sources import dvc_history
from mlops_dash.sources.base import Apply, Batch, Position, Reading
from mlops_dash.sources.columns import Columns
from mlops_dash.sources.dvc_files import Output
from mlops_dash.sources.dvc_tree import DvcTree
from mlops_dash.sources.git import GitSource
from mlops_dash.sources.git_runner import is_hash

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class _Mark:
    """What a position remembers. ``done`` are commits whose data is known, ``main`` the main branch's commit
    whose history is; ``paths`` and ``versions`` count what it holds, ``outputs`` what the commits do."""

    repository: str
    refs: str = ""
    main: str | None = None
    done: list[str] = field(default_factory=list)
    paths: int = 0
    versions: int = 0
    outputs: int = 0
    warning: str | None = None
    version: int = _FORMAT


class DvcSource:
    """The data that a repository tracks with DVC. Counts are empty where it tracks none."""

    name = "data"
    kind = "dvc"

    def __init__(self, git: GitSource) -> None:
        self.git = git
        self._tree = DvcTree(git.runner)

    def changed(self, position: str | None) -> bool:
        """Tell from file times alone whether any ref moved."""
        mark = self._decoded(position)
        return mark is None or mark.refs != self.git.place.refs_signature()

    def read(self, reading: Reading) -> Iterator[Batch | Position]:
        """Yield the data of commits that matter and are not known yet, and the history if main moved.

        Call it after Git was read: commits that matter are those that it found to stand somewhere.
        """
        before = None if reading.thorough else self._decoded(reading.position)
        mark = before or _Mark(str(self.git.place.common))
        signature = self.git.place.refs_signature()
        main = self.git.main_branch()[1]
        wanted = {row[0] for row in reading.known.rows("commit_positions") if row[1]}
        new = sorted(wanted - set(mark.done))
        if before is not None and not new and mark.main == main:
            yield self._position(_Mark(**{**asdict(mark), "refs": signature}))
            return
        with self._tree.opened() as tree:
            rows = [(commit, *pair) for commit in new for pair in _checked(reading, tree, commit)]
            changes = None
            if before is None or mark.main != main:
                changes = self._changes(tree, mark, main, tracked=bool(rows or mark.outputs))
            skipped = dict(tree.skipped)
        if before is None:
            yield Batch("dvc_output", _table(rows), Apply.REPLACE)
        elif new:
            yield Batch("dvc_output", _table(rows), Apply.REPLACE_WHERE, ("commit_hash",), tuple(new))
        if changes is not None:
            yield Batch("dvc_history", dvc_history.table(changes), Apply.REPLACE)
        yield self._position(
            _Mark(
                mark.repository,
                signature,
                main,
                sorted(wanted),
                mark.paths if changes is None else len({change.path for change in changes}),
                mark.versions if changes is None else len(changes),
                mark.outputs + len(rows),
                _warning(skipped) or (mark.warning if changes is None else None),
            )
        )

    def outputs_at(self, commit: str) -> list[tuple[str, Output]]:
        """Return (tracking file, output) of the data that one commit records, for a trace.

        Raises:
            SourceError: the repository cannot be read.
        """
        with DvcTree(self.git.runner).opened() as tree:
            return tree.at(commit)

    def close(self) -> None:
        """Nothing stays open between readings."""

    def _changes(
        self, tree: DvcTree, mark: _Mark, main: str | None, *, tracked: bool
    ) -> list[dvc_history.Change] | None:
        """Return the history, ``None`` where it is still as it was."""
        if main is None:
            return []
        runner = self.git.runner
        if mark.main and dvc_history.prolonged_without_data(runner, mark.main, main):
            return None
        if not tracked and not mark.versions and not tree.files(main):
            return []  # nothing hints at DVC, so the long walk is spared
        return dvc_history.history(runner, tree, main)

    def _decoded(self, position: str | None) -> _Mark | None:
        if position is None:
            return None
        try:
            mark = _Mark(**json.loads(position))
        except (ValueError, TypeError):
            return None
        same = mark.version == _FORMAT and mark.repository == str(self.git.place.common)
        return mark if same else None

    def _position(self, mark: _Mark) -> Position:
        counts = ""
        if mark.versions or mark.outputs:
            counts = f"{_some(mark.paths, 'path')} · {_some(mark.versions, 'version')}"
        remedy = "git log -- FILE shows who wrote it." if mark.warning else None
        return Position(json.dumps(asdict(mark)), counts, mark.warning, remedy)


def outputs_batch(git: GitSource, commits: Sequence[str]) -> Batch:
    """Return the data that ``commits`` record as a batch that replaces what is known of them.

    Raises:
        SourceError: the repository cannot be read.
    """
    wanted = [commit for commit in dict.fromkeys(commits) if is_hash(commit)]
    with DvcTree(git.runner).opened() as tree:
        rows = [(commit, *pair) for commit in wanted for pair in tree.at(commit)]
    return Batch("dvc_output", _table(rows), Apply.REPLACE_WHERE, ("commit_hash",), tuple(wanted))


def _checked(reading: Reading, tree: DvcTree, commit: str) -> Iterable[tuple[str, Output]]:
    reading.cancel.check()
    return tree.at(commit)


def _some(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _warning(skipped: dict[str, str]) -> str | None:
    if not skipped:
        return None
    path, reason = next(iter(skipped.items()))
    more = f" (and {len(skipped) - 1} more)" if len(skipped) > 1 else ""
    return f"{visible(path, 80)} cannot be read: {visible(reason, 120)}{more}"


def _table(rows: Sequence[tuple[str, str, Output]]) -> Columns:
    return Columns(
        texts={
            "commit_hash": [commit for commit, _, _ in rows],
            "path": [output.path for _, _, output in rows],
            "digest": [output.digest for _, _, output in rows],
            "tracked_in": [file for _, file, _ in rows],
        },
        integers={
            "size": [output.size for _, _, output in rows],
            "files": [output.files for _, _, output in rows],
        },
    )
