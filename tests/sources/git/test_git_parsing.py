"""The parsers of what git prints, whatever it prints."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_dash.sources import git_history
from mlops_dash.sources.git_process import GitError

NAMES = st.text("0123456789abcdef", min_size=40, max_size=40)
TEXTS = st.binary(max_size=20).map(lambda data: data.replace(b"\0", b""))
COMMITS = st.tuples(NAMES, st.lists(NAMES, max_size=3), TEXTS, TEXTS, st.integers(), st.integers(), TEXTS)


def printed(commits: list[tuple[str, list[str], bytes, bytes, int, int, bytes]]) -> bytes:
    rows = (
        (
            name.encode(),
            " ".join(parents).encode(),
            author,
            email,
            b"%d" % authored,
            b"%d" % committed,
            subject,
        )
        for name, parents, author, email, authored, committed, subject in commits
    )
    return b"".join(field + b"\0" for row in rows for field in row)


@settings(deadline=None)
@given(st.lists(COMMITS, max_size=6), st.data())
def test_commits_come_out_as_they_went_in_wherever_the_stream_is_cut(
    commits: list[Any], data: st.DataObject
) -> None:
    stream = printed(commits)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    parts = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    blocks = list(git_history._blocks(iter(parts)))
    got = [row for block in blocks for row in zip(*block.values(), strict=True)]
    assert [(row[0], row[1], row[2], row[3], row[6]) for row in got] == [
        (name, " ".join(parents), *(text.decode("utf-8", "replace") for text in (author, email, subject)))
        for name, parents, author, email, _, _, subject in commits
    ]
    for row, commit in zip(got, commits, strict=True):
        for found, given_seconds in ((row[4], commit[4]), (row[5], commit[5])):
            assert found in (given_seconds * 1000, None)
            assert found is None or -(2**63) <= found < 2**63
    assert sum(git_history.table(block, 0).num_rows for block in blocks) == len(commits)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_anything_else_is_refused_or_read(data: bytes) -> None:
    try:
        for block in git_history._blocks(iter([data])):
            git_history.table(block, 0)
    except GitError:
        return


@settings(deadline=None)
@given(st.lists(st.text(max_size=30) | st.integers().map(str)))
def test_times_are_numbers_or_unknown(texts: list[str]) -> None:
    times = git_history.milliseconds(texts)
    assert len(times) == len(texts)
    assert all(time is None or abs(time) < 2**63 for time in times)


@pytest.mark.parametrize("text", ["", "-", "--5", "9" * 5000, "1e9"])
def test_what_is_no_number_is_no_time(text: str) -> None:
    assert git_history.milliseconds(["5", text]) == [5000, None]


def test_a_stream_that_ends_within_a_commit_is_an_error() -> None:
    stream = printed([("a" * 40, [], b"A", b"a", 1, 1, b"s")])
    with pytest.raises(GitError):
        list(git_history._blocks(iter([stream[:-3]])))
