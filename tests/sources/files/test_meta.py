"""``meta.yaml``: what MLflow writes is read as YAML reads it, what was cut is never taken for whole."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from mlops_dash.sources.mlflow.files.meta import DamagedError, flat, integer, parse
from mlops_dash.sources.mlflow.files.meta import text as as_text

RUN = """artifact_uri: file:///tmp/mlruns/1/4cb1b3f50a8087df46a72455727aa0de/artifacts
deleted_time: null
end_time: 1700000045000
entry_point_name: ''
experiment_id: '1'
lifecycle_stage: active
run_id: 4cb1b3f50a8087df46a72455727aa0de
run_name: run-1 of 2
source_type: 4
start_time: 1700000000000
status: 3
tags: []
user_id: dev1
"""
# what YAML 1.1 reads as something else than text, and what breaks lines
WORDS = (
    "yes No ON off null ~ true Y n 0x1f 0b1 017 1_0 1:30 1.5 .5 .inf -.nan 1e5 2001-01-01 = << - ? !a".split()
)
texts = st.one_of(
    st.text(), st.sampled_from(WORDS), st.text("0123456789abcdef", min_size=1), st.text("a'\": #\n-")
)
keys = st.from_regex(r"[a-z_]+", fullmatch=True)
scalars = st.one_of(st.none(), st.integers(), st.booleans(), st.floats(allow_nan=False), texts)
values = st.one_of(scalars, st.builds(list), st.dictionaries(texts, texts, max_size=3))


def written(facts: dict[str, Any]) -> str:
    """As mlflow/utils/yaml_utils.py writes it."""
    text: str = yaml.dump(facts, default_flow_style=False, allow_unicode=True, Dumper=yaml.CSafeDumper)
    return text


@given(st.dictionaries(keys, values, min_size=1))
@example({"a": "x: y", "b": " lead", "c": "trail ", "d": "#", "e": "\x1b[0m", "f": "\u2028", "g": "a:"})
@example({"tags": {"mlflow.data.context": "training"}, "on": 1, "user_id": "0b10", "x": "e1"})
def test_what_mlflow_writes_is_read_as_it_was_meant(facts: dict[str, Any]) -> None:
    assert parse(written(facts).encode()) == facts


lines = st.lists(st.text("ab 01'\":#[]{}-,&*!|>%@`~.=<\\\t_", max_size=12), max_size=4)


@given(lines.map(lambda found: "".join(line + "\n" for line in found)))
@example("a: 1\n  b: 2\n")
@example("a:\n  b: 2\n  b: 3\n")
@example("a:\nb: 1\n")
@example("a: {}\n  b: 1\n")
@example("a: b: c\n")
@example("a: 'b' c\n")
@example("a: @b\n")
def test_the_quick_way_never_disagrees_with_yaml(text: str) -> None:
    quick = flat(text)
    if quick is not None:
        assert quick == yaml.load(text, yaml.CSafeLoader)


def test_mlflows_usual_shape_is_read_the_quick_way() -> None:
    assert flat(RUN) == yaml.safe_load(RUN)
    assert flat("source_type: DATASET\ntags:\n  mlflow.data.context: training\n") is not None


@pytest.mark.parametrize("cut", range(len(RUN)))
def test_what_was_cut_is_damaged_or_lacks_its_end(cut: int) -> None:
    try:
        found = parse(RUN[:cut].encode())
    except DamagedError:
        return
    assert "user_id" not in found
    assert found.items() <= yaml.safe_load(RUN).items()


@pytest.mark.parametrize(
    "text", [b"", b"\n", b"- a\n", b"a\n", b"a: [\n", b"a: *b\n", b"\x00\n", b"a: !!python/x\n"]
)
def test_what_is_no_mapping_is_damaged(text: bytes) -> None:
    with pytest.raises(DamagedError):
        parse(text)


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert parse(b"name: caf\xe9\n") == {"name": "caf\ufffd"}


def test_deep_nesting_ends_nothing() -> None:
    """PyYAML recurses in C: the process would be gone."""
    program = (
        "from mlops_dash.sources.mlflow.files.meta import parse, DamagedError\n"
        "for text in (b'a: ' + b'[' * 1000000 + b'\\n', b'a: ' + b'{a: ' * 300000 + b'\\n'):\n"
        "    try: parse(text)\n"
        "    except DamagedError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
    assert len(done.stdout.splitlines()) == 2


def test_what_stands_for_more_than_memory_holds_is_not_unfolded() -> None:
    text = "a0: &a0 {k: v}\n"
    for number in range(1, 20):
        nine = ", ".join([f"*a{number - 1}"] * 9)
        text += f"a{number}: &a{number} {{<<: [{nine}]}}\n"
    with pytest.raises(DamagedError):
        parse(text.encode())


def test_only_single_values_are_text() -> None:
    assert [as_text(value) for value in (None, "x", 1, 0.5, [1], {"a": 1}, b"x", 16**9999)] == [
        None, "x", "1", "0.5", None, None, None, None
    ]  # fmt: skip


def test_numbers_are_those_that_the_store_can_hold() -> None:
    assert [integer(value) for value in (1, "2", 3.0, None, "x", True, 2**63, float("nan"), [], 1e300)] == [
        1, 2, 3, None, None, None, None, None, None, None
    ]  # fmt: skip
