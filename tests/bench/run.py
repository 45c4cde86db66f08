"""Measure mlops-dash on stores and repositories of its own making: ``python tests/bench/run.py``."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import readme_parts
from bench import acting, databases, file_stores, looking, readings, scale, screens, servers
from bench.house import House, open_house, say
from bench.table import Figure, markdown

MEASURES: dict[str, Callable[[House], Iterator[Figure]]] = {
    "P1": screens.startup,
    "P2": readings.first_sync,
    "P3": readings.refresh,
    "P4": looking.looking,
    "P5": readings.repository,
    "P6": screens.memory,
    "P7": looking.comparing,
    "P8": screens.stalls,
    "P9": scale.scale,
    "P10": servers.tracking_server,
    "P11": file_stores.file_store,
    "P12": databases.postgresql,
    "P13": acting.acting,
}


def main() -> int:
    """Measure, print the table, and return 1 if something was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000, help="runs of the store")
    parser.add_argument("--steps", type=int, default=5, help="values of each of a run's 8 metrics")
    parser.add_argument("--commits", type=int, default=42_000, help="commits of the repository")
    parser.add_argument("--rounds", type=int, default=5, help="how often each time is taken")
    parser.add_argument("--only", help=f"some measures, comma-separated, of {', '.join(MEASURES)}")
    parser.add_argument("--readme", action="store_true", help="write the table into README.md, too")
    parser.add_argument("--keep", action="store_true", help="keep the scratch folder and tell where it is")
    options = parser.parse_args()
    chosen = options.only.upper().split(",") if options.only else list(MEASURES)
    unknown = [name for name in chosen if name not in MEASURES]
    if unknown:
        parser.error(f"no measure {unknown[0]}: choose of {', '.join(MEASURES)}")
    figures: list[Figure] = []
    with open_house(options.runs, options.steps, options.commits, options.rounds, options.keep) as house:
        for name in chosen:
            say(f"{name}")
            figures += MEASURES[name](house)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    title = f"{options.runs:,} runs, {options.commits:,} commits; {machine}; medians of {options.rounds}"
    table = f"{title}\n\n{markdown(figures)}\n"
    print(table)
    if options.readme:
        readme_parts.write("benchmark", table)
    return 0 if all(figure.reached for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
