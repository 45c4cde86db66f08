"""Changes a manifest in Git in a commit of its own, pushed only where nobody changed the same meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from mlops_dash.actions.git_objects import commit_with, text_of
from mlops_dash.actions.git_remote import Pushed, Remote
from mlops_dash.actions.hands import Context, Look, Note, Standing
from mlops_dash.actions.manifest_branch import ManifestBranch, Seen, misfit, told
from mlops_dash.actions.manifest_text import replaced
from mlops_dash.domain.manifests import is_branch, parse_field, path_problem, version_in
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, OutcomeUnknownError, RefusedError
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.manifest_history import message_of
from mlops_dash.sources.manifest_tree import ManifestError

_ATTEMPTS = 12  # pushes that lose to unrelated ones before it is given up


class ManifestHand:
    """Does steps of kind ``manifest``.

    Arguments: ``path``, ``field``, ``branch``, ``remote``, ``value`` (its template), ``before`` and ``after``
    (the field's texts), ``base`` (the commit that the plan was made at), ``message`` (of the commit; it names
    the action, so that it tells our commit from every other).
    """

    def __init__(self, arguments: Mapping[str, Any], context: Context) -> None:
        self._path, self._field = str(arguments["path"]), str(arguments["field"])
        self._branch, self._remote_name = str(arguments["branch"]), str(arguments["remote"])
        self._template = str(arguments["value"])
        self._before, self._after = str(arguments["before"]), str(arguments["after"])
        self._message = str(arguments["message"])
        self._context = context

    def look(self) -> Look:
        """See what the remote's branch declares now, and who declared it."""
        try:
            branch = self._found()
        except (RefusedError, GitError) as error:
            return Look(Standing.UNKNOWN, words=error.message)
        try:
            seen = branch.seen()
            last = branch.last_change(seen)
        except GitError as error:
            return Look(Standing.UNKNOWN, words=error.message)
        except RefusedError as error:
            return Look(Standing.OTHER, words=error.message)
        standing = {self._before: Standing.BEFORE, self._after: Standing.AFTER}.get(
            seen.value, Standing.OTHER
        )
        evidence: dict[str, Any] = {"tip": seen.tip, "value": visible(seen.value, 200)}
        words = f"{self._shown} is {visible(seen.value, 100)}"
        if last is not None:
            evidence |= {"commit": last.commit, "author": visible(last.author, 100)}
            words += f" since {told(last)}"
        if standing is Standing.OTHER:
            words += f" (not {visible(self._before, 100)}, as planned)"
        return Look(
            standing,
            version_in(self._template, seen.value),
            visible(last.author, 100) if last else None,
            words,
            evidence=evidence,
        )

    def act(self, note: Note) -> Mapping[str, Any]:
        """Commit and push the change; on top of what others pushed meanwhile, unless it is the same field."""
        return self._change(self._before, self._after, self._message, note, back=False)

    def undo(self, note: Note) -> Mapping[str, Any]:
        """Commit and push the old value again, if ours is the last change of the field."""
        message = f"Take back: {self._message.strip() or 'a change of ' + self._path}\n"
        return self._change(self._after, self._before, message, note, back=True)

    # the work

    def _change(self, before: str, after: str, message: str, note: Note, *, back: bool) -> Mapping[str, Any]:
        if self._context.read_only:
            raise RefusedError("this is read-only: nothing is pushed", "start it without --read-only")
        try:
            branch = self._found()
            remote = branch.remote
            remote.identity()
            for attempt in range(1, _ATTEMPTS + 1):
                seen = branch.seen()
                if seen.value == after:
                    return self._there(branch, seen)
                if seen.value != before or (back and not self._is_ours(branch, seen)):
                    raise self._conflict(branch, seen, before)
                commit = self._commit(remote, seen, after, message)
                note(
                    f"commit {commit[:7]} sets {self._shown} to {visible(after, 100)};"
                    f" it is pushed on {seen.tip[:7]}",
                    {"commit": commit, "base": seen.tip, "attempt": attempt},
                )
                pushed = self._pushed(branch, commit, seen.tip)
                if pushed.done:
                    self._track(remote, commit)
                    return self._evidence(remote, commit, base=seen.tip, attempts=attempt, value=after)
                if not pushed.moved:
                    raise RefusedError(
                        f"{remote.name} refused the push to {visible(self._branch, 100)}: {pushed.reason}",
                        "a protected branch takes changes from those who may push to it,"
                        " or by a merge request; nothing was changed",
                    )
                note(
                    f"somebody else pushed to {visible(self._branch, 100)} first: tried again on top of it",
                    {},
                )
        except GitError as error:
            raise DashError(
                f"{visible(self._path, 200)} was not changed: {error.message}", error.remedy
            ) from error
        raise RefusedError(
            f"others push to {visible(self._branch, 100)} faster than this can: nothing was changed",
            "try again",
        )

    def _pushed(self, branch: ManifestBranch, commit: str, base: str) -> Pushed:
        remote, ref, late = branch.remote, branch.ref, False
        try:
            pushed = remote.push(commit, ref, base)
            if pushed.done:
                return pushed
        except GitError as error:
            pushed, late = Pushed(False, reason=error.message), True
        try:
            now = remote.refs(ref).get(ref)
            if now is not None and branch.holds(commit, now):
                return Pushed(True)
        except GitError as error:
            late, pushed = True, Pushed(False, reason=f"{pushed.reason}; {error.message}")
            now = base
        moved = pushed.moved or now != base
        if late and not moved:
            raise OutcomeUnknownError(
                f"commit {commit[:7]} was sent to {remote.name}, and what became of it is not known:"
                f" {pushed.reason}",
                f"git fetch {remote.name}, then git log {remote.name}/{self._branch} -- {self._path}",
            )
        return Pushed(False, moved, pushed.reason)

    def _commit(self, remote: Remote, seen: Seen, after: str, message: str) -> str:
        try:
            text = replaced(seen.text, self._path, self._field, after)
        except ManifestError as problem:
            raise misfit(self._path, problem) from None
        return commit_with(remote.git, seen.tip, seen.where, text.encode("utf-8"), message)

    def _track(self, remote: Remote, commit: str) -> None:
        with contextlib.suppress(GitError):  # it only saves a fetch
            remote.track(self._branch, commit)

    def _there(self, branch: ManifestBranch, seen: Seen) -> Mapping[str, Any]:
        """What was wanted is there already: pushed by an earlier attempt of ours, or by somebody else."""
        last, remote = branch.last_change(seen), branch.remote
        self._track(remote, seen.tip)
        evidence = self._evidence(remote, last.commit if last else seen.tip, value=seen.value)
        return {**evidence, "already": True, "author": visible(last.author, 100) if last else None}

    def _evidence(self, remote: Remote, commit: str, **more: Any) -> dict[str, Any]:
        where = {"remote": remote.address, "branch": self._branch, "path": self._path, "field": self._field}
        return {"commit": commit, **where, **more}

    # what is there

    def _found(self) -> ManifestBranch:
        problem = path_problem(self._path)
        if problem is not None:
            raise RefusedError(f"{visible(self._path, 200)} {problem}", "correct path in the configuration")
        if not is_branch(self._branch):
            raise RefusedError(
                f"“{visible(self._branch, 60)}” is no branch", "correct branch in the configuration"
            )
        try:
            parse_field(self._field)
        except ValueError as error:
            raise RefusedError(f"field {error}", "correct field in the configuration") from None
        remote = Remote(self._context.repository, self._remote_name)
        return ManifestBranch(remote, self._branch, self._path, self._field)

    def _is_ours(self, branch: ManifestBranch, seen: Seen) -> bool:
        last = branch.last_change(seen)
        return (
            last is not None
            and message_of(branch.remote.git, last.commit).strip() == text_of(self._message).decode().strip()
            and bool(self._message.strip())
        )

    def _conflict(self, branch: ManifestBranch, seen: Seen, before: str) -> RefusedError:
        last = branch.last_change(seen)
        by = f": {told(last)}" if last is not None else ""
        value, where = visible(seen.value, 100), f"{branch.remote.name}/{visible(self._branch, 100)}"
        changed = f"{self._shown} is {value} on {where}, not {visible(before, 100)} any more{by}"
        again = f"{self._shown} was set to {value} by somebody else{by}"
        return RefusedError(
            changed if seen.value != before else again,
            "look at that change, then make a new plan; nothing was changed",
        )

    @property
    def _shown(self) -> str:
        return f"{visible(self._field, 100)} in {visible(self._path, 200)}"
