"""The dialog that asks which environment a version is meant for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlops_dash.answers.shapes import EnvironmentRow
from mlops_dash.domain.plans import ActionKind
from mlops_dash.ui.widgets.choose import Choice, Chooser
from mlops_dash.ui.widgets.table import Column
from mlops_dash.ui.wording import HEALTH, PROTECTED, safe, version


class PlaceDialog(Chooser[str]):
    """Answers with the name of an environment."""

    def __init__(
        self, kind: ActionKind, model: str, wanted: str | None, places: Sequence[EnvironmentRow]
    ) -> None:
        verb = "Roll back to" if kind is ActionKind.ROLLBACK else "Promote"
        super().__init__(
            f"{verb} {safe(model, 40)} {version(wanted)} where?",
            (Column("ENVIRONMENT"), Column("LIVE"), Column("HEALTH"), Column("")),
            hint="type to narrow",
            keys=(("enter", "shows the versions"), ("esc", "leaves it as it is")),
        )
        self._places = places

    def offered(self) -> Iterable[Choice]:
        """The environments of the model."""
        for row in self._places:
            glyph, role = HEALTH[row.health]
            guard = (PROTECTED, (" protected", "dim")) if row.protected else ()
            yield Choice(
                row.environment,
                (
                    ((safe(row.environment, 60), "strong"),), ((version(row.live, 24), "model"),),
                    ((f"{glyph} {row.health.value}", role),), guard,
                ),
                row.environment,
            )  # fmt: skip

    def answer(self, key: str | None) -> str | None:
        """The environment."""
        return key
