"""What tells runs, versions and environments apart: the store's facts, and beside them Git and artifacts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from msgspec import structs

from mlops_dash.answers.compare_shapes import CodeBetween, CompareAnswer
from mlops_dash.errors import DashError, SourceError, UsageError
from mlops_dash.project.beside import Beside, Remembered

if TYPE_CHECKING:
    from mlops_dash.answers.compare import Compared
    from mlops_dash.answers.compare_code import Pair
    from mlops_dash.answers.compare_packages import ModelFacts
    from mlops_dash.project import Project
    from mlops_dash.sources.git import GitSource
    from mlops_dash.sources.git_between import Between
    from mlops_dash.sources.mlflow.artifacts import ModelPlace

BESIDE_WITHIN = 6.0
"""Seconds that Git and the reading of artifacts may take, side by side; what is late then is unknown."""

READING = "being read …"
"""The reason of what was left out because of hurry."""

FAILED_FOR = 60.0
"""Seconds for which artifacts that could not be read are not tried again."""

_GIT_AT_ONCE, _MODELS_AT_ONCE = 3, 4
_ALL_DIFFS = 8_000_000  # bytes of all differences together
_SHORTEST_DIFF, _LONGEST_DIFF = 40_000, 400_000


@dataclass(slots=True)
class _Known:
    """What was found for one project: another baseline asks for nothing twice."""

    between: Remembered[tuple[Pair, int], Between] = field(default_factory=lambda: Remembered(256))
    late: Remembered[Pair, str] = field(default_factory=lambda: Remembered(256))
    models: Remembered[ModelPlace, ModelFacts | str] = field(default_factory=lambda: Remembered(512))


_KNOWN: WeakKeyDictionary[Project, _Known] = WeakKeyDictionary()
_LOCK = threading.Lock()


def compare(
    project: Project, refs: Sequence[str], baseline: int, within: float | None = None
) -> CompareAnswer:
    """Set references side by side; ``within`` as in :meth:`Project.compare`."""
    from mlops_dash.answers.compare import answer, compared

    hurried = within is not None and within < BESIDE_WITHIN
    end = time.monotonic() + (within if within is not None and hurried else BESIDE_WITHIN)
    if refs and not 0 <= baseline < len(refs):
        raise UsageError(
            f"there is no item {baseline} to compare with",
            f"the baseline is a place from 0 to {len(refs) - 1}",
        )
    known = compared(project.store, project.config, refs, project._enrich)
    models = _Models(project, known)
    code = _Code(project, known, baseline)
    between = code.found(end, hurried=hurried)
    facts = models.found(end, hurried=hurried)
    found = answer(
        project.store,
        project.config,
        known,
        baseline,
        code=between,
        models=facts,
        now=datetime.now(UTC),
    )
    return structs.replace(found, reading=True) if code.waits or models.waits else found


def _known_of(project: Project) -> _Known:
    with _LOCK:
        return _KNOWN.setdefault(project, _Known())


class _Code:
    """Asks Git what lies between the baseline and the others, and which data their commits track."""

    def __init__(self, project: Project, known: Compared, baseline: int) -> None:
        from mlops_dash.answers.compare_code import pairs, training_code

        self._commits, self._baseline = known.commits, baseline
        self._pairs = pairs(known.commits, baseline)
        self._kept, self._late = (own := _known_of(project)).between, own.late
        self._keeps = training_code(project.config.compare)
        different = {pair for pair in self._pairs.values() if not isinstance(pair, str) and len({*pair}) > 1}
        share = _ALL_DIFFS // max(1, len(different))
        self._longest = min(_LONGEST_DIFF, max(_SHORTEST_DIFF, share))
        self._found: dict[Pair, Between | str] = {}
        self.waits = False  # whether something was left out because of hurry
        self._hurried = False
        jobs: dict[Pair | None, Callable[[], Between | None]] = {}
        git = project.git
        self._trouble = "there is no Git repository here" if git is None else None
        if isinstance(git, SourceError):
            self._trouble = git.message
        elif git is not None:
            jobs[None] = lambda: project._enrich(c for c in known.commits if c)
            gone = _not_there(project, different)
            for pair in sorted(different):
                kept = self._kept.get((pair, self._longest)) or self._late.get(pair)
                if lacking := gone & {*pair}:
                    self._found[pair] = _lacks(lacking)
                elif kept is not None:
                    self._found[pair] = kept
                else:
                    jobs[pair] = self._job(git, pair)
        self._asks = bool(jobs)
        self._beside = Beside(jobs, _GIT_AT_ONCE, "compare-git")

    def _job(self, git: GitSource, pair: Pair) -> Callable[[], Between]:
        def ask() -> Between:
            from mlops_dash.sources import git_between

            try:
                found = git_between.between(git.runner, *pair, self._keeps, longest=self._longest)
            except (ValueError, SourceError) as error:
                gone = git_between.missing(git.runner, pair)
                if not gone:
                    raise
                raise SourceError(_lacks(gone)) from error
            if git.place.shallow and found.problem is None and pair[0] != pair[1]:
                found = replace(found, problem="history incomplete (shallow clone)")
            return self._kept.put((pair, self._longest), found)

        return ask

    def found(self, end: float, *, hurried: bool = False) -> tuple[CodeBetween, ...]:
        """Return what lies between the baseline and each other item, or why that is not known."""
        from mlops_dash.answers.compare_code import told, unknown

        done = self._beside.results(end)
        self._hurried = hurried
        self.waits = hurried and self._asks and None not in done  # the data that commits track
        lines: list[CodeBetween] = []
        for item, pair in self._pairs.items():
            if isinstance(pair, str):
                lines.append(unknown(item, self._commits, self._baseline, pair))
                continue
            found = self._of(pair, done)
            if isinstance(found, str):
                lines.append(unknown(item, self._commits, self._baseline, found))
            else:
                lines.append(told(item, pair, found))
        return tuple(lines)

    def _of(self, pair: Pair, done: Mapping[Pair | None, Between | DashError | None]) -> Between | str:
        """Return what lies between two commits, or why that is not known."""
        from mlops_dash.sources.git_between import Between

        if pair[0] == pair[1]:
            return Between()
        found = self._trouble or self._found.get(pair) or done.get(pair)
        if found is None:
            if self._hurried:
                self.waits = True
                return READING
            return self._late.put(pair, f"git took longer than {BESIDE_WITHIN:g} s", FAILED_FOR)
        return found.message if isinstance(found, DashError) else found


def _not_there(project: Project, pairs: Iterable[Pair]) -> set[str]:
    """Return the commits that were looked for and not there when the repository was read last."""
    rows = project.store.records("commits", commits=sorted({commit for pair in pairs for commit in pair}))
    return {row["hash"] for row in rows if row["in_repository"] is False and not row["listed"]}


def _lacks(commits: Iterable[str]) -> str:
    from mlops_dash.domain.text import visible

    told = [visible(commit, 60)[:7] for commit in sorted(commits)]
    are = f"s {' and '.join(told)} are" if len(told) > 1 else f" {told[0]} is"
    return f"commit{are} not in this repository"


class _Models:
    """Reads what the artifacts of the items' models tell."""

    def __init__(self, project: Project, known: Compared) -> None:
        from mlops_dash.sources.mlflow.artifacts import Artifacts

        self._places = known.models
        self.waits = False
        self._kept = _known_of(project).models
        self._artifacts = Artifacts(project.located.tracking, project.located.folder)
        places = dict.fromkeys(place for place in known.models if not isinstance(place, str))
        self._found = {place: kept for place in places if (kept := self._kept.get(place)) is not None}
        jobs = {place: self._job(place) for place in places if place not in self._found}
        self._beside = Beside(jobs, _MODELS_AT_ONCE, "compare-artifacts")

    def _job(self, place: ModelPlace) -> Callable[[], ModelFacts | str]:
        def read() -> ModelFacts | str:
            from mlops_dash.answers.compare_packages import model_facts

            try:
                found = model_facts(self._artifacts.read(place))
            except SourceError as error:
                return self._kept.put(place, error.message, FAILED_FOR)
            return self._kept.put(place, found, FAILED_FOR if isinstance(found, str) else float("inf"))

        return read

    def found(self, end: float, *, hurried: bool = False) -> list[ModelFacts | str]:
        """Return what is known of each item's model, or why nothing is."""
        done = self._beside.results(end)
        told: list[ModelFacts | str] = []
        for place in self._places:
            if isinstance(place, str):
                told.append(place)
                continue
            outcome = self._found.get(place) or done.get(place)
            if outcome is None and hurried:
                self.waits, outcome = True, READING
            elif outcome is None:
                outcome = f"its artifacts could not be read within {BESIDE_WITHIN:g} s"
                self._kept.put(place, outcome, FAILED_FOR)
            told.append(outcome.message if isinstance(outcome, DashError) else outcome)
        if not self.waits:  # else what is being read is still wanted
            self._artifacts.close()
        return told
