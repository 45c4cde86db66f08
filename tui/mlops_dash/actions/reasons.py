"""Why an action is taken: checked, and written where the change itself is kept."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from mlops_dash.domain.plans import Plan, Step
from mlops_dash.domain.secrets import scrub
from mlops_dash.domain.text import visible
from mlops_dash.errors import UsageError

LONGEST_REASON = 1000
"""Characters of a reason."""

REBUILD_REASON = "to see whether it can be made again"
"""The reason of a rebuild that nobody gave another."""

_CONTROL = re.compile(
    "\x1b(?:\\[[0-?]*[ -/]*[@-~]|[\\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\\\|$)|[ -/]*[0-~])"
    "|[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_BLANK = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+")


def clean_reason(text: str) -> str:
    """Return a reason as it is kept: one line, without control characters and secrets.

    Raises:
        UsageError: nothing is left of it, or it is longer than :data:`LONGEST_REASON` characters.
    """
    if len(text) > 20 * LONGEST_REASON:
        raise _too_long(len(text))
    told = " ".join(_CONTROL.sub("", _BLANK.sub(" ", text)).split())
    if len(told) <= LONGEST_REASON:  # looking for secrets in a long text takes long
        told = scrub(told)
    if not told:
        raise UsageError("a reason is needed", "say in a few words why: everybody sees it in the history")
    if len(told) > LONGEST_REASON:
        raise _too_long(len(told))
    return told


def _too_long(characters: int) -> UsageError:
    return UsageError(
        f"the reason is {characters:,} characters long, {LONGEST_REASON:,} are kept at most",
        "say it in fewer words; a link can tell the rest",
    )


def with_reason(plan: Plan, reason: str) -> Plan:
    """Return the plan with its reason, also in the messages of the commits and tags that it makes.

    Raises:
        UsageError: as :func:`clean_reason`.
    """
    whole = replace(plan, reason=clean_reason(reason))
    return replace(whole, steps=tuple(_with_message(whole, step) for step in whole.steps))


def _with_message(plan: Plan, step: Step) -> Step:
    if "message" not in step.arguments:
        return step
    arguments: dict[str, Any] = {**step.arguments, "message": message(plan)}
    return replace(step, arguments=arguments)


def message(plan: Plan) -> str:
    """Return the message of a commit or tag that is part of a plan: subject, reason, plan and actor."""
    before = visible(plan.before.version, 60) if plan.before is not None else "?"
    after = visible(plan.after.version, 60)
    what = f"{visible(plan.environment, 60)}: {visible(plan.model, 60)} {before} → {after}"
    lines = [f"{plan.kind.value} {what}", "", plan.reason, ""]
    lines += [f"- {step.title}" for step in plan.steps]
    lines += ["", f"Action: {plan.id}", f"Actor: {visible(plan.actor, 80)} on {visible(plan.host, 80)}"]
    if plan.undoes is not None:
        lines.append(f"Undoes: {plan.undoes}")
    return "\n".join(lines) + "\n"
