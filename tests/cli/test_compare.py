"""The verb ``compare`` on a store that MLflow wrote and a real repository."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from saying import Said, listing

GIT = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_CONFIG_GLOBAL": os.devnull}
GIT |= {"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_NOSYSTEM": "1"}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=folder, env={**os.environ, **GIT}, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(folder: Path, subject: str, **files: str) -> str:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", subject)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def team(folder: Path, store: Path, say: Callable[..., Said]) -> Callable[..., Said]:
    """A project whose versions 1 to 3 of the model quality come from two commits, one that is gone, and
    models on this disk; returns the command line on it."""
    git(folder, "init", "-q", "-b", "main")
    first = commit(folder, "Train a first model", train_py="depth = 1\n", notes_md="a\n")
    second = commit(folder, "Go deeper", train_py="depth = 2\n", notes_md="b\n")
    with closing(sqlite3.connect(store)) as connection, connection:
        for number, made in (("0", first), ("1", second)):
            connection.execute("update tags set value = ? where value = ?", (made, number * 40))
            model = store.parent / "models" / number
            model.mkdir(parents=True)
            (model / "MLmodel").write_text("flavors: {python_function: {python_version: 3.11.7}}\n")
            (model / "requirements.txt").write_text(f"scikit-learn==1.{number}\nnumpy==2.0\n")
            connection.execute(
                "update model_versions set source = ?, storage_location = null where version = ?",
                (str(model), int(number) + 1),
            )

    def ask(*words: object) -> Said:
        return say("--tracking-uri", f"sqlite:///{store}", *words)

    return ask


ONE, TWO, THREE = (f"models:/quality/{number}" for number in (1, 2, 3))


def test_json_as_it_is_promised(team, folder):
    said = team("compare", ONE, TWO, "--json")
    assert (said.code, said.err) == (0, "")
    found = said.json
    assert found["baseline"] == 0
    assert [item["label"] for item in found["items"]] == ["quality v1", "quality v2"]
    metrics = {line["key"]: line for line in found["metrics"]}
    assert metrics["rmse"]["values"] == [1 / 5, 1 / 6]
    assert metrics["rmse"]["deltas"] == [0.0, 1 / 6 - 1 / 5]
    assert (metrics["rmse"]["better"], metrics["rmse"]["best"]) == ("min", [1])
    assert metrics["undefined"]["values"] == [None, "NaN"]
    assert metrics["above"]["deltas"] == [None, None]
    assert {"key": "depth", "values": ["0", "1"], "differs": True} in found["params"]
    (data,) = found["data"]
    assert (data["name"], data["digests"], data["sizes"]) == (
        "wine.csv",
        ["8d1e77aa", None],
        ["10 rows", None],
    )
    assert [one["subject"] for one in found["code"]["commits"]] == ["Go deeper"]
    assert found["code"]["files"] == [
        {"path": "notes.md", "added": 1, "removed": 1},
        {"path": "train.py", "added": 1, "removed": 1},
    ]
    assert "-depth = 1\n+depth = 2\n" in found["code"]["diff"]
    assert "code_by_item" not in found
    packages = {line["name"]: (line["values"], line["differs"]) for line in found["packages"]}
    assert packages["scikit-learn"] == (["1.0", "1.1"], True)
    assert packages["python"] == (["3.11.7", "3.11.7"], False)
    assert {"key": "note", "values": ["note 0", "note 1"], "differs": True} in found["tags"]


def test_the_configuration_says_which_files_are_training_code(team, folder):
    (folder / "mlops-dash.toml").write_text('[compare]\nexclude = ["*.md"]\n')
    code = team("compare", ONE, TWO, "--json").json["code"]
    assert [file["path"] for file in code["files"]] == ["train.py"]
    assert code["left_out"] == 1
    assert "notes" not in code["diff"]


def test_a_commit_that_the_repository_lacks_and_artifacts_out_of_reach_cost_only_themselves(team):
    said = team("compare", ONE, THREE, TWO, "--json")
    assert said.code == 0
    missing, there = said.json["code_by_item"]
    assert (missing["status"], missing["reason"]) == ("unknown", "commit 2222222 is not in this repository")
    assert (there["status"], there["ahead"]) == ("ahead", 1)
    assert said.json["code"] == {key: value for key, value in there.items() if key != "item"}
    assert said.json["artifacts"][0] is None
    assert "tracking server" in said.json["artifacts"][1]
    assert [line["values"][1] for line in said.json["packages"]] == [None, None, None]
    assert not said.json["packages"][0]["differs"]


def test_environments_by_their_names(team):
    said = team("compare", "champion", "Production", "--baseline", 1, "--json")
    assert [item["version"] for item in said.json["items"]] == ["3", "2"]
    assert said.json["items"][0]["note"].startswith("v3 declared")
    assert said.json["baseline"] == 1
    assert said.json["metrics"][0]["deltas"][1] == 0.0


def test_text_is_readable_in_80_columns(team):
    said = team("compare", ONE, TWO)
    assert said.code == 0
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= 80
    (rmse,) = [line for line in lines if line.startswith("rmse")]
    assert rmse.split() == ["rmse", "↓", "0.2000", "0.1667", "★", "-0.03333", "-16.67%"]
    assert "≠  depth       0       1" in lines
    assert any(line.split() == ["+1", "-1", "train.py"] for line in lines)
    for title in ("PARAMETERS", "DATA", "CODE", "PACKAGES", "TAGS"):
        assert title in said.out
    said = team("compare", ONE, TWO, THREE, TWO, THREE, "--baseline", 2)
    assert max(map(len, said.out.splitlines())) <= 80
    assert "is not in this repository" in said.out
    assert "2, 4: unknown: artifacts in mlflow-artifacts:/1/2/model" in said.out


def test_only_differences(team):
    found = team("compare", ONE, TWO, "--differences", "--json").json
    assert [line["key"] for line in found["params"]] == ["depth"]
    assert [line["name"] for line in found["packages"]] == ["scikit-learn"]
    said = team("compare", ONE, ONE, "--differences")
    assert said.code == 0
    assert said.out.count("no difference") >= 4
    assert "the same commit" in said.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "REF"),
        ([ONE], "1 reference cannot be compared"),
        ([ONE, "models:/qualty/2"], "models:/quality/1"),
        ([ONE, "data:8d1e"], "is a dataset version"),
        ([ONE, TWO, "--baseline", "2"], "a place from 0 to 1"),
        ([ONE, TWO, "--baseline", "-1"], "a place from 0 to 1"),
        ([ONE, TWO, "--baseline", "one"], "invalid int value"),
        ([ONE, TWO, "--diferences"], "--differences"),
        ([ONE] * 101, "101 references"),
    ],
)
def test_bad_words_are_told_with_exit_2(team, words, told):
    said = team("compare", *words)
    assert (said.code, said.out) == (2, "")
    assert told in said.err
    assert "Traceback" not in said.err


def test_nothing_is_changed_where_it_looks(team, folder, store):
    before = listing(folder), listing(store.parent)
    assert team("compare", ONE, TWO).code == 0
    assert (listing(folder), listing(store.parent)) == before


def test_hostile_names_stay_text(team, folder, store):
    evil = "\x1b]52;c;eA==\x07[/b]\u202e=cmd()"
    (folder / "\x1b[31m\u202ex.py").write_text(f"{evil}\n")
    third = commit(folder, evil)
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("update params set key = ?, value = ? where key = 'depth'", (evil, evil))
        connection.execute("update tags set value = ? where value = ?", (third, "2" * 40))
        connection.execute("update model_versions set name = ?", (evil,))
        connection.execute("update registered_models set name = ?", (evil,))
    said = team("compare", f"models:/{evil}/1", f"models:/{evil}/3")
    assert said.code == 0, said.err
    assert "[31m" in said.out
    assert "\x1b" not in said.out
    assert "\u202e" not in said.out
    said = team("compare", f"models:/{evil}/1", f"models:/{evil}/3", "--json")
    assert "\x1b" not in said.out
    assert evil in [line["key"] for line in said.json["params"]]


def test_without_git_the_rest_is_compared(folder, store, say):
    said = say("--tracking-uri", f"sqlite:///{store}", "compare", ONE, TWO, "--json")
    assert said.code == 0
    assert said.json["code"]["reason"] == "there is no Git repository here"
    assert said.json["metrics"]


def test_the_table_as_csv_and_markdown(team):
    said = team("compare", ONE, TWO, "--csv")
    assert (said.code, said.err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert list(rows[0]) == ["kind", "key", "differs", "better", "quality v1", "quality v2"]
    found = {(row["kind"], row["key"]): row for row in rows}
    assert float(found["metric", "rmse"]["quality v2"]) == 1 / 6
    assert found["metric", "undefined"]["quality v2"] == "NaN"
    assert found["package", "scikit-learn"]["quality v1"] == "1.0"
    only = list(csv.DictReader(io.StringIO(team("compare", ONE, TWO, "--csv", "--differences").out)))
    assert only == [row for row in rows if row["differs"] == "True"]
    lines = team("compare", ONE, TWO, "--md").out.splitlines()
    assert lines[0] == "| kind | key | differs | better | quality v1 | quality v2 |"
    assert "| param | depth | True |  | 0 | 1 |" in lines


def test_the_table_as_parquet_keeps_numbers(team, folder):
    said = team("compare", ONE, TWO, "--parquet", folder / "c.parquet")
    assert (said.code, said.out) == (0, "")
    assert "c.parquet" in said.err
    table = duckdb.sql(f"from '{folder}/c.parquet' where key = 'rmse' order by item").fetchall()
    assert [row[-2:] for row in table] == [(1 / 5, 0.0), (1 / 6, 1 / 6 - 1 / 5)]
    depth = duckdb.sql(f"select value from '{folder}/c.parquet' where key = 'depth' order by item")
    assert depth.fetchall() == [("0",), ("1",)]
    assert team("compare", ONE, TWO, "--parquet", folder / "no" / "c.parquet").code == 1


def test_a_report_is_written_to_a_file(team, folder):
    said = team("compare", ONE, TWO, "--html", folder / "report.html", "--json")
    assert said.code == 0, said.err
    assert json.loads(said.out)["baseline"] == 0
    assert "wrote" in said.err
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "quality v1" in page
    assert team("compare", ONE, TWO, "--html", folder / "report.html").out == ""
    assert team("compare", ONE, TWO, "--html", folder / "no" / "report.html").code == 1
