"""The hand of process steps: what it says of a place, and what it does in each of its states."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import psutil
import pytest

from actions.crashing import TESTS
from actions.scenes_process import end_all, processes, served
from actions.served_models import ENVIRONMENT, MODEL, arguments, hand, listen_in, make_model, start
from mlops_dash.actions import handover, proving, spawning
from mlops_dash.actions.hands import Standing
from mlops_dash.actions.servers import down, up
from mlops_dash.actions.serving import Wanted
from mlops_dash.config import ProcessTarget
from mlops_dash.domain.environments import Health
from mlops_dash.errors import DashError, NotServedError, RefusedError
from mlops_dash.targets.base import Place
from mlops_dash.targets.control import control_name
from mlops_dash.targets.observe import ask_all, make_target
from mlops_dash.targets.process import (
    ServerRecord,
    is_running,
    old_path,
    read_crew,
    read_record,
    standby_path,
    write_record,
)

NAMES = ENVIRONMENT, MODEL


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for models and servers, which need no MLflow; whatever runs at the end is ended."""
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setattr(spawning, "SERVER_MODULE", "actions.light_server")
    yield tmp_path
    end_all(tmp_path)


@pytest.fixture
def servers(world: Path) -> Path:
    return world / "servers"


@pytest.fixture
def four(world: Path, servers: Path) -> ServerRecord:
    """Version 4 serves."""
    return start(servers, make_model(world / "4", "4"), "4")


def until(holds: Callable[[], bool], within: float = 60.0) -> None:
    """Wait for a condition."""
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.01)


def ask(record: ServerRecord) -> http.client.HTTPConnection:
    parts = urlsplit(record.url)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)


def test_a_place_changes_its_version_and_back(world: Path, servers: Path, four: ServerRecord) -> None:
    changing = hand(servers, arguments(make_model(world / "5", "5"), "4", "5"))
    before = changing.look()
    assert (before.standing, before.found, before.by) == (Standing.BEFORE, "4", four.by)
    assert not before.begun

    told, note = listen_in()
    evidence = changing.act(note)
    assert told[0] == "version 5 starts beside version 4"
    assert told[1:3] == ["version 5 is loaded", "it is healthy, and says that it is version 5"]
    assert told[3].startswith("it predicts its input example in ")
    assert told[4:] == [
        f"version 5 takes over {four.url}",
        "the server of version 4 has answered its requests and ended",
    ]
    assert (evidence["url"], evidence["predicted"]) == (four.url, True)
    assert not psutil.pid_exists(four.pid)
    after = changing.look()
    assert (after.standing, after.found, after.begun) == (Standing.AFTER, "5", False)
    assert served(servers) == "5"
    target = make_target(Place(*NAMES, "production"), ProcessTarget(timeout=30), servers)
    assert target is not None
    (seen,) = ask_all([target], 60)
    assert (seen.version, seen.health, seen.run_id) == ("5", Health.HEALTHY, "5".zfill(32))

    changing.undo(note)
    assert changing.look().standing is Standing.BEFORE
    assert served(servers) == "4"
    assert len(list(processes(world))) == 1
    record = read_record(servers, *NAMES)
    assert record is not None
    assert (record.url, record.version) == (four.url, "4")
    assert (servers / str(record.control)).stat().st_mode & 0o077 == 0
    assert down(*NAMES, servers) is not None
    assert {path.suffix for path in servers.iterdir()} == {".json", ".lock", ".log"}


def test_fault_65_what_is_there_is_not_done_again(world: Path, servers: Path, four: ServerRecord) -> None:
    told, note = listen_in()
    there = hand(servers, arguments(world / "4", "3", "4"))
    assert there.look().standing is Standing.AFTER
    assert there.act(note)["pid"] == four.pid
    hand(servers, arguments(world / "5", "4", "5")).undo(note)  # never done
    assert told == []
    assert [process.pid for process in processes(world)] == [four.pid]


def test_fault_57_where_nothing_runs_it_is_started_and_stopped_again(world: Path, servers: Path) -> None:
    starting = hand(servers, arguments(make_model(world / "5", "5"), None, "5"))
    look = starting.look()
    assert (look.standing, look.found, look.words) == (
        Standing.BEFORE,
        None,
        "no server of production is running",
    )
    _, note = listen_in()
    starting.act(note)
    assert (starting.look().standing, served(servers)) == (Standing.AFTER, "5")
    starting.undo(note)
    assert (starting.look().standing, served(servers)) == (Standing.BEFORE, None)
    assert list(processes(world)) == []


