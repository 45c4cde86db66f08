"""What ``doctor`` prints of the tracking connection, without what is another each time."""

from __future__ import annotations

import re
from pathlib import Path

_CHANGING = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r" +"), " "),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"written \d+ (s|min|h|d) ago"), "written N ago"),
    (re.compile(r"[\d.,]+ (ms|s)\b"), r"N \1"),
    (re.compile(r"[\d,]+ bytes"), "N bytes"),
    (re.compile(r"version \d[\w.+~-]+"), "version N"),
    (re.compile(r"PostgreSQL \d[\w.]*[^,\n]*"), "PostgreSQL N"),
)


def tracking(printed: str, folder: Path) -> str:
    """Return the lines about the tracking store, paths from ``folder`` on."""
    kept: list[str] = []
    ours = False
    for line in printed.replace(str(folder), "DIR").splitlines():
        if not line.startswith(" "):
            ours = line[2:].startswith("tracking")
        if ours:
            kept.append(line.rstrip())
    text = "\n".join(kept)
    for pattern, plain in _CHANGING:
        text = pattern.sub(plain, text)
    return text


def golden(name: str) -> str:
    """Return what must be printed."""
    return (Path(__file__).parent / "golden" / f"doctor-{name}.txt").read_text("utf-8").rstrip("\n")
