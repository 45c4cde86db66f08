"""Where a reading of a tracking store ended, and what must hold for the next one to go on from there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

FORMAT = 2
ROWS_PER_BLOCK = 1024
_DIGITS = 12
NOTHING = "-" * _DIGITS
"""Digest of a block without rows."""

Tail = tuple[int, str]
"""Largest row number of a table and the identity of that row."""


@dataclass(slots=True)
class Mark:
    """A position of :class:`mlops_dash.sources.mlflow.sqlite.MlflowSqlite`.

    Attributes:
        file: device and inode of the file that was read.
        signature: its size and times then; ``None`` where a later write might not have changed them.
        schema: digest of its tables and columns.
        tails: the last row of each table that grows.
        blocks: digest of each block of rows that can be edited in place, by table, block 0 first.
        small: digest of each table that is read whole.
        swept: table and block from which the search for edits goes on.
        left: blocks that it has not looked at since the file was last written.
    """

    file: tuple[int, int]
    signature: tuple[int, ...] | None
    schema: str
    tails: dict[str, Tail] = field(default_factory=dict)
    blocks: dict[str, list[str]] = field(default_factory=dict)
    small: dict[str, str] = field(default_factory=dict)
    swept: tuple[str, int] = ("", 0)
    left: int = 0

    def dump(self) -> str:
        """Return it as text."""
        content = asdict(self) | {"blocks": {table: "".join(all_) for table, all_ in self.blocks.items()}}
        return json.dumps({"format": FORMAT, **content}, separators=(",", ":"))

    @classmethod
    def load(cls, text: str | None) -> Mark | None:
        """Return the position, or ``None`` if there is none that this version wrote."""
        if not text:
            return None
        try:
            found = json.loads(text)
            if found.pop("format") != FORMAT:
                return None
            found["file"] = tuple(found["file"])
            if found["signature"] is not None:
                found["signature"] = tuple(found["signature"])
            found["tails"] = {
                table: (int(row), str(identity)) for table, (row, identity) in found["tails"].items()
            }
            found["blocks"] = {
                table: [joined[start : start + _DIGITS] for start in range(0, len(joined), _DIGITS)]
                for table, joined in found["blocks"].items()
            }
            found["swept"] = (str(found["swept"][0]), int(found["swept"][1]))
            return cls(**found)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            return None


def row_ranges(blocks: Iterable[int], limit: int = 100) -> list[tuple[int, int]]:
    """Return the row numbers, first and last, of blocks, neighbours joined.

    Args:
        limit: blocks joined at most.
    """
    runs: list[list[int]] = []
    for number in sorted(set(blocks)):
        if runs and number == runs[-1][1] + 1 and number - runs[-1][0] < limit:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return [(first * ROWS_PER_BLOCK, (last + 1) * ROWS_PER_BLOCK - 1) for first, last in runs]
