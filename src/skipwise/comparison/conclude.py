"""A plan carried out to the end."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from skipwise.comparison.answers import read_tested
from skipwise.comparison.choice import choose
from skipwise.comparison.collect import collect
from skipwise.comparison.contenders import build_contender
from skipwise.comparison.course import Course, TimeIsUp, follow
from skipwise.comparison.finished import COSTS, PICTURES, Comparison, histories
from skipwise.comparison.forecast import ENDING, Forecast
from skipwise.comparison.inputs import load_images
from skipwise.comparison.local import LocalProcesses
from skipwise.comparison.notes import resolvable
from skipwise.comparison.observer import Observer
from skipwise.comparison.pictures import pictures
from skipwise.comparison.plan import SHELF, Plan
from skipwise.comparison.report import write_report
from skipwise.comparison.results import Costs, Results
from skipwise.cost.timing import latencies
from skipwise.errors import SkipwiseError
from skipwise.files import write_json
from skipwise.machine import describe_machine
from skipwise.seals import write_sealed


def carry_out(plan: Plan, folder: Path, watch: Observer, expected: Forecast | None, began: float) -> Comparison:
    """Runs what is left, judges, measures and writes everything.

    Args:
        began: when the plan's time limit began, on time.monotonic(), if it has one.

    Raises:
        SkipwiseError: something no run can go on with, or the time was up before there was anything to judge.
    """
    question = plan.question
    tested = np.bincount(read_tested(plan, folder).labels).tolist()
    if bound := resolvable(tested, question):
        watch.noticed(bound)
    watch.starting(plan, folder, expected)
    deadline = math.inf
    if plan.time_limit is not None:
        deadline = began + plan.time_limit - ENDING * len(question.contenders)
    try:
        course = _follow(plan, folder, watch, deadline)
    except TimeIsUp as early:
        if early.seeds < 2:
            raise SkipwiseError(
                "The time is up, and not all networks have two finished runs, without which nothing can be judged. "
                f"What was done is kept in {folder}; the same command goes on, for as long again."
            ) from early
        watch.noticed(f"The time is up: judged after {early.seeds} seeds, which the plan now says.")
        plan = replace(plan, stopped_after=early.seeds)
        write_sealed(folder / SHELF.begun, plan)
        course = _follow(plan, folder, watch, math.inf)
    watch.finishing("Judging the answers")
    results = collect(plan, course)
    write_sealed(folder / "comparison.json", results)
    images = load_images(folder, plan)
    with contextlib.ExitStack() as stack:
        stack.callback(getattr(images.pixels, "close", lambda: None))
        shown = pictures(images, [image.id for image in results.disagreements])
    write_json(folder / PICTURES, shown)
    watch.finishing("Measuring latency on this machine")
    costs = _measure(plan, results)
    write_sealed(folder / COSTS, costs, [PICTURES])
    watch.finishing("Writing the report")
    (folder / "images.json").unlink(missing_ok=True)
    write_report(folder / SHELF.finished, plan, results, costs, histories(plan, folder, results), shown)
    return Comparison(folder=folder, plan=plan, results=results, costs=costs, repeated=False)


def _follow(plan: Plan, folder: Path, watch: Observer, deadline: float) -> Course:
    with LocalProcesses(folder, processes=plan.processes, threads=plan.execution.threads) as executor:
        return follow(plan, folder, executor, doing=watch.doing, happened=watch.happened, deadline=deadline)


def _measure(plan: Plan, results: Results) -> Costs:
    networks = {c.name: build_contender(plan, c.name) for c in results.contenders if c.counts is not None}
    preprocessing = plan.preprocessing
    threads, timings = latencies(networks, channels=preprocessing.channels, size=preprocessing.size)
    return Costs(
        machine=describe_machine(),
        threads=threads,
        latencies=timings,
        recommendation=choose(results, {name: timing.median for name, timing in timings.items()}),
    )
