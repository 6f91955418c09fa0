"""Results in words, the same on the screen and in the report."""

from __future__ import annotations

from skipwise.comparison.plan import Plan
from skipwise.comparison.results import Results
from skipwise.data.batches import Augmentation
from skipwise.nets.guests import is_guest
from skipwise.statistics import Estimate, Pair
from skipwise.training.recipe import Recipe


def percent(accuracy: Estimate | None) -> str:
    """An accuracy with its interval."""
    if accuracy is None:
        return "none"
    return f"{accuracy.value * 100:.2f}%  ({accuracy.low * 100:.1f} to {accuracy.high * 100:.1f})"


def points(pair: Pair) -> str:
    """A difference with its interval, in percentage points."""
    return f"{pair.difference * 100:+.2f}  ({pair.low * 100:+.1f} to {pair.high * 100:+.1f})"


def verdict(pair: Pair, margin: float) -> str:
    """What a pair's interval means. `margin` in percentage points."""
    if pair.verdict in ("better", "worse"):
        small = f", though by less than {margin:g} points" if pair.equivalent else ""
        return f"{pair.a} is {pair.verdict} than {pair.b}{small}"
    if pair.verdict == "equivalent":
        return f"equivalent: they differ by less than {margin:g} points"
    return "unresolved: these runs cannot tell"


def remedy(pair: Pair) -> str:
    """What would settle an unresolved pair; "" for others."""
    if pair.verdict != "unresolved":
        return ""
    ways = []
    if pair.seeds_to_settle is not None:
        ways.append(f"about {pair.seeds_to_settle:,} seeds")
    if pair.images_to_settle is not None:
        ways.append(f"about {pair.images_to_settle:,} test images")
    if not ways:
        return "neither more seeds nor more test images alone would settle it"
    only = "" if pair.seeds_to_settle is not None else "; more seeds cannot"
    return f"{' or '.join(ways)} would settle it{only}"


def pair_lines(results: Results) -> list[tuple[str, Pair | None]]:
    """Every pair of contenders as "a - b", judged or not."""
    names = [contender.name for contender in results.contenders]
    return [(f"{a} - {b}", results.pair(a, b)) for index, a in enumerate(names) for b in names[index + 1 :]]


NOT_JUDGED = "not judged: fewer than two of their runs were finished with the same seed"


def failures(results: Results) -> list[str]:
    """A sentence for every contender with failed runs."""
    sentences = []
    for contender in results.contenders:
        if contender.failed:
            reasons = [f"seed {run.seed}: {run.reason}" for run in contender.runs if run.status == "failed"]
            sentences.append(
                f"{contender.failed} of {len(contender.runs)} runs of {contender.name} failed ({'; '.join(reasons)})."
            )
    return sentences


def guessing(results: Results) -> list[str]:
    """A sentence about contenders that are not shown to be better than always giving the commonest class."""
    names = [c.name for c in results.contenders if c.accuracy is not None and c.accuracy.low <= results.commonest]
    if not names:
        return []
    return [
        f"Always answering the commonest class is right on {results.commonest * 100:.1f}% of the test images; "
        f"{', '.join(names)} {'are' if len(names) != 1 else 'is'} not shown to be better than that."
    ]


def twins(results: Results) -> list[str]:
    """A sentence about test images that are in another split too, and what accuracies are without them."""
    if not results.twins:
        return []
    without = [f"{c.name} {c.without_twins * 100:.2f}%" for c in results.contenders if c.without_twins is not None]
    accuracies = f"; without {'them' if results.twins != 1 else 'it'}: {', '.join(without)}" if without else ""
    are = "are" if results.twins != 1 else "is"
    return [
        f"{results.twins:,} of the {results.test_images:,} test images {are}, exactly or nearly, among the training or "
        f"validation images too{accuracies}."
    ]


