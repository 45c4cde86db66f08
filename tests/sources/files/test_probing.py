"""What ``doctor`` tells of a file store."""

from __future__ import annotations

from pathlib import Path

from mlops_dash.sources.mlflow.files import probe
from mlops_dash.sources.mlflow.probing import State, Step
from sources.files.laid_out import Files


def steps(uri: str) -> dict[str, Step]:
    found = {step.name: step for step in probe(uri)}
    assert all(step.remedy for step in found.values() if step.state is not State.OK)
    return found


def test_a_store_that_is_well(files: Files) -> None:
    for _ in range(3):
        files.run()
    for uri in (str(files.root), files.root.as_uri(), f"file:{files.root}"):
        found = steps(uri)
        assert list(found) == ["folder", "layout", "rights", "speed", "future"]
        assert found["layout"].evidence == "1 experiment, 3 runs"
        assert {found[name].state for name in ("folder", "layout", "rights")} == {State.OK}
        assert "migrate-filestore" in str(found["future"].remedy)


def test_the_first_step_that_fails_is_the_last(files: Files, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for uri in (f"{tmp_path}/none", f"{tmp_path}/empty", str(files.root / "0" / "meta.yaml")):
        found = steps(uri)
        assert list(found) == ["folder"]
        assert found["folder"].state is State.FAIL
    assert list(steps("file://elsewhere/mlruns")) == ["address"]
    assert not (tmp_path / "none").exists()


def test_what_is_damaged_is_told(files: Files) -> None:
    files.run()
    (files.run() / "meta.yaml").write_text("status: ")
    found = steps(str(files.root))
    assert found["rights"].state is State.WARN
    assert "damaged meta.yaml" in found["rights"].evidence
