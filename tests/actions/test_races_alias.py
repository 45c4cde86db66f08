"""Two people move one alias at once, from two machines: MLflow offers no compare-and-swap, so nobody can be
kept out, but what each is told is true."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from actions.journalled import Says, plan_of
from actions.registries import MODEL, alias_in, alias_step, write
from mlops_dash.actions.executor import execute
from mlops_dash.actions.hands import Context, hand_of
from mlops_dash.actions.journal import Journal
from mlops_dash.actions.registry_writer import registry_of
from mlops_dash.domain.plans import Action, EventKind, Outcome

ROUNDS = 30


def act(database: Path, machine: Path, version: str, together: threading.Barrier) -> Action:
    """Carry out a rollback from version 6 on a machine of its own."""
    book = Journal(machine)
    here = Context(f"sqlite:///{database}", None, machine, machine)
    plan = plan_of(alias_step("6", version), after=version, actor=f"actor-{version}")
    together.wait(60)
    execute(plan, book, lambda step: hand_of(step, here), Says(), lambda _: ())
    action = book.action(plan.id)
    assert action is not None
    return action


@pytest.mark.campaign
def test_fault_61_each_of_two_machines_is_told_what_is_true(tmp_path: Path) -> None:
    database = write(tmp_path / "store")
    both = 0
    for round_ in range(ROUNDS):
        registry_of(f"sqlite:///{database}").set_alias(MODEL, "production", "6")
        together, done = threading.Barrier(2), dict[str, Action]()

        def work(
            version: str, together: threading.Barrier = together, done: dict[str, Action] = done
        ) -> None:
            done[version] = act(database, tmp_path / version, version, together)

        threads = [threading.Thread(target=work, args=(version,)) for version in ("4", "5")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        now = alias_in(database)
        verified = {version for version, one in done.items() if one.outcome is Outcome.VERIFIED}
        assert now in verified, (round_, done)
        both += len(verified) == 2
        for version in {"4", "5"} - verified:
            loser = done[version]
            words = next(e.words for e in reversed(loser.events) if e.kind is EventKind.OUTCOME)
            assert loser.outcome in (Outcome.REFUSED, Outcome.FAILED), words
            assert f"version {now}" in words, words
    print(f"both were told verified, one after the other, in {both} of {ROUNDS} rounds")
