"""A store to put facts into."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from known_facts import KnownFacts


@pytest.fixture
def given() -> Iterator[KnownFacts]:
    """An empty store with short words to fill it."""
    facts = KnownFacts()
    yield facts
    facts.store.close()
