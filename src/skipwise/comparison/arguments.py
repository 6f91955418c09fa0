"""The arguments of `compare` that a plan has fixed: with them a command, or a file, asks the same question again."""

from __future__ import annotations

from dataclasses import dataclass, fields

from skipwise.comparison.plan import Plan


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
    outcome: str
    margin: float
    alpha: float
    balance: str
    device: str | None = None
    precision: str | None = None
    compile: bool | None = None
    mirror: bool
    every_pair: bool = False
    pretrained: bool = False
    freeze_norms: bool = False
    folds: int | None = None
    val_share: float | None = None

    def said(self) -> dict[str, object]:
        """Those that are not left unsaid."""
        return {each.name: value for each in fields(self) if (value := getattr(self, each.name)) is not None}

    def words(self) -> list[str]:
        """As options of the command line."""
        found = []
        for name, value in self.said().items():
            if value is True:
                found.append(flag(name))
            elif value is False:
                found += [] if name in SWITCHES else [flag(f"no_{name}")]
            else:
                found += [flag(name), f"lr={_text(value)}" if name == "tune" else _text(value)]
        return found


SWITCHES = tuple(each.name for each in fields(Arguments) if each.default is False)
"""Those that a command line can only turn on."""


def arguments(plan: Plan) -> Arguments:
    """The arguments that a plan has fixed. What a time limit chose is among them, and the limit is not.

    Networks that the time was not enough for are left out, where two others are left, and so are looks that were not
    come to.
    """
    question, recipe, tuning = plan.question, plan.recipe, plan.tuning
    looks = plan.looks if plan.looks[0] >= 2 else question.looks
    return Arguments(
        models=plan.candidates if len(plan.candidates) >= 2 else question.contenders,
        seeds=looks[0] if len(looks) == 1 else None,
        looks=looks if len(looks) > 1 else None,
        seed=question.first_seed,
        img_size=plan.preprocessing.size,
        stem=plan.stem,
        width=plan.width,
        recipe=recipe.name,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        lr=recipe.lr if tuning is None else None,
        tune=None if tuning is None else tuning.rates,
        tune_epochs=None if tuning is None else tuning.epochs,
        outcome=question.outcome,
        margin=question.margin,
        alpha=question.alpha,
        balance=recipe.balance,
        device=plan.execution.device,
        precision=plan.execution.precision,
        compile=plan.execution.compile,
        mirror=recipe.augmentation.mirror,
        every_pair=question.every_pair,
        pretrained=plan.pretrained,
        freeze_norms=recipe.freeze_norms,
        folds=plan.folds,
        val_share=plan.val_share,
    )


def flag(name: str) -> str:
    """The option of the command line for an argument."""
    return f"--{name.replace('_', '-')}"


def _text(value: object) -> str:
    return ",".join(map(_text, value)) if isinstance(value, tuple) else str(value)
