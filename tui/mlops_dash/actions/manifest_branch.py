"""A manifest as a remote's branch has it now, and who changed its field last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from mlops_dash.actions.git_objects import Spot, content, spot
from mlops_dash.actions.git_remote import Remote
from mlops_dash.actions.manifest_text import value_at
from mlops_dash.domain.text import visible
from mlops_dash.errors import RefusedError
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.manifest_history import MOST, FieldChange, changes, cut_commits
from mlops_dash.sources.manifest_tree import LARGEST, ManifestError, decoded

_TRIES = 12  # fetches of a branch that moves all the time
_LOOKED_AT = 50  # commits that touch the file, to find who changed the field; more where they did not


@dataclass(frozen=True, slots=True)
class Seen:
    """The manifest at the tip of the branch.

    Attributes:
        text: the whole of it.
        value: the field's text.
    """

    tip: str
    where: Spot
    text: str
    value: str


class ManifestBranch:
    """A field of a manifest on a branch of a remote; all three are checked by the caller."""

    def __init__(self, remote: Remote, branch: str, path: str, field: str) -> None:
        self.remote = remote
        self.ref = f"refs/heads/{branch}"
        self._path, self._field = path, field

    def seen(self) -> Seen:
        """Return the manifest as it is now.

        Raises:
            RefusedError: it is not there, or not what the configuration says.
            GitError: the remote does not answer.
        """
        tip = self._tip()
        where = spot(self.remote.git, tip, self._path)
        try:
            text = decoded(content(self.remote.git, where.blob, LARGEST))
            return Seen(tip, where, text, value_at(text, self._path, self._field))
        except ManifestError as problem:
            raise misfit(self._path, problem) from None

    def holds(self, commit: str, tip: str) -> bool:
        """Tell whether a commit is in the branch's history, now that it is at ``tip``.

        Raises:
            GitError: the remote does not answer.
        """
        if tip == commit:
            return True
        return self.remote.bring([tip], [self.ref]) and self.remote.leads_to(commit, tip)

    def last_change(self, seen: Seen) -> FieldChange | None:
        """Return the commit that changed the field last, ``None`` where that is too long ago to be found.

        Raises:
            GitError: the history cannot be read.
        """
        cut = cut_commits(self.remote.place.common)
        for limit in (_LOOKED_AT, MOST):
            found = changes(self.remote.git, seen.tip, self._path, self._field, limit=limit, cut=cut)
            if found:
                return found[0]
        return None

    def _tip(self) -> str:
        for _ in range(_TRIES):
            tip = self.remote.refs(self.ref).get(self.ref)
            if tip is None:
                branch = visible(self.ref.removeprefix("refs/heads/"), 100)
                raise RefusedError(
                    f"{self.remote.name} has no branch {branch}", "correct branch in the configuration"
                )
            if self.remote.bring([tip], [self.ref]):
                return tip
        raise GitError(f"{self.remote.name} changes faster than it can be fetched", "try again")


def misfit(path: str, problem: ManifestError) -> RefusedError:
    """Return the refusal to touch a manifest that is not what the configuration says."""
    return RefusedError(
        f"{visible(path, 200)} {problem}; it was not touched",
        "correct the file, or path and field under [environments.NAME.target]",
    )


def told(change: FieldChange) -> str:
    """Say which commit made a change, by whom and when."""
    at = ""
    if change.at is not None and 0 <= change.at < 1 << 43:
        at = f", {datetime.fromtimestamp(change.at / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    return f"commit {change.commit[:7]} by {visible(change.author, 80)}{at}, “{visible(change.subject, 100)}”"
