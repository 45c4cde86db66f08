"""A report appears whole or not at all, and takes nothing's place that it was not told to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec import structs

from mlops_dash.answers.report import write_report
from mlops_dash.errors import DashError, UsageError
from report.given import plain


def test_report_is_written_and_its_place_returned(tmp_path):
    path = _write(tmp_path / "a.html")

    assert path == tmp_path / "a.html"
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert path.read_text(encoding="utf-8").endswith("</html>")
    assert os.listdir(tmp_path) == ["a.html"]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o027, 0o640)])
def test_rights_are_what_the_umask_leaves(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        path = _write(tmp_path / "a.html")
    finally:
        os.umask(before)

    assert path.stat().st_mode & 0o777 == mode


def test_what_is_there_stays_unless_told(tmp_path):
    path = tmp_path / "a.html"
    path.write_text("mine")

    with pytest.raises(UsageError, match="is there already"):
        _write(path)
    assert path.read_text() == "mine"
    assert os.listdir(tmp_path) == ["a.html"]

    _write(path, overwrite=True)
    assert "diabetes" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("aim", ["mine.txt", "nothing"])
def test_links_are_not_followed(tmp_path, overwrite, aim):
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    link = tmp_path / "a.html"
    link.symlink_to(aim)

    with pytest.raises(UsageError, match="is a link"):
        _write(link, overwrite=overwrite)

    assert link.is_symlink()
    assert mine.read_text() == "mine"
    assert not (tmp_path / "nothing").exists()


def test_folders_and_pipes_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(UsageError, match="no file that a report could replace"):
            _write(path, overwrite=True)


def test_missing_folder_is_told(tmp_path):
    with pytest.raises(DashError, match=r"a\.html cannot be written: No such file"):
        _write(tmp_path / "none" / "a.html")


def test_failure_leaves_what_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "a.html"
    path.write_text("mine")
    broken = structs.replace(plain(), baseline=99)  # found out only while the page is made

    with pytest.raises(IndexError):
        write_report(path, broken, None, title="diabetes", overwrite=True)

    assert path.read_text() == "mine"
    assert os.listdir(tmp_path) == ["a.html"]


def _write(path: Path, *, overwrite: bool = False) -> Path:
    return write_report(path, plain(), None, title="diabetes", overwrite=overwrite)
