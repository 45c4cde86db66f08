"""The two runs that a verdict is about: what each recorded, and where its files are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlops_dash.domain.rebuilds import DataNeed, Tolerance
from mlops_dash.domain.secrets import scrub
from mlops_dash.domain.text import visible

FINISHED = "FINISHED"
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Model:
    """A model that a run logged.

    Attributes:
        path: the folder that holds its ``MLmodel``, on this machine; ``None`` where it could not be read.
    """

    name: str
    path: Path | None


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two runs.

    What was not recorded is ``None`` or empty: it is told as unknown, never as a difference.

    Attributes:
        status: of the run, as MLflow names it.
        metrics: latest values.
        artifacts: the folder of the run's own artifacts, on this machine. One that does not exist means that
            there are none; ``None`` that they could not be read.
        models: the models that are kept beside the run's artifacts (MLflow 3). Those that lie among the
            artifacts are found there.
        packages: version by name, of all that was installed.
        variables: environment variables on threads, seeds and devices, as the recorder noted them; ``None``
            where it was not there.
        hardware: as the recorder noted it.
        dirty: whether the tree had uncommitted changes.
        patch_sha256: of the uncommitted difference, where it was recorded.
    """

    run_id: str
    status: str = FINISHED
    metrics: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    artifacts: Path | None = None
    models: tuple[Model, ...] = ()
    python: str | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] | None = None
    hardware: Mapping[str, str] = field(default_factory=dict)
    data: tuple[DataNeed, ...] = ()
    commit: str | None = None
    dirty: bool | None = None
    patch_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far numbers may lie apart.

    Attributes:
        default: of metrics that have none of their own.
        metrics: by name.
        predictions: of every number that is predicted.
        ignored: names of metrics that are left out, beside those that measure time and resources.
        kept: names of metrics that are compared although they look like those.
    """

    default: Tolerance = field(default_factory=Tolerance)
    metrics: Mapping[str, Tolerance] = field(default_factory=dict)
    predictions: Tolerance = field(default_factory=Tolerance)
    ignored: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()

    def of(self, metric: str) -> Tolerance:
        """Return the tolerance of a metric."""
        return self.metrics.get(metric, self.default)


def clean(text: object, limit: int = _LONGEST) -> str:
    """Return what came from outside as it may be shown and kept: no secret, no control character, short."""
    return visible(scrub(str(text)[: 4 * limit]), limit)
