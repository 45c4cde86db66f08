"""Plans of environments that Git declares: manifests and GTO tags, on a real remote of a real repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from git_projects import GitProject
from git_teams import FIELD, MANIFEST, PATH, Team, everything
from mlops_dash.domain.plans import ActionKind, Outcome, Plan, Precondition, Tick
from mlops_dash.errors import RefusedError, UsageError
from mlops_dash.project import Project, open_project

ROLLBACK, PROMOTE = ActionKind.ROLLBACK, ActionKind.PROMOTE
GITOPS = f"""
[environments.production]
model = "wine"
target = {{ kind = "gitops", path = "{PATH}", field = "{FIELD}", value = "registry/model:v{{version}}" }}
"""
GTO = """
[environments.production]
model = "wine"
target = { kind = "gto" }
"""
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: wine
  annotations: {%s}
spec:
  source: {repoURL: https://example.org/wine.git, path: deploy, targetRevision: %s}
  syncPolicy: {automated: {selfHeal: true}}
"""


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache, a state folder and a home of the test's own."""
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def team(tmp_path: Path) -> Team:
    """A team whose manifest went from version 4 to 5 and 6, with versions 4 to 6 registered with GTO."""
    made = Team(tmp_path / "team", {PATH: MANIFEST.replace("model:v6", "model:v4"), "README": "hello\n"})
    for version in ("5", "6"):
        made.pushes(
            made.seed, {PATH: MANIFEST.replace("model:v6", f"model:v{version}")}, f"Version {version}"
        )
    return made


@pytest.fixture
def ada(team: Team) -> GitProject:
    return team.clone("ada")


def opened(ada: GitProject, config: str) -> Project:
    (ada.root / "mlops-dash.toml").write_text(config)
    project = open_project(ada.root)
    project.refresh()
    return project


@pytest.fixture
def project(ada: GitProject) -> Iterator[Project]:
    with opened(ada, GITOPS) as made:
        yield made


def looked_at(project: Project, plan: Plan) -> dict[str, Precondition]:
    return {one.id: one for one in project.check(plan)}


def test_a_manifest_is_planned_from_what_the_remotes_branch_says(
    team: Team, ada: GitProject, project: Project
) -> None:
    before = everything(ada), everything(team.remote)
    plan = project.plan(ROLLBACK, "production", to="5")
    (step,) = plan.steps
    assert step.kind == "manifest"
    assert step.arguments["base"] == team.tip()
    assert (step.arguments["before"], step.arguments["after"]) == ("registry/model:v6", "registry/model:v5")
    assert plan.before is not None
    assert (plan.before.version, plan.after.version) == ("6", "5")
    found = looked_at(project, plan)
    assert found["remote"].tick is Tick.HOLDS, found["remote"]
    assert found["controller"].tick is Tick.HOLDS
    assert not [one for one in found.values() if one.blocking and one.tick is not Tick.HOLDS]
    assert (everything(ada), everything(team.remote)) == before
    difference = project.difference(plan)
    assert difference.before is None
    assert difference.unknown  # neither registry nor tags know these versions


def test_the_last_version_that_the_manifest_declared_is_gone_back_to(project: Project) -> None:
    assert project.plan(ROLLBACK, "production").after.version == "5"
    with pytest.raises(UsageError, match="there is no version '9' of wine") as unknown:
        project.plan(ROLLBACK, "production", to="9")
    assert "6, 5, 4" in (unknown.value.remedy or "")


def test_fault_61_somebody_who_was_quicker_is_named(team: Team, project: Project) -> None:
    plan = project.plan(ROLLBACK, "production", to="5")
    team.pushes(team.clone("eve"), {PATH: MANIFEST.replace("model:v6", "model:v7")}, "Hurry")
    found = looked_at(project, plan)["remote"]
    assert (found.tick, found.blocking) == (Tick.FAILS, True)
    assert "registry/model:v7" in found.detail
    assert "Eve" in found.detail
    assert found.remedy == "plan again, from what is there now"


