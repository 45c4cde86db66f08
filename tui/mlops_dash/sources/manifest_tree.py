"""A manifest as a tree whose scalars know where they stand in the text; no objects are made of it.

YAML is read as events, so that aliases are never expanded; JSON by a scanner of its own, for YAML's parsers
do not take all of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from mlops_dash.domain.manifests import Part, format_of
from mlops_dash.domain.text import visible

LARGEST = 256 << 10
"""Bytes of the largest manifest that is read."""
DEEPEST = 200
"""Levels of the deepest manifest that is read: parsers take time with the square of them."""

_TEMPLATE = re.compile(r"\{\{|\{%|\{#|<%|\$\{\{")
_TOKEN = re.compile(
    r'[ \t\n\r]*(?:(?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")|(?P<plain>[^\s{}\[\],:"]+)|(?P<mark>[{}\[\],:]))'
)
_TEXT, _NUMBER, _OTHER = "text", "number", "other"
_NUMBER_TAGS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_TEXT_TAG = "tag:yaml.org,2002:str"


class ManifestError(ValueError):
    """A manifest is not what the configuration says."""


@dataclass(slots=True)
class Scalar:
    """A value, and where it stands.

    Attributes:
        start, end: its characters in the text, quotes included; -1 where they were not asked for.
        style: ``plain``, ``single``, ``double`` or ``block``.
        kind: ``text``, ``number`` or ``other``: what it is to a program.
        order: its number among the text's parts; see :attr:`Manifest.parts`.
    """

    value: str
    start: int
    end: int
    style: str
    kind: str
    order: int
    anchor: str | None = None
    tag: str | None = None


@dataclass(slots=True)
class Alias:
    """A node that stands elsewhere."""

    name: str


@dataclass(slots=True)
class Mapping:
    """Keys and values in their order; equal keys are all there."""

    items: list[tuple[Node, Node]] = field(default_factory=list)


@dataclass(slots=True)
class Items:
    """A list."""

    items: list[Node] = field(default_factory=list)


Node = Scalar | Alias | Mapping | Items


@dataclass(frozen=True, slots=True)
class Manifest:
    """A parsed manifest.

    Attributes:
        parts: everything in it that a program sees, in order; what is written between them is not.
    """

    kind: str
    root: Node
    parts: Sequence[tuple[Any, ...]]

    @property
    def aliases(self) -> frozenset[str]:
        """Names of the anchors that are referred to."""
        return frozenset(part[1] for part in self.parts if part[0] == "AliasEvent")


def decoded(data: bytes) -> str:
    """Return a manifest's text.

    Raises:
        ManifestError: it is too large, or not UTF-8.
    """
    if len(data) > LARGEST:
        raise ManifestError(f"is larger than {LARGEST >> 10} KB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ManifestError(
            f"is not UTF-8 text (line {data.count(bytes([10]), 0, error.start) + 1})"
        ) from None


def read(text: str, path: str, *, places: bool = False) -> Manifest:
    """Parse a manifest; ``path`` tells its format.

    Args:
        places: scalars know where they stand, which takes longer.

    Raises:
        ManifestError: it cannot be read, holds several documents, or is a template.
    """
    found = _TEMPLATE.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise ManifestError(f"is a template ({found[0]} in line {line}): what it declares is not in it")
    try:
        return _read_json(text) if format_of(path) == "json" else _read_yaml(text, places)
    except RecursionError:
        raise ManifestError("nests too deeply") from None


def find(root: Node, parts: Sequence[Part]) -> Scalar:
    """Return the scalar that a field leads to.

    Raises:
        ManifestError: there is none, there are several, or it stands elsewhere.
    """
    node, so_far = root, ""
    for part in parts:
        node = _step(node, part, so_far or "the top")
        so_far = f"{so_far}.{part.shown}" if so_far else part.shown
        if isinstance(node, Alias):
            name = visible(node.name, 60)
            raise ManifestError(f"takes {visible(so_far, 200)} from *{name}, which other places may share")
    if not isinstance(node, Scalar):
        what = "a mapping" if isinstance(node, Mapping) else "a list"
        raise ManifestError(f"has {what} at {visible(so_far, 200)}, not a single value")
    return node


def _step(node: Node, part: Part, here: str) -> Node:
    shown, here = visible(part.shown, 100), visible(here, 200)
    if isinstance(node, Mapping):
        key = part.key if part.equals is None else f"{part.key}={part.equals}"
        values = [v for k, v in node.items if isinstance(k, Scalar) and k.value == key]
        if not values:
            merged = any(isinstance(k, Scalar) and k.value == "<<" for k, _ in node.items)
            raise ManifestError(
                f"has no {shown} at {here}{' itself: it is merged in there' if merged else ''}"
            )
        if len(values) > 1:
            raise ManifestError(f"has {shown} {len(values)} times at {here}")
        return values[0]
    if isinstance(node, Items) and not part.literal:
        if part.equals is not None:
            chosen = [item for item in node.items if _has(item, part.key, part.equals)]
            if len(chosen) == 1:
                return chosen[0]
            raise ManifestError(f"has {len(chosen) or 'no'} items with {shown} in the list at {here}")
        if part.key.isascii() and part.key.isdigit():
            if int(part.key[:9]) < len(node.items):
                return node.items[int(part.key[:9])]
            raise ManifestError(f"has only {len(node.items)} items in the list at {here}, so no {shown}")
        raise ManifestError(f"has a list at {here}, where {shown} is no index")
    raise ManifestError(f"has a single value at {here}, where {shown} should be")


def _has(item: Node, key: str, value: str) -> bool:
    return isinstance(item, Mapping) and any(
        isinstance(k, Scalar) and isinstance(v, Scalar) and k.value == key and v.value == value
        for k, v in item.items
    )


# YAML


def _read_yaml(text: str, places: bool) -> Manifest:
    import yaml

    quick = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        events = list(_events(text, yaml.SafeLoader if places else quick))
        starts = _scalar_starts(text) if places else {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
        raise ManifestError(f"is not valid YAML: {visible(str(reason), 200)}{where}") from None
    documents = sum(isinstance(event, yaml.DocumentStartEvent) for event in events)
    if documents != 1:
        found = "no document" if documents == 0 else f"{documents} documents"
        raise ManifestError(f"holds {found}: which of them is meant cannot be said")
    resolver: Any = yaml.SafeLoader("")
    stack: list[list[Node]] = [[]]
    for order, event in enumerate(events):
        anchor = str(getattr(event, "anchor", None) or "") or None
        if isinstance(event, yaml.ScalarEvent):
            end = event.end_mark.index if event.end_mark is not None else -1
            tag = event.tag or resolver.resolve(yaml.ScalarNode, event.value, event.implicit)
            kind = _TEXT if tag == _TEXT_TAG else _NUMBER if tag in _NUMBER_TAGS else _OTHER
            style = {None: "plain", "": "plain", "'": "single", '"': "double"}.get(event.style, "block")
            stack[-1].append(
                Scalar(event.value, starts.get(end, -1), end, style, kind, order, anchor, event.tag)
            )
        elif isinstance(event, yaml.AliasEvent):
            stack[-1].append(Alias(anchor or ""))
        elif isinstance(event, yaml.CollectionStartEvent):
            stack.append([])
        elif isinstance(event, yaml.CollectionEndEvent):
            nodes = stack.pop()
            pairs = isinstance(event, yaml.MappingEndEvent)
            stack[-1].append(
                Mapping(list(zip(nodes[::2], nodes[1::2], strict=True))) if pairs else Items(nodes)
            )
    return Manifest("yaml", stack[0][0], [_part(event) for event in events])


def _events(text: str, loader: Any) -> Iterator[Any]:
    """Yield what YAML's parser finds, one by one, as far as it is not too deep."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ManifestError(f"nests too deeply: more than {DEEPEST} levels")
        yield event


