"""Keeps passwords, tokens and signed addresses out of everything that is shown, logged or kept."""

from __future__ import annotations

import os
import re
from collections import deque

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+._-]*(?=://)")
USER_INFO_ALONE = re.compile(r"[^/\\\s]*:[^/\\]*@")
_LOCAL = ("sqlite", "file", "duckdb")
# what is told of a query: settings that hold no secret in any of the databases and servers that we know
_TOLD = frozenset(
    "application_name charset client_encoding connect_timeout driver encrypt mode sslmode "
    "target_session_attrs timeout trustservercertificate".split()
)
_PLAIN = re.compile(r"[\w.,: -]{1,64}")

# what stands before the telling word is bounded: else a long word takes time by the square of its length
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+._-]{0,40}://[^\s'\"<>`]+")
_NAMED_SECRET = re.compile(
    r"((?:\w{0,64}(?:password|passwd|token|secret|signature|credential)|\bpwd|api_?key|access_?key(?:_?id)?"
    r"|authorization)[\"']?\s*[=:]\s*)(?:(?:bearer|basic)\s+)?"
    r"(?!\"(?-i:[A-Z][A-Z0-9_]*)\")"  # the name of an environment variable is none
    r"(?:\"[^\"\n]+\"|'[^'\n]+'|[^\s&,;)}\"']+)|((?:bearer|basic)\s+)[\w.~+/=-]{6,}",
    re.IGNORECASE,
)
_LEARNT: deque[str] = deque(maxlen=64)
_SHORTEST = 6  # characters: shorter ones are found in too many words
_SECRET_VARIABLE = re.compile(
    r"PASSWORD|PASSWD|PGPASS|MYSQL_PWD|TOKEN|SECRET|CREDENTIAL|API_?KEY|ACCESS_KEY", re.IGNORECASE
)
_ADDRESS_VARIABLE = re.compile(r"_URI$|_URL$|_DSN$", re.IGNORECASE)
_USER_INFO = re.compile(r"://([^/?#\s]*:)?([^@\s]+)@")


def shown_address(address: str) -> str:
    """Return an address as a person may see it: no user info, no secret in its query, no fragment.

    A password may hold ``/``, ``?`` and ``@`` where its user did not escape them, so everything up to the
    last ``@`` goes. Of a query only settings that are known to be harmless stay; of a signed address none.
    """
    found = _SCHEME.match(address)
    if found is None:
        alone = USER_INFO_ALONE.match(address)  # an address whose scheme was forgotten
        return address.rpartition("@")[2] if alone else address
    scheme, rest = found[0], address[found.end() + 3 :]
    if scheme.lower().partition("+")[0] not in _LOCAL:
        rest = rest.rpartition("@")[2]
    elif "@" in rest.partition("/")[0]:
        rest = rest.partition("/")[0].rpartition("@")[2] + "/" + rest.partition("/")[2]
    place, question, query = rest.partition("#")[0].partition("?")
    told = [setting for setting in query.split("&") if _is_harmless(setting)] if question else []
    return f"{scheme}://{place}" + (f"?{'&'.join(told)}" if told else "")


def learn(address: str) -> None:
    """Remember the password of an address that is used, so that :func:`scrub` finds it wherever it stands."""
    found = _SCHEME.match(address)
    if found is None or found[0].lower().partition("+")[0] in _LOCAL:
        return
    info, at, _ = address[found.end() + 3 :].rpartition("@")
    password = info.partition(":")[2] or info
    if at and len(password) >= _SHORTEST:
        from urllib.parse import unquote

        _LEARNT.extend({password, unquote(password)} - set(_LEARNT))


def _is_harmless(setting: str) -> bool:
    name, _, value = setting.partition("=")
    return name.lower() in _TOLD and _PLAIN.fullmatch(value) is not None


def scrub(text: str) -> str:
    """Return ``text`` without passwords in addresses, signed queries, named secrets, passwords that were
    learnt and the values of environment variables that hold secrets."""
    for value in _known_secrets():
        text = text.replace(value, "***")
    text = _URL.sub(lambda match: _without_secrets(match[0]), text)
    return _NAMED_SECRET.sub(lambda match: f"{match[1] or match[2]}***", text)


def _without_secrets(url: str) -> str:
    """As :func:`shown_address`, saying where something was taken out."""
    shown = shown_address(url)
    if shown == url:
        return url
    scheme, _, rest = shown.partition("://")
    marked = f"{scheme}://***@{rest}" if "@" in url and "@" not in shown else shown
    return marked + ("?***" if "?" in url and "?" not in shown else "")


def _known_secrets() -> list[str]:
    """The secrets that the environment holds, the longest first."""
    from urllib.parse import unquote

    found: set[str] = set(_LEARNT)
    for name, value in os.environ.items():
        if _SECRET_VARIABLE.search(name):
            found.add(value)
        elif _ADDRESS_VARIABLE.search(name) and (info := _USER_INFO.search(value)):
            found |= {info[2], unquote(info[2])}
    return sorted((value for value in found if len(value) >= _SHORTEST), key=len, reverse=True)
