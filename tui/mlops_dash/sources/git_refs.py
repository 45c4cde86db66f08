"""Branches, remote branches and tags of a repository, and which of them is the main branch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlops_dash.sources.base import Apply, Batch
from mlops_dash.sources.columns import Columns
from mlops_dash.sources.git_history import milliseconds
from mlops_dash.sources.git_place import GitPlace
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.git_runner import GitRunner, is_hash

_KINDS = (("refs/heads/", "branch"), ("refs/remotes/", "remote"), ("refs/tags/", "tag"))
_FIELDS = (
    "refname", "objecttype", "objectname", "*objecttype", "*objectname",
    "taggername", "taggerdate:unix", "contents:subject", "symref",
)  # fmt: skip
_USUAL_NAMES = ("main", "master", "trunk", "develop")
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch or tag.

    Attributes:
        name: without ``refs/heads/`` and the like.
        kind: ``branch``, ``remote`` or ``tag``.
        commit: the commit it leads to, ``None`` for a tag on something else.
        tagger, tagged_at, message: of annotated tags; time in milliseconds.
    """

    name: str
    kind: str
    commit: str | None
    tagger: str | None = None
    tagged_at: int | None = None
    message: str | None = None

    @property
    def annotated(self) -> bool:
        """Whether it is a tag object of its own, with tagger and time."""
        return self.tagged_at is not None


@dataclass(frozen=True, slots=True)
class Refs:
    """All refs of a repository at one moment.

    Attributes:
        head: the commit that is checked out, ``None`` before the first one.
        head_branch: the branch that is checked out, ``None`` when HEAD is detached.
        remote_heads: what each remote calls its main branch: ``origin`` to ``origin/main``.
        damage: why some are left out: what they lead to is missing.
    """

    refs: tuple[Ref, ...]
    head: str | None
    head_branch: str | None
    remote_heads: dict[str, str]
    damage: GitError | None = None

    def commit_of(self, name: str) -> str | None:
        """Return the commit of the branch ``name``, of a remote branch if no local one has that name."""
        for kind in ("branch", "remote"):
            for ref in self.refs:
                if ref.kind == kind and ref.name == name:
                    return ref.commit
        return None

    def by_name(self) -> dict[str, str | None]:
        """Return the commit of each ref by ``kind/name``."""
        return {f"{ref.kind}/{ref.name}": ref.commit for ref in self.refs}

    def tips(self) -> list[str]:
        """Return the commits that refs and HEAD lead to, the checked-out one first, each once."""
        commits = [self.head, *(ref.commit for ref in self.refs)]
        return list(dict.fromkeys(commit for commit in commits if commit))


def read_refs(runner: GitRunner, place: GitPlace) -> Refs:
    """Read all branches and tags with one command.

    Raises:
        GitError: the repository cannot be read.
    """
    patterns = [prefix.rstrip("/") for prefix, _ in _KINDS]
    fields = "%00".join(f"%({name})" for name in _FIELDS)
    damage = None
    try:
        output = runner.run("for-each-ref", f"--format={fields}%00", *patterns, deadline=30.0)
    except GitError as error:
        if not error.damaged:
            raise
        damage = error
        output = _without_objects(runner, patterns)
    rows = [
        line.decode("utf-8", "replace").split("\0")[: len(_FIELDS)] for line in output.split(b"\0\n") if line
    ]
    rows = [row for row in rows if len(row) == len(_FIELDS)]
    peeled = _peel(runner, [row[2] for row in rows if row[3] == "tag"])
    refs = []
    remote_heads = {}
    for name, kind, obj, inner_kind, inner, tagger, tagged_at, subject, symref in rows:
        prefix, what = next(pair for pair in _KINDS if name.startswith(pair[0]))
        short = name.removeprefix(prefix)
        if what == "remote" and symref:
            remote_heads[short.removesuffix("/HEAD")] = symref.removeprefix(prefix)
            continue
        commit = obj if kind == "commit" else inner if inner_kind == "commit" else peeled.get(obj)
        tag = kind == "tag"
        message = subject[:_LONGEST] if tag else None
        at = (milliseconds([tagged_at])[0] or 0) if tag else None
        refs.append(Ref(short, what, commit, tagger if tag else None, at, message))
    head, branch = _head(runner, place, refs)
    return Refs(tuple(refs), head, branch, remote_heads, damage)


