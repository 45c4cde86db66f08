"""What stands in a report, read without a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from msgspec import structs

from mlops_dash.answers.compare_shapes import CurvesAnswer
from mlops_dash.answers.report import write_report
from report.given import EVIL, NAN, NOW, item, large, large_curves, metric, plain, text
from report.reading import Element, read, rows


@pytest.fixture(scope="module")
def page(report: Path) -> Element:
    return read(report)


@pytest.fixture(scope="module")
def hostile_page(hostile_report: Path) -> Element:
    return read(hostile_report)


def test_metrics_stand_with_deltas_and_marks(page):
    head, rmse, *_ = found = rows(page.one("section", id="metrics"))

    assert head == ["metric", "A production baseline", "B staging", "C fit-17", "D fit-18"]
    assert rmse == [
        "rmse lower is better", "53.9123", "52.8012 ★ the best −1.111 (−2.1 %)",
        "54.1 ▼ worse +0.1877 (+0.3 %)", "NaN",
    ]  # fmt: skip
    assert found[5] == ["loss lower is better", "Infinity", "0.21 ★ the best", "–", "0.25"]
    assert found[4] == ["features", "10", "10", "10", "10"]


def test_values_keep_their_last_bit(page):
    values = [entry.attributes["value"] for entry in page.one("table", cls="metrics").all("data")]

    assert values[:4] == ["53.9123456789", "52.8012", "54.1", "NaN"]


def test_texts_data_and_packages_say_what_differs_and_what_is_unknown(page):
    params = rows(page.one("section", id="params"))
    data = rows(page.one("section", id="data"))
    packages = page.one("section", id="packages")

    assert params[1] == ["alpha", "0.5", "≠ differs: 0.1", "≠ differs: 0.01", "≠ differs: 10"]
    assert params[2] == ["l1_ratio", "–", "≠ differs: 0.3", "≠ differs: 0.3", "–"]
    assert params[5][4] == "≠ differs: empty"
    assert data[1][:3] == [
        "diabetes.csv mlflow, training", "8d1e33f0442 rowsdata/diabetes.csv",
        "≠ differs: 77aa02bc442 rowsdata/diabetes.csv",
    ]  # fmt: skip
    assert rows(packages)[1] == ["numpy", "2.3.1", "≠ differs: 2.4.0", "≠ differs: 2.4.0", "? unknown"]
    assert "Unknown for D: its artifacts are in s3://models, which could not be reached" in packages.text


def test_long_texts_unfold_whole(page):
    long, lines = page.one("section", id="params").all("details")

    assert long.one("pre").raw == "x" * 6000
    assert lines.one("pre").raw == "first line\nsecond line"


def test_repeats_stand_with_mean_and_deviation(page):
    assert rows(page.one("section", id="groups")) == [
        ["metric", "B and C 2 repeats"],
        ["rmse", "53.4506 ± 0.918 n = 2"],
        ["r2", "0.491 n = 1"],
    ]


def test_code_says_commits_files_and_diff(page):
    diverged, same, unknown = page.one("section", id="code").all("article")

    assert diverged.one("h3").text == "B against A · diverged: 4 commits only in B, 1 commit only in A"
    assert [row[1] for row in rows(diverged)[1:]] == [f"Scale features, part {n}" for n in range(4)]
    assert [row.text for row in diverged.one("table", cls="files").all("tr")][1:] == [
        "features/scale.py+2", "model.binbinary", "train.py+2−1",
    ]  # fmt: skip
    first = diverged.one("details", cls="diff")
    assert first.one("summary").text == "Diff of train.py"
    assert [line.raw for line in first.all("span", cls="add")] == ["+ALPHA = 0.1", "+L1_RATIO = 0.3"]
    assert "2 changed files left out by the configuration." in diverged.text
    assert same.attributes["class"] == "same"
    assert "commit 4444444 is not in this repository" in unknown.text


def test_items_that_share_a_commit_share_its_part(tmp_path):
    answer = plain()
    first = answer.code[0]
    answer = structs.replace(answer, code=(first, structs.replace(first, item=2)))

    (part,) = read(_written(tmp_path, answer)).one("section", id="code").all("article")

    assert part.one("h3").text.startswith("B and C against A")


def test_head_says_what_when_and_how_to_make_it_again(page):
    assert page.one("h1").text == "diabetes"
    assert page.one("time").attributes["datetime"] == "2026-11-23T08:00:00Z"
    assert page.one("footer").one("pre").text == "mlops-dash compare production staging fit-17 fit-18"
    assert "A production is the baseline" in page.one("header").text


def test_command_quotes_what_a_shell_would_act_on(tmp_path):
    answer = structs.replace(plain(), items=(item(0, "a b"), item(1, "$(rm x)"), item(2, "-x"), item(3, "y")))

    command = read(_written(tmp_path, structs.replace(answer, baseline=1))).one("footer").one("pre").text

    assert command == "mlops-dash compare --baseline 1 -- 'a b' '$(rm x)' -x y"


def test_tables_can_be_read_aloud(page):
    for table in page.all("table"):
        assert table.one("caption").text
        assert {head.attributes.get("scope") for head in table.all("th")} <= {"col", "row"}
        assert all(row.one("th").attributes["scope"] == "row" for row in table.one("tbody").all("tr"))
    for plot in page.all("div", cls="plot"):
        assert plot.attributes["role"] == "img"
        assert plot.attributes["aria-label"]


def test_policy_allows_the_scripts_that_are_there_and_no_others(report, page):
    policy = page.one("meta", **{"http-equiv": "Content-Security-Policy"}).attributes["content"]
    allowed = re.findall(r"'sha256-([^']+)'", policy)
    scripts = [script for script in page.all("script") if script.attributes.get("type") != "application/json"]

    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy.partition("style-src")[0]
    assert [
        base64.b64encode(hashlib.sha256(each.raw.encode()).digest()).decode() for each in scripts
    ] == allowed
    assert b"\r" not in report.read_bytes()  # a browser would make other line ends of it, and another hash


def test_nothing_is_fetched(page):
    for element in page.all():
        for name in ("src", "href", "action", "poster", "srcset", "data"):
            assert element.attributes.get(name, "#").startswith(("#", "data:")), element.attributes
        assert not [name for name in element.attributes if name.startswith("on")]
    assert "url(" not in page.one("style").raw
    assert "@import" not in page.one("style").raw


def test_figures_are_what_plotly_takes(page):
    import plotly.graph_objects as go

    facts = json.loads(page.one("script", id="facts").raw)

    assert list(facts["figures"]) == ["curve-0", "curve-1", "parallel", "scatter"]
    for figure in facts["figures"].values():
        go.Figure(figure)  # raises for what it does not know


def test_curves_keep_steps_and_leave_out_what_is_no_number(page):
    facts = json.loads(page.one("script", id="facts").raw)["figures"]
    rmse, loss = facts["curve-0"], facts["curve-1"]

    assert [each.text for each in page.one("section", id="curves").all("figcaption")] == ["rmse", "loss"]
    assert [trace["name"] for trace in rmse["data"]] == ["A", "B", "C", "D"]
    assert len({trace["line"]["dash"] for trace in rmse["data"]}) == 4
    assert rmse["data"][0]["x"] == list(range(80))
    assert loss["data"][3]["y"][40] is None
    assert "Left out, not being numbers: 1 value of D." in page.one("section", id="curves").text
    assert "histories of 1 run could not be read: it is gone" in page.one("section", id="curves").text


def test_items_with_one_run_share_its_curve(tmp_path):
    answer = plain()
    twice = structs.replace(answer.items[1], run_id=answer.items[0].run_id)
    answer = structs.replace(answer, items=(answer.items[0], twice, *answer.items[2:]))

    page = read(_written(tmp_path, answer, _curves()))

    figure = json.loads(page.one("script", id="facts").raw)["figures"]["curve-0"]
    assert [trace["name"] for trace in figure["data"]] == ["A, B", "C", "D"]


def test_items_in_one_place_share_their_label(tmp_path):
    answer = structs.replace(
        plain(), params=(), metrics=(metric("a", 1.0, 1.0, 1.0, 3.0), metric("b", 5.0, 5.0, 6.0, 6.0))
    )

    figures = json.loads(read(_written(tmp_path, answer)).one("script", id="facts").raw)["figures"]

    assert [trace["text"][0] for trace in figures["parallel"]["data"][:4]] == ["A, B", "", "C, D", ""]


def test_hostile_texts_stay_text(hostile_page):
    shown = EVIL.replace("\u2028", "‹2028›").replace("\u202e", "‹202E›").replace("\x1b", "␛")
    shown = " ".join(shown.replace("\x07", "␇").replace("\ud800", "\ufffd").split())

    assert hostile_page.one("title").text == f"{shown} title · comparison"
    assert hostile_page.one("h1").text == f"{shown} title"
    assert rows(hostile_page.one("section", id="metrics"))[1][0] == f"{shown} rmse lower is better"
    assert [script.attributes for script in hostile_page.all("script")] == [
        {"type": "application/json", "id": "facts"}, {}, {},
    ]  # fmt: skip
    for tag in ("img", "iframe", "object", "embed", "base", "form"):
        assert list(hostile_page.all(tag)) == []
    assert all(link.attributes["href"].startswith("#") for link in hostile_page.all("a"))


def test_hostile_names_are_text_for_plotly(hostile_page):
    raw = hostile_page.one("script", id="facts").raw
    facts = json.loads(raw)

    assert not set("<>&") & set(raw)
    assert raw.isascii()
    title = facts["figures"]["scatter"]["layout"]["yaxis"]["title"]["text"]
    assert title.startswith("&lt;/script&gt;&lt;script&gt;")
    templates = [trace["hovertemplate"] for trace in facts["figures"]["curve-0"]["data"]]
    assert all(set(re.findall("%{([^}]*)}", template)) <= {"x", "y:.6g"} for template in templates)


def test_comparison_without_anything_is_a_page(tmp_path):
    bare = structs.replace(
        plain(),
        items=tuple(structs.replace(each, run=None, run_id=None, code=None) for each in plain().items[:2]),
        metrics=(), params=(), data=(), code=(), packages=(), signature=(), tags=(), groups=(),
        artifacts=(None, None),
    )  # fmt: skip

    page = read(_written(tmp_path, bare, CurvesAnswer(NOW, ())))

    assert "No commits to compare are known." in page.text
    assert "No metric has a history." in page.text
    assert json.loads(page.one("script", id="facts").raw) == {"figures": {}, "axes": []}


def test_metrics_that_are_no_numbers_have_no_figure(tmp_path):
    answer = structs.replace(
        plain(), metrics=(metric("loss", NAN, NAN, NAN, NAN, better="min"),), params=(), groups=()
    )

    page = read(_written(tmp_path, answer))

    assert rows(page.one("section", id="metrics"))[1][1:] == ["NaN"] * 4
    assert list(page.all("div", cls="plot")) == []


def test_extreme_numbers_are_drawn(tmp_path):
    top = 1.7e308
    answer = structs.replace(
        plain(),
        metrics=(metric("wide", -top, top, 0.0, 1.0, better="max"), metric("tiny", 5e-324, 1.0, 2.0, 3.0)),
        params=(text("seed", "9" * 50, "1", "-0", "1e400"),),
    )

    facts = json.loads(read(_written(tmp_path, answer)).one("script", id="facts").raw)

    heights = [trace["y"] for trace in facts["figures"]["parallel"]["data"][:4]]
    assert all(value is None or 0 <= value <= 1 for line in heights for value in line)
    assert len({line[-1] for line in heights}) == 3  # 0 and 1 are one beside 1.7e308


@pytest.mark.campaign
def test_too_much_is_bounded_and_said(tmp_path):
    path = write_report(tmp_path / "large.html", large(), large_curves(), title="large")

    page = read(path)

    assert path.stat().st_size < 25_000_000
    metrics = page.one("section", id="metrics")
    assert len(rows(metrics)) == 121
    assert "120 of 5,000 metrics are shown, those that differ first" in metrics.text
    assert "class_1/recall" in rows(metrics)[1][0]
    assert len(list(page.all("option"))) <= 1210
    assert "50 curves are drawn" in page.one("section", id="curves").text
    assert "The diff is longer than what is shown." in page.one("section", id="code").text


def test_colours_can_be_read():
    from mlops_dash.answers.report import page

    css = Path(page.__file__).with_name("templates").joinpath("page.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", block)) for block in css.split("@media")[:2]
    )

    assert light.keys() == dark.keys()
    grounds = {"good": "good-bg", "bad": "del-bg", "fg": "apart", "accent": "apart", "strong": "good-bg"}
    for colours in (light, dark):
        for name in (
            "fg",
            "strong",
            "dim",
            "accent",
            "good",
            "warn",
            "bad",
            "unknown",
            *(f"i{n}" for n in range(8)),
        ):
            for ground in ("bg", "raised", "sunk", *filter(None, [grounds.get(name)])):
                assert _contrast(colours[name], colours[ground]) >= 4.5, (name, ground)


def _contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _curves() -> CurvesAnswer:
    from report.given import plain_curves

    return plain_curves()


def _written(folder: Path, answer, curves: CurvesAnswer | None = None) -> Path:
    return write_report(folder / "report.html", answer, curves, title="diabetes")
