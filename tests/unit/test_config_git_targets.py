"""Settings of targets that Git declares: what is taken, and what is told of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_dash.config import GitopsTarget, GtoTarget, HttpServerConfig
from mlops_dash.config_file import check, load_config

START = '[environments.production]\nmodel = "wine"\n[environments.production.target]\n'
GITOPS = 'kind = "gitops"\npath = "deploy/prod.yaml"\nfield = "spec.image"\n'


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "mlops-dash.toml"
    file.write_text(START + text)
    return file


def test_a_manifest_needs_a_path_and_a_field_only(tmp_path: Path) -> None:
    target = load_config(written(tmp_path, GITOPS)).environments["production"].target
    assert target == GitopsTarget("deploy/prod.yaml", "spec.image")
    assert isinstance(target, GitopsTarget)
    assert (target.value, target.branch, target.remote, target.http) == ("{version}", None, "origin", None)


def test_everything_can_be_said(tmp_path: Path) -> None:
    text = GITOPS + (
        'value = "registry/model:v{version}"\nbranch = "env/prod"\nremote = "upstream"\n'
        '[environments.production.target.http]\nurl = "https://models.example.com"\npreset = "mlserver"\n'
    )
    target = load_config(written(tmp_path, text)).environments["production"].target
    assert target == GitopsTarget(
        "deploy/prod.yaml", "spec.image", "registry/model:v{version}", "env/prod", "upstream",
        HttpServerConfig("https://models.example.com", "mlserver"),
    )  # fmt: skip


def test_gto(tmp_path: Path) -> None:
    target = (
        load_config(written(tmp_path, 'kind = "gto"\nremote = "team"\n')).environments["production"].target
    )
    assert target == GtoTarget("team")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('kind = "gitops"\npath = "a.yaml"\n', "target: lacks field"),
        (GITOPS + 'branche = "main"\n', "target.branche: is no setting — did you mean branch?"),
        (GITOPS.replace("deploy/", "../"), "target.path: leaves the repository"),
        (GITOPS.replace("deploy/", "/etc/"), "target.path: leaves the repository"),
        (GITOPS.replace("deploy/", ".git/"), "target.path: lies in .git"),
        (GITOPS.replace(".yaml", ".txt"), "target.path: is no manifest"),
        (GITOPS.replace("spec.image", "spec..image"), "target.field: has no key at character 6"),
        (GITOPS + 'value = "latest"\n', "target.value: must hold {version} once"),
        (GITOPS + 'value = "{version}-{version}"\n', "target.value: must hold {version} once"),
        (GITOPS + 'branch = "--force"\n', "target.branch: is no name of a branch"),
        (GITOPS + 'remote = "https://example.org/x.git"\n', "target.remote: is no name of a remote"),
        (GITOPS + 'remote = "https://u:p@example.org/x.git"\n', "target.remote: holds a password or token"),
        (GITOPS + "http = 1\n", "target.http: is a whole number; expected a table"),
        (GITOPS + 'http = { url = "x" }\n', "target.http.url: is no web address"),
        (GITOPS + 'http = { url = "http://x", presett = "y" }\n', "target.http.presett: is no setting"),
        (GITOPS + 'http = { preset = "mlserver" }\n', "target.http: lacks url"),
        ('kind = "gto"\nremote = "-x"\n', "target.remote: is no name of a remote"),
        ('kind = "gitopps"\n', "is no kind of target — did you mean gitops"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_place(tmp_path: Path, text: str, told: str) -> None:
    problems = [str(problem) for problem in check(written(tmp_path, text))]
    assert any(told in problem for problem in problems), problems
