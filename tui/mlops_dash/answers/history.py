"""What changed, where, when, by whom and why; and what was live at a given time?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_dash.answers.facts import Asks
from mlops_dash.answers.history_evidence import Key, Place, places
from mlops_dash.answers.history_moments import was_live
from mlops_dash.answers.serving import Serving, all_serving
from mlops_dash.answers.timeline import Timeline, newest_first
from mlops_dash.config import Config
from mlops_dash.domain.changes import Change, Sighting, WasLive
from mlops_dash.domain.freshness import SourceStatus
from mlops_dash.domain.plans import Action
from mlops_dash.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class HistoryAnswer:
    """What changed, newest first.

    Attributes:
        environment, model: what was asked for; ``None``: all.
        places: every (environment, model) that the answer is about, those of the board first.
        at: the moment that was asked about; ``was``: what was live then, one for each place.
        unseen: why changes that nobody records, such as of aliases, are not noticed; ``None``: they are.
        stale: sources that could not be read: what they tell is as old as they are.
    """

    as_of: datetime
    changes: tuple[Change, ...]
    places: tuple[tuple[str, str], ...]
    environment: str | None = None
    model: str | None = None
    at: datetime | None = None
    was: tuple[WasLive, ...] = ()
    unseen: str | None = None
    stale: tuple[SourceStatus, ...] = ()

    def to_pandas(self) -> pd.DataFrame:
        """Return one row for each change; with ``at`` one for each place."""
        from mlops_dash.answers.history_tables import history_frame

        return history_frame(self)


@dataclass(frozen=True, slots=True)
class Evidenced:
    """Every place with all evidence of it, as the store and the machine hold it at one moment."""

    places: Mapping[Key, Place]
    timelines: Mapping[Key, Timeline]


def evidenced(
    store: Asks,
    config: Config,
    sightings: Iterable[Sighting],
    actions: Iterable[Action],
    statuses: Sequence[SourceStatus],
    servings: Sequence[Serving] | None = None,
) -> Evidenced:
    """Collect the evidence of every place.

    Args:
        store: answers the questions.
        config: environments.
        sightings: what earlier looks saw.
        actions: those of this machine.
        statuses: freshness of each source.
        servings: what is live everywhere, where that was asked already.
    """
    live = all_serving(store, config) if servings is None else servings
    found = places(store, live, sightings, actions, statuses)
    return Evidenced(found, {key: place.timeline() for key, place in found.items()})


def history(
    evidence: Evidenced,
    statuses: Iterable[SourceStatus],
    *,
    now: datetime,
    environment: str | None = None,
    model: str | None = None,
    at: datetime | None = None,
    unseen: str | None = None,
) -> HistoryAnswer:
    """Answer what changed, and with ``at`` what was live then.

    Args:
        environment, model: only there.
        now: the time of the answer (UTC).
        unseen: why no sightings are kept.

    Raises:
        UsageError: there is no such environment or model, or ``at`` is ahead of ``now``.
    """
    wanted = chosen(evidence.places, environment, model)
    if at is not None and at > now:
        raise UsageError("that time is still to come", "ask for one that is past")
    lines = [evidence.timelines[key] for key in wanted]
    changes = newest_first(change for line in lines for change in line.changes())
    return HistoryAnswer(
        as_of=now,
        changes=tuple(changes),
        places=tuple((line.environment, line.model) for line in lines),
        environment=environment,
        model=model,
        at=at,
        was=tuple(was_live(line, at) for line in lines) if at is not None else (),
        unseen=unseen,
        stale=tuple(status for status in statuses if status.status in ("stale", "failed")),
    )


def chosen(found: Mapping[Key, Place], environment: str | None, model: str | None) -> list[Key]:
    """Return the places that are meant.

    Raises:
        UsageError: there are none; names the nearest.
    """
    wanted = [
        key
        for key, place in found.items()
        if (environment is None or key[0] == environment.casefold())
        and (model is None or place.model == model)
    ]
    if wanted or (environment is None and model is None):
        return wanted
    from difflib import get_close_matches

    here = [place for place in found.values() if environment is None or place.environment == environment]
    said, known = (
        (model, [place.model for place in here])
        if here and model is not None
        else (environment, [place.environment for place in found.values()])
    )
    known = list(dict.fromkeys(known))
    near = get_close_matches((said or "")[:80], known, n=1, cutoff=0.4)
    listed = f"known are {', '.join(known[:20])}" if known else "nothing is known of any"
    what = "model" if said == model and said != environment else "environment"
    raise UsageError(
        f"there is no {what} {(said or '')[:80]!r} here, nor was there one that anything is known of",
        f"did you mean {near[0]}? {listed}" if near else listed,
    )
