"""The words and marks of a comparison, without a screen."""

from __future__ import annotations

import math

import pytest

from mlops_dash.answers.compare_shapes import CompareAnswer
from mlops_dash.ui.screens.compare_asking import unused
from mlops_dash.ui.screens.compare_cells import letters, percent, verdict_of
from mlops_dash.ui.screens.compare_rows import compare_rows
from mlops_dash.ui.screens.compare_verdict import reasons, scores, verdict
from mlops_dash.ui.widgets.diff_view import diff_lines
from mlops_dash.ui.wording import Line
from replacing import replace
from ui.compared import DIFF, compared, item, line, metric


def words(spans: Line) -> str:
    return "".join(text for text, _ in spans)


def said(answer: CompareAnswer, primary: str | None = None) -> str:
    return words(verdict(answer, lambda place: (letters(place), "text"), primary))


def test_letters_go_on_after_z() -> None:
    assert [letters(place) for place in (0, 25, 26, 51, 52, 99)] == ["A", "Z", "AA", "AZ", "BA", "CV"]


@pytest.mark.parametrize(
    ("part", "shown"),
    [(-0.0207, "−2.1 %"), (0.00004, "+0.004 %"), (1e-9, "+<0.001 %"), (-12.5, "−1,250 %"), (0.0, ""),
     (None, ""), (math.inf, "+>99999 %"), (1e300, "+>99999 %"), (math.nan, "")],
)  # fmt: skip
def test_a_change_that_is_not_nothing_is_never_shown_as_nothing(part: float | None, shown: str) -> None:
    assert percent(part) == shown


def test_the_better_side_follows_the_direction_and_is_unmarked_without_one() -> None:
    falls = metric("rmse", (2.0, 1.0, 3.0, 2.0), "min")
    assert [(verdict_of(falls, place) or ("",))[0] for place in range(4)] == ["", "★", "▼", ""]
    grows = metric("auc", (2.0, 3.0, 4.0, None), "max")
    assert [(verdict_of(grows, place) or ("",))[0] for place in range(4)] == ["", "▲", "★", ""]
    unknown = metric("seconds", (2.0, 1.0), None)
    assert [verdict_of(unknown, place) for place in range(2)] == [None, None]


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        ((metric("rmse", (2.0, 1.0), "min"),), "★ B staging is better than A production:  rmse −50.0 %"),
        ((metric("rmse", (1.0, 2.0), "min"),), "★ A production is better than B staging:  rmse +100.0 %"),
        ((metric("rmse", (2.0, 1.0), "min"), metric("mae", (1.0, 1.0), "min")),
         "★ B staging is better than A production in 1 of 2:  rmse −50.0 %"),
        ((metric("rmse", (2.0, 1.0), "min"), metric("auc", (0.5, 0.4), "max")),
         "± B staging is better in rmse −50.0 %, worse in auc −20.0 %"),
        ((metric("rmse", (0.0, 1.0), "min"),), "★ A production is better than B staging:  rmse +1.000"),
        ((metric("rmse", (1.0, 1.0), "min"),), "= B staging and A production are the same in every metric"),
        ((metric("rmse", (math.nan, 1.0), "min"),), "No metric of both can be ranked"),
        ((metric("seconds", (1.0, 2.0), None),),
         "Which way is better is not known for any metric here: [metrics] in the configuration tells it"),
        ((), "No metric was logged: nothing tells which is better"),
    ],
)  # fmt: skip
def test_the_verdict_of_two(metrics: tuple[object, ...], told: str) -> None:
    assert said(compared(metrics=metrics)) == told


def test_the_metric_that_matters_most_is_named_first() -> None:
    metrics = (metric("auc", (0.5, 0.6), "max"), metric("rmse", (1.0, 2.0), "min"))
    assert said(compared(metrics=metrics), "rmse").startswith("± B staging is worse in rmse +100.0 %")
    assert said(compared(metrics=metrics), "auc").startswith("± B staging is better in auc +20.0 %")


def test_the_verdict_of_many_is_about_the_best() -> None:
    answer = compared(("a", "b", "c", "d"))
    assert (
        said(answer, "rmse")
        == "★ B staging has the best rmse  52.80, −2.1 % against A   best in 2 of 3 metrics"
    )
    assert scores(answer) == [(0, 0, 0), (2, 3, 0), (0, 3, 0), (1, 1, 2)]
    assert said(answer, "r2").startswith("★ D fit-20 has the best r2")


def test_reasons_lose_their_names_before_they_lose_themselves() -> None:
    answer = compared()
    assert "(alpha, seed)" in words(reasons(answer, 120))
    short = words(reasons(answer, 78))
    assert "alpha" not in short
    assert len(short) <= 78
    assert [part in short for part in ("2 parameters", "1 dataset", "2 commits", "1 package")] == [True] * 4


def test_what_is_unknown_is_not_called_the_same() -> None:
    assert "packages unknown" in words(reasons(compared(artifacts=(None, "in s3")), 200))
    assert "code unknown" in words(reasons(compared(items=(item(0, "a", code=None), item(1, "b"))), 200))


def test_a_filter_leaves_lines_with_every_word_under_their_heading() -> None:
    rows = [row.key for row in compare_rows(compared(), needle="CODE train", airy=False)]
    assert rows == ["code", "file/train.py"]


def test_differences_only_leaves_out_what_is_the_same() -> None:
    keys = {row.key for row in compare_rows(compared(), differences=True) if not row.heading}
    assert "param/alpha" in keys
    assert not keys & {"param/model", "package/numpy", "tag/team"}


def test_keys_of_rows_are_unique_even_where_names_are_odd() -> None:
    answer = compared(params=(line("/", "1", "2"), line("", "1", "2"), line("a/b", "1", "2")))
    keys = [row.key for row in compare_rows(answer)]
    assert len(keys) == len(set(keys))


def test_a_diff_is_read_line_by_line() -> None:
    found = list(diff_lines(DIFF))
    assert [each.text for each in found if each.kind == "title"] == ["train.py", "features.py"]
    assert [(each.kind, each.old, each.new) for each in found if each.path == "train.py"][2:7] == [
        ("same", 10, 10), ("removed", 11, None), ("added", None, 11), ("added", None, 12), ("same", 12, 13),
    ]  # fmt: skip
    assert ("removed", "- a removed comment of SQL") in [(each.kind, each.text) for each in found]
    assert "no newline at the end" in [each.text for each in found]


@pytest.mark.parametrize(
    ("title", "path"),
    [("a/x.py b/x.py", "x.py"), ("a/a b/c b/a b/c", "a b/c"), ("a/old.py b/new.py", "new.py"),
     ('"a/\\303\\251.py" "b/\\303\\251.py"', "é.py")],
)  # fmt: skip
def test_the_path_of_a_file_is_the_new_one(title: str, path: str) -> None:
    assert next(diff_lines(f"diff --git {title}")).path == path


def test_garbage_is_no_diff_and_no_crash() -> None:
    assert list(diff_lines("\x00@@ -x +y @@\n+++\n---\n@@ -1 +1 @@")) != [None]


def test_a_name_that_is_taken_gets_a_number(tmp_path: object) -> None:
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    (tmp_path / "a.html").touch()
    (tmp_path / "a-2.html").touch()
    assert unused(tmp_path / "a.html").name == "a-3.html"


def test_a_deleted_baseline_does_not_break_the_heads() -> None:
    base = item(0, "production")
    assert base.run is not None
    answer = compared(items=(replace(base, run=None, run_id=None, code=None), item(1, "staging")))
    assert any(row.key == "code/commit" for row in compare_rows(answer))
