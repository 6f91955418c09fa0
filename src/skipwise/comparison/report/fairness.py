"""Lists of what was the same for every candidate, and what was not; for the page."""

from __future__ import annotations

from collections.abc import Sequence

from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.results.records import Results
from skipwise.comparison.wording.notes import failures
from skipwise.comparison.wording.phrases import length, measure
from skipwise.core.text import count, listed
from skipwise.data.batches.augmentation import Augmentation
from skipwise.data.image.preprocess import Preprocessing
from skipwise.nets.external import is_external
from skipwise.training.loop.recipe import Recipe
from skipwise.training.loop.schedule import sides
from skipwise.training.machine.execution import Execution
from skipwise.training.tuning.space import LR, SPACE, with_values
from skipwise.training.tuning.tuning import Tuning
from skipwise.training.weights.starting_weights import Start


def equal(plan: Plan) -> list[str]:
    """Lists what was the same for every candidate, a line each."""
    recipe, size = plan.recipe, plan.preprocessing.size
    # What is tuned is not the same for all.
    tuned = [] if plan.tuning is None else [name for name in plan.tuning.names if SPACE[name].augmentation]
    shared = with_values(recipe, dict.fromkeys(tuned, 0.0)).augmentation
    width = f", {plan.width:g} times the published width" if plan.width != 1 else ""
    return [
        f"Images: {_images(plan)}, {size} x {size} pixels, {count(plan.preprocessing.channels, 'channel')}.",
        f"Seeds: from {plan.question.first_seed} on. They determine initial weights, data order and augmentation.",
        _recipe(plan),
        f"Augmentation: training images are {', '.join(_augmented(shared, size))}; test images are not.",
        *_growing(recipe, size),
        *_balanced(recipe),
        f"Networks: {plan.stem} stem{width}.",
        *_start(plan),
        *_tuning(plan),
        "Selection: the last epoch of every run counts; nothing was chosen on the test images.",
        *([] if _computed_elsewhere(plan) else [f"Computed {_computed(plan.execution)}, evaluated in fp32."]),
    ]


def different(plan: Plan, results: Results) -> list[str]:
    """Lists what was not the same for every candidate, or could not be, a line each."""
    lines = ["The networks themselves, and so their parameters, multiply-adds and latency."]
    if len({len(candidate.seeds) for candidate in results.candidates}) > 1:
        lines.append(f"The number of seeds: {_each([(c.name, str(len(c.seeds))) for c in results.candidates])}.")
    if plan.tuning:
        lines += _as_tuned(plan.tuning, results)
    if "mobilenet_v2" in plan.question.candidates and plan.stem == "small":
        lines.append("With the small stem, mobilenet_v2 also has stride 1 in its second stage.")
    external = [name for name in plan.question.candidates if is_external(name)]
    if external:
        lines.append(f"{listed(external)}: stem, width and initialization are the network's own.")
    lines += _starts(plan)
    if elsewhere := _computed_elsewhere(plan):
        each = listed([f"{model} {how}" for model, how in sorted(elsewhere)])
        lines.append(f"Computed {_computed(plan.execution)}, except earlier runs of {each}; all evaluated in fp32.")
    if plan.included:
        names = sorted({run.model for run in plan.included})
        lines.append(f"Some runs of {listed(names)} were trained before, perhaps on another machine.")
    but = f", except for the {listed([SPACE[name].title for name in plan.tuning.names])}" if plan.tuning else ""
    lines.append(
        f"How well the recipe suits each network: it was not tuned for any of them here{but}. A network that it suits "
        "less does worse, and this comparison can't tell that from a worse network."
    )
    return lines + failures(results)


def _computed(execution: Execution) -> str:
    return f"on {execution.device} in {execution.precision}"


def _computed_elsewhere(plan: Plan) -> set[tuple[str, str]]:
    """The networks of which a run that was included was computed in another way, and in which."""
    runs = {(run.model, _computed(run.execution)) for run in plan.included if run.execution is not None}
    return {(model, how) for model, how in runs if how != _computed(plan.execution)}


def _each(values: Sequence[tuple[str, str]]) -> str:
    """A value for each name, those that share one together: "0.1 for a and b; 0.4 for c", or "0.1 for all"."""
    owners: dict[str, list[str]] = {}
    for name, value in values:
        owners.setdefault(value, []).append(name)
    if len(owners) == 1:
        return f"{values[0][1]} for all"
    return "; ".join(f"{value} for {listed(names)}" for value, names in owners.items())


def _images(plan: Plan) -> str:
    counts = plan.split_images
    if plan.folds is not None:
        return (
            f"{plan.test_images:,}, each tested once per seed by a network that was trained on the other "
            f"{plan.folds - 1} of {plan.folds} folds (drawn anew for every seed, the same for every network)"
        )
    split = "as they came" if plan.test_share is None else f"stratified, seed {plan.split_seed}, the same for every run"
    return f"{counts['train']:,} training, {counts['val']:,} validation and {counts['test']:,} test images ({split})"


