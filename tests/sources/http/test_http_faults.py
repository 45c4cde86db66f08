"""What a tracking server can do to us: each costs its freshness only, within its deadline."""

from __future__ import annotations

import json
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlops_dash.sources.mlflow.http import MlflowServer
from mlops_dash.sources.mlflow.http.exchange import Limits
from sources.http.misbehaving import Handler, Misbehaving, certificate, run

from .conftest import Follower

Serve = Callable[..., Misbehaving]
Follow = Callable[..., Follower]


def after(number: int, fault: Callable[[Handler], None], path: str = "runs/search") -> Any:
    """A fault that begins after so many answers to a question."""
    seen = iter(range(10**9))

    def misbehave(handler: Handler, asked: str, _: dict[str, Any]) -> bool:
        if (path and asked != path) or next(seen) < number:
            return False
        fault(handler)
        return True

    return misbehave


def always(fault: Callable[[Handler], None]) -> Any:
    return after(0, fault, "")


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def test_a_server_that_is_down_is_told_at_once(nobody: str, follow: Follow) -> None:
    error = follow(nobody).fails(within=1)
    assert "connection refused" in error.message


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_fault_15_a_server_that_fails(status: int, serve: Serve, follow: Follow) -> None:
    server = serve(fault=always(lambda handler: handler.say({"error_code": "INTERNAL_ERROR"}, status)))
    error = follow(server.url, Limits(answer=2)).fails(within=4)
    assert str(status) in error.message
    assert len(server.paths()) > len(set(server.paths())), "it may have been a moment's weakness"


def test_fault_15_a_moment_of_weakness_is_not_told(serve: Serve, follow: Follow) -> None:
    seen: set[str] = set()

    def once(handler: Handler, path: str, _: dict[str, Any]) -> bool:
        if path in seen:
            return False
        seen.add(path)
        handler.say("busy", 503, "text/plain")
        return True

    server = serve(runs=[run(1)], fault=once)
    board = follow(server.url, Limits())
    board.read()
    assert len(board.ids()) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_fault_16_credentials_are_not_tried_again(status: int, serve: Serve, follow: Follow) -> None:
    server = serve(fault=always(lambda handler: handler.say({"error_code": "DENIED"}, status)))
    error = follow(server.url).fails(within=1)
    assert error.message.startswith("credentials")
    assert str(status) in error.message
    assert "MLFLOW_TRACKING_TOKEN" in str(error.remedy)
    assert set(Counter(server.paths()).values()) == {1}


def test_fault_17_a_wrong_address(serve: Serve, follow: Follow) -> None:
    page = "<!doctype html><title>404 Not Found</title>"
    server = serve(fault=always(lambda handler: handler.say(page, 404, "text/html")))
    error = follow(server.url).fails(within=1)
    assert "wrong address" in error.message
    assert "404" in error.message


def test_fault_18_too_many_questions_are_asked_more_slowly(serve: Serve, follow: Follow) -> None:
    refusals = iter([True, True])

    def busy(handler: Handler, path: str, _: dict[str, Any]) -> bool:
        if path != "experiments/search" or not next(refusals, False):
            return False
        handler.say("slower", 429, "text/plain", retry_after="0")
        return True

    server = serve(runs=[run(1), run(2)], fault=busy)
    board = follow(server.url, Limits())
    board.read()
    assert len(board.ids()) == 2
    assert server.paths().count("experiments/search") == 3


def test_fault_18_it_is_not_asked_for_ever(serve: Serve, follow: Follow) -> None:
    server = serve(fault=always(lambda handler: handler.say("slower", 429, "text/plain")))
    error = follow(server.url).fails(within=2)
    assert "429" in error.message
    assert server.paths().count("experiments/search") <= 4


def test_fault_19_a_long_wait_is_told_at_once_and_kept(serve: Serve, follow: Follow) -> None:
    wait = always(lambda handler: handler.say("later", 429, "text/plain", retry_after="3600"))
    server = serve(fault=wait)
    board = follow(server.url, Limits())
    error = board.fails(within=1)
    assert "60 min" in error.message
    assert isinstance(board.source, MlflowServer)
    exchange = board.source._exchange
    assert exchange is not None
    asked = exchange.asked
    assert asked <= 3
    assert board.fails(within=1).message == error.message
    assert exchange.asked == asked, "it asked not to be asked"


def test_fault_20_it_accepts_and_hangs(serve: Serve, follow: Follow) -> None:
    server = serve(fault=always(Handler.hang))
    error = follow(server.url, None).fails(within=5)  # the limits that everybody has
    assert "no complete answer" in error.message


