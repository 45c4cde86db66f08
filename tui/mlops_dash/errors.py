"""The errors that reach a person. Each says what happened, what it means and what to do."""

from __future__ import annotations


class DashError(Exception):
    """Base of all errors that are told to the user without a traceback.

    Args:
        message: what happened, naming the thing, in one plain sentence.
        remedy: what to do about it, or ``None`` where nothing can be done.
    """

    exit_code = 1

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  {self.remedy}" if self.remedy else self.message


class UsageError(DashError):
    """The command line or a reference is off; nothing was done."""

    exit_code = 2


class ConfigError(UsageError):
    """The configuration file is off: names the file, the place and the remedy."""


class FilterError(UsageError):
    """A filter is off.

    Args:
        message: what is wrong, naming the thing.
        remedy: what to write instead.
        start: where the wrong part begins in the text, in code points.
        end: where it ends; equal to ``start`` where something is missing.
    """

    def __init__(self, message: str, remedy: str | None = None, *, start: int, end: int) -> None:
        super().__init__(message, remedy)
        self.start = start
        self.end = end


class RefusedError(DashError):
    """A precondition did not hold; nothing was changed."""

    exit_code = 3


class NotServedError(DashError):
    """A model version could not be brought to serve: it is the version's fault, not that of a system."""


class OutcomeUnknownError(DashError):
    """Something was sent and its outcome could not be learned; the remedy says how to find out."""

    exit_code = 4


class SourceError(DashError):
    """A source could not be read. It costs that source's freshness and nothing else."""


class StoreError(DashError):
    """The cache could not be used; it can be deleted at any time without loss."""
