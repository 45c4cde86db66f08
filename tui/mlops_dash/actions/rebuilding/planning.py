"""Plans a rebuild: facts in, exact steps out. Nothing is asked, read or changed here."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from mlops_dash.actions.rebuilding.environment import BUILT, PRESENT
from mlops_dash.domain.plans import ActionKind, Plan, Precondition, Step, Tick, Verification, Version
from mlops_dash.domain.rebuilds import Command, Limits, Origin, Packages, Recipe, Tolerance
from mlops_dash.domain.text import visible
from mlops_dash.errors import RefusedError

_REMEDIES = {
    "commit": "train from a Git repository: MLflow then records the commit",
    "tree": "commit before training; mlops-dash installed where training runs records what is not committed",
    "command": "install mlops-dash where training runs, or say it with command under [rebuild]",
}


_PLACES = {"local": "on this machine", "slurm": "by Slurm", "ray": "on the Ray cluster"}


@dataclass(frozen=True, slots=True)
class Judging:
    """How the runs are compared.

    Attributes:
        ignored: metrics that are left out.
        primary: the metric that stands for a model.
    """

    tolerance: Tolerance = field(default_factory=Tolerance)
    tolerances: Mapping[str, Tolerance] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    primary: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a plan is made of.

    Attributes:
        version: the version that is made again, as in :class:`Plan`.
        dirty: the tree had uncommitted changes; ``None``: nobody noted.
        patch_sha256: of the difference that is applied.
        fallback: the present environment, for packages that nobody recorded.
        present: it has the recorded packages and no others.
        lacks: what is missing, by check, with the reason.
        seeds: what says that randomness is fixed.
        passed: names of variables of ours that the command gets.
        runner: where it runs, as JSON values.
        repeats: how often.
        registers: what comes out the same is registered as a new version.
        interpreter: of the present environment.
        remote: the commit is on a remote; ``None``: nobody knows.
    """

    recipe: Recipe
    version: Version
    experiment: str | None
    dirty: bool | None
    patch_sha256: str | None
    fallback: Packages
    present: bool
    lacks: Mapping[str, str]
    seeds: str | None
    passed: tuple[str, ...]
    limits: Limits
    runner: Mapping[str, Any]
    judging: Judging
    repeats: int
    registers: bool
    interpreter: str | None
    remote: bool | None
    actor: str
    host: str
    made_at: datetime
    token: str


def make_rebuild(facts: Facts) -> Plan:
    """Return the plan.

    Raises:
        RefusedError: it cannot be rebuilt: says what is missing, and how to have it the next time.
    """
    recipe = facts.recipe
    for check in ("commit", "tree", "command"):
        if check in facts.lacks:
            raise RefusedError(
                f"{_told(facts)} cannot be rebuilt: its {check} is missing: {facts.lacks[check]}",
                _REMEDIES[check],
            )
    if facts.registers and not facts.version.version:
        raise RefusedError(
            f"{_told(facts)} was never registered, so there is no model that it could be a new version of",
            "leave --register out",
        )
    assert recipe.commit is not None
    assert recipe.command is not None
    packages = recipe.packages or facts.fallback
    action = f"{facts.made_at:%Y%m%dT%H%M%SZ}-{facts.token}"
    return Plan(
        id=action,
        kind=ActionKind.REBUILD,
        environment="",
        model=facts.version.model,
        before=None,
        after=facts.version,
        steps=tuple(_steps(facts, recipe.command, packages, action)),
        preconditions=tuple(_preconditions(facts, recipe.command, packages)),
        verification=Verification(asks=False),
        protected=False,
        actor=facts.actor,
        host=facts.host,
        made_at=facts.made_at,
    )


def _told(facts: Facts) -> str:
    version = facts.version
    if version.version:
        return f"{visible(version.model, 80)} version {visible(version.version, 40)}"
    return f"run {facts.recipe.run_id[:8]}"


