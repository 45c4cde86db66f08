"""What reaches standard output: strict JSON, safe CSV, colours. Everything else goes to stderr."""

from __future__ import annotations

import json
import math
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TextIO

from mlops_dash.domain.text import storable, visible
from mlops_dash.errors import DashError

_ESCAPED = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


def stdout(text: str) -> None:
    """Write ``text`` and a line end to standard output.

    Raises:
        BrokenPipeError: the reader has gone.
        DashError: it could not be written.
    """
    _write(sys.stdout, text, "standard output")


def stderr(text: str) -> None:
    """Write ``text`` and a line end to standard error; where that is not possible there is nobody to tell."""
    try:
        _write(sys.stderr, text, "standard error")
    except (DashError, BrokenPipeError):
        return


def _write(stream: TextIO | None, text: str, name: str) -> None:
    if stream is None:
        raise DashError(f"{name} is closed")
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        raise DashError(f"{name} cannot be written: {getattr(error, 'strerror', None) or error}") from error


def plain(value: Any) -> Any:
    """Return ``value`` as strict JSON holds it: times in UTC with ``Z``, NaN and infinities as strings."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        return float(value) if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Decimal):
        if value.is_nan():
            return "NaN"
        whole = value.is_finite() and value.adjusted() < 40 and value == value.to_integral_value()
        return plain(int(value) if whole else float(value))
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return plain(value.total_seconds())
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, Mapping):
        return {storable(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    return storable(str(value))


def utc(moment: datetime) -> str:
    """Return ``moment`` as ISO 8601 in UTC with ``Z``; one without a zone is taken as UTC."""
    try:
        aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:  # the first or last hours of the calendar
        return moment.isoformat()
    whole = aware.microsecond % 1000 == 0 and aware.microsecond
    return aware.replace(tzinfo=None).isoformat(timespec="milliseconds" if whole else "auto") + "Z"


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """Return strict JSON of ``value``; what could act on a terminal or cannot be written there is escaped."""
    encoding = (sys.stdout.encoding if sys.stdout else None) or "utf-8"
    ascii_only = not encoding.lower().startswith("utf")
    text = json.dumps(plain(value), allow_nan=False, ensure_ascii=ascii_only, indent=indent)
    return _ESCAPED.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return CSV that no spreadsheet runs: strings that begin a formula get a leading ``'``."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_csv_cell(column) for column in columns])
    for row in rows:
        writer.writerow([_csv_cell(cell) for cell in row])
    return out.getvalue().removesuffix("\n")


def _csv_cell(value: Any) -> Any:
    value = plain(value)
    if isinstance(value, dict | list):
        value = json_text(value, indent=None)
    if not isinstance(value, str):
        return "" if value is None else value
    # line ends and tabs are data that CSV can quote; other controls would act on a terminal
    text = "".join(part if part in "\n\t" else visible(part) for part in re.split("([\n\t])", value))
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def has_colour(stream: TextIO | None) -> bool:
    """Tell whether ``stream`` is a terminal that the user lets us colour."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
    return wanted and stream is not None and stream.isatty()


def paint(text: str, colour: str) -> str:
    """Return ``text`` in ``colour`` where standard output takes colours."""
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if text and has_colour(sys.stdout) else text


def room_of_stdout() -> int | None:
    """Return the cells of a line of the terminal that standard output is, ``None`` where it is none."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    try:
        return max(20, os.get_terminal_size(sys.stdout.fileno()).columns)
    except OSError:
        return None
