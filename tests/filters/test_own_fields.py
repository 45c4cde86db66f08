"""What filters know beyond MLflow's: or, not, numbers, commits, data, versions, environments, dates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from filters.conftest import Tracked, found
from known_facts import KnownFacts, sha
from mlops_dash.domain.freshness import Freshness, SourceStatus
from mlops_dash.errors import FilterError, UsageError

_A, _B, _C = f"ab{sha(1)[2:]}", f"ab{sha(2)[2:]}", sha(3)
_MODEL = "m-1"
_JULY = 1_783_123_200_000  # 2026-07-04 00:00 UTC
_DAY = 86_400_000


@dataclass
class Facts:
    """What is live, and two branches."""

    live: Mapping[str, Sequence[str]] = field(
        default_factory=lambda: {"production": ["r1"], "staging": ["r1", "r2"], "shadow": []}
    )

    def live_runs(self) -> Mapping[str, Sequence[str]]:
        return self.live

    def commits_on(self, branch: str) -> Sequence[str]:
        branches = {"main": [_A, _B], "topic": [_B, _C], "empty": []}
        if branch not in branches:
            raise UsageError(f"there is no branch {branch}", "the nearest is main")
        return branches[branch]


@pytest.fixture(scope="module")
def made() -> Iterator[KnownFacts]:
    facts = KnownFacts()
    with closing(facts.store):
        facts.run("r1", start=_JULY, commit=_A, params={"alpha": "0.5", "depth": "3"}, data=(("wine", "d1"),))
        facts.run("r2", start=_JULY + _DAY - 1, commit=_B, params={"alpha": "0.50", "depth": "none"})
        facts.run(
            "r3", start=_JULY + _DAY, commit=_C, params={"alpha": "nan", "depth": "10"}, tags={"n": "7"}
        )
        facts.run("r4", start=_JULY - 1, params={"alpha": "1e3"}, metrics={"rmse": 0.1, "off": None})
        facts.run("r5", commit="", params={"alpha": ""}, data=(("wine", "d2"), ("test", "d3")))
        facts.put("git_commit", *(
            {"hash": commit, "author": author, "subject": subject, "seq": 0}
            for commit, author, subject in ((_A, "Ada", "Fix the fit"), (_B, "Bob", "Add ünits"))
        ))  # fmt: skip
        facts.position(_C, author="Ada", subject="Lost, yet known")
        facts.dvc(_B, "data/wine.csv", "0123abcd")
        facts.version("quality", "2", "r1")
        facts.version("quality", "10", None, source=f"models:/{_MODEL}")
        facts.version("taste", "1", "")
        facts.put("logged_model", {"model_id": _MODEL, "run_id": "r2"})
        yield facts


CASES = {
    "params.alpha = 0.5": "r1 r2",
    "params.alpha = '0.5'": "r1",
    "params.alpha != 0.5": "r3 r4 r5",
    "params.alpha > 0.4": "r1 r2 r4",
    "params.alpha >= 1000": "r4",
    "params.alpha < 1e999": "r1 r2 r4",
    "params.depth < 5": "r1",
    "params.depth <= 10": "r1 r3",
    "params.depth != 3": "r2 r3",
    "tags.n > 6.5": "r3",
    "params.alpha in ('0.5', 'nan')": "r1 r3",
    "params.alpha not in ('0.5', 'nan')": "r2 r4 r5",
    "params.depth not like 'n%'": "r1 r3",
    "params.depth not ilike 'N%'": "r1 r3",
    "status in ('FINISHED', 'FAILED') and run_name not in ('name-r1')": "r2 r3 r4 r5",
    "not params.depth = '3'": "r2 r3 r4 r5",
    "not params.depth != '3'": "r1 r4 r5",
    "not not params.depth = '3'": "r1",
    "not (params.depth = '3' or params.depth = '10')": "r2 r4 r5",
    "not metrics.off = 1": "r1 r2 r3 r4 r5",
    "not end_time > 1": "r1 r2 r3 r4 r5",
    "params.depth = '3' or params.depth = '10'": "r1 r3",
    "params.depth = '3' OR params.depth = '10' AND params.alpha = '0.5'": "r1",
    "(params.depth = '3' or params.depth = '10') and params.alpha = 'nan'": "r3",
    "((metrics.rmse < 1))": "r4",
    "metrics.rmse is null": "r1 r2 r3 r5",
    "metrics.off is not null": "r4",
    "end_time is null and user_id is null": "r1 r2 r3 r4 r5",
    "datasets.name is null": "r2 r3 r4",
    "code.commit = 'ab'": "r1 r2",
    f"code.commit = '{_A}'": "r1",
    f"code.commit = '{_A.upper()}'": "r1",
    "code.commit != 'ab'": "r3",
    "code.commit in ('ab', '000')": "r1 r2 r3",
    f"code.commit not in ('{_A}', '{_C[:39]}')": "r2",
    "code.commit like '%2'": "r2",
    "code.commit is null": "r4 r5",
    "code.commit is not null": "r1 r2 r3",
    "code.author = 'Ada'": "r1 r3",
    "code.author != 'Ada'": "r2",
    "code.author ilike 'b%'": "r2",
    "code.author is null": "r4 r5",
    "code.subject like '%known'": "r3",
    "code.subject ilike 'fix%'": "r1",
    "code.branch = 'main'": "r1 r2",
    "code.branch != 'main'": "r3",
    "code.branch in ('main', 'topic')": "r1 r2 r3",
    "code.branch not in ('topic')": "r1",
    "code.branch = 'empty'": "",
    "code.branch != 'empty'": "r1 r2 r3",
    "data.digest = 'd1'": "r1",
    "data.digest = '0123abcd'": "r2",
    "data.digest like '0123%'": "r2",
    "data.name = 'wine'": "r1 r5",
    "data.name != 'wine'": "r2 r5",
    "data.name in ('wine', 'data/wine.csv')": "r1 r2 r5",
    "data.name is null": "r3 r4",
    "version.name = 'quality'": "r1 r2",
    "version.name = 'taste'": "",
    "version.name is null": "r3 r4 r5",
    "version.number = 2": "r1",
    "version.number > 2": "r2",
    "version.number = '10'": "r2",
    "version.number in ('2', '10')": "r1 r2",
    "version.name like 'qu%' and version.number < 9": "r1",
    "live.environment = 'production'": "r1",
    "live.environment = 'shadow'": "",
    "live.environment != 'production'": "r1 r2",
    "live.environment in ('staging')": "r1 r2",
    "live.environment not in ('staging', 'shadow')": "r1",
    "live.environment like '%ing'": "r1 r2",
    "live.environment is not null": "r1 r2",
    "live.environment is null": "r3 r4 r5",
    "not live.environment = 'staging'": "r3 r4 r5",
    "start_time = '2026-07-04'": "r1 r2",
    "start_time != '2026-07-04'": "r3 r4 r5",
    "start_time >= '2026-07-04'": "r1 r2 r3",
    "start_time > '2026-07-04'": "r2 r3",
    "start_time < '2026-07-04T00:00:00Z' and start_time > '2026-07-03 23:59'": "r4",
    "start_time = '2026-07-04T00:00:00+00:00'": "r1",
    "created = '2026-07-04T02:00+02:00'": "r1",
    "": "r1 r2 r3 r4 r5",
    " \n\t": "r1 r2 r3 r4 r5",
}


@pytest.mark.parametrize("text", CASES, ids=lambda text: text[:70] or "nothing")
def test_a_filter_of_ours_finds(made: KnownFacts, text: str) -> None:
    assert " ".join(sorted(found(made.store, text, Facts()))) == CASES[text]


@pytest.mark.parametrize("text", [text for text in CASES if text.strip()], ids=lambda text: text[:70])
def test_not_finds_the_others(made: KnownFacts, text: str) -> None:
    everything = found(made.store, "", Facts())
    assert found(made.store, f"not ({text})", Facts()) == everything - found(made.store, text, Facts())


def test_or_joins_what_mlflow_finds(tracked: Tracked) -> None:
    parts = [
        "metrics.rmse < 0.45",
        "params.solver ilike 'l%'",
        "datasets.context = 'eval'",
        "status = 'KILLED'",
    ]
    either = tracked.ours(" or ".join(f"({part})" for part in parts))
    assert either == set().union(*(tracked.theirs(part) for part in parts))
    both = tracked.ours(" or ".join(f"({part} and metrics.rmse < 1)" for part in parts))
    assert both == set().union(*(tracked.theirs(f"{part} and metrics.rmse < 1") for part in parts))


@pytest.mark.parametrize(
    ("kind", "names"), [("mlflow-sqlite", "r1"), ("mlflow-http", "r1"), ("mlflow-postgresql", "r1 r2")]
)
def test_the_case_of_letters_is_taken_aside_as_the_store_does_it(kind: str, names: str) -> None:
    facts = KnownFacts()
    with closing(facts.store):
        facts.run("r1", tags={"place": "KöLN"})
        facts.run("r2", tags={"place": "KÖLN"})
        facts.store.set_source(SourceStatus("tracking", kind, Freshness.OK))
        assert " ".join(sorted(found(facts.store, "tags.place ilike 'kö%'"))) == names


def test_an_unknown_branch_is_told_with_its_place() -> None:
    text = "metrics.rmse < 1 and code.branch = 'mian'"
    with pytest.raises(FilterError, match="there is no branch mian") as told:
        found(KnownFacts().store, text, Facts())
    assert text[told.value.start : told.value.end] == "'mian'"
    assert told.value.remedy == "the nearest is main"


def test_an_unknown_environment_is_told_with_the_nearest() -> None:
    text = "live.environment != 'prodction'"
    with pytest.raises(FilterError, match="no environment prodction") as told:
        found(KnownFacts().store, text, Facts())
    assert text[told.value.start : told.value.end] == "'prodction'"
    assert told.value.remedy == "the nearest is production"
    with pytest.raises(FilterError, match="none is configured"):
        found(KnownFacts().store, text, Facts({}))
