"""The command line with every library's log on standard error, and with a crash where one is asked for:

python run_logging.py CRASH|- VERB…
"""

from __future__ import annotations

import logging
import os
import sys

if __name__ == "__main__":
    crash = sys.argv[1] != "-"
    words = sys.argv[2:]
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    if crash:
        from mlops_dash.project import Project

        def broken(self: object, *given: object, **more: object) -> None:
            uri, token = words_now[words_now.index("--tracking-uri") + 1], os.environ["MLFLOW_TRACKING_TOKEN"]
            password = uri.partition("dev1:")[2].rpartition("@")[0]
            try:
                raise ConnectionError(f"cannot connect to {uri} with {password!r}")
            except ConnectionError as error:
                raise RuntimeError(f"sent Authorization: Bearer {token}, password={password}") from error

        Project.refresh = broken  # type: ignore[method-assign, assignment]
    from mlops_dash.cli.command import run

    words_now: list[str] = []
    for word in [*words, "--then"]:
        if word != "--then":
            words_now.append(word)
            continue
        code = run(words_now)
        sys.stdout.flush()
        print(f"exit {code}", flush=True)
        words_now.clear()
    os._exit(0)
