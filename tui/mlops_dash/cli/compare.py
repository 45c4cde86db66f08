"""The verb ``compare``: what tells runs, versions and environments apart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mlops_dash.cli.command import DONE
from mlops_dash.cli.opening import opened, refreshed, tell_sources
from mlops_dash.cli.output import csv_text, json_text, md_text, room_of_stdout, stderr, stdout
from mlops_dash.domain.text import visible

if TYPE_CHECKING:
    import argparse

    from mlops_dash.answers.compare_shapes import CompareAnswer
    from mlops_dash.cli.command import Options
    from mlops_dash.project import Project

MOST_CURVES = 24
"""Metrics whose histories are drawn in a report: those that differ first."""


def compare(options: Options, arguments: argparse.Namespace) -> int:
    """Print references side by side, read and asked just now."""
    with opened(options) as project:
        status = refreshed(project)
        project.observe()
        tell_sources(status.statuses)
        answer = project.compare(*arguments.ref, baseline=arguments.baseline)
        if arguments.html is not None:
            _report(project, answer, Path(arguments.html))
        _print(answer, arguments)
    return DONE


def _print(answer: CompareAnswer, arguments: argparse.Namespace) -> None:
    from mlops_dash.answers.compare_exports import compare_object, long_table, wide_table
    from mlops_dash.cli.compare_text import compare_text

    only = arguments.differences
    if arguments.parquet is not None:
        from mlops_dash.answers.table_files import write_parquet

        path = write_parquet(Path(arguments.parquet), *long_table(answer, differences=only))
        stderr(f"mlops-dash: wrote {visible(str(path))}")
    elif arguments.json:
        stdout(json_text(compare_object(answer, differences=only)))
    elif arguments.csv:
        stdout(csv_text(*wide_table(answer, differences=only)))
    elif arguments.md:
        stdout(md_text(*wide_table(answer, differences=only)))
    elif arguments.html is None:
        stdout(compare_text(answer, room_of_stdout(), differences=only))


def _report(project: Project, answer: CompareAnswer, path: Path) -> None:
    """Write the report, and say where it is."""
    from mlops_dash.answers.report import write_report

    metrics = sorted(answer.metrics, key=lambda line: not line.differs)
    runs = list(dict.fromkeys(item.run_id for item in answer.items if item.run_id is not None))
    curves = project.curves(runs, [line.key for line in metrics[:MOST_CURVES]])
    if curves.problem:
        stderr(f"mlops-dash: {visible(curves.problem, 500)}")
    written = write_report(
        path,
        answer,
        curves,
        title=project.name,
        primary=project.config.metrics.primary,
        overwrite=True,
    )
    stderr(f"mlops-dash: wrote {visible(str(written))}")