def equal(plan: Plan) -> list[str]:
    """What was the same for every contender."""
    recipe, counts = plan.recipe, plan.split_images
    images = f"{counts['train']:,} training, {counts['val']:,} validation and {counts['test']:,} test images"
    split = "as they came" if plan.test_share is None else f"stratified, seed {plan.split_seed}, the same for every run"
    width = f", {plan.width:g} times the published width" if plan.width != 1 else ""
    size = plan.preprocessing.size
    return [
        f"Images: {images} ({split}), {size} x {size} pixels, {plan.preprocessing.channels} channel(s).",
        f"Seeds: {', '.join(map(str, plan.question.seeds))}, for initial weights, order and augmentation.",
        f"Recipe '{recipe.name}': {recipe.epochs} epochs, batches of {recipe.batch_size}, peak learning rate "
        f"{recipe.lr:g}, one cycle, Nesterov momentum {recipe.momentum:g}, weight decay {recipe.weight_decay:g} "
        f"(not on norms and biases), label smoothing {recipe.label_smoothing:g}.",
        f"Augmentation: training images {', '.join(_augmented(recipe.augmentation, size))}; none at test time.",
        *_balanced(recipe),
        f"Networks: {plan.stem} stem{width}.",
        *_start(plan),
        "Selection: the last epoch of every run; nothing was chosen on the test images.",
        f"Computed on {plan.execution.device} in {plan.execution.precision}, evaluated in fp32.",
    ]


def _augmented(done: Augmentation, size: int) -> list[str]:
    """What is done to training images of `size` pixels a side, a phrase each."""
    words = []
    if done.resized_crop is not None:
        small, large = done.resized_crop
        words.append(f"cropped to {small:.0%} to {large:.0%} of their area and resized")
    if done.rand_augment is not None:
        words.append("changed by {} operations of RandAugment at magnitude {}".format(*done.rand_augment))
    words.append(f"shifted by up to {round(done.shift * size)} pixels")
    if done.mirror:
        words.append("each mirrored in every other epoch" if done.alternate else "half of them mirrored")
    else:
        words.append("never mirrored")
    if done.rotate:
        words.append(f"rotated by up to {done.rotate:g} degrees")
    for name in ("brightness", "contrast", "saturation"):
        if getattr(done, name):
            words.append(f"{name} changed by up to {getattr(done, name):.0%}")
    if done.cutout:
        side = round(done.cutout * size)
        words.append(f"a square of {side} x {side} pixels painted over")
    mixing = {"mixup": done.mixup, "cutmix": done.cutmix}
    mixed = " or ".join(f"{name} (alpha {alpha:g})" for name, alpha in mixing.items() if alpha)
    return [*words, f"mixed in pairs by {mixed}"] if mixed else words


def _balanced(recipe: Recipe) -> list[str]:
    return {
        "none": [],
        "sampling": ["Balance: every class is shown equally often, in epochs as long as without."],
        "loss": ["Balance: the loss of an image is weighted by the inverse of its class's frequency."],
    }[recipe.balance]


def _start(plan: Plan) -> list[str]:
    if not plan.pretrained:
        return []
    return ["Start: published ImageNet weights, with a new last layer where the number of classes is another."]


def different(plan: Plan, results: Results) -> list[str]:
    """What was not the same, or could not be."""
    lines = ["The networks themselves, and with them parameters, multiply-adds and latency."]
    if "mobilenet_v2" in plan.question.contenders and plan.stem == "small":
        lines.append("The small stem of mobilenet_v2 also keeps the stride of its second stage at 1.")
    guests = [name for name in plan.question.contenders if is_guest(name)]
    if guests:
        lines.append(f"{', '.join(guests)}: stem, width and initial weights are the network's own.")
    if plan.pretrained:
        lines.append(
            "The published weights: each set was made by its authors' own recipe, and the images here are prepared as "
            f"those of {plan.question.contenders[0]} expect."
        )
    lines.append(
        "The recipe was tuned for none of them here; one that suits a network less costs it accuracy that this "
        "comparison cannot tell from the network's own."
    )
    return lines + failures(results)


NOT_COVERED = (
    "The intervals cover which seeds were drawn and which test images, both at once, for all pairs together. They do "
    "not cover other data, another split of these images, another recipe, or tuning each network separately. They take "
    "the test images for independent of each other: frames of one video, patches of one slide or pictures of one "
    "patient are fewer than they seem. And a comparison repeated with more seeds because this one left a pair open is "
    "a second look, whose chance of error adds to the first's."
)
