"""Commands on this machine: what becomes of them is told, and nothing of them is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_dash.domain.rebuilds import Limits
from mlops_dash.runners.base import JobState, Task, read_state
from runners.conftest import Jobs, wait

FOREVER = "import threading; print('here', flush=True); threading.Event().wait()"


def begun(jobs: Jobs, code: str = FOREVER) -> Task:
    task = jobs.task(code)
    jobs.runner.start(task)
    wait(lambda: task.log.exists() and b"here" in task.log.read_bytes(), "it does not begin")
    return task


def let_go(task: Task) -> None:
    """Let a command go on that waits for somebody to write into its FIFO ``go``."""
    wait((task.cwd / "go").exists)
    (task.cwd / "go").write_text("")


def test_what_it_prints_and_exits_with(jobs: Jobs) -> None:
    job, log = jobs.run("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (job.state, job.code, job.how, job.words) == (JobState.ENDED, 3, "exited", "it exited with 3")
    assert log == b"out\nerr\n"
    assert job.seconds is not None


def test_arguments_stay_arguments_and_only_chosen_variables_are_there(jobs: Jobs) -> None:
    hostile = ["--output=x", "$(touch sprung)", "; touch sprung", "a b", "größe", "*"]
    job, log = jobs.run(
        "import os, sys, json; print(json.dumps([sys.argv[1:], sorted(os.environ), os.getcwd()]))", *hostile
    )
    words, names, folder = json.loads(log)
    assert job.code == 0
    assert words == hostile
    assert set(names) - {"LC_CTYPE"} == {"MLOPS_DASH_JOB", "OWN", "PATH"}
    assert folder == str(jobs.tasks[0].cwd)
    assert os.listdir(folder) == []


def test_it_has_no_input(jobs: Jobs) -> None:
    job, log = jobs.run("input('name? ')")
    assert job.code == 1
    assert b"EOFError" in log


def test_a_command_that_does_not_exist(jobs: Jobs) -> None:
    task = jobs.task("", argv=["no-such-program", "x"])
    jobs.runner.start(task)
    job = jobs.ended(task)
    assert (job.code, job.how) == (None, "not started")
    assert job.words == "no-such-program cannot be started: No such file or directory"
    assert task.log.read_text() == f"{job.words}\n"


def test_starting_it_twice_runs_it_once(jobs: Jobs, tmp_path: Path) -> None:
    task = jobs.task(f"open({str(tmp_path / 'ran')!r}, 'a').write('x')")
    first = jobs.runner.start(task)
    assert jobs.runner.start(task) == first
    jobs.ended(task)
    jobs.runner.start(task)
    assert (tmp_path / "ran").read_text() == "x"


def test_cancelling_ends_all_that_it_started(jobs: Jobs) -> None:
    """Also what has left its session, and what ignores being asked."""
    task = begun(
        jobs,
        "import os, signal, subprocess, sys, threading\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        threading.Event().wait()\n"
        "    os._exit(0)\n"
        f"subprocess.Popen([sys.executable, '-c', 'import threading; threading.Event().wait()'])\n{FOREVER}",
    )
    wait(lambda: len(jobs.alive(task)) >= 3)
    jobs.runner.cancel(task)
    job = jobs.runner.look(task)
    assert (job.state, job.how, job.code) == (JobState.ENDED, "cancelled", None)
    assert jobs.alive(task) == []


def test_nothing_is_left_of_one_that_ends_by_itself(jobs: Jobs) -> None:
    job, _ = jobs.run(
        "import os, threading\nif os.fork() == 0:\n    os.setsid()\n    threading.Event().wait()\n"
    )
    assert job.code == 0
    assert jobs.alive(jobs.tasks[0]) == []


def test_it_hangs(jobs: Jobs) -> None:
    job, _ = jobs.run(FOREVER, limits=Limits(seconds=0.5))
    assert (job.how, job.words) == ("time", "it was stopped after 0.5 s, the longest that it may take")


def test_it_takes_too_much_memory(jobs: Jobs) -> None:
    """Also where a child of it does."""
    job, _ = jobs.run(
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c',"
        " 'x = bytearray(300_000_000); import threading; threading.Event().wait()'])",
        limits=Limits(memory=150_000_000),
    )
    assert job.how == "memory"
    assert job.memory is not None
    assert job.memory > 150_000_000


def test_it_fills_the_disk(jobs: Jobs) -> None:
    job, _ = jobs.run(
        "import itertools\nfor n in itertools.count():\n    open(f'f{n}', 'wb').write(b'x' * 1_000_000)\n"
        "    n > 60 and __import__('threading').Event().wait()",
        limits=Limits(disk=20_000_000),
    )
    assert job.how == "disk"
    assert "it may write 20 MB" in job.words


def test_it_floods_its_output(jobs: Jobs) -> None:
    job, log = jobs.run(
        "print('first')\nfor n in range(40):\n    print('x' * 100_000, end='')\nprint('\\nlast')",
        limits=Limits(output=1_000_000),
    )
    assert job.code == 0
    assert log.startswith(b"first\n")
    assert log.endswith(b"\nlast\n")
    assert b"bytes are left out" in log
    assert len(log) < 1_300_000


def test_it_closes_its_output_and_goes_on(jobs: Jobs) -> None:
    task = jobs.task("import os\nos.close(1); os.close(2)\nos.mkfifo('go')\nopen('go').read()\nos._exit(4)")
    jobs.runner.start(task)
    let_go(task)
    assert jobs.ended(task).code == 4


def test_it_is_ended_by_a_signal(jobs: Jobs) -> None:
    job, _ = jobs.run("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert job.words == "it was ended by SIGSEGV"


def test_so_many_at_a_time(jobs: Jobs) -> None:
    first, second = begun(jobs), begun(jobs)
    third = jobs.task("print('here')")
    jobs.runner.start(third)
    assert jobs.runner.look(third).state is JobState.QUEUED
    jobs.runner.cancel(first)
    assert jobs.ended(third).code == 0
    assert jobs.runner.look(second).state is JobState.RUNNING


def test_one_that_waits_can_be_cancelled(jobs: Jobs) -> None:
    begun(jobs)
    begun(jobs)
    third = jobs.task("print('here')")
    jobs.runner.start(third)
    jobs.runner.cancel(third)
    assert jobs.runner.look(third).words == "cancelled before it began"
    assert not third.log.exists()


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
def test_its_launcher_is_ended(jobs: Jobs, sign: signal.Signals) -> None:
    """By the machine's shutdown, or by force: then it is lost, and its processes can be swept."""
    task = begun(jobs)
    state = read_state(task, "state")
    assert state is not None
    os.kill(state["launcher"], sign)
    job = jobs.ended(task)
    if sign is signal.SIGTERM:
        assert job.how == "cancelled"
    else:
        assert job.state is JobState.LOST
        jobs.runner.sweep(task)
    wait(lambda: jobs.alive(task) == [])


