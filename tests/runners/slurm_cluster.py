"""A real Slurm cluster of one node on this machine, bound to loopback, for the tests that ask for it."""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

import psutil

WITHIN = 60.0  # seconds for a daemon to answer

_CONF = """\
ClusterName=tests
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
SlurmUser={user}
SlurmdUser={user}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldParameters=enable_configless
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/jobcomp.log
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1
MinJobAge={min_job_age}
KillWait=5
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=30
NodeName=localhost NodeAddr=127.0.0.1 CPUs=2 RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE State=UP
PartitionName=closed Nodes=localhost State=DOWN
"""


class SlurmCluster:
    """Its daemons, and the variables by which its commands find it."""

    def __init__(self, folder: Path, *, min_job_age: int = 300) -> None:
        self.folder = folder
        self.conf = folder / "slurm.conf"
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("state", "spool"):
            (folder / name).mkdir(mode=0o755)
        key = folder / "munge.key"
        key.write_bytes(secrets.token_bytes(256))
        key.chmod(0o600)
        self.conf.write_text(
            _CONF.format(
                folder=folder, user=getpass.getuser(), controller=free_port(), node=free_port(),
                min_job_age=min_job_age,
            )
        )  # fmt: skip

    @property
    def variables(self) -> Mapping[str, str]:
        """What a Slurm command needs in its environment."""
        return {"SLURM_CONF": str(self.conf)}

    def run(self, *words: str) -> str:
        """Answer what one of Slurm's commands prints."""
        return subprocess.run(
            words,
            env={**os.environ, **self.variables},
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout

    def start(self) -> None:
        """Start munged, the controller and the node, and wait until jobs are taken."""
        folder = self.folder
        self._start(
            "munged", "--foreground", "--force", f"--socket={folder}/munge.socket",
            f"--key-file={folder}/munge.key", f"--log-file={folder}/munged.log",
            f"--pid-file={folder}/munged.pid", f"--seed-file={folder}/munged.seed",
        )  # fmt: skip
        self._until((folder / "munge.socket").exists)
        self.start_controller()
        self._start("slurmd", "-D", "-N", "localhost")
        self._until(lambda: "idle" in self.run("sinfo", "--noheader", "--partition=main", "--format=%T"))

    def start_controller(self) -> None:
        """Start the controller, and wait until it answers."""
        self._start("slurmctld", "-D")
        self._until(lambda: "UP" in self.run("scontrol", "ping"))

    def kill_controller(self) -> None:
        """The cluster is away: nobody answers."""
        daemon = self._daemons.pop("slurmctld")
        daemon.kill()
        daemon.wait()

    def freeze_controller(self, frozen: bool) -> None:
        """The controller takes connections and answers nothing, or goes on."""
        self._daemons["slurmctld"].send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def forget(self) -> None:
        """Have the controller come back without a memory of its jobs, as after a lost state folder."""
        self.kill_controller()
        for path in (self.folder / "state").iterdir():
            if path.name.startswith("job") or path.name.startswith("hash"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.start_controller()

    def listeners(self) -> list[str]:
        """Return every address that its daemons listen on."""
        found = []
        for daemon in self._daemons.values():
            held = psutil.Process(daemon.pid).net_connections("inet")
            found += [one.laddr.ip for one in held if one.status == psutil.CONN_LISTEN]
        return found

    def stop(self) -> None:
        """Stop the daemons, and all that their jobs left behind."""
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("SLURM_CONF") == str(self.conf):
                    process.kill()
        for daemon in self._daemons.values():
            daemon.kill()
            daemon.wait()

    def _start(self, name: str, *words: str) -> None:
        program = shutil.which(name) or f"/usr/sbin/{name}"
        with open(self.folder / f"{name}.out", "ab") as out:
            self._daemons[name] = subprocess.Popen(
                [program, *words], env={**os.environ, **self.variables}, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, cwd=self.folder,
            )  # fmt: skip

    def _until(self, condition: object) -> None:
        assert callable(condition)
        for _ in range(int(WITHIN / 0.05)):
            with suppress(subprocess.CalledProcessError):
                if condition():
                    return
            for name, daemon in self._daemons.items():
                assert daemon.poll() is None, f"{name} ended: {self._said(name)}"
            Event().wait(0.05)
        raise AssertionError("\n".join(self._said(name) for name in self._daemons))

    def _said(self, name: str) -> str:
        told = [self.folder / f"{name}.out", self.folder / f"{name}.log"]
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in told if path.exists())


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def slurm_cluster(*, min_job_age: int = 300) -> Iterator[SlurmCluster]:
    """Start a cluster; stop it at the end. Its folder's name is short: Unix sockets' names have a limit."""
    with tempfile.TemporaryDirectory(prefix="slurm", ignore_cleanup_errors=True) as name:
        cluster = SlurmCluster(Path(name), min_job_age=min_job_age)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
