"""The command that asks a comparison's question again."""

from __future__ import annotations

from skipwise import text
from skipwise.comparison.plan import Plan
from skipwise.training.starting import PRETRAINED


def command(plan: Plan) -> str:
    """A command that asks the same question of the same images.

    What a time limit chose is in it in its place. Runs that were included are not: the command does them.
    """
    question, recipe = plan.question, plan.recipe
    looks = question.looks
    options: dict[str, object | None] = {
        "models": ",".join(question.contenders),
        **({"seeds": looks[0]} if len(looks) == 1 else {"looks": ",".join(map(str, looks))}),
        "seed": question.first_seed,
        "img-size": plan.preprocessing.size,
        "stem": plan.stem,
        "width": repr(plan.width),
        "recipe": recipe.name,
        "epochs": recipe.epochs,
        "batch-size": recipe.batch_size,
    }
    if plan.tuning is not None:
        options["tune"] = "lr=" + ",".join(repr(rate) for rate in plan.tuning.rates)
        options["tune-epochs"] = plan.tuning.epochs
    elif plan.fine_tuning is None:  # else there are two rates, each its recipe's
        options["lr"] = repr(recipe.lr)
    options |= {
        "outcome": question.outcome,
        "margin": repr(question.margin),
        "alpha": repr(question.alpha),
        "balance": recipe.balance,
        "device": plan.execution.device,
        "precision": plan.execution.precision,
        "compile" if plan.execution.compile else "no-compile": None,
        "mirror" if recipe.augmentation.mirror else "no-mirror": None,
    }
    tuned = plan.fine_tuning or recipe
    flags = {"every-pair": question.every_pair, "pretrained": plan.pretrained, "freeze-norms": tuned.freeze_norms}
    options |= {name: None for name, wanted in flags.items() if wanted}
    if plan.folds is not None:
        options["folds"] = plan.folds
    if plan.val_share is not None:
        options["val-share"] = repr(plan.val_share)
    words = ["skipwise", "compare", plan.data if plan.found_in is None else f"path/to/{plan.found_in}"]
    for name, value in options.items():
        words += [f"--{name}"] if value is None else [f"--{name}", str(value)]
    return text.command(*words, *_starts(plan), *plan.image_options)


def _starts(plan: Plan) -> list[str]:
    """What networks start from, said of each where it is not published weights or nothing for all."""
    starts = plan.init
    if not starts:
        return []
    if len(starts) == len(plan.question.contenders) and all(start.url for start in starts.values()):
        return ["--pretrained"]
    words = []
    for model, start in starts.items():
        words += ["--init", f"{model}={PRETRAINED if start.url else f'path/to/{start.name}'}"]
        words += [] if start.key is None else ["--init-key", f"{model}={start.key}"]
    return words
