"""The plan screen until it is confirmed: the versions, the plan, what must hold, and the reason."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from mlops_dash.actions.reasons import LONGEST_REASON, REBUILD_REASON, clean_reason
from mlops_dash.answers.plan_difference import PlanDifference
from mlops_dash.domain.changes import Candidate
from mlops_dash.domain.plans import ActionKind, Plan, Precondition, Tick
from mlops_dash.errors import DashError
from mlops_dash.ui.action_words import TICKS, UNDER_WAY, WARNED
from mlops_dash.ui.board import Board
from mlops_dash.ui.prepared import Prepared
from mlops_dash.ui.screens.plan_facts import (
    about_facts,
    against_facts,
    checked,
    count_words,
    difference_facts,
    effect_facts,
    gap,
    must_hold_facts,
    shouted,
    title_of,
    why_not_go,
)
from mlops_dash.ui.screens.plan_stages import (
    AGENT,
    CANDIDATES,
    DIFFERENCE,
    PLANNED,
    TICK,
    PlanStages,
    Stage,
)
from mlops_dash.ui.screens.plan_versions import candidate_facts, first_of, for_place, show_candidates
from mlops_dash.ui.widgets.facts import Fact
from mlops_dash.ui.wording import Line, plural, safe, version

_AGAIN = 0.5  # seconds after which a difference that was still being read is asked for again
_SOON = 1.0  # seconds that Git and artifacts are waited for before what is known of a difference is shown


class PlanDeciding(PlanStages):
    """Choosing, reading, confirming."""

    found: dict[str, Precondition]
    difference: PlanDifference | Exception | None = None
    looked = False
    """All preconditions were looked at."""
    _confirmed = False  # enter was pressed before all was looked at
    _complaint: Line | None = None  # in place of what the form says

    # -- versions -----------------------------------------------------------------------------------------

    def ask_versions(self) -> None:
        """Ask where one could go to."""
        reader = self.dash.reader
        self.tell(self.verb, (("looking for versions …", "dim"),))
        self.go_to(Stage.LOOKING)
        if reader is not None:
            reader.ask(CANDIDATES, partial(reader.board.candidates, self.environment, self.model))

    def take_candidates(self, answer: tuple[Candidate, ...]) -> None:
        """Show the versions, the cursor on the wanted or the proposed one."""
        self.candidates = for_place(answer, self.environment, self.action)
        if all(row.current for row in self.candidates):
            what = "there is no other version" if self.candidates else "no version is known"
            self.candidates = ()
            self.stop(self.verb, None, ((f"{what} of {safe(self.model, 60)} to go to", "text"),))
            return
        show_candidates(self.versions, self.candidates, self.action, self.dash.metric_rules, self.dash.now)
        self.versions.title = f"{self.verb} · {safe(self.model, 40)}"
        self.versions.note = plural(len(self.candidates), "version")
        first = first_of(self.candidates, self.action, self.wanted)
        if first is None and self.action is ActionKind.ROLLBACK:
            self.versions.note += " · none is known to have been live and healthy here before"
        self.go_to(Stage.CHOOSING)
        self.versions.select(first if first is not None else self.versions.key_at(0))
        self.show_about()
        self.give_focus(self.versions)

    def take_changed(self, answer: tuple[Candidate, ...]) -> None:
        """Show what the versions are by now; the cursor stays on its version."""
        rows = for_place(answer, self.environment, self.action)
        if rows != self.candidates and not all(row.current for row in rows):
            self.candidates = rows
            show_candidates(self.versions, rows, self.action, self.dash.metric_rules, self.dash.now)
            self.show_about()

    def show_about(self) -> None:
        """Show the version under the cursor."""
        row = self.versions.selected
        if row is None:
            text = f"nothing matches “{safe(self.versions.needle, 60)}” · esc shows all again"
            self.about.show([Fact("", ((text, "dim"),))], title="Version")
            return
        facts = candidate_facts(row, self.dash.metric_rules, self.dash.now())
        self.about.show(list(facts), title=f"{safe(self.model, 40)} {version(row.version)}")

    def do_filter(self) -> None:
        """Narrow the versions."""
        self.prompt("filter", "/", value=self.versions.needle, hint="version, commit, data, environment…")

    def filter_changed(self, text: str) -> None:
        """Narrow as it is typed."""
        self.versions.narrow(text)
        self.show_about()

    def choose(self) -> None:
        """Plan to go to the version under the cursor."""
        row = self.versions.selected
        if row is not None and row.current:
            told = f"{version(row.version)} is live in {safe(self.environment, 40)} already"
            self.dash.say(told, severity="warning")
        elif row is not None:
            self.ask_plan(row.version)

    # -- the plan -----------------------------------------------------------------------------------------

    def ask_plan(self, to: str | None) -> None:
        """Ask for the plan; the reason can be typed at once."""
        reader = self.dash.reader
        if reader is None:
            return
        self.plan, self.found, self.difference, self.looked = None, {}, None, False
        self._confirmed, self._complaint = False, None
        self.form.protect(None)
        title = self.verb if to is None else f"{self.verb} · {safe(self.model, 40)} → {version(to)}"
        self.page.show([Fact("", (("planning …", "dim"),))], title=title, note="")
        self.change.show([], title=" ")
        self.go_to(Stage.PLANNING)
        self.give_focus(self.form.reason_input)
        self.show_form()
        board = reader.board
        if self.rebuilds:
            self.form.suggest(REBUILD_REASON)
            reader.ask(PLANNED, partial(board.plan_rebuild, self.ref))
        elif self.takes_back is not None:
            reader.ask(PLANNED, partial(board.undo_plan, self.takes_back))
        else:
            reader.ask(PLANNED, partial(board.plan, self.action, self.environment, model=self.model, to=to))

    def take_plan(self, plan: Plan) -> None:
        """Show the plan, look at what must hold, and get the agent ready."""
        reader = self.dash.reader
        if not plan.steps or reader is None:
            there = f"{safe(plan.environment, 60)} is at {version(plan.after.version, 60)} already"
            self.stop(self.verb, None, ((there, "strong"),), (("nothing is to be done", "text"),))
            return
        self.plan, self.prepared = plan, Prepared(reader.board, plan)
        self.form.protect(plan.environment if plan.protected else None)
        self.go_to(Stage.PLANNED)
        reader.ask_each(TICK, partial(_looks, reader.board, plan))
        if not self.rebuilds:
            reader.ask(DIFFERENCE, partial(reader.board.difference, plan, within=_SOON))
        reader.run(AGENT, self.prepared.get_ready)
        self.show_plan()

    def take_tick(self, found: Precondition | None) -> None:
        """A precondition was looked at; ``None``: that were all."""
        if found is not None:
            self.found[found.id] = found
        self.looked = found is None
        self.show_plan()
        if self.looked and self._confirmed:
            self._confirmed = False
            self._carry_out(unseen=True)

    def take_difference(self, answer: PlanDifference | Exception) -> None:
        """Show what changes; ask again while there is more to come."""
        self.difference = answer
        if isinstance(answer, PlanDifference) and answer.reading and self.plan is not None:
            self.set_timer(_AGAIN, partial(self._ask_difference, self.plan))
        self.show_plan()

    def _ask_difference(self, plan: Plan) -> None:
        reader = self.dash.reader
        if reader is not None and plan is self.plan and self.stage is Stage.PLANNED:
            reader.ask(DIFFERENCE, partial(reader.board.difference, plan))

    @property
    def conditions(self) -> tuple[Precondition, ...]:
        """The preconditions as far as they were looked at."""
        return checked(self.plan, self.found) if self.plan is not None else ()

    def show_plan(self) -> None:
        """Show the plan: beside it what changes, where there is room."""
        if self.plan is None or self.stage not in (Stage.PLANNED, Stage.STARTING):
            return
        plan, difference = self.plan, self.difference
        loud = list(shouted(difference if isinstance(difference, PlanDifference) else None))
        about = list(about_facts(plan, self.dash.now()))
        if self.rebuilds:
            self._show_rebuild(plan, about)
            return
        change = list(difference_facts(difference, plan))
        facts = [*must_hold_facts(self.conditions), gap(), *effect_facts(plan), gap(), *about]
        if self.has_class("-wide"):
            self.change.show(change[1:], title="What changes")
        else:
            against = list(against_facts(self.conditions))  # further down nobody may see them
            facts = [*against, *([gap()] if against else []), *change, gap(), *facts]
        note = "protected" if plan.protected else ""
        self.page.show([*loud, *([gap()] if loud else []), *facts], title=title_of(plan), note=note)
        self.show_form()
        self.update_keys()

    def _show_rebuild(self, plan: Plan, about: list[Fact]) -> None:
        """Show a rebuild: what is done, beside it what must hold and what the run recorded."""
        holds, does = list(must_hold_facts(self.conditions)), list(effect_facts(plan))
        if self.has_class("-wide"):
            self.change.show(holds[1:], title=f"Must hold · {count_words(self.conditions)}")
            self.page.show([*does, gap(), *about], title=title_of(plan), note="")
        else:
            against = list(against_facts(self.conditions))
            facts = [*against, *([gap()] if against else []), *does, gap(), *holds, gap(), *about]
            self.page.show(facts, title=title_of(plan), note="")
        self.show_form()
        self.update_keys()

    # -- the reason, and going ----------------------------------------------------------------------------

    def show_form(self) -> None:
        """Say what is missing until it can be carried out."""
        self.form.say(self._complaint if self._complaint is not None else self._form_line())

    def _form_line(self) -> Line:
        if self.stage is Stage.STARTING:
            return (UNDER_WAY, (" starting: nothing is changed yet", "text"))
        if self.plan is None:
            return (("planning …", "dim"),)
        if (why := why_not_go(self.conditions)) is not None:
            return (TICKS[Tick.FAILS], (" refused: ", "bad"), (why, "text"))
        count = count_words(self.conditions)
        if self._confirmed:
            return (UNDER_WAY, (f" confirmed: it begins when all is looked at · {count}", "text"))
        warned = any(one.tick in (Tick.FAILS, Tick.UNKNOWN) for one in self.conditions)
        mark = WARNED if warned else TICKS[Tick.HOLDS if self.looked else Tick.OPEN]
        what = "enter carries it out" if self.form.reason.strip() else "type a reason, then enter"
        return (mark, (f" {count} · ", "warn" if warned else "dim"), (what, "text"))

    def confirm(self) -> None:
        """Carry the plan out, if all that is asked for is there; say what is missing."""
        self._complaint = None
        if self.stage is Stage.PLANNING:
            self._confirmed = True
        elif self.stage is Stage.PLANNED:
            self._carry_out(unseen=False)
        self.show_form()

    def _carry_out(self, *, unseen: bool) -> None:
        """Begin.

        Args:
            unseen: enter was pressed before all was looked at: what was found then may be a surprise.
        """
        if self.plan is None or self.prepared is None or why_not_go(self.conditions) is not None:
            self.show_form()
            return
        reason = self._reason()
        if reason is None:
            self.form.begin()
            return
        if self.form.name_missing:
            self._complain(f"it is protected: type {safe(self.plan.environment, 60)}, then enter")
            self.form.ask_name()
            return
        if not self.looked:
            self._confirmed = True
            return
        warned = [one for one in self.conditions if one.tick is not Tick.HOLDS]
        if unseen and warned:
            told = safe(warned[0].detail or f"not so: {warned[0].title}", 120)
            self._complain(f"look first: {told} · enter carries it out all the same")
            return
        self.go_to(Stage.STARTING)
        self.page.focus()
        self.dash.carry_out(self.prepared, reason)

    def _reason(self) -> str | None:
        """Return the reason as it is kept, or say what is wrong with it."""
        typed = self.form.reason.strip()
        if len(typed) > LONGEST_REASON:  # cleaning a long one takes too long for here
            self._complain(f"the reason is {len(typed):,} characters long: {LONGEST_REASON:,} at most")
            return None
        try:
            return clean_reason(typed)
        except DashError as error:
            self._complain(error.message if error.remedy is None else f"{error.message}: {error.remedy}")
            return None

    def _complain(self, words: str) -> None:
        self._complaint = (WARNED, (f" {words}", "warn"))
        self.show_form()


def _looks(board: Board, plan: Plan) -> Iterator[Precondition | None]:
    """Yield the preconditions as they are looked at, and ``None`` at the end."""
    yield from board.check(plan)
    yield None
