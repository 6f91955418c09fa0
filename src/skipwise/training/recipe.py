"""What a run does, as frozen data, and the named recipes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

from skipwise.data.batches import Augmentation
from skipwise.errors import SkipwiseError, unknown_name

Balance = Literal["none", "sampling", "loss"]
BALANCES: dict[str, Balance] = {name: name for name in get_args(Balance)}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything about training that is neither the network nor the images.

    SGD with Nesterov momentum; the rate rises linearly to `lr` over the first `warmup` share of all steps, then
    falls to zero along a cosine (one cycle, Smith and Topin 2019, arXiv:1708.07120). Weight decay leaves out norms
    and biases. `label_smoothing` after Szegedy et al. 2016 (arXiv:1512.00567).

    `balance` is for classes of unequal size: "sampling" shows as many images of each class, in epochs as long as
    before (see TrainingBatches.order); "loss" weights an image's loss by the inverse of its class's frequency.
    """

    name: str
    epochs: int
    batch_size: int
    lr: float
    momentum: float
    weight_decay: float
    label_smoothing: float
    warmup: float
    augmentation: Augmentation
    balance: Balance = "none"


_STANDARD = Recipe(
    name="standard",
    epochs=20,
    batch_size=128,
    lr=0.2,
    momentum=0.9,
    weight_decay=5e-4,
    label_smoothing=0.1,
    warmup=0.25,
    augmentation=Augmentation(mirror=True, shift=1 / 8),
)

RECIPES: dict[str, Recipe] = {
    "standard": _STANDARD,
    # For digits, letters, road signs: whatever is another thing, or nothing, in a mirror.
    "upright": replace(_STANDARD, name="upright", augmentation=Augmentation(mirror=False, shift=1 / 8)),
}


PRETRAINED_RATE = 0.1


def choose_recipe(
    name: str,
    *,
    mirrors: bool,
    images: int,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    pretrained: bool = False,
    balance: str | None = None,
) -> Recipe:
    """A named recipe with its numbers fitted to the training set, and to what was asked for.

    Args:
        name: of the recipe; "auto" is `standard` where a mirrored image keeps its class, else `upright`.
        images: in the training split. An epoch should have some twenty steps, so that small sets get smaller
            batches, between 16 and the recipe's own; the rate is scaled with them (Goyal et al. 2017,
            arXiv:1706.02677).
        pretrained: a tenth of the rate, so as not to shake off what the weights know.
        balance: "none", "sampling" or "loss"; None is the recipe's own.

    Raises:
        SkipwiseError: an unknown recipe or balance, or numbers no training can have.
    """
    if name == "auto":
        name = "standard" if mirrors else "upright"
    if name not in RECIPES:
        raise unknown_name("recipe", name, [*RECIPES, "auto"])
    recipe = RECIPES[name]
    if balance is not None and balance not in BALANCES:
        raise unknown_name("balance", balance, BALANCES)
    if epochs is not None and epochs < 1:
        raise SkipwiseError(f"--epochs must be at least 1, not {epochs}.")
    if batch_size is not None and batch_size < 2:
        raise SkipwiseError(f"--batch-size must be at least 2 (batch norm needs company), not {batch_size}.")
    if lr is not None and not (math.isfinite(lr) and lr > 0):
        raise SkipwiseError(f"--lr must be a number above 0, not {lr:g}.")
    if batch_size is None:
        fitting = 2 ** round(math.log2(max(images, 1) / 20))
        batch_size = max(16, min(fitting, recipe.batch_size))
    batch_size = min(batch_size, images)
    fitting_rate = recipe.lr * batch_size / recipe.batch_size * (PRETRAINED_RATE if pretrained else 1)
    return replace(
        recipe,
        epochs=epochs or recipe.epochs,
        batch_size=batch_size,
        lr=lr if lr is not None else fitting_rate,
        balance=recipe.balance if balance is None else BALANCES[balance],
    )
