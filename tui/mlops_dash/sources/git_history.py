"""The commits of a repository as columns: one stream of NUL-separated fields, no loop per commit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from mlops_dash.sources.columns import Columns
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.git_runner import GitRunner, hashes

_FIELDS = 7
FORMAT = "--format=%H%x00%P%x00%an%x00%ae%x00%at%x00%ct%x00%s"
_FIRST_BYTES, _BYTES = 128 << 10, 2 << 20  # the newest commits are shown while the rest is read
_LONGEST = 1000
_INT64 = 2**63 - 1
_NUMBER = re.compile(r"-?[0-9]{1,18}")


def log(
    runner: GitRunner, tips: Iterable[str], without: Iterable[str] = (), *, ignore_missing: bool = False
) -> Iterator[dict[str, list[Any]]]:
    """Yield the commits that lead to ``tips`` but not to ``without``, newest first, as columns.

    Columns are those of ``git_commit`` but ``seq``; times are milliseconds.

    Raises:
        GitError: git failed; what was yielded before is right.
    """
    wanted = hashes(*dict.fromkeys(tips))
    if not wanted:
        return
    lines = [*wanted, *(f"^{name}" for name in hashes(*dict.fromkeys(without)))]
    options = ["--ignore-missing"] if ignore_missing else []
    stream = runner.stream(
        "log", "-z", FORMAT, "--encoding=UTF-8", "--no-show-signature", "--no-color", *options, "--stdin",
        stdin="\n".join(lines).encode() + b"\n", deadline=300.0, limit=4 << 30,
    )  # fmt: skip
    yield from _blocks(stream)


def _blocks(stream: Iterator[bytes]) -> Iterator[dict[str, list[Any]]]:
    pending: list[bytes] = []
    size, wanted = 0, _FIRST_BYTES
    try:
        for chunk in stream:
            pending.append(chunk)
            size += len(chunk)
            if size >= wanted:
                whole, rest = _cut(b"".join(pending))
                pending, size, wanted = [rest], len(rest), _BYTES
                if whole:
                    yield parse(whole)
    except GitError:
        whole, _ = _cut(b"".join(pending))
        if whole:
            yield parse(whole)
        raise
    whole, rest = _cut(b"".join(pending))
    if rest:
        raise GitError("git log ended in the middle of a commit")
    if whole:
        yield parse(whole)


def _cut(data: bytes) -> tuple[bytes, bytes]:
    """Split at the end of the last whole commit."""
    surplus = data.count(b"\0") % _FIELDS
    end = len(data)
    for _ in range(surplus + 1):
        end = data.rfind(b"\0", 0, end)
    return data[: end + 1], data[end + 1 :]


def parse(data: bytes) -> dict[str, list[Any]]:
    """Return whole NUL-terminated commits as columns; bytes that are no UTF-8 become ``\ufffd``.

    Raises:
        GitError: the fields do not line up.
    """
    try:
        fields = data.decode().split("\0")
    except UnicodeDecodeError:
        fields = [field.decode("utf-8", "replace") for field in data.split(b"\0")]
    fields.pop()
    names = fields[0::_FIELDS]
    if len(fields) % _FIELDS or not set(map(len, names)) <= {40, 64}:
        raise GitError("git log gave something that is no list of commits")
    subjects = fields[6::_FIELDS]
    if len(max(subjects, key=len, default="")) > _LONGEST:
        subjects = [text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…" for text in subjects]
    return {
        "hash": names,
        "parents": fields[1::_FIELDS],
        "author": fields[2::_FIELDS],
        "email": fields[3::_FIELDS],
        "authored_at": milliseconds(fields[4::_FIELDS]),
        "committed_at": milliseconds(fields[5::_FIELDS]),
        "subject": subjects,
    }


def milliseconds(seconds: list[str]) -> list[int | None]:
    """Return epoch seconds as milliseconds; ``None`` where there is no number or it is beyond 64 bits."""
    try:
        times: list[int | None] = [int(text) * 1000 for text in seconds]
    except ValueError:
        times = [int(text) * 1000 if _NUMBER.fullmatch(text) else None for text in seconds]
    if max(map(abs, filter(None, times)), default=0) > _INT64:
        times = [time if time is None or abs(time) <= _INT64 else None for time in times]
    return times


def table(columns: dict[str, list[Any]], first_seq: int) -> Columns:
    """Return columns as an Arrow table of ``git_commit``, numbered upwards from ``first_seq``."""
    first = range(first_seq, first_seq + len(columns["hash"]))
    integers = {"authored_at": columns["authored_at"], "committed_at": columns["committed_at"], "seq": first}
    return Columns({name: values for name, values in columns.items() if name not in integers}, integers)


def no_commits() -> Columns:
    """Return an empty table of ``git_commit``."""
    return table(parse(b""), 0)
