"""Planners are pure: the same facts make the same plan, and what cannot be done safely is refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_dash.actions.plan_json import plan_of, plan_to_json
from mlops_dash.actions.planning import (
    AliasFacts,
    Facts,
    GtoFacts,
    ManifestFacts,
    ProcessFacts,
    make_plan,
)
from mlops_dash.domain.environments import Basis
from mlops_dash.domain.plans import ActionKind, Plan, Tick, Version
from mlops_dash.errors import RefusedError
from saying import harmless

BASE = "b" * 40
COMMIT = "c" * 40
V4 = Version("wine", "4", "r4", "m-4", ("/models/4",))
V6 = Version("wine", "6", "r6", "m-6", ("/models/6",))
MANIFEST = ManifestFacts(
    "deploy/prod.yaml", "image.tag", "main", "origin", "wine:{version}", "wine:6", "6", BASE
)
GTO = GtoFacts("production", "6", 3, COMMIT, False, "origin")


def facts(**changes: Any) -> Facts:
    """An environment with an alias at version 6 that goes back to 4."""
    known: dict[str, Any] = {
        "kind": ActionKind.ROLLBACK,
        "environment": "production",
        "model": "wine",
        "target": "alias",
        "protected": False,
        "via": "alias",
        "declared": "6",
        "before": V6,
        "basis": Basis.DECLARED,
        "after": V4,
        "asks": False,
        "actor": "ada",
        "host": "desk",
        "made_at": datetime(2026, 11, 26, 4, 32, 8, tzinfo=UTC),
        "token": "1f2e3d4c",
        "status": "READY",
        "alias": AliasFacts("production", "6"),
    }
    return Facts(**known | changes)


def kinds(plan: Plan) -> list[str]:
    return [step.kind for step in plan.steps]


def conditions(plan: Plan) -> list[str]:
    return [condition.id for condition in plan.preconditions]


def test_an_alias_is_moved() -> None:
    plan = make_plan(facts())
    assert plan.id == "20261126T043208Z-1f2e3d4c"
    assert kinds(plan) == ["alias"]
    (step,) = plan.steps
    assert step.arguments == {"model": "wine", "alias": "production", "before": "6", "after": "4"}
    assert step.effect == 'client.set_registered_model_alias("wine", "production", "4")'
    assert step.undo == 'client.set_registered_model_alias("wine", "production", "6")'
    assert "best effort" in (step.caution or "")
    assert conditions(plan) == [
        "rights", "journal", "alone", "unchanged", "version", "artifacts", "controller", "signature",
    ]  # fmt: skip
    assert all(condition.tick is Tick.OPEN for condition in plan.preconditions)


def test_an_alias_that_is_not_there_yet_is_set_and_taken_away_again() -> None:
    (step,) = make_plan(facts(alias=AliasFacts("production", None), before=None)).steps
    assert step.title.startswith("set the alias production")
    assert step.undo == 'client.delete_registered_model_alias("wine", "production")'
    assert step.arguments["before"] is None


def test_the_alias_follows_only_after_the_server() -> None:
    process = ProcessFacts("127.0.0.1", 5001, V6)
    plan = make_plan(facts(target="process", process=process, asks=True, basis=Basis.OBSERVED))
    assert kinds(plan) == ["process", "alias"]
    assert plan.steps[0].arguments == {
        "environment": "production", "model": "wine", "host": "127.0.0.1", "port": 5001,
        "before": {"version": "6", "run_id": "r6", "model_id": "m-6"},
        "after": {"version": "4", "run_id": "r4", "model_id": "m-4"},
        "locations": ["/models/4"], "answers": 3,
    }  # fmt: skip
    assert "target" in conditions(plan)
    unchanged = next(one for one in plan.preconditions if one.id == "unchanged")
    assert unchanged.title == "production still serves version 6"


def test_what_is_there_already_is_left_out() -> None:
    process = ProcessFacts("127.0.0.1", 5001, V4)
    assert kinds(make_plan(facts(process=process))) == ["alias"]
    assert kinds(make_plan(facts(process=process, alias=AliasFacts("production", "4")))) == []
    assert kinds(make_plan(facts(process=ProcessFacts("h", 1, V6), alias=AliasFacts("a", "4")))) == [
        "process"
    ]
    nothing = make_plan(facts(alias=AliasFacts("production", "4")))
    assert (nothing.steps, nothing.preconditions) == ((), ())


def test_a_manifest_is_changed_where_it_is_read_from() -> None:
    plan = make_plan(facts(target="gitops", via="manifest", manifest=MANIFEST))
    assert kinds(plan) == ["alias", "manifest"]
    step = plan.steps[1]
    assert step.arguments == {
        "path": "deploy/prod.yaml", "field": "image.tag", "branch": "main", "remote": "origin",
        "value": "wine:{version}", "before": "wine:6", "after": "wine:4", "base": BASE, "message": "",
    }  # fmt: skip
    assert "wine:6 → wine:4" in step.effect
    assert "--force-with-lease=main:bbbbbbb" in step.effect
    assert {"remote", "controller"} <= set(conditions(plan))


def test_a_stage_is_assigned_with_the_next_number() -> None:
    plan = make_plan(facts(target="gto", via="gto", alias=None, gto=GTO, status=None))
    assert kinds(plan) == ["gto"]
    (step,) = plan.steps
    assert step.arguments == {
        "model": "wine", "stage": "production", "version": "4", "commit": COMMIT, "remote": "origin",
        "before_n": 3, "before": "6", "message": "",
    }  # fmt: skip
    assert "'wine#production#4'" in step.effect


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"status": None}, "the registry has no version 4 of wine"),
        ({"status": "PENDING_REGISTRATION"}, "is not ready"),
        ({"stage": "Production", "via": "stage", "alias": None}, "legacy stage Production"),
        ({"manifest": replace(MANIFEST, base=None)}, "there is no branch origin/main here"),
        (
            {"manifest": replace(MANIFEST, text="beer:6", version=None)},
            "holds “beer:6”, not “wine:{version}”",
        ),
        ({"manifest": replace(MANIFEST, text=None, version=None)}, "holds nothing"),
        ({"manifest": MANIFEST, "after": replace(V4, version="$(rm)")}, "no version that a manifest could"),
        ({"gto": replace(GTO, commit=None)}, "no GTO tag registers version 4"),
        ({"gto": replace(GTO, deprecated=True)}, "was deprecated with GTO"),
        ({"gto": replace(GTO, remote=None)}, "no remote"),
        ({"process": ProcessFacts("h", 1, V6), "after": replace(V4, locations=())}, "does not say where"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(RefusedError, match=re.escape(told)) as refused:
        make_plan(facts(**changes))
    assert refused.value.remedy


def test_a_server_is_changed_though_a_stage_declares_it_and_the_drift_is_told() -> None:
    process = ProcessFacts("127.0.0.1", 0, V6)
    plan = make_plan(facts(process=process, stage="Production", via="stage", alias=None))
    assert kinds(plan) == ["process"]
    (declared,) = [one for one in plan.preconditions if one.id == "declared"]
    assert (declared.tick, declared.blocking) == (Tick.FAILS, False)
    assert "drift" in declared.detail


@pytest.mark.parametrize(
    ("basis", "before", "told"),
    [
        (Basis.OBSERVED, V6, "declared for production already, but production serves version 6"),
        (Basis.UNKNOWN, None, "declared for production already, but production does not say what it serves"),
        (Basis.UNKNOWN, V4, "declared for production already, but production does not say what it serves"),
    ],
)
def test_what_is_declared_and_not_served_is_not_called_there(
    basis: Basis, before: Version | None, told: str
) -> None:
    known = facts(target="http", asks=True, basis=basis, before=before, alias=AliasFacts("production", "4"))
    with pytest.raises(RefusedError, match=told):
        make_plan(known)
    assert make_plan(replace(known, basis=Basis.OBSERVED, before=V4)).steps == ()


def test_what_is_known_to_be_bad_and_what_is_only_declared_elsewhere_is_told() -> None:
    plan = make_plan(facts(bad="rolled back from on 2026-11-20", source="staging", source_observed=False))
    told = {one.id: one for one in plan.preconditions}
    assert (told["good"].tick, told["good"].blocking) == (Tick.FAILS, False)
    assert told["good"].detail == "rolled back from on 2026-11-20"
    assert told["source"].tick is Tick.UNKNOWN
    assert make_plan(facts(source="staging")).preconditions[3].tick is Tick.HOLDS


NAMES = st.text(min_size=1, max_size=30)
VERSIONS = st.from_regex(r"[0-9]{1,4}", fullmatch=True)
ODD = VERSIONS | NAMES


@st.composite
def places(draw: Any) -> Facts:
    model, old, new = draw(NAMES), draw(ODD), draw(VERSIONS)
    before, after = Version(model, old), Version(model, new, locations=(draw(NAMES),))
    at = st.sampled_from([old, new])
    serves = draw(st.sampled_from([None, before, Version(model, new)]))
    manifest = replace(MANIFEST, path=draw(NAMES), version=draw(at), text=draw(NAMES))
    gto = replace(GTO, version=draw(at), highest=draw(st.integers(0, 99)))
    return facts(
        environment=draw(NAMES),
        model=model,
        before=before,
        after=after,
        process=draw(st.sampled_from([None, ProcessFacts("127.0.0.1", 5001, serves)])),
        alias=draw(st.sampled_from([None, AliasFacts(draw(NAMES), draw(st.none() | at))])),
        manifest=draw(st.sampled_from([None, manifest])),
        gto=draw(st.sampled_from([None, gto])),
    )


@given(places())
@settings(max_examples=200, deadline=None)
def test_every_plan_is_in_order_says_all_and_survives_a_journal(known: Facts) -> None:
    plan = make_plan(known)
    assert kinds(plan) == sorted(kinds(plan), key=["process", "alias", "manifest", "gto"].index)
    assert len({step.id for step in plan.steps}) == len(plan.steps)
    assert bool(plan.preconditions) == bool(plan.steps)
    there = {
        "process": known.process and known.process.serves and known.process.serves.version,
        "alias": known.alias and known.alias.version,
        "manifest": known.manifest and known.manifest.version,
        "gto": known.gto and known.gto.version,
    }
    asked = {kind for kind in there if getattr(known, kind) is not None}
    assert set(kinds(plan)) == {kind for kind in asked if there[kind] != known.after.version}
    for step in plan.steps:
        assert step.effect
        assert step.undo
        for told in (step.title, step.effect, step.undo):
            assert harmless(told)
    # JSON holds no lone surrogates, which is all that a journal changes
    text = json.dumps(plan_to_json(plan))
    if "\\ud" not in text:
        assert plan_of(json.loads(text)) == plan
    assert make_plan(known) == plan
