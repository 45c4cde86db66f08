"""mlops-dash.toml: what is right loads, what is wrong is told with its line, all at once."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_dash.config import Config, HttpTarget, ProcessTarget
from mlops_dash.config_file import check, find_config, load_config, schema
from mlops_dash.config_file.places import line_of, lines_of
from mlops_dash.config_file.starter import Found, FoundEnvironment, init_text
from mlops_dash.errors import ConfigError
from saying import harmless

REUSED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mlops-dash.toml"


def problems(file: Path, text: str) -> list[tuple[int | None, str]]:
    """Return line and place of everything that is wrong with ``text``."""
    file.write_text(text, encoding="utf-8")
    return [(problem.line, problem.place) for problem in check(file)]


def message(file: Path, text: str | bytes) -> str:
    """Return what a person is told about ``text``."""
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert caught.value.exit_code == 2
    assert str(file) in caught.value.message
    return str(caught.value)


def test_a_full_file_loads(file):
    file.write_text(
        """
        [tracking]
        uri = "sqlite:///mlflow.db"
        [git]
        main = "trunk"
        [environments.production]
        model = "wine"
        protected = true
        target = { kind = "process", port = 5001 }
        [environments."eu west"]
        model = "wine"
        [environments."eu west".target]
        kind = "http"
        url = "https://models.example.com:8443"
        version = "header:X-Version"
        headers_env = { Authorization = "MODEL_TOKEN" }
        [metrics]
        primary = "rmse"
        lower_is_better = ["rmse"]
        [ui]
        refresh = 10
        [keys]
        refresh = "f5"
        """
    )
    config = load_config(file)
    assert config.tracking.uri == "sqlite:///mlflow.db"
    assert config.environments["production"].target == ProcessTarget(port=5001)
    assert isinstance(config.environments["eu west"].target, HttpTarget)
    assert config.ui.refresh == 10.0


@pytest.mark.parametrize(
    "text", [b"", b"\n# nothing\n", b"\xef\xbb\xbf[ui]\nrefresh = 1\n", b"[ui]\r\nrefresh = 1\r\n"]
)
def test_empty_marked_and_windows_files_load(file, text):
    file.write_bytes(text)
    assert isinstance(load_config(file), Config)


def test_every_mistake_is_told_with_its_line(file):
    text = """[trackin]
uri = "x"
[ui]
refresh = 0.1
them = "x"

