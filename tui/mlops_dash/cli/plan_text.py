"""Plans and outcomes as text for a person."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime

from mlops_dash.answers.compare_shapes import CodeBetween
from mlops_dash.answers.plan_difference import MetricChange, PlanDifference
from mlops_dash.cli.compare_text import signed, values_in_words
from mlops_dash.cli.contract_actions import ended_at, outcome_words, state_of, verdict_of
from mlops_dash.cli.output import paint
from mlops_dash.cli.tables import table
from mlops_dash.domain.plans import Action, ActionKind, EventKind, Outcome, Plan, Precondition, Tick, Version
from mlops_dash.domain.text import visible
from mlops_dash.ui.wording import plural, short

ROOM = 80
"""Cells of a line where standard output is no terminal."""

TICKS = {Tick.OPEN: "○", Tick.HOLDS: "✓", Tick.FAILS: "✗", Tick.UNKNOWN: "?"}
_COLOURS = {Tick.OPEN: "dim", Tick.HOLDS: "green", Tick.FAILS: "red", Tick.UNKNOWN: "yellow"}
_OUTCOMES = {
    Outcome.VERIFIED: "green",
    Outcome.FAILED: "red",
    Outcome.REFUSED: "yellow",
    Outcome.UNKNOWN: "yellow",
}
_VERDICTS = {"identical": "green", "equivalent": "green", "diverged": "red"}
_MOST = 12  # lines of one kind
_MOST_COMMITS = 5
_LONGEST = 60  # characters of one value


def plan_text(
    plan: Plan, difference: PlanDifference | None, conditions: Sequence[Precondition], room: int | None
) -> str:
    """Return a plan: what changes, what that means for the model, what must hold, how it is undone."""
    width = room or ROOM
    protected = "  § protected" if plan.protected else ""
    where = f"{visible(plan.environment, 80)} · {visible(plan.model, 80)}"
    title = paint(plan.kind.value if _rebuilds(plan) else f"{plan.kind.value} {where}", "bold")
    lines = [f"{title}  {_from_to(plan)}{protected}", ""]
    lines += _difference(difference, width) if difference is not None else []
    lines += [paint("STEPS", "bold")]
    for number, step in enumerate(plan.steps, 1):
        lines += _wrapped(f"  {number} ", step.title, width)
        lines += _wrapped("    does  ", step.effect, width)
        lines += _wrapped("    undo  ", step.undo, width) if step.undo else []
        lines += _wrapped("    note  ", step.caution, width) if step.caution else []
    lines += ["", paint("PRECONDITIONS", "bold")]
    for one in conditions:
        lines += _condition(one, width)
    lines += ["", *_wrapped("verified ", _verified(plan), width)]
    return "\n".join(lines)


def already_there(plan: Plan) -> str:
    """Return that nothing is to be done."""
    name = visible(plan.environment, 80)
    return f"{name} is at version {visible(plan.after.version, 80)} already: nothing to do"


def outcome_text(action: Action, room: int | None) -> str:
    """Return what became of an action, with the evidence."""
    width, plan = room or ROOM, action.plan
    where = "" if _rebuilds(plan) else f"{visible(plan.environment, 80)} "
    colour = _OUTCOMES[action.outcome] if action.outcome is not None else "yellow"
    lines = [f"{paint(word(action), colour)}  {plan.kind.value} {where}{_from_to(plan)}"]
    lines += _wrapped("  ", outcome_words(action) or "", width) if outcome_words(action) else []
    for step in plan.steps:
        lines += _wrapped(f"  {state_of(action, step):<9} ", step.title, width)
    lines += _verdict(action, width)
    seen = [event for event in action.events if event.kind is EventKind.SEEN]
    for event in seen[-3:]:
        lines += _wrapped(f"  {_clock(event.at)}  ", event.words, width)
    lines += _wrapped("  reason    ", plan.reason, width) if plan.reason else []
    took = _took(action)
    lines.append(f"  action    {plan.id}{f', {took}' if took else ''}")
    if action.audit_run is not None:
        lines.append(f"  audit     run {visible(action.audit_run, 80)} in experiment mlops-dash")
    return "\n".join(lines)


def jobs_text(actions: Sequence[Action], room: int | None) -> str:
    """Return all actions as a table."""
    rows = [
        (
            action.plan.id,
            action.plan.kind.value,
            action.plan.environment,
            action.plan.model,
            _arrow(action.plan),
            word(action),
            action.plan.actor,
            action.plan.reason,
        )
        for action in actions
    ]
    colours = {outcome.value: colour for outcome, colour in _OUTCOMES.items()} | _VERDICTS
    columns = ["action", "kind", "environment", "model", "versions", "outcome", "by", "reason"]
    return table(columns, rows, colours=colours, room=room)


def job_text(action: Action, room: int | None) -> str:
    """Return one action with every event of its journal."""
    width = room or ROOM
    lines = [outcome_text(action, room), "", paint("JOURNAL", "bold")]
    for event in action.events:
        where = f"{event.step}: " if event.step else ""
        lines += _wrapped(f"  {_clock(event.at)}  {event.kind.value:<9} ", f"{where}{event.words}", width)
    return "\n".join([*lines, f"  {visible(action.log, 300)}"])


def word(action: Action) -> str:
    """Return the state of an action in a word: of a rebuild its verdict, where there is one."""
    verdict = verdict_of(action)
    if verdict is not None:
        return str(verdict["verdict"])
    if action.outcome is not None:
        return action.outcome.value
    return "running" if action.running else "unfinished"


# -- parts ------------------------------------------------------------------------------------------


def _rebuilds(plan: Plan) -> bool:
    return plan.kind is ActionKind.REBUILD


def _verdict(action: Action, width: int) -> list[str]:
    """Return what a rebuild's verdict rests on: what differs, the likeliest causes, what was compared."""
    told = verdict_of(action)
    if told is None:
        return []
    cells = [
        (
            f"{row['kind']} {row['name']}"[:_LONGEST],
            row["original"] or "–",
            row["rebuilt"] or "–",
            row["state"],
        )
        for row in told["rows"][:_MOST]
    ]
    lines = ["", table(["", "ORIGINAL", "REBUILT", ""], cells, room=width)] if cells else []
    if told["compared"]:
        lines += ["", paint("COMPARED", "bold")]
    for line in told["compared"][:_MOST]:
        lines += _wrapped("  ", line, width)
    return [*lines, ""]


