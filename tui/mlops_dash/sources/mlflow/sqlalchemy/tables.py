"""How tables of MLflow become tables of the store, by the columns that are there, in SQLAlchemy's words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mlops_dash.sources.columns import Columns

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, TableClause

Schema = dict[str, frozenset[str]]
"""Columns by table of a tracking store, of those that the user may read."""
Row = tuple[Any, ...]

LARGEST = 1.7976931348623157e308  # MLflow stores infinities as the largest double
PROFILE = 2000  # characters of a dataset's profile that are kept
DELETED = "Deleted_Internal"  # the stage of versions that were deleted: MLflow keeps their rows
# as mlflow.entities.LoggedModelStatus.from_int
_MODEL_STATUS = {0: "UNSPECIFIED", 1: "PENDING", 2: "READY", 3: "FAILED"}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _integer(value: Any) -> int | None:
    return None if value is None else int(value)


def _status(value: Any) -> str | None:
    return _text(_MODEL_STATUS.get(value, value))


@dataclass(frozen=True, slots=True)
class Shape:
    """How one table is read.

    Attributes:
        table: the store's table.
        source: MLflow's table.
        phase: what is read, for a person.
        texts, integers: the store's columns and, by ``=``, MLflow's where they differ.
        key: MLflow's column by whose first characters the table is cut; ``None`` for what is read whole.
        ours: the store's name of that column.
        digested: MLflow's columns whose change is looked for.
    """

    table: str
    source: str
    phase: str
    texts: str
    integers: str = ""
    key: str | None = None
    ours: str = ""
    digested: str = ""

    @property
    def columns(self) -> list[tuple[str, str, Callable[[Any], Any]]]:
        """(the store's name, MLflow's name, what makes the one of the other)."""
        listed: list[tuple[str, Callable[[Any], Any]]] = [(text, _text) for text in self.texts.split()]
        listed += [(text, _integer) for text in self.integers.split()]
        return [(text.partition("=")[0], text.rpartition("=")[2], kind) for text, kind in listed]


RUN = Shape(
    "run", "runs", "runs",
    "run_id=run_uuid experiment_id name status lifecycle_stage user_id source_name artifact_uri",
    "start_time end_time deleted_time",
    "run_uuid", "run_id", "run_uuid name status end_time lifecycle_stage deleted_time experiment_id",
)  # fmt: skip
PARAM = Shape(
    "param",
    "params",
    "parameters",
    "run_id=run_uuid key value",
    "",
    "run_uuid",
    "run_id",
    "run_uuid key value",
)
TAG = Shape(
    "tag", "tags", "tags", "run_id=run_uuid key value", "", "run_uuid", "run_id", "run_uuid key value"
)
METRIC = Shape(
    "metric", "latest_metrics", "metrics", "run_id=run_uuid key", "step logged_at=timestamp",
    "run_uuid", "run_id", "run_uuid key value step timestamp is_nan",
)  # fmt: skip
INPUT = Shape(
    "dataset_input", "inputs", "dataset inputs",
    "input_id=input_uuid dataset_id=source_id run_id=destination_id", "",
    "destination_id", "run_id", "input_uuid source_id destination_id",
)  # fmt: skip
DATASET = Shape(
    "dataset", "datasets", "datasets",
    "dataset_id=dataset_uuid experiment_id name digest source_type=dataset_source_type source=dataset_source "
    "profile=dataset_profile",
)  # fmt: skip
INPUT_TAG = Shape("input_tag", "input_tags", "dataset contexts", "input_id=input_uuid key=name value")
LOGGED_MODEL = Shape(
    "logged_model", "logged_models", "logged models",
    "model_id experiment_id name artifact_location run_id=source_run_id status",
    "creation_time=creation_timestamp_ms",
    "model_id", "model_id", "model_id name status lifecycle_stage",
)  # fmt: skip
EXPERIMENT = Shape(
    "experiment", "experiments", "experiments", "experiment_id name lifecycle_stage artifact_location",
    "last_update_time",
)  # fmt: skip
REGISTERED_MODEL = Shape(
    "registered_model", "registered_models", "registered models", "name description",
    "creation_time last_updated_time",
)  # fmt: skip
MODEL_VERSION = Shape(
    "model_version", "model_versions", "model versions",
    "name version run_id source storage_location stage=current_stage status user_id description",
    "creation_time last_updated_time",
)  # fmt: skip
MODEL_ALIAS = Shape("model_alias", "registered_model_aliases", "aliases", "name alias version")
MODEL_VERSION_TAG = Shape("model_version_tag", "model_version_tags", "version tags", "name version key value")

SMALL = (EXPERIMENT, REGISTERED_MODEL, MODEL_VERSION, MODEL_ALIAS, MODEL_VERSION_TAG)
"""Read whole and compared whole."""
OF_A_RUN = (TAG, PARAM, METRIC, INPUT)
"""What belongs to runs."""
ALL = (*SMALL, RUN, *OF_A_RUN, DATASET, INPUT_TAG, LOGGED_MODEL)
CORE = ("experiments", "runs", "params", "tags", "latest_metrics", "metrics")
"""Tables that every store has: one that is not seen may not be read by this user."""


def table_of(name: str, schema: Schema) -> TableClause:
    """Return one of MLflow's tables with the columns that are there; always the same object for the same."""
    return _table(name, schema.get(name, frozenset()))


