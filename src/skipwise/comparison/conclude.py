"""A plan carried out to the end, and a finished comparison read back."""

from __future__ import annotations

import contextlib
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from skipwise.audience import json_text
from skipwise.comparison.answers import read_tested
from skipwise.comparison.choice import choose
from skipwise.comparison.collect import collect
from skipwise.comparison.contenders import build_contender
from skipwise.comparison.course import Course, TimeIsUp, follow
from skipwise.comparison.forecast import ENDING, Forecast
from skipwise.comparison.inputs import load_images
from skipwise.comparison.local import LocalProcesses
from skipwise.comparison.markdown import markdown
from skipwise.comparison.notes import resolvable
from skipwise.comparison.observer import Observer
from skipwise.comparison.pictures import pictures
from skipwise.comparison.plan import SHELF, Plan
from skipwise.comparison.report import write_report
from skipwise.comparison.results import Costs, Results
from skipwise.cost.timing import latencies
from skipwise.errors import Damaged, SkipwiseError, unknown_name
from skipwise.files import as_json, read_json, write_json
from skipwise.machine import describe_machine
from skipwise.pages.pictures import is_data_url
from skipwise.seals import check_files, read_sealed, write_sealed
from skipwise.training.loop import Epoch
from skipwise.training.run import read_history

FORMATS = ("html", "md", "json")
COSTS = "costs.json"
AGAIN = "remove it and give the command that made the comparison again"
PICTURES = "pictures.json"
"""The images that the report shows, so that it can be written again."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A finished comparison. `repeated` says that it was finished before and nothing was run now."""

    folder: Path
    plan: Plan
    results: Results
    costs: Costs
    repeated: bool

    @property
    def report(self) -> Path:
        """The page for people."""
        return self.folder / SHELF.finished


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
    for name in ("images.json", "weights.json"):
        (folder / name).unlink(missing_ok=True)
    write_report(folder / SHELF.finished, plan, results, costs, _histories(plan, folder, results), shown)
    return Comparison(folder=folder, plan=plan, results=results, costs=costs, repeated=False)


def _follow(plan: Plan, folder: Path, watch: Observer, deadline: float) -> Course:
    with LocalProcesses(folder, processes=plan.processes, threads=plan.execution.threads) as executor:
        return follow(plan, folder, executor, doing=watch.doing, happened=watch.happened, deadline=deadline)


def _histories(plan: Plan, folder: Path, results: Results) -> dict[str, list[tuple[Epoch, ...]]]:
    """The epochs of every contender's runs."""
    return {
        contender.name: [
            read_history(folder / job.folder)
            for seed in dict.fromkeys(run.seed for run in contender.runs)
            for job in plan.jobs(contender.name, seed)
        ]
        for contender in results.contenders
    }


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


def is_finished(folder: Path) -> bool:
    """Whether a comparison's folder has all that is written at the end; without, it can be made again from its runs."""
    return all((folder / name).is_file() for name in ("comparison.json", COSTS, SHELF.finished))


def read_comparison(folder: Path) -> Comparison:
    """A finished comparison.

    Raises:
        SkipwiseError: there is none in the folder, it is not finished, or its plan was changed afterwards.
    """
    if not (folder / SHELF.begun).is_file():
        raise SkipwiseError(f"There is no comparison in {folder}; 'skipwise compare' makes one.")
    if not is_finished(folder):
        raise SkipwiseError(f"The comparison in {folder} is not finished; give the command that started it again.")
    plan = read_sealed(folder / SHELF.begun, Plan, mend="put it back, or compare in another folder")
    results = read_sealed(folder / "comparison.json", Results, mend=AGAIN)
    if plan.digest() != results.plan:
        raise SkipwiseError(
            f"{folder / SHELF.begun} is not the plan that {folder / 'comparison.json'} was made under; put it back, or "
            "compare in another folder."
        )
    costs = read_sealed(folder / COSTS, Costs, mend=AGAIN)
    return Comparison(folder=folder, plan=plan, results=results, costs=costs, repeated=True)


def report(comparison: str | os.PathLike[str], *, format: str = "html") -> Path | str:
    """The report of a finished comparison, once more.

    Args:
        comparison: its folder.
        format: "html" writes the page anew and returns its path, "md" returns Markdown for a pull request, and "json" a
            record for machines.

    Raises:
        SkipwiseError: no finished comparison is there, or there is no such format.
    """
    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    found = read_comparison(Path(comparison))
    if format == "md":
        return markdown(found.plan, found.results, found.costs)
    if format == "json":
        return record(found)
    path = found.folder / PICTURES
    check_files(found.folder / COSTS, PICTURES, mend=AGAIN)
    shown = read_json(path, dict[str, str]) if path.exists() else {}
    if not all(map(is_data_url, shown.values())):
        raise Damaged(f"{path} was changed: it names pictures that are elsewhere; {AGAIN}.")
    histories = _histories(found.plan, found.folder, found.results)
    write_report(found.report, found.plan, found.results, found.costs, histories, shown)
    return found.report


def record(comparison: Comparison) -> str:
    """A comparison as one JSON record."""
    fields = {"folder": str(comparison.folder), "plan": comparison.plan, "results": comparison.results}
    return json_text(as_json({**fields, "costs": comparison.costs}))
