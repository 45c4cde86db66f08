"""Which commits changed a manifest's field, from one branch's history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path

from mlops_dash.domain.manifests import parse_field
from mlops_dash.sources.git_history import milliseconds
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.git_runner import GitRunner, hashes, is_hash
from mlops_dash.sources.manifest_tree import LARGEST, ManifestError, decoded, find, read

MOST = 500
"""Commits that touch a manifest and are looked at, the newest."""

_FORMAT = "--format=%H%x00%an%x00%ct%x00%s"
_FIELDS = 4


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A commit that changed a field; times in milliseconds, ``before`` and ``after`` the field's text.

    Attributes:
        at: when it was committed; of a merge, when it was merged.
        after: ``None`` where the field, or the file, is gone or cannot be read.
    """

    commit: str
    author: str
    at: int | None
    subject: str
    before: str | None
    after: str | None


@dataclass(slots=True)
class Learnt:
    """What readings of one repository leave for the next one.

    Attributes:
        values: the text of a field by (blob, field).
        touched: by path, a tip and the commits on its line of first parents that touch the file.
    """

    values: dict[tuple[str, str], str | None] = dataclass_field(default_factory=dict)
    touched: dict[str, tuple[str, list[list[str]]]] = dataclass_field(default_factory=dict)


def changes(
    runner: GitRunner,
    tip: str,
    path: str,
    field: str,
    *,
    limit: int = MOST,
    cut: frozenset[str] = frozenset(),
    learnt: Learnt | None = None,
    check: Callable[[], None] = lambda: None,
) -> list[FieldChange]:
    """Return the changes of a field on the line of first parents that ends at ``tip``, the newest first.

    What the oldest commit that was looked at changed is not known, unless the file began with it.

    Args:
        cut: commits whose parents are missing (a shallow clone).
        learnt: by earlier calls with the same limit; added to.
        check: called now and then; raises where the reading is cancelled.

    Raises:
        GitError: the history cannot be read.
    """
    learnt = Learnt() if learnt is None else learnt
    rows = _touching(runner, tip, path, limit, learnt)
    texts = _values(runner, [row[0] for row in rows], path, field, learnt.values, check)
    found: list[FieldChange] = []
    for number, (commit, author, at, subject) in enumerate(rows):
        last = number == len(rows) - 1
        if commit in cut or (last and len(rows) >= limit):
            break  # what was there before it is not known
        before = None if last else texts[number + 1]
        if before != texts[number]:
            found.append(
                FieldChange(commit, author, milliseconds([at])[0], subject[:500], before, texts[number])
            )
    return found


def _touching(runner: GitRunner, tip: str, path: str, limit: int, learnt: Learnt) -> list[list[str]]:
    """Return (hash, author, time, subject) of the newest commits that touch a file."""
    before, known = learnt.touched.get(path, ("", []))
    if before and before != tip and not _follows(runner, before, tip):
        before, known = "", []
    rows = known
    if before != tip:
        without = [f"^{before}"] if before else []
        output = runner.run(
            "log", "-z", "--first-parent", f"--max-count={limit}", _FORMAT, "--encoding=UTF-8",
            "--no-show-signature", "--no-color", "--end-of-options", *hashes(tip), *without, "--",
            f":(top,literal){path}", deadline=60.0,
        )  # fmt: skip
        fields = output.decode("utf-8", "replace").split("\0")
        new = [fields[n : n + _FIELDS] for n in range(0, len(fields) - _FIELDS + 1, _FIELDS)]
        rows = [*(row for row in new if is_hash(row[0])), *known][:limit]
        learnt.touched[path] = (tip, rows)
    return rows


def _follows(runner: GitRunner, older: str, newer: str) -> bool:
    """Tell whether one commit is on the line of first parents of another."""
    older, newer = hashes(older, newer)
    listed = runner.run("rev-list", "--first-parent", "--parents", newer, f"^{older}", "--", accept=(0, 128))
    lines = listed.decode("ascii", "replace").splitlines()
    return bool(lines) and lines[-1].split(" ")[1:2] == [older]


def _values(
    runner: GitRunner,
    commits: list[str],
    path: str,
    field: str,
    known: dict[tuple[str, str], str | None],
    check: Callable[[], None],
) -> list[str | None]:
    if not commits:
        return []
    asked = "".join(f"{commit}:{path}\n" for commit in commits).encode()
    answer = runner.run("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=asked, deadline=60.0)
    lines = [line.split(" ") for line in answer.decode("utf-8", "replace").splitlines()]
    blobs = [line[0] if len(line) == 2 and line[1] == "blob" and is_hash(line[0]) else None for line in lines]
    missing = [blob for blob in dict.fromkeys(blobs) if blob and (blob, field) not in known]
    if missing:
        with runner.objects() as reader:
            for blob in missing:
                check()
                got = reader.read(blob, LARGEST + 1)
                known[blob, field] = text_in(got[1], path, field) if got else None
    return [known[blob, field] if blob else None for blob in blobs]


def text_in(data: bytes, path: str, field: str) -> str | None:
    """Return the text of a field in a manifest's content; ``None`` where there is none."""
    try:
        return find(read(decoded(data), path).root, parse_field(field)).value
    except ManifestError:
        return None


def cut_commits(common: Path) -> frozenset[str]:
    """Return the commits at which a shallow clone's history was cut."""
    try:
        text = (common / "shallow").read_text("ascii", "replace")
    except OSError:
        return frozenset()
    return frozenset(line for line in text.split() if is_hash(line))


def message_of(runner: GitRunner, commit: str) -> str:
    """Return a commit's whole message.

    Raises:
        GitError: it is not here.
    """
    raw = runner.run("cat-file", "commit", *hashes(commit)).decode("utf-8", "replace")
    head, found, message = raw.partition("\n\n")
    if not found and not head:
        raise GitError("a commit holds nothing")
    return message
