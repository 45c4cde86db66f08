from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from mlops_dash.config import AliasTarget, HttpTarget, ProcessTarget
from mlops_dash.domain.environments import Health
from mlops_dash.errors import ConfigError
from mlops_dash.targets.base import Observable, Place
from mlops_dash.targets.control import control_name
from mlops_dash.targets.observe import ask_all, make_target
from mlops_dash.targets.process import (
    Crew,
    ServerRecord,
    is_running,
    last_words,
    old_path,
    promise,
    read_crew,
    read_record,
    record_path,
    servers_folder,
    standby_path,
    write_record,
)
from targets.loopback import Loopback, Request, Script, response

PLACE = Place("production", "progression", "production")
METADATA = {
    "server": "mlops-dash",
    "environment": "production",
    "model": "progression",
    "version": "4",
    "run_id": "r" * 32,
    "model_id": "m-1",
    "started_at": "2026-11-20T08:00:00.000Z",
    "by": "dev1",
    "waiting": None,
}
Serve = Callable[[Script], Loopback]


def record(folder: Path, **changes: object) -> ServerRecord:
    facts: dict[str, object] = {
        "token": "t" * 32,
        "environment": "production",
        "model": "progression",
        "version": "4",
        "pid": 0,
        "create_time": 0.0,
        "host": "127.0.0.1",
        "port": 1,
        "url": "http://127.0.0.1:1",
        "started_at": "2026-11-20T08:00:00.000Z",
        "log": str(folder / "log"),
    }
    return ServerRecord(**(facts | changes))  # type: ignore[arg-type]


def ours() -> dict[str, object]:
    """What makes a record point at this very process, which bears no token of ours."""
    return {"pid": os.getpid(), "create_time": psutil.Process().create_time()}


def process_target(folder: Path, port: int = 0) -> Observable:
    target = make_target(PLACE, ProcessTarget(port=port, timeout=5.0), folder)
    assert target is not None
    return target


def metadata(**changes: object) -> Script:
    def script(request: Request, _: socket.socket) -> bytes:
        return response() if request.path == "/health" else response(body=METADATA | changes)

    return script


def test_an_alias_cannot_be_asked(tmp_path: Path) -> None:
    assert make_target(PLACE, AliasTarget(), tmp_path) is None
    assert ask_all([], 1) == ()


def test_unusable_settings_are_told_when_the_target_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        make_target(PLACE, HttpTarget(url="nonsense"), tmp_path)


def test_without_a_server_it_is_down_and_says_how_to_start_one(tmp_path: Path) -> None:
    (seen,) = ask_all([process_target(tmp_path / "missing")], 10)
    assert (seen.answered, seen.version, seen.health) == (False, None, Health.DOWN)
    assert seen.detail == "no server is running: mlops-dash up production"
    assert not (tmp_path / "missing").exists()


def test_a_server_that_is_about_to_be_started_is_starting(tmp_path: Path) -> None:
    promise(tmp_path, "production", "progression", 60)
    (seen,) = ask_all([process_target(tmp_path)], 10)
    assert (seen.answered, seen.health) == (False, Health.DEGRADED)
    assert seen.detail == "starting: it is about to be started"
    write_record(tmp_path, record(tmp_path))  # it was started, and stopped again
    (seen,) = ask_all([process_target(tmp_path)], 10)
    assert (seen.health, seen.detail) == (Health.DOWN, "no server is running: mlops-dash up production")


@pytest.mark.parametrize("seconds", [-1, 10_000])
def test_a_promise_that_was_not_kept_is_forgotten(tmp_path: Path, seconds: float) -> None:
    promise(tmp_path, "production", "progression", seconds)
    (seen,) = ask_all([process_target(tmp_path)], 10)
    assert seen.health is Health.DOWN


