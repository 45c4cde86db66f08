"""What a rebuild of a run takes: found in what the run recorded, in its commit and in the configuration."""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mlops_dash.answers.rebuilding import seeds_of
from mlops_dash.domain.plans import Version
from mlops_dash.domain.rebuilds import Command, DataNeed, Origin, Packages, Recipe
from mlops_dash.domain.recorded import Recorded, from_tags, is_commit
from mlops_dash.domain.text import visible
from mlops_dash.errors import SourceError, UsageError
from mlops_dash.recorder.noting import origins
from mlops_dash.sources.command_files import CommandError, filled, made_by, of_mlproject, of_pipeline

if TYPE_CHECKING:
    from mlops_dash.answers.compare import Compared
    from mlops_dash.project import Project

_ENTRY = "mlflow.project.entryPoint"
_SCRIPT = "mlflow.source.name"
_OWN = frozenset({"mlops-dash"})


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of a run.

    Attributes:
        version: the model version that was named, or that its run made.
        experiment: name of its experiment.
        dirty: the tree had uncommitted changes; ``None``: nobody noted.
        lacks: what is missing, by check, with the reason.
        seeds: what says that randomness is fixed: a parameter, a variable, an argument.
    """

    recipe: Recipe
    version: Version
    experiment: str | None
    recorded: Recorded | None
    dirty: bool | None
    lacks: Mapping[str, str]
    seeds: str | None

    @property
    def patch_sha256(self) -> str | None:
        """Of the difference that is applied."""
        noted = self.recorded
        return noted.patch_sha256 if noted is not None and noted.patch is not None else None


def found(project: Project, ref: str) -> Found:
    """Return what is known of the run that a reference names.

    Raises:
        UsageError: there is no such thing, or it has no run.
    """
    from mlops_dash.answers.compare import compared

    known = compared(project.store, project.config, (ref, ref), project._enrich)
    subject = known.subjects[0]
    run = known.run(subject)
    if run is None or subject.run_id is None:
        raise UsageError(
            f"{visible(ref, 80)} names no run that the tracking store has", "mlops-dash runs lists them"
        )
    tags = known.tags.get(subject.run_id, {})
    recorded = from_tags(tags)
    commit = known.commits[0]
    lacks: dict[str, str] = {}
    files = _Files(project, commit)
    command = _command(project, tags, recorded, files, run.params, lacks)
    recipe = Recipe(
        run_id=subject.run_id,
        commit=commit if commit is not None and is_commit(commit) else None,
        command=command,
        packages=_packages(project, known, recorded, lacks),
        data=tuple(_data(project, known, recorded, commit, partial(_made, files, command, tags))),
        parameters=run.params,
    )
    if recipe.commit is None:
        lacks["commit"] = "the run recorded no commit"
    dirty = recorded.dirty if recorded is not None else (True if subject.run_id in known.runs.dirty else None)
    if dirty and (recorded is None or recorded.patch is None or recorded.omitted):
        why = recorded.omitted if recorded is not None else "nobody recorded them"
        lacks["tree"] = f"it was trained with uncommitted changes, and they are not kept: {why}"
    made = project.store.records("versions_of_runs", run_ids=[subject.run_id], model_ids=[])
    version = Version(
        subject.model or (made[0]["name"] if made else ""),
        subject.version or (str(made[0]["version"]) if made else ""),
        subject.run_id,
        commit=recipe.commit,
    )
    seeds = next(seeds_of(run.params, recorded), None)
    return Found(recipe, version, run.experiment or None, recorded, dirty, lacks, seeds)


def _command(
    project: Project,
    tags: Mapping[str, str],
    recorded: Recorded | None,
    files: _Files,
    parameters: Mapping[str, str],
    lacks: dict[str, str],
) -> Command | None:
    """Return the best command that is told, in the order of trust; why there is none stands in ``lacks``."""
    variables = dict(recorded.variables or {}) if recorded is not None else {}
    reasons = []
    if recorded is not None and recorded.argv is not None and not recorded.withheld:
        argv = recorded.argv if recorded.argv[0].startswith("@") else ("python", *recorded.argv)
        folder = recorded.folder or "."
        return Command(argv, folder, Origin.RECORDER, variables, "as it was recorded")
    if recorded is not None and recorded.withheld:
        reasons.append("an argument looked like a secret and was not recorded")
    entry = tags.get(_ENTRY)
    content = files.read("MLproject")
    if content is not None:
        try:
            told = of_mlproject("MLproject", content, entry or "main", parameters)
            origin = Origin.PROJECT_RUN if entry is not None else Origin.MLPROJECT
            return Command(told.argv, told.folder, origin, variables, told.where)
        except CommandError as error:
            reasons.append(f"MLproject: {error}")
    content = files.read("dvc.yaml")
    if content is not None:
        try:
            told = of_pipeline("dvc.yaml", content, tags.get(_SCRIPT))
            return Command(told.argv, told.folder, Origin.DVC, variables, told.where)
        except CommandError as error:
            reasons.append(f"dvc.yaml: {error}")
    settings = project.config.rebuild
    if settings.command:
        try:
            words = filled(settings.command, parameters)
            return Command(words, settings.folder, Origin.CONFIGURATION, variables, "[rebuild] command")
        except CommandError as error:
            reasons.append(f"[rebuild] command: {error}")
    lacks["command"] = "; ".join(reasons) or "nobody recorded it"
    return None


class _Files:
    """Reads files of a commit."""

    def __init__(self, project: Project, commit: str | None) -> None:
        git = project.git
        self._git = None if git is None or isinstance(git, SourceError) else git
        self._commit = commit if commit is not None and is_commit(commit) else None

    def read(self, path: str) -> bytes | None:
        """Return a file's content; ``None`` where there is none."""
        if self._git is None or self._commit is None:
            return None
        try:
            return self._git.runner.run("cat-file", "blob", f"{self._commit}:{path}", limit=8 << 20)
        except SourceError:
            return None


