"""Build ``diabetes.tar.xz`` from scratch: the sample project with its history, data, runs and models.

    python sample_data/build.py [--keep FOLDER]

Needs git and what ``pip install -e '.[dev]'`` brings; takes some minutes, for every run is really trained, by
the project's own ``train.py`` in its own folder at the very commit, in an environment of its own. Afterwards
two things are changed in the store that the runs wrote, with SQL: times are moved to the story's, and the
folder's path to a placeholder that ``mlops_dash.demo`` replaces when it unpacks.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from pack import pack
from restamp import Moved, forget_folder, move_times
from story import ALIASES, STORY, Commit, Train

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "diabetes"


class Builder:
    """The project's folder while its story is acted out in it."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.venv = home / "venv"
        self.python = str(self.venv / "bin" / "python")
        self.moved: list[Moved] = []
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "DVC_SITE_CACHE_DIR": str(home / "dvc"),
            "DVC_NO_ANALYTICS": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            "OMP_NUM_THREADS": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONWARNINGS": "ignore",
            "TZ": "UTC",
        }

    def build(self) -> None:
        """Act out the whole story, then set aliases and tidy up."""
        self._environment()
        self._run("git", "init", "-q", "-b", "main", "--template=")
        for name, value in _GIT_CONFIG.items():
            self._run("git", "config", name, value)
        for number, commit in enumerate(STORY, 1):
            print(f"{number:2}/{len(STORY)} {commit.branch}: {commit.subject}", flush=True)
            self._commit(commit)
            for train in commit.runs:
                self._train(train, commit)
        self._switch("main")
        self._registry()
        move_times(self.folder / "mlflow.db", self.moved)
        forget_folder(self.folder)
        self._run("git", "repack", "-q", "-a", "-d", "--keep-unreachable")

    def _environment(self) -> None:
        """Make the environment that the project trains in: what it asks for, and our recorder alone."""
        from uv import find_uv_bin

        from mlops_dash.actions.rebuilding.environment import indexes

        given = ("UV_", "SSL_", "HTTP", "http", "NO_PROXY", "no_proxy")
        more = indexes() | {name: value for name, value in os.environ.items() if name.startswith(given)}
        uv = find_uv_bin()
        self._run(uv, "venv", "-q", "--python", sys.executable, str(self.venv), extra=more)
        install = (uv, "pip", "install", "-q", "--python", self.python)
        self._run(*install, "-r", str(SOURCES / "requirements.txt"), extra=more)
        self._run(*install, "--no-deps", str(HERE.parent), extra=more)

    def _commit(self, commit: Commit) -> None:
        self._switch(commit.branch)
        for path in commit.adds:
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(SOURCES / path, target)
        for edit in commit.edits:
            target = self.folder / edit.path
            text = target.read_text()
            if text.count(edit.old) != 1 and edit.old:
                raise SystemExit(f"{commit.subject}: {edit.path} does not hold once {edit.old!r}")
            target.write_text(text.replace(edit.old, edit.new) if edit.old else text + edit.new)
        if commit.data:
            self._data()
        name, mail = commit.author
        who = {
            f"GIT_{role}_{field}": value
            for role in ("AUTHOR", "COMMITTER")
            for field, value in (("NAME", name), ("EMAIL", mail), ("DATE", f"{commit.at}+0000"))
        }
        self._run("git", "add", "--all")
        amend = ("--amend", "--reset-author") if commit.amends else ()
        self._run("git", "commit", "-q", *amend, "-m", commit.subject, extra=who)

    def _switch(self, branch: str) -> None:
        if self._run("git", "branch", "--show-current").strip() == branch:
            return
        known = self._run("git", "branch", "--list", branch).strip()
        self._run("git", "switch", "-q", *(() if known else ("-c",)), branch)
        self._run(sys.executable, "-m", "dvc", "checkout", "-q")

    def _data(self) -> None:
        if not (self.folder / ".dvc").exists():
            self._run(sys.executable, "-m", "dvc", "init", "-q")
            self._run(sys.executable, "-m", "dvc", "config", "core.analytics", "false")
        self._run(sys.executable, "prepare.py")
        self._run(sys.executable, "-m", "dvc", "add", "-q", "data/diabetes.csv")

    def _train(self, train: Train, commit: Commit) -> None:
        if self._run("git", "status", "--porcelain"):
            raise SystemExit(f"{commit.subject}: the working tree is not clean")
        before = self._runs()
        user = commit.author[1].partition("@")[0]
        keep = ("--keep",) if train.register else ()
        who = {"LOGNAME": user, "USER": user}
        self._run(self.python, "train.py", *train.options.split(), *keep, extra=who, fails=train.fails)
        (run_id,) = self._runs() - before
        if train.register:
            self._run(self.python, "register.py", run_id, extra=who)
        self.moved.append(Moved(run_id, train.at, train.register, train.deleted))
        print(f"        {train.options}", flush=True)

    def _runs(self) -> set[str]:
        store = self.folder / "mlflow.db"
        if not store.exists():
            return set()
        with sqlite3.connect(store) as connection:
            return {run_id for (run_id,) in connection.execute("select run_uuid from runs")}

    def _registry(self) -> None:
        """Set the aliases, describe the model and delete what its author deleted, through MLflow."""
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{self.folder / 'mlflow.db'}")
        for alias, version in ALIASES.items():
            client.set_registered_model_alias("progression", alias, str(version))
        client.update_registered_model("progression", "How far diabetes progresses in a year.")
        for moved in self.moved:
            if moved.deleted:
                client.delete_run(moved.run_id)
            if moved.version:
                found = client.get_model_version("progression", str(moved.version))
                if found.run_id != moved.run_id:
                    raise SystemExit(f"version {moved.version} came from another run than the story says")

    def _run(self, *command: str, extra: dict[str, str] | None = None, fails: bool = False) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.env, **(extra or {})},
            text=True,
            capture_output=True,
            check=False,
        )
        if (done.returncode != 0) is not fails:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout


# gc never runs, so the amended commit stays; an index is compared by size and whole seconds, which the
# archive keeps, so that a freshly unpacked tree is clean without a look into every file
_GIT_CONFIG = {
    "gc.auto": "0",
    "gc.pruneExpire": "never",
    "gc.reflogExpire": "never",
    "core.checkStat": "minimal",
    "core.trustctime": "false",
    "core.logAllRefUpdates": "false",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keep", type=Path, help="build in this folder and keep it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlops-dash-build-") as scratch:
        home = Path(scratch) / "home"
        home.mkdir()
        folder = options.keep or Path(scratch) / "diabetes"
        folder.mkdir(parents=True)
        builder = Builder(folder.resolve(), home)
        builder.build()
        archive = pack(builder.folder, HERE / "diabetes.tar.xz")
    print(f"{archive}: {archive.stat().st_size / 1e6:.2f} MB, {len(builder.moved)} runs")


if __name__ == "__main__":
    main()
