"""P1, P6 and P8: the dashboard as a person starts it, in a pseudo-terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.house import House, say
from bench.table import Figure, middle
from bench.terminal import Terminal

HELLO = Path(__file__).with_name("hello.py")
HEARTBEAT = Path(__file__).with_name("heartbeat.py")
FIRST_SYNC_TIMEOUT = 300.0
PAGE_DOWN, END = "\x1b[6~", "\x1b[F"


def startup(house: House) -> Iterator[Figure]:
    """P1: from the start to a filled Live screen, the cache warm, against a Textual hello world."""
    cache = house.fresh_cache()
    house.sync(house.board, cache)
    wanted = filled(house, cache)
    ours, hello = [], []
    for number in range(house.rounds + 1):
        with _dashboard(house, cache) as terminal:
            ours.append(terminal.wait_for(wanted))
            if number == 0:
                (house.scratch / "live.txt").write_text("\n".join(terminal.frame()))
        with Terminal([sys.executable, str(HELLO)], dict(os.environ), house.scratch) as terminal:
            hello.append(terminal.wait_for(["hello world"]))
        say(f"  P1 ours {ours[-1]:.2f} s, hello world {hello[-1]:.2f} s")
    measure = f"start to a filled Live screen, warm cache, {house.shape.runs:,} runs"
    # the first round warms the disk cache and compiles modules
    yield Figure("P1", measure, "s", middle(ours[1:]), middle(hello[1:]), "Textual hello world", 1.5)


def memory(house: House) -> Iterator[Figure]:
    """P6: resident memory of the dashboard, in its first session and in a later one."""
    wanted = _wanted(house)
    cache = house.fresh_cache()
    for session in ("after a first sync", "started on a warm cache"):
        with _dashboard(house, cache) as terminal:
            terminal.wait_for(wanted, FIRST_SYNC_TIMEOUT)
            terminal.settle(12.0)  # two refreshes in the background
            now, most = terminal.memory(), terminal.memory("VmHWM")
            scrolled = _scrolled(terminal, house) if session != "after a first sync" else None
        say(f"  P6 {session}: {now:.0f} MB, at most {most:.0f} MB")
        yield Figure("P6", f"resident memory, {session}", "MB", now, limit=250)
        yield Figure("", f"at its highest, {session}", "MB", most)
        if scrolled is not None:
            yield Figure("P6", "with Runs open, after 100 pages and the last run", "MB", scrolled, limit=250)


def _scrolled(terminal: Terminal, house: House) -> float:
    """Return the memory with Runs open, after a good part of it was scrolled past."""
    terminal.press("2")
    terminal.wait_for([f"{house.shape.runs:,} runs", "run-", "columns 1"])
    for _ in range(100):
        terminal.press(PAGE_DOWN)
        terminal.settle(0.05)
    terminal.press(END)
    terminal.settle(3.0)
    return terminal.memory()


def stalls(house: House) -> Iterator[Figure]:
    """P8: how long the event loop stands still from the first frame to the end of a first sync."""
    wanted = _wanted(house)
    worst, ninety_nine = [], []
    for number in range(3):
        log = house.scratch / f"heartbeat-{number}.json"
        command = [sys.executable, str(HEARTBEAT), str(log)]
        with Terminal(command, house.environment(house.fresh_cache()), house.board) as terminal:
            painted = terminal.started + terminal.wait_for(["tracking"])
            synced = terminal.started + terminal.wait_for(wanted, FIRST_SYNC_TIMEOUT)
            terminal.settle(0.5)
            terminal.press("q")
            terminal.settle(10.0)
        beats = [late for at, late in json.loads(log.read_text()) if painted <= at <= synced + 0.3]
        late = sorted(beats)
        worst.append(late[-1])
        ninety_nine.append(late[int(len(late) * 0.99)])
        say(f"  P8 {len(late)} beats in {synced - painted:.1f} s: worst {late[-1]:.0f} ms")
    runs = f"first sync of {house.shape.runs:,} runs"
    yield Figure("P8", f"event loop stalls, {runs}, p99", "ms", middle(ninety_nine), limit=50)
    yield Figure("P8", f"event loop stalls, {runs}, the worst of three", "ms", max(worst), limit=150)


def filled(house: House, cache: Path) -> list[str]:
    """Return what stands on a filled Live screen, from its rows to the details of the first."""
    command = [*house.program, "live", "--json"]
    environment = house.environment(cache)
    answer = json.loads(subprocess.run(command, cwd=house.board, env=environment, capture_output=True).stdout)
    first, *_ = rows = answer["environments"]
    wanted = {row["environment"] for row in rows} | {row["model"] for row in rows}
    wanted |= {row["code"]["commit"][:7] for row in rows}
    wanted |= {f"{house.shape.runs:,}", first["run"]["name"], "Attention", "rebuild"}
    return sorted(wanted)


def _wanted(house: House) -> list[str]:
    cache = house.fresh_cache()
    house.sync(house.board, cache)
    return filled(house, cache)


def _dashboard(house: House, cache: Path) -> Terminal:
    return Terminal(house.program, house.environment(cache), house.board)
