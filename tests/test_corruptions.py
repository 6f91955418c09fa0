"""Corruptions do what their names say, get worse with severity, and are the same whatever batch an image is in."""

from __future__ import annotations

import colorsys
import dataclasses
import itertools
import math
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.evaluation.corruptions import (
    CORRUPTIONS,
    SEVERITIES,
    contact_sheet,
    corrupt,
    digital,
)
from skipwise.evaluation.corruptions.blur import _origins
from skipwise.evaluation.corruptions.digital import _sheared, _smoothing
from skipwise.evaluation.corruptions.filters import convolve, disk_kernel, move, smooth
from skipwise.evaluation.corruptions.frost_textures import FROSTS, textures
from skipwise.evaluation.corruptions.plasma import plasma
from skipwise.evaluation.corruptions.resampling import sample, zoom
from tests.reference_corruptions import CORNER, RANDOM, REFERENCE, SAME, description

CELLS = list(itertools.product(CORRUPTIONS, SEVERITIES))


def scenes(count: int, side: int) -> NDArray[np.uint8]:
    """Rectangles of all sizes on gradients, a little smoothed and noisy, as photographs are."""
    rng = np.random.default_rng(side)
    pixels = np.empty((count, side, side, 3))
    for scene in pixels:
        scene[:] = np.linspace(*rng.uniform(60, 200, (2, 3)), side)[:, None]
        for _ in range(15):
            (top, left), (height, width) = rng.integers(0, side, 2), rng.integers(2, side // 2, 2)
            scene[top : top + height, left : left + width] = rng.uniform(20, 235, 3)
    smoothed = scipy.ndimage.gaussian_filter(pixels, (0, side / 160, side / 160, 0))
    return (smoothed + rng.normal(0, 3, pixels.shape)).clip(0, 255).astype(np.uint8)


def floats(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def generators(count: int) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(count)]


# What every corruption promises.


@settings(max_examples=40, deadline=None)
@given(
    cell=st.sampled_from(CELLS),
    shape=st.tuples(st.integers(1, 3), st.integers(8, 40), st.integers(8, 40), st.sampled_from([1, 3])),
    constants=st.sampled_from(["auto", "small", "photo"]),
    seed=st.integers(0, 2**70),
)
def test_any_images_stay_images_and_come_out_the_same_again(cell, shape, constants, seed):
    name, severity = cell
    images = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    before = images.copy()
    corrupted = corrupt(images, name, severity, seed=seed, constants=constants)
    assert (corrupted.shape, corrupted.dtype) == (images.shape, np.uint8)
    assert np.array_equal(images, before)
    alone = corrupt(images[-1:], name, severity, seed=seed, numbers=[shape[0] - 1], constants=constants)
    assert np.array_equal(alone[0], corrupted[-1])


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_an_images_result_does_not_depend_on_its_batch(name):
    images = scenes(120, 32)  # more than are worked on at once
    numbers = np.arange(120) * 7
    shuffled = np.random.default_rng(0).permutation(120)[:50]
    for severity in SEVERITIES:
        whole = corrupt(images, name, severity, seed=4, numbers=numbers)
        part = corrupt(images[shuffled], name, severity, seed=4, numbers=numbers[shuffled])
        assert np.array_equal(part, whole[shuffled])


@pytest.mark.parametrize("name", [*RANDOM, "elastic_transform"])
def test_seed_number_and_severity_each_make_another_draw(name):
    image = np.tile(scenes(1, 32), (2, 1, 1, 1))
    first = corrupt(image, name, 3, seed=0)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first, corrupt(image, name, 3, seed=1))
    change, other = (corrupt(image[:1], name, severity, seed=0).astype(int) - image[:1] for severity in (4, 5))
    assert np.corrcoef(change.ravel(), other.ravel())[0, 1] < 0.98


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_grey_images_and_any_layout_in_memory(name):
    images = scenes(3, 40)
    grey = np.repeat(images[..., :1], 3, axis=3)
    one, three = (corrupt(each, name, 2, seed=0).astype(float) for each in (grey[..., :1], grey))
    if name not in ("gaussian_noise", "shot_noise", "impulse_noise", "frost"):  # of which each channel gets its own
        assert np.abs(one - three).mean() < 2
    transposed = np.asfortranarray(images[::2])
    transposed.flags.writeable = False
    assert np.array_equal(corrupt(transposed, name, 2, seed=0), corrupt(images[::2].copy(), name, 2, seed=0))


