"""The journals of actions: one file for each, durable line by line, on the machine that acts.

A line is on the disk before what it tells of is begun, so a process that is killed leaves behind what it was
about to do, and the next one looks at the systems to learn how far it came.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from mlops_dash import paths
from mlops_dash.actions.durable import cut_torn_line, is_held, locked, release, sync_folder, write_whole
from mlops_dash.actions.log import JournalError, Log, events_of, told_by
from mlops_dash.actions.plan_json import decoded, encoded, plan_to_json
from mlops_dash.domain.plans import Action, ActionKind, EventKind, Outcome, Plan
from mlops_dash.domain.text import storable, visible
from mlops_dash.errors import RefusedError

__all__ = ["Journal", "JournalError", "Log", "actions_folder"]

_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4,32}")
_ASKED_FOR = timedelta(days=7)  # time for which an unknown outcome is asked about
_SETTLES_WITHIN = 10.0  # seconds for which an action waits for one that is only asked about
_ELSEWHERE = "MLOPS_DASH_STATE_DIR names another folder for it."


def actions_folder(project: str) -> Path:
    """Return the folder of a project's journals; ``project`` is what its servers are known by, any string."""
    return paths.state_dir() / "actions" / hashlib.sha256(storable(project).encode()).hexdigest()[:16]


