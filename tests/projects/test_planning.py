"""Plans of a real project: what is planned, and each precondition looked at where it is decided."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from cli.planned import CONFIG, change, team
from mlops_dash.actions.journal import Journal, actions_folder
from mlops_dash.actions.reasons import with_reason
from mlops_dash.domain.plans import ActionKind, EventKind, Plan, Precondition, Tick, Verification
from mlops_dash.errors import RefusedError, UsageError
from mlops_dash.project import Project, open_project
from mlops_dash.targets.process import ServerRecord, servers_folder, write_record
from targets.loopback import Loopback, Request, response

ROLLBACK, PROMOTE = ActionKind.ROLLBACK, ActionKind.PROMOTE


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache, a state folder and a home of the test's own."""
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with open_project(team(tmp_path / "project")) as opened:
        opened.refresh()
        yield opened


def looked_at(project: Project, plan: Plan) -> dict[str, Precondition]:
    return {one.id: one for one in project.check(plan)}


def done(project: Project, plan: Plan, outcome: str | None) -> None:
    """Journal an action as the agent does; ``None`` leaves it interrupted."""
    with Journal(actions_folder(project.located.servers)).begin(plan) as log:
        log.append(EventKind.SENT, "alias", "sent")
        if outcome is not None:
            log.append(EventKind.OUTCOME, words="it is", evidence={"outcome": outcome})


def test_all_preconditions_hold_on_an_untouched_project(project: Project) -> None:
    plan = project.plan(PROMOTE, "production", to="staging")
    assert plan.after.version == "6"
    assert plan.protected
    found = looked_at(project, plan)
    assert {one.id for one in plan.preconditions} == set(found)
    assert {one.tick for one in found.values()} == {Tick.HOLDS}


def test_of_a_confirmed_plan_only_what_could_refuse_it_is_looked_at_again(project: Project) -> None:
    plan = with_reason(project.plan(PROMOTE, "production", to="staging"), "better")
    assert set(looked_at(project, plan)) == {
        "rights", "journal", "alone", "unchanged", "version", "artifacts",
    }  # fmt: skip


