"""The plan: everything about a comparison that is fixed before anything runs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal

from skipwise.comparison.plan.curve import PARTS
from skipwise.comparison.plan.digest import LATER, digest_of
from skipwise.comparison.plan.layout import (
    COSTS,
    CURVE,
    PLAN,
    REPORT,
    RESULTS,
    curve_folder,
    run_folder,
    tuning_folder,
)
from skipwise.comparison.plan.sameness import (
    as_begun_there,
    nameless,
    said_of_images,
    said_of_learning_curve,
    said_of_tuning,
    said_of_weights,
    wherever,
)
from skipwise.comparison.question.grouping import Grouping
from skipwise.comparison.question.question import Question
from skipwise.core.deprecation import earlier_name
from skipwise.core.differences import IGNORED, WITHIN, compared, difference
from skipwise.core.errors import SkipwiseError
from skipwise.core.workspace.workspace import Workspace
from skipwise.data.image.preprocess import Preprocessing
from skipwise.nets.spec import NetworkSpec
from skipwise.training.folder.names import TUNING
from skipwise.training.folder.record import Job as Job
from skipwise.training.folder.record import RunSpec, said_of_device, said_of_recipes, said_of_size
from skipwise.training.loop.recipe import Recipe, for_part, rescaled, shortened
from skipwise.training.machine.execution import Execution
from skipwise.training.planning.setting import Setting
from skipwise.training.tuning.space import LR, with_values
from skipwise.training.tuning.tuning import Tuning
from skipwise.training.weights.starting_weights import Start

MOST_FOLDS = 20
_OTHER_NUMBERS = "other looks, epochs or seeds are asked for"
_OTHER_TARGET = "another target accuracy is asked for, which 'skipwise report' takes for a finished comparison, too"


def check_together(folds: int | None, *, tune: bool, included: bool) -> None:
    """Raises SkipwiseError for options that exclude each other, and for cross-validation that can't be done."""
    if tune and included:
        raise SkipwiseError("Tuning gives runs other recipes than those of --include; leave one of them out.")
    if folds is None:
        return
    if not 2 <= folds <= MOST_FOLDS:
        raise SkipwiseError(f"--folds must lie between 2 and {MOST_FOLDS}, not {folds}.")
    if tune or included:
        what = "Tuning chooses by validation images" if tune else "--include takes runs that were tested on one split"
        raise SkipwiseError(f"{what}, and cross-validation has none; leave it or --folds out.")


Keep = Literal["all", "best", "none"]
KEEPS: tuple[Keep, ...] = ("all", "best", "none")


