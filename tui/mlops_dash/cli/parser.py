"""The words of the command line: global options, verbs and their options."""

from __future__ import annotations

import argparse
import difflib
import math
import os
import re
from typing import Any, NoReturn

from mlops_dash import __version__
from mlops_dash.domain.text import visible
from mlops_dash.errors import UsageError

EPILOG = """\
A REF is an environment, models:/NAME/VERSION, models:/NAME@ALIAS, a run id (a unique prefix is
enough), a commit, or data:DIGEST. Global options stand before the verb.

exit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 refused and nothing was changed,
            4 outcome unknown (the message says how to find out)"""
GLOBAL_OPTIONS = ("--project", "--config", "--tracking-uri", "--repo", "--read-only", "--timeout")


class Parser(argparse.ArgumentParser):
    """An argument parser that raises :class:`UsageError` and names the nearest known word."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the arguments."""
        raise UsageError(visible(message, 400), f"{self.prog} --help tells more")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        what = "verb" if isinstance(action, argparse._SubParsersAction) else "choice"
        raise UsageError(f"there is no {what} “{visible(str(value), 80)}”", _nearest(str(value), known))


def build() -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(
        prog="mlops-dash",
        description="Which model, data and code version is live in every environment.\n"
        "Without a verb: the dashboard.",
        epilog=EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"mlops-dash {__version__}")
    _add_global_options(parser)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")

    demo = verbs.add_parser("demo", help="make a real sample project and open the dashboard on it")
    demo.add_argument("--dir", metavar="D", help="folder for it; default: in the cache folder")
    demo.add_argument("--no-open", action="store_true", help="make it and start its servers only")

    _verb(verbs, "live", "what is live in every environment", csv=True)
    trace = _verb(verbs, "trace", "lineage of a reference, both directions")
    _complete(trace.add_argument("ref", metavar="REF", help="what to trace"), _environments)
    _add_runs(verbs)
    _add_compare(verbs)
    _add_history(verbs)
    _add_acting(verbs)
    _verb(verbs, "sync", "read all sources into the cache")
    for name, text in (("up", "start"), ("down", "stop")):
        verb = _verb(verbs, name, f"{text} the model servers of process targets")
        _complete(verb.add_argument("env", metavar="ENV", nargs="?", help="default: all"), _environments)
    sql = _verb(verbs, "sql", "ask everything joined, read only", csv=True)
    sql.add_argument("query", metavar="QUERY", nargs="?", help="DuckDB SQL; - reads it from standard input")
    sql.add_argument("--tables", action="store_true", help="list what can be asked")
    _verb(verbs, "doctor", "check every source and target, step by step")
    _add_config(verbs)
    completion = verbs.add_parser("completion", help="print the code that completes these words in a shell")
    completion.add_argument(
        "shell", metavar="SHELL", choices=("bash", "zsh", "fish"), help="bash, zsh or fish"
    )
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """Return the parsed arguments.

    Raises:
        UsageError: they are wrong; the remedy names the nearest known verb or option.
        SystemExit: help, the version or a completion was printed.
    """
    parser = build()
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        word = unknown[0]
        told = visible(word, 80)
        if word.split("=")[0] in GLOBAL_OPTIONS:
            raise UsageError(f"{told} stands before the verb", f"mlops-dash {told} … {arguments.verb}")
        known = [option for option in _options(parser, arguments.verb) if option.startswith("--")]
        raise UsageError(f"{told} is not known to {arguments.verb or 'mlops-dash'}", _nearest(word, known))
    return arguments


def _add_global_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("global options, before the verb")
    group.add_argument("--project", metavar="DIR", help="folder of the project; default: the current one")
    group.add_argument("--config", metavar="FILE", help="default: mlops-dash.toml in the project or above")
    group.add_argument("--tracking-uri", metavar="URI", help="tracking store, as MLFLOW_TRACKING_URI")
    group.add_argument("--repo", metavar="DIR", help="Git repository; default: around the project")
    group.add_argument("--read-only", action="store_true", help="refuse every action")
    group.add_argument("--timeout", metavar="S", type=_seconds, help="seconds to wait for any one answer")


def _verb(verbs: Any, name: str, text: str, *, csv: bool = False) -> argparse.ArgumentParser:
    verb: argparse.ArgumentParser = verbs.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}."
    )
    form = verb.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="strict JSON on standard output")
    if csv:
        form.add_argument("--csv", action="store_true", help="the table as CSV on standard output")
    return verb


def _add_runs(verbs: Any) -> None:
    runs = _verb(verbs, "runs", "runs of all experiments, filtered and sorted", csv=True)
    (form,) = runs._mutually_exclusive_groups
    form.add_argument("--md", action="store_true", help="the table as Markdown on standard output")
    form.add_argument("--parquet", metavar="FILE", help="write the table as Parquet")
    runs.add_argument("--experiment", metavar="E", action="append", help="name or id; repeat it for more")
    runs.add_argument("--filter", metavar="F", help="as in MLflow's search: metrics.rmse < 0.8 and …")
    runs.add_argument(
        "--sort", metavar="KEY[:desc]", action="append", help="column to sort by; repeat it for more"
    )
    runs.add_argument(
        "--columns", metavar="a,b,…", action="append", help="metrics.rmse, params.alpha, code.commit …"
    )
    runs.add_argument("--limit", metavar="N", type=int, help="runs at most; default: 50 as text, else all")
    runs.add_argument("--deleted", action="store_true", help="deleted runs, too")


