"""A program in a real pseudo-terminal, and when a person would have seen what on its screen.

What the program writes is only stamped with its time while the program runs; the frames are drawn
afterwards. So the terminal takes no processor time from what is measured.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import pyte

_ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?<>=$]*[a-zA-Z]|[\]P_^][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Z0-9]|.)")
_QUIET = 0.25  # seconds without output, after which there is time to draw it
_UNDRAWN = 3.0  # seconds after a key in which nothing is drawn
_ANSWERS = {b"\x1b[6n": b"\x1b[1;1R", b"\x1b[c": b"\x1b[?62;c", b"\x1b[?2026$p": b"\x1b[?2026;2$y"}


class Terminal:
    """Starts ``command`` on a screen of ``columns`` × ``rows`` and records what it writes.

    Attributes:
        started: when the program was started, on the clock of ``time.perf_counter``.
        ended: whether it has ended.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: dict[str, str],
        folder: Path,
        *,
        columns: int = 160,
        rows: int = 45,
    ) -> None:
        self.columns, self.rows = columns, rows
        self._chunks: list[tuple[float, bytes]] = []
        self._seen: tuple[int, pyte.Screen, pyte.ByteStream] | None = None  # frames that were looked at
        self.ended = False
        self.started = time.perf_counter()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            size = {
                "TERM": "xterm-256color",
                "COLORTERM": "truecolor",
                "COLUMNS": str(columns),
                "LINES": str(rows),
            }
            os.chdir(folder)
            os.execvpe(command[0], list(command), environment | size)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait_for(self, texts: Sequence[str], timeout: float = 60.0) -> float:
        """Return the seconds from the start to the first frame that shows all ``texts``.

        Raises:
            TimeoutError: no frame showed them; the message holds the last one.
        """
        wanted = [text.encode() for text in texts]
        deadline = time.perf_counter() + timeout
        while True:
            self._pump(0.05)
            if self._could_show(wanted):
                seen = self._first_frame(texts)
                if seen is not None:
                    return seen - self.started
            if self.ended or time.perf_counter() > deadline:
                raise TimeoutError(f"{texts} not seen; the last frame:\n" + "\n".join(self.frame()))

    def after(self, keys: str, texts: Sequence[str], timeout: float = 60.0) -> float:
        """Type ``keys`` and return the seconds until the first later frame that shows all ``texts``.

        Raises:
            TimeoutError: no frame showed them.
        """
        while self._pump(_QUIET):  # it is still busy with what was typed before
            pass
        self._drawn()
        while self._pump(0.0):
            pass
        pressed = time.perf_counter()
        self.press(keys)
        while True:
            self.settle(_UNDRAWN)  # drawing would keep us from reading, and so the program from writing
            seen = self._first_frame(texts, pressed)
            if seen is not None:
                return seen - pressed
            if self.ended or time.perf_counter() > pressed + timeout:
                raise TimeoutError(f"{texts} not seen; the last frame:\n" + "\n".join(self.frame()))

    def settle(self, seconds: float) -> None:
        """Let the program run on for ``seconds``."""
        deadline = time.perf_counter() + seconds
        while not self.ended and time.perf_counter() < deadline:
            self._pump(0.05)

    def press(self, keys: str) -> None:
        """Type ``keys``."""
        os.write(self._fd, keys.encode())

    def frame(self) -> list[str]:
        """Return the lines of the last frame."""
        screen = pyte.Screen(self.columns, self.rows)
        stream = pyte.ByteStream(screen)
        for _, data in self._chunks:
            stream.feed(data)
        return [line.rstrip() for line in screen.display]

    def memory(self, field: str = "VmRSS") -> float:
        """Return the memory of program and children in MB: ``VmRSS`` now, ``VmHWM`` at its highest."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        total = 0
        for process in [str(self.pid), *children]:
            status = Path(f"/proc/{process}/status").read_text()
            found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
            total += int(found.group(1)) if found else 0
        return total / 1024

    def stop(self) -> None:
        """End the program: politely, then by force after three seconds."""
        if self._fd < 0:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            os.kill(self.pid, number)
            if self._gone_within(3.0):
                break
        os.close(self._fd)
        self._fd = -1

    def _gone_within(self, seconds: float) -> bool:
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return True
            self._pump(0.02)
        return False

    def _pump(self, wait: float) -> bool:
        """Read what has been written, or will be within ``wait`` seconds; tell whether there was anything."""
        if self.ended or not select.select([self._fd], [], [], wait)[0]:
            return False
        try:
            data = os.read(self._fd, 1 << 16)
        except OSError:  # Linux reports the end of a pseudo-terminal so
            data = b""
        if not data:
            self.ended = True
            return False
        self._chunks.append((time.perf_counter(), data))
        for query, answer in _ANSWERS.items():
            if query in data:
                os.write(self._fd, answer)
        return True

    def _could_show(self, wanted: Sequence[bytes]) -> bool:
        """Tell cheaply whether drawing the frames is worth it: all words have been written by now."""
        plain = _ESCAPES.sub(b"", b"".join(data for _, data in self._chunks))
        return all(word in plain for text in wanted for word in text.split())

    def _drawn(self) -> None:
        """Draw all frames so far: only later ones are looked at from now on."""
        screen = pyte.Screen(self.columns, self.rows)
        stream = pyte.ByteStream(screen)
        for _, data in self._chunks:
            stream.feed(data)
        self._seen = (len(self._chunks), screen, stream)

    def _first_frame(self, texts: Sequence[str], since: float = 0.0) -> float | None:
        if self._seen is None:
            screen = pyte.Screen(self.columns, self.rows)
            first, stream = 0, pyte.ByteStream(screen)
        else:
            first, screen, stream = self._seen
        for number, (at, data) in enumerate(self._chunks[first:], first + 1):
            stream.feed(data)
            if self._seen is not None:
                self._seen = (number, screen, stream)
            if at < since:
                continue
            shown = "\n".join(screen.display)
            if all(text in shown for text in texts):
                return at
        return None
