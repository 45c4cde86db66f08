"""What tells runs, versions and environments apart? Everything that is known of each, side by side."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mlops_dash.answers.compare_data import Used, data_lines, dvc_data, mlflow_data
from mlops_dash.answers.compare_groups import groups
from mlops_dash.answers.compare_items import Subject, model_places, subjects
from mlops_dash.answers.compare_lines import text_lines, told_tags
from mlops_dash.answers.compare_metrics import metric_lines
from mlops_dash.answers.compare_packages import ModelFacts
from mlops_dash.answers.compare_shapes import CodeBetween, CompareAnswer, CompareItem
from mlops_dash.answers.facts import (
    COMMIT_TAG,
    DIRTY_TAGS,
    SCRIPT_TAG,
    Asks,
    RunsFacts,
    add_runs,
    code_of_run,
    load_code,
)
from mlops_dash.answers.live import metric_rules
from mlops_dash.answers.resolve import Enrich
from mlops_dash.answers.shapes import CodeFacts, RunFacts
from mlops_dash.config import Config
from mlops_dash.sources.mlflow.artifacts import ModelPlace


@dataclass(slots=True)
class Compared:
    """What the store knows of the things compared.

    Attributes:
        commits: the commit of each item, as it was recorded.
        models: where the model of each item is, or why that is not known.
    """

    subjects: tuple[Subject, ...]
    runs: RunsFacts = field(default_factory=RunsFacts)
    tags: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    inputs: dict[str, list[Used]] = field(default_factory=lambda: defaultdict(list))
    commits: tuple[str | None, ...] = ()
    models: tuple[ModelPlace | str, ...] = ()

    def run(self, subject: Subject) -> RunFacts | None:
        """Return the run of an item, ``None`` where it is not known."""
        return self.runs.runs.get(subject.run_id or "")


def compared(store: Asks, config: Config, refs: Sequence[str], enrich: Enrich) -> Compared:
    """Load what the store knows of the things that references name, with as many questions for many as for
    two.

    Raises:
        UsageError: there are too few or too many, or one is unknown, ambiguous or cannot be compared.
    """
    known = Compared(subjects(store, config, refs, enrich))
    ids = sorted({s.run_id for s in known.subjects if s.run_id is not None})
    if ids:
        _load_tags(store, ids, known)
        add_runs(store, ids, known.runs)
        for row in store.records("compare_inputs", run_ids=ids):
            known.inputs[row["run_id"]].append(mlflow_data(row))
    known.commits = tuple(known.runs.commits.get(s.run_id or "") or s.commit for s in known.subjects)
    known.models = tuple(model_places(store, known.subjects, known.tags))
    return known


def _load_tags(store: Asks, ids: list[str], known: Compared) -> None:
    for row in store.records("compare_tags", run_ids=ids):
        known.tags[row["run_id"]][row["key"]] = row["value"] or ""
    for run_id, tags in known.tags.items():
        if commit := tags.get(COMMIT_TAG):
            known.runs.commits[run_id] = commit
        if any(tags.get(key, "").lower() == "true" for key in DIRTY_TAGS):
            known.runs.dirty.add(run_id)
        if script := tags.get(SCRIPT_TAG):
            known.runs.scripts[run_id] = script


def answer(
    store: Asks,
    config: Config,
    known: Compared,
    baseline: int,
    *,
    code: Sequence[CodeBetween],
    models: Sequence[ModelFacts | str],
    now: datetime,
) -> CompareAnswer:
    """Set side by side what is known.

    Args:
        code: what lies between the baseline's commit and those of the others.
        models: what the artifacts of each item's model tell, or why that is not known.
        now: time of the answer (UTC).
    """
    found = load_code(store, [commit for commit in known.commits if commit])
    runs = [known.run(subject) for subject in known.subjects]
    used = _data(store, known)
    params = [run.params if run else None for run in runs]
    tags = [told_tags(known.tags.get(run.run_id, {})) if run else None for run in runs]
    told = [model if isinstance(model, ModelFacts) else None for model in models]
    digests = [frozenset(one.digest for one in several or ()) for several in used]
    return CompareAnswer(
        as_of=now,
        items=_items(known, found),
        baseline=baseline,
        metrics=metric_lines([run.metrics if run else None for run in runs], baseline, metric_rules(config)),
        params=text_lines(params),
        data=data_lines(used),
        code=tuple(code),
        packages=text_lines([model.packages if model else None for model in told]),
        signature=text_lines([model.signature if model else None for model in told]),
        tags=text_lines(tags),
        groups=groups(runs, known.commits, digests),
        artifacts=tuple(model if isinstance(model, str) else None for model in models),
    )


def _data(store: Asks, known: Compared) -> list[list[Used] | None]:
    commits = sorted({commit for commit in known.commits if commit})
    tracked: dict[str, list[Used]] = defaultdict(list)
    for row in store.records("compare_dvc", commits=commits) if commits else ():
        tracked[row["commit_hash"]].append(dvc_data(row))
    return [
        None
        if known.run(subject) is None and commit is None
        else [*known.inputs.get(subject.run_id or "", ()), *tracked.get(commit or "", ())]
        for subject, commit in zip(known.subjects, known.commits, strict=True)
    ]


# items


def _items(known: Compared, code: Mapping[str, CodeFacts]) -> tuple[CompareItem, ...]:
    labels = _distinct(known)
    made: list[CompareItem] = []
    for subject, label, commit in zip(known.subjects, labels, known.commits, strict=True):
        run = known.run(subject)
        made.append(
            CompareItem(
                ref=subject.ref,
                kind=subject.kind,
                label=label,
                note=" · ".join(_notes(subject, run)),
                environment=subject.environment,
                model=subject.model,
                version=subject.version,
                run_id=subject.run_id,
                run=run,
                code=code_of_run(known.runs, code, subject.run_id or "") or code.get(commit or ""),
            )
        )
    return tuple(made)


def _notes(subject: Subject, run: RunFacts | None) -> list[str]:
    notes = list(subject.notes)
    if subject.kind == "run" and subject.run_id is not None:
        notes.insert(0, subject.run_id[:8])
        if run is not None and run.experiment:
            notes.insert(1, run.experiment)
    elif run is not None:
        notes.append(run.name)
    if subject.run_id is not None and run is None:
        notes.append("its run is not in the tracking store")
    if run is not None and run.deleted:
        notes.append("deleted")
    return notes


def _label(subject: Subject, run: RunFacts | None) -> str:
    if subject.kind == "environment":
        return subject.environment or ""
    if subject.kind == "version":
        version = subject.version or ""
        return f"{subject.model} {f'v{version}' if version[:1].isdigit() else version}"
    return run.name if run else (subject.run_id or "")[:8]


def _distinct(known: Compared) -> list[str]:
    """Name every item so that no two are called the same."""
    labels = [_label(subject, known.run(subject)) for subject in known.subjects]
    often = Counter(labels)
    for place, subject in enumerate(known.subjects):
        if often[labels[place]] > 1:
            if subject.kind == "environment":
                labels[place] += f" {subject.model}"
            elif subject.kind == "run":
                labels[place] += f" {(subject.run_id or '')[:6]}"
    taken: set[str] = set()
    for place, label in enumerate(labels):
        number = 1
        while labels[place] in taken:
            number += 1
            labels[place] = f"{label} ({number})"
        taken.add(labels[place])
    return labels
