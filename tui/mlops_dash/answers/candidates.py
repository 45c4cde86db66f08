"""What could an environment go back to? Every version that was live there, what is known of it, and which one
is proposed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mlops_dash.answers.facts import Asks, moment
from mlops_dash.answers.history import Evidenced, chosen
from mlops_dash.answers.live import metric_rules
from mlops_dash.answers.serving import plain_version
from mlops_dash.answers.timeline import Point, Timeline, same
from mlops_dash.config import Config
from mlops_dash.domain.changes import Aspect, Candidate, Change, Evidence
from mlops_dash.domain.metrics import primary_metric
from mlops_dash.domain.plans import ActionKind, Outcome
from mlops_dash.domain.rebuilds import told_verdict
from mlops_dash.errors import UsageError

_DESCRIBED = 100  # versions whose runs are looked at: those that were live, then the newest


@dataclass(slots=True)
class _Past:
    """What is known of a version's time in the environment."""

    version: str
    first: datetime
    last: datetime
    seconds: float = 0.0
    healthy: bool | None = None
    order: int = field(default=0)


def candidates(
    store: Asks, config: Config, evidence: Evidenced, environment: str, model: str | None = None
) -> tuple[Candidate, ...]:
    """Answer which versions an environment could go back to: those that were live there, the last one first,
    then (``was_live`` false) the model's others, the newest first.

    Proposed is the last that was live there and healthy, is not known to be bad, and is neither live nor
    declared now; where nobody could ever ask how it was, the last one.

    Raises:
        UsageError: there is no such environment, or it has several models and none was named.
    """
    wanted = chosen(evidence.places, environment, model)
    if len(wanted) > 1:
        models = ", ".join(evidence.places[key].model for key in wanted)
        raise UsageError(f"{environment} has several models: {models}", "name one of them")
    place, line = evidence.places[wanted[0]], evidence.timelines[wanted[0]]
    changes = line.changes()
    past = _past(line, changes)
    bad = known_bad(changes, line.primary)
    registered = {
        plain_version(row["version"]): row
        for row in store.records("versions_board", model=place.model, metric="")
    }
    serving = place.serving
    declared = serving.entry.declared.version if serving and serving.entry.declared else None
    live = serving.live if serving is not None else None
    present = {plain_version(v) for v in (live, declared) if v is not None}
    if live is None and (points := line.points[line.primary]) and points[-1].version is not None:
        present.add(plain_version(points[-1].version))  # what is there does not serve: it is not gone back to
    where: dict[str, list[str]] = defaultdict(list)
    for other in evidence.places.values():
        if other.model == place.model and other.serving is not None and other.serving.live is not None:
            where[plain_version(other.serving.live)].append(other.environment)
    names = [*past, *(name for name in registered if name not in past)]
    runs = [registered[name]["run_id"] for name in names[:_DESCRIBED] if name in registered]
    facts = _facts(store, [run_id for run_id in runs if run_id], config)
    found = []
    for name in names:
        row, time = registered.get(name), past.get(name)
        run_id = row["run_id"] if row is not None else None
        found.append(
            Candidate(
                model=place.model,
                version=row["version"] if row is not None else time.version if time else name,
                run_id=run_id,
                was_live=time is not None,
                first_at=time.first if time else None,
                last_at=time.last if time else None,
                seconds_live=time.seconds if time else None,
                healthy=time.healthy if time else None,
                bad=bad.get(name),
                current=name in present and (live is None or name == plain_version(live)),
                created_at=moment(row["created_at"]) if row is not None else None,
                commit=row["commit_hash"] if row is not None else None,
                data=facts.data.get(run_id or "", ()),
                metrics=facts.metrics.get(run_id or "", ()),
                live_in=tuple(where.get(name, ())),
                rebuilt=told_verdict(row["rebuilt"]) if row is not None else None,
            )
        )
    return tuple(_proposed(found, present))


def _proposed(found: Sequence[Candidate], present: set[str]) -> Iterator[Candidate]:
    """Mark the one that a rollback goes to."""
    fit = [
        one for one in found if one.was_live and one.bad is None and plain_version(one.version) not in present
    ]
    best = next((one for one in fit if one.healthy), None)
    best = best or next((one for one in fit if one.healthy is None), None)
    for one in found:
        yield replace(one, proposed=True) if one is best else one


