"""Bad input of a rebuild, from its plan to its outcome: it is told, with what to do, and nothing is left."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from git_projects import GitProject
from mlops_dash.domain.plans import Outcome, Tick
from mlops_dash.errors import RefusedError
from rebuilds.making import Making, awaited, begin
from rebuilds.watching import (
    TRAINS,
    as_command,
    checked,
    copy_of,
    insist,
    nothing_left,
    one_run,
    processes,
    remedy,
    wait,
)

pytestmark = pytest.mark.campaign


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Making, str]:
    return one_run(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def copied(
    trained: tuple[Making, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Making, str]:
    return copy_of(trained[0], tmp_path, monkeypatch), trained[1]


def at_commit(making: Making, commit: str) -> None:
    """Have the run say another commit."""
    with closing(sqlite3.connect(making.store)) as connection, connection:
        key = "mlflow.source.git.commit"
        connection.execute("update tags set value = ? where key = ?", (commit, key))


class TestCommits:
    """Commits that cannot be had, or that hold what must not be run or followed."""

    @pytest.mark.parametrize("kind", ["submodule", "LFS"])
    def test_fault_50_files_that_are_elsewhere(
        self, copied: tuple[Making, str], kind: str, tmp_path: Path
    ) -> None:
        making, run_id = copied
        if kind == "submodule":
            other = GitProject(tmp_path / "other")
            other.commit("Other", {"x": "x"})
            git = ("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other.root), "vendor")
            making.git.git(*git)
            told, advice = "holds the submodule vendor", "install the submodule as a package"
        else:
            digest = hashlib.sha256(b"large").hexdigest()
            pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 5\n"
            making.git.commit("Large", {"large.bin": pointer})
            told, advice = "large.bin is kept with Git LFS and was not fetched", "git lfs fetch origin"
        at_commit(making, making.git.commit("Elsewhere"))
        found = checked(making, run_id)["commit"]
        assert (found.tick, found.blocking) == (Tick.FAILS, True)
        assert told in found.detail
        assert advice in str(found.remedy)
        rebuilt = insist(making, run_id)
        assert rebuilt.action.outcome is Outcome.REFUSED
        assert told in rebuilt.words
        assert "nothing was changed" in rebuilt.words
        assert advice in remedy(rebuilt)
        nothing_left(making, rebuilt, run_id)

    @pytest.mark.parametrize("commit", ["--output=sprung", "HEAD", "main", "../../sprung", "$(touch sprung)"])
    def test_fault_54_what_is_no_commit_is_given_to_no_program(
        self, copied: tuple[Making, str], commit: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        making, run_id = copied
        monkeypatch.chdir(making.root)
        at_commit(making, commit)
        with (
            making.opened() as project,
            pytest.raises(RefusedError, match="its commit is missing") as refused,
        ):
            project.plan_rebuild(run_id)
        assert "train from a Git repository" in str(refused.value.remedy)
        assert not list(making.root.parent.rglob("sprung"))
        assert making.left() == []

    def test_fault_55_nothing_of_the_repository_is_run(self, copied: tuple[Making, str]) -> None:
        """From the first look at the project to the sweep."""
        making, run_id = copied
        trap = making.root.parent / "trap"
        trap.write_text(
            f"#!/bin/sh\n[ -n \"$MLOPS_DASH_JOB\" ] || touch '{making.root.parent}/sprung'\ncat\n"
        )
        trap.chmod(0o755)
        commit = making.git.commit("Filters", {".gitattributes": "*.csv filter=evil\n*.py diff=evil\n"})
        at_commit(making, commit)
        for key in ("filter.evil.smudge", "filter.evil.clean", "filter.evil.process", "core.fsmonitor",
                    "diff.evil.command", "diff.evil.textconv", "diff.external"):  # fmt: skip
            making.git.configure(key, str(trap))
        making.git.configure("filter.evil.required", "true")
        hooks = making.root / ".git" / "hooks"
        hooks.mkdir(exist_ok=True)
        for hook in ("post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc"):
            shutil.copy(trap, hooks / hook)
        rebuilt = making.rebuild(run_id)
        assert rebuilt.verdict == "identical", rebuilt.journal
        assert making.left() == []
        assert not (making.root.parent / "sprung").exists()

    def test_fault_56_links_lead_nowhere(self, copied: tuple[Making, str], tmp_path: Path) -> None:
        """Neither the commit's, which are no links to the command, nor what the command itself links."""
        making, run_id = copied
        outside = tmp_path / "precious"
        outside.mkdir()
        (outside / "file").write_text("kept")
        (making.root / "file").symlink_to(outside / "file")
        (making.root / "folder").symlink_to(outside)
        making.git.git("add", "-A")
        at_commit(making, making.git.commit("Links"))
        code = (
            "import os\nassert not os.path.islink('file') and not os.path.isdir('folder')\n"
            f"open('file', 'w').write('lost')\nos.symlink({str(outside)!r}, 'mine')\n"
            f"os.symlink({str(outside)!r}, os.path.join(os.environ['HOME'], 'mine'))\n{TRAINS}"
        )
        as_command(making, run_id, "-c", code)
        rebuilt = making.rebuild(run_id)
        assert rebuilt.verdict == "identical", rebuilt.journal
        assert (outside / "file").read_text() == "kept"
        assert making.left() == []

    def test_a_commit_that_nobody_has_is_refused_where_it_is_insisted_on(
        self, copied: tuple[Making, str]
    ) -> None:
        making, run_id = copied
        at_commit(making, "f" * 40)
        rebuilt = insist(making, run_id)
        assert rebuilt.action.outcome is Outcome.REFUSED
        assert f"commit {'f' * 40} is not in this repository" in rebuilt.words
        assert remedy(rebuilt) == "fetch it from where it is, then plan again"
        nothing_left(making, rebuilt, run_id)

    def test_fault_47_a_commit_that_was_forced_away(self, copied: tuple[Making, str], tmp_path: Path) -> None:
        """Made again while its objects are there, also if they are cleaned up meanwhile; then it is gone."""
        making, run_id = copied
        git = making.git
        commit, remote = git.head(), GitProject(tmp_path / "remote", bare=True)
        git.git("remote", "add", "origin", str(remote.root))
        git.git("push", "-q", "origin", "main")
        git.git("commit", "-q", "--amend", "-m", "Another story")
        git.git("push", "-q", "--force", "origin", "main")
        assert git.git("branch", "--all", "--contains", commit) == ""
        go = tmp_path / "go"
        os.mkfifo(go)
        as_command(making, run_id, "-c", f"print('here', flush=True)\nopen({str(go)!r}).read()\n{TRAINS}")
        remote_found = checked(making, run_id)["remote"]
        assert remote_found.tick is not Tick.HOLDS
        assert not remote_found.blocking
        with making.opened() as project:
            action_id = begin(project, run_id)
            log = making.state / "rebuilds" / action_id / "run1" / "output.log"
            wait(lambda: log.exists() and b"here" in log.read_bytes())
            clean(git)
            go.write_text("")
            rebuilt = awaited(project, action_id)
        assert rebuilt.verdict == "identical", rebuilt.journal
        assert making.left() == []
        clean(git)  # nothing of ours holds it any more
        found = checked(making, run_id)["commit"]
        assert (found.tick, found.blocking) == (Tick.FAILS, True)
        assert f"commit {commit} is not in this repository" in found.detail
        again = insist(making, run_id)
        assert (again.action.outcome, again.verdict) == (Outcome.REFUSED, None)
        assert making.left() == []


