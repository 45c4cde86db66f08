"""Whole rebuilds whose command a real Ray runs: plan, log, cancel and verdict as on this machine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_dash.domain.plans import Precondition
from rebuilds.making import Making, Rebuilt
from rebuilds.on_cluster import OnCluster
from runners.ray_cluster import RayCluster, ray_cluster
from runners.slurm_cluster import free_port

pytestmark = pytest.mark.campaign


class TestOnRay(OnCluster):
    settings = 'runner = "ray"\nresources = {CPU = 1}'
    place = "on the Ray cluster"

    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls) -> Iterator[RayCluster]:
        with ray_cluster() as made:
            yield made

    def look_at_cluster(self, shared: RayCluster, name: str, rebuilt: Rebuilt) -> None:  # type: ignore[override]
        assert f"started: Ray job {name}" in rebuilt.journal
        assert shared.ask("GET", f"/api/jobs/{name}").json()["status"] == "SUCCEEDED"

    def test_doctor_asks_it(self, made: tuple[Making, str], shared: RayCluster) -> None:
        words = [sys.executable, "-m", "mlops_dash", "doctor", "--json"]
        said = subprocess.run(words, cwd=made[0].root, capture_output=True, text=True, check=False)
        (check,) = [check for check in json.loads(said.stdout)["checks"] if check["name"] == "rebuilds"]
        assert check["state"] == "ok"
        assert f"answers at {shared.address}" in check["evidence"]

    def away(self, tmp_path: Path) -> tuple[str, str]:
        return "RAY_API_SERVER_ADDRESS", f"http://127.0.0.1:{free_port()}"

    def look_at_refusal(self, look: Precondition) -> None:
        assert "nobody listens there" in look.detail
        assert look.remedy == "see address under [rebuild], and ray status on its head"
