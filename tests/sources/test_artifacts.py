"""What describes a logged model, read from folders and through tracking servers; no model is loaded."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import httpx  # noqa: F401 - loaded late by the product: not within a test's deadline
import pytest

from mlops_dash.errors import SourceError
from mlops_dash.sources.mlflow.artifacts import LARGEST, Artifacts, ModelPlace, read_file

MLMODEL = b"flavors:\n  python_function:\n    python_version: 3.11.7\n"
NEEDS = b"scikit-learn==1.9.1\n"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder as MLflow logs a model into; its pickle would say so if it were loaded."""
    folder = tmp_path / "project" / "mlruns" / "1" / "models" / "m-1" / "artifacts"
    folder.mkdir(parents=True)
    (folder / "MLmodel").write_bytes(MLMODEL)
    (folder / "requirements.txt").write_bytes(NEEDS)
    (folder / "model.pkl").write_bytes(b"cos\nsystem\n(S'touch loaded'\ntR.")
    return folder


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Callable[..., object]]:
    """Read a location, with the tracking store of the project in ``tmp_path``."""
    opened: list[Artifacts] = []

    def ask(location: object, tracking: str | None = None, **place: str):
        store = f"sqlite:///{tmp_path}/project/mlflow.db" if tracking is None else tracking
        opened.append(Artifacts(store, tmp_path, answer_within=1.0))
        return opened[-1].read(ModelPlace(str(location), **place))

    yield ask
    for artifacts in opened:
        artifacts.close()


def test_a_folder_named_in_every_way(model, read, tmp_path):
    relative = model.relative_to(tmp_path / "project")
    for location in (
        model, f"{model}/", f"file://{model}", f"file:{model}", f"file://localhost{model}",
        relative, f"./{relative}", f"project/{relative}",
    ):  # fmt: skip
        files = read(location)
        assert (files.mlmodel, files.requirements) == (MLMODEL, NEEDS), location
        assert (files.conda, files.python_env) == (None, None)
    assert not Path("loaded").exists()


def test_names_with_blanks_and_percent_signs(model, read, tmp_path):
    for name in ("a b", "50%", "%20", "é"):
        model = model.rename(tmp_path / name)
        assert read(model).mlmodel == MLMODEL
        assert read(model.as_uri()).mlmodel == MLMODEL


def test_without_requirements_the_conda_file_is_read(model, read):
    (model / "requirements.txt").unlink()
    (model / "conda.yaml").write_bytes(b"dependencies: [python=3.11]\n")
    assert read(model).conda == b"dependencies: [python=3.11]\n"
    (model / "MLmodel").write_bytes(b"flavors: {}\n")
    (model / "python_env.yaml").write_bytes(b"python: 3.12.1\n")
    assert read(model).python_env == b"python: 3.12.1\n"


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("/nowhere/at/all", "there is no folder /nowhere/at/all on this machine"),
        ("file://elsewhere/mlruns/1", "there is no folder"),
        ("s3://bucket/1/model", "artifacts in s3://bucket/1/model are not read"),
        ("gs://user:secret@bucket/x?token=hidden", "artifacts in gs://bucket/x are not read"),
        ("dbfs:/x", "are not read"),
        ("models:/m-1", "are not read"),
        ("mlflow-artifacts:/1/x", "through a tracking server only"),
        ("http://example.com/api/2.0/mlflow-artifacts/artifacts/1", "through a tracking server only"),
        ("a\0b", "is no path"),
        ("", "there is no MLmodel"),
    ],
)
def test_what_is_not_read_is_told(read, location, told):
    with pytest.raises(SourceError) as raised:
        read(location)
    assert told in raised.value.message
    assert "secret" not in str(raised.value)
    assert "hidden" not in str(raised.value)


def test_links_within_the_folder_are_followed_and_others_are_not(model, read, tmp_path):
    (model / "requirements.txt").rename(model / "pinned.txt")
    (model / "requirements.txt").symlink_to("pinned.txt")
    assert read(model).requirements == NEEDS
    outside = tmp_path / "outside"
    outside.write_text("secret==1\n")
    (model / "requirements.txt").unlink()
    (model / "requirements.txt").symlink_to(outside)
    with pytest.raises(SourceError, match="link out of the model's folder"):
        read(model)
    link = tmp_path / "store"  # the folder itself may be a link: people keep artifacts on another disk
    link.symlink_to(model)
    (model / "requirements.txt").unlink()
    assert read(link).mlmodel == MLMODEL