def test_no_images_are_none_corrupted():
    assert corrupt(np.empty((0, 32, 32, 3), dtype=np.uint8), "snow", 1, seed=0).shape == (0, 32, 32, 3)


def test_constants_go_by_the_shorter_side():
    for side, constants in ((64, "small"), (65, "photo")):
        images = scenes(1, 100)[:, :side]
        expected = corrupt(images, "contrast", 1, seed=0, constants=constants)
        assert np.array_equal(corrupt(images, "contrast", 1, seed=0), expected)


def test_the_page_lists_every_kind():
    page = (Path(__file__).parents[1] / "docs" / "corruptions.md").read_text()
    rows = re.findall(r"^\| (?:\w* ?)\| `(\w+)` \|", page, flags=re.MULTILINE)
    assert rows == list(CORRUPTIONS)


def test_the_draws_of_a_kind_do_not_depend_on_the_others(monkeypatch):
    before = corrupt(scenes(2, 32), "snow", 1, seed=0)
    monkeypatch.setitem(CORRUPTIONS, "inverted", dataclasses.replace(CORRUPTIONS["snow"], name="inverted"))
    assert np.array_equal(corrupt(scenes(2, 32), "snow", 1, seed=0), before)
    assert not np.array_equal(corrupt(scenes(2, 32), "inverted", 1, seed=0), before)


# How bad they are.


def distance(clean, corrupted):
    return np.abs(corrupted - clean).mean()


def fluctuation(clean, corrupted):
    """How rough the difference from the clean image is."""
    return np.abs(np.diff(corrupted - clean, axis=2)).mean()


def uncorrelated(clean, corrupted):
    clean, corrupted = (each - each.mean(axis=(1, 2), keepdims=True) for each in (clean, corrupted))
    shared = (clean * corrupted).sum(axis=(1, 2, 3))
    return 1 - (shared / np.sqrt((clean**2).sum(axis=(1, 2, 3)) * (corrupted**2).sum(axis=(1, 2, 3)))).mean()


def lost(clean, corrupted):
    """The share of the clean image's variation that is not in the corrupted one."""
    clean, corrupted = (each - each.mean(axis=(1, 2), keepdims=True) for each in (clean, corrupted))
    return 1 - ((clean * corrupted).sum(axis=(1, 2, 3)) / (clean**2).sum(axis=(1, 2, 3))).mean()


# Where the published constants do not make the mean distance of pixels rise, what does rise.
OTHER_MEASURES = {
    ("glass_blur", "small"): lost,  # of pixels in disorder, smoothing lessens the distance
    ("glass_blur", "photo"): lost,
    ("frost", "small"): uncorrelated,  # less of the image is kept, which darkens what frost had brightened
    ("frost", "photo"): uncorrelated,
    ("snow", "photo"): uncorrelated,  # fewer flakes at 3 than at 2, but larger ones
    ("fog", "photo"): fluctuation,  # from 3 to 4, clouds only get rougher
}


@pytest.mark.parametrize("constants", ["small", "photo"])
@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name != "elastic_transform"])
def test_error_rises_with_severity(name, constants):
    images = scenes(100, 32) if constants == "small" else scenes(12, 128)
    measure = OTHER_MEASURES.get((name, constants), distance)
    clean = images.astype(float)
    results = [corrupt(images, name, severity, seed=1, constants=constants).astype(float) for severity in SEVERITIES]
    errors = np.array([0, *(measure(clean, result) for result in results)])
    # Motion blur of small images is the same at 3 and 4 but for far, faint pixels.
    slack = 0.03 if (name, constants) == ("motion_blur", "small") else 0
    assert (errors[1:] > errors[:-1] * (1 - slack)).all(), errors
    assert errors[5] > 1.2 * errors[1]


