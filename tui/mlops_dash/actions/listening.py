"""The addresses of model servers: listening sockets, and who has a port that is taken."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import suppress
from urllib.parse import urlsplit

from mlops_dash.domain.text import visible
from mlops_dash.errors import RefusedError
from mlops_dash.targets.process import url_of

ANY_PORT = 0
_BACKLOG = 64
_SHOWN = 80  # characters of a name that a server gives itself


def bind(host: str, port: int, remembered: int = ANY_PORT) -> socket.socket:
    """Return a socket that has the address and does not listen yet.

    Args:
        port: that is configured; 0: any, the ``remembered`` one if it is free.

    Raises:
        RefusedError: the address cannot be had; says who has it.
    """
    for candidate in (port,) if port else (remembered, ANY_PORT):
        bound = socket.socket(family(host), socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if bound.family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind((host, candidate))
            return bound
        except OSError as error:
            bound.close()
            problem = error
    raise _refusal(host, port, problem)


def listen(bound: socket.socket) -> None:
    """Listen at a bound address: from now on connections wait there for whoever accepts them.

    Raises:
        RefusedError: another program was quicker.
    """
    try:
        bound.listen(_BACKLOG)
    except OSError as error:
        host, port = bound.getsockname()[:2]
        raise _refusal(host, port, error) from None


def private() -> socket.socket:
    """Return a listening socket that only this machine reaches."""
    return socket.create_server(("127.0.0.1", ANY_PORT), backlog=_BACKLOG)


def family(host: str) -> socket.AddressFamily:
    """Return the address family of a host."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _refusal(host: str, port: int, problem: OSError) -> RefusedError:
    if port and not isinstance(problem, socket.gaierror):
        return RefusedError(
            f"Port {port} of {host} is taken by {listener(host, port) or 'another program'}.",
            "Stop it, or set another port for this environment (0 takes a free one).",
        )
    return RefusedError(f"Cannot listen on {host}: {problem.strerror}.", "Set another host.")


def listener(host: str, port: int, within: float = 1.0) -> str | None:
    """Say what listens on a port, as well as can be found out; ``None``: nothing that could be found."""
    parts = urlsplit(url_of(host, port))
    connection = http.client.HTTPConnection(parts.hostname or "", port, timeout=within)
    try:
        connection.request("GET", "/metadata")
        answer = json.loads(connection.getresponse().read(100_000))
        if answer["server"] == "mlops-dash":
            environment, version = (visible(str(answer[key]), _SHOWN) for key in ("environment", "version"))
            return f"the mlops-dash server of {environment} (version {version})"
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, RecursionError):
        pass  # not one of ours
    finally:
        connection.close()
    return _program(port)


def _program(port: int) -> str | None:
    import psutil

    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.status != psutil.CONN_LISTEN or not connection.laddr:
                continue
            if connection.laddr.port == port:
                if not connection.pid:
                    return "another user's program"
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return None
