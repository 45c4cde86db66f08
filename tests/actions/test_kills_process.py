"""Kill -9 of the acting process at every boundary of a handover, and of the servers while they hand over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from actions import scenes_process
from actions.crashing import TESTS, Kill, Zygote, check_truth, kill_everywhere
from mlops_dash.actions import executor, spawning

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(900)]

PRELOAD = ["mlops_dash.actions.handover", "mlops_dash.targets.observe", "psutil", "httpx", "yaml"]


@pytest.fixture(autouse=True)
def _light_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setattr(spawning, "SERVER_MODULE", "actions.light_server")


@pytest.fixture
def zygote(_light_servers: None) -> Iterator[Zygote]:
    with Zygote("actions.scenes_process:scene", preload=PRELOAD) as made:
        yield made


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Make a new world at each call; nothing of it runs on after the test."""
    numbers = count()

    def make(**how: bool) -> Path:
        return scenes_process.make_world(tmp_path / str(next(numbers)), **how)

    yield make
    scenes_process.end_all(tmp_path)


def outcomes(kills: list[Kill]) -> Counter[str | None]:
    return Counter(kill.outcome for kill in kills)


def test_fault_66_a_handover_killed_anywhere_is_finished_or_taken_back(
    zygote: Zygote, worlds: Callable[..., Path]
) -> None:
    kills = kill_everywhere(zygote, worlds, scenes_process.scene, every=4)
    found = outcomes(kills)
    assert len(kills) >= 30
    assert found["verified"] >= 20  # it is finished wherever it can be
    assert set(found) <= {"verified", "failed", "refused", None}


def test_fault_66_a_failing_handover_killed_anywhere_leaves_the_old_server(
    zygote: Zygote, worlds: Callable[..., Path]
) -> None:
    kills = kill_everywhere(zygote, lambda: worlds(fails=True), scenes_process.scene, every=3)
    found = outcomes(kills)
    assert len(kills) >= 15
    assert not found["verified"]


def test_fault_66_a_start_killed_anywhere_starts_one_server(
    zygote: Zygote, worlds: Callable[..., Path]
) -> None:
    kills = kill_everywhere(zygote, lambda: worlds(runs=False), scenes_process.scene, every=3, runs=False)
    found = outcomes(kills)
    assert len(kills) >= 15
    assert found["verified"]


def test_fault_66_a_server_killed_while_it_takes_over_costs_no_version(
    worlds: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in count(1):
        folder = worlds()
        mark = folder / "killed"
        monkeypatch.setenv("KILL_SERVER_AT", f"{scenes_process.AFTER}:{number}:{mark}")
        found = scenes_process.scene(folder, within=10.0)
        executor.execute(found.plan, found.journal, found.hands, found.verifier, found.check)
        check_truth(found, [f"the new server at {number}"])
        found.clean()
        if not mark.exists():
            break
    assert number > 6
