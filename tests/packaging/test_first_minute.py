"""The README's first command, from the installed wheel on: it ends on the filled board of the demo."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bench.terminal import Terminal

pytestmark = pytest.mark.campaign


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "MLOPS_DASH_", "PYTHON"))}
    places = {
        "MLOPS_DASH_CACHE_DIR": str(tmp_path / "cache"),
        "MLOPS_DASH_STATE_DIR": str(tmp_path / "state"),
    }
    return kept | places


def test_demo_fills_its_board_and_its_servers_turn_healthy(installed, surroundings, tmp_path):
    project = tmp_path / "demo"
    program = str(installed / "mlops-dash")
    try:
        with Terminal([program, "demo", "--dir", str(project)], surroundings, tmp_path) as terminal:
            terminal.wait_for(["production", "staging", "canary", "runs"], timeout=60)
            terminal.wait_for(["healthy", "observed"], timeout=180)
            frame = "\n".join(terminal.frame())
            terminal.press("q")
            terminal.settle(5.0)
    finally:
        command = [program, "--project", str(project), "down"]
        stopped = subprocess.run(command, env=surroundings, capture_output=True, text=True)

    assert "Traceback" not in frame
    assert terminal.ended
    assert stopped.returncode == 0, stopped.stderr
