"""Answers as pandas frames."""

from __future__ import annotations

import subprocess
import sys

from known_facts import NOW, KnownFacts, sha
from mlops_dash.answers.live import live
from mlops_dash.answers.shapes import TableAnswer
from mlops_dash.answers.trace import trace
from mlops_dash.config import Config, EnvironmentConfig, HttpTarget


def test_live_has_a_row_for_each_environment_and_a_column_for_each_metric() -> None:
    given = KnownFacts()
    given.repository(sha(1), sha(2))
    given.run("r4", commit=sha(1), metrics={"rmse": 4.0}, params={"alpha": "1"}, data=(("wine", "d1"),))
    given.version("wine", "4", "r4")
    given.alias("wine", "production", "4")
    given.alias("beer", "production", "1")
    frame = live(given.store, Config(), (), now=NOW).to_pandas()
    wine = frame.set_index("model").loc["wine"]
    beer = frame.set_index("model").loc["beer"]
    assert (wine["live"], wine["basis"], wine["run_id"], wine["metrics.rmse"]) == ("4", "declared", "r4", 4.0)
    assert (wine["params.alpha"], wine["data"], wine["commit"], wine["behind"]) == (
        "1",
        ["wine@d1"],
        sha(1),
        1,
    )
    assert wine["committed_at"].isoformat() == "1970-01-01T00:00:01+00:00"
    assert beer[["run_id", "metrics.rmse", "behind"]].isna().all()
    given.store.close()


def test_what_is_only_declared_is_not_said_of_what_is_live() -> None:
    given = KnownFacts()
    given.run("r4", metrics={"rmse": 4.0})
    given.version("wine", "4", "r4")
    given.alias("wine", "production", "4")
    config = Config(
        environments={"production": EnvironmentConfig("wine", target=HttpTarget(url="http://127.0.0.1:1"))}
    )
    (row,) = live(given.store, config, (), now=NOW).to_pandas().to_dict("records")
    assert (row["live"], row["declared"], row["run_id"], row["missing"]) == (
        None,
        "4",
        None,
        ["live version"],
    )
    given.store.close()


def test_no_environment_is_a_frame_without_rows() -> None:
    given = KnownFacts()
    frame = live(given.store, Config(), (), now=NOW).to_pandas()
    assert len(frame) == 0
    assert {"environment", "model", "live", "drift"} <= set(frame.columns)
    given.store.close()


def test_trace_has_a_row_for_each_node_and_keeps_the_edges() -> None:
    given = KnownFacts()
    given.run("r4", metrics={"rmse": 4.0})
    given.version("wine", "4", "r4")
    given.alias("wine", "production", "4")
    answer = trace(given.store, Config(), "production", now=NOW, enrich=lambda _: None)
    frame = answer.to_pandas()
    assert frame["id"].tolist() == ["env:production/wine", "models:/wine/4", "run:r4"]
    assert frame.set_index("kind").loc["run", "name"] == "name-r4"
    assert ("models:/wine/4", "run:r4", "produced-by") in frame.attrs["edges"]
    given.store.close()


def test_a_table_keeps_its_columns_even_those_that_repeat_a_name() -> None:
    frame = TableAnswer(("a", "a"), ((1, "x"), (2, "y"))).to_pandas()
    assert frame.columns.tolist() == ["a", "a"]
    assert frame.to_numpy().tolist() == [[1, "x"], [2, "y"]]
    assert len(TableAnswer(("a",), ()).to_pandas()) == 0


def test_pandas_is_not_imported_before_a_frame_is_asked_for() -> None:
    code = "import sys, mlops_dash.project, mlops_dash.answers.trace; assert 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
