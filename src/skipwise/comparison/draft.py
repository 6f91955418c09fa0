"""The plan of a comparison as far as its images decide it, before anything is decoded or tried out on this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from skipwise.advice.points import Asked, cross_validation
from skipwise.advice.traits import traits_of
from skipwise.advice.weights import should_start_from_weights
from skipwise.comparison.plan.plan import Included, Plan
from skipwise.comparison.question.counting import check_countable, check_variants
from skipwise.comparison.question.curve import smallest_quarter
from skipwise.comparison.question.grouping import Grouping, grouping_of
from skipwise.comparison.question.question import Question
from skipwise.comparison.question.starting_weights import Starts, choose_recipes
from skipwise.comparison.question.target import check_reachable
from skipwise.comparison.run.images import image_options
from skipwise.comparison.wording.groups import group_warnings, in_groups
from skipwise.comparison.wording.learning_curve import few_for_a_curve
from skipwise.data.prepare import Prepared, Request
from skipwise.data.splits import SPLIT_SEED
from skipwise.nets.external import is_external
from skipwise.nets.external_code import code_fingerprint
from skipwise.nets.stems import resolve_stem
from skipwise.training.loop.recipe import RecipeOptions
from skipwise.training.machine.execution import Execution
from skipwise.training.planning.inputs import check_sizes, choose_preprocessing, with_sizes_for_all
from skipwise.training.tuning.asked import choose_tuning
from skipwise.training.tuning.options import TuneOptions
from skipwise.training.weights.starting_weights import Found, agreed, size_for

Notice = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class ComparisonRequest:
    """The request for a comparison, checked as far as possible without its images.

    Args:
        images: which images, and how they are read and split.
        starts: what was said of the weights that networks start from.
        recipe: the recipe, and what is to be otherwise than in it.
        stem: "auto" leaves it to the weights, or to the size of the images.
        tuning: the hyperparameters to choose first.
        time_limit: in seconds.
        target_accuracy: on the validation images, in percent.
        learning_curve: whether a network is trained on parts of the training images, too.
        processes: runs at a time; the machine decides where nothing was said.
    """

    question: Question
    images: Request
    included: tuple[Included, ...]
    starts: Starts
    stem: str
    width: float
    recipe: RecipeOptions
    tuning: TuneOptions
    time_limit: float | None
    target_accuracy: float | None
    learning_curve: bool = False
    device: str
    processes: int


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A plan, but for what follows from the images' pixels and from this machine, and the weights that it needs.

    Args:
        advises_folds: whether cross-validation was advised, with what so few test images can show.
    """

    plan: Plan
    weights: dict[str, Found]
    advises_folds: bool = False


def draft_plan(asked: ComparisonRequest, prepared: Prepared, notice: Notice) -> Draft:
    """The plan that is asked for, of these images.

    Raises:
        SkipwiseError: the networks can't take such images, or these are too few to be compared on.
    """
    question, folds, names = asked.question, asked.images.folds, list(asked.question.candidates)
    weights, stem, width, size = _choose_weights(asked, prepared, notice)
    grouping = grouping_of(prepared, asked.images.reading)
    advises_folds = _advise_folds(asked, prepared, grouping, notice)
    expected = [weights[name].start.expects if name in weights else None for name in names]
    preprocessing = choose_preprocessing(prepared, expected, size)
    source, counts = prepared.source, prepared.counts
    trained = counts["train"] if folds is None else counts["test"] * (folds - 1) // folds
    check_sizes(names, preprocessing, len(source.classes))
    recipe, fine_tuning = choose_recipes(asked.recipe, weights, names, mirrors=source.mirrors, images=trained)
    recipe = with_sizes_for_all(recipe, names, preprocessing, len(source.classes), asked.recipe.epochs, notice)
    stem = resolve_stem(stem, preprocessing.size)
    check_countable(question, prepared, tuned=asked.tuning.asked)
    for remark in check_variants(question, prepared, preprocessing.size, tuned=asked.tuning.asked):
        notice(remark)
    check_reachable(asked.target_accuracy, counts["val"])
    _tell_groups(grouping, counts["test"], notice)
    if asked.learning_curve and (few := few_for_a_curve(smallest_quarter(prepared, folds))):
        notice(few)
    limited = asked.time_limit is not None
    plan = Plan(
        question=question,
        included=asked.included,
        data=source.name,
        found_in=None if source.container is None else Path(asked.images.data).resolve().name,
        classes=source.classes,
        fingerprint=prepared.fingerprint,
        image_options=image_options(asked.images),
        split_images=counts,
        split_seed=SPLIT_SEED,
        val_share=prepared.val_share,
        test_share=prepared.test_share,
        folds=folds,
        grouping=grouping,
        preprocessing=preprocessing,
        stem=stem,
        width=width,
        init={name: each.start for name, each in weights.items()},
        external_code={name: code_fingerprint(name) for name in names if is_external(name)},
        recipe=recipe,
        fine_tuning=fine_tuning,
        tuning=choose_tuning(
            asked.tuning,
            [recipe, *([] if fine_tuning is None else [fine_tuning])],
            first_seed=question.first_seed,
            validation=counts["val"],
        ),
        time_limit=asked.time_limit,
        target_accuracy=asked.target_accuracy,
        learning_curve=asked.learning_curve,
        asked_for=(question.looks, recipe.epochs) if limited else None,
        asked_setting=(preprocessing.size, stem) if limited else None,
        asked_seed=question.first_seed if limited else None,
        # Precision, threads and processes are chosen when the plan is new.
        execution=Execution(device=asked.device, precision="fp32", threads=1),
        processes=asked.processes,
    )
    return Draft(plan=plan, weights=weights, advises_folds=advises_folds)


def _choose_weights(
    asked: ComparisonRequest, prepared: Prepared, notice: Notice
) -> tuple[dict[str, Found], str, float, int | None]:
    """The weights to start from, and the stem, the width and the image size that they want; None is the images' own."""
    starts = asked.starts
    advice = should_start_from_weights(traits_of(prepared, asked.images.folds))
    if starts.automatic and not advice.use:
        notice(advice.against)
    weights = starts.found(advice.why, stem=asked.stem, width=asked.width, notice=notice)
    stem, width = agreed(weights, (), stem=asked.stem, width=asked.width)
    automatic = {name: each for name, each in weights.items() if name in starts.automatic}
    return weights, stem, width, asked.images.img_size or size_for(automatic, advice, prepared.auto_size)


def _advise_folds(asked: ComparisonRequest, prepared: Prepared, grouping: Grouping | None, notice: Notice) -> bool:
    """Says where cross-validation would show more, and returns whether it does."""
    question, folds = asked.question, asked.images.folds
    # What so many images can show is told for images that are independent.
    level = question.level if question.scoring.is_share_of_all and grouping is None else None
    limits = Asked(margin=question.margin, level=level, folds=folds, auto_size=prepared.auto_size)
    advised = cross_validation(traits_of(prepared, folds), limits)
    if advised is None or not advised.flags:
        return False
    notice(f"{advised.reason} {' '.join(advised.flags)} does that.")
    return True


def _tell_groups(grouping: Grouping | None, images: int, notice: Notice) -> None:
    if grouping is not None:
        notice(f"{in_groups(grouping, images)}.")
        for sentence in group_warnings(grouping, images):
            notice(sentence)
