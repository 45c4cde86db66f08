"""The history of real projects: records in MLflow's own store, tags and commits in Git, looks of ours."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from actions.journalled import plan_of, step
from cli.planned import team
from git_projects import GitProject
from mlops_dash.actions.audit import tags_of
from mlops_dash.actions.journal import Journal, actions_folder
from mlops_dash.domain.changes import Aspect, Change, Evidence
from mlops_dash.domain.plans import Action, ActionKind, Event, EventKind, Outcome
from mlops_dash.domain.progress import Cancelled
from mlops_dash.errors import UsageError
from mlops_dash.project import Project, open_project
from replacing import replace

CONFIG = """\
[tracking]
uri = "sqlite:///mlflow.db"
[metrics]
primary = "rmse"
[environments.production]
model = "progression"
[environments.staging]
model = "progression"
[environments.shop]
model = "progression"
target = { kind = "http", url = "http://127.0.0.1:9", preset = "mlserver" }
[environments.edge]
model = "progression"
target = { kind = "gitops", path = "deploy/edge.yaml", field = "version" }
"""
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache, a state folder and a home of the test's own."""
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The sample project: production declares version 4, staging and canary 6."""
    return team(tmp_path / "project", CONFIG)


@pytest.fixture
def project(folder: Path) -> Iterator[Project]:
    with open_project(folder) as opened:
        opened.refresh()
        yield opened


def action(
    before: str, after: str, ago: timedelta, outcome: Outcome = Outcome.VERIFIED, **facts: Any
) -> Action:
    """An action as the agent leaves it."""
    at = NOW - ago
    kind = facts.pop("kind", ActionKind.ROLLBACK)
    steps = (step("alias"),) if facts.pop("alias", True) else (step("serve", "process"),)
    plan = plan_of(
        *steps, before=before, after=after, model="progression", made_at=at - timedelta(seconds=3), **facts
    )
    events = (
        Event(at - timedelta(seconds=2), EventKind.INTENT),
        Event(at - timedelta(seconds=1), EventKind.SENT, steps[0].id),
        Event(at, EventKind.OUTCOME, words="it is", evidence={"outcome": outcome.value}),
    )
    return Action(replace(plan, kind=kind), events, outcome, False, None, "")


def audit(folder: Path, *actions: Action) -> None:
    """Record actions in the team's store, through MLflow's own client."""
    from mlflow.tracking.client import MlflowClient

    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = MlflowClient(uri, registry_uri=uri)
    known = client.get_experiment_by_name("mlops-dash")
    experiment = known.experiment_id if known else client.create_experiment("mlops-dash")
    for one in actions:
        run = client.create_run(experiment, tags=tags_of(one), run_name="rollback")
        client.set_terminated(run.info.run_id)


def move(folder: Path, alias: str, version: str) -> None:
    """Move an alias as somebody else does."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as store, store:
        store.execute("update registered_model_aliases set version = ? where alias = ?", (version, alias))


def of(project: Project, environment: str) -> list[Change]:
    return list(project.history(environment).changes)


def kept(project: Project, environment: str) -> list[str | None]:
    """The versions of the sightings, without what the store says now."""
    return [one.version for one in project.seeing.sightings.known() if one.environment == environment]


def told(changes: list[Change]) -> list[tuple[str | None, str | None, str]]:
    return [(change.before, change.after, change.evidence.value) for change in changes]


def test_a_first_look_begins_the_evidence(project: Project) -> None:
    answer = project.history()
    assert {(c.environment, c.before, c.after) for c in answer.changes} == {
        ("production", None, "4"),
        ("staging", None, "6"),
        ("canary", None, "6"),
    }
    assert {c.evidence for c in answer.changes} == {Evidence.SEEN}
    assert answer.unseen is None


def test_an_alias_that_somebody_moved_is_noticed_at_the_next_refresh_by_unknown(
    project: Project, folder: Path
) -> None:
    before = datetime.now(UTC)
    project.refresh()
    move(folder, "production", "5")
    project.refresh()
    assert kept(project, "production") == ["4", "5"]
    newest, first = of(project, "production")
    assert (newest.before, newest.after, newest.by) == ("4", "5", None)
    assert newest.not_before is not None
    assert newest.at >= newest.not_before >= before - timedelta(seconds=1)
    assert first.before is None


