"""Fault 74: every size is survived, and contrast holds in both themes."""

from __future__ import annotations

import itertools

import pytest
from textual.color import Color

from mlops_dash.ui.theme import ROLES, THEMES, palette_of
from ui.driving import dashboard, lines, press, settle

TINY = [(20, 5), (1, 1), (2, 1), (1, 40), (3, 3), (200, 2), (40, 10), (300, 100)]


@pytest.mark.parametrize("size", TINY, ids=[f"{width}x{height}" for width, height in TINY])
@pytest.mark.parametrize(
    "keys", [[], ["enter"], ["question_mark"], ["slash"]], ids=["live", "trace", "help", "prompt"]
)
async def test_fault_74_small_and_odd_sizes(size: tuple[int, int], keys: list[str]) -> None:
    async with dashboard(size=size) as pilot:
        await press(pilot, *keys)
        assert {len(line) for line in lines(pilot)} == {size[0]}


async def test_fault_74_a_storm_of_sizes() -> None:
    async with dashboard(size=(80, 24)) as pilot:
        for width, height in itertools.product((1, 20, 80, 161), (1, 5, 24, 60)):
            await pilot.resize_terminal(width, height)
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert any("production" in line for line in lines(pilot))


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio of the Web Content Accessibility Guidelines."""

    def luminance(color: Color) -> float:
        parts = (
            part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized
        )
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))

    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES, ids=[theme.name for theme in THEMES])
def test_every_role_can_be_read_on_every_background(theme: object) -> None:
    made = next(each for each in THEMES if each is theme)
    variables = made.to_color_system().generate() | made.variables
    palette = palette_of(variables)
    grounds = [
        variables[name] for name in ("background", "surface", "dash-cursor", "dash-selected", "dash-hover")
    ]
    for role in ROLES:
        if role == "faint":  # rules and dashes, no words
            continue
        color = palette[role].color
        assert color is not None
        assert color.triplet is not None
        for ground in grounds:
            ratio = contrast(Color.parse(color.triplet.hex), Color.parse(ground[:7]))
            assert ratio >= 4.5, (role, ground, round(ratio, 2))
