"""Makes tests/reference_corruptions.npz from another implementation of the corruptions, imagecorruptions-imaug 1.1.5.

    pip install imagecorruptions-imaug==1.1.5    # in an environment of its own
    python -m tests.reference_corruptions

In the file are a picture; what the package makes of its corner with corruptions that draw nothing at random; and for
those that do, numbers that describe many results. Constants are those for photographs, which are the only ones that
the package has.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

REFERENCE = Path(__file__).with_suffix(".npz")
CORNER = (slice(32), slice(39))
"""With these sides no two pixels are equally near where an image is made larger, and scipy.ndimage.zoom, which the
package uses, leaves the last row and column as bright as they are."""
SAME = ("defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression")
RANDOM = ("gaussian_noise", "shot_noise", "impulse_noise", "glass_blur", "motion_blur", "snow", "frost", "fog")
RESULTS = 400
RINGS = 6


def picture() -> NDArray[np.uint8]:
    """Rectangles on a gradient, with some noise.

    Its sides are such that the package's snow begins in the middle of its magnified noise, as the published one does;
    of other sides it takes the upper left corner, whose first row is special.
    """
    rng = np.random.default_rng(5)
    height, width = 72, 71
    pixels = np.linspace(60, 190, width)[None, :, None] + np.linspace(-30, 30, height)[:, None, None] + np.zeros(3)
    for _ in range(14):
        top, left = rng.integers(0, (62, 61))
        height, width = rng.integers(4, 20, 2)
        pixels[top : top + height, left : left + width] = rng.integers(20, 235, 3)
    return (pixels + rng.normal(0, 4, pixels.shape)).clip(0, 255).astype(np.uint8)


def description(clean: NDArray[np.uint8], corrupted: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Of each of many results: mean, deviation, distance from the clean picture, roughness, and of its difference from
    the clean picture the share of power at each of some ranges of frequency, from slow to fast."""
    values = corrupted.astype(np.float64)
    change = values - clean
    grey = change.mean(axis=3)
    power = np.abs(np.fft.fft2(grey - grey.mean(axis=(1, 2), keepdims=True))) ** 2
    frequency = np.hypot(np.fft.fftfreq(grey.shape[1])[:, None], np.fft.fftfreq(grey.shape[2]))
    ring = np.minimum((frequency * 2 * RINGS).astype(int), RINGS - 1)
    shares = np.stack([power[:, ring == each].sum(axis=1) for each in range(RINGS)], axis=1)
    shares /= shares.sum(axis=1, keepdims=True)
    numbers = [
        values.mean(axis=(1, 2, 3)),
        values.std(axis=(1, 2, 3)),
        np.abs(change).mean(axis=(1, 2, 3)),
        np.abs(np.diff(values, axis=2)).mean(axis=(1, 2, 3)),
    ]
    return np.column_stack([*numbers, shares])


def main() -> None:
    from imagecorruptions import corrupt

    clean = picture()
    # The package draws from NumPy's global generator.
    np.random.seed(0)  # noqa: NPY002
    arrays: dict[str, NDArray] = {"picture": clean}
    for severity in range(1, 6):
        for name in SAME if severity % 2 else ():
            corner = np.ascontiguousarray(clean[CORNER])
            arrays[f"{name}-{severity}"] = corrupt(corner, severity=severity, corruption_name=name)
        for name in RANDOM:
            many = np.stack([corrupt(clean, severity=severity, corruption_name=name) for _ in range(RESULTS)])
            numbers = description(clean, many)
            # Their means, and how far these may be from the truth by chance.
            error = numbers.std(axis=0, ddof=1) / np.sqrt(RESULTS)
            arrays[f"{name}-{severity}"] = np.stack([numbers.mean(axis=0), error]).astype(np.float32)
    np.savez_compressed(REFERENCE, **arrays)


if __name__ == "__main__":
    main()