def test_fault_20_it_hangs_in_the_middle_of_reading(serve: Serve, follow: Follow) -> None:
    server = serve(runs=[run(n) for n in range(900)], fault=after(3, Handler.hang))
    board = follow(server.url)
    assert "no complete answer" in board.fails(within=3).message
    shown = len(board.ids())
    assert shown >= 200, "what was read stands"
    assert board.positions
    assert not any(position.whole for position in board.positions)
    server.fault = lambda *_: False
    board.read()
    assert len(board.ids()) == 900
    assert board.positions[-1].whole


def test_fault_21_a_dripping_answer_has_a_total_deadline(serve: Serve, follow: Follow) -> None:
    def drip(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", "1000000")
        handler.end_headers()
        while not handler.owner.over.wait(0.02):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    error = follow(serve(fault=always(drip)).url).fails(within=2)
    assert "no complete answer" in error.message


def test_fault_22_a_connection_that_ends_half_way(serve: Serve, follow: Follow) -> None:
    def half(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"experiments": [')
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_WR)
        handler.close_connection = True

    error = follow(serve(fault=always(half)).url).fails(within=2)
    assert "closed before the answer was complete" in error.message


def test_fault_22_a_connection_that_ends_without_a_word(serve: Serve, follow: Follow) -> None:
    def nothing(handler: Handler) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    server = serve(fault=always(nothing))
    assert "closed" in follow(server.url).fails(within=2).message


@pytest.mark.parametrize("announced", [True, False])
def test_fault_23_a_huge_answer_is_not_read(announced: bool, serve: Serve, follow: Follow) -> None:
    sent = 0

    def huge(handler: Handler) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        if announced:
            handler.send_header("content-length", "600000000")
        handler.end_headers()
        for _ in range(600):
            handler.wfile.write(b" " * 1_000_000)
            sent += 1_000_000

    server = serve(fault=after(0, huge, "experiments/search"))
    error = follow(server.url, Limits()).fails(within=5)
    assert "larger than 32 MB" in error.message
    assert sent < 100_000_000


def test_fault_23_runs_that_are_too_large_together_are_read_in_smaller_pages(
    serve: Serve, follow: Follow
) -> None:
    runs = [run(n) for n in range(300)]
    for one in runs:
        one["data"]["tags"].append({"key": "note", "value": "x" * 5000})
    board = follow(serve(runs=runs).url, Limits(body=1_200_000))
    board.read()
    assert len(board.ids()) == 300


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_fault_24_a_login_page_is_no_mlflow(kind: str, serve: Serve, follow: Follow) -> None:
    page = "\n <!doctype html><form>Log in</form>"
    server = serve(fault=always(lambda handler: handler.say(page, 200, kind)))
    error = follow(server.url).fails(within=1)
    assert "not MLflow" in error.message


@pytest.mark.parametrize("body", ['{"experiments": 7}', "[1, 2]", '{"experiments": [', "", "[" * 100_000])
def test_fault_24_other_json_is_no_mlflow(body: str, serve: Serve, follow: Follow) -> None:
    server = serve(fault=always(lambda handler: handler.say(body)))
    assert "not MLflow" in follow(server.url).fails(within=1).message


def test_a_proxy_that_answers_html_in_the_middle(serve: Serve, follow: Follow) -> None:
    page = after(3, lambda handler: handler.say("<html>proxy</html>", 200, "text/html"))
    server = serve(runs=[run(n) for n in range(900)], fault=page)
    board = follow(server.url)
    assert "not MLflow" in board.fails(within=3).message
    assert len(board.ids()) >= 200
    server.fault = lambda *_: False
    board.read()
    assert len(board.ids()) == 900


def test_fault_25_another_host_gets_nothing(
    serve: Serve, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "s3cr3t-token")
    other = serve()
    elsewhere = f"http://localhost:{other.port}/api/2.0/mlflow/experiments/search"
    server = serve(fault=always(lambda handler: handler.say("", 307, location=elsewhere)))
    error = follow(server.url).fails(within=1)
    assert "redirects to http://localhost" in error.message
    assert other.asked == []


def test_a_redirect_on_the_same_server_is_followed(serve: Serve, follow: Follow) -> None:
    def moved(handler: Handler, path: str, _: dict[str, Any]) -> bool:
        if path.startswith("/moved"):
            return False
        handler.say("", 308, location=f"/moved{handler.path}")
        return True

    server = serve(runs=[run(1)])
    answer = server.answer
    server.answer = lambda path, given: answer(path.removeprefix("/moved/api/2.0/mlflow/"), given)  # type: ignore[method-assign]
    server.fault = moved
    board = follow(server.url)
    board.read()
    assert len(board.ids()) == 1


def test_fault_26_bare_nan_and_infinities(serve: Serve, follow: Follow) -> None:
    one = run(1, run_name='"NaN": NaN')
    values = {"nan": float("nan"), "above": float("inf"), "below": float("-inf"), "text": "NaN"}
    one["data"]["metrics"] = [{"key": k, "value": v, "timestamp": 1, "step": 0} for k, v in values.items()]
    one["data"]["metrics"].append({"key": "cut", "value": 1.7976931348623157e308, "timestamp": 1, "step": 0})
    board = follow(serve(runs=[one, run(2)]).url)
    board.read()
    found = board.store.sql("select key, value, is_nan from metric where key <> 'rmse' order by key", None)[1]
    infinity = float("inf")
    assert found == [
        ("above", infinity, False),
        ("below", -infinity, False),
        ("cut", infinity, False),
        ("nan", None, True),
        ("text", None, True),
    ]
    assert board.store.sql("select name from run order by 1", None)[1] == [('"NaN": NaN',), ("fit-2",)]


def tls(serve: Serve, folder: Path, **what: Any) -> tuple[Misbehaving, Path]:
    files = certificate(folder, **what)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return serve(runs=[run(1)], context=context), files[0]


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ({"expired": True}, "has expired"),
        ({"host": "127.0.0.2"}, "is for another"),
    ],
)
def test_fault_27_a_certificate_that_is_not_valid(
    what: dict[str, Any],
    told: str,
    serve: Serve,
    follow: Follow,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, trusted = tls(serve, tmp_path, **what)
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(trusted))
    error = follow(server.url).fails(within=2)
    assert told in error.message
    assert server.asked == []