def test_fault_57_a_server_that_ended_is_replaced_at_its_address(
    world: Path, servers: Path, four: ServerRecord
) -> None:
    os.kill(four.pid, signal.SIGKILL)
    changing = hand(servers, arguments(make_model(world / "5", "5"), "4", "5"))
    until(lambda: not is_running(four))
    assert changing.look().standing is Standing.BEFORE
    _, note = listen_in()
    free = True
    try:
        socket.create_server((four.host, four.port)).close()
    except OSError:  # another program has taken the port meanwhile
        free = False
    assert (changing.act(note)["url"] == four.url) is free
    os.kill(changing.act(note)["pid"], signal.SIGKILL)
    until(lambda: changing.look().found is None)
    changing.undo(note)  # where version 4 was is remembered
    assert served(servers) == "4"


def test_an_old_server_that_ends_while_the_new_one_loads_is_replaced_too(
    world: Path, servers: Path, four: ServerRecord
) -> None:
    model = make_model(world / "5", "5")
    os.mkfifo(model / "gate")
    changing = hand(servers, arguments(model, "4", "5"))
    _, note = listen_in()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(changing.act, note)
        until(lambda: changing.look().begun)
        os.kill(four.pid, signal.SIGKILL)
        (model / "gate").write_bytes(b"go")
        assert done.result()["url"] == four.url
    assert served(servers) == "5"


@pytest.mark.parametrize("flaw", ["load", "predict"])
def test_a_version_that_fails_leaves_the_old_one_serving(
    world: Path, servers: Path, four: ServerRecord, flaw: str
) -> None:
    lines = {"load": "raise LookupError('no weights')", "predict": "raise ValueError('no such column')"}
    changing = hand(servers, arguments(make_model(world / "5", "5", **{flaw: lines[flaw]}), "4", "5"))
    why = {
        "load": "the model cannot be loaded: LookupError: no weights",
        "predict": r"does not predict its own input example: HTTP 400: ␛\[2Jno such column",
    }
    _, note = listen_in()
    with pytest.raises(NotServedError, match=why[flaw]) as failed:
        changing.act(note)
    assert not isinstance(failed.value, RefusedError)
    look = changing.look()
    assert (look.standing, look.begun) == (Standing.BEFORE, False)
    assert read_record(servers, *NAMES) == four
    assert [process.pid for process in processes(world)] == [four.pid]
    assert served(servers) == "4"


def test_fault_60_a_version_that_never_loads_is_given_up(
    world: Path, servers: Path, four: ServerRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "LOADS_WITHIN", 0.3)
    model = make_model(world / "5", "5")
    os.mkfifo(model / "gate")
    _, note = listen_in()
    with pytest.raises(NotServedError, match=r"did not load within 0\.3 s"):
        hand(servers, arguments(model, "4", "5")).act(note)
    assert [process.pid for process in processes(world)] == [four.pid]


def test_fault_62_another_version_than_planned_is_left_alone(
    world: Path, servers: Path, four: ServerRecord
) -> None:
    changing = hand(servers, arguments(make_model(world / "5", "5"), "3", "5"))
    look = changing.look()
    assert (look.standing, look.found, look.by) == (Standing.OTHER, "4", four.by)
    assert look.words.startswith("production serves version 4, not version 3 as planned; ")
    _, note = listen_in()
    for change in (changing.act, changing.undo):
        with pytest.raises(RefusedError, match="serves version 4, started by"):
            change(note)
    assert [process.pid for process in processes(world)] == [four.pid]


def test_the_same_number_of_another_model_is_another_version(
    world: Path, servers: Path, four: ServerRecord
) -> None:
    step = arguments(world / "4", "3", "4")
    step["after"]["model_id"] = "m-other"
    assert hand(servers, step).look().standing is Standing.OTHER
    step["after"]["model_id"] = None
    assert hand(servers, step).look().standing is Standing.AFTER