[environments.p]
model = 3
target = { kind = "prcess" }
[environments."q r"]
[environments."q r".target]
kind = "http"
prt = 1
note = '''
[ui]
refresh = "not a key"
'''
[metrics]
lower_is_better = [
  "rmse",
  1,
]
"""
    assert problems(file, text) == [
        (1, "trackin"),
        (4, "ui.refresh"),
        (5, "ui.them"),
        (8, "environments.p.model"),
        (9, "environments.p.target.kind"),
        (10, 'environments."q r"'),
        (11, 'environments."q r".target'),
        (13, 'environments."q r".target.prt'),
        (14, 'environments."q r".target.note'),
        (19, "metrics.lower_is_better[1]"),
    ]
    told = message(file, text)
    for part in ("10 mistakes", "did you mean tracking?", "did you mean theme?", "did you mean process?"):
        assert part in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[ui]\nrefresh = nan", "line 2: ui.refresh is nan; expected a finite number"),
        ("[ui]\nrefresh = inf", "line 2: ui.refresh is inf; expected a finite number"),
        ("[ui]\nrefresh = true", "is true or false; expected a number"),
        ("[ui]\nrefresh = 1979-05-27", "is a date or time; expected a number"),
        ("ui = 3", "line 1: ui is a whole number; expected a table"),
        ("[keys]\nrefresh = 5", "keys.refresh is a whole number; expected a text in quotes"),
        ('[keys]\nrefesh = "f5"', "line 2: keys.refesh is no command\n  did you mean refresh?"),
        ("environments = []", "environments is a list; expected a table"),
        ('[environments.p]\nmodel = "m"\ntarget = "process"', "is a text; expected a table"),
        ('[environments.p]\nmodel = "m"\ntarget = {}', "lacks kind"),
        ('[environments.p]\nmodel = "m"\n[environments.p.target]\nkind = "process"\nport = 70000', "line 5"),
        (
            '[environments.p]\nmodel = "m"\n[environments.p.target]\nkind = "process"\ntimeout = 0',
            "more than 0",
        ),
        ('[environments.""]\nmodel = "m"', "empty name"),
        ('[metrics]\nlower_is_better = ["a"]\nhigher_is_better = ["a"]', "stands in lower_is_better too"),
    ],
)
def test_wrong_types_and_ranges_are_told(file, text, told):
    assert told in message(file, text)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ('url = "ftp://x"', "is no web address"),
        ('url = "http://x:99999999"', "is no web address"),
        ('url = "http://x"\npreset = "mlservr"', "did you mean mlserver?"),
        ('url = "http://x"\nversion = "version"', "write $.json.path or header:NAME"),
        ('url = "http://x"\nhealth = "health"', "begin it with /"),
        ('url = "http://x"\nheaders_env = { Authorization = "Bearer abc" }', "environment variable"),
        ('url = "http://x"\nheaders_env = { "a b" = "TOKEN" }', "is no name of a header"),
    ],
)
def test_http_targets_that_mean_nothing_are_told(file, setting, told):
    text = f'[environments.p]\nmodel = "m"\n[environments.p.target]\nkind = "http"\n{setting}'
    assert told in message(file, text)


@pytest.mark.parametrize(
    "text",
    [
        '[tracking]\nuri = "postgresql://me:hunter2@db/mlflow"',
        '[tracking]\nuri = "postgresql://db/mlflow?user=me&password=hunter2"',
        '[tracking]\nuri = "https://hunter2@mlflow.example.com"',
        '[environments.p]\nmodel = "m"\ntarget = { kind = "http", url = "https://me:hunter2@x" }',
    ],
)
def test_secrets_are_refused_and_not_repeated(file, text):
    told = message(file, text)
    assert "environment variable" in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = = 3", "line 1, column 5"),
        ('[ui]\na = """', "at the end of the file"),
        ("[ui]\n[ui]", "line 2"),
        ("a = [" + "[" * 20_000, "nests too deeply"),
        ("a = " + "9" * 6000, "too many digits"),
        (b"\xff\xfe[\x00u\x00i\x00]\x00", "not a text file"),
        (b"[ui]\n# caf\xe9\n", "is not UTF-8 text (line 2)"),
        (b"#" * 1_000_001, "larger than 1 MB"),
        ('[keys]\nx = "\\u001b]52;c;eA==\\u0007"', "control or invisible character"),
        ('[environments."a\\u202eb"]\nmodel = "m"', "control or invisible character"),
    ],
)
def test_what_is_no_configuration_is_told(file, text, told):
    shown = message(file, text)
    assert told in shown
    assert harmless(shown)


def test_missing_folders_pipes_and_devices_are_told(tmp_path):
    pipe = tmp_path / "pipe.toml"
    os.mkfifo(pipe)
    for path, told in [
        (tmp_path, "is a folder"),
        (tmp_path / "none.toml", "does not exist"),
        (pipe, "is not a regular file"),
        (Path(os.devnull), "is not a regular file"),
        (tmp_path / ("x" * 300), "cannot be read"),
        (tmp_path / "a\0b", "cannot be read"),
    ]:
        with pytest.raises(ConfigError, match=told):
            load_config(path)


def test_the_nearest_file_upwards_is_found(tmp_path, monkeypatch):
    home = tmp_path / "home"
    inner = home / "team" / "project" / "src"
    inner.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    (tmp_path / "mlops-dash.toml").touch()
    assert find_config(inner) is None  # the search ends at the home folder
    (home / "mlops-dash.toml").touch()
    assert find_config(inner) == home / "mlops-dash.toml"
    (home / "team" / "mlops-dash.toml").symlink_to("gone")
    assert find_config(inner) == home / "team" / "mlops-dash.toml"  # so that it is told, not passed over
    (inner / "mlops-dash.toml").mkdir()
    assert find_config(inner) == inner / "mlops-dash.toml"


def test_a_strangers_file_in_an_open_folder_is_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    inner = tmp_path / "open" / "mine"
    inner.mkdir(parents=True)
    found = tmp_path / "open" / "mlops-dash.toml"
    found.touch()
    (tmp_path / "open").chmod(0o777)
    assert find_config(inner) == found
    monkeypatch.setattr(os, "getuid", lambda: found.stat().st_uid + 1)
    if found.stat().st_uid != 0:
        assert find_config(inner) is None
    else:  # the administrator's own files are trusted everywhere
        assert find_config(inner) == found


