from __future__ import annotations

import gc
import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from mlops_dash.config import HttpTarget
from mlops_dash.domain.environments import Health
from mlops_dash.errors import ConfigError
from mlops_dash.targets.asking import BODY_LIMIT
from mlops_dash.targets.http import HttpServer, routes_of
from mlops_dash.targets.observe import ask_all
from targets.loopback import Loopback, Request, Script, response

Serve = Callable[[Script], Loopback]
MakeTarget = Callable[..., HttpServer]
IDENTITY = {"version": "4", "run_id": "r" * 32}


def healthy(identity: Callable[[Request], bytes] = lambda _: response(body=IDENTITY)) -> Script:
    """A script that is healthy and answers identity requests as told."""

    def script(request: Request, _: socket.socket) -> bytes:
        return response() if request.path == "/health" else identity(request)

    return script


def test_a_server_that_answers_is_observed(serve: Serve, target: MakeTarget) -> None:
    server = serve(healthy())
    before = datetime.now(UTC)
    (seen,) = ask_all([target(server.url + "/")], 10)
    assert (seen.answered, seen.version, seen.run_id) == (True, "4", "r" * 32)
    assert (seen.health, seen.detail) == (Health.HEALTHY, None)
    assert (seen.environment, seen.model, seen.target) == ("production", "progression", "http")
    assert seen.latency_ms is not None
    assert seen.latency_ms > 0
    assert before <= seen.asked_at <= datetime.now(UTC)


def test_fault_57_a_target_that_is_down_has_no_version(nobody: str, target: MakeTarget) -> None:
    (seen,) = ask_all([target(nobody)], 10)
    assert (seen.answered, seen.version, seen.health) == (False, None, Health.DOWN)
    assert "refused" in (seen.detail or "")


def test_fault_58_answers_that_differ_are_unknown_until_they_agree(serve: Serve, target: MakeTarget) -> None:
    versions = ["3", "4"]

    def turn(request: Request) -> bytes:
        return response(body={"version": versions[request.number % len(versions)]})

    asked = target(serve(healthy(turn)).url)
    for _ in range(2):
        (seen,) = ask_all([asked], 10)
        assert (seen.answered, seen.version, seen.health) == (False, None, Health.DEGRADED)
        assert seen.detail == "answers differ: 3, 4"
    versions[:] = ["4"]
    (seen,) = ask_all([asked], 10)
    assert (seen.answered, seen.version, seen.health) == (True, "4", Health.HEALTHY)


def test_fault_58_a_new_version_is_confirmed_before_it_is_believed(serve: Serve, target: MakeTarget) -> None:
    # three requests in a row reach the new replica, later ones the old one too
    answers = ["3", "3", "3", "4", "4", "4", "3", "4"]

    def turn(request: Request) -> bytes:
        return response(body={"version": answers[min(request.number, len(answers) - 1)]})

    asked = target(serve(healthy(turn)).url)
    assert ask_all([asked], 10)[0].version == "3"
    (seen,) = ask_all([asked], 10)
    assert (seen.answered, seen.version, seen.detail) == (False, None, "answers differ: 3, 4")


def test_fault_58_the_same_version_from_different_runs_differs(serve: Serve, target: MakeTarget) -> None:
    runs = ["a" * 32, "b" * 32]
    server = serve(
        healthy(lambda request: response(body={"version": "4", "run_id": runs[request.number % 2]}))
    )
    (seen,) = ask_all([target(server.url)], 10)
    assert (seen.answered, seen.health) == (False, Health.DEGRADED)
    assert "answers differ: 4 of" in (seen.detail or "")


def test_fault_59_what_it_serves_counts_not_what_is_declared(serve: Serve, target: MakeTarget) -> None:
    server = serve(healthy(lambda _: response(body={"declared": "3", "version": "4"})))
    (seen,) = ask_all([target(server.url)], 10)
    assert (seen.answered, seen.version) == (True, "4")


def hang(request: Request, connection: socket.socket) -> None:
    """Accept, read, and answer nothing until the client hangs up."""
    connection.recv(1)


def test_fault_60_a_slow_target_is_bounded_and_delays_nobody(serve: Serve, target: MakeTarget) -> None:
    quick_was_asked = threading.Event()

    def quick(request: Request, _: socket.socket) -> bytes:
        quick_was_asked.set()
        return response(body=IDENTITY)

    slow, fast = serve(hang), serve(quick)
    started = time.monotonic()
    seen = ask_all([target(slow.url, timeout=60.0), target(fast.url), target(slow.url, timeout=0.3)], 2)
    assert time.monotonic() - started < 30  # far less than the 60 s that the first would take
    assert quick_was_asked.is_set()
    assert [one.health for one in seen] == [Health.UNKNOWN, Health.HEALTHY, Health.UNKNOWN]
    assert [one.version for one in seen] == [None, "4", None]
    assert seen[0].detail == "no answer within 2 s"
    assert seen[2].detail == "no complete answer within 0.3 s"


