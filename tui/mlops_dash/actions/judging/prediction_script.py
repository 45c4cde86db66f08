"""Loads one model and writes what it predicts: run by the interpreter of a rebuild, by its path, with ``-I``.

It stands alone: the interpreter need not have mlops-dash. Its one argument names a JSON file::

    {"model": folder, "example": folder of the model whose input example is asked, "memory": bytes or null,
     "file": bytes of the largest file, "values": most values, "answer": file}

The answer is ``{"columns": [{"name", "kind": "number" | "text", "values"}], "shape": […]}`` or
``{"error": …}``.
One process loads one model: the code of a second one could be taken from the first's modules.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    """Answer, also where the model's code raises."""
    with open(sys.argv[1], encoding="utf-8") as file:
        asked = json.load(file)
    _limit(asked)
    try:
        answer = _answer(asked)
    except BaseException as error:  # noqa: BLE001 - a model's code may raise anything
        answer = {"error": _told(error)}
    with open(asked["answer"], "w", encoding="utf-8") as file:
        json.dump(answer, file)


def _limit(asked: dict[str, Any]) -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (asked["file"], asked["file"]))
    if asked["memory"] is not None:
        resource.setrlimit(resource.RLIMIT_AS, (asked["memory"], asked["memory"]))


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    import mlflow
    from mlflow.models import Model

    description = Model.load(asked["example"])
    example = description.load_input_example(asked["example"])
    if example is None:
        return {"error": "it was logged without an input example"}
    params = None
    if hasattr(description, "load_input_example_params"):
        params = description.load_input_example_params(asked["example"])
    model = mlflow.pyfunc.load_model(asked["model"])
    predicted = model.predict(example, params=params) if params else model.predict(example)
    return _encoded(predicted, asked["values"])


def _told(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"it needs the package {error.name}, which is not there"
    if isinstance(error, MemoryError):
        return "it needs more memory than it may have"
    return f"{type(error).__name__}: {error}"[:500]


def _encoded(predicted: Any, most: int) -> dict[str, Any]:
    """Return a prediction as columns of numbers or texts."""
    import numpy
    import pandas

    if isinstance(predicted, pandas.DataFrame):
        columns = [(str(name), predicted.iloc[:, at].to_numpy()) for at, name in enumerate(predicted.columns)]
        shape = list(predicted.shape)
    elif isinstance(predicted, dict):
        columns = [(str(name), numpy.asarray(one)) for name, one in predicted.items()]
        shape = [len(columns)]
    else:
        if hasattr(predicted, "toarray"):
            predicted = predicted.toarray()
        elif hasattr(predicted, "detach"):
            predicted = predicted.detach().cpu().numpy()
        try:
            array = numpy.asarray(predicted)
        except ValueError:  # rows of different lengths
            array = numpy.asarray([json.dumps(one, default=str) for one in predicted])
        columns, shape = [("", array)], list(array.shape)
    if sum(array.size for _, array in columns) > most:
        raise ValueError(f"it predicts more than {most:,} values")
    return {"columns": [_column(name, array) for name, array in columns], "shape": shape}


def _column(name: str, array: Any) -> dict[str, Any]:
    values = array.ravel().tolist()
    plain = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in values)
    if not plain:
        values = [one if isinstance(one, str) else str(one) for one in values]
    return {"name": name, "kind": "number" if plain else "text", "values": values}


if __name__ == "__main__":
    main()
