"""Changes one value in a manifest's text; every other character stays as it is."""

from __future__ import annotations

import json
import re

from mlops_dash.domain.manifests import parse_field
from mlops_dash.domain.text import visible
from mlops_dash.sources.manifest_tree import Manifest, ManifestError, Scalar, find, read

_PLAIN = re.compile(r"[A-Za-z0-9_./](?:[A-Za-z0-9_./:@+=~-]*[A-Za-z0-9_./@+=~-])?")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}|(?:0|[1-9][0-9]{0,8})\.[0-9]{1,8}")
# what one reader of YAML or another takes for no text, though PyYAML might: numbers, dates, truths, nothing
_NO_TEXT = re.compile(
    r"[+-]?(?:\d[\d_]*)?\.?\d[\d_]*\.?(?:[eE][+-]?\d+)?|0[xob][\da-fA-F_]+|[+-]?\d[\d_]*(?::[0-5]?\d)+(?:\.\d*)?|"
    r"[+-]?\.inf|\.nan|~|null|true|false|yes|no|on|off|y|n|\d{4}-\d\d?-\d\d?.*|=|\.|",
    re.IGNORECASE,
)


def value_at(data_or_text: str, path: str, field: str) -> str:
    """Return the text of a field.

    Raises:
        ManifestError: the manifest is not what the configuration says.
    """
    return find(read(data_or_text, path).root, parse_field(field)).value


def replaced(text: str, path: str, field: str, new: str) -> str:
    """Return ``text`` with ``new`` as the value of a field, quoted as the old one is; nothing else differs.

    A text that ``new`` would turn into a number or a truth gets quotes where it had none.

    Raises:
        ManifestError: the field cannot be changed alone, or not to this.
    """
    manifest = read(text, path, places=True)
    old = find(manifest.root, parse_field(field))
    _changeable(manifest, old, field, new)
    if old.value == new:
        return text
    for literal in _literals(manifest, old, new):
        result = text[: old.start] + literal + text[old.end :]
        if _only_differs(manifest, result, path, old, new):
            return result
    raise ManifestError(f"cannot be changed at {visible(field, 200)} without changing more than that")


def _changeable(manifest: Manifest, old: Scalar, field: str, new: str) -> None:
    shown = visible(field, 200)
    if visible(new) != new or not new:
        raise ManifestError(f"cannot hold “{visible(new, 80)}” at {shown}")
    if old.tag is not None and old.tag != "tag:yaml.org,2002:str":
        raise ManifestError(f"has the tag {visible(old.tag, 60)} at {shown}: what it means is not known here")
    if old.kind == "other" or not old.value:
        raise ManifestError(f"has {visible(old.value, 60) or 'nothing'} at {shown}, which is no version")
    if old.anchor is not None and old.anchor in manifest.aliases:
        raise ManifestError(f"has &{visible(old.anchor, 60)} at {shown}, which other places share")
    if old.style == "block" or old.start < 0:
        raise ManifestError(f"has a block of text at {shown}, not a single value")
    if old.kind == "number" and not _NUMBER.fullmatch(new):
        raise ManifestError(f"has a number at {shown}, and “{visible(new, 80)}” is none")


def _literals(manifest: Manifest, old: Scalar, new: str) -> list[str]:
    """Return the ways to write ``new`` here, best first."""
    if manifest.kind == "json":
        return [new] if old.kind == "number" else [json.dumps(new, ensure_ascii=old.value.isascii())]
    double = '"' + new.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if old.style == "single":
        return ["'" + new.replace("'", "''") + "'"]
    if old.style == "double":
        return [double]
    if old.kind == "number":
        return [new]
    tagged = old.tag is not None
    plain = _PLAIN.fullmatch(new) and (tagged or not _NO_TEXT.fullmatch(new))
    return [new, double] if plain else [double]


def _only_differs(manifest: Manifest, text: str, path: str, old: Scalar, new: str) -> bool:
    """Tell whether the changed text, parsed again, has this one value changed, of the same kind as before."""
    try:
        after = read(text, path, places=True)
    except ManifestError:
        return False
    if len(after.parts) != len(manifest.parts):
        return False
    differing = [
        n
        for n, (a, b) in enumerate(zip(manifest.parts, after.parts, strict=True))
        if a != b and n != old.order
    ]
    found = _scalar(after, old.order)
    return not differing and found is not None and (found.value, found.kind) == (new, old.kind)


def _scalar(manifest: Manifest, order: int) -> Scalar | None:
    nodes = [manifest.root]
    while nodes:
        node = nodes.pop()
        if isinstance(node, Scalar):
            if node.order == order:
                return node
        elif not hasattr(node, "name"):
            for item in node.items:
                nodes.extend(item if isinstance(item, tuple) else (item,))
    return None
