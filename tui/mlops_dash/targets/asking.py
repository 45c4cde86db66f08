"""One bounded HTTP request to a server that nobody trusts."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpx

BODY_LIMIT = 1_000_000  # bytes of an answer that are read
_REDIRECTS = 3  # on the same host


class Silence(StrEnum):
    """Why there is no answer. Only ``REFUSED`` and ``CLOSED`` tell that nothing serves there."""

    REFUSED = "refused"
    CLOSED = "closed"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``headers`` have lower-case names; ``seconds`` is the time until they came."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @property
    def is_page(self) -> bool:
        """Whether it is a web page, such as a login form."""
        return "html" in self.headers.get("content-type", "") or self.body.lstrip()[:1] == b"<"

    def document(self) -> Any:
        """Return the JSON body.

        Raises:
            ValueError: it is not JSON.
        """
        try:
            return json.loads(self.body)
        except RecursionError:
            raise ValueError("nested too deeply") from None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why nothing usable came back; ``detail`` says it in plain words."""

    reason: Silence
    detail: str


@cache
def _certificates() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context()


def open_client(url: str, headers: Mapping[str, str]) -> httpx.AsyncClient:
    """Return a client whose every request takes a fresh connection.

    Certificates are verified. Proxies of the environment are used as everywhere, but not to this machine.
    """
    import httpx

    for library in ("httpx", "httpcore"):  # they log addresses and headers
        logging.getLogger(library).setLevel(logging.WARNING)
    parts = urlsplit(url)
    # loading the certificates costs 20 ms, which plain HTTP need not pay: an empty context trusts nobody
    context = _certificates() if parts.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.AsyncClient(
        headers={"accept": "application/json, */*", "accept-encoding": "identity", **headers},
        verify=context,
        trust_env=not is_loopback(parts.hostname or ""),
        follow_redirects=False,
        timeout=None,  # noqa: S113 - ask() sets a total deadline, which no phase of a request can stretch
        limits=httpx.Limits(max_keepalive_connections=0),
    )


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine's own."""
    return host in {"localhost", "::1"} or host.startswith("127.") or host.endswith(".localhost")


async def ask(
    client: httpx.AsyncClient,
    url: str,
    *,
    deadline: float,
    method: str = "GET",
    body: bytes | None = None,
    read_body: bool = True,
) -> Answer | NoAnswer:
    """Send one request and return what came, within ``deadline`` seconds in all."""
    import httpx

    headers = {"content-type": "application/json"} if body is not None else None
    started = time.perf_counter()
    try:
        async with asyncio.timeout(deadline):
            request = client.build_request(method, url, content=body, headers=headers)
            for _ in range(_REDIRECTS + 1):
                response = await client.send(request, stream=True)
                try:
                    if response.next_request is None:
                        return await _read(response, started, read_body)
                finally:
                    await response.aclose()
                if _origin(response.next_request.url) != _origin(request.url):
                    host = response.next_request.url.host
                    return NoAnswer(Silence.UNTRUSTED, f"redirects to another address ({host}): not followed")
                request = response.next_request
            return NoAnswer(Silence.UNREADABLE, "redirects in a circle")
    except TimeoutError:
        return NoAnswer(Silence.TIMEOUT, f"no complete answer within {round(deadline, 1):g} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError, ValueError) as error:
        return _explain(error)


async def _read(response: httpx.Response, started: float, read_body: bool) -> Answer | NoAnswer:
    seconds = time.perf_counter() - started
    chunks: list[bytes] = []
    size = 0
    if read_body:
        # closed here and now, not whenever it is collected: the loop may be gone by then
        async with aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_raw())) as stream:
            async for chunk in stream:
                size += len(chunk)
                if size > BODY_LIMIT:
                    return NoAnswer(Silence.UNREADABLE, "its answer is larger than 1 MB: not read")
                chunks.append(chunk)
    return Answer(response.status_code, dict(response.headers), b"".join(chunks), seconds)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _explain(error: BaseException) -> NoAnswer:
    """Say in plain words why a request failed. The errors' own texts may hold secrets: never used."""
    import httpx

    causes = list(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return NoAnswer(Silence.UNREACHABLE, "its host name is not known here")
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return NoAnswer(Silence.UNTRUSTED, "its TLS certificate is not valid")
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return NoAnswer(Silence.UNTRUSTED, "no TLS connection could be made")
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return NoAnswer(Silence.REFUSED, "nothing listens there (connection refused)")
    if isinstance(error, httpx.ProxyError):
        return NoAnswer(Silence.UNREACHABLE, "the proxy of the environment did not let it through")
    if isinstance(error, httpx.RemoteProtocolError):
        if "disconnected" in str(error):
            return NoAnswer(Silence.CLOSED, "closes the connection without an answer")
        if "peer closed" in str(error):
            return NoAnswer(Silence.UNREADABLE, "its answer breaks off")
        return NoAnswer(Silence.UNREADABLE, "what answers there does not speak HTTP")
    if isinstance(error, httpx.ReadError | httpx.WriteError | ConnectionResetError):
        return NoAnswer(Silence.CLOSED, "closes the connection without an answer")
    if isinstance(error, httpx.NetworkError | OSError):
        return NoAnswer(Silence.UNREACHABLE, "cannot be reached over the network")
    return NoAnswer(Silence.UNREADABLE, "its address cannot be asked over HTTP")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                yield from _causes(inner)
        error = error.__cause__ or error.__context__
