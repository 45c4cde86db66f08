"""A reason is kept as one clean line, and stands where the change itself is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.test_plans import MANIFEST, facts
from mlops_dash.actions.planning import make_plan
from mlops_dash.actions.reasons import LONGEST_REASON, clean_reason, with_reason
from mlops_dash.errors import UsageError
from saying import harmless


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  drifts since noon ", "drifts since noon"),
        ("one\nline\tonly\r\n", "one line only"),
        ("\x1b[31mred\x1b[0m alarm", "red alarm"),
        ("\x1b]52;c;cm0gLXJm\x07clip", "clip"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\u202egnp.exe", "gnp.exe"),
        ("zero\u200bwidth \x00nul", "zerowidth nul"),
        ("sees https://ada:hunter22@host/x", "sees https://***@host/x"),
        ("[/b] [@click=quit]x", "[/b] [@click=quit]x"),
        ("Rückfall 🍷", "Rückfall 🍷"),
    ],
)
def test_a_reason_is_cleaned(typed: str, kept: str) -> None:
    assert clean_reason(typed) == kept


@pytest.mark.parametrize("typed", ["", "  \n ", "\x1b[31m\x1b[0m", "\u200b"])
def test_a_reason_of_nothing_is_none(typed: str) -> None:
    with pytest.raises(UsageError, match="a reason is needed"):
        clean_reason(typed)


@pytest.mark.parametrize("length", [1001, 10_000, 1_000_000])
def test_a_reason_that_is_too_long_is_refused_not_cut(length: int) -> None:
    assert len(clean_reason("x" * LONGEST_REASON)) == LONGEST_REASON
    with pytest.raises(UsageError, match=f"{length:,} characters long, 1,000 are kept"):
        clean_reason("x" * length)


@given(st.text(max_size=LONGEST_REASON))
def test_what_is_kept_can_do_nothing_to_a_terminal(typed: str) -> None:
    try:
        kept = clean_reason(typed)
    except UsageError:
        return
    assert harmless(kept)
    assert "\n" not in kept
    assert clean_reason(kept) == kept


def test_commits_carry_plan_reason_and_actor() -> None:
    plan = with_reason(
        make_plan(facts(manifest=MANIFEST, undoes="20261125T000000Z-0a")), "errors\nsince noon"
    )
    assert plan.reason == "errors since noon"
    alias, manifest = plan.steps
    assert "message" not in alias.arguments
    assert manifest.arguments["message"] == (
        "rollback production: wine 6 → 4\n"
        "\n"
        "errors since noon\n"
        "\n"
        "- move the alias production of wine from version 6 to version 4\n"
        "- declare version 4 in deploy/prod.yaml on origin/main\n"
        "\n"
        "Action: 20261126T043208Z-1f2e3d4c\n"
        "Actor: ada on desk\n"
        "Undoes: 20261125T000000Z-0a\n"
    )
    assert manifest.arguments["after"] == "wine:4"
