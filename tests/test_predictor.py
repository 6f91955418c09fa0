"""The Predictor: one answer for an image in whatever form it comes, the one that the verb `predict` gives."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import skipwise
from skipwise import Prediction, Predictor, SkipwiseError
from skipwise.deploy.export.export import Exported


@pytest.fixture(scope="module")
def artifact(exported: Exported) -> Path:
    """An exported network; not to be changed."""
    return exported.folder


@pytest.fixture(scope="module")
def predictor(artifact: Path) -> Predictor:
    return Predictor(artifact, threads=1, workers=2)


def picture(mode: str = "RGB", size: tuple[int, int] = (50, 40), seed: int = 0) -> Image.Image:
    """A picture whose middle differs when it is turned."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    pixels[: size[1] // 2] //= 3
    if mode == "I;16":
        return Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 200)
    if mode in ("LA", "RGBA"):
        return Image.fromarray(pixels).convert(mode)
    return Image.fromarray(pixels[:, :, :3]).convert(mode)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned(number: int) -> bytes:
    """A photo that EXIF says is turned."""
    exif = Image.Exif()
    exif[0x0112] = number
    return encoded(picture(), "JPEG", exif=exif)


FILES: dict[str, Callable[[], bytes]] = {
    "photo.jpg": lambda: encoded(picture(), "JPEG"),
    "turned.jpg": lambda: turned(6),
    "mirrored.jpg": lambda: turned(5),
    "print.jpg": lambda: encoded(picture("CMYK"), "JPEG"),
    "colours.png": lambda: encoded(picture(), "PNG"),
    "clear.png": lambda: encoded(picture("RGBA"), "PNG"),
    "grey and clear.png": lambda: encoded(picture("LA"), "PNG"),
    "palette.png": lambda: encoded(picture("P"), "PNG"),
    "black and white.png": lambda: encoded(picture("1"), "PNG"),
    "grey.png": lambda: encoded(picture("L"), "PNG"),
    "x-ray.png": lambda: encoded(picture("I;16"), "PNG"),
    "palette.gif": lambda: encoded(picture("P"), "GIF"),
    "print.tif": lambda: encoded(picture("CMYK"), "TIFF"),
}


@pytest.mark.parametrize("name", FILES)
def test_an_image_gets_the_answer_of_the_verb_in_every_form(
    predictor: Predictor, artifact: Path, tmp_path: Path, name: str
) -> None:
    data, path = FILES[name](), tmp_path / name
    path.write_bytes(data)
    (expected,) = skipwise.predict(artifact, path, probabilities=True, threads=1)
    assert expected.probabilities is not None
    forms: list[Any] = [path, str(path), data, bytearray(data), memoryview(data), Image.open(io.BytesIO(data))]
    for form in forms:
        answer = predictor.predict(form)
        assert tuple(answer.probabilities) == expected.classes
        assert tuple(answer.probabilities.values()) == expected.probabilities
        assert (answer.label, answer.probability) == (expected.classes[0], expected.probabilities[0])
        assert answer.error is None


def test_an_array_gets_the_answer_of_its_file(predictor: Predictor) -> None:
    for mode in ("L", "RGB", "RGBA", "I;16"):
        image = picture(mode)
        expected, pixels = predictor.predict(encoded(image, "PNG")), np.asarray(image)
        assert predictor.predict(pixels) == expected
        assert predictor.predict(np.asfortranarray(pixels)) == expected
        if pixels.ndim == 2:
            assert predictor.predict(pixels[:, :, None]) == expected
        if pixels.dtype == np.uint16:
            assert predictor.predict(pixels.astype(">u2")) == expected
    deep = np.asarray(picture()).astype(np.uint16) * 256 + 255
    assert predictor.predict(deep) == predictor.predict(picture())  # of 16-bit colours the upper bytes count
    blue_first = np.asarray(picture())[:, :, ::-1]
    assert predictor.predict(blue_first[:, :, ::-1]) == predictor.predict(picture())
    assert predictor.predict(blue_first) != predictor.predict(picture())


PIXELS = np.asarray(picture())


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (PIXELS / 255, r"are float64, and whole numbers .*\(255 \* image\)\.round\(\)\.astype\('uint8'\)"),
        (PIXELS.astype(np.float32), "are float32"),
        (PIXELS.astype(np.int64), r"are int64; give image\.astype\('uint8'\)"),
        (PIXELS > 9, "are bool"),
        (PIXELS.transpose(2, 0, 1), r"has 50 channels.*give image\.transpose\(1, 2, 0\)"),
        (PIXELS[None], "give one image"),
        (PIXELS[0, 0], "give one image"),
        (np.zeros((0, 4), np.uint8), "it has no pixels"),
        (np.zeros((4, 4, 2), np.uint8), "it has 2 channels"),
        (np.zeros((4, 4, 4), np.uint16), r"give its first three channels"),
        (Image.new("RGB", (0, 5)), "it has no pixels"),
        (b"", "The image can't be answered: it is empty"),
        (b"nothing of the kind", "it is not an image"),
        (FILES["photo.jpg"]()[:700], "cut off"),
        ("", "its path names no file"),
        ("nowhere.png", "nowhere.png can't be answered: no such file"),
        ("https://example.org/x.png", "is an address of the web"),
        ("a\0b.png", "zero byte"),
        (".", "its path names no file"),
        ("/tmp", "tmp can't be answered: it is a folder"),
        (None, "of the type NoneType; give bytes, a path"),
        (torch.zeros(3, 8, 8), r"of the type torch\.Tensor"),
    ],
)
def test_what_is_no_image_is_one_sentence_alone_and_an_error_among_others(
    predictor: Predictor, image: Any, sentence: str
) -> None:
    with pytest.raises(SkipwiseError, match=sentence) as caught:
        predictor.predict(image)
    first, answer, last = predictor.predict_many([picture(), image, picture()])
    assert first == last
    assert first.error is None
    assert answer.error is not None
    assert answer.error in str(caught.value)
    assert (answer.label, answer.probabilities) == ("", {})
    assert math.isnan(answer.probability)


