"""The agent: a process of its own that carries out one plan, so that nobody's end stops it half-way.

It is started when a plan is shown, imports what the plan's steps need, and waits. Told to go, it acts; if
whoever started it goes away first, it leaves and nothing was done. Once it has begun it needs no one: what it
does is in the journal, which the screen and the command line follow.
"""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import msgspec

from mlops_dash.actions.journal import Journal, actions_folder
from mlops_dash.actions.plan_json import decoded, encoded, plan_to_json
from mlops_dash.actions.reasons import clean_reason
from mlops_dash.domain.plans import Plan
from mlops_dash.errors import OutcomeUnknownError, RefusedError

if TYPE_CHECKING:
    from mlops_dash.project import Project

MODULE = "mlops_dash.project.agent_main"
BEGIN_WITHIN = 120.0
"""Seconds until an agent that was told to go has begun or refused."""
_LOG = "agents.log"
_ERROR = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception): ")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a process opens the project: the arguments of :func:`mlops_dash.open_project`."""

    path: str
    config: str | None = None
    tracking_uri: str | None = None
    repo: str | None = None
    read_only: bool = False
    timeout: float | None = None

    def opened(self) -> Project:
        """Open the project; errors as :func:`mlops_dash.open_project`."""
        from mlops_dash.project import open_project

        return open_project(
            self.path,
            config=self.config,
            tracking_uri=self.tracking_uri,
            repo=self.repo,
            read_only=self.read_only,
            timeout=self.timeout,
        )


@dataclass(frozen=True, slots=True)
class _Told:
    """One line of an agent: what it says, and the values that belong to it."""

    word: str
    values: dict[str, Any]


def options_of(project: Project) -> Options:
    """Return how another process opens the same project."""
    located = project.located
    return Options(
        path=str(located.folder),
        config=str(project.config_path) if project.config_path is not None else None,
        tracking_uri=located.tracking,
        repo=str(located.repository) if located.repository is not None else None,
        read_only=project.read_only,
        timeout=project.timeout,
    )


def prepare(project: Project, plan: Plan) -> Agent:
    """Start the agent that will carry out a plan, so that it is warm when the plan is confirmed.

    Returns at once. Nothing is changed before :meth:`Agent.go`.

    Raises:
        RefusedError: read-only, or no process can be started, or no journal can be kept.
    """
    if project.read_only:
        raise RefusedError("Nothing can be changed: mlops-dash was started with --read-only.")
    folder = actions_folder(project.located.servers)
    Journal(folder).check_writable()
    return Agent.start(options_of(project), plan, folder)


class Agent:
    """An agent that waits for its plan to be confirmed.

    Attributes:
        plan: what it will carry out.
    """

    def __init__(self, plan: Plan, process: subprocess.Popen[bytes], log: Path) -> None:
        self.plan = plan
        self._process = process
        self._log = log
        self._buffer = b""
        self._let = False

    @classmethod
    def start(cls, options: Options, plan: Plan, folder: Path) -> Self:
        """Start an agent for a plan; it gets ready in the background.

        Args:
            folder: of the project's journals.

        Raises:
            RefusedError: no process can be started.
        """
        process = _spawned(folder)
        agent = cls(plan, process, folder / _LOG)
        agent._say({"options": msgspec.to_builtins(options), "plan": plan_to_json(plan)})
        return agent

    @staticmethod
    def resume(options: Options, folder: Path) -> None:
        """Start an agent that goes on with everything that was left undone, and forget it.

        Raises:
            RefusedError: no process can be started.
        """
        process = _spawned(folder)
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError):
            process.stdin.write(encoded({"options": msgspec.to_builtins(options), "resume": True}) + b"\n")
            process.stdin.close()
        process.stdout.close()
        _forget(process)

    def ready(self, timeout: float = 0.0) -> bool:
        """Tell whether it has imported all that it needs, waiting up to ``timeout`` seconds for it.

        Raises:
            RefusedError: it cannot act: says why.
        """
        told = self._hear({"ready"}, time.monotonic() + timeout)
        if told is not None and told.word == "refused":
            raise _refusal(told)
        return told is not None

    def go(self, reason: str) -> str:
        """Have it carry the plan out; return the action's id as soon as the intent is on the disk.

        From then on it depends on nobody. Blocks until it is warm, at most.

        Raises:
            UsageError: the reason cannot be kept; it still waits.
            RefusedError: nothing was changed: says why.
            OutcomeUnknownError: it does not say whether it has begun; the journal will.
        """
        self._say({"go": True, "reason": clean_reason(reason)})
        told = self._hear({"begun", "refused"}, time.monotonic() + BEGIN_WITHIN)
        if told is None:
            raise OutcomeUnknownError(
                f"The agent does not say whether it has begun with {self.plan.id}.",
                "mlops-dash jobs tells what became of it.",
            )
        self._let_go()
        if told.word == "refused":
            raise _refusal(told)
        return self.plan.id

    def leave(self) -> None:
        """Have it go away; nothing was done. After :meth:`go` this changes nothing."""
        self._let_go()

    def _let_go(self) -> None:
        if self._let:
            return
        self._let = True
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        _forget(self._process)

    def _say(self, values: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(encoded(values) + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            raise RefusedError(*self._ended()) from None

    def _hear(self, words: set[str], end: float) -> _Told | None:
        """Return the first line that says one of ``words``; ``None`` where none does until ``end``.

        Raises:
            RefusedError: the agent ended before.
        """
        while True:
            line, found, rest = self._buffer.partition(b"\n")
            if found:
                self._buffer = rest
                told = _told(line)
                if told is not None and (told.word in words or told.word == "refused"):
                    return told
                continue
            if not self._read(end):
                return None

    def _read(self, end: float) -> bool:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            if not selector.select(max(0.0, end - time.monotonic())):
                return False
        data = os.read(descriptor, 65536)
        if not data:
            raise RefusedError(*self._ended())
        self._buffer += data
        return True

    def _ended(self) -> tuple[str, str]:
        words = _last_words(self._log)
        return (
            f"The agent ended before it began{f': {words}' if words else ''}; nothing was changed.",
            f"Its log is {self._log}.",
        )


def _spawned(folder: Path) -> subprocess.Popen[bytes]:
    """Start the process; it leads a session of its own and belongs to nobody."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        log: IO[bytes] = open(  # noqa: SIM115 - closed below
            os.open(folder / _LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
        )
    except OSError as error:
        raise RefusedError(
            f"No agent can be started: {folder} cannot be written: {error.strerror}.",
            "MLOPS_DASH_STATE_DIR names another folder.",
        ) from None
    with log:
        try:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            raise RefusedError(f"No agent can be started: {error.strerror}.") from None


def _forget(process: subprocess.Popen[bytes]) -> None:
    """Let go of a process that is meant to outlive us; where it ends before us, nothing is left of it."""
    threading.Thread(target=process.wait, name="mlops-dash-agent", daemon=True).start()


def _refusal(told: _Told) -> RefusedError:
    return RefusedError(str(told.values.get("message")), told.values.get("remedy"))


def _told(line: bytes) -> _Told | None:
    try:
        values = decoded(line)
        return _Told(str(values.pop("word")), values)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _last_words(path: Path) -> str | None:
    """Return what an agent's log says last: the error in a traceback, else its last line."""
    from mlops_dash.domain.secrets import scrub
    from mlops_dash.domain.text import visible

    try:
        lines = [line.strip() for line in path.read_text("utf-8", "replace").split("\n") if line.strip()]
    except OSError:
        return None
    errors = [line for line in lines if _ERROR.match(line)]
    return visible(scrub((errors or lines)[-1]), 300) if lines else None