def test_what_was_seen_outlives_the_cache_and_a_second_dashboard_writes_nothing_again(
    project: Project, folder: Path, tmp_path: Path
) -> None:
    with open_project(folder) as other:
        other.refresh()
        move(folder, "production", "5")
        project.refresh()
        other.refresh()
        project.refresh()
        expected = told(of(project, "production"))
        assert expected == told(of(other, "production")) == [("4", "5", "seen"), (None, "4", "seen")]
    os.rename(tmp_path / "cache", tmp_path / "former-cache")
    with open_project(folder) as third:
        third.refresh()
        assert told(of(third, "production")) == expected


def test_the_records_of_the_whole_team_are_read_from_the_store(project: Project, folder: Path) -> None:
    hour = timedelta(hours=1)
    theirs = action("5", "4", 30 * hour, actor="ada", reason="errors doubled\nmore", environment="production")
    failed = action("4", "6", 20 * hour, Outcome.FAILED, kind=ActionKind.PROMOTE, environment="production")
    audit(folder, theirs, failed)
    project.refresh()
    newest, former = (change for change in of(project, "production") if change.evidence is Evidence.AUDIT)
    assert (newest.kind, newest.outcome, newest.action_id) == ("promote", Outcome.FAILED, failed.plan.id)
    assert (former.before, former.after, former.by, former.host) == ("5", "4", "ada", "here")
    assert former.reason == "errors doubled\nmore"
    assert former.at == pytest.approx(theirs.events[-1].at, abs=timedelta(milliseconds=1))
    assert former.begun_at == pytest.approx(theirs.events[0].at, abs=timedelta(milliseconds=1))
    assert former.audit_run
    then = project.history("production", at=NOW - 25 * hour).was[0]
    assert (then.version, then.basis) == ("4", "declared")
    assert "rollback by ada" in then.words
    # version 4 is declared now, as before: no look made an event of its own
    assert told(of(project, "production")) == [("4", "6", "audit"), ("5", "4", "audit")]


def test_an_action_of_this_machine_is_known_before_its_record_is_sent_and_told_once_after(
    project: Project, folder: Path
) -> None:
    made = plan_of(step("alias"), before="4", after="3", model="progression", environment="production")
    with Journal(actions_folder(project.located.servers)).begin(made) as log:
        log.append(EventKind.SENT, "alias", "sent")
        move(folder, "production", "3")
        log.append(EventKind.OUTCOME, words="it is", evidence={"outcome": "verified"})
    project.refresh()
    newest = of(project, "production")[0]
    assert (newest.evidence, newest.before, newest.after, newest.audit_run) == (
        Evidence.AUDIT,
        "4",
        "3",
        None,
    )
    assert any(proof.evidence is Evidence.SEEN for proof in newest.also)
    (mine,) = project.actions()
    audit(folder, mine)
    project.refresh()
    again = [change for change in of(project, "production") if change.evidence is Evidence.AUDIT]
    assert [(change.action_id, bool(change.audit_run)) for change in again] == [(made.id, True)]


def test_hostile_records_of_others_are_told_or_left_out(project: Project, folder: Path) -> None:
    from mlflow.tracking.client import MlflowClient

    audit(folder)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = MlflowClient(uri, registry_uri=uri)
    known = client.get_experiment_by_name("mlops-dash")
    base = {"audit": "1", "environment": "production", "model": "progression", "after": "9"}
    for tags in (
        {}, {"audit": "1"}, base | {"ended_at": "yesterday-ish", "outcome": "won"},
        base | {"ended_at": "3170843-01-01T00:00:00Z", "steps": "[" * 4000, "reason": "\x1b]52;c;eA==\x07"},
        base | {"ended_at": "2026-11-01T00:00:00+99:99", "action_id": "same", "outcome": "verified"},
        base | {"action_id": "same", "outcome": "verified"},
    ):  # fmt: skip
        client.create_run(known.experiment_id, tags={f"mlops_dash.{name}": v for name, v in tags.items()})
    client.create_run("0", tags={f"mlops_dash.{name}": v for name, v in base.items()})
    project.refresh()
    found = [change for change in of(project, "production") if change.evidence is Evidence.AUDIT]
    assert sorted(str(change.outcome) for change in found) == ["unknown", "unknown", "verified"]


# -- what Git tells ------------------------------------------------------------------------------------------


