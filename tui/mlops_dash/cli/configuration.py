"""The verbs about the configuration file, and the code for shell completion."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_dash.cli.command import DONE, USAGE
from mlops_dash.cli.opening import ProgressLine, tell_sources
from mlops_dash.cli.output import json_text, stderr, stdout
from mlops_dash.domain.secrets import shown_address
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, RefusedError, UsageError

if TYPE_CHECKING:
    import argparse

    from mlops_dash.cli.command import Options
    from mlops_dash.config_file.starter import Found
    from mlops_dash.project import Project


def config(options: Options, arguments: argparse.Namespace) -> int:
    """Start, check or describe ``mlops-dash.toml``."""
    if arguments.part == "init":
        return _init(options, arguments)
    if arguments.part == "check":
        return _check(options, arguments)
    from mlops_dash.config_file import schema

    stdout(json_text(schema()))
    return DONE


def completion(_: Options, arguments: argparse.Namespace) -> int:
    """Print the code that completes ``mlops-dash`` in a shell."""
    from argcomplete.shell_integration import shellcode

    stdout(shellcode(["mlops-dash"], shell=arguments.shell).strip())
    return DONE


def _check(options: Options, arguments: argparse.Namespace) -> int:
    from mlops_dash.config_file import check, find_config

    folder = Path(options.project or ".")
    path = Path(options.config) if options.config else find_config(folder)
    if path is None:
        raise UsageError(
            f"there is no mlops-dash.toml in {visible(str(folder.absolute()))} or above",
            "none is needed; mlops-dash config init writes one",
        )
    problems = check(path)
    if arguments.json:
        document = {"path": str(path), "ok": not problems, "problems": [asdict(item) for item in problems]}
        stdout(json_text(document))
    else:
        name = visible(str(path))
        stdout("\n".join(f"{name}: {problem}" for problem in problems) if problems else f"{name} is fine")
    return USAGE if problems else DONE


def _init(options: Options, arguments: argparse.Namespace) -> int:
    from mlops_dash.config_file import FILE_NAME
    from mlops_dash.config_file.starter import init_text

    folder = Path(options.project or ".").absolute()
    path = Path(options.config).absolute() if options.config else folder / FILE_NAME
    if options.read_only:
        raise RefusedError("--read-only forbids writing a file", "leave it out")
    if os.path.lexists(path) and not arguments.force:
        raise RefusedError(f"{visible(str(path))} is there already", "--force replaces it")
    found = _look(options, folder)
    _write(path, init_text(found), replace=arguments.force)
    if arguments.json:
        stdout(json_text({"path": str(path), "environments": [asdict(item) for item in found.environments]}))
    else:
        stdout(visible(str(path)))
        stderr("mlops-dash config check explains mistakes after you edit it")
    return DONE


def _look(options: Options, folder: Path) -> Found:
    """Read the project as if it had no configuration file: a wrong one must not stop its successor."""
    from mlops_dash.config import Config
    from mlops_dash.project import Project
    from mlops_dash.project.locate import locate

    repo = Path(options.repo) if options.repo else None
    located = locate(folder, Config(), None, tracking_uri=options.tracking_uri, repo=repo)
    project = Project(located, Config(), None, read_only=True, timeout=options.timeout)
    progress = ProgressLine()
    try:
        tell_sources(project.refresh(progress=progress).statuses)
        return _found(project, folder)
    finally:
        progress.clear()
        project.close()


def _found(project: Project, folder: Path) -> Found:
    from mlops_dash.config_file.starter import Found, FoundEnvironment

    environments = [
        FoundEnvironment(place.environment, place.model, place.declared_alias, entry.declared.via)
        for entry in project.places()
        if entry.declared is not None
        for place in [entry.place]
    ]
    metrics: dict[str, None] = {}
    for row in project.live().environments:
        if row.primary_metric:
            metrics.setdefault(row.primary_metric)
    for row in project.live().environments:
        metrics |= dict.fromkeys(sorted(row.run.metrics) if row.run else ())
    states = project.store.records("git_state")
    repository = project.located.repository
    return Found(
        tracking=shown_address(project.located.tracking) if project.located.tracking else None,
        repo=os.path.relpath(repository, folder) if repository else None,
        main=states[0]["main"] if states else None,
        environments=environments,
        metrics=list(metrics),
    )


def _write(path: Path, text: str, *, replace: bool) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}") if replace else path
    try:
        with aside.open("x", encoding="utf-8") as file:
            file.write(text)
        if replace:
            os.replace(aside, path)
    except FileExistsError:
        raise RefusedError(f"{visible(str(aside))} is there already", "--force replaces it") from None
    except OSError as error:
        raise DashError(f"{visible(str(path))} cannot be written: {error.strerror}") from error
