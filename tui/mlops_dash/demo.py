"""The sample project: unpacked into a folder of the user's, its model servers started as its story wants.

The archive holds a real project (see ``sample_data/``). Absolute paths in its tracking store stand under a
placeholder, which is replaced in our own, freshly unpacked copy.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing, suppress
from pathlib import Path, PurePosixPath
from threading import Timer
from typing import Any

from mlops_dash.errors import DashError, RefusedError

PLACEHOLDER = "/mlops-dash-sample"
MODEL = "progression"
_ARCHIVE = "diabetes.tar.xz"
_ARTIFACT_PATH = re.compile(r"^artifact_path: .*\n", re.MULTILINE)
_MARK = Path(".git", "mlops-dash-demo.json")  # says where the project lies; in .git, so the tree stays clean
_PATHS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)
# the environment whose alias moves after its server has started, and from which version to which
_DRIFTS, _BEFORE, _AFTER = "canary", 5, 6
_SERVED = ("production", "staging", "canary")
_PROMISED = 30.0  # seconds within which a server is started, on a slow machine too
_SOON = 1.5  # seconds in which a dashboard opens


def demo_folder(folder: Path | None = None) -> Path:
    """Return where the sample project is or will be: ``folder``, by default one in the cache folder."""
    if folder is None:
        from mlops_dash.paths import cache_dir

        folder = cache_dir() / "demo" / "diabetes"
    return Path(os.path.abspath(folder.expanduser()))


def unpack(folder: Path | None = None) -> Path:
    """Make the sample project in ``folder``, whole or not at all; one that is there already is used as it is.

    Args:
        folder: a new or empty folder, or one that this function made; default: see :func:`demo_folder`.

    Raises:
        RefusedError: something else is in the folder, or it cannot be written; nothing was changed.
    """
    target = demo_folder(folder)
    if _is_ours(target):
        return target
    _check_free(target)
    if not str(target).isprintable():
        raise RefusedError(
            "The folder's name holds characters that cannot be written down.", "Name another folder."
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        aside = Path(tempfile.mkdtemp(prefix=f"{_aside_prefix(target)}{os.getpid()}-", dir=target.parent))
    except OSError as error:
        raise RefusedError(
            f"The sample project cannot be written to {target}: {error.strerror}.",
            "mlops-dash demo --dir FOLDER takes another folder.",
        ) from None
    try:
        _extract(archive(), aside)
        _settle(aside, PLACEHOLDER, target)
        aside.chmod(0o755)
        aside.rename(target)  # takes the place of an empty folder too
    except OSError as error:
        if _is_ours(target):  # another demo was quicker
            return target
        raise RefusedError(
            f"The sample project cannot be written to {target}: {error.strerror}.",
            "mlops-dash demo --dir FOLDER takes another folder.",
        ) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return target


def archive() -> Path:
    """Return the archive of the sample project: in a checkout beside ``tui``, else in the package.

    Raises:
        DashError: this installation has none.
    """
    here = Path(__file__).resolve()
    candidates = (here.parents[2] / "sample_data" / _ARCHIVE, here.parent / "sample_data" / _ARCHIVE)
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise DashError("This installation lacks the sample project.", "Install mlops-dash again.")


def start_story_soon(folder: Path) -> None:
    """Do :func:`start_story` in the background a little later: a dashboard that opens now fills first, and
    says that the servers are starting."""
    from mlops_dash.targets.process import is_running, promise, read_record

    with suppress(DashError, OSError):  # then they are called down until they run; starting them says why
        servers = _servers(folder)
        for environment in _SERVED:
            record = read_record(servers, environment, MODEL)
            if record is None or not is_running(record):
                promise(servers, environment, MODEL, _PROMISED)
    timer = Timer(_SOON, start_story, (folder,))
    timer.daemon = True
    timer.start()


def start_story(folder: Path) -> tuple[str, ...]:
    """Start the demo's three model servers, at low priority, and return at once.

    The canary drifts as it does in life: its server starts on the version that the alias names, then the
    alias moves on. Servers that already run are left alone.

    Returns:
        for each server that could not be started, why.
    """
    try:
        servers = _servers(folder)
    except DashError as error:
        return (str(error),)
    problems = []
    for environment in _SERVED:
        try:
            _start(folder / "mlflow.db", servers, environment)
        except DashError as error:
            problems.append(f"{environment}: {error}")
        except (sqlite3.Error, OSError) as error:
            problems.append(f"{environment}: the sample project's store cannot be used: {error}")
    return tuple(problems)


def _servers(folder: Path) -> Path:
    from mlops_dash.config_file import load_config
    from mlops_dash.project.locate import locate
    from mlops_dash.targets.process import servers_folder

    config_path = folder / "mlops-dash.toml"
    return servers_folder(locate(folder, load_config(config_path), config_path).servers)


def _start(store: Path, servers: Path, environment: str) -> None:
    from mlops_dash.actions.servers import up
    from mlops_dash.actions.serving import Wanted
    from mlops_dash.config import ProcessTarget
    from mlops_dash.targets.process import is_running, read_record

    record = read_record(servers, environment, MODEL)
    if record is not None and is_running(record):
        return
    version = _declared(store, environment)
    drifts = environment == _DRIFTS and version in (_BEFORE, _AFTER)
    if drifts:
        _move_alias(store, environment, _BEFORE)
        version = _BEFORE
    try:
        run_id, source, location = _version(store, version)
        model_id = source.removeprefix("models:/")
        up(Wanted(environment, MODEL, str(version), location, run_id, model_id), ProcessTarget(), servers)
    finally:
        if drifts:
            _move_alias(store, environment, _AFTER)


def _declared(store: Path, alias: str) -> int:
    """Return the version that an alias of the sample's model names."""
    question = "select version from registered_model_aliases where name = ? and alias = ?"
    return int(_row(store, question, (MODEL, alias))[0])


