"""Environments of rebuilds: found again by what is asked for, and not kept for ever."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from mlops_dash.actions.durable import locked, release
from mlops_dash.actions.rebuilding.environment import (
    BUILT,
    PRESENT,
    Asked,
    environment_of,
    forget_old,
    same_as_present,
    this_python,
)
from mlops_dash.errors import DashError, RefusedError
from mlops_dash.recorder.noting import installed


def ask(asked: Asked, folder: Path, *, stopped: bool = False):  # type: ignore[no-untyped-def]
    told: list[str] = []
    return environment_of(asked, folder, told.append, lambda: stopped), told


def kept(folder: Path, name: str, age: int) -> Path:
    place = folder / name
    place.mkdir(parents=True)
    whole = place / "mlops-dash-environment.json"
    whole.write_text(json.dumps({"python": "3.11.7", "packages": {"a": "1"}}))
    os.utime(whole, (1_700_000_000 - age, 1_700_000_000 - age))
    return place


def test_what_is_asked_for_names_it() -> None:
    first = Asked(BUILT, "3.11.7", ("a==1", "b==2"), True)
    assert first.digest == Asked(BUILT, "3.11.7", ("b==2", "a==1"), True).digest
    others = [
        Asked(BUILT, "3.12.0", ("a==1", "b==2"), True),
        Asked(BUILT, "3.11.7", ("a==1", "b==3"), True),
        Asked(BUILT, "3.11.7", ("a==1", "b==2"), False),
    ]
    assert len({first.digest, *(one.digest for one in others)}) == 4


def test_the_present_one(tmp_path: Path) -> None:
    found, _ = ask(Asked(PRESENT, None, (), False), tmp_path)
    assert found.python == Path(sys.executable)
    assert found.packages == installed(tuple(sys.path))
    named, _ = ask(Asked(PRESENT, None, (), False, sys.executable), tmp_path)
    assert named.version == this_python()
    with pytest.raises(RefusedError, match="cannot be run"):
        ask(Asked(PRESENT, None, (), False, str(tmp_path / "python")), tmp_path)
    ours = installed(tuple(sys.path))
    assert same_as_present(ours | {"pip": "0.1", "mlops-dash": "0"}, this_python())
    assert not same_as_present(ours | {"toolz": "0.12.0"}, this_python())
    assert not same_as_present(ours, "3.9.1")


def test_one_that_is_there_is_used_and_one_left_half_way_is_not(tmp_path: Path) -> None:
    asked = Asked(BUILT, this_python(), (), True)
    whole = kept(tmp_path, asked.digest, 100)
    found, told = ask(asked, tmp_path)
    assert (found.packages, told) == ({"a": "1"}, [])
    (whole / "mlops-dash-environment.json").write_text('{"python": "3.1')
    (whole / "left over").write_text("x")
    found, told = ask(asked, tmp_path)
    assert (found.packages, told[0][:6]) == ({}, "making")
    assert not (whole / "left over").exists()
    again, told = ask(asked, tmp_path)
    assert (again.python, told) == (found.python, [])


def test_cancelled_while_another_builds_it(tmp_path: Path) -> None:
    asked = Asked(BUILT, this_python(), (), True)
    tmp_path.mkdir(exist_ok=True)
    lock = locked(tmp_path / f"{asked.digest}.lock")
    try:
        with pytest.raises(DashError, match="it was cancelled"):
            ask(asked, tmp_path, stopped=True)
    finally:
        release(lock)


def test_those_used_longest_ago_go_unless_somebody_is_busy_with_them(tmp_path: Path) -> None:
    places = [kept(tmp_path, f"e{age}", age) for age in range(5)]
    lock = locked(tmp_path / "e3.lock")
    try:
        forget_old(tmp_path, keep=2)
    finally:
        release(lock)
    assert [place.exists() for place in places] == [True, True, False, True, False]
