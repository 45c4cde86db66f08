"""Facts of runs, commits and data, loaded in bulk: one question each, however many are asked for."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from msgspec import structs

from mlops_dash.answers.data_ages import DataAges
from mlops_dash.answers.shapes import CodeFacts, DataFacts, RunFacts
from mlops_dash.domain.environments import CodeStatus
from mlops_dash.domain.recorded import NOTES, Recorded, from_tags

COMMIT_TAG = "mlflow.source.git.commit"
SCRIPT_TAG = "mlflow.source.name"
ENTRY_TAG = "mlflow.project.entryPoint"
_HEX = re.compile(r"[0-9a-fA-F]{4,64}")
DIRTY_TAGS = ("mlflow.git.dirty", "mlflow.source.git.dirty")

_Shape = TypeVar("_Shape")


class Asks(Protocol):
    """The store, as answers see it."""

    def records(self, question: str, /, **parameters: Any) -> list[dict[str, Any]]:
        """Answer ``queries/QUESTION.sql`` as one dictionary a row."""
        ...

    def kept(self, question: str, make: Callable[[list[tuple[Any, ...]]], _Shape], /) -> _Shape:
        """Answer ``queries/QUESTION.sql`` as what ``make`` makes of its rows, once until they change."""
        ...


def moment(milliseconds: int | None) -> datetime | None:
    """Turn milliseconds since the epoch into UTC; ``None`` where no calendar has that time."""
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None


@dataclass(slots=True)
class RunsFacts:
    """Everything known of some runs, by run id.

    Attributes:
        recorded: what the recorder noted of them, its long texts left out.
        entries: entry points of the MLflow projects that they were runs of.
    """

    runs: dict[str, RunFacts] = field(default_factory=dict)
    commits: dict[str, str] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    dirty: set[str] = field(default_factory=set)
    recorded: dict[str, Recorded] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)
    data: dict[str, list[DataFacts]] = field(default_factory=lambda: defaultdict(list))


def load_runs(store: Asks, run_ids: Iterable[str]) -> RunsFacts:
    """Load runs with metrics, parameters, commit and MLflow datasets."""
    ids = sorted(set(run_ids))
    facts = RunsFacts()
    if not ids:
        return facts
    with ThreadPoolExecutor(1) as beside:  # it takes as long as all the others together
        ages = beside.submit(store.kept, "dataset_ages", DataAges)
        _load_tags(store, ids, facts)
        add_runs(store, ids, facts)
        used = store.records("run_datasets", run_ids=ids)
        for row in used:
            facts.data[row["run_id"]].append(_mlflow_data(row, ages.result()))
    return facts


def _load_tags(store: Asks, ids: list[str], facts: RunsFacts) -> None:
    notes: dict[str, dict[str, str]] = defaultdict(dict)
    keys = [COMMIT_TAG, SCRIPT_TAG, ENTRY_TAG, *DIRTY_TAGS, *NOTES]
    for row in store.records("run_tags", run_ids=ids, keys=keys):
        if row["key"] in NOTES:
            notes[row["run_id"]][row["key"]] = row["value"] or ""
        elif row["key"] == ENTRY_TAG:
            facts.entries[row["run_id"]] = row["value"]
        elif row["key"] == SCRIPT_TAG:
            facts.scripts[row["run_id"]] = row["value"]
        elif row["key"] == COMMIT_TAG and row["value"]:
            facts.commits[row["run_id"]] = row["value"]
        elif row["key"] in DIRTY_TAGS and str(row["value"]).lower() == "true":
            facts.dirty.add(row["run_id"])
    for run_id, tags in notes.items():
        recorded = from_tags(tags)
        if recorded is not None:
            facts.recorded[run_id] = recorded
            if recorded.dirty:
                facts.dirty.add(run_id)


def add_runs(store: Asks, ids: list[str], facts: RunsFacts) -> None:
    """Add the runs themselves with metrics and parameters; ``facts`` has their scripts already."""
    metrics: dict[str, dict[str, float]] = defaultdict(dict)
    for row in store.records("run_metrics", run_ids=ids):
        if row["value"] is not None:
            metrics[row["run_id"]][row["key"]] = row["value"]
    params: dict[str, dict[str, str]] = defaultdict(dict)
    for row in store.records("run_params", run_ids=ids):
        params[row["run_id"]][row["key"]] = row["value"] or ""
    for row in store.records("runs", run_ids=ids):
        run_id = row["run_id"]
        facts.runs[run_id] = RunFacts(
            run_id=run_id,
            name=row["name"],
            experiment=row["experiment"] or "",
            status=row["status"] or "",
            user=row["user_id"] or None,
            started_at=moment(row["start_time"]),
            ended_at=moment(row["end_time"]),
            deleted=bool(row["deleted"]),
            metrics=metrics.get(run_id, {}),
            params=params.get(run_id, {}),
            source_name=row["source_name"] or facts.scripts.get(run_id) or None,
        )


def _mlflow_data(row: Mapping[str, Any], ages: DataAges) -> DataFacts:
    newer = ages.newer(row["name"], row["digest"])
    return DataFacts(
        name=row["name"],
        digest=row["digest"],
        source=dataset_source(row["source_type"], row["source"]),
        kind="mlflow",
        newer=newer.count,
        newest_digest=newer.digest,
        newest_at=moment(newer.at),
    )


def dataset_source(source_type: str | None, source: str | None) -> str | None:
    """Return where MLflow says a dataset came from: the address in its source's JSON, without credentials."""
    import json

    if not source:
        return source_type
    try:
        value = json.loads(source)
    except ValueError:
        return without_credentials(source)
    if isinstance(value, dict):
        for key in ("uri", "path", "url", "table_name", "name"):
            if isinstance(value.get(key), str):
                return without_credentials(value[key])
    return source_type


