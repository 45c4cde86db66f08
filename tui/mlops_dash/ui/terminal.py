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
RESTORE = "".join(
    f"\x1b[{sequence}"
    for sequence in "?2004l ?2048l ?1016l ?1000l ?1003l ?1015l ?1006l ?7h <u ?1049l ?25h ?1004l".split()
)


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
