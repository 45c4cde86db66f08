"""MLflow's store in a folder of files (``mlruns/``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conformance.shape import Place
from conformance.sqlite_file import fingerprint
from mlops_dash.sources.base import Source
from mlops_dash.sources.mlflow.address import Address


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """A folder; MLflow fills it, being told that it may."""
    store = folder / "mlruns"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        # its registry looks for logged models where the environment says, and makes a database by default
        patched.setenv("MLFLOW_TRACKING_URI", store.as_uri())
        yield Place(store.as_uri(), store.as_uri(), fingerprint=lambda: fingerprint(store))


def source(address: str) -> Source:
    from mlops_dash.sources.mlflow.files import MlflowFiles

    path = Address.of(address).path
    assert path is not None
    return MlflowFiles(path)
