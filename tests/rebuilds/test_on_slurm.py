"""Whole rebuilds whose command a real Slurm runs: plan, log, cancel and verdict as on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_dash.domain.plans import Precondition
from rebuilds.making import Rebuilt
from rebuilds.on_cluster import OnCluster
from runners.slurm_cluster import SlurmCluster, slurm_cluster

pytestmark = pytest.mark.campaign


class TestOnSlurm(OnCluster):
    settings = 'runner = "slurm"'
    place = "by Slurm"

    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls) -> Iterator[SlurmCluster]:
        with slurm_cluster() as made:
            yield made

    def look_at_cluster(self, shared: SlurmCluster, name: str, rebuilt: Rebuilt) -> None:  # type: ignore[override]
        assert "started: Slurm job " in rebuilt.journal
        assert name in (shared.folder / "jobcomp.log").read_text()

    def away(self, tmp_path: Path) -> tuple[str, str]:
        return "SLURM_CONF", str(tmp_path / "no.conf")

    def look_at_refusal(self, look: Precondition) -> None:
        assert "Slurm's controller does not answer" in look.detail
        assert look.remedy == "see scontrol ping"
