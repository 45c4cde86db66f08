"""No text makes a filter do anything but filter."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filters.conftest import Tracked, found
from mlops_dash.answers.filters import CompiledFilter, check_filter, compile_filter
from mlops_dash.errors import FilterError, UsageError
from mlops_dash.store.questions import fragments

HOSTILE = [
    "'; drop table run; --",
    "' or '1'='1",
    "$f1",
    "{value}",
    "%s{0}",
    '"); select 1; --',
    "\x1b[31m[bold]",
    "\u202e\u200b\ufeff",
    "'||(select 1)||'",
    "\\",
    "\N{WINE GLASS}" * 50,
]


class AnyFacts:
    """Knows every branch that does not begin with x."""

    def live_runs(self) -> Mapping[str, Sequence[str]]:
        return {text: ["a" * 32, text] for text in HOSTILE}

    def commits_on(self, branch: str) -> Sequence[str]:
        if branch.startswith("x"):
            raise UsageError(f"there is no branch {branch}")
        return [branch]


_KEYS = st.sampled_from(HOSTILE) | st.text(max_size=12)
_FIELDS = st.one_of(
    st.builds("{}.`{}`".format, st.sampled_from(["metrics", "params", "tags"]), _KEYS),
    st.builds('{}."{}"'.format, st.sampled_from(["metric", "param", "tag", "attr", "datasets"]), _KEYS),
    st.sampled_from(
        "status run_name run_id start_time end_time datasets.name datasets.context code.commit code.author "
        "code.branch code.subject data.digest data.name version.name version.number live.environment".split()
    ),
)
_TEXTS = st.builds(
    "{0}{1}{0}".format, st.sampled_from("'\""), st.sampled_from(HOSTILE) | st.text(max_size=12)
)
_VALUES = st.one_of(
    _TEXTS,
    st.integers().map(str),
    st.floats(allow_nan=False).map(repr),
    st.lists(_TEXTS, max_size=3).map(lambda items: f"({', '.join(items)})"),
    st.sampled_from(["'abc123'", "'2026-07-04'", "'2026-07-04 12:00'"]),
)
_COMPARATORS = st.sampled_from(
    [*"= != < <= > >= like ilike in LIKE".split(), "not in", "not like", "not ilike", "Not  In"]
)
_CONDITIONS = st.one_of(
    st.builds("{} {} {}".format, _FIELDS, _COMPARATORS, _VALUES),
    st.builds("{} {}".format, _FIELDS, st.sampled_from(["is null", "is not null"])),
)
_FILTERS = st.recursive(
    _CONDITIONS,
    lambda inner: st.one_of(
        st.builds("{} and {}".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not {}".format, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=6,
)
_PIECES = st.lists(
    st.sampled_from(
        "metrics.rmse params.a tags.`x y` code.commit status < <= = != == like in is not null and or ( ) ,"
        " 1 0.5 'x' \"y\" ' \" ` . ; -- $ { } \0 \ud800 é 🍷 run_id version.number live.environment".split(
            " "
        )
    )
    | st.text(max_size=4),
    max_size=14,
).map(" ".join)


def _alphabet() -> str:
    """All that an expression may be made of: the fragments' own text, and names of parameters."""
    words = "\n".join(fragments("run_filter").values())
    words = re.sub(r"\{(?:value|key|first|last|environments|run_ids)\}", "$f1", words)
    return re.sub(r"\{(?:test|column|op|source|others)\}", " ", words) + (
        " and or ( ) true = <> < <= > >= like not value r.run_id r.name r.status r.user_id r.artifact_uri"
        " r.start_time r.end_time d.name d.digest t.value c.author c.subject u.name u.digest u.version"
        " u.environment"
    )


def _words(text: str) -> set[str]:
    return set(re.findall(r"'[^']*'|[\w.]+|[^\w\s]", re.sub(r"\$f\d+", "$f1", text)))


_ALLOWED = _words(_alphabet())


def _made_of_ours(compiled: CompiledFilter) -> None:
    assert _words(compiled.where) <= _ALLOWED
    assert set(re.findall(r"\$(\w+)", compiled.where.replace("]+)$'", ""))) == set(compiled.parameters)


@settings(max_examples=300, deadline=None)
@given(_PIECES | st.text(max_size=200))
@example("\\N{}")
@example("run_id in ('\\N{x}')")
@example("run_id in ('\\400')")
@example("a" * 300 + "-")
def test_any_text_is_a_filter_or_an_error_with_its_place(text: str) -> None:
    try:
        check_filter(text)
        _made_of_ours(compile_filter(text, AnyFacts()))
    except FilterError as error:
        told = error
    else:
        return
    assert 0 <= told.start <= told.end <= len(text)
    assert told.message
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", str(told))


@settings(max_examples=300, deadline=None)
@given(_FILTERS)
def test_what_is_typed_stays_out_of_the_expression(text: str) -> None:
    try:
        compiled = compile_filter(text, AnyFacts())
    except FilterError:
        return
    _made_of_ours(compiled)


@settings(max_examples=60, deadline=None)
@given(_FILTERS)
def test_every_filter_can_be_asked(tracked: Tracked, text: str) -> None:
    try:
        names = found(tracked.store, text, AnyFacts())
        others = found(tracked.store, f"not ({text})", AnyFacts())
    except FilterError:
        return
    assert names | others == found(tracked.store, "")
    assert not names & others


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_hostile_text_is_compared_as_it_is(tracked: Tracked, hostile: str) -> None:
    quote = '"' if "'" in hostile else "'"
    texts = [f"params.`{hostile}` = {quote}{hostile}{quote}", f"tags.x like {quote}{hostile}{quote}"]
    texts += [f"code.subject != {quote}{hostile}{quote}", f"datasets.name = {quote}{hostile}{quote}"]
    for text in texts:
        _made_of_ours(compile_filter(text, AnyFacts()))
        assert found(tracked.store, text, AnyFacts()) == set()
    assert len(found(tracked.store, "")) == 9
