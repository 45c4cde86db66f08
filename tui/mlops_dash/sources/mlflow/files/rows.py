"""Rows on their way to the store: collected by table, then made columns where they were read."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from mlops_dash.sources.columns import Columns

_KINDS = {"t": "texts", "i": "integers", "r": "reals", "b": "booleans"}
# each table's columns, a letter before each for its type
_SHAPES = {
    "experiment": "t:experiment_id t:name t:lifecycle_stage t:artifact_location i:last_update_time",
    "run": "t:run_id t:experiment_id t:name t:status i:start_time i:end_time t:lifecycle_stage "
    "i:deleted_time t:user_id t:source_name t:artifact_uri",
    "param": "t:run_id t:key t:value",
    "tag": "t:run_id t:key t:value",
    "metric": "t:run_id t:key r:value i:step i:logged_at b:is_nan",
    "dataset": "t:dataset_id t:experiment_id t:name t:digest t:source_type t:source t:profile",
    "dataset_input": "t:input_id t:dataset_id t:run_id",
    "input_tag": "t:input_id t:key t:value",
    "logged_model": "t:model_id t:experiment_id t:name t:artifact_location t:run_id t:status i:creation_time",
    "registered_model": "t:name i:creation_time i:last_updated_time t:description",
    "model_version": "t:name t:version t:run_id t:source t:storage_location t:stage t:status "
    "i:creation_time i:last_updated_time t:user_id t:description",
    "model_alias": "t:name t:alias t:version",
    "model_version_tag": "t:name t:version t:key t:value",
}


class Kind(StrEnum):
    """What a folder with a ``meta.yaml`` is."""

    EXPERIMENT = "experiment"
    MODEL = "registered-model"
    LOGGED_MODEL = "logged-model"
    DATASET = "dataset"
    RUN = "run"


KEYS: dict[Kind, dict[str, str]] = {
    Kind.EXPERIMENT: {"experiment": "experiment_id"},
    Kind.MODEL: dict.fromkeys(
        ("registered_model", "model_version", "model_alias", "model_version_tag"), "name"
    ),
    Kind.LOGGED_MODEL: {"logged_model": "model_id"},
    Kind.DATASET: {"dataset": "dataset_id"},
    Kind.RUN: {
        "param": "run_id",
        "tag": "run_id",
        "metric": "run_id",
        "input_tag": "input_id",
        "dataset_input": "run_id",
        "run": "run_id",
    },
}
"""The tables that each kind fills, and the column that says whose a row is."""


class Rows:
    """Rows by table, in the order of the table's columns."""

    def __init__(self) -> None:
        self.of: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _SHAPES}

    def columns(self, tables: Iterable[str]) -> dict[str, Columns]:
        """Return the rows of those tables that have any, as columns."""
        return {table: _columns(table, self.of[table]) for table in tables if self.of[table]}


def _columns(table: str, rows: list[tuple[Any, ...]]) -> Columns:
    sorted_by_type: dict[str, dict[str, Any]] = {kind: {} for kind in _KINDS.values()}
    for column, values in zip(_SHAPES[table].split(), zip(*rows, strict=True), strict=True):
        letter, _, name = column.partition(":")
        sorted_by_type[_KINDS[letter]][name] = values
    return Columns(**sorted_by_type)
