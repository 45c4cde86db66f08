"""What looks saw outlives the cache, is written once however many dashboards see it, and costs nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import count, groupby, pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_dash.domain.changes import PAUSE, Aspect, Sighting
from mlops_dash.project.sightings import Look, Sightings

BASE = datetime.now(UTC) - timedelta(days=2)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state" / "seen"


def look(version: str | None, minutes: float = 0.0, aspect: Aspect = Aspect.SERVED, **facts: object) -> Look:
    began = BASE + timedelta(minutes=minutes)
    told = {"environment": "production", "model": "wine", "via": None, "by": None} | facts
    return Look(
        aspect=aspect, version=version, began=began, ended=began + timedelta(seconds=1),
        **told,  # type: ignore[arg-type]
    )  # fmt: skip


def versions(known: tuple[Sighting, ...]) -> list[str | None]:
    """The versions in their order, each once however often it was seen anew."""
    return [version for version, _ in groupby(one.version for one in known)]


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]


def test_a_change_lies_between_the_last_look_that_saw_the_old_and_the_first_that_saw_the_new() -> None:
    sightings = Sightings("p", "s")
    for version, minutes in (("4", 0), ("4", 5), ("6", 10), ("6", 12)):
        sightings.saw([look(version, minutes)])
    first, second = Sightings("p", "s").known()
    assert (first.version, first.not_before) == ("4", None)
    assert second.version == "6"
    assert second.before == "4"
    assert second.not_before == pytest.approx(BASE + timedelta(minutes=5), abs=timedelta(milliseconds=1))
    assert second.first == pytest.approx(
        BASE + timedelta(minutes=10, seconds=1), abs=timedelta(milliseconds=1)
    )


def test_it_outlives_the_process_and_knows_when_each_version_was_seen_last(state: Path) -> None:
    sightings = Sightings("p", "s")
    sightings.saw([look("4", 0)])
    sightings._written = float("-inf")  # a minute has passed
    os.utime(next(state.glob("*.last.json")), (0, 0))
    sightings.saw([look("4", 9)])
    (again,) = Sightings("p", "s").known()
    assert again.last == pytest.approx(BASE + timedelta(minutes=9), abs=timedelta(milliseconds=1))


def test_two_dashboards_that_see_the_same_change_write_it_once(state: Path) -> None:
    one, other = Sightings("p", "s"), Sightings("p", "s")
    for dashboard, version, minutes in (
        (one, "4", 0), (other, "4", 1), (one, "6", 5), (other, "6", 6), (other, "4", 8), (one, "4", 9),
    ):  # fmt: skip
        dashboard.saw([look(version, minutes)])
    assert [line["version"] for line in lines(state)] == ["4", "6", "4"]
    assert one.known() == other.known() == Sightings("p", "s").known() or versions(one.known()) == [
        "4",
        "6",
        "4",
    ]


def test_an_answer_that_comes_late_makes_no_change() -> None:
    one, other = Sightings("p", "s"), Sightings("p", "s")
    one.saw([look("4", 0)])
    one.saw([look("6", 5)])
    other.saw([look("4", 4.9)])  # asked before, answered after
    assert versions(Sightings("p", "s").known()) == ["4", "6"]


WATCH = """
import sys
from datetime import datetime, timedelta
from mlops_dash.domain.changes import Aspect
from mlops_dash.project.sightings import Look, Sightings

