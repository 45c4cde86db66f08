"""The product's own model server with a model that needs no MLflow: it starts in a fraction of a second.

Run as a program where :mod:`mlops_dash.targets.scoring` would be. All but the loading is the real thing.
With ``KILL_SERVER_AT=VERSION:NUMBER:FILE`` in its environment the first server of that version kills itself
at the so manieth boundary of taking an address over, which are before and after each of the calls by which it
does so. The file is there then.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlops_dash.targets import control, scoring


def load(location: str) -> tuple[scoring.App, str]:
    """Return an application that predicts what the model's code says.

    Loading waits while there is a pipe ``gate`` in the model's folder, a prediction while there is ``slow``.
    """
    folder = Path(location)
    if (folder / "gate").exists():
        (folder / "gate").read_bytes()
    code = next((folder / "code").glob("*.py")).read_text()
    if "raise LookupError" in code:
        raise LookupError("no weights")
    status = 400 if "raise ValueError" in code else 200
    (value,) = re.findall(r"\[float\((.+)\)\]", code)
    body = json.dumps({"predictions": [float(value)]}).encode() if status == 200 else b"\x1b[2Jno such column"

    async def app(scope: scoring.Message, receive: scoring.Receive, send: scoring.Send) -> None:
        while (await receive()).get("more_body"):
            pass
        if scope["path"] == "/invocations" and (folder / "slow").exists():
            await asyncio.to_thread((folder / "slow").read_bytes)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send(
            {
                "type": "http.response.start",
                "status": status if scope["path"] == "/invocations" else 200,
                "headers": headers,
            }
        )
        await send({"type": "http.response.body", "body": body})

    return app, location


def watch(at: int, mark: Path) -> None:
    """Kill this process at a boundary of taking over; the first is 1."""
    passed = 0

    def boundary() -> None:
        nonlocal passed
        passed += 1
        if passed == at:
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(own: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            boundary()
            result = own(*given, **named)
            boundary()
            return result

        return call

    scoring.Service._become = watched(scoring.Service._become)  # type: ignore[method-assign]
    control.Line.ask = watched(control.Line.ask)  # type: ignore[method-assign]
    scoring._stop_accepting = watched(scoring._stop_accepting)


if __name__ == "__main__":
    scoring.load = load
    if "KILL_SERVER_AT" in os.environ:
        version, number, mark = os.environ["KILL_SERVER_AT"].split(":", 2)
        if f'"version": "{version}"' in " ".join(sys.argv) and not Path(mark).exists():
            watch(int(number), Path(mark))
    scoring.main()