def test_the_schema_is_strict_json_with_a_title():
    document = json.loads(json.dumps(schema(), allow_nan=False))
    assert document["title"] == "mlops-dash.toml"
    assert document["$defs"]["Config"]["additionalProperties"] is False


def test_a_started_file_says_what_was_found_and_loads(file):
    found = Found(
        tracking="sqlite:///mlflow.db",
        repo=".",
        main="trunk",
        environments=[
            FoundEnvironment("production", "wine", "production"),
            FoundEnvironment("eu.1", "wine", "x"),
        ],
        metrics=["rmse", "r2"],
    )
    file.write_text(init_text(found), encoding="utf-8")
    config = load_config(file)
    assert list(config.environments) == ["production", "eu.1"]
    assert config.environments["production"].protected
    assert config.metrics.primary == "rmse"
    assert config.git.main == "trunk"
    assert "found: sqlite:///mlflow.db" in file.read_text()


def test_every_commented_line_of_a_started_file_is_right(file):
    text = init_text(Found(environments=[FoundEnvironment("staging", "wine", "staging")]))
    settings_only = text[text.index("[tracking]") :]
    file.write_text(re.sub(r"^# (?=\[|[a-z_]+ = )", "", settings_only, flags=re.MULTILINE))
    assert [str(problem) for problem in check(file)] == []
    config = load_config(file)
    assert config.ui.theme
    assert config.keys
    assert len(config.environments) == 4


names = st.text(max_size=20)


@REUSED
@given(st.lists(st.tuples(names, names, names), max_size=4), st.lists(names, max_size=3), names, names)
def test_a_started_file_loads_whatever_the_names_are(tmp_path, environments, metrics, main, tracking):
    found = Found(
        tracking=tracking,
        repo=tracking,
        main=main,
        environments=[FoundEnvironment(*item) for item in environments],
        metrics=metrics,
    )
    path = tmp_path / "started.toml"
    path.write_text(init_text(found), encoding="utf-8")
    assert [str(problem) for problem in check(path)] == []


@REUSED
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_random_bytes_are_told_and_never_crash(tmp_path, content):
    path = tmp_path / "random.toml"
    path.write_bytes(content)
    for problem in check(path):
        assert harmless(str(problem))


keys = st.from_regex(r"[a-z][a-z_-]{0,12}", fullmatch=True)


@REUSED
@given(st.sets(keys, min_size=1, max_size=6))
def test_every_unknown_key_is_named(tmp_path, unknown):
    unknown -= {"refresh", "theme"}
    path = tmp_path / "unknown.toml"
    path.write_text("[ui]\n" + "".join(f"{key} = 1\n" for key in sorted(unknown)))
    found = check(path)
    assert [(problem.line, problem.place) for problem in found] == [
        (number, f"ui.{key}") for number, key in enumerate(sorted(unknown), start=2)
    ]
    assert all(problem.remedy for problem in found)


values = st.recursive(
    st.none().map(lambda _: 1) | st.booleans() | st.integers() | st.floats() | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


@REUSED
@given(st.sampled_from(["tracking", "git", "environments", "metrics", "ui", "keys"]), keys, values)
def test_any_value_anywhere_is_right_or_told(tmp_path, section, key, value):
    path = tmp_path / "any.toml"
    path.write_text(f"[{section}]\n{key} = {toml(value)}\n", encoding="utf-8")
    found = check(path)
    for problem in found:
        assert problem.line == 2, problem
    if not found:
        assert isinstance(load_config(path), Config)


def toml(value: object) -> str:
    """Write a value as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return (
            json.dumps(value.encode("utf-8", "replace").decode()).replace("\x7f", "\\u007f")
            if value.isascii()
            else '"é"'
        )
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {toml(item)}' for key, item in value.items())}}}"
    return repr(value)


def test_lines_are_those_of_keys_and_tables_only():
    text = """# a = 1
a.b = [ # x = 1
  "]", '[t]',
]
[[list]]
x = 1
[[list]]
[t . "q.r"]
'k' = \"\"\"
[no]
\"\"\"
"""
    tomllib.loads(text)
    lines = lines_of(text)
    assert lines == {
        ("a",): 2,
        ("a", "b"): 2,
        ("list",): 5,
        ("list", "x"): 6,
        ("t", "q.r"): 8,
        ("t", "q.r", "k"): 9,
    }
    assert line_of(("t", "q.r", "k", "deep", 1), lines) == 9
    assert line_of(("nowhere",), lines) is None
