"""The connection to the tracking store for ``doctor``: its steps as they come, within a deadline."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Thread

from mlops_dash.errors import DashError
from mlops_dash.project.locate import Located
from mlops_dash.sources.mlflow.address import Address, Kind
from mlops_dash.sources.mlflow.probing import Probe, Step, fail, failed, ok

_PACKAGES = {
    Kind.SQLITE: "sqlite",
    Kind.FILES: "files",
    Kind.HTTP: "http",
    Kind.POSTGRESQL: "postgres",
    Kind.MYSQL: "sqlalchemy",
    Kind.MSSQL: "sqlalchemy",
}
_FROM = {
    "option": "named with --tracking-uri",
    "configuration": "named under [tracking]",
    "environment": "named in MLFLOW_TRACKING_URI",
    "default": "found in the project's folder",
}


def tracking_steps(located: Located, within: float) -> Iterator[Step]:
    """Look at the project's tracking store; every step is one of ``tracking``.

    Args:
        located: the project's parts; without a tracking store there are no steps.
        within: seconds that all of it may take.
    """
    if located.tracking is None:
        return
    address = Address.of(located.tracking)
    yield ok("tracking store", f"{address.kind.value}, {address.shown}, {_FROM[located.tracking_from]}")
    if address.kind in _PACKAGES:  # reading the others says why they are not read
        for step in streamed(_probe_of(address.kind), address.uri, within):
            evidence = step.evidence.removeprefix(f"{step.name}: ")
            yield replace(step, name=f"tracking {step.name}", evidence=evidence)


def _probe_of(kind: Kind) -> Probe:
    """Return a probe that brings its libraries when it is called."""

    def probe(uri: str) -> Iterator[Step]:
        package = importlib.import_module(f"mlops_dash.sources.mlflow.{_PACKAGES[kind]}")
        yield from package.probe(uri)

    return probe


def streamed(probe: Probe, uri: str, within: float) -> Iterator[Step]:
    """Yield the steps of a probe as they come, and give it up after ``within`` seconds.

    It works in a thread that nobody waits for: a driver's call that hangs can be left, not cancelled.
    """
    steps: SimpleQueue[Step | BaseException | None] = SimpleQueue()

    def work() -> None:
        try:
            for step in probe(uri):
                steps.put(step)
        except BaseException as error:  # noqa: BLE001 - told by the one who waits
            steps.put(error)
        else:
            steps.put(None)

    Thread(target=work, name="mlops-dash probe", daemon=True).start()
    end = time.monotonic() + within
    last = ""
    while True:
        try:
            step = steps.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            after = f" after {last}" if last else ""
            yield fail(
                "answer",
                f"nothing more came{after} within {within:g} s",
                "Look at the network and the store's machine, or wait longer: mlops-dash --timeout 60 doctor",
            )
            return
        if step is None:
            return
        if isinstance(step, BaseException):
            yield _told(step)
            return
        last = step.name
        yield step


def _told(error: BaseException) -> Step:
    if isinstance(error, DashError):
        return failed("connection", error)
    what = f"looking at it failed unexpectedly ({type(error).__name__})"
    return fail("connection", what, "Report it, with what mlops-dash sync says.")
