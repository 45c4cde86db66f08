"""One store of each kind per session, filled through MLflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from conformance.board import Board
from conformance.scenario import Scene, fill
from conformance.shape import Place, StoreKind
from conformance.stores import EVERYDAY, KINDS


@dataclass(frozen=True)
class Filled:
    """A filled store."""

    kind: StoreKind
    place: Place
    scene: Scene


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(kind, id=kind.name, marks=() if kind.name in EVERYDAY else pytest.mark.campaign)
        for kind in KINDS
    ],
)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """A store of each kind with everything in it. Tests add to it and edit what they added."""
    from mlflow.tracking import MlflowClient

    kind: StoreKind = request.param
    with kind.place(tmp_path_factory.mktemp(f"conformance-{kind.name}")) as place:
        client = MlflowClient(place.written, place.written)
        backend = MlflowClient(place.backend, place.backend) if place.backend else client
        yield Filled(kind, place, fill(client, backend))


@pytest.fixture
def board_of(filled: Filled) -> Iterator[Callable[[], Board]]:
    """Make boards that know nothing yet of the store; they are closed at the end."""
    boards: list[Board] = []

    def make() -> Board:
        boards.append(Board(filled.kind.source(filled.place.read)))
        return boards[-1]

    yield make
    for board in boards:
        with closing(board):
            pass


@pytest.fixture
def board(board_of: Callable[[], Board]) -> Board:
    """A board that has read everything."""
    made = board_of()
    made.refresh()
    return made
