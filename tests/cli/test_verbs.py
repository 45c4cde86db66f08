"""Each verb on a real repository: right answers, right exit codes, and nothing changed where it looked."""

from __future__ import annotations

import csv
import io
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from saying import listing


def test_live_in_every_form(say, repository):
    answer = say("live", "--json")
    assert answer.code == 0
    (environment,) = answer.json["environments"]
    assert environment["environment"] == "production"
    assert environment["declared"] == {"version": "v1.0.0", "alias": "production"}
    assert environment["basis"] == "declared"
    assert environment["code"]["subject"] == "Train a first model"
    (row,) = csv.DictReader(io.StringIO(say("live", "--csv").out))
    assert (row["environment"], row["live"], row["drift"]) == ("production", "v1.0.0", "False")
    text = say("live").out
    assert "production" in text
    assert "v1.0.0 declared" in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--tracking-uri", "sqlite:///gone.db"], "there is no tracking store"),
        (["--repo", "../nothing"], "no Git repository"),
    ],
)
@pytest.mark.parametrize("verb", ["live", "sync"])
def test_what_was_named_and_cannot_be_read_is_exit_1_with_what_could_be(
    say, repository, store, words, told, verb
):
    (repository.parent / "nothing").mkdir()
    others = ["--tracking-uri", f"sqlite:///{store}"] if "--repo" in words else []
    said = say(*words, *others, verb, "--json")
    assert said.code == 1
    assert told in said.err
    assert {source["status"] for source in said.json["sources"]} >= {"ok", "failed"}
    assert verb == "sync" or said.json["environments"]


def test_a_store_whose_only_run_is_deleted_says_so(say, folder, store):
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("delete from runs where run_uuid <> (select min(run_uuid) from runs)")
        connection.execute("update runs set lifecycle_stage = 'deleted'")
    said = say("--tracking-uri", f"sqlite:///{store}", "sync", "--json")
    assert said.json["sources"][0]["counts"] == "0 runs, 1 deleted"


def test_an_empty_store_has_an_empty_board(say, folder, empty_store):
    said = say("--tracking-uri", f"sqlite:///{empty_store}", "live", "--json")
    assert said.code == 0, said.err
    assert said.json["environments"] == []
    assert [source["status"] for source in said.json["sources"]] == ["ok", "absent"]
    assert "no environments" in say("--tracking-uri", f"sqlite:///{empty_store}", "live").out


def test_trace_leads_from_the_environment_to_the_commit(say, repository):
    answer = say("trace", "production", "--json").json
    assert answer["ref"] == "production"
    assert {"environment", "commit"} <= {node["kind"] for node in answer["nodes"]}
    (commit,) = [node for node in answer["nodes"] if node["kind"] == "commit"]
    assert commit["subject"] == "Train a first model"
    assert answer["live_in"] == [{"environment": "production", "model": "wine"}]
    assert "live in production (wine)" in say("trace", commit["id"].removeprefix("commit:")).out


def test_trace_of_something_unknown_names_the_nearest(say, repository):
    said = say("trace", "prodction", "--json")
    assert (said.code, said.out) == (2, "")
    assert "production" in said.err


def test_sync_tells_what_there_is(say, repository):
    first, second = say("sync", "--json"), say("sync", "--json")
    assert (first.code, second.code) == (0, 0)
    assert first.json["changed"] is True
    statuses = {source["name"]: source["status"] for source in second.json["sources"]}
    assert statuses["git"] == "ok"
    assert statuses["tracking"] == "absent"
    assert "1 commit" in say("sync").out


def test_sql_in_every_form(say, repository):
    question = "select subject, 0.5 as half, 'nan'::double as bad, '=1+1' as formula from commits"
    assert say("sql", question, "--json").json == {
        "columns": ["subject", "half", "bad", "formula"],
        "rows": [{"subject": "Train a first model", "half": 0.5, "bad": "NaN", "formula": "=1+1"}],
    }
    assert say("sql", question, "--csv").out == (
        "subject,half,bad,formula\nTrain a first model,0.5,NaN,'=1+1\n"
    )
    said = say("sql", question)
    assert said.out.splitlines()[1].split("  ")[0] == "Train a first model"
    assert said.err == "1 row\n"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("selct 1", "selct"),
        ("select * from rnus", "runs"),
        ("drop table run", "reading"),
        ("select * from read_csv('/etc/passwd')", "disabled"),
        ("copy (select 1) to 'out.csv'", "reading"),
        ("attach 'x.db'", "reading"),
        ("select 1; select 2", "one"),
        (" ", ""),
    ],
)
def test_sql_that_cannot_be_answered_is_told_with_exit_2(say, repository, query, told):
    before = listing(repository)
    said = say("sql", query)
    assert (said.code, said.out) == (2, "")
    assert told in said.err
    assert "Traceback" not in said.err
    assert listing(repository) == before


@pytest.mark.parametrize(
    "query",
    [
        "select now() -- the time",
        "select now(); -- the time",
        "select now();;",
        "select now() /* ; */;\n-- é; x\n",
    ],
)
def test_sql_may_end_with_semicolons_and_comments(say, repository, query):
    said = say("sql", query, "--json")
    assert said.code == 0, said.err
    assert len(said.json["rows"]) == 1


def test_sql_takes_its_query_from_standard_input(say, repository, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("select 42 as answer"))
    assert say("sql", "-", "--csv").out == "answer\n42\n"
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert say("sql", "-").code == 2


def test_sql_lists_what_can_be_asked_even_where_there_is_nothing(say, folder):
    names = {row["name"] for row in say("sql", "--tables", "--json").json["rows"]}
    assert {"runs", "metrics", "commits", "live"} <= names
    assert "runs" in say("sql", "--tables").out.splitlines()


