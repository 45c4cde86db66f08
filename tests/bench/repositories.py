"""A large Git repository, written by ``git fast-import``: as many commits, the same hashes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

SIDE_EVERY = 50  # a branch of one commit is merged so often
TAG_EVERY = 4_000
_FIRST_COMMIT_AT = 1_600_000_000
_TRAIN = "import mlflow\n\nmlflow.log_metric('rmse', {number})\n"
_BODY = "\n\nThe reader takes the column types from the header.\nReviewed-by: dev{reviewer}\n"


def make_repository(path: Path, commits: int) -> None:
    """Write a new repository of ``commits`` commits with merges and tags, its working tree laid out."""
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--initial-branch=main")
    stream = "".join(_stream(commits)).encode()
    subprocess.run(["git", "fast-import", "--quiet"], cwd=path, input=stream, check=True)
    git(path, "reset", "--quiet", "--hard", "main")
    git(path, "gc", "--quiet")


def commits_of(path: Path, number: int) -> tuple[str, ...]:
    """Return ``number`` commits of the main branch, spread over its newer half, the oldest first."""
    hashes = git(path, "rev-list", "--first-parent", "--reverse", "main").split()
    half = hashes[len(hashes) // 2 :]
    stride = max(1, len(half) // number)
    return tuple(half[::stride][-number:])


def add_commit(path: Path) -> str:
    """Commit a small change on the main branch and return its hash."""
    with (path / "train.py").open("a") as file:
        file.write("# one more line\n")
    git(
        path,
        "-c",
        "user.name=dev1",
        "-c",
        "user.email=dev1@example.com",
        "commit",
        "--quiet",
        "-am",
        "One more line",
    )
    return git(path, "rev-parse", "HEAD").strip()


def git(path: Path, *arguments: str) -> str:
    """Run git in ``path`` and return its output."""
    return subprocess.run(["git", *arguments], cwd=path, check=True, capture_output=True, text=True).stdout


def _stream(commits: int) -> Iterator[str]:
    yield "reset refs/heads/main\n"
    yield _commit(1, None, None, "mlflow.db*\n", ".gitignore")
    last, mark = 1, 2
    while mark <= commits:
        merged = None
        if mark % SIDE_EVERY == 0 and mark < commits:
            yield _commit(mark, last, None, _TRAIN.format(number=mark), "side.py", "refs/heads/side")
            merged, mark = mark, mark + 1
        yield _commit(mark, last, merged, _TRAIN.format(number=mark), "train.py")
        if mark % TAG_EVERY == 0:
            yield f"reset refs/tags/v{mark // TAG_EVERY}\nfrom :{mark}\n\n"
        last, mark = mark, mark + 1


def _commit(
    mark: int, parent: int | None, merged: int | None, text: str, file: str, ref: str = "refs/heads/main"
) -> str:
    who = f"dev{mark % 12} <dev{mark % 12}@example.com> {_FIRST_COMMIT_AT + mark * 3600} +0100"
    message = f"Scale the features of batch {mark}" + _BODY.format(reviewer=mark % 7)
    lines = [f"commit {ref}", f"mark :{mark}", f"author {who}", f"committer {who}", _data(message)]
    lines += [f"from :{parent}"] if parent else []
    lines += [f"merge :{merged}"] if merged else []
    lines += [f"M 100644 inline {file}", _data(text), ""]
    return "\n".join(lines)


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}"
