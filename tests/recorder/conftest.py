"""A repository with a script that prints what the recorder would note of its own run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from git_projects import GitProject

SCRIPT = "import json, sys\nfrom mlops_dash.recorder.noting import noted\nprint(json.dumps(noted()))\n"


class Noting:
    """A project; call it to run a command in it and get the tags that its run would have."""

    def __init__(self, root: Path) -> None:
        self.git = GitProject(root)
        self.root = root
        self.git.commit("Begin", {"train.py": SCRIPT, "jobs/__init__.py": "", "jobs/fit.py": SCRIPT})

    def __call__(
        self,
        *words: str,
        folder: str = ".",
        options: Sequence[str] = (),
        program: str | None = None,
        **variables: str,
    ) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment |= {"PYTHONDONTWRITEBYTECODE": "1", **variables}
        done = subprocess.run(
            [program] if program else [sys.executable, *options, *(words or ("train.py",))],
            cwd=self.root / folder, env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        tags: dict[str, str] = json.loads(done.stdout)
        return tags


def value(tags: Mapping[str, str], key: str) -> Any:
    """Return what a tag of the recorder's says, JSON decoded."""
    return json.loads(tags[f"mlops-dash.{key}"])


@pytest.fixture
def noting(tmp_path: Path) -> Noting:
    return Noting(tmp_path / "project")
