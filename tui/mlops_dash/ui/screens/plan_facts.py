"""A plan in words: what changes for the model and its callers, what must hold, what is done and undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_dash.domain.plans import ActionKind, Plan, Precondition, Tick
from mlops_dash.ui.action_words import TICKS, WARNED, from_to, kind_word, what_rebuilt
from mlops_dash.ui.widgets.facts import Fact
from mlops_dash.ui.wording import Line, Span, ago, number, plural, safe, short, version

if TYPE_CHECKING:
    from mlops_dash.answers.compare_shapes import CodeBetween
    from mlops_dash.answers.plan_difference import (
        MetricChange,
        PlanDifference,
        SignatureChange,
        TextChange,
    )

_LONG = 1500  # characters of one text that are laid out
_METRICS, _PARAMS, _COMMITS, _FILES, _PACKAGES = 12, 20, 6, 5, 12  # lines of each
LABELS = 9
"""Cells of the label column of the plan and of what becomes of it."""


def title_of(plan: Plan) -> str:
    """Return what the plan is."""
    if plan.kind is ActionKind.REBUILD:
        return f"{kind_word(plan)} · {what_rebuilt(plan)}"
    return f"{kind_word(plan)} · {safe(plan.environment, 40)} · {safe(plan.model, 40)} {from_to(plan)}"


def section(title: str, note: str = "") -> Fact:
    """Return a heading."""
    return Fact("", ((title, "title"), (f" · {note}" if note else "", "dim")))


def beside(glyph: str, role: str) -> Span:
    """Return a glyph at the right end of the label column, next to what it is about."""
    return f"{glyph:>{LABELS}}", role


def gap() -> Fact:
    """Return an empty line."""
    return Fact("", ())


# -- what must hold ---------------------------------------------------------------------------------------


def checked(plan: Plan, found: Mapping[str, Precondition]) -> tuple[Precondition, ...]:
    """Return the plan's preconditions, those that were looked at as they were found."""
    return tuple(found.get(one.id, one) for one in plan.preconditions)


def must_hold_facts(conditions: Sequence[Precondition]) -> Iterator[Fact]:
    """Yield the preconditions: glyph and word, what was found, what to do."""
    yield section("Must hold", count_words(conditions))
    yield from map(_condition, conditions)


def against_facts(conditions: Sequence[Precondition]) -> Iterator[Fact]:
    """Yield those preconditions that do not hold or warn."""
    yield from (_condition(one) for one in conditions if one.tick in (Tick.FAILS, Tick.UNKNOWN))


def _condition(one: Precondition) -> Fact:
    glyph, role = TICKS[one.tick]
    warned = one.tick is Tick.FAILS and not one.blocking
    if warned:
        glyph, role = WARNED
    word = {Tick.FAILS: "warning" if warned else "does not hold", Tick.UNKNOWN: "not known"}.get(one.tick)
    line: Line = ((safe(one.title, 300), "text" if one.tick is not Tick.OPEN else "dim"),)
    if word:
        line = (*line, (f" · {word}", role))
    if one.detail:
        line = (*line, (f" · {safe(one.detail, _LONG)}", "dim" if one.tick is Tick.HOLDS else "text"))
    if one.remedy and one.tick is not Tick.HOLDS:
        line = (*line, (f" — {safe(one.remedy, _LONG)}", "strong"))
    copy = " · ".join(part for part in (one.title, one.detail, one.remedy or "") if part)
    return Fact("", line, copy, mark=beside(glyph, role))


def count_words(conditions: Sequence[Precondition]) -> str:
    """Return how many hold: ``7 of 9 looked at``, ``all 9 hold``, ``1 of 9 does not hold``."""
    total = len(conditions)
    against = sum(one.tick is Tick.FAILS and one.blocking for one in conditions)
    holding = sum(one.tick is Tick.HOLDS for one in conditions)
    looked = sum(one.tick is not Tick.OPEN for one in conditions)
    if against:
        return f"{against} of {total} {'does' if against == 1 else 'do'} not hold"
    if looked < total:
        return f"{looked} of {total} looked at"
    if holding == total:
        return f"all {total} hold"
    return f"{holding} of {total} hold · {plural(total - holding, 'warning')}"


def why_not_go(conditions: Sequence[Precondition]) -> str | None:
    """Return why the plan cannot be carried out, as far as it was looked at."""
    for one in conditions:
        if one.blocking and one.tick is Tick.FAILS:
            return f"{safe(one.title, 120)}: {safe(one.detail, 200) or 'it does not hold'}"
    return None


