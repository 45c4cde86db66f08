"""The verb ``jobs``: actions under way and done, each with its journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_dash.cli import contract_actions as contract
from mlops_dash.cli.command import DONE
from mlops_dash.cli.opening import opened
from mlops_dash.cli.output import csv_text, json_text, room_of_stdout, stderr, stdout
from mlops_dash.cli.plan_text import job_text, jobs_text
from mlops_dash.cli.rollback import resume
from mlops_dash.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from mlops_dash.cli.command import Options


def jobs(options: Options, arguments: argparse.Namespace) -> int:
    """Print the actions of this project on this machine, or one with its journal."""
    from mlops_dash.project.wanted import find_action

    with opened(options) as project:  # journals tell it all: no source needs to be read
        resume(project)
        found = project.actions()
        if arguments.cancel:
            if arguments.id is None:
                raise UsageError("--cancel needs the ID of a rebuild", "mlops-dash jobs lists them")
            project.cancel(arguments.id)
            stderr("it is being stopped")
        if arguments.id is not None:
            action = find_action(arguments.id, found)
            text, document = job_text(action, room_of_stdout()), contract.action_object(action, events=True)
        else:
            text, document = jobs_text(found, room_of_stdout()), contract.jobs_object(found)
        if arguments.json:
            stdout(json_text(document))
        elif arguments.csv:
            stdout(csv_text(*contract.job_rows(document)))
        elif found:
            stdout(text)
        else:
            stderr("nothing was done from this machine yet")
    return DONE
