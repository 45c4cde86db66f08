"""Fault 66 for aliases: killed at every boundary, an action ends in what the registry really has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from actions.crashing import Kill, Zygote, kill_everywhere
from actions.journalled import plan_of
from actions.registries import alias_step, write
from actions.scenes_alias import scene
from mlops_dash.actions.plan_json import encoded, plan_to_json
from mlops_dash.domain.plans import Outcome, Plan

pytestmark = pytest.mark.campaign


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("actions.scenes_alias:scene") as made:
        yield made


@pytest.fixture
def world_of(tmp_path: Path) -> Callable[[Callable[[], Plan]], Callable[[], Path]]:
    """Make worlds in which a plan is to be carried out: each has a store, a journal and an id of its own."""
    numbers = count()

    def of(plan: Callable[[], Plan]) -> Callable[[], Path]:
        def made() -> Path:
            folder = tmp_path / f"{next(numbers)}"
            write(folder)
            (folder / "plan.json").write_bytes(encoded(plan_to_json(plan())))
            return folder

        return made

    return of


def outcomes(kills: list[Kill]) -> set[str | None]:
    return {kill.outcome for kill in kills}


def test_fault_66_a_rollback_survives_every_kill(
    zygote: Zygote, world_of: Callable[..., Callable[[], Path]]
) -> None:
    kills = kill_everywhere(zygote, world_of(lambda: plan_of(alias_step())), scene)
    assert len(kills) >= 40
    # killed before its intent was written there is no action; from then on it is finished
    assert outcomes(kills) == {None, Outcome.VERIFIED}


def test_fault_66_a_rollback_that_is_undone_survives_every_kill(
    zygote: Zygote, world_of: Callable[..., Callable[[], Path]]
) -> None:
    world = world_of(lambda: plan_of(alias_step(), asks=True))
    kills = kill_everywhere(zygote, world, scene, proof="not served")
    assert len(kills) >= 60
    assert outcomes(kills) == {None, Outcome.FAILED}


def test_fault_66_an_alias_that_was_not_there_is_taken_away_again(
    zygote: Zygote, world_of: Callable[..., Callable[[], Path]]
) -> None:
    steps = alias_step(before=None, alias="canary"), alias_step(before=None, after="99", alias="missing")
    world = world_of(lambda: plan_of(*steps, before=None))
    kills = kill_everywhere(zygote, world, scene)
    assert len(kills) >= 40
    assert outcomes(kills) == {None, Outcome.FAILED}