def test_planning_writes_and_asks_nothing_and_imports_nothing_heavy(project: Project) -> None:
    program = (
        "import sys, mlops_dash\n"
        "from mlops_dash.domain.plans import ActionKind\n"
        f"project = mlops_dash.open_project({str(project.located.folder)!r})\n"
        "project.refresh()\n"
        "plan = project.plan(ActionKind.PROMOTE, 'production', to='staging')\n"
        "assert plan.steps and project.disabled(ActionKind.ROLLBACK, 'production') is None\n"
        "heavy = {'mlflow', 'sklearn', 'pandas', 'httpx', 'pyarrow', 'sqlalchemy'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_fault_62_an_alias_that_was_moved_since_refuses(project: Project) -> None:
    plan = project.plan(ROLLBACK, "production", to="3")
    change(
        project.located.folder, "update registered_model_aliases set version = 5 where alias = 'production'"
    )
    found = looked_at(project, plan)["unchanged"]
    assert (found.tick, found.blocking) == (Tick.FAILS, True)
    assert found.detail == "the alias production names version 5 now"
    assert found.remedy == "plan again, from what is there now"
    change(project.located.folder, "delete from registered_model_aliases where alias = 'production'")
    assert looked_at(project, plan)["unchanged"].detail == "the alias production is gone now"
    change(
        project.located.folder,
        "insert into registered_model_aliases (name, alias, version) values ('progression', 'production', 3)",
    )
    assert looked_at(project, plan)["unchanged"].tick is Tick.HOLDS  # it is there already


def test_fault_63_a_version_that_is_gone_refuses(project: Project) -> None:
    plan = project.plan(ROLLBACK, "production", to="3")
    change(project.located.folder, "delete from model_versions where version = 3")
    shutil.rmtree(project.located.folder / "mlartifacts")
    found = looked_at(project, plan)
    assert found["version"].tick is Tick.FAILS
    assert found["version"].detail == "it is gone from the registry"


def test_a_store_that_cannot_be_read_refuses(project: Project) -> None:
    plan = project.plan(ROLLBACK, "production", to="3")
    (project.located.folder / "mlflow.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    found = looked_at(project, plan)["unchanged"]
    assert (found.tick, found.blocking) == (Tick.FAILS, True)
    assert "the tracking store could not be read" in found.detail


def test_fault_61_who_is_at_work_on_the_place_is_told(project: Project) -> None:
    plan = project.plan(ROLLBACK, "production", to="3")
    other = with_reason(replace(plan, id="20261126T000000Z-0000000a", actor="eve"), "mine")
    with Journal(actions_folder(project.located.servers)).begin(other):
        found = looked_at(project, plan)["alone"]
        assert found.tick is Tick.FAILS
        assert "eve (action 20261126T000000Z-0000000a" in found.detail
        elsewhere = project.plan(ROLLBACK, "staging", to="3")
        assert looked_at(project, elsewhere)["alone"].tick is Tick.HOLDS
    found = looked_at(project, plan)["alone"]
    assert "the action 20261126T000000Z-0000000a of eve was interrupted" in found.detail


def test_a_job_of_the_ci_that_sets_aliases_is_a_warning(tmp_path: Path, project: Project) -> None:
    folder = project.located.folder
    jobs = folder / ".github" / "workflows"
    jobs.mkdir(parents=True)
    (jobs / "deploy.yml").write_text("run: python -c 'client.set_registered_model_alias(m, a, v)'\n")
    for words in (["add", "-A", "-f", ".github"], ["commit", "-q", "-m", "Deploy"]):
        subprocess.run(
            ["git", "-c", "user.name=Ada", "-c", "user.email=a@example.com", *words], cwd=folder, check=True
        )
    project.refresh()
    found = looked_at(project, project.plan(ROLLBACK, "production", to="3"))["controller"]
    assert (found.tick, found.blocking) == (Tick.FAILS, False)
    assert found.detail == ".github/workflows/deploy.yml sets aliases: a job may set this one again"


def test_a_signature_that_breaks_callers_is_a_warning(project: Project) -> None:
    plan = project.plan(ROLLBACK, "production", to="3")
    (described,) = [
        path
        for path in (project.located.folder / "mlartifacts").rglob("MLmodel")
        if (plan.after.model_id or "?") in str(path)
    ]
    text = described.read_text()
    assert '"name": "bmi"' in text
    described.write_text(text.replace('"name": "bmi"', '"name": "body_mass"'))
    found = looked_at(project, plan)["signature"]
    assert (found.tick, found.blocking) == (Tick.FAILS, False)
    assert "inputs.body_mass: new and required: calls without it fail" in found.detail
    difference = project.difference(plan)
    assert [change.key for change in difference.breaking] == ["inputs.body_mass"]


def test_the_difference_does_not_wait_for_what_is_slow(project: Project) -> None:
    plan = project.plan(PROMOTE, "production", to="staging")
    hurried = project.difference(plan, within=0)
    assert hurried.metrics[0].side == "better"
    whole = project.difference(plan)
    assert (whole.reading, whole.unknown) == (False, ())
    assert whole.code is not None
    assert whole.code.ahead_count == 6


def test_an_action_is_taken_back_once(project: Project) -> None:
    plan = with_reason(project.plan(PROMOTE, "production", to="staging"), "better")
    done(project, plan, "verified")
    change(
        project.located.folder, "update registered_model_aliases set version = 6 where alias = 'production'"
    )
    project.refresh()
    back = project.undo_plan(plan.id)
    assert (back.kind, back.undoes, back.after.version) == (ROLLBACK, plan.id, "4")
    assert back.steps[0].arguments["before"] == "6"
    done(project, with_reason(back, "back"), "verified")
    with pytest.raises(RefusedError, match="was taken back already, by"):
        project.undo_plan(plan.id)


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ("failed", "there is nothing to undo: the promote of production ended as failed"),
        ("refused", "there is nothing to undo"),
        ("unknown", "there is nothing to undo"),
        (None, "the promote of production was interrupted"),
    ],
)
def test_what_changed_nothing_cannot_be_taken_back(project: Project, outcome: str | None, told: str) -> None:
    plan = with_reason(project.plan(PROMOTE, "production", to="staging"), "better")
    done(project, plan, outcome)
    with pytest.raises(RefusedError, match=told):
        project.undo_plan(plan.id)


def test_what_was_changed_since_is_not_taken_back(project: Project) -> None:
    plan = with_reason(project.plan(PROMOTE, "production", to="staging"), "better")
    done(project, plan, "verified")
    change(
        project.located.folder, "update registered_model_aliases set version = 5 where alias = 'production'"
    )
    project.refresh()
    with pytest.raises(RefusedError, match="production was changed since: version 5 is there, not 6"):
        project.undo_plan(plan.id)
    with pytest.raises(UsageError, match="there is no action '1999'"):
        project.undo_plan("1999")


def test_keys_are_disabled_with_the_reason(tmp_path: Path, project: Project) -> None:
    assert project.disabled(ROLLBACK, "production") is None
    assert project.disabled(PROMOTE, "nowhere") == "there is no environment 'nowhere'"
    folder = project.located.folder
    with open_project(folder, read_only=True) as reader:
        assert "--read-only" in (reader.disabled(ROLLBACK, "production") or "")
    change(folder, "update alembic_version set version_num = 'f4a9b2c7d1e6'")
    assert "another schema (f4a9b2c7d1e6)" in (project.disabled(ROLLBACK, "production") or "")
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "mlops-dash.toml").write_text(CONFIG.replace("mlflow.db", "gone.db"))
    with open_project(tmp_path / "bare") as other:
        assert "the tracking store is gone" in (other.disabled(ROLLBACK, "production") or "")


