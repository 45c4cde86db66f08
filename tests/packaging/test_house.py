"""The rules of the house that a machine can check."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import mlops_dash
from checkout import ROOT, tracked

# put together here, so that this file keeps the rule too
REGISTRY_HOSTS = [
    a + b for a, b in (("python", "hosted.org"), ("pypi", ".org"), ("registry.npm", "js"), ("deb.", "debian"))
]
MACHINE_PATHS = [a + b for a, b in (("/root", "/"), ("/work", "/"), ("/home/", "runner"), ("/opt/", "pypi"))]
LARGEST_FILE = 5_000_000  # bytes; the sample project is the largest


def test_no_tracked_file_names_a_registry_or_a_machine():
    words = [word.encode() for word in (*REGISTRY_HOSTS, *MACHINE_PATHS)]
    contents = {name: (ROOT / name).read_bytes() for name in tracked()}
    found = [(name, word) for name, content in contents.items() for word in words if word in content]

    assert found == []


def test_no_tracked_file_is_large():
    assert [name for name in tracked() if (ROOT / name).stat().st_size > LARGEST_FILE] == []


def test_rooms_import_downwards_only():
    program = Path(sys.executable).parent / "lint-imports"

    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def test_first_import_brings_nothing_heavy():
    script = "import sys, mlops_dash.__main__; print('\\n'.join(sys.modules))"

    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)

    heavy = {"mlflow", "pandas", "pyarrow", "git", "httpx", "psutil", "yaml", "textual", "numpy", "sklearn"}
    assert heavy & set(done.stdout.split()) == set()


def test_no_module_is_too_long():
    modules = [name for name in tracked() if name.startswith("tui/") and name.endswith(".py")]

    assert [name for name in modules if len((ROOT / name).read_text().splitlines()) > 400] == []


def test_version_is_the_same_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert mlops_dash.__version__ == version
    assert re.search(rf"^## \[{re.escape(version)}\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_every_question_is_asked():
    code = "".join(
        (ROOT / name).read_text() for name in tracked() if name.startswith("tui/") and name.endswith(".py")
    )
    questions = [
        Path(name).stem for name in tracked() if name.startswith("queries/") and name.endswith(".sql")
    ]

    assert [question for question in questions if f'"{question}"' not in code] == []
