"""Files that say the same in other bytes, those that do not, and those made to harm who reads them."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_dash.actions.judging import archives, files, folders, verdict
from mlops_dash.actions.judging.content import State, compare_files
from mlops_dash.actions.judging.descriptions import compare_mlmodel, requirements
from mlops_dash.actions.judging.folders import compare_artifacts
from mlops_dash.actions.judging.sides import Side
from mlops_dash.actions.judging.verdict import judge
from mlops_dash.domain.rebuilds import Verdict

MLMODEL = "run_id: {run}\nflavors:\n  sklearn:\n    sklearn_version: {version}\n    code: {code}\n"


def pair(folder: Path, name: str, first: bytes, second: bytes) -> tuple[Path, Path]:
    paths = (folder / "a" / name, folder / "b" / name)
    for path, content in zip(paths, (first, second), strict=True):
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(content)
    return paths


def zipped(members: dict[str, bytes], year: int = 2026) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def skops(first: int, second: int, array: bytes = b"array", again: int | None = None) -> bytes:
    """Two arrays under the ids of two objects, and a third node that is the first object again."""
    nodes: list[dict[str, Any]] = [
        {"__id__": one, "type": "numpy", "file": f"{one}.npy"} for one in (first, second)
    ]
    nodes.append({"__id__": first if again is None else again, "content": "1.5"})
    members = {f"{first}.npy": array, f"{second}.npy": b"other"}
    return zipped(members | {"schema.json": json.dumps({"content": nodes}).encode()}, 2000 + first)


@pytest.mark.parametrize(
    ("name", "first", "second", "state"),
    [
        ("x.bin", b"a", b"a", State.BYTES),
        ("x.bin", b"a", b"b", State.DIFFERS),
        ("m.skops", skops(1, 2), skops(8, 7), State.CONTENT),
        ("m.skops", skops(1, 2), skops(8, 7, b"changed"), State.DIFFERS),
        ("m.skops", skops(1, 2), skops(8, 7, again=7), State.DIFFERS),
        ("m.skops", skops(1, 2), b"PK no archive", State.DIFFERS),
        ("m.zip", zipped({"a": b"1", "b": b"2"}), zipped({"b": b"2", "a": b"1"}, 1999), State.CONTENT),
        ("m.zip", zipped({"a": b"1"}), zipped({"a": b"2"}), State.DIFFERS),
        ("m.zip", zipped({"a": b"1"}), zipped({"a": b"1", "b": b""}), State.DIFFERS),
        (
            "m.zip",
            zipped({"in.npz": zipped({"x.npy": b"1"})}),
            zipped({"in.npz": zipped({"x.npy": b"1"}, 1999)}),
            State.CONTENT,
        ),
        ("m.json", b'{"a": 1.5, "b": NaN}', b'{ "b": NaN, "a": 1.50 }', State.CONTENT),
        ("m.json", b'{"a": 1}', b'{"a": true}', State.DIFFERS),
        ("m.json", b"[" * 100_000, b"[" * 100_001, State.DIFFERS),
        ("m.yaml", b"a: 1\nb: [x]\n", b"b:\n- x\na: '1'\n", State.CONTENT),
        ("m.yaml", b"a: 1\n", b"a: 2\n", State.DIFFERS),
        ("m.yaml", b"a: &a [x]\nb: *a\n", b"a: [x]\nb: [x]\n", State.DIFFERS),
        ("m.csv", b'a,b\r\n"1",2\r\n', b"a,b\n1,2\n", State.CONTENT),
        ("m.csv", b"a\n1\n", b"a\n1\n2\n", State.DIFFERS),
        ("m.csv", b"\xff\xfe", b"\xff", State.DIFFERS),
        ("estimator.html", b"<div id=1>", b"<div id=2>", State.PICTURE),
    ],
)
def test_formats(tmp_path: Path, name: str, first: bytes, second: bytes, state: State) -> None:
    one, two = pair(tmp_path, name, first, second)
    assert compare_files(one, two).state is state
    assert compare_files(two, one).state is state


@given(
    st.sampled_from(["m.skops", "m.zip", "m.json", "m.yaml", "m.csv", "MLmodel", "conda.yaml"]),
    st.binary(),
    st.binary(),
)
def test_no_bytes_break_a_comparison(
    tmp_path_factory: pytest.TempPathFactory, name: str, first: bytes, second: bytes
) -> None:
    one, two = pair(tmp_path_factory.getbasetemp() / "any", name, first, second)
    assert (compare_files(one, two).state is State.BYTES) == (first == second)


def test_an_mlmodel_is_compared_without_what_always_differs_and_its_versions_went_in(tmp_path: Path) -> None:
    one = MLMODEL.format(run="a", version="1.7.1", code="null").encode()
    two = MLMODEL.format(run="b", version="1.7.2", code="null").encode()
    found = compare_files(*pair(tmp_path, "MLmodel", one, two))
    assert found.state is State.CONTENT
    assert [(x.kind, x.name, x.original, x.rebuilt) for x in found.inputs] == [
        ("package", "scikit-learn", "1.7.1", "1.7.2")
    ]
    changed = MLMODEL.format(run="b", version="1.7.1", code="other").encode()
    assert compare_mlmodel(one, changed) == (["flavors.sklearn.code"], [])


def test_requirements_are_sets_of_packages() -> None:
    text = "Scikit_Learn==1.7.1\n#\n-r x\nnumpy >= 2 ; python_version > '3'\nxgboost[gpu]==3.0 --hash=0"
    assert requirements(text) == {"scikit-learn": "1.7.1", "numpy": ">= 2", "xgboost": "3.0"}
    secret = requirements("tool @ https://user:hunter22@host/tool.whl\nhttps://user:hunter22@host/x.whl")
    assert "hunter22" not in str(secret)
    assert "tool" in secret


class Marks:
    """Its pickle writes a file where it is loaded."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


