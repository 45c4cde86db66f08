"""Where a project's parts are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_projects import GitProject
from mlops_dash.config import Config, GitConfig, TrackingConfig
from mlops_dash.errors import SourceError, UsageError
from mlops_dash.project.locate import Located, kind_of, locate, sqlite_path
from mlops_dash.sources.base import Reading
from mlops_dash.sources.mlflow.address import absolute


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")


class KnownNothing:
    def rows(self, question: str, /, **parameters: object) -> list[tuple[object, ...]]:
        return []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    project = GitProject(tmp_path / "wine.git-project")
    (project.root / "src").mkdir()
    return project.root


def found(folder: Path, *, uri: str | None = None, option: str | None = None) -> Located:
    config = Config(tracking=TrackingConfig(uri=uri))
    return locate(folder, config, folder / "mlops-dash.toml" if uri else None, tracking_uri=option)


def test_the_option_comes_before_the_configuration_before_the_environment_before_the_default(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "mlflow.db").touch()
    here = found(repository)
    assert (here.tracking, here.tracking_from) == (f"sqlite:///{repository}/mlflow.db", "default")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////e.db")
    here = found(repository)
    assert (here.tracking, here.tracking_from) == ("sqlite:////e.db", "environment")
    here = found(repository, uri="sqlite:////c.db")
    assert (here.tracking, here.tracking_from) == ("sqlite:////c.db", "configuration")
    here = found(repository, uri="sqlite:////c.db", option="sqlite:////o.db")
    assert (here.tracking, here.tracking_from) == ("sqlite:////o.db", "option")


def test_a_relative_path_starts_where_it_was_written(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Path.cwd()
    assert found(repository, uri="sqlite:///a/b.db").tracking == f"sqlite:///{repository}/a/b.db"
    assert found(repository, uri="sqlite:///../b.db").tracking == f"sqlite:///{repository.parent}/b.db"
    assert found(repository, option="sqlite:///b.db").tracking == f"sqlite:///{here}/b.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///b.db")
    assert found(repository).tracking == f"sqlite:///{here}/b.db"


def test_an_empty_environment_variable_is_none(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert (found(repository).tracking, found(repository).tracking_from) == (None, "default")


def test_the_default_is_beside_the_repository_seen_from_any_folder_in_it(repository: Path) -> None:
    here = found(repository / "src")
    assert (here.repository, here.tracking) == (repository, None)
    assert here.looked_at == repository / "mlflow.db"
    (repository / "mlflow.db").touch()
    assert found(repository / "src").tracking == f"sqlite:///{repository}/mlflow.db"
    assert found(repository / "src").identity == found(repository).identity


def test_without_a_repository_the_folder_itself_is_looked_in(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "mlflow.db").touch()
    here = found(folder)
    assert (here.repository, here.tracking, here.name) == (None, f"sqlite:///{folder}/mlflow.db", "plain")


def test_the_identity_is_the_same_through_a_symbolic_link(repository: Path, tmp_path: Path) -> None:
    (repository / "mlflow.db").touch()
    link = tmp_path / "link"
    link.symlink_to(repository)
    assert found(link).identity == found(repository).identity
    assert found(link, uri="sqlite:///mlflow.db").identity == found(repository).identity


def test_model_servers_are_known_by_where_the_configuration_is(repository: Path) -> None:
    here = found(repository)
    assert found(repository, option="sqlite:////elsewhere.db").servers == here.servers


def test_other_sources_have_another_cache(repository: Path) -> None:
    identities = {found(repository, option=uri).identity for uri in ("sqlite:////a", "sqlite:////b")}
    assert len(identities) == 2


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("sqlite:////abs/a.db", "/abs/a.db"),
        ("sqlite+pysqlite:////abs/a.db", "/abs/a.db"),
        ("sqlite:////abs/a.db?timeout=30", "/abs/a.db"),
        ("sqlite:////abs/with%20blank.db", "/abs/with blank.db"),
        ("sqlite:////abs/100%.db", "/abs/100%.db"),
    ],
)
def test_the_file_of_an_address(written: str, path: str) -> None:
    assert sqlite_path(absolute(written, Path("/base"))) == Path(path)


def test_a_percent_sign_that_is_in_the_files_own_name_stays(tmp_path: Path) -> None:
    file = tmp_path / "a%20b.db"
    file.touch()
    assert sqlite_path(f"sqlite:///{file}") == file


@pytest.mark.parametrize(
    ("written", "path"), [("~/a.db", "home/a.db"), ("~nobody-here/a.db", "elsewhere/~nobody-here/a.db")]
)
def test_a_tilde_is_the_home_of_somebody_who_exists(tmp_path: Path, written: str, path: str) -> None:
    assert absolute(f"sqlite:///{written}", Path.cwd()) == f"sqlite:///{tmp_path / path}"


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        ("sqlite:////a.db", "mlflow-sqlite"),
        ("https://mlflow.example.org", "mlflow-http"),
        ("postgresql+psycopg://u@h/db", "mlflow-postgresql"),
        ("databricks", "mlflow-databricks"),
        ("databricks://profile", "mlflow-databricks"),
        ("/some/mlruns", "mlflow-files"),
        ("file:///some/mlruns", "mlflow-files"),
    ],
)
def test_other_kinds_of_store_are_named_and_left_as_they_are(uri: str, kind: str) -> None:
    assert absolute(uri, Path("/base")) == uri
    assert (kind_of(uri), sqlite_path(uri) is None) == (kind, kind != "mlflow-sqlite")


def test_a_folder_is_a_store_of_files(tmp_path: Path) -> None:
    assert absolute("mlruns", tmp_path) == str(tmp_path / "mlruns")


def test_a_repository_may_be_named(repository: Path, tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    config = Config(git=GitConfig(repo="../wine.git-project"))
    assert locate(folder, config, folder / "mlops-dash.toml").repository == repository
    assert locate(folder, Config(), None, repo=repository / "src").repository == repository
    with pytest.raises(UsageError, match="there is no folder"):
        locate(folder, Config(), None, repo=tmp_path / "nowhere")
    with pytest.raises(UsageError, match="there is no folder"):
        locate(folder, Config(), None, repo=Path("~nobody-here"))


def test_fault_42_a_bare_repository_is_found(tmp_path: Path) -> None:
    bare = GitProject(tmp_path / "wine.git", bare=True)
    here = locate(bare.root, Config(), None)
    assert (here.repository, here.name) == (bare.root, "wine")


def test_runs_in_files_are_found_where_there_is_no_database(repository: Path) -> None:
    (repository / "mlruns" / ".trash").mkdir(parents=True)
    assert found(repository).tracking is None  # as MLflow: a folder without experiments is none
    (repository / "mlruns" / "0").mkdir()
    (repository / "mlruns" / "0" / "meta.yaml").touch()
    assert found(repository / "src").tracking == str(repository / "mlruns")
    (repository / "mlflow.db").touch()
    assert found(repository).tracking == f"sqlite:///{repository}/mlflow.db"


def test_a_cache_outlives_a_change_of_the_password(repository: Path) -> None:
    first, second, elsewhere = (
        found(repository, option=f"postgresql://{place}/mlflow")
        for place in ("dev1:one@db", "dev1:two@db", "dev1:one@other")
    )
    assert first.identity == second.identity != elsewhere.identity


def test_a_folder_of_runs_is_one_however_it_is_written(repository: Path) -> None:
    ways = ("mlruns", "file:mlruns", f"file://{Path.cwd()}/mlruns", "./mlruns")
    assert len({found(repository, option=way).identity for way in ways}) == 1


@pytest.mark.parametrize(
    "uri", ["databricks", "oracle://dev1:hunter2@h/d", "sqlite://", "file://elsewhere/x"]
)
def test_a_store_of_another_kind_is_refused_with_what_to_do(repository: Path, uri: str) -> None:
    from mlops_dash.project.sources import first_sources

    (source,) = first_sources(found(repository, option=uri), None)
    with pytest.raises(SourceError) as refused:
        list(source.read(Reading(None, KnownNothing())))
    assert refused.value.remedy
    assert "hunter2" not in str(refused.value)
