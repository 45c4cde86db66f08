"""Runs one command within its limits, and writes down what became of it.

Started as a program of its own, on this machine or on a node of a cluster, by ``python -I launch.py FOLDER``:
it needs the standard library alone. ``FOLDER/task.json`` says what to do (see
:func:`mlops_dash.runners.base.specification`); ``state.json`` and ``end.json`` say what was done; a file
``cancel`` asks it to stop. It holds ``FOLDER/lock`` as long as it runs, so a second one for the same job
leaves.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import IO, Any

_EVERY = 0.2  # seconds between two looks
_PROCESSES_EVERY = 1.0  # seconds between two looks at all processes, which takes time from the command
_DISK_EVERY = 2.0  # seconds between two looks at the disk
_GRACE = 5.0  # seconds between asking the processes to end and ending them
_FREE = 200_000_000  # bytes that are left free on the disk
_TAIL = 200_000  # bytes of the end of a long output that are kept beside its beginning
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of Linux's prctl(2)


def main() -> int:
    """Do what the folder says."""
    folder = Path(sys.argv[1])
    with open(folder / "lock", "ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return 0
        if (folder / "end.json").exists():
            return 0
        _say()
        for one in (signal.SIGINT, signal.SIGHUP):
            signal.signal(one, signal.SIG_IGN)
        task = json.loads((folder / "task.json").read_text("utf-8"))
        launch = _Launch(folder, task)
        signal.signal(signal.SIGTERM, launch.told_to_stop)
        _write(folder / "end.json", launch.run())
    return 0


def _say() -> None:
    with contextlib.suppress(OSError):
        os.write(1, b"ready\n")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(null, descriptor)


class _Launch:
    """One command on its way."""

    def __init__(self, folder: Path, task: dict[str, Any]) -> None:
        self._folder = folder
        self._task = task
        self._stopped = False
        self._memory = 0
        self._slot: IO[bytes] | None = None
        self._processes_at = self._disk_at = 0.0

    def told_to_stop(self, *_: object) -> None:
        """A signal of the machine's or the cluster's: it ends as when it is cancelled."""
        self._stopped = True

    def run(self) -> dict[str, Any]:
        """Wait for a place, run the command, and tell how it ended."""
        self._state("queued")
        if not self._take_slot():
            return {"code": None, "how": "cancelled", "words": "cancelled before it began", "seconds": 0.0}
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)  # what its children leave behind becomes ours
        began = time.monotonic()
        with open(self._folder / "output.log", "wb", buffering=0) as log:
            os.chmod(log.fileno(), 0o600)
            try:
                process = subprocess.Popen(
                    self._task["argv"],
                    cwd=self._task["cwd"],
                    env={**self._task["variables"], **_kept(self._task.get("keeps", []))},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                words = f"{self._task['argv'][0]} cannot be started: {_reason(error)}"
                log.write(f"{words}\n".encode("utf-8", "replace"))
                return {"code": None, "how": "not started", "words": words, "seconds": 0.0}
            self._state("running", process.pid)
            output = _Output(log, int(self._task["output"]))
            how, words = self._watch(process, output, began)
            output.close()
        return {
            "code": process.returncode if how == "exited" else None,
            "how": how,
            "words": words,
            "seconds": round(time.monotonic() - began, 3),
            "memory": self._memory,
        }

    def _watch(self, process: subprocess.Popen[bytes], output: _Output, began: float) -> tuple[str, str]:
        """Follow the command to its end; end it where it takes more than it may."""
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        found: tuple[str, str] | None = None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            looked = 0.0
            while process.poll() is None and found is None:
                if selector.select(_EVERY) and not output.take(process.stdout):
                    selector.unregister(process.stdout)  # it has closed its output and goes on
                    selector.register(_Never().reading, selectors.EVENT_READ)
                if time.monotonic() - looked >= _EVERY:
                    looked = time.monotonic()
                    found = self._exceeded(looked - began)
        self._end_all(process)
        output.take(process.stdout)
        if found is not None:
            return found
        code = process.returncode
        if self._stopped and code != 0:
            return "cancelled", "it was cancelled"  # a cluster signals the command as well
        if code < 0:
            return "exited", f"it was ended by {_signal(-code)}"
        return "exited", f"it exited with {code}"

    def _exceeded(self, seconds: float) -> tuple[str, str] | None:
        task = self._task
        if self._stopped or (self._folder / "cancel").exists():
            return "cancelled", "it was cancelled"
        if seconds > task["seconds"]:
            return "time", f"it was stopped after {task['seconds']:g} s, the longest that it may take"
        if time.monotonic() - self._processes_at > _PROCESSES_EVERY:
            self._processes_at = time.monotonic()
            used = sum(_resident(pid) for pid in _descendants())
            self._memory = max(self._memory, used)
            if task["memory"] is not None and used > task["memory"]:
                may = _size(task["memory"])
                return "memory", f"it was stopped at {_size(used)} of memory: it may take {may}"
        if time.monotonic() - self._disk_at > _DISK_EVERY:
            self._disk_at = time.monotonic()
            return self._disk()
        return None

    def _disk(self) -> tuple[str, str] | None:
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(self._folder).free
            if free < _FREE:
                return "disk", f"it was stopped with {_size(free)} left on the disk"
        if self._task["disk"] is not None and self._task["grows"] is not None:
            used = _grown(Path(self._task["grows"]))
            if used > self._task["disk"]:
                return (
                    "disk",
                    f"it was stopped at {_size(used)} of files: it may write {_size(self._task['disk'])}",
                )
        return None

    def _end_all(self, process: subprocess.Popen[bytes]) -> None:
        """End the command and all that it started, also what has left its session."""
        end = time.monotonic() + _GRACE
        asked: set[int] = set()
        while True:
            left = _descendants()
            process.poll()
            if not left and process.returncode is not None:
                return
            for pid in left:
                sign = signal.SIGKILL if time.monotonic() > end else signal.SIGTERM
                if sign is signal.SIGKILL or pid not in asked:
                    asked.add(pid)
                    with contextlib.suppress(OSError):
                        os.kill(pid, sign)
            _reap(process.pid)
            time.sleep(0.02)

    def _take_slot(self) -> bool:
        """Wait until fewer than so many commands run on this machine; ``False`` where it is cancelled."""
        if self._task["slots"] is None:
            return True
        folder = Path(self._task["slots"])
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while not (self._stopped or (self._folder / "cancel").exists()):
            for number in range(max(1, int(self._task["count"]))):
                slot = open(folder / str(number), "ab")  # noqa: SIM115 - held until this process ends
                try:
                    fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    slot.close()
                    continue
                self._slot = slot
                return True
            time.sleep(_EVERY)
        return False

    def _state(self, state: str, pid: int | None = None) -> None:
        _write(self._folder / "state.json", {"state": state, "pid": pid, "launcher": os.getpid()})


class _Output:
    """The log of a command: its beginning as it comes, and the end of what would be too long."""

    def __init__(self, log: IO[bytes], limit: int) -> None:
        self._log = log
        self._room = max(0, limit - _TAIL)
        self._tail: deque[bytes] = deque()
        self._kept = 0
        self._left_out = 0
        self._broken = False

    def take(self, stream: IO[bytes]) -> bool:
        """Take what can be read now; ``False`` where nothing more will come."""
        while True:
            try:
                data = os.read(stream.fileno(), 65536)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            self._add(data)
            if self._left_out:
                return True  # a flood: look at the limits in between

    def _add(self, data: bytes) -> None:
        fits, rest = data[: self._room], data[self._room :]
        self._room -= len(fits)
        self._write(fits)
        if rest:
            self._tail.append(rest)
            self._kept += len(rest)
            self._left_out += len(rest)
            while self._kept - len(self._tail[0]) >= _TAIL:
                self._kept -= len(self._tail.popleft())

    def close(self) -> None:
        """Write the end of what was too long."""
        if self._left_out > self._kept:
            self._write(f"\n… {self._left_out - self._kept:,} bytes are left out …\n".encode())
        self._write(b"".join(self._tail))

    def _write(self, data: bytes) -> None:
        if data and not self._broken:
            try:
                self._log.write(data)
            except OSError:
                self._broken = True  # a full disk: the command is stopped for it


class _Never:
    """Something to wait for that never comes."""

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe()


def _descendants() -> list[int]:
    """Return the processes that this one has started, and theirs, as far as Linux tells."""
    children: dict[int, list[int]] = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    for name in names:
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            stat = Path("/proc", name, "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            if stat[0] != "Z":
                children.setdefault(int(stat[1]), []).append(int(name))
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc", str(pid), "statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0


def _reap(command: int) -> None:
    """Let go of processes that were left to us and have ended; the command itself is waited for elsewhere."""
    for name in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if name.isdigit() and int(name) != command:
            with contextlib.suppress(OSError, IndexError):
                stat = Path("/proc", name, "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
                if stat[0] == "Z" and int(stat[1]) == os.getpid():
                    os.waitpid(int(name), os.WNOHANG)


def _grown(folder: Path) -> int:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(root, name)).st_blocks * 512
    return total


def _kept(names: list[str]) -> dict[str, str]:
    """Return variables of our own that the command gets: a cluster says by them what it may use."""
    return {name: os.environ[name] for name in names if name in os.environ}


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def _write(path: Path, told: dict[str, Any]) -> None:
    """Write JSON whole or not at all."""
    aside = path.with_suffix(".new")
    with open(aside, "w", encoding="utf-8") as file:
        json.dump(told, file)
        file.flush()
        with contextlib.suppress(OSError):
            os.fsync(file.fileno())
    aside.replace(path)


if __name__ == "__main__":
    sys.exit(main())