def known_bad(changes: Sequence[Change], primary: Aspect) -> dict[str, str]:
    """Return the versions that are known to be bad, and why; the latest word on each counts.

    A version is bad that was rolled back from, or gone back from without us, or that could not be brought to
    serve. It is not any more when somebody has brought it back since.

    Args:
        changes: of one place, newest first.
        primary: the aspect that tells what is live there.
    """
    bad: dict[str, str] = {}
    born: dict[str, int] = {}
    by_id = {change.action_id: change for change in changes if change.action_id}
    for number, change in enumerate(reversed(changes)):
        after, before = change.after, change.before
        if change.outcome is Outcome.FAILED:
            if change.unserved and after is not None:  # else it was the registry or Git that failed
                bad[plain_version(after)] = (
                    f"could not be brought to serve on {change.at:%Y-%m-%d}{_why(change)}"
                )
            continue
        if change.aspect is not primary or after is None:
            continue
        name = plain_version(after)
        if change.outcome not in (None, Outcome.VERIFIED):
            continue
        bad.pop(name, None)
        born.setdefault(name, number)
        if before is None or plain_version(before) == name:
            continue
        former = plain_version(before)
        went_back = born.get(former, number) > born[name] if former in born else False
        if change.evidence is Evidence.AUDIT:
            undone = by_id.get(change.undoes or "")
            takes_back = undone is not None and undone.kind == ActionKind.ROLLBACK
            went_back = change.kind == ActionKind.ROLLBACK and not takes_back
        if went_back:
            bad[former] = f"rolled back from on {change.at:%Y-%m-%d}{_why(change)}"
        born.setdefault(former, number)
    return bad


def _why(change: Change) -> str:
    by = f" by {change.by}" if change.by else ", by unknown" if change.evidence is Evidence.SEEN else ""
    return f"{by}: {change.reason.splitlines()[0][:200]}" if change.reason and change.reason.strip() else by


def _past(line: Timeline, changes: Sequence[Change]) -> dict[str, _Past]:
    """Return the versions that were live, the last one first, with how long as far as evidence reaches."""
    points: Sequence[Point] = line.points[line.primary] or line.points[Aspect.DECLARED]
    found: dict[str, _Past] = {}
    for number, point in enumerate(points):
        if point.version is None or point.unsure:
            continue
        name = plain_version(point.version)
        past = found.setdefault(name, _Past(point.version, point.at, point.at))
        following = points[number + 1] if number + 1 < len(points) else None
        past.last, past.order = max(past.last, point.at), number
        if following is not None and (following.record is not None or following.may_be(point.version)):
            past.seconds += (following.at - point.at) / timedelta(seconds=1)
            past.last = max(past.last, following.at)
        stint = point.stint
        if stint is not None and stint.healthy is not None and same(stint.version, point.version):
            past.healthy = bool(past.healthy) or stint.healthy
    for change in changes:
        if (
            change.after is not None
            and change.outcome in (None, Outcome.VERIFIED)
            and change.healthy is not None
        ):
            past_of = found.get(plain_version(change.after))
            if past_of is not None:
                past_of.healthy = bool(past_of.healthy) or change.healthy
    return dict(sorted(found.items(), key=lambda item: -item[1].order))


@dataclass(slots=True)
class _Facts:
    """What is known of the versions' runs, by run id."""

    data: dict[str, tuple[str, ...]] = field(default_factory=dict)
    metrics: dict[str, tuple[tuple[str, float], ...]] = field(default_factory=dict)


def _facts(store: Asks, run_ids: Sequence[str], config: Config) -> _Facts:
    found = _Facts()
    if not run_ids:
        return found
    for row in store.records("candidates_data", run_ids=run_ids):
        found.data[row["run_id"]] = (*found.data.get(row["run_id"], ()), row["digest"])
    values: dict[str, dict[str, float]] = defaultdict(dict)
    for row in store.records("run_metrics", run_ids=run_ids):
        if row["value"] is not None:
            values[row["run_id"]][row["key"]] = row["value"]
    rules = metric_rules(config)
    for run_id, of_run in values.items():
        primary = primary_metric(of_run, rules)
        names = sorted(of_run, key=lambda name: (name != primary, name))
        found.metrics[run_id] = tuple((name, of_run[name]) for name in names)
    return found
