"""GTO's tags: its grammar, and what a set of tags says, as GTO itself has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from git_projects import GitProject
from mlops_dash.sources.git import GitSource
from mlops_dash.sources.gto import GtoSource
from mlops_dash.sources.gto_tags import Action, GtoTag, parse_tag

PARTS = st.sampled_from(
    [
        *"m model a/b x:y dir=m @ # ! v1.0.0 v0.10.2-rc.1+b.5 v01.0.0 1.0.0 prod deprecated created".split(),
        *"3 0 - _ . é = 1 a".split(),
        "\n",
        " ",
    ]
)


def gto_of(project: GitProject, reader: Any) -> GtoSource:
    source = GtoSource(GitSource(project.root))
    reader.read(source)
    return source


def current(reader: Any) -> dict[str, str]:
    return dict(reader.sql("select stage, version from gto_assignment where active"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("m@v1.0.0", GtoTag(Action.REGISTER, "m", version="v1.0.0")),
        ("m@v1.0.0!", GtoTag(Action.DEREGISTER, "m", version="v1.0.0")),
        ("m@v1.0.0!#7", GtoTag(Action.DEREGISTER, "m", version="v1.0.0", counter=7)),
        ("m#prod", GtoTag(Action.ASSIGN, "m", stage="prod")),
        ("m#prod#12", GtoTag(Action.ASSIGN, "m", stage="prod", counter=12)),
        ("m#prod!#13", GtoTag(Action.UNASSIGN, "m", stage="prod", counter=13)),
        ("m@deprecated", GtoTag(Action.DEPRECATE, "m")),
        ("team=a/b@v0.0.1-rc.1+x", GtoTag(Action.REGISTER, "team:a/b", version="v0.0.1-rc.1+x")),
        ("v1.0.0", None),
        ("m@1.0.0", None),
        ("m@v1.0", None),
        ("m@v01.0.0", None),
        ("m#prod#", None),
        ("m#prod#x", None),
        ("-m@v1.0.0", None),
        ("m@v1.0.0\n", None),
        ("m#[@click=quit]#1", None),
        ("m#\x1b[2J#1", None),
        ("m#prod#" + "9" * 30, None),
        ("m" * 600 + "@v1.0.0", None),
    ],
)
def test_a_tag_name_is_understood(name: str, expected: GtoTag | None) -> None:
    assert parse_tag(name) == expected


@settings(deadline=None)
@given(st.lists(PARTS, max_size=9).map("".join) | st.text(max_size=30))
@example("m#prod!#3")
@example("a=b@v1.0.0")
def test_the_grammar_is_gtos_own(name: str) -> None:
    from gto.exceptions import GTOException
    from gto.tag import parse_name

    try:
        theirs = parse_name(name, raise_on_fail=False)
    except (GTOException, KeyError):
        theirs = {}
    ours = parse_tag(name)
    if name.endswith("\n"):  # no name of a ref
        assert ours is None
    elif "action" in theirs:
        assert ours == GtoTag(
            Action(theirs["action"].value), theirs["name"], theirs.get("version"), theirs.get("stage"),
            theirs.get("counter", 0),
        )  # fmt: skip
    else:
        assert ours is None or ours.action is Action.CREATE


def test_versions_and_the_current_assignment_are_read(project: GitProject, reader: Any) -> None:
    first, second = project.commit("one"), project.commit("two")
    project.tag("m@v1.0.0", first)
    project.tag("m@v1.1.0", second)
    project.tag("m#prod#1", first)
    project.tag("m#prod#2", second)
    position = reader.read(GtoSource(GitSource(project.root)))
    assert position.counts == "2 versions · 1 stage"
    assert reader.sql("from gto_version order by version") == [
        ("m", "v1.0.0", first, "m@v1.0.0", 1_700_000_180_000, "Ada", False),
        ("m", "v1.1.0", second, "m@v1.1.0", 1_700_000_240_000, "Ada", False),
    ]
    assert reader.sql("from gto_assignment order by n") == [
        ("m", "prod", 1, "v1.0.0", first, "m#prod#1", 1_700_000_300_000, "Ada", False),
        ("m", "prod", 2, "v1.1.0", second, "m#prod#2", 1_700_000_360_000, "Ada", True),
    ]


def test_a_repository_without_gto_tags_counts_nothing(project: GitProject, reader: Any) -> None:
    project.commit("one")
    project.tag("v1.0.0")
    assert reader.read(GtoSource(GitSource(project.root))).counts == ""


def test_the_highest_number_is_current_whatever_the_clock_says(project: GitProject, reader: Any) -> None:
    first, second = project.commit("one"), project.commit("two")
    project.tag("m@v1.0.0", first)
    project.tag("m@v2.0.0", second)
    project.minutes = 500
    project.tag("m#prod#9", second)
    project.minutes = 100
    project.tag("m#prod#10", first)  # by a clock that is behind
    gto_of(project, reader)
    assert current(reader) == {"prod": "v1.0.0"}


def test_without_numbers_the_time_decides(project: GitProject, reader: Any) -> None:
    first = project.commit("one")
    project.tag("m@v1.0.0", first)
    project.tag("m#staging", first)
    second = project.commit("two")
    project.tag("m@v2.0.0", second)
    gto_of(project, reader)
    assert current(reader) == {"staging": "v1.0.0"}


def test_a_stage_taken_away_falls_back_to_the_one_before(project: GitProject, reader: Any) -> None:
    first, second = project.commit("one"), project.commit("two")
    project.tag("m@v1.0.0", first)
    project.tag("m@v2.0.0", second)
    project.tag("m#prod#1", first)
    project.tag("m#prod#2", second)
    project.tag("m#prod!#3", second)
    gto_of(project, reader)
    assert current(reader) == {"prod": "v1.0.0"}
    project.tag("m#prod!#4", first)
    gto_of(project, reader)
    assert current(reader) == {}


def test_a_version_taken_back_is_live_nowhere(project: GitProject, reader: Any) -> None:
    first, second = project.commit("one"), project.commit("two")
    project.tag("m@v1.0.0", first)
    project.tag("m@v2.0.0", second)
    project.tag("m#prod#1", first)
    project.tag("m#prod#2", second)
    project.tag("m@v2.0.0!", second)
    gto_of(project, reader)
    assert current(reader) == {"prod": "v1.0.0"}
    assert reader.column("select version from gto_version where deprecated") == ["v2.0.0"]


def test_a_retired_model_is_live_nowhere(project: GitProject, reader: Any) -> None:
    project.commit("one")
    project.tag("m@v1.0.0")
    project.tag("m#prod#1")
    project.tag("m@deprecated")
    gto_of(project, reader)
    assert current(reader) == {}
    assert reader.column("select deprecated from gto_version") == [True]


def test_an_assignment_of_an_unregistered_commit_names_the_commit(project: GitProject, reader: Any) -> None:
    commit = project.commit("one")
    project.tag("m#dev#1")
    gto_of(project, reader)
    assert current(reader) == {"dev": commit}


def test_tags_without_a_tagger_say_nothing(project: GitProject, reader: Any) -> None:
    project.commit("one")
    project.git("tag", "m@v1.0.0")
    project.tag("m@v2.0.0", project.git("hash-object", "-w", "--stdin", stdin=b"no commit"))
    gto_of(project, reader)
    assert reader.sql("from gto_version") == []


def test_a_new_tag_is_noticed(project: GitProject, reader: Any) -> None:
    project.commit("one")
    project.tag("m@v1.0.0")
    source = GtoSource(GitSource(project.root))
    position = reader.read(source)
    assert not source.changed(position.value)
    assert reader.read(source) == position
    assert reader.tables() == []
    project.tag("m#prod#1")
    assert source.changed(position.value)
    reader.read(source)
    assert current(reader) == {"prod": "v1.0.0"}


@pytest.mark.campaign
def test_the_stages_are_those_that_gto_shows(project: GitProject, reader: Any) -> None:
    commits = [project.commit(str(number)) for number in range(3)]
    steps = (
        ("register", "m", commits[0], "--version", "v1.0.0"),
        ("register", "m", commits[1], "--version", "v1.1.0"),
        ("assign", "m", "--version", "v1.0.0", "--stage", "prod"),
        ("assign", "m", "--version", "v1.1.0", "--stage", "prod"),
        ("assign", "m", "--version", "v1.0.0", "--stage", "prod", "--force"),
        ("assign", "m", commits[2], "--stage", "dev"),
        ("deprecate", "m", "v1.0.0", "prod"),
        ("deprecate", "m", "v1.1.0"),
    )
    for step in steps:
        run_gto(project, *step)
        gto_of(project, reader)
        assert current(reader) == shown_by_gto(project), step


def run_gto(project: GitProject, *arguments: str) -> str:
    """Run the real gto, whose tags are then a minute later than those before.

    It writes the clock's second whatever the environment says, and has no order for two of one second.
    """
    before = set(project.git("tag").split())
    program = Path(sys.executable).with_name("gto")
    done = subprocess.run(
        [program, *arguments, "--repo", "."] if arguments[0] == "show" else [program, *arguments],
        cwd=project.root, capture_output=True, text=True, check=True,
        env=os.environ | {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b"},
    )  # fmt: skip
    project.minutes += 1
    for tag in set(project.git("tag").split()) - before:
        message = project.git("for-each-ref", "--format=%(contents)", f"refs/tags/{tag}")
        project.git("tag", "-f", "-a", "-m", message, tag, f"{tag}^{{}}")
    return done.stdout


def shown_by_gto(project: GitProject) -> dict[str, str]:
    shown = json.loads(run_gto(project, "show", "--json"))
    stages = shown.get("m", {}).get("stage", {})
    return {stage: version for stage, version in stages.items() if version != "-"}
