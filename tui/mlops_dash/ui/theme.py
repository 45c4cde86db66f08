"""Colours by meaning: two themes of our own, and the roles that every drawn line is written in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rich.style import Style
from textual.theme import Theme

DARK = "mlops-dash-dark"
LIGHT = "mlops-dash-light"

THEMES = (
    Theme(
        name=DARK,
        dark=True,
        primary="#7aa7f7",
        secondary="#b59cf2",
        accent="#7aa7f7",
        success="#7cc98a",
        warning="#e6b455",
        error="#f2777f",
        foreground="#d5dae3",
        background="#14171d",
        surface="#191d25",
        panel="#222835",
        variables={
            "dash-strong": "#f3f5f9",
            "dash-dim": "#98a2b3",
            "dash-faint": "#3a4252",
            "dash-model": "#8ab4ff",
            "dash-run": "#d5dae3",
            "dash-code": "#c3a6ff",
            "dash-data": "#63cfc4",
            "dash-unknown": "#a9a290",
            "dash-series0": "#7aa7f7",
            "dash-series1": "#f0a35e",
            "dash-series2": "#4fd1b5",
            "dash-series3": "#f28bb6",
            "dash-series4": "#e3d26f",
            "dash-series5": "#b59cf2",
            "dash-series6": "#9bd66b",
            "dash-series7": "#f2777f",
            "dash-cursor": "#27324a",
            "dash-selected": "#1e2430",
            "dash-hover": "#1c212b",
            "scrollbar": "#2b3240",
            "scrollbar-hover": "#3d475a",
            "scrollbar-active": "#7aa7f7",
            "scrollbar-background": "#14171d",
            "scrollbar-background-hover": "#14171d",
            "scrollbar-background-active": "#14171d",
        },
    ),
    Theme(
        name=LIGHT,
        dark=False,
        primary="#1f5fc4",
        secondary="#6b46b8",
        accent="#1f5fc4",
        success="#166b2c",
        warning="#8f5b00",
        error="#b8232f",
        foreground="#2a303b",
        background="#fbfaf7",
        surface="#f3f1ec",
        panel="#e8e5dd",
        variables={
            "dash-strong": "#0e1116",
            "dash-dim": "#5b626e",
            "dash-faint": "#cfcabf",
            "dash-model": "#1a56b8",
            "dash-run": "#2a303b",
            "dash-code": "#6a3fb5",
            "dash-data": "#0b6e66",
            "dash-unknown": "#6f6545",
            "dash-series0": "#1f5fc4",
            "dash-series1": "#9a4705",
            "dash-series2": "#0b7268",
            "dash-series3": "#a8246f",
            "dash-series4": "#6e5f00",
            "dash-series5": "#6b46b8",
            "dash-series6": "#3a7010",
            "dash-series7": "#b8232f",
            "dash-cursor": "#dbe6fa",
            "dash-selected": "#ebe9e3",
            "dash-hover": "#f2f0ea",
            "scrollbar": "#d5d1c7",
            "scrollbar-hover": "#b9b4a7",
            "scrollbar-active": "#1f5fc4",
            "scrollbar-background": "#fbfaf7",
            "scrollbar-background-hover": "#fbfaf7",
            "scrollbar-background-active": "#fbfaf7",
        },
    ),
)

# role -> (variable of our themes, variable that every Textual theme has, bold)
_ROLES: dict[str, tuple[str, str, bool]] = {
    "text": ("foreground", "foreground", False),
    "strong": ("dash-strong", "foreground", True),
    "title": ("primary", "primary", True),
    "accent": ("primary", "primary", False),
    "key": ("primary", "primary", True),
    "dim": ("dash-dim", "foreground-darken-3", False),
    "faint": ("dash-faint", "panel-lighten-2", False),
    "good": ("success", "success", False),
    "warn": ("warning", "warning", False),
    "bad": ("error", "error", True),
    "removed": ("error", "error", False),
    "unknown": ("dash-unknown", "foreground-darken-3", False),
    "env": ("dash-strong", "foreground", True),
    "model": ("dash-model", "primary", False),
    "run": ("dash-run", "foreground", False),
    "code": ("dash-code", "secondary", False),
    "data": ("dash-data", "accent", False),
    # what is set side by side, each in a colour of its own: the letters beside it tell it without
    "series0": ("dash-series0", "primary", False),
    "series1": ("dash-series1", "warning", False),
    "series2": ("dash-series2", "success", False),
    "series3": ("dash-series3", "error", False),
    "series4": ("dash-series4", "accent", False),
    "series5": ("dash-series5", "secondary", False),
    "series6": ("dash-series6", "foreground", False),
    "series7": ("dash-series7", "foreground-darken-3", False),
}

ROLES = tuple(_ROLES)
_COMBINED = 1000  # styles that are kept combined


class Palette:
    """Rich styles of one theme: ``palette[role]``, and the backgrounds of cursor, selection and hover."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._styles = {
            role: Style(color=_hex(variables, own, common), bold=bold or None)
            for role, (own, common, bold) in _ROLES.items()
        }
        self._on: dict[tuple[Style, str], Style] = {}
        self.cursor = Style(bgcolor=_hex(variables, "dash-cursor", "panel-lighten-1"))
        self.selected = Style(bgcolor=_hex(variables, "dash-selected", "panel"))
        self.hover = Style(bgcolor=_hex(variables, "dash-hover", "surface"))

    def __getitem__(self, role: str) -> Style:
        return self._styles.get(role) or self._styles["text"]

    def on(self, base: Style, role: str) -> Style:
        """Return ``base`` with a role's colours on it (cached: most of a repaint is this)."""
        found = self._on.get((base, role))
        if found is None:
            if len(self._on) > _COMBINED:
                self._on.clear()
            found = self._on[base, role] = base + self[role]
        return found


def _hex(variables: Mapping[str, str], own: str, common: str) -> str | None:
    value = variables.get(own) or variables.get(common) or ""
    return value[:7] if value.startswith("#") else None


@lru_cache(maxsize=8)
def _palette(items: tuple[tuple[str, str], ...]) -> Palette:
    return Palette(dict(items))


_NAMES = frozenset(name for own, common, _ in _ROLES.values() for name in (own, common)) | {
    "dash-cursor", "dash-selected", "dash-hover", "panel", "surface", "panel-lighten-1",
}  # fmt: skip


def palette_of(variables: Mapping[str, str]) -> Palette:
    """Return the palette of a theme's CSS variables (cached)."""
    return _palette(tuple((name, variables[name]) for name in sorted(_NAMES) if name in variables))


def preferred(colorfgbg: str | None) -> str:
    """Return the name of the theme that suits the terminal, told by ``COLORFGBG`` where it is set."""
    return LIGHT if (colorfgbg or "").rpartition(";")[2] in {"7", "15"} else DARK
