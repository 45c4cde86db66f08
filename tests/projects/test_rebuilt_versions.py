"""A rebuild's verdict, as MLflow keeps it on a version, is told of that version wherever it is shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mlflow.tracking.client import MlflowClient

from cli.planned import team
from mlops_dash.domain.rebuilds import Verdict
from mlops_dash.project import Project, open_project

STRANGERS = {"1": "a\x1b]52;c;aGk=\x07b", "2": "Identical", "3": "identical[/b]"}
WANTED = {"4": Verdict.EQUIVALENT, "5": Verdict.DIVERGED, "6": Verdict.IDENTICAL} | dict.fromkeys(STRANGERS)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The sample, whose versions 4 to 6 have verdicts on them, the others what somebody else wrote."""
    folder = team(tmp_path_factory.mktemp("rebuilt") / "project")
    uri = f"sqlite:///{folder}/mlflow.db"
    client = MlflowClient(uri, registry_uri=uri)
    for version, verdict in {"4": "equivalent", "5": "diverged", "6": "identical"}.items():
        client.set_model_version_tag("progression", version, "mlops-dash.rebuilt", verdict)
        client.set_model_version_tag("progression", version, "mlops-dash.rebuilt.by", "failed")
    for version, value in STRANGERS.items():
        client.set_model_version_tag("progression", version, "mlops-dash.rebuilt", value)
    with pytest.MonkeyPatch.context() as patched:
        for name in "CACHE", "STATE":
            patched.setenv(f"MLOPS_DASH_{name}_DIR", str(folder.parent / name.lower()))
        with open_project(folder) as opened:
            opened.refresh()
            yield opened


def test_of_the_versions_of_a_model(project: Project) -> None:
    assert {row.version: row.rebuilt for row in project.versions("progression").rows} == WANTED


def test_of_what_could_be_gone_back_to(project: Project) -> None:
    found = {row.version: row.rebuilt for row in project.candidates("production")}
    assert found == WANTED


def test_of_what_is_live(project: Project) -> None:
    found = {row.environment: row.rebuilt for row in project.live().environments}
    assert found["production"] is Verdict.EQUIVALENT
    assert found["staging"] is Verdict.IDENTICAL


@pytest.mark.parametrize("version", sorted(WANTED))
def test_of_a_version_that_is_traced(project: Project, version: str) -> None:
    focus = f"models:/progression/{version}"
    (node,) = (node for node in project.trace(focus).nodes if node.id == focus)
    assert node.facts.get("rebuilt") == WANTED[version]


def test_what_a_stranger_wrote_is_told_nowhere(project: Project) -> None:
    traces = [project.trace(f"models:/progression/{version}") for version in STRANGERS]
    told = f"{project.versions('progression')}{project.candidates('production')}{project.live()}{traces}"
    assert not any(word in told for word in ("aGk=", "Identical", "[/b]"))
