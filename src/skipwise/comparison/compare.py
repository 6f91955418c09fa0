"""The verb `compare`: from images and networks to a report."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from skipwise.comparison.execute import Event, execute_plan
from skipwise.comparison.inputs import store_images
from skipwise.comparison.plan import SHELF, Plan, Question, check_seeds
from skipwise.comparison.recommend import recommend
from skipwise.comparison.report import write_report
from skipwise.comparison.results import Costs, Results, build_contender, collect, count_contender, histories
from skipwise.cost.timing import latencies
from skipwise.data.look import Square
from skipwise.data.pack import load_pack
from skipwise.data.pack import pack as make_pack
from skipwise.data.prepare import Prepared, Request, prepare
from skipwise.data.stream import Streamed
from skipwise.errors import SkipwiseError
from skipwise.files import locked, make_folder, read_json, write_json
from skipwise.machine import describe_machine
from skipwise.nets.guests import guest_fingerprint, is_guest
from skipwise.training.execution import (
    Execution,
    check_precision,
    check_unchanged,
    check_workers,
    choose_device,
    choose_execution,
    choose_processes,
)
from skipwise.training.recipe import Wishes, check_recipe, choose_recipe
from skipwise.training.run import RunRecord
from skipwise.training.setup import check_options, choose_preprocessing, choose_stem, with_statistics
from skipwise.training.trial import choose_compile, may_repay, try_step

DEFAULT_MODELS = ("resnet18", "se_resnet18", "mobilenet_v2", "plain18")
SPLIT_SEED = 0


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


class Observer:
    """What a comparison tells while it works. Every method may be overridden; here they do nothing."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Images are looked at or read."""

    def noticed(self, sentence: str) -> None:
        """Something about the images that a person should know, and that is no error."""

    def starting(self, plan: Plan, folder: Path) -> None:
        """The plan is fixed, or was before; runs begin."""

    def happened(self, event: Event) -> None:
        """A run got on or ended."""

    def finishing(self, what: str) -> None:
        """All runs are done."""


