"""Put the built project into one small archive: the same files give the same bytes."""

from __future__ import annotations

import io
import lzma
import subprocess
import tarfile
from datetime import UTC, datetime
from pathlib import Path

from story import LAST

_LEFT_OUT = (
    ".git/hooks", ".git/logs", ".git/info", ".git/branches", ".git/description", ".git/COMMIT_EDITMSG",
    ".git/ORIG_HEAD", ".dvc/tmp", "mlruns",
)  # fmt: skip


def pack(folder: Path, archive: Path) -> Path:
    """Write ``archive`` with everything of the project that a user of it needs."""
    last = int(datetime.fromisoformat(LAST).replace(tzinfo=UTC).timestamp())
    _age(folder, last)
    subprocess.run(["git", "update-index", "-q", "--really-refresh"], cwd=folder, check=True)
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if _left_out(name):
                continue
            member = tarfile.TarInfo(f"diabetes/{name}")
            # the index is younger than the files, or git would look into each again
            member.mtime = last + (60 if name == ".git/index" else 0)
            if path.is_dir():
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(member)
            else:
                data = path.read_bytes()
                member.size, member.mode = len(data), 0o644
                tar.addfile(member, io.BytesIO(data))
    archive.write_bytes(lzma.compress(raw.getvalue(), preset=9 | lzma.PRESET_EXTREME))
    return archive


def _left_out(name: str) -> bool:
    return "__pycache__" in name or any(name == left or name.startswith(f"{left}/") for left in _LEFT_OUT)


def _age(folder: Path, seconds: int) -> None:
    """Give every file of the working tree the archive's time, which the index then records."""
    import os

    for path in folder.rglob("*"):
        if path.is_file() and ".git" not in path.relative_to(folder).parts[:1]:
            os.utime(path, (seconds, seconds))
