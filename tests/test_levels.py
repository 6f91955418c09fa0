"""What counts as white in images of more than 8 bits: one rule for a set, the same wherever its images are read."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.json_records import read_json
from skipwise.data.image.decode import UnreadableImage, decode, read_image
from skipwise.data.image.preprocess import Preprocessing
from skipwise.data.image.white_level import DEFAULT, DEPTHS, Chosen, Depth, Levels, choose
from skipwise.data.prepare import Request, prepare
from skipwise.data.scan.guess import guess_pixel_format
from skipwise.data.scan.inspection import PixelFormat, inspect_image
from skipwise.data.scan.scan import scan_images
from skipwise.data.sources import open_source
from skipwise.data.store.packed import pack
from skipwise.data.store.streamed import Streamed
from skipwise.deploy.artifact.artifact import read_artifact
from skipwise.deploy.export.export import export
from skipwise.deploy.verify.verify import verify
from skipwise.training.folder.record import RunRecord
from tests.encoded import chunk, encode, pack_12_bits, png_with, tiff

RNG = np.random.default_rng(0)


def chosen(depth: Depth, highs: Sequence[float], lows: Sequence[float] | None = None) -> Chosen:
    """The levels of images of one depth."""
    depths = np.full(len(highs), 1 + DEPTHS.index(depth), np.uint8)
    begin = np.zeros(len(highs)) if lows is None else np.array(lows, float)
    return choose(depths, begin, np.array(highs, float), np.ones(len(highs), bool))


def png_16(values: NDArray[np.integer]) -> bytes:
    return encode(Image.fromarray(values.astype(np.uint16)), "PNG")


# The rule


@pytest.mark.parametrize(
    ("highest", "white"),
    [(200, 255), (255, 255), (256, 1023), (1023, 1023), (4000, 4095), (4096, 16383), (16384, 65535), (65535, 65535)],
)
def test_sixteen_bits_are_white_where_the_bits_in_use_end(highest: int, white: int) -> None:
    found = chosen("16-bit", [highest / 9, highest])
    assert (found.levels, found.misfits) == (Levels(white_16=white), {})
    bits = white.bit_length()
    assert found.sentences == (() if bits == 16 else (f"Images use {bits} of 16 bits: {white:,} counts as white.",))


def test_that_most_images_will_be_dark_is_said() -> None:
    found = chosen("16-bit", [4000] * 9 + [65535])
    assert found.levels == DEFAULT
    assert "9 of 10 16-bit images end at 4,095 or below and will be nearly black" in found.sentences[0]
    assert not chosen("16-bit", [4000] + [65535] * 9).sentences


@pytest.mark.parametrize(
    ("highs", "white", "misfits"),
    [
        ([1.0, 0.4, 0.0], 1, []),
        ([1.001, 1.3, 1.0], 1, []),
        ([255, 180, 30], 255, []),
        ([256, 255, 255], 255, []),
        ([4000, 900], 4095, []),
        ([1.0] * 9 + [240], 1, [9]),
        ([240] * 9 + [0.9], 255, [9]),
        ([240] * 9 + [60_000], 255, [9]),
        ([240] * 9 + [0.0], 255, []),
        ([5.0, 7.0], 1, [0, 1]),
    ],
)
def test_floating_point(highs: list[float], white: float, misfits: list[int]) -> None:
    found = chosen("float", highs)
    assert found.levels == Levels(white_float=white)
    assert list(found.misfits) == misfits
    assert all("convert it to 8 or 16 bits" in reason for reason in found.misfits.values())
    assert found.sentences == (f"Floating-point images: {white:,} counts as white, 0 as black.",)


@pytest.mark.parametrize(
    ("highs", "lows", "white", "misfits"),
    [
        ([255, 20], [0, 0], 255, []),
        ([4100, 300], [-30, 0], 4095, []),
        ([3000, 3000, 3000], [-1024, 0, -1024], 4095, [0, 2]),
        ([100_000], [0], 2**18 - 1, []),
        ([4000] * 5 + [2e9], [0] * 6, 4095, [5]),
    ],
)
def test_signed_and_32_bits(highs: list[float], lows: list[float], white: int, misfits: list[int]) -> None:
    found = chosen("32-bit", highs, lows)
    assert found.levels == Levels(white_32=white)
    assert list(found.misfits) == misfits


def test_images_that_are_not_used_and_those_of_8_bits_count_for_nothing() -> None:
    depths = np.array([1, 1, 0, 3], np.uint8)
    highs = np.array([65535, 4000, 0, 255.0])
    found = choose(depths, np.zeros(4), highs, np.array([False, True, True, False]))
    assert (found.levels, found.misfits) == (Levels(white_16=4095), {})
    nothing = choose(np.zeros(3, np.uint8), np.zeros(3), np.zeros(3), np.ones(3, bool))
    assert nothing == Chosen(DEFAULT, {}, ())


# An image by the rule


@pytest.mark.parametrize(
    ("scale", "stray", "levels"),
    [
        (1, 1.001, DEFAULT),
        (1, -0.001, DEFAULT),
        (255, 256, Levels(white_float=255)),
        (255, -3, Levels(white_float=255)),
        (4095, 5000, Levels(white_float=4095)),
    ],
)
def test_one_stray_pixel_changes_one_pixel(scale: float, stray: float, levels: Levels) -> None:
    values = np.tile(np.linspace(0, scale, 48, dtype=np.float32), (8, 1))
    strayed = values.copy()
    strayed[0, 0] = stray
    one, other = (decode(tiff(each), levels=levels)[..., 0] for each in (values, strayed))
    np.testing.assert_array_equal(one, np.round(values * 255 / scale))
    assert (one != other).sum() == (stray > 0)
    assert other[0, 0] in (0, 255)


@pytest.mark.parametrize("stray", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_named(stray: float) -> None:
    values = np.full((4, 4), 0.5, np.float32)
    values[1, 1] = stray
    with pytest.raises(UnreadableImage, match=r"some of its pixels are not numbers \(NaN or infinite\)"):
        decode(tiff(values))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.array([[0, 255]], np.float32), "its floating-point values end at 255, where 1 is white"),
        (np.array([[-1, 1]], np.float32), "its values begin at -1, and nothing says which of them is black"),
        (np.array([[0, 200]], np.int32), "it has signed or 32-bit values, and nothing says which of them is white"),
        (np.array([[0, 200]], np.uint32), "it has signed or 32-bit values, and nothing says which of them is white"),
        (np.array([[-5, 200]], np.int16), "it has signed or 32-bit values, and nothing says which of them is white"),
        (np.array([[-5, 100]], np.int8), "it has signed or 32-bit values, and nothing says which of them is white"),
    ],
)
def test_without_a_set_only_what_is_usual_is_read(values: NDArray[np.generic], reason: str) -> None:
    with pytest.raises(UnreadableImage, match=f"^{reason}.*; convert it to 8 or 16 bits$"):
        decode(tiff(values))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [np.int16, np.int32, np.uint32])
def test_signed_and_32_bit_images_by_their_level(kind: type, order: str) -> None:
    if kind is np.uint32 and order == ">":
        pytest.skip("Pillow does not read these")
    values = np.array([[-40, 0, 2048], [4095, 5000, 1]]).clip(0 if kind is np.uint32 else -40).astype(kind)
    found = decode(tiff(values, order=order), levels=Levels(white_32=4095))[..., 0]
    assert found.tolist() == [[0, 0, 128], [255, 255, 0]]
    low = decode(tiff(np.array([[-9, 127, 64]], np.int8)), levels=Levels(white_32=255)).ravel()
    assert low.tolist() == [0, 127, 64]


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bit_tiff_in_both_orders_of_bytes(order: str) -> None:
    values = np.array([[0, 256, 4095], [65535, 1000, 16]], np.uint16)
    np.testing.assert_array_equal(decode(tiff(values, order=order))[..., 0], np.round(values / 257))
    found = decode(tiff(values, order=order), levels=Levels(white_16=4095))[..., 0]
    np.testing.assert_array_equal(found, np.round(values.clip(0, 4095) * (255 / 4095)))


def test_where_zero_is_white_it_is_so_with_more_than_8_bits_too() -> None:
    values = np.array([[0, 65535, 257 * 10]], np.uint16)
    assert decode(tiff(values, photometric=0)).ravel().tolist() == [255, 0, 245]
    assert decode(tiff((values >> 8).astype(np.uint8), photometric=0)).ravel().tolist() == [255, 0, 245]
    assert decode(tiff((values / 65535).astype(np.float32), photometric=0)).ravel().tolist() == [255, 0, 245]


def test_a_tiff_that_says_how_many_bits_it_has_is_scaled_by_them() -> None:
    values = np.array([[0, 2048, 4095, 16]], np.uint16)
    expected = [0, 128, 255, 1]
    assert decode(tiff(values, bits=12, packed=pack_12_bits(values))).ravel().tolist() == expected
    for tag in (281, 341):  # the largest value, for all samples and for each
        assert decode(tiff(values, more=[(tag, 4095)])).ravel().tolist() == expected
        # What is no number of bits, or less than what is there, is no rule.
        for said in (4094, 1023, 5000):
            assert decode(tiff(values, more=[(tag, said)])).ravel().tolist() == [0, 8, 16, 0]
    # Such an image has no part in the rule of its set.
    assert read_image(tiff(values, more=[(281, 4095)]), alone=True).deep is None


def test_colours_of_16_bits_keep_their_lower_bytes_where_they_count() -> None:
    values = RNG.integers(0, 4096, (5, 4, 3), dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = (4).to_bytes(4, "big") + (5).to_bytes(4, "big") + bytes((16, 2, 0, 0, 0))
    import zlib

    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    for data in (png, tiff(values), tiff(values, order=">")):
        wide = read_image(data, alone=True).deep
        assert wide is not None
        np.testing.assert_array_equal(wide.values, values)
        found = decode(data, levels=Levels(white_16=4095))
        np.testing.assert_array_equal(found, np.round(values * (255 / 4095)))
        np.testing.assert_array_equal(decode(data), values >> 8)


def test_a_transparent_value_of_16_bits_is_white() -> None:
    data = png_with(png_16(np.array([[0, 300, 65535]])), (b"tRNS", (300).to_bytes(2, "big")))
    assert decode(data).ravel().tolist() == [0, 255, 255]


def test_portable_float_maps_are_floating_point() -> None:
    values = np.array([[0, 0.5, 1]], np.float32)
    assert decode(encode(Image.fromarray(values), "PPM")).ravel().tolist() == [0, 128, 255]


@given(st.integers(1, 65535), st.lists(st.integers(0, 65535), min_size=1, max_size=40))
def test_levels_keep_the_order_and_the_ends(white: int, values: list[int]) -> None:
    ordered = np.sort(np.array([*values, 0, white], np.uint16))[None]
    found = decode(png_16(ordered), levels=Levels(white_16=white))[0, :, 0].astype(int)
    assert (np.diff(found) >= 0).all()
    assert found[0] == 0
    assert found[-1] == 255


# A set


def make_set(root: Path, values: dict[str, Sequence[NDArray[np.generic]]], suffix: str = ".png") -> Path:
    """A folder of images of more than 8 bits, a class each."""
    for label, images in values.items():
        (root / label).mkdir(parents=True)
        for index, image in enumerate(images):
            data = png_16(image) if suffix == ".png" else tiff(image)  # type: ignore[arg-type]
            (root / label / f"{index:03d}{suffix}").write_bytes(data)
    return root


def noise(count: int, most: float, seed: int, kind: type = np.uint16, side: int = 16) -> list[NDArray[np.generic]]:
    """Images that reach `most`."""
    rng = np.random.default_rng(seed)
    images = [(rng.random((side, side)) * most).astype(kind) for _ in range(count)]
    for image in images:
        image[0, 0] = most
    return images


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SKIPWISE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.usefixtures("cache")
def test_twelve_bits_in_sixteen_are_seen_said_and_scaled_in_one_pass(tmp_path: Path) -> None:
    root = make_set(tmp_path / "xrays", {"a": noise(12, 4000, 1), "b": noise(12, 3000, 2)})
    told: list[str] = []
    notices: list[str] = []
    prepared = prepare(
        Request(data=str(root)), seed=0, progress=lambda what, *_: told.append(what), notice=notices.append
    )
    assert "Images use 12 of 16 bits: 4,095 counts as white." in notices
    assert prepared.scan.levels == Levels(white_16=4095)
    told.clear()
    square = PixelFormat(size=16, channels=1, levels=prepared.scan.levels)
    pixels = prepared.images(square, packed=True, progress=lambda what, *_: told.append(what)).pixels[np.arange(24)]
    assert not told, "the sample had said so, and the pixels were there already"
    with contextlib.closing(Streamed(prepared.source, prepared.scan, square)) as streamed:
        for index, file in enumerate(prepared.source.files):
            values = np.asarray(Image.open(root / file)).astype(float)
            np.testing.assert_array_equal(pixels[index][..., 0], np.round(values * (255 / 4095)))
            np.testing.assert_array_equal(streamed[np.array([index])][0], pixels[index])


@pytest.mark.usefixtures("cache")
def test_a_wrong_guess_costs_only_time(tmp_path: Path) -> None:
    # One image of 100 is brighter, and not among those that are tried.
    images = noise(100, 900, 1, side=8)
    for position in range(100):
        root = make_set(tmp_path / f"set{position}", {"a": images[:50], "b": images[50:]})
        bright = root / "b" / f"{position // 2:03d}.png"
        bright.write_bytes(png_16(np.full((8, 8), 65535)))
        source = open_source(root)
        guess = guess_pixel_format(source, None, None)
        if guess.levels.white_16 == 1023:
            break
    seen = scan_images(source, guess=guess).for_images(np.ones(100, bool))
    assert (guess.levels, seen.levels) == (Levels(white_16=1023), DEFAULT)
    pixels = pack(source, seen, PixelFormat(size=8, channels=1))[np.arange(100)]
    for index, file in enumerate(source.files):
        np.testing.assert_array_equal(pixels[index], decode((root / file).read_bytes()))


def test_what_is_known_of_an_image_does_not_hang_on_the_guess() -> None:
    data = tiff(noise(1, 255, 0, np.float32)[0])
    right, wrong = (
        inspect_image(data, PixelFormat(size=16, channels=1, levels=levels))
        for levels in (Levels(white_float=255), DEFAULT)
    )
    assert len(right.pixels) == 256
    assert wrong.pixels == b""
    assert (right.extent, right.thumbnail, right.fault) == (wrong.extent, wrong.thumbnail, "")
    assert right.extent is not None
    assert (right.extent.depth, right.extent.high) == ("float", 255)


@pytest.mark.usefixtures("cache")
def test_images_of_another_range_are_named_and_can_be_left_out(tmp_path: Path) -> None:
    wild = [*noise(14, 1, 1, np.float32), noise(1, 250, 5, np.float32)[0]]
    broken = noise(1, 1, 7, np.float32)[0].copy()
    broken[3, 3] = np.nan
    root = make_set(tmp_path / "scans", {"a": wild, "b": [*noise(14, 1, 2, np.float32), broken]}, ".tif")
    with pytest.raises(SkipwiseError, match="2 images of scans can't be read") as caught:
        prepare(Request(data=str(root)), seed=0)
    assert "a/014.tif (its floating-point values end at 250, where 1 is white; convert it to 8 or" in str(caught.value)
    assert "b/014.tif (some of its pixels are not numbers" in str(caught.value)
    found = skipwise.audit(root, output=tmp_path / "audit")
    named = {finding.files[0] for finding in found.record.findings if finding.kind == "unreadable"}
    assert named == {"a/014.tif", "b/014.tif"}
    prepared = prepare(Request(data=str(root), exclude=str(found.file)), seed=0)
    pixels = prepared.images(PixelFormat(size=16, channels=1, levels=prepared.scan.levels), packed=True).pixels
    kept = prepared.members
    assert len(kept) == 28
    assert min(pixels[kept[[each]]].max() for each in range(28)) == 255


@pytest.mark.usefixtures("cache")
@pytest.mark.slow
def test_a_run_and_what_is_shipped_of_it_read_as_in_training(tmp_path: Path) -> None:
    root = make_set(tmp_path / "xrays", {"a": noise(14, 4000, 1), "b": [each // 3 for each in noise(14, 4000, 2)]})
    options = {"model": "resnet18", "width": 0.25, "epochs": 1, "compile": False, "precision": "fp32"}
    run = skipwise.train(root, output=tmp_path / "run", **options).folder
    preprocessing = read_json(run / "run.json", RunRecord).spec.preprocessing
    assert preprocessing.levels == Levels(white_16=4095)
    assert preprocessing.mean[0] > 0.2, "the pixels that were trained on are not nearly black"
    made = export(run, output=tmp_path / "artifact", format="torch")
    assert read_artifact(made.folder).preprocessing == preprocessing
    assert verify(made.folder, root, timing=False).certificate.passed
    files = sorted(root.rglob("*.png"))
    # The same pictures with 8 bits, scaled by that rule: they have to be answered alike.
    eight = tmp_path / "eight"
    for file in files:
        (eight / file.parent.name).mkdir(parents=True, exist_ok=True)
        pixels = decode(file.read_bytes(), levels=preprocessing.levels)[..., 0]
        Image.fromarray(pixels).save(eight / file.parent.name / file.name)
    for network in (run, made.folder):
        for ours, plain in zip(
            skipwise.predict(network, root, top=2), skipwise.predict(network, eight, top=2), strict=True
        ):
            assert (ours.classes, ours.probabilities) == (plain.classes, plain.probabilities)


@pytest.mark.usefixtures("cache")
def test_a_fine_tuned_network_reads_its_own_images_by_their_own_rule(tmp_path: Path) -> None:
    first = make_set(tmp_path / "first", {"a": noise(10, 4000, 1), "b": noise(10, 4000, 2)})
    then = make_set(tmp_path / "then", {"a": noise(10, 65000, 1), "b": noise(10, 65000, 2)})
    options = {"model": "resnet18", "width": 0.25, "epochs": 1, "compile": False, "precision": "fp32"}
    run = skipwise.train(first, output=tmp_path / "one", **options).folder
    tuned = skipwise.train(then, output=tmp_path / "other", init=str(run), **options).folder
    assert read_json(tuned / "run.json", RunRecord).spec.preprocessing.levels == DEFAULT


def test_runs_of_before_are_read_and_mean_what_they_meant() -> None:
    old = b'{"size": 32, "channels": 3, "mean": [0.5], "std": [0.2], "crop": 1.0, "interpolation": "bilinear"}'
    found = msgspec.json.decode(old, type=Preprocessing)
    assert found.levels == DEFAULT
    values = np.array([[0, 200, 65535]])
    np.testing.assert_array_equal(decode(png_16(values), levels=found.levels)[..., 0], np.round(values / 257))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Preprocessing) == found


def test_squares_of_other_levels_are_kept_apart() -> None:
    keys = {
        PixelFormat(size=8, channels=1, levels=levels).key
        for levels in (DEFAULT, Levels(white_16=255), Levels(white_32=255), Levels(white_float=255))
    }
    assert len(keys) == 4
    assert all("/" not in key for key in keys)
