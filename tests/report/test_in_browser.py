"""The report as Chromium shows it with the network off: tables, drawn curves, nothing logged, nothing run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_dash import demo
from mlops_dash.answers.report import write_report
from report.given import large, large_curves

pytestmark = pytest.mark.campaign

CELLS = """[...document.querySelectorAll('#%s tbody tr')].map(
  (row) => [...row.cells].map((cell) => cell.innerText.trim()))"""
LINES = "[...document.querySelectorAll('#%s .scatterlayer path.js-line')].map(line => line.getAttribute('d'))"


def test_tables_are_there_and_curves_are_drawn(browser, report):
    browser.open(report)

    assert browser.draw() == 4
    metrics = browser.run(CELLS % "metrics")
    assert [row[0].split("\n")[0] for row in metrics] == [
        "rmse",
        "r2",
        "train_seconds",
        "features",
        "loss",
        "mae",
    ]
    assert metrics[0][1] == "53.9123"
    assert browser.run("document.querySelectorAll('main table').length") == 10
    assert [len(line) > 150 for line in browser.run(LINES % "curve-0")] == [True] * 4, "through many points"
    assert len(browser.run(LINES % "curve-1")) == 5, "one has a gap where it is no number"
    assert browser.run("document.querySelectorAll('#scatter .scatterlayer path.point').length") == 3
    assert browser.run("document.querySelectorAll('#parallel .scatterlayer .trace path.point').length") > 20


def test_nothing_is_logged_and_nothing_asked_of_the_network(browser, report):
    browser.open(report)
    browser.draw()

    assert browser.said == []
    assert browser.asked == [report.as_uri()]


def test_policy_stops_what_would_run_or_call(browser, report):
    browser.open(report)

    script = "const s = document.createElement('script'); s.textContent = 'document.title = \"ran\"';"
    browser.run(script + "document.body.append(s); document.title")
    fetched = browser.run("fetch('http://127.0.0.1:9/').then(() => 'went', (error) => error.name)")

    assert browser.run("document.title") == "diabetes · comparison"
    assert fetched == "TypeError"
    assert any("Content Security Policy" in line for line in browser.said)
    browser.said.clear()


def test_hostile_names_run_nothing_and_are_shown(browser, hostile_report):
    browser.open(hostile_report)
    browser.draw()

    assert browser.run("document.title").endswith("title · comparison")
    assert browser.run("document.querySelectorAll('img, iframe, main svg a, main b').length") == 0
    assert browser.run("[...document.scripts].length") == 3
    title = browser.run("document.querySelector('#scatter .ytitle').textContent")
    assert title.startswith("</script><script>")
    assert browser.said == []
    assert browser.asked == [hostile_report.as_uri()]


def test_differences_only_hides_what_is_the_same(browser, report):
    browser.open(report)
    shown = """[...document.querySelectorAll('#metrics tbody th')].filter((head) => head.offsetParent)
      .map((head) => head.firstChild.data.trim())"""
    assert "features" in browser.run(shown)

    browser.run("document.querySelector('.switch').click()")

    assert browser.run(shown) == ["rmse", "r2", "train_seconds", "loss", "mae"]
    assert browser.run("document.querySelector('#tags .none-differs').offsetParent !== null")


def test_scatter_takes_any_two(browser, report):
    browser.open(report)
    browser.draw()

    browser.run(
        """for (const [id, name] of [["scatter-x", "alpha"], ["scatter-y", "mae"]]) {
          const box = document.getElementById(id);
          box.value = [...box.options].find((option) => option.text === name).value;
          box.dispatchEvent(new Event("change"));
        }"""
    )

    assert browser.run("document.querySelector('#scatter .xtitle').textContent") == "alpha"
    assert browser.run("document.querySelector('#scatter .ytitle').textContent") == "mae"
    assert browser.run("document.querySelectorAll('#scatter .scatterlayer path.point').length") == 4


@pytest.mark.parametrize("over", ["time", "relative"])
def test_curves_change_their_axis_smooth_and_hide(browser, report, over):
    browser.open(report)
    browser.draw()
    before = browser.run(LINES % "curve-1")

    browser.run(
        f"""const set = (id, value) => {{ const box = document.getElementById(id); box.value = value;
          box.dispatchEvent(new Event(id === "curve-x" ? "change" : "input")); }};
        set("curve-x", "{over}"); set("curve-smooth", "0.9");
        document.getElementById("curve-log").click(); document.querySelector(".key").click();"""
    )

    after = browser.run(LINES % "curve-1")
    assert len(after) == 4
    assert not set(after) & set(before)
    assert browser.run("document.querySelector('.key').getAttribute('aria-pressed')") == "false"
    assert browser.said == []


@pytest.mark.parametrize("dark", [False, True])
def test_phone_shows_it_without_sideways_scrolling(browser, report, dark):
    browser.open(report, width=390, height=844, dark=dark)
    browser.draw()

    assert browser.run("document.documentElement.scrollWidth") == 390
    colour = browser.run("getComputedStyle(document.body).backgroundColor")
    assert (colour == "rgb(20, 23, 29)") is dark
    stroke = "getComputedStyle(document.querySelector('#curve-0 path.js-line')).stroke"
    assert browser.run(stroke) == ("rgb(122, 167, 247)" if dark else "rgb(31, 95, 196)")


def test_it_prints(browser, report):
    browser.open(report, dark=True)

    printed = browser.do("Page.printToPDF")["data"]

    assert len(printed) > 50_000
    assert browser.run("[...document.querySelectorAll('.plot')].every((plot) => plot.dataset.drawn)")


def test_what_the_command_line_writes_of_the_sample_project(browser, tmp_path):
    folder = demo.unpack(tmp_path / "team")
    path = tmp_path / "report.html"
    command = [sys.executable, "-m", "mlops_dash", "compare", "production", "staging", "--html", str(path)]
    subprocess.run(command, cwd=folder, env=_environment(tmp_path), check=True, capture_output=True)

    browser.open(path)

    assert browser.draw() == 4
    assert [row[0].split("\n")[0] for row in browser.run(CELLS % "metrics")][:2] == ["rmse", "mae"]
    assert len(browser.run(LINES % "curve-0")) == 2
    assert "Combine ridge regression and gradient boosting" in browser.run(
        "document.querySelector('#code').innerText"
    )
    assert browser.run("document.querySelectorAll('#code .diff .add').length") > 20
    assert browser.said == []
    assert browser.asked == [path.as_uri()]


def test_too_much_is_still_shown(browser, tmp_path):
    path = write_report(tmp_path / "large.html", large(), large_curves(), title="large")

    browser.open(path)

    assert browser.draw() == 6
    assert browser.run("document.querySelectorAll('#metrics tbody tr').length") == 120
    assert browser.said == []


def _environment(folder: Path) -> dict[str, str]:
    ours = {"MLOPS_DASH_CACHE_DIR": str(folder / "cache"), "MLOPS_DASH_STATE_DIR": str(folder / "state")}
    return {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")} | ours
