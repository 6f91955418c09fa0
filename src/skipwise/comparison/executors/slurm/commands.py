"""Slurm's own commands: what is asked of them, and what they say."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from skipwise.core.errors import SkipwiseError

PATIENCE = 60.0
"""Seconds until a command is given up; Slurm itself waits ten for its controller."""


class NoAnswer(SkipwiseError):
    """Slurm's controller can't be reached."""


def ask(*command: str) -> str:
    """Runs one of Slurm's commands, and returns what it prints.

    Raises:
        NoAnswer: it fails; the sentence has its last line.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoAnswer(f"Slurm does not answer ({command[0]}: {error}); try again when it does.") from error
    if done.returncode:
        raise NoAnswer(f"Slurm does not answer ({last_line(done.stderr) or command[0]}); try again when it does.")
    return done.stdout


def last_line(text: str) -> str:
    """Returns the last line of what a command says, without the command's name."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return re.sub(r"^\w+: (error: )?", "", lines[-1]) if lines else ""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node of a partition: its CPUs, memory (MB) and GPUs, and the longest time of a job (minutes; None: any)."""

    partition: str
    default: bool
    cpus: int
    memory: int
    gpus: int
    minutes: int | None


def nodes() -> list[Node]:
    """The nodes of all partitions; a node that is in several is there several times.

    Raises:
        NoAnswer: Slurm can't be asked.
    """
    found = []
    for line in ask("sinfo", "--noheader", "--Node", "--format=%P|%c|%m|%G|%l").splitlines():
        partition, cpus, memory, resources, limit = line.split("|")
        found.append(
            Node(
                partition=partition.rstrip("*"),
                default=partition.endswith("*"),
                cpus=int(cpus.rstrip("+")),
                memory=int(memory.rstrip("+")),
                gpus=_gpus(resources),
                minutes=minutes_of(limit),
            )
        )
    return found


def _gpus(resources: str) -> int:
    """The number of GPUs in "gpu:a100:4(S:0-1),gpu:v100:2"."""
    return sum(int(number) for number in re.findall(r"\bgpu(?::[^:,()]+)?:(\d+)", resources))


def minutes_of(limit: str) -> int | None:
    """The minutes of "1-02:30:00", "30:00" or "infinite", rounded up."""
    found = re.fullmatch(r"(?:(?P<d>\d+)-)?(?:(?:(?P<h>\d+):)?(?P<m>\d+):)?(?P<s>\d+)", limit.strip())
    if found is None:
        return None
    days, hours, minutes, seconds = (int(found[part] or 0) for part in "dhms")
    return days * 1440 + hours * 60 + minutes + -(-seconds // 60)


LIVING = frozenset(
    "PENDING RUNNING CONFIGURING COMPLETING SUSPENDED STOPPED REQUEUED REQUEUE_HOLD REQUEUE_FED RESIZING SIGNALING "
    "STAGE_OUT SPECIAL_EXIT RESV_DEL_HOLD".split()
)
"""The states of a job that may still do something."""
HOPELESS = frozenset(
    "BadConstraints PartitionTimeLimit PartitionNodeLimit InvalidAccount InvalidQOS JobHeldAdmin AccountNotAllowed "
    "QOSNotAllowed QOSMaxMemoryPerJob QOSMaxCpuPerJobLimit QOSMaxWallDurationPerJobLimit MaxMemPerLimit".split()
)
"""Reasons for which a job waits until somebody changes it, or Slurm's settings."""


@dataclass(frozen=True, kw_only=True)
class State:
    """The state of a job.

    Args:
        name: Slurm's word, such as "RUNNING".
        reason: for which it waits.
    """

    name: str
    reason: str = ""

    @property
    def living(self) -> bool:
        """Whether the job may still do something."""
        return self.name in LIVING


def states(name: str) -> dict[str, State]:
    """The states of the user's jobs of one name, by their numbers ("12_3" in an array, "12" alone).

    Jobs that ended some minutes ago are not in it any more.

    Raises:
        NoAnswer: Slurm can't be asked.
    """
    format = "--format=%F|%K|%T|%r"
    said = ask("squeue", "--noheader", "--array", "--states=all", f"--user={os.getuid()}", f"--name={name}", format)
    found = {}
    for line in said.splitlines():
        number, index, state, reason = (part.strip() for part in line.split("|", 3))
        found[f"{number}_{index}" if index.isdecimal() else number] = State(name=state, reason=reason)
    return found


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a job ended.

    Args:
        state: Slurm's word, such as "OUT_OF_MEMORY"; empty where it is not known any more.
        node: where it was.
        status: its exit status.
        signal: that ended it.
    """

    state: str = ""
    node: str = ""
    status: int = 0
    signal: int = 0


def ending_of(job: str) -> Ending:
    """How a job ended, as far as Slurm still knows."""
    try:
        said = ask("scontrol", "--oneliner", "show", "job", job)
    except NoAnswer:
        return Ending()
    values = dict(part.split("=", 1) for part in said.split() if "=" in part)
    status, _, number = values.get("ExitCode", "0:0").partition(":")
    node = values.get("BatchHost") or values.get("NodeList", "")
    return Ending(state=values.get("JobState", ""), node=node, status=int(status or 0), signal=int(number or 0))


def cancel(name: str, *, states: Sequence[str] = ()) -> None:
    """Cancels the user's jobs of one name.

    Args:
        states: only jobs in one of these.

    Raises:
        NoAnswer: Slurm can't be asked.
    """
    for state in states or [""]:
        only = [f"--state={state}"] if state else []
        ask("scancel", f"--user={os.getuid()}", f"--name={name}", *only)
