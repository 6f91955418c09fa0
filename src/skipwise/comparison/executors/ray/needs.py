"""What a run needs of a node."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

from skipwise.comparison.plan.plan import Plan
from skipwise.core.machine.environment import PATIENCE
from skipwise.core.machine.memory import GIB, NEEDS
from skipwise.core.text import count
from skipwise.nets.external import is_external


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


def gpus_of(device: str, gpus: float | None) -> float:
    """The GPUs of a run: as many as were named, or one where it uses one."""
    return (1.0 if device == "cuda" else 0.0) if gpus is None else gpus


def needs_of(plan: Plan, *, gpus: float | None = None, memory: float | None = None) -> Needs:
    """What a run of a plan needs: its threads, a GPU where it uses one, and the memory of its largest network.

    Args:
        gpus: instead of one.
        memory: in bytes, instead of an estimate.
    """
    own = any(is_external(name) for name in plan.trained)
    modules = os.pathsep.join(path for path in sys.path if path) if own else ""
    gpus = gpus_of(plan.execution.device, gpus)
    return Needs(cpus=plan.execution.threads, gpus=gpus, memory=int(memory or _memory_of(plan)), modules=modules)


def _memory_of(plan: Plan) -> float:
    """About the memory of a run's process, in bytes: PyTorch, and the step of the network that needs most."""
    from skipwise.training.probe.batch_size import Room, step_bytes  # with torch, which the driver does not need

    room = Room(channels=plan.preprocessing.channels, size=plan.preprocessing.size)
    largest = 0.0
    for name in plan.trained:
        if is_external(name):
            continue  # its code runs in workers only, as it may end its process; its first run tells what it needs
        network = plan.network(name).build(seed=plan.question.first_seed)
        largest = max(largest, step_bytes(network, plan.execution, room, plan.recipe.batch_size))
    return NEEDS["torch"].memory + GIB / 4 + (largest if plan.execution.device == "cpu" else 0.0)
