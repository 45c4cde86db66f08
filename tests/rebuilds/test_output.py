"""What a rebuild's command has printed, as it is shown: the end of its log, cleaned."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_dash.project import Project, open_project


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "cache"))
    made = tmp_path / "state" / "rebuilds" / "action" / "run1" / "output.log"
    made.parent.mkdir(parents=True)
    return made


@pytest.fixture
def project(tmp_path: Path, log: Path) -> Project:
    (tmp_path / "project").mkdir()
    return open_project(tmp_path / "project")


def test_nothing_is_told_of_a_command_that_has_not_begun(project: Project) -> None:
    assert project.output("action") == ()


def test_the_last_lines_are_told_as_many_as_are_wanted(project: Project, log: Path) -> None:
    log.write_text("".join(f"epoch {number}\n\n" for number in range(5000)), "utf-8")
    assert project.output("action", most=3) == ("epoch 4997", "epoch 4998", "epoch 4999")
    assert len(project.output("action")) == 1000


def test_of_a_progress_bar_only_what_a_terminal_would_show(project: Project, log: Path) -> None:
    log.write_bytes(b"begin\r\n 10 %\r 50 %\r100 %\r\nend")
    assert project.output("action") == ("begin", "100 %", "end")


def test_an_endless_line_is_read_at_its_end_only(project: Project, log: Path) -> None:
    log.write_bytes(b"x" * 1_000_000)
    (line,) = project.output("action", most=10)
    assert len(line) < 10_000


def test_a_secret_is_not_told_nor_its_end_where_the_log_is_cut(project: Project, log: Path) -> None:
    secret = "hunter2hunter2"
    for after in range(370, 400):  # so the cut goes through each letter of it
        log.write_text(f"{'-' * 500} password={secret}\n{'y' * (after - 1)}\n", "utf-8")
        assert project.output("action", most=2) == ("y" * (after - 1),)
    log.write_text(f"password={secret}\n", "utf-8")
    assert project.output("action") == ("password=***",)