def test_certificates_as_mlflows_users_set_them(
    serve: Serve, follow: Follow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, trusted = tls(serve, tmp_path)
    assert "TLS certificate" in follow(server.url).fails(within=2).message
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(trusted))
    board = follow(server.url)
    board.read()
    assert len(board.ids()) == 1
    monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    board.read()
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(tmp_path / "missing.pem"))
    assert "MLFLOW_TRACKING_SERVER_CERT_PATH" in board.fails(within=1).message


def test_our_own_certificate_is_shown(
    serve: Serve, follow: Follow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, key = certificate(tmp_path / "ours")
    both = tmp_path / "both.pem"
    both.write_bytes(ours.read_bytes() + key.read_bytes())
    files = certificate(tmp_path / "theirs")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ours)
    server = serve(runs=[run(1)], context=context)
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(files[0]))
    assert follow(server.url).fails(within=3)
    monkeypatch.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", str(both))
    board = follow(server.url)
    board.read()
    assert len(board.ids()) == 1


def test_plain_http_where_tls_is_expected(serve: Serve, follow: Follow) -> None:
    server = serve()
    error = follow(server.url.replace("http:", "https:")).fails(within=2)
    assert "TLS" in error.message


def test_fault_28_no_such_host(follow: Follow) -> None:
    error = follow("http://no-such-host.invalid:5000", None).fails(within=5)
    assert "no such host: no-such-host.invalid" in error.message


@pytest.mark.parametrize(
    "uri", ["http://", "http://[::1", "http://host:port", "ftp://host", "http://u:p4ss@:80"]
)
def test_an_address_that_is_none(uri: str, follow: Follow) -> None:
    error = follow(uri).fails(within=1)
    assert "no address" in error.message
    assert "p4ss" not in str(error)


def test_numbers_and_texts_that_nobody_expects(serve: Serve, follow: Follow) -> None:
    odd = run(1, end_time=10**30, status=None, run_name=None)
    odd["data"]["tags"] = [{"key": "mlflow.runName", "value": "from the tag"}, {"key": "\x1b]0;x\x07"}]
    odd["data"]["params"] = [{"key": "surrogate", "value": "\ud800"}, {"key": "nul", "value": "a\0b"}]
    text = run(2)
    text["info"]["start_time"] = str(text["info"]["start_time"])
    server = serve(runs=[odd], logged_models=[])
    board = follow(server.url)
    board.read()
    assert board.store.sql("select name, end_time, status from run", None)[1] == [
        ("from the tag", None, None)
    ]
    server.fault = after(0, lambda handler: handler.say(json.dumps({"runs": [text]})), "runs/search")
    fresh = follow(server.url)
    fresh.read()
    assert fresh.store.sql("select start_time from run", None)[1] == [(1_700_000_002_000,)]