def compare(
    data: str | os.PathLike[str],
    *,
    models: str | Sequence[str] = DEFAULT_MODELS,
    seeds: int = 5,
    seed: int = 0,
    epochs: int | None = None,
    batch_size: int | None = None,
    img_size: int | None = None,
    lr: float | None = None,
    recipe: str = "standard",
    mirror: bool | None = None,
    stem: str = "auto",
    width: float = 1.0,
    pretrained: bool = False,
    freeze_norms: bool = False,
    val_share: float | None = None,
    split: str | os.PathLike[str] | None = None,
    group: str | None = None,
    group_regex: str | None = None,
    exclude: str | os.PathLike[str] | None = None,
    strict: bool = False,
    pack: bool = True,
    balance: str | None = None,
    margin: float = 0.5,
    alpha: float = 0.05,
    device: str = "auto",
    precision: str = "auto",
    compile: bool | None = None,
    workers: int | None = None,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    observer: Observer | None = None,
) -> Comparison:
    """Trains every network with every seed on the same images in the same way, and says which to use.

    The same call again goes on with an unfinished comparison of the same plan.

    Args:
        data: a data set's name, a folder with one sub-folder per class, an archive of one, or a table of paths and
            labels.
        models: at least two networks, see `skipwise.list_models()`.
        seeds: runs per network, at least 2; their seeds are seed, seed + 1, ...
        epochs, batch_size, lr: None leaves them to the recipe.
        img_size: pixels a side; None takes the images' own, up to 128.
        recipe: "fast", "standard" or "reference"; see training/recipe.py.
        mirror: whether training images are mirrored at random; None does unless their classes are known not to bear it.
        stem: "imagenet", "small" or "auto", by the image size.
        width: scales the channels of every network.
        pretrained: start every network from its published ImageNet weights, with their preprocessing; the new last
            layer learns first, then all of it by SGD, at a small rate unless `lr` says otherwise.
        freeze_norms: leave batch norms as the published weights have them.
        val_share: of the images, for the learning curves; None is 15%, or 10% of given training images.
        split: a split.csv of an earlier comparison, to be used again.
        group: the table's column that says which images belong together and must not be split up.
        group_regex: the same from the images' paths: what the pattern's first group matches.
        exclude: an audit.json whose flagged images are left out.
        strict: raise where an image is, exactly or nearly, on two sides of a given split.
        pack: decode once, into a file in the cache; False decodes again in every epoch and needs no disk.
        balance: "none", "sampling" (every class is shown equally often) or "loss" (rare classes weigh more); None
            leaves it to the recipe.
        margin: the difference in accuracy that would not matter, in percentage points.
        alpha: the chance that any verdict is wrong.
        device: "auto", "cpu", "cuda" or "mps".
        precision: "auto", "fp32" or "bf16".
        compile: whether to use torch.compile; None does where it repays.
        workers: runs at once; None is as many as suit the machine.
        output: the folder to use; None is the next in runs/compare.
        resume: raise unless there is something to go on with.
        observer: is told what happens.

    Raises:
        SkipwiseError: anything a person can mend; what was finished stays.
    """
    watch = observer or Observer()
    names = models.split(",") if isinstance(models, str) else models
    question = Question(contenders=tuple(names), seeds=check_seeds(seed, seeds), margin=margin, alpha=alpha)
    question.check()
    check_options(img_size=img_size, stem=stem, width=width, seed=seed)
    check_precision(precision)
    check_recipe(recipe)
    wishes = Wishes(
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        mirror=mirror,
        balance=balance,
        fine_tune=pretrained,
        freeze_norms=freeze_norms,
    )
    wishes.check()
    request = Request(
        data=os.fspath(data),
        group=group,
        group_regex=group_regex,
        split=None if split is None else os.fspath(split),
        exclude=None if exclude is None else os.fspath(exclude),
        val_share=val_share,
        strict=strict,
        img_size=img_size,
    )
    prepared = prepare(request, seed=SPLIT_SEED, packed=pack, progress=watch.preparing, notice=watch.noticed)
    preprocessing = choose_preprocessing(prepared, names if pretrained else (), img_size)
    source, counts = prepared.source, prepared.counts
    draft = Plan(
        question=question,
        data=source.name,
        classes=source.classes,
        fingerprint=prepared.fingerprint,
        split_images=counts,
        split_seed=SPLIT_SEED,
        val_share=prepared.val_share,
        test_share=prepared.test_share,
        preprocessing=preprocessing,
        stem=choose_stem(stem, preprocessing.size, pretrained=pretrained),
        width=width,
        pretrained=pretrained,
        guests={name: guest_fingerprint(name) for name in question.contenders if is_guest(name)},
        recipe=choose_recipe(recipe, wishes, mirrors=source.mirrors, images=counts["train"]),
        # Precision, threads and processes are chosen when the plan is new.
        execution=Execution(device=choose_device(device), precision="fp32", threads=1),
        processes=check_workers(workers),
    )
    named = Path(output) if output is not None else None

    while True:
        folder, stored = SHELF.choose(draft, source.name, named)
        if resume and stored is None:
            raise SkipwiseError(
                f"There is nothing to resume for this plan in {named or SHELF.parent}; leave --resume out."
            )
        if stored is not None and (folder / SHELF.finished).exists():
            return _again(folder, stored)
        # Decoded before the folder is made, so that a full disk leaves nothing behind.
        packed = make_pack(source, prepared.seen, Square.of(preprocessing), watch.preparing) if pack else None
        make_folder(folder)
        with locked(folder):
            # Meanwhile another process may have begun, or finished, in there.
            if SHELF.choose(draft, source.name, named) != (folder, stored) or (folder / SHELF.finished).exists():
                continue
            for leftover in folder.glob(".*.tmp"):
                leftover.unlink(missing_ok=True)
            if stored is not None:
                check_unchanged(stored.execution, precision, compile, folder)
            else:
                stored = _settle(draft, prepared, packed, workers, precision, compile, watch.noticed)
                write_json(folder / "plan.json", stored)
            store_images(folder, prepared, request, packed)
            # How many run at once changes no result, so it may change from one time to the next.
            plan = stored if workers is None else replace(stored, processes=workers)
            return _carry_out(plan, folder, watch)


