"""The sample project as a team's that acts by aliases alone, and what changes from run to run taken out."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from mlops_dash import demo

CONFIG = """\
[tracking]
uri = "sqlite:///mlflow.db"
[metrics]
primary = "rmse"
[environments.production]
model = "progression"
protected = true
[environments.staging]
model = "progression"
"""

_CHANGING = (
    (re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}"), "ID"),
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
)


def team(folder: Path, config: str = CONFIG) -> Path:
    """Make the project in ``folder``: production declares version 4, staging and canary 6."""
    demo.unpack(folder)
    (folder / "mlops-dash.toml").write_text(config)
    return folder


def alias(folder: Path, name: str = "production") -> str | None:
    """Return the version that an alias names in the store itself."""
    with closing(sqlite3.connect(f"file:{folder / 'mlflow.db'}?mode=ro", uri=True)) as store:
        rows = store.execute(
            "select version from registered_model_aliases where name = 'progression' and alias = ?", (name,)
        ).fetchall()
    return str(rows[0][0]) if rows else None


def change(folder: Path, text: str, *values: object) -> None:
    """Change the store as somebody else does."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as store, store:
        store.execute(text, values)


def told(printed: str) -> str:
    """Return what was printed without what is another each time."""
    for pattern, plain in _CHANGING:
        printed = pattern.sub(plain, printed)
    return "\n".join(line.rstrip() for line in printed.splitlines())


def golden(name: str) -> str:
    """Return what must be printed."""
    return (Path(__file__).parent / "golden" / f"plan-{name}.txt").read_text("utf-8").rstrip("\n")
