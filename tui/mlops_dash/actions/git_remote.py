"""One remote of a repository, reached with the user's own rights.

The user's files, index, HEAD and branches stay as they are. Where reaching a remote would run a program that
the repository's own configuration names, it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mlops_dash.actions.git_orphans import end_orphans, noted
from mlops_dash.actions.git_writing import GitWriter
from mlops_dash.domain.manifests import is_remote
from mlops_dash.domain.secrets import scrub
from mlops_dash.domain.text import visible
from mlops_dash.errors import RefusedError
from mlops_dash.sources.git_place import GitPlace, find_place
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.git_runner import hashes, is_hash
from mlops_dash.sources.git_state import without_credentials

LOOK_WITHIN, FETCH_WITHIN, PUSH_WITHIN = 20.0, 60.0, 60.0
"""Seconds that a remote may take to list its refs, to send objects, to take a push."""

_PROGRAMS = re.compile(
    r"core\.(?:sshcommand|askpass|gitproxy)|credential(?:\..*)?\.helper|remote\..*\.(?:vcs|uploadpack|receivepack)",
    re.IGNORECASE | re.DOTALL,
)
_OWN = ("local", "worktree")
_VERDICT = re.compile(r"^([ +*=!-])\t([^\t]*)\t(.*)$", re.MULTILINE)
_MOVED = re.compile(
    r"stale info|cannot lock ref|failed to update ref|incorrect old value|reference already exists"
)


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a push, as far as git said.

    Attributes:
        done: the remote took it.
        moved: it did not, because the ref is not where it was thought to be.
        reason: why it did not.
    """

    done: bool
    moved: bool = False
    reason: str = ""


