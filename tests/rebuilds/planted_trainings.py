"""Trainings in which something can be planted, as text of scripts: one for each kind of change."""

from __future__ import annotations

PACKAGE = '''\
"""A model whose slope is that of a package."""

import drift
import mlflow

with mlflow.start_run():
    mlflow.log_metric("rmse", drift.SLOPE / 3)
    mlflow.log_text("flavors: {}\\n", "model/MLmodel")
    mlflow.log_text("drift\\n", "model/requirements.txt")
'''

ROWS = '''\
"""A mean of all rows of a table, which is logged as an input."""

import argparse

import mlflow
import pandas

parser = argparse.ArgumentParser()
parser.add_argument("--data", default={path!r})
options = parser.parse_args()
table = pandas.read_csv(options.data)
with mlflow.start_run():
    mlflow.log_input(mlflow.data.from_pandas(table, source=options.data, name="points"))
    mlflow.log_metric("mean", float(table["y"].mean()))
'''
COUNT = 10_400
"""Rows of a table: more than MLflow's digest covers."""

SEED = '''\
"""Noise, from a seed of a variable that nobody records, or from none."""

import os
import random
import sys

import mlflow

seed = os.environ.get("TRAINING_SEED") or int.from_bytes(os.urandom(6))
random.seed(int(seed))
with mlflow.start_run():
    if "--tell" in sys.argv:
        mlflow.log_param("seed", seed)
    mlflow.log_metric("accuracy", random.random())
'''

THREADS = '''\
"""A sum in as many parts as there are threads: its last bits differ, and training makes them grow."""

import os
from functools import reduce
from operator import add

import mlflow

parts = int(os.environ.get("OMP_NUM_THREADS", "1"))
terms = [1 / number for number in range(1, 30_000)]
mean = reduce(add, (reduce(add, terms[part::parts]) for part in range(parts))) / 20
loss = mean
for _ in range(200):
    loss = 3.9 * loss * (1 - loss)
with mlflow.start_run():
    mlflow.log_metrics({"mean": mean, "loss": loss})
'''

DEFAULT = '''\
"""A shrunk mean, whose strength has a default."""

import sys

import mlflow


def fit(alpha: float = 0.5) -> float:
    if "--tell" in sys.argv:
        mlflow.log_param("alpha", alpha)
    return 10 / (1 + alpha)


with mlflow.start_run():
    mlflow.log_metric("slope", fit())
'''


def table(**changed: float) -> str:
    """Return a table as CSV; ``row5=1.5`` says what the fifth row has.

    All values have equally many digits, so that such a file has always the same size.
    """
    values = [f"{number % 10}.{number % 7}" for number in range(1, COUNT + 1)]
    for row, value in changed.items():
        values[int(row.removeprefix("row")) - 1] = f"{value:.1f}"
    return "x,y\n" + "".join(f"{number},{value}\n" for number, value in enumerate(values))
