"""The hands of a rebuild: worktree, data, packages, command, verdict, and the sweep at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_dash.actions.hands import Context, Look, Note, Standing
from mlops_dash.actions.judging.predicting import Interpreter
from mlops_dash.actions.judging.repeats import judge_repeats
from mlops_dash.actions.judging.sides import Side, Tolerances
from mlops_dash.actions.judging.verdict import judge
from mlops_dash.actions.rebuilding import environment, restoring, training, worktree
from mlops_dash.actions.rebuilding.gathering import side_of, with_recorded
from mlops_dash.actions.rebuilding.workplace import Workplace, remove
from mlops_dash.actions.registry_writer import Registry, registry_of
from mlops_dash.domain.metrics import MetricRules
from mlops_dash.domain.rebuilds import DataNeed, Judgement, Limits, Tolerance, Verdict
from mlops_dash.domain.recorded import Recorded, from_tags, to_tags
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, RefusedError
from mlops_dash.recorder.noting import hardware
from mlops_dash.runners.base import JobState, Runner, Task

if TYPE_CHECKING:
    from mlflow.tracking.client import MlflowClient

_SAME = (Verdict.IDENTICAL, Verdict.EQUIVALENT)


class _Step:
    """What the hands share: a step that is done has its mark in the rebuild's folder."""

    name: str

    def __init__(self, arguments: Mapping[str, Any], context: Context) -> None:
        self.arguments = arguments
        self.context = context
        self.place = Workplace(context.rebuilds, str(arguments["job"]))

    def look(self) -> Look:
        """Look for the mark."""
        told = self.place.marked(self.name)
        if told is None:
            return Look(Standing.BEFORE)
        return Look(Standing.AFTER, words=str(told.get("words", "")), evidence=told)

    def act(self, note: Note) -> Mapping[str, Any]:
        """Do the step, and leave its mark."""
        raise NotImplementedError

    def undo(self, note: Note) -> Mapping[str, Any]:
        """There is nothing to take back."""
        return {}

    def _done(self, words: str, **told: Any) -> Mapping[str, Any]:
        found = {"words": words, **told}
        self.place.mark(self.name, found)
        return found

    def _check_going(self) -> None:
        if self.place.cancelled:
            raise DashError("it was cancelled")

    @property
    def repository(self) -> Path:
        """The user's repository."""
        if self.context.repository is None:
            raise RefusedError("there is no Git repository", "name it with --repo")
        return self.context.repository

    @property
    def registry(self) -> Registry:
        """The tracking store."""
        if self.context.tracking_uri is None:
            raise RefusedError("there is no tracking store", "name it with --tracking-uri")
        return registry_of(self.context.tracking_uri)


class CheckoutHand(_Step):
    """Makes the worktree at the commit, with the recorded difference."""

    name = "checkout"

    def look(self) -> Look:
        """A worktree that is gone before the command has run has to be made again."""
        found = super().look()
        needed = self.place.marked("train") is None
        if found.standing is Standing.AFTER and not (needed and worktree.swept(self.place)):
            return found
        return Look(Standing.BEFORE, begun=self.place.is_used)

    def act(self, note: Note) -> Mapping[str, Any]:
        """Check the commit out."""
        self._check_going()
        commit, wanted = str(self.arguments["commit"]), self.arguments["patch"]
        patch = self._patch(str(wanted)) if wanted is not None else None
        worktree.check_out(self.repository, commit, self.place, patch)
        told = f" with the recorded difference of {len(patch):,} bytes" if patch is not None else ""
        return self._done(f"commit {commit[:12]}{told}")

    def _patch(self, sha256: str) -> bytes:
        run_id = str(self.arguments["run"])
        run = self.registry.read("what was not committed", lambda client: client.get_run(run_id))
        recorded = from_tags(run.data.tags) if run is not None else None
        if recorded is None or recorded.patch is None or recorded.patch_sha256 != sha256:
            raise RefusedError("the recorded difference cannot be read any more", "plan again")
        return recorded.patch

    def undo(self, note: Note) -> Mapping[str, Any]:
        """Take the worktree away."""
        self.place.unmark(self.name)
        _sweep(self.context, self.place)
        return {}


class DataHand(_Step):
    """Puts the data where the command looks for it."""

    name = "data"

    def act(self, note: Note) -> Mapping[str, Any]:
        """Restore it."""
        self._check_going()
        needs = [DataNeed(**need) for need in self.arguments["needs"]]
        stores = restoring.Stores.of(self.repository)
        done = restoring.restore(needs, stores, self.place.tree, lambda words: note(words, {}))
        return self._done("; ".join(done) or "the command brings its own", lines=done)


