"""Digests of tables that the database itself computes, so that only what changed leaves it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlops_dash.sources.mlflow.address import Kind
from mlops_dash.sources.mlflow.sqlalchemy.tables import Schema, Shape, condition, table_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

Digests = dict[str, str]
"""Rows and digest of each part of a table, by the first characters of its key."""
_SIGNS = {"run_uuid": 2, "destination_id": 2, "model_id": 4}  # 256 parts: model ids start with m-
_BETWEEN = "\x1f"
_NOTHING = "\x1d"


def width_of(shape: Shape) -> int:
    """Return how many characters of its key tell a table's parts from each other."""
    return _SIGNS[shape.key or ""]


def parts(
    connection: Connection, kind: Kind, shape: Shape, schema: Schema, among: Sequence[str] = ()
) -> Digests:
    """Return the digests of a table's parts.

    Args:
        among: only those whose keys start so; all by default.
    """
    from sqlalchemy import func, select

    table = table_of(shape.source, schema)
    if shape.key is None or shape.key not in table.c:
        return {}
    key = table.c[shape.key]
    part = func.left(key, width_of(shape))
    asked = select(part, func.count(), _combined(kind, shape, schema)).where(*condition(shape, table, schema))
    if among:
        asked = asked.where(starting(key, among))
    return {str(name): f"{rows} {digest}" for name, rows, digest in connection.execute(asked.group_by(part))}


def whole(connection: Connection, kind: Kind, shape: Shape, schema: Schema) -> str:
    """Return the digest of a whole table."""
    from sqlalchemy import func, select

    table = table_of(shape.source, schema)
    if not table.c:
        return "none"
    asked = select(func.count(), _combined(kind, shape, schema)).select_from(table)
    rows, digest = connection.execute(asked.where(*condition(shape, table, schema))).one()
    return f"{rows} {digest}"


def starting(key: ColumnElement[Any], prefixes: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that a key starts with one of these; an index on it can be used."""
    from sqlalchemy import or_

    return or_(*(key.startswith(prefix, autoescape=True) for prefix in prefixes))


def _combined(kind: Kind, shape: Shape, schema: Schema) -> ColumnElement[Any]:
    """An aggregate that does not depend on the order of rows and that no two contents are likely to share."""
    from sqlalchemy import BigInteger, Unicode, cast, func
    from sqlalchemy.dialects.mysql import INTEGER

    table = table_of(shape.source, schema)
    names = shape.digested.split() or [theirs for _, theirs, _ in shape.columns]
    wide = Unicode(8000) if kind is Kind.MYSQL else Unicode()
    values: list[Any] = []
    for name in names:
        if name in table.c:
            values += [func.coalesce(cast(table.c[name], wide), _NOTHING), _BETWEEN]
    joined = func.concat(*values, "")
    if kind is Kind.MYSQL:
        number = func.conv(func.left(func.md5(joined), 15), 16, 10)
        return func.bit_xor(cast(number, INTEGER(unsigned=True)))
    return func.sum(cast(func.substring(func.hashbytes("MD5", joined), 1, 6), BigInteger))
