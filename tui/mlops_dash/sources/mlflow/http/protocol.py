"""Answers of MLflow's REST API, as far as they are read (``service.proto`` and ``model_registry.proto``).

What an older server lacks is missing, what a newer one adds is ignored. Numbers may come as text, as
protobuf's JSON has them; NaN and infinities may come as text or bare, which is no JSON.
"""

from __future__ import annotations

import json
import math
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import msgspec

_T = TypeVar("_T")
_LARGEST = 1.7976931348623157e308  # as which databases keep infinities for MLflow
_INTEGERS = range(-(2**63), 2**63)


class Struct(msgspec.Struct, gc=False):
    """A part of an answer."""


class Pair(Struct):
    key: str = ""
    value: str | None = None


class Metric(Struct):
    key: str = ""
    value: float | None = None
    timestamp: int | None = None
    step: int | None = None

    @property
    def number(self) -> float | None:
        """The value: ``None`` for NaN, infinities as such."""
        value = self.value
        if value is None or math.isnan(value):
            return None
        return value if -_LARGEST < value < _LARGEST else value * 2


class RunInfo(Struct):
    run_id: str = ""
    run_uuid: str = ""
    run_name: str | None = None
    experiment_id: str = ""
    user_id: str | None = None
    status: str | None = None
    start_time: int | None = None
    end_time: int | None = None
    artifact_uri: str | None = None
    lifecycle_stage: str | None = None


class RunData(Struct):
    metrics: list[Metric] = []
    params: list[Pair] = []
    tags: list[Pair] = []


class Dataset(Struct):
    name: str = ""
    digest: str = ""
    source_type: str | None = None
    source: str | None = None
    profile: str | None = None


class DatasetInput(Struct):
    dataset: Dataset
    tags: list[Pair] = []


class RunInputs(Struct):
    dataset_inputs: list[DatasetInput] = []


class Run(Struct):
    info: RunInfo
    data: RunData = msgspec.field(default_factory=RunData)
    inputs: RunInputs = msgspec.field(default_factory=RunInputs)
    digest: int = 0  # of the bytes that were sent, our own

    @property
    def id(self) -> str:
        return self.info.run_id or self.info.run_uuid

    @property
    def time(self) -> int:
        """When it was started, in ms."""
        return integer(self.info.start_time) or 0


class LoggedModelInfo(Struct):
    model_id: str = ""
    experiment_id: str = ""
    name: str | None = None
    creation_timestamp_ms: int | None = None
    artifact_uri: str | None = None
    status: str | None = None
    source_run_id: str | None = None


class LoggedModel(Struct):
    info: LoggedModelInfo
    digest: int = 0

    @property
    def id(self) -> str:
        return self.info.model_id

    @property
    def time(self) -> int:
        """When it was created, in ms."""
        return integer(self.info.creation_timestamp_ms) or 0


class Experiment(Struct):
    experiment_id: str = ""
    name: str | None = None
    artifact_location: str | None = None
    lifecycle_stage: str | None = None
    last_update_time: int | None = None


class Alias(Struct):
    alias: str = ""
    version: str = ""


class RegisteredModel(Struct):
    name: str = ""
    creation_timestamp: int | None = None
    last_updated_timestamp: int | None = None
    description: str | None = None
    aliases: list[Alias] = []


class ModelVersion(Struct):
    name: str = ""
    version: str = ""
    creation_timestamp: int | None = None
    last_updated_timestamp: int | None = None
    user_id: str | None = None
    current_stage: str | None = None
    description: str | None = None
    source: str | None = None
    run_id: str | None = None
    status: str | None = None
    tags: list[Pair] = []


class RunsPage(Struct):
    runs: list[msgspec.Raw] = []
    next_page_token: str | None = None


class LoggedModelsPage(Struct):
    models: list[msgspec.Raw] = []
    next_page_token: str | None = None


class ExperimentsPage(Struct):
    experiments: list[Experiment] = []
    next_page_token: str | None = None


class RegisteredModelsPage(Struct):
    registered_models: list[RegisteredModel] = []
    next_page_token: str | None = None


class ModelVersionsPage(Struct):
    model_versions: list[ModelVersion] = []
    next_page_token: str | None = None


class HistoryPage(Struct):
    metrics: list[Metric] = []
    next_page_token: str | None = None


class OneRun(Struct):
    run: msgspec.Raw


class Failure(Struct):
    error_code: str = ""


class Decoder(Generic[_T]):
    """Decodes answers of one kind."""

    def __init__(self, kind: type[_T]) -> None:
        self._strict = msgspec.json.Decoder(kind, strict=False)

    def __call__(self, body: bytes | msgspec.Raw) -> _T:
        """Return the answer.

        Raises:
            ValueError: it is not what MLflow answers.
        """
        try:
            return self._strict.decode(body)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            return self._strict.decode(_repaired(bytes(body)))


def _repaired(body: bytes) -> bytes:
    """Return JSON for what Python writes as such: bare NaN and infinities, lone surrogates."""
    try:
        found = json.loads(body, parse_constant=str)
        return json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")
    except RecursionError:
        raise ValueError("nested too deeply") from None


_RUN, _MODEL = Decoder(Run), Decoder(LoggedModel)


def run(raw: bytes | msgspec.Raw) -> Run:
    """Decode one run."""
    found = _RUN(raw)
    found.digest = _digest(raw)
    return found


def logged_model(raw: bytes | msgspec.Raw) -> LoggedModel:
    """Decode one logged model."""
    found = _MODEL(raw)
    found.digest = _digest(raw)
    return found


def error_code(body: bytes) -> str:
    """Return MLflow's own word for why it refuses; empty where it says none."""
    try:
        return msgspec.json.decode(body, type=Failure).error_code
    except ValueError:
        return ""


def _digest(raw: bytes | msgspec.Raw) -> int:
    return int.from_bytes(blake2b(memoryview(raw), digest_size=8).digest(), "big")


def integer(value: Any) -> int | None:
    """Return an integer that fits 64 bits, ``None`` for any other."""
    return value if value is not None and value in _INTEGERS else None
