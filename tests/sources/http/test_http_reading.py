"""How a tracking server is read: useful early, complete later, right at the end, and with few questions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from logged_values import history_of
from mlops_dash.domain.progress import Cancelled, CancelToken
from mlops_dash.errors import SourceError
from mlops_dash.sources.base import Batch, Historic, Position, Reading, Rereadable
from mlops_dash.sources.mlflow.http import MlflowServer
from mlops_dash.sources.mlflow.http.exchange import Limits
from sources.http.misbehaving import Handler, Misbehaving, experiment, run

from .conftest import Follower

Serve = Callable[..., Misbehaving]
Follow = Callable[..., Follower]


def many(count: int, experiments: int = 3) -> dict[str, Any]:
    """Runs in several experiments."""
    return {
        "experiments": [experiment(str(n + 1), f"exp-{n}") for n in range(experiments)],
        "runs": [run(n, str(n % experiments + 1)) for n in range(count)],
    }


def model(name: str, **aliases: str) -> dict[str, Any]:
    pairs = [{"alias": alias, "version": version} for alias, version in aliases.items()]
    return {"name": name, "creation_timestamp": 1, "last_updated_timestamp": 2, "aliases": pairs}


def version(name: str, number: str, run_id: str) -> dict[str, Any]:
    return {"name": name, "version": number, "run_id": run_id, "current_stage": "None", "source": "s3://m"}


def logged(number: int) -> dict[str, Any]:
    return {
        "info": {
            "model_id": f"m-{number:032x}",
            "experiment_id": "1",
            "name": f"model-{number}",
            "creation_timestamp_ms": 1_700_000_000_000 + number,
            "status": "LOGGED_MODEL_READY",
            "source_run_id": f"{number:032x}",
        }
    }


def ids_of(server: Misbehaving) -> list[str]:
    return sorted(one["info"]["run_id"] for one in server.runs)


def same(board: Follower, fresh: Follower) -> None:
    """A board that followed holds what a fresh one reads."""
    fresh.read()
    assert board.content() == fresh.content()


def test_the_first_screen_comes_early(serve: Serve, follow: Follow) -> None:
    what = many(3000)
    behind = what["runs"][1]["info"]["run_id"]
    server = serve(**what, models=[model("wine", champion="1")], versions=[version("wine", "1", behind)])
    board = follow(server.url, Limits())
    phases = []
    for part in board.source.read(Reading(None, board.store, progress=phases.append)):
        if isinstance(part, Position):
            break
        board.store.apply(part)
    assert not part.whole
    assert board.store.sql("select name, alias, version from model_alias")[1] == [("wine", "champion", "1")]
    assert behind in board.ids()
    newest = sorted(ids_of(server))[-100:]
    assert set(newest) <= set(board.ids())
    assert len(board.ids()) < 1000
    assert server.paths().count("runs/search") == 3
    assert phases


def test_everything_is_read_once_and_no_more_than_four_questions_at_once(
    serve: Serve, follow: Follow
) -> None:
    server = serve(**many(5000, experiments=7), logged_models=[logged(n) for n in range(700)])
    board = follow(server.url, Limits())
    done: list[int] = []
    board.read(progress=lambda progress: done.append(progress.done))
    assert board.ids() == ids_of(server)
    for table in ("param", "tag", "metric", "dataset_input", "input_tag"):
        assert board.store.sql(f"select count(*) from {table}", None)[1] == [(5000,)], table
    assert board.store.sql("select count(*) from dataset", None)[1] == [(21,)]
    assert board.store.sql("select count(distinct model_id), count(*) from logged_model", None)[1] == [
        (700, 700)
    ]
    assert server.most <= 4
    assert board.positions[-1].counts == "5,000 runs"
    assert done == sorted(done)


@pytest.mark.parametrize("experiments", [1, 5])
def test_pages_are_read_side_by_side(experiments: int, serve: Serve, follow: Follow) -> None:
    together = threading.Barrier(2)
    pages = iter(range(10_000))

    def met(_: Handler, path: str, __: dict[str, Any]) -> bool:
        if path == "runs/search" and 4 <= next(pages) < 6:
            together.wait(4)  # breaks where the other page is asked for only after this one
        return False

    server = serve(**many(3000, experiments), fault=met)
    board = follow(server.url, Limits())
    board.read()
    assert board.ids() == ids_of(server)
    assert 2 <= server.most <= 4


def test_one_large_experiment_is_read_from_both_ends(serve: Serve, follow: Follow) -> None:
    server = serve(**many(4000, experiments=1))
    board = follow(server.url, Limits())
    board.read()
    assert board.ids() == ids_of(server)
    orders = {given["order_by"][0] for path, given, _ in server.asked if path == "runs/search"}
    assert orders == {"attributes.start_time DESC", "attributes.start_time ASC"}


def test_runs_of_one_millisecond_are_all_read(serve: Serve, follow: Follow) -> None:
    what = many(1200, experiments=2)
    for number, one in enumerate(what["runs"]):
        one["info"]["start_time"] = 1_700_000_000_000 + number // 900  # more than fit on a page
    server = serve(**what)
    board = follow(server.url, Limits())
    board.read()
    assert board.ids() == ids_of(server)
    server.runs[5]["data"]["tags"][0]["value"] = "edited"
    board.read(thorough=True)
    same(board, follow(server.url, Limits()))


@pytest.mark.parametrize("what", ["deleted", "removed", "created", "both"])
def test_fault_13_runs_that_come_and_go_between_pages(what: str, serve: Serve, follow: Follow) -> None:
    server = serve(**many(2000, experiments=2))
    stay = {one["info"]["run_id"] for one in server.runs[::2]}
    pages = iter(range(10_000))

    def meanwhile(_: Handler, path: str, __: dict[str, Any]) -> bool:
        if path == "runs/search" and (number := next(pages)) >= 3:
            with server.lock:
                if what in ("removed", "both"):
                    server.runs.remove(next(one for one in server.runs if one["info"]["run_id"] not in stay))
                if what == "deleted":
                    server.runs[number]["info"]["lifecycle_stage"] = "deleted"
                if what in ("created", "both"):
                    server.runs += [run(5000 + number), run(900_000 + number, start_time=1_700_000_500_000)]
        return False

    server.fault = meanwhile
    board = follow(server.url, Limits())
    board.read()
    found = board.ids()
    assert len(found) == len(set(found)), "no run twice"
    assert stay <= set(found), "no run lost that was there all the time"
    server.fault = lambda *_: False
    board.read(thorough=True)
    same(board, follow(server.url, Limits()))


def test_a_token_that_expires_between_pages(
    serve: Serve, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(**many(2000))
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "first-token")
    valid = {"first-token": 10, "second-token": 10_000}

    def check(handler: Handler, path: str, _: dict[str, Any]) -> bool:
        token = handler.headers["authorization"].removeprefix("Bearer ")
        with server.lock:
            valid[token] -= 1
            if valid[token] >= 0:
                return False
        handler.say({"error_code": "UNAUTHENTICATED"}, 401)
        return True

    server.fault = check
    board = follow(server.url, Limits())
    assert "credentials" in board.fails(within=5).message
    some = len(board.ids())
    assert 0 < some < 2000
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "second-token")
    before = len(server.asked)
    board.read()
    assert board.ids() == ids_of(server)
    pages = sum(len(server.answer(p, g)["runs"]) for p, g, _ in server.asked[before:] if p == "runs/search")  # type: ignore[index]
    assert pages < 1900, "it went on from where it was"


def test_a_reading_that_was_cancelled_goes_on(serve: Serve, follow: Follow) -> None:
    server = serve(**many(3000))
    board = follow(server.url, Limits())
    token = CancelToken()

    def cancelled() -> None:
        for part in board.source.read(Reading(None, board.store, cancel=token)):
            if isinstance(part, Position):
                board.position = part.value
            else:
                board.store.apply(part)
            if len(board.ids()) > 400:
                token.cancel()

    with pytest.raises(Cancelled):
        cancelled()
    assert board.position is not None
    board.read()
    same(board, follow(server.url, Limits()))


def quiet(board: Follower, server: Misbehaving) -> list[str]:
    """Refresh, and return what was asked."""
    before = len(server.asked)
    board.read()
    return server.paths()[before:]


def test_a_quiet_refresh_is_six_small_questions_and_writes_nothing(serve: Serve, follow: Follow) -> None:
    server = serve(**many(2500), models=[model("wine")], logged_models=[logged(1)])
    board = follow(server.url, Limits())
    board.read()
    for _ in range(6):
        asked = len(server.asked)
        parts = list(board.source.read(Reading(board.position, board.store)))
        assert [type(part) for part in parts] == [Position]
        board.position = parts[0].value  # type: ignore[union-attr]
        assert len(server.asked) - asked <= 6


def test_an_edit_of_any_run_shows_within_the_stated_bound(serve: Serve, follow: Follow) -> None:
    server = serve(**many(2500), logged_models=[logged(n) for n in range(10)])
    board = follow(server.url, Limits())
    board.read()
    server.runs[17]["data"]["tags"][0]["value"] = "edited"
    server.runs[1500]["info"]["lifecycle_stage"] = "deleted"
    removed = server.runs.pop(2200)["info"]["run_id"]
    server.runs.append(run(100, "2", run_id="f" * 32))  # says that it was started long ago
    server.logged_models[3]["info"]["status"] = "LOGGED_MODEL_UPLOAD_FAILED"  # type: ignore[index]
    refreshes = 0
    while "edited" not in {row[0] for row in board.store.sql("select value from tag", None)[1]}:
        board.read()
        refreshes += 1
        assert refreshes <= 2500 / 500 + 2
    while refreshes < 2500 / 500 + 2:
        board.read()
        refreshes += 1
    assert removed not in board.ids()
    same(board, follow(server.url, Limits()))


def test_what_is_new_or_running_shows_at_once(serve: Serve, follow: Follow) -> None:
    server = serve(**many(3000))
    running = run(9000, status="RUNNING", end_time=None, start_time=1_600_000_000_000)
    server.runs.append(running)
    board = follow(server.url, Limits())
    board.read()

    def one(text: str) -> Any:
        return board.store.sql(text, None)[1][0][0]

    running["data"]["metrics"].append({"key": "late", "value": 0.25, "timestamp": 5, "step": 9})
    board.read()
    assert one("select value from metric where key = 'late'") == 0.25
    running["info"]["status"] = "FAILED"
    server.runs.append(run(9100))
    assert len(quiet(board, server)) <= 7
    assert one(f"select status from run where run_id = '{running['info']['run_id']}'") == "FAILED"
    assert f"{9100:032x}" in board.ids()
    server.runs[2999]["data"]["tags"][0]["value"] = "edited soon after its end"
    board.read()
    assert one("select count(*) from tag where value like 'edited%'") == 1
    server.runs.remove(server.runs[-1])
    board.read()
    assert f"{9100:032x}" not in board.ids()
    assert one("select count(*) from param where value = '9100'") == 0


def test_many_new_runs_are_caught_up_with(serve: Serve, follow: Follow) -> None:
    server = serve(**many(900))
    board = follow(server.url, Limits())
    board.read()
    server.experiments.append(experiment("9", "new"))
    server.runs += [run(n, str(n % 3 + 1)) for n in range(5000, 6500)] + [
        run(n, "9") for n in range(7000, 7100)
    ]
    board.read()
    assert board.ids() == ids_of(server)
    same(board, follow(server.url, Limits()))


def test_a_clock_that_is_ahead_hides_no_new_run(serve: Serve, follow: Follow) -> None:
    what = many(60)
    what["runs"].append(run(1, "1", run_id="a" * 32, start_time=99_999_999_999_999))
    server = serve(**what)
    board = follow(server.url, Limits())
    board.read()
    server.runs.append(run(70))
    board.read()
    assert f"{70:032x}" in board.ids()


def test_two_experiments_of_one_name(serve: Serve, follow: Follow) -> None:
    server = serve(
        experiments=[experiment("1", "wine"), experiment("2", "wine")], runs=[run(1, "1"), run(2, "2")]
    )
    board = follow(server.url)
    board.read()
    rows = board.store.sql("select experiment_id, name from experiment order by 1", None)[1]
    assert rows == [("1", "wine"), ("2", "wine")]
    assert len(board.ids()) == 2


def test_many_small_experiments_are_read_together(serve: Serve, follow: Follow) -> None:
    server = serve(**many(200, experiments=100))
    board = follow(server.url, Limits())
    board.read()
    assert board.ids() == ids_of(server)
    assert len(server.asked) < 60
    assert len(quiet(board, server)) <= 6
    server.runs[3]["data"]["tags"][0]["value"] = "edited"
    board.read()
    same(board, follow(server.url, Limits()))


def test_what_a_server_lacks_is_missing_and_no_error(serve: Serve, follow: Follow) -> None:
    lacking = {"logged-models/search", "registered-models/search", "model-versions/search"}

    def older(handler: Handler, path: str, _: dict[str, Any]) -> bool:
        if path not in lacking:
            return False
        handler.say("<!doctype html><title>404</title>", 404, "text/html")
        return True

    server = serve(**many(50), fault=older)
    board = follow(server.url)
    board.read()
    assert len(board.ids()) == 50
    assert board.positions[-1].warning is None
    lacking.clear()  # it was updated
    server.models = [model("wine")]
    server.logged_models = [logged(1)]
    board.read(thorough=True)
    assert board.store.sql("select count(*) from registered_model", None)[1] == [(1,)]
    assert board.store.sql("select count(*) from logged_model", None)[1] == [(1,)]


def test_a_registry_that_may_not_be_read_is_told(serve: Serve, follow: Follow) -> None:
    def forbidden(handler: Handler, path: str, _: dict[str, Any]) -> bool:
        if "model" not in path:
            return False
        handler.say({"error_code": "PERMISSION_DENIED"}, 403)
        return True

    board = follow(serve(**many(50), fault=forbidden).url)
    board.read()
    assert len(board.ids()) == 50
    assert "registry" in str(board.positions[-1].warning)
    assert board.positions[-1].remedy


def test_a_large_registry_is_read_in_turns(serve: Serve, follow: Follow) -> None:
    server = serve(
        runs=[run(1)],
        models=[model(f"m-{n}", champion="1") for n in range(1500)],
        versions=[version(f"m-{n}", "1", "") for n in range(2500)],
    )
    board = follow(server.url, Limits())
    board.read()
    assert board.store.sql("select count(*) from model_version", None)[1] == [(2500,)]
    server.models[0]["aliases"] = []
    board.read()
    assert board.store.sql("select count(*) from model_alias", None)[1] == [(1499,)]
    server.versions[2400]["current_stage"] = "Production"
    for _ in range(3):
        board.read()
    assert board.store.sql("select count(*) from model_version where stage = 'Production'", None)[1] == [(1,)]


def test_single_runs_are_read_again_at_once(serve: Serve, follow: Follow) -> None:
    server = serve(**many(30))
    board = follow(server.url)
    board.read()
    assert isinstance(board.source, Rereadable)
    edited, removed = server.runs[3], server.runs.pop(4)
    edited["data"]["params"] = [{"key": "depth", "value": "edited"}]
    position = board.position
    board.reread([edited["info"]["run_id"], removed["info"]["run_id"]])
    assert board.position == position
    assert board.store.sql("select value from param where value = 'edited'", None)[1] == [("edited",)]
    assert removed["info"]["run_id"] not in board.ids()
    same(board, follow(server.url))


def test_a_server_that_moved_deletes_nothing(serve: Serve, follow: Follow) -> None:
    server = serve(**many(5))
    board = follow(server.url)
    board.read()
    server.fault = lambda handler, *_: handler.say("<html>not found", 404, "text/html") or True
    with pytest.raises(SourceError, match="wrong address"):
        board.reread([server.runs[0]["info"]["run_id"]])
    assert len(board.ids()) == 5


def test_metric_histories_are_asked_side_by_side(serve: Serve, follow: Follow) -> None:
    server = serve(**many(5))
    board = follow(server.url)
    assert isinstance(board.source, Historic)
    assert history_of(board.source, ["b", "a"], ["rmse"]) == [
        ("a", "rmse", 0, 1, 0.5),
        ("b", "rmse", 0, 1, 0.5),
    ]
    assert history_of(board.source, [], ["rmse"]) == []
    assert server.most <= 4


def test_a_history_that_the_server_cannot_tell_leaves_the_others(serve: Serve, follow: Follow) -> None:
    server = serve(**many(5))
    board = follow(server.url)
    assert isinstance(board.source, Historic)
    no = {"error_code": "INVALID_PARAMETER_VALUE"}
    server.fault = lambda handler, _, given: given.get("run_id") == "b" and (handler.say(no, 400) or True)
    parts = list(board.source.metric_history(["a", "b", "c"], ["rmse"]))
    (batch,) = [part for part in parts if isinstance(part, Batch)]
    assert batch.rows.num_rows == 2
    (error,) = [part for part in parts if isinstance(part, SourceError)]
    assert "400" in error.message
    server.fault = lambda handler, *_: handler.say("no", 401, "text/plain") or True
    with pytest.raises(SourceError, match="credentials"):
        list(board.source.metric_history(["a", "b"], ["rmse"]))


def test_a_long_history_comes_in_pages_and_ends(
    serve: Serve, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlops_dash.sources.mlflow.http import histories

    monkeypatch.setattr(histories, "MOST_VALUES", 5)
    server = serve(**many(5))
    board = follow(server.url)
    assert isinstance(board.source, Historic)

    def page(handler: Handler, path: str, given: dict[str, Any]) -> bool:
        first = int(given.get("page_token") or 0)
        rows = [{"key": "rmse", "value": "NaN", "timestamp": 1, "step": step} for step in (first, first + 1)]
        handler.say({"metrics": rows, "next_page_token": str(first + 2)})
        return True

    server.fault = page
    batch, error = board.source.metric_history(["a"], ["rmse"])
    assert isinstance(batch, Batch)
    assert batch.rows.num_rows == 6
    assert isinstance(error, SourceError)
    assert "more than" in error.message


def test_it_can_be_closed_while_it_reads(serve: Serve) -> None:
    from mlops_dash.store.database import Store

    server = serve(**many(3000))
    source, store = MlflowServer(server.url), Store.open(None, "test")

    def closed() -> None:
        for part in source.read(Reading(None, store)):
            if isinstance(part, Position):
                source.close()
            else:
                store.apply(part)

    with pytest.raises(Cancelled):
        closed()
    source.close()
    assert list(source.read(Reading(None, store))), "it can be read again"
    source.close()
    store.close()
