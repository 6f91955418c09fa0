"""A Ray cluster of several nodes on this machine, for tests; each node has processes and ports of its own."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
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


@contextlib.contextmanager
def started(folder: Path) -> Iterator[tuple[str, str]]:
    """A cluster of one node, by `ray start` as anybody starts one; yields the addresses for clients and for jobs."""
    port, client, dashboard = _free_ports(3)
    process = subprocess.Popen(
        [
            *(RAY, "start", "--head", "--block", "--num-cpus=2", f"--object-store-memory={MEMORY}"),
            *(f"--port={port}", f"--ray-client-server-port={client}", f"--dashboard-port={dashboard}"),
            f"--temp-dir={folder}/r",
        ],
        env=os.environ | ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for each in (client, dashboard):
            _wait_for(each, process)
        yield f"127.0.0.1:{client}", f"127.0.0.1:{dashboard}"
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kills a process with all that it started."""
    everything = psutil.Process(process.pid).children(recursive=True)
    for each in (*everything, process):
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()


def _free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [each.getsockname()[1] for each in sockets]


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    raise AssertionError(f"nobody listens at port {port}")


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