def test_many_images_keep_their_order_and_get_the_answers_of_the_verb(artifact: Path, tmp_path: Path) -> None:
    paths = []
    for number in range(75):
        paths.append(tmp_path / f"{number:02d}.png")
        paths[-1].write_bytes(b"torn" if number in (0, 31, 74) else encoded(picture(seed=number), "PNG"))
    verb = list(skipwise.predict(artifact, paths, probabilities=True, batch_size=8, threads=1))
    with Predictor(artifact, threads=1, batch_size=8) as predictor:
        for images in (paths, [path.read_bytes() for path in paths]):
            answers = list(predictor.predict_many(images))
            for answer, expected in zip(answers, verb, strict=True):
                assert answer.error == expected.error
                assert tuple(answer.probabilities.values()) == (expected.probabilities or ())
                assert tuple(answer.probabilities) == expected.classes


def test_an_endless_iterator_is_read_only_a_little_ahead(predictor: Predictor) -> None:
    taken = 0
    buffer = np.zeros((40, 50, 3), np.uint8)

    def camera() -> Iterator[np.ndarray]:
        """It uses one buffer for all of its pictures."""
        nonlocal taken
        for seed in itertools.count():
            taken += 1
            buffer[:] = np.asarray(picture(seed=seed % 5))
            yield buffer

    answers = predictor.predict_many(camera())
    assert taken == 0
    found = list(itertools.islice(answers, 100))
    assert taken < 400
    assert len({answer.probability for answer in found[:5]}) == 5
    assert [answer.probability for answer in found] == [answer.probability for answer in found[:5]] * 20


def test_several_threads_may_use_it_at_once(predictor: Predictor) -> None:
    images = [picture(seed=seed) for seed in range(12)]
    one_by_one = [predictor.predict(image) for image in images]
    together = list(predictor.predict_many(images))
    with ThreadPoolExecutor(6) as pool:
        for answers in pool.map(lambda _: [predictor.predict(image) for image in images], range(6)):
            assert answers == one_by_one
        for answers in pool.map(lambda _: list(predictor.predict_many(images)), range(6)):
            assert answers == together


def test_one_image_is_not_taken_for_several(predictor: Predictor, tmp_path: Path) -> None:
    data = FILES["photo.jpg"]()
    for image in (data, memoryview(data), "photo.jpg", tmp_path, picture(), PIXELS, PIXELS[:, :, 0]):
        with pytest.raises(SkipwiseError, match=r"takes several images; give a list, \[image\]"):
            predictor.predict_many(image)  # type: ignore[arg-type]
    assert len(list(predictor.predict_many(np.stack([PIXELS, PIXELS])))) == 2
    assert list(predictor.predict_many([])) == []


def test_a_closed_one_says_so(artifact: Path) -> None:
    with Predictor(artifact) as predictor:
        answers = predictor.predict_many([picture()])
    for use in (lambda: predictor.predict(picture()), lambda: predictor.predict_many([]), lambda: next(answers)):
        with pytest.raises(SkipwiseError, match="This Predictor is closed"):
            use()
    predictor.close()


def test_every_backend_of_the_format_can_be_chosen(artifact: Path) -> None:
    own, other = (Predictor(artifact, backend=name).predict(picture()) for name in ("onnxruntime", "openvino"))
    assert own.label == other.label
    assert own.probability == pytest.approx(other.probability, abs=1e-4)
    assert own == Predictor(artifact).predict(picture())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"backend": "tensorrt"}, "There is no backend for ONNX called 'tensorrt'"),
        ({"backend": "torch"}, "choose from onnxruntime, openvino"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
    ],
)
def test_mistakes_are_one_sentence(artifact: Path, tmp_path: Path, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SkipwiseError, match=sentence):
        Predictor(artifact, **options)
    with pytest.raises(SkipwiseError, match="holds neither an exported network"):
        Predictor(tmp_path)


def test_a_prediction_is_a_record() -> None:
    prediction = Prediction(label="cat", probability=0.75, probabilities={"cat": 0.75, "dog": 0.25})
    with pytest.raises(AttributeError):
        prediction.label = "dog"  # type: ignore[misc]
