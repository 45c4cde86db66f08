"""The verbs ``up`` and ``down``: model servers of ``process`` targets, which outlive the dashboard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from mlops_dash.cli.command import DONE
from mlops_dash.cli.failures import tell
from mlops_dash.cli.opening import opened, refreshed, tell_sources
from mlops_dash.cli.output import json_text, room_of_stdout, stdout
from mlops_dash.cli.tables import table
from mlops_dash.config import ProcessTarget
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, UsageError

if TYPE_CHECKING:
    import argparse

    from mlops_dash.cli.command import Options
    from mlops_dash.project import Project


@dataclass(frozen=True, slots=True)
class Done:
    """What was done about one server.

    Attributes:
        outcome: started, running (it ran already), stopped, not-running, refused, failed or unknown.
        detail: why it was refused, failed or is unknown.
    """

    environment: str
    model: str
    version: str | None
    outcome: str
    address: str | None = None
    detail: str | None = None


_OUTCOMES = {1: "failed", 2: "refused", 3: "refused", 4: "unknown"}


def up(options: Options, arguments: argparse.Namespace) -> int:
    """Start the model server of one environment, or of all that have one."""

    def start(project: Project, environment: str, model: str) -> Done:
        started = project.up(environment)
        record = started.record
        outcome = "started" if started.fresh else "running"
        return Done(environment, model, record.version, outcome, record.url)

    with opened(options) as project:
        tell_sources(refreshed(project).statuses)
        return _each(project, arguments, start)


def down(options: Options, arguments: argparse.Namespace) -> int:
    """Stop the model server of one environment, or of all that have one."""

    def stop(project: Project, environment: str, model: str) -> Done:
        record = project.down(environment)
        if record is None:
            return Done(environment, model, None, "not-running")
        return Done(environment, model, record.version, "stopped", record.url)

    with opened(options) as project:  # what runs is written down: no source needs to be read
        return _each(project, arguments, stop)


def _each(project: Project, arguments: argparse.Namespace, act: Callable[[Project, str, str], Done]) -> int:
    """Act on each environment in turn; one that fails does not keep the others from it."""
    done: list[Done] = []
    code = DONE
    for environment, model in _wanted(project, arguments.env):
        try:
            done.append(act(project, environment, model))
        except DashError as error:
            tell(error)
            code = max(code, error.exit_code)
            outcome = _OUTCOMES.get(error.exit_code, "failed")
            done.append(Done(environment, model, None, outcome, detail=error.message))
    if arguments.json:
        stdout(json_text({"servers": [asdict(item) for item in done]}))
    else:
        rows = [(item.environment, item.model, item.version, item.outcome, item.address) for item in done]
        columns = ["environment", "model", "version", "outcome", "address"]
        stdout(table(columns, rows, room=room_of_stdout()))
    return code


def _wanted(project: Project, environment: str | None) -> list[tuple[str, str]]:
    """Return (environment, model) of every process target that is meant.

    Raises:
        UsageError: there is none; says how to configure one, or names the nearest environment.
    """
    environments = project.config.environments
    servers = {name: item for name, item in environments.items() if isinstance(item.target, ProcessTarget)}
    how = 'write target = { kind = "process" } under [environments.NAME] in mlops-dash.toml'
    if environment is not None and environment not in servers:
        told = visible(environment, 80)
        if environment in environments:
            kind = environments[environment].target.__struct_config__.tag
            raise UsageError(f"{told} has a target of kind {kind}, which is not ours to start or stop", how)
        from mlops_dash.config_file.problems import nearest

        raise UsageError(f"there is no process target “{told}”", nearest(environment, servers) or how)
    if not servers:
        raise UsageError("no environment has a process target", how)
    return [(name, item.model) for name, item in servers.items() if environment in (None, name)]