@pytest.mark.parametrize("constants", ["small", "photo"])
def test_elastic_transform_bends_more_with_severity(constants):
    """Its published constants shift the whole image less and less, but bend it more and more."""
    side = 32 if constants == "small" else 224
    ramp = np.tile(np.linspace(0, side - 1, side, dtype=np.float32)[None, None, :, None], (6, side, 1, 1))
    row = CORRUPTIONS["elastic_transform"]
    bends = []
    for severity in SEVERITIES:
        warped = row.function(ramp, generators(6), *row.arguments(constants, severity))
        bends.append(np.median(np.abs(np.diff(warped, n=2, axis=2))))
    assert bends[0] < 1e-3
    assert all(np.diff(bends) > 0), bends


# Against other implementations.


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("severity", [1, 3, 5])
def test_the_same_as_imagecorruptions(name, severity):
    with np.load(REFERENCE) as reference:
        corner, expected = reference["picture"][CORNER], reference[f"{name}-{severity}"]
    ours = corrupt(corner[None], name, severity, seed=0, constants="photo")[0]
    difference = np.abs(ours.astype(int) - expected)
    assert difference.max() <= 1
    assert difference.mean() < 0.05


@pytest.mark.parametrize("name", [name for name in RANDOM if name != "frost"])
@pytest.mark.parametrize("severity", SEVERITIES)
def test_like_imagecorruptions_where_chance_decides(name, severity):
    count = 60
    with np.load(REFERENCE) as reference:
        clean, (expected, error) = reference["picture"], reference[f"{name}-{severity}"].astype(float)
    ours = description(clean, corrupt(np.stack([clean] * count), name, severity, seed=2, constants="photo"))
    by_chance = np.hypot(error, ours.std(axis=0, ddof=1) / np.sqrt(count))
    allowed = 4 * by_chance + np.where(np.arange(len(expected)) < 4, 0.3, 0.003)  # grey levels; shares of power
    assert (np.abs(ours.mean(axis=0) - expected) < allowed).all(), (ours.mean(axis=0), expected, allowed)


def test_frost_is_about_as_strong_as_that_of_photographs():
    """Its textures are made up, so that only the size of its effect can be that of imagecorruptions."""
    with np.load(REFERENCE) as reference:
        clean = reference["picture"]
        expected = np.array([reference[f"frost-{severity}"][0, :4] for severity in SEVERITIES])
    many = np.stack([clean] * 60)
    ours = [description(clean, corrupt(many, "frost", each, seed=0, constants="photo")) for each in SEVERITIES]
    mean, deviation, far, rough = np.transpose([each.mean(axis=0)[:4] for each in ours])
    assert np.abs(mean - expected[:, 0]).max() < 20
    assert np.abs(deviation / expected[:, 1] - 1).max() < 0.2
    assert np.abs(far / expected[:, 2] - 1).max() < 0.35
    assert np.abs(rough / expected[:, 3] - 1).max() < 0.35


@pytest.mark.parametrize("factor", [1.01, 1.11, 1.3, 1.75, 2.5, 4.5])
@pytest.mark.parametrize("side", [8, 31, 32, 224])
def test_zoom_is_scipys(factor, side):
    image = floats(side, side, 1)
    kept = math.ceil(side / factor)
    start = (side - kept) // 2
    magnified = scipy.ndimage.zoom(image[start : start + kept, start : start + kept], (factor, factor, 1), order=1)
    trim = (len(magnified) - side) // 2
    expected = magnified[trim : trim + side, trim : trim + side]
    assert np.abs(zoom(image[None], factor)[0] - expected).max() < 1e-4


