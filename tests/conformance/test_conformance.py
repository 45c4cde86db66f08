"""Every kind of tracking store says what MLflow's own client says, and edits of every kind show."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from conformance import truth
from conformance.board import Board, Content
from conformance.edits import EDITS, Edit, known_as
from conformance.scenario import HOSTILE
from logged_values import history_of
from mlops_dash.sources.base import Historic

if TYPE_CHECKING:
    from .conftest import Filled


def said(content: Content) -> Content:
    """Our rows in the order of the truth's; an empty description is none, as MLflow's clients show it."""
    rows = {
        table: [(*row[:-1], row[-1] or None) for row in found]
        if table in ("registered_model", "model_version")
        else found
        for table, found in content.items()
    }
    return {table: truth.in_order(found) for table, found in rows.items()}


def test_every_answer_is_mlflows_own(filled: Filled, board: Board) -> None:
    ours, theirs = said(board.told()), truth.everything(filled.scene.client)
    assert ours.keys() == theirs.keys()
    for table, rows in theirs.items():
        assert rows, f"the scenario has no {table}"
        assert ours[table] == rows, table


def test_what_is_read_tells_runs_of_every_kind(filled: Filled, board: Board) -> None:
    """So that the truth above cannot be an empty one."""
    runs = filled.scene.runs
    stages = dict(board.store.sql("select run_id, lifecycle_stage from run", None)[1])
    assert {stages[runs[name]] for name in ("FINISHED", "restored", "empty")} == {"active"}
    assert stages[runs["deleted"]] == "deleted"
    assert runs["buried"] in stages
    values = dict(board.store.sql(f"select key, value from metric where run_id = '{runs['odd']}'")[1])
    assert (values["above"], values["below"]) == (float("inf"), float("-inf"))
    assert (values["undefined"], values["last nan"], values["out of order"]) == (None, None, 5.0)
    names = {name for (name,) in board.store.sql("select name from run", None)[1]}
    assert set(HOSTILE) <= names
    assert board.store.sql("select version from model_version where stage = 'Deleted_Internal'")[1] == []


@pytest.mark.parametrize("edit", EDITS, ids=known_as)
def test_an_edit_shows(edit: Edit, filled: Filled, board_of: Callable[[], Board]) -> None:
    steps = edit(filled.scene)
    next(steps)
    board = board_of()
    board.refresh()
    before = said(board.told())
    assert list(steps) == []
    theirs = truth.everything(filled.scene.client)
    assert theirs != before, "the edit edits nothing"
    assert board.source.changed(board.position)
    for _ in range(filled.kind.refreshes):
        board.refresh()
        if said(board.told()) == theirs:
            break
    assert said(board.told()) == theirs
    fresh = board_of()
    fresh.refresh()
    assert board.content() == fresh.content()


def test_a_run_is_read_again_at_once(filled: Filled, board_of: Callable[[], Board]) -> None:
    scene = filled.scene
    edited, removed, untouched = scene.old_run(), scene.old_run(), scene.old_run()
    board = board_of()
    board.refresh()
    position = board.position
    scene.client.set_tag(edited, "note", "edited")
    scene.client.delete_tag(edited, "kept")
    scene.client.log_metric(edited, "late", 2.5)
    scene.client.update_run(edited, name="renamed")
    scene.client.delete_run(removed)
    scene.backend._tracking_client.store._hard_delete_run(removed)
    board.reread([edited, removed])
    if hasattr(board.source, "runs"):
        assert board.position == position
    ours, theirs = said(board.told()), truth.everything(scene.client)
    for table in ("run", "param", "tag", "metric", "used datasets"):
        ids = (edited, removed, untouched)
        assert _of(ours[table], ids) == _of(theirs[table], ids), table
    board.refresh()
    assert _of(said(board.told())["tag"], (edited,)) == _of(theirs["tag"], (edited,))


def _of(rows: list[tuple[Any, ...]], run_ids: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return [row for row in rows if row[0] in run_ids]


def test_nothing_is_written_to_the_store(filled: Filled, board_of: Callable[[], Board]) -> None:
    before = filled.place.fingerprint()
    said_before = truth.everything(filled.scene.client)
    board = board_of()
    board.refresh()
    board.source.changed(board.position)
    board.refresh(thorough=True)
    board.reread([filled.scene.runs["odd"]])
    if isinstance(board.source, Historic):
        history_of(board.source, [filled.scene.runs["odd"]], ["exact"])
    board.source.close()
    assert filled.place.fingerprint() == before
    assert truth.everything(filled.scene.client) == said_before


def test_a_reading_that_was_cancelled_anywhere_goes_on(
    filled: Filled, board: Board, board_of: Callable[[], Board]
) -> None:
    for after in (0, 1, 2, 3, 5, 8, 13, 21):
        other = board_of()
        cancelled = other.refresh_until_cancelled(after)
        other.refresh()
        assert other.content() == board.content(), after
        if not cancelled:
            break
    assert after > 2, "a reading has that many parts at least"


def test_a_position_of_another_format_means_reading_everything(
    board: Board, board_of: Callable[[], Board]
) -> None:
    other = board_of()
    for position in ("", "{", "[]", '{"format": 99}', '{"format": 1}', '"x"'):
        assert other.source.changed(position)
        other.position = position
        other.refresh()
        assert other.content() == board.content()


def test_metric_histories_are_mlflows_own(filled: Filled, board: Board) -> None:
    assert isinstance(board.source, Historic)
    run_id = filled.scene.runs["odd"]
    keys = [
        "undefined",
        "above",
        "last nan",
        "nested/val/loss",
        "out of order",
        "one step",
        "exact",
        "below zero",
    ]
    found = history_of(board.source, [run_id], keys)
    assert truth.in_order(found) == truth.histories(filled.scene.client, run_id, keys)
    steps = [(key, step, time) for _, key, step, time, _ in found]
    assert steps == sorted(steps)
    assert history_of(board.source, [run_id], ["no such metric"]) == []
    assert history_of(board.source, ["0" * 32], ["exact"]) == []
    assert history_of(board.source, [], []) == []


def test_a_person_is_told_how_much_there_is(filled: Filled, board_of: Callable[[], Board]) -> None:
    from mlops_dash.sources.base import Position, Reading

    board = board_of()
    positions = []
    for part in board.source.read(Reading(None, board.store)):
        if isinstance(part, Position):
            positions.append(part)
        else:
            board.store.apply(part)
    stages = [row[6] for row in truth.everything(filled.scene.client)["run"]]
    assert positions[-1].whole
    told = positions[-1].counts.split()[0].replace(",", "")
    assert int(told) in (len(stages), stages.count("active"))