def _add_compare(verbs: Any) -> None:
    compare = _verb(verbs, "compare", "what tells runs, versions and environments apart", csv=True)
    (form,) = compare._mutually_exclusive_groups
    form.add_argument("--md", action="store_true", help="the table as Markdown on standard output")
    form.add_argument("--parquet", metavar="FILE", help="write one row for each value as Parquet")
    refs = compare.add_argument("ref", metavar="REF", nargs="+", help="what to compare: 2 to 100")
    _complete(refs, _environments)
    compare.add_argument(
        "--baseline", metavar="N", type=int, default=0,
        help="place of the one that the others are compared with, counted from 0; default: 0",
    )  # fmt: skip
    compare.add_argument("--differences", action="store_true", help="leave out what is equal in all")
    compare.add_argument("--html", metavar="FILE", help="write a report that works offline")


def _add_history(verbs: Any) -> None:
    history = _verb(verbs, "history", "who changed what, where, when and why", csv=True)
    env = history.add_argument("env", metavar="ENV", nargs="?", help="environment; default: all")
    _complete(env, _environments)
    history.add_argument("--model", metavar="NAME", help="where an environment serves several")
    history.add_argument(
        "--at", metavar="TIME",
        help="what was live then: 3 days ago, 2h, 2026-11-20, 2026-11-20T09:30Z; local time without a zone",
    )  # fmt: skip


def _add_acting(verbs: Any) -> None:
    texts = {"rollback": "go back to a version that was live", "promote": "bring an environment to a version"}
    for name, text in texts.items():
        verb = _verb(verbs, name, f"{text}: plan, confirm, do, verify")
        _complete(verb.add_argument("env", metavar="ENV", help="environment to change"), _environments)
        default = "; default: the last that was live and healthy here" if name == "rollback" else ""
        to = verb.add_argument(
            "--to", metavar="V", required=name == "promote",
            help=f"version, environment, models:/NAME/VERSION or models:/NAME@ALIAS{default}",
        )  # fmt: skip
        _complete(to, _environments)
        verb.add_argument("--model", metavar="NAME", help="where the environment serves several")
        verb.add_argument("--dry-run", action="store_true", help="print the plan, change nothing")
        verb.add_argument("--reason", metavar="TEXT", help="why: everybody sees it in the history")
        verb.add_argument("--yes", action="store_true", help="do not ask; needs --reason")
        verb.add_argument(
            "--confirm", metavar="NAME", help="with --yes: the name of a protected environment, once more"
        )
    _add_rebuild(verbs)
    jobs = _verb(verbs, "jobs", "rollbacks, promotions and rebuilds, under way and done", csv=True)
    jobs.add_argument("id", metavar="ID", nargs="?", help="one action, with its journal")
    jobs.add_argument("--cancel", action="store_true", help="stop the rebuild ID")


def _add_rebuild(verbs: Any) -> None:
    verb = _verb(verbs, "rebuild", "make a run again from its commit, data and packages, and compare")
    ref = verb.add_argument("ref", metavar="REF", nargs="?", help="run, version or environment")
    _complete(ref, _environments)
    verb.add_argument("--live", action="store_true", help="everything that is live, in place of REF")
    verb.add_argument(
        "--repeat", metavar="N", type=int, default=1, help="how often: tells noise from a difference"
    )
    verb.add_argument(
        "--register", action="store_true", help="make it a new version, if it came out the same"
    )
    verb.add_argument("--wait", action="store_true", help="wait for the verdict")
    verb.add_argument(
        "--check", action="store_true", help="wait, and exit with 1 where one diverged or failed"
    )
    verb.add_argument("--dry-run", action="store_true", help="print the plan, run nothing")
    verb.add_argument("--reason", metavar="TEXT", help="why: everybody sees it in the history")
    verb.add_argument("--yes", action="store_true", help="do not ask")


def _add_config(verbs: Any) -> None:
    config = verbs.add_parser("config", help="start, check or describe mlops-dash.toml")
    parts = config.add_subparsers(dest="part", metavar="init|check|schema", required=True)
    init = _verb(parts, "init", "write a commented mlops-dash.toml from what is found")
    init.add_argument("--force", action="store_true", help="replace the one that is there")
    _verb(parts, "check", "explain what is wrong in mlops-dash.toml, and where")
    _verb(parts, "schema", "print the JSON schema")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < 86400:
        raise argparse.ArgumentTypeError(f"“{visible(text, 40)}” is no number of seconds above 0")
    return seconds


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word[:80].lower(), known, n=1, cutoff=0.5)
    listed = ", ".join(known)
    return f"did you mean {close[0]}? known are {listed}" if close else f"known are {listed}"


def _options(parser: argparse.ArgumentParser, verb: str | None) -> list[str]:
    chosen = parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) and verb:
            chosen = action.choices[verb]
    return [option for action in chosen._actions for option in action.option_strings]


def _complete(action: argparse.Action, completer: Any) -> None:
    action.completer = completer  # type: ignore[attr-defined] # where argcomplete looks for it


def _environments(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Complete names of configured environments; a completion never reads more than that file."""
    from pathlib import Path

    from mlops_dash.config_file import find_config, load_config
    from mlops_dash.errors import DashError

    try:
        path = (
            Path(parsed_args.config) if parsed_args.config else find_config(Path(parsed_args.project or "."))
        )
        names = list(load_config(path).environments) if path else []
    except DashError:
        return []
    return [name for name in names if name.startswith(prefix) and re.fullmatch(r"[\w.@:/-]+", name)]
