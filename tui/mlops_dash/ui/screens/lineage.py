"""A lineage as lines: what the focus led to above, what it came from below, each an indented tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from mlops_dash.answers.shapes import TraceAnswer, TraceNode
from mlops_dash.domain.metrics import MetricRules, primary_metric
from mlops_dash.domain.rebuilds import told_verdict
from mlops_dash.ui.action_words import badge
from mlops_dash.ui.widgets.table import DROP, Cell, Column, Give
from mlops_dash.ui.wording import KINDS, Line, age, number, plural, safe, short, version

COLUMNS = (Column(""), Column(""), Column(""))
GIVES = (Give(2, 1), Give(0, None, 44), Give(1, DROP), Give(2, 2), Give(0, None, 36), Give(2, DROP),
         Give(0, None, 1))  # fmt: skip

# edge kind -> (told from the one that came, told from the one it came from)
_RELATIONS = {
    "serves": ("serves", "serves it"),
    "declares": ("is declared", "declares it"),
    "produced-by": ("made by", "made"),
    "trained-from": ("trained from", "trained"),
    "used": ("trained on", "trained"),
    "tracks": ("tracks", "tracked by"),
}


class LineageLine(Struct, frozen=True):
    """One line of the tree; a heading where ``node`` is ``None``."""

    key: str
    indent: str
    node: TraceNode | None
    relation: str = ""
    heading: Line = ()
    again: bool = False


def lineage_lines(answer: TraceAnswer) -> list[LineageLine]:
    """Lay out an answer."""
    nodes = {node.id: node for node in answer.nodes}
    back: dict[str, list[tuple[str, str]]] = {}
    forward: dict[str, list[tuple[str, str]]] = {}
    for edge in answer.edges:
        if edge.source in nodes and edge.target in nodes:
            back.setdefault(edge.source, []).append((edge.target, edge.kind))
            forward.setdefault(edge.target, []).append((edge.source, edge.kind))
    drawn: set[str] = set()
    lines: list[LineageLine] = []
    focus = nodes.get(answer.focus)
    if focus is not None:
        lines.append(LineageLine(focus.id, "", focus))
        drawn.add(focus.id)
    for title, ways, side in (("came from", back, 0), ("led to", forward, 1)):
        tree = list(_tree(answer.focus, nodes, ways, side, drawn, ""))
        if tree:
            lines += [_heading(""), _heading(title), *tree]
    rest = [node for node in answer.nodes if node.id not in drawn]
    if rest:
        lines += [_heading(""), _heading("also in this lineage")]
        lines += [LineageLine(node.id, "   ", node) for node in rest]
    for kind, count in answer.omitted.items():
        lines.append(_heading(f"   and {plural(count, kind)} more"))
    return lines


def _heading(text: str) -> LineageLine:
    return LineageLine("", "", None, heading=((text, "dim"),))


def _tree(
    root: str,
    nodes: Mapping[str, TraceNode],
    ways: Mapping[str, Sequence[tuple[str, str]]],
    side: int,
    drawn: set[str],
    indent: str,
) -> Iterator[LineageLine]:
    branches = ways.get(root, ())
    for place, (child, kind) in enumerate(branches):
        last = place == len(branches) - 1
        relation = _RELATIONS.get(kind, (safe(kind, 20),) * 2)[side]
        again = child in drawn
        key = f"{child}#{root}" if again else child
        yield LineageLine(key, indent + ("└─ " if last else "├─ "), nodes[child], relation, again=again)
        if not again:
            drawn.add(child)
            yield from _tree(child, nodes, ways, side, drawn, indent + ("   " if last else "│  "))


def line_text(line: LineageLine) -> str:
    """Return what the filter looks in; nothing for headings, which it hides."""
    return f"{line.node.kind} {line.node.id} {line.node.label}" if line.node else ""


def line_cells(line: LineageLine, now: datetime, rules: MetricRules) -> list[Cell]:
    """Return the cells of a line; ``rules`` tell which metric stands for a run."""
    node = line.node
    if node is None:
        return [(line.heading,), ((),), ((),)]
    glyph = KINDS.get(node.kind, ("·", "text"))
    name = title_of(node)
    if line.again:
        name = tuple((text, "dim") for text, _ in name)
    brief = () if line.again else brief_of(node, now, rules)
    return [
        (((line.indent, "faint"), glyph, (" ", "text"), *name),),
        (((line.relation, "dim"),),),
        (brief, brief[: 2 if node.kind == "run" or node.facts.get("drift") else 1], brief[:1]),
    ]


def title_of(node: TraceNode) -> Line:
    """Return how a node is called."""
    facts = node.facts
    glyph_role = KINDS.get(node.kind, ("", "text"))[1]
    if node.kind == "commit":
        subject = safe(facts.get("subject") or "", 120)
        return ((short(node.id.removeprefix("commit:")), "code"), (f" {subject}" if subject else "", "text"))
    if node.kind == "dataset":
        return ((f"{safe(facts.get('name') or node.label, 80)} ", "text"),
                (short(node.id.removeprefix("data:"), 8), "data"))  # fmt: skip
    if node.kind == "version" and "version" in facts:
        model, _, number_ = node.id.removeprefix("models:/").rpartition("/")
        return ((f"{safe(model, 80)} ", "model"), (version(number_), "strong"))
    if node.kind == "run":
        run_id = short(node.id.removeprefix("run:"), 8)
        return ((safe(node.label, 80), "strong"), ("" if node.label == run_id else f" {run_id}", "dim"))
    return ((safe(node.label, 120), glyph_role),)


def metrics_of(node: TraceNode, rules: MetricRules) -> list[tuple[str, float]]:
    """Return the metrics of a run, the one that stands for it first."""
    metrics = node.facts.get("metrics")
    if not isinstance(metrics, Mapping):
        return []
    first = primary_metric(metrics, rules) or primary_metric(metrics, MetricRules())
    return sorted(metrics.items(), key=lambda item: (item[0] != first, item[0]))


def brief_of(node: TraceNode, now: datetime, rules: MetricRules) -> Line:
    """Return what matters most of a node, in a few words."""
    facts = node.facts
    if node.kind == "environment":
        live = facts.get("live")
        health = safe(facts.get("health") or "", 20)
        shown: list[tuple[str, str]] = [(f"live {version(str(live))}" if live else "live unknown", "text")]
        if facts.get("drift"):
            shown.append((f" ≠ {version(str(facts.get('declared')))}", "bad"))
        elif health:
            shown.append((f" · {health}", "dim"))
        return tuple(shown)
    if node.kind == "version":
        created = facts.get("created_at") or facts.get("tagged_at")
        old: Line = ((age(created, now) + " old", "dim"),) if isinstance(created, datetime) else ()
        rebuilt = badge(told_verdict(facts.get("rebuilt")))
        between = " when rebuilt · " if old else " when rebuilt"
        return (*rebuilt, (between, "dim"), *old) if rebuilt else old
    if node.kind == "run":
        if metrics := metrics_of(node, rules)[:3]:
            spans: list[tuple[str, str]] = []
            for key, value in metrics:
                spans += [(f"{'  ' if spans else ''}{safe(key, 16)} ", "dim"), (number(value), "text")]
            return tuple(spans)
        return ((safe(facts.get("status") or "", 40), "dim"),)
    if node.kind == "commit":
        behind, status = facts.get("behind"), facts.get("status")
        if status not in (None, "ok"):
            return ((safe(status, 20), "warn"),)
        if behind:
            return ((f"↓{behind} {safe(facts.get('main') or 'main', 20)}", "warn"),)
        return ((safe(facts.get("author") or "", 40), "dim"),)
    if node.kind == "dataset":
        newer = facts.get("newer")
        return ((f"{newer} newer", "warn"),) if newer else (("newest", "dim"),)
    return ()
