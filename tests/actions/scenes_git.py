"""The world in which a process that pushes is killed: a clone and its bare remote; see ``crashing``."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import git  # noqa: F401 - imported once

from actions.crashing import Scene
from actions.journalled import Says, plan_of
from actions.test_gto import Registry
from git_projects import GitProject
from git_teams import FIELD, PATH, TEMPLATE, manifest_step
from mlops_dash.actions.git_remote import Remote
from mlops_dash.actions.gto_stage import PEELED, stage_now
from mlops_dash.actions.hands import Context, gto, hand_of, manifest
from mlops_dash.actions.journal import Journal
from mlops_dash.actions.plan_json import decoded, encoded, plan_to_json
from mlops_dash.actions.plan_json import plan_of as plan_in
from mlops_dash.actions.verifying import Proof
from mlops_dash.domain.manifests import version_in
from mlops_dash.domain.plans import Plan, Step
from mlops_dash.sources.manifest_history import text_in

KINDS = ("manifest", "gto")


def prepare(folder: Path) -> None:
    """Make a remote with a manifest and a GTO registry, and a clone whose remote is found beside it."""
    team = Registry(folder)
    from git_teams import MANIFEST

    team.seed.commit("A manifest", {PATH: MANIFEST})
    team.seed.git("push", "-q", "origin", "main")
    clone = team.clone("ada")
    clone.configure("remote.origin.url", "../remote.git")
    shutil.rmtree(team.seed.root)


def world(prepared: Path, folder: Path, kind: str, *, asks: bool = False) -> Path:
    """Copy the prepared world, and put the plan of a rollback into it."""
    shutil.copytree(prepared, folder, symlinks=True)
    clone = GitProject.at(folder / "ada")
    if kind == "manifest":
        given = manifest_step(message="back to 4\n\nAction: x\n")
        step = Step("m", "manifest", "declare 4", "", "declare 5 again", given)
        plan = plan_of(step, asks=asks)
    else:
        arguments = {
            "model": "wine", "stage": "production", "version": "v1.0.0", "remote": "origin", "before_n": 1,
            "commit": clone.git("rev-parse", "wine@v1.0.0^{commit}"), "before": "v2.0.0",
            "message": "back to v1.0.0\n\nAction: x\n",
        }  # fmt: skip
        step = Step("g", "gto", "assign", "", "assign v2.0.0 again", arguments)
        plan = plan_of(step, before="v2.0.0", after="v1.0.0", asks=asks)
    (folder / "plan.json").write_bytes(encoded(plan_to_json(plan)))
    return folder


def scene(folder: Path, *, kind: str = "manifest", proof: str = "served") -> Scene:
    """The plan in ``folder/plan.json``, on the clone and the remote beside it."""
    os.environ["MLOPS_DASH_STATE_DIR"] = str(folder / "state")
    plan: Plan = plan_in(decoded((folder / "plan.json").read_bytes()))
    clone, remote = folder / "ada", GitProject.at(folder / "remote.git")
    context = Context(None, clone, folder / "servers", folder)
    calls = [(Remote, "refs"), (Remote, "bring"), (Remote, "push"), (Remote, "track")]
    calls += [(manifest, "commit_with"), (gto, "tag_object"), (gto.GtoHand, "_keep")]
    return Scene(
        plan=plan,
        journal=Journal(folder / "actions"),
        hands=lambda step: hand_of(step, context),
        verifier=Says(Proof(proof)),
        truth=lambda: declared(remote) if kind == "manifest" else assigned(remote),
        effects=lambda: made(remote, kind),
        calls=calls,
        clean=lambda: whole(clone, remote),
    )


def declared(remote: GitProject) -> str | None:
    """Return the version in the manifest on the remote's branch."""
    text = remote.git("cat-file", "blob", f"main:{PATH}")
    return version_in(TEMPLATE, text_in(text.encode(), PATH, FIELD))


def assigned(remote: GitProject) -> str | None:
    """Return the version that the remote's tags assign to production."""
    lines = [line.split("\t") for line in remote.git("ls-remote", "--tags", ".").splitlines()]
    tags = {name.removeprefix("refs/tags/"): sha for sha, name in lines}
    assert any(name.endswith(PEELED) for name in tags)
    return stage_now(tags, "wine", "production").version


def made(remote: GitProject, kind: str) -> Mapping[str, int]:
    """Count what was done there, by its first line."""
    if kind == "manifest":
        return Counter(remote.git("log", "--format=%s", "main").splitlines())
    return Counter(
        remote.git("for-each-ref", "refs/tags/wine#*", "--format=%(contents:subject)").splitlines()
    )


def whole(clone: GitProject | Path, remote: GitProject) -> None:
    """Check that both repositories are sound, and that the clone's own things are as they were."""
    project = GitProject.at(clone) if isinstance(clone, Path) else clone
    assert project.git("status", "--porcelain") == ""
    assert project.git("for-each-ref", "--format=%(refname)", "refs/heads") == "refs/heads/main"
    assert project.git("rev-list", "--count", "main") == "4"
    project.git("fsck", "--connectivity-only", "--no-dangling")
    remote.git("fsck", "--connectivity-only", "--no-dangling")
    assert not list((project.root / ".git").glob("*.lock"))
