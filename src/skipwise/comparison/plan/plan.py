"""The plan: everything about a comparison that is fixed before anything runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import msgspec

from skipwise.comparison.plan.grouping import Grouping
from skipwise.comparison.plan.question import Question
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.earlier_names import with_earlier_names
from skipwise.core.workspace.workspace import Workspace
from skipwise.data.image.preprocess import Preprocessing
from skipwise.nets.spec import NetworkSpec
from skipwise.training.loop.recipe import Recipe, as_begun, growing_apart, redefined, rescaled, shortened
from skipwise.training.machine.execution import Execution
from skipwise.training.plan import images_apart
from skipwise.training.run.record import RunSpec
from skipwise.training.setting import Setting
from skipwise.training.starting_weights import Start

MOST_FOLDS = 20
LATER: dict[str, object] = {
    "asked_setting": None,
    "asked_seed": None,
    "not_trained": {},
    "corrections": (),
    "asked_batch": None,
    "init": {},
    "fine_tuning": None,
    "grouping": None,
}
"""What plans did not have at first, and what it was then; see `Plan.digest`."""


def check_together(folds: int | None, *, tune: bool, included: bool, lr: float | None) -> None:
    """Raises SkipwiseError for options that exclude each other, and for cross-validation that can't be done."""
    if tune and lr is not None:
        raise SkipwiseError("--tune chooses the learning rate, so --lr has nothing to do; give one of them.")
    if tune and included:
        raise SkipwiseError("--tune gives runs other learning rates than those of --include; give one of them.")
    if folds is None:
        return
    if not 2 <= folds <= MOST_FOLDS:
        raise SkipwiseError(f"--folds must lie between 2 and {MOST_FOLDS}, not {folds}.")
    if tune or included:
        what = "--tune chooses by validation images" if tune else "--include takes runs that were tested on one split"
        raise SkipwiseError(f"{what}, and cross-validation has none; leave it or --folds out.")


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Learning rates that every candidate tries first, in one short run each, judged on the validation images."""

    rates: tuple[float, ...]
    epochs: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Included:
    """A run that was trained before the comparison and is taken for one of its own, however it was computed."""

    model: str
    seed: int
    folder: str
    execution: Execution | None


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run that is to be done: what, and in which folder of the comparison's folder."""

    spec: RunSpec
    folder: str


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

    `execution` and `processes` are what the machine suggested; they are not part of what makes two plans the same.
    `asked_batch` is the batch that was asked for, or is the recipe's, where a smaller one is used to fit into memory.
    Under a `time_limit` (in seconds), so are looks, epochs, the images' size, the stem and the first seed, all of which
    it may change: `asked_for` has the looks and epochs that were asked for, `asked_setting` the size and stem, and
    `asked_seed` the first seed. `not_trained` has a sentence for every candidate that the time was not enough for,
    `corrections` one for every change that was made on the way; `stopped_after` so many seeds none is begun any more:
    the time is up, or the last look was taken, and may not be moved when the course is taken again.
    """

    question: Question
    asked_before: tuple[Question, ...] = ()
    included: tuple[Included, ...] = ()
    data: str
    found_in: str | None = None
    classes: tuple[str, ...]
    fingerprint: str
    image_options: tuple[str, ...] = ()
    split_images: dict[str, int]
    split_seed: int
    val_share: float | None
    test_share: float | None
    folds: int | None = None
    preprocessing: Preprocessing
    stem: str
    width: float
    pretrained: bool = False
    init: dict[str, Start] = field(default_factory=dict)
    external_code: dict[str, str]
    recipe: Recipe
    fine_tuning: Recipe | None = None
    tuning: Tuning | None = None
    time_limit: float | None = None
    asked_for: tuple[tuple[int, ...], int] | None = None
    asked_setting: tuple[int, str] | None = None
    asked_seed: int | None = None
    not_trained: dict[str, str] = field(default_factory=dict)
    corrections: tuple[str, ...] = ()
    stopped_after: int | None = None
    execution: Execution
    processes: int
    asked_batch: int | None = None
    grouping: Grouping | None = None

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"external_code": "guests"}

    @property
    def trained(self) -> tuple[str, ...]:
        """The candidates that are trained and judged."""
        return tuple(name for name in self.question.candidates if name not in self.not_trained)

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
        """How many images every candidate is tested on."""
        return self.split_images["test"]

    @property
    def train_images(self) -> int:
        """How many images a run is trained on."""
        return self.split_images["train"] if self.folds is None else self.test_images * (self.folds - 1) // self.folds

    @property
    def looks(self) -> tuple[int, ...]:
        """The numbers of seeds at which it is looked: the question's, unless the time is up before; then the next look
        is at what was done by then."""
        if self.stopped_after is None:
            return self.question.looks
        return (*(look for look in self.question.looks if look < self.stopped_after), self.stopped_after)

    @property
    def exploratory(self) -> bool:
        """Whether some of it was decided when results could be known already."""
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
        """How images become a candidate's input: the same pixels for all, scaled as its weights to start from want.

        What a channel is scaled by belongs to the weights: their first layer was trained behind it, and another scale
        would change what every network sees of the same pixels, for some of them for the worse.
        """
        start = self.init.get(model)
        if start is None or start.expects is None:
            return self.preprocessing
        return replace(self.preprocessing, mean=start.expects.mean, std=start.expects.std)

    def jobs(self, model: str, seed: int, *, lr: float | None = None) -> tuple[Job, ...]:
        """The runs of one candidate and seed: one, or one per fold.

        Args:
            lr: the candidate's learning rate, where it was tuned.
        """
        if self.folds is None:
            return (Job(spec=self.spec(model, seed, lr=lr), folder=run_folder(model, seed)),)
        return tuple(
            Job(spec=self.spec(model, seed, lr=lr, fold=fold), folder=f"{run_folder(model, seed)}-f{fold}")
            for fold in range(self.folds)
        )

    def tuning_jobs(self) -> dict[tuple[str, float], Job]:
        """The short runs that choose learning rates, by candidate and rate."""
        if self.tuning is None:
            return {}
        found = {}
        for model in self.trained:
            for rate in self.tuning.rates:
                spec = self.spec(model, self.tuning.seed, lr=rate)
                short = replace(spec, recipe=shortened(spec.recipe, self.tuning.epochs, self.train_images))
                name = run_folder(model, self.tuning.seed, parent="tuning")
                found[model, rate] = Job(spec=short, folder=f"{name}-lr{rate!r}")
        return found

    def spec(self, model: str, seed: int, *, lr: float | None = None, fold: int | None = None) -> RunSpec:
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
            recipe=recipe if lr is None else replace(recipe, lr=lr),
            execution=included.get((model, seed)) or self.execution,
            fold=None if fold is None or self.folds is None else (fold, self.folds),
        )

    def network(self, model: str) -> NetworkSpec:
        """The network of a candidate, as all of its runs build it."""
        return self.spec(model, self.question.first_seed).network

    def digest(self) -> str:
        """The SHA-256 of all that results may depend on: not of how many run at once, nor of where things lie."""
        bare = replace(
            self,
            processes=1,
            found_in=None,
            image_options=(),
            included=tuple(replace(r, folder="") for r in self.included),
            init=_nameless(self.init),
        )
        # As it is read back, where a whole number may have become a float.
        read = msgspec.to_builtins(msgspec.json.decode(msgspec.json.encode(bare), type=Plan))
        # Earlier versions, whose plans stay readable, had other names and knew nothing of these.
        read = with_earlier_names(read, Plan)
        for name, default in LATER.items():
            if read[name] == default:
                del read[name]
        for recipe in (read["recipe"], read.get("fine_tuning")):
            if recipe is not None and recipe.get("steps") is None:
                recipe.pop("steps", None)
        return hashlib.sha256(msgspec.json.encode(read)).hexdigest()

    def same_as(self, other: Plan) -> bool:
        """Whether both ask the same question of the same images in the same way, on the same kind of device."""
        on_this = replace(
            self.as_begun(other),
            data=other.data,  # images that were renamed are the same: the fingerprint says which they are
            asked_before=other.asked_before,
            included=_bare(self.included),
            init=_nameless(self.init),
            stopped_after=other.stopped_after,
            not_trained=other.not_trained,
            corrections=other.corrections,
            found_in=other.found_in,
            image_options=other.image_options,
            execution=other.execution,
            processes=other.processes,
            preprocessing=other.preprocessing,
            # A plan of an earlier version goes on as it began.
            grouping=self.grouping if other.grouping is not None else None,
        )
        limited = self.time_limit is not None and self.time_limit == other.time_limit
        if limited:
            question = replace(self.question, looks=other.question.looks, first_seed=other.question.first_seed)
            on_this = replace(
                on_this,
                question=question,
                recipe=replace(
                    shortened(on_this.recipe, other.recipe.epochs, self.train_images),
                    steps=other.recipe.steps,
                    smallest=other.recipe.smallest,
                    full_from=other.recipe.full_from,
                ),
                stem=other.stem,
            )
            if self.tuning is not None and other.tuning is not None:
                tuned = replace(self.tuning, epochs=other.tuning.epochs, seed=other.tuning.seed)
                on_this = replace(on_this, tuning=tuned)
        return (
            on_this == replace(other, included=_bare(other.included), init=_nameless(other.init))
            and self.execution.device == other.execution.device
            # What else is in there follows from the images and networks, which have been compared.
            and (limited or self.preprocessing.size == other.preprocessing.size)
        )

    def as_begun(self, other: Plan) -> Plan:
        """This plan with the batch size that the other plan was reduced to, if both asked for the same one."""
        recipe = as_begun(self.recipe, other.asked_batch, other.recipe)
        return replace(self, recipe=recipe, asked_batch=other.asked_batch)

    def difference(self, stored: Plan) -> str:
        """What differs, named for a person: the images, or the first field of the two records that is not the same."""
        self = self.as_begun(stored)
        if self.fingerprint != stored.fingerprint:
            # First, since much else follows from the images.
            return images_apart(
                (self.classes, self.val_share, self.split_images),
                (stored.classes, stored.val_share, stored.split_images),
            )
        if redefined(self.recipe, stored.recipe):
            return f"the recipe {self.recipe.name!r} was another one then; the version that began it can go on"
        limited = self.time_limit is not None and self.time_limit == stored.time_limit
        mine, yours = self.preprocessing.size, stored.preprocessing.size
        if mine != yours and not limited:
            return f"the image size is {yours} there and {mine} here"
        if not limited and (apart := growing_apart(self.recipe, stored.recipe)):
            return apart
        passed_over = {"question", "recipe", "augmentation", "execution", "processes", "asked_before", "stopped_after"}
        passed_over |= {"preprocessing", "data", "split_images", "found_in", "image_options"}
        if _nameless(self.init) == _nameless(stored.init):
            passed_over.add("init")
        passed_over |= {"not_trained", "corrections"}
        if limited:
            passed_over |= {"looks", "first_seed", "epochs", "steps", "smallest", "full_from", "stem"}
        else:
            passed_over |= {"asked_for", "asked_setting", "asked_seed"}
        pairs = (
            (self.question, stored.question),
            (self.recipe, stored.recipe),
            (self.recipe.augmentation, stored.recipe.augmentation),
            (self, stored),
        )
        for ours, theirs in pairs:
            for name in ours.__dataclass_fields__:
                if name in passed_over:
                    continue
                mine, yours = getattr(ours, name), getattr(theirs, name)
                if mine != yours:
                    if name == "init":
                        return self._starts_apart(stored)
                    if name == "fine_tuning":
                        return "the recipe of networks that start from weights is another"
                    if name == "grouping":
                        return "other test images belong together"
                    if name == "external_code":
                        return "the code of a network changed"
                    if name == "included":
                        return "other runs are included"
                    if name in ("asked_for", "asked_seed"):
                        return "other looks, epochs or seeds are asked for"
                    if name == "asked_setting":
                        return "another image size or stem is asked for"
                    if name == "tuning":
                        return "learning rates are tuned otherwise"
                    return f"{name} is {_shown(yours)} there and {_shown(mine)} here"
        return "the device differs"

    def _starts_apart(self, stored: Plan) -> str:
        """Which candidate starts from other weights in a stored plan."""
        for name in dict.fromkeys((*self.question.candidates, *stored.init)):
            ours, theirs = self.init.get(name), stored.init.get(name)
            if _nameless({name: ours} if ours else {}) != _nameless({name: theirs} if theirs else {}):
                there, here = (each.name if each else "scratch" for each in (theirs, ours))
                which = " (another file of that name)" if there == here else ""
                return f"{name} starts from {there} there and from {here} here{which}"
        return "networks start from other weights"

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
                f"{','.join(before.candidates)} at {','.join(map(str, before.looks))} seeds, margin {before.margin:g}, "
                f"alpha {before.alpha:g}."
            )
        # A time limit was for what was asked before.
        return replace(
            self, question=question, asked_before=(*self.asked_before, before), time_limit=None, stopped_after=None
        )


def run_folder(model: str, seed: int, *, parent: str = "runs") -> str:
    """Where a comparison keeps a run. A network of one's own has a colon in its name, which no folder should."""
    return f"{parent}/{model.replace(':', '.')}-s{seed}"


def _bare(included: tuple[Included, ...]) -> tuple[Included, ...]:
    return tuple(replace(run, folder="", execution=None) for run in included)


def _nameless(init: Mapping[str, Start]) -> dict[str, Start]:
    return {model: replace(start, name="") for model, start in init.items()}


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


PLAN, RESULTS, COSTS, REPORT = "plan.json", "comparison.json", "costs.json", "report.html"
COMPARISONS = Workspace(
    parent=Path("runs/compare"),
    noun="a comparison",
    plan_file=PLAN,
    results=(RESULTS, COSTS, REPORT),
    kind=Plan,
)