def test_a_push_of_something_else_refuses_nothing(team: Team, project: Project) -> None:
    plan = project.plan(ROLLBACK, "production", to="5")
    team.pushes(team.clone("eve"), {"README": "changed\n"}, "Words")
    assert looked_at(project, plan)["remote"].tick is Tick.HOLDS


def test_a_remote_that_cannot_be_reached_refuses(team: Team, project: Project) -> None:
    plan = project.plan(ROLLBACK, "production", to="5")
    team.remote.root.rename(team.folder / "elsewhere")
    found = looked_at(project, plan)["remote"]
    assert (found.tick, found.blocking) == (Tick.FAILS, True)
    assert found.detail


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (MANIFEST.replace("registry/model:v6", "other:6"), "“other:6”, not “registry/model:v{version}”"),
        (MANIFEST.replace("image:", "picture:"), "is not what the configuration says"),
        (MANIFEST + "---\n" + MANIFEST, "is not what the configuration says"),
        (MANIFEST.replace("v6", "{{ .Values.tag }}"), "is not what the configuration says"),
    ],
)
def test_a_manifest_that_is_something_else_is_refused_and_untouched(
    team: Team, ada: GitProject, text: str, told: str
) -> None:
    team.pushes(ada, {PATH: text}, "Another shape")
    (ada.root / "mlops-dash.toml").write_text(GITOPS)
    before = everything(ada), everything(team.remote)
    with opened(ada, GITOPS) as project:
        with pytest.raises(RefusedError) as refused:
            project.plan(ROLLBACK, "production", to="5")
        assert told in refused.value.message
    assert (everything(ada), everything(team.remote)) == before


def test_fault_45_without_a_remote_nothing_is_planned(ada: GitProject) -> None:
    ada.git("remote", "remove", "origin")
    with opened(ada, GITOPS) as project:
        with pytest.raises((RefusedError, UsageError)):
            project.plan(ROLLBACK, "production", to="5")
        assert "no remote" in (project.disabled(ROLLBACK, "production") or "")


@pytest.mark.parametrize(
    ("annotations", "revision", "tick", "blocking", "told"),
    [
        ("", "main", Tick.HOLDS, True, "takes what is changed here from Git, by itself"),
        ("", "HEAD", Tick.HOLDS, True, "takes what is changed here from Git, by itself"),
        ("", "v1.2", Tick.FAILS, False, "reads v1.2, not main: the change does not reach it"),
        (
            'argocd-image-updater.argoproj.io/image-list: "app=registry/model"', "main", Tick.FAILS, True,
            "its image updater writes versions by itself",
        ),
        (
            'argocd-image-updater.argoproj.io/image-list: "registry/other:~1"', "main", Tick.FAILS, False,
            "its image updater writes versions by itself",
        ),
    ],
)  # fmt: skip
def test_fault_64_what_acts_by_itself_is_found(
    team: Team, ada: GitProject, annotations: str, revision: str, tick: Tick, blocking: bool, told: str
) -> None:
    team.pushes(ada, {"apps/wine.yaml": APPLICATION % (annotations, revision)}, "Argo CD")
    with opened(ada, GITOPS) as project:
        found = looked_at(project, project.plan(ROLLBACK, "production", to="5"))["controller"]
    assert (found.tick, found.blocking) == (tick, blocking)
    assert told in found.detail


def test_fault_64_a_field_that_flux_writes_is_refused(team: Team, ada: GitProject) -> None:
    marked = MANIFEST.replace("# by the release team", '# {"$imagepolicy": "flux-system:wine"}')
    team.pushes(ada, {PATH: marked}, "Flux")
    with opened(ada, GITOPS) as project:
        found = looked_at(project, project.plan(ROLLBACK, "production", to="5"))["controller"]
    assert (found.tick, found.blocking) == (Tick.FAILS, True)
    assert found.detail == "Flux writes this field by itself (image policy flux-system:wine)"