def clean(git: GitProject) -> None:
    """Throw away what no reference leads to, as ``git gc`` does after some weeks."""
    git.git("reflog", "expire", "--expire=now", "--expire-unreachable=now", "--all")
    git.git("gc", "-q", "--prune=now")


class TestCommands:
    """Commands that do not end well, or not at all."""

    @pytest.mark.parametrize(
        ("settings", "code", "words"),
        [
            (
                "hours = 0.0004",
                "import threading; print('at work', flush=True); threading.Event().wait()",
                "the command failed: it was stopped after 1.44 s, the longest that it may take: at work",
            ),
            (
                "disk = 0.02",
                "import itertools, threading\nfor n in itertools.count():\n"
                "    open(f'f{n}', 'wb').write(b'x' * 1_000_000)\n    n > 60 and threading.Event().wait()",
                "of files: it may write 20 MB",
            ),
            (
                "memory = 0.2",
                "x = bytearray(400_000_000); import threading; threading.Event().wait()",
                "of memory: it may take 200 MB",
            ),
        ],
    )
    def test_what_takes_more_than_it_may_is_stopped(
        self, copied: tuple[Making, str], settings: str, code: str, words: str
    ) -> None:
        making, run_id = copied
        making.git.commit("Limits", {"mlops-dash.toml": f"[rebuild]\n{settings}\n"})
        as_command(making, run_id, "-c", code)
        rebuilt = making.rebuild(run_id)
        assert rebuilt.action.outcome is Outcome.FAILED
        assert words in rebuilt.words
        assert remedy(rebuilt).endswith(f"{rebuilt.action.plan.id}/run1/output.log")
        nothing_left(making, rebuilt, run_id)

    @pytest.mark.parametrize("code", ["open('/dev/tty')", "import getpass; getpass.getpass()"])
    def test_it_asks_the_terminal(self, copied: tuple[Making, str], code: str) -> None:
        """It has none, also where we have one."""
        making, run_id = copied
        as_command(making, run_id, "-c", code)
        rebuilt = making.rebuild(run_id)
        assert rebuilt.action.outcome is Outcome.FAILED
        assert "it exited with 1" in rebuilt.words
        nothing_left(making, rebuilt, run_id)

    def test_what_it_forks_ends_with_it(self, copied: tuple[Making, str], tmp_path: Path) -> None:
        """Also what has left its session, ignores being asked, and holds its output and its folder."""
        making, run_id = copied
        pids = tmp_path / "pids"
        code = (
            "import os, signal, threading\n"
            "for _ in range(3):\n"
            "    if os.fork() == 0:\n"
            "        os.setsid()\n"
            "        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "        if os.fork() == 0:\n"
            f"            print(os.getpid(), file=open({str(pids)!r}, 'a'), flush=True)\n"
            "            open('held', 'w'); threading.Event().wait()\n"
            f"        os._exit(0)\nwhile not os.path.exists({str(pids)!r}) or "
            f"len(open({str(pids)!r}).readlines()) < 3:\n    threading.Event().wait(0.01)\n{TRAINS}"
        )
        as_command(making, run_id, "-c", code)
        rebuilt = making.rebuild(run_id)
        assert rebuilt.verdict == "identical", rebuilt.journal
        wait(lambda: not any(Path("/proc", pid).exists() for pid in pids.read_text().split()))
        assert processes(rebuilt.action.plan.id) == []
        assert making.left() == []

    def test_a_flood_of_output(self, copied: tuple[Making, str]) -> None:
        """Its beginning and its end are kept, of a line without an end too, and the training comes out."""
        making, run_id = copied
        code = (
            "import sys\nprint('first')\nfor _ in range(1100): sys.stdout.write('x' * 65536)\n"
            f"print()\n{TRAINS}\nprint('last')"
        )
        as_command(making, run_id, "-c", code)
        rebuilt = making.rebuild(run_id)
        assert rebuilt.verdict == "identical", rebuilt.journal
        log = making.state / "rebuilds" / rebuilt.action.plan.id / "run1" / "output.log"
        content = log.read_bytes()
        assert len(content) < 51_000_000
        assert content.startswith(b"first\n")
        assert b"bytes are left out" in content
        with making.opened() as project:
            assert project.output(rebuilt.action.plan.id)[-1] == "last"

    def test_no_run_is_logged_where_it_is_looked_for(self, copied: tuple[Making, str]) -> None:
        """A script that names a store of its own: what it logged there stays, and that is told."""
        making, run_id = copied
        own = making.root.parent / "own.db"
        code = f"import mlflow\nmlflow.set_tracking_uri('sqlite:///{own}')\n{TRAINS}"
        as_command(making, run_id, "-c", code)
        rebuilt = making.rebuild(run_id)
        assert rebuilt.action.outcome is Outcome.FAILED
        assert "exited with 0 and logged no run to the team's tracking store" in rebuilt.words
        assert "let MLFLOW_TRACKING_URI say where" in remedy(rebuilt)
        assert own.exists()
        assert making.runs() == [run_id]
        nothing_left(making, rebuilt, run_id)

    @pytest.mark.parametrize(
        ("folder", "words"),
        [
            ("../../up", "../../up leads out of the project"),
            ("/etc", "/etc leads out of the project"),
            ("gone", "the folder gone, where the command starts, is not in the commit"),
        ],
    )
    def test_a_folder_that_it_cannot_start_in(
        self, copied: tuple[Making, str], folder: str, words: str
    ) -> None:
        making, run_id = copied
        making.tag(run_id, folder=folder, files="[]")
        rebuilt = making.rebuild(run_id)
        assert rebuilt.action.outcome is Outcome.FAILED
        assert words in rebuilt.words
        nothing_left(making, rebuilt, run_id)