def _settle(
    draft: Plan,
    prepared: Prepared,
    packed: Path | None,
    workers: int | None,
    precision: str,
    compile: bool | None,
    notice: Callable[[str], None],
) -> Plan:
    """The draft with what follows from the images' pixels and from this machine."""
    train = np.flatnonzero(prepared.split == "train")
    if packed is not None:
        preprocessing = with_statistics(draft.preprocessing, load_pack(packed), train)
    else:
        with contextlib.closing(Streamed(prepared.source, prepared.seen, Square.of(draft.preprocessing))) as streamed:
            preprocessing = with_statistics(draft.preprocessing, streamed, train)
    plan = replace(draft, preprocessing=preprocessing)
    counts = {name: found for name in plan.question.contenders if (found := count_contender(plan, name))}
    costliest = max((found.multiply_adds for found in counts.values()), default=0)
    execution = choose_execution(
        plan.execution.device, step_multiply_adds=costliest * plan.recipe.batch_size, precision=precision
    )
    networks = {name: build_contender(plan, name) for name in counts}
    least = min((found.multiply_adds for found in counts.values()), default=0)
    execution = _choose_compile(plan, execution, networks, least, compile, notice)
    return replace(plan, execution=execution, processes=choose_processes(execution, workers))


def _choose_compile(
    plan: Plan,
    execution: Execution,
    networks: dict[str, nn.Module],
    least: float,
    wanted: bool | None,
    notice: Callable[[str], None],
) -> Execution:
    """The same for all runs, by what the quickest network's take without.

    Args:
        least: the multiply-adds of the cheapest network.
    """
    recipe, size, channels = plan.recipe, plan.preprocessing.size, plan.preprocessing.channels
    seconds = 0.0
    steps = recipe.epochs * (plan.split_images["train"] // recipe.batch_size)
    if wanted is None and may_repay(least * recipe.batch_size * steps, recipe, size):
        costs = [try_step(network, recipe, execution, channels=channels, size=size) for network in networks.values()]
        seconds = min((cost.training(recipe, size, steps) for cost in costs), default=0.0)
    return choose_compile(
        execution, wanted, networks, seconds=seconds, recipe=recipe, channels=channels, size=size, notice=notice
    )


def _carry_out(plan: Plan, folder: Path, watch: Observer) -> Comparison:
    """Runs what is left, judges, measures and writes everything."""
    watch.starting(plan, folder)
    records: dict[tuple[str, int], RunRecord] = {}
    with contextlib.closing(execute_plan(plan, folder)) as events:
        for event in events:
            if event.record is not None:
                records[event.model, event.seed] = event.record
            watch.happened(event)
    watch.finishing("Judging the answers")
    results = collect(plan, folder, records)
    write_json(folder / "comparison.json", results)
    watch.finishing("Measuring latency on this machine")
    costs = _measure(plan, results)
    write_json(folder / "costs.json", costs)
    watch.finishing("Writing the report")
    write_report(folder / SHELF.finished, plan, results, costs, histories(plan, folder))
    (folder / "images.json").unlink(missing_ok=True)
    return Comparison(folder=folder, plan=plan, results=results, costs=costs, repeated=False)


def _measure(plan: Plan, results: Results) -> Costs:
    networks = {c.name: build_contender(plan, c.name) for c in results.contenders if c.counts is not None}
    preprocessing = plan.preprocessing
    timings = latencies(networks, channels=preprocessing.channels, size=preprocessing.size)
    return Costs(
        machine=describe_machine(),
        threads=torch.get_num_threads(),
        latencies=timings,
        recommendation=recommend(results, {name: timing.median for name, timing in timings.items()}),
    )


def _again(folder: Path, plan: Plan) -> Comparison:
    (folder / "images.json").unlink(missing_ok=True)  # left by a kill after the report
    results = read_json(folder / "comparison.json", Results)
    costs = read_json(folder / "costs.json", Costs)
    return Comparison(folder=folder, plan=plan, results=results, costs=costs, repeated=True)
