"""The cluster: the connection to it, what a run needs of a node, and whether the nodes are fit for runs."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import ray
from ray.autoscaler.sdk import request_resources
from ray.exceptions import RayError, RayTaskError
from ray.util import client

from skipwise.comparison.executors.ray.task import Head
from skipwise.comparison.plan.plan import Plan
from skipwise.core.errors import SkipwiseError
from skipwise.core.machine.environment import PATIENCE
from skipwise.core.machine.memory import GIB, NEEDS
from skipwise.core.text import count
from skipwise.nets.external import is_external
from skipwise.training.probe.batch_size import Room, step_bytes

LOOKING = 600.0
"""Seconds that a node may take for a look at itself: it imports PyTorch, and perhaps decodes the images."""
WAITING = 900.0
"""Seconds that a cluster without any CPU may take to start a node."""
NODE_ID = "ray.io/node-id"
"""The label that Ray gives every node."""
HEAD_NODE = {"node:__internal_head__": 0.001}
"""A resource of Ray that only the head node of a cluster has; a little of it is asked for by what has to be there."""


class ClusterNotice(UserWarning):
    """What a person should know about the cluster."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a run needs of a node: CPUs, GPUs (a fraction, where several runs share one) and memory in bytes; and where
    modules with networks of the user's own lie."""

    cpus: int
    gpus: float
    memory: int
    modules: str = ""

    def missing(self, resources: dict[str, float]) -> str:
        """Returns the first thing that a node has too little of, in words; "" for a node that can do a run."""
        if resources.get("CPU", 0) < self.cpus:
            return f"{count(int(resources.get('CPU', 0)), 'CPU')}, and a run needs {self.cpus}"
        if resources.get("GPU", 0) < self.gpus:
            return f"{resources.get('GPU', 0):g} GPUs, and a run needs {self.gpus:g}"
        if resources.get("memory", 0) < self.memory:
            return f"{resources.get('memory', 0) / GIB:.2g} GiB of memory, and a run needs {self.memory / GIB:.2g} GiB"
        return ""

    def bundle(self) -> dict[str, float]:
        """As resources of a node."""
        return {"CPU": self.cpus, "memory": self.memory} | ({"GPU": self.gpus} if self.gpus else {})

    def options(self) -> dict[str, Any]:
        """As options of a task."""
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, "memory": self.memory, "runtime_env": self.environment}

    @property
    def environment(self) -> dict[str, Any]:
        """The environment of the processes that do runs, as Ray takes it."""
        modules = {"PYTHONPATH": self.modules} if self.modules else {}
        return {"env_vars": PATIENCE | {"OMP_NUM_THREADS": str(self.cpus)} | modules}


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node that does runs.

    Args:
        id: by which Ray knows it.
        name: of its machine.
        kind: what has to be equal for two machines to come to the same bytes.
        cpus: how many Ray may use there.
        memory: how many bytes Ray may use there.
    """

    id: str
    name: str
    kind: str
    cpus: float
    memory: float


def connect(address: str | None) -> bool:
    """Connects this process with a cluster, unless it is connected. Returns whether this made the connection.

    Args:
        address: as `ray.init` takes it; None is RAY_ADDRESS, or the cluster of this machine, or else a new one.

    Raises:
        SkipwiseError: there is none at the address, or it has other versions of Ray or Python.
    """
    if ray.is_initialized():
        return False
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else Ray warns of a change to come
    where = address or os.environ.get("RAY_ADDRESS")
    place = f"at {where}" if where else "on this machine"
    if where is not None and not _listens(where):  # Ray would try for minutes
        raise _no_cluster(place)
    try:
        with _own_signals():
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, OSError, RayError) as error:
        said = " ".join(str(error).split())
        if "ersion" in said and "ismatch" in said:
            raise SkipwiseError(
                f"The Ray cluster {place} has other versions of Ray or Python ({said}); install the same on all "
                "machines."
            ) from error
        raise _no_cluster(place) from error
    return True


def _listens(address: str) -> bool:
    """Returns whether somebody listens at an address; True for one that has no port, such as "auto"."""
    host, _, port = address.rpartition("://")[2].partition("/")[0].rpartition(":")
    if not host or not port.isdecimal():
        return True
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError):
        return False
    return True


def _no_cluster(place: str) -> SkipwiseError:
    return SkipwiseError(
        f"There is no Ray cluster {place} that answers; start one with 'ray start --head', or correct the address."
    )


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keeps what SIGTERM does, which Ray would change to something else."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def is_there() -> bool:
    """Returns whether the cluster can be reached. Ray itself waits for a lost one, and then ends the process."""
    if client.ray.is_connected():  # type: ignore[no-untyped-call] # then it raises a ConnectionError
        return True
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except OSError:
        return False
    return True


def needs_of(plan: Plan, *, gpus: float | None = None, memory: float | None = None) -> Needs:
    """What a run of a plan needs: its threads, a GPU where it uses one, and the memory of its largest network.

    Args:
        gpus: instead of one.
        memory: in bytes, instead of an estimate.
    """
    if gpus is None:
        gpus = 1.0 if plan.execution.device == "cuda" else 0.0
    own = any(is_external(name) for name in plan.trained)
    modules = os.pathsep.join(path for path in sys.path if path) if own else ""
    return Needs(cpus=plan.execution.threads, gpus=gpus, memory=int(memory or _memory_of(plan)), modules=modules)


def _memory_of(plan: Plan) -> float:
    """About the memory of a run's process, in bytes: PyTorch, and the step of the network that needs most."""
    room = Room(channels=plan.preprocessing.channels, size=plan.preprocessing.size)
    largest = 0.0
    for name in plan.trained:
        if is_external(name):
            continue  # its code runs in workers only, as it may end its process; its first run tells what it needs
        network = plan.network(name).build(seed=plan.question.first_seed)
        largest = max(largest, step_bytes(network, plan.execution, room, plan.recipe.batch_size))
    return NEEDS["torch"].memory + GIB / 4 + (largest if plan.execution.device == "cpu" else 0.0)


