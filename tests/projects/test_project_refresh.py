"""A project as a whole: what one source's trouble costs, what a refresh brings, and how it ends."""

from __future__ import annotations

import lzma
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from git_projects import GitProject, bytes_of
from mlops_dash.domain.environments import CodeStatus, Health, Observation
from mlops_dash.domain.freshness import Freshness, SourceStatus
from mlops_dash.domain.progress import Cancelled, CancelToken
from mlops_dash.errors import UsageError
from mlops_dash.project import Project, open_project
from mlops_dash.sources.base import Batch, Position, Reading

STORE = Path(__file__).parents[1] / "sources" / "stores" / "mlflow-2.22.1.db.xz"
DVC = "outs:\n- md5: {digest}\n  size: 2\n  hash: md5\n  path: wine.csv\n"

Open = Callable[[], Project]


class Team:
    """A repository with the tracking store in it, and what its people do."""

    def __init__(self, root: Path) -> None:
        self.git = GitProject(root)
        self.database = root / "mlflow.db"
        self.database.write_bytes(lzma.decompress(STORE.read_bytes()))
        (root / ".gitignore").write_text("mlflow.db*\n")
        (root / ".git" / "info" / "exclude").write_text("mlops-dash.toml\n")
        self.first = self.git.commit("First data", {"wine.csv.dvc": DVC.format(digest="1" * 32)})
        self.second = self.git.commit("Second data", {"wine.csv.dvc": DVC.format(digest="2" * 32)})

    def sql(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a tracking server does to its database."""
        with sqlite3.connect(self.database) as store:
            rows = store.execute(text, values).fetchall()
        store.close()
        return rows

    def train(self, commit: str, version: int, alias: str = "blue") -> str:
        """Register a version whose run was trained from a commit, and give it an alias."""
        ((run,),) = self.sql(
            "select run_uuid from runs where lifecycle_stage = 'active' limit 1 offset ?", version
        )
        self.sql("delete from tags where run_uuid = ? and key = 'mlflow.source.git.commit'", run)
        self.sql(
            "insert into tags (run_uuid, key, value) values (?, 'mlflow.source.git.commit', ?)", run, commit
        )
        self.sql("insert or ignore into registered_models (name) values ('own')")
        self.sql(
            "insert into model_versions (name, version, run_id, source, current_stage, status, creation_time)"
            " values ('own', ?, ?, 'x', 'None', 'READY', ?)",
            version, run, version,
        )  # fmt: skip
        self.alias(alias, version)
        return str(run)

    def alias(self, alias: str, version: int) -> None:
        self.sql(
            "insert or replace into registered_model_aliases (name, alias, version) values ('own', ?, ?)",
            alias, version,
        )  # fmt: skip


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "state"))
    return Team(tmp_path / "team")


@pytest.fixture
def dashboard(team: Team) -> Iterator[Open]:
    """Open dashboards on the team's project, closed at the end."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(open_project(team.git.root))


def status(project: Project, name: str) -> SourceStatus:
    return next(s for s in project.statuses() if s.name == name)


def own(project: Project, environment: str = "blue") -> Any:
    rows = project.live().environments
    return next(r for r in rows if (r.environment, r.model) == (environment, "own"))


def test_before_the_first_refresh_every_source_is_being_read(dashboard: Open) -> None:
    project = dashboard()
    assert {s.name: s.status for s in project.statuses()} == {
        "tracking": Freshness.READING, "git": Freshness.READING,
    }  # fmt: skip
    assert project.live().environments == ()


def test_one_refresh_brings_where_a_new_commit_stands_and_the_data_at_it(team: Team, dashboard: Open) -> None:
    project = dashboard()
    project.refresh()
    team.train(team.first, 1)
    assert project.refresh().changed
    row = own(project)
    assert (row.code.commit, row.code.behind, row.code.status) == (team.first, 1, CodeStatus.OK)
    assert [(d.name, d.digest, d.newer) for d in row.data if d.kind == "dvc"] == [("wine.csv", "1" * 32, 1)]
    assert not project.refresh().changed


def test_a_commit_on_no_branch_has_its_subject_and_data(team: Team, dashboard: Open) -> None:
    team.git.git("switch", "-qc", "try")
    lost = team.git.commit("Try a third", {"wine.csv.dvc": DVC.format(digest="3" * 32)})
    team.git.git("switch", "-q", "main")
    team.git.git("branch", "-qD", "try")
    team.train(lost, 1)
    project = dashboard()
    project.refresh()
    code = own(project).code
    assert (code.subject, code.author, code.status) == ("Try a third", "Ada", CodeStatus.UNREACHABLE)
    assert code.committed_at.tzinfo is UTC
    traced = project.trace(lost)
    assert next(n.label for n in traced.nodes if n.kind == "commit") == "Try a third"
    assert ("blue", "own") in traced.live_in


def test_what_a_target_answers_makes_its_commit_matter(team: Team, dashboard: Open) -> None:
    team.train(team.first, 1)
    free = "select run_uuid from runs where run_uuid not in (select run_id from model_versions) limit 1"
    ((other,),) = team.sql(free)
    tag = ("insert or replace into tags (run_uuid, key, value) values (?, 'mlflow.source.git.commit', ?)",)
    team.sql(*tag, other, team.second)
    project = dashboard()
    project.refresh()
    assert project.store.ask("positions_known", commits=[team.second]) == []
    seen = Observation("blue", "own", "http", datetime.now(UTC), True, Health.HEALTHY, "77", other)
    project.store.save_observations([seen])
    project.refresher.look_again = True  # as observe() does when a target answers something new
    project.refresh()
    assert project.store.ask("positions_known", commits=[team.second]) == [(team.second,)]


def test_asking_targets_tells_how_many_answer(team: Team, dashboard: Open) -> None:
    (team.git.root / "mlops-dash.toml").write_text(
        '[environments.blue]\nmodel = "own"\n[environments.blue.target]\nkind = "http"\n'
        'url = "http://127.0.0.1:9"\npreset = "mlops-dash"\n'
    )
    team.train(team.first, 1)
    project = dashboard()
    project.refresh()
    assert "targets" not in {s.name for s in project.statuses()}
    (seen,) = project.observe()
    assert (seen.answered, seen.health) == (False, Health.DOWN)
    assert status(project, "targets").counts == "0 of 1 answer"
    row = own(project)
    assert (row.live, row.of_declared, row.declared.version) == (None, True, "1")
    assert project.refresher.look_again


@pytest.mark.parametrize("damage", ["garbage", "truncated", "gone", "empty"])
def test_fault_10_a_store_that_breaks_while_open_costs_its_own_freshness(
    team: Team, dashboard: Open, damage: str
) -> None:
    team.train(team.first, 1)
    project = dashboard()
    project.refresh()
    before = own(project)
    read_at = status(project, "tracking").as_of
    content = team.database.read_bytes()
    if damage == "gone":
        team.database.unlink()
    else:
        kept = {"garbage": b"no database " * 4000, "truncated": content[:5000], "empty": b""}[damage]
        team.database.write_bytes(kept)
    folder = bytes_of(team.git.root)
    project.refresh()
    broken = status(project, "tracking")
    assert (broken.status, broken.as_of) == (Freshness.STALE, read_at)
    assert broken.detail
    assert status(project, "git").status is Freshness.OK
    after = own(project)
    assert repr((after.live, after.run, after.code)) == repr((before.live, before.run, before.code))
    assert "stale-source" in {item.code for item in after.attention}
    assert bytes_of(team.git.root) == folder
    team.database.write_bytes(content)
    project.refresh()
    assert status(project, "tracking").status is Freshness.OK
    assert "stale-source" not in {item.code for item in own(project).attention}


def test_a_repository_that_breaks_costs_its_own_freshness(team: Team, dashboard: Open) -> None:
    team.train(team.first, 1)
    project = dashboard()
    project.refresh()
    (team.git.root / ".git" / "HEAD").write_text("nonsense")
    team.alias("green", 1)
    project.refresh(thorough=True)
    assert status(project, "git").status is Freshness.STALE
    assert status(project, "tracking").status is Freshness.OK
    assert own(project, "green").code.subject == "First data"


class Slow:
    """A source that has brought all, and says that it reads on until ``enough`` is set."""

    def __init__(self, source: Any) -> None:
        self.source, self.name, self.kind = source, source.name, source.kind
        self.enough = threading.Event()

    def changed(self, position: str | None) -> bool:
        return True

    def read(self, reading: Reading) -> Iterator[Any]:
        for item in self.source.read(reading):
            while isinstance(item, Position) and not self.enough.wait(0.01):
                yield replace(item, whole=False, warning="reading on")
            yield item

    def close(self) -> None:
        self.source.close()


def test_what_a_long_reading_has_brought_is_shown_with_its_commits_meanwhile(
    team: Team, dashboard: Open
) -> None:
    team.train(team.first, 1)
    project = dashboard()
    refresher = project.refresher
    slow = Slow(refresher.first[0])
    refresher.first = [slow, *refresher.first[1:]]
    seen: list[tuple[int | None, str | None]] = []

    def landed() -> None:
        row = own(project)
        if row.code is not None and row.code.behind == 1 and row.data:
            seen.append((row.code.behind, status(project, "tracking").detail))
            slow.enough.set()

    project.refresh(landed=landed)
    assert seen == [(1, "reading on")]
    assert status(project, "tracking").detail is None


class Surprise:
    """A source with a fault of its own."""

    name, kind = "gto", "git-tags"

    def changed(self, position: str | None) -> bool:
        return True

    def read(self, reading: Reading) -> Iterator[Batch | Position]:
        raise ZeroDivisionError("secret")

    def close(self) -> None:
        """Nothing is held."""


def test_a_fault_of_our_own_costs_that_source_only_and_is_told(team: Team, dashboard: Open) -> None:
    team.train(team.first, 1)
    project = dashboard()
    project.refresher.second = [Surprise(), *project.refresher.second[1:]]
    project.refresh()
    told = status(project, "gto")
    assert (told.status, told.detail) == (
        Freshness.FAILED, "reading gto failed unexpectedly (ZeroDivisionError)",
    )  # fmt: skip
    assert own(project).code.behind == 1


def test_a_cancelled_refresh_says_so_and_the_next_one_brings_all(team: Team, dashboard: Open) -> None:
    team.train(team.first, 1)
    project = dashboard()
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        project.refresh(progress=lambda _: cancel.cancel(), cancel=cancel)
    project.refresh()
    assert own(project).live == "1"


def test_closing_while_a_refresh_runs_ends_it(team: Team) -> None:
    project = open_project(team.git.root)
    project.refresh()
    reading, go_on = threading.Event(), threading.Event()
    ended: list[BaseException | None] = []

    class Slow(Surprise):
        def read(self, reading_: Reading) -> Iterator[Batch | Position]:
            reading.set()
            while not reading_.cancel.cancelled:
                go_on.wait(0.01)
            reading_.cancel.check()
            yield Position("{}")

    project.refresher.second = [Slow()]
    project.refresher.look_again = True

    def work() -> None:
        try:
            project.refresh(thorough=True)
            ended.append(None)
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert reading.wait(20)
    project.close()
    thread.join(20)
    assert [type(error) for error in ended] == [Cancelled]
    with pytest.raises(Cancelled):
        project.refresh()
    project.close()


def test_refreshing_and_asking_begin_side_by_side_with_one_reader(team: Team, dashboard: Open) -> None:
    project = dashboard()
    found: list[object] = []
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        found.append(project.refresher)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(refresher) for refresher in found}) == 1


