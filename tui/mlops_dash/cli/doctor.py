"""``doctor``: every part looked at in turn, each with evidence and what to do about it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

from mlops_dash import __version__
from mlops_dash.cli.command import DONE, FAILED
from mlops_dash.cli.opening import ProgressLine, opened
from mlops_dash.cli.output import json_text, paint, stdout
from mlops_dash.domain.environments import Health, Observation
from mlops_dash.domain.freshness import Freshness, SourceStatus
from mlops_dash.domain.progress import Cancelled, CancelToken
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError
from mlops_dash.paths import cache_dir, state_dir
from mlops_dash.sources.mlflow.probing import State, Step

if TYPE_CHECKING:
    import argparse

    from mlops_dash.cli.command import Options
    from mlops_dash.project import Project


_WITHIN = 10.0  # seconds for each of: looking at the tracking store, reading all sources
_SHOWN = {State.OK: ("✓", "green"), State.WARN: ("!", "yellow"), State.FAIL: ("✗", "red")}


def doctor(options: Options, arguments: argparse.Namespace) -> int:
    """Look at everything that the dashboard needs; return 1 where something fails."""
    checks: list[Step] = []
    for check in _checks(options):
        told = bool(checks) and checks[-1].remedy == check.remedy
        checks.append(check)
        if not arguments.json:
            stdout(_line(replace(check, remedy=None) if told else check))
    failed = sum(check.state is State.FAIL for check in checks)
    warned = sum(check.state is State.WARN for check in checks)
    if arguments.json:
        stdout(json_text({"ok": not failed, "checks": [asdict(check) for check in checks]}))
    else:
        stdout(f"\n{len(checks)} checks: {failed} failed, {warned} with a warning")
    return FAILED if failed else DONE


def _line(check: Step) -> str:
    mark, colour = _SHOWN[check.state]
    text = f"{paint(mark, colour)} {visible(check.name):<24} {visible(check.evidence, 500)}"
    return f"{text}\n    {paint('→', 'dim')} {visible(check.remedy, 500)}" if check.remedy else text


def _checks(options: Options) -> Iterator[Step]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Step("mlops-dash", State.OK, f"{__version__}, Python {version}, {sys.platform}")
    yield _terminal()
    yield _git_program()
    yield _folder("cache", cache_dir(), "what was read is not kept, so every start reads everything")
    yield _folder("state", state_dir(), "model servers cannot be started")
    yield from _project(options)


def _terminal() -> Step:
    from mlops_dash.cli.dashboard import require_terminal

    encoding = (sys.stdout.encoding or "?") if sys.stdout else "?"
    try:
        require_terminal()
    except DashError as error:
        return Step("terminal", State.WARN, error.message, error.remedy)
    size = shutil.get_terminal_size()
    evidence = f"{os.environ.get('TERM')}, {size.columns}×{size.lines}, {encoding}"
    if encoding.lower().replace("-", "") != "utf8":
        return Step("terminal", State.WARN, evidence, "set a UTF-8 locale, for example LANG=C.UTF-8")
    if size.columns < 80 or size.lines < 24:
        return Step("terminal", State.WARN, evidence, "80×24 shows everything")
    return Step("terminal", State.OK, evidence)


def _git_program() -> Step:
    remedy = "install git; without it commits, DVC files and GTO tags are not read"
    try:
        done = subprocess.run(["git", "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Step("git program", State.FAIL, f"cannot be run: {type(error).__name__}", remedy)
    return Step("git program", State.OK, done.stdout.strip())


def _folder(name: str, folder: Path, without: str) -> Step:
    """Tell whether ``folder`` or, where there is none yet, the nearest one above it can be written to."""
    nearest = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        remedy = f"make {nearest} writable, or set MLOPS_DASH_{name.upper()}_DIR to another folder"
        return Step(f"{name} folder", State.WARN, f"{folder} cannot be written to: {without}", remedy)
    free = shutil.disk_usage(nearest).free
    evidence = f"{folder}, {free / 1e9:.1f} GB free"
    if free < 200_000_000:
        return Step(f"{name} folder", State.WARN, evidence, "free some space: a large store needs 100 MB")
    return Step(f"{name} folder", State.OK, evidence)


def _project(options: Options) -> Iterator[Step]:
    from mlops_dash.cli.connection import tracking_steps

    within = options.timeout or _WITHIN
    try:
        with opened(options) as project:
            yield _configuration(project)
            yield from tracking_steps(project.located, within)
            yield from _guarded("sources", lambda: _sources(project, within))
            yield from _guarded("targets", lambda: _targets(project))
            yield from _guarded("rebuilds", lambda: _rebuilds(project))
    except DashError as error:
        name = "configuration" if error.exit_code == 2 else "project"
        yield Step(name, State.FAIL, error.message.replace("\n", ";"), error.remedy)


def _configuration(project: Project) -> Step:
    if project.config_path is None:
        remedy = "mlops-dash config init writes one, so that targets can be asked"
        return Step("configuration", State.OK, "no mlops-dash.toml: everything is found", remedy)
    count = len(project.config.environments)
    evidence = f"{project.config_path}, {count} environment{'' if count == 1 else 's'}"
    return Step("configuration", State.OK, evidence)


def _guarded(name: str, look: Callable[[], list[Step]]) -> list[Step]:
    try:
        return look()
    except DashError as error:  # the other checks are still worth having
        return [Step(name, State.FAIL, error.message, error.remedy)]


def _sources(project: Project, within: float) -> list[Step]:
    """Read what can be read within ``within`` seconds: what a store is like shows without the whole of it."""
    line, cancel = ProgressLine(), CancelToken()
    timer = Timer(within, cancel.cancel)
    timer.daemon = True
    timer.start()
    try:
        project.refresh(thorough=True, progress=line, cancel=cancel)
    except Cancelled:
        pass  # what has landed until now is told
    finally:
        timer.cancel()
        line.clear()
    return [_source(status, within) for status in project.statuses() if status.name != "targets"]


def _source(status: SourceStatus, within: float) -> Step:
    if status.status is Freshness.READING:
        remedy = "mlops-dash sync reads it whole; the dashboard shows what has come so far"
        return Step(status.name, State.WARN, f"not read within {within:g} s", remedy)
    told = ", ".join(part for part in (status.kind, status.counts, status.detail) if part)
    if status.status is Freshness.OK:
        return Step(status.name, State.WARN if status.detail else State.OK, told, status.remedy)
    if status.status is Freshness.ABSENT:
        needed = status.name in ("tracking", "git")
        evidence = status.detail or "none here"
        return Step(status.name, State.WARN if needed else State.OK, evidence, status.remedy)
    return Step(status.name, State.FAIL, told, status.remedy)


def _targets(project: Project) -> list[Step]:
    observed = {(item.environment, item.model): item for item in project.observe()}
    checks = []
    for entry in project.places():
        place = entry.place
        name = f"{place.environment} · {place.model}"
        if (observation := observed.get((place.environment, place.model))) is not None:
            checks.append(_target(name, observation))
            continue
        declared = f"declared {entry.declared.version}" if entry.declared else "nothing declared"
        state = State.OK if entry.declared else State.WARN
        remedy = None if entry.declared else f"set the alias {place.declared_alias} in the registry"
        checks.append(Step(name, state, f"{declared}; no target that could be asked", remedy))
    return checks or [Step("targets", State.WARN, "no environments", "set an alias on a registered model")]


def _rebuilds(project: Project) -> list[Step]:
    """Ask the cluster that rebuilds are to run on; this machine needs not be asked."""
    from mlops_dash.project.rebuilding import look_at_runner

    if project.config.rebuild.runner == "local":
        return []
    return [Step("rebuilds", State.OK, look_at_runner(project))]


def _target(name: str, seen: Observation) -> Step:
    took = f" in {seen.latency_ms:.0f} ms" if seen.latency_ms is not None else ""
    says = f"serves {seen.version or 'an unknown version'}" if seen.answered else "no answer"
    parts = (seen.target, seen.address, f"{seen.health.value}{took}", says, seen.detail)
    told = ", ".join(part for part in parts if part)
    if seen.answered and seen.health is Health.HEALTHY:
        return Step(name, State.OK, told)
    silent = seen.health is Health.DOWN or (seen.health is Health.UNKNOWN and not seen.answered)
    if not silent:  # it starts, or it answers and is not well: it says so itself
        return Step(name, State.WARN, told)
    ours = seen.target == "process"
    remedy = f"mlops-dash up {seen.environment} starts it" if ours else "look at the server itself"
    return Step(name, State.FAIL, told, remedy)
