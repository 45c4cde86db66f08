"""What is live, on what evidence, and what it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from known_facts import NOW, KnownFacts, sha
from mlops_dash.answers.live import live
from mlops_dash.answers.shapes import EnvironmentRow
from mlops_dash.config import (
    AliasTarget,
    Config,
    EnvironmentConfig,
    HttpTarget,
    MetricsConfig,
    ProcessTarget,
    Target,
)
from mlops_dash.domain.environments import Basis, CodeStatus, Health

HTTP = HttpTarget(url="http://127.0.0.1:1")


@pytest.fixture
def given() -> Iterator[KnownFacts]:
    facts = KnownFacts()
    yield facts
    facts.store.close()


def configured(target: Target = HTTP, **settings: Any) -> Config:
    return Config(environments={"production": EnvironmentConfig("wine", target=target, **settings)})


def rows(given: KnownFacts, config: Config | None = None) -> list[EnvironmentRow]:
    return list(live(given.store, config or Config(), (), now=NOW).environments)


def row(given: KnownFacts, config: Config | None = None) -> EnvironmentRow:
    (found,) = rows(given, config)
    return found


def two_versions(given: KnownFacts) -> None:
    given.run("r4", commit=sha(1), metrics={"rmse": 4.0})
    given.run("r5", commit=sha(2), metrics={"rmse": 5.0})
    given.version("wine", "4", "r4")
    given.version("wine", "5", "r5")
    given.alias("wine", "production", "4")


def test_what_is_only_declared_says_so(given: KnownFacts) -> None:
    two_versions(given)
    found = row(given)
    assert (found.live, found.basis, found.drift, found.health) == (
        "4", Basis.DECLARED, False, Health.UNKNOWN,
    )  # fmt: skip
    assert found.run is not None
    assert (found.run.run_id, found.observed, found.of_declared) == ("r4", None, False)


@pytest.mark.parametrize(
    ("said", "version", "drift"),
    [("4", "4", False), ("v4", "4", False), ("V4", "4", False), ("5", "5", True), ("v5", "5", True)],
)
def test_what_answers_is_observed(given: KnownFacts, said: str, version: str, drift: bool) -> None:
    two_versions(given)
    given.seen("production", "wine", said, by="ci", since=NOW)
    found = row(given, configured())
    assert (found.live, found.basis, found.drift) == (version, Basis.OBSERVED, drift)
    assert found.run is not None
    assert found.run.run_id == f"r{version}"
    assert (found.since, found.by) == (NOW, "ci")


def test_without_a_declared_version_there_is_no_drift(given: KnownFacts) -> None:
    given.version("wine", "4", "r4")
    given.seen("production", "wine", "4")
    found = row(given, configured())
    assert (found.live, found.declared, found.drift) == ("4", None, False)


@pytest.mark.parametrize("health", [Health.DOWN, Health.DEGRADED, Health.UNKNOWN])
def test_what_did_not_say_what_it_serves_is_unknown(given: KnownFacts, health: Health) -> None:
    two_versions(given)
    given.seen("production", "wine", health=health, detail="answers differ: 4, 5")
    found = row(given, configured())
    assert (found.live, found.basis, found.drift, found.health) == (None, Basis.UNKNOWN, False, health)
    assert found.of_declared
    assert found.run is not None
    assert (found.run.run_id, found.since, found.by) == ("r4", None, None)


def test_a_target_that_was_never_asked_is_unknown(given: KnownFacts) -> None:
    two_versions(given)
    found = row(given, configured(ProcessTarget()))
    assert (found.target, found.live, found.basis, found.observed) == ("process", None, Basis.UNKNOWN, None)


@pytest.mark.parametrize("target", [ProcessTarget(), AliasTarget()])
def test_what_another_kind_of_target_said_is_forgotten(given: KnownFacts, target: Target) -> None:
    two_versions(given)
    given.seen("production", "wine", "5", target="http")
    found = row(given, configured(target))
    assert found.observed is None
    assert found.live == ("4" if isinstance(target, AliasTarget) else None)


@pytest.mark.parametrize("named", ["run_id", "model_id"])
def test_an_observed_run_tells_its_version(given: KnownFacts, named: str) -> None:
    two_versions(given)
    given.put("logged_model", {"model_id": "m-6", "run_id": "r6"})
    given.version("wine", "6", "", source="models:/m-6")
    given.seen("production", "wine", answered=True, **{named: "r6" if named == "run_id" else "m-6"})
    found = row(given, configured())
    assert (found.live, found.basis, found.drift) == ("6", Basis.OBSERVED, True)


def test_an_observed_run_of_several_versions_is_no_guess(given: KnownFacts) -> None:
    two_versions(given)
    given.version("wine", "6", "r5")
    given.seen("production", "wine", answered=True, run_id="r5")
    found = row(given, configured())
    assert (found.live, found.basis, found.of_declared) == (None, Basis.UNKNOWN, False)
    assert found.run is not None
    assert found.run.run_id == "r5"


def test_an_observed_run_of_another_model_is_shown_without_a_version(given: KnownFacts) -> None:
    two_versions(given)
    given.run("r9")
    given.version("beer", "9", "r9")
    given.seen("production", "wine", answered=True, run_id="r9")
    found = row(given, configured())
    assert found.live is None
    assert found.run is not None
    assert found.run.run_id == "r9"


def test_a_version_that_the_registry_does_not_know_is_shown_as_it_was_said(given: KnownFacts) -> None:
    two_versions(given)
    given.seen("production", "wine", "99")
    found = row(given, configured())
    assert (found.live, found.basis, found.drift, found.run) == ("99", Basis.OBSERVED, True, None)
    assert "packages" in found.rebuildable.missing


def test_fault_59_it_says_v4_but_serves_the_run_of_v5(given: KnownFacts) -> None:
    two_versions(given)
    given.seen("production", "wine", "4", run_id="r5")
    found = row(given, configured())
    assert (found.live, found.basis, found.drift) == ("5", Basis.OBSERVED, True)


def test_two_environments_may_declare_by_the_same_alias(given: KnownFacts) -> None:
    two_versions(given)
    places = {name: EnvironmentConfig("wine", alias="production") for name in ("eu", "us")}
    found = rows(given, Config(environments=places))
    assert [(r.environment, r.live) for r in found] == [("eu", "4"), ("us", "4")]


def test_a_configured_environment_is_shown_once(given: KnownFacts) -> None:
    two_versions(given)
    given.alias("wine", "Champion", "5")
    found = rows(given, configured(AliasTarget(), alias="champion"))
    assert [(r.environment, r.live) for r in found] == [("production", "5")]


def test_configured_environments_come_first_then_those_nearest_to_the_users(given: KnownFacts) -> None:
    for alias in ("zulu", "dev", "canary", "Staging", "champion", "production"):
        given.alias("beer", alias, "1")
    given.alias("apple", "dev", "1")
    config = Config(environments={"last": EnvironmentConfig("wine")})
    found = [(r.model, r.environment) for r in rows(given, config)]
    assert found == [
        ("wine", "last"), ("apple", "dev"), ("beer", "production"), ("beer", "champion"),
        ("beer", "Staging"), ("beer", "canary"), ("beer", "dev"), ("beer", "zulu"),
    ]  # fmt: skip


def test_a_gto_version_brings_its_commit_and_who_assigned_it(given: KnownFacts) -> None:
    given.repository(sha(1), sha(2))
    given.gto("wine", "v1.0.0", sha(1), "production")
    found = row(given)
    assert (found.target, found.live, found.by, found.run) == ("gto", "v1.0.0", "Ada", None)
    assert found.code is not None
    assert (found.code.commit, found.code.subject, found.code.behind) == (sha(1), "Commit 1", 1)


def test_the_commit_of_a_tag_is_not_that_of_another_version_that_serves(given: KnownFacts) -> None:
    given.repository(sha(1))
    given.gto("wine", "v1.0.0", sha(1), "production")
    given.seen("production", "wine", "v2.0.0")
    found = row(given, configured())
    assert (found.live, found.drift, found.code) == ("v2.0.0", True, None)


@pytest.mark.parametrize(
    ("tag", "position", "expected"),
    [
        (sha(1), None, CodeStatus.OK),
        (sha(5), {"branches": ""}, CodeStatus.UNREACHABLE),
        (sha(5), {"branches": "tags/t"}, CodeStatus.OK),
        (sha(5), {"there": False}, CodeStatus.MISSING),
        (sha(5), None, CodeStatus.UNKNOWN),
        ("abc1234", None, CodeStatus.UNKNOWN),
        ("--output=/tmp/x", None, CodeStatus.MISSING),
    ],
)
def test_what_is_known_of_a_commit(
    given: KnownFacts, tag: str, position: dict[str, Any] | None, expected: CodeStatus
) -> None:
    given.repository(sha(1))
    if position is not None:
        given.position(tag, **position)
    given.run("r4", commit=tag)
    given.version("wine", "4", "r4")
    given.alias("wine", "production", "4")
    code = row(given).code
    assert code is not None
    assert (code.commit, code.status) == (tag, expected)


def test_without_a_repository_nothing_is_known_of_a_commit(given: KnownFacts) -> None:
    two_versions(given)
    code = row(given).code
    assert code is not None
    assert code.status is CodeStatus.UNKNOWN


def test_a_tree_that_was_marked_dirty_is_dirty(given: KnownFacts) -> None:
    given.repository(sha(1))
    given.run("r4", commit=sha(1), tags={"mlflow.git.dirty": "True"})
    given.version("wine", "4", "r4")
    given.alias("wine", "production", "4")
    found = row(given)
    assert found.code is not None
    assert found.code.status is CodeStatus.DIRTY
    assert "tree" in found.rebuildable.missing


def test_all_that_a_rebuild_needs(given: KnownFacts) -> None:
    given.repository(sha(1))
    given.run("r4", commit=sha(1), data=(("wine", "d1"),), params={"alpha": "1"})
    given.version("wine", "4", "r4")
    given.alias("wine", "production", "4")
    found = row(given).rebuildable
    assert (found.ready, found.missing, len(found.checks), found.held) == (True, (), 8, 3)


def test_all_that_a_rebuild_lacks(given: KnownFacts) -> None:
    given.alias("wine", "production", "4")
    found = row(given).rebuildable
    assert found.missing == ("commit", "data", "parameters", "command", "packages")
    assert not found.ready


def test_data_of_mlflow_and_of_dvc_stand_side_by_side(given: KnownFacts) -> None:
    given.repository(sha(1))
    given.run("r4", commit=sha(1), data=(("wine", "d1"),))
    given.dvc(sha(1), "wine.csv", "md5")
    given.version("wine", "4", "r4")
    given.alias("wine", "production", "4")
    assert [(d.name, d.digest, d.kind, d.source) for d in row(given).data] == [
        ("wine", "d1", "mlflow", "d1.csv"), ("wine.csv", "md5", "dvc", "wine.csv.dvc"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("metrics", "rules", "expected"),
    [
        ({"train_rmse": 1.0, "val_rmse": 2.0}, MetricsConfig(), ("val_rmse", "min")),
        ({"rmse": 1.0, "gain": 2.0}, MetricsConfig(primary="gain"), ("gain", None)),
        (
            {"rmse": 1.0, "gain": 2.0},
            MetricsConfig(primary="gain", higher_is_better=["gain"]),
            ("gain", "max"),
        ),
        ({"rmse": 1.0}, MetricsConfig(primary="gain"), (None, None)),
        ({"whatever": 1.0}, MetricsConfig(), (None, None)),
    ],
)
def test_the_metric_that_stands_for_the_model(
    given: KnownFacts, metrics: dict[str, float | None], rules: MetricsConfig, expected: tuple[str, str]
) -> None:
    given.run("r4", metrics=metrics)
    given.version("wine", "4", "r4")
    given.alias("wine", "production", "4")
    found = row(given, Config(metrics=rules))
    assert (found.primary_metric, found.better) == expected


class Counting:
    """A store that counts how often it is asked."""

    def __init__(self, given: KnownFacts) -> None:
        self.asked: list[str] = []
        self._store = given.store

    def records(self, question: str, /, **parameters: Any) -> list[dict[str, Any]]:
        self.asked.append(question)
        return self._store.records(question, **parameters)

    def kept(self, question: str, make: Callable[[list[tuple[Any, ...]]], Any], /) -> Any:
        self.asked.append(question)
        return self._store.kept(question, make)


def test_many_environments_cost_as_many_questions_as_one(given: KnownFacts) -> None:
    import pyarrow as pa

    from mlops_dash.sources.base import Apply, Batch

    given.repository(sha(1))
    given.run("r0", commit=sha(1), metrics={"rmse": 1.0}, data=(("wine", "d1"),))
    given.version("wine", "0", "r0")
    given.alias("wine", "production", "0")
    one = Counting(given)
    live(one, Config(), (), now=NOW)
    count = range(1, 10_001)
    runs = [f"r{n}" for n in count]
    models = [f"m{n % 5000}" for n in count]  # two environments each, every model with a metric of its own
    versions = [str(n) for n in count]
    tables: dict[str, dict[str, list[Any]]] = {
        "run": {"run_id": runs, "start_time": list(count), "lifecycle_stage": ["active"] * len(runs)},
        "metric": {
            "run_id": runs,
            "key": [f"rmse_{n % 5000}" for n in count],
            "value": [float(n) for n in count],
        },
        "model_version": {"name": models, "version": versions, "run_id": runs},
        "model_alias": {"name": models, "version": versions, "alias": [f"e{n}" for n in count]},
    }
    for table, columns in tables.items():
        given.store.apply(Batch(table, pa.table(columns), Apply.APPEND))
    many = Counting(given)
    answer = live(many, Config(), (), now=NOW)
    assert len(answer.environments) == 10_001
    assert sorted(many.asked) == sorted(one.asked)
    codes = [item.code for row in answer.environments for item in row.attention]
    assert codes.count("better-version") == 5000
