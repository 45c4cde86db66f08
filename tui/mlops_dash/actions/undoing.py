"""Takes back what an action has done, in reverse, and says what could not be."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlops_dash.actions.hands import Look, Standing
from mlops_dash.actions.journal import JournalError
from mlops_dash.actions.progress import Work, evidence_of, fault
from mlops_dash.domain.plans import EventKind, Outcome, Step
from mlops_dash.errors import DashError, OutcomeUnknownError, RefusedError

_TRIES = 2  # of an undo that does not say what became of it: it begins with what is there


@dataclass(slots=True)
class _Account:
    """What became of the steps: taken back, left as they are and why, or not known."""

    undone: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def go_back(work: Work) -> Outcome:
    """Undo every step that was begun and is not undone, last first, and end the action.

    A step whose system does not answer stops it there: the earlier ones were made for its sake.
    """
    account = _Account()
    progress = work.progress
    for step in reversed(work.plan.steps):
        if not step.undo:
            continue
        if step.id in progress.undone:
            account.undone.append(step.undo)
        elif step.id in progress.sent:
            _take_back(work, step, account)
            if account.unknown:
                break
    why = progress.failed or "it was interrupted"
    if account.unknown:
        return work.end(
            Outcome.UNKNOWN,
            f"{why}; {'; '.join(account.unknown)}",
            "The next start of mlops-dash asks again and goes on undoing; mlops-dash jobs tells.",
            undone=account.undone,
            left=account.left,
        )
    changed = bool(account.undone or account.left or progress.accepted)
    words = why
    if account.undone:
        words += f"; undone: {'; '.join(account.undone)}"
    if account.left:
        words += f"; not undone: {'; '.join(account.left)}"
    if not changed:
        words += "; nothing was changed"
    outcome = Outcome.FAILED if changed or not progress.refused else Outcome.REFUSED
    remedy = "mlops-dash live shows what is live now." if account.left else progress.remedy
    return work.end(outcome, words, remedy, undone=account.undone, left=account.left)


def _take_back(work: Work, step: Step, account: _Account) -> None:
    look = work.look(step)
    there = look.begun or look.standing in {Standing.AFTER, Standing.UNKNOWN}
    if not there and step.id not in work.progress.accepted:
        return  # it never arrived, or nothing of it is left
    work.tell(EventKind.UNDOING, step, step.undo, evidence_of(look))
    for _ in range(_TRIES):
        if look.standing is Standing.BEFORE and not look.begun:
            work.tell(EventKind.UNDONE, step, look.words or "it is as it was before", evidence_of(look))
            account.undone.append(step.undo)
            return
        if look.standing is Standing.OTHER and not look.begun:
            _leave(work, step, account, f"{look.words or 'something newer is there'}: left alone")
            return
        if look.standing is not Standing.UNKNOWN and _undo(work, step, account):
            return
        look = work.look(step)
    _last_look(work, step, look, account)


def _undo(work: Work, step: Step, account: _Account) -> bool:
    """Have the hand undo it; return whether it is known what became of that."""
    try:
        evidence = work.hand(step).undo(work.note(step))
    except JournalError:
        raise
    except OutcomeUnknownError as error:
        work.note(step)(error.message, {})
        return False
    except RefusedError as error:
        _leave(work, step, account, error.message)
        return True
    except DashError as error:
        _leave(work, step, account, f"{error.message}{f' {error.remedy}' if error.remedy else ''}")
        return True
    except Exception as error:  # noqa: BLE001 - a fault of a hand's own: its system is asked what became of it
        work.note(step)(fault(error), {})
        return False
    work.tell(EventKind.UNDONE, step, step.undo, evidence)
    account.undone.append(step.undo)
    return True


def _last_look(work: Work, step: Step, look: Look, account: _Account) -> None:
    if look.standing is Standing.BEFORE and not look.begun:
        work.tell(EventKind.UNDONE, step, look.words or "it is as it was before", evidence_of(look))
        account.undone.append(step.undo)
    elif look.standing is Standing.OTHER and not look.begun:
        _leave(work, step, account, f"{look.words or 'something newer is there'}: left alone")
    else:
        words = f"{step.title}: it could not be learned whether this was undone ({look.words})"
        work.note(step)(words, evidence_of(look))
        account.unknown.append(words)


def _leave(work: Work, step: Step, account: _Account, words: str) -> None:
    work.note(step)(words, {"left": True})
    account.left.append(f"{step.title}: {words}")
