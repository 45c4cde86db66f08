"""Opening a project for one answer, telling how the reading goes, and closing it again."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from mlops_dash.cli.output import stderr
from mlops_dash.domain.freshness import Freshness, SourceStatus
from mlops_dash.domain.progress import Progress
from mlops_dash.domain.text import visible
from mlops_dash.errors import UsageError

if TYPE_CHECKING:
    from mlops_dash.cli.command import Options
    from mlops_dash.project import Project, Refreshed

_EVERY = 0.1  # seconds between two lines of progress


class ProgressLine:
    """One line on standard error that is written over while a terminal watches, else nothing."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._last = 0.0
        self._shown = False
        self._tty = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, progress: Progress) -> None:
        """Show ``progress``; floods of it are thinned out."""
        now = time.monotonic()
        with self._lock:
            if not self._tty or now - self._last < _EVERY:
                return
            self._last, self._shown = now, True
            total = f" of {progress.total:,}" if progress.total else ""
            count = f" {progress.done:,}{total}" if progress.done else ""
            text = visible(f"reading {progress.source}: {progress.phase}{count}", 79)
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away."""
        with self._lock:
            if self._shown:
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()
                self._shown = False


def project_of(options: Options) -> Project:
    """Open the project that the global options name."""
    from mlops_dash.project import open_project

    return open_project(
        options.project,
        config=options.config,
        tracking_uri=options.tracking_uri,
        repo=options.repo,
        read_only=options.read_only,
        timeout=options.timeout,
    )


@contextlib.contextmanager
def opened(options: Options) -> Iterator[Project]:
    """Open the project that the global options name, and close it at the end."""
    project = project_of(options)
    try:
        if project.store.notice:
            stderr(f"mlops-dash: {visible(project.store.notice, 500)}")
        yield project
    except KeyboardInterrupt:  # the process ends now: closing would wait for what is being read
        raise
    except BaseException:
        project.close()
        raise
    else:
        project.close()


def refreshed(project: Project, *, thorough: bool = False) -> Refreshed:
    """Read all sources, keep what was read for the next start, and refuse where there is nothing to read.

    Raises:
        UsageError: there is no source at all; says what was looked for.
    """
    line = ProgressLine()
    try:
        answer = project.refresh(thorough=thorough, progress=line)
    finally:
        line.clear()
    require_source(project)
    if answer.changed:
        project.publish()
    return answer


def require_source(project: Project) -> None:
    """Raise :class:`UsageError` where there is no source and no configured environment either."""
    statuses = [status for status in project.statuses() if status.name != "targets"]
    if any(status.status is not Freshness.ABSENT for status in statuses) or project.config.environments:
        return
    lines = [f"  {status.name}: {visible(status.detail, 400)}" for status in statuses if status.detail]
    remedies = [visible(status.remedy, 400) for status in statuses if status.remedy]
    raise UsageError(
        "\n".join([f"there is nothing to show for {visible(str(project.located.folder))}:", *lines]),
        "\n  ".join([*remedies, "mlops-dash demo shows a sample project"]),
    )


def read_what_was_named(options: Options, statuses: Sequence[SourceStatus]) -> bool:
    """Tell whether the store and the repository could be read that the command line names itself."""
    named = {"tracking": options.tracking_uri, "git": options.repo}
    unread = (status.name for status in statuses if status.status in (Freshness.FAILED, Freshness.STALE))
    return not any(named.get(name) for name in unread)


def tell_sources(statuses: Sequence[SourceStatus]) -> bool:
    """Write what could not be read to standard error; return whether everything could."""
    fine = True
    for status in statuses:
        if status.status not in (Freshness.FAILED, Freshness.STALE):
            continue
        fine = False
        stale = ", so older facts are shown" if status.status is Freshness.STALE else ""
        stderr(f"mlops-dash: {status.name} could not be read{stale}: {visible(status.detail or '?', 500)}")
        if status.remedy:
            stderr(f"  {visible(status.remedy, 500)}")
    return fine
