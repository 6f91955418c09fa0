"""Settings of data augmentation, which `augment.py` and `mixing.py` apply."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Augmentations of training images, applied in the order of the fields; 0, False and None do nothing.

    Args:
        resized_crop: the smallest and largest share of the image's area, 0 to 1; see augment.resized_crop.
        rand_augment: number of operations, and magnitude from 0 to 30; see augment.rand_augment.
        mirror: whether half of the images are flipped left to right.
        alternate: whether each image is flipped in every other epoch, instead of at random.
        shift: the largest shift, as a share of the image's side.
        rotate: the largest rotation in degrees. The shift is then part of the rotation, in fractions of pixels.
        brightness, contrast, saturation: the largest change, 0 to 1; see augment.colour.
        cutout: side of the covered square, as a share of the image's side.
        mixup, cutmix: alpha of the Beta distribution of the shares that are mixed. With both, each batch gets one of
            them at random.
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
        """True if everything can run on the images' device; resized crops and RandAugment run on the CPU."""
        return self.resized_crop is None and self.rand_augment is None
