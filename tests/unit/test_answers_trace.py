"""Where something comes from and where it is live, for every form of reference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from known_facts import NOW, KnownFacts, sha
from mlops_dash.answers.shapes import TraceAnswer
from mlops_dash.answers.trace import trace
from mlops_dash.config import Config, EnvironmentConfig, HttpTarget
from mlops_dash.errors import UsageError

HTTP = HttpTarget(url="http://127.0.0.1:1")
RUN4, RUN5 = "a4" * 16, "b5" * 16


@pytest.fixture
def given() -> Iterator[KnownFacts]:
    """Production declares v4 and serves v5; staging declares v5; both versions' whole lineage is known."""
    facts = KnownFacts()
    facts.repository(sha(1), sha(2))
    facts.dvc(sha(2), "wine.csv", "d" * 32)
    for version, run, commit in (("4", RUN4, sha(1)), ("5", RUN5, sha(2))):
        facts.run(run, commit=commit, data=(("wine", f"d{version}"),), metrics={"rmse": 1.0})
        facts.version("wine", version, run)
    facts.alias("wine", "production", "4")
    facts.alias("wine", "staging", "5")
    facts.seen("production", "wine", "v5", address="http://127.0.0.1:1")
    yield facts
    facts.store.close()


CONFIG = Config(environments={"production": EnvironmentConfig("wine", target=HTTP)})


def nothing(commits: Iterable[str]) -> None:
    list(commits)


def traced(given: KnownFacts, ref: str, config: Config = CONFIG) -> TraceAnswer:
    answer = trace(given.store, config, ref, now=NOW, enrich=nothing)
    ids = {node.id for node in answer.nodes}
    assert answer.focus in ids
    assert all(edge.source in ids and edge.target in ids for edge in answer.edges)
    return answer


def facts_of(answer: TraceAnswer, node: str) -> dict[str, Any]:
    return next(n.facts for n in answer.nodes if n.id == node)


@pytest.mark.parametrize(
    ("ref", "focus"),
    [
        ("production", "env:production/wine"),
        (" production ", "env:production/wine"),
        ("production/wine", "env:production/wine"),
        ("env:production/wine", "env:production/wine"),
        ("models:/wine/5", "models:/wine/5"),
        ("models:/wine/v5", "models:/wine/5"),
        ("models:/wine@staging", "models:/wine/5"),
        ("models:/wine@production", "models:/wine/4"),
        (RUN4, f"run:{RUN4}"),
        (RUN4[:6], f"run:{RUN4}"),
        (f"run:{RUN4[:6]}", f"run:{RUN4}"),
        (sha(2), f"commit:{sha(2)}"),
        (sha(2).upper(), f"commit:{sha(2)}"),
        (f"commit:{sha(2)}", f"commit:{sha(2)}"),
        ("data:d4", "data:d4"),
        ("data:ddd", "data:" + "d" * 32),
    ],
)
def test_every_form_of_reference(given: KnownFacts, ref: str, focus: str) -> None:
    answer = traced(given, ref)
    assert (answer.ref, answer.focus) == (ref, focus)


@pytest.mark.parametrize("ref", ["production", "models:/wine/5", RUN5, sha(2), "data:d5", "data:" + "d" * 32])
def test_what_is_served_is_live_wherever_one_begins(given: KnownFacts, ref: str) -> None:
    served = set(traced(given, ref).live_in)
    assert served == (
        {("production", "wine")} if ref == "production" else {("production", "wine"), ("staging", "wine")}
    )


@pytest.mark.parametrize("ref", ["models:/wine/4", RUN4, sha(1), "data:d4"])
def test_what_is_only_declared_where_another_version_serves_is_not_live(given: KnownFacts, ref: str) -> None:
    answer = traced(given, ref)
    assert answer.live_in == ()
    assert [edge.kind for edge in answer.edges if edge.source == "env:production/wine"] == [
        "serves",
        "declares",
    ]


