"""The plan of a run as far as its images decide it, before anything is decoded or tried out on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from skipwise.advice.traits import traits_of
from skipwise.advice.weights import should_start_from_weights
from skipwise.core.errors import SkipwiseError
from skipwise.data.image.preprocess import Preprocessing
from skipwise.data.prepare import Prepared
from skipwise.nets.catalogue import check_model
from skipwise.nets.external import is_external
from skipwise.nets.external_code import code_fingerprint
from skipwise.nets.stems import resolve_stem
from skipwise.nets.weights.published import published
from skipwise.training.folder.record import RunSpec
from skipwise.training.loop.recipe import Recipe, RecipeOptions, choose_recipe
from skipwise.training.machine.execution import Execution
from skipwise.training.machine.ranks import Ranks
from skipwise.training.options import TrainOptions
from skipwise.training.planning.inputs import check_options, check_sizes, choose_preprocessing, with_sizes_for_all
from skipwise.training.planning.plan import RunPlan
from skipwise.training.run.time_budget import parse_limit
from skipwise.training.tuning.asked import choose_tuning
from skipwise.training.tuning.options import TuneOptions
from skipwise.training.tuning.tuning import Tuning
from skipwise.training.weights.starting_weights import (
    AUTO,
    NONE,
    PRETRAINED,
    Found,
    agreed,
    automatic,
    find_start,
    for_model,
    model_of,
    published_start,
    size_for,
)

DEFAULT_MODEL = "resnet18"


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """The request for a run, checked as far as possible without its images.

    Args:
        init: the word or file to start from.
        start: the weights of that file; None where it is a word.
        recipe: the recipe, and what is to be otherwise than in it.
        img_size: None takes what suits the images.
        time_limit: in seconds.
        tuning: the hyperparameters to choose first.
    """

    model: str
    seed: int
    init: str
    init_key: str | None
    start: Found | None
    stem: str
    width: float
    img_size: int | None
    recipe: RecipeOptions
    time_limit: float | None
    device: str
    tuning: TuneOptions


def request_of(options: TrainOptions) -> RunRequest:
    """Returns the request for a run that the options of `train` make.

    Raises:
        SkipwiseError: an option has a value that it can't have, options exclude each other, or the weights to start
            from are not there or belong to another network.
    """
    run, network = options.run, options.network
    check_options(img_size=options.images.img_size, stem=network.stem, width=network.width, seed=run.seed)
    if network.pretrained and run.init != AUTO:
        raise SkipwiseError("Give --pretrained or --init, not both.")
    init = PRETRAINED if network.pretrained else run.init
    options.recipe.check(fine_tune=init != NONE)
    if options.recipe.epochs is not None and run.time_limit is not None:
        raise SkipwiseError("Give --epochs or --time-limit, not both.")
    options.tuning.check(options.recipe.lr)
    if options.tuning.asked and run.time_limit is not None:
        raise SkipwiseError("Tuning needs a number of epochs; give --epochs instead of --time-limit.")
    time_limit = None if run.time_limit is None else parse_limit(run.time_limit)
    if run.model is not None:
        check_model(run.model)
    if run.init_key is not None and init in (NONE, AUTO, PRETRAINED):
        raise SkipwiseError("--init-key is for --init with a file; leave it out.")
    found = None if init in (NONE, AUTO, PRETRAINED) else find_start(init, run.init_key)
    model = run.model
    if model is None:
        model = DEFAULT_MODEL if found is None or found.model is None else model_of(found, init)
    named = {} if found is None else {model: for_model(found, model, init)}
    if init == PRETRAINED:
        published(model)  # now, rather than once all images have been read
    stem, width = agreed(named, [model] if init == PRETRAINED else [], stem=network.stem, width=network.width)
    return RunRequest(
        model=model,
        seed=run.seed,
        init=init,
        init_key=run.init_key,
        start=named.get(model),
        stem=stem,
        width=width,
        img_size=options.images.img_size,
        recipe=options.recipe,
        time_limit=time_limit,
        device=options.machine.device,
        tuning=options.tuning,
    )


def choose_start(asked: RunRequest, prepared: Prepared, notice: Callable[[str], None]) -> RunRequest:
    """Returns the request with the initial weights that were left to Skipwise, and the image size that suits them."""
    if asked.init == PRETRAINED:
        asked = replace(asked, start=published_start(asked.model))
    elif asked.init == AUTO:
        advice = should_start_from_weights(traits_of(prepared))
        if not advice.use:
            notice(advice.against)
        taken = automatic([asked.model], advice.why, stem=asked.stem, width=asked.width, notice=notice)
        size = asked.img_size or size_for(taken, advice, prepared.auto_size)
        asked = replace(asked, start=taken.get(asked.model), img_size=size)
    for sentence in () if asked.start is None else asked.start.notes:
        notice(sentence)
    return asked


def draft_plan(asked: RunRequest, prepared: Prepared, notice: Callable[[str], None]) -> RunPlan:
    """The plan, but for what follows from the images' pixels and from this machine.

    Args:
        asked: with its weights, see `choose_start`.

    Raises:
        SkipwiseError: the network takes no such images, or the recipe no such numbers.
    """
    start = asked.start
    preprocessing = choose_preprocessing(prepared, [] if start is None else [start.start.expects], asked.img_size)
    check_sizes([asked.model], preprocessing, len(prepared.source.classes))
    stem = resolve_stem((start.stem if start is not None else None) or asked.stem, preprocessing.size)
    recipe = _recipe(asked, prepared, preprocessing, notice)
    return RunPlan(
        spec=RunSpec(
            model=asked.model,
            seed=asked.seed,
            stem=stem,
            width=asked.width,
            init=None if start is None else start.start.sha256,
            init_key=asked.init_key,
            time_limit=asked.time_limit,
            classes=prepared.source.classes,
            preprocessing=preprocessing,
            fingerprint=prepared.fingerprint,
            recipe=recipe,
            # Precision, threads and compiling are chosen when the run is new.
            execution=Execution(device=asked.device, precision="fp32", threads=1),
        ),
        data=prepared.source.name,
        split_images=prepared.counts,
        val_share=prepared.val_share,
        test_share=prepared.test_share,
        external_code=code_fingerprint(asked.model) if is_external(asked.model) else None,
        asked_setting=None if asked.time_limit is None else (preprocessing.size, stem),
        start=None if start is None else start.start,
        tuning=choose_tuning(asked.tuning, [recipe], first_seed=asked.seed, validation=prepared.counts["val"]),
    )


def check_shared(recipe: Recipe, tuning: Tuning | None, ranks: Ranks) -> None:
    """Raises SkipwiseError where several processes can't do the run together."""
    if tuning is not None and ranks.count > 1:
        raise SkipwiseError(
            "Tuning trains one run after the other in one process; tune without torchrun first, and give the values "
            "that it chose."
        )
    if recipe.batch_size < 2 * ranks.count and ranks.count > 1:
        raise SkipwiseError(
            f"A batch of {recipe.batch_size} can't be shared by {ranks.count} processes, since batch norm needs two "
            "images in each; start fewer processes, or raise --batch-size."
        )


def _recipe(
    asked: RunRequest, prepared: Prepared, preprocessing: Preprocessing, notice: Callable[[str], None]
) -> Recipe:
    source, images, fine_tune = prepared.source, prepared.counts["train"], asked.start is not None
    chosen = choose_recipe(asked.recipe, fine_tune=fine_tune, mirrors=source.mirrors, images=images)
    return with_sizes_for_all(chosen, [asked.model], preprocessing, len(source.classes), asked.recipe.epochs, notice)
