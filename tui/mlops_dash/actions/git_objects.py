"""Makes Git objects without a working tree or an index: neither filters nor hooks have a part in it."""

from __future__ import annotations

from dataclasses import dataclass

from mlops_dash.domain.text import visible
from mlops_dash.errors import RefusedError
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.git_runner import GitRunner, hashes, is_hash

_FILES = (b"100644", b"100755", b"100664")
_KINDS = {b"120000": "a symbolic link", b"160000": "a submodule"}
_LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class Spot:
    """A file in a commit.

    Attributes:
        trees: the trees from the top to the folder of the file, each as its entries (mode, kind, hash, name).
        blob: its content's hash.
    """

    path: str
    trees: tuple[tuple[tuple[bytes, bytes, bytes, bytes], ...], ...]
    blob: str


def spot(git: GitRunner, commit: str, path: str) -> Spot:
    """Find a file in a commit; links are not followed.

    Raises:
        RefusedError: it is not there, or no file.
        GitError: the repository cannot be read.
    """
    names = path.encode("utf-8").split(b"/")
    tree = f"{hashes(commit)[0]}^{{tree}}"
    trees: list[tuple[tuple[bytes, bytes, bytes, bytes], ...]] = []
    shown = visible(path, 200)
    for depth, name in enumerate(names):
        entries = tuple(_entries(git, tree))
        trees.append(entries)
        found = next((entry for entry in entries if entry[3] == name), None)
        last = depth == len(names) - 1
        if found is None:
            raise RefusedError(f"there is no {shown} in {commit[:7]}", "correct path in the configuration")
        mode, kind, tree_bytes, _ = found
        if mode in _KINDS:
            here = visible("/".join(path.split("/")[: depth + 1]), 200)
            raise RefusedError(
                f"{here} is {_KINDS[mode]}: it is not followed", "name the file that it leads to"
            )
        if (last and mode not in _FILES) or (not last and kind != b"tree"):
            raise RefusedError(f"{shown} is no file in {commit[:7]}", "correct path in the configuration")
        tree = tree_bytes.decode("ascii")
    return Spot(path, tuple(trees), tree)


def _entries(git: GitRunner, tree: str) -> list[tuple[bytes, bytes, bytes, bytes]]:
    listed = git.run("ls-tree", "-z", "--full-tree", tree)
    found = []
    for line in listed.split(b"\0"):
        facts, tab, name = line.partition(b"\t")
        if tab:
            mode, kind, sha = facts.split(b" ")
            found.append((mode, kind, sha, name))
    return found


def content(git: GitRunner, blob: str, limit: int) -> bytes:
    """Return a file's content, or a little more than ``limit`` bytes of it.

    Raises:
        GitError: it is not here.
    """
    size = int(git.run("cat-file", "-s", *hashes(blob)) or b"0")
    if size > limit:
        return b" " * (limit + 1)
    return git.run("cat-file", "blob", *hashes(blob))


def commit_with(git: GitRunner, base: str, where: Spot, data: bytes, message: str) -> str:
    """Make a commit on ``base`` that differs in one file's content only, and return it. No ref leads to it.

    Raises:
        RefusedError: Git does not know who the user is.
        GitError: it could not be written.
    """
    child = _hash(git.run("hash-object", "-w", "-t", "blob", "--stdin", stdin=data))
    names = where.path.encode("utf-8").split(b"/")
    for entries, name in zip(reversed(where.trees), reversed(names), strict=True):
        lines = [
            b"%s %s %s\t%s\0" % (mode, kind, child.encode() if entry == name else sha, entry)
            for mode, kind, sha, entry in entries
        ]
        child = _hash(git.run("mktree", "-z", "--missing", stdin=b"".join(lines)))
    commit = _hash(git.run("commit-tree", "-p", *hashes(base), *hashes(child), stdin=text_of(message)))
    changed = git.run(
        "diff-tree",
        "-r",
        "-z",
        "--raw",
        "--no-renames",
        "--no-ext-diff",
        "--abbrev=64",
        *hashes(base, commit),
    ).split(b"\0")
    paths = changed[1::2]
    before, after = [*changed[0].split(b" "), b"", b""][:2]
    if paths != [where.path.encode("utf-8")] or before.lstrip(b":") != after:
        raise GitError(f"the commit would change more than {visible(where.path, 200)}: it was not pushed")
    return commit


def tag_object(git: GitRunner, commit: str, name: str, tagger: str, message: str) -> str:
    """Make an annotated tag and return its object's name. No ref leads to it.

    Raises:
        GitError: it could not be written.
    """
    head = f"object {hashes(commit)[0]}\ntype commit\ntag {name}\ntagger {tagger}\n\n".encode()
    return _hash(git.run("mktag", stdin=head + text_of(message)))


def text_of(message: str) -> bytes:
    """Return a message as commits and tags hold it: no control characters, one line end at the end."""
    lines = [visible(line) for line in message[:_LONGEST].split("\n")]
    return ("\n".join(lines).strip() + "\n").encode("utf-8")


def _hash(output: bytes) -> str:
    name = output.decode("ascii", "replace").strip()
    if not is_hash(name):
        raise GitError("git did not say what it made")
    return name
