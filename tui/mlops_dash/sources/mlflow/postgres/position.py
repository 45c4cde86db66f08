"""Where a reading of a PostgreSQL store ended, and what must hold for the next one to go on from there.

A snapshot is PostgreSQL's own (``txid_current_snapshot``): ``xmin:xmax:…``. Transactions below ``xmin`` were
over when it was taken, those from ``xmax`` on had not begun. Numbers are 64 bits wide and never wrap.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field

FORMAT = 1
_UNTOLD = 2**31 - 2**20  # transactions after which rows cannot tell any longer who came first


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Which transactions can be seen."""

    text: str
    low: int
    high: int

    @classmethod
    def of(cls, text: str) -> Snapshot:
        """Read PostgreSQL's text."""
        low, high = text.split(":")[:2]
        return cls(text, int(low), int(high))

    def tells_since(self, earlier: Snapshot) -> bool:
        """Whether rows can tell what was written since an earlier one of the same database."""
        return self.high >= earlier.high and self.high - earlier.low < _UNTOLD


@dataclass(frozen=True, slots=True)
class Ends:
    """How long tables were before transaction ``high`` began: what it wrote is after that.

    Where rows were deleted it may be before; that is found when the whole table is looked through.
    """

    high: int
    blocks: dict[str, int]


@dataclass(slots=True)
class Mark:
    """A position of :class:`mlops_dash.sources.mlflow.postgres.MlflowPostgres`.

    Attributes:
        identity: which cluster, history and database was read; ``started``: when its server was.
        columns: digest of the tables and columns that may be read.
        snapshot: taken before anything was read.
        places: object and file numbers of the tables that were read whole.
        small: digest of each table that is compared whole.
        ends: of the tables, at the last reading after which every transaction up to then was over.
        later: of the tables, at the first reading of which that is not known yet.
        through: taken before large tables were last looked through; ``checked``: when that was, in seconds
            since the epoch; ``took``: how many seconds it took; ``stirred``: whether something was
            written since.
    """

    identity: str = ""
    started: str = ""
    columns: str = ""
    snapshot: str = "0:0:"
    places: dict[str, list[int]] = field(default_factory=dict)
    small: dict[str, str] = field(default_factory=dict)
    ends: Ends | None = None
    later: Ends | None = None
    through: str = "0:0:"
    checked: float = 0.0
    took: float = 0.0
    stirred: bool = True

    def settle(self, snapshot: Snapshot, blocks: dict[str, int]) -> None:
        """Remember how long the tables were; ``blocks`` were counted before ``snapshot`` was taken."""
        now = Ends(snapshot.high, blocks)
        self.snapshot = snapshot.text
        if snapshot.low >= snapshot.high:
            self.ends, self.later = now, None
        elif self.later is None or self.later.high <= snapshot.low:
            self.ends, self.later = self.later or self.ends, now

    def is_due(self) -> bool:
        """Whether large tables should be looked through: often, but a twentieth of the time at most."""
        return self.stirred and not 0 <= time.time() - self.checked < 20 * self.took

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
            for name in ("ends", "later"):
                if found[name] is not None:
                    found[name] = Ends(int(found[name]["high"]), dict(found[name]["blocks"]))
            Snapshot.of(found["snapshot"]), Snapshot.of(found["through"])
            return cls(**found)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
