"""Train one model of progression and log the run to MLflow.

python train.py --model forest --depth 4 --keep
"""

import argparse
import importlib
import tomllib
from pathlib import Path

import mlflow
from mlflow.models import infer_signature
from progression.data import COLUMNS, TARGET, load, split
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

EXPERIMENT = "progression"
HOPELESS = 10_000.0  # an error that no model comes back from; progression itself is below 350
# what scikit-learn's trees consist of; we trust the files that we have written ourselves
TRUSTED = ["sklearn.tree._tree.Tree", "sklearn.utils._bunch.Bunch"]


def arguments():
    """Return options and parameters; options left out come from params.toml."""
    defaults = tomllib.loads(Path("params.toml").read_text())
    models = sorted(path.stem for path in Path("progression/models").glob("[a-z]*.py"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", choices=models, default="ridge")
    parser.add_argument("--data", default="data/diabetes.csv")
    parser.add_argument("--experiment", default=EXPERIMENT)
    parser.add_argument("--keep", action="store_true", help="log the model, so that it can be registered")
    parser.add_argument("--seed", type=int, default=defaults.pop("seed"))
    kinds = {name: type(value) for table in defaults.values() for name, value in table.items()}
    for name, kind in kinds.items():
        parser.add_argument(f"--{name}", type=kind)
    options = parser.parse_args()
    params = {"model": options.model, "seed": options.seed}
    for name, default in defaults[options.model].items():
        given = getattr(options, name)
        params[name] = default if given is None else given
    return options, params


def experiment(name):
    """Use the experiment, created with its artifacts beside the store when it is new."""
    if mlflow.get_experiment_by_name(name) is None:
        mlflow.create_experiment(name, artifact_location="mlartifacts")
    mlflow.set_experiment(name)


def main():
    options, params = arguments()
    module = importlib.import_module(f"progression.models.{options.model}")
    frame = load(options.data)
    train, validation = split(frame)
    experiment(options.experiment)
    with mlflow.start_run(run_name=run_name(options, params)):
        mlflow.log_params(params)
        dataset = mlflow.data.from_pandas(frame, source=options.data, targets=TARGET, name="diabetes")
        mlflow.log_input(dataset, context="training")
        pipeline = module.build(params)
        predict = None
        for step, predict in enumerate(module.learn(pipeline, train[COLUMNS], train[TARGET])):
            log_errors(predict, train, validation, step)
        answer = predict(validation[COLUMNS])
        mlflow.log_metric("mae", mean_absolute_error(validation[TARGET], answer))
        mlflow.log_metric("r2", r2_score(validation[TARGET], answer))
        if options.keep:
            keep(pipeline, validation[COLUMNS])


def run_name(options, params):
    """Name a run for its model and the options that were given: ``forest depth=4``."""
    given = [
        f"{name}={params[name]}"
        for name in params
        if name not in ("model", "seed") and getattr(options, name)
    ]
    return " ".join([params["model"], *given])


def log_errors(predict, train, validation, step):
    """Log the error on both sides after a step."""
    errors = {
        "rmse": root_mean_squared_error(validation[TARGET], predict(validation[COLUMNS])),
        "train_rmse": root_mean_squared_error(train[TARGET], predict(train[COLUMNS])),
    }
    mlflow.log_metrics(errors, step=step)
    if errors["rmse"] > HOPELESS:
        raise FloatingPointError(f"the error is {errors['rmse']:.3g} after step {step}: it diverges")


def keep(pipeline, patients):
    """Log the model with an example."""
    mlflow.sklearn.log_model(
        pipeline,
        name="model",
        signature=infer_signature(patients, pipeline.predict(patients)),
        input_example=patients.head(3),
        pip_requirements="requirements.txt",
        skops_trusted_types=TRUSTED,
    )


if __name__ == "__main__":
    main()
