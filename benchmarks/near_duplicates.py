"""Planted near-duplicates that skipwise.data.quality.near_duplicates finds, and clean images that it accuses.

    python benchmarks/near_duplicates.py [FOLDER] [--quick]

FOLDER holds images of any kind, searched with all its folders; without one, tiles of scikit-learn's two sample
photographs and its handwritten digits at 28 x 28 pixels are used. First the images are searched as they are: whatever
is found then is counted as accused, so images that FOLDER holds twice count too. Then every kind of change is planted
on its own, a copy each for at most 100 images (400 without --quick), and the share that is paired with its origin is
found. Beside it stands a perceptual hash as it is commonly used (pHash: the signs of 8 x 8 low cosines around their
median, at most 4 or 10 of 64 bits apart). Times are for the search, a thumbnail's apart.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from scipy.fft import dctn

from skipwise.core.machine.system import describe_machine
from skipwise.data.image.decode import UnreadableImage, decode
from skipwise.data.image.thumbnails import thumbnail
from skipwise.data.quality.near_duplicates import near_duplicates

Change = Callable[[Image.Image, np.random.Generator], Image.Image]
Pixels = NDArray[np.uint8]


def small(pixels: np.ndarray) -> np.ndarray:
    """The thumbnail of uint8 [H, W, C]."""
    return np.asarray(thumbnail(Image.fromarray(pixels[:, :, 0] if pixels.shape[-1] == 1 else pixels)))


def encoded(image: Image.Image, name: str, quality: int) -> Image.Image:
    data = io.BytesIO()
    image.save(data, name, quality=quality)
    return Image.open(data).convert("RGB")


def cropped(image: Image.Image, rng: np.random.Generator, least: float, most: float) -> Image.Image:
    """Each side loses its own share, drawn between `least` and `most`."""
    (width, height), (left, top, right, bottom) = image.size, rng.uniform(least, most, 4)
    return image.crop(
        (round(width * left), round(height * top), round(width * (1 - right)), round(height * (1 - bottom)))
    )


def watermarked(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    width, height = image.size
    layer = Image.new("RGBA", image.size)
    place = (width * 0.55, height * 0.85) if rng.random() < 0.5 else (width * 0.05, height * 0.03)
    colour = (255, 255, 255, 160) if rng.random() < 0.5 else (0, 0, 0, 160)
    ImageDraw.Draw(layer).text(place, "(c) photo", fill=colour, font_size=max(6, height * 0.1))
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def tinted(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    values = np.asarray(image, dtype=np.float32) * rng.uniform(0.85, 1.15, 3)
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def bordered(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    colour = [(0, 0, 0), (255, 255, 255), (128, 30, 30)][int(rng.integers(3))]
    return ImageOps.expand(image, max(1, round(0.04 * min(image.size))), fill=colour)


def resized(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((max(1, round(image.width * factor)), max(1, round(image.height * factor))))


CHANGES: dict[str, Change] = {
    "JPEG 40": lambda image, _: encoded(image, "JPEG", 40),
    "WebP 70": lambda image, _: encoded(image, "WEBP", 70),
    "half": lambda image, _: resized(image, 0.5),
    "double": lambda image, _: resized(image, 2),
    "crop to 5%": lambda image, rng: cropped(image, rng, 0, 0.05),
    "crop to 8%": lambda image, rng: cropped(image, rng, 0, 0.08),
    "crop 8%": lambda image, rng: cropped(image, rng, 0.08, 0.08),
    "brightness": lambda image, rng: ImageEnhance.Brightness(image).enhance(rng.choice([0.85, 1.15])),
    "contrast": lambda image, rng: ImageEnhance.Contrast(image).enhance(rng.choice([0.85, 1.15])),
    "colour": tinted,
    "grey": lambda image, _: image.convert("L").convert("RGB"),
    "mirrored": lambda image, _: ImageOps.mirror(image),
    "watermark": watermarked,
    "border": bordered,
}


def default_images() -> list[Pixels]:
    from sklearn.datasets import load_digits, load_sample_images

    tiles = [
        photograph[top : top + 64, left : left + 64]
        for photograph in load_sample_images().images
        for top in range(0, photograph.shape[0] - 63, 64)
        for left in range(0, photograph.shape[1] - 63, 64)
    ]
    digits = (load_digits().images * 15.9).astype(np.uint8)
    large = [Image.fromarray(digit).resize((28, 28), Image.Resampling.BICUBIC).convert("RGB") for digit in digits]
    return tiles + [np.asarray(digit) for digit in large]


def images_in(folder: Path, most: int) -> list[Pixels]:
    """At most `most` images, spread evenly over the folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    images = []
    for path in paths[:: max(1, len(paths) // most)]:
        try:
            images.append(decode(path.read_bytes(), channels=3))
        except UnreadableImage:
            continue
    return images


def hashed(thumbnails: Pixels) -> NDArray[np.bool_]:
    low = dctn(thumbnails.astype(np.float32), axes=(1, 2))[:, :8, :8].reshape(len(thumbnails), 64)
    return low > np.median(low, axis=1, keepdims=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Near-duplicates found and clean images accused.")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--quick", action="store_true", help="fewer images, under two minutes")
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    images = images_in(options.folder, 3000 if options.quick else 20000) if options.folder else default_images()
    started = time.perf_counter()
    clean = np.stack([small(image) for image in images])
    each = (time.perf_counter() - started) / len(images)
    sides = np.array([min(image.shape[:2]) for image in images])
    started = time.perf_counter()
    pairs = near_duplicates(clean, sides)
    search = (time.perf_counter() - started) / len(images)
    accused = len({number for pair in pairs for number in (pair.first, pair.second)}) / len(images)
    bits = hashed(clean).astype(np.float32)
    apart = bits @ (1 - bits.T) + (1 - bits) @ bits.T + 64 * np.eye(len(bits), dtype=np.float32)
    nearest = apart.min(axis=1)
    results = {"clean, accused": (accused, float((nearest <= 4).mean()), float((nearest <= 10).mean()))}
    chosen = rng.permutation(len(images))[: 100 if options.quick else 400]
    for name, change in CHANGES.items():
        copies = [np.asarray(change(Image.fromarray(images[number]), rng)) for number in chosen]
        planted = np.stack([small(copy) for copy in copies])
        both = np.concatenate([clean, planted])
        found = near_duplicates(both, np.concatenate([sides, [min(copy.shape[:2]) for copy in copies]]))
        partners = {(pair.first, pair.second) for pair in found}
        hits = [(number, len(images) + index) in partners for index, number in enumerate(chosen)]
        distance = (hashed(planted) != hashed(clean[chosen])).sum(axis=1)
        results[name] = (float(np.mean(hits)), float((distance <= 4).mean()), float((distance <= 10).mean()))
    print(f"{len(images)} images, {len(pairs)} pairs among them; {each * 1e6:.0f} us a thumbnail, ", end="")
    print(f"{search * 1e6:.0f} us an image to search\n{'':>16} {'ours':>7} {'pHash 4':>8} {'pHash 10':>9}")
    for name, (ours, strict, loose) in results.items():
        print(f"{name:>16} {ours:>7.1%} {strict:>8.1%} {loose:>9.1%}")
    arms = {name: {"median": share[0], "spread": 0.0} for name, share in results.items()}
    ratios = {f"{name}, pHash at 10": share[2] for name, share in results.items()}
    record = {
        "benchmark": "near_duplicates",
        "machine": describe_machine().processor,
        "images": len(images),
        "arms": arms,
    }
    print(json.dumps({**record, "seconds": {"thumbnail": each, "search": search}, "ratios": ratios}))


if __name__ == "__main__":
    main()
