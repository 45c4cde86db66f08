"""What is wrong with the values of a configuration: secrets, control characters, contradictions."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from mlops_dash.config_file.keys import DEFAULT_KEYS, is_key, plain, remedy_for, split
from mlops_dash.config_file.places import Place
from mlops_dash.domain.manifests import (
    PLACEHOLDER,
    is_branch,
    is_remote,
    parse_field,
    path_problem,
    template_problem,
)
from mlops_dash.domain.text import visible

PRESETS = ("mlserver", "bentoml", "mlops-dash")
THEMES = (
    "mlops-dash-dark mlops-dash-light textual-dark textual-light ansi-dark ansi-light "
    "atom-one-dark atom-one-light catppuccin-frappe catppuccin-latte catppuccin-macchiato "
    "catppuccin-mocha dracula flexoki gruvbox monokai nord rose-pine rose-pine-dawn rose-pine-moon "
    "solarized-dark solarized-light tokyo-night"
).split()
_ENVIRONMENT_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SECRET = re.compile(
    r"://[^/?#@\s]*:[^/?#@\s]+@|[?&](?:\w*password|\w*token|\w*secret|api_?key)=", re.IGNORECASE
)
_WEB_USER = re.compile(r"https?://[^/?#@\s]+@", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a configuration file.

    Attributes:
        message: what is wrong, in plain words, without any value that may be secret.
        place: where, dotted: ``environments.production.target.port``; empty for the whole file.
        line, column: from 1, where known.
        remedy: what to write instead, where known.
    """

    message: str
    place: str = ""
    line: int | None = None
    column: int | None = None
    remedy: str | None = None

    def __str__(self) -> str:
        where = f"line {self.line}" if self.line else ""
        if self.column:
            where += f", column {self.column}"
        text = ": ".join(part for part in (where, self.place, self.message) if part)
        return f"{text} — {self.remedy}" if self.remedy else text


Told = Callable[[Place, str, str | None], None]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return "did you mean …?" for the known names like ``name``, else the list of what is known."""
    names = sorted(known)
    if not names:
        return None
    close = difflib.get_close_matches(name.lower()[:200], names, n=2, cutoff=0.55)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known are {', '.join(names)}"


def look_at_values(value: Any, place: Place, tell: Told) -> None:
    """Tell of secrets, of characters that cannot be seen and of numbers that are none, at any depth."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not key.strip():
                tell((*place, key), "has an empty name", None)
            if visible(key) != key:
                tell((*place, key), "has a control or invisible character in its name", None)
            look_at_values(item, (*place, key), tell)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            look_at_values(item, (*place, index), tell)
    elif isinstance(value, str):
        if _SECRET.search(value) or _WEB_USER.match(value):
            tell(place, "holds a password or token", _secret_remedy(place))
        if visible(value) != value:
            tell(place, "holds a control or invisible character", None)
    elif isinstance(value, float) and not math.isfinite(value):
        tell(place, f"is {value}; expected a finite number", None)


def _secret_remedy(place: Place) -> str:
    if place[:1] == ("tracking",):
        return "name an environment variable instead: leave uri out and set MLFLOW_TRACKING_URI"
    return 'name an environment variable instead: headers_env = { Authorization = "MY_TOKEN" }'


def look_at_meaning(data: Mapping[str, Any], tell: Told) -> None:
    """Tell of what each value allows and all together do not mean anything; the types must hold."""
    metrics = data.get("metrics", {})
    for name in sorted({*metrics.get("lower_is_better", ())} & {*metrics.get("higher_is_better", ())}):
        tell(("metrics", "higher_is_better"), f"“{name}” stands in lower_is_better too", "keep one of them")
    theme = data.get("ui", {}).get("theme")
    if theme is not None and theme not in THEMES:
        tell(("ui", "theme"), f"“{theme[:60]}” is no theme", nearest(theme, THEMES))
    look_at_keys(data.get("keys", {}), tell)
    for name, environment in data.get("environments", {}).items():
        target = environment.get("target", {})
        place = ("environments", name, "target")
        if target.get("kind") == "http":
            _look_at_http(target, place, tell)
        elif target.get("kind") == "gitops":
            _look_at_gitops(target, place, tell)
        elif target.get("kind") == "gto" and not is_remote(target.get("remote", "origin")):
            tell((*place, "remote"), "is no name of a remote", "git remote lists them")


def look_at_keys(configured: Mapping[str, str], tell: Told) -> None:
    """Tell of unknown commands, of what is no key, and of keys that two commands would have."""
    owners = {
        plain(key): command
        for command, keys in DEFAULT_KEYS.items()
        if command not in configured
        for key in keys.split(",")
        if key
    }
    for name, text in configured.items():
        if name not in DEFAULT_KEYS:
            tell(("keys", name), "is no command", nearest(name, DEFAULT_KEYS))
            continue
        for key in (part.strip() for part in split(text)):
            if not is_key(key):
                tell(("keys", name), f"“{key[:60]}” is no key" if key else "is empty", remedy_for(key))
                continue
            owner = owners.setdefault(plain(key), name)
            if owner != name:
                remedy = f'choose another, or give {owner} one of its own: {owner} = "…"'
                tell(("keys", name), f"“{key}” is the key of {owner} too", remedy)


def _look_at_gitops(target: Mapping[str, Any], place: Place, tell: Told) -> None:
    if (wrong := path_problem(target["path"])) is not None:
        tell((*place, "path"), wrong, "write the manifest's path from the top of the repository")
    try:
        parse_field(target["field"])
    except ValueError as error:
        tell((*place, "field"), str(error), "write keys joined by dots, for example spec.containers.0.image")
    if (wrong := template_problem(target.get("value", PLACEHOLDER))) is not None:
        tell((*place, "value"), wrong, 'for example value = "registry/model:v{version}"')
    if not is_branch(target.get("branch") or "main"):
        tell((*place, "branch"), "is no name of a branch", None)
    if not is_remote(target.get("remote", "origin")):
        tell((*place, "remote"), "is no name of a remote", "git remote lists them")
    if target.get("http") is not None:
        _look_at_http(target["http"], (*place, "http"), tell)


def _look_at_http(target: Mapping[str, Any], place: Place, tell: Told) -> None:
    try:
        url = urlsplit(target["url"])
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != -1
    except ValueError:
        usable = False
    if not usable:
        tell((*place, "url"), "is no web address", "write http://HOST:PORT or https://HOST")
    preset = target.get("preset")
    if preset is not None and preset not in PRESETS:
        tell((*place, "preset"), f"“{preset[:60]}” is no preset", nearest(preset, PRESETS))
    for setting in ("version", "run"):
        text = target.get(setting)
        if text is not None and not re.match(r"\$\.|header:.", text):
            tell((*place, setting), "does not say where to look", "write $.json.path or header:NAME")
    for setting in ("identity", "health"):
        text = target.get(setting)
        if text is not None and not text.startswith("/"):
            tell((*place, setting), "is no route", "begin it with /, for example /health")
    for header, variable in target.get("headers_env", {}).items():
        if not _HEADER_NAME.fullmatch(header):
            tell((*place, "headers_env", header), "is no name of a header", None)
        if not _ENVIRONMENT_VARIABLE.fullmatch(variable):
            remedy = "write the variable's name; its value is read when the target is asked"
            tell((*place, "headers_env", header), "is no name of an environment variable", remedy)
