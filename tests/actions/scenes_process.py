"""A place with a light model server, whose version is changed by an action: see ``crashing``."""

from __future__ import annotations

import http.client
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from actions.crashing import Scene
from actions.served_models import ENVIRONMENT, MODEL, arguments, hand, ids, make_model, start
from mlops_dash.actions import handover, spawning
from mlops_dash.actions.hands import Hand
from mlops_dash.actions.journal import Journal
from mlops_dash.actions.verifying import TargetVerifier
from mlops_dash.config import ProcessTarget
from mlops_dash.domain.plans import ActionKind, Plan, Step, Verification, Version
from mlops_dash.targets import control
from mlops_dash.targets.base import Place
from mlops_dash.targets.process import ProcessServer, read_record

BEFORE, AFTER = "4", "5"
_SETTLES_WITHIN = 30.0
_ASKS = 8


def make_world(folder: Path, *, fails: bool = False, runs: bool = True) -> Path:
    """Make a place in ``folder``: its server runs unless told otherwise, the wanted version can be loaded."""
    old = make_model(folder / "old", BEFORE)
    make_model(folder / "new", AFTER, load="raise LookupError('no weights')" if fails else "pass")
    if runs:
        start(folder / "servers", old, BEFORE)
    return folder


def scene(
    folder: Path,
    *,
    runs: bool = True,
    within: float = 20.0,
    number: int = 0,
    back: bool = False,
    light: bool = True,
) -> Scene:
    """Return what an action needs that brings the place to the wanted version.

    Args:
        within: seconds after which its verification is given up.
        number: of the action, where a world sees several.
        back: from the new version to the old one.
        light: its servers need no MLflow.
    """
    if light:
        spawning.SERVER_MODULE = "actions.light_server"
    before, after = (AFTER, BEFORE) if back else (BEFORE, AFTER)
    model = folder / ("old" if back else "new")
    servers = folder / "servers"
    step = Step(
        id="process",
        kind="process",
        title="hand over",
        effect="",
        undo="hand back",
        arguments=arguments(model, before if runs else None, after),
    )
    plan = Plan(
        id=f"20261126T043208Z-{number:08x}",
        kind=ActionKind.ROLLBACK,
        environment=ENVIRONMENT,
        model=MODEL,
        before=_version(before) if runs else None,
        after=_version(after),
        steps=(step,),
        preconditions=(),
        verification=Verification(answers=3, seconds=0.05, within=within),
        protected=False,
        actor="dev1",
        host="here",
        made_at=datetime.now(UTC),
        reason="it is bad",
    )

    def hands(one: Step) -> Hand:
        return hand(servers, one.arguments)

    target = ProcessServer(Place(ENVIRONMENT, MODEL, ENVIRONMENT), ProcessTarget(timeout=10.0), servers)
    return Scene(
        plan=plan,
        journal=Journal(folder / "actions"),
        hands=hands,
        verifier=TargetVerifier(target),
        truth=lambda: served(servers),
        effects=lambda: {"servers that run": len(list(processes(folder)))},
        calls=[
            *((handover, name) for name in ("settle", "spawn", "prove", "write_record", "dismiss", "retire")),
            *((spawning, name) for name in ("write_record", "forget")),
            (control, "call"),
            (control.Line, "ask"),
        ],
        clean=lambda: end_all(folder),
    )


def _version(version: str) -> Version:
    told = ids(version)
    return Version(MODEL, version, told["run_id"], told["model_id"])


def served(servers: Path) -> str | None:
    """Return the version that whoever asks at the address gets, when what drains has drained."""
    end = time.monotonic() + _SETTLES_WITHIN
    while len(list(processes(servers.parent))) > 1 and time.monotonic() < end:
        time.sleep(0.02)
    record = read_record(servers, ENVIRONMENT, MODEL)
    if record is None:
        return None
    parts = urlsplit(record.url)
    found = set()
    for _ in range(_ASKS):
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_SETTLES_WITHIN)
        try:
            connection.request("GET", "/metadata")
            found.add(json.load(connection.getresponse())["version"])
        except ConnectionRefusedError:
            found.add(None)
        finally:
            connection.close()
    assert len(found) == 1, f"several answer: {found}"
    version: str | None = found.pop()
    return version


def processes(folder: Path) -> Iterator[psutil.Process]:
    """Yield the model servers of a world, recorded or not."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            line = process.cmdline()
            if "--model-path" in line and any(word.startswith(f"{folder}/") for word in line):
                yield process


def end_all(folder: Path) -> None:
    """End what still runs in a world."""
    for process in processes(folder):
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        with suppress(psutil.Error):
            process.wait(10)
