"""The verb ``runs``: which runs there are, filtered, sorted, and with the columns that tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_dash.answers.run_exports import runs_object, runs_rows
from mlops_dash.answers.table_files import indent_of
from mlops_dash.cli.command import DONE, FAILED
from mlops_dash.cli.opening import opened, read_what_was_named, refreshed, tell_sources
from mlops_dash.cli.output import csv_text, json_text, md_text, room_of_stdout, stderr, stdout
from mlops_dash.cli.run_text import runs_text
from mlops_dash.cli.tables import width
from mlops_dash.domain.text import visible
from mlops_dash.errors import FilterError, UsageError

if TYPE_CHECKING:
    import argparse

    from mlops_dash.answers.run_shapes import RunsAnswer
    from mlops_dash.cli.command import Options
    from mlops_dash.project import Project

SHOWN = 50
"""Runs that are printed for a person unless --limit says another number; machines get all."""

_AROUND = 60  # characters of a long filter that are shown before its wrong place


def runs(options: Options, arguments: argparse.Namespace) -> int:
    """Print runs, read just now."""
    if arguments.limit is not None and arguments.limit < 0:
        raise UsageError("--limit is below 0", "name a number of runs, or leave it out for all")
    sort = tuple(_sort_key(text) for text in arguments.sort or ())
    columns = tuple(part for text in arguments.columns or () for part in _listed(text))
    if arguments.columns and not columns:
        raise UsageError("--columns names none", "mlops-dash runs --columns metrics.rmse,params.alpha")
    with opened(options) as project:
        status = refreshed(project)
        project.observe()
        fine = tell_sources(status.statuses)
        answer = _asked(project, arguments, sort, columns)
        _print(answer, arguments, chosen=bool(columns))
        named = read_what_was_named(options, status.statuses)
    return DONE if fine or (answer.total and named) else FAILED


def _asked(
    project: Project,
    arguments: argparse.Namespace,
    sort: tuple[tuple[str, bool], ...],
    columns: tuple[str, ...],
) -> RunsAnswer:
    whole = arguments.json or arguments.csv or arguments.md or arguments.parquet
    limit = arguments.limit
    if not whole:
        limit = SHOWN if limit is None else limit
        columns = columns or project.run_columns().default or ("attributes.status",)
    try:
        return project.runs(
            arguments.filter or "",
            experiments=tuple(arguments.experiment or ()),
            sort=sort,
            columns=columns,
            limit=limit,
            deleted=arguments.deleted,
        )
    except FilterError as error:
        raise UsageError(f"{error.message}\n{_pointed(arguments.filter, error)}", error.remedy) from error


def _print(answer: RunsAnswer, arguments: argparse.Namespace, *, chosen: bool) -> None:
    if arguments.parquet:
        from mlops_dash.answers.table_files import write_parquet

        path = write_parquet(Path(arguments.parquet), *runs_rows(answer))
        stderr(f"mlops-dash: wrote {len(answer.rows):,} runs to {visible(str(path), 400)}")
    elif arguments.json:
        stdout(json_text(runs_object(answer), indent=indent_of(len(answer.rows))))
    elif arguments.csv:
        stdout(csv_text(*runs_rows(answer)))
    elif arguments.md:
        stdout(md_text(*runs_rows(answer)))
    else:
        room = room_of_stdout()
        text, left_out = runs_text(answer, room, chosen=chosen)
        stdout(text)
        stderr(_told(answer, left_out))


def _told(answer: RunsAnswer, left_out: Sequence[str]) -> str:
    shown, matched, total = len(answer.rows), answer.matched, answer.total
    told = f"{matched:,} run{'' if matched == 1 else 's'}"
    told += f" of {total:,}" if matched != total else ""
    told += f", {shown:,} of them shown; --limit {matched} shows all" if shown < matched else ""
    if left_out:
        told += f"; not shown for want of room: {visible(', '.join(left_out), 300)}"
    return told


def _sort_key(text: str) -> tuple[str, bool]:
    """Read KEY, KEY:asc or KEY:desc; a key may hold colons itself."""
    key, colon, direction = text.rpartition(":")
    if colon and direction.strip().lower() in ("asc", "desc") and key.strip():
        return key, direction.strip().lower() == "desc"
    if not text.strip():
        raise UsageError("--sort names no column", "mlops-dash runs --sort metrics.rmse")
    return text, False


def _listed(text: str) -> list[str]:
    """Split a list at its commas; what stands in quotes or backticks is one part."""
    parts, quote = [""], ""
    for char in text:
        if char == quote:
            quote = ""
        elif not quote and char in "`\"'" and parts[-1].rpartition(".")[2].strip() == "":
            quote = char
        if char == "," and not quote:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts if part.strip()]


def _pointed(text: str, error: FilterError) -> str:
    """Return the part of a filter around what is wrong, with carets under it."""
    start = max(0, error.start - _AROUND)
    before = ("…" if start else "") + visible(text[start : error.start])
    wrong = visible(text[error.start : max(error.start, error.end)], 60)
    after = visible(text[error.end : error.end + _AROUND])
    after += "…" if error.end + _AROUND < len(text) else ""
    return f"  {before}{wrong}{after}\n  {' ' * width(before)}{'^' * max(1, width(wrong))}"