def test_fault_63_artifacts_that_are_gone_refuse_it(world: Path, servers: Path, four: ServerRecord) -> None:
    told, note = listen_in()
    with pytest.raises(RefusedError, match="artifacts are gone"):
        hand(servers, arguments(world / "gone", "4", "5")).act(note)
    assert told == []
    assert [process.pid for process in processes(world)] == [four.pid]


def test_the_artifacts_of_the_old_version_may_be_gone_when_it_is_undone(
    world: Path, servers: Path, four: ServerRecord
) -> None:
    changing = hand(servers, arguments(make_model(world / "5", "5"), "4", "5"))
    _, note = listen_in()
    changing.act(note)
    (world / "4" / "MLmodel").unlink()
    with pytest.raises(RefusedError, match="artifacts are gone"):
        changing.undo(note)
    assert served(servers) == "5"
    elsewhere = make_model(world / "copy", "4")
    step = arguments(world / "5", "4", "5", before_locations=[str(elsewhere)])
    hand(servers, step).undo(note)
    assert served(servers) == "4"


def test_reading_only_changes_nothing(world: Path, servers: Path, four: ServerRecord) -> None:
    reading = hand(servers, arguments(make_model(world / "5", "5"), "4", "5"), read_only=True)
    _, note = listen_in()
    for change in (reading.act, reading.undo):
        with pytest.raises(RefusedError, match="--read-only"):
            change(note)
    assert reading.look().standing is Standing.BEFORE


def test_a_server_of_an_older_release_is_refused_with_the_remedy(
    world: Path, servers: Path, four: ServerRecord
) -> None:
    write_record(servers, msgspec.structs.replace(four, control=None))
    changing = hand(servers, arguments(make_model(world / "5", "5"), "4", "5"))
    assert changing.look().standing is Standing.BEFORE
    _, note = listen_in()
    with pytest.raises(RefusedError, match=r"cannot hand over(.|\n)*mlops-dash down production, then up"):
        changing.act(note)
    assert [process.pid for process in processes(world)] == [four.pid]


