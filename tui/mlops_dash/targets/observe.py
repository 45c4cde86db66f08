"""Which target asks for which place, and asking all of them side by side."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mlops_dash.config import AliasTarget, GitopsTarget, GtoTarget, HttpTarget, ProcessTarget, Target
from mlops_dash.domain.environments import Health, Observation
from mlops_dash.targets.base import Observable, Place
from mlops_dash.targets.http import DeployedServer, HttpServer, unasked
from mlops_dash.targets.process import ProcessServer


def make_target(place: Place, settings: Target, state_folder: Path) -> Observable | None:
    """Return what can be asked at a place, ``None`` where there is only a declared version.

    Keep the target and ask it again: it remembers its last answer, and asks more often when in doubt.

    Args:
        state_folder: the project's :func:`mlops_dash.targets.process.servers_folder`.

    Raises:
        ConfigError: the settings of a server that is asked over HTTP cannot be used.
    """
    match settings:
        case AliasTarget() | GtoTarget():
            return None
        case GitopsTarget():
            return DeployedServer(place, settings.http) if settings.http is not None else None
        case ProcessTarget():
            return ProcessServer(place, settings, state_folder)
        case HttpTarget():
            return HttpServer(place, settings)


async def observe_all(targets: Sequence[Observable], deadline: float) -> tuple[Observation, ...]:
    """Ask all targets at once and return one observation each, in order, within ``deadline`` seconds.

    A target that has not answered by then is unknown; it delays nobody. Nothing that a target does raises.
    """
    if not targets:
        return ()
    tasks = [asyncio.ensure_future(target.observe()) for target in targets]
    try:
        await asyncio.wait(tasks, timeout=deadline)
    finally:
        for task in tasks:
            task.cancel()
    return tuple(_result(target, task, deadline) for target, task in zip(targets, tasks, strict=True))


def _result(target: Observable, task: asyncio.Future[Observation], deadline: float) -> Observation:
    if not task.done() or task.cancelled():
        late = f"no answer within {deadline:g} s"
        return unasked(target.kind, target.place, Health.UNKNOWN, late)
    error = task.exception()
    if error is None:
        return task.result()
    # a fault of ours: it costs this target's answer only, and is named so that it can be reported
    fault = f"asking failed: {type(error).__name__}"
    return unasked(target.kind, target.place, Health.UNKNOWN, fault)


def ask_all(targets: Sequence[Observable], deadline: float) -> tuple[Observation, ...]:
    """Do :func:`observe_all` from a thread without an event loop, and wait for it.

    Unlike ``asyncio.run`` it does not wait for look-ups of host names that are still under way.
    """
    loop = asyncio.new_event_loop()
    loop.set_default_executor(_Abandonable())
    try:
        return loop.run_until_complete(_ask_and_settle(targets, deadline))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(_settle())
        loop.close()


async def _ask_and_settle(targets: Sequence[Observable], deadline: float) -> tuple[Observation, ...]:
    observations = await observe_all(targets, deadline)
    await _settle()
    return observations


async def _settle() -> None:
    """Give what is still under way one moment to close its connections: the cancelled, and streams that
    were read in part, whose closing is a task of its own, begun only when they are collected."""
    await asyncio.sleep(0)
    late = asyncio.all_tasks() - {asyncio.current_task()}
    if late:
        await asyncio.wait(late, timeout=0.2)


class _Abandonable(ThreadPoolExecutor):
    """An executor whose threads nobody waits for, not even the interpreter at its end."""

    def __init__(self) -> None:
        super().__init__(max_workers=1)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - handed to the one who asked
                future.set_exception(error)

        threading.Thread(target=run, name="mlops-dash-lookup", daemon=True).start()
        return future
