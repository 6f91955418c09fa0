"""`ImageClassifier` among scikit-learn's tools. It is trained in float32, on the CPU, and nothing is compiled."""

from __future__ import annotations

import copy
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import skipwise
from skipwise.core.errors import NotTrusted, SkipwiseError
from skipwise.sklearn import ImageClassifier
from skipwise.sklearn.given import Levels, are_paths, as_images, check_row_length
from skipwise.sklearn.run_folder import RunFolder

TINY: dict[str, Any] = {"network": "plain20", "width": 0.25, "epochs": 1, "stem": "small", "device": "cpu"}


def stripes(count: int, side: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Grey images [N, side, side] of stripes, across or upright, and the class of each."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    wave = 128 + 90 * np.sin(np.arange(side) * 1.6 + rng.uniform(0, 6, (count, 1)))
    images = np.where(labels[:, None, None] == 1, wave[:, None, :], wave[:, :, None])
    return (images + rng.normal(0, 20, images.shape)).clip(0, 255).astype(np.uint8), labels


X, Y = stripes(64)


@pytest.fixture(scope="module")
def fitted() -> ImageClassifier:
    """Fitted on stripes; not to be changed."""
    return ImageClassifier(**TINY | {"epochs": 6}, random_state=0).fit(X, np.array(["across", "upright"])[Y])


@pytest.mark.slow
def test_importing_it_loads_no_torch() -> None:
    code = "import sys; from skipwise.sklearn import ImageClassifier; ImageClassifier(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_it_learns_and_answers_in_the_words_of_y(fitted: ImageClassifier) -> None:
    images, labels = stripes(40, seed=1)
    assert fitted.classes_.tolist() == ["across", "upright"]
    assert fitted.score(images, fitted.classes_[labels]) > 0.9
    shares = fitted.predict_proba(images)
    assert shares.shape == (40, 2)
    assert shares.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (fitted.predict(images) == fitted.classes_[shares.argmax(axis=1)]).all()
    assert fitted.n_iter_ == len(fitted.history_) == 6
    assert not hasattr(fitted, "n_features_in_")  # images have none


def test_the_order_of_images_and_of_classes_is_kept(fitted: ImageClassifier, tmp_path: Path) -> None:
    images, _ = stripes(40, seed=2)
    order = np.random.default_rng(0).permutation(40)
    assert fitted.predict_proba(images[order]) == pytest.approx(fitted.predict_proba(images)[order], abs=1e-5)
    numbers = ImageClassifier(**TINY, random_state=0).fit(X[:32], Y[:32] * 8 + 2)  # "10" is before "2" as text
    assert numbers.classes_.tolist() == [2, 10]
    assert numbers.predict(images).dtype == Y.dtype
    numbers.save(tmp_path / "numbers")
    with skipwise.Predictor(tmp_path / "numbers") as predictor:
        assert predictor.classes == ("2", "10")


def test_paths_and_arrays_get_the_same_answers(fitted: ImageClassifier, tmp_path: Path) -> None:
    images, _ = stripes(6, seed=3)
    paths = []
    for number, image in enumerate(images):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(image).save(paths[-1])
    wanted = fitted.predict_proba(images)
    for given in (paths, list(map(str, paths)), np.array(list(map(str, paths))), images[..., None]):
        assert fitted.predict_proba(given) == pytest.approx(wanted, abs=1e-6)
    (tmp_path / "torn.png").write_bytes(paths[0].read_bytes()[:40])
    with pytest.raises(ValueError, match=r"torn.png can't be answered"):
        fitted.predict([*paths, tmp_path / "torn.png"])
    with pytest.raises(ValueError, match=r"missing.png can't be answered: no such file"):
        fitted.predict([tmp_path / "missing.png"])
    with pytest.raises(ValueError, match=r"Can't read the image .*missing.png"):
        ImageClassifier(**TINY).fit([*paths, tmp_path / "missing.png"], [0, 1, 0, 1, 0, 1, 0])
    with pytest.raises(SkipwiseError, match=r"torn.png"):
        ImageClassifier(**TINY).fit([*paths, tmp_path / "torn.png"], [0, 1, 0, 1, 0, 1, 0])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_network(fitted: ImageClassifier) -> None:
    again = clone(ImageClassifier(**TINY, random_state=3))
    first, second = (clone(again).fit(X[:24], Y[:24]).predict_proba(X[:8]) for _ in range(2))
    assert (first == second).all()
    assert (clone(again).set_params(random_state=4).fit(X[:24], Y[:24]).predict_proba(X[:8]) != first).any()
    assert clone(fitted).get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        clone(fitted).predict(X)


def test_it_is_saved_without_pickle_and_is_a_run(fitted: ImageClassifier, tmp_path: Path) -> None:
    folder = fitted.save(tmp_path / "stripes")
    wanted = fitted.predict_proba(X[:8])
    loaded = ImageClassifier.load(folder)
    assert (loaded.predict_proba(X[:8]) == wanted).all()
    assert (loaded.predict(X[:8]) == fitted.predict(X[:8])).all()
    assert loaded.get_params() == fitted.get_params()
    assert loaded.history_ == fitted.history_
    with skipwise.Predictor(folder) as predictor:
        assert predictor.predict(X[0]).label == fitted.predict(X[:1])[0]
    for path in folder.iterdir():
        assert not path.read_bytes().startswith(b"\x80")  # nothing is a pickle
    with pytest.raises(SkipwiseError, match="is there already"):
        fitted.save(folder)
    with pytest.raises(SkipwiseError, match="holds no classifier"):
        ImageClassifier.load(tmp_path)
    record = folder / "classifier.json"
    record.write_text(record.read_text().replace('"across"', '"acrosz"'))
    with pytest.raises(SkipwiseError, match=r"classifier.json"):
        ImageClassifier.load(folder)


def test_a_pickle_of_it_is_the_bytes_of_its_run(fitted: ImageClassifier) -> None:
    wanted = fitted.predict_proba(X[:8])
    for another in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert another._run.path != fitted._run.path
        assert (another.predict_proba(X[:8]) == wanted).all()
    state = fitted._run.__getstate__()
    assert {type(value) for value in state.values()} == {bytes}
    damaged = RunFolder.__new__(RunFolder)
    damaged.__setstate__(state | {"weights.safetensors": state["weights.safetensors"][:-1] + b"x", "../evil": b"x"})
    assert not (damaged.path.parent / "evil").exists()
    with pytest.raises(SkipwiseError, match="weights"):
        damaged.predictor(trust="plain20")


def test_the_folder_goes_with_its_owner(fitted: ImageClassifier) -> None:
    another = copy.deepcopy(fitted)
    path = another._run.path
    assert path.exists()
    del another
    assert not path.exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_leaves_the_folder_to_its_owner() -> None:
    """A server that forks its workers loads the network before, and a worker that ends is replaced."""
    code = """
import os, sys
from skipwise.sklearn.run_folder import RunFolder
run = RunFolder()
if not (child := os.fork()):
    sys.exit()
os.waitpid(child, 0)
assert run.path.is_dir()
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_network_of_somebody_else_is_not_run(here: Path) -> None:
    (here / "mine.py").write_text(
        "from torch import nn\n\n\ndef net(num_classes, in_channels):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * 144, num_classes))\n"
    )
    sys.path.insert(0, str(here))
    try:
        fitted = ImageClassifier("mine:net", epochs=1, img_size=12, random_state=0).fit(X[:16], Y[:16])
        folder, wanted = fitted.save(here / "net"), fitted.predict(X[:4])
        with pytest.raises(NotTrusted):
            ImageClassifier.load(folder)
        assert (ImageClassifier.load(folder, trust="mine:net").predict(X[:4]) == wanted).all()
    finally:
        sys.modules.pop("mine", None)


@pytest.mark.slow
def test_validation_images_are_cut_from_those_of_fit() -> None:
    found = ImageClassifier(**TINY, validation_fraction=0.25, random_state=0).fit(X, Y)
    assert [epoch.val is not None for epoch in found.history_] == [True]
    assert ImageClassifier(**TINY).fit(X[:24], Y[:24]).history_[0].val is None
    with pytest.raises(ValueError, match="validation_fraction can't be cut"):
        ImageClassifier(**TINY, validation_fraction=0.25).fit(X[:3], Y[:3])
    with pytest.raises(ValueError, match="validation_fraction must be at least 0"):
        ImageClassifier(**TINY, validation_fraction=1.0).fit(X, Y)


@pytest.mark.parametrize(
    ("shape", "images"),
    [
        ((5, 64), (5, 8, 8, 1)),
        ((5, 192), (5, 8, 8, 3)),
        ((5, 8, 9), (5, 8, 9, 1)),
        ((5, 8, 9, 3), (5, 8, 9, 3)),
        ((5, 3, 8, 9), (5, 8, 9, 3)),
        ((5, 1, 8, 8), (5, 8, 8, 1)),
    ],
)
def test_shapes_of_images(shape: tuple[int, ...], images: tuple[int, ...]) -> None:
    assert as_images(np.zeros(shape)).shape == images


@pytest.mark.parametrize("shape", [(5, 20), (5, 8, 8, 4), (5, 2, 8, 8), (5, 1, 1, 8, 8)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="give images"):
        as_images(np.zeros(shape))


def test_what_counts_as_white_is_found_in_fit() -> None:
    bytes_, shares, counts = np.array([[0, 200]], np.uint8), np.array([[0.0, 0.4]]), np.array([[0.0, 16.0]])
    assert Levels.of(bytes_).pixels(bytes_).tolist() == [[0, 200]]
    assert Levels.of(shares).pixels(np.array([[0.5, 1.0]])).tolist() == [[128, 255]]
    assert Levels.of(counts).pixels(np.array([[8.0, 99.0]])).tolist() == [[128, 255]]
    assert Levels.of(np.array([[-2.0, 2.0]])).pixels(np.array([[0.0, -9.0]])).tolist() == [[128, 0]]
    assert Levels.of(np.array([[3.0, 3.0]])).pixels(np.array([[3.0]])).tolist() == [[0]]
    assert Levels.of(np.array([[0, 255]])).pixels(np.array([[7]])).tolist() == [[7]]
    with pytest.raises(ValueError, match="in fit they were from 0 to 1"):
        Levels.of(shares).pixels(bytes_)
    with pytest.raises(ValueError, match="in fit they were bytes"):
        Levels.of(bytes_).pixels(shares)


def test_paths_are_told_from_pixels() -> None:
    assert are_paths(["a.png", Path("b.png")])
    assert are_paths(np.array(["a.png"]))
    assert are_paths(np.array([Path("a.png")], dtype=object))
    for given in ("a.png", [], [[1.0]], np.zeros((2, 4)), np.array([["a.png"]]), ["a.png", 3], None):
        assert not are_paths(given)


def test_mistakes_are_said_in_a_sentence(fitted: ImageClassifier) -> None:
    with pytest.raises(ValueError, match="y has one class"):
        ImageClassifier(**TINY).fit(X, np.zeros(len(X)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ImageClassifier(**TINY).fit(X, Y[:-1])
    with pytest.raises(SkipwiseError, match="did you mean 'resnet18'"):
        ImageClassifier("resnet81").fit(X, Y)
    with pytest.raises(SkipwiseError, match="no recipe called"):
        ImageClassifier(**TINY, recipe="best").fit(X, Y)
    with pytest.raises(ValueError, match="20 values, which make no square image"):
        ImageClassifier(**TINY).fit(np.zeros((6, 20)), [0, 1] * 3)
    with pytest.raises(SkipwiseError, match="epochs has to be a whole number"):
        ImageClassifier(**TINY | {"epochs": "3"}).fit(X, Y)
    with pytest.raises(ValueError, match="images of several shapes"):
        ImageClassifier(**TINY).fit([X[0], X[1][:5]], [0, 1])
    with pytest.raises(ValueError, match="give a list of paths"):
        fitted.predict("images/1.png")
    with pytest.raises(ValueError, match="neither numbers nor paths"):
        fitted.predict(["images/1.png", 3])
    with pytest.raises(ValueError, match="is no file"):
        ImageClassifier(**TINY).fit([Path.cwd(), Path.home()], [0, 1])
    with pytest.raises(ValueError, match="NaN"):
        fitted.predict(np.full((1, 12, 12), np.nan))


def test_numbers_that_are_no_images_are_refused(fitted: ImageClassifier, tmp_path: Path) -> None:
    wanted = fitted.predict(X[:2])
    loaded = ImageClassifier.load(fitted.save(tmp_path / "net"))
    for network in (fitted, loaded):
        for rows in ([[1, 2, 3]], [[1, 2, 3, 4]], np.zeros((2, 64), np.uint8)):
            with pytest.raises(ValueError, match=r"in fit it had images of 12 x 12 pixels; give .* rows of 144"):
                network.predict(rows)
        with pytest.raises(ValueError, match="images of 1 x 3 pixels"):
            network.predict([[[1, 2, 3]]])
        assert (network.predict(X[:2].reshape(2, 144)) == wanted).all()
    with pytest.raises(ValueError, match="fit was given no rows"):
        check_row_length(3, ())
    with pytest.raises(ValueError, match="images of 1 x 8 pixels"):
        ImageClassifier(**TINY).fit(np.zeros((4, 1, 8)), [0, 1] * 2)


@pytest.mark.slow
def test_cross_validation_and_a_search_on_arrays_and_on_paths(tmp_path: Path) -> None:
    estimator = ImageClassifier(**TINY | {"epochs": 4}, random_state=0)
    scores = cross_val_score(estimator, X, Y, cv=2)
    assert scores.mean() > 0.6
    paths = []
    for number, image in enumerate(X):
        paths.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(image).save(paths[-1])
    names = np.array(["across", "upright"])[Y]
    groups = np.arange(len(X)) // 4
    assert len(cross_val_score(estimator, paths, names, groups=groups, cv=GroupKFold(2))) == 2
    search = GridSearchCV(estimator, {"lr": [1e-4, 0.1]}, cv=2).fit(paths, names)
    assert search.best_params_ == {"lr": 0.1}
    assert (search.predict(paths[:8]) == search.predict(X[:8])).all()
    assert cross_val_score(estimator, X, Y, cv=2, n_jobs=2).tolist() == scores.tolist()


@pytest.mark.slow
def test_rows_of_digits_in_a_pipeline() -> None:
    digits = load_digits()
    network = ImageClassifier("resnet20", width=0.25, epochs=6, mirror=False, random_state=0)
    steps = make_pipeline(MinMaxScaler(clip=True), network).fit(digits.data[:900], digits.target[:900])
    assert steps.score(digits.data[900:], digits.target[900:]) > 0.8
    assert network.n_features_in_ == 64
    with pytest.raises(ValueError, match="63 features"):
        network.predict(digits.data[:2, :63])


class OfRows(ImageClassifier):
    """The same on rows of any length, as scikit-learn's checks give them: filled up with zeros to squares."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags

    def _values(self, X: Any, *, reset: bool) -> Any:
        values = super()._values(X, reset=reset)
        side = int(np.ceil(values.shape[1] ** 0.5))
        squares = np.zeros((len(values), side * side), values.dtype)
        squares[:, : values.shape[1]] = values
        return squares


CHECKS = list(estimator_checks_generator(OfRows(**TINY, mirror=False, random_state=0), legacy=True))
EXPECTED_TO_FAIL: dict[str, str] = {}
"""Checks that do not apply, with the reasons. There are none."""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("number", range(len(CHECKS)))
def test_the_checks_of_scikit_learn(number: int) -> None:
    """All that scikit-learn asks of a classifier. Rows that are no squares are filled up, since the checks use any."""
    estimator, check = CHECKS[number]
    name = getattr(check, "func", check).__name__
    assert name not in EXPECTED_TO_FAIL
    check(estimator)


@pytest.mark.slow
def test_the_examples_of_the_page_run(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[1] / "docs" / "sklearn.md").read_text()
    examples = re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    assert len(examples) == 3
    for label in ("across", "upright"):
        (here / "shapes" / label).mkdir(parents=True)
    for number, image in enumerate(X[:32]):
        Image.fromarray(image).save(here / "shapes" / ("across", "upright")[Y[number]] / f"{number}.png")
    names: dict[str, Any] = {}
    for example in examples:
        exec(example, names)
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1] == "True"