def _recipe(plan: Plan) -> str:
    recipe = plan.recipe
    tuned = () if plan.tuning is None else plan.tuning.names
    rate = "" if LR in tuned else f"peak learning rate {recipe.lr:g}, "
    decay = f"{recipe.weight_decay:g} ({recipe.vector_weight_decay:g} on norms and biases)"
    if recipe.optimizer == "muon":
        elsewhere = f"{recipe.vector_weight_decay:g} elsewhere"
        decay = f"{recipe.weight_decay:g} for what Muon trains and the last layer ({elsewhere})"
    chosen = ""
    smaller = "" if plan.asked_batch is None else f" ({plan.asked_batch} did not fit into memory)"
    if plan.asked_for is not None and plan.asked_for[1] != recipe.epochs:
        chosen = f" of {plan.asked_for[1]}, as many as fit into the time limit"
    if plan.fine_tuning is not None:
        return (
            f"Recipe '{recipe.name}': {length(recipe)}{chosen}, batches of {recipe.batch_size}"
            f"{smaller}{_smoothing(recipe, tuned)}; optimizer and learning rate differ, see below."
        )
    optimizer = recipe.optimizer.upper() if recipe.optimizer == "sgd" else recipe.optimizer.capitalize()
    momentum = "" if "momentum" in tuned else f" with momentum {recipe.momentum:g}"
    decay = "" if "weight_decay" in tuned else f", weight decay {decay}"
    rest = f"; {listed([SPACE[name].title for name in tuned])} differ, see below" if len(tuned) > 1 else ""
    return (
        f"Recipe '{recipe.name}': {length(recipe)}{chosen}, batches of {recipe.batch_size}{smaller}, "
        f"{rate}{optimizer}{momentum}{decay}{_smoothing(recipe, tuned)}{rest}."
    )


def _smoothing(recipe: Recipe, tuned: Sequence[str]) -> str:
    return "" if "label_smoothing" in tuned else f", label smoothing {recipe.label_smoothing:g}"


def _as_tuned(tuning: Tuning, results: Results) -> list[str]:
    """Lists what each network got, a line for each hyperparameter."""
    lines = []
    for name in tuning.names:
        title = SPACE[name].title
        values = [(c.name, f"{c.chosen[name]:.3g}" if name in c.chosen else "the recipe's") for c in results.candidates]
        lines.append(f"The {title}, as tuned: {_each(values)}.")
    return lines


def _tuning(plan: Plan) -> list[str]:
    if plan.tuning is None:
        return []
    if plan.tuning.trials is not None:
        return [_search(plan, plan.tuning)]
    rates = listed([f"{rate:g}" for rate in plan.tuning.rates])
    return [
        f"Tuning: every network was trained once at each of the learning rates {rates}, for "
        f"{count(plan.tuning.epochs, 'epoch')} with seed "
        f"{plan.tuning.seed}, and keeps the best rate by {measure(plan.question, on='validation')}."
    ]


def _search(plan: Plan, tuning: Tuning) -> str:
    short, long = tuning.runs
    first = (
        f"{count(short, 'run')} of {count(tuning.first_epochs, 'epoch')}, of which the better half, " if short else ""
    )
    what = f"{count(tuning.trials or 0, 'learning rate')} between {listed([f'{rate:g}' for rate in tuning.rates])}"
    if tuning.space:
        ranges = listed([f"{SPACE[each.name].title} ({each.low:g} to {each.high:g})" for each in tuning.space])
        what = f"{ranges} in {count(tuning.trials or 0, 'trial')}, the first with the recipe's own values, the others"
    return (
        f"Tuning: for every network Optuna chose {what}, by "
        f"{measure(plan.question, on='validation')} of those before. Every network got as many runs, with seed "
        f"{tuning.seed}: {first}{count(long, 'run')}, got {count(tuning.epochs, 'epoch')}. The best of these is kept."
    )


def _augmented(done: Augmentation, size: int) -> list[str]:
    """Describes each augmentation of training images of `size` pixels a side in a phrase."""
    words = []
    if done.resized_crop is not None:
        small, large = done.resized_crop
        words.append(f"cropped to {small:.0%} to {large:.0%} of their area and resized")
    if done.rand_augment is not None:
        words.append("changed by {} operations of RandAugment at magnitude {}".format(*done.rand_augment))
    words.append(f"shifted by up to {count(round(done.shift * size), 'pixel')}")
    if done.mirror:
        words.append("mirrored in every other epoch" if done.alternate else "mirrored half of the time")
    else:
        words.append("never mirrored")
    if done.rotate:
        words.append(f"rotated by up to {done.rotate:g} degrees")
    for name in ("brightness", "contrast", "saturation"):
        if getattr(done, name):
            words.append(f"changed in {name} by up to {getattr(done, name):.0%}")
    if done.cutout:
        side = round(done.cutout * size)
        words.append(f"covered by a square of {side} x {side} pixels")
    mixing = {"mixup": done.mixup, "cutmix": done.cutmix}
    mixed = " or ".join(f"{name} (alpha {alpha:g})" for name, alpha in mixing.items() if alpha)
    return [*words, f"mixed in pairs by {mixed}"] if mixed else words


