"""Puts a report in its place: all of it or nothing, and never through a link."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from mlops_dash.answers.compare_shapes import CompareAnswer, CurvesAnswer
from mlops_dash.errors import DashError, UsageError


def write_report(
    path: Path,
    answer: CompareAnswer,
    curves: CurvesAnswer | None,
    *,
    title: str,
    primary: str | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a comparison as one HTML file that needs no network and return its place.

    Args:
        path: where to; it appears whole or not at all, with the rights that the umask gives.
        curves: the histories to draw; ``None`` for none.
        title: the heading, such as the project's name.
        primary: the metric that colours the parallel coordinates; chosen from the names where ``None``.
        overwrite: whether a file that is there is replaced.

    Raises:
        UsageError: a file is there that is not to be replaced, or what is there is a link, a folder or a
            device.
        DashError: it cannot be written; says why.
    """
    from mlops_dash.answers.report.page import page

    path = Path(path).expanduser()
    _refuse(path, overwrite)
    aside = ""
    try:
        handle, aside = tempfile.mkstemp(prefix=".report-", suffix=".html", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
            out.writelines(page(answer, curves, title, primary))
            out.flush()
            os.fsync(out.fileno())
        os.chmod(aside, 0o666 & ~_umask())  # mkstemp keeps it from everybody else while it is written
        _place(aside, path, overwrite)
    except OSError as error:
        raise DashError(
            f"the report {path} cannot be written: {error.strerror or error}", "Name another file."
        ) from error
    finally:
        if aside:
            Path(aside).unlink(missing_ok=True)
    return path


def _refuse(path: Path, overwrite: bool) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise DashError(f"the report {path} cannot be written: {error.strerror or error}") from error
    if stat.S_ISLNK(mode):
        raise UsageError(f"{path} is a link, which a report never follows", "Name the file itself.")
    if not stat.S_ISREG(mode):
        raise UsageError(f"{path} is no file that a report could replace", "Name a file that ends in .html.")
    if not overwrite:
        raise _there(path)


def _there(path: Path) -> UsageError:
    return UsageError(f"{path} is there already", "Name another file, or allow it to be replaced.")


def _place(aside: str, path: Path, overwrite: bool) -> None:
    if overwrite:
        os.replace(aside, path)
        return
    try:
        os.link(aside, path)  # unlike a rename, refuses to replace what has come in between
    except FileExistsError:
        raise _there(path) from None
    except OSError:  # file systems without hard links
        if os.path.lexists(path):
            raise _there(path) from None
        os.replace(aside, path)


def _umask() -> int:
    """Return the umask, which can only be read by setting it for a moment (Linux tells it otherwise)."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.partition("Umask:")[2].split()[0], 8)
    except (OSError, IndexError, ValueError):
        mask = os.umask(0o077)
        os.umask(mask)
        return mask
