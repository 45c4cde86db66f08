"""The hands that end a rebuild: the verdict on both runs, and the registration of what came out the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_dash.actions.hands import Look, Note
from mlops_dash.actions.hands.job_step import JobStep
from mlops_dash.actions.judging.predicting import Interpreter
from mlops_dash.actions.judging.repeats import judge_repeats
from mlops_dash.actions.judging.rows import rows
from mlops_dash.actions.judging.sides import Side, Tolerances
from mlops_dash.actions.judging.verdict import judge
from mlops_dash.actions.rebuilding import environment, training
from mlops_dash.actions.rebuilding.gathering import side_of, with_recorded
from mlops_dash.actions.rebuilding.workplace import remove
from mlops_dash.domain.metrics import MetricRules
from mlops_dash.domain.rebuilds import DataNeed, Judgement, Tolerance, Verdict
from mlops_dash.domain.recorded import Recorded, from_tags, to_tags
from mlops_dash.domain.text import visible
from mlops_dash.errors import RefusedError
from mlops_dash.recorder.noting import deciding, hardware
from mlops_dash.runners.base import read_state

if TYPE_CHECKING:
    from mlflow.tracking.client import MlflowClient

_MOST_ROWS = 200  # that are kept in a journal
_SAME = (Verdict.IDENTICAL, Verdict.EQUIVALENT)


class JudgeHand(JobStep):
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
            variables=self._given(),
            hardware=hardware(),
        )

    def _given(self) -> dict[str, str]:
        """Return what a recorder notes of the variables that the command got, those of ours that were passed
        on included."""
        task = training.begun(self.place, 1)
        told = read_state(task, "task") if task is not None else None
        return deciding((told or self.arguments)["variables"])

    def _with_data(self, side: Side) -> Side:
        """Both read the data that was restored by content; MLflow's inputs each run logged itself."""
        needs = (DataNeed(**need) for need in self.arguments["needs"])
        return replace(side, data=(*side.data, *(need for need in needs if need.kind != "mlflow")))

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


class RegisterHand(JobStep):
    """Registers the rebuilt model as a new version, if it came out the same."""

    name = "register"

    def act(self, note: Note) -> Mapping[str, Any]:
        """Register it, unless that was done."""
        judged = self.place.marked("judge") or {}
        if Verdict(judged.get("verdict", Verdict.FAILED)) not in _SAME:
            return self._done("not registered: it did not come out the same")
        name, of, run_id = str(self.arguments["model"]), str(self.arguments["of"]), str(judged["runs"][-1])

        def write(client: MlflowClient) -> str:
            import mlflow

            mlflow.set_tracking_uri(self.registry.address.uri)  # by which it looks up the model's address
            known = client.search_model_versions(f"run_id = '{run_id}'")
            if known:
                return str(known[0].version)
            outputs = client.get_run(run_id).outputs
            model_ids = [one.model_id for one in outputs.model_outputs] if outputs else []
            if not model_ids:
                raise RefusedError("the rebuilt run logged no model that could be registered")
            source, tags = f"models:/{model_ids[-1]}", {"mlops-dash.rebuild.of": of}
            made = client.create_model_version(name, source, run_id, tags=tags, model_id=model_ids[-1])
            return str(made.version)

        version = self.registry.write("register the rebuilt model", write)
        return self._done(f"version {version} of {visible(name, 80)}", version=version)


def _note(client: MlflowClient, run_id: str, recorded: Recorded) -> None:
    for key, value in to_tags(recorded).items():
        client.set_tag(run_id, key, value)


def _told(judgement: Judgement, original: Side, sides: Sequence[Side]) -> dict[str, Any]:
    """Return a verdict as JSON values."""

    laid_out = rows(judgement, original.metrics, sides[-1].metrics)
    return {
        "verdict": judgement.verdict.value,
        "outcomes": [asdict(one) for one in judgement.outcomes],
        "inputs": [asdict(one) for one in judgement.inputs],
        "compared": list(judgement.compared),
        "rows": [asdict(row) for row in laid_out[:_MOST_ROWS]],
    }
