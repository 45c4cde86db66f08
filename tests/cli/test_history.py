"""The verb history: text for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cli.planned import team
from git_projects import GitProject
from mlops_dash.cli.command import run
from mlops_dash.cli.history_text import changes_text, history_object, was_text
from mlops_dash.cli.output import csv_text, json_text
from saying import Said, harmless, strict
from ui.hand_history import CHANGES, HandHistory, change
from ui.hand_history import NOW as THEN
from ui.test_hostile import HOSTILE

Say = Callable[..., Said]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = team(tmp_path / "project")
    monkeypatch.chdir(folder)
    return folder


def test_it_tells_what_was_seen_and_what_tags_say(project: Path, say: Say) -> None:
    git = GitProject.at(project)
    git.tag("churn@v1.0.0")
    git.tag("churn#prod#1", message="first out")
    assert say("history").code == 0
    with closing(sqlite3.connect(project / "mlflow.db")) as store, store:
        store.execute("update registered_model_aliases set version = 5 where alias = 'production'")
    said = say("history")
    lines = said.out.splitlines()
    assert lines[0].split() == "WHEN (UTC) ENVIRONMENT MODEL FROM TO WHAT OUTCOME BY EVIDENCE WHY".split()
    for words in ("production", "v4", "v5", "declared", "by unknown", "seen"):
        assert words in lines[1]
    (tagged,) = (line for line in lines if "churn" in line)
    assert tagged.endswith("Ada         gto       first out")
    assert "first seen" in said.out


def test_json_is_strict_and_says_what_each_change_rests_on(project: Path, say: Say) -> None:
    answer = say("history", "--json").json
    assert set(answer) == {"as_of", "changes", "sightings", "stale"}
    assert answer["sightings"] == {"kept": True, "detail": None}
    assert {c["environment"] for c in answer["changes"]} == {"production", "staging", "canary"}
    assert set(answer["changes"][0]) == {
        "at", "not_before", "environment", "model", "aspect", "before", "after", "by", "reason", "evidence",
        "kind", "outcome", "healthy", "action_id", "undoes", "audit_run", "host", "commit", "also",
    }  # fmt: skip
    only = say("history", "staging", "--json").json
    assert {c["environment"] for c in only["changes"]} == {"staging"}


def test_at_a_time_it_says_what_was_live_and_where_evidence_begins(project: Path, say: Say) -> None:
    say("history")
    said = say("history", "production", "--at", "0 s", "--json")
    (was,) = said.json["was_live"]
    assert was["environment"] == "production"
    early = say("history", "production", "--at", "3 days ago", "--json").json
    (was,) = early["was_live"]
    assert (was["version"], was["basis"]) == (None, "unknown")
    assert was["evidence_from"] > early["at"]
    text = say("history", "--at", "yesterday")
    assert "what was live at" in text.err
    assert "UTC" in text.err
    assert "evidence begins at" in text.out
    assert text.out.splitlines()[0].split() == ["ENVIRONMENT", "MODEL", "LIVE", "BASIS", "EVIDENCE"]


def test_csv_has_a_row_for_each_change_or_each_place(project: Path, say: Say) -> None:
    rows = list(csv.DictReader(io.StringIO(say("history", "--csv").out)))
    assert {row["environment"] for row in rows} == {"production", "staging", "canary"}
    assert {row["evidence"] for row in rows} == {"seen"}
    rows = list(csv.DictReader(io.StringIO(say("history", "--at", "2h", "--csv").out)))
    assert {row["basis"] for row in rows} == {"unknown"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["prodction"], "did you mean production?"),
        (["production", "--model", "progresion"], "did you mean progression?"),
        (["--at", "tomorow"], "3 days ago"),
        (["--at", "2999-01-01"], "still to come"),
        (["--json", "--csv"], "not allowed"),
    ],
)
def test_what_is_wrong_is_said_with_the_remedy(project: Path, say: Say, words: list[str], told: str) -> None:
    said = say("history", *words)
    assert (said.code, said.out) == (2, "")
    assert told in said.err


def test_fault_73_without_a_state_folder_it_says_that_nothing_is_noticed(
    project: Path, say: Say, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "file"))
    said = say("history", "--json")
    assert said.code == 0
    assert said.json["sightings"]["kept"] is False
    assert "are not noticed" in said.err


def test_a_store_that_is_down_is_said_and_what_is_known_is_told(project: Path, say: Say) -> None:
    say("history")
    (project / "mlflow.db").rename(project / "away.db")
    said = say("--tracking-uri", f"sqlite:///{project / 'mlflow.db'}", "history", "--json")
    assert "tracking could not be read" in said.err
    assert said.json["stale"][0]["source"] == "tracking"


def test_reading_changes_nothing_in_the_project(project: Path, say: Say) -> None:
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    say("--read-only", "history", "--at", "1 h")
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_every_evidence_is_told_in_words() -> None:
    text = changes_text(HandHistory().history(), None)
    for evidence in ("audit", "gto", "manifest", "stage", "seen"):
        assert evidence in text
    assert "2026-11-22 06:00 … 08:00" in text
    assert "Errors doubled at noon" in text
    assert "See the log" not in text
    then = was_text(HandHistory().history(at=THEN), None)
    assert "v5 or v6" in then
    assert "unknown" in then


def test_hostile_names_can_do_nothing_in_any_form() -> None:
    from mlops_dash.answers.history_tables import history_rows

    for nasty in HOSTILE.values():
        board = HandHistory()
        board.told = (
            change(environment=nasty, model=nasty, before=nasty, after=nasty, by=nasty, reason=nasty,
                   action_id=nasty, audit_run=nasty, commit=nasty, host=nasty),
            *CHANGES,
        )  # fmt: skip
        answer, then = board.history(), board.history(at=THEN)
        for text in (changes_text(answer, 80), was_text(then, 80), json_text(history_object(then))):
            assert harmless(text)
        strict(json_text(history_object(answer)))
        assert harmless(csv_text(*history_rows(answer)).replace("\t", ""))


def test_help_names_the_forms_of_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["history", "--help"]) == 0
    assert "3 days ago" in capsys.readouterr().out
