"""The control socket of a model server: how processes of the same user ask it to hand over its address.

It is a Unix-domain socket in the folder of the server records, mode 0600, named for the server's token. A
message is one line of JSON, sockets beside it; each is answered by one such line. ``do`` says what to do:

``state``
    say what the server does: ``standby``, ``serving`` or ``draining``, and whether its model is loaded.
``share``
    hand out the listening socket: the answer carries it.
``take``
    begin to serve at the address: the listening socket comes with the message, and behind it, where another
    server is to be told to drain, a connection to that one's control socket.
``drain``
    accept no more, answer what was accepted, end. The listening socket stays open in others.
``leave``
    end, if it is a standby; one that serves answers with an error.
"""

from __future__ import annotations

import array
import json
import os
import re
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_LINE = 65_536  # bytes of one message at most
_SOCKETS = 2  # that come with one message at most
_PATH = 90  # bytes of a socket's path that every system takes
_IDLE = 120.0  # seconds that a connection may be silent

Message = Mapping[str, Any]
Reply = tuple[Message, Sequence[socket.socket]]


class NoControlError(Exception):
    """Nobody answered at a control socket, or nothing that could be understood."""


def control_name(token: str) -> str:
    """Return the file name of a server's control socket."""
    return f"{re.sub('[^0-9A-Za-z]', '', token)[:16]}.sock"


class Line:
    """A connection to a control socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def ask(self, do: str, sockets: Sequence[socket.socket] = (), **more: Any) -> Reply:
        """Send a message and return what is answered, with the sockets that came along.

        Raises:
            NoControlError: no answer.
        """
        try:
            _send(self.connection, {"do": do, **more}, sockets)
            reply = _receive(self.connection)
        except (OSError, ValueError) as error:
            raise NoControlError(f"{do}: {error}") from None
        if reply is None:
            raise NoControlError(f"{do}: it hung up")
        return reply


@contextmanager
def call(folder: Path, name: str, within: float) -> Iterator[Line]:
    """Connect to the control socket ``name`` in ``folder``; every answer may take ``within`` seconds.

    Raises:
        NoControlError: nobody is there.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with connection:
        connection.settimeout(within)
        try:
            with _short(folder) as short:
                connection.connect(os.path.join(short, name))
        except OSError as error:
            raise NoControlError(f"{name}: {error.strerror or error}") from None
        yield Line(connection)


def ask(folder: Path, name: str, do: str, within: float, **more: Any) -> Message:
    """Connect, ask one thing that no sockets come with, and return the answer.

    Raises:
        NoControlError: no answer.
    """
    with call(folder, name, within) as line:
        reply, sockets = line.ask(do, **more)
        for one in sockets:
            one.close()
        return reply


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """Return a path of the folder that fits into a socket's address."""
    path = str(folder)
    if len(os.fsencode(path)) <= _PATH - len(control_name("x" * 16)):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="md-") as aside:
        link = os.path.join(aside, "l")
        os.symlink(os.path.abspath(path), link)
        yield link


def listen(name: str) -> socket.socket:
    """Return a control socket, made in the current folder: readable and writable by this user only.

    Raises:
        OSError: it could not be made.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listening.bind(name)
    except OSError:
        listening.close()
        raise
    finally:
        os.umask(mask)
    listening.listen(16)
    return listening


def attend(listening: socket.socket, answer: Callable[[Message, list[socket.socket]], Reply]) -> None:
    """Answer at a control socket in threads of its own, until the process ends.

    Args:
        answer: called in such a thread; it owns the sockets that it is given, and those that it returns
            stay the server's.
    """

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=_attend_one, args=(connection, answer), daemon=True).start()

    threading.Thread(target=accept, name="control", daemon=True).start()


def _attend_one(connection: socket.socket, answer: Callable[[Message, list[socket.socket]], Reply]) -> None:
    with connection, suppress(OSError, ValueError):
        connection.settimeout(_IDLE)
        while (request := _receive(connection)) is not None:
            document, sockets = answer(request[0], list(request[1]))
            _send(connection, document, sockets)


def _send(connection: socket.socket, document: Message, sockets: Sequence[socket.socket]) -> None:
    data = json.dumps(document).encode() + b"\n"
    if sockets:
        sent = socket.send_fds(connection, [data], [one.fileno() for one in sockets])
        data = data[sent:]
    connection.sendall(data)


def _receive(connection: socket.socket) -> Reply | None:
    """Return the next message with its sockets; ``None`` at the end.

    Raises:
        ValueError: it is no message.
        OSError: it did not come.
    """
    data = b""
    numbers: list[int] = []
    room = socket.CMSG_SPACE(_SOCKETS * array.array("i").itemsize)
    try:
        while not data.endswith(b"\n"):
            chunk, ancillary, flags, _ = connection.recvmsg(_LINE, room)
            for level, kind, payload in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    found = array.array("i")
                    found.frombytes(payload[: len(payload) - len(payload) % found.itemsize])
                    numbers.extend(found)
                    for number in found:
                        os.set_inheritable(number, False)
            if not chunk:
                if data:
                    raise ValueError("half a message")
                break
            data += chunk
            if len(data) > _LINE or flags & socket.MSG_CTRUNC:
                raise ValueError("too long a message")
        document = json.loads(data) if data else None
        if document is not None and not isinstance(document, dict):
            raise ValueError("no message")
    except (ValueError, OSError, RecursionError) as error:
        for number in numbers:
            os.close(number)
        raise error if not isinstance(error, RecursionError) else ValueError("no message") from None
    sockets = [socket.socket(fileno=number) for number in numbers]
    if document is None:
        return None
    return document, sockets
