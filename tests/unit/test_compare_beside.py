"""Slow questions beside the caller: waited for within a time, remembered, and never in anybody's way."""

from __future__ import annotations

import threading
import time

from mlops_dash.domain.progress import Cancelled
from mlops_dash.errors import DashError, SourceError
from mlops_dash.project.beside import Beside, Remembered


def soon() -> float:
    return time.monotonic() + 10


def test_every_outcome_stands_by_its_key():
    def fails() -> str:
        raise SourceError("down")

    def surprises() -> str:
        raise KeyError("secret")

    def ends() -> str:
        raise Cancelled

    jobs = {"fine": lambda: "yes", "down": fails, "odd": surprises, "over": ends}
    found = Beside(jobs, 2, "test").results(soon())
    told = {key: value.message if isinstance(value, DashError) else value for key, value in found.items()}
    assert told == {
        "fine": "yes",
        "down": "down",
        "odd": "it failed unexpectedly (KeyError)",
        "over": "it was ended",
    }
    assert Beside({}, 2, "test").results(soon()) == {}


def test_what_is_late_is_not_waited_for_and_what_is_open_is_not_begun():
    release, begun = threading.Event(), []

    def waits() -> int:
        begun.append(1)
        release.wait(30)
        return 1

    work = Beside({"a": lambda: 0, "b": waits, "c": waits}, 1, "test")
    try:
        started = time.monotonic()
        assert work.results(started + 0.2) == {"a": 0}
        assert time.monotonic() - started < 5
    finally:
        release.set()
    (thread,) = [one for one in threading.enumerate() if one.name == "test"] or [threading.current_thread()]
    if thread is not threading.current_thread():
        thread.join(10)
    assert begun == [1]


def test_jobs_are_done_side_by_side():
    both = threading.Barrier(2)
    jobs = {number: lambda: both.wait(10) >= 0 for number in range(2)}
    assert Beside(jobs, 2, "test").results(soon()) == {0: True, 1: True}


def test_the_latest_answers_are_remembered():
    kept: Remembered[str, int] = Remembered(2)
    for number, key in enumerate("abc"):
        assert kept.put(key, number) == number
    assert [kept.get(key) for key in "abc"] == [None, 1, 2]
    kept.get("b")
    kept.put("d", 3)
    assert [kept.get(key) for key in "bcd"] == [1, None, 3]
    kept.put("b", 9, seconds=-1.0)
    assert kept.get("b") is None