def look_at_nodes(head: Head, needs: Needs) -> list[Node]:
    """The nodes that can do runs, each of which was asked.

    Raises:
        SkipwiseError: one has other versions, lacks Skipwise, the images or the comparison's folder, or does not
            answer; or none has what a run needs.
    """
    look, said = ray.remote(_sent_as_code()), pickle.dumps(head)
    # In an environment like that of the runs, so that the same processes do these afterwards.
    free = {"num_cpus": 0, "num_gpus": needs.gpus, "runtime_env": needs.environment, "max_retries": 0}
    asked = [
        (node, look.options(**free, label_selector={NODE_ID: node["NodeID"]}).remote(said))
        for node in _fit_nodes(needs)
    ]
    answered = [_answered(node, answer) for node, answer in asked]
    if not any(answered):
        raise SkipwiseError("All nodes of the Ray cluster were lost; start some, and give the same command again.")
    return [node for node in answered if node is not None]


def _fit_nodes(needs: Needs) -> list[dict[str, Any]]:
    """The nodes that have what a run needs. Where no node has any CPU, Ray is asked for some, and waited for."""
    fit, others = _sorted_out(needs)
    if not fit and not others:
        notice("No node of the Ray cluster has CPUs yet; waiting for one.")
        request_resources(bundles=[needs.bundle()])
        deadline = time.monotonic() + WAITING
        while not fit and not others and time.monotonic() < deadline:
            time.sleep(1)
            fit, others = _sorted_out(needs)
        request_resources(bundles=[])
    if not fit:
        lacking = "; ".join(others[:5]) or f"none has come in {WAITING:.0f} s"
        raise SkipwiseError(
            f"No node of the Ray cluster can do a run: {lacking}. Add a larger one, or make runs smaller "
            "(--batch-size, --img-size, --width)."
        )
    if others:
        notice(f"Some nodes do no runs: {'; '.join(others[:5])}.")
    return fit


def _sorted_out(needs: Needs) -> tuple[list[dict[str, Any]], list[str]]:
    """The nodes that have what a run needs, and what the others lack that have any CPU."""
    alive = [node for node in _nodes() if node["Alive"] and node["Resources"].get("CPU")]
    lacking = [(node, needs.missing(node["Resources"])) for node in alive]
    fit = [node for node, lack in lacking if not lack]
    return fit, [f"{_name(node)} has {lack}" for node, lack in lacking if lack]


def _sent_as_code() -> Callable[[bytes], str]:
    """The function that looks at a node. Ray sends an inner function as code, which runs where no Skipwise is, too."""

    def look(head: bytes) -> str:
        try:
            from skipwise.comparison.executors.ray.task import look_at_node
        except ImportError as error:
            return f"lacks {error.name}"
        return f"kind {look_at_node(pickle.loads(head))}"

    return look


def _answered(node: dict[str, Any], answer: Any) -> Node | None:
    """The node, once it has answered; None where it was lost meanwhile."""
    deadline = time.monotonic() + LOOKING
    while not ray.wait([answer], timeout=5)[0]:
        if node["NodeID"] not in alive():
            return None
        if time.monotonic() >= deadline:
            raise SkipwiseError(
                f"The node {_name(node)} did not answer for {LOOKING:.0f} s; see 'ray status', and give the same "
                "command again."
            )
    try:
        word, _, said = ray.get(answer).partition(" ")
    except SkipwiseError as error:
        raise SkipwiseError(plain(error)) from error
    except RayTaskError:
        raise  # ours is to blame
    except RayError as error:
        if node["NodeID"] not in alive():
            return None
        raise SkipwiseError(
            f"The process that looked at the node {_name(node)} was killed, perhaps because memory ran out; give the "
            "same command again."
        ) from error
    if word == "lacks":
        raise SkipwiseError(
            f"The node {_name(node)} lacks the package {said}; install the same there as here: pip install "
            "'skipwise[ray]'"
        )
    resources = node["Resources"]
    return Node(
        id=node["NodeID"], name=_name(node), kind=said, cpus=resources["CPU"], memory=resources.get("memory", 0.0)
    )


def plain(error: SkipwiseError) -> str:
    """The sentence of an error that was raised in a task, without what Ray puts around it."""
    cause = error.cause if isinstance(error, RayTaskError) else error
    return str(cause)


def _nodes() -> list[dict[str, Any]]:
    return ray.nodes()  # type: ignore[no-untyped-call]


def alive() -> set[str]:
    """The ids of the nodes that are alive."""
    return {node["NodeID"] for node in _nodes() if node["Alive"]}


def has_room(needs: Needs) -> bool:
    """Returns whether a run would begin at once, as far as the sums over all nodes tell."""
    return not needs.missing(ray.available_resources())  # type: ignore[no-untyped-call]


def _name(node: dict[str, Any]) -> str:
    return f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"


def notice(sentence: str) -> None:
    """Tells the user what should be known about the cluster."""
    warnings.warn(sentence, ClusterNotice, stacklevel=2)
