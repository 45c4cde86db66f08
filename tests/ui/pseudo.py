"""A program in a real pseudo-terminal, looked at through pyte."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pyte

HERE = Path(__file__).parent
_ANSWERS = {b"\x1b[6n": b"\x1b[1;1R", b"\x1b[c": b"\x1b[?62;c", b"\x1b[?2026$p": b"\x1b[?2026;2$y"}


class Pseudo:
    """Starts ``hand_app.py`` with ``arguments`` on a screen of ``columns`` × ``rows``."""

    def __init__(
        self, arguments: Sequence[str] = (), *, columns: int = 100, rows: int = 30, **environment: str
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.status: int | None = None
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            variables = {
                "TERM": "xterm-256color",
                "COLORTERM": "truecolor",
                "PYTHONPATH": os.pathsep.join(sys.path),
            }
            os.environ.update(variables | environment)
            os.execv(sys.executable, [sys.executable, str(HERE / "hand_app.py"), *arguments])
        self.resize(columns, rows)
        self.settings: list[Any] = termios.tcgetattr(self.fd)

    def __enter__(self) -> Pseudo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        if self.fd >= 0:
            os.close(self.fd)

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def send(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def pump(self, wait: float = 0.02) -> None:
        """Take in what the program writes."""
        if self.fd < 0:
            time.sleep(wait)
            return
        ready, _, _ = select.select([self.fd], [], [], wait)
        if not ready:
            return
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:
            return
        for query, answer in _ANSWERS.items():
            if query in data:
                os.write(self.fd, answer)
        self.raw += data
        self._stream.feed(data)

    def see(self, text: str, seconds: float = 30.0) -> None:
        """Wait until ``text`` is on the screen."""
        end = time.monotonic() + seconds
        while text not in "\n".join(self.screen.display):
            assert time.monotonic() < end, f"{text!r} is not on the screen:\n" + "\n".join(
                self.screen.display
            )
            self.pump()

    def wait(self, seconds: float, options: int = 0) -> int:
        """Wait at most ``seconds`` for it to end (or, with WUNTRACED, to stop); return its status."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG | options)
            if pid:
                for _ in range(5):
                    self.pump(0.01)
                if not os.WIFSTOPPED(status):
                    self.status = status
                return status
            self.pump()
        raise AssertionError(f"it is still there after {seconds} s")
