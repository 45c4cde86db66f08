"""No password, token or signed address is in anything that is written, whatever fails."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from conformance import planting
from conformance.planting import Planted

RUN = Path(__file__).with_name("run_logging.py")
pytestmark = pytest.mark.campaign


class Gossip(BaseHTTPRequestHandler):
    """A server that tells everybody what it was sent: in its body, its headers and where it leads to."""

    def do_GET(self) -> None:
        told = f"{self.requestline}\n{self.headers}"
        status, kind = (302, "text/html") if "/redirect" in self.path else (401, "application/json")
        if urlsplit(self.path).path.endswith(("/health", "/version")):
            status = 500
        body = f'{{"error_code": "UNAUTHENTICATED", "message": {told!r}}}'.encode()
        self.send_response(status, " ".join(told.split())[:500])
        self.send_header("Content-Type", kind)
        self.send_header(
            "Location", f"https://u:p@elsewhere.example.com/?sent={self.headers['Authorization']}"
        )
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the library's name

    def log_message(self, *arguments: object) -> None:
        """Nothing on standard error."""


@dataclass
class Project:
    """A project with secrets in it, and where the dashboard may write."""

    planted: Planted
    folder: Path
    places: Path
    environment: dict[str, str]
    addresses: dict[str, str]
    run_id: str = ""

    def say(self, *verbs: tuple[str, ...], before: tuple[str, ...] = (), crash: bool = False) -> bytes:
        """Run verbs one after the other; return all that they said, with their exit codes."""
        words = [word for verb in verbs for word in ("--then", *before, *verb)][1:]
        command = [sys.executable, str(RUN), "crash" if crash else "-", *words]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, timeout=240
        )
        assert done.stdout.count(b"exit ") >= len(verbs), done.stderr.decode(errors="replace")[-3000:]
        return done.stdout + done.stderr

    def tells(
        self, store: str, *verbs: tuple[str, ...], more: tuple[str, ...] = (), crash: bool = False
    ) -> bytes:
        """Run verbs on a store; no secret may be in what they say or write."""
        said = self.say(*verbs, before=(*more, "--tracking-uri", self.addresses[store]), crash=crash)
        lines = [line for line in said.splitlines() if self.planted.found_in(line)]
        assert lines == [], self.planted.found_in(b"".join(lines))
        assert self.leaks() == {}
        return said

    def leaks(self) -> dict[str, list[str]]:
        """What stands in the files that were written, by file."""
        folders = [self.places / name for name in ("cache", "state", "tmp")]
        found = {name: self.planted.found_in(text) for name, text in planting.everything_written(folders)}
        return {name: leaked for name, leaked in found.items() if leaked}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    places = tmp_path_factory.mktemp("secrets")
    for name in ("home", "cache", "state", "tmp", "project", "store"):
        (places / name).mkdir()
    planted, folder = Planted(), places / "project"
    environment = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
    environment |= planting.plant_environment(planted, places / "home")
    environment |= {
        "HOME": str(places / "home"),
        "TMPDIR": str(places / "tmp"),
        "MLOPS_DASH_CACHE_DIR": str(places / "cache"),
        "MLOPS_DASH_STATE_DIR": str(places / "state"),
    }
    planting.plant_repository(planted, folder)
    planting.plant_store(planted, places / "store" / "mlflow.db")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gossip)
    closed = ThreadingHTTPServer(("127.0.0.1", 0), Gossip)
    closed.server_close()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    port = server.server_address[1]
    (folder / "mlops-dash.toml").write_text(planting.configuration(port))
    known = planting.addresses(
        planted, port, closed.server_address[1], places / "store" / "mlflow.db", folder
    )
    yield Project(planted, folder, places, environment, known)
    server.shutdown()
    server.server_close()
    thread.join()


STORES = (
    "sqlite", "server", "server down", "no TLS", "query", "postgresql", "postgresql elsewhere",
    "postgresql unescaped", "mysql", "mysql unescaped", "mssql", "unknown", "no scheme", "files",
)  # fmt: skip
VERBS = (("live",), ("sync",), ("doctor", "--json"))
ALL_VERBS = (
    *VERBS,
    ("live", "--json"),
    ("live", "--csv"),
    ("sync", "--json"),
    ("doctor",),
    ("trace", "production"),
    ("trace", "production", "--json"),
    ("trace", "models:/quality/1", "--json"),
    ("trace", "models:/quality/2"),
    *(("sql", f"from {view}", "--json") for view in ("runs", "tags", "params", "versions", "datasets")),
    *(("sql", f"from {view}") for view in ("sources", "commits", "refs", "observations", "git_state")),
    ("config", "check"),
    ("config", "check", "--json"),
)


def test_there_are_enough_of_them(project: Project) -> None:
    assert len(set(project.planted.secrets.values())) >= 50
    assert set(STORES) == set(project.addresses)


@pytest.mark.parametrize("store", STORES)
def test_verbs_tell_no_secret(project: Project, store: str) -> None:
    said = project.tells(store, *(ALL_VERBS if store in ("sqlite", "server") else VERBS))
    assert b"mlops-dash.toml, line" not in said, "the configuration itself is right"
    if store == "sqlite":
        assert b"https://bucket.example.com/a/b" in said, "the addresses themselves are kept"


def test_a_crash_tells_no_secret(project: Project) -> None:
    for store in ("server", "postgresql unescaped", "mysql"):
        said = project.tells(store, ("live",), crash=True)
        assert b"exit 1" in said
        assert b"an error of its own" in said
    assert list((project.places / "state" / "errors").glob("*.log"))


def test_a_configuration_that_is_wrong_tells_no_secret(project: Project, tmp_path: Path) -> None:
    secret, query = (project.planted.secret(f"target's {part}") for part in ("user", "query"))
    start = '[environments.production]\nmodel = "quality"\ntarget = { kind = "http", version = "$.v", '
    wrong = tmp_path / "mlops-dash.toml"
    verbs = (("live",), ("config", "check"), ("config", "check", "--json"), ("doctor",))
    for rest in (
        f'url = "https://dev1:{secret}@h.example.com", identity = "/v" }}\n',
        f'url = "https://h.example.com", identity = "/v?token={query}" }}\n',
    ):
        wrong.write_text(start + rest)
        said = project.tells("sqlite", *verbs, more=("--config", str(wrong)))
        assert b"exit 0" not in said


def test_a_configuration_that_is_written_holds_no_secret(project: Project, tmp_path: Path) -> None:
    for store in ("server", "mysql unescaped"):
        target = tmp_path / store / "mlops-dash.toml"
        target.parent.mkdir()
        subprocess.run(["git", "init", "-q"], cwd=target.parent, check=True)
        project.tells(store, ("config", "init"), more=("--project", str(target.parent)))
        assert project.planted.found_in(target.read_bytes()) == []


@pytest.mark.parametrize("store", ["sqlite", "server", "postgresql unescaped"])
async def test_screens_show_no_secret(project: Project, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlops_dash.project import open_project
    from mlops_dash.ui.app import Opening
    from mlops_dash.ui.dashboard import Dashboard
    from ui.driving import lines, press, settle

    for name in os.environ:
        if name.startswith(("MLFLOW_", "MLOPS_DASH_")):
            monkeypatch.delenv(name)
    for name, value in project.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(project.folder)
    opening = Opening(lambda: open_project(tracking_uri=project.addresses[store]))
    glance = project.places / "cache" / "glances" / f"{store}.msgpack"
    app = Dashboard(opening, seen=None, place=glance)
    opening.start().result()
    seen: list[str] = []
    async with app.run_test(size=(160, 45)) as pilot:
        await settle(pilot)
        for keys in (("r",), ("v",), ("v",), ("enter",), ("down", "down", "enter"), ("question_mark",)):
            await press(pilot, *keys)
            seen += [*lines(pilot), app.export_screenshot()]
    assert app.let_go()
    assert app.problems == []
    assert project.planted.found_in("\n".join(seen).encode()) == []
    assert glance.is_file()
    assert project.leaks() == {}