sightings, number, base = Sightings("p", "s"), sys.argv[1], datetime.fromisoformat(sys.argv[2])
print("ready", flush=True)
input()
for step in range(60):
    began, version = base + timedelta(minutes=step), str(step // 5)
    for place in ("production", f"own-{number}"):
        sightings.saw([Look(place, "wine", Aspect.SERVED, version, began, began + timedelta(seconds=1))])
"""


def test_processes_beside_each_other_tear_nothing_and_repeat_nothing(state: Path) -> None:
    watching = [
        subprocess.Popen(
            [sys.executable, "-c", WATCH, str(number), BASE.isoformat()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for number in range(4)
    ]  # fmt: skip
    for process in watching:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in watching:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in watching:
        process.communicate(timeout=120)
        assert process.returncode == 0
    told = [line["version"] for line in lines(state) if line["env"] == "production"]
    assert told == sorted(set(told), key=lambda version: int(str(version)))
    for number in range(4):
        own = [line["version"] for line in lines(state) if line["env"] == f"own-{number}"]
        assert own == [str(version) for version in range(12)]


def test_where_nothing_changed_nothing_is_written_and_it_takes_microseconds(state: Path) -> None:
    sightings = Sightings("p", "s")
    places = [f"environment-{number}" for number in range(20)]
    sightings.saw([look("4", 0, environment=place) for place in places])
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in state.iterdir()}
    took = []
    for step in range(200):
        looks = [look("4", 1 + step / 60, environment=place) for place in places]
        begun = time.process_time()
        sightings.saw(looks)
        took.append(time.process_time() - begun)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in state.iterdir()} == before
    assert sorted(took)[100] < 0.001


def test_dashboards_that_start_again_and_again_write_once_a_minute_together(state: Path) -> None:
    Sightings("p", "s").saw([look("4", 0)])
    before = {path.name: path.stat().st_mtime_ns for path in state.glob("*.json*")}
    for step in range(5):
        Sightings("p", "s").saw([look("4", 1 + step)])
    assert {path.name: path.stat().st_mtime_ns for path in state.glob("*.json*")} == before


def test_health_is_kept_once_and_only_for_the_better(state: Path) -> None:
    sightings = Sightings("p", "s")
    for minutes, healthy in enumerate([False, None, False, True, False, True]):
        sightings.saw([look("4", minutes, healthy=healthy)])
    assert len(lines(state)) == 2
    (known,) = Sightings("p", "s").known()
    assert known.healthy is True


def test_after_a_pause_a_version_is_seen_anew() -> None:
    sightings = Sightings("p", "s")
    minutes = PAUSE / timedelta(minutes=1) + 1
    sightings.saw([look("4", 0)])
    sightings.saw([look("4", minutes)])
    first, again = sightings.known()
    assert (again.version, again.before) == ("4", "4")
    assert again.not_before == first.last


def test_since_when_its_server_says_that_it_serves_is_taken_where_it_fits() -> None:
    sightings = Sightings("p", "s")
    sightings.saw([look("4", 0, since=BASE - timedelta(days=3))])
    sightings.saw([look("6", 5, since=BASE + timedelta(minutes=3), by="ada")])
    sightings.saw([look("7", 9, since=BASE + timedelta(minutes=1))])  # a standby since then, not serving yet
    first, second, third = sightings.known()
    assert first.first == pytest.approx(BASE - timedelta(days=3), abs=timedelta(milliseconds=1))
    assert second.first == pytest.approx(BASE + timedelta(minutes=3), abs=timedelta(milliseconds=1))
    assert second.by == "ada"
    assert third.first > BASE + timedelta(minutes=9)


def test_what_other_sources_declare_is_not_mixed_in() -> None:
    Sightings("p", "one").saw([look("4", 0, Aspect.DECLARED), look("4", 0)])
    Sightings("p", "other").saw([look("9", 1, Aspect.DECLARED), look("4", 1)])
    for sources, declared in (("one", "4"), ("other", "9")):
        known = Sightings("p", sources).known()
        assert {one.version for one in known if one.aspect is Aspect.DECLARED} == {declared}
        assert {one.version for one in known if one.aspect is Aspect.SERVED} == {"4"}
    assert Sightings("elsewhere", "one").known() == ()


def test_that_nothing_is_declared_any_more_is_a_change() -> None:
    sightings = Sightings("p", "s")
    sightings.saw([look("4", 0, Aspect.DECLARED, via="alias")])
    sightings.saw([look(None, 1, Aspect.DECLARED, via="alias")])
    assert versions(sightings.known()) == ["4", None]
    assert sightings.declared()["production", "wine"].version is None


def test_fault_73_where_nothing_can_be_written_it_is_said_and_nothing_raises(state: Path) -> None:
    state.parent.mkdir(parents=True)
    state.write_text("a file in the folder's place")
    sightings = Sightings("p", "s")
    sightings.saw([look("4", 0)])
    assert sightings.known() == ()
    assert sightings.problem is not None
    assert "cannot" in sightings.problem
    state.unlink()
    sightings._blocked = float("-inf")  # a minute has passed
    sightings.saw([look("4", 1)])
    assert sightings.problem is None
    assert versions(sightings.known()) == ["4"]


def test_fault_40_a_clock_that_was_set_back_stops_nothing(state: Path) -> None:
    sightings = Sightings("p", "s")
    ahead = (datetime.now(UTC) + timedelta(days=1) - BASE) / timedelta(minutes=1)
    sightings.saw([look("4", 0)])
    sightings._seen[next(iter(sightings._seen))].append(
        Sighting("production", "wine", Aspect.SERVED, "9", *[BASE + timedelta(minutes=ahead)] * 2)
    )
    sightings.saw([look("4", 1), look("6", 2)])
    assert versions(sightings.known()) == versions(Sightings("p", "s").known()) == ["4", "6"]
    assert len(lines(state)) == 2


def test_files_are_the_user_s_own(state: Path) -> None:
    Sightings("p", "s").saw([look("4", 0)])
    assert {oct(path.stat().st_mode & 0o777) for path in state.iterdir()} == {"0o600"}
    assert oct(state.stat().st_mode & 0o777) == "0o700"


def test_a_target_that_flaps_for_weeks_fills_no_disk_and_takes_nobody_else_s_past(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlops_dash.project.sightings._DENSE", 50_000)
    sightings, other = Sightings("p", "s"), Sightings("p", "s")
    sightings.saw([look("1", 0, environment="staging")])
    file = next(state.glob("*.jsonl"))
    stamp = round(BASE.timestamp() * 1000)
    with file.open("a") as text:
        for step in range(2100):
            at = stamp + step
            line = {"env": "production", "model": "wine", "what": "served", "at": at, "seen": at}
            text.write(json.dumps(line | {"version": str(step % 2)}) + "\n")
    sightings.saw([look("2", 10)])
    assert 1000 <= len(lines(state)) <= 1010
    known = other.known()
    assert {one.environment for one in known} == {"staging", "production"}
    assert known[-1].version == "2"
    sightings.saw([look("3", 11)])
    other.saw([look("3", 12)])
    assert versions(tuple(one for one in other.known() if one.environment == "production"))[-2:] == ["2", "3"]


_PROJECTS = count()
hostile_bytes = st.binary(max_size=200) | st.sampled_from(
    [
        b"\x00" * 50, b"{", b"[]\n", b"null\n", b"\xff\xfe\n", b'{"env": 1}\n', b"[" * 5000 + b"\n",
        b'{"env":"production","model":"wine","what":"served","at":99999999999999999999,"seen":1}\n',
        b'{"env":"production","model":"wine","what":"served","at":-5,"seen":-5,"version":"x"}\n',
        b'{"env":"production","model":"wine","what":"served","at":253402300798999,"seen":1,"version":"x"}\n',
    ]
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_looks_of_any_dashboards_among_any_rubbish_are_told_in_their_order(data: st.DataObject) -> None:
    """The versions that are known are those that were there, in their order, and nothing is written twice."""
    project = f"project-{next(_PROJECTS)}"
    dashboards = [Sightings(project, "s") for _ in range(3)]
    true: list[str | None] = []
    minutes = 0.0
    file = dashboards[0]._changes
    for _ in range(data.draw(st.integers(1, 15))):
        minutes += data.draw(st.sampled_from([0.1, 3.0, 40.0]))
        rubbish = data.draw(st.none() | hostile_bytes)
        if rubbish is not None and file.exists():
            with file.open("ab") as out:
                out.write(rubbish)
        version = data.draw(st.sampled_from(["1", "2", "\x1b[31m", None]))
        place = data.draw(st.integers(0, 2))
        if data.draw(st.integers(0, 4)) == 0:
            dashboards[place] = Sightings(project, "s")  # it was started again
        dashboards[place].saw([look(version, minutes)])
        true.append(version)
    expected = [version for version, _ in groupby(true)]
    for dashboard in [*dashboards, Sightings(project, "s")]:
        assert versions(dashboard.known()) == expected
        stints = dashboard.known()
        assert all(one.first <= other.first for one, other in pairwise(stints))
        assert dashboard.problem is None


@settings(deadline=None, max_examples=60)
@given(hostile_bytes)
def test_a_file_of_last_times_that_is_rubbish_costs_only_those(rubbish: bytes) -> None:
    sightings = Sightings("rubbish", "s")
    sightings.saw([look("4", 0)])
    sightings._last.write_bytes(rubbish)
    assert versions(Sightings("rubbish", "s").known()) == ["4"]