class PackagesHand(_Step):
    """Has the environment ready."""

    name = "packages"

    def act(self, note: Note) -> Mapping[str, Any]:
        """Find or build it."""
        self._check_going()
        given = self.arguments
        asked = environment.Asked(
            str(given["kind"]), given["python"], tuple(given["requirements"]), bool(given["exact"]),
            given["interpreter"],
        )  # fmt: skip
        found = environment.environment_of(
            asked, self.context.environments, lambda words: note(words, {}), lambda: self.place.cancelled
        )
        return self._done(
            found.words, python=str(found.python), version=found.version, packages=dict(found.packages)
        )


class TrainHand(_Step):
    """Runs the command, as often as is wanted."""

    name = "train"

    def look(self) -> Look:
        """A command that is under way has to be waited for, or stopped."""
        found = super().look()
        if found.standing is Standing.AFTER:
            return found
        runner, begun = self._runner(), False
        for repeat in range(1, self._repeats() + 1):
            task = self._known(repeat)
            if task is not None and runner.look(task).state in (
                JobState.QUEUED,
                JobState.RUNNING,
                JobState.UNKNOWN,
            ):
                begun = True
        return replace(found, begun=begun)

    def act(self, note: Note) -> Mapping[str, Any]:
        """Start the command unless it was, wait for its end, and find the run that it logged."""
        self._check_going()
        runner, runs, seconds = self._runner(), [], []
        for repeat in range(1, self._repeats() + 1):
            told = f"repeat {repeat} of {self._repeats()}: " if self._repeats() > 1 else ""
            task = self._task(repeat)

            def tell(words: str, first: str = told) -> None:
                note(first + words, {})

            job = training.finish(runner, task, self.place, tell)
            seconds.append(job.seconds or 0.0)
            runs.append(self._logged(repeat, task))
        words = f"exited with 0 after {sum(seconds):.1f} s; logged {', '.join(run[:8] for run in runs)}"
        return self._done(words, runs=runs, seconds=seconds)

    def undo(self, note: Note) -> Mapping[str, Any]:
        """Stop the command."""
        for repeat in range(1, self._repeats() + 1):
            task = self._known(repeat)
            if task is not None:
                self._runner().cancel(task)
        return {}

    def _logged(self, repeat: int, task: Task) -> str:
        found = self.registry.read(
            "what the command logged", lambda client: training.logged_by(client, self.place.id, repeat)
        )
        if found is None:
            raise DashError(
                "the command exited with 0 and logged no run to the team's tracking store",
                "a script that names a store itself logs elsewhere: let MLFLOW_TRACKING_URI say where;"
                f" its log is {task.log}",
            )
        return found

    def _repeats(self) -> int:
        return max(1, int(self.arguments["repeats"]))

    def _runner(self) -> Runner:
        return training.runner_of(self.arguments["runner"], self.context.rebuilds)

    def _known(self, repeat: int) -> Task | None:
        """Return the task of a repeat that was begun, enough of it to ask for it."""
        folder = self.place.folder / f"run{repeat}"
        if not (folder / "task.json").exists():
            return None
        return Task(f"{self.place.id}-{repeat}", folder, (), self.place.tree, {})

    def _task(self, repeat: int) -> Task:
        given, packages = self.arguments, self.place.marked("packages")
        if packages is None:
            raise DashError("the environment is not ready")
        command = training.Command(
            str(given["run"]), tuple(given["argv"]), str(given["folder"]), dict(given["variables"]),
            tuple(given["passed"]), given["experiment"], tuple(given["paths"]), Limits(**given["limits"]),
        )  # fmt: skip
        python = Path(packages["python"])
        return training.task_of(command, self.place, python, self.context.tracking_uri, repeat)


