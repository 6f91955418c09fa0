"""Recipes of training: the named ones, and how they are fitted to the images."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, get_args

from skipwise.core.deprecation import earlier_name
from skipwise.core.differences import WITHIN
from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.core.options import option, options
from skipwise.data.batches.augmentation import Augmentation

Balance = Literal["none", "sampling", "loss"]
BALANCES: dict[str, Balance] = {name: name for name in get_args(Balance)}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything about training but the network and the images.

    Shares are of all steps of a run, unless stated otherwise, so that a recipe means the same for 500 images as for
    500,000. Fields with a default are not used by the published baselines.

    Args:
        epochs: passes over the training images.
        optimizer: "sgd", with Nesterov momentum, or "muon" (see optimizer.Muon).
        lr: the peak learning rate of matrices (convolutions and linear layers).
        vector_lr: the learning rate of norms and biases, and of what Muon does not train, as a multiple of `lr`.
        norm_bias_lr: that of the norms' biases, as a multiple of `vector_lr` (Page 2019, "How to train your ResNet",
            part 6).
        weight_decay: of matrices, that is, parameters of more than one dimension; multiplied by the learning rate. With
            Muon it applies to what Muon trains and to the last layer.
        vector_weight_decay: of all other parameters, such as norms and biases, which gain nothing from being small.
        label_smoothing: Szegedy et al. 2016 (arXiv:1512.00567).
        warmup: the share of the run in which the learning rate rises, linearly.
        lr_decay: how the learning rate falls to zero afterwards: "cosine", or "linear" (which makes the triangle of
            Smith and Topin 2019, arXiv:1708.07120).
        min_size: the side of the images at the beginning, as a share of their full size; see schedule.side.
        full_size_from: the share of the run from which on images have their full size.
        average: evaluate an exponential moving average of the weights, over about this share of the run; 0 evaluates
            the weights themselves.
        norm_momentum: how much a batch changes the running statistics of norms; None keeps the network's own value.
        dirac, whiten: initial weights; see initialisation.py.
        head_first: the share of the run in which only the last layer is trained; for pretrained weights.
        layer_decay: the learning rate of each stage as a multiple of that of the next one, up to the last layer.
        freeze_norms: whether norms keep their statistics, scales and biases.
        steps: the number of steps of the run, where a time limit leaves less than one epoch; None is that of all
            epochs.
        balance: for classes of unequal size: "sampling" shows as many images of each class, in epochs as long as
            before (see TrainingBatches.order); "loss" weights an image's loss by the inverse of its class's frequency.
    """

    name: str
    epochs: int
    batch_size: int
    optimizer: Literal["sgd", "muon"] = "sgd"
    lr: float
    vector_lr: float = 1.0
    norm_bias_lr: float = 1.0
    momentum: float
    weight_decay: float
    vector_weight_decay: float = 0.0
    label_smoothing: float = 0.0
    warmup: float
    lr_decay: Literal["cosine", "linear"] = "cosine"
    min_size: float = 1.0
    full_size_from: float = 0.0
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

    EARLIER_NAMES: ClassVar[dict[str, str]] = {
        "vector_lr": "vector_rate",
        "norm_bias_lr": "norm_bias_rate",
        "vector_weight_decay": "vector_decay",
        "lr_decay": "descent",
        "min_size": "smallest",
        "full_size_from": "full_from",
    }
    vector_rate = earlier_name("vector_lr", "vector_rate")
    norm_bias_rate = earlier_name("norm_bias_lr", "norm_bias_rate")
    vector_decay = earlier_name("vector_weight_decay", "vector_decay")
    descent = earlier_name("lr_decay", "descent")
    smallest = earlier_name("min_size", "smallest")
    full_from = earlier_name("full_size_from", "full_from")

    def steps_in_all(self, images: int) -> int:
        """The number of steps of a run on so many training images."""
        return self.steps or self.epochs * max(1, images // self.batch_size)


_FAST = Recipe(
    name="fast",
    epochs=15,  # they cost as much as 11 at full size
    batch_size=256,
    optimizer="muon",
    lr=0.4,
    vector_lr=0.25,
    momentum=0.6,
    weight_decay=5e-3,
    label_smoothing=0.1,
    warmup=0.25,
    min_size=0.625,
    full_size_from=0.7,
    whiten=True,
    augmentation=Augmentation(mirror=True, shift=1 / 8, alternate=True),
)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        # The recipe of most published CIFAR tables (DeVries and Taylor 2017, section 4.1).
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
"""An epoch has at least about so many steps, so that small sets get smaller batches."""
FULL_SIZE_STEPS = 40
"""Norms need about so many steps to forget the statistics of smaller images; with fewer steps, images do not grow."""
GROWN = 0.75
"""The cost of an epoch with growing images, relative to one at full size. Without growing images a recipe has fewer
epochs."""


@options("Recipe")
class RecipeOptions:
    """The recipe to train by, and what is to be otherwise than in it."""

    recipe: str = option(
        "standard", "The recipe to train by: fast, standard, or reference (200 epochs, the field's usual)."
    )
    epochs: int | None = option(None, "The number of passes over the training images.", unset="the recipe's")
    batch_size: int | None = option(
        None, "The number of images per step.", unset="fits the training set", metavar="IMAGES", short="-b"
    )
    lr: float | None = option(None, "The peak learning rate.", unset="the recipe's", metavar="RATE")
    mirror: bool | None = option(
        None,
        "Mirror training images left to right at random. Not for letters, digits or signs.",
        unset="mirror, unless a mirrored image is known to be of another class",
    )
    balance: str | None = option(
        None,
        "How to compensate for rare classes: none, sampling (every class is shown equally often) or loss (rare classes "
        "weigh more).",
        unset="none",
    )
    freeze_norms: bool = option(
        False, "Keep the statistics, scales and biases of batch norms as in the weights to start from."
    )

    def check(self, *, fine_tune: bool = False) -> None:
        """Raises SkipwiseError for a recipe that there is not, or numbers that no training can have.

        Args:
            fine_tune: whether weights to start from are given.
        """
        if self.recipe not in RECIPES:
            raise unknown_name("recipe", self.recipe, RECIPES)
        if self.epochs is not None and self.epochs < 1:
            raise SkipwiseError(f"--epochs must be at least 1, not {self.epochs}.")
        if self.batch_size is not None and self.batch_size < 2:
            raise SkipwiseError(
                f"--batch-size must be at least 2, since batch norm needs two images, not {self.batch_size}."
            )
        if self.lr is not None and not (math.isfinite(self.lr) and self.lr > 0):
            raise SkipwiseError(f"--lr must be a number above 0, not {self.lr:g}.")
        if self.balance is not None and self.balance not in BALANCES:
            raise unknown_name("balance", self.balance, BALANCES)
        if self.freeze_norms and not fine_tune:
            raise SkipwiseError("--freeze-norms needs weights to start from, by --init or --pretrained.")


def choose_recipe(asked: RecipeOptions, *, fine_tune: bool = False, mirrors: bool, images: int) -> Recipe:
    """The recipe that is asked for, with its numbers fitted to the training set.

    Args:
        fine_tune: whether weights to start from are given; see `fine_tuning`.
        mirrors: whether a mirrored image keeps its class.
        images: the number of training images. Small sets get smaller batches, from `LEAST_BATCH` to the recipe's own.

    Raises:
        SkipwiseError: the recipe or the balance is unknown, or a value is not possible.
    """
    asked.check(fine_tune=fine_tune)
    recipe = fine_tuning(RECIPES[asked.recipe]) if fine_tune else RECIPES[asked.recipe]
    batch_size = fitting_batch(images, recipe.batch_size) if asked.batch_size is None else asked.batch_size
    recipe = rescaled(recipe, min(batch_size, images))
    mirror = (mirrors if asked.mirror is None else asked.mirror) and recipe.augmentation.mirror
    balance = recipe.balance if asked.balance is None else BALANCES[asked.balance]
    # An image that is drawn several times in an epoch would be mirrored each time, or never.
    alternate = mirror and recipe.augmentation.alternate and balance != "sampling"
    if too_short_to_grow(recipe, (asked.epochs or recipe.epochs) * (images // recipe.batch_size)):
        recipe = of_one_size(recipe)
    return replace(
        recipe,
        epochs=asked.epochs or recipe.epochs,
        lr=recipe.lr if asked.lr is None else asked.lr,
        augmentation=replace(recipe.augmentation, mirror=mirror, alternate=alternate),
        balance=balance,
        freeze_norms=asked.freeze_norms,
    )


def fitting_batch(images: int, most: int) -> int:
    """The batch size for so many training images, from `LEAST_BATCH` to `most`."""
    return max(LEAST_BATCH, min(2 ** round(math.log2(max(images, 1) / STEPS_PER_EPOCH)), most))


def for_part(recipe: Recipe, images: int, share: float) -> Recipe:
    """The recipe for a part of the training images: the one for so many images.

    It has as many epochs. Batches become smaller, and learning rates with them, as they would if these were all images
    that there are; so sets of about 1,000 to 5,000 images keep their number of steps.

    Args:
        recipe: for all images.
        images: how many that are.
        share: of the images, between 0 and 1.
    """
    usual = RECIPES[recipe.name]
    most = (fine_tuning(usual) if recipe.head_first else usual).batch_size
    few = max(1, int(images * share))
    smaller = recipe.batch_size * fitting_batch(few, most) / fitting_batch(images, most)
    batch_size = max(min(LEAST_BATCH, recipe.batch_size), round(smaller))
    return shortened(rescaled(recipe, min(batch_size, few)), recipe.epochs, few)


def too_short_to_grow(recipe: Recipe, steps: int) -> bool:
    """Returns whether a run of `steps` steps has too few of them at full size."""
    return (1 - recipe.full_size_from) * steps < FULL_SIZE_STEPS


def shortened(recipe: Recipe, epochs: int, images: int) -> Recipe:
    """The recipe with `epochs` epochs of `images` images, which do not grow where there are too few steps for that."""
    short = replace(recipe, epochs=epochs, steps=None)
    return full_size(short) if too_short_to_grow(short, epochs * (images // recipe.batch_size)) else short


def of_one_size(recipe: Recipe) -> Recipe:
    """The recipe with images of full size from the beginning, and as many epochs as cost the same."""
    epochs = recipe.epochs if recipe.min_size == 1.0 else max(1, round(GROWN * recipe.epochs))
    return replace(full_size(recipe), epochs=epochs)


def full_size(recipe: Recipe) -> Recipe:
    """The recipe with images of full size from the beginning, and the same number of epochs."""
    return replace(recipe, min_size=1.0, full_size_from=0.0)


def recipes_apart(ours: Recipe, theirs: Recipe) -> str:
    """Names the difference of two recipes that differ in more than a number; "" leaves it to their fields."""
    if _redefined(ours, theirs):
        return f"the recipe {ours.name!r} has changed since then; the version that began it can resume it"
    if (ours.min_size == 1.0) != (theirs.min_size == 1.0):
        return f"images grow in one and not in the other, for {theirs.epochs} epochs there and {ours.epochs} here"
    return ""


def _redefined(ours: Recipe, theirs: Recipe) -> bool:
    """Returns whether two recipes of one name differ in a field that is no option: the recipe was redefined."""
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
    """The recipe with batches of another size, and the learning rate scaled with them.

    Linearly for SGD (Goyal et al. 2017, arXiv:1706.02677). By the square root for Muon, whose updates have the same
    length for any gradient (Malladi et al. 2022, arXiv:2205.10287, for Adam), and where weights are given: small
    batches are for few images, with which there are few steps (benchmarks/RESULTS.md, "Few images and published
    weights").
    """
    square_root = recipe.optimizer == "muon" or recipe.head_first > 0
    scale = (batch_size / recipe.batch_size) ** (0.5 if square_root else 1.0)
    return replace(recipe, batch_size=batch_size, lr=recipe.lr * scale)


def as_begun(recipe: Recipe, asked_batch: int | None, begun: Recipe) -> Recipe:
    """The recipe as work was begun with it, where its batch was made smaller than `asked_batch` to fit into memory."""
    return rescaled(recipe, begun.batch_size) if recipe.batch_size == asked_batch else recipe


def fine_tuning(recipe: Recipe) -> Recipe:
    """The recipe for fine-tuning given weights.

    First the new last layer is trained alone, since its first gradients are noise to the layers below. Then all layers
    are trained at a small learning rate, which is smaller for layers further down (Howard and Ruder 2018,
    arXiv:1801.06146, section 3.2). The optimizer is SGD: updates of the same length for any gradient would move too far
    from the given weights. Everything that is about initial weights is left out.
    """
    return replace(
        of_one_size(recipe),
        optimizer="sgd",
        batch_size=128,
        lr=0.02,
        momentum=0.9,
        weight_decay=5e-4,  # what SGD is used with; Muon takes more
        vector_lr=1.0,
        norm_bias_lr=1.0,
        dirac=False,
        whiten=False,
        head_first=0.2,
        layer_decay=0.7,
    )
