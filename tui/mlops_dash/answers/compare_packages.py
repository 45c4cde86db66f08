"""What the files of a logged model tell of its packages and signature. No model is loaded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mlops_dash.answers.facts import without_credentials
from mlops_dash.sources.mlflow.artifacts import ModelFiles

_DEEPEST, _MOST_NODES = 60, 200_000
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?\s*(.*)", re.DOTALL)
_PINNED = re.compile(r"===?\s*([^\s,;]+)$")
_CONDA = re.compile(r"([A-Za-z0-9_][A-Za-z0-9._-]*)\s*(?:=\s*=?\s*([^\s=]+)(?:=\S*)?|(.*))$", re.DOTALL)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_LONGEST = 1000  # characters of one value


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a logged model.

    Attributes:
        packages: version by normalised name: ``1.9.1`` where it is pinned, else what is asked for, as
            ``>=1,<2``; ``any`` where nothing is. Python itself is among them.
        signature: type by place: ``inputs.age``, ``outputs``, ``params.top_k``.
    """

    packages: dict[str, str] = field(default_factory=dict)
    signature: dict[str, str] = field(default_factory=dict)


def model_facts(files: ModelFiles) -> ModelFacts | str:
    """Return what a model's files tell, or why they tell nothing."""
    try:
        described = _yaml(files.mlmodel)
    except ValueError as error:
        return f"its MLmodel cannot be read: {error}"
    if not isinstance(described, dict):
        return "its MLmodel cannot be read: it holds no settings"
    packages = _packages(files)
    if python := _python(described, files):
        packages["python"] = python
    return ModelFacts(packages, _signature(described.get("signature")))


def requirements(text: str) -> dict[str, str]:
    """Return version by normalised name of the lines of a ``requirements.txt``.

    Options and references to other files are left out; credentials in addresses are, too.
    """
    found: dict[str, str] = {}
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        line = re.sub(r"(^|\s)#.*$", "", line).strip()
        line = re.sub(r"\s--?[a-z][\w-]*[= ].*$", "", line)  # options of this line, such as --hash
        if not line or line.startswith("-"):
            continue
        name, version = _requirement(line)
        found[name] = f"{found[name]}, {version}" if name in found else version
    return {name: version[:_LONGEST] for name, version in found.items()}


def normalised(name: str) -> str:
    """Return a package's name as indexes compare it: ``Scikit_Learn`` is ``scikit-learn``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirement(line: str) -> tuple[str, str]:
    if _URL.match(line) or line.startswith((".", "/")):
        named = re.search(r"[#&]egg=([A-Za-z0-9._-]+)", line)
        name = normalised(named[1]) if named else _without_secrets(line)
        return name[:_LONGEST], _without_secrets(line)
    found = _NAME.match(line)
    if found is None:
        return line[:_LONGEST], "any"
    asked, _, marker = found[3].partition(";")
    asked = asked.strip()
    pinned = _PINNED.match(asked)
    told = pinned[1] if pinned else asked.removeprefix("@").strip() or "any"
    parts = [_without_secrets(re.sub(r"\s*([<>=!~,]+)\s*", r"\1", told)), f"[{found[2]}]" if found[2] else ""]
    if marker.strip():
        parts.append(f"; {marker.strip()}")
    return normalised(found[1]), " ".join(part for part in parts if part)


def _without_secrets(text: str) -> str:
    """Drop what signs in from the addresses in a requirement."""
    return _URL.sub(lambda match: without_credentials(match[0].partition("#")[0]), text)


def _packages(files: ModelFiles) -> dict[str, str]:
    if files.requirements is not None:
        return requirements(files.requirements.decode("utf-8-sig", "replace"))
    try:
        conda = _yaml(files.conda or b"")
    except ValueError:
        return {}
    found: dict[str, str] = {}
    for entry in _list(conda, "dependencies"):
        if isinstance(entry, dict):
            found |= requirements("\n".join(_texts(entry.get("pip"))))
        elif isinstance(entry, str) and (named := _CONDA.match(entry.rpartition("::")[2].strip())):
            version = named[2] or (named[3] or "").strip() or "any"
            found.setdefault(normalised(named[1]), version[:_LONGEST])
    return found


def _python(described: dict[str, Any], files: ModelFiles) -> str | None:
    flavours = described.get("flavors")
    function = flavours.get("python_function") if isinstance(flavours, dict) else None
    told = function.get("python_version") if isinstance(function, dict) else None
    if told is None and files.python_env is not None:
        try:
            env = _yaml(files.python_env)
        except ValueError:
            return None
        told = env.get("python") if isinstance(env, dict) else None
    return str(told)[:_LONGEST] if isinstance(told, str | float | int) else None


# signature


def _signature(signature: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    if isinstance(signature, dict):
        for part in ("inputs", "outputs", "params"):
            written = signature.get(part)
            try:
                columns = json.loads(written) if isinstance(written, str) else written
            except (ValueError, RecursionError):
                continue
            if isinstance(columns, list):
                found |= _columns(part, [column for column in columns if isinstance(column, dict)])
    return found


def _columns(part: str, columns: list[dict[str, Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, column in enumerate(columns):
        name = column.get("name")
        key = f"{part}.{name}" if name is not None else part if len(columns) == 1 else f"{part}.{number}"
        while key in found:  # frames may name two columns alike
            key += "'"
        found[key[:_LONGEST]] = _type(column)[:_LONGEST]
    return found


def _type(column: dict[str, Any]) -> str:
    kind = column.get("type", column.get("dtype"))
    tensor = column.get("tensor-spec")
    if isinstance(tensor, dict):
        told = f"tensor {tensor.get('dtype')} {_short(tensor.get('shape'))}"
    elif kind in ("array", "object", "map"):
        inner = {key: value for key, value in column.items() if key not in ("name", "type", "required")}
        told = f"{kind} {_short(inner)}"
    else:
        told = str(kind)
    if "default" in column:
        told += f" = {_short(column['default'])}"
    return told + (" optional" if column.get("required") is False else "")


def _short(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)[:_LONGEST]


# YAML


def _yaml(content: bytes) -> Any:
    """Return a document as plain values.

    Raises:
        ValueError: it is no YAML, nested too deeply, too large, or made to grow when it is read.
    """
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = nodes = 0
    try:
        for event in yaml.parse(content, loader):
            nodes += 1
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            merges = isinstance(event, yaml.ScalarEvent) and event.value == "<<"
            if depth > _DEEPEST or nodes > _MOST_NODES or merges:
                raise ValueError("it is too large or nested too deeply")
        return yaml.load(content, loader)  # noqa: S506 - the safe loader, the one in C where it is there
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, AttributeError):
        raise ValueError("it is no YAML") from None


def _list(document: Any, key: str) -> list[Any]:
    found = document.get(key) if isinstance(document, dict) else None
    return found if isinstance(found, list) else []


def _texts(values: Any) -> Iterable[str]:
    return (value for value in values if isinstance(value, str)) if isinstance(values, list) else ()
