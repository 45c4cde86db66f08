"""What stands between servers that hand over: messages, input examples, records."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.served_models import make_model
from mlops_dash.actions.proving import _SAMPLE, input_example
from mlops_dash.targets import control


@given(st.binary(max_size=300))
def test_whatever_is_sent_is_a_message_or_refused(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.close()
        with contextlib.suppress(ValueError):
            while (found := control._receive(ours)) is not None:
                assert isinstance(found[0], dict)


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()))
def test_a_message_arrives_as_it_was_sent_with_its_sockets(message: dict[str, object]) -> None:
    ours, theirs = socket.socketpair()
    one, other = socket.socketpair()
    with ours, theirs, one, other:
        control._send(ours, message, [one, other])
        found = control._receive(theirs)
        assert found is not None
        assert found[0] == message
        first, second = found[1]
        with first, second:
            first.sendall(b"x")
            assert second.recv(1) == b"x"
            assert not os.get_inheritable(first.fileno())


@pytest.mark.parametrize("data", [b"x" * 70_000, b"[1]\n", b"{\n", b"[" * 60_000 + b"\n", b'{"do": "state"'])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            theirs.sendall(data)
        theirs.close()
        with pytest.raises(ValueError):
            control._receive(ours)


def test_nobody_at_a_control_socket_is_told(tmp_path: Path) -> None:
    with pytest.raises(control.NoControlError), control.call(tmp_path, "none.sock", 1):
        pass
    with contextlib.closing(_listening(tmp_path)), pytest.raises(control.NoControlError, match="state"):
        control.ask(tmp_path, "x.sock", "state", 0.1)  # it never answers


def _listening(folder: Path) -> socket.socket:
    with contextlib.chdir(folder):
        return control.listen("x.sock")


def test_an_answer_goes_to_the_one_who_asked(tmp_path: Path) -> None:
    with contextlib.closing(_listening(tmp_path)) as listening:
        control.attend(listening, lambda message, _: ({"echo": message["x"]}, ()))
        with control.call(tmp_path, "x.sock", 10) as one, control.call(tmp_path, "x.sock", 10) as other:
            assert other.ask("a", x=2)[0] == {"echo": 2}
            assert one.ask("a", x=1)[0] == {"echo": 1}
            with socket.socket(socket.AF_UNIX) as garbled:
                garbled.connect(str(tmp_path / "x.sock"))
                garbled.sendall(b"garbage\n")
                assert garbled.recv(100) == b""
            assert one.ask("a", x=3)[0] == {"echo": 3}
        assert (tmp_path / "x.sock").stat().st_mode & 0o077 == 0


def test_an_input_example_is_what_mlflow_saved_for_serving(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "m", "4", example='{"inputs": [1]}')
    assert input_example(str(folder)).body == b'{"inputs": [1]}'
    (folder / "serving_input_example.json").unlink()
    assert input_example(str(folder)).why == "the input example cannot be read (No such file or directory)"
    assert (
        input_example(str(make_model(tmp_path / "n", "4", example=None))).why
        == "the model has no input example"
    )
    assert input_example(None).why == "the server does not say where its model is"
    assert input_example(str(tmp_path / "gone")).why == "the model has no input example"


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "link", ".", "code/../../secret"])
def test_fault_56_an_input_example_outside_of_the_model_is_not_sent(tmp_path: Path, name: str) -> None:
    folder = make_model(tmp_path / "m", "4")
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "MLmodel").write_text(f"saved_input_example_info: {{serving_input_path: {json.dumps(name)}}}\n")
    assert input_example(str(folder)).body is None
    assert "outside" in input_example(str(folder)).why


@pytest.mark.parametrize("text", ["", "[]", "x: &a [*a", "saved_input_example_info: 3", "- " * 5000, "\x00"])
def test_a_spoilt_description_has_no_example(tmp_path: Path, text: str) -> None:
    folder = make_model(tmp_path / "m", "4")
    (folder / "MLmodel").write_text(text)
    assert input_example(str(folder)).body is None


def test_a_huge_example_is_not_sent(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "m", "4")
    with (folder / "serving_input_example.json").open("wb") as file:
        file.truncate(_SAMPLE + 1)
    assert input_example(str(folder)).why == "the input example is larger than 5 MB"


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "m", "4")
    (folder / "serving_input_example.json").unlink()
    os.mkfifo(folder / "serving_input_example.json")
    assert input_example(str(folder)).why == "the input example cannot be read (it is no file)"
    (folder / "MLmodel").unlink()
    os.mkfifo(folder / "MLmodel")
    assert input_example(str(folder)).why == "the model has no input example"
