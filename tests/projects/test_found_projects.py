"""Projects that know nothing of us: made by MLflow, git, gto and dvc themselves, answered right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada Rask",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada Rask",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}

TRAIN = """
import sys, mlflow, pandas as pd
mlflow.set_tracking_uri("sqlite:///mlflow.db")
mlflow.set_experiment("wine")
frame = pd.DataFrame({"acid": [float(sys.argv[1]), 2.0], "quality": [1.0, 2.0]})
with mlflow.start_run(run_name=f"fit-{sys.argv[1]}") as run:
    mlflow.log_param("alpha", sys.argv[1])
    mlflow.log_metric("rmse", float(sys.argv[2]))
    mlflow.log_input(mlflow.data.from_pandas(frame, source="wine.csv", name="wine"), context="training")
client = mlflow.MlflowClient()
try:
    client.create_registered_model("wine-quality")
except mlflow.exceptions.MlflowException:
    pass
client.create_model_version("wine-quality", source=f"{run.info.artifact_uri}/model", run_id=run.info.run_id)
print(run.info.run_id)
"""


def run(*argv: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run a real tool and return what it printed."""
    done = subprocess.run(
        argv,
        cwd=cwd,
        env={**os.environ, **IDENTITY, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def tool(name: str) -> str:
    """Return a console script of the interpreter that runs the tests."""
    return str(Path(sys.executable).with_name(name))


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run ``mlops-dash VERB --json`` in a folder, in a process and with a cache of its own."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    env = {"MLOPS_DASH_CACHE_DIR": str(tmp_path / "cache"), "MLOPS_DASH_STATE_DIR": str(tmp_path / "state")}

    def ask(folder: Path, *verb: str) -> Any:
        return json.loads(run(sys.executable, "-m", "mlops_dash", *verb, "--json", cwd=folder, env=env))

    return ask


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder with its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def commit(repo: Path, message: str) -> str:
    run("git", "add", "-A", cwd=repo)
    run("git", "commit", "-qm", message, cwd=repo)
    return run("git", "rev-parse", "HEAD", cwd=repo)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A repository with a training script and the store that MLflow wrote beside it."""
    repo = tmp_path_factory.mktemp("wine")
    run("git", "init", "-q", "-b", "main", cwd=repo)
    (repo / ".gitignore").write_text("mlflow.db\nmlruns/\n")
    (repo / "train.py").write_text(TRAIN)
    first = commit(repo, "Train a first model")
    runs = [run(sys.executable, "train.py", "0.5", "0.71", cwd=repo).splitlines()[-1]]
    (repo / "train.py").write_text(TRAIN + "# scaled\n")
    second = commit(repo, "Scale the features")
    runs.append(run(sys.executable, "train.py", "0.1", "0.61", cwd=repo).splitlines()[-1])
    digests = run(
        sys.executable,
        "-c",
        "import mlflow, sys\n"
        "c = mlflow.MlflowClient('sqlite:///mlflow.db', 'sqlite:///mlflow.db')\n"
        "c.set_registered_model_alias('wine-quality', 'production', '1')\n"
        "c.set_registered_model_alias('wine-quality', 'staging', '2')\n"
        "c.transition_model_version_stage('wine-quality', '1', 'Production')\n"
        "for run in sys.argv[1:]:\n"
        "    print(c.get_run(run).inputs.dataset_inputs[0].dataset.digest)\n",
        *runs,
        cwd=repo,
    ).splitlines()[-2:]
    return {"repo": repo, "commits": [first, second], "runs": runs, "digests": digests}


def test_a_plain_mlflow_and_git_project_without_configuration(plain: dict[str, Any], answer: Any) -> None:
    before = files(plain["repo"])
    live = answer(plain["repo"], "live")
    assert [s["status"] for s in live["sources"] if s["name"] in ("tracking", "git")] == ["ok", "ok"]
    production, staging = live["environments"]
    assert (production["environment"], staging["environment"]) == ("production", "staging")
    assert production["model"] == "wine-quality"
    assert production["declared"] == {"version": "1", "alias": "production"}
    assert production["observed"] is None
    assert (production["live"], production["basis"], production["drift"]) == ("1", "declared", False)
    assert production["health"] == "unknown"
    assert production["run"]["run_id"] == plain["runs"][0]
    assert production["run"]["name"] == "fit-0.5"
    assert production["run"]["experiment"] == "wine"
    assert production["run"]["metrics"] == {"rmse": 0.71}
    assert production["run"]["params"] == {"alpha": "0.5"}
    code = production["code"]
    assert (code["commit"], code["subject"], code["author"]) == (
        plain["commits"][0],
        "Train a first model",
        "Ada Rask",
    )
    assert (code["behind"], code["status"]) == (1, "ok")
    assert [(d["name"], d["kind"], d["newer"]) for d in production["data"]] == [("wine", "mlflow", 1)]
    assert {"behind", "newer-data", "better-version"} <= {a["code"] for a in production["attention"]}
    assert (staging["live"], staging["code"]["behind"], staging["data"][0]["newer"]) == ("2", 0, 0)
    assert files(plain["repo"]) == before


@pytest.mark.parametrize("of", ["environment", "version", "alias", "run", "prefix", "commit", "dataset"])
def test_lineage_is_followed_in_both_directions(plain: dict[str, Any], answer: Any, of: str) -> None:
    digest = plain["digests"][0]
    ref = {
        "environment": "production",
        "version": "models:/wine-quality/1",
        "alias": "models:/wine-quality@production",
        "run": plain["runs"][0],
        "prefix": plain["runs"][0][:8],
        "commit": plain["commits"][0][:10],
        "dataset": f"data:{digest}",
    }[of]
    traced = answer(plain["repo"], "trace", ref)
    assert traced["ref"] == ref
    assert traced["live_in"] == [{"environment": "production", "model": "wine-quality"}]
    kinds = {n["kind"]: n for n in traced["nodes"]}
    wanted = {"environment", "version", "run"}
    wanted |= {"commit": {"commit"}, "dataset": {"dataset"}}.get(of, {"commit", "dataset"})
    assert wanted <= set(kinds)
    if "commit" in kinds:
        assert kinds["commit"]["commit"] == plain["commits"][0]
        assert kinds["commit"]["subject"] == "Train a first model"
    if "dataset" in kinds:
        assert (kinds["dataset"]["name"], kinds["dataset"]["digest"]) == ("wine", digest)
        assert kinds["dataset"]["source"] == "wine.csv"
    ids = {n["id"] for n in traced["nodes"]}
    assert all(e["from"] in ids and e["to"] in ids for e in traced["edges"])


def test_sql_gives_the_board_s_own_answer_joined_with_the_rest(plain: dict[str, Any], answer: Any) -> None:
    asked = answer(
        plain["repo"],
        "sql",
        "select l.environment, l.live, l.basis, l.health, r.name, c.subject from live as l "
        "join runs as r using (run_id) join commits as c on c.hash = l.commit_hash order by 1",
    )
    assert [list(row.values()) for row in asked["rows"]] == [
        ["production", "1", "declared", "unknown", "fit-0.5", "Train a first model"],
        ["staging", "2", "declared", "unknown", "fit-0.1", "Scale the features"],
    ]


def test_reading_and_answering_import_nothing_heavy(plain: dict[str, Any], tmp_path: Path) -> None:
    code = (
        "import sys, mlops_dash\n"
        "project = mlops_dash.open_project()\n"
        "project.refresh(); project.observe(); project.live(); project.trace('production')\n"
        "print(sorted({'mlflow', 'pandas', 'numpy', 'pyarrow', 'textual'} & set(sys.modules)), end='')\n"
    )
    env = {"MLOPS_DASH_CACHE_DIR": str(tmp_path / "cache"), "MLFLOW_TRACKING_URI": ""}
    assert run(sys.executable, "-c", code, cwd=plain["repo"], env=env) == "[]"


def test_an_alias_that_moved_shows_at_the_next_reading(plain: dict[str, Any], answer: Any) -> None:
    assert answer(plain["repo"], "live")["environments"][1]["live"] == "2"
    move = (
        "import mlflow, sys\n"
        "c = mlflow.MlflowClient('sqlite:///mlflow.db', 'sqlite:///mlflow.db')\n"
        "c.set_registered_model_alias('wine-quality', 'staging', sys.argv[1])\n"
    )
    run(sys.executable, "-c", move, "1", cwd=plain["repo"])
    try:
        assert answer(plain["repo"], "live")["environments"][1]["live"] == "1"
    finally:
        run(sys.executable, "-c", move, "2", cwd=plain["repo"])


def test_a_repository_with_only_gto_tags(tmp_path: Path, answer: Any) -> None:
    repo = tmp_path / "churn"
    repo.mkdir()
    run("git", "init", "-q", "-b", "main", cwd=repo)
    (repo / "train.py").write_text("print(1)\n")
    first = commit(repo, "Train churn")
    gto = tool("gto")
    run(gto, "register", "churn", "--version", "v1.0.0", cwd=repo)
    run(gto, "assign", "churn", "--version", "v1.0.0", "--stage", "production", cwd=repo)
    (repo / "train.py").write_text("print(2)\n")
    second = commit(repo, "Train on more")
    run(gto, "register", "churn", "--version", "v1.1.0", cwd=repo)
    run(gto, "assign", "churn", "--version", "v1.1.0", "--stage", "staging", cwd=repo)
    before = files(repo)
    live = answer(repo, "live")
    rows = {e["environment"]: e for e in live["environments"]}
    assert set(rows) == {"production", "staging"}
    production = rows["production"]
    assert (production["model"], production["live"], production["basis"]) == ("churn", "v1.0.0", "declared")
    assert production["target"] == "gto"
    assert (production["code"]["commit"], production["code"]["behind"]) == (first, 1)
    assert (rows["staging"]["code"]["commit"], rows["staging"]["code"]["behind"]) == (second, 0)
    assert production["by"] == "Ada Rask"
    assert production["since"].endswith("Z")
    assert production["run"] is None
    traced = answer(repo, "trace", first)
    assert traced["live_in"] == [{"environment": "production", "model": "churn"}]
    assert files(repo) == before


@pytest.mark.campaign
def test_a_dvc_repository_without_a_tracking_store(tmp_path: Path, answer: Any) -> None:
    repo = tmp_path / "prices"
    repo.mkdir()
    dvc, gto = tool("dvc"), tool("gto")
    quiet = {"DVC_NO_ANALYTICS": "1"}
    run("git", "init", "-q", "-b", "main", cwd=repo)
    run(dvc, "init", "-q", cwd=repo, env=quiet)
    (repo / "prices.csv").write_text("a\n1\n")
    run(dvc, "add", "-q", "prices.csv", cwd=repo, env=quiet)
    first = commit(repo, "First prices")
    run(gto, "register", "prices", "--version", "v1.0.0", cwd=repo)
    run(gto, "assign", "prices", "--version", "v1.0.0", "--stage", "production", cwd=repo)
    (repo / "prices.csv").write_text("a\n1\n2\n")
    run(dvc, "add", "-q", "prices.csv", cwd=repo, env=quiet)
    commit(repo, "Second prices")
    before = files(repo)
    live = answer(repo, "live")
    [row] = live["environments"]
    assert (row["environment"], row["live"], row["code"]["commit"]) == ("production", "v1.0.0", first)
    [data] = row["data"]
    # the md5 of b"a\n1\n"
    import hashlib

    assert data["digest"] == hashlib.md5(b"a\n1\n", usedforsecurity=False).hexdigest()
    assert (data["name"], data["kind"], data["newer"]) == ("prices.csv", "dvc", 1)
    traced = answer(repo, "trace", f"data:{data['digest']}")
    assert {"environment": "production", "model": "prices"} in traced["live_in"]
    assert files(repo) == before


def test_a_dvc_repository_with_nothing_deployed_shows_what_was_found(tmp_path: Path, answer: Any) -> None:
    repo = tmp_path / "plain"
    repo.mkdir()
    run("git", "init", "-q", "-b", "main", cwd=repo)
    (repo / "prices.csv.dvc").write_text(
        "outs:\n- md5: 60b725f10c9c85c70d97880dfe8191b3\n  size: 2\n  hash: md5\n  path: prices.csv\n"
    )
    commit(repo, "Prices")
    live = answer(repo, "live")
    assert live["environments"] == []
    status = {s["name"]: s["status"] for s in live["sources"]}
    assert (status["tracking"], status["git"], status["data"]) == ("absent", "ok", "ok")
    traced = answer(repo, "trace", "data:60b725f10c9c85c70d97880dfe8191b3")
    assert {n["kind"] for n in traced["nodes"]} == {"dataset", "commit"}
