"""Servers that misbehave, and boards that follow them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx  # noqa: F401 - loaded late by the product: not within a test's deadline
import pytest

from conformance.board import Board
from mlops_dash.errors import SourceError
from mlops_dash.sources.base import Position, Reading
from mlops_dash.sources.mlflow.http import MlflowServer
from mlops_dash.sources.mlflow.http.exchange import Limits
from sources.http.misbehaving import Misbehaving

QUICK = Limits(answer=1.0, connect=0.8)


@dataclass
class Follower(Board):
    """A board that notes what it was told."""

    positions: list[Position] = field(default_factory=list)

    def read(self, **circumstances: Any) -> None:
        """Read what is new, keeping every position on the way."""
        for part in self.source.read(Reading(self.position, self.store, **circumstances)):
            if isinstance(part, Position):
                self.positions.append(part)
                self.position = part.value
            else:
                self.store.apply(part)

    def ids(self) -> list[str]:
        """The runs that the store holds, every row of them."""
        return sorted(row[0] for row in self.store.sql("select run_id from run", None)[1])

    def fails(self, within: float) -> SourceError:
        """Read, which fails within so many seconds; return why."""
        started = time.monotonic()
        with pytest.raises(SourceError) as caught:
            self.read()
        assert time.monotonic() - started < within
        assert caught.value.remedy
        return caught.value


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's credentials, proxies or certificates."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in (
        *(f"MLFLOW_TRACKING_{one}" for one in ("USERNAME", "PASSWORD", "TOKEN", "INSECURE_TLS")),
        *(f"MLFLOW_TRACKING_{one}" for one in ("SERVER_CERT_PATH", "CLIENT_CERT_PATH")),
        *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def serve() -> Iterator[Callable[..., Misbehaving]]:
    """Start servers; they end with the test."""
    servers: list[Misbehaving] = []

    def start(**what: Any) -> Misbehaving:
        servers.append(Misbehaving(**what))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def follow() -> Iterator[Callable[..., Follower]]:
    """Make boards that follow an address; they are closed at the end."""
    boards: list[Follower] = []

    def make(uri: str, limits: Limits | None = QUICK) -> Follower:
        boards.append(Follower(MlflowServer(uri, limits)))
        return boards[-1]

    yield make
    for board in boards:
        board.close()
