"""Caches that nobody uses any more are deleted; those in use are not."""

from __future__ import annotations

import os
import time
from pathlib import Path

from mlops_dash.store import snapshot
from mlops_dash.store.database import Store

DAY = 86_400


def project(projects: Path, name: str, *, days_ago: float) -> Path:
    folder = projects / name
    with Store.open(folder, name) as store:
        assert store.publish()
    os.utime(folder, (time.time(), time.time() - days_ago * DAY))
    return folder


def test_caches_of_projects_that_nobody_opens_are_deleted(tmp_path: Path) -> None:
    old, recent = project(tmp_path, "old", days_ago=61), project(tmp_path, "recent", days_ago=59)
    snapshot.sweep_unused(tmp_path, time.time())
    assert (old.exists(), recent.exists()) == (False, True)


def test_opening_a_project_counts_as_using_it(tmp_path: Path) -> None:
    folder = project(tmp_path, "old", days_ago=61)
    with Store.open(folder, "old"):
        pass
    snapshot.sweep_unused(tmp_path, time.time())
    assert (folder / snapshot.SNAPSHOT).exists()


def test_a_cache_that_is_in_use_stays_however_old(tmp_path: Path) -> None:
    folder = project(tmp_path, "old", days_ago=0)
    with Store.open(folder, "old") as store:
        snapshot.sweep_unused(tmp_path, time.time() + 365 * DAY)
        assert store.sql("select 1")[1] == [(1,)]
        assert (folder / snapshot.SNAPSHOT).exists()


def test_links_and_files_beside_the_caches_are_left_alone(tmp_path: Path) -> None:
    elsewhere = project(tmp_path / "elsewhere", "old", days_ago=100)
    projects = tmp_path / "projects"
    projects.mkdir()
    (projects / "link").symlink_to(elsewhere)
    (projects / "file").write_text("somebody's")
    snapshot.sweep_unused(projects, time.time() + 365 * DAY)
    assert sorted(path.name for path in projects.iterdir()) == ["file", "link"]
    assert (elsewhere / snapshot.SNAPSHOT).exists()


def test_what_was_set_aside_is_kept_for_a_week(tmp_path: Path) -> None:
    aside = tmp_path / snapshot.SET_ASIDE
    aside.write_text("damaged")
    snapshot.sweep(tmp_path, lambda: time.time() + 6 * DAY)
    assert aside.exists()
    snapshot.sweep(tmp_path, lambda: time.time() + 8 * DAY)
    assert not aside.exists()


def test_no_folder_of_projects_is_no_trouble(tmp_path: Path) -> None:
    snapshot.sweep_unused(tmp_path / "none", time.time())
    assert not (tmp_path / "none").exists()
