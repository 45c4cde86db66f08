"""Strings from outside are shown literally, and never act."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_dash.domain.text import storable, visible


@given(st.text())
def test_nothing_that_acts_on_a_terminal_survives(text: str) -> None:
    shown = visible(text)
    assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in shown)
    assert not any(
        unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI") for c in shown
    )
    assert visible(shown) == shown


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_plain_text_is_left_as_it_is(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred", "␛[31mred"),
        ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
        ("\x9b31m", "‹9B›31m"),
        ("a\rb", "a␍b"),
        ("user\u202etxt.exe", "user‹202E›txt.exe"),
        ("zero\u200bwidth", "zero‹200B›width"),
        ("half \ud800", "half \ufffd"),
        ("del\x7f", "del␡"),
    ],
)
def test_hostile_characters_are_marked(raw: str, shown: str) -> None:
    assert visible(raw) == shown


def test_a_limit_cuts_before_anything_else_is_done() -> None:
    assert visible("x" * 5_000_000, 10) == "x" * 9 + "…"
    assert visible("short", 10) == "short"


@given(st.text())
def test_what_is_stored_can_be_encoded_and_has_no_nul(text: str) -> None:
    assert "\0" not in storable(text)
    assert storable(text).encode("utf-8").decode("utf-8") == storable(text)
