from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_dash.targets.where import Header, JsonPath, Matching, find, parse_where


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("$", JsonPath(())),
        ("$.version", JsonPath(("version",))),
        ("$.a.b[0].c", JsonPath(("a", "b", 0, "c"))),
        ("$['a b'][2][\"c.d\"]", JsonPath(("a b", 2, "c.d"))),
        ("header:X-Model-Version", Header("x-model-version")),
    ],
)
def test_places_are_read(text: str, place: JsonPath | Header) -> None:
    assert parse_where(text) == place


@pytest.mark.parametrize(
    "text", ["", "version", "$.", "$..a", "$.a[", "$.a[-1]", "$.a[*]", "header:", "header:a b"]
)
def test_anything_else_is_refused_and_says_how_to_write_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"header:NAME|\.name"):
        parse_where(text)


@given(st.text(alphabet="$.[]'\"ab0:-\x1b header", max_size=20))
def test_parsing_only_ever_refuses(text: str) -> None:
    try:
        place = parse_where(text)
    except ValueError:
        return
    assert isinstance(find(place, {}, {"a": [{"b": "0"}]}), tuple)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.version", ("4",)),
        ("$.number", ("7",)),
        ("$.deep[1].c", ("x",)),
        ("$.float", ("1.5",)),
        ("$.whole", ("4",)),
        ("$.huge", ("1e+300",)),
        ("$.nan", ()),
        ("$.infinite", ()),
        ("$.null", ()),
        ("$.true", ()),
        ("$.empty", ()),
        ("$.deep", ()),
        ("$.deep[9]", ()),
        ("$.version.more", ()),
        ("$.missing", ()),
    ],
)
def test_only_strings_and_numbers_are_facts(path: str, found: tuple[str, ...]) -> None:
    document = {
        "version": " 4 ",
        "number": 7,
        "float": 1.5,
        "whole": 4.0,
        "huge": 1e300,
        "nan": float("nan"),
        "infinite": float("-inf"),
        "deep": [{"c": "w"}, {"c": "x"}],
        "null": None,
        "true": True,
        "empty": "",
    }
    assert find(parse_where(path), {}, document) == found


def test_matching_finds_every_one_once() -> None:
    path = JsonPath((Matching("name", "m"), "version"))
    document = [
        {"name": "m", "version": "3"},
        {"name": "other", "version": "9"},
        {"name": "m", "version": "4"},
        {"name": "m", "version": "3"},
        "m",
    ]
    assert find(path, {}, document) == ("3", "4")


def test_headers_are_found_by_name_whatever_their_case() -> None:
    assert find(parse_where("header:X-Version"), {"x-version": "4"}, None) == ("4",)
