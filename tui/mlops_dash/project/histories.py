"""Histories of metrics, read when they are asked for and thinned in the store."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlops_dash.answers.compare_shapes import CurvesAnswer
from mlops_dash.domain.progress import CancelToken
from mlops_dash.errors import DashError, SourceError

if TYPE_CHECKING:
    from mlops_dash.project import Project
    from mlops_dash.store.histories import Histories, Pair

WITHIN = 20.0
"""Seconds after which no further run is read; asking again goes on from there."""


def curves(
    project: Project,
    run_ids: Sequence[str],
    keys: Sequence[str],
    points: int,
    cancel: CancelToken | None = None,
) -> CurvesAnswer:
    """Answer the histories of metrics, each thinned to about ``points`` points.

    What was read of a run that has ended is kept until its metric changes, so that the next answer comes
    from the store alone; of a run that goes on the history is read each time.

    Raises:
        StoreError: the store cannot answer.
        Cancelled: ``cancel`` was set.
    """
    from mlops_dash.answers.histories import curves_answer, fineness, pairs_of, tokens_of

    now = datetime.now(UTC)
    pairs, problem = pairs_of(run_ids, keys)
    if not pairs:
        return CurvesAnswer(now, ())
    asked = {"run_ids": sorted({pair[0] for pair in pairs}), "keys": sorted({pair[1] for pair in pairs})}
    tokens = tokens_of(pairs, project.store.ask("history_states", **asked))
    held = project.store.histories
    points, fine = fineness(len(pairs), points)
    missing = held.missing(tokens, points)
    if missing:
        wanted = {pair: tokens[pair] for pair in missing}
        problem = _read(project, held, wanted, fine, cancel or CancelToken()) or problem
    return curves_answer(held, tokens, points, now, problem)


def _read(
    project: Project,
    held: Histories,
    wanted: Mapping[Pair, Hashable | None],
    fine: int,
    cancel: CancelToken,
) -> str | None:
    """Read curves into the store; return why some, or all, could not be read."""
    from mlops_dash.sources.base import Historic

    source = next((one for one in project.refresher.first if isinstance(one, Historic)), None)
    if source is None:
        return "histories of metrics cannot be read from this tracking store"
    runs = list(dict.fromkeys(run_id for run_id, _ in wanted))
    keys = list(dict.fromkeys(key for _, key in wanted))
    problems: list[str] = []
    until = time.monotonic() + WITHIN
    with held.loading(wanted, fine) as loading:
        try:
            with closing(source.metric_history(runs, keys, cancel)) as parts:
                for part in parts:
                    cancel.check()
                    if isinstance(part, SourceError):
                        problems.append(part.message)
                    else:
                        loading.take(part)
                    if time.monotonic() > until:
                        problems.append(f"it takes longer than {WITHIN:g} s: not all was read")
                        break
        except DashError as error:
            problems.append(error.message)
        loading.complete = not problems
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return problems[0] + more if problems else None
