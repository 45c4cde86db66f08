"""Where DVC keeps the content of data, and what it is asked with."""

from __future__ import annotations

import configparser
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the content of data may be.

    Attributes:
        repository: the user's own working tree, whose files are taken where they have the right content.
        caches: DVC's cache, and its remotes that are folders of this machine.
        remote: name of the remote that DVC itself can ask for the rest.
    """

    repository: Path
    caches: tuple[Path, ...]
    remote: str | None = None

    @classmethod
    def of(cls, repository: Path) -> Stores:
        """Read where DVC keeps its data."""
        folder = repository / ".dvc"
        settings = settings_of(repository)
        cache = settings.get("cache", "dir", fallback="cache")
        remotes = [
            settings.get(section, "url", fallback="")
            for section in settings.sections()
            if "remote" in section.split('"')[0]
        ]
        local = [url.removeprefix("file://") for url in remotes if "://" not in url.removeprefix("file://")]
        places = [folder / cache, *(folder / url for url in local if url)]
        caches = tuple(Path(os.path.normpath(place)) for place in places)
        return cls(repository, caches, _remote_of(settings))

    def files(self, md5: str) -> Iterator[Path]:
        """Yield where a content may be, by both layouts that DVC has had."""
        for cache in self.caches:
            yield cache / "files" / "md5" / md5[:2] / md5[2:]
            yield cache / md5[:2] / md5[2:]

    def has(self, md5: str) -> bool:
        """Tell whether a content, or a folder's list, is in one of the caches; it is not read."""
        return any(path.is_file() for path in self.files(md5))


def settings_of(repository: Path) -> configparser.ConfigParser:
    """Return DVC's settings of a repository, the user's own above the team's; empty where there are none."""
    settings = configparser.ConfigParser(interpolation=None, strict=False)
    for name in ("config", "config.local"):
        with suppress(OSError, configparser.Error, UnicodeDecodeError):
            settings.read_string((repository / ".dvc" / name).read_text("utf-8"))
    return settings


def dvc_program() -> str | None:
    """Return the user's own DVC, or the one of our environment."""
    beside = Path(sys.executable).with_name("dvc")
    return shutil.which("dvc") or (str(beside) if os.access(beside, os.X_OK) else None)


def _remote_of(settings: configparser.ConfigParser) -> str | None:
    name = settings.get("core", "remote", fallback=None)
    if name is None or dvc_program() is None:
        return None
    url = settings.get(f"'remote \"{name}\"'", "url", fallback="")
    return name if "://" in url.removeprefix("file://") else None
