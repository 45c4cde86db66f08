"""What must hold before a plan is carried out: the list. What is found is ticked off elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mlops_dash.domain.plans import Precondition, Step, Tick
from mlops_dash.domain.text import visible

if TYPE_CHECKING:
    from mlops_dash.actions.planning import Facts


def preconditions(facts: Facts, steps: Sequence[Step]) -> tuple[Precondition, ...]:
    """Return what must hold, in the order in which it is looked at: what is cheap to know comes first."""
    return tuple(_preconditions(facts, {step.kind for step in steps})) if steps else ()


def _preconditions(facts: Facts, kinds: set[str]) -> Iterator[Precondition]:
    place, model = visible(facts.environment, 80), visible(facts.model, 80)
    version = visible(facts.after.version, 80)
    yield Precondition("rights", f"you may change {_told(kinds)}")
    yield Precondition("journal", "what is done can be written down where it outlives a crash")
    yield Precondition("alone", f"nobody else acts on {place} from this machine")
    if facts.bad is not None:
        good = f"version {version} is not known to be bad here"
        remedy = "choose another version, unless you know better"
        yield Precondition("good", good, Tick.FAILS, visible(facts.bad, 200), remedy, blocking=False)
    if facts.source is not None:
        yield _source(facts, facts.source, version)
    yield Precondition("unchanged", _unchanged(facts))
    if facts.stage is not None:
        title = f"the stage {visible(facts.stage, 80)} declares version {version} as well"
        found = "stages are not moved here: it goes on declaring another version, which will be drift"
        yield Precondition("declared", title, Tick.FAILS, found, "set an alias in its place", blocking=False)
    if kinds & {"alias", "process"}:
        yield Precondition("version", f"the registry still has version {version} of {model}")
    yield Precondition("artifacts", f"the artifacts of version {version} are there")
    if kinds & {"manifest", "gto"}:
        yield Precondition("remote", "the remote is there, and as the plan saw it")
    if kinds & {"manifest", "alias"}:
        blocking = "manifest" in kinds
        yield Precondition("controller", "nothing automatic would undo the change", blocking=blocking)
    if facts.asks:
        yield Precondition("target", f"{place} can be asked what it serves", blocking=False)
    yield Precondition("signature", "callers are understood as before", blocking=False)


def _source(facts: Facts, source: str, version: str) -> Precondition:
    title = f"{visible(source, 80)} serves version {version}"
    if facts.source_observed:
        return Precondition("source", title, Tick.HOLDS, blocking=False)
    found = "it is only declared there: what it serves could not be learned"
    return Precondition("source", title, Tick.UNKNOWN, found, blocking=False)


def _told(kinds: set[str]) -> str:
    words = {
        "process": "the model server",
        "alias": "the registry",
        "manifest": "the manifest's branch",
        "gto": "the repository's tags",
    }
    *first, last = (words[kind] for kind in words if kind in kinds)
    return f"{', '.join(first)} and {last}" if first else last


def _unchanged(facts: Facts) -> str:
    place = visible(facts.environment, 80)
    if facts.before is None:
        return f"{place} is as the plan saw it"
    old = visible(facts.before.version, 80)
    if facts.basis == "observed":
        return f"{place} still serves version {old}"
    return f"{place} still declares version {old}"