def _without_objects(runner: GitRunner, patterns: Sequence[str]) -> bytes:
    """Return refs whose commits exist, in a repository where some do not."""
    listed = runner.run("for-each-ref", "--format=%(refname)%00%(objectname)", *patterns)
    pairs = [line.split(b"\0") for line in listed.splitlines()]
    kinds = object_kinds(runner, [pair[1].decode() for pair in pairs])
    rows = []
    for name, obj in pairs:
        if kinds.get(obj.decode()) == "commit":
            rows.append(b"\0".join([name, b"commit", obj, b"", b"", b"", b"", b"", b"", b"\n"]))
    return b"".join(rows)


def object_kinds(runner: GitRunner, names: Sequence[str]) -> dict[str, str]:
    """Return the type of each named object that exists, without reading any."""
    wanted = [name for name in names if is_hash(name)]
    if not wanted:
        return {}
    answer = runner.run(
        "cat-file", "--batch-check=%(objectname) %(objecttype)", stdin="\n".join(wanted).encode() + b"\n"
    )
    pairs = [line.split(" ") for line in answer.decode("ascii", "replace").splitlines()]
    return {name: kind for name, kind in pairs if kind != "missing"}


def _peel(runner: GitRunner, tags: Sequence[str]) -> dict[str, str]:
    """Return the commit under each tag of a tag."""
    if not tags:
        return {}
    asked = "".join(f"{tag}^{{commit}}\n" for tag in tags)
    answer = runner.run("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=asked.encode())
    lines = answer.decode("ascii", "replace").splitlines()
    pairs = zip(tags, lines, strict=False)
    return {tag: line.split(" ")[0] for tag, line in pairs if line.endswith(" commit")}


def _head(runner: GitRunner, place: GitPlace, refs: Sequence[Ref]) -> tuple[str | None, str | None]:
    text = place.head()
    if is_hash(text):
        return text, None
    if text.startswith("ref: refs/heads/") and not text.endswith("/.invalid"):
        branch = text.removeprefix("ref: refs/heads/")
        return next((ref.commit for ref in refs if ref.kind == "branch" and ref.name == branch), None), branch
    # other ways to store HEAD (reftable): git knows
    name = runner.run("symbolic-ref", "-q", "HEAD", accept=(0, 1)).decode("utf-8", "replace").strip()
    commit = runner.run("rev-parse", "-q", "--verify", "HEAD^{commit}", accept=(0, 1, 128)).decode().strip()
    return (commit if is_hash(commit) else None), name.removeprefix("refs/heads/") or None


def main_branch(runner: GitRunner, refs: Refs, configured: str | None) -> tuple[str | None, str | None]:
    """Return (name, commit) of the main branch.

    It is the configured one; else what the remote calls its HEAD; else the first of main, master, trunk and
    develop; else the one checked out. A local branch that is merely behind its remote one gives way to it.
    """
    if configured:
        return configured, refs.commit_of(configured)
    remote = _remote_head(refs)
    if remote:
        remote_commit = refs.commit_of(remote)
        local = remote.partition("/")[2]
        locals_ = (ref.commit for ref in refs.refs if ref.kind == "branch" and ref.name == local)
        local_commit = next(locals_, None)
        if local_commit and remote_commit and local_commit != remote_commit:
            only = runner.run("rev-list", "--count", "--max-count=1", local_commit, f"^{remote_commit}", "--")
            return (remote, remote_commit) if only.strip() == b"0" else (local, local_commit)
        if local_commit:
            return local, local_commit
        if remote_commit:
            return remote, remote_commit
    for prefix in ("", "origin/"):
        for name in _USUAL_NAMES:
            if commit := refs.commit_of(prefix + name):
                return prefix + name, commit
    return refs.head_branch, refs.head if refs.head_branch else None


def _remote_head(refs: Refs) -> str | None:
    if "origin" in refs.remote_heads or len(refs.remote_heads) != 1:
        return refs.remote_heads.get("origin")
    return next(iter(refs.remote_heads.values()))


def batches(refs: Refs, stored: Refs | None) -> Iterator[Batch]:
    """Yield what brings ``git_ref`` from ``stored`` (``None``: from anything) to ``refs``."""
    if stored is None:
        yield Batch("git_ref", _table(refs.refs), Apply.REPLACE)
        return
    names = {ref.name for ref in set(refs.refs) ^ set(stored.refs)}
    if names:
        rows = [ref for ref in refs.refs if ref.name in names]
        yield Batch("git_ref", _table(rows), Apply.REPLACE_WHERE, ("name",), tuple(names))


def _table(refs: Sequence[Ref]) -> Columns:
    return Columns(
        texts={
            "name": [ref.name for ref in refs],
            "kind": [ref.kind for ref in refs],
            "commit_hash": [ref.commit for ref in refs],
            "tagger": [ref.tagger for ref in refs],
            "message": [ref.message for ref in refs],
        },
        integers={"tagged_at": [ref.tagged_at for ref in refs]},
    )
