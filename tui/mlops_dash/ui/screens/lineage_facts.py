"""The facts of a node of a lineage, in words, in the order of interest; the long is wrapped, not cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from mlops_dash.answers.shapes import TraceAnswer, TraceNode
from mlops_dash.domain.metrics import MetricRules
from mlops_dash.domain.rebuilds import told_verdict
from mlops_dash.ui.action_words import badge_told
from mlops_dash.ui.screens.lineage import metrics_of
from mlops_dash.ui.widgets.facts import Fact
from mlops_dash.ui.wording import KINDS, Line, ago, moment, number, plural, safe, short, version

# kind -> its facts, the most telling first; others follow in the order in which they were given
_ORDER: dict[str, tuple[str, ...]] = {
    "environment": ("live", "declared", "health", "address", "target", "model"),
    "version": ("model", "version", "rebuilt", "stage", "created_at", "tagged_at", "tagged_by", "description",
                "source"),
    "run": ("name", "experiment", "status", "user", "started_at", "ended_at", "command", "metrics", "params"),
    "commit": ("subject", "commit", "author", "committed_at", "behind", "branches"),
    "dataset": ("name", "digest", "source", "recorded_by", "newer"),
}  # fmt: skip
# told by another fact, or by the reference
_TOLD = frozenset({"environment", "basis", "drift", "ahead", "main", "newest", "run_id"})
_LABELS = {
    "created_at": "created",
    "started_at": "started",
    "ended_at": "ended",
    "tagged_at": "tagged",
    "committed_at": "committed",
    "recorded_by": "recorded by",
    "also_named": "also named",
    "tagged_by": "tagged by",
    "behind": "place",
}
_MOST = 200  # metrics or parameters of a run that are listed
_KEY = 28  # cells of the longest key that values are aligned after
_LONG = 2000  # characters of one fact that are laid out


def node_facts(node: TraceNode, answer: TraceAnswer, now: datetime, rules: MetricRules) -> Iterator[Fact]:
    """Yield the facts of a node.

    Args:
        node: one of the lineage.
        answer: the lineage.
        now: the present.
        rules: tell which metric stands for a run.
    """
    role = KINDS.get(node.kind, ("", "text"))[1]
    yield Fact("ref", ((safe(node.id, 600), role),), node.id)
    if node.id == answer.focus and answer.live_in:
        where = ", ".join(f"{environment} ({model})" for environment, model in answer.live_in)
        yield Fact("live in", ((safe(where, 600), "good"),), where)
    order = _ORDER.get(node.kind, ())
    names = [name for name in order if name in node.facts]
    names += [name for name in node.facts if name not in order and name not in _TOLD]
    for name in names:
        value = node.facts[name]
        if name == "metrics" and isinstance(value, Mapping):
            yield from _metrics(node, rules)
        elif isinstance(value, Mapping):
            yield from _pairs(name, [(str(key), safe(item, _LONG), str(item)) for key, item in value.items()])
        elif value not in (None, "", [], ()) and (line := _line(name, node, now)):
            label = _LABELS.get(name, safe(name.replace("_", " "), 20))
            yield Fact(label, line, _whole(value))


def _line(name: str, node: TraceNode, now: datetime) -> Line:
    facts, value = node.facts, node.facts[name]
    if isinstance(value, datetime):
        return ((f"{moment(value)} UTC", "text"), (f" · {ago(value, now)}", "dim"))
    if name in ("live", "declared", "version"):
        return _version(name, facts)
    if name in ("commit", "digest"):
        return ((safe(value, 600), "code" if name == "commit" else "data"),)
    if name == "behind":
        return _place(facts)
    if name == "rebuilt":
        return badge_told(told_verdict(value))
    if name == "newer":
        newest = f": the newest is {short(str(facts['newest']), 8)}" if facts.get("newest") else ""
        return ((f"{plural(int(str(value)), 'version')}{newest}", "warn"),) if value else (("none", "text"),)
    if name in ("stage", "status") and str(value) in _USUAL:
        return ()
    if isinstance(value, bool):
        return (("yes" if value else "no", "text"),)
    if isinstance(value, int | float):
        return ((number(value), "text"),)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ((safe(", ".join(map(str, value)), 600), "text"),)
    return ((safe(value, _LONG), "strong" if name in ("name", "subject") else "text"),)


# what a version, a run or a commit is unless something is to be said of it
_USUAL = frozenset({"None", "READY", "FINISHED", "ok"})


def _version(name: str, facts: Mapping[str, object]) -> Line:
    shown = (version(str(facts[name])), "strong")
    if name == "live" and facts.get("basis"):
        return (shown, (f" {safe(facts['basis'], 20)}", "dim"))
    if name == "declared" and facts.get("drift"):
        return (shown, (f" ≠ {version(str(facts.get('live')))} live: drift", "bad"))
    return (shown,)


def _place(facts: Mapping[str, object]) -> Line:
    main = safe(facts.get("main") or "main", 40)
    behind, ahead = facts.get("behind"), facts.get("ahead")
    line: Line = ((f"{plural(int(str(behind)), 'commit')} behind {main}", "warn"),) if behind else ()
    if ahead:
        line = (*line, (f"{', ' if line else ''}{plural(int(str(ahead)), 'commit')} ahead of {main}", "text"))
    return line or ((f"at {main}", "text"),)


def _metrics(node: TraceNode, rules: MetricRules) -> Iterator[Fact]:
    values = metrics_of(node, rules)
    yield from _pairs("metrics", [(key, number(value), repr(value)) for key, value in values])


def _pairs(label: str, pairs: Sequence[tuple[str, str, str]]) -> Iterator[Fact]:
    """Yield a line for each (key, as shown, whole), the values aligned."""
    shown = [(safe(key, 120), value, f"{key}={whole}") for key, value, whole in pairs[:_MOST]]
    wide = min(_KEY, max((len(key) for key, _, _ in shown), default=0))
    for key, value, whole in shown:
        yield Fact(label, ((f"{key:<{wide}}  ", "dim"), (value, "text")), whole)
    if len(pairs) > _MOST:
        every = "\n".join(f"{key}={whole}" for key, _, whole in pairs)
        yield Fact(label, ((f"+{len(pairs) - _MOST} more; y copies all", "dim"),), every)


def _whole(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
