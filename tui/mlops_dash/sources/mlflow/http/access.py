"""How a tracking server is reached: address, credentials and TLS, as MLflow's users set them.

The variables and their precedence are those of MLflow's own client (``mlflow/utils/credentials.py`` and
``mlflow/utils/rest_utils.py``): user name and password together, else a token; a pair in the address goes
before both, as in ``requests``, which MLflow uses. Where the environment has no user name or no password,
``~/.mlflow/credentials`` is looked at.
"""

from __future__ import annotations

import base64
import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from mlops_dash.errors import SourceError
from mlops_dash.sources.mlflow.address import shown

if TYPE_CHECKING:
    import ssl

CREDENTIALS = Path("~/.mlflow/credentials")
_UNSUPPORTED = ("MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4")  # plug-ins of MLflow's client
_YES = frozenset({"1", "true", "yes"})
_CERTIFICATES = "MLFLOW_TRACKING_SERVER_CERT_PATH"
_ALSO_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # read by the library that MLflow uses
_CLIENT = "MLFLOW_TRACKING_CLIENT_CERT_PATH"
_INSECURE = "MLFLOW_TRACKING_INSECURE_TLS"


@dataclass(frozen=True, slots=True)
class Access:
    """How one server is reached.

    Attributes:
        base: the address without user info, query and last slash.
        shown: the address as a person may see it.
        host: its host name.
        authorization: value of the header that says who asks; in no ``repr``.
        identity: where that comes from, for a person.
        insecure: do not verify the server's certificate.
        certificates: file with the certificates that are trusted, and the variable that names it.
        client: file with our own certificate and its key.
        workspace: which of the server's workspaces is read.
        unsupported: a variable that is set and asks for a way to sign in that is not known here.
    """

    base: str
    shown: str
    host: str
    authorization: str | None = field(repr=False)
    identity: str
    insecure: bool = False
    certificates: tuple[str, str] | None = None
    client: str | None = None
    workspace: str | None = None
    unsupported: str | None = None

    @classmethod
    def of(cls, uri: str, environ: Mapping[str, str] | None = None) -> Access:
        """Read the address and the environment, as they are now.

        Raises:
            SourceError: the address or a credential cannot be used.
        """
        environ = os.environ if environ is None else environ
        seen = shown(uri)
        try:
            parts = urlsplit(uri)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in ("http", "https"):
            raise SourceError(
                f"this is no address of a tracking server: {seen}",
                "Write http://HOST:PORT or https://HOST under [tracking] uri, in MLFLOW_TRACKING_URI or "
                "with --tracking-uri; encode special characters of a password (@ is %40).",
            )
        place = parts.netloc.rpartition("@")[2]
        identity, authorization = _who(parts.username, parts.password, environ)
        if authorization is not None and not _fits_a_header(authorization):
            raise SourceError(
                f"{identity} holds characters that cannot be sent, such as a line break",
                "Set it again without them.",
            )
        named = ((name, environ[name]) for name in (_CERTIFICATES, *_ALSO_CERTIFICATES) if environ.get(name))
        return cls(
            urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", "")),
            seen,
            host,
            authorization,
            identity,
            environ.get(_INSECURE, "").strip().lower() in _YES,
            next(named, None),
            environ.get(_CLIENT) or None,
            workspace if _fits_a_header(workspace := environ.get("MLFLOW_WORKSPACE", "")) else None,
            next(
                (name for name in _UNSUPPORTED if environ.get(name, "").lower() not in ("", "0", "false")),
                None,
            ),
        )

    @property
    def encrypted(self) -> bool:
        """Whether TLS is spoken."""
        return self.base.startswith("https:")

    def context(self) -> ssl.SSLContext | bool:
        """Return what verifies the server, and shows our own certificate.

        Raises:
            SourceError: a file of certificates cannot be used.
        """
        import ssl

        if not self.encrypted:
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody; loading certificates takes 20 ms
        import httpx

        variable, file = self.certificates or ("", "")
        try:
            if not file:
                context = httpx.create_ssl_context()
            elif os.path.isdir(file):
                context = ssl.create_default_context(capath=file)
            else:
                context = ssl.create_default_context(cafile=file)
            if self.insecure:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            variable, file = _CLIENT, self.client or ""
            if file:
                context.load_cert_chain(file, password=lambda: "")
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            unreadable = isinstance(error, OSError) and not isinstance(error, ssl.SSLError)
            reason = "it cannot be read" if unreadable else "it is not PEM"
            raise SourceError(
                f"the file that {variable} names cannot be used ({reason}): {file}",
                f"Let {variable} name a readable PEM file"
                + (" with certificate and unencrypted key." if variable == _CLIENT else "."),
            ) from None
        return context


def _who(user: str | None, password: str | None, environ: Mapping[str, str]) -> tuple[str, str | None]:
    """Return where the credentials come from, and the header's value."""
    if user or password:
        return "the user info of the address", _basic(unquote(user or ""), unquote(password or ""))
    filed = _filed(environ)
    names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
    found = [environ.get(name) or filed.get(name.lower()) for name in names]
    if found[0] and found[1]:
        where = " and ".join(names) if environ.get(names[1]) else str(CREDENTIALS)
        return where, _basic(found[0], found[1])
    token = environ.get("MLFLOW_TRACKING_TOKEN")
    if token:
        return "MLFLOW_TRACKING_TOKEN", f"Bearer {token}"
    return "no credentials", None


def _filed(environ: Mapping[str, str]) -> Mapping[str, str]:
    home = environ.get("HOME")
    path = Path(home, *CREDENTIALS.parts[1:]) if home else CREDENTIALS.expanduser()
    parser = configparser.ConfigParser()
    try:
        parser.read(path, encoding="utf-8")
        return dict(parser["mlflow"]) if parser.has_section("mlflow") else {}
    except (configparser.Error, OSError, UnicodeError):
        raise SourceError(
            f"the file of MLflow's credentials cannot be read: {CREDENTIALS}",
            "It is an INI file: [mlflow], then mlflow_tracking_username = … and mlflow_tracking_password = …",
        ) from None


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.standard_b64encode(f"{user}:{password}".encode()).decode("ascii")


def _fits_a_header(text: str) -> bool:
    return text.isascii() and text.isprintable() and text == text.strip()