def test_no_pickle_is_loaded(tmp_path: Path) -> None:
    harmful = pickle.dumps(Marks(str(tmp_path / "loaded")))
    for name in ("model.pkl", "model.skops", "model.npz", "model.json"):
        inside = zipped({"schema.json": harmful, "x.npy": harmful}) if name.endswith(("s", "z")) else harmful
        compare_files(*pair(tmp_path, name, inside, inside + b" "))
    assert not (tmp_path / "loaded").exists()


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_SUSPECT", 1_000_000)
    bomb = zipped({"x": bytes(3_000_000)})
    found = compare_files(*pair(tmp_path, "m.zip", bomb, zipped({"x": bytes(3_000_000)}, 1999)))
    assert found.state is State.DIFFERS
    assert "would be too large unpacked" in found.words


def test_what_is_large_is_compared_by_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.whole, "__defaults__", (10,))
    found = compare_files(*pair(tmp_path, "m.json", b"[1, 2, 3, 4, 5]", b"[1,2,3,4,5]"))
    assert found.state is State.DIFFERS
    assert "its content was not compared" in found.words


def test_links_and_pipes_are_neither_followed_nor_equal(tmp_path: Path) -> None:
    pair(tmp_path, "plain.txt", b"x", b"x")
    (tmp_path / "secret").write_bytes(b"s")
    for side in "ab":
        (tmp_path / side / "link").symlink_to(tmp_path / "secret")
        (tmp_path / side / "folder").symlink_to(tmp_path)
        os.mkfifo(tmp_path / side / "pipe")
    one, two = (Side(side, metrics={"m": 1.0}, artifacts=tmp_path / side) for side in "ab")
    judgement = judge(one, two)
    assert judgement.verdict is Verdict.EQUIVALENT
    assert sum("is a link or no plain file" in line for line in judgement.compared) == 3
    assert not any("secret" in line for line in judgement.compared)


def test_too_many_files_are_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_FILES", 3)
    for number in range(4):
        pair(tmp_path, f"{number}.txt", b"x", b"x")
    one, two = (Side(side, metrics={"m": 1.0}, artifacts=tmp_path / side) for side in "ab")
    judgement = judge(one, two)
    assert judgement.verdict is Verdict.EQUIVALENT
    assert "there are more than 3 files" in judgement.words


def test_missing_and_new_artifacts_are_told(tmp_path: Path) -> None:
    pair(tmp_path, "both.txt", b"x", b"x")
    one, two = (Side(side, metrics={"m": 1.0}, artifacts=tmp_path / side) for side in "ab")
    (tmp_path / "b" / "new.txt").write_bytes(b"n")
    judgement = judge(one, two)
    assert judgement.verdict is Verdict.EQUIVALENT
    assert judgement.words == "equivalent: metrics are equal; 1 new"
    back = judge(two, one)
    assert (back.verdict, back.words) == (Verdict.DIVERGED, "diverged: the rebuilt run lacks new.txt")


def test_a_model_among_the_artifacts_is_found_and_one_of_its_files_may_be_missing(tmp_path: Path) -> None:
    pair(tmp_path, "model/MLmodel", b"flavors: {}\n", b"flavors: {}\n")
    (tmp_path / "a" / "model" / "model.pkl").write_bytes(b"1")
    one, two = (Side(side, metrics={"m": 1.0}, artifacts=tmp_path / side) for side in "ab")
    found = compare_artifacts(one, two)
    assert (found.missing, [name for name, _, _ in found.unlike]) == ([], ["model"])
    (tmp_path / "b" / "model" / "MLmodel").unlink()
    assert compare_artifacts(one, two).missing == ["model model"]


def test_what_is_told_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_MOST_TOLD", 5)
    monkeypatch.setattr(verdict, "_MOST_TOLD", 5)
    for number in range(9):
        pair(tmp_path, f"{number}.txt", b"x", b"y")
    one, two = (Side(side, metrics={"m": 1.0}, artifacts=tmp_path / side) for side in "ab")
    judgement = judge(one, two)
    assert judgement.verdict is Verdict.EQUIVALENT
    assert "9 files differ" in judgement.words
    assert [len(judgement.outcomes), len(judgement.compared)] == [6, 7]
    assert judgement.outcomes[-1].words == "4 more differ"
