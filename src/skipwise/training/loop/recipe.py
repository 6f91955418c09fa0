"""What a run does, as frozen data, and the named recipes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from skipwise.core.differences import WITHIN
from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.data.batches.augmentation import Augmentation

Balance = Literal["none", "sampling", "loss"]
BALANCES: dict[str, Balance] = {name: name for name in get_args(Balance)}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything about training that is neither the network nor the images.

    Shares are of all steps of a run, unless they say otherwise, so that a recipe means the same for 500 images and
    for 500,000. Fields with a default are levers that the published baselines do without.

    Args:
        epochs: passes over the training images.
        optimizer: "sgd", with Nesterov momentum, or "muon" (see optimizer.Muon).
        lr: the highest learning rate, of the matrices (convolutions and linear layers).
        vector_rate: of norms and biases, and of what Muon does not train, times `lr`.
        norm_bias_rate: of the norms' biases, times that again (Page 2019, "How to train your ResNet", part 6).
        weight_decay: times the rate, of matrices: all parameters of more than one dimension. Beside Muon, of those it
            trains and of the last layer.
        vector_decay: the same of everything else, such as norms and biases, which have nothing to gain from being
            small.
        label_smoothing: Szegedy et al. 2016 (arXiv:1512.00567).
        warmup: the share in which the rate rises, on a straight line.
        descent: how it falls to zero afterwards: along a "cosine" or a "line" (which makes the triangle of
            Smith and Topin 2019, arXiv:1708.07120).
        smallest: the side of the images at first, as a share of their own; see schedule.side.
        full_from: the share from which on they have their own size.
        average: the answer is the exponential moving average of the weights, over about this share; 0 is the weights.
        norm_momentum: how much a batch moves the statistics that norms use in evaluation; None is the network's own.
        dirac, whiten: initial weights; see initial.py.
        head_first: the share in which only the last layer learns; for weights that come from elsewhere.
        layer_decay: the rate of each stage as a share of that of the next, the last layer's being the whole.
        freeze_norms: whether norms keep their statistics, scales and biases.
        steps: of the whole run, where a time limit leaves less than one epoch; None is that of all epochs.
        balance: for classes of unequal size: "sampling" shows as many images of each class, in epochs as long as
            before (see TrainingBatches.order); "loss" weights an image's loss by the inverse of its class's frequency.
    """

    name: str
    epochs: int
    batch_size: int
    optimizer: Literal["sgd", "muon"] = "sgd"
    lr: float
    vector_rate: float = 1.0
    norm_bias_rate: float = 1.0
    momentum: float
    weight_decay: float
    vector_decay: float = 0.0
    label_smoothing: float = 0.0
    warmup: float
    descent: Literal["cosine", "line"] = "cosine"
    smallest: float = 1.0
    full_from: float = 0.0
    average: float = 0.0
    norm_momentum: float | None = None
    dirac: bool = False
    whiten: bool = False
    head_first: float = 0.0
    layer_decay: float = 1.0
    freeze_norms: bool = False
    augmentation: Augmentation = field(metadata=WITHIN)
    balance: Balance = "none"
    steps: int | None = None

    def steps_in_all(self, images: int) -> int:
        """The number of steps of a run on so many training images."""
        return self.steps or self.epochs * max(1, images // self.batch_size)


_FAST = Recipe(
    name="fast",
    epochs=15,  # that cost what 11 of full size do
    batch_size=256,
    optimizer="muon",
    lr=0.4,
    vector_rate=0.25,
    momentum=0.6,
    weight_decay=5e-3,
    label_smoothing=0.1,
    warmup=0.25,
    smallest=0.625,
    full_from=0.7,
    whiten=True,
    augmentation=Augmentation(mirror=True, shift=1 / 8, alternate=True),
)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        # What most published CIFAR tables were made with (DeVries and Taylor 2017, section 4.1).
        Recipe(
            name="reference",
            epochs=200,
            batch_size=128,
            lr=0.1,
            momentum=0.9,
            weight_decay=5e-4,
            warmup=0.0,
            augmentation=Augmentation(mirror=True, shift=1 / 8),
        ),
        replace(_FAST, name="standard", epochs=40, augmentation=replace(_FAST.augmentation, cutout=0.25)),
        _FAST,
    )
}

