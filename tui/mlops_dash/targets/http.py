"""The ``http`` target: any server that says over HTTP which version it serves."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from mlops_dash.config import HttpServerConfig
from mlops_dash.domain.environments import Health, Observation
from mlops_dash.errors import ConfigError
from mlops_dash.targets.asking import ask, open_client
from mlops_dash.targets.base import Place
from mlops_dash.targets.judging import Reply, Verdict, judge
from mlops_dash.targets.presets import MODEL, PRESETS, Routes
from mlops_dash.targets.where import JsonPath, Matching, parse_where

_ASKS = 3  # identity requests of one observation: several replicas may stand behind one address
_ASKS_WHEN_IN_DOUBT = 9  # after answers that differed, or when the version is another than last time
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?")


def routes_of(settings: HttpServerConfig) -> Routes:
    """Return how a configured server is asked: its preset, with what the configuration says itself.

    Raises:
        ConfigError: the address, the preset or a place in the answer cannot be used.
    """
    parts = urlsplit(settings.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"url {settings.url!r} is no address", "Write http://HOST:PORT or https://HOST.")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            f"the url of {parts.hostname} holds credentials",
            "Name an environment variable that holds the header instead: headers_env.",
        )
    if settings.preset is not None and settings.preset not in PRESETS:
        known = ", ".join(PRESETS)
        raise ConfigError(f"there is no preset {settings.preset!r}", f"Presets are {known}.")
    routes = PRESETS[settings.preset] if settings.preset else Routes()
    own: dict[str, Any] = {}
    for key in ("version", "run"):
        text = getattr(settings, key)
        if text is not None:
            try:
                own[key] = parse_where(text)
            except ValueError as error:
                raise ConfigError(f"{key}: {error}") from None
    for key in ("identity", "health"):
        if getattr(settings, key) is not None:
            own[key] = getattr(settings, key)
    return replace(routes, **own)


@dataclass(frozen=True, slots=True)
class Address:
    """Where and how a server is asked: ``headers`` are sent with every request, ``timeout`` in seconds."""

    url: str
    routes: Routes
    timeout: float
    headers: Mapping[str, str]

    async def replies(self, model: str, asks: int) -> tuple[list[Reply], Reply]:
        """Return the answers to ``asks`` identity requests and to one health request, all sent at once."""
        routes = self.routes
        health = routes.health or routes.identity or "/"
        identity = routes.identity or health
        started = time.perf_counter()
        async with open_client(self.url, self.headers) as client:

            async def send(route: str, method: str, body: bytes | None, read_body: bool) -> Reply:
                left = max(0.001, self.timeout - (time.perf_counter() - started))
                url = join(self.url, route, model)
                return await ask(client, url, deadline=left, method=method, body=body, read_body=read_body)

            answers = await asyncio.gather(
                send(health, "GET", None, False),
                *(send(identity, routes.method, routes.body, True) for _ in range(asks)),
            )
        # without a health route the identity request is what tells
        return answers[1:], answers[0] if routes.health or routes.method == "GET" else answers[1]


def join(url: str, route: str, model: str) -> str:
    """Return the address of a route; ``{model}`` in it is replaced by the model's name."""
    return url.rstrip("/") + "/" + route.replace(MODEL, quote(model, safe="")).lstrip("/")


def without_credentials(url: str) -> str:
    """Return an address as it may be shown."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class Questioner:
    """Asks one server again and again, and more often while its answers are in doubt."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._doubtful = False
        self._last: tuple[str | None, ...] | None = None

    async def ask(self, address: Address) -> Verdict:
        """Ask within the address's timeout and judge the answers."""
        address = replace(address, routes=_for_model(address.routes, self._model))
        started = time.perf_counter()
        asks = _ASKS_WHEN_IN_DOUBT if self._doubtful else _ASKS
        identities, health = await address.replies(self._model, asks)
        verdict = judge(identities, health, address.routes, self._model, slow=address.timeout / 2)
        key = verdict.identity.key
        left = address.timeout - (time.perf_counter() - started)
        if verdict.identity.version and self._last not in {None, key} and asks == _ASKS and left > 0:
            # another version than last time: a change, or one of several that answer in turn
            again, _ = await replace(address, timeout=left).replies(self._model, _ASKS_WHEN_IN_DOUBT - _ASKS)
            verdict = judge([*identities, *again], health, address.routes, self._model, address.timeout / 2)
        self._doubtful = verdict.differing
        if verdict.identity.version:
            self._last = verdict.identity.key
        return verdict


def _for_model(routes: Routes, model: str) -> Routes:
    if not isinstance(routes.version, JsonPath):
        return routes
    steps = tuple(
        Matching(step.key, model) if isinstance(step, Matching) and step.value == MODEL else step
        for step in routes.version.steps
    )
    return replace(routes, version=JsonPath(steps))


def observation(kind: str, place: Place, verdict: Verdict, address: str | None) -> Observation:
    """Return a verdict as what was observed at a place."""
    identity = verdict.identity
    return Observation(
        environment=place.environment,
        model=place.model,
        target=kind,
        asked_at=datetime.now(UTC),
        answered=identity.version is not None,
        health=verdict.health,
        version=identity.version,
        run_id=identity.run_id,
        model_id=identity.model_id,
        latency_ms=verdict.latency_ms,
        address=address,
        since=identity.since,
        by=identity.by,
        detail=verdict.detail,
    )


def unasked(kind: str, place: Place, health: Health, detail: str, address: str | None = None) -> Observation:
    """Return an observation of a target that was not asked, or that gave no answer."""
    return Observation(
        environment=place.environment,
        model=place.model,
        target=kind,
        asked_at=datetime.now(UTC),
        answered=False,
        health=health,
        address=address,
        detail=detail,
    )


class HttpServer:
    """A configured server.

    Raises:
        ConfigError: its settings cannot be used.
    """

    kind = "http"

    def __init__(self, place: Place, settings: HttpServerConfig) -> None:
        self.place = place
        self._settings = settings
        self._routes = routes_of(settings)
        self._questioner = Questioner(place.model)

    async def observe(self) -> Observation:
        """Ask which version it serves and how it is."""
        shown = without_credentials(self._settings.url)
        headers: dict[str, str] = {}
        for name, variable in self._settings.headers_env.items():
            value = os.environ.get(variable)
            if not value:
                missing = f"not asked: the environment variable {variable} (header {name}) is not set"
                return unasked(self.kind, self.place, Health.UNKNOWN, missing, shown)
            if not _HEADER_VALUE.fullmatch(value):
                unfit = f"not asked: the environment variable {variable} holds no valid header value"
                return unasked(self.kind, self.place, Health.UNKNOWN, unfit, shown)
            headers[name] = value
        address = Address(self._settings.url, self._routes, self._settings.timeout, headers)
        return observation(self.kind, self.place, await self._questioner.ask(address), shown)


class DeployedServer(HttpServer):
    """The server that something deploys from a manifest in Git."""

    kind = "gitops"
