"""Live: rows, attention, details, states; at 80×24 and at 160×45."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from mlops_dash.answers.shapes import DataFacts, ReadinessCheck, Rebuildable
from mlops_dash.config import Config, UiConfig
from mlops_dash.domain.environments import Basis, CodeStatus, Declared, Health
from mlops_dash.domain.freshness import Freshness
from mlops_dash.domain.progress import Progress
from mlops_dash.domain.rebuilds import Level
from mlops_dash.ui.theme import DARK, LIGHT
from replacing import replace
from ui.answers import NOW, SOURCES, HandBoard, attention, before, board_rows, live, row, run, source
from ui.driving import LARGE, SMALL, dashboard, line_with, lines, live_of, press, settle, text

SIZES = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "160x45"])


@SIZES
async def test_model_live_version_code_data_and_health_stand_on_each_environments_row(
    size: tuple[int, int],
) -> None:
    async with dashboard(size=size) as pilot:
        production = line_with(pilot, "production", "progression", "a1b2c3d")
        assert re.search(r"production § +progression +v4 ●.* a1b2c3d ↓4.* 8d1e92f .*● healthy", production)
        staging = line_with(pilot, "staging", "progression", "9f3e210")
        assert re.search(r"staging +progression +v6 ●.* 9f3e210 =.* 77aa01b .*● healthy", staging)
        canary = line_with(pilot, "canary", "progression", "77c0ffe")
        assert re.search(r"canary +progression +v5 ≠ v6.* 77c0ffe .*±.* 77aa01b .*◐ degraded", canary)


async def test_wide_rows_say_it_in_words() -> None:
    async with dashboard(size=LARGE) as pilot:
        assert "1 newer" in line_with(pilot, "production", "a1b2c3d")
        assert "● observed" in line_with(pilot, "staging", "9f3e210")
        canary = line_with(pilot, "canary", "77c0ffe")
        assert "≠ v6 declared" in canary
        assert "± dirty" in canary
        assert re.search(r"production .* 3 d +dev1", line_with(pilot, "production", "a1b2c3d"))


@SIZES
@pytest.mark.parametrize("theme", [DARK, LIGHT])
async def test_no_line_is_wider_than_the_screen_in_either_theme(size: tuple[int, int], theme: str) -> None:
    async with dashboard(size=size, theme=theme) as pilot:
        assert len(lines(pilot)) == size[1]
        assert {len(line) for line in lines(pilot)} == {size[0]}
        assert "production" in text(pilot)


@SIZES
async def test_attention_is_listed_the_most_pressing_first(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as pilot:
        shown = text(pilot)
        assert "Attention · 6" in shown
        assert (
            shown.index("canary is degraded")
            < shown.index("canary serves v5")
            < shown.index("can't be rebuilt")
        )


@SIZES
async def test_the_details_are_those_of_the_selected_environment(size: tuple[int, int]) -> None:
    async with dashboard(size=size) as pilot:
        assert "production · progression v4" in text(pilot)
        assert "observed 9 s ago" in text(pilot)
        assert "Scale features before the fit" in text(pilot)
        assert "2 of 4 hold" in text(pilot)
        await press(pilot, "down", "down")
        assert "canary · progression v5" in text(pilot)
        assert "alias canary says v6" in text(pilot)
        assert "dirty" in text(pilot)


async def test_everything_is_reachable_on_a_small_screen() -> None:
    async with dashboard(size=(60, 12)) as pilot:
        await press(pilot, "tab", "f", "end")
        assert "Attention · 6" in text(pilot)
        assert "v6 in staging beats production" in text(pilot)
        assert "ENV" not in text(pilot)
        await press(pilot, "escape", "tab", "f", "end")
        assert "packages" in text(pilot)
        await press(pilot, "escape")
        assert "production" in text(pilot)


async def test_metrics_of_the_other_environments_stand_beside_with_what_changed() -> None:
    async with dashboard(size=LARGE) as pilot:
        assert re.search(
            r"rmse +53\.91 +−2\.1 % +52\.80 +−1\.5 % +53\.10", line_with(pilot, "rmse", "−2.1 %", "52.80")
        )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"live": None, "basis": Basis.UNKNOWN, "health": Health.UNKNOWN}, ["? unknown", "v4 declared"]),
        (
            {"basis": Basis.DECLARED, "observed": None, "health": Health.UNKNOWN},
            ["v4 ○ declared", "? unknown"],
        ),
        ({"health": Health.DOWN}, ["✗ down"]),
        ({"run": None, "code": None, "data": ()}, ["unknown"]),
    ],
    ids=["not-answered", "only-declared", "down", "nothing-known"],
)
async def test_what_is_not_known_is_said_and_not_guessed(
    changes: dict[str, object], words: list[str]
) -> None:
    async with dashboard(HandBoard(live([row(**changes)])), LARGE) as pilot:
        line = line_with(pilot, "production", "progression", words[0])
        assert all(word in line for word in words)


@pytest.mark.parametrize(
    ("status", "glyph", "word"),
    [
        (CodeStatus.DIRTY, "±", "dirty"),
        (CodeStatus.MISSING, "✗", "missing"),
        (CodeStatus.UNREACHABLE, "◊", "no branch"),
    ],
)
async def test_the_state_of_the_code_is_a_glyph_and_where_there_is_room_a_word(
    status: CodeStatus, glyph: str, word: str
) -> None:
    made = row()
    assert made.code is not None
    board = HandBoard(live([replace(made, code=replace(made.code, status=status))]))
    async with dashboard(board, LARGE) as pilot:
        assert f"{glyph} {word}" in line_with(pilot, "production", "a1b2c3d", glyph)
    async with dashboard(board, SMALL) as pilot:
        assert f"a1b2c3d {glyph}" in line_with(pilot, "production", "a1b2c3d", glyph)


async def test_the_cursor_stays_on_its_environment_when_the_board_changes() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        await press(pilot, "down")
        staging = board.answer.environments[1]
        board.answer = live(
            [row("alpha"), *reversed(board_rows()[:1]), replace(staging, since=before(hours=1))]
        )
        board.changed = True
        await press(pilot, "r")
        assert live_of(pilot).environments.selected_key == "env:staging/progression"
        assert "staging · progression v6" in text(pilot)


async def test_the_cursor_stays_near_when_its_environment_goes() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:
        await press(pilot, "end")
        board.answer = live(board_rows()[:2])
        await press(pilot, "r")
        assert live_of(pilot).environments.selected_key == "env:staging/progression"


async def test_the_filter_narrows_as_it_is_typed_and_esc_shows_all_again() -> None:
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "slash", *"dirty")
        assert live_of(pilot).environments.item_count() == 1
        assert "canary · progression v5" in text(pilot)
        await press(pilot, "enter")
        assert live_of(pilot).environments.item_count() == 1
        await press(pilot, "escape")
        assert live_of(pilot).environments.item_count() == 3
        await press(pilot, "slash", *"zzz")
        assert "nothing matches" in text(pilot)
        await press(pilot, "escape")
        assert live_of(pilot).environments.item_count() == 3


async def test_a_stale_source_keeps_its_facts_and_says_since_when_and_why() -> None:
    stale = source(
        status=Freshness.STALE,
        as_of=before(minutes=3),
        detail="the database is locked by another program",
        remedy="end it, or wait",
    )
    async with dashboard(HandBoard(live(sources=(stale, *SOURCES[1:]))), LARGE) as pilot:
        assert "◐ tracking stale 3 min: the database is locked" in lines(pilot)[0]
        assert "v4 ● observed" in line_with(pilot, "production", "progression", "a1b2c3d")
        shown = " ".join(text(pilot).split())
        assert "stale, read 3 min ago: the database is locked" in shown
        assert "end it, or wait" in shown


async def test_a_failed_source_is_told_in_words_on_a_small_screen_too() -> None:
    failed = source(status=Freshness.FAILED, as_of=None, detail="the file is not a database", remedy="look")
    async with dashboard(HandBoard(live(sources=(failed, *SOURCES[1:]))), SMALL) as pilot:
        assert "✗ tracking" in lines(pilot)[0]
        assert "could not be read: the file is not a database" in text(pilot)


async def test_an_empty_board_says_what_was_found_and_how_to_add_the_rest() -> None:
    absent = source(status=Freshness.ABSENT, counts="", as_of=None)
    board = HandBoard(live([], sources=(absent, SOURCES[1]), hints=("write the answer to everything",)))
    async with dashboard(board) as pilot:
        shown = text(pilot)
        assert "No environments yet" in shown
        assert "14 commits" in shown
        assert "MLFLOW_TRACKING_URI" in shown
        assert "write the answer to everything" in shown
        assert "[environments.production]" in shown


async def test_a_first_reading_shows_how_far_it_is() -> None:
    reading = source(status=Freshness.READING, counts="", as_of=None)
    board = HandBoard(live([], sources=(reading,)))
    board.steps = [Progress("tracking", "parameters", 43_000, 100_000)]
    board.gate.clear()
    async with dashboard(board, LARGE) as pilot:
        await settle(pilot)
        assert re.search(r"◌ tracking parameters ━+ 43%", lines(pilot)[0])
        assert "Reading for the first time" in text(pilot)
        assert re.search(r"tracking +parameters ━+ 43%", line_with(pilot, "tracking  ", "parameters"))


async def test_a_reading_that_ends_fills_the_board() -> None:
    board = HandBoard(live([], sources=(source(status=Freshness.READING, counts=""),)))
    board.gate.clear()
    async with dashboard(board) as pilot:
        board.answer, board.statuses, board.changed = live(), SOURCES, True
        board.gate.set()
        await settle(pilot)
        assert "production · progression v4" in text(pilot)


async def test_a_reading_that_fails_unexpectedly_is_told_and_the_board_stays() -> None:
    board = HandBoard()
    async with dashboard(board) as pilot:

        def broken(**_: object) -> None:
            raise RuntimeError("no such luck")

        board.refresh = broken  # type: ignore[method-assign, assignment]
        await press(pilot, "r")
        assert any("reading failed: no such luck" in item.message for item in pilot.app._notifications)
        assert "production · progression v4" in text(pilot)


async def test_fault_40_a_clock_that_is_ahead_gives_no_negative_age() -> None:
    ahead = NOW + timedelta(days=1)
    made = row(since=ahead)
    assert made.observed is not None
    made = replace(made, observed=replace(made.observed, asked_at=ahead))
    async with dashboard(HandBoard(live([made], sources=(source(as_of=ahead),))), LARGE) as pilot:
        shown = text(pilot)
        assert "observed just now" in shown
        assert not re.search(r"-\d+ (s|min|h|d)\b", shown)
        assert "tracking 43 runs now" in lines(pilot)[0]


async def test_attention_follows_the_filter_and_says_so() -> None:
    async with dashboard(size=LARGE) as pilot:
        await press(pilot, "slash", *"canary")
        assert "Attention · 3 of 6, “canary”" in text(pilot)
        assert "beats production" not in text(pilot)
        await press(pilot, *"xyz")
        assert "Attention · 0 of 6, “canaryxyz”" in text(pilot)
        assert "nothing to act on in what the filter shows" in text(pilot)
        assert "canary is degraded" not in text(pilot)
        await press(pilot, "escape")
        assert "Attention · 6" in text(pilot)


async def test_a_server_that_starts_is_said_to_start() -> None:
    made = row()
    seen = replace(made.observed, answered=False, version=None, detail="starting: loading version 4 for 2 s")
    made = replace(made, live=None, basis=Basis.UNKNOWN, health=Health.DEGRADED, observed=seen)
    made = replace(made, attention=(attention("unhealthy", "production is starting: loading", "production"),))
    async with dashboard(HandBoard(live([made])), LARGE) as pilot:
        assert "◐ starting" in line_with(pilot, "production", "a1b2c3d")
        assert "◐ starting 12 ms" in line_with(pilot, " serving ")
        assert "loading version" in text(pilot)
        assert "degraded" not in text(pilot)
        assert "◐ production is starting: loading" in text(pilot)


async def test_one_cause_is_one_item_of_attention() -> None:
    gone = {"status": Freshness.STALE, "detail": "no Git repository: /home/dev/diabetes."}
    sources = (*SOURCES[:1], source("git", **gone), source("data", **gone), source("gto", **gone))
    async with dashboard(HandBoard(live([row()], sources=sources)), LARGE) as pilot:
        assert "Attention · 1" in text(pilot)
        line = line_with(pilot, "git, data and gto")
        assert "stale, read 2 s ago: no Git repository:" in line
        assert lines(pilot)[0].count("no Git repository") == 1
        assert "◐ data stale 2 s" in lines(pilot)[0]


async def test_refreshing_reads_the_selected_environment_s_run_at_once() -> None:
    board = HandBoard(live([row()]))
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "r")
        assert board.reread_runs == [run().run_id]


async def test_the_theme_and_the_keys_of_the_configuration_are_used() -> None:
    config = Config(ui=UiConfig(theme=LIGHT, refresh=3600.0), keys={"refresh": "f5", "theme": "f2"})
    board = HandBoard(config=config)
    async with dashboard(board, LARGE) as pilot:
        assert pilot.app.theme == LIGHT
        assert "f5 refresh" in lines(pilot)[-1]
        before_key = board.refreshed
        await press(pilot, "r")
        assert board.refreshed == before_key
        await press(pilot, "f5")
        assert board.refreshed == before_key + 1
        await press(pilot, "f2")
        assert pilot.app.theme == DARK


async def test_ten_thousand_environments_are_drawn_only_where_they_are_seen() -> None:
    board = HandBoard(live([row(f"env-{number:05}", str(number)) for number in range(10_000)]))
    async with dashboard(board) as pilot:
        table = live_of(pilot).environments
        assert table.item_count() == 10_000
        assert len(table._cells) < 1000
        await press(pilot, "end")
        assert "env-09999" in text(pilot)
        await press(pilot, "slash", *"env-04242")
        assert table.item_count() == 1


async def test_facts_of_the_declared_version_are_said_to_be_so() -> None:
    made = row(
        live=None, declared=Declared("4", "alias", "production"), basis=Basis.UNKNOWN, of_declared=True
    )
    async with dashboard(HandBoard(live([made])), LARGE) as pilot:
        assert "? unknown · v4 declared" in line_with(pilot, "production", "a1b2c3d")
        assert "not known" in line_with(pilot, " live ")
        assert "v4 its facts stand below" in line_with(pilot, " declared ", "below")
        assert "v4, as declared" in line_with(pilot, " rebuild ")
        cells = live_of(pilot)._cells(made)
        assert {role for cell in cells[3:6] for form in cell for _, role in form} == {"dim"}


async def test_what_was_not_read_yet_is_not_called_missing() -> None:
    not_yet = (
        source(status=Freshness.READING, as_of=None, counts=""),
        source("git", status=Freshness.READING, as_of=None, counts=""),
    )
    bare = row(
        run=None,
        code=None,
        data=(),
        rebuildable=Rebuildable(
            False, ("commit",), (ReadinessCheck("commit", Level.MISSING, "none is recorded"),)
        ),
        attention=(attention("not-rebuildable", "production cannot be rebuilt: no commit", "production"),),
    )
    board = HandBoard(live([bare], sources=not_yet))
    board.gate.clear()
    board.statuses = SOURCES
    async with dashboard(board, LARGE) as pilot:
        shown = text(pilot)
        assert "reading …" in line_with(pilot, "production", "progression", "v4")
        assert not any(word in shown for word in ("no commit", "no dataset", "cannot be rebuilt", "unknown"))
        board.gate.set()
        await settle(pilot)
        assert "no commit was recorded" in text(pilot)
        assert "production cannot be rebuilt" in text(pilot)


async def test_each_item_of_attention_shows_the_key_that_acts_on_it() -> None:
    stale = source("git", status=Freshness.STALE, detail="git is not installed")
    async with dashboard(HandBoard(live(sources=(*SOURCES[:1], stale))), LARGE) as pilot:
        assert re.search(r"git is not installed +r +live", line_with(pilot, "git is not installed", "live"))
        assert re.search(r"behind main +enter", line_with(pilot, "4 commits behind main", "enter"))


async def test_enter_on_an_item_of_attention_traces_what_it_is_about() -> None:
    board = HandBoard()
    async with dashboard(board, LARGE) as pilot:
        await press(pilot, "tab", "end")
        assert live_of(pilot).environments.selected_key == "env:production/progression"
        await press(pilot, "enter")
        assert board.traced[-1].startswith("commit:a1b2c3d")


async def test_a_long_version_leaves_room_for_the_rest_of_its_row() -> None:
    board = HandBoard(live([row(live="x" * 300), row("staging", "6")]))
    async with dashboard(board, (110, 30)) as pilot:
        line = line_with(pilot, "production", "xxx…")
        assert all(word in line for word in ("progression", "a1b2c3d", "8d1e92f", "healthy"))


MLFLOW = DataFacts("diabetes", "aa11", "data/x.csv", "mlflow")
TRACKED = DataFacts("data/x.csv", "bb22", "data/x.csv.dvc", "dvc")
OTHER = DataFacts("x.csv", "cc33", "x.csv.dvc", "dvc")


@pytest.mark.parametrize(
    ("data", "more"),
    [
        ((MLFLOW, TRACKED), False),
        ((replace(MLFLOW, source="/home/ann/p/data/x.csv"), TRACKED), False),
        ((MLFLOW, TRACKED, replace(OTHER, name="y.csv")), True),
        ((replace(MLFLOW, source="data/max.csv"), OTHER), True),
    ],
    ids=["relative", "absolute", "another", "like-named"],
)
async def test_a_file_that_mlflow_and_dvc_both_record_is_one_data_set(
    data: tuple[DataFacts, ...], more: bool
) -> None:
    async with dashboard(HandBoard(live([row(data=data)])), LARGE) as pilot:
        assert (" +1 " in line_with(pilot, "production", "healthy")) is more
