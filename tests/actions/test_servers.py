from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError

import psutil
import pytest

from actions.conftest import Model
from mlops_dash.actions.servers import down, up, wait_ready
from mlops_dash.actions.serving import Wanted, child_environment, model_location
from mlops_dash.config import ProcessTarget
from mlops_dash.domain.environments import Health, Observation
from mlops_dash.errors import DashError, OutcomeUnknownError, RefusedError
from mlops_dash.targets.base import Place
from mlops_dash.targets.observe import ask_all, make_target
from mlops_dash.targets.process import is_running, read_record, write_record

SETTINGS = ProcessTarget(timeout=30.0)


def wanted(model: Model, version: str = "4", environment: str = "production") -> Wanted:
    return Wanted(environment, "progression", version, str(model.folder), "r" * 32, "m-1")


def observe(folder: Path, settings: ProcessTarget = SETTINGS) -> Observation:
    target = make_target(Place("production", "progression", "production"), settings, folder)
    assert target is not None
    return ask_all([target], 60)[0]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_server_comes_up_says_what_it_serves_predicts_and_goes_down(servers: Path, model: Model) -> None:
    model.hold()
    started = up(wanted(model), SETTINGS, servers)
    assert started.fresh
    seen = observe(servers)  # it answers while it still loads
    assert (seen.answered, seen.version, seen.health) == (False, None, Health.DEGRADED)
    assert (seen.detail or "").startswith("starting: loading version 4")
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(f"{started.record.url}/invocations", data=b"{}")
    assert refused.value.code == 503
    refused.value.close()

    model.release()
    wait_ready(started.record, 120)
    seen = observe(servers)
    assert (seen.answered, seen.version, seen.health) == (True, "4", Health.HEALTHY)
    assert (seen.run_id, seen.model_id, seen.by) == ("r" * 32, "m-1", started.record.by)
    assert seen.since is not None
    assert seen.since.isoformat(timespec="milliseconds").replace("+00:00", "Z") == started.record.started_at

    data = json.dumps({"dataframe_records": [{"x": 1}, {"x": 2}]}).encode()
    request = urllib.request.Request(
        f"{started.record.url}/invocations", data, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer) == {"predictions": [42.0, 42.0]}
        assert answer.headers["X-MLflow-Model-Version"] == "4"
        assert answer.headers["X-MLflow-Model-Id"] == "m-1"
        assert answer.headers["X-MLflow-Run-Id"] == "r" * 32

    assert not up(wanted(model), SETTINGS, servers).fresh  # already there
    assert down("production", "progression", servers) == started.record
    assert not psutil.pid_exists(started.record.pid)
    assert observe(servers).health is Health.DOWN
    assert down("production", "progression", servers) is None  # already gone
    assert sorted(path.suffix for path in servers.iterdir()) == [".json", ".lock", ".log"]


def test_it_outlives_the_one_who_started_it_and_is_found_again(servers: Path, model: Model) -> None:
    model.hold()
    script = (
        "import sys; from pathlib import Path; from mlops_dash.config import ProcessTarget;"
        "from mlops_dash.actions.servers import up; from mlops_dash.actions.serving import Wanted;"
        "print(up(Wanted('production', 'progression', '4', sys.argv[1]), ProcessTarget(),"
        " Path(sys.argv[2])).record.pid)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(model.folder), str(servers)],
        capture_output=True,
        text=True,
        check=True,
    )
    record = read_record(servers, "production", "progression")
    assert record is not None
    assert record.pid == int(done.stdout)
    assert is_running(record)
    assert os.getsid(record.pid) == record.pid != os.getsid(0)  # no terminal's hang-up reaches it
    assert down("production", "progression", servers) == record
    assert not is_running(record)


def test_another_version_is_refused_and_the_running_one_left_alone(servers: Path, model: Model) -> None:
    model.hold()
    record = up(wanted(model, "4"), SETTINGS, servers).record
    with pytest.raises(RefusedError, match=r"already serves version 4"):
        up(wanted(model, "5"), SETTINGS, servers)
    assert read_record(servers, "production", "progression") == record
    assert is_running(record)