def test_an_environment_that_did_not_answer_is_live_nowhere(given: KnownFacts) -> None:
    given.seen("production", "wine")
    answer = traced(given, "production")
    assert answer.live_in == ()
    assert {(e.source, e.target, e.kind) for e in answer.edges if e.kind == "declares"} == {
        ("env:production/wine", "models:/wine/4", "declares")
    }


def test_a_run_that_serves_without_a_version_is_followed(given: KnownFacts) -> None:
    given.run("c9" * 16, commit=sha(1), data=(("wine", "d9"),))
    given.seen("production", "wine", answered=True, run_id="c9" * 16)
    for ref in ("production", "c9" * 16, "data:d9"):
        assert traced(given, ref).live_in == (("production", "wine"),)


def test_a_model_in_several_environments_and_an_environment_of_several_models(given: KnownFacts) -> None:
    given.alias("beer", "staging", "1")
    with pytest.raises(UsageError) as raised:
        traced(given, "staging")
    assert raised.value.message == "'staging' serves 2 models"
    assert raised.value.remedy is not None
    assert "staging/beer" in raised.value.remedy
    assert traced(given, "staging/beer").focus == "env:staging/beer"


@pytest.mark.parametrize(
    ("ref", "said", "remedy"),
    [
        ("", "empty", "trace --help"),
        ("productoin", "nothing here is called 'productoin'", "did you mean production?"),
        ("models:/wine/6", "nothing here", "models:/wine/5"),
        ("models:/wein/5", "nothing here", "models:/wine/5"),
        ("models:/wine@prodution", "nothing here", "models:/wine@production"),
        ("models:/wine", "names no version", "trace --help"),
        ("data:", "data:DIGEST", "trace --help"),
        ("data:zz", "nothing here", "a REF is"),
        ("ffffffff", "nothing here", "a REF is"),
        ("commit:--output=x", "nothing here", "a REF is"),
        ("env:nobody/wine", "nothing here", "did you mean"),
        ("data:d", "ambiguous", "write more"),
    ],
)
def test_what_is_unknown_or_ambiguous_names_the_nearest(
    given: KnownFacts, ref: str, said: str, remedy: str
) -> None:
    with pytest.raises(UsageError) as raised:
        traced(given, ref)
    assert said in raised.value.message
    assert remedy in (raised.value.remedy or "")


def test_a_run_and_a_commit_that_begin_alike_are_ambiguous(given: KnownFacts) -> None:
    given.run("c0ffee" + "0" * 26)
    given.repository("c0ffee" + "1" * 34)
    with pytest.raises(UsageError, match="ambiguous"):
        traced(given, "c0ffee")
    assert traced(given, "run:c0ffee").focus.startswith("run:")
    assert traced(given, "commit:c0ffee").focus.startswith("commit:")


def test_an_environment_may_be_called_like_a_hash(given: KnownFacts) -> None:
    given.alias("beer", "cafe", "1")
    given.run("cafe" + "0" * 28)
    assert traced(given, "cafe").focus == "env:cafe/beer"


def test_a_legacy_stage_is_referred_to_as_mlflow_does(given: KnownFacts) -> None:
    given.version("beer", "7", RUN4, stage="Production")
    for ref in ("models:/beer/Production", "models:/beer/production", "models:/beer@Production"):
        assert traced(given, ref).focus == "models:/beer/7"


HOSTILE = ["a/b", "b/c", "50%", "x y ", "\x1b[31mred", "models:/evil/1", "a@b", "[/]", "é‮"]


@pytest.mark.parametrize(
    ("environment", "model"), list(zip(HOSTILE, [*HOSTILE[4:], *HOSTILE[:4]], strict=True)), ids=repr
)
def test_every_node_can_be_traced_again_whatever_names_hold(
    given: KnownFacts, environment: str, model: str
) -> None:
    given.run("c9" * 16, commit=sha(1), data=((model, "x y "),))
    given.version(model, "1", "c9" * 16)
    given.alias(model, environment, "1")
    answer = traced(given, f"run:{'c9' * 16}")
    assert answer.live_in == ((environment, model),)
    assert len({node.id for node in answer.nodes}) == 5
    for node in answer.nodes:
        assert traced(given, node.id).focus == node.id


