"""How many folders are read at a time: few where the disk is fast, many where it keeps us waiting."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlops_dash.sources.mlflow.files import hands
from mlops_dash.sources.mlflow.files.hands import FEWEST, MOST, Hands, blocks


def under_way(monkeypatch: pytest.MonkeyPatch, busy: float) -> list[int]:
    """Work for a hundred seconds, the processor busy for that share of them; return how many were begun at
    each result."""
    now = 0.0

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return now

        @staticmethod
        def process_time() -> float:
            return now * busy

    monkeypatch.setattr(hands, "time", Clock)
    begun = 0

    def items() -> Iterator[int]:
        nonlocal begun
        for number in range(100):
            begun += 1
            yield number

    found = []
    with Hands() as some:
        for done, _ in enumerate(some.map(lambda item: item, items())):
            found.append(begun - done)
            now += 1
    return found


def test_on_a_fast_disk_a_few_work(monkeypatch: pytest.MonkeyPatch) -> None:
    assert max(under_way(monkeypatch, 1.0)) == FEWEST


def test_on_a_slow_disk_many_work(monkeypatch: pytest.MonkeyPatch) -> None:
    found = under_way(monkeypatch, 0.1)
    assert max(found) == MOST
    assert found.index(MOST) < 20


def test_results_come_in_order() -> None:
    with Hands() as some:
        assert list(some.map(lambda item: item * 2, range(50))) == list(range(0, 100, 2))
        assert list(some.map(lambda item: item, [])) == []


def test_an_error_comes_out() -> None:
    with Hands() as some, pytest.raises(ZeroDivisionError):
        list(some.map(lambda item: 1 // item, [1, 0, 1]))


def test_blocks_are_all_of_it() -> None:
    assert [list(block) for block in blocks(range(5), 2)] == [[0, 1], [2, 3], [4]]
