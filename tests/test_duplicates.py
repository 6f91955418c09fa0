"""Near-duplicates: every kind of change is found, images that only look alike are not accused."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from scipy import ndimage

from skipwise.data.image.thumbnails import SIDE, thumbnail
from skipwise.data.quality.duplicate_groups import group_numbers
from skipwise.data.quality.near_duplicates import Pair, near_duplicates


def small(pixels: np.ndarray) -> np.ndarray:
    """The thumbnail of uint8 [H, W, C]."""
    return np.asarray(thumbnail(Image.fromarray(pixels[:, :, 0] if pixels.shape[-1] == 1 else pixels)))


def photograph(rng, side=96):
    """Smooth noise of several scales and the edges of a few things in front of it."""
    scene = sum(ndimage.gaussian_filter(rng.normal(size=(side, side, 3)), (s, s, 0)) * s**1.5 for s in (1, 3, 8, 20))
    scene = (scene - scene.min()) / (scene.max() - scene.min()) * 200
    image = Image.fromarray(scene.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        left, top, width, height = rng.integers(2, side // 2, 4)
        draw.ellipse((left, top, left + width, top + height), fill=tuple(rng.integers(0, 230, 3).tolist()))
    grain = np.asarray(image) + rng.normal(scale=12, size=(side, side, 1))
    return Image.fromarray(grain.clip(0, 255).astype(np.uint8))


def icon(detail):
    """A folder with one of several emblems: a common outline."""
    image = Image.new("RGB", (64, 64), "white")
    draw = ImageDraw.Draw(image)
    draw.polygon([(4, 12), (24, 12), (30, 20), (60, 20), (60, 54), (4, 54)], fill=(90, 140, 210), outline="black")
    if detail == 0:
        draw.ellipse((24, 26, 42, 44), fill="white")
    elif detail == 1:
        draw.rectangle((24, 26, 42, 44), fill="black")
    elif detail == 2:
        draw.line((20, 46, 46, 26), fill="yellow", width=6)
    return image


def jpeg(image):
    data = io.BytesIO()
    image.save(data, "JPEG", quality=40)
    return Image.open(data).convert("RGB")


def marked(image):
    copy = image.copy()
    ImageDraw.Draw(copy).text((50, 82), "(c) photo", fill=(200, 200, 200), font_size=9)
    return Image.blend(image, copy, 0.5)


CHANGES = {
    "jpeg": jpeg,
    "half": lambda image: image.resize((48, 48)),
    "double": lambda image: image.resize((192, 192)),
    "cropped": lambda image: image.crop((5, 4, 92, 91)),
    "cropped much": lambda image: image.crop((7, 7, 89, 89)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "flatter": lambda image: ImageEnhance.Contrast(image).enhance(0.85),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "mirrored": ImageOps.mirror,
    "marked": marked,
    "framed": lambda image: ImageOps.expand(image, 4, fill="black"),
}


def search(images):
    arrays = [np.asarray(image) for image in images]
    return near_duplicates(
        np.stack([small(array) for array in arrays]), np.array([min(array.shape[:2]) for array in arrays])
    )


@pytest.fixture(scope="module")
def photographs():
    rng = np.random.default_rng(1)
    return [photograph(rng) for _ in range(40)]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_and_nothing_else(photographs, change):
    copies = [CHANGES[change](image) for image in photographs[:12]]
    pairs = search(photographs + copies)
    assert [(pair.first, pair.second) for pair in pairs] == [(number, 40 + number) for number in range(12)]
    assert {pair.mirrored for pair in pairs} == {change == "mirrored"}
    assert all(0.8 < pair.similarity <= 1 for pair in pairs)


def test_clean_images_are_not_accused(photographs):
    assert search(photographs + [icon(detail) for detail in range(4)]) == []


def test_copies_of_icons_are_told_from_icons_with_another_emblem():
    icons = [icon(detail) for detail in range(4)]
    pairs = search(icons + [jpeg(image) for image in icons])
    assert [(pair.first, pair.second) for pair in pairs] == [(number, 4 + number) for number in range(4)]


def test_identical_pixels_have_similarity_one_and_thousands_of_them_few_pairs(photographs):
    one = small(np.asarray(photographs[0]))
    pairs = near_duplicates(np.stack([one] * 3000), np.full(3000, 96))
    assert pairs == [Pair(0, second, 1.0, False) for second in range(1, 3000)]


def test_blank_images_are_pairs_only_when_they_are_the_same():
    blank = [
        Image.new("RGB", size, (value,) * 3) for size, value in (((40, 40), 250), ((40, 40), 251), ((60, 60), 250))
    ]
    assert search(blank) == []
    assert [(pair.first, pair.second) for pair in search([*blank, blank[0]])] == [(0, 3)]


def test_tiny_originals_are_pairs_only_when_they_are_the_same(photographs):
    tiny = photographs[0].resize((16, 16))
    assert search([tiny, jpeg(tiny)]) == []
    assert len(search([tiny, tiny])) == 1
    assert len(search([photographs[0].resize((32, 32)), tiny])) == 1


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_compare(count):
    assert near_duplicates(np.zeros((count, SIDE, SIDE), np.uint8), np.full(count, 50)) == []


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"\[N, 32, 32\]"):
        near_duplicates(np.zeros((3, 16, 16), np.uint8), np.full(3, 50))


def test_the_same_from_a_memory_map_and_progress_is_told(photographs, tmp_path):
    images = [small(np.asarray(image)) for image in [*photographs, jpeg(photographs[3])]]
    np.save(tmp_path / "thumbnails.npy", np.stack(images))
    mapped = np.load(tmp_path / "thumbnails.npy", mmap_mode="r")
    told = []
    found = near_duplicates(mapped, np.full(41, 96), told.append)
    assert [(pair.first, pair.second) for pair in found] == [(3, 40)]
    assert told == sorted(told)
    assert told[-1] == 1
    del mapped


@pytest.mark.parametrize("shape", [(8, 8, 1), (500, 300, 3), (1, 40, 3), (2000, 40, 1)])
def test_a_thumbnail_of_any_shape(shape):
    made = small(np.full(shape, 77, np.uint8))
    assert made.shape == (SIDE, SIDE)
    assert (made == 77).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_images_linked_by_pairs_share_a_group(drawn):
    count, links = drawn
    numbers = group_numbers(count, np.array(links, dtype=np.int64).reshape(-1, 2))
    parent = list(range(count))
    for a, b in links:
        parent = [parent[a] if root == parent[b] else root for root in parent]
    assert numbers.dtype == np.int64
    assert [[x == y for y in numbers] for x in numbers] == [[x == y for y in parent] for x in parent]


def test_no_images_no_groups():
    assert group_numbers(0, np.empty((0, 2), dtype=np.int64)).shape == (0,)
