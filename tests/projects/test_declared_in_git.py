"""Environments whose version stands in Git: on Live, with or without something to ask."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from git_projects import GitProject
from git_teams import FIELD, MANIFEST, PATH, TEMPLATE, Team
from mlops_dash.domain.environments import Basis
from mlops_dash.project import open_project


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_DASH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def ada(tmp_path: Path) -> GitProject:
    return Team(tmp_path / "team").clone("ada")


@pytest.fixture
def server() -> Iterator[str]:
    """A server that says that it serves version 7."""

    class Says(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"version": "7"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Says) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{made.server_address[1]}"
        made.shutdown()


def configure(ada: GitProject, target: str = "", environment: str = "") -> None:
    ada.write(
        "mlops-dash.toml",
        f'[environments.production]\nmodel = "wine"\n{environment}\n[environments.production.target]\n'
        f'kind = "gitops"\npath = "{PATH}"\nfield = "{FIELD}"\nvalue = "{TEMPLATE}"\n{target}\n',
    )


def test_a_manifest_declares_the_version(ada: GitProject) -> None:
    configure(ada)
    with open_project(ada.root) as project:
        project.refresh()
        (row,) = project.live().environments
        assert row.declared is not None
        assert (row.live, row.basis, row.target) == ("6", Basis.DECLARED, "gitops")
        assert (row.declared.via, row.declared.alias, row.by) == ("manifest", PATH, "Ada")
        assert row.declared.commit == ada.git("rev-parse", "origin/main")
        assert row.since is not None
        assert row.code is None  # the commit that deploys a version is not the one that made it
        (status,) = [s for s in project.statuses() if s.name == "manifests"]
        assert (status.status, status.counts) == ("ok", "1 manifest")
        assert project.observe() == ()
        columns, rows = (
            project.sql("select version, author from manifests").columns,
            project.sql("select after, subject from manifest_changes").rows,
        )
        assert columns == ("version", "author")
        assert rows == (("6", "Version 6 in production"),)


def test_with_http_what_serves_is_asked(ada: GitProject, server: str) -> None:
    configure(ada, f'http = {{ url = "{server}", identity = "/", version = "$.version", health = "/" }}')
    with open_project(ada.root) as project:
        project.refresh()
        (row,) = project.live().environments
        assert (row.live, row.basis) == (None, Basis.UNKNOWN)
        (seen,) = project.observe()
        assert (seen.target, seen.version) == ("gitops", "7")
        (row,) = project.live().environments
        assert (row.live, row.basis, row.drift) == ("7", Basis.OBSERVED, True)
        assert any("the manifest says v6" in str(item) for item in row.attention)


def test_an_alias_of_that_name_does_not_decide(ada: GitProject) -> None:
    configure(ada)
    with open_project(ada.root) as project:
        project.refresh()
        import pyarrow as pa

        from mlops_dash.sources.base import Apply, Batch

        rows = pa.table({"name": ["wine"], "alias": ["production"], "version": ["3"]})
        project.store.apply(Batch("model_alias", rows, Apply.REPLACE))
        (row,) = project.live().environments
        assert row.live == "6"


def test_a_manifest_that_cannot_be_read_declares_nothing(ada: GitProject) -> None:
    configure(ada)
    ada.write(PATH, MANIFEST + "---\nx: 1\n")
    ada.git("commit", "-qam", "Two documents")
    ada.git("push", "-q", "origin", "main")
    with open_project(ada.root) as project:
        project.refresh()
        (row,) = project.live().environments
        assert (row.live, row.basis, row.declared) == (None, Basis.UNKNOWN, None)
        (status,) = [s for s in project.statuses() if s.name == "manifests"]
        assert "2 documents" in (status.detail or "")


def test_without_such_a_target_nothing_is_said_of_manifests(ada: GitProject) -> None:
    with open_project(ada.root) as project:
        project.refresh()
        assert "manifests" not in [s.name for s in project.statuses()]


def test_a_gto_target_goes_by_tags_even_where_an_alias_has_that_name(ada: GitProject) -> None:
    ada.tag("wine@v1.0.0")
    ada.tag("wine#production#1")
    ada.write("mlops-dash.toml", '[environments.production]\nmodel = "wine"\ntarget = { kind = "gto" }\n')
    with open_project(ada.root) as project:
        project.refresh()
        import pyarrow as pa

        from mlops_dash.sources.base import Apply, Batch

        rows = pa.table({"name": ["wine"], "alias": ["production"], "version": ["3"]})
        project.store.apply(Batch("model_alias", rows, Apply.REPLACE))
        (row,) = project.live().environments
        assert row.declared is not None
        assert (row.live, row.target, row.declared.via) == ("v1.0.0", "gto", "gto")
        assert row.basis is Basis.DECLARED
