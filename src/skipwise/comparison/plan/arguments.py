"""The arguments of `compare` that a plan has fixed: with them a command, or a file, asks the same question again."""

from __future__ import annotations

from dataclasses import dataclass, fields

from skipwise.comparison.options import CompareOptions
from skipwise.comparison.plan.plan import Plan
from skipwise.core.options import command_words
from skipwise.training.tuning.space import LR
from skipwise.training.tuning.tuning import Tuning
from skipwise.training.weights.starting_weights import PRETRAINED


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Arguments of `compare` by their names, in the order of a command line; None is left unsaid."""

    models: tuple[str, ...]
    seeds: int | None = None
    looks: tuple[int, ...] | None = None
    seed: int
    img_size: int
    stem: str
    width: float
    recipe: str
    epochs: int
    batch_size: int
    lr: float | None = None
    tune: tuple[float, ...] | None = None
    tune_epochs: int | None = None
    tune_trials: int | None = None
    tune_what: tuple[str, ...] | None = None
    outcome: str
    margin: float | tuple[float, ...]
    alpha: float
    target_accuracy: float | None = None
    learning_curve: bool | None = None
    balance: str
    device: str | None = None
    precision: str | None = None
    compile: bool | None = None
    mirror: bool
    every_pair: bool = False
    init: tuple[str, ...] | None = None
    init_key: tuple[str, ...] | None = None
    freeze_norms: bool = False
    folds: int | None = None
    val_share: float | None = None

    def said(self) -> dict[str, object]:
        """Those that are not left unsaid."""
        return {each.name: value for each in fields(self) if (value := getattr(self, each.name)) is not None}

    def words(self) -> list[str]:
        """As options of the command line."""
        return command_words(CompareOptions, self.said())


ELSEWHERE = "path/to/"
"""Before the name of a file of weights, of which a plan does not know where it lies now."""


def arguments(plan: Plan) -> Arguments:
    """The arguments that a plan has fixed. What a time limit chose is among them, and the limit is not.

    Networks that the time was not enough for are left out, where two others are left, and so are looks that were not
    come to.
    """
    question, recipe, tuning = plan.question, plan.recipe, plan.tuning
    looks = plan.looks if plan.looks[0] >= 2 else question.looks
    return Arguments(
        models=plan.trained if len(plan.trained) >= 2 else question.candidates,
        seeds=looks[0] if len(looks) == 1 else None,
        looks=looks if len(looks) > 1 else None,
        seed=question.first_seed,
        img_size=plan.preprocessing.size,
        stem=plan.stem,
        width=plan.width,
        recipe=recipe.name,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        # Where some networks are fine-tuned and some are not, there are two rates, each its recipe's.
        lr=recipe.lr if (tuning is None or LR not in tuning.names) and plan.fine_tuning is None else None,
        tune=_rates(tuning),
        tune_epochs=None if tuning is None else tuning.epochs,
        tune_trials=None if tuning is None else tuning.trials,
        tune_what=tuning.names if tuning is not None and tuning.space else None,
        outcome=",".join(question.outcomes),
        margin=tuple(each.margin for each in question.questions) if question.further else question.margin,
        alpha=question.alpha,
        target_accuracy=plan.target_accuracy,
        learning_curve=plan.learning_curve or None,
        balance=recipe.balance,
        device=plan.execution.device,
        precision=plan.execution.precision,
        compile=plan.execution.compile,
        mirror=recipe.augmentation.mirror,
        every_pair=question.every_pair,
        init=_starts(plan),
        init_key=tuple(f"{model}={start.key}" for model, start in plan.init.items() if start.key) or None,
        freeze_norms=(plan.fine_tuning or recipe).freeze_norms,
        folds=plan.folds,
        val_share=plan.val_share,
    )


def _rates(tuning: Tuning | None) -> tuple[float, ...] | None:
    """The values of `--tune`: the rates to try, or the range of them."""
    if tuning is None:
        return None
    rates = next(((each.low, each.high) for each in tuning.space if each.name == LR), None)
    return tuning.rates or rates


def _starts(plan: Plan) -> tuple[str, ...] | None:
    """Returns the values of `--init`: one word where it holds for all networks, else NETWORK=VALUE for each."""
    starts = {name: PRETRAINED if start.url else f"{ELSEWHERE}{start.name}" for name, start in plan.init.items()}
    if starts and len(starts) == len(plan.question.candidates) and set(starts.values()) == {PRETRAINED}:
        return (PRETRAINED,)
    return tuple(f"{name}={start}" for name, start in starts.items()) or ("none",)