def test_a_port_that_somebody_else_has_is_refused_naming_them(world: Path, servers: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        starting = hand(servers, arguments(make_model(world / "5", "5"), None, "5", port=port))
        look = starting.look()
        assert look.standing is Standing.OTHER
        assert f"(process {os.getpid()})" in look.words
        _, note = listen_in()
        with pytest.raises(RefusedError, match=rf"Port {port} .* is taken by .*\(process {os.getpid()}\)"):
            starting.act(note)
    assert list(processes(world)) == []


@pytest.mark.parametrize("state", ["nothing", "serves", "stopped"])
def test_looking_is_quick(world: Path, servers: Path, state: str, request: pytest.FixtureRequest) -> None:
    looking = hand(servers, arguments(world / "5", "4", "5"))
    looking.look()  # what it needs is imported
    if state != "nothing":
        four: ServerRecord = request.getfixturevalue("four")
        if state == "stopped":
            os.kill(four.pid, signal.SIGSTOP)
            until(lambda: psutil.Process(four.pid).status() == psutil.STATUS_STOPPED)
    took = []
    for _ in range(3):
        began = time.perf_counter()
        look = looking.look()
        took.append(time.perf_counter() - began)
    wanted = {"nothing": Standing.BEFORE, "serves": Standing.BEFORE, "stopped": Standing.UNKNOWN}
    assert look.standing is wanted[state]
    assert min(took) < 0.5


def test_a_stopped_server_cannot_hand_over_and_is_left_alone(
    world: Path, servers: Path, four: ServerRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "_SHARES_WITHIN", 0.3)
    os.kill(four.pid, signal.SIGSTOP)
    _, note = listen_in()
    with pytest.raises(DashError, match="do not answer") as failed:
        hand(servers, arguments(make_model(world / "5", "5"), "4", "5")).act(note)
    assert not isinstance(failed.value, NotServedError)  # no fault of the new version
    assert failed.value.remedy is not None
    assert "mlops-dash down" in failed.value.remedy
    os.kill(four.pid, signal.SIGCONT)
    assert served(servers) == "4"
    assert [process.pid for process in processes(world)] == [four.pid]


def test_what_is_being_answered_is_answered_by_the_old_version(
    world: Path, servers: Path, four: ServerRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "DRAINS_WITHIN", 0.2)
    slow = world / "4" / "slow"
    os.mkfifo(slow)
    idle, busy = ask(four), ask(four)
    for connection in (idle, busy):
        connection.request("GET", "/metadata")
        assert json.load(connection.getresponse())["version"] == "4"
    busy.request("POST", "/invocations", b"{}")
    with slow.open("wb") as held:  # opened when the prediction has begun
        told, note = listen_in()
        changing = hand(servers, arguments(make_model(world / "5", "5"), "4", "5"))
        evidence = changing.act(note)
        assert evidence["still_draining"] == [four.pid]
        assert told[-1] == "the server of version 4 still answers requests; it ends with them"
        look = changing.look()
        assert (look.standing, look.begun) == (Standing.AFTER, False)
        idle.request("GET", "/metadata")  # an idle connection is answered once more, and told to close
        answer = idle.getresponse()
        assert (json.load(answer)["version"], answer.headers["connection"]) == ("4", "close")
        idle.request("GET", "/metadata")
        assert json.load(idle.getresponse())["version"] == "5"
        held.write(b"go")
    answer = busy.getresponse()
    assert json.load(answer) == {"predictions": [4.0]}
    assert answer.headers["x-mlflow-model-version"] == "4"
    until(lambda: not is_running(four))
    changing.act(note)  # sweeps
    assert not old_path(servers, four).exists()
    idle.close()
    busy.close()


@pytest.mark.parametrize("rounds", [4, pytest.param(100, marks=pytest.mark.campaign)])
def test_fault_61_one_of_two_at_once_wins_and_the_other_is_told_who(
    world: Path, servers: Path, four: ServerRecord, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    monkeypatch.setattr(spawning, "LOCK_WITHIN", 0.05)
    places = {"4": world / "4"} | {version: make_model(world / version, version) for version in ("5", "6")}
    live = "4"
    for _ in range(rounds):
        aims = [version for version in places if version != live]
        together = threading.Barrier(2)

        def change(aim: str, live: str = live, together: threading.Barrier = together) -> str:
            together.wait()
            try:
                hand(servers, arguments(places[aim], live, aim)).act(lambda *_: None)
            except RefusedError as error:
                return str(error)
            return ""

        with ThreadPoolExecutor(2) as pool:
            said = list(pool.map(change, aims))
        assert sorted(map(bool, said)) == [False, True]
        told = next(filter(None, said))
        assert f"(process {os.getpid()})" in told or "started by" in told
        live = aims[said.index("")]
        assert served(servers) == live
        assert len(list(processes(world))) == 1


def test_a_standby_that_nobody_takes_over_leaves(
    world: Path, servers: Path, four: ServerRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    standby = _standby(world, servers, four, "5", 0.2)
    changing = hand(servers, arguments(world / "5", "4", "5"))
    until(lambda: not is_running(standby))
    look = changing.look()
    assert (look.standing, look.begun) == (Standing.BEFORE, False)
    _, note = listen_in()
    changing.act(note)
    assert served(servers) == "5"
    assert not standby_path(servers, *NAMES).exists()


def _standby(world: Path, servers: Path, beside: ServerRecord, version: str, patience: float) -> ServerRecord:
    """Leave what an acting process leaves that was killed while its standby loads."""
    from mlops_dash.actions.listening import private
    from mlops_dash.actions.spawning import spawn

    model = make_model(world / version, version)
    told = arguments(model, None, version)["after"]
    wanted = Wanted(*NAMES, version, str(model), told["run_id"], told["model_id"])
    with private() as listening:
        return spawn(wanted, servers, (beside.host, beside.port), listening, standby=patience, former=beside)


def test_a_standby_of_an_earlier_attempt_is_used_or_taken_away(
    world: Path, servers: Path, four: ServerRecord
) -> None:
    standby = _standby(world, servers, four, "5", 600)
    changing = hand(servers, arguments(world / "5", "4", "5"))
    look = changing.look()
    assert (look.standing, look.begun) == (Standing.BEFORE, True)
    assert look.words == "production serves version 4; version 5 stands by"
    told, note = listen_in()
    assert changing.act(note)["pid"] == standby.pid
    assert told[0] == "version 5 already stands by"

    second = read_record(servers, *NAMES)
    assert second is not None
    another = _standby(world, servers, second, "6", 600)
    hand(servers, arguments(world / "6", "5", "6")).undo(note)
    assert not is_running(another)
    assert [process.pid for process in processes(world)] == [standby.pid]
    assert served(servers) == "5"


def test_stopping_and_starting_know_of_a_handover(world: Path, servers: Path, four: ServerRecord) -> None:
    _standby(world, servers, four, "5", 600)
    assert down(*NAMES, servers) == four
    assert list(processes(world)) == []
    crew = read_crew(servers, *NAMES)
    assert (crew.standby, crew.old) == (None, ())
    assert not up(Wanted(*NAMES, "4", str(world / "4")), ProcessTarget(), servers).record.private


def test_an_old_server_serves_again_when_the_new_one_ended_too_early(
    world: Path, servers: Path, four: ServerRecord
) -> None:
    """The new one was killed between its record's renaming and telling the old one."""
    write_record(servers, four, old_path(servers, four))
    write_record(servers, msgspec.structs.replace(four, version="5", pid=2**22 + 1, token="f" * 32))
    target = make_target(Place(*NAMES, "production"), ProcessTarget(timeout=30), servers)
    assert target is not None
    (seen,) = ask_all([target], 60)
    assert (seen.version, seen.health) == ("4", Health.HEALTHY)
    changing = hand(servers, arguments(make_model(world / "5", "5"), "4", "5"))
    look = changing.look()
    assert (look.standing, look.begun, look.found) == (Standing.BEFORE, True, "4")
    _, note = listen_in()
    changing.undo(note)
    assert changing.look().begun is False
    assert read_record(servers, *NAMES) == four
    assert [process.pid for process in processes(world)] == [four.pid]


def test_a_standby_that_is_killed_while_it_loads_costs_nothing(
    world: Path, servers: Path, four: ServerRecord
) -> None:
    model = make_model(world / "5", "5")
    os.mkfifo(model / "gate")
    changing = hand(servers, arguments(model, "4", "5"))
    _, note = listen_in()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(changing.act, note)
        until(lambda: changing.look().begun)
        standby = read_crew(servers, *NAMES).standby
        assert standby is not None
        os.kill(standby.pid, signal.SIGKILL)
        with pytest.raises(DashError, match="ended"):
            done.result()
    assert not changing.look().begun
    assert [process.pid for process in processes(world)] == [four.pid]


def test_a_server_without_a_control_socket_serves_all_the_same(world: Path, servers: Path) -> None:
    servers.mkdir()
    token = "c" * 32
    (servers / control_name(token)).mkdir()  # in the way
    model = make_model(world / "4", "4")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command = [sys.executable, "-m", "actions.light_server", "--token", token, "--model-path", str(model)]
        command += ["--metadata", '{"version": "4"}', "--fd", str(listening.fileno())]
        process = subprocess.Popen(
            command, cwd=servers, stdin=subprocess.PIPE, pass_fds=[listening.fileno()], stderr=subprocess.PIPE
        )
        with process:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.close()
            connection = http.client.HTTPConnection(*listening.getsockname(), timeout=60)
            connection.request("GET", "/ready")
            assert connection.getresponse().status == 200
            connection.close()
            process.terminate()
            assert process.stderr is not None
            assert b"no control socket" in process.stderr.read()


def test_a_server_that_nobody_wrote_down_does_not_begin(world: Path, servers: Path) -> None:
    servers.mkdir()
    command = [sys.executable, "-m", "actions.light_server", "--token", "t", "--model-path", "m"]
    command += ["--metadata", "{}", "--fd", "0"]
    done = subprocess.run(command, cwd=servers, input=b"", capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
    assert list(servers.iterdir()) == []


def test_a_long_path_is_no_obstacle(world: Path) -> None:
    servers = world.joinpath(*["long" * 20] * 3, "servers")
    record = start(servers, make_model(world / "4", "4"), "4")
    _, note = listen_in()
    changing = hand(servers, arguments(make_model(world / "5", "5"), "4", "5"))
    assert changing.act(note)["url"] == record.url
    assert changing.look().standing is Standing.AFTER
