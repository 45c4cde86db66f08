"""The hands of a rebuild: worktree, data, packages, command, and the sweep at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_dash.actions.hands import Context, Look, Note, Standing
from mlops_dash.actions.hands.job_step import JobStep
from mlops_dash.actions.hands.judgement import JudgeHand, RegisterHand
from mlops_dash.actions.rebuilding import environment, fetching, restoring, training, worktree
from mlops_dash.actions.rebuilding.dvc_places import Stores
from mlops_dash.actions.rebuilding.workplace import Workplace, remove
from mlops_dash.domain.rebuilds import DataNeed, Limits
from mlops_dash.domain.recorded import from_tags
from mlops_dash.domain.text import visible
from mlops_dash.errors import DashError, RefusedError
from mlops_dash.runners.base import JobState, Runner, Task


class CheckoutHand(JobStep):
    """Makes the worktree at the commit, with the recorded difference."""

    name = "checkout"

    def look(self) -> Look:
        """A worktree that is gone before the command has run has to be made again."""
        found = super().look()
        needed = self.place.marked("train") is None
        if found.standing is Standing.AFTER and not (needed and worktree.swept(self.place)):
            return found
        why = str((self.place.marked("full") or {}).get("words", ""))
        return Look(Standing.BEFORE, words=why, begun=self.place.is_used)

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


class DataHand(JobStep):
    """Puts the data where the command looks for it."""

    name = "data"

    def act(self, note: Note) -> Mapping[str, Any]:
        """Restore it."""
        self._check_going()
        needs = [DataNeed(**need) for need in self.arguments["needs"]]
        stores = Stores.of(self.repository)

        def fetch(away: Sequence[DataNeed]) -> None:
            aside = self.place.scratch / "dvc"
            fetching.fetch(away, stores, aside, lambda: self.place.cancelled)

        done = restoring.restore(
            needs,
            stores,
            self.place.tree,
            lambda words: note(words, {}),
            fetch if stores.remote is not None else None,
        )
        return self._done("; ".join(done) or "the command brings its own", lines=done)


class PackagesHand(JobStep):
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


class TrainHand(JobStep):
    """Runs the command, as often as is wanted."""

    name = "train"

    def look(self) -> Look:
        """A command that is under way has to be waited for, or stopped."""
        found = super().look()
        if found.standing is Standing.AFTER:
            return found
        runner, begun = self._runner(), False
        for repeat in range(1, self._repeats() + 1):
            task = training.begun(self.place, repeat)
            if task is not None and runner.look(task).state in (
                JobState.QUEUED,
                JobState.RUNNING,
                JobState.UNKNOWN,
            ):
                begun = True
        return replace(found, begun=begun)

    def act(self, note: Note) -> Mapping[str, Any]:
        """Start the command unless it was, wait for its end, and find the run that it logged."""
        if self.place.cancelled:
            self._stop()
        self._check_going()
        runner, runs, seconds = self._runner(), [], []
        for repeat in range(1, self._repeats() + 1):
            told = f"repeat {repeat} of {self._repeats()}: " if self._repeats() > 1 else ""
            task = self._task(repeat)

            def tell(words: str, first: str = told) -> None:
                note(first + words, {})

            try:
                job = training.finish(runner, task, self.place, tell)
            except DashError:
                self._make_room()
                raise
            seconds.append(job.seconds or 0.0)
            runs.append(self._logged(repeat, task))
        words = f"exited with 0 after {sum(seconds):.1f} s; logged {', '.join(run[:8] for run in runs)}"
        return self._done(words, runs=runs, seconds=seconds)

    def _make_room(self) -> None:
        """Take the worktree away at once where it fills the disk, so that the journal can be written again,
        now or when it is gone on with."""
        if self.place.is_full:
            self._stop()
            _sweep(self.context, self.place)
            with suppress(OSError):
                self.place.mark("full", {"words": f"the disk of {self.place.folder} was full"})

    def _stop(self) -> None:
        for repeat in range(1, self._repeats() + 1):
            task = training.begun(self.place, repeat)
            if task is not None:
                self._runner().cancel(task)

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

    def _task(self, repeat: int) -> Task:
        given, packages = self.arguments, self.place.marked("packages")
        if packages is None:
            raise DashError("the environment is not ready")
        command = training.Command(
            str(given["run"]), tuple(given["argv"]), str(given["folder"]), dict(given["variables"]),
            tuple(given["passed"]), given["experiment"], tuple(given["paths"]), Limits(**given["limits"]),
        )  # fmt: skip
        python = Path(packages["python"])
        task = training.task_of(command, self.place, python, self.context.tracking_uri, repeat)
        if not task.cwd.is_dir() and training.begun(self.place, repeat) is None:
            raise DashError(
                f"the folder {visible(command.folder, 100)}, where the command starts, is not in the commit",
                "rebuild a run that was trained from a folder of the repository",
            )
        return task


class SweepHand(JobStep):
    """Takes the worktree and what the command left there away."""

    name = "sweep"

    def act(self, note: Note) -> Mapping[str, Any]:
        """Sweep."""
        _sweep(self.context, self.place)
        return self._done("")


HANDS: Mapping[str, type[JobStep]] = {
    hand.name: hand
    for hand in (CheckoutHand, DataHand, PackagesHand, TrainHand, JudgeHand, RegisterHand, SweepHand)
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
