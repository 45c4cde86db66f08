"""The verbs that answer: ``live``, ``trace``, ``sql`` and ``sync``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from mlops_dash.answers.shapes import TableAnswer
from mlops_dash.cli import contract
from mlops_dash.cli.command import DONE, FAILED
from mlops_dash.cli.opening import opened, read_what_was_named, refreshed, tell_sources
from mlops_dash.cli.output import csv_text, json_text, paint, room_of_stdout, stderr, stdout
from mlops_dash.cli.tables import cell_text, table
from mlops_dash.domain.text import visible
from mlops_dash.errors import StoreError, UsageError

if TYPE_CHECKING:
    import argparse

    from mlops_dash.cli.command import Options

LONGEST_QUERY = 1_000_000
MOST_ROWS = 10_000  # of a table for a person; JSON and CSV hold all


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
            stderr(f"hint: {visible(hint, 500)}")
        named = read_what_was_named(options, answer.sources)
    return DONE if fine or (answer.environments and named) else FAILED


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
    if bool(arguments.query) == arguments.tables:
        raise UsageError("sql takes a QUERY or --tables", 'mlops-dash sql "select * from runs limit 5"')
    query = _standard_input() if arguments.query == "-" else arguments.query
    with opened(options) as project:
        if arguments.tables:  # the same whatever was read
            _print_tables(project.store.records("tables"), arguments)
            return DONE
        tell_sources(refreshed(project).statuses)
        project.observe()
        whole = arguments.json or arguments.csv
        try:
            answer = project.sql(query, None if whole else MOST_ROWS)
        except StoreError as error:  # the question is at fault, not the cache
            raise UsageError(error.message, error.remedy) from error
        _print_rows(answer, arguments)
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


def _print_rows(answer: TableAnswer, arguments: argparse.Namespace) -> None:
    if arguments.json:
        stdout(json_text(contract.table_object(answer)))
    elif arguments.csv:
        stdout(csv_text(answer.columns, answer.rows))
    else:
        stdout(table(answer.columns, answer.rows, room=room_of_stdout()))
        count = len(answer.rows)
        more = "; --csv and --json print all" if count == MOST_ROWS else ""
        stderr(f"{count:,} row{'' if count == 1 else 's'}{more}")


def _print_tables(rows: list[dict[str, Any]], arguments: argparse.Namespace) -> None:
    if not rows or arguments.json or arguments.csv:
        columns = list(rows[0]) if rows else []
        _print_rows(TableAnswer(tuple(columns), tuple(tuple(row.values()) for row in rows)), arguments)
        return
    for row in rows:
        name, *told = (cell_text(value) for value in row.values())
        stdout("\n    ".join([paint(name, "bold"), *told]))


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