def test_slashes_in_names_do_not_mix_two_environments_up(given: KnownFacts) -> None:
    given.alias("c", "a/b", "1")
    given.alias("b/c", "a", "2")
    assert traced(given, "env:a%2Fb/c").live_in == (("a/b", "c"),)
    assert traced(given, "env:a/b/c").live_in == (("a", "b/c"),)
    given.alias("y", "w/x", "1")
    assert traced(given, "env:w/x/y").focus == "env:w%2Fx/y"  # as a person writes it


@pytest.mark.parametrize("ref", ["models:/team/churn/1", "models:/team/churn@prod@uction"])
def test_a_model_name_may_hold_slashes_and_at_signs(given: KnownFacts, ref: str) -> None:
    given.version("team/churn", "1", RUN4)
    given.version("team/churn@prod", "2", RUN4)
    given.alias("team/churn@prod", "uction", "2")
    answer = traced(given, ref)
    assert answer.focus in ("models:/team/churn/1", "models:/team/churn@prod/2")


def test_what_serves_but_is_not_registered_is_a_node_all_the_same(given: KnownFacts) -> None:
    given.seen("production", "wine", "99")
    answer = traced(given, "production")
    assert facts_of(answer, "models:/wine/99")["status"] == "not in the registry"
    assert traced(given, "models:/wine/99").live_in == (("production", "wine"),)


def test_a_run_that_is_in_no_tracking_store_is_a_node_all_the_same(given: KnownFacts) -> None:
    given.version("beer", "1", "f" * 32)
    given.alias("beer", "production", "1")
    answer = traced(given, "models:/beer/1")
    assert facts_of(answer, f"run:{'f' * 32}")["status"] == "not in the tracking store"
    assert traced(given, "f" * 32).live_in == (("production", "beer"),)


def test_a_deleted_run_says_so(given: KnownFacts) -> None:
    given.run("c9" * 16, deleted=True)
    assert facts_of(traced(given, "c9" * 16), f"run:{'c9' * 16}")["status"] == "DELETED"


@pytest.mark.parametrize("tag", ["--output=/tmp/x", "abc1234", sha(77), "\x1b]52;c;x\x07"])
def test_a_commit_that_only_a_run_names_is_a_node_all_the_same(given: KnownFacts, tag: str) -> None:
    given.run("c9" * 16, commit=tag)
    answer = traced(given, "c9" * 16)
    node = facts_of(answer, f"commit:{tag}")
    assert (node["commit"], node["subject"]) == (tag, None)
    assert node["status"] in ("missing", "unknown")
    assert traced(given, f"commit:{tag}").focus == f"commit:{tag}"


def test_a_commit_on_no_branch_has_its_subject(given: KnownFacts) -> None:
    given.position(sha(8), branches="", subject="Try it", author="Bo", committed_at=7000)
    node = facts_of(traced(given, sha(8)), f"commit:{sha(8)}")
    assert (node["subject"], node["author"], node["status"]) == ("Try it", "Bo", "unreachable")


def test_a_commit_that_the_store_does_not_know_is_looked_for_in_the_repository(given: KnownFacts) -> None:
    asked: list[str] = []

    def enrich(commits: Iterable[str]) -> None:
        for commit in commits:
            asked.append(commit)
            given.position(commit, branches="", subject="Found")

    answer = trace(given.store, CONFIG, sha(9).upper(), now=NOW, enrich=enrich)
    assert answer.focus == f"commit:{sha(9)}"
    assert asked[0] == sha(9)


