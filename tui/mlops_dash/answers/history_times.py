"""A moment as people write it: ISO 8601, a date, a time of today, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from mlops_dash.domain.text import visible
from mlops_dash.errors import UsageError

REMEDY = "write 2026-11-20, 2026-11-20 09:30, 2026-11-20T09:30Z, 09:30, yesterday, 2h or 3 days ago"

_UNITS = {
    "s": "seconds", "sec": "seconds", "second": "seconds", "m": "minutes", "min": "minutes",
    "minute": "minutes", "h": "hours", "hr": "hours", "hour": "hours", "d": "days", "day": "days",
    "w": "weeks", "week": "weeks",
}  # fmt: skip
_MONTHS = {"mo": 30, "month": 30, "y": 365, "year": 365}  # days: nobody means it to the hour
_AGO = re.compile(r"(?P<count>\d{1,9}(?:\.\d{1,6})?|an?)\s*(?P<unit>[a-z]+?)s?(?:\s+ago)?", re.ASCII)
_SPACE_IN_ISO = re.compile(r"(\d{4}-\d{2}-\d{2})\s+(\d)", re.ASCII)
_TODAY = re.compile(r"\d{1,2}:\d{2}(:\d{2})?", re.ASCII)
_LONGEST = 60


def parse_moment(text: str, now: datetime, zone: tzinfo | None = None) -> datetime:
    """Return the moment (UTC) that ``text`` means.

    Args:
        text: a date means its first moment; without a zone, local time is meant.
        now: the present, UTC.
        zone: local time; default: that of this machine.

    Raises:
        UsageError: it cannot be understood, no calendar has it, or it is still to come.
    """
    words = " ".join(text.split())
    found = _moment(words.lower(), now, zone) if 0 < len(words) <= _LONGEST else None
    if found is None:
        raise UsageError(f"{visible(words, _LONGEST)!r} is no time that can be understood", REMEDY)
    if found > now:
        raise UsageError(f"{visible(words, _LONGEST)} is still to come", "name a time that is past")
    return found


def local(moment: datetime, zone: tzinfo | None = None) -> str:
    """Return a moment in local time, with the zone's offset, for a person: ``2026-11-20 09:30 +01:00``."""
    found = moment.astimezone(zone)
    offset = found.strftime("%z")
    seconds = f":{found:%S}" if found.second else ""
    return f"{found:%Y-%m-%d %H:%M}{seconds} {offset[:3]}:{offset[3:5]}"


def _moment(words: str, now: datetime, zone: tzinfo | None) -> datetime | None:
    try:
        if words in ("now", "today", "yesterday"):
            if words == "now":
                return now
            midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
            return _aware(midnight - timedelta(days=words == "yesterday"), zone)
        if (ago := _AGO.fullmatch(words)) is not None:
            return _before(ago["count"], ago["unit"], now)
        if _TODAY.fullmatch(words):
            words = f"{now.astimezone(zone):%Y-%m-%d} {words.zfill(5) if words.count(':') == 1 else words}"
        iso = _SPACE_IN_ISO.sub(r"\1T\2", words).upper()
        return _aware(datetime.fromisoformat(iso), zone)
    except (ValueError, OverflowError):
        return None


def _before(count: str, unit: str, now: datetime) -> datetime | None:
    number = 1.0 if count in ("a", "an") else float(count)
    if unit in _MONTHS:
        return now - timedelta(days=number * _MONTHS[unit])
    return now - timedelta(**{_UNITS[unit]: number}) if unit in _UNITS else None


def _aware(found: datetime, zone: tzinfo | None) -> datetime:
    """Take a time without a zone as local time."""
    if found.tzinfo is None:
        found = found.replace(tzinfo=zone) if zone is not None else found.astimezone()
    return found.astimezone(UTC)
