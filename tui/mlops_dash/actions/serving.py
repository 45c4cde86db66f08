"""What a model server is given: where its model is, and the environment that it runs in."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlops_dash.errors import RefusedError

# credentials of the infrastructure, which a served model has no use for
_SECRET_PREFIXES = tuple("MLFLOW_TRACKING_ AWS_ AZURE_ GOOGLE_ ARM_ CI_JOB_ VAULT_ DATABRICKS_".split())
_SECRET_NAMES = frozenset(
    "GITHUB_TOKEN GH_TOKEN GITLAB_TOKEN DATABASE_URL PGPASSWORD KUBECONFIG SSH_AUTH_SOCK"
    " NPM_TOKEN TWINE_PASSWORD UV_PUBLISH_TOKEN".split()
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a server is to serve.

    Attributes:
        location: local folder of the model, or a URI that the server downloads it from.
        tracking_uri: http(s) address of the tracking server, needed for such a URI only.
    """

    environment: str
    model: str
    version: str
    location: str
    run_id: str | None = None
    model_id: str | None = None
    tracking_uri: str | None = None


def model_location(candidates: Sequence[str | None], root: Path) -> str:
    """Return where a model is loaded from: the first candidate that is a model's folder on this machine,
    else the first that is remote.

    Args:
        candidates: artifact locations as the tracking store holds them, best first; ``None`` is passed over.
        root: folder that relative paths start from.

    Raises:
        RefusedError: none can be used; names what was tried.
    """
    places = [place for place in candidates if place]
    for place in places:
        folder = local_folder(place, root)
        if folder is not None and (folder / "MLmodel").is_file():
            return str(folder)
    for place in places:
        if urlsplit(place).scheme in {"http", "https", "s3", "gs", "abfss", "wasbs", "mlflow-artifacts"}:
            return place
    if not places:
        raise RefusedError("The tracking store does not say where this model's artifacts are.")
    raise RefusedError(f"The model's artifacts are gone: no model in {places[0]}.", "Choose another version.")


def local_folder(place: str, root: Path) -> Path | None:
    """Return a path or ``file:`` URI as a folder, ``None`` for an address elsewhere."""
    parts = urlsplit(place)
    if parts.scheme == "file":
        return Path(unquote(parts.path)) if parts.netloc in {"", "localhost"} else None
    if len(parts.scheme) > 1:
        return None
    return root / Path(place).expanduser()


def check_location(wanted: Wanted) -> None:
    """Raise :class:`RefusedError` where a server could not get at its model."""
    remote = _is_remote(wanted.location)
    if not remote and not os.path.isfile(os.path.join(wanted.location, "MLmodel")):
        raise RefusedError(
            f"The artifacts of version {wanted.version} are gone: no model in {wanted.location}.",
            "Choose another version.",
        )
    through_server = wanted.location.startswith(("mlflow-artifacts:", "models:", "runs:"))
    if through_server and not _is_server(wanted.tracking_uri):
        # a client given a database would migrate it
        raise RefusedError(f"{wanted.location} can be downloaded through a tracking server only.")


def _is_server(uri: str | None) -> bool:
    return uri is not None and uri.startswith(("http://", "https://"))


def _is_remote(location: str) -> bool:
    return len(urlsplit(location).scheme) > 1


def child_environment(own: Mapping[str, str], wanted: Wanted) -> dict[str, str]:
    """Return the environment of a server: ours without the infrastructure's credentials, which only the
    download of a remote model needs."""
    remote = _is_remote(wanted.location)
    environment = {
        name: value
        for name, value in own.items()
        if remote or not (name in _SECRET_NAMES or name.startswith(_SECRET_PREFIXES))
    }
    environment.pop("MLFLOW_TRACKING_URI", None)
    if remote and wanted.tracking_uri and _is_server(wanted.tracking_uri):
        environment["MLFLOW_TRACKING_URI"] = wanted.tracking_uri
    return environment | {"MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONUNBUFFERED": "1"}
