"""A REF is told apart by its form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_dash.domain.references import Reference, RefKind, parse_reference


@pytest.mark.parametrize(
    ("text", "kind", "name", "detail"),
    [
        ("models:/wine/7", RefKind.VERSION, "wine", "7"),
        ("models:/team/wine/7", RefKind.VERSION, "team/wine", "7"),
        ("models:/wine@champion", RefKind.ALIAS, "wine", "champion"),
        ("data:8d1e", RefKind.DATASET, "8d1e", None),
        ("production", RefKind.NAME_OR_ID, "production", None),
        (" a1b2c3d ", RefKind.NAME_OR_ID, "a1b2c3d", None),
    ],
)
def test_forms(text: str, kind: RefKind, name: str, detail: str | None) -> None:
    parsed = parse_reference(text)
    assert (parsed.kind, parsed.name, parsed.detail) == (kind, name, detail)


@pytest.mark.parametrize(
    "text", ["", "  ", "models:/", "models:/wine", "models:/wine/", "models:/@x", "data:"]
)
def test_incomplete_references_say_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_reference(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("a1b2", True), ("A1B2", True), ("abc", False), ("prod", False)]
)
def test_only_hexadecimal_can_be_a_commit(text: str, expected: bool) -> None:
    assert parse_reference(text).hexadecimal is expected


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parsed = parse_reference(text)
    except ValueError:
        return
    assert isinstance(parsed, Reference)
    assert parsed.name
