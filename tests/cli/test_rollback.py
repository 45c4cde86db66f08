"""``rollback``: the plan and what refuses it, flags and exit codes; what was not confirmed is not done."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cli.planned import CONFIG, alias, change, golden, team, told
from saying import listing


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = team(tmp_path / "project")
    monkeypatch.chdir(made)
    return made


def files(project: Path) -> dict[str, bytes | None]:
    return listing(project)


def test_a_dry_run_prints_the_plan_and_changes_nothing(say, project: Path) -> None:
    before = files(project)
    said = say("rollback", "production", "--to", "3", "--dry-run")
    assert said.code == 0, said.err
    assert told(said.out) == golden("rollback")
    assert files(project) == before


def test_the_plan_as_json_is_strict_and_whole(say, project: Path) -> None:
    said = say("rollback", "production", "--to", "3", "--dry-run", "--json")
    assert said.code == 0
    answer = said.json
    assert (answer["outcome"], answer["action"], answer["message"]) == ("planned", None, None)
    plan = answer["plan"]
    assert (plan["kind"], plan["environment"], plan["model"]) == ("rollback", "production", "progression")
    assert (plan["from"]["version"], plan["to"]["version"]) == ("4", "3")
    assert len(plan["to"]["commit"]) == 40
    assert [step["kind"] for step in plan["steps"]] == ["alias"]
    assert plan["protected"] is True
    assert {one["id"]: one["status"] for one in plan["preconditions"]} == dict.fromkeys(
        ("rights", "journal", "alone", "unchanged", "version", "artifacts", "controller", "signature"),
        "holds",
    )
    difference = plan["difference"]
    (rmse,) = [m for m in difference["metrics"] if m["primary"]]
    assert (rmse["key"], rmse["side"], rmse["better"]) == ("rmse", "worse", "min")
    assert {p["key"] for p in difference["params"]} == {"depth", "rate", "subsample"}
    assert (difference["code"]["status"], difference["code"]["behind"]) == ("behind", 1)
    assert plan["made_at"].endswith("Z")


@pytest.mark.parametrize(
    ("words", "message", "remedy"),
    [
        (["prodction"], "there is no environment 'prodction'", "did you mean production?"),
        (["production", "--to", "44"], "there is no version '44' of progression", "did you mean 4?"),
        (["production", "--to", "stagng"], "there is no version 'stagng'", "did you mean staging?"),
        (["production", "--model", "progresion"], "does not serve 'progresion'", "did you mean progression?"),
        (["production", "--yes"], "--yes needs --reason TEXT", "say why"),
        (["production", "--yes", "--dry-run", "--reason", "x"], "--dry-run changes nothing", "leave one"),
        (
            ["production", "--to", "3", "--reason", "x" * 10_000],
            "the reason is 10,000 characters long",
            "fewer",
        ),
        (["production", "--to", "3", "--reason", "\x1b[0m"], "a reason is needed", "why"),
        (["production", "--yess"], "--yess is not known to rollback", "did you mean --yes?"),
        ([], "arguments are required: ENV", "--help"),
    ],
)
def test_bad_usage_is_exit_2_and_names_the_nearest(
    say, project: Path, words: list[str], message: str, remedy: str
) -> None:
    before = files(project)
    said = say("rollback", *words)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert remedy in said.err
    assert files(project) == before


def test_nothing_is_asked_where_nobody_sits(say, project: Path) -> None:
    said = say("rollback", "production", "--to", "3")
    assert said.code == 3
    assert told(said.out) == golden("rollback")  # the plan is shown all the same
    assert "this is no terminal, so nobody can be asked" in said.err
    assert "--yes --reason TEXT --confirm production" in said.err
    assert alias(project) == "4"


@pytest.mark.parametrize("name", [(), ("--confirm", "staging")])
def test_a_protected_environment_needs_its_name(say, project: Path, name: tuple[str, ...]) -> None:
    said = say("rollback", "production", "--to", "3", "--yes", "--reason", "x", *name, "--json")
    assert said.code == 3
    assert "--yes needs --confirm production there" in said.err
    assert (said.json["outcome"], said.json["action"]) == ("refused", None)
    assert "--confirm production" in said.json["remedy"]
    assert alias(project) == "4"


def test_nothing_to_go_back_to_is_refused(say, project: Path) -> None:
    said = say("rollback", "production", "--dry-run", "--json")
    assert said.code == 3
    assert "no other version of progression is known to have been live and healthy" in said.err
    assert "--to V" in said.err
    assert (said.json["outcome"], said.json["plan"]) == ("refused", None)


def test_fault_65_already_there_is_no_operation(say, project: Path) -> None:
    said = say("rollback", "production", "--to", "4")
    assert (said.code, said.out) == (0, "production is at version 4 already: nothing to do\n")
    answer = say("rollback", "production", "--to", "v4", "--json").json
    assert (answer["outcome"], answer["plan"]["steps"]) == ("already-there", [])


def test_read_only_shows_the_plan_and_refuses(say, project: Path) -> None:
    said = say(
        "--read-only",
        "rollback",
        "production",
        "--to",
        "3",
        "--yes",
        "--reason",
        "x",
        "--confirm",
        "production",
    )
    assert said.code == 3
    assert "started with --read-only" in said.err
    assert "✗ you may change the registry" in said.out
    assert alias(project) == "4"
    assert say("--read-only", "rollback", "production", "--to", "3", "--dry-run").code == 3


def test_fault_63_artifacts_that_are_gone_are_refused(say, project: Path) -> None:
    shutil.rmtree(project / "mlartifacts")
    said = say("rollback", "production", "--to", "3", "--dry-run", "--json")
    assert said.code == 3
    gone = next(one for one in said.json["plan"]["preconditions"] if one["id"] == "artifacts")
    assert (gone["status"], gone["blocking"]) == ("fails", True)
    assert "there is no folder" in gone["detail"]
    assert said.json["outcome"] == "refused"


def test_a_version_that_is_not_ready_is_refused(say, project: Path) -> None:
    change(project, "update model_versions set status = 'FAILED_REGISTRATION' where version = 3")
    said = say("rollback", "production", "--to", "3", "--dry-run")
    assert said.code == 3
    assert "version 3 of progression is not ready: the registry calls it FAILED_REGISTRATION" in said.err


def test_a_store_of_another_schema_is_refused_and_left_alone(say, project: Path) -> None:
    change(project, "update alembic_version set version_num = '0584bdc529eb'")
    before = (project / "mlflow.db").read_bytes()
    said = say("rollback", "production", "--to", "3", "--dry-run")
    assert said.code == 3
    assert "another schema (0584bdc529eb)" in said.err
    assert (project / "mlflow.db").read_bytes() == before


def test_fault_73_without_a_place_for_a_journal_nothing_is_done(
    say, project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "file" / "state"))
    said = say("rollback", "production", "--to", "3", "--dry-run")
    assert said.code == 3
    assert "✗ what is done can be written down where it outlives a crash" in said.out
    assert "journal" in said.err
    words = ["rollback", "production", "--to", "3", "--yes", "--reason", "x", "--confirm", "production"]
    assert say(*words).code == 3
    assert alias(project) == "4"


def test_an_environment_of_a_legacy_stage_says_what_to_do_instead(say, project: Path) -> None:
    change(project, "delete from registered_model_aliases where alias = 'canary'")
    change(project, "update model_versions set current_stage = 'Canary' where version = 5")
    said = say("rollback", "Canary", "--to", "3")
    assert said.code == 3
    assert "declared by the legacy stage Canary" in said.err
    assert "set an alias canary" in said.err


def test_hostile_names_are_shown_and_never_act(say, project: Path) -> None:
    evil = "\x1b]0;x\x07[/b]"
    change(project, "update registered_model_aliases set alias = ? where alias = 'canary'", evil)
    for words in (["rollback", evil, "--to", "3"], ["promote", "production", "--to", evil]):
        said = say(*words, "--dry-run")
        assert "\x1b" not in said.out + said.err
        assert "\x07" not in said.out + said.err


def test_an_alias_of_another_name_is_the_one_that_moves(say, project: Path) -> None:
    (project / "mlops-dash.toml").write_text(
        CONFIG + '[environments.blue]\nmodel = "progression"\nalias = "staging"\n'
    )
    said = say("rollback", "blue", "--to", "3", "--dry-run", "--json")
    (step,) = said.json["plan"]["steps"]
    assert '"staging", "3"' in step["effect"]


def test_nothing_is_planned_from_old_facts(say, project: Path) -> None:
    assert say("rollback", "production", "--to", "3", "--dry-run").code == 0
    (project / "mlflow.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    said = say("rollback", "production", "--to", "3", "--dry-run", "--json")
    assert said.code == 3
    assert "nothing is planned from old facts: tracking could not be read" in said.err
    assert said.json["outcome"] == "refused"