def _scalar_starts(text: str) -> dict[int, int]:
    """Return where scalars begin, without their anchors and tags, by where they end."""
    import yaml

    tokens: Iterator[Any] = yaml.scan(text, Loader=yaml.SafeLoader)
    return {t.end_mark.index: t.start_mark.index for t in tokens if isinstance(t, yaml.ScalarToken)}


def _part(event: Any) -> tuple[Any, ...]:
    names = ("anchor", "tag", "implicit", "value", "flow_style", "explicit", "version", "tags")
    return (type(event).__name__, *(getattr(event, name, None) for name in names))


# JSON


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _read_json(text: str) -> Manifest:
    body = text.removeprefix("\ufeff")
    try:
        json.loads(body, parse_constant=_constant, parse_int=str, parse_float=str)
    except ValueError as error:
        if str(error).startswith("Extra data"):
            raise ManifestError("holds several documents: which of them is meant cannot be said") from None
        raise ManifestError(f"is not valid JSON: {visible(str(error), 200)}") from None
    shift = len(text) - len(body)
    stack: list[list[Node]] = [[]]
    parts: list[tuple[Any, ...]] = []
    for match in _TOKEN.finditer(body):
        mark, literal = match["mark"], match["string"] or match["plain"]
        if literal is not None:
            start = match.start("string" if match["string"] else "plain") + shift
            stack[-1].append(_json_scalar(literal, start, len(parts)))
            parts.append(("scalar", stack[-1][-1].kind, literal))  # type: ignore[union-attr]
            continue
        parts.append(("mark", None, mark))
        if mark in "{[":
            stack.append([])
        elif mark in "}]":
            nodes = stack.pop()
            pairs = zip(nodes[::2], nodes[1::2], strict=True)
            stack[-1].append(Mapping(list(pairs)) if mark == "}" else Items(nodes))
    return Manifest("json", stack[0][0], parts)


def _json_scalar(literal: str, start: int, order: int) -> Scalar:
    end = start + len(literal)
    if literal.startswith('"'):
        return Scalar(json.loads(literal), start, end, "double", _TEXT, order)
    kind = _OTHER if literal in ("true", "false", "null") else _NUMBER
    return Scalar(literal, start, end, "plain", kind, order)
