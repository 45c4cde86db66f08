"""What MLflow asks at the start of each run."""

from __future__ import annotations

import os

from mlflow.tracking.context.abstract_context import RunContextProvider

SWITCH = "MLOPS_DASH_RECORDER"
_OFF = frozenset({"off", "0", "false", "no"})


class Recorder(RunContextProvider):
    """Gives each run the tags of :mod:`mlops_dash.domain.recorded`."""

    def in_context(self) -> bool:
        """Tell whether it is switched on."""
        return os.environ.get(SWITCH, "").strip().lower() not in _OFF

    def tags(self) -> dict[str, str]:
        """Return what can be noted; never raises."""
        try:
            from mlops_dash.recorder.noting import noted

            return noted()
        except Exception:  # noqa: BLE001 - a training never fails for its recorder
            return {}
