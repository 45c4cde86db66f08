"""No request is lost: a client that sends 200 a second, through handovers, failures and kill -9."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from actions import scenes_process
from actions.crashing import TESTS, Zygote, check_truth
from actions.scenes_process import end_all, make_world, processes, served
from actions.served_models import arguments, hand, listen_in, make_model, start
from actions.traffic import Report, Traffic
from mlops_dash.actions import spawning
from mlops_dash.errors import DashError
from mlops_dash.targets.process import read_record

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(900)]

PRELOAD = ["mlops_dash.actions.handover", "mlops_dash.targets.observe", "psutil", "httpx", "yaml"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Path]:
    """A folder for models and servers; whatever runs at the end is ended."""
    yield tmp_path
    end_all(tmp_path)


def told(report: Report) -> str:
    return (
        f"{report.failed} of {report.sent} failed at {report.rate:.0f} a second, the slowest took"
        f" {report.worst:.2f} s; {report.versions}; {report.failures}"
    )


def url(world: Path) -> str:
    record = read_record(world / "servers", scenes_process.ENVIRONMENT, scenes_process.MODEL)
    assert record is not None
    return record.url


def test_a_rollback_and_its_undoing_fail_no_request(world: Path) -> None:
    servers = world / "servers"
    record = start(servers, make_model(world / "4", "4"), "4")
    changing = hand(servers, arguments(make_model(world / "5", "5"), "4", "5"))
    _, note = listen_in()
    with Traffic(record.url) as traffic:
        changing.act(note)
        assert served(servers) == "5"
        changing.undo(note)
    print(told(traffic.report))
    assert traffic.report.failed == 0, told(traffic.report)
    assert traffic.report.order == ["4", "5"]
    assert len(list(processes(world))) == 1


def test_failed_rollbacks_fail_no_request(world: Path) -> None:
    servers = world / "servers"
    record = start(servers, make_model(world / "4", "4"), "4")
    broken = make_model(world / "5", "5", load="raise LookupError('no weights')")
    wrong = make_model(world / "6", "6", predict="raise ValueError('no such column')")
    _, note = listen_in()
    with Traffic(record.url) as traffic:
        for model, version in ((broken, "5"), (wrong, "6")):
            with pytest.raises(DashError):
                hand(servers, arguments(model, "4", version)).act(note)
    print(told(traffic.report))
    assert traffic.report.failed == 0, told(traffic.report)
    assert traffic.report.order == ["4"]
    assert [process.pid for process in processes(world)] == [record.pid]


@pytest.mark.parametrize(("light", "every"), [(True, 10), (False, 30)])
def test_kill_9_of_the_acting_process_fails_no_request(
    world: Path, monkeypatch: pytest.MonkeyPatch, light: bool, every: int
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setattr(
        spawning, "SERVER_MODULE", "actions.light_server" if light else spawning.SERVER_MODULE
    )
    make_world(world)
    back, kills, number = False, 0, every
    with Zygote("actions.scenes_process:scene", preload=PRELOAD) as zygote, Traffic(url(world)) as traffic:
        while True:
            how = {"number": number, "back": back, "light": light, "within": 120.0}
            ended = zygote.execute(world, number, **how)
            zygote.resume(world, **how)
            check_truth(scenes_process.scene(world, **how), [str(ended.killed_at)])  # type: ignore[arg-type]
            back = served(world / "servers") == scenes_process.AFTER
            if ended.killed_at is None:
                break
            kills += 1
            number += every
    print(kills, "kills:", told(traffic.report))
    assert kills >= 2
    assert traffic.report.failed == 0, told(traffic.report)
    assert set(traffic.report.versions) == {"4", "5"}


def test_handovers_under_all_that_a_server_can_answer_fail_no_request(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections that are accepted at the very moment of a handover are answered, too."""
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setattr(spawning, "SERVER_MODULE", "actions.light_server")
    make_world(world)
    changing = hand(world / "servers", arguments(world / "new", "4", "5"))
    _, note = listen_in()
    with Traffic(url(world), 1200.0) as traffic:
        for _ in range(8):
            changing.act(note)
            changing.undo(note)
    print(told(traffic.report))
    assert traffic.report.failed == 0, told(traffic.report)


def test_a_server_that_is_not_asked_to_drain_would_fail_requests(world: Path) -> None:
    """The client notices: what is measured above is not its patience."""
    servers = world / "servers"
    record = start(servers, make_model(world / "4", "4"), "4")
    with Traffic(record.url) as traffic:
        for process in processes(world):
            process.kill()
            with suppress(Exception):
                process.wait(10)
        start(servers, world / "4", "4")
    assert traffic.report.failed > 0
