"""Reports, written once, and the browser that opens them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_dash.answers.report import write_report
from report.browser import Browser
from report.given import hostile, plain, plain_curves


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain comparison with curves."""
    path = tmp_path_factory.mktemp("report") / "comparison.html"
    return write_report(path, plain(), plain_curves(), title="diabetes", primary="rmse")


@pytest.fixture(scope="session")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whose every text is hostile."""
    path = tmp_path_factory.mktemp("report") / "hostile.html"
    return write_report(path, hostile(plain()), hostile(plain_curves()), title=hostile("title"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, its profile fresh."""
    with Browser(tmp_path_factory.mktemp("profile")) as page:
        yield page
