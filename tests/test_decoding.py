"""Quick decoders that change no pixel, what is beside the pixels, every kind of picture, and why one can't be read."""

from __future__ import annotations

import io
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from skipwise.core.errors import SkipwiseError
from skipwise.data.image import decode as decoding
from skipwise.data.image import fast_decoders as quick
from skipwise.data.image import pillow
from skipwise.data.image.decode import UnreadableImage, decode, decode_image, read_image
from skipwise.data.image.fast_decoders import decode_quickly
from skipwise.data.image.formats import IMAGE_SUFFIXES, is_picture, name_format
from skipwise.data.image.limits import MOST_PIXELS, most_pixels
from tests.conftest import Run
from tests.encoded import (
    BESIDE,
    HEEDED,
    SEGMENTS,
    TURNED,
    chunk,
    chunks,
    encode,
    hostile_jpeg,
    hostile_png,
    jpeg_with,
    picture,
    png_with,
    tiff,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of broken metadata

NOISE = np.random.default_rng(0).integers(0, 256, (11, 7, 4), dtype=np.uint8)
RGB = Image.fromarray(NOISE[:, :, :3])
GREY = Image.fromarray(NOISE[:, :, 0])
SHARED = Path(__file__).parents[2] / "shared" / "data"


def quickly(data: bytes) -> quick.Decoded | None:
    return decode_quickly(data, most=10**9, alone=True)


def outcome(data: bytes, *, quick: bool) -> tuple[object, ...]:
    """All that is learnt from bytes, with the quick decoders or without."""
    with pytest.MonkeyPatch.context() as patch:
        if not quick:
            patch.setattr(decoding, "decode_quickly", lambda *_, **__: None)
        try:
            found = read_image(data, alone=True)
        except UnreadableImage as error:
            return (str(error),)
        image = found.stretched()
        return found.header, image.mode, image.size, image.tobytes()


@pytest.fixture
def afresh() -> Iterator[None]:
    """The quick decoders are looked for again, before and after."""
    for each in (quick._png_decoder, quick._jpeg_decoder):
        each.cache_clear()
    yield
    for each in (quick._png_decoder, quick._jpeg_decoder):
        each.cache_clear()


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["L", "RGB", "RGBA"]), st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1))
def test_plain_files_are_decoded_quickly_to_pillows_pixels(mode: str, width: int, height: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = picture(mode, width, height, rng)
    files = [encode(image, "PNG", compress_level=int(rng.integers(0, 10)))]
    if mode != "RGBA":
        way = {"quality": int(rng.integers(1, 101)), "subsampling": int(rng.integers(0, 3)) if mode == "RGB" else -1}
        files.append(encode(image, "JPEG", progressive=bool(rng.integers(2)), icc_profile=rng.bytes(9), **way))
    for data in files:
        found = quickly(data)
        assert found is not None, "a decoder that should be installed is not, or it disagrees"
        with Image.open(io.BytesIO(data)) as opened:
            assert (found.format, found.mode) == (opened.format, opened.mode)
            np.testing.assert_array_equal(found.pixels, np.asarray(opened).reshape(height, width, -1))
        assert outcome(data, quick=True) == outcome(data, quick=False)


@settings(max_examples=250, deadline=None)
@given(st.sampled_from([hostile_png, hostile_jpeg]), st.integers(0, 2**32 - 1))
def test_whether_a_quick_decoder_is_there_changes_nothing(
    make: Callable[[np.random.Generator], bytes], seed: int
) -> None:
    data = make(np.random.default_rng(seed))
    assert outcome(data, quick=True) == outcome(data, quick=False)


@pytest.mark.slow
@pytest.mark.parametrize("make", [hostile_png, hostile_jpeg])
def test_nor_in_many_thousand_hostile_files(make: Callable[[np.random.Generator], bytes]) -> None:
    quicker = 0
    for seed in range(15_000):
        data = make(np.random.default_rng(seed))
        if quickly(data) is not None:
            quicker += 1
            assert outcome(data, quick=True) == outcome(data, quick=False), seed
    assert quicker > 3_000


@pytest.mark.slow
@pytest.mark.parametrize(("archive", "least"), [("cifar10.zip", 4000), ("sign-digits.zip", 1900)])
def test_nor_in_real_images(archive: str, least: int) -> None:
    if not (SHARED / archive).exists():
        pytest.skip(f"there is no {archive} here")
    with zipfile.ZipFile(SHARED / archive) as file:
        names = [name for name in file.namelist() if Path(name).suffix.lower() in IMAGE_SUFFIXES][:4000]
        files = [file.read(name) for name in names]
    assert sum(quickly(data) is not None for data in files) >= least
    for data in files:
        assert outcome(data, quick=True) == outcome(data, quick=False)


@pytest.mark.parametrize(
    "data",
    [
        encode(RGB.convert("P"), "PNG"),
        encode(GREY.convert("1"), "PNG"),
        encode(Image.fromarray(NOISE[:, :, :2].copy().view(np.uint16)[:, :, 0]), "PNG"),
        encode(Image.fromarray(NOISE[:, :, :2].copy()), "PNG"),
        png_with(encode(RGB, "PNG"), (b"tRNS", bytes(6))),
        png_with(encode(RGB, "PNG"), (b"eXIf", TURNED)),
        encode(Image.frombytes("CMYK", (7, 11), NOISE.tobytes()), "JPEG"),
        jpeg_with(encode(RGB, "JPEG"), (0xE1, b"Exif\0\0" + TURNED)),
        encode(RGB, "PNG")[:-20],
        encode(RGB, "JPEG")[:-20],
        encode(RGB, "WEBP"),
    ],
    ids=["palette", "1 bit", "16 bits", "LA", "tRNS", "turned", "CMYK", "turned", "cut off", "cut off", "WebP"],
)
def test_what_is_unusual_is_left_to_pillow(data: bytes) -> None:
    assert quickly(data) is None


def test_a_jpeg_with_exif_that_says_nothing_of_turning_is_decoded_quickly() -> None:
    upright = TURNED.replace(b"\6", b"\1")
    assert quickly(jpeg_with(encode(RGB, "JPEG"), (0xE1, b"Exif\0\0" + upright))) is not None
    xmp = (0xE1, b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="6"/>')
    assert quickly(jpeg_with(encode(RGB, "JPEG"), xmp)) is None
    assert decode(jpeg_with(encode(RGB, "JPEG"), xmp)).shape == (7, 11, 3)


@pytest.mark.parametrize("package", ["simplejpeg", "kornia_rs.io"])
@pytest.mark.parametrize("fault", ["missing", "disagrees", "panics"])
@pytest.mark.usefixtures("afresh")
def test_a_decoder_that_is_missing_or_wrong_is_not_used(
    monkeypatch: pytest.MonkeyPatch, package: str, fault: str
) -> None:
    class PanicException(BaseException):
        pass

    def wrong(data: bytes, *_: object, **__: object) -> np.ndarray:
        if fault == "panics":
            raise PanicException
        with Image.open(io.BytesIO(data)) as opened:
            pixels = np.array(opened).reshape(opened.height, opened.width, -1)
        pixels[0, 0, 0] ^= 1
        return pixels

    kind = "JPEG" if package == "simplejpeg" else "PNG"
    data = encode(RGB, kind)
    before = decode(data)
    fake = ModuleType(package)
    fake.decode_jpeg = fake.decode_image_png_u8 = wrong  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, package, None if fault == "missing" else fake)
    quick._png_decoder.cache_clear()
    quick._jpeg_decoder.cache_clear()
    assert quickly(data) is None
    np.testing.assert_array_equal(decode(data), before)


def test_only_small_pngs_hold_other_threads_up() -> None:
    small, large = (encode(Image.new("L", (side, side)), "PNG") for side in (256, 257))
    assert decode_quickly(small, most=10**9, alone=False) is not None
    assert decode_quickly(large, most=10**9, alone=False) is None
    assert decode_quickly(large, most=10**9, alone=True) is not None


# Beside the pixels


@pytest.mark.parametrize("quick", [True, False], ids=["quick", "Pillow"])
@pytest.mark.parametrize("held", BESIDE, ids=[f"{kind.decode()} {number}" for number, (kind, _) in enumerate(BESIDE)])
@pytest.mark.parametrize("interlaced", [False, True], ids=["", "interlaced"])
def test_what_is_beside_the_pixels_of_a_png_changes_nothing(
    held: tuple[bytes, bytes], quick: bool, interlaced: bool
) -> None:
    plain = encode(RGB, "PNG") if not interlaced else INTERLACED
    assert outcome(png_with(plain, held), quick=quick)[3] == outcome(plain, quick=quick)[3]
    # Nor does a wrong checksum there.
    assert outcome(png_with(plain, held, sound=False), quick=quick) == outcome(png_with(plain, held), quick=quick)


def test_a_png_of_many_texts_is_read_and_still_turned() -> None:
    texts = [(b"zTXt", b"a%d\0\0" % number + zlib.compress(bytes(900_000))) for number in range(80)]
    data = png_with(encode(RGB, "PNG"), (b"eXIf", TURNED), *texts)
    np.testing.assert_array_equal(decode(data), np.rot90(NOISE[:, :, :3], 3))


@pytest.mark.parametrize("quick", [True, False], ids=["quick", "Pillow"])
@pytest.mark.parametrize("held", SEGMENTS, ids=[f"{marker:X} {at}" for at, (marker, _) in enumerate(SEGMENTS)])
def test_what_applications_add_makes_no_jpeg_unreadable(held: tuple[int, bytes], quick: bool) -> None:
    assert len(outcome(jpeg_with(encode(RGB, "JPEG"), held), quick=quick)) == 4


@pytest.mark.parametrize("held", [each for each in HEEDED if each[0] in (b"eXIf", b"tEXt", b"iTXt", b"abCd", b"acTL")])
def test_what_may_turn_a_png_makes_it_no_more_unreadable(held: tuple[bytes, bytes]) -> None:
    assert decode(png_with(encode(RGB, "PNG"), held)).shape[2] == 3
    assert decode(png_with(encode(RGB, "PNG"), held, sound=False)).shape[2] == 3


def test_a_jpeg_is_turned_although_something_else_in_it_is_broken() -> None:
    broken, turned = SEGMENTS[0], (0xE1, b"Exif\0\0" + TURNED)
    assert decode(jpeg_with(encode(RGB, "JPEG"), broken, turned)).shape == (7, 11, 3)


def test_exif_data_that_are_damaged_turn_nothing() -> None:
    for cut in (3, 9, 14, 20):
        data = jpeg_with(encode(RGB, "JPEG"), (0xE1, b"Exif\0\0" + TURNED[:cut]))
        assert decode(data).shape == (11, 7, 3)
        assert decode_image(data)[0].width == 7


def test_damaged_pixels_stay_damaged_whatever_is_beside_them() -> None:
    whole = encode(RGB, "PNG")
    for kind, content in chunks(whole):
        if kind == b"IDAT":
            spoilt = bytearray(content)
            spoilt[len(content) // 2] ^= 0x55
            damaged = whole.replace(content, bytes(spoilt))
    for data in (damaged, png_with(damaged, BESIDE[1])):
        assert len(outcome(data, quick=True)) == 1


INTERLACED = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 1))
    + chunk(b"IDAT", zlib.compress(bytes((0, 1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 10, 11, 12))))
    + chunk(b"IEND", b"")
)