def test_doctor_looks_at_everything(say, repository):
    said = say("doctor", "--json")
    assert said.code == 0, said.out
    checks = {check["name"]: check["state"] for check in said.json["checks"]}
    assert checks["git program"] == "ok"
    assert checks["git"] == "ok"
    assert checks["tracking"] == "warn"
    assert checks["production · wine"] == "ok"
    assert "0 failed" in say("doctor").out


def test_doctor_fails_with_evidence_and_remedy(say, repository):
    (repository / "mlops-dash.toml").write_text("[u]\n")
    said = say("doctor", "--json")
    assert said.code == 1
    (failed,) = [check for check in said.json["checks"] if check["state"] == "fail"]
    assert failed["name"] == "configuration"
    assert "known are" in failed["remedy"] or "did you mean" in failed["remedy"]


def test_doctor_tells_a_server_that_does_not_answer(say, repository):
    (repository / "mlops-dash.toml").write_text(
        '[environments.production]\nmodel = "wine"\ntarget = { kind = "process" }\n'
    )
    said = say("doctor", "--json")
    assert said.code == 1
    (failed,) = [check for check in said.json["checks"] if check["state"] == "fail"]
    assert failed["name"] == "production · wine"
    assert failed["remedy"] == "mlops-dash up production starts it"


def test_doctor_tells_a_cluster_that_does_not_answer(say, repository):
    (repository / "mlops-dash.toml").write_text('[rebuild]\nrunner = "ray"\naddress = "http://127.0.0.1:1"\n')
    said = say("doctor", "--json")
    assert said.code == 1
    (failed,) = [check for check in said.json["checks"] if check["state"] == "fail"]
    assert failed["name"] == "rebuilds"
    assert failed["evidence"] == "no Ray cluster answers at http://127.0.0.1:1: nobody listens there"
    assert failed["remedy"] == "see address under [rebuild], and ray status on its head"


def test_doctor_tells_a_store_that_is_not_there(say, repository):
    said = say("--tracking-uri", "sqlite:///gone.db", "doctor")
    assert said.code == 1
    assert "✗ tracking" in said.out
    assert not (repository / "gone.db").exists()


def test_up_and_down_without_a_process_target_say_how_to_add_one(say, repository):
    for verb in ("up", "down"):
        said = say(verb)
        assert (said.code, said.out) == (2, "")
        assert 'kind = "process"' in said.err


def test_up_and_down_of_an_unknown_environment_name_the_nearest(say, repository):
    (repository / "mlops-dash.toml").write_text(
        '[environments.production]\nmodel = "wine"\ntarget = { kind = "process" }\n'
        '[environments.edge]\nmodel = "wine"\ntarget = { kind = "http", url = "http://127.0.0.1:1" }\n'
    )
    assert "did you mean production?" in say("up", "prodction").err
    assert "kind http" in say("down", "edge").err
    said = say("down", "production", "--json")
    assert said.code == 0
    assert said.json["servers"][0]["outcome"] == "not-running"


def test_up_tells_for_each_server_what_was_refused(say, repository):
    (repository / "mlops-dash.toml").write_text(
        '[environments.production]\nmodel = "wine"\ntarget = { kind = "process" }\n'
    )
    for words in (["up", "--json"], ["--read-only", "up", "--json"]):
        said = say(*words)
        assert said.code == 3
        assert said.json["servers"][0]["outcome"] == "refused"
        assert said.err


NOTHING = [["live"], ["live", "--json"], ["sync"], ["trace", "x"], ["sql", "select 1"]]


@pytest.mark.parametrize("words", NOTHING)
def test_an_empty_folder_is_told_with_exit_2_and_stays_empty(say, folder, words):
    said = say(*words)
    assert (said.code, said.out) == (2, "")
    for part in ("mlflow.db", "no Git repository", "MLFLOW_TRACKING_URI", "--repo", "mlops-dash demo"):
        assert part in said.err
    assert listing(folder) == {}


def test_an_empty_repository_is_no_error(say, folder):
    subprocess.run(["git", "init", "-q", "-b", "main"], check=True)
    before = listing(folder)
    said = say("live", "--json")
    assert said.code == 0, said.err
    assert said.json["environments"] == []
    assert listing(folder) == before


def test_reading_changes_nothing_where_it_looks(say, repository):
    before = listing(repository)
    for words in (["live"], ["trace", "production"], ["sync"], ["doctor"], ["sql", "select 1"]):
        assert say(*words).code == 0
    assert listing(repository) == before


def test_a_store_that_is_not_there_costs_its_own_freshness(say, repository, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///gone.db")
    said = say("live", "--json")
    assert said.code == 0
    (tracking,) = [source for source in said.json["sources"] if source["name"] == "tracking"]
    assert tracking["status"] == "failed"
    assert len(said.json["environments"]) == 1
    assert "tracking could not be read" in said.err
    assert not (repository / "gone.db").exists()
    assert say("sync").code == 1


def test_a_cache_that_cannot_be_written_is_told_and_the_answer_given(say, repository, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "file"))
    said = say("live", "--json")
    assert said.code == 0
    assert len(said.json["environments"]) == 1
    assert said.err


def test_the_project_is_found_from_elsewhere(say, repository, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(say("--project", repository, "live", "--json").json["environments"]) == 1
    assert len(say("--repo", repository, "live", "--json").json["environments"]) == 1


def test_the_demo_is_refused_in_a_folder_with_something_else(say, repository):
    before = listing(repository)
    said = say("demo", "--no-open", "--dir", repository)
    assert said.code == 3
    assert listing(repository) == before


def test_a_first_answer_comes_from_the_module_too(repository):
    done = subprocess.run(
        [sys.executable, "-m", "mlops_dash", "live", "--json"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0, done.stderr
    assert '"environment": "production"' in done.stdout