@lru_cache(maxsize=64)
def _table(name: str, columns: frozenset[str]) -> TableClause:
    from sqlalchemy import column, table

    return table(name, *(column(each) for each in sorted(columns)))


def selection(shape: Shape, schema: Schema) -> tuple[TableClause, list[ColumnElement[Any]]]:
    """Return a table and what is selected of it, null for columns that are not there."""
    from sqlalchemy import func, literal_column

    table = table_of(shape.source, schema)
    wanted = [theirs for _, theirs, _ in shape.columns]
    if shape is METRIC:
        wanted += ["value", "is_nan"]
    found: list[ColumnElement[Any]] = []
    for number, name in enumerate(wanted):
        value: ColumnElement[Any]
        if name not in table.c:
            value = literal_column("null")
        elif shape is DATASET and name == "dataset_profile":
            value = func.left(table.c[name], PROFILE)
        elif shape is RUN and name == "name":
            value = _run_name(table, schema)
        else:
            value = table.c[name]
        found.append(value.label(f"c{number}"))
    return table, found


def _run_name(runs: TableClause, schema: Schema) -> ColumnElement[Any]:
    """A run's name; in older stores it is a tag only."""
    from sqlalchemy import func, select

    name = func.nullif(runs.c.name, "")
    if "value" not in schema.get("tags", ()):
        return name
    tags = table_of("tags", schema).alias("t")
    tagged = select(tags.c.value).where(tags.c.key == "mlflow.runName", tags.c.run_uuid == runs.c.run_uuid)
    return func.coalesce(name, tagged.scalar_subquery())


def condition(shape: Shape, table: TableClause, schema: Schema) -> list[ColumnElement[bool]]:
    """Return which rows of a table are shown by MLflow."""
    from sqlalchemy import and_, exists, or_

    if shape is INPUT:
        return [table.c.source_type == "DATASET", table.c.destination_type == "RUN"]
    if shape is LOGGED_MODEL:
        return [or_(table.c.lifecycle_stage.is_(None), table.c.lifecycle_stage != "deleted")]
    if shape is MODEL_VERSION:
        return [or_(table.c.current_stage.is_(None), table.c.current_stage != DELETED)]
    if shape is MODEL_VERSION_TAG and "current_stage" in schema.get("model_versions", ()):
        versions = table_of("model_versions", schema).alias("v")
        same = and_(versions.c.name == table.c.name, versions.c.version == table.c.version)
        return [~exists().where(same, versions.c.current_stage == DELETED)]
    return []


def columns_of(shape: Shape, rows: Sequence[Row]) -> Columns:
    """Return rows of a selection as the store's columns."""
    texts: dict[str, list[Any]] = {}
    integers: dict[str, list[Any]] = {}
    for number, (ours, theirs, kind) in enumerate(shape.columns):
        make = _status if shape is LOGGED_MODEL and theirs == "status" else kind
        target = integers if kind is _integer else texts
        target[ours] = [make(row[number]) for row in rows]
    if shape is not METRIC:
        return Columns(texts, integers)
    at = len(shape.columns)
    values = [number_of(row[at], row[at + 1]) for row in rows]
    return Columns(texts, integers, {"value": values}, {"is_nan": [bool(row[at + 1]) for row in rows]})


def number_of(value: Any, is_nan: Any) -> float | None:
    """A metric's value as the store holds it."""
    if is_nan or value is None:
        return None
    found = float(value)
    return found if abs(found) < LARGEST else float("inf") if found > 0 else float("-inf")
