"""What would a rebuild of a run need, and what of it is known?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mlops_dash.answers.shapes import CodeFacts, DataFacts, ReadinessCheck, Rebuildable, RunFacts
from mlops_dash.domain.environments import CodeStatus
from mlops_dash.domain.rebuilds import Level
from mlops_dash.domain.recorded import Recorded
from mlops_dash.domain.text import visible

_AT_HAND = (CodeStatus.OK, CodeStatus.DIRTY, CodeStatus.UNREACHABLE)
_INSTALL = "install mlops-dash where training runs: its recorder notes it"


def rebuildable(
    run: RunFacts | None,
    code: CodeFacts | None,
    data: Sequence[DataFacts],
    recorded: Recorded | None,
    *,
    registered: bool,
    command: str | None,
) -> Rebuildable:
    """Say what a rebuild of ``run`` would need, and what of it is known: eight checks.

    Args:
        recorded: what the recorder noted, its long texts left out; ``None``: it was not there.
        registered: a registered model version, which carries its requirements, is known.
        command: what tells the command where the recorder does not: the configuration, a project's run.
    """
    checks = (
        _commit(run, code),
        _remote(code),
        _tree(code, recorded),
        _data(data, recorded),
        _parameters(run),
        _command(run, data, recorded, command),
        _packages(recorded, registered),
        _randomness(run, recorded),
    )
    missing = tuple(check.name for check in checks if check.level is Level.MISSING)
    return Rebuildable(not missing, missing, checks)


def told_command(entry: str | None, *, configured: bool) -> str | None:
    """Say what tells a run's command where the recorder does not; ``None`` where nothing does.

    Args:
        entry: the entry point of the MLflow project that it was a run of.
        configured: the configuration tells one.
    """
    if entry is not None:
        return f"MLproject, entry point {visible(entry, 60)}"
    return "[rebuild] command" if configured else None


def _commit(run: RunFacts | None, code: CodeFacts | None) -> ReadinessCheck:
    if run is None:
        return _missing("commit", "the live version names no run", "register versions from runs")
    if code is not None and code.status in _AT_HAND:
        return ReadinessCheck("commit", Level.HOLDS, code.commit[:7])
    if code is not None:
        short = visible(code.commit, 60)[:7]
        return _missing("commit", f"{short} is not in this repository", "fetch it from where it is")
    return _missing("commit", "none is recorded", "train from a Git repository")


def _remote(code: CodeFacts | None) -> ReadinessCheck:
    if code is not None and code.on_remote:
        return ReadinessCheck("remote", Level.HOLDS, "others can fetch the commit")
    return ReadinessCheck(
        "remote", Level.WEAK, "the commit is on no remote that this clone knows", "git push"
    )


def _tree(code: CodeFacts | None, recorded: Recorded | None) -> ReadinessCheck:
    dirty = recorded.dirty if recorded is not None else None
    if dirty is False:
        return ReadinessCheck("tree", Level.HOLDS, "it was clean")
    if dirty and recorded is not None and recorded.patch_sha256 and recorded.omitted is None:
        return ReadinessCheck("tree", Level.HOLDS, "the uncommitted changes are recorded")
    if dirty or (code is not None and code.status is CodeStatus.DIRTY):
        why = recorded.omitted if recorded is not None and recorded.omitted else "nobody recorded them"
        return _missing(
            "tree", f"trained with uncommitted changes: {visible(why, 80)}", "commit before training"
        )
    return ReadinessCheck("tree", Level.WEAK, "nobody noted whether it was clean", _INSTALL)


def _data(data: Sequence[DataFacts], recorded: Recorded | None) -> ReadinessCheck:
    tracked = sum(one.kind == "dvc" for one in data)
    hashed = sum(one.sha256 is not None for one in recorded.files) if recorded is not None else 0
    if tracked or hashed:
        told = [f"{tracked} tracked by DVC"] * bool(tracked) + [f"{hashed} named and hashed"] * bool(hashed)
        return ReadinessCheck("data", Level.HOLDS, ", ".join(told))
    if data:
        found = f"{len(data)} known by MLflow's digest, which covers 10,000 rows"
        return ReadinessCheck("data", Level.WEAK, found, "track the file with DVC, or name it in the command")
    return _missing("data", "none is recorded", "log the data set as a run input, or track it with DVC")


def _parameters(run: RunFacts | None) -> ReadinessCheck:
    if run is None:
        return _missing("parameters", "unknown", "register versions from runs")
    return ReadinessCheck("parameters", Level.HOLDS, f"{len(run.params)} recorded")


def _command(
    run: RunFacts | None, data: Sequence[DataFacts], recorded: Recorded | None, command: str | None
) -> ReadinessCheck:
    if recorded is not None and recorded.argv is not None and not recorded.withheld:
        return ReadinessCheck("command", Level.HOLDS, visible(" ".join(recorded.argv), 200))
    if recorded is not None and recorded.withheld:
        told = "an argument looked like a secret and was not recorded"
        return _missing("command", told, "pass secrets in environment variables")
    if command is not None:
        return ReadinessCheck("command", Level.HOLDS, command)
    if any((one.source or "").endswith("dvc.lock") for one in data):
        return ReadinessCheck("command", Level.HOLDS, "the DVC pipeline at the commit")
    script = run.source_name if run is not None else None
    told = f"{visible(script, 80)}, its arguments are not recorded" if script else "the run names no script"
    return _missing("command", told, f"{_INSTALL}, or say it under [rebuild]")


def _packages(recorded: Recorded | None, registered: bool) -> ReadinessCheck:
    if recorded is not None and recorded.packages_sha256:
        python = f"Python {recorded.python} and " if recorded.python else ""
        return ReadinessCheck("packages", Level.HOLDS, f"{python}all packages by version")
    if registered:
        return ReadinessCheck("packages", Level.WEAK, "those that the logged model names", _INSTALL)
    return _missing("packages", "nobody recorded them", _INSTALL)


def _randomness(run: RunFacts | None, recorded: Recorded | None) -> ReadinessCheck:
    seeds = seeds_of(run.params if run is not None else {}, recorded)
    told = next(seeds, None)
    if told is not None:
        return ReadinessCheck("randomness", Level.HOLDS, told)
    return ReadinessCheck("randomness", Level.WEAK, "no seed is recorded", "log the seed as a parameter")


def seeds_of(params: Mapping[str, str], recorded: Recorded | None) -> Iterator[str]:
    """Yield what says that randomness is fixed: parameters, arguments, variables."""
    for name, value in params.items():
        if "seed" in name.lower() or "random_state" in name.lower():
            yield f"{visible(name, 60)} = {visible(value, 40)}"
    if recorded is None:
        return
    for word in recorded.argv or ():
        if word.startswith(("--seed", "--random")):
            yield f"argument {visible(word, 60)}"
    for name in ("PL_GLOBAL_SEED", "SEED"):
        if recorded.variables is not None and name in recorded.variables:
            yield f"{name} = {visible(recorded.variables[name], 40)}"


def _missing(name: str, evidence: str, remedy: str) -> ReadinessCheck:
    return ReadinessCheck(name, Level.MISSING, evidence, remedy)
