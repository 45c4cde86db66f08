"""A project compares what serves: with Git and artifacts beside the store, each bounded and asked once."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conformance.mlflow_server import server as mlflow_server
from mlops_dash import demo
from mlops_dash.errors import UsageError
from mlops_dash.project import Project, open_project
from mlops_dash.project.comparing import BESIDE_WITHIN
from sources.http.misbehaving import Misbehaving, run


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache, a state folder and a home of the test's own."""
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return open_project(demo.unpack(tmp_path / "demo"))


def test_production_against_staging(project: Project) -> None:
    with project:
        project.refresh()
        answer = project.compare("production", "staging")
    (code,) = answer.code
    assert (code.status, code.ahead_count, code.reason) == ("ahead", 6, None)
    assert "progression/models/combined.py" in [file.path for file in code.files]
    assert "+class" in code.diff or "+def" in code.diff
    packages = {line.key: line.values for line in answer.packages}
    assert packages["scikit-learn"] == ("<2,>=1.7", "<2,>=1.7")
    assert "python" in packages
    assert {line.key for line in answer.signature} >= {"inputs.age", "inputs.bmi", "outputs"}
    assert answer.artifacts == (None, None)
    sizes = {line.name: line.sizes for line in answer.data}
    assert sizes["diabetes"] == ("292 rows", "442 rows")
    frame = answer.to_pandas()
    assert set(frame.kind) == {"metric", "param", "data", "package", "signature", "tag"}


def test_no_model_is_loaded_and_nothing_heavy_imported(project: Project) -> None:
    program = (
        "import sys, mlops_dash\n"
        f"project = mlops_dash.open_project({str(project.located.folder)!r})\n"
        "project.refresh(); answer = project.compare('production', 'staging'); assert answer.packages\n"
        "print(sorted({'mlflow', 'sklearn', 'pandas', 'cloudpickle'} & sys.modules.keys()))\n"
    )
    project.close()
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_what_was_found_is_not_asked_for_again(project: Project) -> None:
    with project:
        project.refresh()
        first = project.compare("production", "staging")
        project.compare("production", "staging", baseline=1)
        shutil.rmtree(project.located.folder / ".git" / "objects")
        shutil.rmtree(project.located.folder / "mlartifacts")
        for baseline in (0, 1):
            again = project.compare("production", "staging", baseline=baseline)
            assert again.packages == first.packages
            assert again.code[0].files
        same = project.compare("production", "production")
        assert (same.code[0].status, same.code[0].reason) == ("same", None)
        other = project.compare("production", "canary", "models:/progression/1")
        assert other.code[1].status == "unknown"
        assert other.code[1].reason
        assert other.metrics
        assert "there is no folder" in (other.artifacts[2] or "")


def test_a_baseline_that_is_none_of_the_items(project: Project) -> None:
    with project:
        project.refresh()
        for baseline in (-1, 2):
            with pytest.raises(UsageError, match=f"there is no item {baseline} to compare with"):
                project.compare("production", "staging", baseline=baseline)
        with pytest.raises(UsageError, match="0 references"):
            project.compare()


def logged_model(number: int) -> dict[str, object]:
    return {
        "info": {
            "experiment_id": "1",
            "model_id": f"m-{number:032x}",
            "name": "model",
            "artifact_uri": f"mlflow-artifacts:/1/models/m-{number:032x}/artifacts",
            "creation_timestamp_ms": 1_700_000_000_000 + number,
            "last_updated_timestamp_ms": 1_700_000_000_000 + number,
            "status": "LOGGED_MODEL_READY",
            "source_run_id": f"{number:032x}",
        }
    }


@pytest.mark.campaign
def test_a_server_that_hangs_over_artifacts_is_waited_for_once(tmp_path: Path) -> None:
    def hang(handler, path: str, _: dict[str, object]) -> bool:
        if "mlflow-artifacts" not in path:
            return False
        handler.hang()
        return True

    server = Misbehaving([run(1), run(2)], logged_models=[logged_model(1), logged_model(2)], fault=hang)
    (tmp_path / "project").mkdir()
    try:
        with open_project(tmp_path / "project", tracking_uri=server.url) as project:
            project.refresh()
            refs = (f"{1:032x}", f"{2:032x}")
            started = time.monotonic()
            answer = project.compare(*refs)
            assert time.monotonic() - started < BESIDE_WITHIN + 1
            assert answer.metrics[0].values == (1 / 8, 2 / 8)
            assert all("no complete answer within 3 s" in (reason or "") for reason in answer.artifacts)
            started = time.monotonic()
            assert project.compare(*refs, baseline=1).artifacts == answer.artifacts
            assert time.monotonic() - started < 1
    finally:
        server.close()


_LOGS = """
import sys, mlflow
mlflow.set_tracking_uri(sys.argv[1])
for number in range(2):
    with mlflow.start_run() as run:
        class Model(mlflow.pyfunc.PythonModel):
            def predict(self, context, model_input: list[str]) -> list[str]:
                return model_input
        mlflow.pyfunc.log_model(
            name="model", python_model=Model(), pip_requirements=[f"numpy==1.{number}", "mlflow"]
        )
        print(run.info.run_id)
"""


@pytest.mark.campaign
def test_models_that_mlflows_server_keeps(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    with mlflow_server(tmp_path, f"sqlite:///{tmp_path}/mlflow.db") as address:
        said = subprocess.run(
            [sys.executable, "-c", _LOGS, address], capture_output=True, text=True, check=True, cwd=tmp_path
        )
        refs = [line for line in said.stdout.split() if len(line) == 32 and line.isalnum()]
        assert len(refs) == 2
        with open_project(tmp_path / "project", tracking_uri=address) as project:
            project.refresh()
            answer = project.compare(*refs)
    assert answer.artifacts == (None, None)
    assert {line.key: line.values for line in answer.packages}["numpy"] == ("1.0", "1.1")
    assert {line.key: line.values[0] for line in answer.signature}["inputs"] == "string"
