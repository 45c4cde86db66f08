"""``config init``, ``config check`` and ``config schema``."""

from __future__ import annotations

from saying import listing, strict

WRONG = '[trackin]\nuri = "x"\n[environments.p]\nmodel = "m"\ntarget = { kind = "prcess" }\n'


def test_check_says_that_a_file_is_fine(say, folder):
    (folder / "mlops-dash.toml").write_text("[ui]\nrefresh = 3\n")
    said = say("config", "check")
    assert (said.code, said.err) == (0, "")
    assert said.out.endswith("mlops-dash.toml is fine\n")
    assert say("config", "check", "--json").json["ok"] is True


def test_check_tells_every_mistake_with_its_line_and_exit_2(say, folder):
    (folder / "mlops-dash.toml").write_text(WRONG)
    said = say("config", "check")
    assert said.code == 2
    first, second = said.out.splitlines()
    assert "line 1: trackin: is no section — did you mean tracking?" in first
    assert "line 5: environments.p.target.kind" in second
    document = say("config", "check", "--json").json
    assert document["ok"] is False
    assert [problem["line"] for problem in document["problems"]] == [1, 5]


def test_check_without_a_file_is_told(say, folder):
    said = say("config", "check")
    assert said.code == 2
    assert "no mlops-dash.toml" in said.err
    assert str(folder) in said.err


def test_check_looks_at_the_file_that_is_named(say, folder):
    (folder / "other.toml").write_text(WRONG)
    assert say("--config", "other.toml", "config", "check").code == 2
    assert "does not exist" in say("--config", "gone.toml", "config", "check").out


def test_a_wrong_file_stops_every_verb_with_exit_2(say, folder):
    (folder / "mlops-dash.toml").write_text(WRONG)
    for verb in (["live"], ["sync"], ["trace", "x"], ["sql", "select 1"], ["up"], ["down"]):
        said = say(*verb)
        assert (said.code, said.out) == (2, "")
        assert "did you mean tracking?" in said.err


def test_schema_is_json_with_a_title(say, folder):
    for words in (["config", "schema"], ["config", "schema", "--json"]):
        assert strict(say(*words).out)["title"] == "mlops-dash.toml"


def test_init_writes_what_was_found_and_check_likes_it(say, repository):
    said = say("config", "init")
    assert said.code == 0, said.err
    path = repository / "mlops-dash.toml"
    assert said.out == f"{path}\n"
    text = path.read_text()
    assert "# found: gto production of wine" in text
    assert 'main = "main"' in text
    assert say("config", "check").code == 0
    (environment,) = say("live", "--json").json["environments"]
    assert (environment["environment"], environment["model"]) == ("production", "wine")


def test_init_never_overwrites_unless_told_to(say, folder):
    path = folder / "mlops-dash.toml"
    path.write_text(WRONG)
    said = say("config", "init")
    assert said.code == 3
    assert "--force replaces it" in said.err
    assert path.read_text() == WRONG
    assert say("config", "init", "--force", "--json").json["environments"] == []
    assert say("config", "check").code == 0
    assert list(listing(folder)) == ["mlops-dash.toml"]


def test_init_does_not_follow_a_link(say, folder, tmp_path):
    (folder / "mlops-dash.toml").symlink_to(tmp_path / "elsewhere")
    assert say("config", "init").code == 3
    assert say("config", "init", "--force").code == 0
    assert not (tmp_path / "elsewhere").exists()


def test_init_is_refused_read_only(say, folder):
    assert say("--read-only", "config", "init").code == 3
    assert listing(folder) == {}


def test_init_where_it_cannot_write_is_told(say, folder):
    said = say("--config", "gone/mlops-dash.toml", "config", "init")
    assert said.code == 1
    assert "cannot be written" in said.err


def test_init_writes_no_secret(say, folder):
    said = say("--tracking-uri", "postgresql://me:hunter2@127.0.0.1:1/mlflow", "config", "init")
    assert said.code == 0
    assert "hunter2" not in (folder / "mlops-dash.toml").read_text() + said.out + said.err