def test_fault_68_a_second_dashboard_starts_from_what_the_first_read(team: Team, dashboard: Open) -> None:
    team.train(team.first, 1)
    first = dashboard()
    first.refresh()
    first.publish()
    second = dashboard()
    assert own(second).live == "1"  # before it has read anything itself
    assert status(second, "tracking").counts == status(first, "tracking").counts
    team.train(team.second, 2)
    assert second.refresh().changed
    assert (own(second).live, own(first).live) == ("2", "1")
    second.publish()
    first.publish()
    assert first.refresh().changed
    assert own(first).live == "2"


def test_fault_69_a_cache_that_is_garbage_is_read_again(team: Team, dashboard: Open, tmp_path: Path) -> None:
    team.train(team.first, 1)
    first = dashboard()
    first.refresh()
    first.publish()
    for snapshot in (tmp_path / "cache").rglob("snapshot.duckdb"):
        snapshot.write_bytes(b"garbage" * 1000)
    second = dashboard()
    assert second.store.notice
    second.refresh()
    assert own(second).live == "1"


def test_a_store_that_starts_over_under_our_hands_is_filled_again(team: Team, dashboard: Open) -> None:
    team.train(team.first, 1)
    project = dashboard()
    project.refresh()
    for _ in range(2):
        project.store._mend(duckdb.IOException("checksum of block 7 is wrong: corrupt"), "It was damaged")
        assert project.live().environments == ()
        project.refresh()
        assert own(project).code.behind == 1


