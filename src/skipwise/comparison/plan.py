"""The plan: everything about a comparison that is fixed before anything runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

from skipwise.data.preprocess import Preprocessing
from skipwise.errors import SkipwiseError
from skipwise.folders import Shelf
from skipwise.nets.zoo import check_model
from skipwise.training.execution import Execution
from skipwise.training.recipe import Recipe
from skipwise.training.run import RunSpec

MOST_SEEDS = 1000


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of the images: who competes, how often, and how sure the answer has to be.

    Args:
        contenders: names of networks, at least two.
        seeds: of the runs, the same for every contender, at least two.
        margin: the difference in accuracy that would not matter, in percentage points.
        alpha: the chance that any of the answers is wrong.
    """

    contenders: tuple[str, ...]
    seeds: tuple[int, ...]
    margin: float
    alpha: float

    def check(self) -> None:
        """Raises SkipwiseError where the question can't be answered."""
        if len(self.contenders) < 2:
            raise SkipwiseError("A comparison needs at least two networks; name them with --models a,b.")
        for name in self.contenders:
            if self.contenders.count(name) > 1:
                raise SkipwiseError(f"{name!r} is among the networks twice; name each network once in --models.")
            check_model(name)
        if len(self.seeds) < 2:
            raise SkipwiseError(
                f"--seeds {len(self.seeds)} can't be compared: no interval can be given from fewer than two runs of a "
                "network, since nothing shows how much a run varies; use --seeds 2 or, better, 5."
            )
        if not (math.isfinite(self.margin) and 0 < self.margin < 100):
            raise SkipwiseError(f"--margin must lie between 0 and 100 percentage points, not {self.margin:g}.")
        if not 0 < self.alpha < 1:
            raise SkipwiseError(f"--alpha must lie between 0 and 1, not {self.alpha:g}.")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A comparison, fixed. The last epoch is the result; nothing is selected on the test images.

    `split_images` counts the images per split; `val_share` and `test_share` are None where the images came split.
    `guests` has a fingerprint of the code of every network that is not ours. `execution` and `processes` are what the
    machine suggested; they are not part of what makes two plans the same.
    """

    question: Question
    data: str
    classes: tuple[str, ...]
    fingerprint: str
    split_images: dict[str, int]
    split_seed: int
    val_share: float | None
    test_share: float | None
    preprocessing: Preprocessing
    stem: str
    width: float
    pretrained: bool
    guests: dict[str, str]
    recipe: Recipe
    execution: Execution
    processes: int

    def runs(self) -> list[tuple[str, int]]:
        """(contender, seed) of every run: seed by seed, so that all contenders advance together."""
        return [(model, seed) for seed in self.question.seeds for model in self.question.contenders]

    def spec(self, model: str, seed: int) -> RunSpec:
        """The run of one contender and seed."""
        return RunSpec(
            model=model,
            seed=seed,
            stem=self.stem,
            width=self.width,
            pretrained=self.pretrained,
            classes=self.classes,
            preprocessing=self.preprocessing,
            fingerprint=self.fingerprint,
            recipe=self.recipe,
            execution=self.execution,
        )

    def same_as(self, other: Plan) -> bool:
        """Whether both ask the same question of the same images in the same way, on the same kind of device."""
        on_this = replace(self, execution=other.execution, processes=other.processes, preprocessing=other.preprocessing)
        return (
            on_this == other
            and self.execution.device == other.execution.device
            # What else is in there follows from the images and networks, which have been compared.
            and self.preprocessing.size == other.preprocessing.size
        )

    def difference(self, stored: Plan) -> str:
        """What differs, named for a person: the images, or the first field of the two records that is not the same."""
        if (self.data, self.fingerprint, self.classes) != (stored.data, stored.fingerprint, stored.classes):
            return "the images differ"
        pairs = (
            (self.question, stored.question),
            (self.recipe, stored.recipe),
            (self.recipe.augmentation, stored.recipe.augmentation),
            (self, stored),
        )
        for ours, theirs in pairs:
            for name in ours.__dataclass_fields__:
                if name in {"question", "recipe", "augmentation", "execution", "processes"}:
                    continue
                mine, yours = getattr(ours, name), getattr(theirs, name)
                if mine != yours:
                    if name == "preprocessing":
                        if mine.size == yours.size:  # what else is in there follows from the images
                            continue
                        return f"the image size is {yours.size} there and {mine.size} here"
                    if name == "guests":
                        return "the code of a network changed"
                    return f"{name} is {_shown(yours)} there and {_shown(mine)} here"
        return "the device differs"


def check_seeds(first: int, count: int) -> tuple[int, ...]:
    """`count` seeds from `first` on; raises SkipwiseError for numbers that are no seeds or too many."""
    if count > MOST_SEEDS:
        raise SkipwiseError(f"--seeds must be at most {MOST_SEEDS:,}, not {count:,}.")
    return tuple(range(first, first + max(count, 0)))


def run_folder(comparison: Path, model: str, seed: int) -> Path:
    """Where a comparison keeps a run. A network of one's own has a colon in its name, which no folder should."""
    return comparison / "runs" / f"{model.replace(':', '.')}-s{seed}"


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


SHELF = Shelf(parent=Path("runs/compare"), noun="a comparison", begun="plan.json", finished="report.html", kind=Plan)
"""The report is written last; a comparison's folder that has it is finished."""
