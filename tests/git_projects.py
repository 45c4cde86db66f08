"""Real Git repositories for tests, made quickly and the same each time."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

_START = 1_700_000_000


class GitProject:
    """A repository to write to. Each commit is a minute after the one before."""

    def __init__(self, root: Path, *, bare: bool = False, branch: str = "main") -> None:
        self.root = root
        self.minutes = 0
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", branch, *(["--bare"] if bare else []))

    @classmethod
    def at(cls, root: Path) -> GitProject:
        """Take a repository that exists already."""
        project = cls.__new__(cls)
        project.root, project.minutes = root, 1000
        return project

    def git(self, *arguments: str, stdin: bytes | None = None, check: bool = True) -> str:
        """Run git as its user would and return what it prints."""
        at = f"{_START + 60 * self.minutes} +0000"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment |= {
            "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org", "GIT_AUTHOR_DATE": at,
            "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org", "GIT_COMMITTER_DATE": at,
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_ALLOW_PROTOCOL": "file:ssh", "LC_ALL": "C",
        }  # fmt: skip
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, env=environment, input=stdin, capture_output=True, check=False
        )
        if check and done.returncode:
            raise AssertionError(done.stderr.decode("utf-8", "replace"))
        return done.stdout.decode("utf-8", "replace").strip()

    def write(self, path: str, text: str) -> Path:
        """Write a file of the working tree."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def commit(self, subject: str = "Change", files: dict[str, str] | None = None) -> str:
        """Commit everything, after writing ``files``; return the commit."""
        self.minutes += 1
        for path, text in (files or {}).items():
            self.write(path, text)
        if files:
            self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.head()

    def raw_commit(self, body: bytes) -> str:
        """Store a commit object that git itself would not write."""
        return self.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=body)

    def tag(self, name: str, commit: str = "HEAD", message: str = "Tagged") -> None:
        """Make an annotated tag, a minute later."""
        self.minutes += 1
        self.git("tag", "-a", "-m", message, name, commit)

    def head(self) -> str:
        """Return the commit that is checked out."""
        return self.git("rev-parse", "HEAD")

    def configure(self, key: str, value: str) -> None:
        """Set something in the repository's own configuration."""
        self.git("config", key, value)


def many_commits(root: Path, count: int) -> GitProject:
    """Make a repository with a long history at once."""
    project = GitProject(root)
    lines = [b"blob\nmark :1\ndata 2\nx\n\n"]
    for number in range(count):
        who = b"Ada <ada@example.org> %d +0000" % (_START + number)
        subject = b"Commit %d" % number
        lines.append(
            b"commit refs/heads/main\nauthor %s\ncommitter %s\ndata %d\n%s\n"
            % (who, who, len(subject), subject)
        )
        if not number:
            lines.append(b"M 100644 :1 file\n")
    project.git("fast-import", "--quiet", stdin=b"".join(lines))
    return project


def bytes_of(*folders: Path) -> dict[str, str]:
    """Return every file and folder below, with a hash of its content, its mode and its time of change."""
    found: dict[str, str] = {}
    for folder in folders:
        for path in [folder, *sorted(folder.rglob("*"))]:
            status = path.lstat()
            content = b""
            if path.is_symlink():
                content = os.readlink(path).encode()
            elif path.is_file():
                content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            found[str(path)] = f"{digest} {status.st_mode:o} {status.st_mtime_ns}"
    return found


def log_of(project: GitProject, *revisions: str) -> list[str]:
    """Return the commits that git itself lists."""
    return project.git("rev-list", *(revisions or ("--all",))).split()