def test_tags_of_gto_tell_who_assigned_what_and_when(project: Project, folder: Path) -> None:
    git = GitProject.at(folder)
    for name in ("churn@v1.0.0", "churn#prod#1", "churn@v1.1.0", "churn#prod#2", "churn#prod#3"):
        git.commit(name) if "@" in name else None
        git.tag(name, *(["churn@v1.0.0^{commit}"] if name.endswith("#3") else []), message=f"because {name}")
    project.refresh()
    changes = of(project, "prod")
    assert told(changes) == [
        ("v1.1.0", "v1.0.0", "gto"), ("v1.0.0", "v1.1.0", "gto"), (None, "v1.0.0", "gto"),
    ]  # fmt: skip
    assert (changes[0].by, changes[0].reason) == ("Ada", "because churn#prod#3")
    assert changes[0].commit == git.git("rev-parse", "churn@v1.0.0^{commit}")
    between = changes[1].at + (changes[0].at - changes[1].at) / 2
    found = project.history("prod", at=between).was[0]
    assert (found.version, found.basis, found.since) == ("v1.1.0", "declared", changes[1].at)


def test_commits_that_changed_a_manifest_are_the_history_of_its_environment(
    folder: Path, tmp_path: Path
) -> None:
    git = GitProject.at(folder)
    remote = GitProject(tmp_path / "remote.git", bare=True)
    git.git("remote", "add", "origin", str(remote.root))
    for version in ("1", "2", "4"):
        git.commit(f"Serve {version}", {"deploy/edge.yaml": f"version: '{version}'  # by hand\n"})
        git.commit("Something else", {"notes.txt": version})
    git.git("push", "-q", "origin", "main")
    git.git("fetch", "-q", "origin")
    with open_project(folder) as project:
        project.refresh()
        changes = of(project, "edge")
        assert told(changes) == [("2", "4", "manifest"), ("1", "2", "manifest"), (None, "1", "manifest")]
        assert (changes[0].by, changes[0].reason) == ("Ada", "Serve 4")
        found = project.history("edge", at=changes[1].at).was[0]
        assert (found.version, found.basis) == ("2", "declared")


def test_a_stage_tells_when_but_nobody_knows_who(project: Project, folder: Path) -> None:
    from mlflow.tracking.client import MlflowClient

    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = MlflowClient(uri, registry_uri=uri)
    for version in ("2", "3"):
        client.transition_model_version_stage("progression", version, "Archived")
        client.transition_model_version_stage("progression", version, "Production")
        client.transition_model_version_stage("progression", version, "Staging")
    client.set_registered_model_alias("progression", "champion", "1")
    with closing(sqlite3.connect(folder / "mlflow.db")) as store, store:
        store.execute("delete from registered_model_aliases where alias = 'staging'")
    project.refresh()
    staged = [change for change in of(project, "staging") if change.evidence is Evidence.STAGE]
    assert [(change.after, change.by) for change in staged] == [("3", None), ("2", None)]


# -- what targets served ------------------------------------------------------------------------------------


def test_what_targets_answered_decides_and_outlives_the_process(project: Project, folder: Path) -> None:
    from mlops_dash.domain.environments import Health, Observation

    def answered(version: str, health: Health = Health.HEALTHY) -> None:
        asked = datetime.now(UTC)
        seen = Observation("shop", "progression", "http", asked, True, health, version, by="ci")
        project.store.save_observations([seen])
        project.seeing.served([seen], asked)

    answered("4", Health.DEGRADED)
    answered("4")
    answered("5")
    changes = of(project, "shop")
    assert told(changes) == [("4", "5", "seen"), (None, "4", "seen")]
    assert [change.aspect for change in changes] == [Aspect.SERVED] * 2
    assert (changes[0].by, changes[0].healthy) == ("ci", True)
    with open_project(folder) as again:
        outlived = of(again, "shop")
        assert told(outlived) == told(changes)
        found = again.history("shop", at=outlived[0].at).was[0]
        assert (found.version, found.basis) == ("5", "observed")


