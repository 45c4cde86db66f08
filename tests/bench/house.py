"""Where the benchmark keeps what it makes, and how it starts the program that it measures."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

import mlops_dash
from bench.repositories import commits_of, git, make_repository
from bench.stores import Shape, make_store

COMMITS_USED = 400


@dataclass(frozen=True, slots=True)
class House:
    """The projects that are measured.

    Attributes:
        board: a repository with the tracking store in it, as a team has them.
        plain: a folder with nothing but the tracking store.
        repository: the repository alone.
        rounds: how often each time is taken; the median counts.
    """

    board: Path
    plain: Path
    repository: Path
    shape: Shape
    rounds: int
    scratch: Path
    program: tuple[str, ...] = field(
        default_factory=lambda: (str(Path(sys.executable).parent / "mlops-dash"),)
    )

    @property
    def store(self) -> Path:
        """The SQLite file."""
        return self.board / "mlflow.db"

    def environment(self, cache: Path) -> dict[str, str]:
        """Return the variables of a measured process, its cache in ``cache``."""
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "MLOPS_DASH_", "TEXTUAL"))
        }
        places = {"MLOPS_DASH_CACHE_DIR": str(cache), "MLOPS_DASH_STATE_DIR": str(self.scratch / "state")}
        return kept | places

    def fresh_cache(self) -> Path:
        """Return a new empty cache folder."""
        return Path(tempfile.mkdtemp(prefix="cache-", dir=self.scratch))

    def sync(self, project: Path, cache: Path) -> float:
        """Run ``mlops-dash sync`` and return its seconds from start to exit."""
        return timed([*self.program, "--project", str(project), "sync"], self.environment(cache), project)


def timed(
    command: Sequence[str], environment: dict[str, str] | None = None, folder: Path | None = None
) -> float:
    """Return the seconds that a command takes from start to exit, its output thrown away."""
    started = time.perf_counter()
    done = subprocess.run(
        command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    took = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return took


def kept_folder() -> Path:
    """Return where stores and repositories are kept for the next time."""
    return Path(platformdirs.user_cache_dir("mlops-dash-bench"))


@contextmanager
def open_house(runs: int, steps: int, commits: int, rounds: int, keep: bool) -> Iterator[House]:
    """Make the projects to measure, or take them from the cache; the scratch folder goes unless kept.

    The package is compiled first, as pip does with what it installs: a checkout's may not be.
    """
    compileall.compile_dir(Path(mlops_dash.__file__).parent, quiet=1)
    kept = kept_folder()
    board = kept / f"board-{runs}-{steps}-{commits}"
    if not (board / "mlflow.db").exists():
        shutil.rmtree(board, ignore_errors=True)
        say(f"making a repository of {commits:,} commits")
        make_repository(board, commits)
        say(f"making a store of {runs:,} runs")
        make_store(board / "mlflow.db", Shape(runs, steps, commits_of(board, COMMITS_USED)))
    shape = Shape(runs, steps, commits_of(board, COMMITS_USED))
    scratch = Path(tempfile.mkdtemp(prefix="run-", dir=kept))
    plain, repository = scratch / "plain", scratch / "repository"
    plain.mkdir()
    (plain / "mlops-dash.toml").write_text(f'[tracking]\nuri = "sqlite:///{board / "mlflow.db"}"\n')
    git(scratch, "clone", "--quiet", "--local", str(board), str(repository))
    git(repository, "remote", "remove", "origin")
    git(repository, "gc", "--quiet")
    try:
        yield House(board, plain, repository, shape, rounds, scratch)
    finally:
        if keep:
            say(f"kept: {scratch}")
        else:
            shutil.rmtree(scratch)


def say(text: str) -> None:
    """Tell what is going on, apart from the table."""
    print(text, file=sys.stderr, flush=True)