def _arrow(plan: Plan) -> str:
    if _rebuilds(plan):
        return visible(plan.after.version, 40) or f"run {(plan.after.run_id or '')[:8]}"
    before = plan.before.version if plan.before is not None else "?"
    return f"{visible(before, 40)} → {visible(plan.after.version, 40)}"


def _from_to(plan: Plan) -> str:
    if _rebuilds(plan):
        run = f"run {visible(plan.after.run_id or '', 60)}"
        version = visible(plan.after.version, 60)
        return f"{visible(plan.model, 80)} version {version}, {run}" if version else run
    return f"version {_name(plan.before)} → {_name(plan.after)}"


def _name(version: Version | None) -> str:
    return visible(version.version, 60) if version is not None else "?"


def _difference(found: PlanDifference, width: int) -> Iterator[str]:
    broken = found.breaking
    if broken:
        places = plural(len(broken), "place")
        head = f"!! CALLERS WILL BREAK: the signature changes in {places} that they rely on"
        yield paint(head, "red")
        for change in broken[:_MOST]:
            sides = f"{_value(change.before)} → {_value(change.after)}"
            yield from _wrapped("   ", f"{change.key}: {sides}: {change.words}", width)
        yield ""
    yield from _metrics(found)
    for title, changes in (("PARAMETERS", found.params), ("PACKAGES", found.packages)):
        yield from _table(title, [(c.key, c.before, c.after) for c in changes], width)
    rows = [(d.name, _digest(d.before, d.before_size), _digest(d.after, d.after_size)) for d in found.data]
    yield from _table("DATA", rows, width)
    if found.code is not None:
        yield from _code(found.code, width)
    quiet = [c for c in found.signature if not c.breaks]
    if quiet:
        yield paint("SIGNATURE", "bold")
        for change in quiet[:_MOST]:
            sides = f"{_value(change.before)} → {_value(change.after)}"
            yield from _wrapped("  ", f"{change.key}: {sides}: {change.words}", width)
        yield ""
    for reason in found.unknown:
        yield from _wrapped("unknown: ", reason, width)
    if found.unknown:
        yield ""


