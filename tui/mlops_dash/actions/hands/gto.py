"""Assigns a version to a GTO stage: one more annotated tag, pushed only where nobody else made it first."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from mlops_dash.actions.git_objects import tag_object, text_of
from mlops_dash.actions.git_remote import Pushed, Remote
from mlops_dash.actions.gto_stage import TAGS, Seen, Tag, number, see_stage
from mlops_dash.actions.hands import Context, Look, Note, Standing
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, OutcomeUnknownError, RefusedError
from mlops_dash.sources.git_process import GitError
from mlops_dash.sources.git_runner import hashes, is_hash
from mlops_dash.sources.gto_tags import Action, GtoTag, parse_tag


class GtoHand:
    """Does steps of kind ``gto``.

    Arguments: ``model``, ``stage``, ``version`` and its ``commit``, ``remote``, ``before_n`` (the highest
    number of the stage's tags when it was planned, 0: none), ``before`` (the version that it had),
    ``message`` (of the tag; it names the action, so that it tells our tag from every other).
    """

    def __init__(self, arguments: Mapping[str, Any], context: Context) -> None:
        self._model, self._stage = str(arguments["model"]), str(arguments["stage"])
        self._version, self._commit = str(arguments["version"]), str(arguments["commit"])
        self._remote_name = str(arguments["remote"])
        self._before_n = int(arguments["before_n"])
        self._before: str | None = arguments["before"]
        self._message = str(arguments["message"])
        self._context = context

    def look(self) -> Look:
        """See what the remote's tags say of the stage now, and who said it."""
        try:
            remote = self._remote()
            seen = see_stage(remote, self._model, self._stage)
        except (RefusedError, GitError) as error:
            return Look(Standing.UNKNOWN, words=error.message)
        standing = self._standing(seen)
        if seen.last is None:
            return Look(standing, words=f"{self._shown} was never assigned on {remote.name}")
        last = seen.last
        words = f"{self._shown} has {_version(seen)}, {_told(last)}"
        if seen.stage.highest < self._before_n:
            words += f"; tag {self._name(self._before_n)} is not on {remote.name}"
        evidence = {"tag": last.name, "n": last.n, "tagger": visible(last.tagger, 100), "commit": last.commit}
        return Look(standing, seen.stage.version, visible(last.tagger, 100), words, evidence=evidence)

    def _standing(self, seen: Seen) -> Standing:
        now = seen.stage
        if self._before_n in (now.assigned, now.highest) and now.version == self._before:
            return Standing.BEFORE
        if now.highest > self._before_n and (now.version, now.commit) == (self._version, self._commit):
            return Standing.AFTER
        return Standing.BEFORE if self._taken_back(seen) else Standing.OTHER

    def act(self, note: Note) -> Mapping[str, Any]:
        """Make the tag and push it, if the stage is where the plan saw it."""
        return self._assign(note, back=False)

    def undo(self, note: Note) -> Mapping[str, Any]:
        """Assign the version that was there before, by a further tag; take the stage away where none was."""
        return self._assign(note, back=True)

    # the work

    def _assign(self, note: Note, *, back: bool) -> Mapping[str, Any]:
        if self._context.read_only:
            raise RefusedError("this is read-only: nothing is pushed", "start it without --read-only")
        try:
            remote = self._remote()
            seen = see_stage(remote, self._model, self._stage)
            name, commit, message = self._taking_back(seen) if back else self._giving(seen)
            if name is None:
                return self._there(remote, seen, back)
            who = remote.identity(after=seen.last.at if seen.last is not None else None)
            tag = tag_object(remote.git, commit, name, who, message)
            note(f"tag {name} is pushed", {"tag": name, "object": tag, "commit": commit})
            pushed = self._pushed(remote, name, tag)
            after = self._afterwards(remote)
        except GitError as error:
            raise DashError(f"{self._shown} was not changed: {error.message}", error.remedy) from error
        if pushed.done:
            self._keep(remote, name, tag)
        last = after.last if after is not None else None
        if after is not None and last is not None and last.object != tag and last.n >= number(name):
            raise self._conflict(after)
        if not pushed.done:
            raise RefusedError(
                f"{remote.name} refused the tag {visible(name, 200)}: {pushed.reason}",
                "ask for the right to push tags; nothing was changed",
            )
        return {"tag": name, "object": tag, "commit": commit, "remote": remote.address}

    def _afterwards(self, remote: Remote) -> Seen | None:
        """See whether somebody else assigned the stage at the same moment, by a tag of another number."""
        try:
            return see_stage(remote, self._model, self._stage)
        except GitError:  # what became of our own tag is known
            return None

    def _giving(self, seen: Seen) -> tuple[str | None, str, str]:
        """Return (tag, commit, message) that assign the wanted version; no tag where it is there already."""
        standing = self._standing(seen)
        if standing is Standing.AFTER:
            return None, self._commit, ""
        if seen.stage.highest < self._before_n:
            tag = self._name(self._before_n)
            raise RefusedError(
                f"the tag {tag} is not on {self._remote_name}: what the plan saw, nobody else sees",
                f"git push {self._remote_name} {TAGS}{tag}, then make a new plan",
            )
        if standing is Standing.OTHER:
            raise self._conflict(seen)
        model, version = visible(self._model, 80), visible(self._version, 80)
        found = seen.versions.get(self._version)
        if found != self._commit:
            where = f"at {found[:7]}" if found else "not there"
            tag = f"{self._tagged_model}@{self._version}"
            raise RefusedError(
                f"version {version} of {model} is {where} on {self._remote_name}, not at {self._commit[:7]}",
                f"git push {self._remote_name} {TAGS}{tag}, then make a new plan",
            )
        beside = [v for v, commit in seen.versions.items() if commit == self._commit and v != self._version]
        if beside:
            raise RefusedError(
                f"versions {visible(min(beside), 80)} and {version} of {model} are tagged at the same commit:"
                " a stage's tag cannot say which of them it means",
                "register the version at a commit of its own",
            )
        return self._name(seen.stage.highest + 1), self._commit, self._message

    def _taking_back(self, seen: Seen) -> tuple[str | None, str, str]:
        """Return (tag, commit, message) that bring the old version back; no tag where it is back already."""
        if self._standing(seen) is Standing.BEFORE or seen.last is None:
            return None, self._commit, ""
        if not self._is_ours(seen.last):
            raise self._conflict(seen)
        message = f"Take back: {self._message.strip()}\n"
        if self._before is None:
            return self._name(seen.stage.highest + 1, "!"), seen.last.commit, message
        commit = seen.versions.get(self._before) or (self._before if is_hash(self._before) else None)
        if commit is None:
            raise DashError(
                f"version {visible(self._before, 80)} of {visible(self._model, 80)} is no longer registered"
                f" on {self._remote_name}: it cannot be assigned again",
                f"gto assign {self._model} --version VERSION --stage {self._stage}",
            )
        return self._name(seen.stage.highest + 1), commit, message

    def _pushed(self, remote: Remote, name: str, tag: str) -> Pushed:
        ref = TAGS + name
        late = False
        try:
            pushed = remote.push(tag, ref, None)
            if pushed.done:
                return pushed
        except GitError as error:
            pushed, late = Pushed(False, reason=error.message), True
        try:
            now = remote.refs(ref).get(ref)
        except GitError as error:
            now, late, pushed = None, True, Pushed(False, reason=f"{pushed.reason}; {error.message}")
        if now == tag:
            return Pushed(True)
        if late and now is None:
            raise OutcomeUnknownError(
                f"tag {visible(name, 200)} was sent to {remote.name}, and what became of it is not known:"
                f" {pushed.reason}",
                f"git ls-remote --tags {remote.name}",
            )
        return pushed

    def _there(self, remote: Remote, seen: Seen, back: bool) -> Mapping[str, Any]:
        last = seen.last
        if last is None or back:
            return {"remote": remote.address, "already": True}
        self._keep(remote, last.name, last.object)
        told = {"tag": last.name, "object": last.object, "commit": last.commit, "remote": remote.address}
        return {**told, "already": True, "tagger": visible(last.tagger, 100)}

    def _keep(self, remote: Remote, name: str, tag: str) -> None:
        """Have the tag here too, as a fetch would; one of the same name that says something else stays."""
        with contextlib.suppress(GitError):  # it only saves a fetch
            remote.git.answered("update-ref", TAGS + name, *hashes(tag), "0" * len(tag))

    # what is there

    def _remote(self) -> Remote:
        said = parse_tag(self._name(self._before_n + 1))
        if said != GtoTag(Action.ASSIGN, self._model, stage=self._stage, counter=self._before_n + 1):
            raise RefusedError(
                f"{self._shown} cannot be written as a GTO tag", "GTO takes letters, digits, - and _ in names"
            )
        if not is_hash(self._commit):
            raise RefusedError(f"{visible(self._commit, 60)} is no commit", "make a new plan")
        return Remote(self._context.repository, self._remote_name)

    def _is_ours(self, last: Tag) -> bool:
        return bool(self._message.strip()) and last.message == text_of(self._message).decode().strip()

    def _taken_back(self, seen: Seen) -> bool:
        ours = text_of(f"Take back: {self._message.strip()}\n").decode().strip()
        return bool(self._message.strip()) and seen.last is not None and seen.last.message == ours

    def _conflict(self, seen: Seen) -> RefusedError:
        told = f": {_told(seen.last)}" if seen.last is not None else ""
        return RefusedError(
            f"{self._shown} has {_version(seen)} now{told}", "look at that change, then make a new plan"
        )

    def _name(self, n: int, mark: str = "") -> str:
        return f"{self._tagged_model}#{self._stage}{mark}#{n}"

    @property
    def _tagged_model(self) -> str:
        return self._model.replace(":", "=")

    @property
    def _shown(self) -> str:
        return f"stage {visible(self._stage, 80)} of {visible(self._model, 80)}"


def _version(seen: Seen) -> str:
    return f"version {visible(seen.stage.version, 80)}" if seen.stage.version is not None else "no version"


def _told(last: Tag) -> str:
    at = f", {last.at:%Y-%m-%d %H:%M} UTC" if last.at is not None else ""
    return f"by {visible(last.tagger, 80)}{at} (tag {visible(last.name, 200)})"
