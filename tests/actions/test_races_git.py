"""Two people at once, again and again: exactly one wins, and the other is told who did."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from actions.test_gto import Registry
from git_teams import MANIFEST, PATH, Team, manifest_hand, quiet
from mlops_dash.errors import RefusedError

ROUNDS = 100
Act = Callable[[Any], Mapping[str, Any]]


def race(*acts: Act) -> list[Mapping[str, Any] | BaseException]:
    """Let all begin at once, and hold each before its push until all are there."""
    barrier = threading.Barrier(len(acts))
    results: list[Mapping[str, Any] | BaseException] = [{}] * len(acts)

    def work(number: int) -> None:
        held = []

        def note(words: str, evidence: Mapping[str, Any]) -> None:
            if not held:
                held.append(words)
                barrier.wait(60)

        try:
            results[number] = acts[number](note)
        except BaseException as error:
            results[number] = error
            barrier.abort()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


def split(results: list[Mapping[str, Any] | BaseException]) -> tuple[list[int], list[RefusedError]]:
    """Return who won, and what the others were told."""
    winners = [n for n, result in enumerate(results) if isinstance(result, Mapping)]
    losers = [result for result in results if not isinstance(result, Mapping)]
    assert all(isinstance(error, RefusedError) for error in losers), losers
    return winners, losers  # type: ignore[return-value]


@pytest.mark.campaign
def test_fault_61_two_people_change_one_field_at_once(tmp_path: Path) -> None:
    team = Team(tmp_path)
    people = [team.clone("ada"), team.clone("bob")]
    at = "6"
    for round_ in range(ROUNDS):
        wanted = [f"{100 + 2 * round_}", f"{101 + 2 * round_}"]
        hands = [manifest_hand(person, at, version) for person, version in zip(people, wanted, strict=True)]
        winners, losers = split(race(*(hand.act for hand in hands)))
        assert len(winners) == 1, round_
        (winner,) = winners
        at = wanted[winner]
        assert team.text() == MANIFEST.replace("model:v6", f"model:v{at}")
        (error,) = losers
        name = people[winner].root.name.title()
        assert re.search(rf"is registry/model:v{at} .* by {name}", error.message), error.message
    assert int(team.remote.git("rev-list", "--count", "main")) == 1 + ROUNDS


@pytest.mark.campaign
def test_unrelated_changes_at_once_all_arrive(tmp_path: Path) -> None:
    team = Team(tmp_path)
    ada, bob = team.clone("ada"), team.clone("bob")
    field = "spec.template.spec.containers.0.env.name=MODEL_VERSION.value"
    at = "6"
    for round_ in range(20):
        version = f"{100 + round_}"
        one = manifest_hand(ada, at, version)
        other = manifest_hand(bob, at, version, field=field, value="{version}")
        results = race(one.act, other.act)
        assert all(isinstance(result, Mapping) for result in results), results
        at = version
        assert team.text() == MANIFEST.replace("model:v6", f"model:v{at}").replace('"6"', f'"{at}"')
    assert int(team.remote.git("rev-list", "--count", "main")) == 41


@pytest.mark.campaign
def test_fault_61_two_people_assign_one_stage_at_once(tmp_path: Path) -> None:
    team = Registry(tmp_path)
    people = [team.clone("ada"), team.clone("bob")]
    at, n = "v2.0.0", 1
    for round_ in range(ROUNDS):
        wanted = [version for version in team.commits if version != at]
        hands = [
            team.hand(person, version, before_n=n, before=at, message=f"{round_} {version}")
            for person, version in zip(people, wanted, strict=True)
        ]
        winners, losers = split(race(*(hand.act for hand in hands)))
        assert len(winners) == 1, round_
        (winner,), (error,) = winners, losers
        at, n = wanted[winner], n + 1
        assert team.tags()[f"wine#production#{n}"] == team.commits[at]
        assert f"has version {at} now: by {people[winner].root.name.title()}" in error.message
    assert len(team.tags()) == 1 + ROUNDS


def test_one_race_of_each(tmp_path: Path) -> None:
    team = Registry(tmp_path / "gto")
    hands = [team.hand(team.clone(name), version) for name, version in (("ada", "v1.0.0"), ("bob", "v3.0.0"))]
    winners, losers = split(race(*(hand.act for hand in hands)))
    assert (len(winners), len(losers)) == (1, 1)
    other = Team(tmp_path / "manifest", {PATH: MANIFEST})
    changes = [
        manifest_hand(other.clone(name), "6", version) for name, version in (("ada", "4"), ("bob", "5"))
    ]
    winners, losers = split(race(*(hand.act for hand in changes)))
    assert (len(winners), len(losers)) == (1, 1)
    assert quiet("", {}) is None