def test_plans_are_of_this_moment_and_this_person(project: Project) -> None:
    before = datetime.now(UTC)
    plan = project.plan(PROMOTE, "production", to="staging")
    assert before <= plan.made_at <= datetime.now(UTC)
    assert plan.id.startswith(f"{plan.made_at:%Y%m%dT%H%M%SZ}-")
    assert plan.actor
    assert plan.host
    assert project.plan(PROMOTE, "production", to="staging").id != plan.id


def test_the_window_in_which_a_change_is_verified_is_configured(project: Project) -> None:
    folder = project.located.folder
    assert project.plan(ROLLBACK, "production", to="3").verification == Verification(3, 0.5, 60.0, asks=False)
    (folder / "mlops-dash.toml").write_text(
        '[environments.production]\nmodel = "progression"\n'
        'target = { kind = "http", url = "http://127.0.0.1:1" }\n'
        "verify = { answers = 10, seconds = 30, within = 300 }\n"
    )
    with open_project(folder) as other:
        other.refresh()
        plan = other.plan(ROLLBACK, "production", to="3")
    assert plan.verification == Verification(10, 30.0, 300.0, asks=True)
    assert [step.kind for step in plan.steps] == ["alias"]


class Served:
    """A model server that says which version it serves, until it is told to say another, or nothing."""

    def __init__(self) -> None:
        self.version: str | None = "4"
        self.server = Loopback(self._answer)

    def _answer(self, request: Request, _: socket.socket) -> bytes:
        if self.version is None:
            return response(503, {"error": "starting"})
        return response(200, {"version": self.version})


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served()
    yield made
    made.server.close()


def test_faults_57_59_and_62_what_a_target_says_counts(tmp_path: Path, served: Served) -> None:
    target = (
        f'target = {{ kind = "http", url = "{served.server.url}", identity = "/", version = "$.version" }}\n'
    )
    config = CONFIG.replace("protected = true\n", target)
    with open_project(team(tmp_path / "project", config)) as project:
        project.refresh()
        project.observe()
        plan = project.plan(ROLLBACK, "production", to="3")
        assert [step.kind for step in plan.steps] == ["alias"]
        assert plan.verification.asks
        found = looked_at(project, plan)
        assert found["unchanged"].title == "production still serves version 4"
        assert (found["unchanged"].tick, found["target"].tick) == (Tick.HOLDS, Tick.HOLDS)

        served.version = "5"
        found = looked_at(project, plan)["unchanged"]
        assert (found.tick, found.blocking) == (Tick.FAILS, True)
        assert found.detail == "it serves version 5 now"
        with pytest.raises(RefusedError, match="declared for production already, but production serves"):
            project.plan(ROLLBACK, "production", to="4")

        served.version = None
        found = looked_at(project, plan)
        assert (found["unchanged"].tick, found["unchanged"].blocking) == (Tick.UNKNOWN, False)
        assert found["target"].tick is Tick.UNKNOWN


def test_a_server_that_runs_and_does_not_answer_is_planned_with_what_is_written_down_of_it(
    tmp_path: Path,
) -> None:
    folder = team(tmp_path / "hanging")
    config = folder / "mlops-dash.toml"
    config.write_text(CONFIG + '[environments.production.target]\nkind = "process"\n', "utf-8")
    with open_project(folder) as project, socket.create_server(("127.0.0.1", 0)) as silent:
        servers = servers_folder(project.located.servers)
        servers.mkdir(parents=True)
        hanging = subprocess.Popen([sys.executable, "-c", "input()", "token"], stdin=subprocess.PIPE)
        try:
            write_record(
                servers,
                ServerRecord(
                    token="token",
                    environment="production",
                    model="progression",
                    version="3",
                    run_id="run",
                    pid=hanging.pid,
                    create_time=psutil.Process(hanging.pid).create_time(),
                    host="127.0.0.1",
                    port=silent.getsockname()[1],
                    url=f"http://127.0.0.1:{silent.getsockname()[1]}",
                    started_at="2026-11-22T08:00:00Z",
                    log="",
                ),
            )
            project.refresh()
            project.observe()
            step = project.plan(PROMOTE, "production", to="staging").steps[0]
        finally:
            hanging.communicate()
    assert step.kind == "process"
    assert step.arguments["before"] == {"version": "3", "run_id": "run", "model_id": None}