LEAST_BATCH = 16
STEPS_PER_EPOCH = 20
"""At least about this many, so that small sets get smaller batches."""
FULL_SIZE_STEPS = 40
"""Norms forget the statistics of smaller images in about so many steps; where there are fewer, images don't grow."""
GROWN = 0.75
"""What an epoch of growing images costs of one at full size; where a recipe's images don't, it has fewer epochs."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What a person wants otherwise than in the recipe; None leaves it as it is.

    Args:
        mirror: None mirrors where the images allow it.
        fine_tune: whether the weights come from elsewhere; see `fine_tuning`.
    """

    epochs: int | None = None
    batch_size: int | None = None
    lr: float | None = None
    mirror: bool | None = None
    balance: str | None = None
    fine_tune: bool = False
    freeze_norms: bool = False

    def check(self) -> None:
        """Raises SkipwiseError for numbers no training can have."""
        if self.epochs is not None and self.epochs < 1:
            raise SkipwiseError(f"--epochs must be at least 1, not {self.epochs}.")
        if self.batch_size is not None and self.batch_size < 2:
            raise SkipwiseError(f"--batch-size must be at least 2 (batch norm needs company), not {self.batch_size}.")
        if self.lr is not None and not (math.isfinite(self.lr) and self.lr > 0):
            raise SkipwiseError(f"--lr must be a number above 0, not {self.lr:g}.")
        if self.balance is not None and self.balance not in BALANCES:
            raise unknown_name("balance", self.balance, BALANCES)
        if self.freeze_norms and not self.fine_tune:
            raise SkipwiseError("--freeze-norms is for weights that come from elsewhere, by --init or --pretrained.")


def check_recipe(name: str) -> None:
    """Raises SkipwiseError for a name that is not in `RECIPES`."""
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)


