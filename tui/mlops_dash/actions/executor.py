"""The one place that changes anything: carries a plan out step by step, and goes on with interrupted ones.

What it is about to do is in the journal before it is done, what was done is read back from the systems, and
the last word on an action is what they and the target say. A process that is killed anywhere in here leaves
an action that :func:`resume` brings to an outcome that is true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from mlops_dash.actions.hands import Look, Standing
from mlops_dash.actions.journal import Journal, JournalError, Log
from mlops_dash.actions.progress import Hands, Work, evidence_of, fault
from mlops_dash.actions.undoing import go_back
from mlops_dash.actions.verifying import Proof, Verdict, Verifier
from mlops_dash.domain.plans import ActionKind, EventKind, Outcome, Plan, Precondition, Step, Tick
from mlops_dash.errors import DashError, NotServedError, OutcomeUnknownError, RefusedError

__all__ = ["Check", "Hands", "execute", "resume"]

Check = Callable[[Plan], Iterable[Precondition]]
"""Looks at the preconditions of a plan again, one by one, at the systems themselves."""

FRESH = 600.0
"""Seconds after which an interrupted action is not carried forward: whoever wanted it has gone on."""

_TRIES = 2  # of a step that does not say what became of it: sent again, a late arrival changes nothing
_SETTLING = 5.0  # seconds for which a target is asked about an action whose outcome is unknown
_ASK_AGAIN = "mlops-dash live shows what is live; mlops-dash jobs asks again what became of this."


def execute(
    plan: Plan,
    journal: Journal,
    hands: Hands,
    verifier: Verifier,
    check: Check,
    *,
    read_only: bool = False,
    begun: Callable[[Log], None] = lambda _: None,
) -> Outcome:
    """Carry a plan out and say what became of it; the journal has every step and the evidence.

    Args:
        check: a blocking precondition that does not hold refuses the action.
        begun: told when the intent is on the disk.

    Raises:
        RefusedError: nothing was begun: read-only, no durable journal, another action is at work there.
        JournalError: the journal cannot be written any more; the action stays unfinished.
    """
    if read_only:
        raise RefusedError("Nothing can be changed: mlops-dash was started with --read-only.")
    with journal.begin(plan) as log:
        begun(log)
        work = Work(log, hands)
        refusal = _refusal(work, check)
        if refusal is not None:
            return refusal
        return _forward(work, verifier)


def resume(log: Log, hands: Hands, verifier: Verifier, check: Check) -> Outcome:
    """Go on with an action that was interrupted, or whose outcome is unknown, by looking at its systems.

    It is finished where the wanted version is there, or can be; else it is undone, or what is there is
    reported. One that is older than :data:`FRESH`, or of which somebody was told that its outcome is unknown,
    is not carried forward: they have gone on.

    Raises:
        JournalError: the journal cannot be written; the action stays unfinished.
    """
    work = Work(log, hands)
    if work.progress.last not in {None, Outcome.UNKNOWN}:
        return work.progress.last
    # a rebuild changes nothing that anybody relies on: it is carried forward however late
    old = work.plan.kind is not ActionKind.REBUILD and work.progress.is_older_than(FRESH)
    looks = [work.look(step) for step in work.plan.steps]
    silent = [look for look in looks if look.standing is Standing.UNKNOWN]
    if silent and work.progress.last is Outcome.UNKNOWN:
        return Outcome.UNKNOWN  # nothing new: the journal has it
    work.tell(
        EventKind.RESUMED, None, "another process goes on", {"looks": [evidence_of(one) for one in looks]}
    )
    if work.progress.last is Outcome.UNKNOWN or old:
        return _settle(work, looks, verifier)
    if work.progress.failed is not None:
        return go_back(work)
    if not work.progress.sent:
        refusal = _refusal(work, check)
        if refusal is not None:
            return refusal
    return _forward(work, verifier)


def _refusal(work: Work, check: Check) -> Outcome | None:
    """Look at the preconditions; refuse with the first that fails, ``None`` where none does.

    What does not answer refuses nothing here: a target may be down, which is why it is acted upon. Each hand
    looks at its own system before it sends anything.
    """
    try:
        for found in check(work.plan):
            evidence = {"id": found.id, "tick": found.tick.value, "blocking": found.blocking}
            work.tell(EventKind.CHECKED, None, f"{found.title}: {found.detail or found.tick.value}", evidence)
            if found.tick is Tick.FAILS and found.blocking:
                words = f"{found.title}: {found.detail or 'it does not hold'}; nothing was changed"
                return work.end(Outcome.REFUSED, words, found.remedy)
    except DashError as error:
        if isinstance(error, JournalError):
            raise
        return work.end(Outcome.REFUSED, f"{error.message}; nothing was changed", error.remedy)
    except Exception as error:  # noqa: BLE001 - what cannot be checked is not begun
        return work.end(Outcome.REFUSED, f"{fault(error)}; nothing was changed")
    return None


def _forward(work: Work, verifier: Verifier) -> Outcome:
    """Do the steps that are not done, prove that the version serves, and end the action."""
    steps = work.plan.steps
    servers = [number for number, step in enumerate(steps) if step.kind == "process"]
    proven_after = servers[-1] if servers else len(steps) - 1
    verdict: Verdict | None = None
    for number, step in enumerate(steps):
        problem = _do(work, step)
        if problem is Outcome.UNKNOWN:
            return _unknown(work, step)
        if problem is Outcome.FAILED:
            return go_back(work)
        if work.plan.verification.asks and number == proven_after:
            verdict = verifier.verify(work.plan, _seen(work))  # what declares the version follows only then
            if verdict.proof is Proof.NOT_SERVED:
                words = f"version {work.plan.after.version} is not served: {verdict.words}"
                work.fail(step, words, unserved=True)
                return go_back(work)
            if verdict.proof is Proof.NOTHING:
                return _unproven(work, verdict)
    return _conclude(work, [work.look(step) for step in steps], verdict)


def _do(work: Work, step: Step) -> Outcome | None:
    """Bring one step's system to where the plan wants it; ``None`` where it is there.

    Returns:
        ``FAILED`` with the reason noted: it goes back. ``UNKNOWN``: it does not say.
    """
    for attempt in range(_TRIES):
        look = work.look(step)
        if look.standing is Standing.AFTER and not look.begun:
            if step.id in work.progress.accepted:
                return None
            if step.id in work.progress.sent:
                work.tell(EventKind.ACCEPTED, step, look.words or "it is there", evidence_of(look))
            else:
                work.note(step)(f"already there: {look.words}", evidence_of(look))
            return None
        sent = step.id in work.progress.sent
        if look.standing is Standing.UNKNOWN:
            if sent:
                return Outcome.UNKNOWN
            work.fail(step, f"{step.title}: {look.words or 'its system does not answer'}", refused=True)
            return Outcome.FAILED
        if look.standing is Standing.OTHER and not look.begun:
            work.fail(step, look.words or f"{step.title}: something else is there", refused=not sent)
            return Outcome.FAILED
        if step.id in work.progress.accepted and not look.begun:
            work.fail(step, f"{step.title}: it was taken back meanwhile: {look.words}")
            return Outcome.FAILED
        done = _act(work, step, attempt)
        if done is not Outcome.UNKNOWN:
            return done
    look = work.look(step)
    if look.standing is Standing.AFTER and not look.begun:
        work.tell(EventKind.ACCEPTED, step, look.words or "it is there", evidence_of(look))
        return None
    if look.standing is Standing.OTHER and not look.begun:
        work.fail(step, look.words or f"{step.title}: something else is there")
        return Outcome.FAILED
    return Outcome.UNKNOWN


def _act(work: Work, step: Step, attempt: int) -> Outcome | None:
    """Have the hand make the change; ``UNKNOWN`` where nobody knows what became of it."""
    work.tell(EventKind.SENT, step, step.title, {"attempt": attempt + 1})
    try:
        evidence = work.hand(step).act(work.note(step))
    except JournalError:
        raise
    except OutcomeUnknownError as error:
        work.note(step)(error.message, {"remedy": error.remedy})
        return Outcome.UNKNOWN
    except RefusedError as error:
        work.fail(step, error.message, error.remedy, refused=attempt == 0)
        return Outcome.FAILED
    except DashError as error:
        work.fail(step, error.message, error.remedy, unserved=isinstance(error, NotServedError))
        return Outcome.FAILED
    except Exception as error:  # noqa: BLE001 - a fault of a hand's own: its system is asked what became of it
        work.note(step)(fault(error), {})
        return Outcome.UNKNOWN
    work.tell(EventKind.ACCEPTED, step, step.title, evidence)
    return None


def _conclude(work: Work, looks: list[Look], verdict: Verdict | None) -> Outcome:
    """End an action whose steps are done by what their systems say now, and what the target said."""
    for step, look in zip(work.plan.steps, looks, strict=True):
        if look.standing is Standing.UNKNOWN:
            return _unknown(work, step)
        if look.standing is not Standing.AFTER or look.begun:
            work.fail(step, look.words or f"{step.title}: it is not there any more")
            return go_back(work)
    told = verdict.words if verdict is not None else "; ".join(one.words for one in looks if one.words)
    against = next((one for one in looks if one.disproved), None)
    if against is not None:
        return work.end(Outcome.FAILED, against.words, proof=dict(evidence_of(against)))
    judged = next((one for one in looks if "verdict" in one.evidence), None)
    if judged is not None:
        return work.end(Outcome.VERIFIED, judged.words, proof=dict(evidence_of(judged)))
    proof = verdict.evidence if verdict is not None else {"looks": [evidence_of(one) for one in looks]}
    return work.end(Outcome.VERIFIED, told, proof=dict(proof))


def _settle(work: Work, looks: list[Look], verifier: Verifier) -> Outcome:
    """End an old action: what is there and proven is told, what is half-way is undone, nothing is begun.

    What has stood for long, or what a later action built upon, is left as it is.
    """
    plan = work.plan
    if work.progress.failed is None and all(
        one.standing is Standing.AFTER and not one.begun for one in looks
    ):
        verdict: Verdict | None = None
        if plan.verification.asks:
            within = min(plan.verification.within, _SETTLING + plan.verification.seconds)
            asked = replace(plan, verification=replace(plan.verification, within=within))
            verdict = verifier.verify(asked, _seen(work))
            if verdict.proof is Proof.NOTHING:
                return _unproven(work, verdict)
            if verdict.proof is Proof.NOT_SERVED:
                words = f"version {plan.after.version} is not served: {verdict.words}; it was left as it is"
                return work.end(Outcome.FAILED, words, "mlops-dash live shows what is live now.")
        return _conclude(work, looks, verdict)
    for step, look in zip(plan.steps, looks, strict=True):
        if look.standing is Standing.UNKNOWN and step.id in work.progress.sent:
            return _unknown(work, step)
    if work.progress.failed is None:
        sent = work.progress.sent
        ours = [look for step, look in zip(plan.steps, looks, strict=True) if step.id in sent]
        nothing = all(look.standing is Standing.BEFORE and not look.begun for look in ours)
        why = "it did not arrive" if work.progress.last else "it was interrupted, and found too late to go on"
        work.fail(None, why, refused=nothing)
    return go_back(work)


def _unknown(work: Work, step: Step) -> Outcome:
    words = f"{step.title}: it was sent, and what became of it could not be learned"
    look = work.look(step)
    if look.words:
        words += f" ({look.words})"
    return work.end(Outcome.UNKNOWN, words, _ASK_AGAIN)


def _unproven(work: Work, verdict: Verdict) -> Outcome:
    words = f"it could not be learned whether version {work.plan.after.version} serves: {verdict.words}"
    return work.end(Outcome.UNKNOWN, words, _ASK_AGAIN, proof=dict(verdict.evidence))


def _seen(work: Work) -> Callable[[str, Mapping[str, Any]], None]:
    def told(words: str, evidence: Mapping[str, Any]) -> None:
        work.log.append(EventKind.SEEN, None, words, evidence)

    return told
