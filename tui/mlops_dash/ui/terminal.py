"""The process and its terminal: signals end the dashboard cleanly, a lost terminal ends it too."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable

_SIGNALS = ("SIGTERM", "SIGHUP", "SIGQUIT")
_PATIENCE = 1.5  # seconds after which a terminal that does not take its restoring is given up

# bracketed paste, in-band resize, mouse, kitty keys, focus events off; wrap and cursor on; main screen
RESTORE = "\x1b[?2004l\x1b[?2048l\x1b[?1016l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?7h\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"


def on_end(loop: asyncio.AbstractEventLoop, end: Callable[[int], None]) -> None:
    """Call ``end`` with exit status 128 + n on the loop when signal n asks us to go, and make sure we do."""
    for name in _SIGNALS:
        number = getattr(signal, name, None)
        if number is None:  # Windows has none of these
            continue

        def handle(number: int = number) -> None:
            force_exit(128 + number, _PATIENCE)
            end(128 + number)

        try:
            loop.add_signal_handler(number, handle)
        except (NotImplementedError, RuntimeError, ValueError):  # no loop signals here: not the main thread
            return


def force_exit(code: int, seconds: float) -> None:
    """Exit with ``code`` in ``seconds`` seconds, whatever hangs by then; the terminal is restored first."""

    def leave() -> None:
        time.sleep(seconds)
        restore()
        os._exit(code)

    threading.Thread(target=leave, name="mlops-dash exit", daemon=True).start()


def lost() -> bool:
    """Whether the terminal we read from has gone (its other end was closed)."""
    try:
        poll = select.poll()
        poll.register(sys.__stdin__.fileno(), select.POLLIN)  # type: ignore[union-attr]
        return any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))
    except (AttributeError, ValueError, OSError):
        return False


def saved() -> list[object] | None:
    """Return the terminal's present settings, for :func:`restore`."""
    try:
        import termios

        return termios.tcgetattr(sys.__stdin__.fileno())  # type: ignore[union-attr]
    except (ImportError, AttributeError, ValueError, OSError, termios.error):
        return None


_before: list[object] | None = None


def remember() -> None:
    """Keep the terminal's settings as they are before the dashboard."""
    global _before
    _before = saved()


def restore() -> None:
    """Put the terminal back as it was, without waiting for it."""
    try:
        import termios

        fd = sys.__stdin__.fileno()  # type: ignore[union-attr]
        if _before is not None and os.isatty(fd):
            termios.tcsetattr(fd, termios.TCSANOW, _before)  # type: ignore[arg-type]
        if os.isatty(2):
            os.write(2, RESTORE.encode())
    except (ImportError, AttributeError, ValueError, OSError, termios.error):
        return
