"""The status of a comparison, from its folder."""

from __future__ import annotations

import heapq
import itertools
import re
from pathlib import Path
from statistics import median

from skipwise.comparison.plan.curve import PARTS
from skipwise.comparison.plan.layout import (
    ATTEMPTS,
    COSTS,
    CURVE,
    REPORT,
    RESULTS,
    curve_folder,
    run_folder,
    tuning_folder,
)
from skipwise.comparison.results.interim import Interim, read_interim
from skipwise.comparison.wording.costs import next_look
from skipwise.cost.price import Price
from skipwise.training.folder.names import TUNING
from skipwise.watching.plans import ComparisonPart, CostsPart, RecipePart, TuningPart, read_part
from skipwise.watching.presence import Presence, at_work
from skipwise.watching.record import Expected, RunStatus, Status
from skipwise.watching.runs import last_written, run_status

ENDING = 2.0
"""Seconds for each network when all runs are done, as in the estimate of the progress bar."""


def comparison_status(folder: Path, plan: ComparisonPart, price: Price | None = None) -> Status:
    """The status of a comparison.

    Args:
        price: of a machine, where it was named.
    """
    finished = all((folder / name).is_file() for name in (RESULTS, COSTS, REPORT))
    present = None if finished else at_work(folder)
    interim = None if finished else read_interim(folder)
    by = None if present is None else present.place
    runs = []
    for run, recipe in _known_runs(folder, plan, interim, finished=finished):
        # A part of the images has batches of its own, so that how many are done in a second is not known.
        images = 0 if run.folder.startswith(f"{CURVE}/") else plan.train_images
        found = run_status(_where_it_is_done(folder, run.folder), run, recipe=recipe, train_images=images, by=by)
        # A finished comparison does nothing more, and has no run that it did not need.
        if not finished or found.state in ("done", "failed"):
            runs.append(found)
    # A worker on another machine is heard of, even where the process that waits for it is not.
    running = present is not None or any(run.state == "running" for run in runs)
    next_look, last_look = (None, None) if not running else _expected(plan, interim, runs, present)
    return Status(
        folder=str(folder),
        kind="comparison",
        state="finished" if finished else "running" if running else "stopped",
        about=f"{plan.data}: {', '.join(plan.trained)}",
        place=by,
        doing="" if present is None or present.said is None else present.said.doing,
        runs=tuple(runs),
        next_look=next_look,
        last_look=last_look,
        interim=interim,
        result=_result(folder) if finished else "",
        next_cost=_next_cost(plan, interim, runs, price),
    )


def _known_runs(
    folder: Path, plan: ComparisonPart, interim: Interim | None, *, finished: bool
) -> list[tuple[RunStatus, RecipePart]]:
    """The runs up to the next look, and those that are there."""
    found = []
    if (tuning := plan.tuning) is not None and tuning.trials is not None:
        found += _trials(folder, plan, tuning)
    elif tuning is not None:
        recipe = RecipePart(epochs=tuning.epochs, batch_size=plan.recipe.batch_size)
        for model in plan.trained:
            for rate in tuning.rates:
                place = tuning_folder(model, tuning.seed, f"lr{rate!r}")
                found.append((RunStatus(folder=place, model=model, seed=tuning.seed, state="waiting"), recipe))
    first = plan.question.first_seed
    needed = {model: _seeds_up_to_next_look(plan, interim, model) for model in plan.trained}
    for seed in range(plan.looks[-1]):
        for model in plan.trained:
            for fold in [None] if plan.folds is None else range(plan.folds):
                place = run_folder(model, first + seed, fold=fold)
                if (seed < needed[model] and not finished) or (folder / place).is_dir():
                    run = RunStatus(folder=place, model=model, seed=first + seed, fold=fold, state="waiting")
                    found.append((run, plan.recipe))
    return [*found, *_curve_runs(folder, plan)]


def _curve_runs(folder: Path, plan: ComparisonPart) -> list[tuple[RunStatus, RecipePart]]:
    """The runs on parts of the training images that were begun; of which network they are is not known before."""
    if not plan.learning_curve:
        return []
    first, found = plan.question.first_seed, []
    for model, part, seed in itertools.product(plan.trained, PARTS, range(first, first + plan.looks[0])):
        for fold in [None] if plan.folds is None else range(plan.folds):
            place = curve_folder(model, seed, part, fold=fold)
            if any((home / place).is_dir() for home in (folder, folder / ATTEMPTS)):
                found.append((RunStatus(folder=place, model=model, seed=seed, fold=fold, state="waiting"), plan.recipe))
    return found


