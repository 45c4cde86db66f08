"""From the words of the command line to an exit code."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_dash.errors import DashError, UsageError

if TYPE_CHECKING:
    import argparse

DONE, FAILED, USAGE, REFUSED, UNKNOWN, INTERRUPTED = 0, 1, 2, 3, 4, 130

# verb -> module and function; imported only when the verb is used
_VERBS = {
    "demo": ("mlops_dash.cli.dashboard", "demo"),
    "live": ("mlops_dash.cli.answers", "live"),
    "compare": ("mlops_dash.cli.compare", "compare"),
    "runs": ("mlops_dash.cli.runs", "runs"),
    "trace": ("mlops_dash.cli.answers", "trace"),
    "history": ("mlops_dash.cli.history", "history"),
    "sql": ("mlops_dash.cli.answers", "sql"),
    "sync": ("mlops_dash.cli.answers", "sync"),
    "rollback": ("mlops_dash.cli.rollback", "rollback"),
    "promote": ("mlops_dash.cli.rollback", "promote"),
    "rebuild": ("mlops_dash.cli.rebuild", "rebuild"),
    "jobs": ("mlops_dash.cli.jobs", "jobs"),
    "up": ("mlops_dash.cli.servers", "up"),
    "down": ("mlops_dash.cli.servers", "down"),
    "doctor": ("mlops_dash.cli.doctor", "doctor"),
    "config": ("mlops_dash.cli.configuration", "config"),
    "completion": ("mlops_dash.cli.configuration", "completion"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """The global options: what stands before the verb."""

    project: str | None = None
    config: str | None = None
    tracking_uri: str | None = None
    repo: str | None = None
    read_only: bool = False
    timeout: float | None = None


def run(argv: list[str]) -> int:
    """Do what ``argv`` says and return the exit code; every failure is told on standard error."""
    try:
        return _dispatch(argv)
    except SystemExit as leaving:  # argparse printed help or the version
        return leaving.code if isinstance(leaving.code, int) else DONE
    except DashError as error:
        from mlops_dash.cli.failures import tell

        tell(error)
        return error.exit_code
    except BrokenPipeError:
        _silence_stdout()
        return DONE  # the reader has seen enough
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last place where it can be told
        from mlops_dash.cli.failures import tell_unexpected

        tell_unexpected(error)
        return FAILED


def _dispatch(argv: list[str]) -> int:
    if not argv and "_ARGCOMPLETE" not in os.environ:  # the everyday start pays for no parser
        from mlops_dash.cli.dashboard import dashboard

        return dashboard(Options())
    from mlops_dash.cli.parser import parse

    arguments = parse(argv)
    options = Options(
        project=arguments.project,
        config=arguments.config,
        tracking_uri=arguments.tracking_uri,
        repo=arguments.repo,
        read_only=arguments.read_only,
        timeout=arguments.timeout,
    )
    _check(options)
    if arguments.verb is None:
        from mlops_dash.cli.dashboard import dashboard

        return dashboard(options)
    module, function = _VERBS[arguments.verb]
    verb: Callable[[Options, argparse.Namespace], int] = getattr(importlib.import_module(module), function)
    return verb(options, arguments)


def _check(options: Options) -> None:
    from mlops_dash.domain.text import visible

    for flag, folder in (("--project", options.project), ("--repo", options.repo)):
        if folder is not None and not os.path.isdir(folder):
            what = "is no folder" if os.path.lexists(folder) else "does not exist"
            raise UsageError(f"{flag} {visible(folder)} {what}", f"name an existing folder with {flag}")
    if options.tracking_uri is not None and not options.tracking_uri.strip():
        raise UsageError("--tracking-uri is empty", "write it as MLFLOW_TRACKING_URI, or leave it out")


def _silence_stdout() -> None:
    """Keep the interpreter from complaining about the pipe once more when it flushes at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