def test_two_at_once_start_one_server(servers: Path, model: Model) -> None:
    model.hold()
    together = threading.Barrier(4)

    def start(_: int) -> object:
        together.wait()
        return up(wanted(model), SETTINGS, servers)

    with ThreadPoolExecutor(4) as pool:
        started = list(pool.map(start, range(4)))
    assert sorted(one.fresh for one in started) == [False, False, False, True]  # type: ignore[attr-defined]
    assert len({one.record.pid for one in started}) == 1  # type: ignore[attr-defined]


def test_a_taken_port_is_refused_naming_who_has_it(servers: Path, model: Model) -> None:
    model.hold()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(RefusedError, match=rf"Port {port} .* is taken by .*\(process {os.getpid()}\)"):
            up(wanted(model), ProcessTarget(port=port), servers)
    assert list(servers.glob("*.json")) == []

    port = up(wanted(model, environment="staging"), SETTINGS, servers).record.port
    with pytest.raises(RefusedError, match="is taken by the mlops-dash server of staging"):
        up(wanted(model), ProcessTarget(port=port), servers)


def test_a_free_port_is_kept_for_the_next_start_unless_somebody_took_it(servers: Path, model: Model) -> None:
    model.hold()
    port = up(wanted(model), SETTINGS, servers).record.port
    down("production", "progression", servers)
    assert up(wanted(model), SETTINGS, servers).record.port == port
    down("production", "progression", servers)
    with socket.create_server(("127.0.0.1", port)):
        assert up(wanted(model), SETTINGS, servers).record.port != port


def test_a_server_of_another_shell_answers_at_the_configured_port(
    servers: Path, model: Model, tmp_path: Path
) -> None:
    settings = ProcessTarget(port=free_port(), timeout=30.0)
    up(wanted(model), settings, servers)
    model_is_held = observe(tmp_path / "elsewhere", settings)
    assert model_is_held.health in {Health.DEGRADED, Health.HEALTHY}
    with pytest.raises(RefusedError, match="is taken by the mlops-dash server of production"):
        up(wanted(model), settings, tmp_path / "elsewhere")


def test_reading_only_starts_and_stops_nothing(servers: Path, model: Model) -> None:
    with pytest.raises(RefusedError, match="read-only"):
        up(wanted(model), SETTINGS, servers, read_only=True)
    with pytest.raises(RefusedError, match="read-only"):
        down("production", "progression", servers, read_only=True)
    assert not servers.exists()


def test_a_model_that_cannot_be_loaded_ends_the_server_which_says_why(servers: Path, model: Model) -> None:
    (model.folder / "code" / "answer_loader.py").write_text("raise LookupError('no weights')")
    record = up(wanted(model), SETTINGS, servers).record
    with pytest.raises(DashError, match="the model cannot be loaded: LookupError: no weights") as caught:
        wait_ready(record, 120)
    assert not isinstance(caught.value, OutcomeUnknownError)
    psutil.wait_procs([psutil.Process(record.pid)] if psutil.pid_exists(record.pid) else [], timeout=30)
    seen = observe(servers)
    assert (seen.answered, seen.health) == (False, Health.DOWN)
    assert "LookupError: no weights" in (seen.detail or "")


def test_waiting_for_a_slow_model_ends_in_unknown(servers: Path, model: Model) -> None:
    model.hold()
    record = up(wanted(model), SETTINGS, servers).record
    with pytest.raises(OutcomeUnknownError, match="still loads version 4"):
        wait_ready(record, 0.05)
    assert is_running(record)


def test_gone_artifacts_are_refused(servers: Path, model: Model) -> None:
    (model.folder / "MLmodel").unlink()
    with pytest.raises(RefusedError, match="artifacts of version 4 are gone"):
        up(wanted(model), SETTINGS, servers)
    assert not servers.exists()


def test_a_database_is_never_handed_to_a_client(servers: Path) -> None:
    asked = Wanted("production", "m", "4", "models:/m-1", tracking_uri="sqlite:///mlflow.db")
    with pytest.raises(RefusedError, match="tracking server only"):
        up(asked, SETTINGS, servers)


