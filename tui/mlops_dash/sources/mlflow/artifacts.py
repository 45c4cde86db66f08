"""The small files that describe a logged model: ``MLmodel`` and its requirements. No model is loaded.

They are read from a folder of this machine, or through the tracking server that keeps them. Other places,
such as buckets, are not read.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from mlops_dash.domain.progress import CancelToken
from mlops_dash.domain.secrets import shown_address
from mlops_dash.domain.text import visible
from mlops_dash.errors import SourceError
from mlops_dash.sources.mlflow.address import Address, Kind

if TYPE_CHECKING:
    from mlops_dash.sources.mlflow.http.exchange import Exchange, Question

LARGEST = 2_000_000
"""Bytes of one file; a description with thousands of columns stays below."""

ANSWER_WITHIN = 3.0
"""Seconds for each answer of a tracking server."""

_PROXY = "/api/2.0/mlflow-artifacts/artifacts/"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")  # one letter is a drive

Fetch = Callable[[str], bytes | None]
"""Returns a file of a model by its name, ``None`` where there is none."""


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """Where a logged model is.

    Attributes:
        location: its folder, as MLflow recorded it: a path or an address.
        run_id: the run that logged it.
        path: where it is among the artifacts of that run, if it is there.
        model_id: its id where MLflow knows it as a logged model.
    """

    location: str
    run_id: str | None = None
    path: str | None = None
    model_id: str | None = None


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files that describe a model, as they are; ``None`` where there is none or it was not needed."""

    mlmodel: bytes
    requirements: bytes | None = None
    conda: bytes | None = None
    python_env: bytes | None = None


