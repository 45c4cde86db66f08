"""A GTO stage is assigned by one more tag, pushed; or nothing is changed at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from git_projects import GitProject
from git_teams import Team, context, everything, gto_hand, quiet
from mlops_dash.actions.gto_stage import stage_now
from mlops_dash.actions.hands import Standing, hand_of
from mlops_dash.actions.hands.gto import GtoHand
from mlops_dash.domain.plans import Step
from mlops_dash.errors import DashError, RefusedError
from mlops_dash.sources.git_refs import Ref
from mlops_dash.sources.gto_tags import interpret


class Registry(Team):
    """A team whose repository has versions 1 to 3 of ``wine``; production has version 2."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, {"model.txt": "1"})
        self.commits = {"v1.0.0": self.seed.head()}
        for number in (2, 3):
            self.commits[f"v{number}.0.0"] = self.seed.commit(f"Model {number}", {"model.txt": str(number)})
        for version, commit in self.commits.items():
            self.seed.tag(f"wine@{version}", commit)
        self.seed.tag("wine#production#1", self.commits["v2.0.0"])
        self.seed.git("push", "-q", "origin", "main", "--tags")

    def hand(self, person: GitProject, version: str = "v1.0.0", **arguments: object) -> GtoHand:
        return gto_hand(person, version, **{"commit": self.commits[version], **arguments})

    def tags(self) -> dict[str, str]:
        lines = self.remote.git(
            "for-each-ref", "refs/tags/wine#*", "--format=%(refname:strip=2) %(*objectname)"
        )
        return dict(line.split(" ") for line in lines.splitlines())


