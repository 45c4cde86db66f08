"""Servers of older MLflow versions, each in an environment of its own, over a store that they wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.board import Board
from conformance.mlflow_server import server
from logged_values import history_of
from mlops_dash.sources.mlflow.http import MlflowServer, probe
from mlops_dash.sources.mlflow.probing import State
from mlops_dash.sources.mlflow.sqlite import MlflowSqlite
from sources.conftest import STORES, unpack
from targets.test_real_servers import environment

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(900)]


@pytest.mark.parametrize("version", ["2.9.2", "2.22.1"])
def test_an_older_server_tells_what_its_store_holds(version: str, tmp_path: Path) -> None:
    python = environment(f"mlflow=={version}", "sqlalchemy<2.1") / "python"  # newer ones lack what it imports
    database = unpack(STORES / f"mlflow-{version}.db.xz", tmp_path / "mlflow.db")
    direct = Board(MlflowSqlite(database))
    direct.refresh()
    with server(tmp_path, f"sqlite:///{database}", python) as address:
        board = Board(MlflowServer(address))
        board.refresh()
        ours, theirs = board.told(), direct.told()
        assert ours["run"]
        for table, rows in theirs.items():
            assert ours[table] == rows, table
        for _ in range(3):
            board.refresh()
        assert board.told() == ours
        run_id = next(row[0] for row in ours["metric"] if row[1] == "rmse")
        history = history_of(board.source, [run_id], ["rmse"])
        assert history == history_of(direct.source, [run_id], ["rmse"])
        steps = {step.name: step for step in probe(address)}
        assert steps["version"].evidence == f"MLflow {version}"
        assert {step.state for step in steps.values()} == {State.OK}
    for one in (board, direct):
        one.close()
