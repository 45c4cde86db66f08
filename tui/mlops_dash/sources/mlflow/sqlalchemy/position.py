"""Where a reading of a database ended, and what must hold for the next one to go on from there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

FORMAT = 1


@dataclass(slots=True)
class Mark:
    """A position of :class:`mlops_dash.sources.mlflow.sqlalchemy.MlflowDatabase`.

    Attributes:
        schema: digest of the tables and columns that could be read.
        small: digest of each table that is read whole.
        parts: digests of each table's parts, by table.
        running: digest of what belongs to each of the runs that were running, by run id.
        swept: the part of runs up to which edits of old runs were last looked for.
    """

    schema: str
    small: dict[str, str] = field(default_factory=dict)
    parts: dict[str, dict[str, str]] = field(default_factory=dict)
    running: dict[str, str] = field(default_factory=dict)
    swept: str = ""

    def dump(self) -> str:
        """Return it as text."""
        return json.dumps({"format": FORMAT, **asdict(self)}, separators=(",", ":"))

    @classmethod
    def load(cls, text: str | None) -> Mark | None:
        """Return the position, or ``None`` if there is none that this version wrote."""
        if not text:
            return None
        try:
            found = json.loads(text)
            if found.pop("format") != FORMAT:
                return None
            mark = cls(**found)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        return mark if isinstance(mark.parts, dict) and isinstance(mark.small, dict) else None
