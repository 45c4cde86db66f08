"""What the files of a logged model tell: packages with their versions, and the signature."""

from __future__ import annotations

import json

import pytest

from mlops_dash.answers.compare_packages import ModelFacts, model_facts, requirements
from mlops_dash.sources.mlflow.artifacts import ModelFiles

MLMODEL = b"""
artifact_path: model
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    python_version: 3.11.7
signature:
  inputs: '[{"type": "double", "name": "age", "required": true},
    {"type": "long", "name": "n", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}]'
  params: '[{"name": "top_k", "dtype": "long", "default": 5, "shape": null}]'
"""


@pytest.mark.parametrize(
    ("line", "name", "version"),
    [
        ("scikit-learn==1.9.1", "scikit-learn", "1.9.1"),
        ("Scikit_Learn == 1.9.1  # pinned", "scikit-learn", "1.9.1"),
        ("zope.interface===5", "zope-interface", "5"),
        ("numpy>=1, <2", "numpy", ">=1,<2"),
        ("numpy ~= 1.4", "numpy", "~=1.4"),
        ("numpy", "numpy", "any"),
        ("mlflow[extras,gateway]==3.17.2", "mlflow", "3.17.2 [extras,gateway]"),
        ('tomli==2.0; python_version < "3.11"', "tomli", '2.0 ; python_version < "3.11"'),
        ("a==1 --hash=sha256:12 --hash=sha256:34", "a", "1"),
        ("a==1 \\\n  --hash=sha256:12", "a", "1"),
        ("a @ https://me:secret@host/a.whl?token=x#sha256=1", "a", "https://host/a.whl"),
        ("git+https://me:secret@host/a.git@v1#egg=A_b", "a-b", "git+https://host/a.git@v1"),
        ("./code/own.whl", "./code/own.whl", "./code/own.whl"),
    ],
)
def test_a_line_of_requirements(line, name, version):
    assert requirements(line) == {name: version}


def test_lines_that_require_nothing_are_left_out():
    assert requirements("\n# a comment\n-r other.txt\n--index-url https://me:secret@host\n-e .\n  \n") == {}
    assert requirements("a==1; x\na==2; y\n") == {"a": "1 ; x, 2 ; y"}


def test_hostile_lines_are_texts():
    found = requirements("a==\x1b[31m\n=cmd()\n[/b]\n" + "x" * 5000 + "==1\n\u202e==1\n")
    assert all(isinstance(name, str) and len(version) <= 1000 for name, version in found.items())


def test_requirements_and_python_and_signature():
    facts = model_facts(ModelFiles(MLMODEL, b"numpy==2.4.6\n"))
    assert isinstance(facts, ModelFacts)
    assert facts.packages == {"numpy": "2.4.6", "python": "3.11.7"}
    assert facts.signature == {
        "inputs.age": "double",
        "inputs.n": "long optional",
        "outputs": "tensor float64 [-1,3]",
        "params.top_k": "long = 5",
    }


def test_conda_where_there_are_no_requirements():
    conda = b"""
channels: [conda-forge]
dependencies:
- python=3.10.4
- conda-forge::Cython=0.29=py310
- pip<=23
- openblas
- pip: [mlflow==2.9.2, numpy]
- 7
"""
    facts = model_facts(ModelFiles(b"flavors: {}", None, conda))
    assert isinstance(facts, ModelFacts)
    assert facts.packages == {
        "python": "3.10.4",
        "cython": "0.29",
        "pip": "<=23",
        "openblas": "any",
        "mlflow": "2.9.2",
        "numpy": "any",
    }


def test_python_from_its_own_file():
    facts = model_facts(ModelFiles(b"flavors: {}", b"", None, b"python: 3.12.1\nbuild_dependencies: [pip]\n"))
    assert isinstance(facts, ModelFacts)
    assert facts.packages == {"python": "3.12.1"}


def deep(levels: int) -> bytes:
    return b"a: " + b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "no YAML"),
        (b"\xff\xfe\x00\xd8", "no YAML"),
        (b"- a\n", "no settings"),
        (b"", "no settings"),
        (b"a: !!python/object/apply:os.system ['touch loaded']\n", "no YAML"),
        (deep(500), "nested too deeply"),
        (deep(100_000), "cannot be read"),
        (b"a: &a [x]\nb: {<<: *a}\n", "nested too deeply"),
        (b"a:\n" + b"- 1\n" * 300_000, "too large"),
    ],
)
def test_files_that_tell_nothing_say_so(content, told):
    found = model_facts(ModelFiles(content))
    assert isinstance(found, str)
    assert told in found


def test_many_laughs_take_no_time():
    laughs = b"a0: &a0 [x, x]\n" + b"".join(
        b"a%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 60)
    )
    assert isinstance(model_facts(ModelFiles(laughs + b"signature: *a59\n")), ModelFacts)


@pytest.mark.parametrize(
    "signature",
    ["[]", "'x'", "{inputs: '[1, null]'}", "{inputs: 7}", "{inputs: '" + "[" * 9000 + "'}", "null"],
)
def test_a_signature_of_another_shape_is_none(signature):
    facts = model_facts(ModelFiles(f"signature: {signature}\n".encode()))
    assert isinstance(facts, ModelFacts)
    assert facts.signature == {}


def test_columns_without_names_and_with_the_same():
    columns = [{"type": "double"}, {"type": "long", "name": "a"}, {"type": "string", "name": "a"}]
    inner = {"type": "array", "items": {"type": "string"}, "name": "list", "required": True}
    text = json.dumps([*columns, inner])
    facts = model_facts(ModelFiles(f"signature: {{inputs: {json.dumps(text)}}}\n".encode()))
    assert isinstance(facts, ModelFacts)
    assert facts.signature == {
        "inputs.0": "double",
        "inputs.a": "long",
        "inputs.a'": "string",
        "inputs.list": 'array {"items":{"type":"string"}}',
    }
