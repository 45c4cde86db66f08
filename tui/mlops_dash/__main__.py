"""Entry of ``mlops-dash`` and of ``python -m mlops_dash``."""
# PYTHON_ARGCOMPLETE_OK

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    from mlops_dash.cli.command import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
