"""README.md cannot drift: its tables are generated, its commands are those that CI runs."""

from __future__ import annotations

import re

import pytest

import readme_parts
from checkout import ROOT
from mlops_dash.cli.parser import build

README = readme_parts.README.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", readme_parts.PARTS)
def test_generated_part_is_what_the_code_says(name):
    assert readme_parts.part(name, README) == readme_parts.PARTS[name](), "run: python tests/readme_parts.py"


def test_ci_runs_the_test_command_of_the_readme():
    demo, test = re.findall(r"^.*python3 -m venv .*$", README, re.MULTILINE)

    assert demo.endswith("mlops-dash demo")
    assert test.endswith("pytest -n 2 --dist loadfile")
    assert test in (ROOT / ".ci" / "run").read_text().splitlines()


def test_every_verb_is_told():
    (verbs,) = (action.choices for action in build()._actions if action.dest == "verb")

    assert [verb for verb in verbs if f"`{verb}" not in README and f"mlops-dash {verb}" not in README] == []


def test_pictures_and_linked_files_exist():
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", README) + re.findall(r'src="([^"]+)"', README)

    assert [link for link in links if not (ROOT / link).exists()] == []


def test_rooms_of_the_map_exist():
    rooms = re.findall(r"^(?:tui/mlops_dash/)?([a-z_./]+/) ", readme_parts.part("map", README), re.MULTILINE)

    assert rooms
    assert [
        room for room in rooms if not any((ROOT / top / room).is_dir() for top in ("", "tui/mlops_dash"))
    ] == []
