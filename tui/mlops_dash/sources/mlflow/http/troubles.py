"""What can go wrong with a tracking server, in plain words: what happened, what it means, what to do.

Texts of the HTTP library's errors are never used: they may hold addresses with passwords.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from enum import StrEnum

from mlops_dash.errors import SourceError
from mlops_dash.sources.mlflow.http.access import Access

_CHECK = "Check the address: [tracking] uri, MLFLOW_TRACKING_URI or --tracking-uri."
_RUNS = "Check that the server runs, and the network to it. What was read before stays on screen."
_TRUST = (
    "Have the certificate renewed, or name the authority that signed it in MLFLOW_TRACKING_SERVER_CERT_PATH."
)


class Trouble(StrEnum):
    """Kinds of failure that are treated differently."""

    TIMEOUT = "timeout"
    LARGE = "large"
    CREDENTIALS = "credentials"
    MISSING = "missing"
    BUSY = "busy"
    CLOSED = "closed"
    OTHER = "other"


class ServerError(SourceError):
    """A question to the tracking server that was not answered.

    Attributes:
        trouble: what kind of failure it is.
        status: the server's HTTP status, or ``None`` where it sent none.
        wait: seconds after which the server wants to be asked again.
        code: MLflow's own ``error_code``; empty where it did not say one.
    """

    code = ""

    def __init__(
        self,
        message: str,
        remedy: str | None = None,
        trouble: Trouble = Trouble.OTHER,
        status: int | None = None,
        wait: float = 0.0,
    ) -> None:
        super().__init__(message, remedy)
        self.trouble = trouble
        self.status = status
        self.wait = wait


def silent(access: Access, seconds: float) -> ServerError:
    """Return the error for a server that does not finish an answer in time."""
    return ServerError(
        f"no complete answer within {seconds:g} s from {access.shown}",
        f"The tracking server hangs, is overloaded or far away. {_RUNS}",
        Trouble.TIMEOUT,
    )


def too_large(access: Access, limit: int) -> ServerError:
    """Return the error for an answer that is larger than what is read."""
    return ServerError(
        f"an answer is larger than {limit // 1_000_000:,} MB and was not read on: {access.shown}",
        "One run holds more than can be shown, or this is no MLflow tracking server.",
        Trouble.LARGE,
    )


def not_mlflow(access: Access, what: str) -> ServerError:
    """Return the error for something that answers, but not as MLflow does; ``what`` it answers."""
    return ServerError(
        f"{what}: this is not MLflow: {access.shown}",
        "A login page or a proxy may stand before it: open the address in a browser. " + _CHECK,
    )


def redirected(access: Access, host: str) -> ServerError:
    """Return the error for a redirection that is not followed: credentials would go elsewhere."""
    return ServerError(
        f"redirects to {host or 'another address'}, which was not followed: {access.shown}",
        "If that is the tracking server, write its address under [tracking] uri; else sign in to the proxy.",
    )


def refused(access: Access, status: int, wait: float = 0.0) -> ServerError:
    """Return what an HTTP status other than 200 means."""
    if status in (401, 403):
        who = f"with {access.identity}" if access.authorization else "without credentials"
        known = "does not know who asks" if status == 401 else "does not allow this to be read"
        remedy = (
            "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN; "
            "a token may have expired."
        )
        if access.unsupported:
            remedy = f"{access.unsupported} is set, but works in MLflow's own client only. {remedy}"
        return ServerError(
            f"credentials: the server {known} ({status}; asked {who}): {access.shown}",
            remedy,
            Trouble.CREDENTIALS,
            status,
        )
    if status in (404, 405, 410, 501):
        return ServerError(
            f"wrong address: nothing of MLflow answers there ({status}): {access.shown}",
            f"A server behind a prefix needs it in its address. {_CHECK}",
            Trouble.MISSING,
            status,
        )
    if status == 429:
        when = f"; it asks to wait {_span(wait)}" if wait else ""
        return ServerError(
            f"the server is asked too often (429){when}: {access.shown}",
            "It is asked again later. A longer [ui] refresh asks less often.",
            Trouble.BUSY,
            status,
            wait,
        )
    if status >= 500:
        when = f"; it asks to wait {_span(wait)}" if wait else ""
        return ServerError(
            f"the tracking server fails ({status}){when}: {access.shown}",
            f"Its log tells why; its database may be down. {_RUNS}",
            Trouble.BUSY,
            status,
            wait,
        )
    return ServerError(
        f"the server answers with HTTP status {status}: {access.shown}",
        f"It may be older than MLflow 2.9, or no tracking server. {_CHECK}",
        Trouble.OTHER,
        status,
    )


def explained(access: Access, error: BaseException) -> ServerError:
    """Say what an error of the HTTP library means."""
    import httpx

    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return ServerError(f"no such host: {access.host}", _CHECK + " A VPN may be needed.")
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ServerError(f"{_certificate(cause)}: {access.shown}", _TRUST)
        if isinstance(cause, ssl.SSLError):
            return ServerError(
                f"no TLS connection could be made: {access.shown}",
                "The server may speak plain HTTP, or want a certificate of ours "
                "(MLFLOW_TRACKING_CLIENT_CERT_PATH).",
            )
        if isinstance(cause, ConnectionRefusedError):
            return ServerError(f"nothing listens there (connection refused): {access.shown}", _RUNS)
    if isinstance(error, httpx.ProxyError):
        return ServerError(
            f"the proxy of the environment did not let it through: {access.shown}",
            "Check HTTPS_PROXY and NO_PROXY.",
        )
    if isinstance(error, httpx.DecodingError):
        return ServerError(f"its answer is damaged: {access.shown}", _RUNS)
    if isinstance(error, httpx.RemoteProtocolError) and "illegal" in str(error).lower():
        return not_mlflow(access, "what answers does not speak HTTP")
    if isinstance(error, httpx.TimeoutException):
        return ServerError(f"cannot be reached over the network: {access.shown}", _RUNS, Trouble.TIMEOUT)
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError | ConnectionError):
        return ServerError(
            f"the connection was closed before the answer was complete: {access.shown}",
            _RUNS,
            Trouble.CLOSED,
        )
    return ServerError(f"cannot be reached over the network: {access.shown}", _RUNS)


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    meaning = {
        10: "the server's TLS certificate has expired",
        9: "the server's TLS certificate is not valid yet",
        18: "the server's TLS certificate is signed by nobody but itself",
        19: "the server's TLS certificate is signed by an authority that is not known here",
        20: "the server's TLS certificate is signed by an authority that is not known here",
        62: "the server's TLS certificate is for another host name",
        64: "the server's TLS certificate is for another address",
    }
    return meaning.get(error.verify_code, "the server's TLS certificate is not valid")


def _span(seconds: float) -> str:
    return f"{seconds / 60:,.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                yield from _causes(inner)
        error = error.__cause__ or error.__context__
