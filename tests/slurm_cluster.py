"""A real Slurm on this machine, for tests: Debian's slurm-wlm and munge, without systemd, control groups or /etc.

All daemons are children of this process, and all their files are in one folder. Two nodes have the same machine.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import psutil
import pytest

NODES = ("node1", "node2")
CPUS, GPUS, MEMORY = 4, 4, 17000
"""Of each node, the memory in MB; Slurm does not ask whether the machine has them."""
PROGRAMS = {"munged": "munge", "slurmctld": "slurmctld", "slurmd": "slurmd", "sbatch": "slurm-client"}
"""The programs that are needed, and Debian's packages of them; slurm-wlm has all but the first."""

CONFIGURATION = """\
ClusterName=skipwise
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=30
InactiveLimit=0
KillWait=10
MinJobAge=300
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=2,sched_min_interval=0,batch_sched_delay=0
DefMemPerCPU=500
GresTypes=gpu
{nodes}
PartitionName=usual Nodes=ALL Default=YES MaxTime=60 PriorityTier=1 PreemptMode=REQUEUE
PartitionName=urgent Nodes=ALL MaxTime=60 PriorityTier=10 PreemptMode=OFF
PartitionName=long Nodes=ALL MaxTime=UNLIMITED PriorityTier=1
PartitionName=gpu Nodes=ALL MaxTime=UNLIMITED PriorityTier=1
PartitionName=small Nodes=node1 MaxTime=60 MaxMemPerNode={memory} PriorityTier=1
"""


def lacking(mend: str) -> NoReturn:
    """Ends a test whose programs are not installed: it is skipped, but in CI it fails."""
    pytest.fail(mend) if os.environ.get("CI") == "true" else pytest.skip(mend)


def needs_mounts() -> None:
    """Skips a test where nobody may mount a disk."""
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("only root may mount disks here")


def own_disk(folder: Path, *, full: bool = False) -> str:
    """What gives a node a small disk of its own in a folder, perhaps one that is full."""
    fill = f'cat /dev/zero > "{folder}/full" 2> /dev/null' if full else "true"
    return f'mount -t tmpfs -o size=64k none "{folder}" && {{ {fill}; true; }}'


def own_hosts(folder: Path, names: Sequence[str]) -> str:
    """What makes a node know these names, as those of this machine; the list is written into a folder."""
    known = Path("/etc/hosts").read_text()
    (folder / "hosts").write_text(known + "".join(f"127.0.0.1 {name}\n" for name in names))
    return f'mount --bind "{folder}/hosts" /etc/hosts'


def missing_packages() -> list[str]:
    """Debian's packages that are needed and not installed."""
    return sorted({package for program, package in PROGRAMS.items() if shutil.which(program, path=_path()) is None})


