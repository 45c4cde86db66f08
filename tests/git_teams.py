"""A bare remote and the clones of several people, for tests that push."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from git_projects import GitProject
from mlops_dash.actions.hands import Context
from mlops_dash.actions.hands.gto import GtoHand
from mlops_dash.actions.hands.manifest import ManifestHand

MANIFEST = """\
# what production serves
apiVersion: v1
spec:
  template:
    spec:
      containers:
        - name: model
          image: "registry/model:v6"   # by the release team
          env: [{name: MODEL_VERSION, value: "6"}, {name: OTHER, value: keep}]
"""
PATH = "deploy/production.yaml"
FIELD = "spec.template.spec.containers.name=model.image"
TEMPLATE = "registry/model:v{version}"


class Team:
    """A remote with a manifest on ``main``, and a clone for each person."""

    def __init__(self, folder: Path, files: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.remote = GitProject(folder / "remote.git", bare=True)
        self.seed = GitProject(folder / "seed")
        self.seed.configure("remote.origin.url", str(self.remote.root))
        self.seed.configure("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
        self.seed.commit("Version 6 in production", dict(files or {PATH: MANIFEST, "README": "hello\n"}))
        self.seed.git("push", "-q", "origin", "main")

    def clone(self, name: str) -> GitProject:
        """Return the clone of a person."""
        root = self.folder / name
        self.seed.git("clone", "-q", str(self.remote.root), str(root))
        project = GitProject.at(root)
        project.configure("user.name", name.title())
        project.configure("user.email", f"{name}@example.org")
        return project

    def tip(self, branch: str = "main") -> str:
        """Return where a branch of the remote is."""
        return self.remote.git("rev-parse", f"refs/heads/{branch}")

    def text(self, path: str = PATH, at: str = "main") -> str:
        """Return a file of the remote, to the byte."""
        done = subprocess.run(
            ["git", "cat-file", "blob", f"{at}:{path}"], cwd=self.remote.root, capture_output=True, check=True
        )
        return done.stdout.decode()

    def pushes(self, person: GitProject, files: Mapping[str, str], subject: str) -> str:
        """Let a person commit and push as people do."""
        person.git("pull", "-q", "--rebase", "origin", "main")
        person.git("add", "-A")
        for path, text in files.items():
            person.write(path, text)
        person.git("add", "-A")
        person.git("commit", "-q", "-m", subject, "--author", f"{person.root.name.title()} <x@example.org>")
        person.git("push", "-q", "origin", "HEAD:main")
        return person.head()

    def hook(self, script: str, name: str = "pre-receive") -> None:
        """Let the remote run something when it is pushed to."""
        path = self.remote.root / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)


def context(project: GitProject, **settings: Any) -> Context:
    """Return where a person's systems are."""
    root = project.root
    return Context(**{"tracking_uri": None, "repository": root, "servers": root, "root": root} | settings)


def manifest_step(before: str = "6", after: str = "4", **arguments: Any) -> dict[str, Any]:
    """Return the arguments of a step that changes the version in the team's manifest."""
    template = arguments.get("value", TEMPLATE)
    return {
        "path": PATH,
        "field": FIELD,
        "branch": "main",
        "remote": "origin",
        "value": template,
        "before": template.replace("{version}", before),
        "after": template.replace("{version}", after),
        "base": "0" * 40,
        "message": f"rollback production {before} → {after}\n\nrmse rose\n\n"
        f"Action: 20261126T043208Z-{before}{after}\n",
    } | arguments


def manifest_hand(project: GitProject, *versions: str, **arguments: Any) -> ManifestHand:
    """Return the hand that changes the team's manifest from a person's clone."""
    return ManifestHand(manifest_step(*versions, **arguments), context(project))


def gto_hand(project: GitProject, version: str, **arguments: Any) -> GtoHand:
    """Return the hand that assigns a version of ``wine`` to ``production`` from a person's clone."""
    given = {
        "model": "wine",
        "stage": "production",
        "version": version,
        "commit": "0" * 40,
        "remote": "origin",
        "before_n": 1,
        "before": "v2.0.0",
        "message": f"rollback production to {version}\n\nAction: 20261126T043208Z-{version}\n",
    }
    return GtoHand(given | arguments, context(project))


def everything(project: GitProject) -> dict[str, str]:
    """Return what of a repository must not change: refs, HEAD, index, stash, status, configuration."""
    folder = Path(project.git("rev-parse", "--absolute-git-dir"))
    index = folder / "index"
    return {
        "refs": project.git("for-each-ref", "--format=%(refname) %(objectname)"),
        "head": (folder / "HEAD").read_text(),
        "reflog": project.git("reflog", "--all", "--format=%H %gs", check=False),
        "status": project.git("status", "--porcelain=v2", "--branch", "--ignored", check=False),
        "stash": project.git("stash", "list", check=False),
        "config": (folder / "config").read_text(),
        "index": project.git("ls-files", "--stage", "-v") if index.exists() else "",
        "fetch_head": (folder / "FETCH_HEAD").read_text() if (folder / "FETCH_HEAD").exists() else "",
        "shallow": (folder / "shallow").read_text() if (folder / "shallow").exists() else "",
    }


def quiet(_words: str, _evidence: Mapping[str, Any]) -> None:
    """Take a note of nothing."""


@contextmanager
def variables(**values: str) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