def test_a_server_that_names_only_its_run_is_seen_once_the_registry_knows_the_run(
    project: Project, folder: Path
) -> None:
    from mlops_dash.domain.environments import Health, Observation

    def answered() -> None:
        asked = datetime.now(UTC)
        seen = Observation("shop", "progression", "http", asked, True, Health.HEALTHY, run_id="f" * 32)
        project.store.save_observations([seen])
        project.seeing.served([seen], asked)

    answered()
    assert of(project, "shop") == []
    with closing(sqlite3.connect(folder / "mlflow.db")) as store, store:
        store.execute("update model_versions set run_id = ? where version = 3", ("f" * 32,))
    project.refresh()
    answered()
    assert kept(project, "shop") == ["3"]
    assert told(of(project, "shop")) == [(None, "3", "seen")]


class Cancelling:
    """A source in whose turn somebody cancels the reading."""

    name = kind = "cancelling"

    def changed(self, position: str | None) -> bool:
        return True

    def read(self, reading: Any) -> Iterator[Any]:
        raise Cancelled
        yield

    def close(self) -> None:
        pass


def test_a_reading_that_is_broken_off_hides_no_change(project: Project, folder: Path) -> None:
    move(folder, "production", "5")
    others = project.refresher.second
    project.refresher.second = [Cancelling(), *others]
    with pytest.raises(Cancelled):
        project.refresh()
    project.refresher.second = others
    project.refresh()
    assert kept(project, "production") == ["4", "5"]


# -- bounds -------------------------------------------------------------------------------------------------


def test_an_environment_that_nobody_knows_names_the_nearest(project: Project) -> None:
    with pytest.raises(UsageError) as error:
        project.history("prodction")
    assert "prodction" in error.value.message
    assert error.value.remedy is not None
    assert "did you mean production?" in error.value.remedy
    with pytest.raises(UsageError, match="model"):
        project.history("production", "wine")
    assert project.history("PRODUCTION", "progression").changes


def test_a_time_to_come_is_refused(project: Project) -> None:
    with pytest.raises(UsageError, match="still to come"):
        project.history(at=datetime.now(UTC) + timedelta(hours=1))


def test_a_time_without_a_zone_is_local(project: Project) -> None:
    moment = datetime.now() - timedelta(hours=1)
    assert project.history(at=moment).at == moment.astimezone(UTC)


def test_fault_73_where_nothing_can_be_kept_the_history_says_so(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in the folder's place")
    with open_project(folder) as project:
        assert project.refresh().statuses
        answer = project.history()
        assert answer.unseen is not None
        assert "not noticed" in answer.unseen
        assert project.history("production").changes  # what the store says now is known all the same


def test_a_source_that_is_down_makes_no_event(project: Project, folder: Path) -> None:
    expected = told(of(project, "production"))
    (folder / "mlflow.db").rename(folder / "away.db")
    project.refresh()
    answer = project.history("production")
    assert told(list(answer.changes)) == expected
    assert [source.name for source in answer.stale] == ["tracking"]
    (folder / "away.db").rename(folder / "mlflow.db")
    project.refresh()
    assert told(of(project, "production")) == expected


def test_an_alias_that_is_deleted_and_set_again_are_two_events(project: Project, folder: Path) -> None:
    with closing(sqlite3.connect(folder / "mlflow.db")) as store, store:
        store.execute("delete from registered_model_aliases where alias = 'canary'")
    project.refresh()
    assert told(of(project, "canary"))[0] == ("6", None, "seen")
    with closing(sqlite3.connect(folder / "mlflow.db")) as store, store:
        store.execute(
            "insert into registered_model_aliases (name, alias, version) values ('progression', 'canary', 5)"
        )
    project.refresh()
    assert told(of(project, "canary"))[0] == (None, "5", "seen")


def test_as_a_frame(project: Project) -> None:
    frame = project.history().to_pandas()
    assert {"at", "environment", "after", "by", "evidence"} <= set(frame.columns)
    assert str(frame["at"].dtype).startswith("datetime64")
    then = project.history(at=datetime.now(UTC) - timedelta(days=1)).to_pandas()
    assert set(then["basis"]) == {"unknown"}


def test_sql_joins_with_the_history(project: Project, folder: Path) -> None:
    move(folder, "production", "5")
    project.refresh()
    answer = project.sql(
        "select c.before, c.after, c.evidence, c.healthy, c.changed_at >= c.not_before, v.run_id is not null "
        "from changes c join versions v on v.model = c.model and v.version = c.after "
        "where c.environment = 'production' and c.before is not null"
    )
    assert answer.rows == (("4", "5", "seen", None, True, True),)
    assert len(project.sql("from changes").rows) == len(project.history().changes)
