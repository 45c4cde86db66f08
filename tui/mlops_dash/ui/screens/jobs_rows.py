"""The rows of Jobs: one action in cells, its state as a glyph and a word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mlops_dash.domain.plans import Action
from mlops_dash.ui.action_words import begun_at, ended_at, from_to, kind_word, lasted, state
from mlops_dash.ui.widgets.table import DROP, NARROW_GAPS, Cell, Column, Give
from mlops_dash.ui.wording import ago, safe

COLUMNS = (
    Column("STATE"),
    Column("WHAT"),
    Column("ENVIRONMENT", brief="ENV"),
    Column("MODEL"),
    Column("VERSIONS"),
    Column("BEGUN", right=True),
    Column("TOOK", right=True),
    Column("BY"),
    Column("REASON"),
)
_STATE, _WHAT, _ENV, _MODEL, _VERSIONS, _BEGUN, _TOOK, _BY, _REASON = range(9)
GIVES = (
    Give(_REASON, None, 24), Give(_MODEL, None, 14), Give(_BY, None, 8), Give(_REASON, None, 12), NARROW_GAPS,
    Give(_BY, DROP), Give(_MODEL, DROP), Give(_REASON, None, 8), Give(_ENV, None, 12), Give(_TOOK, DROP),
    Give(_REASON, DROP), Give(_WHAT, DROP), Give(_BEGUN, DROP), Give(_ENV, None, 6), Give(_VERSIONS, None, 8),
)  # fmt: skip


def row_key(action: Action) -> str:
    """Return the key of a row."""
    return action.plan.id


def row_text(action: Action) -> str:
    """Return what the filter looks in."""
    plan = action.plan
    return " ".join(
        (
            state(action)[1], kind_word(plan), plan.environment, plan.model, from_to(plan), plan.actor,
            plan.host, plan.reason, plan.id,
        )
    )  # fmt: skip


def row_cells(action: Action, now: datetime) -> Sequence[Cell]:
    """Return the cells of a row."""
    plan = action.plan
    (glyph, role), word = state(action)
    began, ended = begun_at(action), ended_at(action)
    took = lasted(((ended or now) - began).total_seconds()) if ended or action.running else "–"
    return [
        (((f"{glyph} {word}", role),),),
        (((kind_word(plan), "text"),),),
        (((safe(plan.environment, 60) or "–", "env" if plan.environment else "dim"),),),
        (((safe(plan.model, 60), "model"),),),
        (((from_to(plan), "strong"),),),
        (((ago(began, now), "text"),),),
        (((took, "text" if ended else "dim"),),),
        (((safe(plan.actor, 40), "text"),),),
        (((safe(plan.reason, 300), "dim"),),),
    ]