def test_a_server_that_was_just_started_and_is_silent_is_starting(tmp_path: Path) -> None:
    token = "t" * 32
    child = subprocess.Popen([sys.executable, "-c", "input()", token], stdin=subprocess.PIPE)
    with child, socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        made = {"pid": child.pid, "create_time": psutil.Process(child.pid).create_time(), "port": port}
        write_record(tmp_path, record(tmp_path, **made, url=f"http://127.0.0.1:{port}"))
        target = make_target(PLACE, ProcessTarget(timeout=0.3), tmp_path)
        assert target is not None
        (seen,) = ask_all([target], 10)
        child.kill()
    assert (seen.answered, seen.health) == (False, Health.DEGRADED)
    assert (seen.detail or "").startswith("starting: for ")


def test_a_server_at_the_configured_port_answers_whoever_started_it(tmp_path: Path, serve: Serve) -> None:
    server = serve(metadata())
    (seen,) = ask_all([process_target(tmp_path, server.port)], 10)
    assert (seen.answered, seen.version, seen.run_id, seen.model_id) == (True, "4", "r" * 32, "m-1")
    assert (seen.since, seen.by) == (datetime(2026, 11, 20, 8, tzinfo=UTC), "dev1")
    assert (seen.health, seen.target, seen.address) == (Health.HEALTHY, "process", server.url)


def test_a_server_that_still_loads_serves_nothing_yet(tmp_path: Path, serve: Serve) -> None:
    waiting = "starting: loading version 4 for 3 s"
    script = metadata(waiting=waiting)
    server = serve(
        lambda request, link: response(503) if request.path == "/health" else script(request, link)
    )
    (seen,) = ask_all([process_target(tmp_path, server.port)], 10)
    assert (seen.answered, seen.version, seen.health) == (False, None, Health.DEGRADED)
    assert seen.detail == waiting


def test_another_models_version_is_not_this_models(tmp_path: Path, serve: Serve) -> None:
    (seen,) = ask_all([process_target(tmp_path, serve(metadata(model="other")).port)], 10)
    assert (seen.answered, seen.version, seen.health) == (False, None, Health.DEGRADED)
    assert seen.detail == "serves another model: other"


@pytest.mark.parametrize("started", ["+3170843-01-01", "yesterday", "", "9999-12-31T23:59:59-12:00"])
def test_a_start_that_no_calendar_knows_is_unknown(tmp_path: Path, serve: Serve, started: str) -> None:
    (seen,) = ask_all([process_target(tmp_path, serve(metadata(started_at=started)).port)], 10)
    assert (seen.version, seen.since) == ("4", None)


def test_a_server_that_ended_by_itself_leaves_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("Traceback\nthe model cannot be loaded: KeyError: 'x'\n\n")
    write_record(tmp_path, record(tmp_path, **ours() | {"create_time": 1.0}))
    (seen,) = ask_all([process_target(tmp_path)], 10)
    assert (seen.answered, seen.health) == (False, Health.DOWN)
    assert seen.detail == (
        "the server has ended (the model cannot be loaded: KeyError: 'x'): mlops-dash up production"
    )


def test_a_process_that_only_has_the_same_number_is_not_the_server(tmp_path: Path) -> None:
    assert not is_running(record(tmp_path, **ours()))
    assert not is_running(record(tmp_path, **ours() | {"create_time": 1.0}))
    assert not is_running(record(tmp_path, pid=2**22 + 1))
    assert not is_running(record(tmp_path, pid=0))


