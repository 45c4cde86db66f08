"""``runs`` on real stores: which runs, in what order, in every form, and what is said of bad words."""

from __future__ import annotations

import csv
import io
import math
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mlops_dash import demo
from mlops_dash.answers.run_exports import runs_object
from mlops_dash.answers.run_shapes import RunRow, RunsAnswer, RunsRequest
from mlops_dash.cli.output import json_text
from mlops_dash.cli.run_text import runs_text
from mlops_dash.cli.tables import width
from saying import harmless, listing, strict

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo.unpack(tmp_path_factory.mktemp("sample") / "diabetes")


@pytest.fixture
def sample(unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sample project, as the current folder."""
    monkeypatch.chdir(unpacked)
    return unpacked


def errors(folder: Path) -> dict[str, float]:
    """Return the rmse of every run that is not deleted, as SQLite holds it."""
    with closing(sqlite3.connect(f"file:{folder / 'mlflow.db'}?mode=ro", uri=True)) as connection:
        return dict(
            connection.execute(
                "select m.run_uuid, m.value from latest_metrics m join runs r on r.run_uuid = m.run_uuid"
                " where m.key = 'rmse' and r.lifecycle_stage = 'active'"
            )
        )


def test_json_is_what_was_logged_newest_first(say, sample):
    said = say("runs", "--json")
    assert said.code == 0, said.err
    answer = said.json
    assert list(answer) == ["as_of", "matched", "total", "columns", "runs"]
    assert answer["matched"] == answer["total"] == len(answer["runs"])
    started = [run["started_at"] for run in answer["runs"]]
    assert started == sorted(started, reverse=True)
    logged = {run["run_id"]: run["metrics"]["rmse"] for run in answer["runs"] if "rmse" in run["metrics"]}
    assert logged == errors(sample)
    (run,) = [run for run in answer["runs"] if {"model": "progression", "version": "4"} in run["versions"]]
    assert list(run) == [
        "run_id", "name", "experiment", "status", "user", "started_at", "ended_at", "metrics", "params",
        "tags", "commit", "data", "versions", "live",
    ]  # fmt: skip
    assert (run["experiment"], run["status"]) == ("progression", "FINISHED")
    assert len(run["commit"]) == 40
    assert [data["name"] for data in run["data"]] == ["diabetes"]


def test_a_filter_and_a_sort_key_choose_and_order(say, sample):
    said = say("runs", "--filter", "metrics.rmse < 56", "--sort", "metrics.rmse:desc", "--json").json
    expected = sorted((value for value in errors(sample).values() if value < 56), reverse=True)
    assert [run["metrics"]["rmse"] for run in said["runs"]] == expected
    assert (said["matched"], said["total"]) == (len(expected), 46)
    best = say("runs", "--sort", "rmse", "--limit", "1", "--json").json
    assert best["runs"][0]["metrics"]["rmse"] == min(errors(sample).values())
    assert best["matched"] == 46


def test_columns_are_those_that_were_named(say, sample):
    words = ["--columns", "metrics.rmse,params.model", "--columns", "code.author", "--limit", "1"]
    said = say("runs", *words, "--json").json
    assert said["columns"] == ["metrics.rmse", "params.model", "code.author"]
    (run,) = said["runs"]
    assert (list(run["metrics"]), list(run["params"]), run["tags"]) == (["rmse"], ["model"], {})
    assert list(run["other"]) == ["code.author"]
    head, _ = csv.reader(io.StringIO(say("runs", *words, "--csv").out))
    assert head[-3:] == ["metrics.rmse", "params.model", "code.author"]


def test_experiments_and_deleted_runs(say, sample):
    whole = say("runs", "--json").json
    one = say("runs", "--experiment", "interactions", "--json").json
    assert 0 < one["matched"] == one["total"] < whole["total"]
    assert {run["experiment"] for run in one["runs"]} == {"interactions"}
    both = say("runs", "--experiment", "interactions", "--experiment", "progression", "--json").json
    assert both["matched"] == whole["matched"]
    deleted = say("runs", "--deleted", "--json").json
    assert deleted["total"] == whole["total"] + 1
    assert sum(run["status"] == "DELETED" for run in deleted["runs"]) == 1


def test_every_form_tells_the_same(say, sample, tmp_path):
    words = ["runs", "--sort", "rmse", "--limit", "3", "--columns", "metrics.rmse"]
    told = [(run["run_id"], run["metrics"]["rmse"]) for run in say(*words, "--json").json["runs"]]
    rows = csv.DictReader(io.StringIO(say(*words, "--csv").out))
    assert [(row["run_id"], float(row["metrics.rmse"])) for row in rows] == told
    lines = say(*words, "--md").out.splitlines()[2:]
    assert [(line.split(" | ")[0][2:], float(line.split(" | ")[-1][:-2])) for line in lines] == told
    said = say(*words, "--parquet", tmp_path / "runs.parquet")
    assert (said.code, said.out) == (0, "")
    table = pq.read_table(tmp_path / "runs.parquet").to_pylist()
    assert [(row["run_id"], row["metrics.rmse"]) for row in table] == told
    assert table[0]["started_at"].tzinfo is not None
    text = say(*words).out.splitlines()
    assert [line[:8] for line in text[1:]] == [run[:8] for run, _ in told]


def test_text_shows_the_newest_and_says_how_many_there_are(say, sample, monkeypatch):
    said = say("runs", "--limit", "5")
    assert len(said.out.splitlines()) == 6
    assert "46 runs, 5 of them shown" in said.err
    assert "progression v6" in said.out
    assert "0 runs of 46" in say("runs", "--filter", "metrics.rmse < 0").err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--columns", "metrics.rsme"], "metrics.rmse"),
        (["--columns", ","], "--columns names none"),
        (["--sort", "metrics.rsme:desc"], "metrics.rmse"),
        (["--sort", ":desc"], "columns are"),
        (["--sort", " "], "--sort names no column"),
        (["--experiment", "progresion"], "did you mean progression"),
        (["--limit", "-1"], "below 0"),
        (["--limit", "many"], "many"),
        (["--filter", "metrics.rmse <"], "^"),
        (["--filter", "bogus.x = 1"], "^"),
        (["--filter", "live.environment = 'prodction'"], "prod"),
        (["--filter", "code.branch = 'mian'"], "main"),
        (["--parquet", "gone/x.parquet"], "cannot be written"),
    ],
)
def test_what_is_wrong_is_told_with_what_is_right(say, sample, words, told):
    before = listing(sample)
    said = say("runs", *words)
    assert (said.code, said.out) == (1 if "cannot be" in told else 2, "")
    assert told in said.err
    assert "Traceback" not in said.err
    assert listing(sample) == before


def test_carets_stand_under_the_wrong_place_of_a_filter(say, sample):
    said = say("runs", "--filter", "metrics.rmse < 0.8 and attributes.staus = 'FINISHED'")
    line, carets = said.err.splitlines()[1:3]
    wrong = line[len(carets) - len(carets.lstrip()) : len(carets)]
    assert "staus" in wrong
    long = "params.model = 'x' and " * 30 + "metrics.rmse <> 'a\x1b[31m"
    said = say("runs", "--filter", long)
    assert all(len(line) < 200 for line in said.err.splitlines())
    assert harmless(said.err)


def test_facts_of_git_are_joined(say, sample):
    main = say("runs", "--filter", "code.branch = 'main'", "--json").json
    other = say("runs", "--filter", "not code.branch = 'main'", "--json").json
    assert main["matched"] + other["matched"] <= main["total"]
    assert main["matched"] > 0
    versions = say("runs", "--filter", "version.name = 'progression'", "--json").json
    assert {v["version"] for run in versions["runs"] for v in run["versions"]} == set("123456")


def test_a_store_that_mlflow_wrote_has_its_runs(say, folder, store):
    said = say("--tracking-uri", f"sqlite:///{store}", "runs", "--json")
    assert said.code == 0, said.err
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        ids = [
            row[0] for row in connection.execute("select run_uuid from runs where lifecycle_stage = 'active'")
        ]
        values = connection.execute("select run_uuid, key, value, is_nan from latest_metrics").fetchall()
    assert sorted(run["run_id"] for run in said.json["runs"]) == sorted(ids)
    told = {(run["run_id"], key): value for run in said.json["runs"] for key, value in run["metrics"].items()}
    stored = {(run, key): "NaN" if nan else value for run, key, value, nan in values if run in ids}
    # MLflow stores infinities as the greatest numbers there are
    infinite = {1.7976931348623157e308: "Infinity", -1.7976931348623157e308: "-Infinity"}
    assert told == {place: infinite.get(value, value) for place, value in stored.items()}


def test_an_empty_store_has_no_runs(say, folder, empty_store):
    said = say("--tracking-uri", f"sqlite:///{empty_store}", "runs", "--json")
    assert (said.code, said.json["runs"], said.json["matched"]) == (0, [], 0)
    assert say("--tracking-uri", f"sqlite:///{empty_store}", "runs").code == 0
    assert say("--tracking-uri", f"sqlite:///{empty_store}", "runs", "--csv").out.startswith("run_id,name,")


def test_a_store_that_is_not_there_is_exit_1(say, repository):
    said = say("--tracking-uri", "sqlite:///gone.db", "runs", "--json")
    assert said.code == 1
    assert said.json["runs"] == []
    assert "could not be read" in said.err


HOSTILE = RunRow(
    run_id="a" * 32,
    name="=cmd|' /C calc'!A0 [/b]\x1b]52;c;eA==\x07\u202e",
    experiment="<script>",
    status="RUNNING",
    user="@sum",
    started_at=NOW,
    ended_at=NOW + timedelta(seconds=4000),
    deleted=False,
    values={
        "metrics.m\x1b[2J": math.nan, "params.p": "x" * 6000, "attributes.duration": 4000.0,
        "metrics.huge": 1.7976931348623157e308,
    },
    versions=(("wine\r", "3"),),
    live=("prod\nuction",),
    commit="c" * 40,
    data=(("=data", "d1"),),
)  # fmt: skip
COLUMNS = ("metrics.m\x1b[2J", "params.p", "attributes.duration", "metrics.huge", "code.commit")
ANSWER = RunsAnswer(NOW, RunsRequest(), COLUMNS, (HOSTILE, HOSTILE), 2, 2)


@pytest.mark.parametrize("room", [20, 40, 80, 160, None])
def test_hostile_names_stay_text_and_fit(room: int | None) -> None:
    text, left_out = runs_text(ANSWER, room)
    assert harmless(text)
    assert room is None or room < 45 or all(width(line) <= room for line in text.splitlines())
    assert list(COLUMNS[len(COLUMNS) - len(left_out) :]) == left_out
    assert "1h06m" in runs_text(ANSWER, None)[0]
    assert runs_text(ANSWER, 40, chosen=True)[1] == []


def test_hostile_values_are_strict_json() -> None:
    run = strict(json_text(runs_object(ANSWER)))["runs"][0]
    assert run["metrics"] == {"m\x1b[2J": "NaN", "huge": 1.7976931348623157e308}
    assert (run["params"]["p"], run["name"]) == ("x" * 6000, HOSTILE.name)