@pytest.mark.parametrize("sigma", [0.05, 0.25, 0.4, 0.7, 1.5])
def test_smoothing_is_scipys(sigma):
    images = floats(2, 9, 13, 3)
    expected = scipy.ndimage.gaussian_filter(images, (0, sigma, sigma, 0), mode="nearest", truncate=4)
    assert np.abs(smooth(images, sigma) - expected).max() < 1e-5


@pytest.mark.parametrize(("radius", "softness"), [(0.3, 0.4), (1.5, 0.1), (3, 0.1), (8, 0.5), (10, 0.5)])
def test_defocus_is_scipys_convolution(radius, softness):
    images, kernel = floats(2, 30, 41, 3), disk_kernel(radius, softness)
    expected = scipy.ndimage.convolve(images, kernel[None, :, :, None], mode="mirror")
    assert np.abs(convolve(images, kernel) - expected).max() < 1e-5
    assert 0.95 < kernel.sum() < 1.02


def test_motion_takes_its_pixels_from_a_line():
    image, radius, sigma, angle = floats(12, 17, 1), 6, 3.0, math.radians(-70)
    weights = np.exp(-0.5 * (np.arange(2 * radius + 1) / sigma) ** 2)
    expected = np.zeros_like(image)
    for row, column, step in itertools.product(range(12), range(17), range(2 * radius + 1)):
        down = min(max(row + math.ceil(step * math.sin(angle) - 0.5), 0), 11)
        right = min(max(column + math.ceil(step * math.cos(angle) - 0.5), 0), 16)
        expected[row, column] += weights[step] / weights.sum() * image[down, right]
    assert np.abs(move(image[None], radius, sigma, [angle])[0] - expected).max() < 1e-5


@pytest.mark.parametrize("reach", [1, 2, 4])
def test_glass_takes_colours_one_pixel_after_the_other(reach):
    height, width = 20, 27
    shape = (2, 2, height - 2 * reach, width - 2 * reach)
    offsets = np.random.default_rng(0).integers(-reach, reach, shape, dtype=np.int8)
    expected = np.arange(2 * height * width).reshape(2, height, width)
    for image, offset in zip(expected, offsets, strict=True):
        for row, column in itertools.product(range(height - reach, reach, -1), range(width - reach, reach, -1)):
            down, right = offset[:, row - reach - 1, column - reach - 1]
            image[row, column] = image[row + down, column + right]
    assert np.array_equal(_origins(offsets, height, width, reach), expected.ravel())


@pytest.mark.parametrize(("repeat_edge", "mode"), [(True, "reflect"), (False, "mirror")])
def test_images_are_read_between_pixels_as_scipy_does(repeat_edge, mode):
    images = floats(2, 9, 14, 1)
    rows, columns = np.random.default_rng(1).uniform(-40, 50, (2, 2, 9, 14))
    expected = [
        scipy.ndimage.map_coordinates(image[..., 0], [down, right], order=1, mode=mode)
        for image, down, right in zip(images, rows, columns, strict=True)
    ]
    assert np.abs(sample(images, rows, columns, repeat_edge=repeat_edge)[..., 0] - expected).max() < 1e-4


@pytest.mark.parametrize("sigma", [0.96, 6.4, 170.8])
def test_elastic_fields_are_smoothed_as_scipy_does(sigma):
    field = floats(32, 5)
    expected = scipy.ndimage.gaussian_filter1d(field, sigma, axis=0, mode="reflect", truncate=3)
    assert np.abs(_smoothing(32, sigma) @ field - expected).max() < 1e-5