def test_what_is_no_plain_small_file_is_refused_at_once(model):
    (model / "large").write_bytes(b"x" * (LARGEST + 1))
    os.mkfifo(model / "pipe")
    (model / "loop").symlink_to("loop")
    (model / "folder").mkdir()
    for name, told in (
        ("large", "larger than 2 MB"), ("pipe", "no plain file"), ("folder", "no plain file"),
        ("loop", "cannot be read"),
    ):  # fmt: skip
        with pytest.raises(SourceError, match=told):
            read_file(model, name)
    assert read_file(model, "nothing") is None


# through a tracking server


class Server:
    """Serves files by their paths, as MLflow's proxy does; ``asked`` are the requests."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.asked: list[str] = []
        self.status = 404
        self.over = threading.Event()
        self.hangs = False
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.asked.append(self.path)
                if owner.hangs:
                    owner.over.wait(30)
                    return
                split = urlsplit(self.path)
                query = parse_qs(split.query)
                name = unquote(split.path)
                for key in ("path", "artifact_file_path"):
                    name += f"?{query[key][0]}" if key in query else ""
                content = owner.files.get(name)
                self.send_response(200 if content is not None else owner.status)
                self.send_header("Content-Type", "application/octet-stream")
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.place = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.place}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


PROXY = "/api/2.0/mlflow-artifacts/artifacts/"


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[dict[str, bytes]], Server]]:
    """Start servers of files; nobody's credentials are sent."""
    monkeypatch.setenv("HOME", str(tmp_path))
    servers: list[Server] = []

    def start(files: dict[str, bytes]) -> Server:
        servers.append(Server(files))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def test_artifacts_that_the_server_proxies(serve, read):
    folder = f"{PROXY}1/models/m 1/artifacts"
    server = serve({f"{folder}/MLmodel": MLMODEL, f"{folder}/requirements.txt": NEEDS})
    for location in (
        "mlflow-artifacts:/1/models/m 1/artifacts",
        f"mlflow-artifacts://{server.place}/1/models/m%201/artifacts/",
        f"{server.url}{PROXY}1/models/m%201/artifacts",
    ):
        files = read(location, server.url)
        assert (files.mlmodel, files.requirements) == (MLMODEL, NEEDS)
    with pytest.raises(SourceError, match="there is no MLmodel"):
        read("mlflow-artifacts:/2/nothing", server.url)


def test_artifacts_that_the_server_fetches_from_where_it_keeps_them(serve, read):
    files = {
        "/get-artifact?model/MLmodel": MLMODEL,
        "/get-artifact?model/requirements.txt": NEEDS,
        "/ajax-api/2.0/mlflow/logged-models/m-1/artifacts/files?MLmodel": MLMODEL,
    }
    server = serve(files)
    found = read("s3://bucket/1/r/artifacts/model", server.url, run_id="r", path="model")
    assert (found.mlmodel, found.requirements) == (MLMODEL, NEEDS)
    assert "run_id=r" in server.asked[0]
    found = read("/of/the/server", server.url, run_id="r", path="model", model_id="m-1")
    assert (found.mlmodel, found.requirements) == (MLMODEL, None)
    with pytest.raises(SourceError, match="are not read"):
        read("s3://bucket/x", server.url)


@pytest.mark.parametrize(
    "location",
    [
        "mlflow-artifacts:/../../secret", "mlflow-artifacts:/a/%2e%2e/b", "mlflow-artifacts:/a/..%2fb",
        "mlflow-artifacts://elsewhere.example/1/x", "http://elsewhere.example/1/x",
        f"http://elsewhere.example{PROXY}1/x",
    ],
)  # fmt: skip
def test_nothing_is_asked_elsewhere(serve, read, location):
    server = serve({})
    with pytest.raises(SourceError):
        read(location, server.url)
    assert server.asked == []


def test_a_server_that_hangs_or_fails_is_bounded(serve, read):
    server = serve({})
    server.status = 403
    with pytest.raises(SourceError, match="credentials"):
        read("mlflow-artifacts:/1/x", server.url)
    server.files = {f"{PROXY}1/x/MLmodel": b"x" * (LARGEST + 1)}
    with pytest.raises(SourceError, match="larger than 2 MB"):
        read("mlflow-artifacts:/1/x", server.url)
    server.hangs = True
    started = time.monotonic()
    with pytest.raises(SourceError, match="no complete answer within 1 s"):
        read("mlflow-artifacts:/1/x", server.url)
    assert time.monotonic() - started < 2.5