def test_a_process_with_token_and_start_time_is_the_server(tmp_path: Path) -> None:
    token = psutil.Process().cmdline()[-1]
    assert is_running(record(tmp_path, **ours(), token=token))
    assert not is_running(record(tmp_path, pid=os.getpid(), create_time=1.0, token=token))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff" * 9, b"[" * 9999])
def test_a_spoilt_record_counts_as_none(tmp_path: Path, content: bytes) -> None:
    record_path(tmp_path, "production", "progression").write_bytes(content)
    assert read_record(tmp_path, "production", "progression") is None
    assert ask_all([process_target(tmp_path)], 10)[0].health is Health.DOWN


def test_records_are_read_back_and_private(tmp_path: Path) -> None:
    written = record(tmp_path, by="dev1", run_id="r")
    write_record(tmp_path, written)
    assert read_record(tmp_path, "production", "progression") == written
    assert [path.stat().st_mode & 0o077 for path in tmp_path.iterdir()] == [0]


def test_all_servers_of_a_place_are_read_back_each_from_its_own_file(tmp_path: Path) -> None:
    current, standby = record(tmp_path), record(tmp_path, token="a" * 32, version="5")
    old = [record(tmp_path, token=sign * 32, version="3") for sign in "bc"]
    assert read_crew(tmp_path, "production", "progression") == Crew(None, None, ())
    write_record(tmp_path, current)
    write_record(tmp_path, standby, standby_path(tmp_path, "production", "progression"))
    for one in (*old, current):  # the current one is about to hand over
        write_record(tmp_path, one, old_path(tmp_path, one))
    assert read_crew(tmp_path, "production", "progression") == Crew(current, standby, tuple(old))
    assert read_crew(tmp_path, "production", "other") == Crew(None, None, ())
    standby_path(tmp_path, "production", "progression").write_bytes(b"{")
    old_path(tmp_path, old[0]).write_bytes(b"")
    assert read_crew(tmp_path, "production", "progression") == Crew(current, None, (old[1],))


def test_a_record_of_an_older_release_is_read(tmp_path: Path) -> None:
    path = record_path(tmp_path, "production", "progression")
    write_record(tmp_path, record(tmp_path, control="x.sock"))
    facts = json.loads(path.read_bytes())
    for name in ("control", "location", "private", "former"):
        del facts[name]
    path.write_text(json.dumps(facts))
    assert read_record(tmp_path, "production", "progression") == record(tmp_path)


@pytest.mark.parametrize("token", ["../../x", "a/b", "", "\x00"])
def test_no_record_leads_out_of_the_folder(tmp_path: Path, token: str) -> None:
    assert old_path(tmp_path, record(tmp_path, token=token)).parent == tmp_path
    assert (tmp_path / control_name(token)).parent == tmp_path


def test_every_place_has_a_file_of_its_own_inside_the_folder(tmp_path: Path) -> None:
    places = [("a-b", "c"), ("a", "b-c"), ("A", "b-c"), ("../../x", "/etc/passwd"), ("\x1b\ud800", "é" * 500)]
    files = [record_path(tmp_path, *place) for place in places]
    assert len(set(files)) == len(places)
    assert {file.parent for file in files} == {tmp_path}
    assert all(len(file.name) < 100 and file.name.isascii() for file in files)


def test_projects_do_not_share_servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path))
    one, other = servers_folder("/a"), servers_folder("/b")
    assert one != other
    assert one.is_relative_to(tmp_path)
    assert one == servers_folder("/a")


def test_last_words_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * 1_000_000 + b"\xff\n  \n")
    words = last_words(record(tmp_path))
    assert words is not None
    assert len(words) == 300
    assert last_words(record(tmp_path, log=str(tmp_path / "none"))) is None


async def test_a_fault_of_one_target_costs_its_answer_only(tmp_path: Path, serve: Serve) -> None:
    class Broken:
        kind = "http"
        place = PLACE

        async def observe(self) -> None:
            raise ZeroDivisionError("s3cret")

    from mlops_dash.targets.observe import observe_all

    seen = await observe_all([Broken(), process_target(tmp_path, serve(metadata()).port)], 10)  # type: ignore[list-item]
    assert [(one.health, one.version) for one in seen] == [(Health.UNKNOWN, None), (Health.HEALTHY, "4")]
    assert seen[0].detail == "asking failed: ZeroDivisionError"
