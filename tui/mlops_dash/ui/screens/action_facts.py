"""An action as its journal tells it: what became of it, its steps, and its log, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from mlops_dash.domain.plans import Action, ActionKind, Event, EventKind, Outcome
from mlops_dash.domain.rebuilds import Verdict
from mlops_dash.domain.text import visible
from mlops_dash.ui.action_words import (
    STANDS,
    Stand,
    StepState,
    begun_at,
    clock,
    ended_at,
    event_span,
    last,
    lasted,
    state,
    steps_of,
    verdict_of,
)
from mlops_dash.ui.screens.plan_facts import beside
from mlops_dash.ui.screens.plan_facts import title_of as plan_title
from mlops_dash.ui.widgets.facts import Fact
from mlops_dash.ui.wording import Line, ago, moment, plural, safe, version

_MOST = 40  # lines of a verdict
_LONG = 2000  # characters of one text that are laid out


def outcome_facts(action: Action, now: datetime) -> Iterator[Fact]:
    """Yield what became of an action, on what evidence, and what to do now."""
    glyph, word = state(action)
    plan, event = action.plan, last(action, EventKind.OUTCOME)
    began, ended = begun_at(action), ended_at(action)
    told = safe(event.words, _LONG) if event is not None and event.words and action.outcome else ""
    if action.outcome is None:
        told = _progress(action)
    told = told.removeprefix(f"{word}: ")
    line: Line = ((word, glyph[1]), (f" · {told}" if told else "", "strong"))
    yield Fact("", line, f"{word}: {told}", mark=beside(*glyph))
    if action.outcome is not None and event is not None:
        if remedy := event.evidence.get("remedy"):
            yield Fact("do now", ((safe(remedy, _LONG), "strong"),), str(remedy))
        elif action.outcome is not Outcome.VERIFIED:
            yield Fact("do now", (_advice(action),), None)
    seen = last(action, EventKind.SEEN)
    if seen is not None:
        when = f" · {ago(seen.at, now)}" if seen.words else ""
        yield Fact("evidence", ((safe(seen.words, _LONG), "text"), (when, "dim")), _whole(seen))
    took = lasted(((ended or now) - began).total_seconds())
    until = f"{moment(began)} · took {took}" if ended else f"{moment(began)} · {took} so far"
    yield Fact("begun", ((until, "text"), (f" · {ago(began, now)}", "dim")), began.isoformat())
    who = f"{visible(plan.actor, 60)} on {visible(plan.host, 60)}"
    yield Fact("by", ((who, "text"),), who)
    if plan.reason:
        yield Fact("reason", ((safe(plan.reason, _LONG), "text"),), plan.reason)
    if plan.undoes is not None:
        yield Fact("undoes", ((safe(plan.undoes, 60), "text"),), plan.undoes)


def verdict_facts(action: Action) -> Iterator[Fact]:
    """Yield what a rebuild's verdict rests on: original and rebuilt side by side, then what was compared."""
    found = verdict_of(action)
    if found is None:
        return
    rows = list(found.get("rows", ()))[:_MOST]
    if rows:
        names = [safe(f"{row['kind']} {row['name']}", 40) for row in rows]
        wide, room = max(map(len, names)), max(8, *(len(_side(row["original"])) for row in rows))
        yield Fact("compared", ((f"{'':{wide}}  {'original':{room}}  rebuilt", "dim"),))
        for name, row in zip(names, rows, strict=True):
            cells = f"{name:{wide}}  {_side(row['original']):{room}}  {_side(row['rebuilt'])}"
            copy = f"{row['kind']} {row['name']}: {row['original']} → {row['rebuilt']}"
            yield Fact("", ((cells, "text"), _state_of(row)), copy)
    for line in list(found.get("compared", ()))[:_MOST]:
        yield Fact("", ((safe(line, 300), "dim"),), str(line))


def _side(value: str) -> str:
    return safe(value, 24) or "–"


def _state_of(row: Mapping[str, Any]) -> tuple[str, str]:
    delta = row.get("delta")
    apart = f"  ≠ {delta:.3g} apart" if isinstance(delta, int | float) else "  ≠ differs"
    return {
        "same": ("  = the same", "dim"),
        "ignored": ("  not compared", "dim"),
        "within": ("  ≈ within tolerance", "good"),
        "missing": ("  ✗ missing", "bad"),
        "new": ("  + new", "warn"),
    }.get(str(row.get("state")), (apart, "bad"))