def test_data_that_dvc_and_mlflow_record_is_one_node(given: KnownFacts) -> None:
    given.run("c9" * 16, commit=sha(2), data=(("wine", "d" * 32), ("copy", "d" * 32)))
    answer = traced(given, "data:" + "d" * 32)
    (node,) = [n for n in answer.nodes if n.kind == "dataset" and n.facts["digest"] == "d" * 32]
    assert set(str(node.facts["recorded_by"]).split(", ")) == {"dvc", "mlflow"}
    names = {node.facts["name"], *str(node.facts["also_named"]).split(", ")}
    assert names == {"wine", "wine.csv", "copy"}
    assert {e.kind for e in answer.edges if e.target == node.id} == {"tracks", "used"}


@pytest.mark.parametrize(
    ("digest", "name", "source", "by"),
    [("d4", "wine", "d4.csv", "mlflow"), ("d" * 32, "wine.csv", "wine.csv.dvc", "dvc")],
)
def test_data_that_one_system_records(
    given: KnownFacts, digest: str, name: str, source: str, by: str
) -> None:
    facts = facts_of(traced(given, f"data:{digest}"), f"data:{digest}")
    assert (facts["name"], facts["digest"], facts["source"], facts["recorded_by"]) == (
        name,
        digest,
        source,
        by,
    )


def test_data_that_nothing_uses_is_still_told(given: KnownFacts) -> None:
    given.dataset("alone", "q1")
    answer = traced(given, "data:q1")
    assert [(n.id, n.facts["name"], n.facts["source"]) for n in answer.nodes] == [
        ("data:q1", "alone", "q1.csv")
    ]


@pytest.mark.parametrize("ref", [sha(3), "data:many"])
def test_of_very_many_runs_those_that_are_live_are_kept_and_the_rest_is_counted(
    given: KnownFacts, ref: str
) -> None:
    given.dataset("wine", "many")
    runs = [f"{n:032x}" for n in range(1000, 1300)]
    row = {"lifecycle_stage": "active", "experiment_id": "1"}
    given.put("run", *({"run_id": r, "start_time": n, **row} for n, r in enumerate(runs)))
    tag = {"key": "mlflow.source.git.commit", "value": sha(3)}
    given.put("tag", *({"run_id": r, **tag} for r in runs))
    given.put("dataset_input", *({"run_id": r, "dataset_id": "wine/many"} for r in runs))
    given.put(
        "model_version", *({"name": "old", "version": str(n), "run_id": r} for n, r in enumerate(runs[5:280]))
    )
    given.version("wine", "6", runs[0])  # the oldest run of all
    given.seen("production", "wine", "6")
    answer = traced(given, ref)
    assert answer.omitted == {"run": 100}
    assert len({n.id for n in answer.nodes} & {f"run:{r}" for r in runs}) == 200
    assert answer.live_in == (("production", "wine"),)


def test_data_at_very_many_commits_keeps_the_live_one(given: KnownFacts) -> None:
    given.dvc(sha(500), "big.csv", "e" * 32)
    for number in range(600, 850):
        given.put("dvc_output", {"commit_hash": sha(number), "path": "big.csv", "digest": "e" * 32})
    given.run("c9" * 16, commit=sha(500))
    given.version("wine", "6", "c9" * 16)
    given.seen("production", "wine", "6")
    answer = traced(given, "data:" + "e" * 32)
    assert answer.omitted == {"commit": 51}
    assert answer.live_in == (("production", "wine"),)


def test_a_gto_version_leads_to_its_commit_and_back(given: KnownFacts) -> None:
    given.gto("churn", "v1.0.0", sha(1), "production")
    for ref in ("models:/churn/v1.0.0", "production/churn", "models:/churn@production", sha(1)):
        answer = traced(given, ref)
        assert ("production", "churn") in answer.live_in
        assert {f"commit:{sha(1)}", "models:/churn/v1.0.0"} <= {n.id for n in answer.nodes}
