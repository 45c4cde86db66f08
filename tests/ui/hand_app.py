"""The dashboard on an answer made by hand, as a program: ``python hand_app.py [SLOW]``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from mlops_dash.ui.app import run
from ui.answers import HandBoard


def board() -> HandBoard:
    made = HandBoard()
    if "SLOW" in sys.argv:
        made.gate.clear()  # its refresh ends only when it is cancelled
    return made


if __name__ == "__main__":
    sys.exit(run(board))
