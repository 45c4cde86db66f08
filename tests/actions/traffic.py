"""A client that sends requests to a model server at a steady rate, and counts those that fail.

Half of its workers keep their connections, as HTTP clients do; the others take a new one for every request.
Nothing is ever sent twice: a request that fails, fails. Run as a program it asks until its stdin ends.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

WORKERS = 32
REQUEST = json.dumps({"dataframe_records": [{"x": 1}]}).encode()
_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Report:
    """What came of the requests.

    Attributes:
        versions: how many answers each version gave.
        order: versions in the order in which their first answers came.
        rate: requests sent in a second.
        worst: seconds of the slowest answer.
        failures: what the first ones were.
    """

    sent: int
    failed: int
    versions: dict[str, int]
    order: list[str]
    rate: float
    worst: float
    failures: list[str]


class Traffic:
    """Traffic upon an address while the block runs; ``report`` is there when it has ended."""

    report: Report

    def __init__(self, url: str, rate: float = 200.0) -> None:
        command = [sys.executable, str(Path(__file__)), url, str(rate)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Traffic:
        """Return when the first answers have come."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "flowing\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        output, _ = self._process.communicate("")
        self.report = Report(**json.loads(output))


class _Count:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sent = self.failed = 0
        self.versions: Counter[str] = Counter()
        self.failures: list[str] = []
        self.worst = 0.0
        self.ended = threading.Event()
        self.flowing = threading.Semaphore(0)


def _work(url: str, pause: float, offset: float, keep: bool, count: _Count) -> None:
    parts = urlsplit(url)
    assert parts.hostname is not None
    due = time.perf_counter() + offset
    connection: http.client.HTTPConnection | None = None
    headers = {"content-type": "application/json"} | ({} if keep else {"connection": "close"})
    first = True
    while not count.ended.wait(max(0.0, due - time.perf_counter())):
        due += pause
        began = time.perf_counter()
        try:
            if connection is None:
                connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT)
            connection.request("POST", "/invocations", REQUEST, headers)
            answer = connection.getresponse()
            body = answer.read()
            version = answer.headers.get("x-mlflow-model-version", "none")
            problem = None
            if answer.status != 200 or json.loads(body) != {"predictions": [float(version)]}:
                problem = f"HTTP {answer.status}: version {version}: {body[:200]!r}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            problem, version = f"{type(error).__name__}: {error} (keeps: {keep})", "none"
            if connection is not None:
                connection.close()
        if not keep and connection is not None:
            connection.close()
            connection = None
        with count.lock:
            count.sent += 1
            count.worst = max(count.worst, time.perf_counter() - began)
            if problem is None:
                count.versions[version] += 1
            else:
                count.failed += 1
                count.failures.append(problem)
        if first:
            first = False
            count.flowing.release()


def _main(url: str, rate: float) -> None:
    count = _Count()
    pause = WORKERS / rate
    threads: list[threading.Thread] = []
    began = time.perf_counter()
    for number in range(WORKERS):
        arguments: tuple[Any, ...] = (url, pause, number / rate, number % 2 == 0, count)
        threads.append(threading.Thread(target=_work, args=arguments))
        threads[-1].start()
    for _ in threads:
        count.flowing.acquire()
    print("flowing", flush=True)
    sys.stdin.read()
    count.ended.set()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    report = {
        "sent": count.sent,
        "failed": count.failed,
        "versions": dict(count.versions),
        "order": list(count.versions),
        "rate": count.sent / seconds,
        "worst": count.worst,
        "failures": count.failures[:10],
    }
    print(json.dumps(report))


if __name__ == "__main__":
    _main(sys.argv[1], float(sys.argv[2]))
