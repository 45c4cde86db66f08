"""``doctor`` on tracking servers and databases: each kind of failure, told with its remedy, in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from cli.told import golden, tracking
from conformance import mariadb_server, postgres_server
from mlops_dash.cli.connection import streamed
from mlops_dash.errors import SourceError
from mlops_dash.sources.mlflow.probing import State, Step, ok
from sources.http.misbehaving import Handler, Misbehaving, run

SECRET = "hunter2-planted"


def page(handler: Handler, path: str, given: dict[str, Any]) -> bool:
    handler.say("<html><form>Sign in</form></html>", kind="text/html")
    return True


def refused(handler: Handler, path: str, given: dict[str, Any]) -> bool:
    handler.say({"error_code": "UNAUTHENTICATED"}, 401)
    return True


def forbidden(handler: Handler, path: str, given: dict[str, Any]) -> bool:
    handler.say({"error_code": "PERMISSION_DENIED"}, 403)
    return True


def nothing(handler: Handler, path: str, given: dict[str, Any]) -> bool:
    handler.say("not found", 404, kind="text/plain")
    return True


def fails(handler: Handler, path: str, given: dict[str, Any]) -> bool:
    handler.say("down", 503, kind="text/plain")
    return True


def elsewhere(handler: Handler, path: str, given: dict[str, Any]) -> bool:
    handler.say("", 302, Location="http://other.example/")
    return True


def fine(*_: Any) -> bool:
    return False


HTTP = {
    "page": page,
    "wrong-token": refused,
    "forbidden": forbidden,
    "not-found": nothing,
    "fails": fails,
    "redirected": elsewhere,
    "fine": fine,
}


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    made = Misbehaving(runs=[run(number) for number in range(30)])
    yield made
    made.close()


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[pytest.mark.campaign] * (case == "fails")) for case in HTTP]
)
def test_each_answer_of_a_tracking_server_is_told_step_by_step(
    say, repository, server, monkeypatch, tmp_path, case
):
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", SECRET)
    server.fault = HTTP[case]
    said = say("--tracking-uri", server.url, "doctor")
    assert tracking(said.out, tmp_path) == golden(f"http-{case}")
    assert said.code == (0 if case == "fine" else 1)
    assert SECRET not in said.out + said.err


def test_a_port_where_nobody_listens_is_told(say, repository, server, tmp_path):
    server.close()
    said = say("--tracking-uri", f"http://user:{SECRET}@127.0.0.1:{server.port}", "doctor")
    assert tracking(said.out, tmp_path) == golden("http-nobody")
    assert SECRET not in said.out + said.err


def test_fault_20_a_server_that_hangs_is_given_up_in_time(say, repository, server):
    server.fault = lambda handler, *_: handler.hang() or True
    before = time.monotonic()
    said = say("--timeout", "0.3", "--tracking-uri", server.url, "doctor", "--json")
    assert time.monotonic() - before < 15
    steps = {check["name"]: check for check in said.json["checks"]}
    assert steps["tracking answer"]["evidence"] == "nothing more came within 0.3 s"
    assert steps["git"]["state"] == "ok"
    assert said.code == 1


def test_steps_are_told_as_they_come_and_json_has_them_all(say, repository, server):
    checks = say("--tracking-uri", server.url, "doctor", "--json").json["checks"]
    assert [set(check) for check in checks] == [{"name", "state", "evidence", "remedy"}] * len(checks)
    names = [check["name"] for check in checks if check["name"].startswith("tracking")]
    wanted = ["store", "address", "TLS", "credentials", "version", "rights", "speed"]
    assert names == [*(f"tracking {name}" for name in wanted), "tracking"]


def test_a_probe_that_hangs_is_left():
    over = threading.Event()

    def hangs(uri: str) -> Iterator[Step]:
        yield ok("address", "answers")
        over.wait(60)

    steps = streamed(hangs, "x", 0.05)
    assert next(steps) == ok("address", "answers")
    (late,) = steps
    assert (late.state, late.evidence) == (State.FAIL, "nothing more came after address within 0.05 s")
    over.set()


@pytest.mark.parametrize(
    ("error", "told"),
    [(SourceError("the driver is missing", "install it"), "missing"), (KeyError(SECRET), "(KeyError)")],
)
def test_a_probe_that_raises_is_a_step_that_failed(error, told):
    def raises(uri: str) -> Iterator[Step]:
        raise error

    (step,) = streamed(raises, "x", 10)
    assert step.state is State.FAIL
    assert told in step.evidence
    assert SECRET not in f"{step}"
    assert step.remedy


@pytest.mark.campaign
def test_each_answer_of_mariadb_is_told_step_by_step(say, repository, tmp_path):
    with mariadb_server.server() as one:
        one.sql("create database store")
        addresses = {
            "wrong-password": one.address("store", password=SECRET),
            "no-database": one.address("nothing"),
            "no-tables": one.address("store"),
        }
        for case, address in addresses.items():
            said = say("--tracking-uri", address, "doctor")
            assert tracking(said.out, tmp_path) == golden(f"mariadb-{case}")
            assert said.code == 1
            for secret in (SECRET, mariadb_server.PASSWORD):
                assert secret not in said.out + said.err
    assert "✗ tracking address" in say("--tracking-uri", addresses["no-tables"], "doctor").out


@pytest.mark.campaign
def test_each_answer_of_postgresql_is_told_step_by_step(say, repository):
    with postgres_server.server() as one:
        one.create("store")
        addresses = {
            "credentials": one.address("store", password=SECRET),
            "schema": one.address("store"),
        }
        for failing, address in addresses.items():
            said = say("--tracking-uri", address, "doctor", "--json")
            checks = said.json["checks"]
            (failed,) = [check for check in checks if check["state"] == "fail" and " " in check["name"]]
            assert (failed["name"], said.code) == (f"tracking {failing}", 1)
            assert failed["remedy"]
            for secret in (SECRET, postgres_server.PASSWORD):
                assert secret not in said.out + said.err
        names = [check["name"] for check in checks]
        assert {"tracking address", "tracking TLS", "tracking credentials"} <= set(names)
    assert "✗ tracking address" in say("--tracking-uri", addresses["schema"], "doctor").out
