"""A REF as typed on the command line, told apart by its form only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_HEX = re.compile(r"[0-9a-f]{4,64}")


class RefKind(StrEnum):
    """What a reference names. ``NAME_OR_ID`` is an environment, a run or a commit: the facts decide."""

    VERSION = "version"
    ALIAS = "alias"
    DATASET = "dataset"
    NAME_OR_ID = "name-or-id"


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed REF.

    Attributes:
        text: as typed.
        name: model name, digest, or the whole text for ``NAME_OR_ID``.
        detail: version or alias.
        hexadecimal: whether it can be a (prefix of a) run id or commit.
    """

    text: str
    kind: RefKind
    name: str
    detail: str | None = None
    hexadecimal: bool = False


def parse_reference(text: str) -> Reference:
    """Tell the form of a REF.

    ``models:/NAME/VERSION``, ``models:/NAME@ALIAS``, ``data:DIGEST``; everything else is an environment
    name, a run id or prefix, or a commit.

    Raises:
        ValueError: the reference is empty or a ``models:`` reference is incomplete.
    """
    text = text.strip()
    if not text:
        raise ValueError("the reference is empty")
    if text.startswith("models:/"):
        rest = text.removeprefix("models:/").lstrip("/")
        name, slash, version = rest.rpartition("/")
        if slash and name and version:
            return Reference(text, RefKind.VERSION, name, version)
        name, at, alias = rest.rpartition("@")
        if at and name and alias:
            return Reference(text, RefKind.ALIAS, name, alias)
        raise ValueError(f"{text!r} names no version: write models:/NAME/VERSION or models:/NAME@ALIAS")
    if text.startswith("data:"):
        digest = text.removeprefix("data:")
        if not digest:
            raise ValueError("write data:DIGEST")
        return Reference(text, RefKind.DATASET, digest)
    return Reference(text, RefKind.NAME_OR_ID, text, None, bool(_HEX.fullmatch(text.lower())))
