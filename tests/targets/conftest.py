from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import httpx  # noqa: F401 - loaded late by the product: not within a test's deadline
import pytest

from mlops_dash.config import HttpTarget
from mlops_dash.targets.base import Place
from mlops_dash.targets.http import HttpServer
from targets.loopback import Loopback, Script


@pytest.fixture
def serve() -> Iterator[Callable[[Script], Loopback]]:
    """Start real servers that follow a script."""
    servers: list[Loopback] = []

    def start(script: Script) -> Loopback:
        servers.append(Loopback(script))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nothing listens: its port is bound, so that nobody else takes it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


PLACE = Place("production", "progression", "production")


@pytest.fixture
def target() -> Callable[..., HttpServer]:
    """Make an http target that reads ``$.version`` of ``/metadata`` unless told otherwise."""

    def make(url: str, **settings: object) -> HttpServer:
        defaults: dict[str, object] = {"timeout": 5.0}
        if "preset" not in settings:
            defaults |= {
                "identity": "/metadata",
                "version": "$.version",
                "run": "$.run_id",
                "health": "/health",
            }
        return HttpServer(PLACE, HttpTarget(url=url, **(defaults | settings)))  # type: ignore[arg-type]

    return make


@pytest.fixture
def serve_tls(tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Start a TLS listener with a certificate that nobody vouches for."""
    listeners: list[socket.socket] = []

    def start() -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*_certificate(tmp_path))
        listening = socket.create_server(("127.0.0.1", 0))
        listeners.append(listening)
        threading.Thread(target=_shake_hands, args=(listening, context), daemon=True).start()
        return f"https://127.0.0.1:{listening.getsockname()[1]}"

    yield start
    for listening in listeners:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def _shake_hands(listening: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):
            context.wrap_socket(connection, server_side=True).close()


def _certificate(folder: Path) -> tuple[Path, Path]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(pem, pkcs8, plain))
    return certificate_file, key_file
