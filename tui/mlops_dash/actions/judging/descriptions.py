"""The files that describe a model: ``MLmodel``, ``conda.yaml``, ``python_env.yaml``, ``requirements.txt``.

What they say of packages and Python is of what went in, not of what came out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mlops_dash.actions.judging.sides import clean
from mlops_dash.domain.rebuilds import Difference
from mlops_dash.sources.dvc_files import load

ENVIRONMENT_FILES = frozenset({"conda.yaml", "python_env.yaml", "requirements.txt"})

_MUST_DIFFER = frozenset("artifact_path model_id model_size_bytes model_uuid run_id utc_time_created".split())
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*([^;#]*)")
_CONDA = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*([<>=!~].*)?$")
_VERSION = re.compile(r"(?:^|\.)(\w+)_version$")
_PACKAGE_OF = {
    "sklearn": "scikit-learn",
    "xgb": "xgboost",
    "lgb": "lightgbm",
    "cb": "catboost",
    "pytorch": "torch",
}


def compare_mlmodel(original: bytes, rebuilt: bytes) -> tuple[list[str], list[Difference]]:
    """Return the fields in which two ``MLmodel`` differ, without those that always do, and the versions.

    Raises:
        ValueError: one of them is no YAML that MLflow writes.
    """
    first, second = dict(_fields(load(original))), dict(_fields(load(rebuilt)))
    fields: list[str] = []
    versions: list[Difference] = []
    for name in sorted(first.keys() | second.keys()):
        one, two = first.get(name), second.get(name)
        if one == two:
            continue
        found = _VERSION.search(name)
        if found is None or not (name.startswith("flavors.") or name == "mlflow_version"):
            fields.append(clean(name, 80))
        elif found[1] == "python":
            versions.append(Difference("python", "python", _short(one), _short(two)))
        else:
            package = _PACKAGE_OF.get(found[1], found[1].replace("_", "-"))
            versions.append(Difference("package", clean(package, 80), _short(one), _short(two)))
    return fields, versions


def compare_environment(name: str, original: bytes, rebuilt: bytes) -> list[Difference]:
    """Return the differences in packages and Python of two files of one kind, as sets.

    Raises:
        ValueError: one of them is no YAML.
    """
    first, second = environment(name, original), environment(name, rebuilt)
    return [
        Difference("python" if one == "python" else "package", one, first.get(one), second.get(one))
        for one in sorted(first.keys() | second.keys())
        if first.get(one) != second.get(one)
    ]


def environment(name: str, content: bytes) -> dict[str, str]:
    """Return version or condition by name; Python's own is ``python``.

    Raises:
        ValueError: it is no YAML.
    """
    if name == "requirements.txt":
        return requirements(content.decode("utf-8-sig", "replace"))
    document = load(content)
    found: dict[str, str] = {}
    if isinstance(document, dict):
        if isinstance(told := document.get("python"), str):
            found["python"] = clean(told, 80)
        for key in ("build_dependencies", "dependencies"):
            for entry in _list(document.get(key)):
                if isinstance(entry, dict):
                    found |= requirements(
                        "\n".join(one for one in _list(entry.get("pip")) if isinstance(one, str))
                    )
                elif isinstance(entry, str) and (match := _CONDA.match(entry.strip())):
                    found[normalised(match[1])] = clean((match[2] or "any").lstrip("="), 80)
    return found


def requirements(text: str) -> dict[str, str]:
    """Return version or condition by normalised name; what names no package, by the whole line."""
    found: dict[str, str] = {}
    for line in text[:2_000_000].splitlines():
        line = line.partition(" #")[0].partition(" --")[0].strip().rstrip("\\").strip()
        if not line or line.startswith(("#", "-")):
            continue
        match = _REQUIREMENT.match(line)
        if match is None or "://" in line.partition("@")[0]:
            found[clean(line, 80)] = "any"
            continue
        asked = match[3].strip()
        pinned = asked.removeprefix("===").removeprefix("==")
        version = pinned if asked.startswith("==") and "," not in asked else asked or "any"
        found[normalised(match[1])] = clean(version, 80)
    return found


def normalised(name: str) -> str:
    """Return a package's name as indexes compare it: ``Scikit_Learn`` is ``scikit-learn`` (PEP 503)."""
    return clean(re.sub(r"[-_.]+", "-", name[:200]).lower(), 80)


def _fields(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every plain value with where it stands: ``flavors.sklearn.code``. The loader bounds the depth."""
    if isinstance(value, Mapping) and value:
        for key, one in value.items():
            if path or key not in _MUST_DIFFER:
                yield from _fields(one, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for number, one in enumerate(value):
            yield from _fields(one, f"{path}.{number}")
    else:
        yield path, str(value)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _short(value: str | None) -> str | None:
    return None if value is None else clean(value, 80)
