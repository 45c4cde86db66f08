"""Kills a process that carries out an action at every boundary, and has the next one resume it.

A *boundary* lies before and after every line of the journal (and in the middle of one: a torn line), before
and after every call of a hand, and before and after every function that a scene names in ``calls``. At the
wanted boundary the process kills itself with SIGKILL: nothing is flushed, no ``finally`` runs.

How to use it for a kind of step:

1. Write a module ``tests/actions/scenes_KIND.py`` with a function ``scene(folder, **arguments) -> Scene``.
   It is called anew in every process, so it must find everything below ``folder`` (and in ``arguments``,
   JSON values). It must not start threads or open connections at import.
2. In the test make a world for each kill (a copy of a prepared folder), and call :func:`kill_everywhere`::

       with Zygote("actions.scenes_alias:scene", preload=["mlflow.tracking.client"]) as zygote:
           kills = kill_everywhere(zygote, make_world, scene)
       assert len(kills) >= 100

   It kills ``execute`` at its first boundary, at its second, … until it ends by itself; after each kill it
   resumes, which is killed too at a boundary of its own (every one in turn), resumes to the end, and then
   checks with :func:`check_truth`: no lost intent, no false success, no duplicate effect.

A process is forked from one that has everything imported, which takes some milliseconds.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from mlops_dash.actions import executor
from mlops_dash.actions.executor import Check, Hands
from mlops_dash.actions.hands import Hand, Look, Note
from mlops_dash.actions.journal import Journal, Log
from mlops_dash.actions.plan_json import encoded, event_to_json
from mlops_dash.actions.verifying import Verifier
from mlops_dash.domain.plans import Action, Event, Outcome, Plan, Step

TESTS = Path(__file__).parent.parent


@dataclass
class Scene:
    """One world in which an action takes place.

    Attributes:
        truth: asks the real system which version it has now.
        effects: counts what was done there: name of an effect → how often, such as commits on the remote's
            branch that are new; none may be there twice. Undone effects may be counted as well.
        most: how often each effect may be there; 1 unless named here.
        check: the preconditions.
        calls: (object, name of its function): before and after each call of it is a boundary too.
        clean: called after the check, to end what still runs.
    """

    plan: Plan
    journal: Journal
    hands: Hands
    verifier: Verifier
    truth: Callable[[], str | None]
    effects: Callable[[], Mapping[str, int]] = dict
    most: Mapping[str, int] = field(default_factory=dict)
    check: Check = lambda _: ()
    calls: Sequence[tuple[Any, str]] = ()
    clean: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        killed_at: the boundary where it was killed; ``None``: it ended by itself.
        outcome: what it said then; ``None``: there was nothing to resume.
        boundaries: all that it went through.
    """

    killed_at: str | None
    outcome: str | None
    boundaries: tuple[str, ...]


@dataclass(frozen=True)
class Kill:
    """One kill that was survived: where it was, and what became of the action in the end."""

    at: str
    outcome: str | None


# -- in the process that is killed -----------------------------------------------------------------------


class _Boundaries:
    """Counts boundaries, tells them to the parent, and kills this process at the wanted one."""

    def __init__(self, kill_at: int | None, report: int) -> None:
        self.kill_at = kill_at
        self.passed = 0
        self._report = report

    def due(self) -> bool:
        return self.passed + 1 == self.kill_at

    def __call__(self, label: str) -> None:
        self.passed += 1
        os.write(self._report, f"{label}\n".encode())
        if self.passed == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


class _Watched:
    """A hand with boundaries around its calls."""

    def __init__(self, hand: Hand, step: Step, boundary: _Boundaries) -> None:
        self._hand, self._name, self._boundary = hand, step.id, boundary

    def look(self) -> Look:
        with self._around("look"):
            return self._hand.look()

    def act(self, note: Note) -> Mapping[str, Any]:
        with self._around("act"):
            return self._hand.act(note)

    def undo(self, note: Note) -> Mapping[str, Any]:
        with self._around("undo"):
            return self._hand.undo(note)

    @contextmanager
    def _around(self, what: str) -> Iterator[None]:
        self._boundary(f"before {self._name}.{what}")
        yield
        self._boundary(f"after {self._name}.{what}")


