"""How tables of MLflow become tables of the store, by the columns that are there.

Schemas differ from MLflow 1.30 to 3.18 and may grow: a column that a store lacks is read as null, one that
we do not know is ignored. Every selection starts with a shape row, because ADBC types a column by its
first values and a column that starts with nulls would get a wrong type.
"""

# ruff: noqa: S608 - identifiers in SQL are ours, texts are quoted

from __future__ import annotations

from dataclasses import dataclass

Schema = dict[str, frozenset[str]]
"""Columns by table of a tracking store."""

_SEPARATOR = "char(31)"
_TINY_SHAPE = {"text": "''", "integer": "0", "real": "0.0", "boolean": "0"}
_LARGEST = "1.7976931348623157e308"  # MLflow stores infinities as the largest double
METRIC_VALUE = (
    f"case when is_nan then null when value >= {_LARGEST} then 9e999 "
    f"when value <= -{_LARGEST} then -9e999 else cast(value as real) end"
)
# as mlflow.entities.LoggedModelStatus.from_int
_MODEL_STATUS = (
    "case status when 0 then 'UNSPECIFIED' when 1 then 'PENDING' when 2 then 'READY' when 3 then 'FAILED' "
    "else cast(status as text) end"
)
_DELETED = "'Deleted_Internal'"  # the stage of versions that were deleted: MLflow keeps their rows
_RUN_NAME = (
    "coalesce(nullif(name, ''), "
    "(select t.value from tags as t where t.\"key\" = 'mlflow.runName' and t.run_uuid = runs.run_uuid))"
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the store.

    Attributes:
        name: its name in the store.
        source: its name in MLflow, or an SQL expression over it.
        kind: text, integer, real or boolean.
        needs: what must be there for ``source`` to be read, as ``table.column``; null otherwise.
    """

    name: str
    source: str
    kind: str = "text"
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """How one table is read.

    Attributes:
        table: the store's table.
        source: MLflow's table.
        phase: what is read, for a person.
        columns: the store's columns, all of them.
        identity: columns that tell a row of MLflow's table from every other.
        edited: the expressions whose change in place must be found; none where rows are only added.
        where: which rows are read.
    """

    table: str
    source: str
    phase: str
    columns: tuple[Column, ...]
    identity: tuple[str, ...]
    edited: tuple[str, ...] = ()
    where: str = "1"


def _plain(table: str, *names: str, kind: str = "text") -> tuple[Column, ...]:
    """Columns ``store=mlflow`` or of the same name in both."""
    columns = []
    for name in names:
        ours, _, theirs = name.partition("=")
        theirs = theirs or ours
        columns.append(Column(ours, f'"{theirs}"', kind, (f"{table}.{theirs}",)))
    return tuple(columns)


_ROWNO = Column("rowno", "rowid", "integer")

RUN = Shape(
    "run",
    "runs",
    "runs",
    (
        _ROWNO,
        *_plain("runs", "run_id=run_uuid", "experiment_id"),
        Column("name", _RUN_NAME, "text", ("runs.name", "tags.run_uuid")),
        *_plain("runs", "status"),
        *_plain("runs", "start_time", "end_time", kind="integer"),
        *_plain("runs", "lifecycle_stage"),
        *_plain("runs", "deleted_time", kind="integer"),
        *_plain("runs", "user_id", "source_name", "artifact_uri"),
    ),
    ("run_uuid",),
    ("run_uuid", _RUN_NAME, "status", "end_time", "lifecycle_stage"),
)
PARAM = Shape(
    "param",
    "params",
    "parameters",
    (_ROWNO, *_plain("params", "run_id=run_uuid", "key", "value")),
    ("run_uuid", "key"),
)
TAG = Shape(
    "tag",
    "tags",
    "tags",
    (_ROWNO, *_plain("tags", "run_id=run_uuid", "key", "value")),
    ("run_uuid", "key"),
    ("value",),
)
METRIC = Shape(
    "metric",
    "latest_metrics",
    "metrics",
    (
        _ROWNO,
        *_plain("latest_metrics", "run_id=run_uuid", "key"),
        Column("value", METRIC_VALUE, "real", ("latest_metrics.value", "latest_metrics.is_nan")),
        *_plain("latest_metrics", "step", "logged_at=timestamp", kind="integer"),
        *_plain("latest_metrics", "is_nan", kind="boolean"),
    ),
    ("run_uuid", "key"),
)
DATASET = Shape(
    "dataset",
    "datasets",
    "datasets",
    (
        _ROWNO,
        *_plain("datasets", "dataset_id=dataset_uuid", "experiment_id", "name", "digest"),
        *_plain("datasets", "source_type=dataset_source_type", "source=dataset_source"),
        Column("profile", "substr(dataset_profile, 1, 2000)", "text", ("datasets.dataset_profile",)),
    ),
    ("dataset_uuid",),
    ("dataset_uuid", "name", "digest"),
)
DATASET_INPUT = Shape(
    "dataset_input",
    "inputs",
    "dataset inputs",
    (
        _ROWNO,
        *_plain("inputs", "input_id=input_uuid", "dataset_id=source_id", "run_id=destination_id"),
    ),
    ("input_uuid",),
    where="+source_type = 'DATASET' and +destination_type = 'RUN'",  # + keeps ranges of rows off the index
)
INPUT_TAG = Shape(
    "input_tag",
    "input_tags",
    "dataset contexts",
    (_ROWNO, *_plain("input_tags", "input_id=input_uuid", "key=name", "value")),
    ("input_uuid", "name"),
)
LOGGED_MODEL = Shape(
    "logged_model",
    "logged_models",
    "logged models",
    (
        _ROWNO,
        *_plain(
            "logged_models", "model_id", "experiment_id", "name", "artifact_location", "run_id=source_run_id"
        ),
        Column("status", _MODEL_STATUS, "text", ("logged_models.status",)),
        *_plain("logged_models", "creation_time=creation_timestamp_ms", kind="integer"),
    ),
    ("model_id",),
    ("model_id", "name", "status", "lifecycle_stage"),
    where="lifecycle_stage is not 'deleted'",
)
EXPERIMENT = Shape(
    "experiment",
    "experiments",
    "experiments",
    (
        *_plain("experiments", "experiment_id", "name", "lifecycle_stage", "artifact_location"),
        *_plain("experiments", "last_update_time", kind="integer"),
    ),
    ("experiment_id",),
)
REGISTERED_MODEL = Shape(
    "registered_model",
    "registered_models",
    "registered models",
    (
        *_plain("registered_models", "name"),
        *_plain("registered_models", "creation_time", "last_updated_time", kind="integer"),
        *_plain("registered_models", "description"),
    ),
    ("name",),
)
MODEL_VERSION = Shape(
    "model_version",
    "model_versions",
    "model versions",
    (
        *_plain(
            "model_versions", "name", "version", "run_id", "source", "storage_location", "stage=current_stage"
        ),
        *_plain("model_versions", "status"),
        *_plain("model_versions", "creation_time", "last_updated_time", kind="integer"),
        *_plain("model_versions", "user_id", "description"),
    ),
    ("name", "version"),
    where=f"current_stage is not {_DELETED}",
)
MODEL_ALIAS = Shape(
    "model_alias",
    "registered_model_aliases",
    "aliases",
    _plain("registered_model_aliases", "name", "alias", "version"),
    ("name", "alias"),
)
MODEL_VERSION_TAG = Shape(
    "model_version_tag",
    "model_version_tags",
    "version tags",
    _plain("model_version_tags", "name", "version", "key", "value"),
    ("name", "version", "key"),
    where="(name, version) not in "
    f"(select name, version from model_versions where current_stage = {_DELETED})",
)

SMALL = (EXPERIMENT, REGISTERED_MODEL, MODEL_VERSION, MODEL_ALIAS, MODEL_VERSION_TAG)
"""Read whole and compared whole."""
GROWING = (RUN, TAG, DATASET, DATASET_INPUT, INPUT_TAG, LOGGED_MODEL, PARAM)
"""Rows have the source's row number, by which new and edited ones are found."""
OF_A_RUN = (PARAM, TAG, METRIC, DATASET_INPUT)
"""What goes when its run is removed for good."""


def shape_column(shape: Shape) -> str:
    """Return the integer column that is negative in the shape row only."""
    return "rowno" if shape.columns[0] is _ROWNO else "shape_row"


def rows_sql(shape: Shape, schema: Schema, condition: str, *, blobs: bool = False) -> str:
    """Return the selection of a table's rows, as the store names them, behind a shape row.

    Args:
        condition: which rows, an SQL expression over MLflow's columns.
        blobs: read text as the bytes that are stored, for rows that are no valid text.
    """
    numbered = shape_column(shape) == "rowno"
    first = [] if numbered else ["-1 as shape_row"]
    rest = [] if numbered else ["0"]
    for column in shape.columns:
        as_bytes = blobs and column.kind == "text"
        typed = "-1" if column is _ROWNO else "x''" if as_bytes else _TINY_SHAPE[column.kind]
        first.append(f"{typed} as {column.name}")
        value = _value(column, schema)
        rest.append(f"cast({value} as blob)" if as_bytes else value)
    return (
        f"select {', '.join(first)} union all select {', '.join(rest)} "
        f"from {shape.source} where ({shape.where}) and ({condition})"
    )


def digest_sql(shape: Shape, schema: Schema, blocks: range, upto: int, rows_per_block: int) -> str:
    """Return block number, number of rows and the joined text of what can be edited in place.

    One subquery for each block walks the table in its own order; grouping would sort it all.
    """
    joined = shape.edited[0]  # group_concat skips nulls, with their separators
    if len(shape.edited) > 1:
        joined = f" || {_SEPARATOR} || ".join(_text(expression, shape, schema) for expression in shape.edited)
    first = f"b * {rows_per_block}"
    return (
        f"with recursive blocks(b) as (select {blocks[0]} "
        f"union all select b + 1 from blocks where b < {blocks[-1]}) "
        f"select b as block, coalesce((select count(*) || ' ' || group_concat({joined}, char(30)) "
        f"from {shape.source} "
        f"where rowid between {first} and min({upto}, {first} + {rows_per_block - 1})), '0 ') "
        "as text from blocks"
    )


def whole_sql(shape: Shape, schema: Schema) -> str:
    """Return one text of a small table's whole content."""
    parts = [f"coalesce(cast({_value(column, schema)} as text), char(29))" for column in shape.columns]
    joined = f" || {_SEPARATOR} || ".join(parts)
    return (
        f"select count(*) as rows, coalesce(group_concat({joined}, char(30)), '') as text "
        f"from {shape.source} where {shape.where}"
    )


def identity_sql(source: str, columns: tuple[str, ...], row: int | None = None) -> str:
    """Return table, whether ``row`` was named, number and identity of one row, by default of the last one."""
    return (
        f"select '{source}' as name, {int(row is not None)} as named, rowid as row, "
        f"{_identity(columns)} as identity from {source} "
        f"where rowid = {'(select max(rowid) from ' + source + ')' if row is None else row}"
    )


def _identity(columns: tuple[str, ...]) -> str:
    """Return an expression that tells a row from every other, as hexadecimal: it may be no valid text."""
    return "hex(" + " || '|' || ".join(f'"{column}"' for column in columns) + ")"


def _value(column: Column, schema: Schema) -> str:
    """Return the expression that reads a column, or null where the store does not have it."""
    for need in column.needs:
        table, _, name = need.partition(".")
        if name not in schema.get(table, ()):
            return "null"
    if column.kind == "integer" and column.source != "rowid":
        return f"cast({column.source} as integer)"
    if column.kind == "boolean":
        return f"coalesce({column.source}, 0)"
    return column.source


def _text(expression: str, shape: Shape, schema: Schema) -> str:
    if expression.isidentifier() and expression not in schema.get(shape.source, ()):
        return "''"
    return f"coalesce({expression}, char(29))"


def quoted(texts: list[str]) -> str:
    """Return texts as a list of SQL literals."""
    return ", ".join("'" + text.replace("'", "''").replace("\0", "") + "'" for text in texts)


def history_sql(run_ids: list[str], keys: list[str]) -> str:
    """Return the selection of every value that runs logged of some metrics, after a row of the right types.

    The index over runs gives the rows of each in the order in which they were logged.
    """
    return (
        "select -1 as rowno, '' as run_id, '' as \"key\", 0 as step, 0 as time, 0.0 as value union all "
        'select rowid, run_uuid, "key", cast(step as integer), cast(timestamp as integer), '
        f'{METRIC_VALUE} from metrics where run_uuid in ({quoted(run_ids)}) and "key" in ({quoted(keys)})'
    )
