"""The nodes of a cluster, and whether they are fit for runs."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ray
from ray.autoscaler.sdk import request_resources
from ray.exceptions import RayError, RayTaskError

from skipwise.comparison.executors.executor import Room
from skipwise.comparison.executors.ray.needs import Needs
from skipwise.core.errors import SkipwiseError

if TYPE_CHECKING:
    from skipwise.comparison.executors.ray.task import Head

LOOKING = 600.0
"""Seconds that a node may take for a look at itself: it imports PyTorch, and perhaps decodes the images."""
WAITING = 900.0
"""Seconds that a cluster without any CPU may take to start a node."""
NODE_ID = "ray.io/node-id"
"""The label that Ray gives every node."""


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


def look_at_nodes(head: Head, needs: Needs, notice: Callable[[str], None], waiting: Callable[[], None]) -> list[Node]:
    """The nodes that can do runs, each of which was asked.

    Args:
        notice: is called with sentences that a person should know.
        waiting: is called now and then while this waits.

    Raises:
        SkipwiseError: one has other versions, lacks Skipwise, the images or the comparison's folder, or does not
            answer; or none has what a run needs.
    """
    look, said = ray.remote(_sent_as_code()), pickle.dumps(head)
    # In an environment like that of the runs, so that the same processes do these afterwards.
    free = {"num_cpus": 0, "num_gpus": needs.gpus, "runtime_env": needs.environment, "max_retries": 0}
    asked = [
        (node, look.options(**free, label_selector={NODE_ID: node["NodeID"]}).remote(said))
        for node in _fit_nodes(needs, notice, waiting)
    ]
    answered = [_answered(node, answer, waiting) for node, answer in asked]
    if not any(answered):
        raise SkipwiseError("All nodes of the Ray cluster were lost; start some, and give the same command again.")
    return [node for node in answered if node is not None]


def rooms(gpus: float) -> tuple[Room, ...]:
    """What the nodes that have CPUs now have for runs.

    Args:
        gpus: of each run.
    """
    with_cpus = [node["Resources"] for node in _nodes() if node["Alive"] and node["Resources"].get("CPU")]
    return tuple(
        Room(cpus=int(has["CPU"]), most=int(has.get("GPU", 0.0) / gpus) if gpus else None) for has in with_cpus
    )


def _fit_nodes(needs: Needs, notice: Callable[[str], None], waiting: Callable[[], None]) -> list[dict[str, Any]]:
    """The nodes that have what a run needs. Where no node has any CPU, Ray is asked for some, and waited for."""
    fit, others = _sorted_out(needs)
    if not fit and not others:
        notice("No node of the Ray cluster has CPUs yet; waiting for one.")
        request_resources(bundles=[needs.bundle()])
        deadline = time.monotonic() + WAITING
        while not fit and not others and time.monotonic() < deadline:
            waiting()
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


def _answered(node: dict[str, Any], answer: Any, waiting: Callable[[], None]) -> Node | None:
    """The node, once it has answered; None where it was lost meanwhile."""
    deadline = time.monotonic() + LOOKING
    while not ray.wait([answer], timeout=5)[0]:
        waiting()
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