def _trials(folder: Path, plan: ComparisonPart, tuning: TuningPart) -> list[tuple[RunStatus, RecipePart]]:
    """The runs of a search that were begun; which ones follow is not known before these end."""
    names = {each.name for home in (folder, folder / ATTEMPTS) for each in (home / TUNING).glob("*/")}
    found = []
    for model in plan.trained:
        begin = run_folder(model, tuning.seed, parent=TUNING).removeprefix(f"{TUNING}/")
        for name in sorted(each for each in names if each.startswith((f"{begin}-lr", f"{begin}-t"))):
            short = re.search(r"-e(\d+)$", name)
            epochs = tuning.epochs if short is None else int(short[1])
            run = RunStatus(folder=f"{TUNING}/{name}", model=model, seed=tuning.seed, state="waiting")
            found.append((run, RecipePart(epochs=epochs, batch_size=plan.recipe.batch_size)))
    return found


def _seeds_up_to_next_look(plan: ComparisonPart, interim: Interim | None, model: str) -> int:
    """The number of seeds that a network needs up to the next look."""
    if interim is None:
        return plan.looks[0]
    known = next((each for each in interim.networks if each.name == model), None)
    if known is not None and not known.goes_on:
        return 0  # those that are there are listed anyway
    later = [look for look in plan.looks if look > interim.looks[-1]]
    return later[0] if later else interim.looks[-1]


def _expected(
    plan: ComparisonPart, interim: Interim | None, runs: list[RunStatus], present: Presence | None
) -> tuple[Expected | None, Expected | None]:
    """When the next look, and when the answer is expected if all looks are needed."""
    said = None if present is None else present.said
    heard = 0.0 if present is None or present.place.heard is None else present.place.heard
    if said is not None and said.limit_left is not None:
        return Expected(seeds=None, seconds=max(0.0, said.limit_left - heard), limit=True), None
    processes = plan.processes if said is None else said.processes
    typical = _typical_seconds(runs)
    left = None if said is None or said.left is None else max(0.0, said.left - heard)
    searching = plan.tuning is not None and plan.tuning.trials is not None and not _is_begun(runs)
    if left is None and not searching:
        left = _left_of(runs, typical, processes)
    looks = [look for look in plan.looks if interim is None or look > interim.looks[-1]]
    if left is None or not looks:
        is_curve = plan.learning_curve and left is not None  # all looks are taken, and its runs follow
        return Expected(seeds=None, seconds=left) if is_curve and left is not None else None, None
    next_look = Expected(seeds=looks[0], seconds=left)
    if len(looks) == 1:
        return next_look, None
    going_on = [each.name for each in interim.networks if each.goes_on] if interim else list(plan.trained)
    if any(name not in typical for name in going_on):
        return next_look, None
    more = 0.0
    for before, look in itertools.pairwise(looks):
        a_round = [typical[name] for name in going_on for _ in range(plan.folds or 1)]
        more += _makespan(a_round * (look - before), processes)
    return next_look, Expected(seeds=looks[-1], seconds=left + more)


def _is_begun(runs: list[RunStatus]) -> bool:
    """Whether a run was begun that does not only tune."""
    return any(run.state != "waiting" and not run.folder.startswith(f"{TUNING}/") for run in runs)


def _next_cost(plan: ComparisonPart, interim: Interim | None, runs: list[RunStatus], price: Price | None) -> str:
    """States what the next look costs, all of its runs together, and what it may settle."""
    if interim is None or interim.next_look is None:
        return ""
    return next_look(interim.next_look, _typical_seconds(runs), plan.processes, price)


def _typical_seconds(runs: list[RunStatus]) -> dict[str, float]:
    """The median time of each network's finished runs, those that only tune left out."""
    found: dict[str, list[float]] = {}
    for run in runs:
        if run.state == "done" and run.seconds is not None and run.folder.startswith("runs/"):
            found.setdefault(run.model, []).append(run.seconds)
    return {model: median(each) for model, each in found.items()}


def _left_of(runs: list[RunStatus], typical: dict[str, float], processes: int) -> float | None:
    """Seconds for the runs that are left, where the process that carries them out says nothing."""
    taken = []
    for run in runs:
        if run.state in ("done", "failed"):
            continue
        if run.left is not None:
            taken.append(run.left)
        elif run.model in typical and run.epochs:
            taken.append(typical[run.model] * (1 - run.epoch / run.epochs))
        else:
            return None
    return _makespan(taken, processes) + ENDING * len({run.model for run in runs})


def _makespan(runs: list[float], processes: int) -> float:
    """The time until these runs are done, if each process that is free takes the next one."""
    free = [0.0] * max(processes, 1)
    for run in runs:
        heapq.heapreplace(free, free[0] + run)
    return max(free)


def _result(folder: Path) -> str:
    costs = read_part(folder / COSTS, CostsPart)
    if costs is None:
        return ""
    choice = costs.recommendation
    name = choice.candidate or choice.contender
    if name is None:
        return "no network can be recommended"
    return f"use {name}" if choice.shown else f"as a best guess, use {name}: not settled"


def _where_it_is_done(folder: Path, run: str) -> Path:
    """The folder of a run, or of the attempt at it that was written last: where several machines do runs, each attempt
    has a folder of its own until it has ended."""
    return max([folder / run, *(folder / ATTEMPTS / run).glob("*/")], key=last_written)