def test_what_argo_cd_deploys_from_elsewhere_is_none_of_ours(team: Team, ada: GitProject) -> None:
    other = APPLICATION % ("", "main")
    team.pushes(ada, {"apps/other.yaml": other.replace("path: deploy", "path: charts")}, "Another")
    with opened(ada, GITOPS) as project:
        found = looked_at(project, project.plan(ROLLBACK, "production", to="5"))["controller"]
    assert (found.tick, found.detail) == (Tick.HOLDS, "as far as the repository tells")


def register(team: Team, ada: GitProject) -> None:
    """Register versions 1 and 2 of the wine, and assign the second to production."""
    for number in (1, 2):
        ada.minutes += 1
        ada.git("tag", "-a", f"wine@v{number}.0.0", "-m", "x", f"HEAD~{2 - number}")
        ada.git("tag", "-a", f"wine#production#{number}", "-m", "x", f"HEAD~{2 - number}")
    ada.git("push", "-q", "origin", "--tags")


def test_a_stage_is_planned_with_its_next_number(team: Team, ada: GitProject) -> None:
    register(team, ada)
    (ada.root / "mlops-dash.toml").write_text(GTO)
    before = everything(ada), everything(team.remote)
    with opened(ada, GTO) as project:
        plan = project.plan(ROLLBACK, "production", to="1.0.0")
        found = looked_at(project, plan)
        difference = project.difference(plan)
        assert project.plan(ROLLBACK, "production").after.version == "v1.0.0"
    (step,) = plan.steps
    assert (step.kind, step.arguments["before_n"], step.arguments["before"]) == ("gto", 2, "v2.0.0")
    assert step.arguments["commit"] == ada.git("rev-parse", "HEAD~1")
    assert "'wine#production#3'" in step.effect
    assert difference.code is not None
    assert (difference.code.status, difference.code.behind_count) == ("behind", 1)
    assert any("packages and signature of version v1.0.0" in reason for reason in difference.unknown)
    assert found["remote"].tick is Tick.HOLDS, found["remote"]
    assert not [one for one in found.values() if one.blocking and one.tick is not Tick.HOLDS]
    assert (everything(ada), everything(team.remote)) == before


def test_an_assignment_that_was_not_fetched_yet_refuses(team: Team, ada: GitProject) -> None:
    register(team, ada)
    with opened(ada, GTO) as project:
        plan = project.plan(ROLLBACK, "production", to="v1.0.0")
        eve = team.clone("eve")
        eve.git("tag", "-a", "wine#production#3", "-m", "x", "wine@v1.0.0^{}")
        eve.git("tag", "-a", "wine#production#4", "-m", "x", "wine@v2.0.0^{}")
        eve.git("push", "-q", "origin", "--tags")
        found = looked_at(project, plan)["remote"]
    assert (found.tick, found.blocking) == (Tick.FAILS, True)


@pytest.mark.campaign
def test_a_manifest_is_changed_by_an_agent_and_the_commit_says_why(
    team: Team, ada: GitProject, project: Project
) -> None:
    plan = project.plan(ROLLBACK, "production")
    agent = project.prepare(plan)
    agent.go("errors\nsince noon")
    from cli.test_promote import until

    until(lambda: (done := project.action(plan.id)) is not None and done.outcome is not None)
    done = project.action(plan.id)
    assert done is not None
    assert done.outcome is Outcome.VERIFIED, [event.words for event in done.events]
    assert "model:v5" in team.text()
    message = team.remote.git("log", "-1", "--format=%B", "main")
    assert message.startswith("rollback production: wine 6 → 5\n\nerrors since noon\n")
    assert f"Action: {plan.id}" in message
    project.refresh()
    assert project.undo_plan(plan.id).after.version == "6"
