"""Themes and keys of a configuration: what there is not, and what two commands would share, is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_dash.config_file import check, load_config
from mlops_dash.config_file.keys import NAMES, is_key, plain
from mlops_dash.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[ui]\ntheme = "dracla"',
            "line 2: ui.theme “dracla” is no theme\n  did you mean dracula?",
        ),
        ('[ui]\ntheme = "dark"', "did you mean"),
        ('[ui]\ntheme = "x"', "known are ansi-dark"),
        ('[keys]\nrefresh = "pagedwn"', "keys.refresh “pagedwn” is no key\n  did you mean pagedown?"),
        ('[keys]\nrefresh = "ctrl+entr"', "did you mean ctrl+enter?"),
        ('[keys]\nrefresh = "the big red one"', "f1 to f24"),
        ('[keys]\nrefresh = "hold+r"', "is no key"),
        ('[keys]\nrefresh = "ctrl+ctrl+r"', "is no key"),
        ('[keys]\nrefresh = "ctrl+"', "is no key"),
        ('[keys]\nrefresh = ""', "keys.refresh is empty"),
        ('[keys]\nrefresh = "f5,"', "is empty"),
        ('[keys]\nquit = "r"', "keys.quit “r” is the key of refresh too\n  choose another, or give refresh"),
        ('[keys]\nfull = "f9"\nquit = "f9"', "line 3: keys.quit “f9” is the key of full too"),
        ('[keys]\nquit = "?"', "is the key of help too"),
        ('[keys]\nquit = "f8, j"', "“j” is the key of down too"),
        ('[keys]\nquit = "ctrl+m"', "is the key of open too"),
    ],
)
def test_what_is_no_theme_no_key_or_taken_is_told(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "mlops-dash.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert told in str(caught.value)
    assert len(check(file)) == 1


@pytest.mark.parametrize(
    "keys",
    [
        'refresh = "f5"',
        'refresh = "q"\nquit = "r"',  # each takes the other's
        'quit = "q"',
        'quit = "f8, ctrl+shift+f12"',
        'help = "?"',
        'theme = "T"',
        'filter = ","',
        'filter = "ctrl+slash"',
        'refresh = "é"',
    ],
)
def test_keys_that_are_free_are_taken(tmp_path: Path, keys: str) -> None:
    file = tmp_path / "mlops-dash.toml"
    file.write_text(f'[ui]\ntheme = "nord"\n[keys]\n{keys}\n')
    assert load_config(file).keys


def test_keys_are_named_as_textual_names_them() -> None:
    from textual.keys import Keys, _character_to_key

    for character in "?/:;,.!#$%&'()*<=>@[]\\^_`{|}~-\"":
        assert plain(character) == _character_to_key(character)
    plain_names = {key.value for key in Keys if "+" not in key.value and key.value[0] not in "<"}
    assert plain_names - NAMES == {"ctrl-at"}
    assert all(is_key(name) for name in NAMES)
