"""What Runs says where there is no run to show: none yet, none any more, or none that could be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from mlops_dash.domain.freshness import Freshness, SourceStatus
from mlops_dash.domain.progress import Progress
from mlops_dash.errors import DashError
from mlops_dash.ui.screens.live_empty import found
from mlops_dash.ui.widgets.bars import progress_line
from mlops_dash.ui.widgets.facts import Fact
from mlops_dash.ui.wording import safe

_LINES = 20  # of an error
_LONG = 1000  # characters of a line
_HOW = "a run appears here seconds after mlflow.start_run() in this store"
_OTHER = "another store: mlops-dash --tracking-uri URI, or uri under [tracking] in mlops-dash.toml"


def gone_facts() -> Iterator[Fact]:
    """Yield what is said of a run that is not there any more."""
    yield Fact("", (("This run is gone: it was deleted meanwhile.", "warn"),))


def failed_facts(error: Exception) -> Iterator[Fact]:
    """Yield why no run could be read, and what to do."""
    text = error.message if isinstance(error, DashError) else str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines[:_LINES]:
        yield Fact("", ((safe(line, _LONG), "bad"),), text)
    if isinstance(error, DashError) and error.remedy:
        yield Fact("how", ((safe(error.remedy, _LONG), "text"),), error.remedy)
    yield Fact("", (("r reads everything again", "dim"),))


def no_runs_facts(
    sources: Sequence[SourceStatus], progress: Mapping[str, Progress], now: datetime, *, reading: bool
) -> Iterator[Fact]:
    """Yield how the tracking store stands, and how a run gets here."""
    store = next((source for source in sources if source.name == "tracking"), None)
    if store is not None:
        under_way = progress.get(store.name)
        line = progress_line(under_way, bar=24) if under_way is not None else tuple(found(store, now))
        yield Fact("tracking", line, store.detail or store.counts or store.name)
    yield Fact("", ())
    if reading:
        yield Fact("", (("Runs appear as soon as they are read.", "dim"),))
        return
    yield Fact("how", ((_HOW, "text"),), _HOW)
    if store is None or store.status is not Freshness.OK:
        yield Fact("how", ((_OTHER, "text"),), _OTHER)
