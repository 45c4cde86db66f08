"""What a person should know of a store though it was read."""

from __future__ import annotations

from mlops_dash.domain.text import visible
from mlops_dash.sources.mlflow.files.disk import Flag
from mlops_dash.sources.mlflow.files.state import State

_SHOWN = 80  # characters of a name
_TOLD = {
    Flag.DAMAGED: ("with a half-written or damaged meta.yaml", "what was last read of it stays"),
    Flag.FORBIDDEN: ("that could not be read in whole", "check its permissions"),
    Flag.LINKED: ("with links that were not followed", "put the files themselves there"),
    Flag.STRANGE: ("that says it belongs elsewhere", "it was left out"),
    Flag.CUT: ("with a metric file that ends in the middle of a line", "that line counts once it is whole"),
    Flag.LARGE: ("with files too many or too large to be read in whole", "what was too much was left out"),
}


def warning(state: State) -> tuple[str | None, str | None]:
    """Return what is the matter with a store and what to do about it; the gravest first, one example each."""
    counts = dict.fromkeys(_TOLD, 0)
    examples: dict[Flag, str] = {}
    for path, listing in state.listings.items():
        for name, flags in listing.flags.items():
            for flag in _TOLD:
                if flags & flag:
                    counts[flag] += 1
                    examples.setdefault(flag, "/".join(part for part in (path, name) if part) or ".")
    told = [flag for flag, count in counts.items() if count]
    if not told:
        return None, None
    parts = [f"{counts[flag]:,} folder{'' if counts[flag] == 1 else 's'} {_TOLD[flag][0]}" for flag in told]
    remedies = [f"{visible(examples[flag], _SHOWN)}: {_TOLD[flag][1]}" for flag in told]
    return "; ".join(parts), "; ".join(remedies)
