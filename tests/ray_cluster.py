"""A Ray cluster of several nodes on this machine, for tests; each node has processes and ports of its own."""

from __future__ import annotations

import contextlib
import os
import random
import signal
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
    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False, "object_store_memory": MEMORY},
    )
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
    """A node started by `ray start`, where other folders are in the place of some: it has mounts of its own."""
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
        yield
    finally:
        everything = [*psutil.Process(process.pid).children(recursive=True), process]
        for each in everything:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        process.wait()


def wait_for_nodes(made: Any, number: int) -> None:
    """Waits until so many nodes are alive."""
    import ray

    ray.init(made.address, log_to_driver=False)
    try:
        deadline = time.monotonic() + 60
        while sum(node["Alive"] for node in ray.nodes()) != number:
            assert time.monotonic() < deadline, f"there are not {number} nodes: {ray.nodes()}"
            time.sleep(0.2)
    finally:
        ray.shutdown()


def working() -> list[psutil.Process]:
    """The processes that are doing runs now, of all nodes that this process started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "ray::do_run" in " ".join(process.cmdline()):
                found.append(process)
    return found


def kill_one(rng: random.Random, *, within: float = 60.0, sign: int = signal.SIGKILL) -> psutil.Process:
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
