"""What went in and differs, the likeliest cause first; what was not recorded is no difference."""

from __future__ import annotations

from dataclasses import replace

from mlops_dash.actions.judging.causes import differing_inputs, told_by_digest_alone
from mlops_dash.actions.judging.sides import Side
from mlops_dash.domain.rebuilds import DataNeed

FULL = Side(
    "a",
    python="3.11.7",
    parameters={"alpha": "1", "n_jobs": "1", "random_state": "0"},
    packages={"Scikit_Learn": "1.9.1", "rich": "15"},
    variables={"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"},
    hardware={"cpus": "2"},
    data=(DataNeed("d", "dvc", "d.csv", md5="1"),),
    commit="a" * 40,
    dirty=False,
)
OTHER = Side(
    "b",
    python="3.11.8",
    parameters={"alpha": "2", "n_jobs": "2", "random_state": "1"},
    packages={"scikit-learn": "1.9.2", "rich": "16"},
    variables={"OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "1"},
    hardware={"cpus": "4"},
    data=(DataNeed("d", "dvc", "d.csv", md5="2"),),
    commit="b" * 40,
    dirty=False,
)


def names(first: Side, second: Side, *, rounding: bool = False) -> list[str]:
    found = differing_inputs(first, second, imported=frozenset({"scikit-learn"}), rounding=rounding)
    return [f"{one.kind} {one.name}" for one in found]


def test_what_changes_results_most_stands_first_and_packages_that_nobody_needs_last() -> None:
    assert names(FULL, OTHER) == [
        "data d.csv",
        "parameter alpha",
        "seed PYTHONHASHSEED",
        "seed random_state",
        "code commit",
        "package scikit-learn",
        "python python",
        "threads OMP_NUM_THREADS",
        "threads n_jobs",
        "hardware cpus",
        "package rich",
    ]


def test_where_outcomes_differ_by_rounding_threads_and_packages_stand_first() -> None:
    first = names(FULL, OTHER, rounding=True)
    assert first[:3] == ["threads OMP_NUM_THREADS", "threads n_jobs", "package scikit-learn"]
    assert first[-1] == "package rich"


def test_what_one_side_did_not_record_is_no_difference() -> None:
    bare = Side("c", parameters=FULL.parameters)
    assert names(FULL, bare) == names(bare, FULL) == names(FULL, FULL) == []


def test_a_data_set_that_only_one_read_is_one() -> None:
    more = replace(FULL, data=(*FULL.data, DataNeed("e", "dvc", "e.csv", md5="3")))
    assert names(FULL, more) == names(more, FULL) == ["data e.csv"]
    elsewhere = replace(FULL, data=(*FULL.data, DataNeed("table", "mlflow", None, digest="3")))
    assert names(FULL, elsewhere) == []  # known of other sources, which the original may not have noted


def test_several_data_sets_of_one_name_are_all_compared() -> None:
    """MLflow calls each that has no name of its own the same."""

    def reading(*digests: str) -> Side:
        return replace(
            FULL, data=tuple(DataNeed("dataset", "mlflow", None, digest=digest) for digest in digests)
        )

    assert names(reading("1", "2"), reading("2", "1")) == []
    assert names(reading("1", "2"), reading("1", "3")) == ["data dataset (2)"]
    assert names(reading("1", "2"), reading("0", "2")) == ["data dataset"]
    assert names(reading("1", "2"), reading("1")) == ["data dataset (2)"]
    assert told_by_digest_alone(reading("1", "2"), reading("2", "1")) == ("dataset", "dataset (2)")


def test_differences_of_code_that_were_recorded_are_compared() -> None:
    patched = replace(FULL, dirty=True, patch_sha256="1" * 64)
    assert names(patched, patched) == []
    assert names(patched, FULL) == ["code uncommitted changes"]
    assert names(replace(FULL, dirty=True), FULL) == ["code uncommitted changes"]