def test_an_interlaced_png() -> None:
    np.testing.assert_array_equal(decode(INTERLACED).ravel(), np.arange(1, 13))


# Every kind of picture


def first(data: bytes, **options: object) -> list[int]:
    return decode(data, channels=3, **options)[0, 0].tolist()  # type: ignore[arg-type]


def test_transparent_grey_lies_over_white() -> None:
    pixels = np.array([[[10, 255], [10, 0], [10, 128]]], np.uint8)
    for kind in ("PNG", "TIFF"):
        found = decode(encode(Image.fromarray(pixels), kind))
        assert found.shape == (1, 3, 1)
        np.testing.assert_allclose(found.ravel(), [10, 255, 132], atol=1)


def test_one_bit_is_black_and_white_whichever_way_round() -> None:
    image = Image.fromarray(np.array([[True, False, True]]))
    for kind in ("PNG", "TIFF", "BMP", "PPM"):
        assert decode(encode(image, kind)).ravel().tolist() == [255, 0, 255]
    fax = tiff(np.zeros((1, 3), np.uint8), bits=1, packed=b"\x40", photometric=0)
    assert decode(fax).ravel().tolist() == [255, 0, 255]


def test_cmyk_becomes_colours_and_in_a_jpeg_it_is_inverted_as_adobe_does() -> None:
    red = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    stored = encode(red, "JPEG", quality=100)
    assert b"Adobe" in stored
    for data in (stored, encode(red, "TIFF")):
        np.testing.assert_allclose(first(data), [255, 0, 0], atol=6)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_of_several_pictures_in_one_file_the_first_is_read(kind: str) -> None:
    if kind == "AVIF" and ".avif" not in Image.registered_extensions():
        pytest.skip("this Pillow reads no AVIF")
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((250, 0, 0), (0, 250, 0), (0, 0, 250))]
    lossless = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind == "AVIF" else {}
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **lossless)
    np.testing.assert_allclose(first(data), [250, 0, 0], atol=5)


