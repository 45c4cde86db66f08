"""Fault 66 for manifests and tags: killed at every boundary, an action ends in what the remote really has."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from actions.crashing import TESTS, Zygote, check_truth, kill_everywhere
from actions.scenes_git import declared, made, prepare, scene, world
from git_projects import GitProject
from mlops_dash.domain.plans import Outcome

SCENE = "actions.scenes_git:scene"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    prepare(folder)
    return folder


@pytest.fixture(autouse=True)
def _state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", "/nonexistent")  # a scene sets its own


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote(SCENE) as made_:
        yield made_


@pytest.mark.campaign
@pytest.mark.parametrize(("kind", "least"), [("manifest", 60), ("gto", 60)])
def test_fault_66_a_push_survives_every_kill(
    zygote: Zygote, prepared: Path, tmp_path: Path, kind: str, least: int
) -> None:
    numbers = count()
    kills = kill_everywhere(
        zygote, lambda: world(prepared, tmp_path / f"{next(numbers)}", kind), scene, kind=kind
    )
    assert {kill.outcome for kill in kills} == {None, Outcome.VERIFIED}
    assert len(kills) >= least


@pytest.mark.campaign
@pytest.mark.parametrize(("kind", "least"), [("manifest", 60), ("gto", 60)])
def test_fault_66_a_push_that_is_taken_back_survives_every_kill(
    zygote: Zygote, prepared: Path, tmp_path: Path, kind: str, least: int
) -> None:
    numbers = count()
    kills = kill_everywhere(
        zygote,
        lambda: world(prepared, tmp_path / f"{next(numbers)}", kind, asks=True),
        scene,
        kind=kind,
        proof="not served",
    )
    assert {kill.outcome for kill in kills} == {None, Outcome.FAILED}
    assert len(kills) >= least


# the remote's hook waits for the first push that comes, and lets all others pass
_SLOW = """
if mkdir "$GIT_DIR/first" 2>/dev/null; then
  echo waits > "$GIT_DIR/waits"
  while [ ! -e "$GIT_DIR/go" ]; do sleep 0.05; done
fi
"""


def _killed_while_the_remote_decides(folder: Path, kind: str) -> GitProject:
    """Begin the action in a process, and kill that while its push is under way."""
    remote = GitProject.at(folder / "remote.git")
    hook = remote.root / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{_SLOW}")
    hook.chmod(0o755)
    code = (
        "import sys; from pathlib import Path; from actions.scenes_git import scene\n"
        "from mlops_dash.actions.executor import execute\n"
        f"s = scene(Path({str(folder)!r}), kind={kind!r})\n"
        "execute(s.plan, s.journal, s.hands, s.verifier, s.check)"
    )
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    deadline = time.monotonic() + 120
    while not (remote.root / "waits").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return remote


@pytest.mark.campaign
@pytest.mark.parametrize("kind", ["manifest", "gto"])
@pytest.mark.parametrize("released", ["before", "after"])
def test_fault_66_killed_while_the_remote_decides(
    zygote: Zygote, prepared: Path, tmp_path: Path, kind: str, released: str
) -> None:
    folder = world(prepared, tmp_path / "world", kind)
    remote = _killed_while_the_remote_decides(folder, kind)
    if released == "before":
        (remote.root / "go").touch()
    zygote.resume(folder, kind=kind)
    (remote.root / "go").touch()
    found = scene(folder, kind=kind)
    action = check_truth(found)
    assert action is not None
    assert action.outcome is Outcome.VERIFIED
    assert sum(made(remote, kind).values()) == (5 if kind == "manifest" else 2)
    found.clean()


@pytest.mark.campaign
def test_fault_66_nothing_arrives_after_it_was_said_that_nothing_was_changed(
    zygote: Zygote, prepared: Path, tmp_path: Path
) -> None:
    folder = world(prepared, tmp_path / "world", "manifest")
    remote = _killed_while_the_remote_decides(folder, "manifest")
    hook = remote.root / "hooks" / "pre-receive"
    hook.unlink()
    hook.write_text("#!/bin/sh\nexit 1\n")  # protected meanwhile: what is begun again is refused
    hook.chmod(0o755)
    ended = zygote.resume(folder, kind="manifest")
    (remote.root / "go").touch()
    assert ended.outcome == Outcome.REFUSED
    assert declared(remote) == "6"
    pushes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert not [line for line in pushes.splitlines() if str(folder / "ada") in line and " push " in line]
    assert declared(remote) == "6"


def test_one_kill_of_each(zygote: Zygote, prepared: Path, tmp_path: Path) -> None:
    for kind in ("manifest", "gto"):
        folder = world(prepared, tmp_path / kind, kind)
        whole = zygote.execute(world(prepared, tmp_path / f"{kind}-whole", kind), kind=kind)
        assert whole.outcome == Outcome.VERIFIED
        at = whole.boundaries.index("after push") + 1  # the remote has it, and the journal does not say so
        assert zygote.execute(folder, at, kind=kind).killed_at == "after push"
        assert zygote.resume(folder, kind=kind).outcome == Outcome.VERIFIED
        check_truth(scene(folder, kind=kind))
        assert json.loads((folder / "plan.json").read_bytes())