def choose_recipe(name: str, wishes: Wishes, *, mirrors: bool, images: int) -> Recipe:
    """A named recipe with its numbers fitted to the training set, and to what was asked for.

    Args:
        mirrors: whether a mirrored image keeps its class.
        images: in the training split. Small sets get smaller batches, from `LEAST_BATCH` to the recipe's own.

    Raises:
        SkipwiseError: an unknown recipe or balance, or numbers no training can have.
    """
    check_recipe(name)
    wishes.check()
    recipe = fine_tuning(RECIPES[name]) if wishes.fine_tune else RECIPES[name]
    batch_size = wishes.batch_size
    if batch_size is None:
        fitting = 2 ** round(math.log2(max(images, 1) / STEPS_PER_EPOCH))
        batch_size = max(LEAST_BATCH, min(fitting, recipe.batch_size))
    recipe = rescaled(recipe, min(batch_size, images))
    mirror = (mirrors if wishes.mirror is None else wishes.mirror) and recipe.augmentation.mirror
    balance = recipe.balance if wishes.balance is None else BALANCES[wishes.balance]
    # An image that is drawn several times in an epoch would always be seen the same way round.
    alternate = mirror and recipe.augmentation.alternate and balance != "sampling"
    if too_short_to_grow(recipe, (wishes.epochs or recipe.epochs) * (images // recipe.batch_size)):
        recipe = of_one_size(recipe)
    return replace(
        recipe,
        epochs=wishes.epochs or recipe.epochs,
        lr=recipe.lr if wishes.lr is None else wishes.lr,
        augmentation=replace(recipe.augmentation, mirror=mirror, alternate=alternate),
        balance=balance,
        freeze_norms=wishes.freeze_norms,
    )


def too_short_to_grow(recipe: Recipe, steps: int) -> bool:
    """Whether a run of so many steps has too few of them at full size."""
    return (1 - recipe.full_from) * steps < FULL_SIZE_STEPS


def shortened(recipe: Recipe, epochs: int, images: int) -> Recipe:
    """The recipe for so many epochs of so many images, of full size where there are too few for them to grow."""
    short = replace(recipe, epochs=epochs, steps=None)
    return full_size(short) if too_short_to_grow(short, epochs * (images // recipe.batch_size)) else short


def of_one_size(recipe: Recipe) -> Recipe:
    """The recipe with images of full size from the beginning, in about as many operations."""
    epochs = recipe.epochs if recipe.smallest == 1.0 else max(1, round(GROWN * recipe.epochs))
    return replace(full_size(recipe), epochs=epochs)


def full_size(recipe: Recipe) -> Recipe:
    """The recipe with images of full size from the beginning, in as many epochs."""
    return replace(recipe, smallest=1.0, full_from=0.0)


def recipes_apart(ours: Recipe, theirs: Recipe) -> str:
    """What to say of two recipes that differ in more than a number; "" leaves it to their fields."""
    if _redefined(ours, theirs):
        return f"the recipe {ours.name!r} was another one then; the version that began it can go on"
    if (ours.smallest == 1.0) != (theirs.smallest == 1.0):
        return f"images grow in one and not in the other, for {theirs.epochs} epochs there and {ours.epochs} here"
    return ""


def _redefined(ours: Recipe, theirs: Recipe) -> bool:
    """Whether two recipes of one name differ in what nobody can ask for: it was another recipe when that was begun."""
    alike = replace(
        full_size(theirs),
        epochs=ours.epochs,
        batch_size=ours.batch_size,
        lr=ours.lr,
        augmentation=ours.augmentation,
        balance=ours.balance,
        freeze_norms=ours.freeze_norms,
        steps=ours.steps,
    )
    return alike != full_size(ours) and (ours.name, ours.head_first) == (theirs.name, theirs.head_first)


def rescaled(recipe: Recipe, batch_size: int) -> Recipe:
    """The recipe with batches of another size, its rate scaled with them.

    As much for SGD (Goyal et al. 2017, arXiv:1706.02677), as the square root for Muon, whose steps are as long however
    steep it is (Malladi et al. 2022, arXiv:2205.10287, for Adam). As the square root, too, where weights are given:
    small batches are for few images, and these make few steps (benchmarks/RESULTS.md, "Few images and published
    weights").
    """
    square_root = recipe.optimizer == "muon" or recipe.head_first > 0
    scale = (batch_size / recipe.batch_size) ** (0.5 if square_root else 1.0)
    return replace(recipe, batch_size=batch_size, lr=recipe.lr * scale)


def as_begun(recipe: Recipe, asked_batch: int | None, begun: Recipe) -> Recipe:
    """The recipe as work was begun with it whose batch was made smaller than `asked_batch`, to fit into memory."""
    return rescaled(recipe, begun.batch_size) if recipe.batch_size == asked_batch else recipe


def fine_tuning(recipe: Recipe) -> Recipe:
    """The recipe for weights that come from elsewhere and have only to be adapted.

    First the new last layer learns alone, since its first gradients are noise to what lies below; then all of it, at
    a small rate, and slower the further below (Howard and Ruder 2018, arXiv:1801.06146, section 3.2). By SGD: steps
    that are as long however small the gradient is would leave given weights behind. What makes initial weights, or
    suits only them, is left out.
    """
    return replace(
        of_one_size(recipe),
        optimizer="sgd",
        batch_size=128,
        lr=0.02,
        momentum=0.9,
        weight_decay=5e-4,  # what SGD is used with; Muon takes more
        vector_rate=1.0,
        norm_bias_rate=1.0,
        dirac=False,
        whiten=False,
        head_first=0.2,
        layer_decay=0.7,
    )
