"""Plans for tests of what carries them out, and systems in files that hands change."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mlops_dash.actions.hands import Look, Note, Standing
from mlops_dash.actions.verifying import Proof, Seen, Verdict
from mlops_dash.domain.plans import ActionKind, Plan, Step, Verification, Version
from mlops_dash.errors import RefusedError


def plan_of(
    *steps: Step,
    before: str | None = "6",
    after: str = "4",
    environment: str = "production",
    model: str = "wine",
    asks: bool = False,
    **other: Any,
) -> Plan:
    """A rollback, of a second ago unless ``made_at`` says otherwise."""
    made = other.pop("made_at", None) or datetime.now(UTC) - timedelta(seconds=1)
    return Plan(
        id=other.pop("id", None) or f"{made:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
        kind=ActionKind.ROLLBACK,
        environment=environment,
        model=model,
        before=None if before is None else Version(model, before),
        after=Version(model, after),
        steps=steps or (step("one"),),
        preconditions=(),
        verification=other.pop("verification", None) or Verification(asks=asks),
        protected=False,
        actor=other.pop("actor", "dev1"),
        host="here",
        made_at=made,
        reason=other.pop("reason", "it answers too slowly"),
        **other,
    )


def step(name: str, kind: str = "alias", **arguments: Any) -> Step:
    return Step(name, kind, f"change {name}", f"set {name}", f"set {name} back", arguments)


class FileHand:
    """Changes a system that is a file: atomic, durable, shared by all processes."""

    def __init__(self, path: Path, before: str | None = "6", after: str = "4") -> None:
        self.path, self.before, self.after = path, before, after

    def now(self) -> str | None:
        return json.loads(self.path.read_text()) if self.path.exists() else None

    def put(self, version: str | None) -> None:
        aside = self.path.with_suffix(f".{os.getpid()}")
        aside.write_text(json.dumps(version))
        os.replace(aside, self.path)

    def look(self) -> Look:
        found = self.now()
        known = {self.before: Standing.BEFORE, self.after: Standing.AFTER}
        return Look(known.get(found, Standing.OTHER), found, words=f"{self.path.name} has {found}")

    def act(self, note: Note) -> Mapping[str, Any]:
        if self.look().standing is Standing.OTHER:
            raise RefusedError(f"{self.path.name} has {self.now()}")
        note(f"{self.path.name} is written", {})
        self.put(self.after)
        return {"found": self.now()}

    def undo(self, note: Note) -> Mapping[str, Any]:
        if self.look().standing is Standing.OTHER:
            raise RefusedError(f"{self.path.name} has {self.now()}")
        note(f"{self.path.name} is written back", {})
        self.put(self.before)
        return {"found": self.now()}


class Says:
    """A verifier whose proof is fixed."""

    def __init__(self, proof: Proof = Proof.SERVED) -> None:
        self.proof = proof
        self.asked = 0

    def verify(self, plan: Plan, seen: Seen) -> Verdict:
        self.asked += 1
        seen(f"an answer: {self.proof.value}", {"version": plan.after.version})
        return Verdict(self.proof, f"it is {self.proof.value}")
