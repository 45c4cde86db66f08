"""What a ``dvc.lock`` or ``.dvc`` file says, without the dvc package and without trusting the file.

YAML is read event by event: no tags are resolved, no aliases followed, nothing recurses, and all scalars stay
text (an md5 of digits only is no number).
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mlops_dash.domain.text import storable

LARGEST = 4 << 20
_DEEPEST = 30
_MOST_NODES = 400_000
_MOST_OUTPUTS = 20_000
_DIGESTS = ("md5", "etag", "checksum", "version_id")


@dataclass(frozen=True, slots=True)
class Output:
    """A version of data that DVC tracks.

    Attributes:
        path: from the repository's root.
        digest: as DVC writes it; of folders it ends in ``.dir``.
        size: bytes, where known.
        files: how many files a folder has, where known.
    """

    path: str
    digest: str
    size: int | None
    files: int | None


def is_dvc_file(name: str) -> bool:
    """Whether a file of this name (without folders) tells about data."""
    return name == "dvc.lock" or (name.endswith(".dvc") and name != ".dvc")


def parse_outputs(path: str, content: bytes) -> tuple[Output, ...]:
    """Return the outputs that a file at ``path`` in the repository records.

    Raises:
        ValueError: it is too large, is no YAML, or not the YAML that DVC writes.
    """
    if len(content) > LARGEST:
        raise ValueError("it is too large")
    document = load(content)
    folder, name = posixpath.split(path)
    found: list[Output] = []
    for base, entry in _entries(document, folder, locked=name == "dvc.lock"):
        output = _output(base, entry)
        if output is not None:
            found.append(output)
        if len(found) > _MOST_OUTPUTS:
            raise ValueError("it records too many outputs")
    return tuple(found)


def _entries(document: Any, folder: str, *, locked: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(document, dict):
        raise ValueError("it is no mapping")
    if locked:
        stages = document.get("stages", {}) if "schema" in document else document
        owners = list(stages.values()) if isinstance(stages, dict) else []
    else:
        owners = [document]
    for owner in owners:
        if not isinstance(owner, dict):
            continue
        # a lock file's paths are already from its own folder
        base = folder if locked else posixpath.join(folder, _text(owner.get("wdir")) or "")
        outputs = owner.get("outs")
        for entry in outputs if isinstance(outputs, list) else ():
            if isinstance(entry, dict):
                yield base, entry


def _output(base: str, entry: dict[str, Any]) -> Output | None:
    path = _text(entry.get("path"))
    listed = entry.get("files")
    digest = _digest(entry) or (_folder_digest(listed) if isinstance(listed, list) else None)
    if not path or not digest:
        return None
    if "://" not in path:
        path = posixpath.normpath(posixpath.join(base, path))
    files = _number(entry.get("nfiles")) or (len(listed) if isinstance(listed, list) else None)
    return Output(storable(path), storable(digest), _number(entry.get("size")), files)


def _digest(entry: dict[str, Any]) -> str | None:
    for key in _DIGESTS:
        if value := _text(entry.get(key)):
            return value
    cloud = entry.get("cloud")
    for remote in cloud.values() if isinstance(cloud, dict) else ():
        for key in ("version_id", "etag"):
            if isinstance(remote, dict) and (value := _text(remote.get(key))):
                return value
    return None


def _folder_digest(files: list[Any]) -> str | None:
    """Return the digest that DVC itself gives a folder of these files."""
    pairs = [(_text(file.get("relpath")), _text(file.get("md5"))) for file in files if isinstance(file, dict)]
    if not pairs or not all(path and md5 for path, md5 in pairs):
        return None
    listing = [{"md5": md5, "relpath": path} for path, md5 in sorted(pairs, key=lambda pair: str(pair[0]))]
    written = json.dumps(listing, sort_keys=True).encode()
    return hashlib.md5(written, usedforsecurity=False).hexdigest() + ".dir"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value and value not in ("null", "~") else None


def _number(value: Any) -> int | None:
    digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19
    return int(value) if digits else None


def load(content: bytes) -> Any:
    """Return a YAML document as dictionaries, lists and text.

    Raises:
        ValueError: it is no YAML, uses aliases, or is nested too deeply.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _built(yaml.parse(content, Loader=loader), yaml)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"it is no YAML: {str(error).splitlines()[0]}") from error


def _built(events: Any, yaml: Any) -> Any:
    """Build the first document; a mapping under way holds its pending key beside it."""
    root: list[Any] = []
    stack: list[tuple[Any, list[Any]]] = [(root, [])]
    for number, event in enumerate(events):
        if number > _MOST_NODES or len(stack) > _DEEPEST:
            raise ValueError("it is too large or nested too deeply")
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it uses aliases, which DVC never writes")
        if isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            stack.pop()
        elif isinstance(event, yaml.DocumentEndEvent):
            break
        elif isinstance(event, yaml.ScalarEvent):
            _put(stack[-1], event.value)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            node: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            _put(stack[-1], node)
            stack.append((node, []))
    return root[0] if root else None


def _put(place: tuple[Any, list[Any]], value: Any) -> None:
    node, key = place
    if isinstance(node, list):
        node.append(value)
    elif not key:
        key.append(value)
    else:
        name = key.pop()
        if isinstance(name, str):
            node[name] = value