def _metrics(found: PlanDifference) -> Iterator[str]:
    shown = [m for m in found.metrics if m.primary or m.side != "same"][:_MOST]
    if not shown:
        return
    rows = []
    for m in shown:
        before, after = values_in_words([m.before, m.after])
        rows.append((_metric_name(m), before, after, signed(m.delta), _percent(m), m.side))
    head = ["METRIC", "NOW", "THEN", "DELTA", "%", ""]
    yield table(head, rows, colours={"better": "green", "worse": "red"})
    left = len([m for m in found.metrics if m.primary or m.side != "same"]) - len(shown)
    if left > 0:
        yield f"… {plural(left, 'more metric')}"
    yield ""


def _metric_name(m: MetricChange) -> str:
    arrow = {"min": " ↓", "max": " ↑"}.get(m.better or "", "")
    return f"{visible(m.key, 40)}{arrow}"


def _percent(m: MetricChange) -> str:
    return "" if m.relative is None else f"{signed(m.relative * 100)}%"


def _table(title: str, rows: Sequence[tuple[str, str | None, str | None]], width: int) -> Iterator[str]:
    if not rows:
        return
    cells = [(key[:_LONGEST], _value(before), _value(after)) for key, before, after in rows[:_MOST]]
    yield table([title, "NOW", "THEN"], cells, room=width)
    if len(rows) > _MOST:
        yield f"… {len(rows) - _MOST} more"
    yield ""


def _value(value: str | None) -> str:
    return "–" if value is None else visible(value, _LONGEST)


def _digest(digest: str | None, size: str | None) -> str | None:
    return None if digest is None else f"{short(digest, 12)} {size or ''}".rstrip()


def _code(code: CodeBetween, width: int) -> Iterator[str]:
    yield paint("CODE", "bold")
    base, head = (short(one) if one else "?" for one in (code.base, code.head))
    told = {
        "same": "the same commit",
        "ahead": f"{plural(code.ahead_count, 'commit')} ahead",
        "behind": f"{plural(code.behind_count, 'commit')} back",
        "diverged": f"{plural(code.behind_count, 'commit')} back, {code.ahead_count} ahead",
    }.get(code.status, code.reason or "unknown")
    yield from _wrapped("  ", f"{base} → {head}: {told}", width)
    for sign, commits, count in (("+", code.ahead, code.ahead_count), ("-", code.behind, code.behind_count)):
        for commit in commits[:_MOST_COMMITS]:
            yield from _wrapped(f"  {sign} {short(commit.commit)} ", visible(commit.subject, 100), width)
        left = count - len(commits[:_MOST_COMMITS])
        if left > 0:
            yield f"  {sign} … {left:,} more"
    if code.files:
        yield f"  {plural(len(code.files), 'file')} of training code differ"
    yield ""


def _condition(one: Precondition, width: int) -> list[str]:
    mark = TICKS[one.tick]
    weak = "" if one.blocking or one.tick is not Tick.FAILS else " (warning)"
    detail = f": {one.detail}" if one.detail else ""
    lines = _wrapped(f"  {mark} ", f"{one.title}{weak}{detail}", width)
    lines[0] = lines[0].replace(mark, paint(mark, _COLOURS[one.tick]), 1)
    if one.tick is Tick.FAILS and one.remedy:
        lines += _wrapped("    ", one.remedy, width)
    return lines


def _verified(plan: Plan) -> str:
    by = plan.verification
    version = visible(plan.after.version, 60)
    if _rebuilds(plan):
        return "when the new run is identical to the original, or equivalent within the tolerances"
    if not by.asks:
        return f"when the changed systems, read again, name version {version}"
    return (
        f"when {visible(plan.environment, 80)} answers {by.answers} times in a row, over {by.seconds:g} s,"
        f" healthily and with version {version}, within {by.within:g} s; else it is undone"
    )


def _wrapped(first: str, text: str, width: int) -> list[str]:
    """Return a text in lines that fit, the first after ``first``, the others below it."""
    room = max(20, width - len(first))
    lines = textwrap.wrap(visible(text, 2000), room, break_on_hyphens=False) or [""]
    return [
        f"{first if number == 0 else ' ' * len(first)}{line}".rstrip() for number, line in enumerate(lines)
    ]


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"


def _took(action: Action) -> str:
    end = ended_at(action)
    if end is None or not action.events:
        return ""
    return f"{(end - action.events[0].at).total_seconds():.1f} s"