# -- what is done -----------------------------------------------------------------------------------------


def effect_facts(plan: Plan) -> Iterator[Fact]:
    """Yield the steps, in order, with their exact effects, and how each is undone."""
    yield section("What is done", plural(len(plan.steps), "step"))
    for place, step in enumerate(plan.steps, 1):
        yield Fact("", ((safe(step.title, 300), "strong"),), step.title, mark=beside(str(place), "accent"))
        yield Fact("", ((safe(step.effect, _LONG), "code"),), step.effect)
        if step.caution:
            yield Fact("", ((safe(step.caution, _LONG), "warn"),), step.caution, mark=beside(*WARNED))
    check = plan.verification
    if plan.kind is ActionKind.REBUILD:
        text = "nothing that serves is touched; the new run, its log and the verdict stay"
    elif check.asks:
        text = (
            f"then {safe(plan.environment, 60)} is asked until {version(plan.after.version, 40)} answers "
            f"healthily {plural(check.answers, 'time')} running over {check.seconds:g} s; "
            f"after {check.within:g} s without, all is undone"
        )
    else:
        text = "then what was changed is read again: nothing serves here that could be asked"
    yield Fact("", ((text, "text"),), text, mark=beside("✓", "dim"))
    yield gap()
    later = "X stops it" if plan.kind is ActionKind.REBUILD else "by z afterwards"
    yield section("How it is undone", f"by itself where a step fails; {later}")
    for place, step in reversed([one for one in enumerate(plan.steps, 1) if one[1].undo]):
        yield Fact("", ((safe(step.undo, _LONG), "text"),), step.undo, mark=beside(str(place), "accent"))


def about_facts(plan: Plan, now: datetime) -> Iterator[Fact]:
    """Yield who acts, and on what this plan is based."""
    who = f"{safe(plan.actor, 60)} on {safe(plan.host, 60)}"
    yield Fact("", ((f"planned {ago(plan.made_at, now)} by {who}", "dim"),), plan.id)


# -- what changes -----------------------------------------------------------------------------------------


def shouted(difference: PlanDifference | None) -> Iterator[Fact]:
    """Yield what breaks callers, loudly."""
    breaking = difference.breaking if difference is not None else ()
    if breaking:
        word = f"BREAKS CALLERS: {plural(len(breaking), 'change')} of the signature"
        yield Fact("", ((word, "bad"),), word, mark=beside("✗", "bad"))
        for change in breaking:
            copy = _copied(change.key, change.before, change.after)
            yield Fact("", _signature(change), copy, mark=beside("✗", "bad"))


def difference_facts(difference: PlanDifference | Exception | None, plan: Plan) -> Iterator[Fact]:
    """Yield what differs between the version that is live and the one that is wanted."""
    yield section("What changes", from_to(plan))
    if difference is None:
        yield Fact("", (("looking …", "dim"),))
        return
    if isinstance(difference, Exception):
        yield Fact("", ((safe(difference, _LONG), "bad"),), str(difference))
        return
    if difference.before is None:
        yield Fact("", (("nothing is known to be live: there is nothing to compare with", "dim"),))
    yield from _metrics(difference.metrics)
    yield from _signatures(difference)
    yield from _texts("params", difference.params, _PARAMS)
    if difference.code is not None:
        yield from _code(difference.code)
    for data in difference.data:
        name = f"{safe(data.name, 60)} "
        line = _arrow(data.before and short(data.before), data.after and short(data.after), "data")
        sizes = " → ".join(size for size in (data.before_size, data.after_size) if size)
        yield Fact(
            "data", ((name, "text"), *line, (f" · {sizes}" if sizes else "", "dim")),
            _copied(data.name, data.before, data.after),
        )  # fmt: skip
    if difference.before is not None and not difference.data:
        yield Fact("data", (("the same", "dim"),))
    yield from _texts("packages", difference.packages, _PACKAGES)
    for words in difference.unknown:
        yield Fact("", ((safe(words, _LONG), "unknown"),), words, mark=beside("?", "unknown"))
    if difference.reading:
        yield Fact("", (("Git and artifacts are still being read …", "dim"),))


