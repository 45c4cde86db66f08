"""The questions that the store answers: one ``queries/*.sql`` file each, found by name."""

from __future__ import annotations

import re
from functools import cache
from hashlib import blake2b
from pathlib import Path

from mlops_dash.errors import StoreError

_NAME = re.compile(r"[a-z0-9_]+")
_SECTION = re.compile(r"^-- name: ([a-z0-9_]+)$", re.MULTILINE)
_CHECKOUT = Path(__file__).resolve().parents[3] / "queries"


@cache
def question(name: str) -> str:
    """Return the SQL of a question, its parameters written ``$name``.

    Raises:
        StoreError: there is no such question.
    """
    if not _NAME.fullmatch(name):
        raise StoreError(f"{name!r} is no name of a question")
    try:
        return _text(name)
    except FileNotFoundError:
        raise StoreError(f"there is no question named {name!r}") from None


def _text(name: str) -> str:
    if _CHECKOUT.is_dir() and (_CHECKOUT.parent / "pyproject.toml").is_file():
        return (_CHECKOUT / f"{name}.sql").read_text(encoding="utf-8")
    from importlib.resources import files

    return files("mlops_dash").joinpath("queries", f"{name}.sql").read_text(encoding="utf-8")


@cache
def store_sql(file: str) -> str:
    """Return the text of one of the store's own ``.sql`` files."""
    return Path(__file__).with_name(file).read_text(encoding="utf-8")


@cache
def statements(file: str = "statements.sql") -> dict[str, str]:
    """Return the store's own statements by name; braces stand for identifiers."""
    return _sections(store_sql(file))


@cache
def fragments(name: str) -> dict[str, str]:
    """Return the named parts of ``queries/NAME.sql``, of which questions are put together.

    Braces stand for parameters and for words of ours, never for text from outside.

    Raises:
        StoreError: there is no such file.
    """
    return _sections(question(name))


def _sections(text: str) -> dict[str, str]:
    parts = _SECTION.split(text)
    return {name: part.strip().rstrip(";") for name, part in zip(parts[1::2], parts[2::2], strict=True)}


def schema_version() -> str:
    """Return what tells this version's tables, views and rules of ingest from every other's."""
    text = "".join(store_sql(name) for name in ("schema.sql", "views.sql", "statements.sql"))
    return blake2b(text.encode(), digest_size=8).hexdigest()
