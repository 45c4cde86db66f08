"""The world in which a process that moves an alias is killed: a real SQLite store."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy.orm
from mlflow.store.model_registry import sqlalchemy_store as _registry  # noqa: F401 - imported once
from mlflow.store.tracking import sqlalchemy_store as _tracking  # noqa: F401
from mlflow.tracking.client import MlflowClient

from actions.crashing import Scene
from actions.journalled import Says
from actions.registries import alias_in
from mlops_dash.actions.hands import Context, hand_of
from mlops_dash.actions.journal import Journal
from mlops_dash.actions.plan_json import decoded, plan_of
from mlops_dash.actions.schema_heads import installed_head
from mlops_dash.actions.verifying import Proof

sqlalchemy.orm.configure_mappers()  # what a process would do anew otherwise
installed_head()


def scene(folder: Path, *, proof: str = "served") -> Scene:
    """The plan in ``folder/plan.json``, on the store beside it."""
    plan = plan_of(decoded((folder / "plan.json").read_bytes()))
    context = Context(f"sqlite:///{folder}/mlflow.db", None, folder / "servers", folder)
    alias = plan.steps[0].arguments["alias"]
    return Scene(
        plan=plan,
        journal=Journal(folder / "actions"),
        hands=lambda step: hand_of(step, context),
        verifier=Says(Proof(proof)),
        truth=lambda: alias_in(folder / "mlflow.db", alias),
        calls=[(MlflowClient, "set_registered_model_alias"), (MlflowClient, "delete_registered_model_alias")],
    )