def test_a_host_that_accepts_no_connection_is_unknown(target: MakeTarget) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = []
        for _ in range(8):  # until the backlog is full and the system answers nothing
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
            fillers.append(filler)
        (seen,) = ask_all([target(f"http://127.0.0.1:{full.getsockname()[1]}", timeout=0.3)], 10)
        for filler in fillers:
            filler.close()
    assert (seen.answered, seen.health) == (False, Health.UNKNOWN)


def test_a_dripping_answer_has_a_total_deadline(serve: Serve, target: MakeTarget) -> None:
    server: Loopback

    def drip(request: Request, connection: socket.socket) -> bytes | None:
        if request.path == "/health":
            return response()
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while not server.released.wait(0.01):
            connection.sendall(b"x")
        return None

    server = serve(drip)
    (seen,) = ask_all([target(server.url, timeout=0.5)], 60)
    assert (seen.answered, seen.health) == (False, Health.HEALTHY)
    assert seen.detail == "no complete answer within 0.5 s"


def test_a_huge_body_is_not_read(serve: Serve, target: MakeTarget, caplog: pytest.LogCaptureFixture) -> None:
    sent: list[int] = []

    def flood(request: Request, connection: socket.socket) -> bytes | None:
        if request.path == "/health":
            return response()
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 600000000\r\n\r\n")
        total = 0
        try:
            while total < 600_000_000:
                total += connection.send(b"x" * 65536)
        finally:
            sent.append(total)
        return None

    server = serve(flood)
    (seen,) = ask_all([target(server.url)], 60)
    server.close()
    assert (seen.answered, seen.health) == (False, Health.HEALTHY)
    assert "larger than 1 MB" in (seen.detail or "")
    assert sent
    assert max(sent) < 50 * BODY_LIMIT  # what was under way, not the whole
    gc.collect()
    assert not caplog.records  # asyncio would tell of what was left pending


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/json"])
def test_a_login_page_is_no_answer(serve: Serve, target: MakeTarget, content_type: str) -> None:
    server = serve(lambda *_: response(body="\n<!doctype html><p>log in", content_type=content_type))
    (seen,) = ask_all([target(server.url)], 10)
    assert (seen.answered, seen.health) == (False, Health.UNKNOWN)
    assert "web page" in (seen.detail or "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b'{"version": "4"',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"version": ' + b"9" * 5000 + b"}",
    ],
    ids=["empty", "garbage", "cut", "bytes", "nested", "long-number"],
)
def test_garbage_json_is_no_answer(serve: Serve, target: MakeTarget, body: bytes) -> None:
    (seen,) = ask_all([target(serve(healthy(lambda _: response(body=body))).url)], 10)
    assert (seen.answered, seen.version, seen.health) == (False, None, Health.HEALTHY)
    assert "not JSON" in (seen.detail or "")


@pytest.mark.parametrize(
    "document", [{}, {"version": None}, {"version": ["4"]}, {"version": ""}, {"version": True}]
)
def test_an_answer_without_a_version_is_unknown(serve: Serve, target: MakeTarget, document: dict) -> None:
    (seen,) = ask_all([target(serve(healthy(lambda _: response(body=document))).url)], 10)
    assert (seen.answered, seen.health) == (False, Health.HEALTHY)
    assert seen.detail == "does not say which version it serves"


def test_hostile_strings_are_kept_storable_and_short(serve: Serve, target: MakeTarget) -> None:
    hostile = "4\x1b]52;c;aGk=\x07[/b]\x00\ud800" + "v" * 5000
    server = serve(healthy(lambda _: response(body={"version": hostile, "run_id": "\x00"})))
    (seen,) = ask_all([target(server.url)], 10)
    assert seen.version is not None
    assert seen.version.startswith("4\x1b]52;c;aGk=\x07[/b]��v")  # literal: drawing makes it visible
    assert len(seen.version) == 300
    assert seen.run_id == "�"


def test_a_redirect_to_another_host_is_not_followed(serve: Serve, target: MakeTarget) -> None:
    elsewhere = serve(healthy())
    server = serve(lambda request, _: response(302, location=elsewhere.url + request.path))
    (seen,) = ask_all([target(server.url)], 10)
    assert (seen.answered, seen.health) == (False, Health.UNKNOWN)
    assert "redirects to another address" in (seen.detail or "")
    assert elsewhere.requests == []


