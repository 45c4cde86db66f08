"""Audit records: one run for each action in the team's own store, sent when it can be, without secrets."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.journalled import FileHand, Says, plan_of, step
from actions.registries import write
from mlops_dash.actions import audit
from mlops_dash.actions.audit import LONGEST, send_all, tags_of
from mlops_dash.actions.executor import execute, resume
from mlops_dash.actions.journal import Journal
from mlops_dash.actions.registry_writer import Registry
from mlops_dash.actions.verifying import Proof
from mlops_dash.domain.plans import Action, Event, EventKind, Outcome, Plan
from mlops_dash.errors import DashError


@pytest.fixture
def book(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(f"sqlite:///{write(tmp_path / 'store')}")


def done(book: Journal, folder: Path, plan: Plan, proof: Proof = Proof.SERVED) -> Action:
    """Carry a plan out on a file."""
    hand = FileHand(folder / "system")
    hand.put("6")
    execute(plan, book, lambda _: hand, Says(proof), lambda _: ())
    action = book.action(plan.id)
    assert action is not None
    return action


def records(registry: Registry) -> list[Any]:
    client = registry.client
    experiment = client.get_experiment_by_name("mlops-dash")
    return list(client.search_runs([experiment.experiment_id])) if experiment else []


def test_everything_that_a_teammate_needs_is_in_it(book: Journal, registry: Registry, tmp_path: Path) -> None:
    plan = plan_of(step("one"), asks=True, undoes="20261125T000000Z-0a1b2c3d")
    done(book, tmp_path, plan)
    assert send_all(book, registry) == (plan.id,)
    (run,) = records(registry)
    tags = {name.removeprefix("mlops_dash."): value for name, value in run.data.tags.items()}
    expected = {
        "audit": "1",
        "action_id": plan.id,
        "kind": "rollback",
        "environment": "production",
        "model": "wine",
        "before": "6",
        "after": "4",
        "outcome": "verified",
        "reason": "it answers too slowly",
        "actor": "dev1",
        "host": "here",
        "undoes": "20261125T000000Z-0a1b2c3d",
        "mlflow.user": "dev1",
    }
    assert {name: tags[name] for name in expected} == expected
    assert tags["begun_at"] < tags["ended_at"]
    assert tags["begun_at"].endswith("Z")
    assert json.loads(tags["plan"])["id"] == plan.id
    (told,) = json.loads(tags["steps"])
    assert (told["id"], told["state"]) == ("one", "accepted")
    assert told["sent_at"] <= told["accepted_at"]
    assert json.loads(tags["evidence"])["seen"][0]["words"] == "an answer: served"
    assert run.info.run_name == "rollback production 6 → 4"
    assert run.info.status == "FINISHED"
    assert run.info.end_time >= run.info.start_time
    action = book.action(plan.id)
    assert action is not None
    assert action.audit_run == run.info.run_id


def test_it_is_sent_once(book: Journal, registry: Registry, tmp_path: Path) -> None:
    plan = plan_of()
    action = done(book, tmp_path, plan)
    run = audit.send(action, registry)  # and killed before it was written down
    assert send_all(book, registry) == (plan.id,)
    assert send_all(book, registry) == ()
    assert [one.info.run_id for one in records(registry)] == [run]


@pytest.mark.parametrize("proof", [Proof.NOT_SERVED, Proof.NOTHING])
def test_what_failed_is_a_failed_run(book: Journal, registry: Registry, tmp_path: Path, proof: Proof) -> None:
    done(book, tmp_path, plan_of(asks=True), proof)
    send_all(book, registry)
    (run,) = records(registry)
    assert run.info.status == "FAILED"
    assert run.data.tags["mlops_dash.outcome"] == ("failed" if proof is Proof.NOT_SERVED else "unknown")
    assert ("mlops_dash.unserved" in run.data.tags) == (proof is Proof.NOT_SERVED)


def test_a_later_outcome_is_written_over_the_unknown_one(
    book: Journal, registry: Registry, tmp_path: Path
) -> None:
    plan = plan_of(asks=True)
    done(book, tmp_path, plan, Proof.NOTHING)
    send_all(book, registry)
    log = book.take_up(plan.id)
    assert log is not None
    with log:
        resume(log, lambda _: FileHand(tmp_path / "system"), Says(), lambda _: ())
    assert send_all(book, registry) == (plan.id,)
    (run,) = records(registry)
    assert (run.info.status, run.data.tags["mlops_dash.outcome"]) == ("FINISHED", "verified")


def test_a_store_that_is_away_gets_it_later(book: Journal, tmp_path: Path) -> None:
    plan = plan_of()
    done(book, tmp_path, plan)
    away = Registry(f"sqlite:///{tmp_path}/store/mlflow.db")
    assert send_all(book, away) == ()
    assert send_all(book, away) == ()
    assert not (tmp_path / "store").exists()
    action = book.action(plan.id)
    assert action is not None
    assert action.outcome is Outcome.VERIFIED
    waits = [event for event in action.events if event.kind is EventKind.NOTE and "waits" in event.words]
    assert len(waits) == 1
    write(tmp_path / "store")
    assert send_all(book, away) == (plan.id,)


def test_a_store_of_another_schema_is_not_migrated(book: Journal, registry: Registry, tmp_path: Path) -> None:
    done(book, tmp_path, plan_of())
    database = tmp_path / "store" / "mlflow.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("update alembic_version set version_num = '0584bdc529eb'")
        connection.commit()
    content = database.read_bytes()
    assert send_all(book, registry) == ()
    assert database.read_bytes() == content


def test_a_deleted_experiment_is_taken_up_again(book: Journal, registry: Registry, tmp_path: Path) -> None:
    done(book, tmp_path, plan_of())
    send_all(book, registry)
    experiment = registry.client.get_experiment_by_name("mlops-dash")
    registry.client.delete_experiment(experiment.experiment_id)
    done(book, tmp_path, plan_of())
    assert len(send_all(book, registry)) == 1


def test_no_secret_is_in_it(
    book: Journal, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc123secret")
    plan = plan_of(
        step("one", remote="https://me:hunter22@host/x.git"),
        reason="password=swordfish, token abc123secret",
        actor="dev1 abc123secret",
    )
    done(book, tmp_path, plan)
    send_all(book, registry)
    (run,) = records(registry)
    told = json.dumps(dict(run.data.tags))
    for secret in ("hunter22", "swordfish", "abc123secret"):
        assert secret not in told


@given(
    reason=st.text(max_size=12_000),
    words=st.text(max_size=12_000),
    names=st.lists(st.text(max_size=300), min_size=2, max_size=2),
    many=st.integers(1, 400),
)
@settings(max_examples=40, deadline=None)
def test_every_tag_is_within_mlflows_bounds(reason: str, words: str, names: list[str], many: int) -> None:
    from datetime import UTC, datetime

    plan = plan_of(
        *(step(f"s{number}", text=words[:300]) for number in range(many % 30 + 1)),
        reason=reason,
        environment=names[0],
        model=names[1],
    )
    now = datetime.now(UTC)
    events = [Event(now, EventKind.INTENT)] + [Event(now, EventKind.SEEN, None, words)] * many
    events.append(Event(now, EventKind.OUTCOME, None, words, {"outcome": "failed", "words": words}))
    tags = tags_of(Action(plan, tuple(events), Outcome.FAILED, running=False, audit_run=None, log=""))
    for name, value in tags.items():
        assert len(value) <= LONGEST, name
        assert "\0" not in value
    for name in ("plan", "steps", "evidence"):
        told = json.loads(tags[f"mlops_dash.{name}"])
        if isinstance(told, dict) and told.get("cut"):
            assert told["characters"] > LONGEST


def test_a_hostile_reason_is_kept_as_it_is(book: Journal, registry: Registry, tmp_path: Path) -> None:
    reason = "\x1b]52;c;aGk=\x07 [/b] ${x} \N{RIGHT-TO-LEFT OVERRIDE} 💥"
    done(book, tmp_path, plan_of(reason=reason))
    send_all(book, registry)
    (run,) = records(registry)
    assert run.data.tags["mlops_dash.reason"] == reason


def test_a_broken_store_does_not_undo_what_was_done(book: Journal, tmp_path: Path) -> None:
    action = done(book, tmp_path, plan_of())
    with pytest.raises(DashError):
        audit.send(action, Registry("http://127.0.0.1:1"))
    assert action.outcome is Outcome.VERIFIED
