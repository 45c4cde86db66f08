"""Questions to one tracking server: bounded in time, size and number, on a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Coroutine, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_dash.domain.progress import Cancelled, CancelToken
from mlops_dash.sources.mlflow.http import troubles
from mlops_dash.sources.mlflow.http.access import Access
from mlops_dash.sources.mlflow.http.protocol import error_code
from mlops_dash.sources.mlflow.http.troubles import ServerError, Trouble

if TYPE_CHECKING:
    import httpx

_T = TypeVar("_T")
_API = "/api/2.0/mlflow/"
_REDIRECTS = 3  # on the same host
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 2.0  # seconds between tries
_TRIES = 5
_BUSY = frozenset({429, 500, 502, 503, 504})
_PAUSE = 60.0  # seconds for which a server that asked for more time is left alone, at most
_LOOK = 0.05  # seconds between two looks at the cancel token


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much.

    Attributes:
        answer: seconds until an answer is complete, all tries of it and all waiting between them included.
        connect: seconds until a connection stands, TLS included.
        body: bytes of an answer, after decompression.
        at_once: questions under way at once.
        pages_at_once: how many of them may be pages of runs; the others are left for small questions.
    """

    answer: float = 4.5
    connect: float = 3.0
    body: int = 32_000_000
    at_once: int = 4
    pages_at_once: int = 3


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the public REST API, version 2.0. All that are asked only read.

    Attributes:
        path: what is asked, as ``runs/search``; with a slash before it an address below the server's own.
        query: of the address. Lists are repeated.
        body: JSON that is sent; the question is a POST then.
    """

    path: str
    query: Mapping[str, Any] | None = None
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Exchange:
    """A client of one server. Its methods may be called from any thread; coroutines run on its own loop.

    Attributes:
        asked: how many requests were sent, tries included.
    """

    def __init__(self, access: Access, limits: Limits) -> None:
        self.access = access
        self.limits = limits
        self.asked = 0
        self._paused_until = 0.0
        self._closed = False
        self._pause: ServerError | None = None
        self._answered_at = 0.0
        self._context = access.context()
        self._client: httpx.AsyncClient | None = None
        self._slots = asyncio.Semaphore(limits.at_once)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="tracking-http")
        self._thread.start()

    # -- from other threads -------------------------------------------------------------------------

    def submit(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Run a coroutine on the loop.

        Raises:
            Cancelled: the exchange was closed.
        """
        if self._closed:
            work.close()
            raise Cancelled
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def wait(self, work: Coroutine[Any, Any, _T], cancel: CancelToken) -> _T:
        """Run a coroutine and return what it returns.

        Raises:
            ServerError: a question was not answered.
            Cancelled: the token was cancelled; so was the coroutine.
        """
        future = self.submit(work)
        try:
            while True:
                cancel.check()
                with suppress(NotYet):
                    return future.result(_LOOK)
                if future.done():
                    return future.result()
        finally:
            future.cancel()

    def call(self, function: Any) -> None:
        """Have a function called on the loop."""
        with suppress(RuntimeError):  # it was closed
            self._loop.call_soon_threadsafe(function)

    def close(self) -> None:
        """End what is under way, close the connections and the thread."""
        if self._closed:
            return
        self._closed = True
        with suppress(Exception):
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(2.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(2.0)
        if not self._thread.is_alive():
            self._loop.close()

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closed

    async def _end(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    # -- on the loop --------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether the server answered anything within the time that one answer may take."""
        return time.monotonic() - self._answered_at < self.limits.answer

    async def ask(self, question: Question) -> bytes:
        """Return the JSON that a question is answered with.

        Raises:
            ServerError: it was not answered within the limits, or not with JSON.
        """
        if self._pause is not None and time.monotonic() < self._paused_until:
            raise self._pause
        async with self._slots:
            try:
                async with asyncio.timeout(self.limits.answer) as timeout:
                    reply = await self._tries(question, timeout.when() or 0.0)
            except TimeoutError:
                raise troubles.silent(self.access, self.limits.answer) from None
        self._answered_at = time.monotonic()
        self._check(reply)
        return reply.body

    async def get(self, path: str) -> tuple[int, str]:
        """Return status and text of a small page that is no JSON, as MLflow's ``/version``.

        Raises:
            ServerError: there was no answer within the limits.
        """
        try:
            async with self._slots, asyncio.timeout(self.limits.answer):
                reply = await self._once(Question(path))
        except TimeoutError:
            raise troubles.silent(self.access, self.limits.answer) from None
        return reply.status, reply.body[:10_000].decode("utf-8", "replace")

    async def _tries(self, question: Question, end: float) -> _Reply:
        """Ask until there is an answer, with growing pauses, or no time is left for another try."""
        delay = _FIRST_WAIT
        for number in range(_TRIES):
            try:
                reply = await self._once(question)
            except ServerError as error:
                if error.trouble is not Trouble.CLOSED or number:
                    raise
                continue  # the server may have ended an idle connection just when it was used again
            if reply.status not in _BUSY:
                return reply
            wanted = _retry_after(reply.headers.get("retry-after"))
            wait = max(delay, wanted)
            delay = min(2 * delay, _LONGEST_WAIT)
            if asyncio.get_running_loop().time() + wait + _FIRST_WAIT > end:
                refusal = troubles.refused(self.access, reply.status, wanted)
                if wanted:
                    self._paused_until = time.monotonic() + min(wanted, _PAUSE)
                    self._pause = refusal
                raise refusal
            await asyncio.sleep(wait)
        raise troubles.refused(self.access, reply.status)

    async def _once(self, question: Question) -> _Reply:
        import httpx

        client = await self._opened()
        path = question.path if question.path.startswith("/") else _API + question.path
        method = "GET" if question.body is None else "POST"
        try:
            request = client.build_request(
                method, self.access.base + path, params=question.query, json=question.body
            )
            for _ in range(_REDIRECTS + 1):
                self.asked += 1
                response = await client.send(request, stream=True)
                try:
                    if response.next_request is None:
                        return await self._read(response)
                finally:
                    await response.aclose()
                request = self._followed(method, request, response.next_request)
            raise troubles.not_mlflow(self.access, "it redirects in a circle")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, UnicodeError) as error:
            raise troubles.explained(self.access, error) from None

    async def _read(self, response: httpx.Response) -> _Reply:
        chunks: list[bytes] = []
        size = 0
        if int(response.headers.get("content-length", "0") or 0) > self.limits.body:
            raise troubles.too_large(self.access, self.limits.body)
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > self.limits.body:
                raise troubles.too_large(self.access, self.limits.body)
            chunks.append(chunk)
        return _Reply(response.status_code, response.headers, b"".join(chunks))

    def _followed(self, method: str, before: httpx.Request, after: httpx.Request) -> httpx.Request:
        """Return the request to follow: only to the same place, or the same host with TLS."""
        same = (after.url.scheme, after.url.host, after.url.port)
        here = (before.url.scheme, before.url.host, before.url.port)
        upgraded = after.url.host == before.url.host and (before.url.scheme, after.url.scheme) == (
            "http",
            "https",
        )
        if after.method != method or (same != here and not upgraded):
            raise troubles.redirected(self.access, f"{after.url.scheme}://{after.url.host}")
        if self.access.authorization is not None:
            after.headers["authorization"] = self.access.authorization
        return after

    def _check(self, reply: _Reply) -> None:
        """Raise what a reply that is no answer means."""
        page = "html" in reply.headers.get("content-type", "") or reply.body[:200].lstrip()[:1] == b"<"
        if reply.status != 200:
            if page and reply.status < 400:
                raise troubles.not_mlflow(self.access, "it answers with a web page")
            refusal = troubles.refused(self.access, reply.status)
            refusal.code = error_code(reply.body)
            raise refusal
        if page:
            raise troubles.not_mlflow(self.access, "it answers with a web page instead of JSON")

    async def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            import httpx

            for library in ("httpx", "httpcore"):  # they log addresses and headers, signed ones too
                logging.getLogger(library).setLevel(logging.WARNING)
            headers = {"accept": "application/json", "user-agent": "mlops-dash"}
            if self.access.authorization is not None:
                headers["authorization"] = self.access.authorization
            if self.access.workspace:
                headers["x-mlflow-workspace"] = self.access.workspace
            self._client = httpx.AsyncClient(
                headers=headers,
                verify=self._context,
                trust_env=not _is_loopback(self.access.host),  # the environment's proxies
                follow_redirects=False,
                timeout=httpx.Timeout(None, connect=self.limits.connect),
                limits=httpx.Limits(max_connections=self.limits.at_once),
            )
        return self._client


async def together(*work: Awaitable[Any]) -> list[Any]:
    """Await all side by side; where one fails the others are cancelled."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _retry_after(text: str | None) -> float:
    """Return the seconds that a ``Retry-After`` header asks for; 0 where there is none."""
    if not text:
        return 0.0
    with suppress(ValueError):
        return min(max(0.0, float(text)), 1e6)
    with suppress(ValueError, TypeError, OverflowError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return 0.0


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.") or host.endswith(".localhost")
