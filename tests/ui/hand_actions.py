"""Plans and actions made by hand, for a board whose agents do nothing but what a test has them do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event as Signal
from typing import Any

from mlops_dash.answers.compare_shapes import CodeBetween, CommitLine, FileChange
from mlops_dash.answers.plan_difference import (
    DataChange,
    MetricChange,
    PlanDifference,
    PlanSide,
    SignatureChange,
    TextChange,
)
from mlops_dash.domain.changes import Candidate
from mlops_dash.domain.plans import (
    Action,
    ActionKind,
    Event,
    EventKind,
    Outcome,
    Plan,
    Precondition,
    Step,
    Tick,
    Verification,
    Version,
)
from mlops_dash.errors import RefusedError

MADE = datetime(2026, 11, 23, 7, 59, 50, tzinfo=UTC)
COMMIT = "{}1b2c3d4e5f60718293a4b5c6d7e8f9012345678"


def days(count: float) -> datetime:
    return MADE - timedelta(days=count)


def candidate(version: str, rmse: float, **changes: Any) -> Candidate:
    made = Candidate(
        "progression", version, f"{version}c8a7e21", was_live=False, created_at=days(20 - int(version)),
        commit=COMMIT.format(version), data=(f"{version}d1e92f17c",), metrics=(("rmse", rmse), ("r2", 0.48)),
    )  # fmt: skip
    return replace(made, **changes)


def candidates(environment: str = "production") -> tuple[Candidate, ...]:
    """Versions 1 to 6: the sixth is live, the fourth is proposed, the fifth is known to be bad."""
    return (
        candidate("6", 52.8, was_live=True, current=True, first_at=days(0.1),
                  live_in=(environment, "staging")),
        candidate("5", 53.1, was_live=True, first_at=days(3), last_at=days(2.9), seconds_live=8640.0,
                  bad="rolled back from on 20 Nov: latency of 4 s", healthy=False),
        candidate("4", 53.914, was_live=True, first_at=days(9), last_at=days(3), seconds_live=518400.0,
                  proposed=True, healthy=True),
        candidate("3", 55.2, was_live=True, first_at=days(12), last_at=days(9), seconds_live=259200.0),
        candidate("2", 57.0),
        candidate("1", 58.0, live_in=("canary",)),
    )  # fmt: skip


STEPS = (
    Step(
        "process",
        "process",
        "hand the server of production from version 6 to version 4",
        "version 4 starts beside the old server, proves health, identity and a sample, takes over "
        "127.0.0.1:5123; then the old server drains and stops",
        "version 6 takes the address back, version 4 is stopped",
    ),
    Step(
        "alias",
        "alias",
        "move the alias production of progression from version 6 to 4",
        'client.set_registered_model_alias("progression", "production", "4")',
        'client.set_registered_model_alias("progression", "production", "6")',
        caution="best effort: MLflow has no compare-and-swap for aliases",
    ),
)
CONDITIONS = (
    Precondition("rights", "you may change the model server and the registry"),
    Precondition("journal", "what is done can be written down where it outlives a crash"),
    Precondition("alone", "nobody else acts on production from this machine"),
    Precondition("unchanged", "production still serves version 6"),
    Precondition("artifacts", "the artifacts of version 4 are there"),
    Precondition("signature", "callers are understood as before", blocking=False),
)


def plan(
    kind: ActionKind = ActionKind.ROLLBACK, environment: str = "production", after: str = "4", **changes: Any
) -> Plan:
    made = Plan(
        id=f"20261123T075950Z-{after:0>8}",
        kind=kind,
        environment=environment,
        model="progression",
        before=Version("progression", "6", "6c8a7e21"),
        after=Version("progression", after, f"{after}c8a7e21"),
        steps=STEPS,
        preconditions=CONDITIONS,
        verification=Verification(),
        protected=environment == "production",
        actor="dev1",
        host="laptop",
        made_at=MADE,
    )
    return replace(made, **changes)


def difference(**changes: Any) -> PlanDifference:
    code = CodeBetween(
        1, COMMIT.format("6"), COMMIT.format("4"), "behind",
        behind=(CommitLine(COMMIT.format("6"), "Tune trees", "Bo Chen", days(1)),
                CommitLine(COMMIT.format("5"), "Try boost", "Cy Diaz", days(3))),
        behind_count=2, files=(FileChange("train.py", 3, 12),),
    )  # fmt: skip
    made = PlanDifference(
        before=PlanSide("6"),
        after=PlanSide("4"),
        metrics=(
            MetricChange("rmse", 52.8, 53.914, 1.114, 0.0211, "min", "worse", primary=True),
            MetricChange("r2", 0.4999, 0.4821, -0.0178, -0.0356, "max", "worse"),
        ),
        params=(TextChange("alpha", "0.05", "0.1"), TextChange("trees", "200", None)),
        data=(DataChange("diabetes.csv", "dvc", None, "77aa01bc99", "8d1e92f17c", "19 kB", "18 kB"),),
        code=code,
        packages=(TextChange("scikit-learn", "1.7.2", "1.7.1"),),
    )
    return replace_struct(made, **changes)


def replace_struct(made: PlanDifference, **changes: Any) -> PlanDifference:
    from msgspec import structs

    return structs.replace(made, **changes)


BREAKING = (
    SignatureChange("inputs.age", None, "long", breaks=True, words="new and required: calls without it fail"),
)


def at(seconds: float) -> datetime:
    return MADE + timedelta(seconds=seconds)


def events(outcome: Outcome | None = Outcome.VERIFIED) -> tuple[Event, ...]:
    """What a journal of :data:`STEPS` tells up to its outcome."""
    told = [
        Event(at(0), EventKind.INTENT, None, "rollback of production from 6 to 4"),
        Event(at(0.1), EventKind.SENT, "process", "version 4 starts beside version 6"),
        Event(at(0.4), EventKind.NOTE, "process", "version 4 proved itself"),
        Event(at(1.2), EventKind.ACCEPTED, "process", "version 4 has the address"),
        Event(at(1.2), EventKind.SENT, "alias", "the alias production is moved to 4"),
    ]
    if outcome is Outcome.VERIFIED:
        told += [
            Event(at(1.3), EventKind.ACCEPTED, "alias", "the alias production names 4"),
            Event(at(1.9), EventKind.SEEN, None, "version 4, healthy (3 of 3)", {"version": "4"}),
            Event(
                at(1.9),
                EventKind.OUTCOME,
                None,
                "production serves version 4, healthy",
                {"outcome": "verified"},
            ),
            Event(at(2.0), EventKind.AUDITED, None, "run 1f2e in the experiment mlops-dash"),
        ]
    elif outcome is Outcome.FAILED:
        told += [
            Event(at(1.4), EventKind.UNDOING, "process", "version 6 takes the address back"),
            Event(at(2.4), EventKind.UNDONE, "process", "version 6 has the address"),
            Event(at(2.5), EventKind.OUTCOME, None, "the alias could not be moved: the store is locked",
                  {"remedy": "close what holds mlflow.db, then roll back again"}),
        ]  # fmt: skip
    elif outcome is Outcome.UNKNOWN:
        told.append(Event(at(9), EventKind.OUTCOME, None, "the registry does not answer"))
    elif outcome is Outcome.REFUSED:
        told = [told[0], Event(at(0.2), EventKind.OUTCOME, None, "dev2 moved production to 5 meanwhile")]
    return tuple(told)


def action(
    outcome: Outcome | None = Outcome.VERIFIED, *, running: bool | None = None, **changes: Any
) -> Action:
    made = Action(
        plan(reason="latency doubled after v6"),
        events(outcome),
        outcome,
        running=outcome is None if running is None else running,
        audit_run=None,
        log="/state/actions/0123/20261123T075950Z-00000004.jsonl",
    )
    return replace(made, **changes)


class HandAgent:
    """Does what the test has it do."""

    def __init__(self, board: HandActions, planned: Plan) -> None:
        self.board, self.plan = board, planned

    def go(self, reason: str) -> str:
        self.board.start_gate.wait(30)
        if self.board.go_error is not None:
            raise self.board.go_error
        self.board.gone.append((self.plan.id, reason))
        begun = replace(self.plan, reason=reason)
        self.board.done[self.plan.id] = replace(self.board.becomes, plan=begun)
        return self.plan.id

    def leave(self) -> None:
        self.board.left.append(self.plan.id)


class HandActions:
    """The part of a board that acts.

    Attributes:
        becomes: what an action is as soon as it has begun.
        ticks: what the preconditions turn out to be, by id; the others hold.
        printed: what a rebuild's command has printed; asked_output: (action, lines) that were asked for.
        gone: (plan, reason) of what was begun; left: plans whose agents were told to leave.
        plan_gate, check_gate, start_gate, output_gate: hold planning, looking, beginning and reading what a
            command has printed back until they are set.
    """

    read_only = False

    def __init__(self) -> None:
        super().__init__()
        self.versions_of: Sequence[Candidate] | Exception = candidates()
        self.planned: Plan | Exception | None = None
        self.ticks: dict[str, Precondition] = {}
        self.differs: PlanDifference | Exception = difference()
        self.becomes = action()
        self.done: dict[str, Action] = {}
        self.gone: list[tuple[str, str]] = []
        self.left: list[str] = []
        self.resumed: tuple[str, ...] = ()
        self.go_error: Exception | None = None
        self.reasons: dict[tuple[ActionKind, str], str] = {}
        self.asked_plans: list[tuple[str, str | None, str | None]] = []
        self.cancelled: list[str] = []
        self.printed: tuple[str, ...] = ()
        self.asked_output: list[tuple[str, int]] = []
        self.list_gate, self.plan_gate, self.check_gate, self.start_gate = (Signal() for _ in range(4))
        self.output_gate = Signal()
        for gate in (self.list_gate, self.plan_gate, self.check_gate, self.start_gate, self.output_gate):
            gate.set()

    def end(self, outcome: Outcome = Outcome.VERIFIED) -> None:
        """Have the action that was begun last end."""
        key = self.gone[-1][0]
        self.done[key] = replace(self.done[key], events=events(outcome), outcome=outcome, running=False)

    def candidates(self, environment: str, model: str | None = None) -> tuple[Candidate, ...]:
        self.list_gate.wait(30)
        if isinstance(self.versions_of, Exception):
            raise self.versions_of
        return tuple(self.versions_of)

    def disabled(self, kind: ActionKind, environment: str, model: str | None = None) -> str | None:
        return self.reasons.get((kind, environment))

    def plan(
        self,
        kind: ActionKind,
        environment: str,
        *,
        model: str | None = None,
        to: str | None = None,
        undoes: str | None = None,
    ) -> Plan:
        self.plan_gate.wait(30)
        self.asked_plans.append((kind.value, environment, to))
        if isinstance(self.planned, Exception):
            raise self.planned
        return self.planned or plan(kind, environment, to or "4")

    def plan_rebuild(self, ref: str, *, repeats: int = 1, registers: bool = False) -> Plan:
        self.asked_plans.append(("rebuild", "", ref))
        if isinstance(self.planned, Plan):
            return self.planned
        raise RefusedError(f"run {ref[:8]} cannot be rebuilt: its command is missing", "install mlops-dash")

    def cancel(self, action_id: str) -> None:
        self.cancelled.append(action_id)

    def output(self, action_id: str, *, most: int = 1_000) -> tuple[str, ...]:
        self.asked_output.append((action_id, most))
        self.output_gate.wait(30)
        return self.printed[-most:]

    def undo_plan(self, action_id: str) -> Plan:
        taken = self.done[action_id].plan
        assert taken.before is not None
        self.asked_plans.append(("undo", taken.environment, action_id))
        return plan(
            taken.kind, taken.environment, taken.before.version, before=taken.after, undoes=action_id,
            protected=False,
        )  # fmt: skip

    def check(self, planned: Plan) -> Iterator[Precondition]:
        for one in planned.preconditions:
            self.check_gate.wait(30)
            yield self.ticks.get(one.id, replace(one, tick=Tick.HOLDS, detail="looked at"))

    def difference(self, planned: Plan, *, within: float | None = None) -> PlanDifference:
        if isinstance(self.differs, Exception):
            raise self.differs
        return self.differs

    def prepare(self, planned: Plan) -> HandAgent:
        return HandAgent(self, planned)

    def actions(self) -> tuple[Action, ...]:
        return tuple(sorted(self.done.values(), key=lambda one: one.plan.id, reverse=True))

    def action(self, action_id: str) -> Action | None:
        return self.done.get(action_id)

    def resume_unfinished(self) -> tuple[str, ...]:
        return self.resumed
