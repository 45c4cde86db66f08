"""What a deployment target can do, as small capability protocols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mlops_dash.domain.environments import Observation


@dataclass(frozen=True, slots=True)
class Place:
    """One (environment, model) of the board.

    Attributes:
        configured: whether it stands in the configuration, or was found in registry or tags.
        declared_alias: alias or stage that declares its version.
    """

    environment: str
    model: str
    declared_alias: str
    protected: bool = False
    configured: bool = False


@runtime_checkable
class Observable(Protocol):
    """A target that can be asked what it serves."""

    kind: str
    place: Place

    async def observe(self) -> Observation:
        """Ask within the target's own deadline. Never raises for what the target does: that is an answer."""
        ...
