"""Answers of finished runs to variants of their test images, given with their final weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skipwise.data.images import Images
from skipwise.evaluation.logits import predict_logits
from skipwise.evaluation.variants import VARIANTS, Originals, Variant
from skipwise.training.folder.dropped import need_weights
from skipwise.training.folder.record import RunSpec
from skipwise.training.folder.variant_answers import VariantAnswers, has_variant, write_variant
from skipwise.training.machine.execution import reproducible


def answer_variants(spec: RunSpec, folder: Path, images: Images, originals: Originals, names: tuple[str, ...]) -> None:
    """Answers the variants that a finished run has no answers to, and writes these into its folder.

    Args:
        spec: the run.
        folder: its folder.
        images: as the run sees them.
        originals: the same images, of which versions are made.
        names: of the variants.

    Raises:
        SkipwiseError: the weights were removed, or do not fit; the disk is full, ...
    """
    missing = [VARIANTS[name] for name in names if not has_variant(folder, name, VARIANTS[name].versions)]
    if not missing:
        return
    weights = need_weights(folder)
    network = spec.network.from_file(weights, new_head=False).build(seed=spec.seed).to(spec.execution.device)
    members = images.members("test")
    with reproducible(spec.execution):
        for variant in missing:
            answers = []
            for version in variant.versions:
                pixels = _Version(originals, variant, version)
                logits = predict_logits(network, pixels, members, spec.preprocessing, device=spec.execution.device)
                answers.append(np.where(np.isfinite(logits).all(axis=1), logits.argmax(axis=1), -1).astype(np.int32))
            found = VariantAnswers(ids=images.ids[members], answers=np.stack(answers))
            write_variant(folder, variant.name, variant.versions, found)


class _Version:
    """The pixels of one version of all images, made when they are asked for."""

    def __init__(self, originals: Originals, variant: Variant, version: str) -> None:
        self.originals, self.variant, self.version = originals, variant, version

    @property
    def shape(self) -> tuple[int, ...]:
        return self.originals.pixels.shape

    def __len__(self) -> int:
        return len(self.originals.pixels)

    def __getitem__(self, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self.variant.make(self.originals, self.version, numbers)
