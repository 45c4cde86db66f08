"""A tracking server that answers as MLflow does, until a test tells it to do something else.

It speaks the REST API as far as it is read: search with the filters, orders and page tokens (offsets, as
MLflow's) that are used. Conformance with MLflow itself is tested on real servers.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

_API = "/api/2.0/mlflow/"
_BOUND = re.compile(r"(?:attributes\.start_time|creation_timestamp) (>|<=) (-?\d+)")
_STATUS = re.compile(r"attributes\.status = '(\w+)'")
_NAMED = re.compile(r"run_id IN \((.*?)\)")

Fault = Callable[["Handler", str, dict[str, Any]], bool]
"""Given a request, its path below the API and its parameters; returns whether it answered itself."""


def run(number: int, experiment: str = "1", **info: Any) -> dict[str, Any]:
    """A finished run as MLflow tells it."""
    name = info.pop("run_id", f"{number:032x}")
    return {
        "info": {
            "run_id": name,
            "run_uuid": name,
            "run_name": f"fit-{number}",
            "experiment_id": experiment,
            "user_id": "dev1",
            "status": "FINISHED",
            "start_time": 1_700_000_000_000 + number * 1000,
            "end_time": 1_700_000_000_500 + number * 1000,
            "lifecycle_stage": "active",
            "artifact_uri": f"mlflow-artifacts:/{experiment}/{name}/artifacts",
            **info,
        },
        "data": {
            "metrics": [{"key": "rmse", "value": number / 8, "timestamp": 1_700_000_000_100, "step": 3}],
            "params": [{"key": "depth", "value": str(number)}],
            "tags": [{"key": "mlflow.user", "value": "dev1"}],
        },
        "inputs": {
            "dataset_inputs": [
                {
                    "dataset": {
                        "name": "wine",
                        "digest": f"d{number % 3}",
                        "source_type": "local",
                        "source": "{}",
                    },
                    "tags": [{"key": "mlflow.data.context", "value": "training"}],
                }
            ]
        },
    }


@dataclass
class Misbehaving:
    """A server on loopback.

    Attributes:
        runs: what it holds; experiments, models, versions, logged_models likewise.
        fault: asked before every answer.
        asked: paths of all requests, with their parameters and headers.
        most: the largest number of requests that were under way at once.
    """

    runs: list[dict[str, Any]] = field(default_factory=list)
    experiments: list[dict[str, Any]] = field(default_factory=list)
    models: list[dict[str, Any]] = field(default_factory=list)
    versions: list[dict[str, Any]] = field(default_factory=list)
    logged_models: list[dict[str, Any]] | None = None
    fault: Fault = lambda *_: False
    asked: list[tuple[str, dict[str, Any], dict[str, str]]] = field(default_factory=list)
    most: int = 0
    context: ssl.SSLContext | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        if not self.experiments:
            self.experiments = [experiment("1", "wine")]
        self.lock = threading.RLock()
        self.under_way = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Handler", (Handler,), {"owner": self}))
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients may go away
        if self.context is not None:
            self._server.socket = self.context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_port
        self.url = f"http{'s' if self.context else ''}://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    def paths(self) -> list[str]:
        with self.lock:
            return [path for path, _, _ in self.asked]

    def answer(self, path: str, given: dict[str, Any]) -> dict[str, Any] | None:
        """What MLflow would answer; ``None`` for what there is not."""
        with self.lock:
            if path == "experiments/search":
                return {"experiments": self.experiments}
            if path == "registered-models/search":
                return _paged("registered_models", self.models, given)
            if path == "model-versions/search":
                return _paged("model_versions", self.versions, given)
            if path == "runs/search":
                return _paged("runs", _searched(self.runs, given, "start_time"), given)
            if path == "logged-models/search" and self.logged_models is not None:
                return _paged("models", _searched(self.logged_models, given, "creation_timestamp_ms"), given)
            if path == "runs/get":
                found = [one for one in self.runs if one["info"]["run_id"] == given["run_id"]]
                return {"run": found[0]} if found else None
            if path == "metrics/get-history":
                return {"metrics": [{"key": given["metric_key"], "value": 0.5, "timestamp": 1, "step": 0}]}
            return None


def experiment(number: str, name: str) -> dict[str, Any]:
    return {
        "experiment_id": number,
        "name": name,
        "artifact_location": f"mlflow-artifacts:/{number}",
        "lifecycle_stage": "active",
        "last_update_time": 1_700_000_000_000,
    }


def _searched(rows: list[dict[str, Any]], given: dict[str, Any], time: str) -> list[dict[str, Any]]:
    condition = given.get("filter", "")
    found = [row for row in rows if row["info"]["experiment_id"] in given["experiment_ids"]]
    for sign, bound in _BOUND.findall(condition):
        limit = int(bound)
        found = [row for row in found if (row["info"][time] > limit) == (sign == ">")]
    if status := _STATUS.search(condition):
        found = [row for row in found if row["info"]["status"] == status[1]]
    if named := _NAMED.search(condition):
        found = [row for row in found if f"'{row['info']['run_id']}'" in named[1]]
    (order,) = given.get("order_by") or ["DESC"]
    newest = not order["ascending"] if isinstance(order, dict) else order.endswith("DESC")
    return sorted(
        found, key=lambda row: ((-1 if newest else 1) * row["info"][time], row["info"].get("run_id", ""))
    )


def _paged(name: str, rows: list[dict[str, Any]], given: dict[str, Any]) -> dict[str, Any]:
    start, size = int(given.get("page_token") or 0), int(given.get("max_results", 1000))
    page: dict[str, Any] = {name: rows[start : start + size]}
    if len(rows) > start + size:
        page["next_page_token"] = str(start + size)
    return page


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    owner: Misbehaving
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {k: v if k == "order_by" else v[0] for k, v in parse_qs(parts.query).items()}
        self._serve(parts.path, query)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self._serve(self.path, json.loads(body))

    def _serve(self, path: str, given: dict[str, Any]) -> None:
        owner = self.owner
        path = path.removeprefix(_API)
        with owner.lock:
            owner.asked.append((path, given, {k.lower(): v for k, v in self.headers.items()}))
            owner.under_way += 1
            owner.most = max(owner.most, owner.under_way)
        try:
            if owner.fault(self, path, given):
                return
            if path in ("/version", "/health"):
                self.say("3.17.2", kind="text/html")
                return
            found = owner.answer(path, given)
        finally:
            with owner.lock:
                owner.under_way -= 1
        if found is None:
            self.say({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none"}, 404)
        else:
            self.say(found)

    def say(self, body: Any, status: int = 200, kind: str = "application/json", **headers: str) -> None:
        """Answer; what is no text is sent as JSON."""
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def hang(self) -> None:
        """Say nothing until the test is over or the client has gone."""
        self.connection.settimeout(0.05)
        while not self.owner.over.is_set():
            try:
                if self.connection.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        self.close_connection = True


def certificate(folder: Path, *, expired: bool = False, host: str = "127.0.0.1") -> tuple[Path, Path]:
    """Write a certificate that vouches for itself, and its key."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    end = now - timedelta(hours=1) if expired else now + timedelta(days=1)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    files = folder / "certificate.pem", folder / "key.pem"
    pem = serialization.Encoding.PEM
    files[0].write_bytes(built.public_bytes(pem))
    plain = serialization.NoEncryption()
    files[1].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return files
