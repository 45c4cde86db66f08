"""Runs, versions and environments side by side: what stands behind each, and what is known of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from known_facts import NOW, KnownFacts, sha
from mlops_dash.answers.compare import answer, compared
from mlops_dash.answers.compare_data import bytes_in_words, rows_of
from mlops_dash.answers.compare_exports import write_comparison
from mlops_dash.answers.compare_shapes import CompareAnswer, CompareItem
from mlops_dash.config import Config, EnvironmentConfig, HttpTarget
from mlops_dash.errors import UsageError
from mlops_dash.sources.mlflow.artifacts import ModelPlace

HTTP = HttpTarget(url="http://127.0.0.1:1")
CONFIG = Config(environments={"production": EnvironmentConfig("wine", target=HTTP)})
RUN4, RUN5 = "a4" * 16, "b5" * 16


@pytest.fixture
def given() -> Iterator[KnownFacts]:
    """Production declares v4 and serves v5; staging declares v5."""
    facts = KnownFacts()
    facts.repository(sha(1), sha(2))
    facts.dvc(sha(1), "wine.csv", "c" * 32)
    facts.dvc(sha(2), "wine.csv", "d" * 32)
    for version, run, commit, rmse in (("4", RUN4, sha(1), 2.0), ("5", RUN5, sha(2), 1.5)):
        facts.run(
            run,
            commit=commit,
            data=(("wine", f"d{version}"),),
            metrics={"rmse": rmse},
            params={"depth": version, "kind": "tree"},
            tags={"team": "red", "mlflow.user": "ada", "mlflow.log-model.history": "[]"},
        )
        facts.version("wine", version, run)
    facts.alias("wine", "production", "4")
    facts.alias("wine", "staging", "5")
    facts.seen("production", "wine", "v5", address="http://127.0.0.1:1")
    yield facts
    facts.store.close()


def nothing(commits: Iterable[str]) -> None:
    list(commits)


def asked(given: KnownFacts, *refs: str, baseline: int = 0, config: Config = CONFIG) -> CompareAnswer:
    known = compared(given.store, config, refs, nothing)
    models = [place if isinstance(place, str) else "not looked for" for place in known.models]
    return answer(given.store, config, known, baseline, code=(), models=models, now=NOW)


def item(given: KnownFacts, ref: str, config: Config = CONFIG) -> CompareItem:
    return asked(given, ref, RUN4, config=config).items[0]


# items


@pytest.mark.parametrize(
    ("ref", "kind", "label", "version", "run"),
    [
        ("production", "environment", "production", "5", RUN5),
        (" production ", "environment", "production", "5", RUN5),
        ("staging/wine", "environment", "staging", "5", RUN5),
        ("models:/wine/4", "version", "wine v4", "4", RUN4),
        ("models:/wine@staging", "version", "wine v5", "5", RUN5),
        (RUN5, "run", f"name-{RUN5}", None, RUN5),
        (RUN5[:6], "run", f"name-{RUN5}", None, RUN5),
        (f"run:{RUN5}", "run", f"name-{RUN5}", None, RUN5),
    ],
)
def test_every_form_of_reference(given, ref, kind, label, version, run):
    found = item(given, ref)
    assert (found.ref, found.kind, found.label) == (ref, kind, label)
    assert (found.version, found.run_id) == (version, run)
    assert found.run is not None
    assert found.run.run_id == run
    assert found.code is not None
    assert found.code.commit == (sha(2) if run == RUN5 else sha(1))


def test_notes_tell_on_what_basis_an_environment_is_compared(given):
    assert item(given, "production").note.startswith("v5 observed · v4 declared · name-b5")
    assert item(given, "staging").note.startswith("v5 declared · name-b5")
    assert "live in production, staging" in item(given, "models:/wine/5").note
    assert "live in production, staging" in item(given, RUN5).note
    given.seen("production", "wine")
    assert item(given, "production").note.startswith("v4 declared · what is live is unknown · name-a4")
    given.seen("production", "wine", answered=True, run_id="c9" * 16)
    found = item(given, "production")
    assert found.note.startswith("a run observed, of no known version")
    assert "not in the tracking store" in found.note
    assert (found.run_id, found.run) == ("c9" * 16, None)


def test_an_environment_of_which_nothing_is_known_is_an_item_all_the_same(given):
    config = Config(environments={"edge": EnvironmentConfig("beer", target=HTTP)})
    found = item(given, "edge", config)
    assert (found.note, found.run_id, found.run, found.code) == ("what is live is unknown", None, None, None)


def test_a_version_that_only_a_tag_names_has_its_commit(given):
    given.gto("beer", "v1.0.0", sha(2), "production")
    found = item(given, "models:/beer/v1.0.0")
    assert (found.label, found.run) == ("beer v1.0.0", None)
    assert found.code is not None
    assert found.code.commit == sha(2)
    assert item(given, "production/beer").code == found.code


def test_an_environment_of_two_models_asks_which(given):
    given.alias("beer", "staging", "1")
    with pytest.raises(UsageError) as raised:
        asked(given, "staging", RUN4)
    assert "staging/beer" in str(raised.value)
    assert item(given, "staging/beer").model == "beer"


@pytest.mark.parametrize(
    ("refs", "told"),
    [
        ([], "0 references cannot be compared"),
        ([RUN4], "1 reference cannot be compared"),
        ([RUN4] * 101, "101 references"),
        ([RUN4, sha(1)], "is a commit: what can be compared are environments, model versions and runs"),
        ([RUN4, "data:d4"], "is a dataset version"),
        ([RUN4, "productoin"], "did you mean production?"),
        ([RUN4, ""], "empty"),
        ([RUN4, "models:/wine/9"], "nothing here is called"),
    ],
)
def test_what_cannot_be_compared_is_told(given, refs, told):
    with pytest.raises(UsageError) as raised:
        asked(given, *refs)
    assert told in str(raised.value)


def test_a_hundred_items_and_the_same_one_twice(given):
    found = asked(given, *[RUN4, RUN5] * 50, baseline=99)
    labels = [one.label for one in found.items]
    assert len(set(labels)) == 100
    assert labels[:4] == [
        f"name-{RUN4} a4a4a4", f"name-{RUN5} b5b5b5", f"name-{RUN4} a4a4a4 (2)", f"name-{RUN5} b5b5b5 (2)",
    ]  # fmt: skip
    assert found.metrics[0].deltas == (0.5, 0.0) * 50
    same = asked(given, RUN4, RUN4)
    assert not any(line.differs for line in (*same.metrics, *same.params, *same.data, *same.tags))
    assert same.groups == ()


def test_a_deleted_run_is_compared_and_says_so(given):
    given.run("dd" * 16, deleted=True, metrics={"rmse": 1.0})
    assert "deleted" in item(given, "dd" * 16).note


def test_an_environment_may_be_called_like_a_run(given):
    given.alias("beer", RUN4, "1")
    assert item(given, RUN4).kind == "environment"


# facts


def test_metrics_parameters_data_and_tags(given):
    found = asked(given, "models:/wine/4", "models:/wine/5")
    (rmse,) = found.metrics
    assert (rmse.key, rmse.values, rmse.deltas, rmse.best) == ("rmse", (2.0, 1.5), (0.0, -0.5), (1,))
    assert [(p.key, p.values, p.differs) for p in found.params] == [
        ("depth", ("4", "5"), True),
        ("kind", ("tree", "tree"), False),
    ]
    assert [(d.name, d.kind, d.digests, d.sources, d.sizes) for d in found.data] == [
        ("wine", "mlflow", ("d4", "d5"), ("d4.csv", "d5.csv"), (None, None)),
        ("wine.csv", "dvc", ("c" * 32, "d" * 32), ("wine.csv.dvc", "wine.csv.dvc"), ("1 byte", "1 byte")),
    ]
    assert [(t.key, t.values) for t in found.tags] == [
        ("mlflow.user", ("ada", "ada")),
        ("team", ("red", "red")),
    ]


def test_what_is_not_known_of_an_item_is_no_difference(given):
    given.gto("beer", "v1.0.0", sha(2))
    found = asked(given, "models:/beer/v1.0.0", RUN4, RUN4)
    assert found.metrics[0].values == (None, 2.0, 2.0)
    assert not found.metrics[0].differs
    assert not any(line.differs for line in (*found.params, *found.tags))


def test_runs_without_anything_and_with_very_much(given):
    given.run("e0" * 16, script=None)
    given.run("e1" * 16, metrics={f"m{n}": float(n) for n in range(5000)}, params={"long": "x" * 6000})
    given.run("e2" * 16, metrics={"m1": None, "m2": None})
    found = asked(given, "e0" * 16, "e1" * 16, "e2" * 16)
    assert len(found.metrics) == 5000
    (m1,) = [line for line in found.metrics if line.key == "m1"]
    assert m1.values[:2] == (None, 1.0)
    assert math.isnan(m1.values[2] or 0.0)
    assert found.params[0].values == (None, "x" * 6000, None)
    assert found.items[0].code is None
    assert asked(given, "e0" * 16, "e0" * 16).metrics == ()


HOSTILE = ["\x1b]0;x\x07", "[/b]", "=cmd()", "<script>", "a" * 300, "\u202e", "; drop table run; --", "%s{}"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_what_they_are(given, text):
    given.run(text, metrics={text: 1.0}, params={text: text}, tags={text: text}, data=((text, "d4"),))
    found = asked(given, f"run:{text}", RUN4)
    assert found.items[0].run_id == text
    assert text in [line.key for line in found.metrics]
    assert (text, (text, None)) in [(line.key, line.values) for line in found.params]
    assert len(found.to_pandas()) > 4


def test_repeats_with_their_spread(given):
    for number, rmse in enumerate((1.0, 2.0, 3.0)):
        given.run(f"{number}" * 32, commit=sha(1), metrics={"rmse": rmse}, params={"seed": str(number)})
    found = asked(given, RUN4, *(f"{number}" * 32 for number in range(3)))
    (group,) = found.groups
    assert group.items == (1, 2, 3)
    assert [(s.key, s.mean, s.deviation, s.count) for s in group.spreads] == [("rmse", 2.0, 1.0, 3)]


# data


def test_several_versions_of_one_dataset_are_set_side_by_side(given):
    given.run("f1" * 16, data=(("x", "shared"), ("x", "one")))
    given.run("f2" * 16, data=(("x", "two"), ("x", "shared"), ("y", "own")))
    found = asked(given, "f1" * 16, "f2" * 16)
    assert [(line.name, line.digests, line.differs) for line in found.data] == [
        ("x", ("shared", "shared"), False),
        ("x", ("one", "two"), True),
        ("y", (None, "own"), True),
    ]


@pytest.mark.parametrize(
    ("profile", "told"),
    [
        ('{"num_rows": 442, "num_elements": 4862}', "442 rows"),
        ('{"num_rows": 1}', "1 row"),
        ('{"features_shape": [1000, 3], "features_size": 3000}', "1,000 rows"),
        ('{"approx_count": 12000}', "about 12,000 rows"),
        ('{"num_rows": true}', None),
        ('{"num_rows": -1}', None),
        ('{"num_rows": "many"}', None),
        ('{"features_shape": {"a": [1]}}', None),
        ("[1]", None),
        ("[" * 5000, None),
        ("{", None),
        ("", None),
        (None, None),
    ],
)
def test_rows_where_the_profile_tells_them(profile, told):
    assert rows_of(profile) == told


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1 kB"), (1_234_000, "1.23 MB"),
        (999_999, "1 MB"), (5 * 10**18, "5,000 PB"), (None, None), (-1, None),
    ],
)  # fmt: skip
def test_sizes_in_words(size, told):
    assert bytes_in_words(size) == told


# models


def places(given: KnownFacts, *refs: str) -> list[Any]:
    return list(compared(given.store, CONFIG, refs, nothing).models)


def test_where_the_model_of_a_version_or_run_is(given):
    for number, status in ((1, "READY"), (2, "READY"), (3, "FAILED")):
        row = {"model_id": f"m-{number}", "run_id": RUN4, "artifact_location": f"/m/{number}"}
        given.put("logged_model", row | {"status": status, "creation_time": number})
    given.version("wine", "6", RUN4, source="models:/m-1")
    given.version("wine", "7", RUN4, source="s3://b/x", storage_location="s3://b/x")
    assert places(given, RUN4, "models:/wine/6", "models:/wine/7") == [
        ModelPlace("/m/2", RUN4, None, "m-2"),
        ModelPlace("/m/1", RUN4, None, "m-1"),
        ModelPlace("s3://b/x", RUN4, None, None),
    ]


def test_where_older_versions_of_mlflow_put_models(given):
    history = '[{"artifact_path": "first"}, {"artifact_path": "model"}]'
    given.put("run", {"run_id": "77" * 16, "artifact_uri": "/mlruns/0/77/artifacts", "start_time": 1})
    given.put("tag", {"run_id": "77" * 16, "key": "mlflow.log-model.history", "value": history})
    given.version("wine", "8", "77" * 16, source=f"runs:/{'77' * 16}/model/best")
    given.version("wine", "9", "77" * 16, source="/mlruns/0/77/artifacts/model")
    assert places(given, "77" * 16, "models:/wine/8", "models:/wine/9") == [
        ModelPlace("/mlruns/0/77/artifacts/model", "77" * 16, "model", None),
        ModelPlace("/mlruns/0/77/artifacts/model/best", "77" * 16, "model/best", None),
        ModelPlace("/mlruns/0/77/artifacts/model", "77" * 16, "model", None),
    ]


def test_why_there_is_no_model(given):
    given.gto("beer", "v1.0.0", sha(2))
    assert places(given, RUN4, "models:/beer/v1.0.0", "models:/wine/4") == [
        "the run logged no model",
        "no registered model and no run is known",
        "the run that its artifacts belong to is not known",
    ]


# frames


def test_a_frame_has_a_row_for_each_line_and_a_column_for_each_item(given):
    frame = asked(given, "models:/wine/4", "models:/wine/5", baseline=1).to_pandas()
    assert list(frame.columns) == ["kind", "key", "differs", "better", "wine v4", "wine v5"]
    (rmse,) = frame[frame.kind == "metric"].to_dict("records")
    assert (rmse["wine v4"], rmse["wine v5"], rmse["better"], rmse["differs"]) == (2.0, 1.5, "min", True)
    assert set(frame.kind) == {"metric", "param", "data", "tag"}
    assert frame.attrs["baseline"] == "wine v5"


def test_a_frame_of_nothing_and_of_items_called_like_its_columns(given):
    given.run("e0" * 16, script=None)
    assert list(asked(given, "e0" * 16, "e0" * 16).to_pandas().columns)[:2] == ["kind", "key"]
    given.alias("wine", "kind", "4")
    assert "kind (2)" in asked(given, "kind", RUN4).to_pandas().columns


@pytest.mark.parametrize("form", ["csv", "json", "md", "parquet"])
def test_a_comparison_is_written_as_its_files_name_ends(given, tmp_path, form):
    given.run("a" * 32, metrics={"rmse": 1.0}, params={"p": "=cmd()"})
    found = asked(given, "a" * 32, "a" * 32)
    path = write_comparison(tmp_path / f"c.{form}", found)
    content = path.read_bytes()
    assert b"rmse" in content
    if form == "csv":
        assert b"'=cmd()" in content
    if form == "json":
        assert json.loads(content)["params"] == [{"key": "p", "values": ["=cmd()"] * 2, "differs": False}]
    with pytest.raises(UsageError, match="does not say what to write"):
        write_comparison(tmp_path / "c.xls", found)