def _packages(
    project: Project, known: Compared, recorded: Recorded | None, lacks: dict[str, str]
) -> Packages | None:
    if project.config.rebuild.environment == "present":
        return present_packages(project)
    if recorded is not None and recorded.packages:
        return _recorded(recorded)
    place = known.models[0]
    if isinstance(place, str):
        lacks["packages"] = f"nobody recorded them, and {place}"
        return None
    from mlops_dash.answers.compare_packages import model_facts
    from mlops_dash.sources.mlflow.artifacts import Artifacts

    artifacts = Artifacts(project.located.tracking, project.located.folder)
    try:
        facts = model_facts(artifacts.read(place))
    except SourceError as error:
        lacks["packages"] = f"nobody recorded them, and {error.message}"
        return None
    finally:
        artifacts.close()
    if isinstance(facts, str):
        lacks["packages"] = f"nobody recorded them, and {facts}"
        return None
    python = facts.packages.get("python")
    asked = {name: told for name, told in sorted(facts.packages.items()) if name not in ("python", *_OWN)}
    lines = tuple(_requirement(name, told) for name, told in asked.items())
    unpinned = tuple(name for name, told in asked.items() if not _is_version(told))
    return Packages(python, lines, Origin.LOGGED_MODEL, unpinned)


def present_packages(project: Project) -> Packages:
    """Return the present environment; what of it is the project's own is taken from the worktree."""
    top = Path(project.located.repository).resolve() if project.located.repository is not None else None
    places = origins(tuple(sys.path), top).values()
    folders = tuple(place.removeprefix("folder:") for place in places if place.startswith("folder:"))
    return Packages(None, (), Origin.PRESENT, folders=folders)


def _recorded(recorded: Recorded) -> Packages:
    """Return the recorded packages: those of an index by version, others by where they came from."""
    lines, folders, unknown = [], [], []
    for name, version in sorted(recorded.packages.items()):
        origin = recorded.origins.get(name)
        if name in _OWN:
            continue
        if origin is None:
            lines.append(f"{name}=={version}")
        elif origin.startswith("git+"):
            lines.append(f"{name} @ {origin}")
        elif origin.startswith("folder:"):
            folders.append(origin.removeprefix("folder:"))
        else:
            unknown.append(name)
    return Packages(
        recorded.python, tuple(lines), Origin.RECORDER, folders=tuple(folders), unknown=tuple(unknown)
    )


def _is_version(told: str) -> bool:
    return told[:1].isdigit() and "," not in told and " " not in told


def _requirement(name: str, told: str) -> str:
    if told == "any":
        return name
    return f"{name}=={told}" if _is_version(told) else f"{name}{told}"


def _made(files: _Files, command: Command | None, tags: Mapping[str, str]) -> frozenset[str]:
    """Return what ``dvc.lock`` tracks that comes of the command itself: it takes none of it."""
    content = files.read("dvc.lock") if command is not None else None
    if content is None or command is None:
        return frozenset()
    return made_by("dvc.lock", content, command.argv, tags.get(_SCRIPT))


def _data(
    project: Project,
    known: Compared,
    recorded: Recorded | None,
    commit: str | None,
    made: Callable[[], frozenset[str]],
) -> Iterator[DataNeed]:
    """Yield the data that the commit tracks, the files that the command named, and MLflow's inputs."""
    if commit is not None and is_commit(commit):
        project._enrich([commit])
        rows = project.store.records("dvc_data", commits=[commit])
        locked = any(row["tracked_in"] == "dvc.lock" for row in rows)
        results = made() if locked else frozenset()
        for row in rows:
            result = row["tracked_in"] == "dvc.lock" and row["path"] in results
            if "://" not in row["path"] and not result:
                yield DataNeed(
                    row["path"], "dvc", row["path"], digest=row["digest"], md5=row["digest"], size=row["size"]
                )
    folder = recorded.folder or "." if recorded is not None else "."
    for one in recorded.files if recorded is not None else ():
        if one.sha256 is None:
            continue
        absolute = Path(one.path).is_absolute()
        path = one.path if absolute else posixpath.normpath(posixpath.join(folder, one.path))
        if absolute or ".." not in PurePosixPath(path).parts:
            yield DataNeed(one.path, "file", path, sha256=one.sha256, size=one.size)
    for used in known.inputs.get(known.subjects[0].run_id or "", ()):
        yield DataNeed(used.name, "mlflow", None, digest=used.digest, source=used.source)