def _metrics(metrics: Sequence[MetricChange]) -> Iterator[Fact]:
    wide = max((len(safe(one.key, 24)) for one in metrics[:_METRICS]), default=0)
    for one in metrics[:_METRICS]:
        mark = {"better": ("▲", "good"), "worse": ("▼", "warn"), "same": ("=", "dim")}.get(one.side or "")
        line: list[tuple[str, str]] = [
            (f"{safe(one.key, 24):{wide}} ", "strong" if one.primary else "text"),
            (f"{number(one.before)} → {number(one.after)}", "text"),
        ]
        if one.relative is not None and one.relative != 0:
            role = mark[1] if mark else "dim"
            glyph = f"{mark[0]} " if mark else ""
            word = f" {one.side}" if one.side in ("better", "worse") else ""
            line.append((f"  {glyph}{one.relative * 100:+.2g} %{word}".replace("-", "−"), role))
        elif one.delta is not None and one.delta != 0:
            line.append((f"  {one.delta:+.4g}".replace("-", "−"), "dim"))
        elif one.side == "same":
            line.append(("  = the same", "dim"))
        yield Fact("metrics", tuple(line), f"{one.key} {one.before!r} → {one.after!r}")
    if len(metrics) > _METRICS:
        yield Fact("metrics", ((f"and {len(metrics) - _METRICS:,} more", "dim"),))
    if not metrics:
        yield Fact("metrics", (("none is known", "dim"),))


def _signatures(difference: PlanDifference) -> Iterator[Fact]:
    for change in difference.signature:
        yield Fact("signature", _signature(change), _copied(change.key, change.before, change.after))
    if difference.before is not None and not difference.signature:
        known = difference.before.artifacts is None and difference.after.artifacts is None
        told = ("the same: callers go on as before", "dim") if known else ("not known", "unknown")
        yield Fact("signature", (("looking …", "dim") if difference.reading else told,))


def _signature(change: SignatureChange) -> Line:
    return (
        (f"{safe(change.key, 60)}: ", "strong" if change.breaks else "text"),
        (f"{safe(change.before or 'none', 80)} → {safe(change.after or 'none', 80)}", "text"),
        (f" · {safe(change.words, 200)}", "bad" if change.breaks else "dim"),
    )


def _texts(label: str, changes: Sequence[TextChange], most: int) -> Iterator[Fact]:
    for change in changes[:most]:
        line: Line = (
            (f"{safe(change.key, 40)} ", "text"),
            *_arrow(change.before, change.after, "text"),
        )
        yield Fact(label, line, _copied(change.key, change.before, change.after))
    if len(changes) > most:
        yield Fact(label, ((f"and {len(changes) - most:,} more: Compare (c) shows all", "dim"),))


def _arrow(before: str | None, after: str | None, role: str) -> Line:
    return (
        (safe(before, 120) if before is not None else "none", role if before is not None else "dim"),
        (" → ", "dim"),
        (safe(after, 120) if after is not None else "none", role if after is not None else "dim"),
    )


def _code(code: CodeBetween) -> Iterator[Fact]:
    if code.reason:
        yield Fact("code", ((safe(code.reason, _LONG), "unknown"),), code.reason)
    if code.status == "same":
        yield Fact("code", (("the same commit", "dim"),), code.head)
        return
    if not code.head and not code.base:
        return
    sides = ((short(code.base or "?"), "code"), (" → ", "dim"), (short(code.head or "?"), "code"))
    told = []
    if code.behind_count:
        told.append(f"{plural(code.behind_count, 'commit')} taken away")
    if code.ahead_count:
        told.append(f"{plural(code.ahead_count, 'commit')} added")
    if code.files:
        told.append(f"{plural(len(code.files), 'file')} {'differs' if len(code.files) == 1 else 'differ'}")
    words = f"  {', '.join(told)}" if told else ""
    yield Fact("code", (*sides, (words, "text")), f"{code.base}..{code.head}")
    for sign, role, commits, count in (
        ("−", "removed", code.behind, code.behind_count),
        ("+", "good", code.ahead, code.ahead_count),
    ):
        for commit in commits[:_COMMITS]:
            line: Line = (
                (f"{sign} ", role),
                (short(commit.commit), "code"),
                (f" {safe(commit.subject, 120)}", "text"),
                (f" · {safe(commit.author, 40)}", "dim"),
            )
            yield Fact("code", line, commit.commit, f"commit:{commit.commit}")
        if count > _COMMITS:
            yield Fact("code", ((f"  and {count - _COMMITS:,} more", "dim"),))
    for file in code.files[:_FILES]:
        lines = "binary" if file.added is None else f"+{file.added} −{file.removed}"
        yield Fact("files", ((safe(file.path, 120), "text"), (f"  {lines}", "dim")), file.path)
    if len(code.files) > _FILES:
        yield Fact("files", ((f"and {len(code.files) - _FILES:,} more", "dim"),))


def _copied(key: str, before: str | None, after: str | None) -> str:
    return f"{key}: {before} → {after}"