class Artifacts:
    """Reads what describes logged models. May be used from several threads.

    Args:
        tracking: the address of the tracking store, absolute.
        folder: what relative locations are looked for in, after the folder of the store.
        answer_within: seconds for each answer of a tracking server.
    """

    def __init__(self, tracking: str | None, folder: Path, *, answer_within: float = ANSWER_WITHIN) -> None:
        self._answer_within = answer_within
        self._address = Address.of(tracking) if tracking else None
        self._folders = [folder]
        path = self._address.path if self._address is not None else None
        if path is not None:
            self._folders.insert(0, path.parent)
        self._exchange: Exchange | None = None
        self._lock = Lock()

    def read(self, place: ModelPlace) -> ModelFiles:
        """Return the files that describe a model.

        Raises:
            SourceError: they could not be read; the message is the reason, for a person.
            Cancelled: it was closed meanwhile.
        """
        fetch = self._fetch(place)
        mlmodel = fetch("MLmodel")
        if mlmodel is None:
            raise SourceError(f"there is no MLmodel in {_shown(place.location)}")
        needs = fetch("requirements.txt")
        conda = fetch("conda.yaml") if needs is None else None
        python = fetch("python_env.yaml") if b"python_version" not in mlmodel else None
        return ModelFiles(mlmodel, needs, conda, python)

    def close(self) -> None:
        """End what is under way and close the connections."""
        with self._lock:
            exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.close()

    def _fetch(self, place: ModelPlace) -> Fetch:
        """Return what fetches the files of a model.

        Raises:
            SourceError: nothing here can.
        """
        location = place.location
        if "\0" in location:
            raise SourceError("its location is no path")
        scheme = found[1].lower() if (found := _SCHEME.match(location)) else ""
        if scheme in ("", "file"):
            folder = self._local(location, scheme)
            if folder is not None:
                return lambda name: read_file(folder, name)
        elif scheme in ("mlflow-artifacts", "http", "https"):
            below = self._proxied(location, scheme)
            return lambda name: self._ask(_PROXY + below + quote(name))
        if self._address is not None and self._address.kind is Kind.HTTP:
            return self._served(place)
        if scheme in ("", "file"):
            raise SourceError(f"there is no folder {_shown(location)} on this machine")
        raise SourceError(f"artifacts in {_shown(location)} are not read")

    # -- on this machine ----------------------------------------------------------------------------

    def _local(self, location: str, scheme: str) -> Path | None:
        """Return the folder of a model if it is there."""
        if scheme:
            split = urlsplit(location)
            if split.netloc not in ("", "localhost"):
                return None
            location = split.path
        plain = os.path.expanduser(location) if location.startswith("~") else location
        for text in dict.fromkeys((plain, unquote(plain))):
            for base in self._folders:
                path = base / text
                if path.is_dir():
                    return path
        return None

    # -- through a tracking server ------------------------------------------------------------------

    def _proxied(self, location: str, scheme: str) -> str:
        """Return the path of a model below the server's artifacts, quoted and with a slash at its end.

        Raises:
            SourceError: it is kept by another server than the one that is read, or leads out of it.
        """
        if self._address is None or self._address.kind is not Kind.HTTP:
            raise SourceError(
                f"artifacts in {_shown(location)} are read through a tracking server only",
                "write its address under [tracking] uri",
            )
        split = urlsplit(location)
        host = split.netloc.rpartition("@")[2]
        path = split.path
        if scheme != "mlflow-artifacts":
            _, anchor, path = path.partition(_PROXY)
            if not anchor:
                raise SourceError(f"artifacts in {_shown(location)} are not read")
        here = urlsplit(self._address.uri)
        if host and host != here.netloc.rpartition("@")[2]:  # our credentials go to no other server
            raise SourceError(f"artifacts of another server are not read: {_shown(location)}")
        return _quoted(path)

    def _served(self, place: ModelPlace) -> Fetch:
        """Return what has the server fetch the files from where it keeps them."""
        if place.model_id is not None:
            route = f"/ajax-api/2.0/mlflow/logged-models/{quote(place.model_id, safe='')}/artifacts/files"
            return lambda name: self._ask(route, {"artifact_file_path": name})
        if place.run_id is None or place.path is None:
            raise SourceError(f"artifacts in {_shown(place.location)} are not read")
        run, path = place.run_id, place.path.strip("/")
        return lambda name: self._ask("/get-artifact", {"run_id": run, "path": f"{path}/{name}"})

    def _ask(self, path: str, query: dict[str, str] | None = None) -> bytes | None:
        from mlops_dash.sources.mlflow.http.exchange import Question
        from mlops_dash.sources.mlflow.http.troubles import ServerError

        exchange = self._opened()
        try:
            return exchange.wait(self._answer(exchange, Question(path, query)), CancelToken())
        except ServerError as error:
            if error.status == 404:
                return None
            raise

    async def _answer(self, exchange: Exchange, question: Question) -> bytes:
        return await exchange.ask(question)

    def _opened(self) -> Exchange:
        from mlops_dash.sources.mlflow.http.access import Access
        from mlops_dash.sources.mlflow.http.exchange import Exchange, Limits

        assert self._address is not None
        with self._lock:
            if self._exchange is None:
                limits = Limits(answer=self._answer_within, connect=2.0, body=LARGEST, pages_at_once=4)
                self._exchange = Exchange(Access.of(self._address.uri), limits)
            return self._exchange


def read_file(folder: Path, name: str) -> bytes | None:
    """Return a small file of a folder, ``None`` where there is none.

    A link is followed within the folder only.

    Raises:
        SourceError: it leads elsewhere, is no plain file, too large, or cannot be read.
    """
    told = f"{name} of {_shown(str(folder))}"
    try:
        inside = os.path.realpath(folder)
        path = os.path.realpath(os.path.join(inside, name))
        if os.path.commonpath((inside, path)) != inside:
            raise SourceError(f"{told} is a link out of the model's folder, which was not followed")
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SourceError(f"{told} cannot be read ({error.strerror})") from None
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise SourceError(f"{told} is no plain file")
        if state.st_size > LARGEST:
            raise SourceError(f"{told} is larger than {LARGEST // 1_000_000} MB")
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(LARGEST)  # one that grows meanwhile is cut
    except OSError as error:
        raise SourceError(f"{told} cannot be read ({error.strerror})") from None
    finally:
        os.close(descriptor)


def _quoted(path: str) -> str:
    parts = [part for part in unquote(path).split("/") if part]
    if any(part in (".", "..") or "\\" in part or "\0" in part for part in parts):
        raise SourceError("its location leads out of the server's artifacts")
    return "".join(f"{quote(part, safe='')}/" for part in parts)


def _shown(location: str) -> str:
    return visible(shown_address(location), 200)
