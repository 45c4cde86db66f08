"""Data that is in a remote of DVC's alone: DVC itself brings it into its cache, as its user set it up.

DVC is told contents by their hash, in a project of its own that has the settings of the user's: neither the
pipeline nor the settings of the commit are read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from mlops_dash.actions.rebuilding import programs
from mlops_dash.actions.rebuilding.dvc_places import Stores, dvc_program, settings_of
from mlops_dash.actions.rebuilding.workplace import remove
from mlops_dash.domain.rebuilds import DataNeed
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, RefusedError

_WITHIN = 6 * 3600.0  # seconds for all of it
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
_PATHS = re.compile(r"url|dir|.*(path|file)|ssl_verify")  # options that may name a file beside the settings
_LAYOUTS: tuple[dict[str, str], ...] = ({"hash": "md5"}, {})  # of DVC 3, and of those before it


def fetch(needs: Sequence[DataNeed], stores: Stores, folder: Path, stopped: Callable[[], bool]) -> None:
    """Have DVC fetch contents into its cache.

    Args:
        folder: for DVC's own files in the meantime: its settings may hold secrets, and go at once.
        stopped: asked every moment; it is given up where this says so.

    Raises:
        RefusedError: DVC cannot bring them: its own words tell why.
        DashError: it was stopped, or took too long.
    """
    program = dvc_program()
    names = ", ".join(visible(need.path or need.name, 60) for need in needs[:3])
    if program is None:
        raise RefusedError(f"{names} is in DVC's remote, and DVC is not here to fetch it", "pip install dvc")
    hashes = [str(need.md5) for need in needs if need.md5 is not None and _MD5.fullmatch(need.md5)]
    remove(folder)
    try:
        (folder / ".dvc").mkdir(mode=0o700, parents=True)
        _write_settings(folder / ".dvc" / "config", stores)
        environment = os.environ | {"DVC_NO_ANALYTICS": "1", "NO_COLOR": "1", "DVC_DAEMON": "0"}
        said = ""
        for layout in _LAYOUTS:
            outs = [{"md5": md5, "path": str(number), **layout} for number, md5 in enumerate(hashes)]
            (folder / "data.dvc").write_text(json.dumps({"outs": outs}), "utf-8")
            words = (program, "fetch", "data.dvc")
            code, told = programs.run(words, environment, stopped, _WITHIN, folder)
            hashes = [md5 for md5 in hashes if not stores.has(md5)] if code == 0 else hashes
            if not hashes:
                return
            said = said or told
    except OSError as error:
        raise DashError(f"DVC cannot be run in {folder}: {error.strerror}") from None
    finally:
        remove(folder)
    raise RefusedError(
        f"DVC cannot fetch {names}: {said or 'it says nothing'}",
        "dvc fetch at the run's commit, with what its remote wants",
    )


def _write_settings(path: Path, stores: Stores) -> None:
    settings, beside = settings_of(stores.repository), stores.repository / ".dvc"
    ours = {
        "core": {"no_scm": "true", "analytics": "false", "check_update": "false"},
        "cache": {"dir": str(stores.caches[0])},
    }
    for section in settings.sections():
        for option, value in settings.items(section):
            if _PATHS.fullmatch(option) and "://" not in value and (beside / value).exists():
                settings.set(section, option, str((beside / value).resolve()))
    for section, options in ours.items():
        if not settings.has_section(section):
            settings.add_section(section)
        for option, value in options.items():
            settings.set(section, option, value)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        settings.write(file)
