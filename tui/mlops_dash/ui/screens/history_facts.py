"""The facts of one change and of what was live at a moment, and what History says where there is nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from mlops_dash.answers.history import HistoryAnswer
from mlops_dash.answers.history_words import how_known, what_happened
from mlops_dash.domain.changes import Aspect, Change, Evidence, Proof, WasLive
from mlops_dash.domain.plans import Outcome
from mlops_dash.ui.action_words import OUTCOMES
from mlops_dash.ui.screens.history_rows import from_to, glyph_of, was_line
from mlops_dash.ui.widgets.facts import Fact
from mlops_dash.ui.wording import Line, ago, safe, short

_LONG = 4000  # characters of one text that are laid out
_LINES = 20  # of a reason; copied it is whole
_ASPECTS = {Aspect.DECLARED: "the declared version", Aspect.SERVED: "what is served"}
_BECAME = {
    Outcome.VERIFIED: "the target served it healthily, or what declares it was read again",
    Outcome.FAILED: "it was not brought there, and what was done was taken back",
    Outcome.REFUSED: "nothing was changed",
    Outcome.UNKNOWN: "what became of it could not be learned",
}


def title_of(change: Change) -> str:
    """Return the title of a change."""
    return f"{safe(change.environment, 40)} · {safe(change.model, 40)} {from_to(change)}"


def change_facts(change: Change, now: datetime) -> Iterator[Fact]:
    """Yield what is known of a change, and how."""
    glyph = glyph_of(change)
    what = what_happened(change)
    line: Line = (glyph, (f" {what}", "strong"), (f" of {_ASPECTS[change.aspect]}", "dim"))
    yield Fact("what", line, f"{what}: {from_to(change)}")
    if change.outcome is not None:
        words = change.outcome.value
        became: Line = ((words, OUTCOMES[change.outcome][1]), (f" · {_BECAME[change.outcome]}", "dim"))
        yield Fact("outcome", became, words)
    yield from _times(change, now)
    who = change.by or "unknown"
    where = f" on {safe(change.host, 60)}" if change.host else ""
    yield Fact("by", ((safe(who, 200), "text" if change.by else "unknown"), (where, "dim")), who)
    for line_of_reason in (change.reason or "")[:_LONG].splitlines()[:_LINES]:
        if line_of_reason.strip():
            yield Fact("why", ((safe(line_of_reason, _LONG), "text"),), change.reason)
    if change.healthy is not None:
        health: Line = (("seen healthy", "good"),) if change.healthy else (("never seen healthy", "warn"),)
        yield Fact("health", health, health[0][0])
    yield Fact("known by", ((how_known(change), "text"),), how_known(change))
    for proof in change.also:
        if proof.evidence is not Evidence.AUDIT:
            told = _also(proof)
            yield Fact("also", ((told, "dim"),), told)
    for label, value, role in (
        ("commit", change.commit, "code"),
        ("action", change.action_id, "text"),
        ("undoes", change.undoes, "text"),
        ("audit run", change.audit_run, "run"),
    ):
        if value:
            ref = f"commit:{value}" if label == "commit" else None
            ref = f"run:{value}" if label == "audit run" else ref
            shown = short(value, 12) if label == "commit" else safe(value, 80)
            yield Fact(label, ((shown, role),), value, ref)


def _times(change: Change, now: datetime) -> Iterator[Fact]:
    if change.not_before is not None:
        line: Line = (
            (f"{_exact(change.not_before)} … {_exact(change.at)}", "text"),
            (" · some time between two looks", "dim"),
        )
        yield Fact("when", line, f"{change.not_before.isoformat()} … {change.at.isoformat()}")
        return
    first = change.evidence is Evidence.SEEN
    line = ((f"{_exact(change.at)} UTC", "text"), (f" · {ago(change.at, now)}", "dim"))
    yield Fact("seen first" if first else "when", line, change.at.isoformat())
    if change.begun_at is not None and change.begun_at < change.at:
        took = (change.at - change.begun_at).total_seconds()
        yield Fact("took", ((f"{took:.1f} s", "text"),), f"{took:.3f} s")


def _also(proof: Proof) -> str:
    what = {
        Evidence.SEEN: f"looks of this machine: {_ASPECTS[proof.aspect]}",
        Evidence.GTO: "a GTO tag",
        Evidence.MANIFEST: "a commit that changed the manifest",
        Evidence.STAGE: "the registry: a stage",
    }.get(proof.evidence, proof.evidence.value)
    begin = f"{_exact(proof.not_before)} … " if proof.not_before is not None else ""
    return f"{what}, {begin}{_exact(proof.at)}"


def was_facts(was: WasLive, answer: HistoryAnswer) -> Iterator[Fact]:
    """Yield what was live at a place, on what basis, and where evidence ends."""
    line = was_line(was)
    whole = "".join(text for text, _ in line)
    yield Fact("live then", line, whole)
    yield Fact("basis", ((was.basis, "text" if was.basis != "unknown" else "unknown"),), was.basis)
    yield Fact("evidence", ((safe(was.words, _LONG), "text"),), was.words)
    if was.evidence_from is not None and was.evidence_until is not None:
        reach = f"{_exact(was.evidence_from)} … {_exact(was.evidence_until)} UTC"
        yield Fact("reaches", ((reach, "dim"),), reach)
    if answer.unseen:
        yield Fact("note", ((safe(answer.unseen, _LONG), "warn"),), answer.unseen)


def nothing_facts(answer: HistoryAnswer, *, reading: bool) -> Iterator[Fact]:
    """Yield what is said of a project without any known change."""
    yield Fact("", (("No change of what is live is known yet.", "strong"),))
    if reading:
        yield Fact("", (("Sources are still being read …", "dim"),))
        return
    yield Fact("", (("Told here, as soon as there is any evidence:", "text"),))
    for words in (
        "rollbacks and promotions of the whole team (from the experiment mlops-dash of the tracking store)",
        "GTO tags, commits that change a manifest, legacy stages",
        "aliases and served versions that changed between two looks of a dashboard on this machine",
    ):
        yield Fact("", ((f"  · {words}", "dim"),))
    if answer.unseen:
        yield Fact("", ((safe(answer.unseen, _LONG), "warn"),), answer.unseen)


def _exact(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
