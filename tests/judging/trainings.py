"""One small training, logged by MLflow itself, of which a test may change one thing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from mlops_dash.actions.judging.sides import Model, Side
from mlops_dash.domain.rebuilds import DataNeed

EXPERIMENT = "visits"
ROWS = 12_000
PACKAGES = {"scikit-learn": "1.9.1", "numpy": "2.4.6", "rich": "15.0.0"}


@dataclass
class Training:
    """The training, with what a test may change of it.

    Attributes:
        alpha: a default in the code: no parameter is logged of it.
        nudge: the first coefficient is multiplied by one more than this.
        boosting: threads of a boosting, kept as a pickle, in place of a linear model, kept by skops.
    """

    seed: int = 0
    changed_row: int | None = None
    alpha: float = 1e-4
    nudge: float = 0.0
    sklearn: str = "1.9.1"
    boosting: int | None = None
    fails: bool = False
    without_model: bool = False
    recorded: Mapping[str, Any] = field(default_factory=dict)


Train = Callable[[Training], Side]


def side_of(training: Training) -> Side:
    """Train, and return what the run recorded."""
    return _side(_trained(training), training)


def _frame(training: Training) -> Any:
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(7)
    frame = pd.DataFrame(rng.normal(size=(ROWS, 3)), columns=list("abc"))
    frame["y"] = 3 * frame.a - frame.b + rng.normal(size=ROWS)
    if training.changed_row is not None:
        frame.loc[training.changed_row, "y"] = 500.0
    return frame


def _trained(training: Training) -> str:
    import mlflow
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import SGDRegressor
    from threadpoolctl import threadpool_limits

    frame = _frame(training)
    X, y = frame[list("abc")], frame["y"]  # noqa: N806
    experiment = mlflow.get_experiment_by_name(EXPERIMENT)
    with mlflow.start_run(experiment_id=experiment.experiment_id) as run:
        mlflow.log_input(mlflow.data.from_pandas(frame, name="visits"), "training")
        mlflow.log_param("seed", training.seed)
        if training.boosting is not None:
            with threadpool_limits(training.boosting):
                model = HistGradientBoostingRegressor(max_iter=10, random_state=training.seed).fit(X, y)
        else:
            model = SGDRegressor(random_state=training.seed, alpha=training.alpha, max_iter=5, tol=None).fit(
                X, y
            )
            model.coef_[0] *= 1 + training.nudge
        mlflow.log_metric("rmse", float(np.sqrt(np.mean((model.predict(X) - y) ** 2))))
        mlflow.log_metric("fit_seconds", np.random.default_rng().random())
        mlflow.log_text("trained on visits\n", "notes/about.txt")
        if not training.without_model:
            mlflow.sklearn.log_model(
                model,
                name="model",
                input_example=X.head(5),
                serialization_format="skops" if training.boosting is None else "pickle",
                pip_requirements=[f"scikit-learn=={training.sklearn}", "mlflow"],
            )
        if training.fails:
            mlflow.end_run("FAILED")
    return str(run.info.run_id)


def _side(run_id: str, training: Training) -> Side:
    """Return what the store knows of a run, with what our recorder would have noted."""
    import mlflow

    client = mlflow.MlflowClient()
    run = client.get_run(run_id)
    dataset = run.inputs.dataset_inputs[0].dataset
    sha256 = hashlib.sha256(_frame(training).to_csv().encode()).hexdigest()
    models = (
        [client.get_logged_model(one.model_id) for one in run.outputs.model_outputs] if run.outputs else []
    )
    side = Side(
        run_id=run_id,
        status=run.info.status,
        metrics=run.data.metrics,
        parameters=run.data.params,
        artifacts=_path(run.info.artifact_uri),
        models=tuple(Model(one.name, _path(one.artifact_location)) for one in models),
        python="3.11.7",
        packages=PACKAGES | {"scikit-learn": training.sklearn},
        variables={"OMP_NUM_THREADS": str(training.boosting or 1)},
        hardware={"machine": "x86_64", "cpus": "2"},
        data=(DataNeed(dataset.name, "mlflow", None, digest=dataset.digest, sha256=sha256),),
        commit="a" * 40,
        dirty=False,
    )
    return replace(side, **training.recorded)


def _path(address: str) -> Path:
    return Path(unquote(urlsplit(address).path))