def test_of_four_bands_the_fourth_is_transparency_only_if_the_file_says_so() -> None:
    values = np.full((2, 2, 4), (10, 20, 30, 0), np.uint8)
    assert first(tiff(values, extra=[0])) == [10, 20, 30]
    assert first(tiff(values, extra=[2])) == [255, 255, 255]


@pytest.mark.parametrize("order", ["<", ">"])
def test_planes_one_behind_the_other_are_colours(order: str) -> None:
    values = np.arange(2 * 5 * 3, dtype=np.uint8).reshape(2, 5, 3)
    np.testing.assert_array_equal(decode(tiff(values, planar=True, order=order)), values)


def test_five_bands_and_coloured_floating_point_are_refused_with_the_mend() -> None:
    for values, extra in ((np.zeros((2, 2, 5), np.uint16), [0, 0]), (np.zeros((2, 2, 3), np.float32), [])):
        with pytest.raises(UnreadableImage, match=r"begins like TIFF.*of an unsupported kind; save it again as PNG"):
            decode(tiff(values, extra=extra))


def test_heic_photos_are_read_and_turned_once() -> None:
    heif = pytest.importorskip("pillow_heif")
    image = Image.new("RGB", (40, 20), (200, 10, 10))
    image.paste((10, 10, 250), (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    heif.from_pillow(image).save(file, quality=-1, exif=exif.tobytes())
    pixels = decode(file.getvalue())
    assert pixels.shape == (40, 20, 3)
    np.testing.assert_allclose(pixels[3, 3], [10, 10, 250], atol=6)
    assert decode_image(file.getvalue())[0].kind == "HEIF RGB"
    with pytest.raises(UnreadableImage, match="begins like HEIC"):
        decode(file.getvalue()[:200])


# Why one can't be read


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (encode(RGB, "JPEG")[:-40], "the file is cut off"),
        (encode(RGB, "PNG")[:90], "the file is cut off"),
        (encode(RGB, "BMP")[:-9], "the file is cut off"),
        (encode(RGB, "TIFF")[:-30], "the file is cut off"),
        (encode(RGB, "JPEG")[:20] + bytes(300), "it begins like JPEG, but is damaged or of an unsupported kind"),
        (b"not one", "it is not an image of a known format"),
        (b"8BPS\0\1" + bytes(30), r"it is Photoshop \(PSD\), which is not supported; convert it to PNG or JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "it is SVG, which is not supported"),
        (b"\xff\x0a" + bytes(30), "it is JPEG XL, which is not supported"),
        (bytes(128) + b"DICM" + bytes(30), "it is DICOM, which is not supported"),
        (b"PK\3\4" + bytes(60), "it is zip archive, which is not supported"),
        (b"GIF89a\1", "it begins like GIF, but is damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_reasons_are_plain_words(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImage, match=f"^{reason}") as caught:
        decode(data)
    assert not re.search(
        r"Pillow|Plugin|chunk|stream|BytesIO|buffer|bytes|decoder|unpack|\bnot processed", str(caught.value)
    )


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "TGA", "JPEG2000"]), st.integers(0, 2**32))
@example("GIF", 729144642)  # a frame of far more pixels than the picture
def test_no_reason_comes_from_inside_a_library(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(encode(RGB, kind))
    for place in rng.integers(0, len(data), rng.integers(1, 20)):
        data[place] = rng.integers(0, 256)
    found = outcome(bytes(data[: rng.integers(0, len(data) + 1)]), quick=True)
    known = (
        "the file is (empty|cut off)|its data are damaged|it is not an image|it begins like|it is [A-Z]|[0-9]+ x [0-9]+"
    )
    known += "|some of its pixels are not numbers|its pixels are more than Pillow's MAX_IMAGE_PIXELS allows"
    assert len(found) == 4 or re.match(known, str(found[0])), found


def test_heic_without_its_package_names_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"\0\0\0\x1cftypheic\0\0\0\0mif1heic" + bytes(40)
    monkeypatch.setitem(sys.modules, "pillow_heif.as_plugin", None)
    for each in (pillow._heif, pillow._plugins):
        each.cache_clear()
    try:
        with pytest.raises(UnreadableImage, match=r"pillow-heif, which is not installed; run: pip install 'skipwise\["):
            decode(data)
    finally:
        for each in (pillow._heif, pillow._plugins):
            each.cache_clear()


def test_a_format_is_named_by_its_first_bytes() -> None:
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "BMP"):
        assert name_format(encode(RGB, kind)) == kind
    assert name_format(encode(RGB, "WEBP")) == "WebP"
    assert name_format(b"") == name_format(b"\0\0\0\x18ftypmp42" + bytes(20)) == ""


@pytest.mark.parametrize(
    ("suffix", "reading"),
    [(".jpg", "read"), (".tiff", "read"), (".avif", "read"), (".heic", "extra"), (".heif", "extra"), (".jxl", "unread"),
     (".psd", "unread"), (".nef", "unread"), (".dcm", "unread"), (".txt", None), ("", None), ("jpg", None)],
)  # fmt: skip
def test_picture_formats(suffix: str, reading: str | None) -> None:
    assert is_picture(suffix) == (reading is not None)
    assert (suffix in IMAGE_SUFFIXES) == (reading in ("read", "extra"))


# How many pixels


@pytest.mark.parametrize(
    ("text", "pixels"),
    [("", MOST_PIXELS), ("  ", MOST_PIXELS), ("1e9", 10**9), ("100M", 10**8), ("2.5m", 2_500_000), ("3k", 3000),
     ("64_000_000", 64 * 10**6), ("1G", 10**9), ("7", 7), (" 12 ", 12)],
)  # fmt: skip
def test_the_limit_on_pixels_is_understood(monkeypatch: pytest.MonkeyPatch, text: str, pixels: int) -> None:
    monkeypatch.setenv("SKIPWISE_MAX_PIXELS", text)
    assert most_pixels() == pixels


@pytest.mark.parametrize(
    "text", ["0", "-1", "1e99", "many", "64_0x", "nan", "inf", "1e", "0.2", "1 000", "_", "\uff11"]
)
def test_a_limit_that_is_none_is_a_sentence(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SKIPWISE_MAX_PIXELS", text)
    with pytest.raises(SkipwiseError, match=r"SKIPWISE_MAX_PIXELS is .*; it takes .* such as 64000000, 1e9 or 100M"):
        decode(encode(RGB, "PNG"))


@pytest.mark.parametrize("verb", [("audit", "nowhere"), ("models",), ("predict", "nowhere", "x.png")])
def test_every_verb_refuses_a_limit_that_is_none(cli: Run, verb: tuple[str, ...]) -> None:
    found = cli(*verb, env={"SKIPWISE_MAX_PIXELS": "lots"})
    assert found.returncode == 2
    assert found.stderr.startswith("skipwise: The environment variable SKIPWISE_MAX_PIXELS is 'lots'")
    assert found.stderr.count("\n") == 1


def test_the_limit_holds_above_pillows_own(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(RGB, "WEBP", lossless=True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(UnreadableImage, match="its pixels are more than Pillow's MAX_IMAGE_PIXELS allows"):
        decode(data)
    monkeypatch.setenv("SKIPWISE_MAX_PIXELS", "1e9")
    assert decode_image(data)[1].size == (7, 11)
    monkeypatch.setenv("SKIPWISE_MAX_PIXELS", "76")
    for kind in ("PNG", "JPEG", "WEBP"):
        with pytest.raises(UnreadableImage, match="7 x 11 pixels are more than the 76 of SKIPWISE_MAX_PIXELS"):
            decode(encode(RGB, kind))
