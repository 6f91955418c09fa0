"""Settings of data augmentation. `augment.py` and `mixing.py` apply them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Augmentations of training images, applied in the order of the fields; 0, False and None do nothing.

    Args:
        resized_crop: the smallest and largest share of the image's area; see augment.resized_crop.
        rand_augment: operations and magnitude; see augment.rand_augment.
        mirror: half of the images left to right or, with `alternate`, each of them in every other epoch.
        shift: at most, a share of the image's side.
        rotate: at most, in degrees; the shift is then part of the rotation, and in fractions of pixels.
        brightness, contrast, saturation: at most, a share; see augment.colour.
        cutout: the square's side, a share of the image's.
        mixup, cutmix: alpha of the Beta distribution that says how much of each image; with both, half of the
            batches get one and half the other.
    """

    resized_crop: tuple[float, float] | None = None
    rand_augment: tuple[int, int] | None = None
    mirror: bool
    alternate: bool = False
    shift: float
    rotate: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    cutout: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0

    @property
    def on_any_device(self) -> bool:
        """Whether all of it can be done where the images are; two kinds go image by image, on the CPU."""
        return self.resized_crop is None and self.rand_augment is None
