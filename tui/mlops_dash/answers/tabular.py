"""Tables and values as text for other programs: strict JSON, safe CSV and Markdown."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from mlops_dash.domain.text import storable, visible

Rows = Iterable[Sequence[Any]]

_ESCAPED = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
_ASCII_FORMULA = ("=", "+", "-", "@")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]#|~$!])")


def plain(value: Any) -> Any:
    """Return ``value`` as strict JSON holds it: times in UTC with ``Z``, NaN and infinities as strings."""
    kind = type(value)
    if kind is str:
        return value if _is_simple(value) else storable(value)
    if value is None or kind in (bool, int) or (kind is float and math.isfinite(value)):
        return value  # nearly all values are of these: exports hold millions
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


def json_text(value: Any, *, indent: int | None = 2, ascii_only: bool = False) -> str:
    """Return strict JSON of ``value``; what could act on a terminal is escaped.

    Args:
        ascii_only: escape all that is not ASCII, for where it cannot be written.
    """
    text = json.dumps(plain(value), allow_nan=False, ensure_ascii=ascii_only, indent=indent)
    return _ESCAPED.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def csv_text(columns: Sequence[str], rows: Rows) -> str:
    """Return CSV that no spreadsheet runs: strings that begin a formula get a leading ``'``."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_csv_cell(column) for column in columns])
    for row in rows:
        writer.writerow([_csv_cell(cell) for cell in row])
    return out.getvalue().removesuffix("\n")


def _is_simple(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _csv_cell(value: Any) -> Any:
    value = plain(value)
    if isinstance(value, dict | list):
        value = json_text(value, indent=None)
    if not isinstance(value, str):
        return "" if value is None else value
    if _is_simple(value):
        return f"'{value}" if value[:1] in _ASCII_FORMULA and not _NUMBER.fullmatch(value) else value
    # line ends and tabs are data that CSV can quote; other controls would act on a terminal
    text = "".join(part if part in "\n\t" else visible(part) for part in re.split("([\n\t])", value))
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def md_text(columns: Sequence[str], rows: Rows) -> str:
    """Return a Markdown table in which nothing from outside is markup or HTML; numbers stand to the right."""
    body = [[plain(cell) for cell in row] for row in rows]
    lines = ["| " + " | ".join(_md_cell(column) for column in columns) + " |"]
    places = range(len(columns))
    right = [body and all(isinstance(row[place], int | float | None) for row in body) for place in places]
    lines.append("| " + " | ".join("---:" if to_right else "---" for to_right in right) + " |")
    lines += ["| " + " | ".join(_md_cell(cell) for cell in row) + " |" for row in body]
    return "\n".join(lines)


def _md_cell(value: Any) -> str:
    if isinstance(value, dict | list):
        value = json_text(value, indent=None)
    if not isinstance(value, str):
        return "" if value is None else str(value)
    text = _MARKDOWN.sub(r"\\\1", visible(" ".join(value.splitlines())))
    # a colon in an address would make it a link, where addresses are links by themselves
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("://", ":&#47;/")
