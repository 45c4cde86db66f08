"""Entry of ``mlops-dash`` and of ``python -m mlops_dash``."""
# PYTHON_ARGCOMPLETE_OK

from __future__ import annotations

import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process and leave with its exit code."""
    from mlops_dash.cli.command import run

    code = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # closed, or its reader has gone
            continue
    # Everything is written and closed by now. Taking the interpreter down would only cost time, and an
    # interrupted reading may still be inside a driver's call, which nobody should wait for.
    os._exit(code)


if __name__ == "__main__":
    main()
