"""Runs commands on a Ray cluster, through the Jobs API of its dashboard (docs.ray.io, "Ray Jobs REST API").

A job's submission id is made of the task's id: the same cannot be submitted twice, and it is found again
where nobody could note that it was.
"""

from __future__ import annotations

import json
import logging
import os
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from mlops_dash.domain.text import visible
from mlops_dash.errors import OutcomeUnknownError, RefusedError
from mlops_dash.runners import cluster
from mlops_dash.runners.base import Job, JobState, Task, ended, read_state

if TYPE_CHECKING:
    import httpx

DEFAULT_ADDRESS = "http://127.0.0.1:8265"
_PATIENCE = 30.0  # seconds for one answer; the first job of a head takes 5
_STOPS_WITHIN = 12.0  # seconds for the launcher to end the command
_LARGEST = 1_000_000  # bytes of an answer
_OWN_FIELDS = {"CPU": "entrypoint_num_cpus", "GPU": "entrypoint_num_gpus", "memory": "entrypoint_memory"}
_OVER = {"STOPPED", "SUCCEEDED", "FAILED"}
_TOKEN_FILE = Path("~/.ray/auth_token")


class RayRunner:
    """A Ray cluster, as its head's dashboard tells.

    Args:
        address: of the dashboard, such as ``http://127.0.0.1:8265``.
        resources: what a command needs, by Ray's names: ``CPU``, ``GPU``, ``memory`` (bytes), others.
        patience: seconds that one answer may take.
        settles: seconds until files that a node wrote are seen here.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        resources: Mapping[str, float] | None = None,
        patience: float = _PATIENCE,
        settles: float = 10.0,
    ) -> None:
        self._address = address.rstrip("/")
        self._resources = dict(resources or {})
        self._patience = patience
        self._settles = settles

    def check(self) -> str:
        """Do :meth:`Runner.check`."""
        for name, amount in self._resources.items():
            if not amount > 0:
                raise RefusedError(
                    f"{amount:g} of {visible(name, 60)!r} is no amount that Ray could give",
                    "write resources under [rebuild] as name = number, e.g. GPU = 1",
                )
        said = self._ask("GET", "/api/version")
        version = said.told.get("ray_version")
        if said.code != 200 or not isinstance(version, str):
            raise RefusedError(f"no Ray cluster answers at {self._shown}: {said.words}", said.remedy)
        return f"Ray {visible(version, 40)} answers at {self._shown}"

    def start(self, task: Task) -> str:
        """Do :meth:`Runner.start`."""
        self.check()
        if self._look(task).code == 404:
            self._submit(task)
        with suppress(OSError):  # without it, it is found by its id
            (task.folder / "ray.json").write_text(json.dumps({"job": cluster.name_of(task)}), "utf-8")
        return f"Ray job {cluster.name_of(task)}"

    def look(self, task: Task) -> Job:
        """Do :meth:`Runner.look`."""
        end = ended(task)
        if end is not None:
            return end
        began = read_state(task, "state") is not None
        if not (task.folder / "task.json").exists():
            return Job(JobState.ABSENT)
        where = f"Ray job {cluster.name_of(task)}"
        try:
            said = self._look(task)
        except RefusedError as error:
            return Job(JobState.UNKNOWN, words=error.message, where=where)
        if said.code == 404:
            if not began and read_state(task, "ray") is None:
                return Job(JobState.ABSENT)
            return cluster.over(task, where, f"Ray does not know {where} any more", self._settles)
        status = said.told.get("status")
        if said.code != 200 or not isinstance(status, str):
            return Job(JobState.UNKNOWN, words=f"Ray does not answer: {said.words}", where=where)
        if status in _OVER:
            why = f"{where} is {status}{said.message(': ')}"
            return cluster.over(task, where, visible(why, 300), self._settles)
        if status == "PENDING" and not began:
            if cluster.asked_to_stop(task):  # Ray stops it once it has room for it, the launcher at once
                words = "cancelled before it began"
                return Job(JobState.ENDED, how="cancelled", words=words, where=where)
            needs = ", ".join(f"{amount:g} {name}" for name, amount in self._resources.items())
            words = f"{where} waits{f' for {needs}' if needs else ''}"
            return Job(JobState.QUEUED, words=visible(words, 200), where=where)
        node = urlsplit(str(said.told.get("driver_agent_http_address") or "")).hostname
        words = visible(f"{where} on {node or 'a node'}", 200)
        running = (read_state(task, "state") or {}).get("state") == "running"
        return Job(JobState.RUNNING if running else JobState.QUEUED, words=words, where=where)

    def cancel(self, task: Task) -> None:
        """Do :meth:`Runner.cancel`."""
        now = self.look(task)
        cluster.ask_to_stop(task)
        if now.state in (JobState.ENDED, JobState.LOST, JobState.ABSENT):
            return
        if now.state is JobState.RUNNING and cluster.wait_for_end(task, _STOPS_WITHIN):
            return
        said = self._ask("POST", f"{self._path(task)}/stop")
        if said.code not in (200, 404):
            raise OutcomeUnknownError(
                f"nobody knows whether Ray job {cluster.name_of(task)} was stopped: {said.words}",
                f"ray job stop {cluster.name_of(task)}",
            )
        cluster.wait_for_end(task, self._settles if now.state is JobState.RUNNING else 0.0)

    def _submit(self, task: Task) -> None:
        needs: dict[str, Any] = {}
        if task.limits.memory is not None:
            needs["entrypoint_memory"] = task.limits.memory
        for name, amount in self._resources.items():
            if name in _OWN_FIELDS:
                needs[_OWN_FIELDS[name]] = int(amount) if name == "memory" else amount
            else:
                needs.setdefault("entrypoint_resources", {})[name] = amount
        name = cluster.name_of(task)
        wanted = {"entrypoint": cluster.prepare(task), "submission_id": name, **needs}
        said = self._ask("POST", "/api/jobs/", {**wanted, "metadata": {"mlops-dash": task.id}})
        if said.code == 200:
            return
        found = self._look(task)
        if found.code == 200:
            return  # it was taken: somebody else's word, or ours whose answer was lost
        if found.code == 404 and said.code is not None:
            raise RefusedError(f"Ray refuses the job: {said.words}", said.remedy)
        raise OutcomeUnknownError(
            f"nobody knows whether Ray took the job: {said.words}", f"ray job status {name}"
        )

    @staticmethod
    def _path(task: Task) -> str:
        return f"/api/jobs/{quote(cluster.name_of(task), safe='')}"

    def _look(self, task: Task) -> _Said:
        return self._ask("GET", self._path(task))

    @property
    def _shown(self) -> str:
        return visible(self._address, 100)

    @cached_property
    def _client(self) -> httpx.Client:
        import httpx

        parts = urlsplit(self._address)
        try:
            sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            sound = False
        if not sound or parts.username or parts.password or parts.query or parts.fragment:
            raise RefusedError(
                f"{visible(parts._replace(netloc=parts.netloc.rpartition('@')[2]).geturl(), 100)!r} is no "
                "address of a Ray dashboard",
                f'write address under [rebuild] as "{DEFAULT_ADDRESS}"; a token belongs in RAY_AUTH_TOKEN',
            )
        for library in ("httpx", "httpcore"):  # they log addresses
            logging.getLogger(library).setLevel(logging.WARNING)
        token = _token()
        host = str(parts.hostname)
        # loading the certificates costs time that plain HTTP need not pay: an empty context trusts nobody
        plain = parts.scheme == "http"
        return httpx.Client(
            headers={"authorization": f"Bearer {token}"} if token else {},
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else httpx.create_ssl_context(),
            trust_env=not (host in {"localhost", "::1"} or host.startswith("127.")),
            follow_redirects=False,
            timeout=self._patience,
        )

    def _ask(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> _Said:
        """Send one request; what came, or why nothing did.

        Raises:
            RefusedError: the address is none.
        """
        import httpx

        client = self._client
        give_up_at = time.monotonic() + self._patience
        try:
            with client.stream(method, f"{self._address}{path}", json=given) as response:
                text = b""
                for part in response.iter_raw():
                    text += part
                    if len(text) > _LARGEST or time.monotonic() > give_up_at:
                        return _Said(None, "its answer does not end")
                return _Said(response.status_code, text.decode("utf-8", "replace"))
        except httpx.ConnectError:
            return _Said(0, "nobody listens there")
        except httpx.TimeoutException:
            return _Said(None, f"no answer within {self._patience:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            return _Said(None, f"the connection broke ({type(error).__name__})")


@dataclass(frozen=True, slots=True)
class _Said:
    """What the dashboard answered.

    Attributes:
        code: HTTP status; 0: it was never asked; ``None``: nobody knows what became of the request.
    """

    code: int | None
    text: str

    @property
    def told(self) -> Mapping[str, Any]:
        """The answer's fields; none where it is no JSON object."""
        with suppress(ValueError, RecursionError):
            found = json.loads(self.text)
            if isinstance(found, dict):
                return found
        return {}

    def message(self, before: str = "") -> str:
        """Return the last line of what Ray says of the job, after ``before``."""
        lines = [line.strip() for line in str(self.told.get("message") or "").split("\n") if line.strip()]
        return f"{before}{visible(lines[-1], 200)}" if lines else ""

    @property
    def words(self) -> str:
        """Its last line, for a person."""
        if self.code == 401:
            return "it wants a token"
        if self.code == 403:
            return "it does not take our token"
        lines = [line.strip() for line in self.text.split("\n") if line.strip()]
        last = visible(lines[-1], 200) if lines else "it says nothing"
        return last if not self.code or self.code == 500 else f"HTTP {self.code}, {last}"

    @property
    def remedy(self) -> str:
        """What a person does about it."""
        if self.code in (401, 403):
            return "set RAY_AUTH_TOKEN, as for Ray's own commands"
        return "see address under [rebuild], and ray status on its head"


def _token() -> str | None:
    """Return the token where Ray's own commands find it (docs.ray.io, "Ray token authentication")."""
    token = os.environ.get("RAY_AUTH_TOKEN")
    if token is None:
        path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or _TOKEN_FILE)
        with suppress(OSError, UnicodeError, RuntimeError):
            token = path.expanduser().read_text("ascii")
    token = (token or "").strip()
    return token if token.isascii() and token.isprintable() and token else None
