"""Live without rows: what was found, what was not, and how to add it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from mlops_dash.answers.shapes import LiveAnswer
from mlops_dash.domain.freshness import Freshness, SourceStatus
from mlops_dash.domain.progress import Progress
from mlops_dash.errors import DashError
from mlops_dash.ui.widgets.bars import progress_line
from mlops_dash.ui.widgets.facts import Fact
from mlops_dash.ui.wording import FRESHNESS, age, safe

_WHERE = {
    "tracking": "no MLflow tracking store: set MLFLOW_TRACKING_URI, keep mlflow.db in the repository's root, "
    "or set uri under [tracking]",
    "git": "no Git repository around this folder",
    "data": "no dataset was logged and no DVC file is committed",
    "gto": "no GTO tags",
    "targets": "no target is configured that could be asked",
}
_EXAMPLE = (
    "[environments.production]",
    'model = "progression"',
    "[environments.production.target]",
    'kind = "http"',
    'url = "http://model.example:8080"',
    'preset = "mlserver"',
)

_HINTS = (
    "An alias or legacy stage of a registered model, and a GTO stage, is an environment by itself.",
    "Or name them in mlops-dash.toml: mlops-dash config init writes one from what it finds.",
)


def opening_facts() -> Iterator[Fact]:
    """Yield what is said until the project is open."""
    yield Fact("", (("Opening the project …", "dim"),))


def refusal_facts(error: DashError) -> Iterator[Fact]:
    """Yield why no project could be opened, and what to do."""
    for line in error.message.splitlines():
        yield Fact("", ((safe(line, 600), "bad"),), line)
    for line in (error.remedy or "").splitlines():
        yield Fact("how", ((safe(line, 600), "text"),), line)
    yield Fact("", ())
    yield Fact("", (("Mend it, then press r to try again. q leaves.", "dim"),))


def empty_facts(
    answer: LiveAnswer, now: datetime, progress: Mapping[str, Progress], *, reading: bool
) -> Iterator[Fact]:
    """Yield what is said of a board without environments."""
    for source in answer.sources:
        copy = source.detail or source.counts or source.name
        under_way = progress.get(source.name) if reading else None
        line = progress_line(under_way, bar=24) if under_way else tuple(found(source, now))
        yield Fact(safe(source.name, 10), line, copy)
    yield Fact("", ())
    if reading:
        yield Fact("", (("Environments appear as soon as the registry is read.", "dim"),))
        return
    told = {source.remedy for source in answer.sources}
    for hint in (*(hint for hint in answer.hints if hint not in told), *_HINTS):
        yield Fact("how", ((safe(hint, 600), "text"),), hint)
    yield Fact("", ())
    for setting in _EXAMPLE:
        yield Fact("", ((setting, "code"),), "\n".join(_EXAMPLE))


def found(source: SourceStatus, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield the spans that say what was found of a source, and what to do where that is nothing."""
    glyph, role = FRESHNESS[source.status]
    yield f"{glyph} ", role
    if source.status is Freshness.OK:
        yield safe(source.counts or "read, nothing in it", 80), "text"
        yield f" · {age(source.as_of, now)}", "dim"
    elif source.status is Freshness.ABSENT:
        yield safe(source.detail or _WHERE.get(source.name, "none"), 300), "dim"
    elif source.status is Freshness.READING:
        yield "reading …", "accent"
    else:
        yield safe(source.detail or source.status.value, 600), "text"
    if source.remedy and source.status is not Freshness.READING:
        yield f" — {safe(source.remedy, 400)}", "dim"
