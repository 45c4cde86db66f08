"""Real models, trained again with one thing changed: each gets the verdict and the cause that it deserves."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from judging.trainings import Train, Training
from mlops_dash.actions.judging.predicting import Interpreter
from mlops_dash.actions.judging.rows import rows
from mlops_dash.actions.judging.sides import Side, Tolerances
from mlops_dash.actions.judging.verdict import UNEXPLAINED, judge
from mlops_dash.domain.rebuilds import Tolerance, Verdict

HERE = Interpreter(Path(sys.executable))


def test_trained_again_it_is_identical_though_object_ids_and_times_differ(
    train: Train, original: Side
) -> None:
    again = train(Training())
    files = [next(side.models[0].path.glob("*.skops")).read_bytes() for side in (original, again)]
    assert files[0] != files[1]
    judgement = judge(original, again)
    assert judgement.verdict is Verdict.IDENTICAL, judgement.compared
    assert judgement.outcomes == judgement.inputs == ()
    assert "model/model.skops: content equal" in judgement.compared
    assert any("fit_seconds" in line and "not compared" in line for line in judgement.compared)
    assert judgement.words == "identical: 1 metric and 8 files are equal"


def test_pickles_are_identical_byte_for_byte(train: Train) -> None:
    judgement = judge(train(Training(boosting=1)), train(Training(boosting=1)))
    assert judgement.verdict is Verdict.IDENTICAL
    assert any(line.startswith("model/model.pkl: equal byte for byte") for line in judgement.compared)


def test_a_coefficient_that_differs_by_rounding_is_equivalent_by_its_predictions(
    train: Train, original: Side
) -> None:
    nudged = train(Training(nudge=1e-9))
    judgement = judge(original, nudged, interpreter=HERE)
    assert judgement.verdict is Verdict.EQUIVALENT, judgement
    prediction = next(one for one in judgement.outcomes if one.kind == "prediction")
    assert prediction.within
    assert prediction.amount is not None
    assert 0 < prediction.amount < 1e-6
    exact = Tolerances(Tolerance(0, 0), predictions=Tolerance(0, 0))
    assert judge(original, nudged, tolerances=exact, interpreter=HERE).verdict is Verdict.DIVERGED


def test_predictions_outside_the_tolerance_diverge_whatever_the_metrics_say(
    train: Train, original: Side
) -> None:
    nudged = replace(train(Training(nudge=1e-3)), metrics=original.metrics)
    judgement = judge(original, nudged, interpreter=HERE)
    assert judgement.verdict is Verdict.DIVERGED
    assert "predictions of model differ by at most" in judgement.words
    assert UNEXPLAINED in judgement.words


def test_another_seed_is_named(train: Train, original: Side) -> None:
    judgement = judge(original, train(Training(seed=1)))
    assert judgement.verdict is Verdict.DIVERGED
    assert judgement.words.startswith("diverged: rmse ")
    assert judgement.words.endswith("likeliest cause: seed 0 → 1")
    assert judgement.inputs[0].kind == "seed"


def test_a_row_beyond_what_mlflow_hashes_is_named_where_the_recorder_or_dvc_saw_it(
    train: Train, original: Side
) -> None:
    changed = train(Training(changed_row=11_000))
    assert changed.data[0].digest == original.data[0].digest
    judgement = judge(original, changed)
    assert judgement.verdict is Verdict.DIVERGED
    assert [one.kind for one in judgement.inputs] == ["data"]
    assert "likeliest cause: data visits (sha256 " in judgement.words

    by_dvc = [
        replace(side, data=(replace(side.data[0], sha256=None, md5=md5),))
        for side, md5 in ((original, "1" * 32), (changed, "2" * 32))
    ]
    assert "likeliest cause: data visits (md5 " in judge(*by_dvc).words

    by_mlflow = [replace(side, data=(replace(side.data[0], sha256=None),)) for side in (original, changed)]
    words = judge(*by_mlflow).words
    assert words.endswith(f"{UNEXPLAINED} (or data visits beyond its first 10,000 rows)")


def test_another_package_is_named_before_those_that_no_model_needs(train: Train, original: Side) -> None:
    packages = dict(original.packages) | {"rich": "14.0.0", "scikit-learn": "1.9.0"}
    other = train(Training(nudge=1e-3, sklearn="1.9.0", recorded={"packages": packages}))
    judgement = judge(original, other)
    assert judgement.verdict is Verdict.DIVERGED
    assert judgement.words.endswith("likeliest cause: scikit-learn 1.9.1 → 1.9.0")
    assert [one.name for one in judgement.inputs] == ["scikit-learn", "rich"]


def test_without_a_recorder_the_models_own_requirements_tell_of_packages(
    train: Train, original: Side
) -> None:
    bare = {"packages": {}, "python": None, "variables": None, "hardware": {}}
    judgement = judge(replace(original, **bare), train(Training(nudge=1e-3, sklearn="1.9.0", recorded=bare)))
    assert [(one.name, one.original, one.rebuilt) for one in judgement.inputs] == [
        ("scikit-learn", "1.9.1", "1.9.0")
    ]


def test_one_thread_more_changes_the_pickle_and_not_what_it_predicts(train: Train) -> None:
    one, two = train(Training(boosting=1)), train(Training(boosting=2))
    judgement = judge(one, two, interpreter=HERE)
    assert judgement.verdict is Verdict.EQUIVALENT, judgement
    assert "predictions of model are equal" in judgement.words
    assert judgement.words.endswith("although OMP_NUM_THREADS 1 → 2")
    assert [one.name for one in judgement.outcomes] == ["model/model.pkl"]
    unasked = judge(one, two)
    assert unasked.verdict is Verdict.EQUIVALENT
    assert "predictions of model were not compared (there is no interpreter to load it with)" in unasked.words


def test_a_changed_default_is_an_unrecorded_change_of_code(train: Train, original: Side) -> None:
    changed = train(Training(alpha=0.1))
    judgement = judge(replace(original, dirty=True), changed)
    assert judgement.verdict is Verdict.DIVERGED
    assert judgement.words.endswith("the original had uncommitted changes that were not recorded")
    moved = judge(original, replace(changed, commit="b" * 40))
    assert moved.words.endswith("likeliest cause: commit aaaaaaaaaaaa → bbbbbbbbbbbb")
    patched = judge(
        replace(original, dirty=True, patch_sha256="1" * 64),
        replace(changed, dirty=True, patch_sha256="1" * 64),
    )
    assert UNEXPLAINED in patched.words


def test_a_run_that_failed_or_lacks_the_model_is_never_the_same(train: Train, original: Side) -> None:
    failed = judge(original, train(Training(fails=True)))
    assert (failed.verdict, failed.words) == (Verdict.FAILED, "failed: the rebuilt run ended FAILED")
    lacking = judge(original, train(Training(without_model=True)))
    assert (lacking.verdict, lacking.words) == (
        Verdict.DIVERGED,
        "diverged: the rebuilt run lacks model model",
    )


@pytest.mark.parametrize("whose", ["original", "rebuilt"])
def test_a_model_that_cannot_be_read_is_never_the_same(train: Train, original: Side, whose: str) -> None:
    unread = replace(original, models=(replace(original.models[0], path=None),))
    pair = (unread, original) if whose == "original" else (original, unread)
    judgement = judge(*pair)
    assert judgement.verdict is Verdict.DIVERGED
    assert "could not be read, so that nothing shows that the models are the same" in judgement.words


def test_rows_hold_all_metrics_with_their_state(train: Train, original: Side) -> None:
    other = train(Training(seed=1))
    found = {row.name: row for row in rows(judge(original, other), original.metrics, other.metrics)}
    assert found["rmse"].state == "differs"
    assert found["rmse"].delta == abs(original.metrics["rmse"] - other.metrics["rmse"])
    assert (found["fit_seconds"].state, found["seed"].rebuilt) == ("ignored", "1")


def test_of_a_single_number_too(tmp_path: Path) -> None:
    one = Side("a", metrics={"rmse": 1.0}, artifacts=tmp_path / "none")
    assert judge(one, replace(one, run_id="b")).words == "identical: 1 metric is equal"


def test_what_nobody_recorded_of_the_original_may_be_the_cause(tmp_path: Path) -> None:
    made = Side("a", metrics={"rmse": 1.0}, commit="a" * 40, artifacts=tmp_path / "none")
    rebuilt = replace(made, run_id="b", metrics={"rmse": 2.0})
    said = judge(made, rebuilt).words
    assert said.endswith(f"{UNEXPLAINED} (or uncommitted changes and packages, which nobody recorded)")
    known = replace(made, dirty=False, variables={}, packages={"numpy": "2"})
    assert judge(known, replace(rebuilt, dirty=False)).words.endswith(UNEXPLAINED)
