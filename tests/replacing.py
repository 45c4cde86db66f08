"""Answers with something changed: structs and dataclasses alike."""

from __future__ import annotations

import dataclasses
from typing import Any

from msgspec import Struct, structs


def replace(made: Any, **changes: Any) -> Any:
    """Return a copy of ``made`` with some fields changed."""
    return (
        structs.replace(made, **changes) if isinstance(made, Struct) else dataclasses.replace(made, **changes)
    )
