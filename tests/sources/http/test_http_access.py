"""Addresses, credentials and secrets, as MLflow's users set them."""

from __future__ import annotations

import base64
import json
import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlops_dash.errors import SourceError
from mlops_dash.sources.mlflow.http import MlflowServer, probe
from mlops_dash.sources.mlflow.http.access import Access
from mlops_dash.sources.mlflow.http.exchange import Limits
from mlops_dash.sources.mlflow.http.position import Group, Mark, Recent, Window
from mlops_dash.sources.mlflow.probing import State
from sources.http.misbehaving import Handler, Misbehaving, run

from .conftest import QUICK, Follower

Serve = Callable[..., Misbehaving]
Follow = Callable[..., Follower]


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def variables(**values: str) -> dict[str, str]:
    return {f"MLFLOW_TRACKING_{name}": value for name, value in values.items()}


@pytest.mark.parametrize(
    ("uri", "environ", "sent"),
    [
        ("http://host", {}, None),
        ("http://host", variables(TOKEN="t0ken"), "Bearer t0ken"),
        ("http://host", variables(USERNAME="ada", PASSWORD="pé:"), basic("ada", "pé:")),
        ("http://host", variables(USERNAME="ada", PASSWORD="p", TOKEN="t0ken"), basic("ada", "p")),
        ("http://host", variables(USERNAME="ada", TOKEN="t0ken"), "Bearer t0ken"),
        ("http://host", variables(USERNAME="ada"), None),
        ("http://eve:p%40ss@host/x/", variables(TOKEN="t0ken"), basic("eve", "p@ss")),
        ("http://only@host", {}, basic("only", "")),
    ],
)
def test_credentials_go_before_each_other_as_in_mlflow(
    uri: str, environ: dict[str, str], sent: str | None, tmp_path: Path
) -> None:
    access = Access.of(uri, {"HOME": str(tmp_path), **environ})
    assert access.authorization == sent
    assert access.base in ("http://host", "http://host/x")
    assert "p%40ss" not in repr(access) + access.shown
    assert sent is None or sent.split()[1] not in repr(access)


def test_the_file_of_credentials_is_read_as_mlflow_reads_it(tmp_path: Path) -> None:
    file = tmp_path / ".mlflow" / "credentials"
    file.parent.mkdir()
    file.write_text("[mlflow]\nmlflow_tracking_username = ada\nmlflow_tracking_password = filed\n")
    home = {"HOME": str(tmp_path)}
    assert Access.of("http://host", home).authorization == basic("ada", "filed")
    assert Access.of("http://host", home).identity == "~/.mlflow/credentials"
    own = Access.of("http://host", home | variables(PASSWORD="own"))
    assert own.authorization == basic("ada", "own")
    file.write_text("no section")
    with pytest.raises(SourceError, match="credentials cannot be read"):
        Access.of("http://host", home)


@pytest.mark.parametrize("token", ["a\nb", "a b\x07", "tökén", "token-of-mine\n"])
def test_a_token_that_no_header_can_carry(token: str) -> None:
    with pytest.raises(SourceError) as caught:
        Access.of("http://host", {"HOME": "/nowhere", **variables(TOKEN=token)})
    assert token.strip() not in str(caught.value)


