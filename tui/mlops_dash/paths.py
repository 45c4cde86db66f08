"""Where caches and state live on this system."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Return the folder of what can be deleted without loss (``MLOPS_DASH_CACHE_DIR`` overrides)."""
    override = os.environ.get("MLOPS_DASH_CACHE_DIR")
    if override:
        return Path(override).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("mlops-dash"))


def state_dir() -> Path:
    """Return the folder of what outlives the cache, such as which model servers run
    (``MLOPS_DASH_STATE_DIR`` overrides)."""
    override = os.environ.get("MLOPS_DASH_STATE_DIR")
    if override:
        return Path(override).expanduser()
    import platformdirs

    return Path(platformdirs.user_state_dir("mlops-dash"))
