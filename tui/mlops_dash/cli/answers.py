"""The verbs that answer: ``live``, ``trace``, ``sql`` and ``sync``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from mlops_dash.cli import contract
from mlops_dash.cli.command import DONE, FAILED
from mlops_dash.cli.opening import opened, refreshed, tell_sources
from mlops_dash.cli.output import csv_text, json_text, room_of_stdout, stderr, stdout
from mlops_dash.cli.tables import table
from mlops_dash.domain.text import visible
from mlops_dash.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from mlops_dash.answers.shapes import TableAnswer
    from mlops_dash.cli.command import Options

LONGEST_QUERY = 1_000_000
_TABLES = """
select table_name as "table",
  string_agg(column_name || ' ' || lower(data_type), ', ' order by column_index) as columns
from duckdb_columns() where not internal and schema_name = 'main' and database_name = current_database()
group by table_name order by table_name
"""


def live(options: Options, arguments: argparse.Namespace) -> int:
    """Print what is live in every environment, read and asked just now."""
    from mlops_dash.cli import reports

    with opened(options) as project:
        refreshed(project)
        project.observe()
        answer = project.live()
        if arguments.json:
            stdout(json_text(contract.live_object(answer)))
        elif arguments.csv:
            stdout(csv_text(*reports.live_rows(answer)))
        else:
            stdout(reports.live_text(answer, room_of_stdout()))
        fine = tell_sources(answer.sources)
        for hint in answer.hints:
            stderr(visible(hint, 500))
    return DONE if fine or answer.environments else FAILED


def trace(options: Options, arguments: argparse.Namespace) -> int:
    """Print the lineage of a reference."""
    from mlops_dash.cli import reports

    with opened(options) as project:
        status = refreshed(project)
        project.observe()
        tell_sources(status.statuses)
        answer = project.trace(arguments.ref)
        if answer.omitted:
            left = ", ".join(f"{count:,} {kind}s" for kind, count in answer.omitted.items())
            stderr(f"mlops-dash: left out, because there are too many: {visible(left)}")
        if arguments.json:
            stdout(json_text(contract.trace_object(answer)))
        else:
            stdout(reports.trace_text(answer))
    return DONE


def sql(options: Options, arguments: argparse.Namespace) -> int:
    """Print the answer to a question in SQL, or the tables that can be asked."""
    query = _TABLES if arguments.tables else arguments.query
    if not query or (arguments.tables and arguments.query):
        raise UsageError("sql takes either a QUERY or --tables", 'mlops-dash sql "select * from run limit 5"')
    if query == "-":
        query = _standard_input()
    with opened(options) as project:
        status = refreshed(project)
        tell_sources(status.statuses)
        _print_table(project.sql(query), arguments)
    return DONE


def sync(options: Options, arguments: argparse.Namespace) -> int:
    """Read all sources into the cache, and say how much there is."""
    started = time.monotonic()
    with opened(options) as project:
        answer = refreshed(project, thorough=True)
        seconds = round(time.monotonic() - started, 3)
        statuses = project.statuses()
        if arguments.json:
            sources = [
                contract.source_object(status) | {"counts": status.counts, "remedy": status.remedy}
                for status in statuses
            ]
            stdout(json_text({"changed": answer.changed, "seconds": seconds, "sources": sources}))
        else:
            rows = [(status.name, status.status, status.counts or status.detail) for status in statuses]
            stdout(table(["source", "status", "holds"], rows, room=room_of_stdout(), widest=200))
            stdout(f"{'read' if answer.changed else 'nothing new'} in {seconds:.2f} s")
        fine = tell_sources(statuses)
    return DONE if fine else FAILED


def _print_table(answer: TableAnswer, arguments: argparse.Namespace) -> None:
    if arguments.json:
        stdout(json_text(contract.table_object(answer)))
    elif arguments.csv:
        stdout(csv_text(answer.columns, answer.rows))
    else:
        widest = 400 if arguments.tables else 60
        stdout(table(answer.columns, answer.rows, room=room_of_stdout(), widest=widest))
        stderr(f"{len(answer.rows):,} row{'s' if len(answer.rows) != 1 else ''}")


def _standard_input() -> str:
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(
            "sql - reads the query from standard input, which is a terminal", "pipe the query in"
        )
    try:
        query = sys.stdin.read(LONGEST_QUERY + 1)
    except UnicodeDecodeError:
        raise UsageError("the query on standard input is not text") from None
    if len(query) > LONGEST_QUERY or not query.strip():
        raise UsageError("the query on standard input is " + ("too long" if query.strip() else "empty"))
    return query