def _steps(facts: Facts, command: Command, packages: Packages, job: str) -> Iterator[Step]:
    recipe = facts.recipe
    commit, run = str(recipe.commit), recipe.run_id
    patch = facts.patch_sha256 if facts.dirty else None
    with_patch = " and apply the recorded difference" if patch else ""
    yield Step(
        "checkout",
        "checkout",
        f"check out {commit[:7]}{with_patch} in a worktree of its own",
        f"git worktree add --detach … {commit[:12]}, with hooks, filters and links off",
        "the worktree is taken away",
        {"job": job, "run": run, "commit": commit, "patch": patch},
    )
    needs = [asdict(need) for need in recipe.data]
    yield Step("data", "data", _data_title(recipe), _data_effect(recipe), "", {"job": job, "needs": needs})
    yield _packages(facts, packages, job)
    yield _train(facts, command, packages, job)
    yield Step(
        "judge",
        "judge",
        "compare metrics, artifacts and predictions with the original's",
        f"the verdict is tagged on both runs{' and on the version' if facts.version.version else ''}",
        "",
        {
            "job": job, "run": run, "commit": commit, "patch": patch, "needs": needs,
            "variables": dict(command.variables), "argv": list(command.argv), "folder": command.folder,
            "version": [facts.version.model, facts.version.version] if facts.version.version else None,
            **_judging(facts.judging),
        },
    )  # fmt: skip
    if facts.registers:
        model, version = facts.version.model, facts.version.version
        yield Step(
            "register",
            "register",
            f"register it as a new version of {visible(model, 80)}, if it came out the same",
            f'client.create_model_version("{visible(model, 100)}", …), a rebuild of {visible(version, 60)}',
            "",
            {"job": job, "model": model, "of": version},
        )
    yield Step("sweep", "sweep", "take the worktree away", "its log and the verdict stay", "", {"job": job})


def _judging(judging: Judging) -> dict[str, Any]:
    return {
        "tolerance": asdict(judging.tolerance),
        "tolerances": {name: asdict(one) for name, one in judging.tolerances.items()},
        "predictions": asdict(judging.tolerance),
        "ignored": list(judging.ignored),
        "primary": judging.primary,
    }


def _data_title(recipe: Recipe) -> str:
    names = [visible(need.path or need.name, 60) for need in recipe.data if need.kind != "mlflow"]
    if not names:
        return "leave the data to the command: none is known by content"
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"restore {', '.join(dict.fromkeys(names[:3]))}{more}, each checked by its hash"


def _data_effect(recipe: Recipe) -> str:
    tracked = sum(need.kind == "dvc" for need in recipe.data)
    files = sum(need.kind == "file" for need in recipe.data)
    return f"{tracked} from DVC's cache, {files} that the command names" if recipe.data else "nothing"


def _packages(facts: Facts, packages: Packages, job: str) -> Step:
    present = packages.origin is Origin.PRESENT or facts.present
    if present:
        same = (
            "it has the recorded packages and no others"
            if facts.present
            else "the recorded ones are not used"
        )
        title, effect = "use the present environment", same
    else:
        python = ".".join((packages.python or "").split(".")[:2])
        title = f"build an environment of {len(packages.requirements)} packages with uv, unless it is there"
        where = f" --python {python}" if python else ""
        effect = f"uv venv{where}; uv pip install, from the {packages.origin.value}"
    return Step(
        "packages",
        "packages",
        title,
        effect,
        "",
        {
            "job": job,
            "kind": PRESENT if present else BUILT,
            "python": packages.python,
            "requirements": list(packages.requirements),
            "exact": packages.origin is Origin.RECORDER,
            "interpreter": facts.interpreter if packages.origin is Origin.PRESENT else None,
        },
    )


def _paths(packages: Packages) -> list[str]:
    """Return the folders of the worktree that the project's own packages are imported from: before all that
    is installed, for the present environment may lead to the user's own tree."""
    return [path for folder in packages.folders for path in (folder, posixpath.join(folder, "src"))]


