"""The Python environment of a rebuild: the recorded packages, built by uv once and kept by their hash."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_dash.actions.durable import locked, release
from mlops_dash.actions.rebuilding import programs
from mlops_dash.actions.rebuilding.workplace import remove
from mlops_dash.domain.recorded import lines_of
from mlops_dash.errors import DashError, RefusedError
from mlops_dash.recorder.noting import installed

PRESENT, BUILT = "present", "built"
OWN = frozenset({"mlops-dash", "pip", "setuptools", "wheel", "uv"})
"""Packages that no training is made with: they do not tell two environments apart."""
KEPT = 8
"""Environments that are kept: each has some hundred megabytes, hard-linked with uv's cache where it can."""
_RECENT = 7 * 86400.0  # seconds for which one is kept in any case: a long rebuild may be at work in it
_WHOLE = "mlops-dash-environment.json"
_WITHIN = 1800.0  # seconds for a large environment from a slow index
_SETTING = re.compile(r"^(?P<key>[\w.:-]+)='(?P<value>.*)'$")
_EVERY = 0.2  # seconds between two looks

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment that is there.

    Attributes:
        python: its interpreter.
        packages: version by name, of all that is installed.
        words: what it is, for a person.
    """

    python: Path
    version: str
    packages: Mapping[str, str] = field(default_factory=dict)
    words: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """The environment that a rebuild wants.

    Attributes:
        kind: :data:`PRESENT` or :data:`BUILT`.
        python: version of the interpreter; ``None``: any.
        requirements: PEP 508.
        exact: they are all that is installed, dependencies included.
        interpreter: of the present environment; ``None``: the one that we run in.
    """

    kind: str
    python: str | None
    requirements: tuple[str, ...]
    exact: bool
    interpreter: str | None = None

    @property
    def digest(self) -> str:
        """The name under which it is kept."""
        told = [self.python, sorted(self.requirements), self.exact, sys.platform, os.uname().machine]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:24]


def same_as_present(packages: Mapping[str, str], python: str | None) -> bool:
    """Tell whether the environment that we run in has these packages and no others, and this interpreter."""
    ours = installed(tuple(sys.path))
    left = {name: version for name, version in packages.items() if name not in OWN}
    return python == this_python() and left == {k: v for k, v in ours.items() if k not in OWN}


def this_python() -> str:
    """Return the version of the interpreter that we run in."""
    return ".".join(map(str, sys.version_info[:3]))


def environment_of(asked: Asked, folder: Path, tell: Tell, stopped: Callable[[], bool]) -> Environment:
    """Return the environment, built where it is not there yet.

    Args:
        folder: where environments are kept.
        stopped: asked every moment; it is given up where this says so.

    Raises:
        RefusedError: packages are no longer to be had, or no such interpreter; says which.
        DashError: it could not be built, or was stopped.
    """
    if asked.kind == PRESENT:
        return _present(asked)
    place = folder / asked.digest
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = locked(folder / f"{asked.digest}.lock")
        while lock is None:  # another rebuild builds the same one
            tell("waiting for another rebuild that builds the same environment")
            _wait(stopped)
            lock = locked(folder / f"{asked.digest}.lock")
    except OSError as error:
        raise RefusedError(f"{folder} cannot be written: {error.strerror}.") from None
    try:
        known = _kept(place)
        if known is not None:
            return known
        remove(place)  # one that was left half-way
        try:
            made = _built(asked, place, tell, stopped)
        except (DashError, OSError) as error:
            with suppress(OSError):
                remove(place)  # half of it is of no use, and may fill the disk
            if isinstance(error, OSError):
                raise DashError(f"{place} cannot be written: {error.strerror}", "make room") from None
            raise
        forget_old(folder)
        return made
    finally:
        release(lock)


def forget_old(folder: Path, keep: int = KEPT) -> None:
    """Take away the environments beyond ``keep`` that nobody has used for a while, nor is busy with."""
    used: list[tuple[float, Path]] = []
    for place in folder.iterdir():
        with suppress(OSError):
            used.append(((place / _WHOLE).stat().st_mtime, place))
    for at, place in sorted(used, reverse=True)[keep:]:
        with suppress(OSError):
            if time.time() - at < _RECENT:
                continue
            lock = locked(folder / f"{place.name}.lock")
            if lock is not None:
                try:
                    remove(place)
                finally:
                    release(lock)


def _present(asked: Asked) -> Environment:
    python = Path(asked.interpreter) if asked.interpreter else Path(sys.executable)
    if not os.access(python, os.X_OK):
        raise RefusedError(f"{python} cannot be run", "see python under [rebuild] in the configuration")
    version, packages = this_python(), installed(tuple(sys.path))
    if asked.interpreter:
        version, packages = _listed(python)
    words = f"the present environment: Python {version}, {len(packages)} packages"
    return Environment(python, version, packages, words)


def _kept(place: Path) -> Environment | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        told = json.loads((place / _WHOLE).read_text("utf-8"))
        os.utime(place / _WHOLE)  # what was used last goes last
        words = f"Python {told['python']}, {len(told['packages'])} packages, as built before"
        return Environment(_python(place), str(told["python"]), dict(told["packages"]), words)
    return None


def _built(asked: Asked, place: Path, tell: Tell, stopped: Callable[[], bool]) -> Environment:
    version = asked.python or this_python()
    ours = version.split(".")[:2] == this_python().split(".")[:2]
    wanted = sys.executable if ours else ".".join(version.split(".")[:2])
    tell(f"making an environment with Python {'.'.join(version.split('.')[:2])}")
    _uv(["venv", "--quiet", "--no-project", "--no-config", "--python", wanted, str(place)], stopped, {})
    listing = place / "requirements.txt"
    listing.write_text("".join(f"{one}\n" for one in asked.requirements), "utf-8")
    python = _python(place)
    words = ["pip", "install", "--quiet", "--python", str(python), "--requirements", str(listing)]
    if asked.exact:
        words.append("--no-deps")
    tell(f"installing {len(asked.requirements)} packages")
    try:
        _uv([*words, "--offline"], stopped, {})  # what is in uv's cache needs no index
    except RefusedError:
        _uv(words, stopped, indexes())
    found_version, packages = _listed(python)
    told = {"python": found_version, "packages": packages, "sha256": sha256_of(packages)}
    aside = place / f"{_WHOLE}.new"
    aside.write_text(json.dumps(told), "utf-8")
    aside.replace(place / _WHOLE)
    words_told = f"Python {found_version}, {len(packages)} packages, built by uv"
    return Environment(python, found_version, packages, words_told)


def sha256_of(packages: Mapping[str, str]) -> str:
    """Return the hash by which the recorder tells environments apart."""
    return hashlib.sha256(lines_of(packages).encode()).hexdigest()


def _python(place: Path) -> Path:
    return place / "bin" / "python"


def _listed(python: Path) -> tuple[str, dict[str, str]]:
    """Ask an interpreter for its version and where its packages are, and look there."""
    code = "import json, platform, sys; print(json.dumps([platform.python_version(), sys.path]))"
    try:
        done = subprocess.run(
            [str(python), "-I", "-c", code], capture_output=True, timeout=60, check=True, text=True
        )
        version, path = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise DashError(f"{python} cannot be asked what it has: {type(error).__name__}") from None
    return str(version), installed(tuple(path))


def _uv(words: Sequence[str], stopped: Callable[[], bool], more: Mapping[str, str]) -> None:
    """Run uv to its end.

    Raises:
        RefusedError: it says no: its own words tell why.
        DashError: it was stopped, or took too long.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VIRTUAL_ENV", "CONDA"))
    }
    environment |= {"UV_NO_PROGRESS": "1", "NO_COLOR": "1", "UV_SYSTEM_CERTS": "true", **more}
    try:
        code, said = programs.run([_program(), *words], environment, stopped, _WITHIN)
    except OSError as error:
        raise RefusedError(f"uv cannot be run: {error.strerror}", "pip install uv") from None
    if code != 0:
        raise RefusedError(
            f"the packages cannot be had: {said}",
            'environment = "present" under [rebuild] takes the environment that is there',
        )


