"""Notes the command, its packages, its variables and its machine."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from mlops_dash.domain.recorded import Recorded, RecordedFile, lines_of, to_tags
from mlops_dash.domain.secrets import scrub
from mlops_dash.recorder.tree import Tree, tree_around

VARIABLES = (
    "OMP_NUM_THREADS", "OMP_DYNAMIC", "MKL_NUM_THREADS", "MKL_CBWR", "OPENBLAS_NUM_THREADS",
    "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS", "LOKY_MAX_CPU_COUNT", "PYTHONHASHSEED", "CUDA_VISIBLE_DEVICES",
    "CUBLAS_WORKSPACE_CONFIG", "TF_DETERMINISTIC_OPS", "TF_CUDNN_DETERMINISTIC", "XLA_FLAGS",
    "PL_GLOBAL_SEED", "SEED",
)  # fmt: skip
"""Environment variables that decide on threads, seeds and devices."""
_COMMIT_TAG = "mlflow.source.git.commit"
_HASHED = 8_000_000  # bytes of files that are hashed: some 20 ms
_FILES = 8
_WITH_VALUE = frozenset({"-W", "-X", "--check-hash-based-pycs"})
_INSTALLED = re.compile(r"(?P<name>[A-Za-z0-9][\w.]*)-(?P<version>[^-]+)(?:-.*)?\.(?:dist|egg)-info")


def deciding(variables: Mapping[str, str]) -> dict[str, str]:
    """Return those of environment variables that decide on threads, seeds and devices, without secrets."""
    return {name: scrub(variables[name]) for name in VARIABLES if name in variables}


def noted() -> dict[str, str]:
    """Return the tags of a run that starts now in this process."""
    words = _command(sys.orig_argv)
    tree = tree_around(_script(words), Path.cwd())
    argv, withheld = _shareable(_placed(words, tree)) if words is not None else (None, False)
    packages = installed(tuple(sys.path))
    recorded = Recorded(
        argv=argv,
        withheld=withheld,
        folder=tree.folder if tree is not None else None,
        python=platform.python_version(),
        packages=packages,
        origins=origins(tuple(sys.path), tree.top if tree is not None else None),
        packages_sha256=hashlib.sha256(lines_of(packages).encode()).hexdigest(),
        dirty=tree.dirty if tree is not None else None,
        patch=tree.patch if tree is not None else None,
        patch_sha256=tree.patch_sha256 if tree is not None else None,
        omitted=tree.omitted if tree is not None else None,
        variables=deciding(os.environ),
        hardware=hardware(),
        files=tuple(_named_files(argv or ())),
    )
    tags = to_tags(recorded)
    if tree is not None:
        tags[_COMMIT_TAG] = tree.commit  # MLflow knows none where a program of the environment was started
    return tags


def _command(argv: Sequence[str]) -> list[str] | None:
    """Return what follows the interpreter and its options; ``None`` where that is no command to repeat:
    a notebook, a console, a worker of another process."""
    rest = list(argv[1:])
    while rest and rest[0].startswith("-") and rest[0] not in ("-m", "-c", "-"):
        taken = 2 if rest[0] in _WITH_VALUE else 1
        rest = rest[taken:]
    if not rest or rest[0] in ("-c", "-"):
        return None
    if rest[0] == "-m" and (len(rest) < 2 or rest[1].partition(".")[0] == "ipykernel_launcher"):
        return None
    if Path(rest[0]).name == "ipykernel_launcher.py":
        return None
    return rest


def _script(words: Sequence[str] | None) -> Path | None:
    """Return the script that was started; ``None`` where it is a module or a program of the environment."""
    if not words or words[0] == "-m" or _is_program(Path(words[0])):
        return None
    return Path(words[0])


def _is_program(script: Path) -> bool:
    with suppress(OSError):
        return script.absolute().parent in (Path(sys.executable).parent, Path(sys.prefix, "bin"))
    return False


def _placed(words: Sequence[str], tree: Tree | None) -> list[str]:
    """Name the script so that it is found elsewhere: from its folder, or as a program of the environment."""
    script = _script(words)
    if script is None:
        return list(words) if words[0] == "-m" else [f"@{Path(words[0]).name}", *words[1:]]
    with suppress(OSError, ValueError):
        where = script.absolute().parent.resolve()
        if tree is not None and where.is_relative_to(tree.top):
            return [os.path.relpath(where / script.name, tree.top / tree.folder), *words[1:]]
    return list(words)


def _shareable(words: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """Return the words without secrets, and whether there was one: ``--token abc`` is two words."""
    shared: list[str] = []
    for number, word in enumerate(words):
        clean = scrub(word)
        before = words[number - 1] if number else ""
        if clean == word and before.startswith("-") and "=" not in before:
            together = f"{before.lstrip('-')}={word}"
            clean = word if scrub(together) == together else "***"
        shared.append(clean)
    return tuple(shared), shared != list(words)


@lru_cache(maxsize=4)
def installed(path: tuple[str, ...]) -> dict[str, str]:
    """Return version by normalised name of what is installed on these folders.

    The names of the folders that installers write hold both, in the form of PEP 427 and PEP 376: reading each
    one's metadata would take a hundred times as long.
    """
    found: dict[str, str] = {}
    for folder in path:
        with suppress(OSError), os.scandir(folder or ".") as entries:
            for entry in entries:
                match = _INSTALLED.fullmatch(entry.name)
                if match is not None:
                    name = re.sub(r"[-_.]+", "-", match["name"]).lower()
                    found.setdefault(name, match["version"])
    return found


@lru_cache(maxsize=4)
def origins(path: tuple[str, ...], top: Path | None) -> dict[str, str]:
    """Return where packages came from that no index had, as PEP 610 has installers note it."""
    found: dict[str, str] = {}
    for folder in path:
        with suppress(OSError), os.scandir(folder or ".") as entries:
            for entry in entries:
                match = _INSTALLED.fullmatch(entry.name)
                note = Path(entry.path, "direct_url.json")
                if match is not None and note.is_file():
                    name = re.sub(r"[-_.]+", "-", match["name"]).lower()
                    found.setdefault(name, _origin(note, top))
    return found


def _origin(note: Path, top: Path | None) -> str:
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        told = json.loads(note.read_text("utf-8"))
        url = str(told["url"])
        commit = (told.get("vcs_info") or {}).get("commit_id")
        if commit and scrub(url) == url:
            return f"git+{url}@{commit}"
        if "dir_info" in told and top is not None and url.startswith("file://"):
            place = Path(unquote(url.removeprefix("file://"))).resolve()
            return f"folder:{place.relative_to(top).as_posix()}"
    return ""


def hardware() -> dict[str, str]:
    """Return what this machine is, as far as it decides on results."""
    found = {
        "machine": platform.machine(),
        "system": platform.system(),
        "processor": _processor(),
        "cpus": str(os.cpu_count() or ""),
    }
    with suppress(AttributeError, OSError):
        found["threads"] = str(len(os.sched_getaffinity(0)))
    with suppress(AttributeError, ValueError, OSError):
        found["memory"] = str(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    gpus = _gpus()
    if gpus:
        found["gpus"] = ", ".join(gpus)
    return {name: value for name, value in found.items() if value}


def _processor() -> str:
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _gpus() -> list[str]:
    """Return the models of NVIDIA's devices, as its driver lists them."""
    found: list[str] = []
    with suppress(OSError):
        for folder in sorted(Path("/proc/driver/nvidia/gpus").iterdir()):
            lines = (folder / "information").read_text("utf-8", "replace").splitlines()
            found += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return found


def _named_files(argv: Sequence[str]) -> Iterable[RecordedFile]:
    """Return the files that the arguments name, hashed as long as that takes no time."""
    left = _HASHED
    seen: set[str] = set()
    for word in argv[1:]:
        name = word.partition("=")[2] if word.startswith("-") else word
        if not name or name in seen or len(seen) >= _FILES:
            continue
        with suppress(OSError, ValueError):
            path = Path(name)
            if not path.is_file():
                continue
            seen.add(name)
            size = path.stat().st_size
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest() if size <= left else None
            left -= size if sha256 is not None else 0
            yield RecordedFile(name, size, sha256)
