"""A store that holds just what a test says, put in as the sources do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from mlops_dash.domain.environments import Health, Observation
from mlops_dash.sources.base import Apply, Batch
from mlops_dash.store.database import Store

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
MAIN = "main"


def sha(number: int) -> str:
    """A full commit hash."""
    return f"{number:040x}"


class KnownFacts:
    """A store in memory, and short words to fill it."""

    def __init__(self) -> None:
        self.store = Store.open(None, "test")

    def put(self, table: str, *rows: dict[str, Any]) -> None:
        """Append rows to a table."""
        if rows:
            names = list(dict.fromkeys(name for row in rows for name in row))
            whole = [{name: row.get(name) for name in names} for row in rows]
            self.store.apply(Batch(table, pa.Table.from_pylist(whole), Apply.APPEND))

    def run(
        self,
        run_id: str,
        *,
        start: int = 1000,
        commit: str | None = None,
        metrics: dict[str, float | None] | None = None,
        params: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
        data: tuple[tuple[str, str], ...] = (),
        deleted: bool = False,
        script: str | None = "train.py",
        noted: bool = True,
    ) -> None:
        """A run; a metric of ``None`` is NaN as MLflow stores it; data are (name, digest). The recorder has
        ``noted`` how its script was started."""
        row = {"run_id": run_id, "name": f"name-{run_id}", "experiment_id": "1", "status": "FINISHED"}
        stage = "deleted" if deleted else "active"
        self.put("run", row | {"start_time": start, "lifecycle_stage": stage, "source_name": script})
        self.put(
            "metric",
            *(
                {"run_id": run_id, "key": key, "value": value, "is_nan": value is None}
                for key, value in (metrics or {}).items()
            ),
        )
        self.put("param", *({"run_id": run_id, "key": k, "value": v} for k, v in (params or {}).items()))
        notes = {"mlops-dash.recorder": "1", "mlops-dash.argv": f'["{script}"]'}
        tagged = (
            (notes if script and noted else {})
            | (tags or {})
            | ({"mlflow.source.git.commit": commit} if commit else {})
        )
        self.put("tag", *({"run_id": run_id, "key": k, "value": v} for k, v in tagged.items()))
        for name, digest in data:
            self.dataset(name, digest)
            self.put("dataset_input", {"dataset_id": f"{name}/{digest}", "run_id": run_id})

    def dataset(self, name: str, digest: str) -> None:
        """A dataset version as MLflow records it."""
        if not self.store.sql(f"from dataset where dataset_id = '{name}/{digest}'")[1]:
            source = f'{{"uri": "{digest}.csv"}}'
            row = {"dataset_id": f"{name}/{digest}", "name": name, "digest": digest}
            self.put("dataset", row | {"source_type": "local", "source": source})

    def version(self, model: str, version: str, run_id: str | None = None, **columns: Any) -> None:
        """A version in the registry."""
        self.put(
            "model_version",
            {"name": model, "version": version, "run_id": run_id, "source": f"runs:/{run_id}/model",
             "stage": "None", "status": "READY", "last_updated_time": 1} | columns,
        )  # fmt: skip

    def alias(self, model: str, alias: str, version: str) -> None:
        """An alias of a version."""
        self.put("model_alias", {"name": model, "alias": alias, "version": version})

    def repository(self, *hashes: str) -> None:
        """A repository with these commits on its main branch, oldest first."""
        self.put("git_state", {"root": "/r", "head": hashes[-1] if hashes else None, "main": MAIN})
        for age, commit in enumerate(reversed(hashes)):
            number = len(hashes) - age
            self.put(
                "git_commit",
                {"hash": commit, "subject": f"Commit {number}", "author": "Ada",
                 "committed_at": number * 1000, "seq": age},
            )  # fmt: skip
            self.position(commit, behind=age, branches=MAIN)

    def position(self, commit: str, *, there: bool = True, **columns: Any) -> None:
        """Where a commit was found to stand."""
        self.put("commit_position", {"commit_hash": commit, "in_repository": there} | columns)

    def dvc(self, commit: str, path: str, digest: str) -> None:
        """Data tracked with DVC at a commit."""
        row = {"commit_hash": commit, "path": path, "digest": digest, "tracked_in": f"{path}.dvc"}
        self.put("dvc_output", row | {"size": 1, "files": 1})

    def dvc_history(self, path: str, *versions: tuple[str, int]) -> None:
        """The versions (digest, time) of a path on the main branch, oldest first."""
        for seq, (digest, at) in enumerate(versions):
            row = {"path": path, "digest": digest, "commit_hash": sha(90000 + seq)}
            self.put("dvc_history", row | {"committed_at": at, "seq": seq})

    def gto(self, model: str, version: str, commit: str, stage: str | None = None, n: int = 1) -> None:
        """A GTO version, assigned to a stage where one is given."""
        self.put(
            "gto_version",
            {"model": model, "version": version, "commit_hash": commit, "tag": f"{model}@{version}",
             "created_at": 1, "author": "Ada", "deprecated": False},
        )  # fmt: skip
        if stage is not None:
            self.put(
                "gto_assignment",
                {"model": model, "stage": stage, "n": n, "version": version, "commit_hash": commit,
                 "tag": f"{model}#{stage}#{n}", "assigned_at": 5000, "author": "Ada", "active": True},
            )  # fmt: skip

    def seen(self, environment: str, model: str, version: str | None = None, **facts: Any) -> None:
        """What a target answered."""
        told = {"target": "http", "asked_at": NOW, "health": Health.HEALTHY} | facts
        answered = told.pop("answered", version is not None)
        self.store.save_observations(
            [Observation(environment, model, answered=answered, version=version, **told)]
        )