class JudgeHand(_Step):
    """Says whether what came of it is the same, and writes that on both runs."""

    name = "judge"

    def look(self) -> Look:
        """A verdict that they differ is what the action ends with."""
        found = super().look()
        verdict = found.evidence.get("verdict")
        return replace(found, disproved=verdict is not None and Verdict(verdict) not in _SAME)

    def act(self, note: Note) -> Mapping[str, Any]:
        """Compare the runs."""
        self._check_going()
        original_id = str(self.arguments["run"])
        runs = (self.place.marked("train") or {})["runs"]
        scratch = self.place.folder / "artifacts"
        note("gathering what both runs logged", {})
        original, _ = side_of(self.registry, original_id, scratch / "original", self.context.root)
        sides = [self._rebuilt(run_id, scratch / run_id[:8]) for run_id in runs]
        note("comparing metrics, artifacts and predictions", {})
        judgement = self._judged(self._with_data(original), sides)
        told = _told(judgement, original, sides)
        self._tag(original_id, runs, judgement)
        remove(scratch)
        return self._done(judgement.words, original=original_id, runs=list(runs), **told)

    def _judged(self, original: Side, sides: Sequence[Side]) -> Judgement:
        given = self.arguments
        tolerances = Tolerances(
            Tolerance(**given["tolerance"]),
            {name: Tolerance(**one) for name, one in given["tolerances"].items()},
            Tolerance(**given["predictions"]),
            frozenset(given["ignored"]),
        )
        packages = self.place.marked("packages") or {}
        variables = {
            name: value for name, value in given["variables"].items() if not name.startswith("PYTHON")
        }
        interpreter = Interpreter(Path(packages["python"]), variables=variables)
        rules = MetricRules(given["primary"])
        each = [
            judge(original, side, tolerances=tolerances, interpreter=interpreter, rules=rules)
            for side in sides
        ]
        return judge_repeats(original, sides, each, tolerances)

    def _rebuilt(self, run_id: str, scratch: Path) -> Side:
        side, recorded = side_of(self.registry, run_id, scratch, self.context.root)
        side = self._with_data(side)
        if recorded is not None:
            return side
        known = self._made()  # its environment has no recorder
        self.registry.write("note how it was made", lambda client: _note(client, run_id, known))
        return with_recorded(replace(side, commit=side.commit or self.arguments["commit"]), known)

    def _made(self) -> Recorded:
        """Return what the recorder would have noted of the rebuilt run: we know how it was made."""
        packages = self.place.marked("packages") or {}
        original, argv = str(self.arguments["run"]), tuple(self.arguments["argv"])
        run = self.registry.read("how the original was made", lambda client: client.get_run(original))
        noted = from_tags(run.data.tags) if run is not None else None
        if noted is None:
            started = argv[1:] if argv[0] == "python" else None
            noted = Recorded(argv=started, folder=str(self.arguments["folder"]), dirty=False)
        return replace(
            noted,
            python=packages.get("version"),
            packages=packages.get("packages", {}),
            packages_sha256=environment.sha256_of(packages.get("packages", {})),
            variables=dict(self.arguments["variables"]),
            hardware=hardware(),
        )

    def _with_data(self, side: Side) -> Side:
        """Both read the data that was restored by content."""
        restored = tuple(DataNeed(**need) for need in self.arguments["needs"])
        return replace(side, data=(*side.data, *restored))

    def _tag(self, original: str, runs: Sequence[str], judgement: Judgement) -> None:
        verdict, at = judgement.verdict.value, datetime.now(UTC).isoformat(timespec="seconds")
        version = self.arguments["version"]

        def write(client: Any) -> None:
            for run_id in runs:
                client.set_tag(run_id, "mlops-dash.rebuild.verdict", verdict)
            told = {"verdict": verdict, "run": runs[-1], "at": at}
            for name, value in told.items():
                client.set_tag(original, f"mlops-dash.rebuilt.{name}", value)
            if version is not None:
                client.set_model_version_tag(*version, "mlops-dash.rebuilt", verdict)

        self.registry.write("note the verdict on both runs", write)


class SweepHand(_Step):
    """Takes the worktree and what the command left there away."""

    name = "sweep"

    def act(self, note: Note) -> Mapping[str, Any]:
        """Sweep."""
        _sweep(self.context, self.place)
        return self._done("")


HANDS: Mapping[str, type[_Step]] = {
    hand.name: hand for hand in (CheckoutHand, DataHand, PackagesHand, TrainHand, JudgeHand, SweepHand)
}
"""The hands of a rebuild by the kinds of their steps."""


def _sweep(context: Context, place: Workplace) -> None:
    try:
        worktree.sweep(context.repository, place)
        remove(place.home)
        remove(place.scratch)
    except OSError as error:
        raise DashError(
            f"the worktree {place.tree} cannot be taken away: {error.strerror}",
            "see who holds it, then delete it",
        ) from None


def _note(client: MlflowClient, run_id: str, recorded: Recorded) -> None:
    for key, value in to_tags(recorded).items():
        client.set_tag(run_id, key, value)


def _told(judgement: Judgement, original: Side, sides: Sequence[Side]) -> dict[str, Any]:
    """Return a verdict as JSON values."""

    def shown(values: Mapping[str, float]) -> dict[str, str]:
        return {visible(name, 200): repr(float(value)) for name, value in sorted(values.items())[:200]}

    return {
        "verdict": judgement.verdict.value,
        "outcomes": [asdict(one) for one in judgement.outcomes],
        "inputs": [asdict(one) for one in judgement.inputs],
        "compared": list(judgement.compared),
        "metrics": {"original": shown(original.metrics), "rebuilt": shown(sides[-1].metrics)},
    }
