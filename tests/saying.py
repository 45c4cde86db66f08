"""What the command line said, read as a program would read it."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its answer as strict JSON."""
        return strict(self.out)


def strict(text: str) -> Any:
    """Read JSON that knows neither NaN nor Infinity."""

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"not strict JSON: {constant}")

    return json.loads(text, parse_constant=refuse)


def listing(folder: Path) -> dict[str, bytes | None]:
    """Return every path below a folder, files with their bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def harmless(text: str) -> bool:
    """Tell whether ``text`` can do nothing to a terminal but be shown."""
    bidirectional = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    categories = {unicodedata.category(char) for char in text if char != "\n"}
    return not categories & {"Cc", "Cs"} and not set(text) & set(bidirectional)
