"""Moves an alias of the model registry, through MLflow's own client.

MLflow has no compare-and-swap: what an alias names is read before and after the change, and two people at the
very same moment cannot be kept apart. What is there in the end is told, whoever put it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from mlops_dash.actions.bounded_http import AnsweredError
from mlops_dash.actions.hands import Context, Look, Note, Standing
from mlops_dash.actions.registry_writer import Registry, registry_of
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, OutcomeUnknownError, RefusedError


class AliasHand:
    """Has an alias name another version.

    Args:
        arguments: ``model``, ``alias``, ``before`` (a version, or ``None``: there is no such alias) and
            ``after``.

    Raises:
        RefusedError: there is no tracking store.
    """

    def __init__(self, arguments: Mapping[str, Any], context: Context) -> None:
        self._model = str(arguments["model"])
        self._alias = str(arguments["alias"])
        self._before = None if arguments["before"] is None else str(arguments["before"])
        self._after = str(arguments["after"])
        if context.tracking_uri is None:
            raise RefusedError("There is no tracking store, so no alias can be moved.")
        self._read_only = context.read_only
        self._registry: Registry = registry_of(context.tracking_uri)

    def look(self) -> Look:
        """Read which version the alias names."""
        try:
            found = self._registry.alias(self._model, self._alias)
        except DashError as error:
            return Look(Standing.UNKNOWN, words=error.message, evidence={"remedy": error.remedy})
        words = f"{self._told} names version {visible(found, 80)}" if found else f"{self._told} is not there"
        if found == self._after:
            return Look(Standing.AFTER, found, words=words)
        if found == self._before:
            return Look(Standing.BEFORE, found, words=words)
        by = self._who(found)
        planned = f"version {self._before}" if self._before else "none"
        who = f", put there by {visible(by, 120)}" if by else ""
        return Look(Standing.OTHER, found, by, f"{words} (not {planned}, as planned){who}")

    def act(self, note: Note) -> Mapping[str, Any]:
        """Have it name the new version, and read it again."""
        self._check_writable()
        look = self._standing_or_refuse()
        if look.standing is Standing.AFTER:
            return {"found": look.found, "changed": False}
        if not self._registry.has_version(self._model, self._after):
            raise RefusedError(
                f"The registry has no version {visible(self._after, 80)} of {visible(self._model, 200)}.",
                "Choose another version.",
            )
        note(f"{self._told}: version {look.found or 'none'} → {self._after}", {"before": look.found})
        try:
            self._registry.set_alias(self._model, self._alias, self._after)
        except AnsweredError as error:
            self._settle(error, Standing.AFTER)
        return self._read_back(Standing.AFTER)

    def undo(self, note: Note) -> Mapping[str, Any]:
        """Have it name the version of before again, or take it away where there was none."""
        self._check_writable()
        look = self.look()
        if look.standing is Standing.UNKNOWN:
            raise OutcomeUnknownError(look.words, "Ask it: mlops-dash live.")
        if look.standing is Standing.OTHER:
            raise RefusedError(look.words, "Something newer is there: it is left alone.")
        if look.standing is Standing.BEFORE:
            return {"found": look.found, "changed": False}
        note(f"{self._told}: version {self._after} → {self._before or 'none'}", {"before": look.found})
        try:
            if self._before is None:
                self._registry.delete_alias(self._model, self._alias)
            elif self._registry.has_version(self._model, self._before):
                self._registry.set_alias(self._model, self._alias, self._before)
            else:
                raise DashError(
                    f"{self._told} cannot name version {visible(self._before, 80)} again: it was deleted.",
                    "Choose another version: mlops-dash rollback.",
                )
        except AnsweredError as error:
            self._settle(error, Standing.BEFORE)
        return self._read_back(Standing.BEFORE)

    @property
    def _told(self) -> str:
        return f"the alias {visible(self._alias, 80)} of {visible(self._model, 200)}"

    def _check_writable(self) -> None:
        if self._read_only:
            raise RefusedError("Nothing can be changed: mlops-dash was started with --read-only.")

    def _standing_or_refuse(self) -> Look:
        look = self.look()
        if look.standing is Standing.UNKNOWN:
            raise RefusedError(look.words, look.evidence.get("remedy"))
        if look.standing is Standing.OTHER:
            raise RefusedError(look.words, "Plan again, from what is there now.")
        return look

    def _settle(self, error: AnsweredError, wanted: Standing) -> None:
        """The server said that it failed: see what it did; return where the change is there all the same."""
        standing = self.look().standing
        if standing is Standing.UNKNOWN:
            raise OutcomeUnknownError(error.message, error.remedy) from None
        if standing is not wanted:
            raise DashError(f"{error.message} {self._told} was not changed.", error.remedy) from None

    def _read_back(self, wanted: Standing) -> Mapping[str, Any]:
        look = self.look()
        if look.standing is Standing.UNKNOWN:
            raise OutcomeUnknownError(f"It was sent, and cannot be read again: {look.words}.")
        if look.standing is not wanted:
            raise RefusedError(f"{look.words}: somebody moved it at the same moment.", "Plan again.")
        return {"found": look.found, "changed": True}

    def _who(self, version: str | None) -> str | None:
        """Return who of those that use mlops-dash put a version there last, as far as their records tell."""
        from mlops_dash.actions.audit import who_changed

        with suppress(DashError):
            return who_changed(self._registry, self._model, version)
        return None
