"""What an agent does: it is told a plan on its standard input, waits to be told to go, and carries it out.

Run as ``python -m mlops_dash.project.agent_main``; only :mod:`mlops_dash.project.agent` starts it.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import closing, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_dash.actions import executor
from mlops_dash.actions.hands import hand_of
from mlops_dash.actions.journal import Journal, Log
from mlops_dash.actions.plan_json import decoded, encoded, plan_of
from mlops_dash.actions.reasons import with_reason
from mlops_dash.domain.plans import Action, ActionKind, Outcome, Plan, Precondition
from mlops_dash.domain.secrets import scrub
from mlops_dash.errors import DashError
from mlops_dash.project import Project
from mlops_dash.project.acting import context_of, journal_of, observable_at
from mlops_dash.project.agent import Options

if TYPE_CHECKING:
    from mlops_dash.actions.hands import Hand
    from mlops_dash.actions.verifying import TargetVerifier
    from mlops_dash.domain.plans import Step


def main() -> int:
    """Do what the lines on standard input say."""
    _settle_in()
    order = _order()
    if order is None:
        return 0
    try:
        acting = _Acting(msgspec.convert(order["options"], Options))
    except DashError as error:
        _say("refused", message=error.message, remedy=error.remedy)
        return error.exit_code
    with closing(acting) as agent:
        if order.get("resume"):
            agent.finish()
        else:
            _carry_out(agent, plan_of(order["plan"]))
    return 0


def _carry_out(agent: _Acting, plan: Plan) -> None:
    """Get ready, wait for the word, and act. Whoever waits for us may be gone by then."""
    agent.warm(plan)
    _say("ready")
    confirmed = _order()
    if confirmed is None or confirmed.get("go") is not True:
        return
    try:
        whole = with_reason(plan, str(confirmed.get("reason", "")))
        agent.finish_place(whole)
        agent.execute(whole)
    except DashError as error:
        _say("refused", message=error.message, remedy=error.remedy)  # once it has begun nobody listens
        return
    agent.send_audits()


class _Acting:
    """The project's hands, journal and targets in this process."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._opened = True
        self.project: Project = options.opened()
        self.journal: Journal = journal_of(self.project)
        self.context = context_of(self.project)

    def close(self) -> None:
        """Close the project's sources."""
        if self._opened:
            self.project.close()
        self._opened = False

    def warm(self, plan: Plan) -> None:
        """Bring what the plan's steps, its checks and its record need, so that acting takes no time for that.

        It only reads. What fails now is told when it acts.
        """
        kinds = {step.kind for step in plan.steps}
        self.journal.actions()
        for step in plan.steps:
            with suppress(Exception):
                hand_of(step, self.context)
        with suppress(Exception):
            if not kinds & {"manifest", "gto"}:  # their checks ask the remote, which need not be asked twice
                list(self.project.check(plan))
        with suppress(Exception):
            registry = self._registry()
            if registry is not None:
                registry.warm()
                registry.read("its versions", lambda c: c.get_model_version(plan.model, plan.after.version))

    def execute(self, plan: Plan) -> Outcome:
        """Carry a plan out."""

        def begun(log: Log) -> None:
            _say("begun", id=log.plan.id)

        return executor.execute(
            plan,
            self.journal,
            self._hand,
            self._verifier(plan),
            self._check,
            read_only=self.project.read_only,
            begun=begun,
        )

    def finish_place(self, plan: Plan) -> None:
        """Go on with what was interrupted where this plan acts: it must be settled first."""
        for action in self.journal.unfinished(plan.place):
            self._resume(action)

    def finish(self) -> None:
        """Go on with everything that was left undone."""
        left = (*self.journal.unfinished(), *self.journal.unsettled())
        rebuilds = [action for action in left if action.plan.kind is ActionKind.REBUILD]
        for action in left:
            if action not in rebuilds:
                self._take_up(action)
        self.send_audits()
        for action in rebuilds:  # they may take hours, and nobody waits for them
            self._take_up(action)
        self.send_audits()

    def send_audits(self) -> None:
        """Send the records that the tracking store does not have yet."""
        from mlops_dash.actions.audit import send_all

        registry = self._registry()
        if registry is None or self.project.read_only or not self.journal.unsent():
            return
        with suppress(DashError):  # they stay in the journals
            send_all(self.journal, registry)

    def _take_up(self, action: Action) -> None:
        with suppress(DashError):  # the next start tries again
            self._resume(action)

    def _resume(self, action: Action) -> None:
        log = self.journal.take_up(action.plan.id)
        if log is None or self.project.read_only:
            return
        with log:
            executor.resume(log, self._hand, self._verifier(action.plan), self._check)

    def _hand(self, step: Step) -> Hand:
        return hand_of(step, self.context)

    def _verifier(self, plan: Plan) -> TargetVerifier:
        from mlops_dash.actions.verifying import TargetVerifier

        target = None
        with suppress(DashError):  # it cannot be asked as it is configured now: nothing is proven
            target = observable_at(self.project, plan) if plan.verification.asks else None
        return TargetVerifier(target)

    def _check(self, plan: Plan) -> Iterator[Precondition]:
        """Look at the preconditions, and then let go of every source: while a tracking store in a file is
        written nothing else in this process may have it open, or SQLite's locks on it are lost."""
        if not self._opened:
            self.project, self._opened = self._options.opened(), True
        try:
            yield from self.project.check(plan)
        finally:
            self.close()

    def _registry(self) -> Any:
        from mlops_dash.actions.registry_writer import registry_of

        uri = self.context.tracking_uri
        return registry_of(uri) if uri is not None else None


def _settle_in() -> None:
    """Belong to nobody: no signal of a terminal ends us, and nothing that a library logs tells a secret."""
    for sign in (signal.SIGINT, signal.SIGHUP):
        signal.signal(sign, signal.SIG_IGN)
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sys.excepthook = _told_without_secrets


def _told_without_secrets(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    sys.stderr.write(scrub("".join(traceback.format_exception(kind, error, trace))))


def _order() -> dict[str, Any] | None:
    """Return the next line; ``None`` where whoever started us has gone."""
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return None
    order = decoded(line)
    return order if isinstance(order, dict) else None


def _say(word: str, **values: Any) -> None:
    """Tell whoever started us, if they are still there."""
    with suppress(OSError):
        os.write(1, encoded({"word": word, **values}) + b"\n")


if __name__ == "__main__":
    sys.exit(main())
