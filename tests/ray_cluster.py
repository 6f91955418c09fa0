"""A Ray cluster of several nodes on this machine, for tests; each node has processes and ports of its own."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
MEMORY = 80 * 2**20
"""Bytes of each node's object store, the least that Ray takes; nothing large is kept in it."""
ENVIRONMENT = {
    "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
    "OMP_NUM_THREADS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",  # else it depends on whether a token lies in the home folder
    "RAY_worker_niceness": "0",  # Ray's workers give way to all other programs, and would never end on a busy machine
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
RAY = Path(sys.executable).with_name("ray")


@contextlib.contextmanager
def cluster(*, nodes: int = 1) -> Iterator[Any]:
    """A head node, and so many others; each has one CPU."""
    from ray.cluster_utils import Cluster

    before = dict(os.environ)
    os.environ.update(ENVIRONMENT)
    made = None
    for _ in range(5):  # Ray gives a node half a minute to start, which is too little where all cores are busy
        with contextlib.suppress(Exception):
            options = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": MEMORY}
            made = Cluster(initialize_head=True, head_node_args=options)
            break
        for left in psutil.Process().children(recursive=True):
            if "ray" in " ".join(left.cmdline()):
                left.kill()
    assert made is not None, "Ray does not start here"
    try:
        for _ in range(nodes):
            add_node(made)
        yield made
    finally:
        made.shutdown()
        os.environ.clear()
        os.environ.update(before)


def add_node(to: Any, *, env: Mapping[str, str] | None = None, **options: Any) -> Any:
    """Adds a node of one CPU; Ray's own `remove_node` removes it.

    Args:
        env: variables of its processes.
        options: of the node, as `Cluster.add_node` takes them.
    """
    options = {"num_cpus": 1, "object_store_memory": MEMORY} | options
    return to.add_node(env_vars={**ENVIRONMENT, **(env or {})}, **options)


@contextlib.contextmanager
def apart(address: str, *hidden: Path) -> Iterator[None]:
    """A node started by `ray start`, where empty folders are in the place of some: it has mounts of its own."""
    before = nodes_of(address)
    mounts = "; ".join(f"mount -t tmpfs none '{folder}'" for folder in hidden)
    start = f"exec {RAY} start --address={address} --num-cpus=1 --object-store-memory={MEMORY} --block"
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", f"{mounts}; {start}"],
        env=os.environ | ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 300
        while not nodes_of(address) - before:
            assert process.poll() is None
            assert time.monotonic() < deadline, "the node did not join"
            time.sleep(0.5)
        yield
    finally:
        end(process)


def nodes_of(address: str) -> set[str]:
    """The ids of the nodes that are alive."""
    import ray

    ray.init(address, log_to_driver=False)
    try:
        return {node["NodeID"] for node in ray.nodes() if node["Alive"]}
    finally:
        ray.shutdown()


class StartedHead:
    """A cluster of one node, by `ray start` as anybody starts one, whose processes can be killed and started again.

    Args:
        folder: for Ray's files; its path has to be short, since those of sockets may not be long.
        variables: of the environment of its processes, besides those of all tests.

    Attributes:
        address: of the cluster itself.
        client: of the server for clients.
        dashboard: of the server that takes jobs.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.folder, self.variables = folder, variables
        self.process: subprocess.Popen[bytes] | None = None
        self.ports = _free_ports(4)
        from ray.util import get_node_ip_address

        host = get_node_ip_address()
        self.address, self.client, self.dashboard = (
            f"{name}:{port}" for name, port in zip((host, "127.0.0.1", "127.0.0.1"), self.ports[:3], strict=True)
        )

    def start(self) -> None:
        """Starts it, at the same ports each time."""
        for _ in range(5):  # Ray gives a node half a minute to start, which is too little where all cores are busy
            self.process = self._begin()
            if all(_is_waited_for(each, self.process) for each in (self.address, self.client, self.dashboard)):
                return
            end(self.process)
        raise AssertionError("Ray does not start here")

    def _begin(self) -> subprocess.Popen[bytes]:
        port, client, dashboard, agent = self.ports
        return subprocess.Popen(
            [
                *(RAY, "start", "--head", "--block", "--num-cpus=2", f"--object-store-memory={MEMORY}"),
                *(f"--port={port}", f"--ray-client-server-port={client}", f"--dashboard-port={dashboard}"),
                # Its usual port may be that of another cluster on this machine, and then no jobs are taken.
                *(f"--dashboard-agent-listen-port={agent}", f"--temp-dir={self.folder}"),
            ],
            env=os.environ | ENVIRONMENT | self.variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill(self, *names: str) -> None:
        """Kills its processes, or those with such names."""
        assert self.process is not None
        if not names:
            end(self.process)
            return
        for each in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if each.name() in names:
                    each.kill()


@contextlib.contextmanager
def started(**variables: str) -> Iterator[StartedHead]:
    """A cluster of one node, which `ray start` started, in an environment with more variables."""
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        head = StartedHead(Path(folder), variables)
        head.start()
        try:
            yield head
        finally:
            if head.process is not None and head.process.poll() is None:
                end(head.process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kills a process with all that it started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for each in (*psutil.Process(process.pid).children(recursive=True), process):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
    process.wait()


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [each.getsockname()[1] for each in sockets]


def _is_waited_for(address: str, process: subprocess.Popen[bytes]) -> bool:
    """Returns whether somebody listens at an address before a process ends."""
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
            return True
        time.sleep(0.2)
    return False


def working() -> list[psutil.Process]:
    """The processes that are doing runs now, of all nodes that this process started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "ray::do_run" in " ".join(process.cmdline()):
                found.append(process)
    return found


def kill_one(rng: random.Random, *, within: float = 600.0, sign: int = signal.SIGKILL) -> psutil.Process:
    """Sends a signal to one of the processes that are doing runs, as soon as there is one."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if there := working():
            chosen = rng.choice(there)
            with contextlib.suppress(psutil.NoSuchProcess):
                chosen.send_signal(sign)
                return chosen
        time.sleep(0.05)
    raise AssertionError(f"no run was done for {within:.0f} s")
