"""Writes to a tracking store through MLflow's own client, which is let near it only where it changes nothing
but what is asked: no schema is migrated, no database created, no call outlasts its deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_dash.actions.bounded_http import CREDENTIALS, NotSentError, bounded, meaning
from mlops_dash.actions.schema_heads import check_schema, sqlite_rows
from mlops_dash.domain.secrets import scrub
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, OutcomeUnknownError, RefusedError
from mlops_dash.sources.mlflow.address import Address, Kind

if TYPE_CHECKING:
    from mlflow.tracking.client import MlflowClient

_T = TypeVar("_T")

SERVER_DEADLINE = 5.0
"""Seconds for one call of a tracking server or a database server."""

FILE_DEADLINE = 25.0
"""Seconds for one call of a database in a file: MLflow waits 20 s for another writer, and then gives up."""

_ALIAS = "select version from registered_model_aliases where name = ? and alias = ?"
_VERSION = "select current_stage from model_versions where name = ? and version = ?"
_NOT_THERE = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})
_NO_RIGHTS = ("permission denied", "command denied", "Access denied", "readonly database", "read-only")
_DELETED = "Deleted_Internal"  # how MLflow marks versions that were deleted


class UnansweredError(DashError):
    """The store was asked and did not answer; nothing was sent that would change it."""


class Registry:
    """The model registry and the runs of one store. Calls may come from any thread, and one after the other.

    Args:
        uri: as MLflow writes it; it may hold credentials, which are told to nobody.
    """

    def __init__(self, uri: str) -> None:
        self.address = Address.of(uri)
        self._client: MlflowClient | None = None
        self._late: threading.Thread | None = None  # a call of SQLite's that outlasted its deadline

    def warm(self) -> None:
        """Import MLflow and open the store, so that the first change is quick; nothing is written.

        Raises:
            RefusedError: it cannot be written here: says why and what to do.
            UnansweredError: it does not answer.
        """
        self.check()
        if self.address.kind is Kind.HTTP:
            _ = self.client
        else:
            self._called("open", self._open, writes=False)

    def check(self) -> None:
        """Return where MLflow's client may be let near the store.

        Raises:
            RefusedError: it is not there, of another schema, not to be written; says what to do.
            UnansweredError: it does not answer.
        """
        if self._late is not None and self._late.is_alive():
            # another connection to the same file would take away its locks
            raise UnansweredError("a write that was given up is still under way")
        if self.address.kind is not Kind.HTTP:
            check_schema(self.address, within=SERVER_DEADLINE)

    def _open(self) -> None:
        self.client._get_registry_client()  # type: ignore[no-untyped-call]

    @property
    def client(self) -> MlflowClient:
        """MLflow's client of this store, made once. Use it in :meth:`read` and :meth:`write` only."""
        if self._client is None:
            from mlflow.tracking.client import MlflowClient

            self._client = MlflowClient(self.address.uri, registry_uri=self.address.uri)
        return self._client

    # -- aliases ------------------------------------------------------------------------------------

    def alias(self, model: str, alias: str) -> str | None:
        """Return the version that an alias names; ``None`` where there is no such alias or model.

        Raises:
            RefusedError, UnansweredError: it cannot be read; says why.
        """
        path = self.address.path
        if self.address.kind is Kind.SQLITE and path is not None:
            self.check()
            rows = sqlite_rows(path, _ALIAS, (model, alias))
            return str(rows[0][0]) if rows else None
        found = self.read(
            f"which version {visible(alias, 80)} names",
            lambda client: client.get_model_version_by_alias(model, alias),
        )
        return str(found.version) if found is not None else None

    def has_version(self, model: str, version: str) -> bool:
        """Tell whether the registry has a version.

        Raises:
            RefusedError, UnansweredError: it cannot be read; says why.
        """
        path = self.address.path
        if self.address.kind is Kind.SQLITE and path is not None:
            self.check()
            rows = sqlite_rows(path, _VERSION, (model, version))
            return bool(rows) and rows[0][0] != _DELETED
        found = self.read("its versions", lambda client: client.get_model_version(model, version))
        return found is not None and found.current_stage != _DELETED

    def set_alias(self, model: str, alias: str, version: str) -> None:
        """Have an alias name a version; errors as :meth:`write`."""
        self.write(
            f"move the alias {visible(alias, 80)}",
            lambda client: client.set_registered_model_alias(model, alias, version),
        )

    def delete_alias(self, model: str, alias: str) -> None:
        """Take an alias away; errors as :meth:`write`."""
        self.write(
            f"delete the alias {visible(alias, 80)}",
            lambda client: client.delete_registered_model_alias(model, alias),
        )

    # -- calls --------------------------------------------------------------------------------------

    def read(self, what: str, ask: Callable[[MlflowClient], _T]) -> _T | None:
        """Ask with MLflow's client; ``None`` where the store says that there is no such thing.

        Raises:
            RefusedError, UnansweredError: as :meth:`check`, or it does not let us.
        """
        self.check()
        try:
            return self._called(f"say {what}", lambda: ask(self.client), writes=False)
        except _NotThereError:
            return None

    def write(self, what: str, change: Callable[[MlflowClient], _T]) -> _T:
        """Change something with MLflow's client.

        Raises:
            RefusedError: the store said no; nothing was changed.
            DashError: it failed, and nothing was changed.
            OutcomeUnknownError: it was sent, and not answered.
        """
        self.check()
        try:
            return self._called(what, lambda: change(self.client), writes=True)
        except _NotThereError as error:
            raise RefusedError(error.message, "See what the registry has: mlops-dash live.") from None

    def _called(self, what: str, call: Callable[[], _T], *, writes: bool) -> _T:
        """Make a call of MLflow's in a thread that is left alone when its time is over."""
        within = FILE_DEADLINE if self.address.kind in {Kind.SQLITE, Kind.FILES} else SERVER_DEADLINE
        end = time.monotonic() + within
        results: list[_T] = []
        errors: list[BaseException] = []
        bounds, problems = self._bounded(end)

        def run() -> None:
            try:
                with bounds:
                    results.append(call())
            except BaseException as error:  # noqa: BLE001 - told to the one who called
                errors.append(error)

        thread = threading.Thread(target=run, name="mlops-dash-mlflow", daemon=True)
        thread.start()
        thread.join(within)
        if thread.is_alive():
            self._late = thread if self.address.kind is Kind.SQLITE else None
            errors = [TimeoutError(f"no answer within {within:g} s")]
        elif results:
            return results[0]
        problem = problems[0] if problems and not isinstance(errors[0], TimeoutError) else errors[0]
        raise self._explained(what, problem, writes=writes) from None

    def _bounded(self, end: float) -> tuple[AbstractContextManager[Any], list[BaseException]]:
        if self.address.kind is not Kind.HTTP:
            return nullcontext(), []
        problems: list[BaseException] = []
        return bounded(end, problems), problems

    def _explained(self, what: str, error: BaseException, *, writes: bool) -> DashError:
        """Return what a failure means for the person who wants the change."""
        found = self._meaning(what, error)
        if writes or not isinstance(found, OutcomeUnknownError | NotSentError):
            return found
        return UnansweredError(found.message, found.remedy)

    def _meaning(self, what: str, error: BaseException) -> DashError:
        shown, told = self.address.shown, _first_line(error)
        if self.address.kind is Kind.HTTP:
            known = meaning(error, shown)
            if known is not None:
                return known
        if isinstance(error, DashError):
            return error
        code = str(getattr(error, "error_code", "") or "")
        if code in _NOT_THERE:
            return _NotThereError(f"The registry says: {told}.")
        if code in {"PERMISSION_DENIED", "UNAUTHENTICATED"}:
            return RefusedError(f"The tracking store does not let you {what}: {told}.", CREDENTIALS)
        if any(sign in told for sign in _NO_RIGHTS):
            return RefusedError(
                f"You may not {what}: {told}.", "Ask for the right to write, or act through the server."
            )
        if isinstance(error, TimeoutError) or self.address.kind is Kind.HTTP:
            return OutcomeUnknownError(
                f"{shown} did not answer when it was to {what}: {told}.", "Ask it: mlops-dash live."
            )
        if "locked" in told or "TEMPORARILY" in code:
            return RefusedError(
                f"Another program keeps the tracking store locked: {shown}.",
                "Wait until it has written, or end it; then plan again.",
            )
        return DashError(f"MLflow could not {what}: {told}.", f"The store is {shown}.")


class _NotThereError(DashError):
    """MLflow knows no such model, version or alias, or takes no such name."""


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return visible(scrub(lines[0]), 300).rstrip(".")


@lru_cache(maxsize=8)
def registry_of(uri: str) -> Registry:
    """Return the registry of a store, the same one each time: it is warm from the second call on."""
    return Registry(uri)
