"""What is wrong with a filter is said with its place and what to write instead."""

from __future__ import annotations

import contextlib
import time

import pytest

from mlops_dash.answers.filters import check_filter, prepare_filters
from mlops_dash.errors import FilterError, UsageError

# (filter with the place between ‹ and ›, words of the message, words of the remedy)
TOLD = [
    # something is missing
    ("metrics.rmse <‹›", "a value is missing after <", "0.8"),
    ("metrics.rmse < ‹and› params.a = 'x'", "a value is missing after <", "quotes"),
    ("(metrics.rmse <‹›", "a value is missing", "0.8"),
    ("metrics.rmse‹›", "a comparator is missing after metrics.rmse", "!="),
    ("metrics.rmse < 1 and‹›", "a condition is missing after and", "metrics.rmse < 0.8"),
    ("metrics.rmse < 1 or ‹and› metrics.mae < 1", "a condition is missing after or", "comparator"),
    ("‹and› metrics.rmse < 1", "a condition is missing at the start", "comparator"),
    ("not‹›", "a condition is missing after not", "comparator"),
    ("(‹)›", "a condition is missing after (", "comparator"),
    ("params.a is‹›", "null is missing after is", "is not null"),
    ("params.a is not ‹'x'›", "null is missing after not", "is null"),
    ("params.a not ‹=› 'x'", "like, ilike or in is missing after not", None),
    ("metrics. ‹rmse› < 1", "a key is missing after metrics.", "backticks"),
    ("metrics.‹›", "a key is missing after metrics.", "right after the dot"),
    ("‹metrics.› < 1", "metrics. lacks a key", "metrics.rmse"),
    ("‹params.``› = 'x'", "lacks a key", "params.alpha"),
    ("‹metrics› < 1", "metrics alone is no field", "metrics.rmse"),
    ("‹code› = 'x'", "lacks a key", "code.commit, code.author, code.branch or code.subject"),
    ("run_id in ‹()›", "this list is empty", "('a', 'b')"),
    ("code.commit = ‹''›", "is not the beginning of a commit's hash", "code.branch"),
    ("code.branch = ‹''›", "is empty", None),
    ('live.environment = ‹""›', "is empty", None),
    # unbalanced
    ("‹(›metrics.rmse < 1", "this ( is not closed", "close it"),
    ("(metrics.rmse < 1) and ‹(›params.a = '('", "this ( is not closed", "close it"),
    ("metrics.rmse < 1‹)›", "this ) closes nothing", "remove it"),
    ("(params.a = ')') and metrics.rmse < 1 ‹)›", "this ) closes nothing", "remove it"),
    ("params.a = ‹'x›", "the ' here is not closed", "another '"),
    ('params.a = ‹"x and metrics.rmse < 1›', 'the " here is not closed', 'another "'),
    ("metrics.‹`a b < 1›", "the ` here is not closed", "another `"),
    ("run_id in ‹(›'a', 'b'", "this ( is not closed", "close it"),
    ("run_id in ('a' ‹'b'›)", "was not expected in a list", "('a', 'b')"),
    # unknown fields
    ("‹Metrics.rmse› < 1", "there is no field Metrics.rmse", "the nearest is metrics.rmse"),
    ("‹metrcs.rmse› < 1", "there is no field metrcs.rmse", "the nearest is metrics.rmse"),
    ("‹quux.rmse› < 1", "there is no field quux.rmse", "fields begin with metrics, params"),
    ("‹staus› = 'x'", "there is no field staus", "the nearest is status"),
    ("‹Status› = 'x'", "there is no field Status", "the nearest is status"),
    ("‹attributes.run_nam› = 'x'", "there is no field attributes.run_nam", "attributes.run_name"),
    ("‹branch› = 'x'", "there is no field branch", "write code.branch"),
    ("‹rmse› < 1", "there is no field rmse", "write metrics.rmse, params.rmse or tags.rmse"),
    ("‹code.autor› = 'x'", "there is no field code.autor", "the nearest is code.author"),
    ("‹datasets.size› = 'x'", "there is no field", "datasets.name, datasets.digest or datasets.context"),
    # comparators
    ("metrics.rmse ‹like› 'x'", "metrics.rmse is a number, which “like” cannot compare", ">="),
    ("metrics.rmse ‹in› (1)", "which “in” cannot compare", "<="),
    ("status ‹<› 'x'", "status is text, which “<” cannot compare", "not in"),
    ("code.branch ‹like› 'x'", "code.branch is a branch", "not in"),
    ("metrics.rmse ‹==› 1", "“==” is no comparator", "write ="),
    ("metrics.rmse ‹<>› 1", "“<>” is no comparator", "write !="),
    ("metrics.rmse ‹between› 1 and 2", "“between” is no comparator", "there are = !="),
    ("params.a = ‹('x')›", "“=” compares with one value", "in for a list"),
    ("params.a in ‹'x'›", "“in” compares with a list", "write ('x')"),
    # kinds of values
    ("metrics.rmse < ‹'0.8'›", "metrics.rmse is a number, '0.8' is text", "write 0.8 without quotes"),
    ("metrics.rmse < ‹'low'›", "metrics.rmse is a number", "write a number, as in metrics.rmse < 0.8"),
    ("metrics.rmse < ‹inf›", "inf is neither a number nor a text", "'inf'"),
    ("params.a > ‹'0.5'›", "'0.5' is text, which “>” cannot compare", "write 0.5 without quotes"),
    ("params.a > ‹'x'›", "'x' is text", "write a number, as in params.a > 1"),
    ("params.a like ‹5›", "“like” compares with text, 5 is a number", "write '5'"),
    ("user_id = ‹5›", "user_id is text, 5 is a number", "write '5'"),
    ("status = ‹running›", "running is neither a number nor a text", "'running'"),
    ("status = ‹`running`›", "in backticks, as names are", "put texts in '"),
    ("run_id in ('a', ‹1›)", "lists hold texts, 1 is none", "write '1'"),
    ("run_id in (‹('a')›)", "lists hold texts", "('a', 'b')"),
    ("run_id in (‹'\\x1'›)", "is no text as lists hold them", "\\\\ for a backslash"),
    ("run_id in (‹'\\ud800'›)", "is no text as lists hold them", "\\\\ for a backslash"),
    ("start_time > ‹'yesterday'›", "start_time is a time, 'yesterday' is none", "'2026-01-31'"),
    ("start_time > ‹'2026-02-30'›", "start_time is a time", "'2026-01-31'"),
    ("code.commit = ‹'main'›", "is not the beginning of a commit's hash", "code.branch"),
    ("version.number < ‹'3'›", "'3' is text", "write 3 without quotes"),
    # what is not of the language
    ("metrics.val‹/›loss < 1", "can stand in a key only if the key is in backticks", "metrics.`val/loss`"),
    ("metrics.a‹-›b.c < 1", "backticks", "metrics.`a-b.c`"),
    ("metrics.rmse < ‹1_000›", "“1_000” is no value", "0.8"),
    ("metrics.rmse < 1 ‹&&› metrics.mae < 1", "“&&” was not expected here", "write and"),
    ("metrics.rmse < 1 ‹||› metrics.mae < 1", "“||” was not expected here", "write or"),
    ("metrics.rmse < 1‹;› drop table run", "“;” was not expected here", "leave it out"),
    ("metrics.rmse < 1 ‹--› x", "“--” was not expected here", "no comments"),
    ("metrics.rmse < 1 ‹metrics› > 2", "“metrics” was not expected here", "and or or"),
    ("‹1› < metrics.rmse", "no condition begins with “1”", "metrics.rmse < 0.8"),
    ("params.a = '‹\0›'", "a NUL character", "remove it"),
    ("params.a = '‹\ud800›'", "half of a character", "remove it"),
    ("tags.‹🍷› = 'x'", "backticks", "tags.`🍷`"),
    ("tags.`🍷` = 'x' ‹?›", "“?” was not expected here", "and or or"),
]