def test_what_is_sent_to_a_server_behind_a_prefix(
    serve: Serve, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(runs=[run(1)])
    answer = server.answer
    server.answer = lambda path, given: answer(path.partition("/mlflow/")[2], given)  # type: ignore[method-assign]
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    board = follow(f"{server.url}/team/tracking/")
    board.read()
    assert len(board.ids()) == 1
    assert {headers["authorization"] for _, _, headers in server.asked} == {"Bearer t0ken"}
    assert all(path.startswith("/team/tracking/api/2.0/mlflow/") for path, _, _ in server.asked)


def test_no_secret_is_told_by_any_failure(
    serve: Serve, follow: Follow, caplog: pytest.LogCaptureFixture
) -> None:
    """Also by tracebacks with everything that they chain, and by positions."""
    caplog.set_level(logging.DEBUG)
    secret = "pl4nted-s3cret"
    encoded = base64.b64encode(f"ada:{secret}".encode()).decode()
    elsewhere = {"location": f"http://ada:{secret}@other.invalid/?token={secret}"}
    said: list[str] = []
    short = Limits(answer=0.3, connect=0.3)
    faults: list[Callable[[Handler], Any]] = [
        *(
            lambda handler, status=status: handler.say({"message": secret}, status)
            for status in (400, 401, 500)
        ),
        lambda handler: handler.say(f"<html>{secret}", 200, "text/html"),
        lambda handler: handler.say(secret),
        lambda handler: handler.say("", 307, **elsewhere),
        lambda handler: handler.say("", 307, location=f"//{secret}:x"),
        Handler.hang,
        lambda handler: handler.connection.close(),
    ]
    for fault in faults:
        server = serve(fault=lambda handler, *_, fault=fault: fault(handler) or True)
        encrypted = [server.url.replace("http:", "https:")] if fault is faults[0] else []
        for uri in (server.url, *encrypted):
            board = follow(uri.replace("://", f"://ada:{secret}@"), short)
            try:
                board.read()
            except SourceError as error:
                said += [str(error), "".join(traceback.format_exception(error)), repr(error.__dict__)]
            said += [repr(board.source), repr(vars(board.source).get("_exchange"))]
            said += [repr(step) for step in probe(uri.replace("://", f"://ada:{secret}@"), short)]
    server = serve(runs=[run(1)])
    board = follow(server.url.replace("://", f"://ada:{secret}@"))
    board.read()
    said += [str(position) for position in board.positions]
    everything = "\n".join([*said, caplog.text])
    assert len(said) > 40
    assert secret not in everything
    assert encoded not in everything


def test_doctor_looks_at_a_server_that_works(serve: Serve) -> None:
    steps = list(probe(serve(runs=[run(1)]).url))
    assert [step.name for step in steps] == ["address", "TLS", "credentials", "version", "rights", "speed"]
    assert {step.state for step in steps} == {State.OK}
    assert "3.17.2" in steps[3].evidence


@pytest.mark.parametrize(
    ("fault", "name", "told"),
    [
        (lambda handler, *_: handler.say({}, 401) or True, "credentials", "401"),
        (lambda handler, *_: handler.say("<html>", 200, "text/html") or True, "answers", "not MLflow"),
        (lambda handler, *_: handler.hang() or True, "address", "no complete answer"),
    ],
)
def test_doctor_ends_where_a_step_fails(fault: Any, name: str, told: str, serve: Serve) -> None:
    last = list(probe(serve(fault=fault).url, QUICK))[-1]
    assert (last.name, last.state) == (name, State.FAIL)
    assert told in last.evidence
    assert last.remedy


def test_doctor_tells_which_rights_are_lacking(serve: Serve) -> None:
    def forbidden(handler: Handler, path: str, _: dict[str, Any]) -> bool:
        if path != "registered-models/search":
            return False
        handler.say({"error_code": "PERMISSION_DENIED"}, 403)
        return True

    steps = {step.name: step for step in probe(serve(fault=forbidden).url)}
    assert steps["rights"].state is State.WARN
    assert "not the model registry" in steps["rights"].evidence


def test_a_position_is_kept_and_read_again() -> None:
    mark = Mark(
        "server", [Group("runs", ["1"], (-5, 7), [Window(7, 9, 3, "ff", 2)])], {"a": "b"}, turn=4, size=250
    )
    mark.recent["r"] = Recent(5, "aa", True)
    assert Mark.load(mark.dump(), "server") == mark
    assert Mark.load(mark.dump(), "another server") is None


@pytest.mark.parametrize(
    "text", [None, "", "{", "[]", "7", '{"format": 1}', '{"format": 2}', '{"format":1,"rest":[]}']
)
def test_a_position_that_is_none(text: str | None) -> None:
    assert Mark.load(text, "server") is None


def test_neighbours_are_joined_up_to_a_page() -> None:
    windows = [Window(5, 9, 400, "01", 3), Window(2, 5, 500, "02", 2), Window(-9, 2, 200, "03", 1)]
    lone = [Group("runs", [name], None, [Window(-9, 9, 10, "05", 3)]) for name in "ab"]
    mark = Mark("server", [Group("runs", ["1"], None, windows), *lone])
    mark.tidy(1000)
    assert mark.groups[0].windows == [Window(2, 9, 900, f"{3:016x}", 2), Window(-9, 2, 200, "03", 1)]
    assert [group.experiments for group in mark.groups] == [["1"], ["a", "b"]]
    assert mark.groups[1].windows[0].count == 20


def test_it_says_who_it_is_without_secrets() -> None:
    source = MlflowServer("https://ada:s3cret@host/x?token=s3cret")
    assert repr(source) == "MlflowServer('https://host/x')"
    assert (source.name, source.kind) == ("tracking", "mlflow-http")
    assert source.changed(None)
    assert source.changed(json.dumps({}))
    source.close()
