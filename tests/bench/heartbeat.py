"""Run the dashboard as it is, with a heartbeat on its event loop: ``heartbeat.py LOG ARGUMENTS…``.

The log holds, for each beat, when it came and how many milliseconds late. That is how long a key would
have waited.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from textual.app import App

PERIOD = 0.005


async def _beat(beats: list[tuple[float, float]]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(PERIOD)
        now = time.perf_counter()
        beats.append((now, (now - before - PERIOD) * 1000))


def main() -> None:
    """Start the dashboard on the arguments after the log's name."""
    log = Path(sys.argv.pop(1))
    run_async = App.run_async

    async def with_heartbeat(app: App[Any], *arguments: Any, **options: Any) -> Any:
        beats: list[tuple[float, float]] = []
        task = asyncio.create_task(_beat(beats))
        try:
            return await run_async(app, *arguments, **options)
        finally:
            task.cancel()
            log.write_text(json.dumps(beats))

    App.run_async = with_heartbeat  # type: ignore[method-assign,assignment]
    from mlops_dash.__main__ import main as dashboard

    sys.exit(dashboard())


if __name__ == "__main__":
    main()