def _program() -> str:
    from uv import find_uv_bin

    return str(find_uv_bin())


def _wait(stopped: Callable[[], bool]) -> None:
    from threading import Event

    Event().wait(_EVERY)
    if stopped():
        raise DashError("it was cancelled")


def indexes() -> dict[str, str]:
    """Return where pip looks for packages as uv's settings, where uv has none of its own."""
    if any(name.startswith(("UV_INDEX", "UV_DEFAULT_INDEX", "UV_FIND_LINKS")) for name in os.environ):
        return {}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip", "config", "list"],
            capture_output=True, timeout=30, check=True, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return {}
    found: dict[str, Any] = {}
    for line in done.stdout.splitlines():
        match = _SETTING.match(line.strip())
        if match is not None:
            found[match["key"].rpartition(".")[2]] = match["value"].replace("\\n", " ")
    settings = {
        "UV_DEFAULT_INDEX": found.get("index-url"),
        "UV_INDEX": found.get("extra-index-url"),
        "UV_FIND_LINKS": ",".join(found["find-links"].split()) if "find-links" in found else None,
        "SSL_CERT_FILE": found.get("cert"),
        # pip looks through all of its indexes, and the recorded versions are exact
        "UV_INDEX_STRATEGY": "unsafe-best-match" if "extra-index-url" in found else None,
    }
    return {name: value for name, value in settings.items() if value and name not in os.environ}
