"""Strings from outside, made safe to draw: nothing reaches a terminal raw."""

from __future__ import annotations

import re

# C0, DEL and C1 controls, lone surrogates, bidirectional and zero-width characters, line separators
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_ZERO_WIDTH_JOINER = "\u200d"


def _visible(match: re.Match[str]) -> str:
    char = match.group()
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return f"‹{code:02X}›" if code < 0x100 else f"‹{code:04X}›"


def visible(text: str, limit: int | None = None) -> str:
    """Return ``text`` with every control, bidirectional and zero-width character made visible.

    Controls become their Unicode control pictures (``ESC`` is ``␛``), the others ``‹202E›``, lone
    surrogates ``\ufffd``. With ``limit`` the text is cut to that many characters, the last being ``…``.
    """
    if limit is not None and len(text) > limit:
        text = text[: max(0, limit - 1)] + "…"
    return _UNSAFE.sub(_visible, text) if not text.isascii() or not text.isprintable() else text


def storable(text: str) -> str:
    """Return ``text`` as the store can hold it: NUL and lone surrogates replaced by ``\ufffd``."""
    return re.sub("[\x00\ud800-\udfff]", "\ufffd", text)
