"""Small pictures of images that were trained on."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from skipwise.comparison.plan.layout import run_folder
from skipwise.comparison.plan.plan import Plan
from skipwise.core.errors import SkipwiseError
from skipwise.data.images import Images
from skipwise.deploy.trained.images import LabelledImages, own_images
from skipwise.evaluating.report.composing import pictures_from
from skipwise.pages.pictures import data_url


def pictures(images: Images, ids: Sequence[str]) -> dict[str, str]:
    """Some of the images as they are trained on, by their ids."""
    from PIL import Image

    numbers = {name: number for number, name in enumerate(images.ids.tolist())}
    found = {}
    for name in ids:
        pixels = images.pixels[np.array([numbers[name]])][0]
        found[name] = data_url(Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))
    return found


class FromSource:
    """Pictures of a finished comparison's test images, read from where they were; none where they are not there any
    more.

    Args:
        plan: the comparison's.
        folder: the comparison's.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan, self.run = plan, folder / run_folder(plan.question.candidates[0], plan.question.first_seed)
        self.images: LabelledImages | None = None
        self.opened = False

    def __call__(self, ids: Sequence[str]) -> dict[str, str]:
        if not self.opened:  # which takes a while, and where all is written there is no need
            self.opened = True
            with contextlib.suppress(SkipwiseError):
                self.images = own_images(self.run, self.plan.classes, None)
        if self.images is None:
            return {}
        places = {self.images.id(place): place for place in range(len(self.images))}
        wanted = {places[name]: name for name in ids if name in places}
        with contextlib.suppress(SkipwiseError):
            found = pictures_from(self.images, set(wanted), self.plan.preprocessing.levels)
            return {wanted[place]: url for place, url in found.urls.items()}
        return {}
