"""Finds and reads DVC's files at any commit from Git's own trees: never a checkout, links never followed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from mlops_dash.sources.dvc_files import LARGEST, Output, is_dvc_file, parse_outputs
from mlops_dash.sources.git_runner import GitRunner, ObjectReader, hashes

_FOLDER, _FILES = b"40000", (b"100644", b"100755")
_DEEPEST = 60
_MOST_KEPT = 300_000
_MOST_PER_COMMIT = 2_000


class DvcTree:
    """Reads the data versions that commits record; what it has seen (trees, files) it reads no second time.

    Attributes:
        skipped: files that could not be read since the last :meth:`opened`, with the reason.
    """

    def __init__(self, runner: GitRunner) -> None:
        self._runner = runner
        self._open: Callable[[], ObjectReader] | None = None
        self._reader: ObjectReader | None = None
        self._folders: dict[str, tuple[tuple[str, str], ...]] = {}
        self._outputs: dict[tuple[str, str], tuple[Output, ...]] = {}
        self._bad: dict[tuple[str, str], str] = {}
        self.skipped: dict[str, str] = {}

    @contextlib.contextmanager
    def opened(self, deadline: float = 120.0) -> Iterator[DvcTree]:
        """Keep one git process for all reading inside of the ``with`` block, started when first needed."""
        self.skipped = {}
        if len(self._folders) + len(self._outputs) > _MOST_KEPT:
            self._folders.clear()
            self._outputs.clear()
        with contextlib.ExitStack() as stack:
            self._open = lambda: stack.enter_context(self._runner.objects(deadline))
            try:
                yield self
            finally:
                self._open = self._reader = None

    def at(self, commit: str) -> list[tuple[str, Output]]:
        """Return (tracking file, output) of all data that a commit records; nothing for a missing commit.

        Raises:
            GitError: the repository is damaged.
        """
        found: list[tuple[str, Output]] = []
        for path, blob in self.files(commit):
            found += [(path, output) for output in self.outputs(path, blob)]
            if len(found) > _MOST_PER_COMMIT:
                self.skipped[path] = f"more than {_MOST_PER_COMMIT:,} outputs at one commit"
                return found[:_MOST_PER_COMMIT]
        return found

    def files(self, commit: str) -> tuple[tuple[str, str], ...]:
        """Return (path, blob) of DVC's files in a commit."""
        (commit,) = hashes(commit)
        content = self._read(commit)
        if content is None or not content.startswith(b"tree "):
            return ()
        return self._folder(content[5:].partition(b"\n")[0].decode("ascii"), 0)

    def outputs(self, path: str, blob: str) -> tuple[Output, ...]:
        """Return what one DVC file records; an unreadable one is noted in :attr:`skipped`."""
        key = (path, blob)
        if key in self._bad:
            self.skipped[path] = self._bad[key]
            return ()
        if key not in self._outputs:
            content = self._read(blob, LARGEST)
            try:
                if content is None:
                    raise ValueError("it is too large, or was not fetched")
                self._outputs[key] = parse_outputs(path, content)
            except ValueError as error:
                self._bad[key] = self.skipped[path] = str(error)
                return ()
        return self._outputs[key]

    def _folder(self, tree: str, depth: int) -> tuple[tuple[str, str], ...]:
        """Return (path below this folder, blob) of DVC's files in a tree and its folders."""
        if tree in self._folders:
            return self._folders[tree]
        content = self._read(tree) or b""
        width = len(tree) // 2
        found: list[tuple[str, str]] = []
        start = 0
        while start < len(content):
            end = content.index(b"\0", start)
            mode, _, raw = content[start:end].partition(b" ")
            name = raw.decode("utf-8", "replace")
            inner = content[end + 1 : end + 1 + width].hex()
            start = end + 1 + width
            if mode == _FOLDER and name != ".dvc" and depth < _DEEPEST:
                found += [(f"{name}/{path}", blob) for path, blob in self._folder(inner, depth + 1)]
            elif mode in _FILES and is_dvc_file(name):
                found.append((name, inner))
        self._folders[tree] = tuple(found)
        return self._folders[tree]

    def _read(self, name: str, limit: int = 64 << 20) -> bytes | None:
        if self._open is None:
            raise RuntimeError("used outside of opened()")
        self._reader = self._reader or self._open()
        found = self._reader.read(name, limit)
        return found[1] if found else None