def test_a_redirect_on_the_same_host_is_followed_but_not_for_ever(serve: Serve, target: MakeTarget) -> None:
    def script(request: Request, _: socket.socket) -> bytes:
        if request.path.startswith("/circle"):
            return response(302, location="/circle")
        if request.path.endswith("/"):
            return response(body=IDENTITY)
        return response(307, location=request.path + "/")

    server = serve(script)
    around, astray = ask_all([target(server.url), target(server.url, identity="/circle")], 10)
    assert (around.version, around.health) == ("4", Health.HEALTHY)
    assert (astray.answered, astray.detail) == (False, "redirects in a circle")


@pytest.mark.parametrize(
    ("status", "health", "says"),
    [
        (204, Health.HEALTHY, None),
        (500, Health.DOWN, "HTTP 500"),
        (502, Health.DOWN, "HTTP 502"),
        (503, Health.DEGRADED, "not ready"),
        (429, Health.DEGRADED, "fewer requests"),
        (401, Health.UNKNOWN, "credentials"),
        (404, Health.UNKNOWN, "no such health route"),
    ],
)
def test_health_follows_the_health_route(
    serve: Serve, target: MakeTarget, status: int, health: Health, says: str | None
) -> None:
    server = serve(
        lambda request, _: response(status) if request.path == "/health" else response(body=IDENTITY)
    )
    (seen,) = ask_all([target(server.url)], 10)
    assert (seen.version, seen.health) == ("4", health)
    assert seen.detail is None if says is None else says in (seen.detail or "")


def test_a_hanging_health_route_of_a_server_that_answers_is_degraded(
    serve: Serve, target: MakeTarget
) -> None:
    server = serve(
        lambda request, link: hang(request, link) if request.path == "/health" else response(body=IDENTITY)
    )
    (seen,) = ask_all([target(server.url, timeout=1.0)], 10)
    assert (seen.version, seen.health) == ("4", Health.DEGRADED)


def test_some_failing_requests_are_degraded(serve: Serve, target: MakeTarget) -> None:
    server = serve(healthy(lambda request: response(500) if request.number == 1 else response(body=IDENTITY)))
    (seen,) = ask_all([target(server.url)], 10)
    assert (seen.version, seen.health) == ("4", Health.DEGRADED)
    assert (seen.detail or "").startswith("1 of 3 requests failed")


def test_a_server_that_closes_without_an_answer_is_down(serve: Serve, target: MakeTarget) -> None:
    (seen,) = ask_all([target(serve(lambda *_: b"").url)], 10)
    assert (seen.answered, seen.health) == (False, Health.DOWN)
    assert "without an answer" in (seen.detail or "")


def test_what_does_not_speak_http_is_unknown(serve: Serve, target: MakeTarget) -> None:
    (seen,) = ask_all([target(serve(lambda *_: b"SSH-2.0-OpenSSH_9.2\r\n\r\n").url)], 10)
    assert (seen.answered, seen.health) == (False, Health.UNKNOWN)
    assert "HTTP" in (seen.detail or "")


def test_an_answer_that_breaks_off_is_no_answer(serve: Serve, target: MakeTarget) -> None:
    server = serve(healthy(lambda _: response(body=IDENTITY)[:-5]))
    (seen,) = ask_all([target(server.url)], 10)
    assert (seen.answered, seen.health, seen.detail) == (False, Health.HEALTHY, "its answer breaks off")


def test_an_unknown_host_is_unknown(target: MakeTarget) -> None:
    (seen,) = ask_all([target("http://no-such-host.invalid", timeout=10.0)], 20)
    assert (seen.answered, seen.health) == (False, Health.UNKNOWN)


@pytest.mark.parametrize(("number", "version"), [(b"4.0", "4"), (b"4", "4"), (b"4.5", "4.5"), (b"NaN", None)])
def test_fault_26_a_version_written_as_a_number_is_that_number(
    serve: Serve, target: MakeTarget, number: bytes, version: str | None
) -> None:
    server = serve(healthy(lambda _: response(body=b'{"version": ' + number + b"}")))
    (seen,) = ask_all([target(server.url)], 10)
    assert (seen.answered, seen.version) == (version is not None, version)


def test_the_version_can_stand_in_a_header(serve: Serve, target: MakeTarget) -> None:
    server = serve(lambda *_: response(body="pong", x_model_version="12"))
    settings = {"identity": "/ping", "version": "header:X-Model-Version", "run": None, "health": None}
    (seen,) = ask_all([target(server.url, **settings)], 10)
    assert (seen.answered, seen.version, seen.health) == (True, "12", Health.HEALTHY)