@dataclass(frozen=True, kw_only=True)
class Included:
    """A run that was trained before the comparison and is taken for one of its own, however it was computed."""

    model: str
    seed: int
    folder: str
    execution: Execution | None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A comparison, fixed. The last epoch is the result; nothing is selected on the test images.

    `split_images` counts the images per split; `val_share` and `test_share` are None where the images came split.
    With `folds`, there is no split: each seed is a repeat of cross-validation, in which every image is tested once.
    `found_in` is the name of the folder, archive or table, None for a data set known by name. `image_options` says how
    images were chosen and split, as on the command line; what came of it is in the fingerprint. `external_code` has a
    fingerprint of the code of every network that is not ours. `asked_before` has the questions that were answered
    before this one was asked of the same images.

    `init` has the weights that networks start from, by their names; the others start from scratch. Where only some are
    in it, `recipe` is of the others, and `fine_tuning` is theirs: see `recipe_of`. `pretrained` is how earlier versions
    wrote that all networks start from published weights.

    `grouping` says which test images belong together; None where each is by itself, and in plans of earlier versions,
    which took them for independent of each other.

    `target_accuracy` is an accuracy on the validation images, in percent; it is asked how many epochs it takes.

    With `learning_curve`, the network that is chosen is trained on parts of the training images, too, with the seeds of
    the first look: `curve_stopped_after` is with how many of them, where a time limit was over before.

    `keep` says which runs keep their weights: all, of each network the best one on the validation images, or none. No
    result depends on it.

    `execution` and `processes` are what the machine suggested; they are not part of what makes two plans the same, and
    nor is `machines`, among which so many runs at a time are spread.
    `asked_batch` is the batch that was asked for, or is the recipe's, where a smaller one is used to fit into memory.
    Under a `time_limit` (in seconds), so are looks, epochs, the images' size, the stem and the first seed, all of which
    it may change: `asked_for` has the looks and epochs that were asked for, `asked_setting` the size and stem, and
    `asked_seed` the first seed. `not_trained` has a sentence for every candidate that the time was not enough for,
    `corrections` one for every change that was made on the way; `stopped_after` so many seeds none is begun any more:
    the time is up, or the last look was taken, and may not be moved when the course is taken again.
    """

    question: Question = field(metadata=WITHIN)
    asked_before: tuple[Question, ...] = field(default=(), metadata=IGNORED)
    included: tuple[Included, ...] = field(default=(), metadata=compared("other runs are included", by=wherever))
    # Images that were renamed are the same: the fingerprint says which they are.
    data: str = field(metadata=IGNORED)
    found_in: str | None = field(default=None, metadata=IGNORED)
    classes: tuple[str, ...]
    fingerprint: str = field(metadata=compared(said_of_images, first=True))
    image_options: tuple[str, ...] = field(default=(), metadata=IGNORED)
    split_images: dict[str, int] = field(metadata=compared("the images are split otherwise"))
    split_seed: int
    val_share: float | None
    test_share: float | None
    folds: int | None = None
    # What else is in there follows from the images and networks.
    preprocessing: Preprocessing = field(metadata=compared(said_of_size, by=lambda made: made.size, first=True))
    stem: str
    width: float
    pretrained: bool = False
    init: dict[str, Start] = field(default_factory=dict, metadata=compared(said_of_weights, by=nameless) | LATER)
    external_code: dict[str, str] = field(metadata=compared("the code of a network changed"))
    recipe: Recipe = field(metadata=compared(said_of_recipes, within=True))
    fine_tuning: Recipe | None = field(
        default=None, metadata=compared("the recipe of networks that start from weights is another") | LATER
    )
    tuning: Tuning | None = field(default=None, metadata=compared(said_of_tuning))
    time_limit: float | None = None
    asked_for: tuple[tuple[int, ...], int] | None = field(default=None, metadata=compared(_OTHER_NUMBERS))
    asked_setting: tuple[int, str] | None = field(
        default=None, metadata=compared("another image size or stem is asked for") | LATER
    )
    asked_seed: int | None = field(default=None, metadata=compared(_OTHER_NUMBERS) | LATER)
    not_trained: dict[str, str] = field(default_factory=dict, metadata=IGNORED | LATER)
    corrections: tuple[str, ...] = field(default=(), metadata=IGNORED | LATER)
    stopped_after: int | None = field(default=None, metadata=IGNORED)
    execution: Execution = field(metadata=compared(said_of_device, by=lambda made: made.device))
    processes: int = field(metadata=IGNORED)
    asked_batch: int | None = field(default=None, metadata=IGNORED | LATER)
    grouping: Grouping | None = field(default=None, metadata=compared("other test images belong together") | LATER)
    target_accuracy: float | None = field(default=None, metadata=compared(_OTHER_TARGET) | LATER)
    keep: Keep = field(default="all", metadata=IGNORED | LATER)
    learning_curve: bool = field(default=False, metadata=compared(said_of_learning_curve) | LATER)
    curve_stopped_after: int | None = field(default=None, metadata=IGNORED | LATER)
    machines: int = field(default=1, metadata=IGNORED | LATER)

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"external_code": "guests"}
    guests = earlier_name("external_code", "guests")
    candidates = earlier_name("trained", "candidates")

    @property
    def trained(self) -> tuple[str, ...]:
        """The candidates that are trained and judged."""
        return tuple(name for name in self.question.candidates if name not in self.not_trained)

    @property
    def beside(self) -> int:
        """The number of runs that one machine does at a time."""
        return math.ceil(self.processes / self.machines)

    @property
    def setting(self) -> Setting:
        """The images' size and the stem."""
        return Setting(size=self.preprocessing.size, stem=self.stem)

    def at(self, setting: Setting) -> Plan:
        """The plan with images of another size, or another stem."""
        if setting == self.setting:
            return self
        preprocessing = replace(self.preprocessing, size=setting.size)
        return replace(self, preprocessing=preprocessing, stem=setting.stem, recipe=setting.suited(self.recipe))

    def lasting(self, looks: tuple[int, ...], epochs: int) -> Plan:
        """The plan with other looks and so many epochs, the tuning in proportion."""
        tuning = self.tuning
        if tuning is not None:
            tuning = replace(tuning, epochs=max(1, tuning.epochs * epochs // self.recipe.epochs))
        asked = replace(self, question=replace(self.question, looks=looks))
        if epochs == self.recipe.epochs:
            return asked
        return replace(asked, recipe=shortened(self.recipe, epochs, self.train_images), tuning=tuning)

    @property
    def test_images(self) -> int:
        """The number of test images."""
        return self.split_images["test"]

    @property
    def train_images(self) -> int:
        """The number of training images of a run."""
        return self.split_images["train"] if self.folds is None else self.test_images * (self.folds - 1) // self.folds

    @property
    def looks(self) -> tuple[int, ...]:
        """The numbers of seeds at which it is looked: the question's, unless the time is up before; then the next look
        is at what was done by then."""
        if self.stopped_after is None:
            return self.question.looks
        return (*(look for look in self.question.looks if look < self.stopped_after), self.stopped_after)

    @property
    def curve_seeds(self) -> tuple[int, ...]:
        """The seeds with which a network is trained on parts of the training images.

        There are none without a learning curve, nor where a time limit leaves less than an epoch of all images.
        """
        if not self.learning_curve or self.recipe.steps is not None:
            return ()
        seeds = self.question.seeds[: self.looks[0]]
        return seeds if self.curve_stopped_after is None else seeds[: self.curve_stopped_after]

    @property
    def exploratory(self) -> bool:
        """True if some of it was decided when results could be known already."""
        return bool(self.asked_before or self.included)

    @property
    def started(self) -> tuple[str, ...]:
        """The candidates that start from weights."""
        return (
            self.question.candidates
            if self.pretrained
            else tuple(n for n in self.question.candidates if n in self.init)
        )

    def recipe_of(self, model: str) -> Recipe:
        """The recipe of a candidate: in as many epochs and steps for all, whether they start from weights or not."""
        if self.fine_tuning is None or model not in self.init:
            return self.recipe
        return replace(
            rescaled(self.fine_tuning, self.recipe.batch_size), epochs=self.recipe.epochs, steps=self.recipe.steps
        )

    def preprocessing_of(self, model: str) -> Preprocessing:
        """Returns the preprocessing of a candidate: the same pixels for all, scaled as its initial weights expect.

        What a channel is scaled by belongs to the weights: their first layer was trained behind it, and another scale
        would change what every network sees of the same pixels, for some of them for the worse.
        """
        start = self.init.get(model)
        if start is None or start.expects is None:
            return self.preprocessing
        return replace(self.preprocessing, mean=start.expects.mean, std=start.expects.std)

    def jobs(self, model: str, seed: int, *, tuned: Mapping[str, float] | None = None) -> tuple[Job, ...]:
        """The runs of one candidate and seed: one, or one per fold.

        Args:
            tuned: the candidate's hyperparameters that were tuned.
        """
        if self.folds is None:
            return (Job(spec=self.spec(model, seed, tuned=tuned), folder=run_folder(model, seed)),)
        return tuple(
            Job(spec=self.spec(model, seed, tuned=tuned, fold=fold), folder=run_folder(model, seed, fold=fold))
            for fold in range(self.folds)
        )

    def curve_jobs(
        self, model: str, part: str, seed: int, *, tuned: Mapping[str, float] | None = None
    ) -> tuple[Job, ...]:
        """The runs of one candidate and seed on a part of the training images: one, or one per fold.

        Args:
            part: its name among `curve.PARTS`.
            tuned: the candidate's hyperparameters that were tuned; the learning rate on fewer images follows from them.
        """
        share, found = PARTS[part], []
        for job in self.jobs(model, seed, tuned=tuned):
            fold = None if job.spec.fold is None else job.spec.fold[0]
            recipe = for_part(job.spec.recipe, self.train_images, share)
            spec = replace(job.spec, recipe=recipe, execution=self.execution, train_share=share)
            found.append(Job(spec=spec, folder=curve_folder(model, seed, part, fold=fold)))
        return tuple(found)

    def variants_of(self, job: Job) -> tuple[str, ...]:
        """The variants of its test images that a run answers; none where it only tunes."""
        if job.folder.startswith(f"{CURVE}/"):  # a learning curve is of the first outcome
            return tuple(filter(None, [self.question.scoring.variant]))
        return () if job.folder.startswith(f"{TUNING}/") else self.question.variants

    def tuning_jobs(self) -> dict[tuple[str, float], Job]:
        """The short runs that choose learning rates, by candidate and rate."""
        if self.tuning is None or self.tuning.trials is not None:
            return {}
        rates = self.tuning.rates
        return {(model, rate): self.tuning_job(model, {LR: rate}) for model in self.trained for rate in rates}

    def tuning_job(self, model: str, values: Mapping[str, float], *, trial: int = 0, epochs: int | None = None) -> Job:
        """The short run of one candidate with some values of the hyperparameters that are tuned.

        Args:
            values: by name.
            trial: the number of the trial.
            epochs: None for those of the tuning.
        """
        assert self.tuning is not None
        length = self.tuning.epochs if epochs is None else epochs
        spec = self.spec(model, self.tuning.seed, tuned=values)
        short = replace(spec, recipe=shortened(spec.recipe, length, self.train_images))
        name = self.tuning.name_of(values, trial, length)
        return Job(spec=short, folder=tuning_folder(model, self.tuning.seed, name))

    def spec(
        self, model: str, seed: int, *, tuned: Mapping[str, float] | None = None, fold: int | None = None
    ) -> RunSpec:
        """The run of one candidate and seed."""
        included = {(run.model, run.seed): run.execution for run in self.included}
        start, recipe = self.init.get(model), self.recipe_of(model)
        return RunSpec(
            model=model,
            seed=seed,
            stem=self.stem,
            width=self.width,
            pretrained=self.pretrained,
            init=None if start is None else start.sha256,
            init_key=None if start is None else start.key,
            classes=self.classes,
            preprocessing=self.preprocessing_of(model),
            fingerprint=self.fingerprint,
            recipe=with_values(recipe, tuned or {}),
            execution=included.get((model, seed)) or self.execution,
            fold=None if fold is None or self.folds is None else (fold, self.folds),
        )

    def network(self, model: str) -> NetworkSpec:
        """The network of a candidate, as all of its runs build it."""
        return self.spec(model, self.question.first_seed).network

    def digest(self) -> str:
        """The SHA-256 of all that results may depend on: not of how many run at once, nor of where things lie."""
        return digest_of(self)

    def same_as(self, other: Plan) -> bool:
        """Returns whether both ask the same question of the same images in the same way, on the same kind of device."""
        return not self.difference(other)

    def difference(self, stored: Plan) -> str:
        """Names the differences from a stored plan for the user; "" where the stored plan is to be continued."""
        return difference(as_begun_there(self, stored), stored)

    def extended(self, question: Question) -> Plan:
        """The plan with more candidates or more looks, asked after the first question was.

        Raises:
            SkipwiseError: the question is not the first one and more.
        """
        before = self.question
        same = replace(question, candidates=before.candidates, looks=before.looks) == before
        more = set(question.candidates) >= set(before.candidates)
        more = more and question.looks[: len(before.looks)] == before.looks
        if not same or not more:
            raise SkipwiseError(
                "--extend takes the same question with more networks or more looks, such as --looks "
                f"{','.join(map(str, (*before.looks, before.looks[-1] + 4)))}; what was asked before is "
                f"{','.join(before.candidates)} at {','.join(map(str, before.looks))} seeds, by "
                f"{','.join(before.outcomes)}, margin {','.join(f'{each.margin:g}' for each in before.questions)}, "
                f"alpha {before.alpha:g}."
            )
        # A time limit was for what was asked before.
        return replace(
            self,
            question=question,
            asked_before=(*self.asked_before, before),
            time_limit=None,
            stopped_after=None,
            curve_stopped_after=None,
        )


COMPARISONS = Workspace(
    parent=Path("runs/compare"),
    noun="a comparison",
    plan_file=PLAN,
    results=(RESULTS, COSTS, REPORT),
    kind=Plan,
)
