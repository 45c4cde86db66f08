"""The model server of a ``process`` target: MLflow's own scoring server, which also says what it serves.

Run as a program by :mod:`mlops_dash.actions.servers`. The port answers from the first moment on:
``/metadata`` says what is (or will be) served, ``/health`` is 503 until the model is loaded, ``/ready``
answers as soon as it is. Every answer carries ``X-MLflow-Model-Version``, ``-Model-Id`` and ``-Run-Id``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NoReturn
from urllib.parse import quote

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_SIGNED = {
    "version": "x-mlflow-model-version",
    "model_id": "x-mlflow-model-id",
    "run_id": "x-mlflow-run-id",
}


class Front:
    """Answers for the model server, and hands on to MLflow's application once that is there."""

    def __init__(self, metadata: dict[str, Any]) -> None:
        self._metadata = metadata
        self._headers = [
            (header.encode(), quote(str(metadata[key]), safe=" ").encode())
            for key, header in _SIGNED.items()
            if metadata.get(key)
        ]
        self._started = time.monotonic()
        self._inner: App | None = None
        self._settled = asyncio.Event()

    def settle(self, inner: App | None) -> None:
        """Hand requests to ``inner`` from now on; ``None``: there will be none. Called on the event loop."""
        self._inner = inner
        self._settled.set()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            return
        path = scope["path"]
        if path == "/ready":
            await self._settled.wait()
        if path == "/metadata":
            await self._answer(send, 200, self._metadata | {"waiting": self._waiting()})
        elif self._inner is None:
            await self._answer(send, 503, {"error": self._waiting()})
        elif path == "/ready":
            await self._answer(send, 200, self._metadata)
        else:
            await self._inner(scope, receive, self._signing(send))

    def _waiting(self) -> str | None:
        if self._inner is not None:
            return None
        seconds = time.monotonic() - self._started
        return f"starting: loading version {self._metadata['version']} for {seconds:.0f} s"

    def _signing(self, send: Send) -> Send:
        async def signed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *self._headers]}
            await send(message)

        return signed

    async def _answer(self, send: Send, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        start = {"type": "http.response.start", "status": status, "headers": headers}
        await self._signing(send)(start)
        await send({"type": "http.response.body", "body": body})


def load(location: str) -> App:
    """Load a model and return MLflow's application for it. This runs the model's code."""
    if not os.path.isdir(location):
        from mlflow import artifacts

        location = artifacts.download_artifacts(location, dst_path=tempfile.mkdtemp(prefix="mlops-dash-"))
    from mlflow import pyfunc
    from mlflow.pyfunc import scoring_server

    app: App = scoring_server.init(pyfunc.load_model(location))
    return app


async def run(listening: socket.socket, location: str, metadata: dict[str, Any]) -> int:
    """Serve until told to end by a signal; return the exit code."""
    import uvicorn

    front = Front(metadata)
    config = uvicorn.Config(
        front, lifespan="off", ws="none", access_log=False, log_level="warning", timeout_graceful_shutdown=3
    )
    server = uvicorn.Server(config)
    loop = asyncio.get_running_loop()
    failed = False

    def work() -> None:
        nonlocal failed
        app = None
        try:
            app = load(location)
        except BaseException as error:  # noqa: BLE001 - a model's code may raise anything; it is told and ends us
            import traceback

            traceback.print_exc()
            first = next(iter(str(error).strip().splitlines()), "")
            print(f"the model cannot be loaded: {type(error).__name__}: {first}", file=sys.stderr, flush=True)
            failed = server.should_exit = True
        loop.call_soon_threadsafe(front.settle, app)

    threading.Thread(target=work, name="load", daemon=True).start()
    await server.serve(sockets=[listening])
    return 1 if failed else 0


def main() -> NoReturn:
    """Run the server as the command line says."""
    parser = argparse.ArgumentParser(prog="mlops_dash.targets.scoring")
    parser.add_argument("--model-path", required=True, help="folder of the model, or a URI to fetch it from")
    parser.add_argument("--metadata", required=True, help="JSON object that /metadata answers")
    parser.add_argument("--fd", type=int, required=True, help="listening socket, inherited")
    parser.add_argument("--nice", type=int, default=0, help="niceness added: people's work goes first")
    parser.add_argument("--token", required=True, help="tells this process from any other")
    arguments = parser.parse_args()
    os.nice(arguments.nice)
    metadata = json.loads(arguments.metadata)
    listening = socket.socket(fileno=arguments.fd)
    code = asyncio.run(run(listening, arguments.model_path, metadata))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # the thread that loads may be deep in an import, which a normal end would trip over


if __name__ == "__main__":
    main()