class Journal:
    """All actions of one project that this machine knows of. Every method may block; reading never fails."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, tuple[tuple[int, int], Action | None]] = {}

    def ids(self) -> tuple[str, ...]:
        """Return the ids of all actions, newest first."""
        try:
            names = os.listdir(self.folder)
        except OSError:
            return ()
        found = [name.removesuffix(".jsonl") for name in names if name.endswith(".jsonl")]
        return tuple(sorted((name for name in found if _ID.fullmatch(name)), reverse=True))

    def action(self, action_id: str) -> Action | None:
        """Return an action as its journal tells it; ``None`` where there is none, or it was never begun."""
        if not _ID.fullmatch(action_id):
            return None
        path = self._path(action_id)
        try:
            state = path.stat()
            key = (state.st_mtime_ns, state.st_size)
            known = self._read.get(action_id)
            if known is None or known[0] != key:
                events = events_of(path.read_bytes())
                known = self._read[action_id] = (key, told_by(events, path))
        except OSError:
            return None
        action = known[1]
        if action is None or action.outcome is not None:
            return action
        return replace(action, running=is_held(self._lock(action_id)))

    def actions(self) -> tuple[Action, ...]:
        """Return every action, newest first."""
        found = (self.action(action_id) for action_id in self.ids())
        return tuple(action for action in found if action is not None)

    def unfinished(self, place: tuple[str, str] | None = None) -> tuple[Action, ...]:
        """Return the actions that nobody is at work on and that have no outcome, oldest first.

        Args:
            place: only those of this place (:attr:`Plan.place`).
        """
        found = [action for action in self.actions() if action.unfinished]
        return tuple(a for a in reversed(found) if place is None or a.plan.place == place)

    def unsettled(self) -> tuple[Action, ...]:
        """Return the actions whose outcome is unknown, oldest first: their systems may answer by now.

        Those after which the same place was changed again are left out, and those of long ago.
        """
        oldest = datetime.now(UTC) - _ASKED_FOR
        unknown = (a for a in reversed(self.actions()) if a.outcome is Outcome.UNKNOWN)
        return tuple(a for a in unknown if a.events[-1].at > oldest and self.newer(a.plan) is None)

    def unsent(self) -> tuple[Action, ...]:
        """Return the actions with an outcome that do not stand in the tracking store yet, oldest first."""
        return tuple(a for a in reversed(self.actions()) if a.outcome is not None and a.audit_run is None)

    def note_try(self) -> None:
        """Remember that records were tried to be sent just now."""
        with suppress(OSError):
            self._tried.touch(mode=0o600)

    def was_tried_within(self, seconds: float) -> bool:
        """Tell whether records were tried to be sent a moment ago."""
        try:
            return 0 <= time.time() - self._tried.stat().st_mtime < seconds
        except OSError:
            return False

    @property
    def _tried(self) -> Path:
        return self.folder / "audits.tried"

    def at_work(self, plan: Plan) -> str | None:
        """Say who changes a plan's place on this machine right now; ``None``: nobody, or the plan itself."""
        path = self._place(plan)
        if not is_held(path):
            return None
        told = _held_by(path)
        return None if told.get("action") == plan.id else _holder(path)

    def newer(self, plan: Plan) -> Action | None:
        """Return a later action on the same place that changed something, or may have."""
        for action in self.actions():
            if action.plan.id <= plan.id:
                return None
            if action.plan.place == plan.place and action.outcome is not Outcome.REFUSED:
                return action
        return None

    def check_writable(self) -> None:
        """Return where an action could be journalled now.

        Raises:
            RefusedError: it could not: says why.
        """
        probe = self.folder / f".probe-{os.getpid()}-{time.monotonic_ns()}"
        try:
            self._make_folder()
            with open(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0) as file:
                write_whole(file, b"\n" * 4096)
                os.fsync(file.fileno())
        except OSError as error:
            raise _no_journal(self.folder, error) from None
        finally:
            with suppress(OSError):
                probe.unlink(missing_ok=True)

    def begin(self, plan: Plan) -> Log:
        """Write down durably that a plan is carried out from now on, and by whom.

        Raises:
            RefusedError: it cannot be written, or another action is at work on this place, or one that was
                interrupted is there; says which, and whose it is. Nothing is left behind.
        """
        if not _ID.fullmatch(plan.id):
            raise RefusedError(f"an action cannot be called {plan.id[:60]!r}")
        try:
            self._make_folder()
        except OSError as error:
            raise _no_journal(self.folder, error) from None
        place = self._hold_place(plan)
        lock: IO[bytes] | None = None
        path = self._path(plan.id)
        made = False
        try:
            self._check_place(plan)
            lock = locked(self._lock(plan.id))
            if lock is None or path.exists():
                raise RefusedError(f"the action {plan.id} is under way already")
            file = open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+b", buffering=0)  # noqa: SIM115
            made = True
            log = Log(plan, path, file, (lock, place), [])
            log.append(EventKind.INTENT, words=_intent(plan), evidence={"plan": plan_to_json(plan)})
            sync_folder(self.folder)
        except (OSError, JournalError) as error:
            if made:
                with suppress(OSError):
                    path.unlink()
            release(lock, place)
            raise _no_journal(self.folder, error) from None
        except RefusedError:
            release(lock, place)
            raise
        return log

    def take_up(self, action_id: str, *, to_act: bool = True) -> Log | None:
        """Take up an action that nobody is at work on; ``None`` where somebody is, or there is none.

        Args:
            to_act: its place is held as well, so that no other action changes it meanwhile.

        Raises:
            RefusedError: the journal cannot be written, or another action is at work on its place.
        """
        if not _ID.fullmatch(action_id) or not self._path(action_id).exists():
            return None
        path = self._path(action_id)
        lock: IO[bytes] | None = None
        place: IO[bytes] | None = None
        try:
            lock = locked(self._lock(action_id))
            if lock is None:
                return None
            action = told_by(events_of(path.read_bytes()), path)
            if action is None:
                release(lock)
                return None
            place = self._hold_place(action.plan) if to_act else None
            file = open(path, "r+b", buffering=0)  # noqa: SIM115 - the log closes it
            cut_torn_line(file)
        except OSError as error:
            release(lock, place)
            raise _no_journal(self.folder, error) from None
        except RefusedError:
            release(lock, place)
            raise
        return Log(action.plan, path, file, (lock, place), list(action.events))

    def _path(self, action_id: str) -> Path:
        return self.folder / f"{action_id}.jsonl"

    def _lock(self, action_id: str) -> Path:
        return self.folder / f"{action_id}.lock"

    def _place(self, plan: Plan) -> Path:
        digest = hashlib.sha256(storable("\n".join(plan.place)).encode()).hexdigest()[:16]
        return self.folder / f"place-{digest}.lock"

    def _make_folder(self) -> None:
        if not self.folder.is_dir():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(self.folder.parent)

    def _hold_place(self, plan: Plan) -> IO[bytes]:
        path = self._place(plan)
        lock: IO[bytes] | None = None
        end = time.monotonic() + _SETTLES_WITHIN
        try:
            lock = locked(path)
            while lock is None and self._settles(path) and time.monotonic() < end:
                lock = locked(path)
            if lock is not None:
                lock.truncate(0)
                write_whole(lock, encoded({"pid": os.getpid(), "actor": plan.actor, "action": plan.id}))
                return lock
        except OSError as error:
            release(lock)
            raise _no_journal(self.folder, error) from None
        what = f"{visible(plan.model, 200)} in {visible(plan.environment, 80)} is being changed"
        if plan.kind is ActionKind.REBUILD:
            what = f"run {(plan.after.run_id or '')[:8]} is being rebuilt"
        raise RefusedError(
            f"{what} by {_holder(path)}.",
            "Wait for it, then plan again: mlops-dash jobs shows how far it is.",
        )

    def _settles(self, place: Path) -> bool:
        """Tell whether a place is held only to learn what became of an action that ended long before."""
        action = self.action(str(_held_by(place).get("action")))
        return action is not None and any(event.kind is EventKind.OUTCOME for event in action.events)

    def _check_place(self, plan: Plan) -> None:
        for action in self.unfinished(plan.place):
            where = visible(plan.environment, 80) or f"run {(plan.after.run_id or '')[:8]}"
            whose = visible(action.plan.actor, 80)
            raise RefusedError(
                f"The action {action.plan.id} of {whose} in {where} was interrupted.",
                "mlops-dash jobs goes on with it; then plan again.",
            )


def _held_by(path: Path) -> dict[str, Any]:
    try:
        told = decoded(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _holder(path: Path) -> str:
    told = _held_by(path)
    if not {"actor", "action", "pid"} <= told.keys():
        return "another process of this machine"
    return visible(f"{told['actor']} (action {told['action']}, process {told['pid']})", 200)


def _intent(plan: Plan) -> str:
    if plan.kind is ActionKind.REBUILD:
        return f"rebuild of run {plan.after.run_id}, {plan.model or 'no model'} {plan.after.version}".rstrip()
    before = plan.before.version if plan.before else "an unknown version"
    return f"{plan.kind.value} of {plan.model} in {plan.environment}: {before} → {plan.after.version}"


def _no_journal(folder: Path, error: OSError | JournalError) -> RefusedError:
    reason = error.strerror if isinstance(error, OSError) else error.message
    return RefusedError(
        f"Nothing is changed without a durable journal, and none can be kept in {folder}: {reason}.",
        _ELSEWHERE,
    )