def test_fault_73_where_the_home_cannot_be_written_all_is_in_memory(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "file" / "cache"))
    team.train(team.first, 1)
    with open_project(team.git.root) as project:
        assert project.store.notice
        project.refresh()
        assert own(project).live == "1"
        project.publish()
        assert not project.refresh().changed
    assert (tmp_path / "file").read_bytes() == b""


def test_reading_changes_nothing_and_a_refresh_of_nothing_writes_nothing(team: Team, dashboard: Open) -> None:
    team.train(team.first, 1)
    before = bytes_of(team.git.root)
    project = dashboard()
    project.refresh()
    project.live()
    project.trace("blue/own")
    project.refresh(thorough=True)
    assert bytes_of(team.git.root) == before


def test_a_notebook_asks_the_same(team: Team) -> None:
    import mlops_dash

    team.train(team.first, 1)
    with mlops_dash.open_project(team.git.root) as project:
        project.refresh()
        assert project.name == "team"
        frame = project.live().to_pandas()
        assert frame.set_index(["environment", "model"]).loc[("blue", "own"), "behind"] == 1
        assert "commit" in project.trace("blue").to_pandas()["kind"].tolist()
        assert project.sql("select count(*) as n from runs").to_pandas()["n"].tolist() == [6]
        with pytest.raises(UsageError, match="nothing here is called"):
            project.trace("nobody")


@pytest.mark.parametrize("folder", ["nowhere", "mlflow.db"])
def test_a_folder_that_is_none_is_refused(team: Team, folder: str) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        open_project(team.git.root / folder)


def test_a_store_that_was_named_but_is_not_there_is_told_and_not_created(team: Team, tmp_path: Path) -> None:
    gone = tmp_path / "gone.db"
    with open_project(team.git.root, tracking_uri=f"sqlite:///{gone}") as project:
        project.refresh()
        told = status(project, "tracking")
        assert told.status is Freshness.FAILED
        assert str(gone) in (told.detail or "")
        assert status(project, "git").status is Freshness.OK
    assert not gone.exists()