def test_headers_come_from_the_environment(
    serve: Serve, target: MakeTarget, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DASH_TEST_TOKEN", "Bearer s3cret")
    server = serve(healthy(lambda _: response(401)))
    with caplog.at_level(logging.DEBUG):
        (seen,) = ask_all([target(server.url, headers_env={"Authorization": "DASH_TEST_TOKEN"})], 10)
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer s3cret"}
    assert "credentials" in (seen.detail or "")
    assert "s3cret" not in repr(seen) + caplog.text


@pytest.mark.parametrize("value", [None, "", "Bearer s3cret\r\nX-Evil: 1", "s3cret\x00", "s3crét"])
def test_without_its_header_nothing_is_sent(
    serve: Serve, target: MakeTarget, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    asked = {"headers_env": {"Authorization": "DASH_TEST_TOKEN"}}
    monkeypatch.delenv("DASH_TEST_TOKEN", raising=False)
    if value is not None and "\x00" not in value:
        monkeypatch.setenv("DASH_TEST_TOKEN", value)
    server = serve(healthy())
    (seen,) = ask_all([target(server.url, **asked)], 10)
    assert (seen.answered, seen.health, server.requests) == (False, Health.UNKNOWN, [])
    assert "DASH_TEST_TOKEN" in (seen.detail or "")
    assert "s3cr" not in (seen.detail or "")


def test_proxies_are_not_used_for_this_machine(
    serve: Serve, target: MakeTarget, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", nobody)
    monkeypatch.setenv("http_proxy", nobody)
    assert ask_all([target(serve(healthy()).url)], 10)[0].version == "4"


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    serve_tls: Callable[[], str], target: MakeTarget
) -> None:
    (seen,) = ask_all([target(serve_tls())], 20)
    assert (seen.answered, seen.health) == (False, Health.UNKNOWN)
    assert "certificate" in (seen.detail or "")


def mlserver(request: Request, _: socket.socket) -> bytes:
    if request.path == "/v2/models/progression/ready":
        return response()
    if (request.method, request.path, request.body) != ("POST", "/v2/repository/index", b"{}"):
        return response(405)
    models = [
        {"name": "other", "version": "9", "state": "READY", "reason": ""},
        {"name": "progression", "version": "2", "state": "UNAVAILABLE", "reason": ""},
        {"name": "progression", "version": "3", "state": "READY", "reason": ""},
    ]
    return response(body=json.dumps(models))


def test_the_mlserver_preset_picks_the_model_that_is_ready(serve: Serve, target: MakeTarget) -> None:
    (seen,) = ask_all([target(serve(mlserver).url, preset="mlserver")], 10)
    assert (seen.version, seen.health) == ("3", Health.HEALTHY)


def test_several_versions_at_once_are_named(serve: Serve, target: MakeTarget) -> None:
    models = [{"name": "progression", "version": str(number), "state": "READY"} for number in (3, 4)]
    server = serve(lambda *_: response(body=json.dumps(models)))
    (seen,) = ask_all([target(server.url, preset="mlserver")], 10)
    assert (seen.answered, seen.health) == (False, Health.DEGRADED)
    assert seen.detail == "serves several versions at once: 3, 4"


@pytest.mark.parametrize(("says", "version"), [("7", "7"), ("None", None), ("not available", None)])
def test_the_bentoml_preset_knows_what_an_unbuilt_service_says(
    serve: Serve, target: MakeTarget, says: str, version: str | None
) -> None:
    def script(request: Request, _: socket.socket) -> bytes:
        return response() if request.path == "/readyz" else response(body={"info": {"version": says}})

    (seen,) = ask_all([target(serve(script).url, preset="bentoml")], 10)
    assert (seen.version, seen.answered, seen.health) == (version, version is not None, Health.HEALTHY)


def test_a_preset_gives_way_to_what_is_configured() -> None:
    routes = routes_of(HttpTarget(url="http://h", preset="bentoml", health="/livez", version="$.v"))
    assert (routes.identity, routes.health) == ("/docs.json", "/livez")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"url": "localhost:8080"}, "address"),
        ({"url": "ftp://h/x"}, "address"),
        ({"url": "http://u:s3cret@h"}, "credentials"),
        ({"url": "http://h", "preset": "mlsrver"}, "mlserver"),
        ({"url": "http://h", "version": "version"}, "header:NAME"),
    ],
)
def test_settings_that_cannot_be_used_are_explained(settings: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        routes_of(HttpTarget(**settings))
    assert "s3cret" not in str(caught.value)
