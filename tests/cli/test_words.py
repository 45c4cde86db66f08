"""Words that are wrong end in exit 2 with the nearest right one; help, version and completion work."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mlops_dash.cli import command

VERBS = ("demo", "live", "trace", "sync", "up", "down", "sql", "doctor", "config", "completion")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["lvie"], "did you mean live?"),
        (["quux"], "known are demo, live"),
        (["live", "--jsn"], "did you mean --json?"),
        (["live", "--project", "."], "--project stands before the verb"),
        (["live", "--timeout=3"], "--timeout=3 stands before the verb"),
        (["live", "--json", "--csv"], "not allowed with"),
        (["config"], "required"),
        (["config", "chek"], "did you mean check?"),
        (["completion", "tcsh"], "known are bash, zsh, fish"),
        (["trace"], "REF"),
        (["--timeout", "0", "live"], "no number of seconds above 0"),
        (["--timeout", "nan", "live"], "no number of seconds above 0"),
        (["--tracking-uri", " ", "live"], "--tracking-uri is empty"),
        (["--project", "gone", "live"], "--project gone does not exist"),
        (["--repo", "file", "live"], "--repo file is no folder"),
        (["--config", "gone.toml", "live"], "gone.toml does not exist"),
        (["sql"], "a QUERY or --tables"),
        (["sql", "select 1", "--tables"], "a QUERY or --tables"),
        (["\x1b]52;c;eA==\x07"], "␛]52"),
    ],
)
def test_wrong_words_are_told_with_exit_2(say, folder, words, told):
    (folder / "file").touch()
    said = say(*words)
    assert said.code == 2
    assert said.out == ""
    assert told in said.err
    assert "\x1b" not in said.err
    assert "Traceback" not in said.err


def test_the_version(say):
    assert say("--version").out == "mlops-dash 0.1.0\n"


def test_help_names_every_verb_and_the_exit_codes(say):
    said = say("--help")
    assert said.code == 0
    assert said.err == ""
    for verb in VERBS:
        assert f"    {verb}" in said.out
    assert "outcome unknown" in said.out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(say, verb):
    said = say(verb, "--help")
    assert said.code == 0
    assert f"usage: mlops-dash {verb}" in said.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_shell_code(say, shell):
    said = say("completion", shell)
    assert said.code == 0
    assert "mlops-dash" in said.out
    assert "_ARGCOMPLETE" in said.out


def test_a_shell_completes_verbs_and_configured_environments(folder, tmp_path):
    (folder / "mlops-dash.toml").write_text('[environments.production]\nmodel = "wine"\n')
    for line, completion in (("mlops-dash sy", "sync"), ("mlops-dash up pro", "production")):
        out = tmp_path / "completions"
        subprocess.run(
            [sys.executable, "-m", "mlops_dash"],
            env={
                **os.environ,
                "_ARGCOMPLETE": "1",
                "_ARGCOMPLETE_STDOUT_FILENAME": str(out),
                "COMP_LINE": line,
                "COMP_POINT": str(len(line)),
            },
            cwd=folder,
            check=False,
        )
        assert out.read_text().strip() == completion


@pytest.mark.parametrize("words", [[], ["demo"], ["--read-only"]])
def test_fault_75_without_a_terminal_the_dashboard_names_live(say, folder, words):
    said = say(*words)
    assert said.code == 2
    assert said.out == ""
    assert "terminal" in said.err
    assert "mlops-dash live" in said.err


@pytest.mark.parametrize("term", ["dumb", "", "unknown", "vt100"])
def test_fault_75_terminals_that_cannot_be_drawn_on_are_told(folder, term):
    reader, writer = os.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "mlops_dash"],
        stdin=writer,
        stdout=writer,
        stderr=writer,
        env={**os.environ, "TERM": term},
        cwd=folder,
        timeout=60,
        check=False,
    )
    os.close(writer)
    said = os.read(reader, 10_000).decode()
    os.close(reader)
    assert done.returncode == 2
    assert "mlops-dash live" in said
    assert "\x1b[?1049h" not in said  # the alternate screen was never entered


def test_an_interrupt_is_quiet(monkeypatch, say):
    def interrupted(_: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_dispatch", interrupted)
    said = say("live")
    assert (said.code, said.out, said.err) == (130, "", "")


def test_an_interrupted_reading_is_quiet_and_waits_for_nothing(monkeypatch, say, folder):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mlops_dash.project.Project.refresh", interrupted)
    monkeypatch.setattr("mlops_dash.project.Project.close", lambda _: pytest.fail("closing may wait"))
    said = say("sync")
    assert (said.code, said.out, said.err) == (130, "", "")


def test_an_error_of_our_own_is_short_and_its_log_holds_no_secret(monkeypatch, say, own_places):
    def broken(_: list[str]) -> int:
        password = "correct-horse"  # a local: never shown
        raise ValueError(f"cannot reach postgresql://me:hunter2@db/x token=abcdef {len(password)}\x1b[2J")

    monkeypatch.setenv("SOME_SECRET", "very-hidden")
    monkeypatch.setattr(command, "_dispatch", broken)
    said = say("live")
    assert said.code == 1
    assert len(said.err.splitlines()) == 2
    (log,) = (own_places / "state" / "errors").iterdir()
    assert str(log) in said.err
    text = log.read_text()
    assert "Traceback" in text
    assert log.stat().st_mode & 0o077 == 0
    for secret in ("hunter2", "abcdef", "\x1b"):
        assert secret not in said.err
    for secret in ("hunter2", "abcdef"):
        assert secret not in text


def test_error_logs_do_not_pile_up(monkeypatch, say, own_places):
    monkeypatch.setattr(command, "_dispatch", lambda _: 1 // 0)
    for _ in range(13):
        assert say("live").code == 1
    assert len(list((own_places / "state" / "errors").iterdir())) == 10


def test_an_error_is_told_where_no_log_can_be_written(monkeypatch, say, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLOPS_DASH_STATE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr(command, "_dispatch", lambda _: 1 // 0)
    said = say("live")
    assert said.code == 1
    assert "No traceback could be written" in said.err


def shell(line: str, folder: object) -> subprocess.CompletedProcess[str]:
    """Run a shell's line; ``dash`` in it is the command line."""
    command = line.replace("dash", f"{sys.executable} -m mlops_dash")
    return subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)


def test_a_reader_that_goes_away_is_no_error(folder):
    done = shell("dash config schema | true; exit ${PIPESTATUS[0]}", folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_standard_output_that_cannot_be_written_is_told(folder):
    full = shell("dash config schema > /dev/full", folder)
    assert full.returncode == 1
    assert "standard output cannot be written" in full.stderr
    closed = shell("dash config schema >&-", folder)
    assert closed.returncode == 1
    assert "standard output is closed" in closed.stderr
    assert shell("dash lvie 2>&-", folder).returncode == 2


def test_nothing_heavy_is_imported_for_words_and_configuration(folder):
    code = (
        "import sys; from mlops_dash.cli.command import run;"
        "run(['config', 'schema']); run(['lvie']); run([]);"
        "sys.exit(' '.join(set(sys.argv[1:]) & set(sys.modules)) or 0)"
    )
    heavy = "duckdb textual rich mlflow pandas pyarrow git httpx psutil yaml argcomplete adbc_driver_manager"
    done = subprocess.run(
        [sys.executable, "-c", code, *heavy.split()], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_current_folder_that_was_deleted_is_told_with_exit_2(say, folder):
    folder.rmdir()
    said = say("live")
    assert (said.code, said.out) == (2, "")
    assert "the current folder was deleted" in said.err
