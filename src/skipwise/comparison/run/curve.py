"""The runs of a learning curve: one network on parts of the training images, once a comparison is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from skipwise.comparison.budget.corrections import Budget, TimeIsUp
from skipwise.comparison.evidence.predictions import Records
from skipwise.comparison.executors.executor import Executor
from skipwise.comparison.plan.curve import PARTS
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.run.rounds import Rounds
from skipwise.core.text import count
from skipwise.training.callbacks import Callback

PHASE = "Learning curve"


def train_parts(
    plan: Plan,
    folder: Path,
    executor: Executor,
    name: str,
    tuned: Mapping[str, float] | None,
    *,
    callback: Callback,
    budget: Budget | None,
    revised: Callable[[Plan], None],
) -> tuple[Plan, Records]:
    """Trains a network on parts of the training images, with the seeds of the first look.

    Under a time limit, seeds are left out that do not fit; how many were done is written into the plan.

    Args:
        name: of the network.
        tuned: its hyperparameters that were tuned.
        revised: is called with a plan that replaces the present one.

    Returns:
        The plan, and the records of these runs by their folders.
    """
    rounds = Rounds(plan, folder, executor, callback, budget)
    if budget is not None:
        budget.fix()
    seeds = plan.curve_seeds
    jobs = [[job for part in PARTS for job in plan.curve_jobs(name, part, seed, tuned=tuned)] for seed in seeds]
    try:
        rounds.do(jobs, PHASE)
    except TimeIsUp as early:
        executor.cancel()
        if early.seeds < len(seeds):
            left = f"after {count(early.seeds, 'seed')} of it" if early.seeds else "before it had begun"
            sentence = f"The time was up for the learning curve {left}."
            plan = replace(plan, curve_stopped_after=early.seeds, corrections=(*plan.corrections, sentence))
            revised(plan)
    return plan, rounds.records
