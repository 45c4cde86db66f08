"""The alias hand and tracking servers that misbehave: bounded in time, nothing guessed, no retries."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from mlflow.store.model_registry import rest_store as _loaded  # noqa: F401 - not within a test's deadline

from actions.journalled import Says, plan_of
from actions.registries import MODEL, alias_step
from mlops_dash.actions import registry_writer
from mlops_dash.actions.executor import execute, resume
from mlops_dash.actions.hands import Context, Standing
from mlops_dash.actions.hands.alias import AliasHand
from mlops_dash.actions.journal import Journal
from mlops_dash.domain.plans import Outcome
from mlops_dash.errors import RefusedError
from sources.http.misbehaving import Handler, Misbehaving, certificate

BOUND = 5.5
"""Seconds that a look may take: the deadline of one call, and a moment."""


class Registry:
    """What a tracking server holds, and what it does instead of answering.

    Attributes:
        version: that the alias names.
        written: how often it was set.
        instead: of an answer to a question; on_write: to a change, told whether to make it first.
    """

    def __init__(self) -> None:
        self.version = "6"
        self.written = 0
        self.instead: Callable[[Handler], None] | None = None
        self.on_write: Callable[[Handler], None] | None = None
        self.applies = True

    def __call__(self, handler: Handler, path: str, given: dict[str, Any]) -> bool:
        writes = handler.command == "POST"
        if not writes and self.instead is not None:
            self.instead(handler)
            return True
        if path == "registered-models/alias" and writes:
            self.written += 1
            if self.applies:
                self.version = given["version"]
            if self.on_write is not None:
                self.on_write(handler)
            else:
                handler.say({})
            return True
        if path == "registered-models/alias":
            handler.say({"model_version": {"name": MODEL, "version": self.version}})
            return True
        if path == "model-versions/get":
            handler.say({"model_version": {"name": MODEL, "version": given["version"]}})
            return True
        if path == "registered-models/get":
            handler.say({"registered_model": {"name": MODEL}})
            return True
        return False


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def server(registry: Registry) -> Iterator[Misbehaving]:
    made = Misbehaving(fault=registry)
    yield made
    made.close()


def hand(uri: str, folder: Path) -> AliasHand:
    return AliasHand(alias_step().arguments, Context(uri, None, folder, folder))


def told(words: str, evidence: Mapping[str, Any]) -> None:
    assert words


def test_it_moves_through_a_server(server: Misbehaving, registry: Registry, tmp_path: Path) -> None:
    one = hand(server.url, tmp_path)
    assert one.look().standing is Standing.BEFORE
    assert one.act(told)["changed"] is True
    assert (registry.version, registry.written) == ("4", 1)
    assert one.undo(told)["found"] == "6"


def says(status: int, body: Any = "no", **headers: str) -> Callable[[Handler], None]:
    return lambda handler: handler.say(body, status, **headers)


def drips(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", "100000")
    handler.end_headers()
    try:
        while not handler.owner.over.wait(0.05):
            handler.wfile.write(b" ")
            handler.wfile.flush()
    except OSError:
        pass
    handler.close_connection = True


def half_closes(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"model_version": ')
    handler.wfile.flush()
    handler.close_connection = True


def floods(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(600_000_000))
    handler.end_headers()
    try:
        for _ in range(600):
            handler.wfile.write(b" " * 1_000_000)
    except OSError:
        pass
    handler.close_connection = True


FAULTS: dict[str, tuple[Callable[[Handler], None], str]] = {
    "15 it is broken": (says(500), "answers 500"),
    "15 it is away": (says(503), "answers 503"),
    "16 nobody": (says(401), "credentials"),
    "16 not allowed": (says(403, {"error_code": "PERMISSION_DENIED", "message": "no"}), "credentials"),
    "17 wrong address": (says(404), "wrong address"),
    "18 too often": (says(429), "too often"),
    "19 in an hour": (says(503, Retry_After="3600"), "answers 503"),
    "20 hangs": (lambda handler: handler.hang(), "did not answer"),
    "21 drips": (drips, "did not answer"),
    "22 half closed": (half_closes, "did not answer"),
    "23 floods": (floods, "larger than 32 MB"),
    "24 login page": (says(200, "<html>Sign in</html>", kind="text/html"), "not MLflow"),
    "25 redirects": (says(302, Location="http://127.0.0.2:9/login"), "redirects"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_15_to_25_are_unknown_within_the_deadline_and_nothing_is_sent(
    server: Misbehaving, registry: Registry, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault[:2] in {"20", "21"}:
        monkeypatch.setattr(registry_writer, "SERVER_DEADLINE", 1.0)
    registry.instead, sign = FAULTS[fault]
    one = hand(server.url, tmp_path)
    started = time.monotonic()
    look = one.look()
    assert time.monotonic() - started < BOUND
    assert look.standing is Standing.UNKNOWN
    assert sign in look.words
    with pytest.raises(RefusedError):
        one.act(told)
    assert registry.written == 0
    questions = len(server.asked)
    assert questions == 2, "each look asks once: no retries"


def test_fault_25_credentials_go_to_no_other_host(
    server: Misbehaving, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Misbehaving()
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret-token")
    registry.instead = says(302, Location=f"{other.url}/x")
    assert hand(server.url, tmp_path).look().standing is Standing.UNKNOWN
    assert other.asked == []
    other.close()


def test_fault_26_a_bare_nan_in_an_answer_is_read(
    server: Misbehaving, registry: Registry, tmp_path: Path
) -> None:
    registry.instead = says(
        200, '{"model_version": {"name": "wine", "version": "6"}, "more": NaN}', kind="application/json"
    )
    assert hand(server.url, tmp_path).look().standing is Standing.BEFORE


def test_fault_27_an_expired_certificate_is_not_trusted(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = certificate(tmp_path / "tls", expired=True)
    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(*files)
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(files[0]))
    server = Misbehaving(fault=registry, context=secure)
    look = hand(server.url, tmp_path).look()
    assert look.standing is Standing.UNKNOWN
    assert "certificate" in look.words
    assert server.asked == []
    server.close()


@pytest.mark.parametrize(
    ("uri", "sign"),
    [("http://no-such-host.invalid", "no such host"), ("http://me:hunter22@127.0.0.1:1", "nobody listens")],
)
def test_fault_28_who_is_not_there_is_unknown(uri: str, sign: str, tmp_path: Path) -> None:
    one = hand(uri, tmp_path)
    look = one.look()
    assert look.standing is Standing.UNKNOWN
    assert sign in look.words
    assert "hunter22" not in look.words
    with pytest.raises(RefusedError, match=sign):
        one.act(told)


def test_a_missing_alias_is_none_not_an_error(
    server: Misbehaving, registry: Registry, tmp_path: Path
) -> None:
    registry.instead = says(400, {"error_code": "INVALID_PARAMETER_VALUE", "message": "alias not found"})
    look = hand(server.url, tmp_path).look()
    assert (look.standing, look.found) == (Standing.OTHER, None)


# -- the question is answered, the change is not ---------------------------------------------------------


def carried_out(server: Misbehaving, folder: Path) -> tuple[Outcome, str]:
    book = Journal(folder / "journal")
    plan = plan_of(alias_step())
    context = Context(server.url, None, folder, folder)
    outcome = execute(plan, book, lambda one: AliasHand(one.arguments, context), Says(), lambda _: ())
    action = book.action(plan.id)
    assert action is not None
    return outcome, action.events[-1].words


@pytest.mark.parametrize("applies", [True, False])
@pytest.mark.parametrize("how", ["hangs", "half closed", "broken", "drips"])
def test_a_change_that_is_not_answered_is_told_as_what_it_is(
    server: Misbehaving,
    registry: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    applies: bool,
    how: str,
) -> None:
    monkeypatch.setattr(registry_writer, "SERVER_DEADLINE", 1.0)
    registry.applies = applies
    registry.on_write = {
        "hangs": lambda handler: handler.hang(),
        "half closed": half_closes,
        "broken": says(500),
        "drips": drips,
    }[how]
    outcome, words = carried_out(server, tmp_path)
    assert registry.version == ("4" if applies else "6")
    if applies:
        assert outcome is Outcome.VERIFIED
        assert registry.written == 1
    elif how == "broken":
        assert outcome is Outcome.FAILED  # it answered, and what it did can be read
        assert "500" in words
    else:
        assert outcome is Outcome.UNKNOWN  # it may still arrive
        assert registry.written == 2


def test_what_arrives_after_all_is_settled_later(
    server: Misbehaving, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_writer, "SERVER_DEADLINE", 1.0)
    registry.applies = False
    registry.on_write = lambda handler: handler.hang()
    outcome, _ = carried_out(server, tmp_path)
    assert outcome is Outcome.UNKNOWN
    registry.version = "4"
    book = Journal(tmp_path / "journal")
    (action,) = book.unsettled()
    log = book.take_up(action.plan.id)
    assert log is not None
    context = Context(server.url, None, tmp_path, tmp_path)
    with log:
        settled = resume(log, lambda one: AliasHand(one.arguments, context), Says(), lambda _: ())
    assert settled is Outcome.VERIFIED


def test_a_change_that_is_forbidden_is_refused(
    server: Misbehaving, registry: Registry, tmp_path: Path
) -> None:
    registry.applies = False
    registry.on_write = says(403, {"error_code": "PERMISSION_DENIED", "message": "no"})
    outcome, words = carried_out(server, tmp_path)
    assert outcome is Outcome.REFUSED
    assert "credentials" in words


def test_fault_61_on_a_server_one_wins_and_the_other_is_told(
    server: Misbehaving, registry: Registry, tmp_path: Path
) -> None:
    one = hand(server.url, tmp_path)
    assert one.look().standing is Standing.BEFORE
    registry.version = "5"
    with pytest.raises(RefusedError, match="names version 5"):
        one.act(told)
    assert registry.written == 0


def test_calls_side_by_side_do_not_mix_their_bounds(
    server: Misbehaving, registry: Registry, tmp_path: Path
) -> None:
    one = hand(server.url, tmp_path)
    looks: list[Standing] = []
    threads = [threading.Thread(target=lambda: looks.append(one.look().standing)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert looks == [Standing.BEFORE] * 4
