"""The alias hand and audit records on a real ``mlflow server``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actions.journalled import Says, plan_of
from actions.registries import MODEL, alias_in, alias_step, write
from conformance.mlflow_server import server
from mlops_dash.actions.audit import send_all
from mlops_dash.actions.executor import execute
from mlops_dash.actions.hands import Context, Hand, Standing, hand_of
from mlops_dash.actions.journal import Journal
from mlops_dash.actions.registry_writer import Registry, registry_of
from mlops_dash.domain.plans import Outcome, Step

pytestmark = pytest.mark.campaign


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("server")
    database = write(folder)
    with server(folder, f"sqlite:///{database}") as where:
        yield where, database


def test_a_rollback_through_a_tracking_server(address: tuple[str, Path], tmp_path: Path) -> None:
    uri, database = address
    context = Context(uri, None, tmp_path, tmp_path)
    book = Journal(tmp_path / "journal")
    plan = plan_of(alias_step(), alias_step(None, "4", "canary"))

    def hands(step: Step) -> Hand:
        return hand_of(step, context)

    assert execute(plan, book, hands, Says(), lambda _: ()) is Outcome.VERIFIED
    assert (alias_in(database), alias_in(database, "canary")) == ("4", "4")
    assert send_all(book, registry_of(uri)) == (plan.id,)
    client = Registry(uri).client
    experiment = client.get_experiment_by_name("mlops-dash")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.tags["mlops_dash.action_id"] == plan.id
    assert run.info.status == "FINISHED"
    # the next who comes with the same plan is told who was there
    other = hand_of(alias_step("6", "3"), context)
    look = other.look()
    assert (look.standing, look.found) == (Standing.OTHER, "4")
    assert look.by is not None
    assert look.by.startswith("dev1")


def test_a_failed_step_is_undone_through_a_tracking_server(address: tuple[str, Path], tmp_path: Path) -> None:
    uri, database = address
    context = Context(uri, None, tmp_path, tmp_path)
    registry_of(uri).set_alias(MODEL, "staging", "6")
    book = Journal(tmp_path / "journal")
    plan = plan_of(alias_step(alias="staging"), alias_step(None, "99", "missing"))
    outcome = execute(plan, book, lambda step: hand_of(step, context), Says(), lambda _: ())
    assert outcome is Outcome.FAILED
    assert alias_in(database, "staging") == "6"
    assert alias_in(database, "missing") is None
