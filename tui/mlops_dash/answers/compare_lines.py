"""Parameters, tags, packages and signatures side by side: texts, and whether they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlops_dash.answers.compare_metrics import by_name
from mlops_dash.answers.compare_shapes import TextLine
from mlops_dash.answers.facts import without_credentials
from mlops_dash.domain.recorded import NOTES, is_bulky

Texts = Mapping[str, str]

# of what MLflow itself notes, that which tells runs apart; their names and commits stand elsewhere
_TOLD = frozenset(
    f"mlflow.{name}"
    for name in (
        "user source.name source.type source.git.branch source.git.repoURL note.content parentRunId "
        "project.entryPoint project.backend docker.image.name docker.image.id"
    ).split()
)


def text_lines(values: Sequence[Texts | None]) -> tuple[TextLine, ...]:
    """Return a line for every key that an item has, sorted by key.

    Args:
        values: the texts of each item; ``None`` where nothing is known of it: that is no difference.
    """
    known = [texts for texts in values if texts is not None]
    keys = sorted({key for texts in known for key in texts}, key=by_name)
    return tuple(
        TextLine(
            key,
            tuple(None if texts is None else texts.get(key) for texts in values),
            differs=len({texts.get(key) for texts in known}) > 1,
        )
        for key in keys
    )


def told_tags(tags: Texts) -> dict[str, str]:
    """Return the tags that a person set, and those of MLflow's own that tell runs apart. The recorder's are
    compared where they belong: packages, code."""
    return {
        key: without_credentials(value) if key == "mlflow.source.git.repoURL" else value
        for key, value in tags.items()
        if key in _TOLD or not (key.startswith("mlflow.") or key in NOTES or is_bulky(key))
    }
