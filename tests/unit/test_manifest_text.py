"""One value of a manifest changes, and nothing else does."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mlops_dash.actions.manifest_text import replaced, value_at
from mlops_dash.domain.manifests import (
    is_branch,
    is_remote,
    parse_field,
    path_problem,
    rendered,
    template_problem,
    version_in,
)
from mlops_dash.sources.manifest_tree import ManifestError

PATH = "deploy.yaml"

# any YAML: nested mappings and lists in block and flow style, comments, anchors, quotes, odd spacing

_KEYS = st.sampled_from(["image", "env", "name", "a-b", "x y", "ünï", "1", "on", "k8s.io/v"])
_VALUES = st.sampled_from(
    ["v6", "6", "registry/model:v6", "true", "null", "0x1f", "1e3", "2024-01-01", "x # y", "- a", "ü €", "",
     "~", "a: b", "{a}", "it's", 'say "x"', "v1.0.0", "12:30:45", "  pad  ", "*star", "&amp", "!bang"]
)  # fmt: skip
_COMMENTS = st.sampled_from(["", "  # six", "   #", " # 'quoted' \"v6\" {x}"])
_STYLES = st.sampled_from(["plain", "single", "double"])
_PLAIN_SAFE = (
    "v6",
    "6",
    "registry/model:v6",
    "v1.0.0",
    "true",
    "null",
    "0x1f",
    "1e3",
    "2024-01-01",
    "12:30:45",
)


@st.composite
def scalars(draw: st.DrawFn) -> str:
    value, style = draw(_VALUES), draw(_STYLES)
    if style == "plain" and value in _PLAIN_SAFE:
        text = value
    elif style == "single":
        text = "'" + value.replace("'", "''") + "'"
    else:
        text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    return text


def keys(draw: st.DrawFn) -> list[str]:
    return draw(st.lists(_KEYS, min_size=1, max_size=4, unique=True))


def key_text(key: str) -> str:
    return json.dumps(key, ensure_ascii=False) if key in ("1", "on", "x y") else key


@st.composite
def flows(draw: st.DrawFn, depth: int = 2) -> str:
    kind = draw(st.sampled_from(["scalar", "map", "list"])) if depth else "scalar"
    if kind == "scalar":
        return draw(scalars())
    space = draw(st.sampled_from(["", " ", "  "]))
    parts = [draw(flows(depth - 1)) for _ in range(draw(st.integers(1, 3)))]
    if kind == "list":
        return f"[{space}" + f"{space}, ".join(parts) + f"{space}]"
    named = draw(st.lists(_KEYS, min_size=len(parts), max_size=len(parts), unique=True))
    return (
        "{ "
        + f"{space}, ".join(f"{key_text(k)}: {v}" for k, v in zip(named, parts, strict=True))
        + f"{space} }}"
    )


@st.composite
def blocks(draw: st.DrawFn, indent: int = 0, depth: int = 3) -> list[str]:
    lines: list[str] = []
    pad = " " * indent
    listed = draw(st.booleans()) if depth < 3 else False
    for number, key in enumerate(keys(draw)):
        if draw(st.integers(0, 4)) == 0:
            lines.append(draw(st.sampled_from(["", f"{pad}# image: v6", "   "])))
        head = f"{pad}-" if listed else f"{pad}{key_text(key)}:"
        anchor = f" &a{depth}{indent}{number}" if draw(st.integers(0, 5)) == 0 else ""
        kind = draw(st.sampled_from(["scalar", "scalar", "flow", "block", "text"])) if depth else "scalar"
        if kind == "scalar":
            lines.append(f"{head}{anchor} {draw(scalars())}{draw(_COMMENTS)}")
        elif kind == "flow":
            lines.append(f"{head}{anchor} {draw(flows())}{draw(_COMMENTS)}")
        elif kind == "text":
            lines += [
                f"{head}{anchor} {draw(st.sampled_from(['|', '>-', '|+']))}",
                f"{pad}   image: v6",
                f"{pad}   # text",
            ]
        else:
            lines += [f"{head}{anchor}{draw(_COMMENTS)}", *draw(blocks(indent + 2, depth - 1))]
    return lines


@st.composite
def documents(draw: st.DrawFn) -> str:
    end = draw(st.sampled_from(["\n", "\r\n"]))
    start = draw(st.sampled_from([[], ["---"], ["# top", "", "---  # one"], ["%YAML 1.1", "---"]]))
    stop = draw(st.sampled_from([[], ["..."], ["# end"]]))
    return (
        ("\ufeff" if draw(st.integers(0, 9)) == 0 else "")
        + end.join([*start, *draw(blocks()), *stop])
        + (end if draw(st.booleans()) else "")
    )


def leaves(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(node, yaml.MappingNode):
        return [leaf for key, value in node.value for leaf in leaves(value, (*path, key.value))]
    if isinstance(node, yaml.SequenceNode):
        return [leaf for n, value in enumerate(node.value) for leaf in leaves(value, (*path, n))]
    return [path]


def field_of(path: tuple[Any, ...]) -> str:
    return ".".join(str(part) if isinstance(part, int) else quoted(part) for part in path)


def quoted(key: str) -> str:
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


def nodes(text: str) -> dict[tuple[Any, ...], tuple[str, str]]:
    """Every scalar with its tag and value, as PyYAML composes them."""
    found: dict[tuple[Any, ...], tuple[str, str]] = {}

    def walk(node: Any, path: tuple[Any, ...]) -> None:
        if isinstance(node, yaml.ScalarNode):
            found[path] = (node.tag, node.value)
        for n, item in enumerate(getattr(node, "value", ()) if not isinstance(node, yaml.ScalarNode) else ()):
            if isinstance(node, yaml.MappingNode):
                walk(item[0], (*path, "key", item[0].value))
                walk(item[1], (*path, item[0].value))
            else:
                walk(item, (*path, n))

    walk(yaml.compose(text, Loader=yaml.SafeLoader), ())
    return found


def comments(text: str) -> list[str]:
    return [line.partition("#")[2] for line in text.splitlines()]


NEW = st.sampled_from(
    ["v4", "4", "registry/model:v4", "v1.2.3-rc.1+b", "true", "1e4", "it's", 'a"b', "x # y", "ü"]
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents(), st.data())
def test_only_the_bytes_of_the_one_scalar_change(text: str, data: st.DataObject) -> None:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        assume(False)
    paths = leaves(root)
    path = data.draw(st.sampled_from(paths))
    new = data.draw(NEW)
    before = nodes(text)
    try:
        after = replaced(text, PATH, field_of(path), new)
    except ManifestError:
        return
    start = next(
        (n for n, (a, b) in enumerate(zip(text, after, strict=False)) if a != b), min(len(text), len(after))
    )
    rest = next(
        (
            n
            for n, (a, b) in enumerate(zip(text[::-1], after[::-1], strict=False))
            if a != b or n >= len(text) - start
        ),
        0,
    )
    assert text[:start] == after[:start]
    assert text[len(text) - rest :] == after[len(after) - rest :]
    changed = nodes(after)
    assert changed.keys() == before.keys()
    assert {p for p in changed if changed[p] != before[p]} <= {path}
    assert changed[path][1] == new
    numbers = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
    assert changed[path][0] == before[path][0] or {changed[path][0], before[path][0]} <= set(numbers)
    node = next(n for p, n in _nodes(root) if p == path)
    assert len(text) - len(after) == (node.end_mark.index - node.start_mark.index) - (
        next(n for p, n in _nodes(yaml.compose(after, Loader=yaml.SafeLoader)) if p == path).end_mark.index
        - next(
            n for p, n in _nodes(yaml.compose(after, Loader=yaml.SafeLoader)) if p == path
        ).start_mark.index
    )
    assert replaced(after, PATH, field_of(path), new) == after


def _nodes(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    if isinstance(node, yaml.ScalarNode):
        return [(path, node)]
    found = []
    for n, item in enumerate(node.value):
        key, value = (item[0].value, item[1]) if isinstance(node, yaml.MappingNode) else (n, item)
        found += _nodes(value, (*path, key))
    return found


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 99)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.text(min_size=1), _JSON, min_size=1, max_size=3),
    st.booleans(),
    st.sampled_from([None, 1, "\t"]),
    NEW,
    st.data(),
)
def test_json_changes_in_one_place_only(
    value: dict[str, Any], ascii_only: bool, indent: Any, new: str, data: st.DataObject
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)

    def walk(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
        if isinstance(node, dict):
            return [leaf for k, v in node.items() for leaf in walk(v, (*path, k))]
        if isinstance(node, list):
            return [leaf for n, v in enumerate(node) for leaf in walk(v, (*path, n))]
        return [(path, node)]

    found = walk(value)
    assume(found)
    path, old = data.draw(st.sampled_from(found))
    try:
        after = replaced(text, "x.json", field_of(path), new)
    except ManifestError:
        return
    parent = value
    for part in path[:-1]:
        parent = parent[part]
    parent[path[-1]] = type(old)(float(new)) if isinstance(old, int | float) else new
    assert json.loads(after) == value


@pytest.mark.parametrize(
    ("text", "field", "new", "expected"),
    [
        ("version: 6   # six\n", "version", "4", "version: 4   # six\n"),
        ("version: '6'\r\nx: 1\r\n", "version", "4", "version: '4'\r\nx: 1\r\n"),
        ('a: {b: ["v6" , v6]}', "a.b.1", "v4", 'a: {b: ["v6" , v4]}'),
        ("a: v6\n", "a", "6", 'a: "6"\n'),  # a text stays one
        ("a: v6\n", "a", "1e3", 'a: "1e3"\n'),
        ("a: v6\n", "a", "no", 'a: "no"\n'),
        ("a: v6\n", "a", "2024-01-01", 'a: "2024-01-01"\n'),
        ("a: v6\n", "a", "0o17", 'a: "0o17"\n'),
        ("a: !!str 6 # s\n", "a", "4", "a: !!str 4 # s\n"),
        ("a: &v v6 # anchored, not used\n", "a", "v4", "a: &v v4 # anchored, not used\n"),
        ("- v5\n- v6", "1", "v7", "- v5\n- v7"),
        ("env:\n- name: A\n  value: v1\n- name: B\n  value: v6\n", "env.name=B.value", "v4",
         "env:\n- name: A\n  value: v1\n- name: B\n  value: v4\n"),
        ('l: {"app.kubernetes.io/version": v6}', 'l."app.kubernetes.io/version"', "v4",
         'l: {"app.kubernetes.io/version": v4}'),
        ("a: long\n  plain text\nb: c\n", "a", "v4", "a: v4\nb: c\n"),
        ("\ufeffa: v6\n", "a", "v4", "\ufeffa: v4\n"),
    ],
)  # fmt: skip
def test_what_a_change_looks_like(text: str, field: str, new: str, expected: str) -> None:
    assert replaced(text, PATH, field, new) == expected
    assert value_at(expected, PATH, field) == new


@pytest.mark.parametrize(
    ("text", "field", "new", "told"),
    [
        ("a: 6\n", "a", "v4", "a number at a"),
        ("a: 6\n", "a", "010", "a number at a"),
        ("a: true\n", "a", "4", "no version"),
        ("a:\n", "a", "4", "nothing at a"),
        ("a: |\n  v6\n", "a", "v4", "block of text"),
        ("a: &x v6\nb: *x\n", "a", "v4", "other places share"),
        ("a: &x v6\nb: *x\n", "b", "v4", "other places may share"),
        ("b: &x {a: v6}\nc:\n  <<: *x\n", "c.a", "v4", "merged in"),
        ("a: v6\na: v7\n", "a", "v4", "2 times"),
        ("a: v6\n---\nb: 1\n", "a", "v4", "2 documents"),
        ("", "a", "v4", "no document"),
        ("a: {{ version }}\n", "a", "v4", "template"),
        ("a: v6\nb: '{% x %}'\n", "a", "v4", "template"),
        ("a: v6\n\tb: 1\n", "a", "v4", "not valid YAML"),
        ("a: \x1b[31m\n", "a", "v4", "not valid YAML"),
        ("a: v6\n", "a", "v4\nb: evil", "cannot hold"),
        ("a: v6\n", "a", "", "cannot hold"),
        ("- a\n", "x", "v4", "no index"),
        ("a: v6\n", "a.b", "v4", "single value at a"),
        ("l: [{name: a}, {name: a}]", "l.name=a.name", "v4", "2 items"),
        ("a: !env v6\n", "a", "v4", "the tag !env"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, field: str, new: str, told: str) -> None:
    with pytest.raises(ManifestError, match=told.replace("(", r"\(")):
        replaced(text, PATH, field, new)


@pytest.mark.parametrize(
    ("text", "told"),
    [('{"a": 1} {"a": 2}', "several documents"), ('{"a": NaN}', "not valid JSON"),
     ('{"a": 1,}', "not valid JSON"), ("[" * 100_000, "nests too deeply"), ('{"a": "{{ x }}"}', "template")],
)  # fmt: skip
def test_json_that_is_none(text: str, told: str) -> None:
    with pytest.raises(ManifestError, match=told):
        replaced(text, "x.json", "a", "4")


def test_many_aliases_cost_nothing() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    text = "\n".join([*lines, "version: v6\n"])
    assert replaced(text, PATH, "version", "v4") == text.replace("v6", "v4")


@pytest.mark.parametrize(
    "nested", ["a: " + "[" * 9000 + "]" * 9000, "a:\n" + "- " * 9000 + "x", "{a: " * 9000 + "x" + "}" * 9000]
)
def test_what_is_nested_too_deep_is_refused(nested: str) -> None:
    with pytest.raises(ManifestError, match="nests too deeply: more than 200"):
        replaced(f"{nested}\nversion: v6\n", PATH, "version", "v4")


def test_a_hundred_levels_are_changed() -> None:
    deep = "a: " + "[" * 100 + "]" * 100 + "\nversion: v6\n"
    assert replaced(deep, PATH, "version", "v4") == deep.replace("v6", "v4")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6))
def test_any_keys_in_quotes_are_read_as_they_are(names: list[str]) -> None:
    written = ".".join(quoted(name) for name in names)
    assert [part.key for part in parse_field(written)] == names


@given(st.text(max_size=30))
def test_any_text_is_a_field_or_an_error(text: str) -> None:
    try:
        parts = parse_field(text)
    except ValueError:
        return
    assert parts


@given(
    st.text(max_size=10),
    st.text(max_size=10),
    st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._+-]{0,10}[A-Za-z0-9])?", fullmatch=True),
)
def test_a_version_is_read_back_from_what_is_written(before: str, after: str, version: str) -> None:
    template = f"{before}{{version}}{after}"
    assume(template_problem(template) is None)
    assert version_in(template, rendered(template, version)) == version


@pytest.mark.parametrize("version", ["", "v 1", "1\n2", "../x", "-1", "a" * 200, "v1;", "é"])
def test_what_is_no_version(version: str) -> None:
    with pytest.raises(ValueError, match="no version"):
        rendered("m:{version}", version)
    assert version_in("m:{version}", f"m:{version}") is None


@pytest.mark.parametrize(
    ("path", "right"),
    [("a/b.yaml", True), ("a.json", True), ("A.YML", True), ("../a.yaml", False), ("/a.yaml", False),
     ("a//b.yaml", False), ("a/./b.yaml", False), (".git/a.yaml", False), ("x/.GIT/a.yaml", False),
     ("a.txt", False), ("", False), ("C:/a.yaml", False), ("a\\b.yaml", False),
     ("a\nb.yaml", False), ("--x.yaml", True)],
)  # fmt: skip
def test_paths(path: str, right: bool) -> None:
    assert (path_problem(path) is None) is right


def test_names_of_branches_and_remotes() -> None:
    assert all(map(is_branch, ["main", "env/prod", "release-1.2", "ünï"]))
    assert not any(
        map(is_branch, ["", "-x", "a..b", "a b", "a~1", "x.lock", "/a", "a/", "@", "a@{1}", "a:b", "a*"])
    )
    assert all(map(is_remote, ["origin", "up-stream", "a.b"]))
    assert not any(map(is_remote, ["", "-x", "--upload-pack=x", "ext::x", "https://x", "../x", "a b"]))
