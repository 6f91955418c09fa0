"""A network's answers to corrupted images: which corruptions are meant, and whether the answers are right."""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.core.files.checksums import read_sealed, write_sealed
from skipwise.core.reporting import Progress
from skipwise.core.text import count
from skipwise.data.image.pillow import opened
from skipwise.data.image.preprocess import Preprocessing
from skipwise.deploy.runtime.session import Session
from skipwise.deploy.runtime.soundness import faults, shaped
from skipwise.deploy.trained.images import LabelledImages, batches
from skipwise.evaluating.answering import Evaluated
from skipwise.evaluating.options import CorruptionOptions
from skipwise.evaluating.record import CorruptionPlan
from skipwise.evaluation.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from skipwise.evaluation.corruptions.apply import MIN_SIDE, PUBLISHED_SIDE, about_size
from skipwise.evaluation.robustness import Robustness, robustness
from skipwise.evaluation.variants.corrupted import AS_GREY

IMAGES = 1_000
"""Images that are corrupted at most, where nobody says how many."""
SOME = 100
"""Images of an array that are looked at for shades between black and white."""
KEEP_SECONDS = 5.0
"""Seconds after which what was answered is kept."""
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


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Answers to corrupted images so far.

    Args:
        images: how many were answered, the first ones, a whole number of batches.
        right: whether the answers are right, a bit each: to the images as they are, then to each kind and severity.
    """

    images: int
    right: str


def _packed(right: NDArray[np.bool_]) -> str:
    return base64.b64encode(np.packbits(right).tobytes()).decode()


def _kept_before(path: Path, cells: int, images: int) -> tuple[NDArray[np.bool_], int]:
    """Whether answers are right [1 + cells, images], as far as they were given before, and to how many images."""
    right = np.zeros((1 + cells, images), dtype=np.bool_)
    with contextlib.suppress(SkipwiseError, ValueError):  # damaged: it is done again
        if path.exists():
            kept = read_sealed(path, Kept)
            bits = np.unpackbits(np.frombuffer(base64.b64decode(kept.right), np.uint8))
            if 0 < kept.images <= images and kept.images % BATCH == 0:
                right[:, : kept.images] = bits[: (1 + cells) * kept.images].reshape(1 + cells, kept.images)
                return right, kept.images
    return right, 0


def answer_corrupted(
    session: Session,
    found: Evaluated,
    plan: CorruptionPlan,
    *,
    kept: Path,
    progress: Progress | None,
) -> Corrupted:
    """Corrupts images at the size that the network takes, and answers them.

    A batch of images is in memory at a time, and for each image and cell whether the answer is right. What becomes of
    an image depends on its position among the images that are evaluated, and not on which others are drawn. What was
    answered is kept every few seconds, and the same call goes on from there after a kill, with the same result.

    Args:
        session: the network, open.
        found: the images, which are there, and their labels.
        plan: which of them are corrupted, and how.
        kept: a file for what was answered so far; it belongs to this network, these images and this plan.
        progress: told of images times cells.

    Raises:
        SkipwiseError: an image can't be read, or the network gives no probabilities.
    """
    assert found.images is not None
    drawn = found.images.drawn(plan.images)
    numbers = np.flatnonzero(np.isin(found.images.rows, drawn.rows))
    cells = [(kind, severity) for kind in plan.kinds for severity in plan.severities]
    total = len(numbers) * (1 + len(cells))
    right, first = _kept_before(kept, len(cells), len(numbers))
    written = time.monotonic()
    rest = drawn.some(np.arange(first, len(numbers)))
    for pixels in batches(rest.resized(session.preprocessing), BATCH):
        here = slice(first, first + len(pixels))
        labels = drawn.labels[here]
        right[0, here] = _is_right(session, pixels, labels)
        for row, (kind, severity) in enumerate(cells, start=1):
            if progress is not None:
                progress("Answering corrupted images", first * (1 + len(cells)) + len(pixels) * row, total)
            changed = corrupt(pixels, kind, severity, seed=plan.seed, numbers=numbers[here].tolist())
            right[row, here] = _is_right(session, changed, labels)
        first += len(pixels)
        if time.monotonic() - written >= KEEP_SECONDS:
            write_sealed(kept, Kept(images=first, right=_packed(right[:, :first])))
            written = time.monotonic()
    clean, place = right[0], int(right[0].argmax())
    groups = found.answers.groups
    return Corrupted(
        robustness=robustness(
            clean,
            right[1:].reshape(len(plan.kinds), len(plan.severities), len(numbers)),
            kinds=[(kind, CORRUPTIONS[kind].group) for kind in plan.kinds],
            severities=plan.severities,
            groups=None if groups is None else groups[numbers],
            of=len(found.images),
            size=session.preprocessing.size,
            seed=plan.seed,
        ),
        example=next(drawn.some(np.array([place])).resized(session.preprocessing)),
        number=int(numbers[place]),
    )


def _is_right(session: Session, pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Returns whether the answers to pixels [N, size, size, C] are right [N]."""
    return np.asarray(answered_classes(session, pixels) == labels)


def answered_classes(session: Session, pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The numbers of the classes that pixels [N, size, size, C], at most `BATCH` images, are taken for.

    Raises:
        SkipwiseError: there is no answer to one of them.
    """
    # The last batch is filled up, because a backend prepares for each new number of images.
    whole = np.concatenate([pixels, np.repeat(pixels[-1:], BATCH - len(pixels), axis=0)])
    shares = shaped(session.predict_resized(whole), BATCH, len(session.classes))[: len(pixels)]
    if (fault := next(filter(None, faults(shares)), None)) is not None:
        raise SkipwiseError(f"A changed image has no answer: {fault}; train or export the network again.")
    return np.asarray(shares.argmax(axis=1), np.int64)


def about_originals(images: LabelledImages, size: int) -> list[str]:
    """Says, a sentence each, that images of 1 bit per pixel are corrupted as grey ones, and that some are very small.

    Args:
        images: that are corrupted.
        size: pixels a side that the network takes, to which they are resized first.
    """
    pixels = images.source.pixels
    if pixels is not None:
        two_valued = bool(np.isin(pixels[images.rows[:SOME]], (0, 255)).all())
        smallest = min(pixels.shape[1:3])
    else:
        found = [_mode_and_side(data) for data in images.encoded()]
        two_valued = any(mode == "1" for mode, _ in found)
        smallest = min(side for _, side in found)
    said = []
    if two_valued:
        said.append(AS_GREY)
    return list(filter(None, [*said, about_size(min(smallest, size))]))


def _mode_and_side(data: bytes) -> tuple[str, int]:
    """The mode of an encoded image, as Pillow calls it, and its shorter side; of a damaged one, what is no cause for
    a remark, since it is told where it is decoded."""
    try:
        image = opened(data)
    except Exception:  # damaged bytes may raise anything
        return "", PUBLISHED_SIDE
    return image.mode, min(image.size)


def about_drawing(plan: CorruptionPlan, images: int) -> str | None:
    """Says that only some images are corrupted; None where all are."""
    if plan.images == images:
        return None
    return (
        f"{plan.images:,} of the {count(images, 'image')} {'are' if plan.images > 1 else 'is'} corrupted, drawn class "
        "by class; --images takes more."
    )