class Remote:
    """One remote of a repository.

    Args:
        repository: the repository's folder.
        name: the remote's name.

    Raises:
        RefusedError: there is no such remote, or reaching it would run a program that the repository names.
    """

    def __init__(self, repository: Path | None, name: str) -> None:
        place = find_place(repository) if repository is not None else None
        if place is None:
            raise RefusedError("there is no Git repository", "run it inside of one, or name one with --repo")
        if not is_remote(name):
            raise RefusedError(f"“{visible(name, 60)}” is no name of a remote", "git remote lists them")
        self.place: GitPlace = place
        self.name = name
        self.git = GitWriter(place.root)
        self.address = self._checked()
        end_orphans(place.root)

    def _checked(self) -> str:
        listed = self.git.run("config", "-z", "--show-scope", "--list").decode("utf-8", "surrogateescape")
        fields = listed.split("\0")
        urls: list[str] = []
        pushes: list[str] = []
        for scope, entry in zip(fields[::2], fields[1::2], strict=False):
            key, _, value = entry.partition("\n")
            if scope in _OWN and value and _PROGRAMS.fullmatch(key):
                raise RefusedError(
                    "the repository's own configuration names a program that a push would run"
                    f" ({visible(key, 100)})",
                    "if you trust it, set it in your own configuration: git config --global",
                )
            section, _, setting = key.rpartition(".")
            if section == f"remote.{self.name}" and value:
                urls += [value] if setting == "url" else []
                pushes += [value] if setting == "pushurl" else []
        if not urls:
            raise RefusedError(
                f"the repository has no remote {self.name}: nobody else would see the change",
                f"git remote add {self.name} ADDRESS",
            )
        if len(pushes or urls) > 1:
            raise RefusedError(
                f"{self.name} pushes to {len(pushes or urls)} addresses: they cannot change as one",
                f"git remote set-url --push {self.name} ADDRESS leaves one",
            )
        return visible(scrub(without_credentials(urls[0])), 200)

    def refs(self, *names: str) -> dict[str, str]:
        """Return what refs of the remote lead to now; a name may hold ``*``. Tags' commits end in ``^{}``.

        Raises:
            GitError: the remote does not answer.
        """
        said = self.git.answered(
            "ls-remote", "-q", "--end-of-options", self.name, *names, deadline=LOOK_WITHIN
        )
        if said.code:
            raise GitError(f"{self.name} does not answer: {said.reason}", _remedy(said.errors, self.name))
        pairs = (line.split("\t", 1) for line in said.output.splitlines())
        return {pair[1]: pair[0] for pair in pairs if len(pair) == 2 and is_hash(pair[0])}

    def bring(self, objects: Sequence[str], refs: Sequence[str]) -> bool:
        """See that objects that ``refs`` of the remote led to are here; no ref moves. Tell whether they are.

        Raises:
            GitError: the remote does not answer.
        """
        if self._has(objects):
            return True
        said = self.git.answered(
            "fetch", "-q", "--no-tags", "--no-write-fetch-head", "--refmap=", "--no-recurse-submodules",
            "--no-auto-gc", "--no-prune", "--end-of-options", self.name, *refs, deadline=FETCH_WITHIN,
        )  # fmt: skip
        if said.code and "couldn't find remote ref" not in said.errors:
            raise GitError(
                f"nothing could be fetched from {self.name}: {said.reason}", _remedy(said.errors, self.name)
            )
        return self._has(objects)

    def _has(self, objects: Sequence[str]) -> bool:
        asked = "".join(f"{name}\n" for name in hashes(*objects)).encode()
        answer = self.git.run("cat-file", "--batch-check=%(objecttype)", stdin=asked).decode(
            "ascii", "replace"
        )
        return all(not line.endswith(" missing") for line in answer.splitlines())

    def push(self, new: str, ref: str, expected: str | None) -> Pushed:
        """Move a ref of the remote to ``new`` if it is at ``expected``, or not there where that is ``None``.

        Raises:
            GitError: it took too long: what became of it is not known.
        """
        (new, *_) = hashes(new, *([expected] if expected else []))
        with noted(self.place.root):
            said = self.git.answered(
                "push", "--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no",
                "--no-signed", f"--force-with-lease={ref}:{expected or ''}", "--end-of-options", self.name,
                f"{new}:{ref}",
                deadline=PUSH_WITHIN, settings=((f"remote.{self.name}.mirror", "false"),),
            )  # fmt: skip
        verdict = _VERDICT.search(said.output)
        if verdict is None:
            return Pushed(False, reason=said.reason)
        if verdict[1] != "!":
            return Pushed(said.code == 0, reason=said.reason if said.code else "")
        told = visible(scrub(verdict[3]), 200)
        if "remote:" in said.errors:
            told = f"{told}: {said.reason}"
        return Pushed(False, _MOVED.search(verdict[3]) is not None, told)

    def track(self, branch: str, commit: str) -> None:
        """Let the branch's remote-tracking ref say what a fetch would, if a fetch would write it there.

        Raises:
            GitError: it could not be written.
        """
        ref = f"refs/remotes/{self.name}/{branch}"
        wanted = f"+refs/heads/*:refs/remotes/{self.name}/*"
        set_up = self.git.answered("config", "-z", "--get-all", f"remote.{self.name}.fetch").output.split(
            "\0"
        )
        now = self.git.answered("rev-parse", "-q", "--verify", "--end-of-options", ref).output.strip()
        if wanted in set_up and is_hash(now) and now != commit and self.leads_to(now, commit):
            self.git.run("update-ref", "-m", "mlops-dash: pushed", ref, *hashes(commit, now))

    def leads_to(self, older: str, newer: str) -> bool:
        """Tell whether one commit is in the history of another.

        Raises:
            GitError: one of them is not here.
        """
        said = self.git.answered("merge-base", "--is-ancestor", *hashes(older, newer))
        if said.code not in (0, 1):
            raise GitError(f"commits could not be compared: {said.reason}")
        return said.code == 0

    def identity(self, after: datetime | None = None) -> str:
        """Return who the user is to Git, with the time of now, as commits and tags hold it.

        Args:
            after: the time is a second later than this at least: Git's are whole seconds, and what reads
                changes in the order of their times is not to see two at once.

        Raises:
            RefusedError: Git was not told.
        """
        said = self.git.answered("var", "GIT_COMMITTER_IDENT")
        if said.code or not said.output.strip():
            raise RefusedError(
                "Git does not know who you are, and a change says who made it",
                'git config --global user.name "…" and user.email "…"',
            )
        who, _, at = said.output.strip().rpartition("> ")
        seconds, _, zone = at.partition(" ")
        if after is None or not seconds.isdecimal():
            return said.output.strip()
        return f"{who}> {max(int(seconds), int(after.timestamp()) + 1)} {zone}"


def _remedy(errors: str, remote: str) -> str:
    lowered = errors.lower()
    if any(
        word in lowered
        for word in ("permission denied", "authentication", "could not read username", "403", "401")
    ):
        return f"check your rights: git ls-remote {remote} must work without asking for anything"
    return f"try git ls-remote {remote}"
