"""The resources of each job of Slurm, and a check that some node has them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import parse_qsl

from skipwise.comparison.executors.slurm.commands import Node
from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.core.text import count
from skipwise.training.run.time_budget import parse_limit

_UNITS = {"K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}
PASSED_ON = ("account", "constraint", "exclude", "gres", "licenses", "nodelist", "qos", "reservation")
"""Options of sbatch that are taken as they are."""


LEAST_MINUTES = 3
"""The shortest time of a job in which it does anything."""


@dataclass(frozen=True, kw_only=True)
class SlurmRequest:
    """The resources that each job asks Slurm for; None leaves the choice to Slurm.

    Args:
        partition: its name.
        jobs: the largest number of jobs at a time.
        cpus: of each job; None is the number of threads of a run.
        gpus: of each job; None is one where the runs use one.
        memory: of each job, such as "16G".
        time: of each job, such as "8h". A run that is not finished by then goes on in another job.
        sbatch: further options of sbatch, such as account; see `PASSED_ON`.

    Raises:
        SkipwiseError: an option has a value that it can't have.

    Example:
        >>> request = SlurmRequest(partition="long", jobs=8, memory="16G")  # for SlurmExecutor(request)
        >>> request.memory
        '16G'
    """

    partition: str | None = None
    jobs: int = 100
    cpus: int | None = None
    gpus: int | None = None
    memory: str | None = None
    time: str | None = None
    sbatch: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, least in (("jobs", 1), ("cpus", 1), ("gpus", 0)):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < least):
                raise SkipwiseError(
                    f"{name} of the executor slurm must be a whole number from {least} on, not {value!r}."
                )
        _ = self.megabytes, self.minutes  # which raise where they can't be read
        for name in self.sbatch:
            if name not in PASSED_ON:
                raise unknown_name("option of the executor slurm", name, (*_OPTIONS, *PASSED_ON))

    @classmethod
    def from_address(cls, address: str) -> SlurmRequest:
        """Reads "PARTITION?time=8h&memory=16G", the part of an address after "slurm://".

        Raises:
            SkipwiseError: an option is unknown, or has a value that it can't have.
        """
        partition, _, query = address.partition("?")
        try:
            given = dict(parse_qsl(query, strict_parsing=True)) if query else {}
        except ValueError as error:
            raise SkipwiseError(
                f"{query!r} is no list of options for the executor slurm; write it like "
                "'slurm://PARTITION?time=8h&memory=16G'."
            ) from error
        own: dict[str, Any] = {name: given.pop(name) for name in _OPTIONS if name in given}
        for name in ("jobs", "cpus", "gpus"):
            if name in own:
                own[name] = int(own[name]) if own[name].isdecimal() else own[name]
        return cls(partition=partition or None, **own, sbatch=given)

    @property
    def megabytes(self) -> int | None:
        """The memory, in MB."""
        if self.memory is None:
            return None
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT])i?B?", str(self.memory).strip(), re.IGNORECASE)
        if found is None or not float(found[1]):
            raise SkipwiseError(f"memory of the executor slurm is {self.memory!r}; write it like 16G or 800M.")
        return math.ceil(float(found[1]) * _UNITS[found[2].upper()])

    @property
    def minutes(self) -> int | None:
        """The time, in whole minutes."""
        if self.time is None:
            return None
        try:
            minutes = math.ceil(parse_limit(str(self.time)) / 60)
        except SkipwiseError:
            raise SkipwiseError(
                f"time of the executor slurm is {self.time!r}; write it like 20m, 8h or 1:30:00."
            ) from None
        if minutes < LEAST_MINUTES:
            raise SkipwiseError(
                f"time of the executor slurm has to be {LEAST_MINUTES} minutes at least, not {self.time}: a job is "
                "told to save its run a minute or two before its end."
            )
        return minutes

    def check(self, nodes: Sequence[Node]) -> None:
        """Compares what is asked with what the nodes have.

        Raises:
            SkipwiseError: there is no such partition, or no node of it has so much.
        """
        names = dict.fromkeys(node.partition for node in nodes)
        asked = self.partition or next((node.partition for node in nodes if node.default), None)
        if asked is None:
            raise SkipwiseError(
                f"Slurm has no default partition here; name one, such as slurm://{next(iter(names), 'PARTITION')}."
            )
        if missing := [name for name in asked.split(",") if name not in names]:
            raise unknown_name("partition of Slurm", missing[0], names)
        there = [node for node in nodes if node.partition in asked.split(",")]
        self._check_amounts(asked, there)

    def _check_amounts(self, partition: str, nodes: Sequence[Node]) -> None:
        most_cpus, most_gpus = max(node.cpus for node in nodes), max(node.gpus for node in nodes)
        most_memory = max(node.memory for node in nodes)
        if (self.cpus or 1) > most_cpus:
            raise _too_much(partition, count(self.cpus or 1, "CPU"), f"{most_cpus}")
        if (self.gpus or 0) > most_gpus:
            raise _too_much(partition, count(self.gpus or 0, "GPU"), f"{most_gpus}")
        if self.megabytes is not None and self.megabytes > most_memory:
            raise _too_much(partition, f"{self.memory} of memory", f"{most_memory / 1024:.3g}G")
        if not any(self._fits(node) for node in nodes):
            raise SkipwiseError(
                f"No node of Slurm's partition {partition} has so many CPUs and GPUs and so much memory at once; ask "
                "for less, or name another partition."
            )
        limits = [node.minutes for node in nodes]
        if self.minutes is not None and None not in limits and self.minutes > max(limit or 0 for limit in limits):
            longest = max(limit or 0 for limit in limits)
            raise SkipwiseError(
                f"A job of Slurm's partition {partition} may last {longest} minutes at most, and time={self.time} is "
                "longer; ask for less: what a job does not finish goes on in the next."
            )

    def _fits(self, node: Node) -> bool:
        enough = node.cpus >= (self.cpus or 1) and node.gpus >= (self.gpus or 0)
        return enough and node.memory >= (self.megabytes or 0)

    def parameters(self) -> dict[str, Any]:
        """The parameters of submitit's executor."""
        return {
            "partition": self.partition,
            "time": self.minutes,
            "mem": None if self.megabytes is None else f"{self.megabytes}M",
            "cpus_per_task": self.cpus,
            "gpus_per_node": self.gpus or None,
            "additional_parameters": dict(self.sbatch),
        }


_OPTIONS = tuple(each.name for each in fields(SlurmRequest) if each.name not in ("partition", "sbatch"))


def _too_much(partition: str, asked: str, most: str) -> SkipwiseError:
    return SkipwiseError(
        f"No node of Slurm's partition {partition} has {asked}; the largest has {most}. Ask for less, or name another "
        "partition."
    )
