"""The verb ``history``: what changed, where, when, by whom and why; what was live at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlops_dash.answers.history_tables import history_rows
from mlops_dash.answers.history_times import local, parse_moment
from mlops_dash.cli.command import DONE, FAILED
from mlops_dash.cli.history_text import changes_text, history_object, was_text
from mlops_dash.cli.opening import opened, refreshed, tell_sources
from mlops_dash.cli.output import csv_text, json_text, room_of_stdout, stderr, stdout
from mlops_dash.domain.text import visible

if TYPE_CHECKING:
    import argparse

    from mlops_dash.cli.command import Options


def history(options: Options, arguments: argparse.Namespace) -> int:
    """Print all changes of what is live, newest first; with ``--at`` what was live then."""
    asked = parse_moment(arguments.at, datetime.now(UTC)) if arguments.at is not None else None
    with opened(options) as project:
        status = refreshed(project)
        project.observe()
        answer = project.history(arguments.env, arguments.model, at=asked)
        if arguments.json:
            stdout(json_text(history_object(answer)))
        elif arguments.csv:
            stdout(csv_text(*history_rows(answer)))
        elif asked is not None:
            stderr(f"what was live at {local(asked)} ({asked:%Y-%m-%d %H:%M:%S} UTC)")
            stdout(was_text(answer, room_of_stdout()))
        else:
            stdout(changes_text(answer, room_of_stdout()))
        fine = tell_sources(status.statuses)
        if answer.unseen:
            stderr(f"mlops-dash: {visible(answer.unseen, 500)}")
    return DONE if fine or answer.changes else FAILED