def _watch_journal(boundary: _Boundaries) -> None:
    append = Log.append

    def watched(log: Log, kind: Any, step: Any = None, words: str = "", evidence: Any = None) -> Event:
        boundary(f"before line {kind.value}")
        if boundary.due():
            from datetime import UTC, datetime

            line = encoded(event_to_json(Event(datetime.now(UTC), kind, step, words, dict(evidence or {}))))
            log._file.seek(log._end)
            log._file.write(line[: len(line) // 2])
        boundary(f"torn line {kind.value}")
        event = append(log, kind, step, words, evidence)
        boundary(f"after line {kind.value}")
        return event

    Log.append = watched  # type: ignore[method-assign]


def _watch_calls(calls: Sequence[tuple[Any, str]], boundary: _Boundaries) -> None:
    for owner, name in calls:
        setattr(owner, name, _watched_call(getattr(owner, name), name, boundary))


def _watched_call(own: Callable[..., Any], name: str, boundary: _Boundaries) -> Callable[..., Any]:
    def watched(*given: Any, **named: Any) -> Any:
        boundary(f"before {name}")
        result = own(*given, **named)
        boundary(f"after {name}")
        return result

    return watched


def _perform(order: Mapping[str, Any], report: int) -> str | None:
    """Do in this process what is ordered; return the outcome."""
    scene = _scene_of(order["scene"])(Path(order["folder"]), **order["arguments"])
    boundary = _Boundaries(order["kill_at"], report)
    _watch_journal(boundary)
    _watch_calls(scene.calls, boundary)

    def hands(step: Step) -> Hand:
        return _Watched(scene.hands(step), step, boundary)

    if order["do"] == "execute":
        outcome = executor.execute(scene.plan, scene.journal, hands, scene.verifier, scene.check)
        return outcome.value
    log = scene.journal.take_up(scene.plan.id)
    if log is None:
        return None
    with log:
        return executor.resume(log, hands, scene.verifier, scene.check).value


def _scene_of(name: str) -> Callable[..., Scene]:
    module, _, function = name.partition(":")
    made: Callable[..., Scene] = getattr(importlib.import_module(module), function)
    return made


def _serve() -> None:
    """Fork a process for each order that is read, and say how it ended."""
    for line in sys.stdin:
        order = json.loads(line)
        if "preload" in order:
            for name in order["preload"]:
                importlib.import_module(name)
            print(json.dumps({"ready": True}), flush=True)
            continue
        reading, report = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _child(order, report)
        os.close(report)
        with os.fdopen(reading, "rb") as told:
            content = told.read().decode()
        _, status = os.waitpid(child, 0)
        print(json.dumps({"told": content, "signal": os.WTERMSIG(status)}), flush=True)


def _child(order: Mapping[str, Any], report: int) -> None:
    try:
        outcome = _perform(order, report)
        os.write(report, f"= {json.dumps(outcome)}\n".encode())
    except BaseException:
        os.write(report, f"! {json.dumps(traceback.format_exc())}\n".encode())
    finally:
        os._exit(0)


# -- in the test -----------------------------------------------------------------------------------------


class Zygote:
    """A process with everything imported, from which those that are killed are forked.

    Args:
        scene: ``module:function``, importable with ``tests`` on the path.
        preload: modules that are imported once, beside the scene's own.
    """

    def __init__(self, scene: str, *, preload: Sequence[str] = ()) -> None:
        self.scene = scene
        path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "actions.crashing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        self._ask({"preload": [scene.partition(":")[0], *preload]})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def execute(self, folder: Path, kill_at: int | None = None, **arguments: Any) -> Ended:
        """Carry the scene's plan out in a process of its own, killed at its n-th boundary (from 1)."""
        return self._run("execute", folder, kill_at, arguments)

    def resume(self, folder: Path, kill_at: int | None = None, **arguments: Any) -> Ended:
        """Take the scene's action up in a process of its own, likewise."""
        return self._run("resume", folder, kill_at, arguments)

    def _run(self, do: str, folder: Path, kill_at: int | None, arguments: Mapping[str, Any]) -> Ended:
        order = {"scene": self.scene, "folder": str(folder), "do": do, "kill_at": kill_at}
        answer = self._ask({**order, "arguments": arguments})
        lines = answer["told"].splitlines()
        broken = next((line for line in lines if line.startswith("! ")), None)
        assert broken is None, json.loads(broken[2:]) if broken else ""
        passed = tuple(line for line in lines if not line.startswith("= "))
        if answer["signal"] == signal.SIGKILL:
            return Ended(passed[-1], None, passed)
        assert lines, f"it ended by signal {answer['signal']}"
        assert lines[-1].startswith("= "), answer
        return Ended(None, json.loads(lines[-1][2:]), passed)

    def _ask(self, order: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(order), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer, "the process that forks has ended: see its traceback above"
        told: dict[str, Any] = json.loads(answer)
        return told


def kill_everywhere(
    zygote: Zygote,
    world: Callable[[], Path],
    scene: Callable[..., Scene],
    *,
    first: int = 1,
    every: int = 1,
    resumes_killed: bool = True,
    **arguments: Any,
) -> list[Kill]:
    """Kill at every boundary, resume, and check what is true in the end.

    Args:
        world: makes a fresh folder for a scene.
        first, every: begin with that boundary, and take every so manieth, where one kill takes long.
        resumes_killed: the resuming process is killed as well, at boundary 1, 2, 3… in turn, before the one
            that goes to the end.
        arguments: for the scene.

    Returns:
        All kills, those of resuming processes included.
    """
    kills: list[Kill] = []
    second = 0
    number = first
    while True:
        folder = world()
        ended = zygote.execute(folder, number, **arguments)
        at = [ended.killed_at] if ended.killed_at else []
        if ended.killed_at and resumes_killed:
            second += 1
            again = zygote.resume(folder, second, **arguments)
            if again.killed_at:
                at.append(f"{ended.killed_at}, then {again.killed_at}")
            else:
                second = 0
        zygote.resume(folder, **arguments)
        found = scene(folder, **arguments)
        try:
            action = check_truth(found, at)
        finally:
            found.clean()
        kills += [Kill(one, action.outcome.value if action and action.outcome else None) for one in at]
        if ended.killed_at is None:
            return kills
        number += every


def check_truth(scene: Scene, at: Sequence[str] = ()) -> Action | None:
    """Check an action that was resumed to its end: what its journal says is what the real system says.

    Args:
        at: where it was killed, for the message.
    """
    action = scene.journal.action(scene.plan.id)
    now = scene.truth()
    before = scene.plan.before.version if scene.plan.before else None
    after = scene.plan.after.version
    told = f"killed {' and '.join(at)}; the system has {now}"
    for effect, count in scene.effects().items():
        assert count <= scene.most.get(effect, 1), f"{effect} {count} times: {told}"
    if action is None:
        assert now == before, f"no intent is known, and yet: {told}"
        return None
    told += f"; it says {action.outcome}: {action.events[-1].words}"
    assert action.outcome is not None, f"no outcome: {told}"
    assert not action.running, told
    if action.outcome is Outcome.VERIFIED:
        assert now == after, f"false success: {told}"
    else:
        assert now == before, f"it says that it was undone: {told}"
        assert action.outcome is not Outcome.UNKNOWN, f"everything answers, and yet: {told}"
    return action


if __name__ == "__main__":
    _serve()
