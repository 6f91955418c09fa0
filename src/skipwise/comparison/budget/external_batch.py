"""How large a batch of somebody else's network may be, tried in a process of its own.

    python -m skipwise.comparison.budget.external_batch

What others' code does in training (it prints, ends the process, takes all memory) it does not do in the one that plans.
Standard input is an `Asked` as JSON; standard output gets a number.
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
class Asked:
    """A network of a plan whose batch it is about."""

    plan: Plan
    name: str
    room: Room


@dataclass(frozen=True, kw_only=True)
class Told:
    """The batch that fits, or the sentence for one that does not; and what a person should know."""

    batch: int
    refused: str = ""
    lines: tuple[str, ...] = ()


def largest_external_batch(plan: Plan, name: str, room: Room, notice: Callable[[str], None]) -> int:
    """The plan's batch, or as much of it as fits into memory; a network that fails otherwise changes nothing, since its
    runs will say why.

    Raises:
        TooLarge: not even two images fit.
    """
    asked = msgspec.json.encode(Asked(plan=plan, name=name, room=room))
    command = [sys.executable, "-P", "-m", "skipwise.comparison.budget.external_batch"]
    environment = os.environ | {
        "OMP_NUM_THREADS": str(plan.execution.threads),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    ended = subprocess.run(
        command, input=asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, check=False
    )
    try:
        told = msgspec.json.decode(ended.stdout, type=Told)
    except msgspec.MsgspecError:
        return plan.recipe.batch_size
    for line in told.lines:
        notice(line)
    if told.refused:
        raise TooLarge(told.refused)
    return told.batch


def main() -> None:
    """Answers what stands in standard input."""
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # networks may print
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Asked)
    plan, lines = asked.plan, list[str]()
    try:
        with falling_back(lines.append):
            network = plan.network(asked.name).build(seed=plan.question.first_seed)
            batch = largest_batch(network, asked.name, plan.recipe, plan.execution, asked.room)
        told = Told(batch=batch, lines=tuple(lines))
    except TooLarge as error:
        told = Told(batch=0, refused=str(error))
    pipe.write(msgspec.json.encode(told))


if __name__ == "__main__":
    main()
