"""Every value of some metrics over HTTP, asked run by run and metric by metric, side by side."""

from __future__ import annotations

from collections.abc import Iterator

from mlops_dash.domain.progress import CancelToken
from mlops_dash.errors import SourceError
from mlops_dash.sources.base import MOST_VALUES, POINTS, Apply, Batch, too_many
from mlops_dash.sources.columns import Columns
from mlops_dash.sources.mlflow.http.exchange import Exchange, together
from mlops_dash.sources.mlflow.http.protocol import Metric, integer
from mlops_dash.sources.mlflow.http.questions import Questions
from mlops_dash.sources.mlflow.http.troubles import ServerError, Trouble

_WAITING = 16  # questions that are given to the exchange together, which asks a few of them at once

Pair = tuple[str, str]


def read_histories(
    exchange: Exchange, run_ids: list[str], keys: list[str], cancel: CancelToken
) -> Iterator[Batch | SourceError]:
    """Yield the values of metrics, and why some are missing though the server answers others.

    Raises:
        ServerError: the server does not answer.
        Cancelled: ``cancel`` was set.
    """
    runs, names = list(dict.fromkeys(run_ids)), list(dict.fromkeys(keys))
    most = max(1, MOST_VALUES // len(names))
    at_once = max(1, _WAITING // len(names))
    questions = Questions(exchange)

    async def ask(pair: Pair) -> list[Metric] | ServerError:
        try:
            return await questions.history(*pair, most)
        except ServerError as error:
            if _concerns_all(error):
                raise
            return error

    for start in range(0, len(runs), at_once):
        pairs = [(run_id, key) for run_id in runs[start : start + at_once] for key in names]
        answers = exchange.wait(together(*map(ask, pairs)), cancel)
        found = {pair: said for pair, said in zip(pairs, answers, strict=True) if isinstance(said, list)}
        yield Batch(POINTS, _columns(found), Apply.APPEND)
        yield from {str(said): said for said in answers if isinstance(said, ServerError)}.values()
        yield from (too_many(run_id) for (run_id, _), values in found.items() if len(values) >= most)


def _concerns_all(error: ServerError) -> bool:
    """Tell a server that is down or refuses everything from one that cannot answer this one question."""
    if error.trouble is Trouble.LARGE:
        return False
    return error.status is None or error.trouble in (Trouble.CREDENTIALS, Trouble.BUSY)


def _columns(found: dict[Pair, list[Metric]]) -> Columns:
    values = [(run_id, key, one) for (run_id, key), history in found.items() for one in history]
    return Columns(
        {"run_id": [run_id for run_id, _, _ in values], "key": [key for _, key, _ in values]},
        {
            "step": [integer(one.step) or 0 for _, _, one in values],
            "time": [integer(one.timestamp) or 0 for _, _, one in values],
        },
        {"value": [one.number for _, _, one in values]},
    )
