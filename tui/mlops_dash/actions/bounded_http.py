"""Bounds for MLflow's own HTTP client: one try, a total deadline, a size, no redirection, whatever the server
does."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlops_dash.errors import DashError, OutcomeUnknownError, RefusedError

if TYPE_CHECKING:
    import requests

_LARGEST = 32_000_000  # bytes of an answer
_CHUNK = 65536
_BUSY = re.compile(r"too many (\d{3}) error responses")
_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",  # seconds of silence; the total is bounded here
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",
}
CREDENTIALS = (
    "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN; a token may have "
    "expired."
)
_RUNS = "Check that the server runs, and the network to it; mlops-dash doctor looks closer."
_CHECK = "Check the address: [tracking] uri, MLFLOW_TRACKING_URI or --tracking-uri."


class _AnswerError(DashError):
    """An answer that is not read on, or is none of MLflow's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@contextmanager
def bounded(end: float, problems: list[BaseException]) -> Iterator[None]:
    """Bound the calls of MLflow's client that are made within.

    Args:
        end: when every answer must be complete, by the monotonic clock.
        problems: takes what an answer was not read on for.
    """
    before = {name: os.environ.get(name) for name in _SETTINGS}
    os.environ.update(_SETTINGS)
    try:
        with _inspected(end, problems):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _inspected(end: float, problems: list[BaseException]) -> Iterator[None]:
    """Look at each answer before MLflow's client reads it."""

    def inspect(response: requests.Response, **_: Any) -> None:
        problem = _problem(response, end)
        if problem is not None:
            problems.append(problem)
            response.close()
            raise problem

    session = _session()
    session.hooks["response"] = [inspect]
    try:
        yield
    finally:
        session.hooks["response"] = []


def _session() -> requests.Session:
    """The session that MLflow's client uses under these settings."""
    from mlflow.environment_variables import (
        MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR,
        MLFLOW_HTTP_REQUEST_BACKOFF_JITTER,
    )
    from mlflow.utils.request_utils import _TRANSIENT_FAILURE_RESPONSE_CODES, _get_request_session

    session: requests.Session = _get_request_session(  # type: ignore[no-untyped-call]
        0,
        MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR.get(),  # type: ignore[no-untyped-call]
        MLFLOW_HTTP_REQUEST_BACKOFF_JITTER.get(),  # type: ignore[no-untyped-call]
        _TRANSIENT_FAILURE_RESPONSE_CODES,
        True,
        False,
    )
    return session


def _problem(response: requests.Response, end: float) -> _AnswerError | None:
    """Read an answer within its bounds; return why it is not taken."""
    status = response.status_code
    if response.is_redirect:
        return _AnswerError(status, "it redirects elsewhere, which was not followed")
    content = bytearray()
    for chunk in response.iter_content(_CHUNK):
        content += chunk
        if len(content) > _LARGEST:
            return _AnswerError(status, f"its answer is larger than {_LARGEST // 1_000_000} MB")
        if time.monotonic() > end:
            return _AnswerError(status, "its answer took too long")
    response._content = bytes(content)
    page = "html" in response.headers.get("content-type", "") or content[:200].lstrip()[:1] == b"<"
    if page or status >= 400:
        what = "it answers with a web page: this is not MLflow" if page and status < 400 else ""
        if what or not content.lstrip().startswith(b"{") or status in {401, 403}:
            return _AnswerError(status, what or f"it answers {status}")
    return None


class NotSentError(DashError):
    """No connection came about, so nothing was sent."""


class AnsweredError(OutcomeUnknownError):
    """The server has answered that it failed: what it did is final, and can be read."""


def meaning(error: BaseException, shown: str) -> DashError | None:
    """Return what a failure means that the connection or the answer explains; ``None`` for all others.

    Args:
        shown: the server's address without secrets.
    """
    status = error.status if isinstance(error, _AnswerError) else 0
    if not status:
        found = _BUSY.search(str(error))
        status = int(found[1]) if found else 0
    if status in {401, 403}:
        return RefusedError(
            f"credentials: the tracking server does not let you ({status}): {shown}.", CREDENTIALS
        )
    if status == 404:
        return RefusedError(f"wrong address: there is no MLflow at {shown} (404).", _CHECK)
    if status == 429:
        return RefusedError(
            f"The tracking server is asked too often (429): {shown}.", "Wait, then plan again."
        )
    if isinstance(error, _AnswerError) and status < 500:
        return AnsweredError(f"{error.message}: {shown}.", _CHECK)
    if status >= 500:
        return AnsweredError(f"The tracking server answers {status}: {shown}.", _RUNS)
    return _unsent(str(error), shown)


def _unsent(text: str, shown: str) -> NotSentError | None:
    """Return why no connection came about; the library's text may hold addresses with passwords."""
    for sign, why in (
        ("NameResolutionError", "there is no such host"),
        ("getaddrinfo", "there is no such host"),
        ("certificate", "its certificate is not valid"),
        ("SSLError", "no secure connection comes about"),
        ("Connection refused", "nobody listens there"),
        ("ConnectTimeout", "it does not take the connection"),
        ("Failed to establish a new connection", "it cannot be reached"),
        ("Invalid url", "this is no address"),
    ):
        if sign in text:
            return NotSentError(f"The tracking server cannot be asked: {why}: {shown}.", _RUNS)
    return None
