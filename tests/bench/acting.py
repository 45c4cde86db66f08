"""Acting: from a key to the painted plan, and from the confirmation of an alias's move to its proof."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from bench.house import House, say
from bench.table import Figure, middle
from bench.terminal import Terminal

VERSIONS = 6  # of each model of the store
WARM = 8.0  # seconds in which a person reads the plan and types a reason; the agent brings MLflow meanwhile


def acting(house: House) -> Iterator[Figure]:
    """P13: ``P`` to the versions there are, enter to the plan, enter to the alias moved and proven."""
    project = house.scratch / "acting"
    shutil.copytree(house.board, project, symlinks=True)
    for number in range(VERSIONS):  # where the store says that the versions' artifacts are
        artifacts = project / "mlartifacts" / "progression" / str(number)
        artifacts.mkdir(parents=True)
        (artifacts / "MLmodel").write_text("flavors: {}\n")
    cache = house.fresh_cache()
    house.sync(project, cache)
    lists, plans, wholes, proofs = [], [], [], []
    with Terminal(house.program, house.environment(cache), project) as terminal:
        terminal.wait_for(["tracking", "production", "v4"])
        terminal.settle(2.0)
        for number in range(house.rounds):
            lists.append(terminal.after("P", [f"{VERSIONS} versions", "live now"]))
            plans.append(terminal.after("\r", ["What is done", "How it is undone", "Must hold"]))
            terminal.press("\x1b\x1b")
            terminal.settle(1.0)
            terminal.after("P", [f"{VERSIONS} versions", "live now"])
            wholes.append(terminal.after("\r", ["all 8 hold", "What changes", "params", "data"]))
            terminal.settle(WARM)
            terminal.press(f"round {number}")
            proofs.append(terminal.after("\r", ["verified"]))
            say(f"  P13 list {_ms(lists)}, plan {_ms(plans)}, alias verified {_ms(proofs)}")
            terminal.press("\x1b")
            terminal.settle(4.0)
    runs = f"{house.shape.runs:,} runs"
    yield Figure("P13", f"P to the versions to choose from, {runs}", "ms", middle(lists) * 1000, limit=300)
    yield Figure("P13", f"enter to the plan, {runs}", "ms", middle(plans) * 1000, limit=300)
    yield Figure("", "all of it checked, and all that changes", "ms", middle(wholes) * 1000)
    yield Figure("P13", "local alias, confirmed to painted verified", "s", middle(proofs), limit=1)


def _ms(seconds: list[float]) -> str:
    return f"{seconds[-1] * 1000:.0f} ms"