def test_it_outlives_whoever_started_it(jobs: Jobs) -> None:
    task = jobs.task("print('here')")
    begin = (
        "import sys\nfrom pathlib import Path\nfrom mlops_dash.runners.base import Task\n"
        "from mlops_dash.runners.local import LocalRunner\n"
        "folder, cwd, slots, python = sys.argv[1:]\n"
        "task = Task('x', Path(folder), [python, '-c', \"import os; os.mkfifo('go'); open('go').read();"
        " print('done')\"], Path(cwd), {})\n"
        "LocalRunner(Path(slots)).start(task)\n"
    )
    words = [str(task.folder), str(task.cwd), str(jobs.folder / "slots"), sys.executable]
    subprocess.run([sys.executable, "-c", begin, *words], check=True)
    let_go(task)
    assert jobs.ended(task).code == 0
    assert task.log.read_text() == "done\n"


def test_a_folder_that_says_nothing_whole(jobs: Jobs) -> None:
    task = jobs.task("pass")
    assert jobs.runner.look(task).state is JobState.ABSENT
    (task.folder / "state.json").write_text('{"state": "run')
    assert jobs.runner.look(task).state is JobState.ABSENT
    (task.folder / "state.json").write_text('{"state": "running"}')
    assert jobs.runner.look(task).state is JobState.LOST
