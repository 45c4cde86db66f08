"""The model server of a ``process`` target: MLflow's own scoring server, which also says what it serves.

Run as a program by :mod:`mlops_dash.actions.servers`. The port answers from the first moment on:
``/metadata`` says what is (or will be) served, ``/health`` is 503 until the model is loaded, ``/ready``
answers as soon as it is. Every answer carries ``X-MLflow-Model-Version``, ``-Model-Id`` and ``-Run-Id``.

A server changes its version by another one that takes over its address (:mod:`mlops_dash.actions.handover`):
that one starts as a standby on an address of its own and is told by :mod:`mlops_dash.targets.control` what to
do. Both then accept from one listening socket, so that its queue is lost at no time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from mlops_dash.targets import control

if TYPE_CHECKING:
    import uvicorn

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_ENDS_WITHIN = 3  # seconds that a server told to end gives to what it is answering
_DRAINS_WITHIN = 75  # and one that drains: MLflow gives a prediction 60
_QUIET = 6.0  # seconds after which a connection that asks nothing is closed while draining
_TELLING = 10.0  # seconds that the other server has to say that it drains
_COMMAND_WITHIN = 30.0

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
        self.draining = False  # every answer asks its connection to close

    @property
    def ready(self) -> bool:
        """Whether the model is loaded."""
        return self._inner is not None

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
                headers = [*message.get("headers", ()), *self._headers]
                if self.draining:
                    headers.append((b"connection", b"close"))
                message = {**message, "headers": headers}
            await send(message)

        return signed

    async def _answer(self, send: Send, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        start = {"type": "http.response.start", "status": status, "headers": headers}
        await self._signing(send)(start)
        await send({"type": "http.response.body", "body": body})


def load(location: str) -> tuple[App, str]:
    """Load a model; return MLflow's application for it, and its folder. This runs the model's code."""
    if not os.path.isdir(location):
        from mlflow import artifacts

        location = artifacts.download_artifacts(location, dst_path=tempfile.mkdtemp(prefix="mlops-dash-"))
    from mlflow import pyfunc
    from mlflow.pyfunc import scoring_server

    app: App = scoring_server.init(pyfunc.load_model(location))
    return app, location


class Service:
    """A running server as its control socket sees it: where it accepts, and for how long.

    Args:
        standby: seconds after which a standby that nobody speaks to leaves; ``None``: it serves at once.
        folder: descriptor of the folder of the server records.
    """

    def __init__(
        self, server: uvicorn.Server, front: Front, token: str, folder: int, standby: float | None
    ) -> None:
        self._server = server
        self._front = front
        self._token = token
        self._folder = folder
        self._turn = asyncio.Lock()
        self._public: socket.socket | None = None
        self.state = "serving" if standby is None else "standby"
        self._patience = standby
        self._heard = time.monotonic()
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.model_folder: str | None = None  # once the model is loaded

    def serve_at(self, listening: socket.socket) -> None:
        """Say which listening socket is the one of the address."""
        self._public = listening

    def answer(self, message: control.Message, sockets: list[socket.socket]) -> control.Reply:
        """Answer one message; called in a thread of the control socket."""
        self._heard = time.monotonic()
        done = asyncio.run_coroutine_threadsafe(self._answer(message, sockets), self._loop)
        try:
            return done.result(_COMMAND_WITHIN)
        except Exception as error:  # noqa: BLE001 - told to the one who asked
            return {"error": f"{type(error).__name__}: {error}"}, ()

    async def _answer(self, message: control.Message, sockets: list[socket.socket]) -> control.Reply:
        while not self._server.started:
            await asyncio.sleep(0.01)
        match message.get("do"), sockets:
            case "state", []:
                return {"state": self.state, "ready": self._front.ready, "model": self.model_folder}, ()
            case "share", [] if self.state == "serving" and self._public is not None:
                return {"state": self.state}, (self._public,)
            case "take", [listening, *others]:
                async with self._turn:
                    return await self._take(listening, others, str(message.get("record"))), ()
            case "drain", []:
                async with self._turn:
                    self._drain()
                return {"state": self.state}, ()
            case "leave", []:
                async with self._turn:  # one that is taking over does so first, and stays
                    if self.state == "standby":
                        self._server.should_exit = True
                        self.state = "leaving"
                    if self.state == "leaving":
                        return {"state": self.state}, ()
        return {"error": f"not while {self.state}"}, ()

    async def _take(self, listening: socket.socket, others: list[socket.socket], record: str) -> Message:
        """Accept at the address, be the recorded server, and tell the former one to drain."""
        if self.state == "serving":
            return {"state": self.state}
        if self.state != "standby" or not self._front.ready:
            return {"error": f"not while {self.state}, {'' if self._front.ready else 'not '}loaded"}
        private = self._server.servers
        await self._server.startup(sockets=[listening])
        public, self._public = self._server.servers, listening
        try:
            self._become(record)
        except OSError as error:
            self._server.servers = private
            await _stop_accepting(public)
            return {"error": f"the record cannot be written: {error.strerror}"}
        self.state = "serving"
        for other in others:
            with suppress(control.NoControlError):  # whoever handed over sees to it that it ends
                other.settimeout(_TELLING)
                await asyncio.to_thread(control.Line(other).ask, "drain")
            other.close()
        await _stop_accepting(private)
        return {"state": self.state}

    def _become(self, record: str) -> None:
        """Make the record of this standby the one of the server, in one step."""
        standby = f"{record}.next.json"
        with open(
            standby, "rb", opener=lambda name, flags: os.open(name, flags, dir_fd=self._folder)
        ) as file:
            if self._token.encode() not in file.read():
                raise OSError(0, "another standby has taken its place")
        os.replace(standby, f"{record}.json", src_dir_fd=self._folder, dst_dir_fd=self._folder)
        with suppress(OSError):
            os.fsync(self._folder)

    def _drain(self) -> None:
        if self.state in {"draining", "leaving"}:
            return
        self.state = "draining"
        self._front.draining = True
        task = self._loop.create_task(self._end_when_drained())
        self._tasks.add(task)

    async def _end_when_drained(self) -> None:
        await _stop_accepting(self._server.servers)
        quiet_at = time.monotonic() + _QUIET
        while self._server.server_state.connections and time.monotonic() < quiet_at:
            await asyncio.sleep(0.02)
        self._server.config.timeout_graceful_shutdown = _DRAINS_WITHIN
        self._server.should_exit = True  # closes what is idle, waits for what is being answered

    async def leave_if_forgotten(self) -> None:
        """End a standby that nobody speaks to."""
        while self.state == "standby" and self._patience is not None:
            if time.monotonic() - self._heard > self._patience:
                print("nobody took this standby over: it leaves", file=sys.stderr, flush=True)
                self.state = "leaving"
                self._server.should_exit = True
            await asyncio.sleep(min(1.0, self._patience / 4))


async def _stop_accepting(servers: list[asyncio.Server]) -> None:
    """Accept no more. What waits in the queue stays there for whoever else has the listening socket."""
    loop = asyncio.get_running_loop()
    for server in servers:
        for listening in server.sockets:
            loop.remove_reader(listening.fileno())
    for _ in range(
        3
    ):  # connections that were accepted a moment ago get their protocol, which needs the server
        await asyncio.sleep(0)
    for server in servers:
        server.close()


async def run(
    listening: socket.socket,
    location: str,
    metadata: dict[str, Any],
    *,
    token: str,
    standby: float | None = None,
) -> int:
    """Serve until told to end; return the exit code. The current folder is the one of the server records."""
    import uvicorn

    front = Front(metadata)
    config = uvicorn.Config(
        front,
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=_ENDS_WITHIN,
    )
    server = uvicorn.Server(config)
    loop = asyncio.get_running_loop()
    failed = False
    folder = os.open(".", os.O_RDONLY)  # a model's code may go elsewhere
    service = Service(server, front, token, folder, standby)
    if standby is None:
        service.serve_at(listening)
    name = control.control_name(token)
    try:
        controlling = control.listen(name)
    except OSError as error:  # a file system without sockets: the model is served all the same
        print(f"no control socket, so its version cannot be changed: {error}", file=sys.stderr, flush=True)
        if standby is not None:
            return 1
    else:
        control.attend(controlling, service.answer)
    forgotten = loop.create_task(service.leave_if_forgotten())

    def take_away() -> None:
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)

    def leave(*_: object) -> NoReturn:  # before uvicorn listens to signals, and when it is done with one
        take_away()
        os._exit(0)

    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, leave)

    def work() -> None:
        nonlocal failed
        app = None
        try:
            app, service.model_folder = load(location)
        except BaseException as error:  # noqa: BLE001 - a model's code may raise anything; it is told and ends us
            import traceback

            traceback.print_exc()
            first = next(iter(str(error).strip().splitlines()), "")
            print(f"the model cannot be loaded: {type(error).__name__}: {first}", file=sys.stderr, flush=True)
            failed = server.should_exit = True
        loop.call_soon_threadsafe(front.settle, app)

    threading.Thread(target=work, name="load", daemon=True).start()
    try:
        await server.serve(sockets=[listening])
    finally:
        forgotten.cancel()
        take_away()
    return 1 if failed else 0


def _wait_for_go() -> None:
    """Go on only when whoever started us has written down that we run: else nobody could find us again."""
    if os.read(0, 3) != b"go\n":
        os._exit(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def main() -> NoReturn:
    """Run the server as the command line says."""
    parser = argparse.ArgumentParser(prog="mlops_dash.targets.scoring")
    parser.add_argument("--model-path", required=True, help="folder of the model, or a URI to fetch it from")
    parser.add_argument("--metadata", required=True, help="JSON object that /metadata answers")
    parser.add_argument("--fd", type=int, required=True, help="listening socket, inherited")
    parser.add_argument("--nice", type=int, default=0, help="niceness added: people's work goes first")
    parser.add_argument("--token", required=True, help="tells this process from any other")
    parser.add_argument("--standby", type=float, help="wait so many seconds to be told to take over")
    arguments = parser.parse_args()
    _wait_for_go()
    os.nice(arguments.nice)
    metadata = json.loads(arguments.metadata)
    listening = socket.socket(fileno=arguments.fd)
    service = run(listening, arguments.model_path, metadata, token=arguments.token, standby=arguments.standby)
    code = asyncio.run(service)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # the thread that loads may be deep in an import, which a normal end would trip over


if __name__ == "__main__":
    main()