@pytest.mark.parametrize(("marked", "message", "remedy"), TOLD, ids=[row[0][:60] for row in TOLD])
def test_an_error_says_what_where_and_what_to_do(marked: str, message: str, remedy: str | None) -> None:
    start, end = marked.index("‹"), marked.index("›") - 1
    text = marked.replace("‹", "").replace("›", "")
    with pytest.raises(FilterError) as told:
        check_filter(text)
    assert message in told.value.message
    assert (told.value.start, told.value.end) == (start, end)
    assert isinstance(told.value, UsageError)
    if remedy is None:
        return
    assert told.value.remedy is not None
    assert remedy in told.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "x" * 102_400,
        "metrics.rmse < 1 and " * 5000,
        "'" * 100_001,
        "(" * 100_000,
    ],
    ids=["word", "conditions", "quotes", "parentheses"],
)
def test_100_kb_are_refused_at_once(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(FilterError, match=f"{len(text):,} characters; at most 20,000") as told:
        check_filter(text)
    assert time.perf_counter() - began < 0.5
    assert (told.value.start, told.value.end) == (20_000, len(text))


@pytest.mark.parametrize(
    "text",
    [
        "(" * 20_000,
        ")" * 20_000,
        "not " * 4_999,
        "`" * 19_999,
        "'" * 19_999,
        "\\'" * 10_000,
        "params.a = '" + "\\'" * 9_990,
        "metrics." + "`a`." * 4_900,
        "metrics.a" + ".b" * 9_900,
        "params.a in (" + "'x'," * 4_900,
        "<" * 20_000,
        "-" * 20_000,
        "1" * 20_000,
        'a."' + "x" * 19_000,
        "params.a in (" + "(" * 19_000,
    ],
    ids=lambda text: text[:16],
)
def test_20_000_characters_of_anything_take_a_bounded_time(text: str) -> None:
    began = time.perf_counter()
    with contextlib.suppress(FilterError):
        check_filter(text)
    assert time.perf_counter() - began < 5


def test_parentheses_alone_may_be_many() -> None:
    check_filter("(" * 5_000 + "metrics.rmse < 1" + ")" * 5_000)


def test_nesting_too_deep_is_refused() -> None:
    check_filter("not " * 50 + "metrics.rmse < 1")
    with pytest.raises(FilterError, match="nested deeper than 50 levels") as told:
        check_filter("not " * 4_000 + "metrics.rmse < 1")
    assert (told.value.start, told.value.end) == (16_000, 16_012)
    deep = "metrics.a < 1 and (metrics.b < 1 or (" * 40 + "metrics.c < 1" + "))" * 40
    with pytest.raises(FilterError, match=r"nested deeper|more than 50 conditions"):
        check_filter(deep)


def test_too_many_conditions_are_refused() -> None:
    check_filter(" and ".join(["metrics.a < 1"] * 50))
    with pytest.raises(FilterError, match="more than 50 conditions") as told:
        check_filter(" and ".join(["metrics.a < 1"] * 51))
    assert told.value.start == 50 * len("metrics.a < 1 and ")


def test_checking_as_one_types_takes_no_time() -> None:
    prepare_filters()
    text = (
        "metrics.rmse < 0.8 and (params.alpha = '0.5' or not tags.team ilike 'r%') and code.branch = 'main'"
    )
    for end in range(len(text)):  # the first time of each state is the parser's slowest
        _try(text[:end])
    began = time.process_time()
    for end in range(len(text)):
        _try(text[:end])
    assert (time.process_time() - began) / len(text) < 0.005


def _try(text: str) -> None:
    with contextlib.suppress(FilterError):
        check_filter(text)
