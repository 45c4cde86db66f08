"""What the recorder notes of a run, seen from the run's own process."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_dash.domain.recorded import Recorded, from_tags
from recorder.conftest import SCRIPT, Noting, value


def recorded(tags: dict[str, str]) -> Recorded:
    found = from_tags(tags)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("options", "words", "argv"),
    [
        ((), ("train.py", "--alpha", "0.5", "a b"), ["train.py", "--alpha", "0.5", "a b"]),
        (("-u", "-W", "ignore", "-Xutf8"), ("train.py", "-m"), ["train.py", "-m"]),
        ((), ("-m", "jobs.fit", "--seed=1"), ["-m", "jobs.fit", "--seed=1"]),
        ((), ("./train.py", "--", "$(rm -rf /)", "; x"), ["train.py", "--", "$(rm -rf /)", "; x"]),
        ((), ("train.py", "größe=1", "--name=x\ny"), ["train.py", "größe=1", "--name=x\ny"]),
    ],
)
def test_the_command_as_it_was_given(
    noting: Noting, options: tuple[str, ...], words: tuple[str, ...], argv: list[str]
) -> None:
    assert value(noting(*words, options=options), "argv") == argv


def test_a_script_is_named_from_its_folder(noting: Noting) -> None:
    tags = noting("../train.py", folder="jobs")
    assert value(tags, "argv") == ["../train.py"]
    assert tags["mlops-dash.folder"] == "jobs"
    tags = noting(str(noting.root / "train.py"), "--all")
    assert value(tags, "argv") == ["train.py", "--all"]
    assert tags["mlops-dash.folder"] == "."


def test_from_outside_of_the_repository_it_is_named_from_its_top(noting: Noting) -> None:
    tags = noting(str(noting.root / "jobs" / "fit.py"), folder="..")
    assert value(tags, "argv") == ["jobs/fit.py"]
    assert tags["mlops-dash.folder"] == "."


def test_a_program_of_the_environment(noting: Noting, tmp_path: Path) -> None:
    """One that pip installed beside the interpreter, as ``[project.scripts]`` declares them."""
    program = Path(sys.executable).with_name(f"mlops-dash-test-{tmp_path.name}")
    program.write_text(f"#!{sys.executable}\n{SCRIPT}")
    program.chmod(0o755)
    try:
        tags = noting(program=str(program))
    finally:
        program.unlink()
    assert value(tags, "argv") == [f"@{program.name}"]
    assert tags["mlflow.source.git.commit"] == noting.git.head()


def test_what_is_no_command_is_not_noted(noting: Noting) -> None:
    tags = noting("-c", SCRIPT)
    assert "mlops-dash.argv" not in tags
    assert tags["mlops-dash.recorder"] == "1"
    assert tags["mlops-dash.folder"] == "."


def test_a_clean_tree(noting: Noting) -> None:
    tags = noting()
    assert tags["mlops-dash.dirty"] == "false"
    assert tags["mlflow.source.git.commit"] == noting.git.head()
    assert not [key for key in tags if ".diff" in key]


def test_what_a_training_writes_itself_is_no_change(noting: Noting) -> None:
    noting.git.write("mlruns/0/meta.yaml", "x")
    noting.git.write("mlflow.db", "x")
    noting.git.write("mlflow.db-wal", "x")
    noting.git.write("jobs/__pycache__/fit.cpython-311.pyc", "x")
    noting.git.write("ignored.bin", "x")
    noting.git.write(".git/info/exclude", "ignored.bin\n")
    assert noting()["mlops-dash.dirty"] == "false"


def test_a_difference_makes_the_same_tree_again(noting: Noting, tmp_path: Path) -> None:
    git = noting.git
    git.commit("Files", {"old.txt": "old\n", "gone.txt": "gone\n", "umlaut ä.txt": "ä\n"})
    git.write("staged.txt", "staged\n")
    git.git("add", "staged.txt")
    git.write("old.txt", "new\n")
    git.write("umlaut ä.txt", "ö\n")
    git.write("new/ü b.txt", "new file\n")
    git.write("-oops", "starts like an option\n")
    (noting.root / "gone.txt").unlink()
    (noting.root / "data.bin").write_bytes(bytes(range(256)))
    index = (noting.root / ".git" / "index").read_bytes()
    objects = sorted(path for path in (noting.root / ".git" / "objects").rglob("*"))

    found = recorded(noting())

    assert (noting.root / ".git" / "index").read_bytes() == index
    assert sorted(path for path in (noting.root / ".git" / "objects").rglob("*")) == objects
    assert found.dirty is True
    assert found.omitted is None
    assert found.patch is not None
    assert found.patch_sha256 == hashlib.sha256(found.patch).hexdigest()
    other = tmp_path / "other"
    git.git("worktree", "add", "-q", str(other), "HEAD")
    subprocess.run(["git", "apply", "--binary", "-"], cwd=other, input=found.patch, check=True)
    assert files(other) == files(noting.root)


def test_a_file_that_was_changed_in_the_moment_of_the_commit(noting: Noting) -> None:
    """Git sees no other time or size: it looks into what was written as late as its index."""
    noting.git.git("config", "core.trustctime", "false")
    file, index = noting.root / "old.txt", noting.root / ".git" / "index"
    noting.git.write("old.txt", "old\n")
    os.utime(file, (1e9, 1e9))
    noting.git.git("add", "-A")
    noting.git.commit("Files")
    noting.git.write("old.txt", "new\n")
    noting.git.write("more.txt", "a new file\n")
    for path in (file, index):
        os.utime(path, (1e9, 1e9))
    found = recorded(noting())
    assert found.patch is not None
    assert b"+new" in found.patch
    assert b"+a new file" in found.patch


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(root).parts
    }


def test_a_new_file_that_is_large_is_told_not_kept(noting: Noting) -> None:
    noting.git.write("large.csv", "x" * 200_000)
    noting.git.write("small.py", "pass\n")
    found = recorded(noting())
    assert found.patch is not None
    assert b"small.py" in found.patch
    assert b"large.csv" not in found.patch
    assert found.omitted == "1 new file too large to be kept"


def test_a_vast_difference_is_told_by_its_hash_alone(noting: Noting) -> None:
    noise = b"".join(hashlib.sha256(bytes([number % 256, number // 256])).digest() for number in range(9000))
    noting.git.commit("Large", {"noise.txt": ""})
    (noting.root / "noise.txt").write_bytes(noise)
    found = recorded(noting())
    assert found.dirty is True
    assert found.patch is None
    assert found.patch_sha256 is not None
    assert found.omitted == "it is too large"


def test_outside_of_any_repository(tmp_path: Path, noting: Noting) -> None:
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "train.py").write_text(SCRIPT)
    tags = noting("train.py", folder="../alone")
    found = recorded(tags)
    assert found.argv == ("train.py",)
    assert found.dirty is None
    assert "mlflow.source.git.commit" not in tags


def test_packages_are_those_that_pip_lists(noting: Noting) -> None:
    import importlib.metadata

    found = recorded(noting())
    listed = {}
    for one in importlib.metadata.distributions():
        name = one.metadata["Name"].lower().replace("_", "-").replace(".", "-")
        listed.setdefault(name, one.version)
    assert {name: found.packages.get(name) for name in listed} == listed
    assert found.packages_sha256 == recorded(noting("-m", "jobs.fit")).packages_sha256
    assert found.python == ".".join(map(str, sys.version_info[:3]))


def test_packages_that_no_index_had(noting: Noting, tmp_path: Path) -> None:
    """Installers note by PEP 610 where they took them from: the project itself, Git, or somewhere else."""
    site = tmp_path / "site"
    urls = {
        "own-1.0": {"url": noting.root.as_uri(), "dir_info": {"editable": True}},
        "lib-2.0": {"url": (noting.root / "libs" / "l i b").as_uri(), "dir_info": {}},
        "Team.Tool-3.0": {"url": "https://git.example/tool", "vcs_info": {"vcs": "git", "commit_id": "ab12"}},
        "secret-4.0": {"url": "https://me:hunter2-hunter2@git.example/x", "vcs_info": {"commit_id": "ab12"}},
        "other-5.0": {"url": "file:///elsewhere/other", "dir_info": {}},
        "broken-6.0": [],
    }
    for name, told in urls.items():
        (site / f"{name}.dist-info").mkdir(parents=True)
        (site / f"{name}.dist-info" / "direct_url.json").write_text(json.dumps(told))
    found = recorded(noting(PYTHONPATH=str(site)))
    assert {name: origin for name, origin in found.origins.items() if name != "mlops-dash"} == {
        "own": "folder:.",
        "lib": "folder:libs/l i b",
        "team-tool": "git+https://git.example/tool@ab12",
        "secret": "",
        "other": "",
        "broken": "",
    }
    assert found.packages["own"] == "1.0"


def test_variables_and_hardware(noting: Noting) -> None:
    found = recorded(noting(OMP_NUM_THREADS="3", PYTHONHASHSEED="7", HOME_OF_NOTHING="x"))
    assert found.variables is not None
    assert found.variables["OMP_NUM_THREADS"] == "3"
    assert found.variables["PYTHONHASHSEED"] == "7"
    assert "HOME_OF_NOTHING" not in found.variables
    assert int(found.hardware["cpus"]) >= 1
    assert int(found.hardware["memory"]) > 1e6


def test_files_that_the_command_names(noting: Noting) -> None:
    noting.git.write("data/a.csv", "a\n")
    (noting.root / "big.bin").write_bytes(b"\0" * 9_000_000)
    tags = noting("train.py", "--data=data/a.csv", "big.bin", "absent.csv", "0.5")
    assert value(tags, "files") == [
        ["data/a.csv", 2, hashlib.sha256(b"a\n").hexdigest()],
        ["big.bin", 9_000_000, None],
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("--token=hunter2-hunter2",),
        ("--token", "hunter2-hunter2"),
        ("--db", "postgresql://me:hunter2-hunter2@host/db"),
        ("--api-key", "hunter2-hunter2"),
        ("password=hunter2-hunter2",),
        ("hunter2-hunter2",),  # the value of a variable that holds a secret
    ],
)
def test_no_secret_is_noted(noting: Noting, words: tuple[str, ...]) -> None:
    noting.git.write("settings.py", "PASSWORD = 'hunter2-hunter2'\n")
    tags = noting("train.py", *words, MY_API_TOKEN="hunter2-hunter2", SEED="hunter2-hunter2")
    assert "hunter2" not in str(tags)
    found = recorded(tags)
    assert found.withheld
    assert found.patch is None
    assert found.omitted == "something in it looks like a secret"
    assert b"settings.py" not in (found.patch or b"")


def test_hostile_repository_runs_nothing(noting: Noting, tmp_path: Path) -> None:
    """Fault 55: what a repository configures is not run."""
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    for key in ("core.fsmonitor", "diff.external", "core.pager"):
        noting.git.configure(key, str(trap))
    noting.git.write("train.py", SCRIPT + "#\n")
    assert recorded(noting()).dirty is True
    assert not (tmp_path / "sprung").exists()


def test_without_git_the_rest_is_noted(noting: Noting, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    found = recorded(noting(PATH=str(tmp_path / "none")))
    assert found.argv == ("train.py",)
    assert found.dirty is None


@pytest.mark.campaign
def test_mlflow_finds_it_and_it_can_be_switched_off(noting: Noting) -> None:
    noting.git.commit("Real", {
        "real.py": "import json, mlflow\n"
        "mlflow.set_tracking_uri('sqlite:///mlflow.db')\n"
        "with mlflow.start_run() as run:\n"
        "    mlflow.log_param('a', 1)\n"
        "print(json.dumps(mlflow.get_run(run.info.run_id).data.tags))\n"
    })  # fmt: skip
    tags = noting("real.py", "--alpha", "1")
    assert value(tags, "argv") == ["real.py", "--alpha", "1"]
    assert tags["mlflow.source.name"] == "real.py"
    assert recorded(tags).packages
    off = noting("real.py", MLOPS_DASH_RECORDER="off")
    assert not [key for key in off if key.startswith("mlops-dash.")]
