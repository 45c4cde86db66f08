"""Tags of the recorder: what is written is read again, and what others wrote there does no harm."""

from __future__ import annotations

import base64
import hashlib
import zlib

from hypothesis import given
from hypothesis import strategies as st

from mlops_dash.domain.recorded import PIECE, PREFIX, Recorded, RecordedFile, from_tags, is_bulky, to_tags

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
NAME = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
TABLE = st.dictionaries(TEXT, TEXT, max_size=4)
TAGS = st.dictionaries(
    st.sampled_from(sorted(to_tags(Recorded()) | {PREFIX + one: "" for one in (
        "argv", "packages.1", "packages.2", "diff.1", "diff.sha256", "dirty", "variables", "files",
    )})),
    st.text() | st.sampled_from(["[", "[[1]]", '[["a", true, null]]', "{}", '{"a": 1}', "null", "[" * 4000]),
)  # fmt: skip


@given(
    argv=st.none() | st.lists(TEXT, min_size=1, max_size=5).map(tuple),
    packages=st.dictionaries(NAME, st.from_regex(r"[0-9][0-9.]{0,8}", fullmatch=True), max_size=30),
    patch=st.none() | st.binary(max_size=3000),
    variables=st.none() | TABLE,
    hardware=TABLE,
    files=st.lists(st.builds(RecordedFile, TEXT, st.integers(0, 10**12), st.none() | NAME), max_size=3),
    dirty=st.none() | st.booleans(),
)
def test_what_is_written_is_read_again(argv, packages, patch, variables, hardware, files, dirty) -> None:  # type: ignore[no-untyped-def]
    recorded = Recorded(
        argv=argv,
        packages=packages,
        patch=patch,
        patch_sha256=hashlib.sha256(patch).hexdigest() if patch is not None else None,
        variables=variables,
        hardware=hardware,
        files=tuple(files),
        dirty=dirty,
    )
    tags = to_tags(recorded)
    assert from_tags(tags) == recorded
    assert all(len(value) <= PIECE for value in tags.values())


@given(TAGS)
def test_whatever_stands_in_the_tags_is_read_or_left(tags: dict[str, str]) -> None:
    found = from_tags(tags | {PREFIX + "recorder": "1"})
    assert found is not None
    assert found.argv is None or all(isinstance(word, str) for word in found.argv)


def test_a_run_without_the_recorder() -> None:
    assert from_tags({"mlflow.user": "mara"}) is None


def test_long_texts_are_cut_and_a_missing_or_changed_piece_is_noticed() -> None:
    noise = b"".join(hashlib.sha256(bytes([number])).digest() for number in range(200))
    tags = to_tags(Recorded(patch=noise, patch_sha256=hashlib.sha256(noise).hexdigest()))
    pieces = sorted(key for key in tags if is_bulky(key))
    assert pieces == ["mlops-dash.diff.1", "mlops-dash.diff.2"]
    read = from_tags(tags)
    assert read is not None
    assert read.patch == noise
    for broken in (
        {key: value for key, value in tags.items() if key != pieces[0]},
        {key: value for key, value in tags.items() if key != pieces[1]},
        tags | {pieces[0]: tags[pieces[1]], pieces[1]: tags[pieces[0]]},
    ):
        read = from_tags(broken)
        assert read is not None
        assert read.patch is None


def test_a_difference_that_is_too_large_says_so() -> None:
    noise = b"".join(hashlib.sha256(number.to_bytes(3)).digest() for number in range(4000))
    read = from_tags(to_tags(Recorded(dirty=True, patch=noise, patch_sha256="x")))
    assert read is not None
    assert read.patch is None
    assert read.omitted == "it is too large"


def test_a_text_that_would_burst_is_not_unpacked() -> None:
    bomb = base64.b85encode(zlib.compress(b"\0" * (65 << 20), 9)).decode()
    pieces = {
        f"{PREFIX}packages.{1 + start // PIECE}": bomb[start : start + PIECE]
        for start in range(0, len(bomb), PIECE)
    }
    read = from_tags(pieces | {PREFIX + "recorder": "1"})
    assert read is not None
    assert read.packages == {}
