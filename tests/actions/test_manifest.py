"""A manifest in Git is changed in a commit and pushed, or nothing is changed at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from git_projects import GitProject
from git_teams import (
    FIELD,
    MANIFEST,
    PATH,
    Team,
    context,
    everything,
    manifest_hand,
    manifest_step,
    quiet,
    variables,
)
from mlops_dash.actions.hands import Standing, hand_of
from mlops_dash.domain.plans import Step
from mlops_dash.errors import DashError, RefusedError

CHANGED = MANIFEST.replace("model:v6", "model:v4")


@pytest.fixture
def team(tmp_path: Path) -> Team:
    return Team(tmp_path)


@pytest.fixture
def ada(team: Team) -> GitProject:
    return team.clone("ada")


def refused(hand: object, team: Team, project: GitProject) -> RefusedError:
    """Act, and see that it is refused with nothing changed, here or there."""
    here, there = everything(project), everything(team.remote)
    with pytest.raises(RefusedError) as caught:
        hand.act(quiet)  # type: ignore[attr-defined]
    assert everything(project) == here
    assert everything(team.remote) == there
    return caught.value


def test_one_commit_changes_one_value_and_nothing_else(team: Team, ada: GitProject) -> None:
    base = team.tip()
    hand = manifest_hand(ada)
    assert hand.look().standing is Standing.BEFORE

    evidence = hand.act(quiet)

    assert team.text() == CHANGED
    assert evidence["commit"] == team.tip()
    assert team.remote.git("rev-list", "--count", f"{base}..main") == "1"
    assert team.remote.git("diff", "--name-only", base, "main") == PATH
    said = team.remote.git("log", "-1", "--format=%an <%ae>%n%B", "main")
    assert said.startswith("Ada <ada@example.org>\nrollback production 6 → 4\n\nrmse rose\n\nAction: ")
    look = hand.look()
    assert (look.standing, look.found, look.by) == (Standing.AFTER, "4", "Ada")


def test_the_users_repository_stays_as_it_is_but_for_the_remote_tracking_ref(
    team: Team, ada: GitProject
) -> None:
    ada.write("README", "half-done\n")
    ada.git("stash")
    ada.write("README", "staged\n")
    ada.git("add", "README")
    ada.write(PATH, "something else, not committed\n")
    ada.write("untracked", "x")
    before = everything(ada)

    manifest_hand(ada).act(quiet)

    after = everything(ada)
    assert ada.git("rev-parse", "origin/main") == team.tip()
    assert (ada.root / PATH).read_text() == "something else, not committed\n"
    for name in ("head", "stash", "config", "index", "fetch_head", "shallow"):
        assert after[name] == before[name], name
    local = [line for line in after["refs"].splitlines() if "refs/remotes/" not in line]
    assert local == [line for line in before["refs"].splitlines() if "refs/remotes/" not in line]
    assert [line for line in after["status"].splitlines() if not line.startswith("# branch.ab")] == [
        line for line in before["status"].splitlines() if not line.startswith("# branch.ab")
    ]


def test_fault_65_what_is_there_already_is_left_alone(team: Team, ada: GitProject) -> None:
    hand = manifest_hand(ada)
    first = hand.act(quiet)
    tip = team.tip()

    again = hand.act(quiet)

    assert again["already"]
    assert again["commit"] == first["commit"]
    assert team.tip() == tip


def test_an_unrelated_race_is_resolved_on_the_new_base(team: Team, ada: GitProject) -> None:
    bob = team.clone("bob")
    raced = []

    def note(words: str, evidence: object) -> None:
        if not raced:
            files = {"README": "bob was here\n", PATH: MANIFEST.replace("keep", "changed too")}
            raced.append(team.pushes(bob, files, "Bob's change"))

    evidence = manifest_hand(ada).act(note)

    assert evidence["base"] == raced[0]
    assert evidence["attempts"] == 2
    assert team.text("README") == "bob was here\n"
    assert team.text() == CHANGED.replace("keep", "changed too")


def test_fault_62_a_conflicting_change_is_refused_and_shown(team: Team, ada: GitProject) -> None:
    bob = team.clone("bob")
    other = team.pushes(bob, {PATH: MANIFEST.replace("model:v6", "model:v7")}, "Try version 7")
    team.pushes(bob, {"README": "later\n"}, "Unrelated")

    error = refused(manifest_hand(ada), team, ada)

    for told in (other[:7], "Bob", "Try version 7", "registry/model:v7", "not registry/model:v6"):
        assert told in error.message
    look = manifest_hand(ada).look()
    assert (look.standing, look.found, look.by) == (Standing.OTHER, "7", "Bob")


def test_fault_61_a_conflict_that_comes_between_look_and_push_is_refused(team: Team, ada: GitProject) -> None:
    bob = team.clone("bob")

    def note(words: str, evidence: object) -> None:
        if "pushed on" in words:
            team.pushes(bob, {PATH: MANIFEST.replace("model:v6", "model:v7")}, "Try version 7")

    with pytest.raises(RefusedError, match=r"Bob.*Try version 7"):
        manifest_hand(ada).act(note)
    assert "model:v7" in team.text()


def test_undoing_puts_the_old_value_back_in_a_commit_of_its_own(team: Team, ada: GitProject) -> None:
    hand = manifest_hand(ada)
    hand.act(quiet)

    hand.undo(quiet)
    hand.undo(quiet)  # already undone: nothing more

    assert team.text() == MANIFEST
    assert team.remote.git("log", "--format=%s", "main").splitlines() == [
        "Take back: rollback production 6 → 4",
        "rollback production 6 → 4",
        "Version 6 in production",
    ]


def test_undoing_leaves_something_newer_alone(team: Team, ada: GitProject) -> None:
    hand, bob = manifest_hand(ada), team.clone("bob")
    hand.act(quiet)
    team.pushes(bob, {PATH: MANIFEST.replace("model:v6", "model:v8")}, "Now 8")
    team.pushes(bob, {PATH: CHANGED}, "Back to 4, on purpose")

    with pytest.raises(RefusedError, match="Back to 4"):
        hand.undo(quiet)
    assert team.text() == CHANGED


def test_undoing_what_was_never_done_changes_nothing(team: Team, ada: GitProject) -> None:
    tip = team.tip()
    manifest_hand(ada).undo(quiet)
    assert team.tip() == tip


def test_from_a_bare_clone_a_shallow_one_a_worktree_and_a_detached_head(team: Team, ada: GitProject) -> None:
    team.pushes(team.clone("bob"), {"README": "more\n"}, "More")
    bare = team.folder / "bare"
    team.seed.git("clone", "-q", "--bare", str(team.remote.root), str(bare))
    shallow = team.folder / "shallow"
    team.seed.git("clone", "-q", "--depth=1", f"file://{team.remote.root}", str(shallow))
    ada.git("worktree", "add", "-q", "--detach", str(team.folder / "tree"))
    ada.git("checkout", "-q", "--detach")
    at = "6"
    for number, root in enumerate([bare, shallow, team.folder / "tree", ada.root]):
        project, after = GitProject.at(root), str(number + 10)
        with variables(GIT_COMMITTER_NAME="Eve", GIT_COMMITTER_EMAIL="e@x.org", GIT_AUTHOR_NAME="Eve",
                       GIT_AUTHOR_EMAIL="e@x.org"):  # fmt: skip
            manifest_hand(project, at, after).act(quiet)
        assert f"model:v{after}" in team.text()
        at = after


def test_a_branch_of_another_name_and_a_remote_of_another_name(team: Team, ada: GitProject) -> None:
    ada.git("push", "-q", "origin", "main:refs/heads/env/prod")
    ada.git("remote", "rename", "origin", "upstream")
    main = team.tip()
    manifest_hand(ada, branch="env/prod", remote="upstream").act(quiet)
    assert team.text(at="env/prod") == CHANGED
    assert team.tip() == main


# refused, and untouched


def test_fault_45_no_remote(team: Team, ada: GitProject) -> None:
    ada.git("remote", "remove", "origin")
    assert "no remote origin" in refused(manifest_hand(ada), team, ada).message
    assert manifest_hand(ada).look().standing is Standing.UNKNOWN


def test_no_repository(tmp_path: Path) -> None:
    hand = hand_of(
        Step("m", "manifest", "", "", "", manifest_step()), context(GitProject.at(tmp_path), repository=None)
    )
    with pytest.raises(RefusedError, match="no Git repository"):
        hand.act(quiet)


def test_a_remote_that_is_gone_is_unknown_and_nothing_is_changed(team: Team, ada: GitProject) -> None:
    team.remote.root.rename(team.folder / "elsewhere")
    before = everything(ada)
    look = manifest_hand(ada).look()
    assert look.standing is Standing.UNKNOWN
    with pytest.raises(DashError, match="does not answer"):
        manifest_hand(ada).act(quiet)
    assert everything(ada) == before


@pytest.mark.parametrize("name", ["pre-receive", "update"])
def test_a_protected_branch(team: Team, ada: GitProject, name: str) -> None:
    team.hook("echo 'main is protected: \033[31mask the release team' >&2; exit 1", name)
    error = refused(manifest_hand(ada), team, ada)
    assert "hook declined" in error.message
    assert "main is protected: ␛[31mask the release team" in error.message


def test_a_branch_that_takes_no_push_at_all(team: Team, ada: GitProject) -> None:
    checked_out = GitProject.at(team.seed.root)
    ada.git("remote", "set-url", "origin", str(checked_out.root))
    assert "checked out" in refused(manifest_hand(ada), team, ada).message


def test_no_right_to_push(team: Team, ada: GitProject) -> None:
    # a server that lets everybody read and nobody write, as a real one does with a person's key
    program = ada.write("../ssh", _READ_ONLY_SSH)
    program.chmod(0o755)
    ada.git("remote", "set-url", "origin", f"ssh://git@host{team.remote.root}")
    with variables(GIT_SSH_COMMAND=str(program.resolve())):
        error = refused(manifest_hand(ada), team, ada)
    assert "Permission to team/wine.git denied to ada" in error.message


_READ_ONLY_SSH = """#!/bin/sh
while [ $# -gt 1 ]; do shift; done
case "$1" in
*receive-pack*) echo "ERROR: Permission to team/wine.git denied to ada." >&2; exit 1;;
esac
eval "$1"
"""


def test_nobody_knows_who_the_user_is(team: Team, ada: GitProject) -> None:
    ada.git("config", "--unset", "user.name")
    ada.git("config", "--unset", "user.email")
    with variables(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1", EMAIL=""):
        assert "who you are" in refused(manifest_hand(ada), team, ada).message


def test_read_only(team: Team, ada: GitProject) -> None:
    hand = hand_of(Step("m", "manifest", "", "", "", manifest_step()), context(ada, read_only=True))
    assert "read-only" in refused(hand, team, ada).message


LINK = "a link"


@pytest.mark.parametrize(
    ("files", "arguments", "told"),
    [
        ({PATH: MANIFEST}, {"field": "spec.nothing.here"}, "has no nothing at spec"),
        ({PATH: MANIFEST}, {"field": "spec.template"}, "a mapping"),
        ({PATH: MANIFEST}, {"field": "spec.template.spec.containers.3.image"}, "only 1 items"),
        ({PATH: MANIFEST}, {"field": "a..b"}, "has no key"),
        ({PATH: MANIFEST + "---\n" + MANIFEST}, {}, "2 documents"),
        ({PATH: MANIFEST.replace("v1", "{{ .Values.version }}")}, {}, "template"),
        ({PATH: "{% if prod %}\n" + MANIFEST + "{% endif %}\n"}, {}, "template"),
        ({PATH: "a: [1\n"}, {}, "not valid YAML"),
        ({PATH: ""}, {}, "no document"),
        ({PATH: MANIFEST + "x: " + "y" * 300_000}, {}, "larger than"),
        ({PATH: MANIFEST.replace("spec:\n  template", "spec: &a\n  template") + "other: *a\n"},
         {"field": "other.template.spec.containers.0.image"}, "other places may share"),
        ({PATH: MANIFEST.replace('"registry', '&i "registry') + "copy: *i\n"}, {}, "other places share"),
        ({PATH: MANIFEST.replace('"registry', '!vault "registry')}, {}, "tag"),
        ({PATH: MANIFEST + "spec: {}\n"}, {}, "2 times"),
        ({PATH: LINK, "target.yaml": MANIFEST}, {}, "symbolic link"),
        ({"deploy": LINK, "target.yaml": MANIFEST}, {}, "symbolic link"),
        ({"README": "x"}, {}, "there is no deploy/production.yaml"),
        ({PATH: MANIFEST}, {"path": "../outside.yaml"}, "leaves the repository"),
        ({PATH: MANIFEST}, {"path": "/etc/passwd.yaml"}, "leaves the repository"),
        ({PATH: MANIFEST}, {"path": ".git/config.yaml"}, "lies in .git"),
        ({PATH: MANIFEST}, {"path": "deploy"}, "is no manifest"),
        ({PATH: MANIFEST}, {"branch": "other"}, "no branch other"),
        ({PATH: MANIFEST}, {"branch": "--upload-pack=x"}, "is no branch"),
        ({PATH: MANIFEST}, {"remote": "--upload-pack=x"}, "is no name of a remote"),
        ({PATH: MANIFEST}, {"remote": "ext::sh -c x"}, "is no name of a remote"),
    ],
)  # fmt: skip
def test_what_is_not_as_configured_is_refused_shown_and_untouched(
    tmp_path: Path, files: dict[str, str], arguments: dict[str, str], told: str
) -> None:
    plain = {path: text for path, text in files.items() if text != LINK}
    team = Team(tmp_path, plain)
    for path in [path for path, text in files.items() if text == LINK]:
        link = team.seed.root / path
        link.parent.mkdir(exist_ok=True)
        link.symlink_to("../target.yaml" if "/" in path else ".")
        team.seed.git("add", "-A")
        team.seed.git("commit", "-q", "-m", "Link")
        team.seed.git("push", "-q", "origin", "main")
    ada = team.clone("ada")
    assert told in refused(manifest_hand(ada, **arguments), team, ada).message


def test_a_manifest_that_is_not_utf_8(team: Team, ada: GitProject) -> None:
    bob = team.clone("bob")
    (bob.root / PATH).write_bytes(b"# caf\xe9\n" + MANIFEST.encode())
    bob.git("commit", "-qam", "Latin")
    bob.git("push", "-q", "origin", "main")
    assert "not UTF-8 text (line 1)" in refused(manifest_hand(ada), team, ada).message


def test_names_from_others_are_shown_and_never_run(team: Team, ada: GitProject) -> None:
    bob = team.clone("bob")
    bob.write(PATH, MANIFEST.replace("model:v6", "model:v7"))
    bob.git("commit", "-qa", "-m", "\033]52;c;eA==\a --output=/tmp/x", "--author", "Eve\033[31m E <e@x>")
    bob.git("push", "-q", "origin", "main")
    error = refused(manifest_hand(ada), team, ada)
    assert "\033" not in str(error)
    assert "Eve␛[31m E" in error.message


@pytest.mark.parametrize(
    "message", ["x" * 50_000, "\033[31mred\033[0m\n\nbody \x00 nul", "--amend", "", "# a comment\n\ntext"]
)
def test_any_message_is_taken_literally(team: Team, ada: GitProject, message: str) -> None:
    manifest_hand(ada, message=message).act(quiet)
    said = team.remote.git("cat-file", "commit", "main").partition("\n\n")[2]
    assert "\033" not in said
    assert len(said) <= 20_001
    assert said.split("\n")[0] == message[:20_000].split("\n")[0].replace("\033", "␛")


# hostile repositories


def canary(path: Path) -> str:
    return f"touch {path}"


def local_hook(project: GitProject, run: str) -> None:
    for name in ("pre-push", "pre-commit", "commit-msg", "post-commit", "reference-transaction",
                 "post-index-change", "prepare-commit-msg", "pre-auto-gc"):  # fmt: skip
        file = project.root / ".git" / "hooks" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{run}\n")
        file.chmod(0o755)


def hooks_path(project: GitProject, run: str) -> None:
    local_hook(project, run)
    (project.root / ".git" / "hooks").rename(project.root / "ci")
    project.configure("core.hooksPath", "ci")


def filters(project: GitProject, run: str) -> None:
    (project.root / ".git" / "info").mkdir(exist_ok=True)
    (project.root / ".git" / "info" / "attributes").write_text("* filter=own diff=own\n")
    for key in ("filter.own.clean", "filter.own.smudge", "filter.own.process", "diff.own.command"):
        project.configure(key, run)
    project.configure("filter.own.required", "true")


def settings(*keys: str) -> Callable[[GitProject, str], None]:
    def plant(project: GitProject, run: str) -> None:
        for key in keys:
            project.configure(key, run)

    return plant


def signing(project: GitProject, run: str) -> None:
    program = project.write("../gpg", f"#!/bin/sh\n{run}\n")
    program.chmod(0o755)
    project.configure("gpg.program", str(program.resolve()))
    for key in ("commit.gpgSign", "tag.gpgSign", "log.showSignature"):
        project.configure(key, "true")
    project.configure("push.gpgSign", "if-asked")


@pytest.mark.parametrize(
    "plant",
    [local_hook, hooks_path, filters, signing,
     settings("core.fsmonitor"), settings("diff.external"), settings("core.pager", "pager.log"),
     settings("core.editor", "sequence.editor"), settings("core.alternateRefsCommand")],
)  # fmt: skip
def test_fault_55_nothing_that_a_repository_configures_is_run(
    team: Team, ada: GitProject, plant: Callable[[GitProject, str], None]
) -> None:
    fired = team.folder / "fired"
    plant(ada, canary(fired))
    fired.unlink(missing_ok=True)

    manifest_hand(ada).look()
    manifest_hand(ada).act(quiet)
    manifest_hand(ada).undo(quiet)

    assert not fired.exists()
    assert team.text() == MANIFEST


@pytest.mark.parametrize(
    "key",
    ["core.sshCommand", "core.askPass", "core.gitProxy", "credential.helper",
     "credential.https://example.org.helper", "remote.origin.uploadpack", "remote.origin.receivepack",
     "remote.origin.vcs"],
)  # fmt: skip
def test_fault_55_a_program_that_the_repository_names_for_pushes_is_refused(
    team: Team, ada: GitProject, key: str
) -> None:
    fired = team.folder / "fired"
    ada.configure(key, canary(fired))
    assert "names a program" in refused(manifest_hand(ada), team, ada).message
    assert not fired.exists()


def test_the_users_own_programs_are_used(team: Team, ada: GitProject) -> None:
    program = ada.write("../ssh", _READ_ONLY_SSH.replace("*receive-pack*)", "never)"))
    program.chmod(0o755)
    own = ada.write("../gitconfig", f"[core]\n\tsshCommand = {program.resolve()}\n")
    ada.git("remote", "set-url", "origin", f"ssh://git@host{team.remote.root}")
    with variables(GIT_CONFIG_GLOBAL=str(own)):
        manifest_hand(ada).act(quiet)
    assert team.text() == CHANGED


@pytest.mark.parametrize("address", ["ext::sh -c 'touch {}'", "ssh://-oProxyCommand=touch {}/x"])
def test_fault_54_an_address_that_runs_something_is_refused(
    team: Team, ada: GitProject, address: str
) -> None:
    fired = team.folder / "fired"
    ada.configure("remote.origin.url", address.format(fired))
    before = everything(ada)
    with pytest.raises(DashError):
        manifest_hand(ada).act(quiet)
    assert not fired.exists()
    assert everything(ada) == before


def test_several_push_addresses_cannot_change_as_one(team: Team, ada: GitProject) -> None:
    ada.git("remote", "set-url", "--add", "--push", "origin", str(team.remote.root))
    ada.git("remote", "set-url", "--add", "--push", "origin", str(team.folder / "other.git"))
    assert "2 addresses" in refused(manifest_hand(ada), team, ada).message


def test_a_mirror_remote_loses_nothing(team: Team, ada: GitProject) -> None:
    ada.git("push", "-q", "origin", "main:other")
    ada.configure("remote.origin.mirror", "true")
    manifest_hand(ada).act(quiet)
    assert team.remote.git("branch", "--format=%(refname:short)").split() == ["main", "other"]


def test_git_itself_finds_nothing_wrong_afterwards(team: Team, ada: GitProject) -> None:
    manifest_hand(ada).act(quiet)
    team.remote.git("fsck", "--strict")
    ada.git("fsck", "--strict")
    ada.git("pull", "-q", "--ff-only")
    assert (ada.root / PATH).read_text() == CHANGED


def test_json(tmp_path: Path) -> None:
    text = '{\n\t"a": {"b": [ "models:/wine/6" , 1e5 ]},\n\t"c": "\\u00e9\\/"}'
    team = Team(tmp_path, {"m.json": text})
    ada = team.clone("ada")
    manifest_hand(ada, path="m.json", field="a.b.0", value="models:/wine/{version}").act(quiet)
    assert team.text("m.json") == text.replace("wine/6", "wine/4")


def test_the_field_is_found_by_name_where_the_list_grew(team: Team, ada: GitProject) -> None:
    bob = team.clone("bob")
    grown = MANIFEST.replace(
        "        - name: model", "        - name: proxy\n          image: x\n        - name: model"
    )
    team.pushes(bob, {PATH: grown}, "A proxy")
    manifest_hand(ada, field=FIELD).act(quiet)
    assert team.text() == grown.replace("model:v6", "model:v4")