def _balanced(recipe: Recipe) -> list[str]:
    return {
        "none": [],
        "sampling": ["Balance: every class is sampled equally often; epochs keep their length."],
        "loss": ["Balance: the loss of an image is weighted by the inverse of its class's frequency."],
    }[recipe.balance]


def _growing(recipe: Recipe, size: int) -> list[str]:
    *smaller, full = sides(recipe, size)
    if not smaller:
        return []
    return [
        f"Progressive resizing: training images have {listed([str(side) for side in smaller])} pixels a side in the "
        f"first {recipe.full_size_from:.0%} of a run, and {full} from then on."
    ]


def _start(plan: Plan) -> list[str]:
    if len(plan.started) == len(plan.question.candidates):
        public = plan.pretrained or all(start.url for start in plan.init.values())
        what = "published ImageNet weights" if public else "weights from elsewhere"
        return [f"Start: {what}, with a new last layer where the number of classes differs."]
    bare = [name for name in plan.question.candidates if name not in plan.started]
    how = f" for {listed(bare)}" if plan.started else ""
    given = f"; weights from elsewhere, with a new last layer, for {listed(plan.started)}" if plan.started else ""
    if plan.recipe.whiten:
        return [
            f"Start: random weights{how}, except in the first convolution, whose filters are principal components "
            f"of patches of the training images{given}."
        ]
    return [f"Start: random weights{how}{given}."] if given else []


def _starts(plan: Plan) -> list[str]:
    """Lists the differences between networks that start from weights and those that start from scratch."""
    if plan.pretrained:  # as earlier versions wrote it
        return [
            "The published weights: each was trained by its authors' own recipe, and all images are preprocessed as "
            f"{plan.question.candidates[0]} expects."
        ]
    if not plan.init:
        return []
    values = [(name, _weights(plan.init[name]) if name in plan.init else "none") for name in plan.question.candidates]
    lines = [
        f"The weights to start from: {_each(values)}. Each was trained by its authors' own recipe, on images that "
        "may be like these."
    ]
    if plan.fine_tuning is not None:
        bare = [name for name in plan.question.candidates if name not in plan.init]
        lines.append(
            f"The optimization: {listed(plan.started)} fine-tuned ({_learning(plan, plan.started[0])}), {listed(bare)} "
            f"trained from scratch ({_learning(plan, bare[0])}), in equally many epochs and batches."
        )
    scales = [(name, _scale(plan.preprocessing_of(name))) for name in plan.question.candidates]
    if len({scale for _, scale in scales}) > 1:
        lines.append(f"Mean and standard deviation of the input, as the weights expect them: {_each(scales)}.")
    pixels = _pixels(plan.preprocessing)
    known = {name: start.expects for name, start in plan.init.items() if start.expects is not None}
    others = [(name, _pixels(expects)) for name, expects in known.items() if _pixels(expects) != pixels]
    if others:
        lines.append(
            f"All networks see the same pixels ({pixels}), while some weights were trained with others: "
            f"{_each(others)}."
        )
    return lines


def _weights(start: Start) -> str:
    return f"{start.url or start.name} (SHA-256 {start.sha256[:8]}...)"


def _learning(plan: Plan, model: str) -> str:
    recipe = plan.recipe_of(model)
    words = [recipe.optimizer.upper() if recipe.optimizer == "sgd" else recipe.optimizer.capitalize()]
    tuned = () if plan.tuning is None else plan.tuning.names
    words += [] if LR in tuned else [f"peak learning rate {recipe.lr:g}"]
    words += [f"the last layer alone in the first {recipe.head_first:.0%}"] if recipe.head_first else []
    words += [f"each stage at {recipe.layer_decay:g} times the rate above it"] if recipe.layer_decay != 1 else []
    words += ["norms frozen"] if recipe.freeze_norms else []
    words += [] if "weight_decay" in tuned else [f"weight decay {recipe.weight_decay:g}"]
    return ", ".join(words)


def _scale(preprocessing: Preprocessing) -> str:
    return " and ".join(
        ", ".join(f"{value:g}" for value in values) for values in (preprocessing.mean, preprocessing.std)
    )


def _pixels(preprocessing: Preprocessing) -> str:
    middle = "" if preprocessing.crop == 1 else f", the middle {preprocessing.crop:.1%}"
    return f"{preprocessing.size} x {preprocessing.size} pixels, {preprocessing.interpolation}{middle}"