def test_elastic_transform_moves_three_points_and_all_that_is_between():
    rows, columns = np.mgrid[:30, :40]
    (down,), (right,) = _sheared(generators(1), rows, columns, shift=3.0)
    moves = np.random.default_rng(0).uniform(-3, 3, (3, 2))
    for point, move_by in zip([(25, 30), (5, 30), (5, 10)], moves, strict=True):
        row, column = np.array(point) + move_by
        at = (row, column, 1)
        for grid, expected in ((down, point[0]), (right, point[1])):
            map_of_grid = (grid[1, 0] - grid[0, 0], grid[0, 1] - grid[0, 0], grid[0, 0])
            assert np.dot(at, map_of_grid) == pytest.approx(expected)
    still = digital.elastic_transform(floats(1, 30, 40, 3), generators(1), 0, 0, 0.0)
    assert np.abs(still - floats(1, 30, 40, 3)).max() < 1e-6


def test_brightness_raises_the_value_and_keeps_hue_and_saturation():
    images = floats(1, 8, 8, 3)
    images[0, 0, 0] = 0
    raised = CORRUPTIONS["brightness"].function(images, generators(1), 0.2)
    for before, after in zip(images.reshape(-1, 3), raised.reshape(-1, 3), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*before)
        assert after == pytest.approx(colorsys.hsv_to_rgb(hue, saturation, min(1, value + 0.2)), abs=1e-6)


def test_snow_falls_the_same_way_when_turned():
    black = np.zeros((3, 33, 40, 3), dtype=np.uint8)
    snowy = corrupt(black, "snow", 4, seed=0)
    assert np.abs(snowy.astype(int) - snowy[:, ::-1, ::-1]).max() <= 1
    assert (snowy != snowy[:, ::-1]).any(axis=3).mean() > 0.2


@pytest.mark.parametrize(
    ("constants", "densities"), [("small", (0.2, 0.5, 0.75, 1, 1.5)), ("photo", (1.5, 2, 2.5, 2.5, 3))]
)
def test_fog_darkens_white_by_its_density(constants, densities):
    white = np.full((1, 64, 64, 3), 255, dtype=np.uint8)
    for severity, density in zip(SEVERITIES, densities, strict=True):
        foggy = corrupt(white, "fog", severity, seed=0, constants=constants)
        assert (foggy.min(), foggy.max()) == (int(255 / (1 + density) + 1e-3), 255)


def test_clouds_are_means_of_four_neighbours_and_noise():
    side, decay, noise = 8, 1.5, iter(np.random.default_rng(0).random(63, dtype=np.float32).astype(float) * 2 - 1)
    heights, step, amplitude = np.zeros((side, side)), side, 1.0
    while step > 1:
        half = step // 2
        for down, right in ((half, half), (0, half), (half, 0)):
            straight = [(half, 0), (-half, 0), (0, half), (0, -half)]
            near = [(half, half), (half, -half), (-half, half), (-half, -half)] if down and right else straight
            for row, column in itertools.product(range(down, side, step), range(right, side, step)):
                mean = sum(heights[(row + y) % side, (column + x) % side] for y, x in near) / 4
                heights[row, column] = mean + amplitude * next(noise)
        step, amplitude = half, amplitude / decay**2
    expected = (heights - heights.min()) / (heights.max() - heights.min())
    assert np.abs(plasma(generators(1), side, decay)[0] - expected).max() < 1e-5


def test_clouds_fit_their_edges_and_get_rougher():
    roughness = []
    for decay in (3, 2, 1.4):
        clouds = plasma(generators(20), 64, decay)
        assert (clouds.min(axis=(1, 2)) == 0).all()
        assert (clouds.max(axis=(1, 2)) == 1).all()
        inside = np.abs(np.diff(clouds, axis=1)).mean()
        assert np.abs(clouds[:, 0] - clouds[:, -1]).mean() < 1.5 * inside
        roughness.append(inside)
    assert roughness == sorted(roughness)


def test_frost_textures_are_as_asked_and_fit_their_edges():
    known = textures(1, 3)
    for texture, frost in zip(known, FROSTS, strict=True):
        assert texture.mean(axis=(0, 1)) * 255 == pytest.approx(frost.color, abs=5)
        assert texture.mean(axis=2).std() * 255 == pytest.approx(frost.spread, abs=1)
        for axis in (0, 1):
            grey = np.moveaxis(texture.mean(axis=2), axis, 0)
            assert np.abs(grey[0] - grey[-1]).mean() < 1.3 * np.abs(np.diff(grey, axis=0)).mean()
    assert textures(5, 1).shape == (5, 128, 128, 1)