def _version(store: Path, version: int) -> tuple[str, str, str]:
    """Return run, source and location of one version of the sample's model."""
    question = "select run_id, source, storage_location from model_versions where name = ? and version = ?"
    run_id, source, location = _row(store, question, (MODEL, version))
    return run_id, source, location


def _row(store: Path, question: str, parameters: tuple[object, ...]) -> tuple[Any, ...]:
    with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as connection:
        row: tuple[Any, ...] | None = connection.execute(question, parameters).fetchone()
    if row is None:
        raise DashError("the sample project is not as it was made", "Delete its folder, start anew.")
    return row


def _move_alias(store: Path, alias: str, version: int) -> None:
    """Move an alias in the demo's own store, which this release's MLflow wrote."""
    connection = sqlite3.connect(f"{store.as_uri()}?mode=rw", uri=True, timeout=10)
    with closing(connection), connection:
        connection.execute(
            "update registered_model_aliases set version = ? where name = ? and alias = ?",
            (version, MODEL, alias),
        )


def _is_ours(target: Path) -> bool:
    """Tell whether a whole sample project is here; one that was moved is made to know where it is now."""
    try:
        was = str(json.loads((target / _MARK).read_text("utf-8"))["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if was != str(target):
        _settle(target, was, target)
    return True


def _check_free(target: Path) -> None:
    try:
        taken = next(target.iterdir(), None) is not None
    except FileNotFoundError:
        return
    except OSError as error:  # a file, or a folder that we may not read
        raise RefusedError(
            f"{target} cannot be used for the sample project: {error.strerror}.", "Name another folder."
        ) from None
    if taken:
        raise RefusedError(
            f"{target} holds something else than the sample project; nothing was changed.",
            "Name a new or empty folder: mlops-dash demo --dir FOLDER.",
        )


def _aside_prefix(target: Path) -> str:
    return f".{target.name}.unpacking-"


def _sweep(target: Path) -> None:
    """Take away what earlier demos left that were killed while they unpacked."""
    for left in target.parent.glob(f"{_aside_prefix(target)}*"):
        pid = left.name.removeprefix(_aside_prefix(target)).partition("-")[0]
        with suppress(ValueError, PermissionError):
            try:
                os.kill(int(pid), 0)
            except ProcessLookupError:
                shutil.rmtree(left, ignore_errors=True)


def _extract(source: Path, aside: Path) -> None:
    """Extract plain files and folders, nothing else and nowhere else, as files of the current user."""
    with tarfile.open(source, "r:xz") as tar:
        for member in tar:
            parts = PurePosixPath(member.name).parts[1:]  # without the archive's own folder
            if ".." in parts or not (member.isdir() or member.isreg()):
                raise DashError(f"The sample project's archive holds something odd: {member.name}.")
            path = aside.joinpath(*parts)
            if member.isdir():
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(member)
            assert content is not None
            with content, path.open("xb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
            os.utime(path, (member.mtime, member.mtime))


def _settle(project: Path, old: str, target: Path) -> None:
    """Make the store and the logged models name ``target`` as the project's folder instead of ``old``.

    Args:
        project: where the files are now; they are moved to ``target`` afterwards.
    """
    new = str(target)
    with closing(sqlite3.connect(project / "mlflow.db", timeout=10)) as connection, connection:
        for table, column in _PATHS:
            connection.execute(
                f"update {table} set {column} = ? || substr({column}, ?) where substr({column}, 1, ?) = ?",  # noqa: S608
                (new, len(old) + 1, len(old) + 1, f"{old}/"),
            )
    for path in project.glob("mlartifacts/**/MLmodel"):
        place = json.dumps(str(target / path.relative_to(project).parent))  # JSON strings are YAML strings
        before, after = _ARTIFACT_PATH.split(path.read_text("utf-8"), maxsplit=1)
        path.write_text(f"{before}artifact_path: {place}\n{after}", "utf-8")
    (project / _MARK).write_text(json.dumps({"folder": new}), "utf-8")