def _advice(action: Action) -> tuple[str, str]:
    if action.plan.kind is ActionKind.REBUILD:
        if (found := verdict_of(action)) is not None and found["verdict"] == Verdict.DIVERGED:
            return "see below what differs; rebuild --repeat 3 tells the training's own noise from it", "text"
        return "the log tells what failed; nothing that serves was touched", "text"
    place = safe(action.plan.environment, 60)
    if action.outcome is Outcome.REFUSED:
        return "nothing was changed; R or P makes a new plan from what is there now", "text"
    if action.outcome is Outcome.UNKNOWN:
        return f"look at {place} on Live (1): r asks it again; the log tells what was sent", "strong"
    return f"look at {place} on Live (1): it tells what serves there now; the log tells what failed", "strong"


def _progress(action: Action) -> str:
    """Return what is under way."""
    if not action.running:
        return "nobody is at work on it; the next start goes on with it"
    states = list(steps_of(action))
    for one in states:
        if one.stand in (Stand.UNDER_WAY, Stand.UNDOING):
            return f"{'taking back: ' if one.stand is Stand.UNDOING else ''}{safe(one.step.title, 200)}"
    seen = last(action, EventKind.SEEN)
    if states and all(one.stand is Stand.DONE for one in states):
        return f"verifying: {safe(seen.words, 200)}" if seen is not None and seen.words else "verifying"
    event = action.events[-1] if action.events else None
    return (
        safe(event.words, 200) if event is not None and event.words else "looking at the preconditions again"
    )


def step_facts(action: Action) -> Iterator[Fact]:
    """Yield the steps, each with how far it is, in a word as well as a glyph."""
    for place, one in enumerate(steps_of(action), 1):
        glyph, role = STANDS[one.stand]
        yield Fact("", _step_line(place, one, role), one.step.title, mark=beside(glyph, role))
    if not action.plan.steps:
        return
    seen = [event for event in action.events if event.kind is EventKind.SEEN]
    wanted = action.plan.verification.answers
    if not action.plan.verification.asks and not seen:
        return
    after = version(action.plan.after.version, 40)
    what = f"verify: {after} answers healthily, {plural(wanted, 'time')} running"
    stand = Stand.OPEN
    if action.outcome is not None:
        stand = (
            Stand.DONE if action.outcome is Outcome.VERIFIED else Stand.FAILED if seen else Stand.NOT_BEGUN
        )
        if action.outcome is Outcome.UNKNOWN:
            stand = Stand.UNKNOWN
    elif seen:
        stand = Stand.UNDER_WAY
    glyph, role = STANDS[stand]
    asked = f" · asked {plural(len(seen), 'time')}" if seen else ""
    yield Fact(
        "", ((what, "text"), (f" · {stand.value}", role), (asked, "dim")), what, mark=beside(glyph, role)
    )  # fmt: skip


def _step_line(place: int, one: StepState, role: str) -> Line:
    took = lasted(one.seconds)
    return (
        (f"{place} {safe(one.step.title, 300)}", "text"),
        (f" · {one.stand.value}", role),
        (f" {took}" if took and one.stand is Stand.DONE else "", "dim"),
    )


def log_facts(action: Action) -> Iterator[Fact]:
    """Yield the journal, one event a line."""
    titles = {step.id: step.kind for step in action.plan.steps}
    day = None
    for event in action.events:
        if event.at.date() != day and day is not None:
            yield Fact("", ((f"{event.at:%d %b %Y}", "dim"),))
        day = event.at.date()
        word, role = event_span(event)
        step = f"{titles.get(event.step, event.step)} " if event.step is not None else ""
        line: Line = (
            (f"{word:9}" if word else " " * 9, role),
            (safe(step, 40), "dim"),
            (safe(event.words, _LONG) or _plain(event), "text"),
        )
        yield Fact("", line, _whole(event), mark=(clock(event.at), "dim"))  # a time on every line


def _plain(event: Event) -> str:
    return safe(_evidence(event), 300)


def _evidence(event: Event) -> str:
    if not event.evidence:
        return ""
    return json.dumps(dict(event.evidence), ensure_ascii=False, default=str, sort_keys=True)


def _whole(event: Event) -> str:
    """Return an event for the clipboard, its evidence with it."""
    parts = [event.at.isoformat(), event.kind.value, event.step or "", event.words, _evidence(event)]
    return " ".join(part for part in parts if part)


def title_of(action: Action) -> str:
    """Return an action's title."""
    return plan_title(action.plan)
