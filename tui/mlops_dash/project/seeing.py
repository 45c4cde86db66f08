"""What a refresh and an observation saw of a project, for its sightings. Called in their thread."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mlops_dash.answers.history_evidence import SOURCE_OF
from mlops_dash.answers.serving import all_serving
from mlops_dash.domain.changes import Aspect
from mlops_dash.domain.environments import Health, Observation
from mlops_dash.domain.freshness import Freshness
from mlops_dash.domain.text import storable
from mlops_dash.errors import DashError
from mlops_dash.project.sightings import Look, Sightings

if TYPE_CHECKING:
    from mlops_dash.project import Project

_LOG = logging.getLogger(__name__)
_MOMENT = timedelta(seconds=30)  # a reading that took longer tells no moment: the next one does


class Seeing:
    """Sees for one project. What nothing changed in is not looked at again."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.sightings = Sightings(project.located.servers, project.located.identity)
        self._declared: tuple[Look, ...] | None = None
        self._served: tuple[object, tuple[Look, ...]] = ((), ())

    def forget(self) -> None:
        """Look again at everything: a reading was broken off, and what it brought is not known."""
        self._declared, self._served = None, ((), ())

    def declared(self, began: datetime, *, changed: bool) -> None:
        """Remember what is declared, after a refresh that began at ``began``."""
        ended = datetime.now(UTC)
        if changed:
            self.forget()  # what a target serves may be another version's in the registry now
        if ended - began > _MOMENT:
            return
        try:
            if self._declared is None:
                self._declared = self._look_at_declared()
            self._saw(self._declared, began, ended)
        except DashError:
            _LOG.debug("what is declared could not be looked at", exc_info=True)

    def served(self, seen: Sequence[Observation], began: datetime) -> None:
        """Remember what targets answered that were asked from ``began`` on."""
        said = tuple(
            (s.environment, s.model, s.version, s.run_id, s.model_id, s.health, s.since) for s in seen
        )
        try:
            if said != self._served[0]:
                self._served = (said, self._look_at_served())
            self._saw(self._served[1], began, datetime.now(UTC))
        except DashError:
            _LOG.debug("what is served could not be looked at", exc_info=True)

    def _saw(self, looks: Sequence[Look], began: datetime, ended: datetime) -> None:
        self.sightings.saw([_at(look, began, ended) for look in looks])

    def _look_at_declared(self) -> tuple[Look, ...]:
        """Return what the sources declare that could be read just now."""
        project = self._project
        fresh = {s.name for s in project.statuses() if s.status in (Freshness.OK, Freshness.ABSENT)}
        found: dict[tuple[str, str], Look] = {}
        for entry in project.places():
            declared, place = entry.declared, entry.place
            if declared is not None and SOURCE_OF.get(declared.via) in fresh:
                key = place.environment.casefold(), place.model
                found[key] = _look(
                    place.environment, place.model, Aspect.DECLARED, declared.version, via=declared.via
                )
        for key, look in self.sightings.declared().items():
            if key not in found and look.version is not None and SOURCE_OF.get(look.via or "") in fresh:
                # what was declared is not any more
                found[key] = _look(look.environment, look.model, Aspect.DECLARED, None, via=look.via)
        return tuple(found.values())

    def _look_at_served(self) -> tuple[Look, ...]:
        found = []
        for serving in all_serving(self._project.store, self._project.config):
            seen = serving.observed
            if seen is None or not seen.answered or serving.live is None:
                continue
            healthy = None if seen.health is Health.UNKNOWN else seen.health is Health.HEALTHY
            found.append(
                _look(
                    serving.environment, serving.model, Aspect.SERVED, serving.live,
                    healthy=healthy, by=seen.by, since=seen.since,
                )
            )  # fmt: skip
        return tuple(found)


_EVER = datetime.min.replace(tzinfo=UTC)


def _look(
    environment: str,
    model: str,
    aspect: Aspect,
    version: str | None,
    *,
    healthy: bool | None = None,
    by: str | None = None,
    via: str | None = None,
    since: datetime | None = None,
) -> Look:
    return Look(
        storable(environment), storable(model), aspect, None if version is None else storable(version),
        _EVER, _EVER, healthy, None if by is None else storable(by), via, since,
    )  # fmt: skip


def _at(look: Look, began: datetime, ended: datetime) -> Look:
    return Look(
        look.environment, look.model, look.aspect, look.version, began, ended,
        look.healthy, look.by, look.via, look.since,
    )  # fmt: skip