def test_a_record_of_a_process_that_is_not_ours_is_never_signalled(servers: Path, model: Model) -> None:
    model.hold()
    record = up(wanted(model), SETTINGS, servers).record
    down("production", "progression", servers)
    bystander = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with bystander:
        started = psutil.Process(bystander.pid).create_time()
        import msgspec

        write_record(servers, msgspec.structs.replace(record, pid=bystander.pid, create_time=started))
        assert down("production", "progression", servers) is None
        assert bystander.poll() is None
        bystander.communicate(b"\n")
    assert bystander.returncode == 0


def test_a_server_that_ignores_the_polite_signal_is_ended_all_the_same(
    servers: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlops_dash.actions.servers.GRACE", 0.2)
    model.hold()
    record = up(wanted(model), SETTINGS, servers).record
    os.kill(record.pid, signal.SIGSTOP)  # it cannot even hear SIGTERM
    with monkeypatch.context() as patience:
        patience.setattr("mlops_dash.actions.servers.GRACE", 0.2)
        assert down("production", "progression", servers) == record
    assert not is_running(record)


def test_an_unwritable_state_folder_is_refused(tmp_path: Path, model: Model) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RefusedError, match="Cannot write down which servers run"):
        up(wanted(model), SETTINGS, tmp_path / "file" / "servers")


def test_a_host_of_another_machine_is_refused(servers: Path, model: Model) -> None:
    with pytest.raises(RefusedError, match=r"Cannot listen on 192\.0\.2\.1"):
        up(wanted(model), ProcessTarget(host="192.0.2.1"), servers)


def test_the_servers_environment_holds_no_credentials_unless_it_must_download() -> None:
    own = {
        "PATH": "/bin",
        "AWS_SECRET_ACCESS_KEY": "s",
        "MLFLOW_TRACKING_PASSWORD": "s",
        "GITHUB_TOKEN": "s",
        "MLFLOW_TRACKING_URI": "sqlite:///x.db",
        "OPENAI_API_KEY": "a model may need it",
    }
    local = child_environment(own, Wanted("e", "m", "1", "/models/m"))
    assert local["PATH"] == "/bin"
    assert {name for name in own if name in local} == {"PATH", "OPENAI_API_KEY"}
    remote = child_environment(own, Wanted("e", "m", "1", "s3://b/m", tracking_uri="http://t"))
    assert remote["AWS_SECRET_ACCESS_KEY"] == "s"
    assert remote["MLFLOW_TRACKING_URI"] == "http://t"
    bucket = child_environment(own, Wanted("e", "m", "1", "s3://b/m", tracking_uri="sqlite:///x.db"))
    assert "MLFLOW_TRACKING_URI" not in bucket


def test_a_models_location_is_the_first_that_is_there(model: Model, tmp_path: Path) -> None:
    here = str(model.folder)
    assert model_location([None, "models:/m-1", str(tmp_path / "gone"), here], tmp_path) == here
    assert model_location([model.folder.as_uri()], tmp_path) == here
    assert model_location(["model"], tmp_path) == here
    assert model_location([str(tmp_path / "gone"), "s3://bucket/m"], tmp_path) == "s3://bucket/m"
    with pytest.raises(RefusedError, match="gone"):
        model_location([str(tmp_path / "gone")], tmp_path)
    with pytest.raises(RefusedError, match="does not say where"):
        model_location([None, ""], tmp_path)
    spaced = Model(tmp_path / "with blank")
    assert model_location([spaced.folder.as_uri()], tmp_path) == str(spaced.folder)


def test_nothing_else_is_inherited_by_the_server(servers: Path, model: Model) -> None:
    model.hold()
    with closing(socket.create_server(("127.0.0.1", 0))) as ours:
        os.set_inheritable(ours.fileno(), True)
        record = up(wanted(model), SETTINGS, servers).record
        ports = {one.laddr.port for one in psutil.Process(record.pid).net_connections() if one.laddr}
        assert ports == {record.port}