def _train(facts: Facts, command: Command, packages: Packages, job: str) -> Step:
    times = f", {facts.repeats} times" if facts.repeats > 1 else ""
    where = _PLACES[str(facts.runner["kind"])]
    shown = shlex.join(visible(word, 200) for word in command.argv)
    folder = "" if command.folder == "." else f"cd {shlex.quote(visible(command.folder, 100))}; "
    return Step(
        "train",
        "train",
        f"run the command {where}{times}: {visible(shown, 300)}",
        f"{folder}{shown}",
        "",
        {
            "job": job,
            "run": facts.recipe.run_id,
            "argv": list(command.argv),
            "folder": command.folder,
            "variables": dict(command.variables),
            "passed": list(facts.passed),
            "experiment": facts.experiment,
            "paths": _paths(packages),
            "limits": asdict(facts.limits),
            "runner": dict(facts.runner),
            "repeats": facts.repeats,
        },
        "it runs the code of that commit, with your rights and without your credentials",
    )


def _preconditions(facts: Facts, command: Command, packages: Packages) -> Iterator[Precondition]:
    """Yield what must hold: what is asked when it is looked at, and what the run recorded."""
    commit = str(facts.recipe.commit)
    yield Precondition("rights", "you may write to the tracking store")
    yield Precondition("journal", "what is done can be written down where it outlives a crash")
    yield Precondition("alone", "nobody else rebuilds this run from this machine")
    if facts.runner["kind"] != "local":
        yield Precondition("runner", f"the command is taken: it runs {_PLACES[str(facts.runner['kind'])]}")
    yield Precondition("commit", f"all files of commit {commit[:7]} are in this repository")
    yield _remote(facts.remote)
    yield _tree(facts)
    yield Precondition("data", "the data is there, with the recorded content")
    count = len(facts.recipe.parameters)
    yield _known("parameters", f"{count} parameters are recorded", Tick.HOLDS)
    yield _known("command", f"the command is known: {visible(command.detail, 100)}", Tick.HOLDS)
    yield _pinned(facts, packages)
    if facts.seeds is not None:
        yield _known("randomness", f"randomness is fixed: {facts.seeds}", Tick.HOLDS)
    else:
        yield _known(
            "randomness", "randomness is fixed", Tick.UNKNOWN, "no seed is recorded",
            "log the seed as a parameter; --repeat N tells noise from a difference",
        )  # fmt: skip


def _remote(remote: bool | None) -> Precondition:
    if remote:
        return _known("remote", "the commit is on a remote", Tick.HOLDS)
    tick = Tick.UNKNOWN if remote is None else Tick.FAILS
    return _known(
        "remote", "the commit is on a remote", tick, "as far as this clone knows it is not", "git push"
    )


def _tree(facts: Facts) -> Precondition:
    if facts.dirty:
        return _known("tree", "the uncommitted changes are recorded", Tick.HOLDS)
    if facts.dirty is False:
        return _known("tree", "the tree was clean", Tick.HOLDS)
    return _known("tree", "the tree was clean", Tick.UNKNOWN, "nobody noted it", _REMEDIES["tree"])


def _pinned(facts: Facts, packages: Packages) -> Precondition:
    title = "the packages are pinned"
    if facts.recipe.packages is None:
        why = f"{facts.lacks.get('packages', 'nobody recorded them')}: the present environment is used"
        return _known("packages", title, Tick.FAILS, why, "install mlops-dash where training runs")
    if packages.origin is Origin.PRESENT:
        return _known("packages", title, Tick.UNKNOWN, 'environment = "present" is configured')
    if packages.unpinned:
        some = ", ".join(visible(name, 40) for name in packages.unpinned[:4])
        return _known("packages", title, Tick.FAILS, f"{some} may be of another version", "pin them")
    if packages.unknown and not facts.present:
        some = ", ".join(visible(name, 40) for name in packages.unknown[:4])
        why = f"nobody knows where {some} came from: left out"
        return _known("packages", title, Tick.FAILS, why, "install it from an index, or from Git")
    count = len(packages.requirements)
    whole = "" if packages.origin is Origin.RECORDER else ", those that they need in turn are not"
    return _known("packages", title, Tick.HOLDS, f"{count} from the {packages.origin.value}{whole}")


def _known(id_: str, title: str, tick: Tick, detail: str = "", remedy: str | None = None) -> Precondition:
    return Precondition(id_, title, tick, detail, remedy, blocking=False)