@pytest.fixture
def team(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


@pytest.fixture
def ada(team: Registry) -> GitProject:
    return team.clone("ada")


def gto_show(project: GitProject) -> str:
    """What GTO itself says is in production."""
    script = "import sys; from gto.cli import app; app()"
    done = subprocess.run(
        [sys.executable, "-c", script, "show", "wine#production", "--repo", str(project.root), "--ref"],
        capture_output=True, text=True, check=False, cwd=project.root,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def refused(hand: GtoHand, team: Team, project: GitProject) -> RefusedError:
    here, there = everything(project), everything(team.remote)
    with pytest.raises(RefusedError) as caught:
        hand.act(quiet)
    assert everything(project) == here
    assert everything(team.remote) == there
    return caught.value


def test_a_tag_is_made_pushed_and_kept_here(team: Registry, ada: GitProject) -> None:
    hand = team.hand(ada)
    assert hand.look().standing is Standing.BEFORE
    assert hand.look().found == "v2.0.0"
    before = everything(ada)

    evidence = hand.act(quiet)

    assert evidence["tag"] == "wine#production#2"
    assert team.tags()["wine#production#2"] == team.commits["v1.0.0"]
    said = team.remote.git(
        "for-each-ref", "refs/tags/wine#production#2", "--format=%(taggername) %(contents)"
    )
    assert said.startswith("Ada rollback production to v1.0.0\n\nAction: ")
    look = hand.look()
    assert (look.standing, look.found, look.by) == (Standing.AFTER, "v1.0.0", "Ada")
    after = everything(ada)
    new = [line for line in after.pop("refs").splitlines() if line not in before.pop("refs", "").splitlines()]
    assert any("refs/tags/wine#production#2" in line for line in new)
    assert after == before


@pytest.mark.campaign
def test_gto_itself_agrees(team: Registry, ada: GitProject) -> None:
    hand = team.hand(ada)
    hand.act(quiet)
    assert "v1.0.0" in gto_show(ada) or team.commits["v1.0.0"][:7] in gto_show(ada)
    hand.undo(quiet)
    ada.git("fetch", "-q", "--tags")
    assert "v2.0.0" in gto_show(ada) or team.commits["v2.0.0"][:7] in gto_show(ada)


def test_a_tag_is_later_than_the_one_before_it_whatever_the_clock_says(
    team: Registry, ada: GitProject
) -> None:
    hand = team.hand(ada)
    hand.act(quiet)
    hand.undo(quiet)
    listed = ("for-each-ref", "refs/tags/wine#production#*", "--sort=refname", "--format=%(taggerdate:unix)")
    times = [int(line) for line in team.remote.git(*listed).split()]
    assert len(times) == 3
    assert times == sorted(set(times))


def test_git_itself_finds_nothing_wrong(team: Registry, ada: GitProject) -> None:
    team.hand(ada).act(quiet)
    team.remote.git("fsck", "--strict")
    ada.git("fsck", "--strict")


def test_fault_65_what_is_there_already_is_left_alone(team: Registry, ada: GitProject) -> None:
    hand = team.hand(ada)
    first = hand.act(quiet)
    again = hand.act(quiet)
    assert again["already"]
    assert again["object"] == first["object"]
    assert set(team.tags()) == {"wine#production#1", "wine#production#2"}


def test_undoing_assigns_the_old_version_again(team: Registry, ada: GitProject) -> None:
    hand = team.hand(ada)
    hand.act(quiet)
    hand.undo(quiet)
    hand.undo(quiet)
    assert team.tags() == {
        "wine#production#1": team.commits["v2.0.0"],
        "wine#production#2": team.commits["v1.0.0"],
        "wine#production#3": team.commits["v2.0.0"],
    }
    assert hand.look().standing is Standing.BEFORE


def test_undoing_a_first_assignment_takes_the_stage_away(team: Registry, ada: GitProject) -> None:
    hand = team.hand(ada, stage="dev", before_n=0, before=None)
    assert hand.look().standing is Standing.BEFORE
    hand.act(quiet)
    hand.undo(quiet)
    assert "wine#dev!#2" in team.tags()
    assert hand.look().found is None
    hand.act(quiet)  # and it can be done again
    assert "wine#dev#3" in team.tags()


def test_undoing_leaves_something_newer_alone(team: Registry, ada: GitProject) -> None:
    hand = team.hand(ada)
    hand.act(quiet)
    team.hand(team.clone("bob"), "v3.0.0", before_n=2, before="v1.0.0").act(quiet)
    with pytest.raises(RefusedError, match=r"v3\.0\.0 now: by Bob"):
        hand.undo(quiet)


def test_fault_61_the_one_who_is_late_is_told_who_was_first(team: Registry, ada: GitProject) -> None:
    bob = team.clone("bob")
    first = team.hand(bob, "v3.0.0")

    def note(words: str, evidence: object) -> None:
        first.act(quiet)  # between Ada's look and her push

    with pytest.raises(RefusedError, match=r"v3\.0\.0 now: by Bob, 20.* UTC \(tag wine#production#2\)"):
        team.hand(ada).act(note)
    assert team.tags()["wine#production#2"] == team.commits["v3.0.0"]
    assert "wine#production#2" not in ada.git("tag")


def test_fault_62_changed_after_the_plan_was_shown(team: Registry, ada: GitProject) -> None:
    team.hand(team.clone("bob"), "v3.0.0").act(quiet)
    error = refused(team.hand(ada), team, ada)
    assert "has version v3.0.0 now: by Bob" in error.message
    look = team.hand(ada).look()
    assert (look.standing, look.found, look.by) == (Standing.OTHER, "v3.0.0", "Bob")


def test_fault_63_the_version_is_gone(team: Registry, ada: GitProject) -> None:
    team.remote.git("tag", "-d", "wine@v1.0.0")
    assert "not there on origin" in refused(team.hand(ada), team, ada).message


def test_a_version_tag_that_was_moved(team: Registry, ada: GitProject) -> None:
    team.seed.git("tag", "-f", "-a", "-m", "moved", "wine@v1.0.0", team.commits["v3.0.0"])
    team.seed.git("push", "-qf", "origin", "wine@v1.0.0")
    assert f"at {team.commits['v3.0.0'][:7]} on origin" in refused(team.hand(ada), team, ada).message


def test_two_versions_at_one_commit_cannot_be_told_apart(team: Registry, ada: GitProject) -> None:
    team.seed.tag("wine@v1.0.1", team.commits["v1.0.0"])
    team.seed.git("push", "-q", "origin", "wine@v1.0.1")
    assert "same commit" in refused(team.hand(ada), team, ada).message


def test_a_tag_that_was_never_pushed_is_not_what_others_see(team: Registry, ada: GitProject) -> None:
    ada.tag("wine#production#2", team.commits["v3.0.0"])
    hand = team.hand(ada, before_n=2, before="v3.0.0")
    assert "wine#production#2 is not on origin" in refused(hand, team, ada).message


def test_fault_45_no_remote(team: Registry, ada: GitProject) -> None:
    ada.git("remote", "remove", "origin")
    assert "no remote origin" in refused(team.hand(ada), team, ada).message
    assert team.hand(ada).look().standing is Standing.UNKNOWN


def test_a_remote_that_is_gone(team: Registry, ada: GitProject) -> None:
    team.remote.root.rename(team.folder / "elsewhere")
    assert team.hand(ada).look().standing is Standing.UNKNOWN
    with pytest.raises(DashError, match="does not answer"):
        team.hand(ada).act(quiet)


def test_protected_tags(team: Registry, ada: GitProject) -> None:
    team.hook('echo "tags are for the release team" >&2; exit 1')
    error = refused(team.hand(ada), team, ada)
    assert "refused the tag wine#production#2" in error.message
    assert "tags are for the release team" in error.message


def test_read_only(team: Registry, ada: GitProject) -> None:
    arguments = {
        "model": "wine", "stage": "production", "version": "v1.0.0", "commit": team.commits["v1.0.0"],
        "remote": "origin", "before_n": 1, "before": "v2.0.0", "message": "x",
    }  # fmt: skip
    hand = hand_of(Step("g", "gto", "", "", "", arguments), context(ada, read_only=True))
    with pytest.raises(RefusedError, match="read-only"):
        hand.act(quiet)


@pytest.mark.parametrize(
    "arguments",
    [{"model": "wine tasting"}, {"model": "--output=x"}, {"stage": "a#b"}, {"stage": "x y"}, {"stage": ""},
     {"commit": "HEAD"}, {"commit": "--upload-pack=x"}, {"remote": "ext::sh -c x"}, {"model": "a*"}],
)  # fmt: skip
def test_fault_54_what_is_no_name_is_refused(
    team: Registry, ada: GitProject, arguments: dict[str, str]
) -> None:
    refused(team.hand(ada, **arguments), team, ada)
    assert team.hand(ada, **arguments).look().standing is Standing.UNKNOWN


def test_fault_55_hooks_of_the_repository_do_not_run(team: Registry, ada: GitProject) -> None:
    fired = team.folder / "fired"
    for name in ("pre-push", "reference-transaction", "post-update"):
        hook = ada.root / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {fired}\n")
        hook.chmod(0o755)
    ada.configure("tag.gpgSign", "true")
    ada.configure("gpg.program", f"touch {fired}; false")
    fired.unlink(missing_ok=True)
    team.hand(ada).act(quiet)
    assert not fired.exists()


def test_a_stage_that_gto_itself_numbered_across_stages(team: Registry, ada: GitProject) -> None:
    team.seed.tag("wine#staging#7", team.commits["v3.0.0"])
    team.seed.tag("wine#production#8", team.commits["v3.0.0"])
    team.seed.git("push", "-q", "origin", "--tags")
    team.hand(ada, before_n=8, before="v3.0.0").act(quiet)
    assert team.tags()["wine#production#9"] == team.commits["v1.0.0"]


def test_names_and_commits_alone_say_what_the_reader_of_tags_says() -> None:
    """Every order of three tags on a stage, assigned and taken away."""
    commits = {"v1.0.0": "1" * 40, "v2.0.0": "2" * 40}
    marks = [(version, mark) for version in commits for mark in ("", "!")]
    for one in marks:
        for two in marks:
            for three in marks:
                for gone in (False, True):
                    refs = [Ref(f"m@{v}", "tag", c, "Ada", 0, "") for v, c in commits.items()]
                    refs += [Ref("m@v1.0.0!", "tag", "1" * 40, "Ada", 50, "")] if gone else []
                    for n, (version, mark) in enumerate((one, two, three), 1):
                        refs.append(Ref(f"m#prod{mark}#{n}", "tag", commits[version], "Ada", n, ""))
                    _, assignments = interpret(refs)
                    expected = next((a.version for a in assignments if a.active), None)
                    tags = {r.name: "f" * 40 for r in refs} | {f"{r.name}^{{}}": r.commit or "" for r in refs}
                    now = stage_now(tags, "m", "prod")
                    assert now.version == expected, (one, two, three, gone)
                    assert (now.highest, now.assigned) == (3, max([a.n for a in assignments], default=0))
