"""What the hands of a rebuild share: each step leaves a mark in the rebuild's folder when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_dash.actions.hands import Context, Look, Note, Standing
from mlops_dash.actions.rebuilding.workplace import Workplace
from mlops_dash.actions.registry_writer import Registry, registry_of
from mlops_dash.errors import DashError, RefusedError


class JobStep:
    """What the hands share: a step that is done has its mark in the rebuild's folder."""

    name: str

    def __init__(self, arguments: Mapping[str, Any], context: Context) -> None:
        self.arguments = arguments
        self.context = context
        self.place = Workplace(context.rebuilds, str(arguments["job"]))

    def look(self) -> Look:
        """Look for the mark."""
        told = self.place.marked(self.name)
        if told is None:
            return Look(Standing.BEFORE)
        return Look(Standing.AFTER, words=str(told.get("words", "")), evidence=told)

    def act(self, note: Note) -> Mapping[str, Any]:
        """Do the step, and leave its mark."""
        raise NotImplementedError

    def undo(self, note: Note) -> Mapping[str, Any]:
        """There is nothing to take back."""
        return {}

    def _done(self, words: str, **told: Any) -> Mapping[str, Any]:
        found = {"words": words, **told}
        try:
            self.place.mark(self.name, found)
        except OSError as error:
            raise DashError(f"{self.place.folder} cannot be written: {error.strerror}", "make room") from None
        return found

    def _check_going(self) -> None:
        if self.place.cancelled:
            raise DashError("it was cancelled")

    @property
    def repository(self) -> Path:
        """The user's repository."""
        if self.context.repository is None:
            raise RefusedError("there is no Git repository", "name it with --repo")
        return self.context.repository

    @property
    def registry(self) -> Registry:
        """The tracking store."""
        if self.context.tracking_uri is None:
            raise RefusedError("there is no tracking store", "name it with --tracking-uri")
        return registry_of(self.context.tracking_uri)
