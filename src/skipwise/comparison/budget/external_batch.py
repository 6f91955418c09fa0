"""The largest batch of an external network that fits into memory, tried in a process of its own.

    python -m skipwise.comparison.budget.external_batch

External code may print, end the process or take all memory, and should not do so in the process that plans. Standard
input is a `BatchRequest` as JSON; standard output is a `BatchResult` as JSON.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from skipwise.comparison.plan.plan import Plan
from skipwise.core.machine.devices import falling_back
from skipwise.training.probe.batch_size import Room, TooLarge, largest_batch


@dataclass(frozen=True, kw_only=True)
class BatchRequest:
    """The network that is tried, and what has to fit into memory with it."""

    plan: Plan
    name: str
    room: Room


@dataclass(frozen=True, kw_only=True)
class BatchResult:
    """The largest batch that fits, or why none does; and notices."""

    batch: int
    refused: str = ""
    lines: tuple[str, ...] = ()


def largest_external_batch(plan: Plan, name: str, room: Room, notice: Callable[[str], None]) -> int:
    """The plan's batch, or as much of it as fits into memory.

    A network that fails for another reason keeps the plan's batch; its runs will say why.

    Raises:
        TooLarge: not even two images fit.
    """
    result = tried_elsewhere(BatchRequest(plan=plan, name=name, room=room))
    if result is None:
        return plan.recipe.batch_size
    for line in result.lines:
        notice(line)
    if result.refused:
        raise TooLarge(result.refused)
    return result.batch


def tried_elsewhere(asked: BatchRequest) -> BatchResult | None:
    """Tries a network in a process of its own; None where that process ended without a result."""
    command = [sys.executable, "-P", "-m", "skipwise.comparison.budget.external_batch"]
    environment = os.environ | {
        "OMP_NUM_THREADS": str(asked.plan.execution.threads),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    ended = subprocess.run(
        command,
        input=msgspec.json.encode(asked),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        check=False,
    )
    try:
        return msgspec.json.decode(ended.stdout, type=BatchResult)
    except msgspec.MsgspecError:
        return None


def tried_here(asked: BatchRequest) -> BatchResult:
    """Tries a network in this process."""
    plan, lines = asked.plan, list[str]()
    try:
        with falling_back(lines.append):
            network = plan.network(asked.name).build(seed=plan.question.first_seed)
            batch = largest_batch(network, asked.name, plan.recipe, plan.execution, asked.room)
    except TooLarge as error:
        return BatchResult(batch=0, refused=str(error))
    return BatchResult(batch=batch, lines=tuple(lines))


def main() -> None:
    """Tries the network that standard input describes."""
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # networks may print
    pipe.write(msgspec.json.encode(tried_here(msgspec.json.decode(sys.stdin.buffer.read(), type=BatchRequest))))


if __name__ == "__main__":
    main()
