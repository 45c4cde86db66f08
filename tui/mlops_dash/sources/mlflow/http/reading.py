"""One reading of a tracking server: the first, which reads everything, or a refresh.

A refresh asks for the experiments, the registry, the newest runs and those that are running; then it reads
again the window of time that was not looked at for the longest. An edit of an old run is so seen after as
many refreshes as there are windows at the latest, see :class:`~mlops_dash.sources.mlflow.http.MlflowServer`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgspec

from mlops_dash.domain.progress import Progress
from mlops_dash.sources.base import Batch, Position, Reading, run_counts
from mlops_dash.sources.mlflow.http import tables
from mlops_dash.sources.mlflow.http.exchange import Exchange, together
from mlops_dash.sources.mlflow.http.position import (
    HIGHEST,
    LOWEST,
    MODELS,
    RUNS,
    Group,
    Mark,
    Recent,
    Window,
    added,
)
from mlops_dash.sources.mlflow.http.protocol import LoggedModel, ModelVersion, RegisteredModel, Run
from mlops_dash.sources.mlflow.http.questions import Page, Questions
from mlops_dash.sources.mlflow.http.troubles import ServerError, Trouble
from mlops_dash.sources.mlflow.http.walking import GROWN, LARGEST, Found, Stretch, Walk

_FIRST_SCREEN = 200  # newest runs that are shown before all others
_NEWEST = 20  # runs that are looked at again in every refresh
_RUNNING = 100
_CATCHING_UP = 200  # more new runs than this are read window by window
_BEHIND_VERSIONS = 500  # runs of model versions that are read before all others
_GROUPS = 32  # groups of experiments, read side by side
_KEPT_EVERY = 2.0  # seconds between two positions on the way
_LOOK_EVERY = 15.0  # seconds between two looks at what is new, during a long reading
_GOING_ROUND = 20.0  # seconds for which a thorough reading looks again at old runs, the least seen first
_A_DAY = 86_400_000
_NO_REGISTRY = "the server does not show its model registry"


@dataclass(slots=True)
class Seen:
    """What a reading asks first."""

    experiments: list[Any]
    models: tuple[list[RegisteredModel], int] | None
    versions: tuple[list[ModelVersion], int] | None
    newest: Page[Run]
    running: Page[Run]
    logged: Page[LoggedModel] | None


class Pass:
    """Reads once; ``mark`` is moved on as batches are taken."""

    def __init__(self, exchange: Exchange, reading: Reading, mark: Mark) -> None:
        self.mark = mark
        self._exchange = exchange
        self._questions = Questions(exchange)
        self._reading = reading
        self._writer = tables.Writer(reading.known)
        self._first = not mark.groups
        self._filling = self._first
        self._experiments: list[str] = []
        self._warning: tuple[str, str] | None = None
        self._changed = False
        self._done = 0
        self._kept_at = time.monotonic()

    def parts(self) -> Iterator[Batch | Position]:
        """Yield batches and positions; the last position is whole."""
        self.mark.turn += 1
        self._tell("registry and newest runs")
        seen = self._wait(self._look())
        yield from self._small(seen)
        if self._first:
            yield from tables.empty()
        if seen.logged is not None and seen.logged.rows:
            yield tables.logged_models(seen.logged.rows, [one.id for one in seen.logged.rows])
        yield from self._looked_at(seen)
        yield from self._behind_versions(seen)
        urgent = seen.newest.token is not None and not self._first
        self._regroup(seen)
        if self._first:
            self._first = False
            yield self._position(whole=False)
        yield from self._walk(self._stretches(urgent), quiet=not urgent and not self._reading.thorough)
        self.mark.tidy(min(self.mark.size or LARGEST, LARGEST - GROWN))
        yield self._position(whole=True)

    # -- what is asked first --------------------------------------------------------------------------

    async def _look(self) -> Seen:
        turn = self.mark.turn
        whole = self._first or self._reading.thorough or turn % max(1, self.mark.registry_pages) == 0
        experiments, models, versions = await together(
            self._questions.experiments(),
            self._optional(self._questions.registered_models(whole=whole)),
            self._optional(self._questions.model_versions(whole=whole)),
        )
        self._experiments = [one.experiment_id for one in experiments]
        since = LOWEST
        recent = sorted((one.start for one in self.mark.recent.values()), reverse=True)[:_NEWEST]
        if recent and not self._first:
            since = recent[-1] - 1
        ask = self._questions.between
        size = _FIRST_SCREEN if self._first else _CATCHING_UP
        newest, running, logged = await together(
            ask(RUNS, self._experiments, since, HIGHEST, size),
            ask(RUNS, self._experiments, LOWEST, HIGHEST, _RUNNING, status="RUNNING"),
            self._logged_models(),
        )
        return Seen(experiments, models, versions, newest, running, logged)

    async def _logged_models(self) -> Page[LoggedModel] | None:
        """Return the newest logged models, where it is not known whether the server has any."""
        known = any(group.kind == MODELS for group in self.mark.groups)
        if known or not (self._first or self._reading.thorough):
            return None
        ask = self._questions.between(MODELS, self._experiments, LOWEST, HIGHEST, _NEWEST)
        found: Page[LoggedModel] | None = await self._optional(ask)
        return found

    async def _optional(self, question: Any) -> Any:
        """Ask what a server may lack, or not show to everybody."""
        try:
            return await question
        except ServerError as error:
            if error.trouble is Trouble.CREDENTIALS and error.status == 403:
                self._warning = (_NO_REGISTRY, "Ask its administrator for the right to read it.")
            elif error.status not in (400, 404, 405, 501):
                raise
            return None

    def _small(self, seen: Seen) -> Iterator[Batch]:
        """Yield the experiments and the registry, where they changed."""
        if self._differs("experiments", seen.experiments):
            yield tables.experiments(seen.experiments)
        before = self.mark.registry_pages
        all_of_it = self._first or self._reading.thorough or self.mark.turn % max(1, before) == 0
        models, model_pages = seen.models or ([], 1)
        versions, version_pages = seen.versions or ([], 1)
        whole = all_of_it or model_pages == 1
        if self._differs("models" if whole else "models, first page", models):
            yield from tables.registered_models(models, whole=whole)
        whole = all_of_it or version_pages == 1
        if self._differs("versions" if whole else "versions, first page", versions):
            yield from tables.model_versions(versions, whole=whole)
        pages = max(model_pages, version_pages)
        self.mark.registry_pages = pages if all_of_it or pages == 1 else max(pages, before)

    def _differs(self, name: str, rows: Sequence[Any]) -> bool:
        digest = added(iter([_hash_of(rows)]))
        before, self.mark.small[name] = self.mark.small.get(name), digest
        return before != digest

    # -- the newest runs, the running ones, and those behind versions -----------------------------------

    def _looked_at(self, seen: Seen) -> Iterator[Batch]:
        """Yield what changed of the runs that every reading looks at."""
        found = {run.id: run for run in (*seen.newest.rows, *seen.running.rows)}
        missing = [] if self._first else self._ended(seen, found)
        if missing:
            again = self._wait(self._questions.named(self._experiments, missing))
            found |= {run.id: run for run in again}
        before = self.mark.recent
        changed = [
            run
            for run in found.values()
            if run.id not in before or before[run.id].digest != f"{run.digest:x}"
        ]
        gone = [run_id for run_id in missing if run_id not in found]
        if changed:
            yield from self._writer.runs(changed, [] if self._first else [run.id for run in changed])
        if gone:
            yield from self._writer.runs([], gone)
            yield from self._writer.sweep()
        self._changed = bool(changed or gone)
        self._remember(found, seen)

    def _ended(self, seen: Seen, found: dict[str, Run]) -> list[str]:
        """Return the runs that should have been among what was found, and were not."""
        oldest = seen.running.rows[-1].time if seen.running.token and seen.running.rows else LOWEST
        newest = seen.newest.rows[-1].time if seen.newest.token and seen.newest.rows else LOWEST
        starts = sorted((one.start for one in self.mark.recent.values()), reverse=True)[:_NEWEST]
        since = max(newest, starts[-1]) if starts else HIGHEST
        return [
            run_id
            for run_id, one in self.mark.recent.items()
            if run_id not in found and ((one.running and one.start > oldest) or one.start > since)
        ]

    def _remember(self, found: dict[str, Run], seen: Seen) -> None:
        """Keep the newest runs and the running ones, but none that say they start in the future."""
        soon = int(time.time() * 1000) + _A_DAY
        running = {run.id for run in seen.running.rows}
        present = sorted((run for run in found.values() if run.time < soon), key=lambda run: -run.time)
        kept = {run.id: run for run in (*present[:_NEWEST], *seen.running.rows)}
        self.mark.recent = {
            name: Recent(run.time, f"{run.digest:x}", name in running) for name, run in kept.items()
        }

    def _behind_versions(self, seen: Seen) -> Iterator[Batch]:
        """Yield the runs of registered versions that the store does not hold yet."""
        wanted = list(dict.fromkeys(one.run_id for one in (seen.versions or ([], 1))[0] if one.run_id))
        if not wanted:
            return
        held = {row[0] for row in self._reading.known.rows("tracking_runs_known", run_ids=wanted)}
        missing = [run_id for run_id in wanted if run_id not in held][:_BEHIND_VERSIONS]
        if missing and (self._first or self._differs("behind versions", missing)):
            found = self._wait(self._questions.named(self._experiments, missing))
            if found:
                yield from self._writer.runs(found, [])

    # -- all the rest ---------------------------------------------------------------------------------

    def _regroup(self, seen: Seen) -> None:
        """Give experiments that are new a group of their own, and logged models theirs."""
        grouped = {one for group in self.mark.groups for one in group.experiments}
        fresh = [one for one in self._experiments if one not in grouped]
        step = -(-len(fresh) // _GROUPS) or 1
        self.mark.groups += [Group(RUNS, fresh[at : at + step]) for at in range(0, len(fresh), step)]
        if seen.logged is not None:
            self.mark.groups.append(Group(MODELS, []))

    def _stretches(self, urgent: bool) -> list[Stretch]:
        """Return what to read now: what is unread, or the window that was not looked at for the longest."""
        groups = self.mark.groups
        unread = [Stretch(one, *one.unread, True) for one in groups if one.unread is not None]
        windows = [pair for pair in self.mark.windows() if pair[1].seen < self.mark.turn]
        if self._reading.thorough:
            chosen = sorted(windows, key=lambda pair: pair[1].seen)
        else:
            top = [(group, group.windows[0]) for group in groups if group.windows]
            chosen = [pair for pair in top if urgent or (self._changed and pair[0].kind == MODELS)]
            if not unread and windows:
                oldest = min(windows, key=lambda pair: pair[1].seen)
                chosen += [oldest] if oldest not in chosen else []
        return unread + [Stretch(group, one.low, one.high, False, count=one.count) for group, one in chosen]

    def _walk(self, stretches: list[Stretch], *, quiet: bool) -> Iterator[Batch | Position]:
        seconds, size = _GOING_ROUND, self.mark.size
        walk = Walk(self._exchange, stretches, self._experiments, size, seconds, one_page=quiet)
        looked_at = time.monotonic()
        try:
            for found in walk.found(self._reading.cancel):
                yield from self._found(found)
                self._done += len(found.rows)
                if time.monotonic() - looked_at > _LOOK_EVERY:
                    seen = self._wait(self._look())
                    yield from self._small(seen)
                    yield from self._looked_at(seen)
                    looked_at = time.monotonic()
                if time.monotonic() - self._kept_at > _KEPT_EVERY:
                    yield self._position(whole=False)
        except ServerError:
            self.mark.size = walk.size
            yield self._position(whole=False)
            raise
        self.mark.size = walk.size

    def _found(self, found: Found) -> Iterator[Batch]:
        """Yield a window's rows where they changed, and remember it."""
        group, low, high = found.stretch.group, found.low, found.high
        digest = added(row.digest for row in found.rows)
        before = group.between(low, high)
        if before is None or before.digest != digest:
            yield from self._rows(group, found)
        read = Window(low, high, len(found.rows), digest, self.mark.turn)
        if found.stretch.unread:
            group.replace(low, high, [read])
            group.unread = found.rest
        else:
            left = [] if found.rest is None else [Window(*found.rest)]
            group.replace(found.rest[0] if found.rest else low, high, [read, *left])

    def _rows(self, group: Group, found: Found) -> Iterator[Batch]:
        self._tell("runs" if group.kind == RUNS else "logged models")
        bounds = {"low": found.low, "high": found.high}
        theirs = {row.id for row in found.rows}
        if group.kind == MODELS:
            ours = [row[0] for row in self._reading.known.rows("tracking_models_between", **bounds)]
            yield tables.logged_models(found.rows, [*theirs, *ours])
            return
        ours = [
            row[0]
            for row in self._reading.known.rows("tracking_runs_between", keys=group.experiments, **bounds)
        ]
        if found.rows or ours:
            yield from self._writer.runs(found.rows, ours)
        if any(run_id not in theirs for run_id in ours):
            yield from self._writer.sweep()

    # -- what all need ----------------------------------------------------------------------------------

    def _wait(self, work: Any) -> Any:
        return self._exchange.wait(work, self._reading.cancel)

    def _tell(self, phase: str) -> None:
        total = sum(window.count for _, window in self.mark.windows()) if not self._filling else None
        self._reading.progress(Progress("tracking", phase, self._done, total))

    def _position(self, *, whole: bool) -> Position:
        self._kept_at = time.monotonic()
        warning, remedy = self._warning or (None, None)
        return Position(self.mark.dump(), run_counts(self._reading.known), warning, remedy, whole)


def _hash_of(rows: Sequence[Any]) -> int:
    """Return a digest of decoded rows."""
    return int.from_bytes(blake2b(msgspec.json.encode(list(rows)), digest_size=8).digest(), "big")
