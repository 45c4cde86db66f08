"""The questions that are asked of a tracking server, each answered with decoded rows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mlops_dash.sources.mlflow.http import protocol, troubles
from mlops_dash.sources.mlflow.http.exchange import Exchange, Question
from mlops_dash.sources.mlflow.http.position import HIGHEST, LOWEST, MODELS
from mlops_dash.sources.mlflow.http.protocol import Decoder, LoggedModel, Run
from mlops_dash.sources.mlflow.http.troubles import ServerError

_T = TypeVar("_T")
_SMALL = 1000  # rows of a page of the registry or of experiments
_PAGES = 10_000  # nobody has more; a server that repeats its token for ever has
_IDS = 100  # runs that are named in one question
_RUN_ID = re.compile(r"[0-9A-Za-z_.-]{1,64}")
_GONE = "RESOURCE_DOES_NOT_EXIST"
_ALL = 3  # ViewType.ALL: experiments take a number, runs its name

_decode_runs = Decoder(protocol.RunsPage)
_decode_models = Decoder(protocol.LoggedModelsPage)
_decode_experiments = Decoder(protocol.ExperimentsPage)
_decode_registered = Decoder(protocol.RegisteredModelsPage)
_decode_versions = Decoder(protocol.ModelVersionsPage)
_decode_history = Decoder(protocol.HistoryPage)
_decode_run = Decoder(protocol.OneRun)


@dataclass(frozen=True, slots=True)
class Page(Generic[_T]):
    """Rows, and the token of the next page where there are more."""

    rows: list[_T]
    token: str | None


class Questions:
    """Asks one server."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    async def experiments(self) -> list[protocol.Experiment]:
        """Return all experiments, deleted ones too."""

        async def page(token: str | None) -> Page[protocol.Experiment]:
            body = {"view_type": _ALL, "max_results": _SMALL} | _next(token)
            answer = await self._ask(Question("experiments/search", body=body), _decode_experiments)
            return Page(answer.experiments, answer.next_page_token)

        return (await self._all(page))[0]

    async def registered_models(self, *, whole: bool) -> tuple[list[protocol.RegisteredModel], int]:
        """Return the models with their aliases, the last changed first, and how many pages there are.

        Args:
            whole: read all pages, not just the first. Where only the first was read of several, they
                count as 2.
        """

        async def page(token: str | None) -> Page[protocol.RegisteredModel]:
            query = {"max_results": _SMALL, "order_by": ["last_updated_timestamp DESC"]} | _next(token)
            answer = await self._ask(Question("registered-models/search", query), _decode_registered)
            return Page(answer.registered_models, answer.next_page_token)

        return await self._all(page, whole)

    async def model_versions(self, *, whole: bool) -> tuple[list[protocol.ModelVersion], int]:
        """Return the versions with their tags, as :meth:`registered_models`."""

        async def page(token: str | None) -> Page[protocol.ModelVersion]:
            query = {"max_results": _SMALL, "order_by": ["last_updated_timestamp DESC"]} | _next(token)
            answer = await self._ask(Question("model-versions/search", query), _decode_versions)
            return Page(answer.model_versions, answer.next_page_token)

        return await self._all(page, whole)

    async def between(
        self,
        kind: str,
        experiments: Sequence[str],
        low: int,
        high: int,
        size: int,
        *,
        newest: bool = True,
        token: str | None = None,
        status: str | None = None,
    ) -> Page[Any]:
        """Return runs or logged models from after ``low`` up to ``high``, at most ``size``.

        Args:
            newest: begin with the newest.
            status: of these only.
        """
        time = "creation_timestamp" if kind == MODELS else "attributes.start_time"
        conditions = [f"{time} > {low}"] if low > LOWEST else []
        conditions += [f"{time} <= {high}"] if high < HIGHEST else []
        conditions += [f"attributes.status = '{status}'"] if status else []
        body: dict[str, Any] = {
            "experiment_ids": list(experiments),
            "filter": " AND ".join(conditions),
            "max_results": size,
        }
        if kind == MODELS:
            body["order_by"] = [{"field_name": time, "ascending": not newest}]
            return await self._ask(Question("logged-models/search", body=body | _next(token)), _models)
        body["order_by"] = [f"{time} {'DESC' if newest else 'ASC'}"]
        body["run_view_type"] = "ALL"
        return await self._ask(Question("runs/search", body=body | _next(token)), _runs)

    async def named(self, experiments: Sequence[str], run_ids: Sequence[str]) -> list[Run]:
        """Return those of these runs that the server has."""
        found: list[Run] = []
        ids = [name for name in run_ids if _RUN_ID.fullmatch(name)]
        for start in range(0, len(ids), _IDS):
            quoted = ", ".join(f"'{name}'" for name in ids[start : start + _IDS])
            body = {
                "experiment_ids": list(experiments),
                "filter": f"attributes.run_id IN ({quoted})",
                "run_view_type": "ALL",
                "max_results": _IDS,
            }
            found += (await self._ask(Question("runs/search", body=body), _runs)).rows
        return found

    async def run(self, run_id: str) -> Run | None:
        """Return one run; ``None`` where there is none."""
        try:
            answer = await self._ask(Question("runs/get", {"run_id": run_id}), _decode_run)
        except ServerError as error:
            if error.code == _GONE:
                return None
            raise
        return protocol.run(answer.run)

    async def history(self, run_id: str, key: str, most: int) -> list[protocol.Metric]:
        """Return the values of a metric, at most about ``most``; none where there is no run or metric."""

        async def page(token: str | None) -> Page[protocol.Metric]:
            query = {"run_id": run_id, "metric_key": key, "max_results": 25_000} | _next(token)
            answer = await self._ask(Question("metrics/get-history", query), _decode_history)
            return Page(answer.metrics, answer.next_page_token)

        try:
            return (await self._all(page, most=most))[0]
        except ServerError as error:
            if error.code == _GONE:
                return []
            raise

    async def _all(
        self, page: Callable[[str | None], Any], whole: bool = True, most: int | None = None
    ) -> tuple[list[Any], int]:
        """Return the rows of all pages, or of the first, and how many pages there are.

        Args:
            most: rows after which no further page is asked for.
        """
        rows: list[Any] = []
        token: str | None = None
        for number in range(1, _PAGES):
            one = await page(token)
            rows += one.rows
            if not one.token or (most is not None and len(rows) >= most):
                return rows, number
            if one.token == token:
                break
            token = one.token
            if not whole:
                return rows, 2
        raise troubles.not_mlflow(self.exchange.access, "its pages never end")

    async def _ask(self, question: Question, decode: Callable[[bytes], _T]) -> _T:
        body = await self.exchange.ask(question)
        try:
            if len(body) < 50_000:
                return decode(body)
            return await asyncio.to_thread(decode, body)
        except ValueError:
            raise troubles.not_mlflow(
                self.exchange.access, "its answer is not in the form of MLflow's"
            ) from None


def _runs(body: bytes) -> Page[Run]:
    page = _decode_runs(body)
    return Page([protocol.run(raw) for raw in page.runs], page.next_page_token or None)


def _models(body: bytes) -> Page[LoggedModel]:
    page = _decode_models(body)
    return Page([protocol.logged_model(raw) for raw in page.models], page.next_page_token or None)


def _next(token: str | None) -> dict[str, Any]:
    return {"page_token": token} if token else {}