def without_credentials(address: str) -> str:
    """Return ``address`` without user information and without a signed query."""
    if "://" not in address:
        return address
    scheme, _, rest = address.partition("://")
    rest, _, _ = rest.partition("?")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def load_code(store: Asks, commits: Iterable[str]) -> dict[str, CodeFacts]:
    """Load commits with where they stand against the main branch, by hash."""
    hashes = sorted(set(commits))
    if not hashes:
        return {}
    state = store.records("git_state")
    main = state[0]["main"] if state else None
    rows = {row["hash"]: row for row in store.records("commits", commits=hashes)}
    return {commit: _code(commit, rows.get(commit, {}), main, has_git=bool(state)) for commit in hashes}


def _code(commit: str, row: Mapping[str, Any], main: str | None, *, has_git: bool) -> CodeFacts:
    return CodeFacts(
        commit=commit,
        status=_status(commit, row, has_git=has_git),
        subject=row.get("subject"),
        author=row.get("author"),
        committed_at=moment(row.get("committed_at")),
        behind=row.get("behind"),
        ahead=row.get("ahead"),
        main=main,
        branches=tuple(b for b in (row.get("branches") or "").split("\n") if b),
        on_remote=row.get("on_remote"),
    )


def _status(commit: str, row: Mapping[str, Any], *, has_git: bool) -> CodeStatus:
    if not has_git:
        return CodeStatus.UNKNOWN
    if row.get("listed"):
        return CodeStatus.OK
    if row.get("in_repository"):
        return CodeStatus.OK if row.get("branches") else CodeStatus.UNREACHABLE
    # what nobody has looked for yet is unknown; what is no hash is nowhere
    looked_for = row.get("in_repository") is not None
    return CodeStatus.MISSING if looked_for or not _HEX.fullmatch(commit) else CodeStatus.UNKNOWN


def code_of_run(facts: RunsFacts, code: Mapping[str, CodeFacts], run_id: str) -> CodeFacts | None:
    """Return the commit of a run, marked dirty where the run says that its working tree was."""
    found = code.get(facts.commits.get(run_id, ""))
    if found is not None and run_id in facts.dirty and found.status is CodeStatus.OK:
        return structs.replace(found, status=CodeStatus.DIRTY)
    return found


def load_dvc(store: Asks, commits: Sequence[str]) -> dict[str, list[DataFacts]]:
    """Load the data tracked with DVC at each commit."""
    found: dict[str, list[DataFacts]] = defaultdict(list)
    if commits:
        for row in store.records("dvc_data", commits=sorted(set(commits))):
            found[row["commit_hash"]].append(
                DataFacts(
                    name=row["path"],
                    digest=row["digest"],
                    source=row["tracked_in"],
                    kind="dvc",
                    newer=row["newer"] or 0,
                    newest_digest=row["newest_digest"],
                    newest_at=moment(row["newest_at"]),
                )
            )
    return found
