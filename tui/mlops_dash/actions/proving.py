"""Proof that a server which started beside another one serves its model: before it gets the address."""

from __future__ import annotations

import errno
import http.client
import json
import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from mlops_dash.actions.hands import Note
from mlops_dash.actions.servers import wait_ready
from mlops_dash.actions.spawning import state_of
from mlops_dash.domain.text import visible
from mlops_dash.errors import NotServedError, OutcomeUnknownError
from mlops_dash.targets.process import ServerRecord

LOADS_WITHIN = 300.0  # seconds that a model may take to load
ANSWERS_WITHIN = 10.0
PREDICTS_WITHIN = 60.0
_BODY = 1_000_000  # bytes of an answer that are read
_DESCRIPTION = 5_000_000  # bytes of an MLmodel file
_SAMPLE = 5_000_000  # bytes of an input example that is sent
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Sample:
    """An input example; ``why`` says why there is none."""

    body: bytes | None
    why: str = ""


def prove(standby: ServerRecord, folder: Path, note: Note) -> Mapping[str, Any]:
    """Return evidence that a standby is loaded and healthy, is what it should be, and predicts.

    Raises:
        NotServedError: it is not; says why.
    """
    began = time.monotonic()
    url = standby.private or standby.url
    version = visible(standby.version, 80)
    try:
        wait_ready(msgspec.structs.replace(standby, url=url), LOADS_WITHIN)
    except OutcomeUnknownError:
        raise NotServedError(
            f"Version {version} did not load within {LOADS_WITHIN:g} s.", f"Its log is {standby.log}."
        ) from None
    seconds = round(time.monotonic() - began, 3)
    note(f"version {version} is loaded", {"seconds": seconds})
    status, body, _ = _ask(standby, url, "GET", "/health")
    if status != http.client.OK:
        raise NotServedError(
            f"Version {version} is not healthy: {_told(status, body)}", f"Its log is {standby.log}."
        )
    _check_identity(standby, url)
    note(f"it is healthy, and says that it is version {version}", {})
    evidence = {"loaded_after": seconds, **_predict(standby, folder, url)}
    note(evidence["sample"], {})
    return evidence


def _check_identity(standby: ServerRecord, url: str) -> None:
    status, body, _ = _ask(standby, url, "GET", "/metadata")
    try:
        told = json.loads(body)
        says = (told["model"], told["version"], told["run_id"], told["model_id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotServedError(f"The new server does not say what it serves: {_told(status, body)}") from None
    if says != (standby.model, standby.version, standby.run_id, standby.model_id):
        raise NotServedError(f"The new server serves something else: {visible(str(says), _SHOWN)}")


def _predict(standby: ServerRecord, folder: Path, url: str) -> dict[str, Any]:
    sample = input_example(state_of(folder, standby).get("model"))
    if sample.body is None:
        return {"sample": f"no sample was predicted: {sample.why}", "predicted": False}
    status, body, seconds = _ask(standby, url, "POST", "/invocations", sample.body, PREDICTS_WITHIN)
    if status != http.client.OK:
        raise NotServedError(
            f"Version {visible(standby.version, 80)} does not predict its own input example:"
            f" {_told(status, body)}",
            f"Its log is {standby.log}.",
        )
    return {"sample": f"it predicts its input example in {seconds * 1000:.0f} ms", "predicted": True}


def input_example(folder: object) -> Sample:
    """Return the input example that MLflow saved with a model, as its server takes it.

    Args:
        folder: of the model on this machine.
    """
    import yaml

    if not isinstance(folder, str):
        return Sample(None, "the server does not say where its model is")
    try:
        description = _read(os.path.join(folder, "MLmodel"), _DESCRIPTION)
        info = yaml.safe_load(description)["saved_input_example_info"]
        name = info["serving_input_path"]
    except (OSError, ValueError, yaml.YAMLError, RecursionError, KeyError, TypeError):
        return Sample(None, "the model has no input example")
    path = os.path.realpath(os.path.join(folder, str(name)))
    if not path.startswith(os.path.realpath(folder) + os.sep):
        return Sample(None, "the input example lies outside of the model's folder")
    try:
        return Sample(_read(path, _SAMPLE))
    except OSError as error:
        return Sample(None, f"the input example cannot be read ({error.strerror})")
    except ValueError:
        return Sample(None, f"the input example is larger than {_SAMPLE // 1_000_000} MB")


def _read(path: str, limit: int) -> bytes:
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # a pipe would never end
            raise OSError(errno.EINVAL, "it is no file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError("too large")
    return data


def _ask(
    standby: ServerRecord,
    url: str,
    method: str,
    route: str,
    body: bytes | None = None,
    within: float = ANSWERS_WITHIN,
) -> tuple[int, bytes, float]:
    """Return status, body and seconds of one answer.

    Raises:
        NotServedError: there is none.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=within)
    began = time.monotonic()
    try:
        connection.request(method, route, body, {"content-type": "application/json"} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read(_BODY), time.monotonic() - began
    except (OSError, http.client.HTTPException) as error:
        why = str(error) or type(error).__name__
        raise NotServedError(
            f"Version {visible(standby.version, 80)} does not answer {route}: {visible(why, _SHOWN)}",
            f"Its log is {standby.log}.",
        ) from None
    finally:
        connection.close()


def _told(status: int, body: bytes) -> str:
    return f"HTTP {status}: {visible(body.decode('utf-8', 'replace').strip(), _SHOWN)}"