class SlurmCluster:
    """A controller and two nodes.

    Args:
        folder: for all files; its path has to be short, since a socket is in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": _path()}

    def start(self) -> None:
        """Starts everything, and waits until the nodes take jobs."""
        folder = self.folder
        (folder / "state").mkdir()
        for node in NODES:
            (folder / f"spool-{node}").mkdir()
        controller, *ports = _free_ports(1 + len(NODES))
        lines = [
            f"NodeName={node} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs={CPUS} "
            f"RealMemory={MEMORY} Gres=gpu:{GPUS}"
            for node, port in zip(NODES, ports, strict=True)
        ]
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        text = CONFIGURATION.format(
            controller=controller, user=user, folder=folder, nodes="\n".join(lines), memory=MEMORY
        )
        (folder / "slurm.conf").write_text(text)
        for number in range(GPUS):
            (folder / f"gpu{number}").touch()  # in place of a device
        (folder / "gres.conf").write_text(f"Name=gpu File={folder}/gpu[0-{GPUS - 1}]\n")
        key = folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        self._run(
            "munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket",
            f"--pid-file={folder}/munge.pid", f"--log-file={folder}/munge.log", f"--seed-file={folder}/munge.seed",
        )  # fmt: skip
        _wait(lambda: (folder / "munge.socket").exists(), "munged")
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        _wait(lambda: set(self.ask("sinfo", "--noheader", "--format=%t").split()) == {"idle"}, "Slurm", folder)

    def start_controller(self) -> None:
        """Starts the controller, which goes on with the jobs it knew."""
        self._run("slurmctld", "-D")

    def start_node(self, node: str, *, mounts: str = "") -> None:
        """Starts the daemon of a node.

        Args:
            mounts: a line for the shell that changes what the node sees; see `own_disk`.
        """
        apart = ["unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh"] if mounts else []
        self._run(*apart, "slurmd", "-D", "-N", node, name=node)

    def restart_node(self, node: str, **options: Any) -> None:
        """Starts the daemon of a node again, with options of `start_node`."""
        self.kill(node)
        self.start_node(node, **options)

    def processes_on(self, node: str) -> list[psutil.Process]:
        """The processes of a node: its daemon, those of its jobs, and what Slurm starts beside each of them."""
        jobs = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("SLURMD_NODENAME") == node:
                    jobs.append(process)
        found = {psutil.Process(self.processes[node].pid), *jobs}
        for process in jobs:
            with contextlib.suppress(psutil.Error):
                if "slurmstepd" in process.parent().name():
                    found.add(process.parent())
        return list(found)

    def mend(self) -> None:
        """Ends all jobs, and starts what is not running any more."""
        if "slurmctld" not in self.processes:
            self.start_controller()
        for node in NODES:
            if node not in self.processes:
                self.start_node(node)
            self.ask("scontrol", "update", f"NodeName={node}", "State=RESUME")
        _wait(lambda: self.ask("scontrol", "ping").count(" is UP"), "slurmctld", self.folder)
        self.ask("scancel", f"--user={os.getuid()}")
        _wait(lambda: not self.ask("squeue", "--noheader"), "an empty queue", self.folder)
        _wait(lambda: set(self.ask("sinfo", "--noheader", "--format=%t").split()) == {"idle"}, "Slurm", self.folder)

    def kill(self, name: str) -> None:
        """Kills a daemon: "slurmctld", or that of a node."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def ask(self, *command: str) -> str:
        """Returns what one of Slurm's commands prints; nothing where it fails."""
        found = subprocess.run(
            command, capture_output=True, text=True, env=os.environ | self.environment, check=False, timeout=60
        )
        return found.stdout if found.returncode == 0 else ""

    def stop(self) -> None:
        """Cancels all jobs, and ends all daemons."""
        self.ask("scancel", f"--user={os.getuid()}")
        with contextlib.suppress(AssertionError):
            _wait(lambda: not self.ask("squeue", "--noheader"), "the jobs")
        for process in reversed(self.processes.values()):
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _run(self, program: str, *arguments: str, name: str | None = None) -> None:
        with (self.folder / f"{name or program}.out").open("ab") as log:
            self.processes[name or program] = subprocess.Popen(
                [program, *arguments], stdout=log, stderr=log, env=os.environ | self.environment
            )


@contextlib.contextmanager
def running() -> Iterator[SlurmCluster]:
    """A cluster while the block lasts, which this process and those that it starts take for theirs."""
    if missing := missing_packages():
        lacking(f"apt-get install {' '.join(missing)}")
    folder = Path(tempfile.mkdtemp(prefix="slurm"))  # a short path, for the sake of a socket
    cluster = SlurmCluster(folder)
    try:
        cluster.start()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in cluster.environment.items():
                patch.setenv(name, value)
            yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _wait(ready, what: str, folder: Path | None = None) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        logs = "" if folder is None else "\n".join(f"{p}:\n{p.read_text()[-2000:]}" for p in folder.glob("*.log"))
        assert time.monotonic() < deadline, f"{what} did not start.\n{logs}"
        time.sleep(0.2)
