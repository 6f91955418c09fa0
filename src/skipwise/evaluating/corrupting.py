"""A network's answers to corrupted images: which corruptions are meant, and whether the answers are right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.core.text import count
from skipwise.data.image.preprocess import Preprocessing
from skipwise.deploy.artifact.images import batches
from skipwise.deploy.runtime.session import Session
from skipwise.deploy.runtime.soundness import faults, shaped
from skipwise.evaluating.answering import Evaluated
from skipwise.evaluating.logits import Progress
from skipwise.evaluating.options import CorruptionOptions
from skipwise.evaluating.record import CorruptionPlan
from skipwise.evaluation.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from skipwise.evaluation.corruptions.apply import MIN_SIDE
from skipwise.evaluation.robustness import Robustness, robustness

IMAGES = 1_000
"""Images that are corrupted at most, where nobody says how many."""
BATCH = 32
"""Images that are corrupted and answered at a time."""
ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Corrupted:
    """The result of corrupting images.

    Args:
        robustness: the accuracies.
        example: pixels [size, size, C] of an image that the network is right about, or else of the first image.
        number: its number, with which it was corrupted.
    """

    robustness: Robustness
    example: NDArray[np.uint8]
    number: int


@dataclass(frozen=True, kw_only=True)
class AskedCorruptions:
    """The corruptions that a user asks for.

    Args:
        kinds: their names, in the order of their table.
        severities: rising.
        images: how many images are corrupted, at most.
    """

    kinds: tuple[str, ...]
    severities: tuple[int, ...]
    images: int

    def plan(self, found: Evaluated) -> CorruptionPlan:
        """Returns the plan for these images."""
        return CorruptionPlan(
            kinds=self.kinds, severities=self.severities, images=min(self.images, len(found.answers.labels))
        )


def asked_corruptions(options: CorruptionOptions, preprocessing: Preprocessing) -> AskedCorruptions | None:
    """The corruptions that are asked for; None for none.

    Raises:
        SkipwiseError: there is no such corruption, severity or number of images; or the network takes images that are
            too small to be corrupted.
    """
    if options.corruptions is None:
        for name, value in (("--severities", options.severities), ("--images", options.images)):
            if value is not None:
                raise SkipwiseError(f"{name} is about corrupted images; add --corruptions all, or leave it out.")
        return None
    kinds = _kinds([options.corruptions] if isinstance(options.corruptions, str) else options.corruptions)
    severities = SEVERITIES if options.severities is None else sorted(set(options.severities))
    if wrong := [each for each in severities if each not in SEVERITIES]:
        raise SkipwiseError(f"--severities are whole numbers from 1 to {SEVERITIES[-1]}, and not {wrong[0]}.")
    if not severities:
        raise SkipwiseError(f"--severities names none; give some of 1 to {SEVERITIES[-1]}, or leave it out.")
    images = IMAGES if options.images is None else options.images
    if images < 1:
        raise SkipwiseError(f"--images must be at least 1, not {images}.")
    if (size := preprocessing.size) < MIN_SIDE:
        raise SkipwiseError(
            f"The network takes images of {size} x {size} pixels, which are too small to corrupt; leave --corruptions "
            f"out, or train with --img-size {MIN_SIDE} or more."
        )
    return AskedCorruptions(kinds=kinds, severities=tuple(severities), images=images)


def _kinds(asked: Sequence[str]) -> tuple[str, ...]:
    """The kinds of corruption that names of kinds, of groups, or "all" stand for."""
    groups = {row.group for row in CORRUPTIONS.values()}
    chosen: set[str] = set()
    for words in asked:
        for word in words.split(","):
            name = word.strip().lower().replace("-", "_").replace(" ", "_")
            named = {row.name for row in CORRUPTIONS.values() if name in (ALL, row.group, row.name)}
            if name and not named:
                raise unknown_name("corruption", word.strip(), (ALL, *sorted(groups), *CORRUPTIONS))
            chosen |= named
    if not chosen:
        raise SkipwiseError(f"--corruptions names none; give {ALL}, or some of {', '.join(CORRUPTIONS)}.")
    return tuple(name for name in CORRUPTIONS if name in chosen)


def answer_corrupted(
    open_network: Callable[[], Session],
    folder: Path,
    found: Evaluated,
    plan: CorruptionPlan,
    *,
    progress: Progress | None,
) -> Corrupted:
    """Corrupts images at the size that the network takes, and answers them.

    A batch of images is in memory at a time, and for each image and cell whether the answer is right. What becomes of
    an image depends on its position among the images that are evaluated, and not on which others are drawn.

    Args:
        open_network: opens the network.
        folder: of the run or artifact, for sentences.
        found: the images, and their labels.
        plan: which of them are corrupted, and how.
        progress: told of images times cells.

    Raises:
        SkipwiseError: the images are not there, or one can't be read; or the network can't be opened or gives no
            probabilities.
    """
    if found.images is None:
        raise SkipwiseError(
            f"The images that {folder} was evaluated on are not found, so they can't be corrupted; name labelled "
            "images, or leave --corruptions out."
        )
    session = open_network()
    drawn = found.images.drawn(plan.images)
    numbers = np.flatnonzero(np.isin(found.images.rows, drawn.rows))
    cells = [(kind, severity) for kind in plan.kinds for severity in plan.severities]
    total = len(numbers) * (1 + len(cells))
    clean = np.empty(len(numbers), dtype=np.bool_)
    right = np.empty((len(cells), len(numbers)), dtype=np.bool_)
    example: tuple[NDArray[np.uint8], int] | None = None
    first = 0
    for pixels in batches(drawn.resized(session.preprocessing), BATCH):
        here = slice(first, first + len(pixels))
        labels = drawn.labels[here]
        clean[here] = _is_right(session, pixels, labels)
        if example is None or (clean[here].any() and not clean[:first].any()):
            place = int(clean[here].argmax())
            example = pixels[place], int(numbers[here][place])
        for row, (kind, severity) in enumerate(cells):
            if progress is not None:
                done = first * (1 + len(cells)) + len(pixels) * (1 + row)
                progress("Answering corrupted images", done, total)
            changed = corrupt(pixels, kind, severity, seed=plan.seed, numbers=numbers[here].tolist())
            right[row, here] = _is_right(session, changed, labels)
        first += len(pixels)
    assert example is not None
    groups = found.answers.groups
    return Corrupted(
        robustness=robustness(
            clean,
            right.reshape(len(plan.kinds), len(plan.severities), len(numbers)),
            kinds=[(kind, CORRUPTIONS[kind].group) for kind in plan.kinds],
            severities=plan.severities,
            groups=None if groups is None else groups[numbers],
            of=len(found.images),
            size=session.preprocessing.size,
            seed=plan.seed,
        ),
        example=example[0],
        number=example[1],
    )


def _is_right(session: Session, pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Returns whether the answers to pixels [N, size, size, C] are right [N]."""
    # The last batch is filled up, because a backend prepares for each new number of images.
    whole = np.concatenate([pixels, np.repeat(pixels[-1:], BATCH - len(pixels), axis=0)])
    shares = shaped(session.predict_resized(whole), BATCH, len(session.classes))[: len(pixels)]
    if (fault := next(filter(None, faults(shares)), None)) is not None:
        raise SkipwiseError(f"A corrupted image has no answer: {fault}; train or export the network again.")
    return np.asarray(shares.argmax(axis=1) == labels)


def about_drawing(plan: CorruptionPlan, images: int) -> str | None:
    """Says that only some images are corrupted; None where all are."""
    if plan.images == images:
        return None
    return (
        f"{plan.images:,} of the {count(images, 'image')} {'are' if plan.images > 1 else 'is'} corrupted, drawn class "
        "by class; --images takes more."
    )
