"""What manifests in Git declare, and which commits changed that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from git_projects import GitProject, bytes_of
from git_teams import FIELD, MANIFEST, PATH, TEMPLATE, Team
from mlops_dash.sources.git import GitSource
from mlops_dash.sources.manifests import ManifestPlace, ManifestSource
from sources.git.conftest import Reader

PLACE = ManifestPlace("production", "wine", PATH, FIELD, TEMPLATE, "origin")


def declaring(version: str) -> str:
    return MANIFEST.replace("model:v6", f"model:v{version}")


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    made.store.close()


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


def source(project: GitProject, *places: ManifestPlace) -> ManifestSource:
    return ManifestSource(GitSource(project.root), places or (PLACE,))


def declared(reader: Reader) -> list[dict[str, Any]]:
    return reader.store.records("declared_in_git")


def history(reader: Reader) -> list[tuple[Any, ...]]:
    return reader.sql("select before, after, author, subject from manifest_change order by seq")


def test_the_version_since_when_by_whom_and_in_which_commit(team: Team, reader: Reader) -> None:
    ada = team.clone("ada")
    changed = team.pushes(ada, {PATH: declaring("7")}, "Now 7")
    team.pushes(ada, {PATH: declaring("7").replace("keep", "other")}, "Something else in it")
    team.pushes(ada, {"README": "x"}, "Unrelated")

    position = reader.read(source(ada))

    (row,) = declared(reader)
    assert (row["environment"], row["model"], row["version"], row["via"]) == (
        "production",
        "wine",
        "7",
        "manifest",
    )
    assert (row["label"], row["by"], row["commit_hash"]) == (PATH, "Ada", changed)
    assert row["since"] == int(ada.git("log", "-1", "--format=%ct", changed)) * 1000
    assert history(reader) == [
        ("6", "7", "Ada", "Now 7"),
        (None, "6", "Ada", "Version 6 in production"),
    ]
    assert (position.counts, position.warning) == ("1 manifest", None)
    ((base, value, branch),) = reader.sql("select base, value, branch from manifest")
    assert (base, value, branch) == (team.tip(), "registry/model:v7", "main")


def test_the_remotes_branch_is_what_counts_and_a_merge_is_when_it_came(team: Team, reader: Reader) -> None:
    ada = team.clone("ada")
    ada.git("checkout", "-q", "-b", "topic")
    ada.write(PATH, declaring("8"))
    ada.git("commit", "-qam", "Eight, on a branch")
    ada.git("checkout", "-q", "main")
    ada.git("merge", "-q", "--no-ff", "-m", "Merge: go to 8", "topic")
    reader.read(source(ada))
    assert declared(reader)[0]["version"] == "6"  # not pushed yet
    ada.git("push", "-q", "origin", "main")
    reader.read(source(ada))
    assert declared(reader)[0]["version"] == "8"
    assert history(reader)[0] == ("6", "8", "Ada", "Merge: go to 8")


def test_without_a_remote_the_local_branch_is_read(project: GitProject, reader: Reader) -> None:
    project.commit("Six", {PATH: MANIFEST})
    reader.read(source(project))
    assert declared(reader)[0]["version"] == "6"
    assert reader.column("select base from manifest") == [None]  # nowhere to push to


def test_another_branch_and_json(project: GitProject, reader: Reader) -> None:
    project.commit("Main", {"m.json": '{"a": ["models:/wine/1"]}'})
    project.git("checkout", "-q", "-b", "env/prod")
    project.commit("Prod", {"m.json": '{"a": ["models:/wine/2"]}'})
    project.git("checkout", "-q", "main")
    place = ManifestPlace("p", "wine", "m.json", "a.0", "models:/wine/{version}", "origin", "env/prod")
    reader.read(source(project, place))
    assert declared(reader)[0]["version"] == "2"


def test_going_back_and_what_was_never_a_version(project: GitProject, reader: Reader) -> None:
    for text in (
        declaring("1"),
        declaring("2"),
        "not: there\n",
        "a: [broken",
        declaring("2"),
        declaring("1"),
    ):
        project.commit(text[-30:], {PATH: text})
    project.git("rm", "-q", PATH)
    project.commit("Gone")
    project.commit("Back", {PATH: declaring("3")})
    reader.read(source(project))
    assert [row[:2] for row in history(reader)] == [
        (None, "3"), ("1", None), ("2", "1"), (None, "2"), ("2", None), ("1", "2"), (None, "1"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\n---\nb: 2\n", "2 documents"),
        (MANIFEST.replace("v1", "{{ x }}"), "template"),
        (MANIFEST.replace("registry/model:v6", "other/model:v6"), "has “other/model:v6”, not “registry"),
        (MANIFEST.replace("image:", "picture:"), "has no image"),
        ("a: \xff", "has no spec"),
        ("x" * 300_000, "larger than"),
    ],
)  # fmt: skip
def test_what_is_not_as_configured_declares_nothing_and_says_so(
    project: GitProject, reader: Reader, text: str, told: str
) -> None:
    project.commit("Bad", {PATH: text})
    position = reader.read(source(project))
    assert declared(reader) == []
    assert told in (position.warning or "")
    assert (position.warning or "").startswith(f"production: {PATH} ")
    assert position.remedy


def test_fault_56_a_link_is_not_followed(project: GitProject, reader: Reader) -> None:
    project.commit("Six", {"real.yaml": MANIFEST})
    (project.root / "deploy").mkdir()
    (project.root / PATH).symlink_to("../real.yaml")
    project.git("add", "-A")
    project.commit("A link")
    assert "symbolic link" in (reader.read(source(project)).warning or "")
    assert declared(reader) == []


def test_there_is_no_such_branch_or_no_commit_at_all(project: GitProject, reader: Reader) -> None:
    assert "is on no branch" in (reader.read(source(project)).warning or "")
    project.commit("Six", {PATH: MANIFEST})
    place = ManifestPlace("p", "wine", PATH, FIELD, TEMPLATE, "origin", "nowhere")
    assert "there is no nowhere" in (reader.read(source(project, place)).warning or "")


def test_fault_41_where_history_was_cut_nothing_is_claimed(team: Team, reader: Reader) -> None:
    ada = team.clone("ada")
    for version in ("7", "8", "9"):
        team.pushes(ada, {PATH: declaring(version)}, f"Now {version}")
    root = team.folder / "shallow"
    team.seed.git("clone", "-q", "--depth=2", f"file://{team.remote.root}", str(root))
    reader.read(source(GitProject.at(root)))
    assert [row[:2] for row in history(reader)] == [("8", "9")]
    assert declared(reader)[0]["version"] == "9"


def test_at_most_500_changes_are_read(tmp_path: Path, reader: Reader) -> None:
    project = GitProject(tmp_path / "long")
    lines = []
    for n in range(510):
        text = declaring(str(n)).encode()
        who = b"Ada <ada@example.org> %d +0000" % (1_700_000_000 + n)
        lines.append(
            b"commit refs/heads/main\ncommitter %s\ndata 1\nx\nM 100644 inline %s\ndata %d\n%s\n"
            % (who, PATH.encode(), len(text), text)
        )
    project.git("fast-import", "--quiet", stdin=b"".join(lines))
    reader.read(source(project))
    changes = history(reader)
    assert len(changes) == 499
    assert (changes[0][:2], changes[-1][:2]) == (("508", "509"), ("10", "11"))


def test_nothing_is_read_again_where_nothing_moved(team: Team, reader: Reader) -> None:
    ada = team.clone("ada")
    one = source(ada)
    position = reader.read(one)
    assert not one.changed(position.value)
    reader.read(one)
    assert reader.tables() == []
    team.pushes(ada, {"README": "x"}, "Unrelated")
    assert one.changed(position.value)
    reader.read(one)
    assert reader.tables() == ["manifest", "manifest_change"]  # another base
    assert one.changed(position.value)


def test_other_settings_are_read_anew_and_none_leave_nothing(team: Team, reader: Reader) -> None:
    ada = team.clone("ada")
    position = reader.read(source(ada))
    field = "spec.template.spec.containers.0.env.name=MODEL_VERSION.value"
    other = source(ada, ManifestPlace("dev", "wine", PATH, field, "{version}", "origin"))
    assert other.changed(position.value)
    position = reader.read(other)
    assert [row["environment"] for row in declared(reader)] == ["dev"]
    empty = ManifestSource(GitSource(ada.root), ())
    assert empty.changed(position.value)
    assert reader.read(empty).counts == ""
    assert declared(reader) == []
    assert history(reader) == []


def test_reading_changes_nothing(team: Team, reader: Reader) -> None:
    ada = team.clone("ada")
    before = bytes_of(ada.root)
    reader.read(source(ada), thorough=True)
    assert bytes_of(ada.root) == before


def test_texts_from_others_are_kept_as_they_are_and_secrets_are_not(
    project: GitProject, reader: Reader
) -> None:
    project.commit("See https://ada:hunter22secret@example.org/x \033[31m", {PATH: MANIFEST})
    reader.read(source(project))
    assert "hunter22secret" not in str(reader.sql("select * from manifest"))
    assert "hunter22secret" not in str(history(reader))


def test_what_was_learnt_is_added_to_and_given_up_where_history_was_rewritten(
    team: Team, reader: Reader
) -> None:
    ada = team.clone("ada")
    one = source(ada)
    reader.read(one)
    for step, version in enumerate(("7", "8")):
        team.pushes(ada, {PATH: declaring(version)}, f"Now {version}")
        reader.read(one)
        assert len(history(reader)) == step + 2
    # merged the other way round: what was main is now the second parent
    ada.git("checkout", "-q", "-b", "topic", "HEAD~2")
    ada.write(PATH, declaring("9"))
    ada.git("commit", "-qam", "Nine")
    ada.git("merge", "-q", "-s", "ours", "--no-ff", "-m", "Merge main into topic", "main")
    ada.git("push", "-q", "origin", "HEAD:main")
    reader.read(one)
    assert [row[:2] for row in history(reader)] == [("6", "9"), (None, "6")]
    ada.git("push", "-qf", "origin", "HEAD~1:main")
    ada.git("push", "-qf", "origin", "main:main")
    reader.read(one)
    assert [row[:2] for row in history(reader)] == [("7", "8"), ("6", "7"), (None, "6")]
    again = Reader()
    again.read(source(ada))
    assert history(again) == history(reader)
    again.store.close()