# What cannot be.


GOOD = np.zeros((2, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        (
            (GOOD, "gausian noise", 1),
            {},
            "no corruption called 'gausian noise'; did you mean 'gaussian_noise'?",
        ),
        ((GOOD, "xyzzy", 1), {}, "choose from brightness, contrast,"),
        ((GOOD, 7, 1), {}, "There is no corruption called '7'"),
        ((GOOD, "snow", 0), {}, "The severity is a whole number, from 1 to 5, and not 0."),
        ((GOOD, "snow", 6), {}, "from 1 to 5, and not 6."),
        ((GOOD, "snow", 2.5), {}, "from 1 to 5, and not 2.5."),
        ((GOOD, "snow", True), {}, "from 1 to 5, and not True."),
        ((GOOD, "snow", 1), {"seed": -1}, "The seed is a whole number, 0 or more, and not -1."),
        ((GOOD, "snow", 1), {"numbers": [3]}, "There are 2 images and 1 numbers; give each image one number."),
        ((GOOD, "snow", 1), {"numbers": [3, -4]}, "An image's number is a whole number, 0 or more, and not -4."),
        ((GOOD, "snow", 1), {"constants": "photos"}, "did you mean 'photo'?"),
        ((GOOD > 0, "snow", 1), {}, "These images have 1 bit per value; multiply them by 255"),
        ((GOOD / 255, "snow", 1), {}, "uint8 from 0 to 255, not float64; scale and convert them."),
        ((GOOD.astype(np.uint16), "snow", 1), {}, "not uint16"),
        ((GOOD.tolist(), "snow", 1), {}, "a NumPy array, not a list; use numpy.asarray."),
        (
            (GOOD[0], "snow", 1),
            {},
            "a batch of shape [B, H, W, C] with 1 or 3 channels; the shape of these is [32,",
        ),
        ((GOOD[..., :2], "snow", 1), {}, "the shape of these is [2, 32, 32, 2]."),
        ((GOOD[:, :1, :1], "snow", 1), {}, "Images of 1 x 1 pixels are too small to corrupt; both sides need 8 pixels"),
        ((GOOD[:, :, :7], "snow", 1), {}, "Images of 7 x 32 pixels are too small"),
    ],
)
def test_what_cannot_be_corrupted_is_said_in_one_sentence(arguments, options, said):
    with pytest.raises(SkipwiseError) as error:
        corrupt(*arguments, **{"seed": 0, **options})
    assert said in str(error.value)
    assert str(error.value).endswith((".", "?"))


def test_sixteen_pixels_are_enough():
    assert corrupt(scenes(1, 16), "glass_blur", 5, seed=0).shape == (1, 16, 16, 3)


# All on one page.


@pytest.mark.parametrize("shape", [(32, 32, 3), (20, 48, 1), (120, 80, 3)])
def test_contact_sheet_shows_every_cell(shape):
    image = np.random.default_rng(0).integers(60, 200, shape, dtype=np.uint8)
    page = np.asarray(contact_sheet(image, cell=48))
    height, width = (round(side * 48 / max(shape)) for side in shape[:2])
    assert page.shape == (26 + 6 * (height + 4), 4 + 15 * (width + 4), 3)
    cells = [
        page[26 + row * (height + 4) :][:height, 4 + column * (width + 4) :][:, :width]
        for row, column in itertools.product(range(6), range(15))
    ]
    assert all((cell < 255).any() for cell in cells)
    assert len({cell.tobytes() for cell in cells}) == 1 + 75


def test_a_page_is_refused_what_cannot_be_corrupted():
    with pytest.raises(SkipwiseError, match="too small"):
        contact_sheet(np.zeros((4, 4, 3), dtype=np.uint8))
