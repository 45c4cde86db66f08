"""Changes a manifest in Git in a commit of its own, pushed only where nobody changed the same meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from mlops_dash.actions.git_objects import Spot, commit_with, content, spot, text_of
from mlops_dash.actions.git_remote import Pushed, Remote
from mlops_dash.actions.hands import Context, Look, Note, Standing
from mlops_dash.actions.manifest_text import replaced, value_at
from mlops_dash.domain.manifests import is_branch, parse_field, path_problem, version_in
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, OutcomeUnknownError, RefusedError
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.manifest_history import FieldChange, changes, cut_commits, message_of
from mlops_dash.sources.manifest_tree import LARGEST, ManifestError, decoded

_ATTEMPTS = 12  # pushes that lose to unrelated ones before it is given up
_LOOKED_AT = 50  # commits that touch the file, to find who changed the field


@dataclass(frozen=True, slots=True)
class _Seen:
    """The manifest as the remote's branch has it now."""

    tip: str
    where: Spot
    text: str
    value: str


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
        self._ref = f"refs/heads/{self._branch}"

    def look(self) -> Look:
        """See what the remote's branch declares now, and who declared it."""
        try:
            remote = self._remote()
        except (RefusedError, GitError) as error:
            return Look(Standing.UNKNOWN, words=error.message)
        try:
            seen = self._seen(remote)
            last = self._last_change(remote, seen)
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
            words += f" since {_told(last)}"
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
            remote = self._remote()
            remote.identity()
            for attempt in range(1, _ATTEMPTS + 1):
                seen = self._seen(remote)
                if seen.value == after:
                    return self._there(remote, seen)
                if seen.value != before or (back and not self._is_ours(remote, seen)):
                    self._conflict(remote, seen, before)
                commit = self._commit(remote, seen, after, message)
                note(
                    f"commit {commit[:7]} sets {self._shown} to {visible(after, 100)};"
                    f" it is pushed on {seen.tip[:7]}",
                    {"commit": commit, "base": seen.tip, "attempt": attempt},
                )
                pushed = self._pushed(remote, commit, seen.tip)
                if pushed.done:
                    remote.track(self._branch, commit)
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

    def _pushed(self, remote: Remote, commit: str, base: str) -> Pushed:
        late = False
        try:
            pushed = remote.push(commit, self._ref, base)
            if pushed.done:
                return pushed
        except GitError as error:
            pushed, late = Pushed(False, reason=error.message), True
        try:
            now = remote.refs(self._ref).get(self._ref)
            if now is not None and (now == commit or self._holds(remote, now, commit)):
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

    def _holds(self, remote: Remote, tip: str, commit: str) -> bool:
        return (
            remote.bring([tip], [self._ref])
            and remote.git.answered("merge-base", "--is-ancestor", commit, tip).code == 0
        )

    def _commit(self, remote: Remote, seen: _Seen, after: str, message: str) -> str:
        try:
            text = replaced(seen.text, self._path, self._field, after)
        except ManifestError as problem:
            raise self._misfit(problem) from None
        return commit_with(remote.git, seen.tip, seen.where, text.encode("utf-8"), message)

    def _there(self, remote: Remote, seen: _Seen) -> Mapping[str, Any]:
        """What was wanted is there already: pushed by an earlier attempt of ours, or by somebody else."""
        last = self._last_change(remote, seen)
        remote.track(self._branch, seen.tip)
        evidence = self._evidence(remote, last.commit if last else seen.tip, value=seen.value)
        return {**evidence, "already": True, "author": visible(last.author, 100) if last else None}

    def _evidence(self, remote: Remote, commit: str, **more: Any) -> dict[str, Any]:
        where = {"remote": remote.address, "branch": self._branch, "path": self._path, "field": self._field}
        return {"commit": commit, **where, **more}

    # what is there

    def _remote(self) -> Remote:
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
        return Remote(self._context.repository, self._remote_name)

    def _seen(self, remote: Remote) -> _Seen:
        tip = self._tip(remote)
        where = spot(remote.git, tip, self._path)
        try:
            text = decoded(content(remote.git, where.blob, LARGEST))
            return _Seen(tip, where, text, value_at(text, self._path, self._field))
        except ManifestError as problem:
            raise self._misfit(problem) from None

    def _tip(self, remote: Remote) -> str:
        for _ in range(_ATTEMPTS):
            tip = remote.refs(self._ref).get(self._ref)
            if tip is None:
                raise RefusedError(
                    f"{remote.name} has no branch {visible(self._branch, 100)}",
                    "correct branch in the configuration",
                )
            if remote.bring([tip], [self._ref]):
                return tip
        raise GitError(f"{remote.name} changes faster than it can be fetched", "try again")

    def _misfit(self, problem: ManifestError) -> RefusedError:
        return RefusedError(
            f"{visible(self._path, 200)} {problem}; it was not touched",
            "correct the file, or path and field under [environments.NAME.target]",
        )

    def _changes(self, remote: Remote, seen: _Seen) -> Iterator[FieldChange]:
        cut = cut_commits(remote.place.common)
        yield from changes(remote.git, seen.tip, self._path, self._field, limit=_LOOKED_AT, cut=cut)

    def _last_change(self, remote: Remote, seen: _Seen) -> FieldChange | None:
        return next(self._changes(remote, seen), None)

    def _is_ours(self, remote: Remote, seen: _Seen) -> bool:
        last = self._last_change(remote, seen)
        return (
            last is not None
            and message_of(remote.git, last.commit).strip() == text_of(self._message).decode().strip()
            and bool(self._message.strip())
        )

    def _conflict(self, remote: Remote, seen: _Seen, before: str) -> NoReturn:
        last = self._last_change(remote, seen)
        by = f": {_told(last)}" if last is not None else ""
        raise RefusedError(
            f"{self._shown} is {visible(seen.value, 100)} on {remote.name}/{visible(self._branch, 100)},"
            f" not {visible(before, 100)} any more{by}"
            if seen.value != before
            else f"{self._shown} was set to {visible(seen.value, 100)} by somebody else{by}",
            "look at that change, then make a new plan; nothing was changed",
        )

    @property
    def _shown(self) -> str:
        return f"{visible(self._field, 100)} in {visible(self._path, 200)}"


def _told(change: FieldChange) -> str:
    at = ""
    if change.at is not None and 0 <= change.at < 1 << 43:
        at = f", {datetime.fromtimestamp(change.at / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    return f"commit {change.commit[:7]} by {visible(change.author, 80)}{at}, “{visible(change.subject, 100)}”"
