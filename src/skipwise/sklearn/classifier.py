"""`ImageClassifier`: a network of Skipwise as an estimator of scikit-learn."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import assert_all_finite, check_array, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d, validate_data

from skipwise.core.text import printable
from skipwise.sklearn.given import Levels, are_paths, as_array, as_images, check_row_length, row_lengths
from skipwise.sklearn.run_folder import RunFolder
from skipwise.sklearn.sources import class_names, source_of_paths, source_of_pixels

if TYPE_CHECKING:
    from skipwise.data.sources import Source
    from skipwise.training.folder.state import EpochMetrics

LARGEST_SEED = 2**32 - 1


class ImageClassifier(ClassifierMixin, BaseEstimator):
    """A network that is trained by `fit` as `skipwise.train` trains it, on arrays of images or on paths of image files.

    X is one of

    - an array of images [N, height, width] (grey) or [N, height, width, channels] with 1 or 3 channels;
    - rows of square images [N, pixels], grey or of three colours, as `sklearn.datasets.load_digits` gives them;
    - a list, an array or a series of paths.

    Bytes (`uint8`) are taken as they are. Of other numbers, `fit` notes which count as black and white: 0 and 1, 0 and
    255, or the lowest and the highest; they are rounded to 256 steps.

    All images are trained on, and the last epoch counts: nothing is chosen on data that `fit` does not see, and nothing
    on `validation_fraction` either. Images that belong together (one patient) are kept together by scikit-learn:
    `cross_val_score(..., groups=patients, cv=GroupKFold())`.

    Args:
        network (str, default 'resnet18'): the network; see `skipwise models`. Networks of your own, `module:name`, are
            code that runs here.
        recipe (str, default 'standard'): "fast", "standard" or "reference".
        epochs (int | None, default None): the number of passes over the images. None: the recipe's.
        batch_size (int | None, default None): the number of images per step. None: fits the training set.
        lr (float | None, default None): the peak learning rate. None: the recipe's.
        width (float | None, default None): the number of channels, as a multiple of the published number. None: 1, or
            that of the weights in `init`.
        stem (str, default 'auto'): the first layers: "small", "imagenet" or "auto", which is small up to 64 pixels.
        img_size (int | None, default None): the size of the images, in pixels a side. None: their own, up to 128.
        mirror (bool, default True): whether training images are mirrored left to right at random. Not for letters,
            digits or signs.
        balance (str, default 'none'): how to compensate for rare classes: "none", "sampling" or "loss".
        init (str | Path, default 'none'): the weights to start from: "none", "pretrained" (published ImageNet weights),
            the folder of a run, or a file.
        validation_fraction (float, default 0.0): the share of the images of `fit` that is not trained on, for the
            accuracy after each epoch in `history_`, and to calibrate the network when it is exported.
        device (str, default 'auto'): "cpu", "cuda", "mps", or "auto" for the fastest.
        precision (str, default 'fp32'): "fp32", "bf16", "fp16", or "auto" for what is fast on this machine.
        random_state (int | RandomState | None, default None): an int is the seed of `skipwise.train`: the same seed and
            images give the same network on the same machine. None draws one.

    Attributes:
        classes_ (ndarray): the classes, sorted, as they were in y.
        history_ (tuple[EpochMetrics, ...]): the training loss of each epoch, and how good it was on validation images.
        n_iter_ (int): the number of epochs.
        n_features_in_ (int): the length of a row, where X had rows of pixels.
        feature_names_in_ (ndarray): the names of the columns, where X was a data frame of pixels.

    Raises:
        ValueError: X or y is not what it has to be, by `fit` or `predict`.
        SkipwiseError: there is no such network or recipe, a number is out of range, an image can't be read, or the loss
            diverged, by `fit`.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> from skipwise.sklearn import ImageClassifier
        >>> digits = load_digits()
        >>> network = ImageClassifier("resnet20", width=0.25, epochs=2, mirror=False, random_state=0)
        >>> network.fit(digits.images[:500], digits.target[:500]).classes_
        array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
        >>> network.predict_proba(digits.images[500:502]).shape
        (2, 10)
    """

    _row_lengths: tuple[int, ...] | None = None
    """The lengths of rows of pixels that `predict` takes where `fit` was given no rows; None for any."""

    def __init__(
        self,
        network: str = "resnet18",
        *,
        recipe: str = "standard",
        epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        width: float | None = None,
        stem: str = "auto",
        img_size: int | None = None,
        mirror: bool = True,
        balance: str = "none",
        init: str | os.PathLike[str] = "none",
        validation_fraction: float = 0.0,
        device: str = "auto",
        precision: str = "fp32",
        random_state: Any = None,
    ) -> None:
        self.network = network
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.width = width
        self.stem = stem
        self.img_size = img_size
        self.mirror = mirror
        self.balance = balance
        self.init = init
        self.validation_fraction = validation_fraction
        self.device = device
        self.precision = precision
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Trains the network on all images.

        Args:
            X: the images; see the class.
            y: the class of each, numbers or text [N].

        Returns:
            The estimator.
        """
        if not 0 <= self.validation_fraction < 1:
            raise ValueError(f"validation_fraction must be at least 0 and below 1, not {self.validation_fraction}.")
        source = self._source(X, y)
        from skipwise.sklearn.fitting import train_on
        from skipwise.training.folder.files import read_history

        run = RunFolder()
        train_on(source, self._options(), run.path, validation_fraction=self.validation_fraction)
        self._run = run
        self.history_: tuple[EpochMetrics, ...] = read_history(run.path)
        self.n_iter_ = len(self.history_)
        return self

    def _source(self, X: Any, y: Any) -> Source:
        """The images with their labels; sets what `fit` learns of X and y before it trains."""
        paths = are_paths(X)
        values = None if paths else self._values(X, reset=True)
        count = len(X) if values is None else len(values)
        if y is None:
            raise ValueError("This ImageClassifier estimator requires y to be passed, but the target y is None.")
        labels = column_or_1d(y, warn=True)
        check_consistent_length(range(count), labels)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        classes, numbers = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"y has one class, {classes[0]!r}; ImageClassifier needs two or more classes.")
        self.classes_ = classes
        named, numbers = class_names(classes), numbers.astype(np.int64)
        if values is None:
            self._levels, self._row_lengths = Levels(), ()
            return source_of_paths([os.fspath(each) for each in X], numbers, named)
        images = as_images(values)
        self._levels = Levels.of(images)
        self._row_lengths = row_lengths(images.shape)
        return source_of_pixels(self._levels.pixels(images), numbers, named)

    def _values(self, X: Any, *, reset: bool) -> NDArray[Any]:
        """X as an array of numbers. Rows of pixels must be as long as in `fit`."""
        X = as_array(X)
        if X.ndim > 2:
            if reset:
                for name in ("n_features_in_", "feature_names_in_"):  # of an earlier fit
                    if hasattr(self, name):
                        delattr(self, name)
            return check_array(X, allow_nd=True, dtype="numeric", estimator=self, input_name="X")
        return validate_data(self, X, reset=reset, dtype="numeric")

    def _options(self) -> dict[str, Any]:
        """The options of `skipwise.train`."""
        names = ("recipe", "epochs", "batch_size", "lr", "width", "stem", "img_size", "mirror", "balance", "device")
        given = {name: getattr(self, name) for name in names}
        return given | {
            "model": self.network,
            "init": self.init,
            "precision": self.precision,
            "compile": False,
            "seed": self._seed(),
        }

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(LARGEST_SEED, dtype=np.int64))

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """The probability of each class for each image, [N, classes], in the order of `classes_`.

        Args:
            X: the images; see the class. They need not be given as in `fit`: paths will do after arrays of bytes.

        Raises:
            NotFittedError: `fit` was not called.
            ValueError: an image can't be read, or X is not what it has to be.
        """
        check_is_fitted(self)
        if are_paths(X):
            images: Any = [os.fspath(each) for each in X]
        else:
            values = self._values(X, reset=False)
            if values.ndim == 2 and not hasattr(self, "n_features_in_") and self._row_lengths is not None:
                check_row_length(values.shape[1], self._row_lengths)
            images = self._levels.pixels(as_images(values))
        predictor = self._run.predictor(trust=self.network)
        found = np.empty((len(images), len(self.classes_)), np.float32)
        for place, answer in enumerate(predictor.predict_many(images)):
            if answer.error is not None:
                which = printable(images[place]) if isinstance(images[place], str) else f"X[{place}]"
                raise ValueError(f"{which} can't be answered: {answer.error}.")
            found[place] = [answer.probabilities[name] for name in predictor.classes]
        return found

    def predict(self, X: Any) -> NDArray[Any]:
        """The most likely class of each image, as it was in y. The arguments are those of `predict_proba`."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of images that are answered rightly.

        Args:
            X: the images, as `predict_proba` takes them.
            y: their classes.
            sample_weight: how much each image counts; None counts all alike.
        """
        return float(super().score(X, y, sample_weight))

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Writes the fitted estimator into a folder, without pickle. The folder is a run: `skipwise predict`,
        `skipwise export` and `skipwise evaluate` take it.

        Args:
            folder: where; it is made, and must be empty.

        Returns:
            The folder.

        Raises:
            NotFittedError: `fit` was not called.
            SkipwiseError: something is in the folder, or it can't be written.
        """
        from skipwise.sklearn.saved import save

        check_is_fitted(self)
        return save(self, folder)

    @classmethod
    def load(cls, folder: str | os.PathLike[str], *, trust: bool | str = False) -> Self:
        """The estimator that `save` wrote. No code that only the folder names runs, so that it may come from others.

        Args:
            folder: what `save` wrote.
            trust: for a network of your own, whose code is Python that runs here: True, or the network's name.

        Raises:
            SkipwiseError: there is none, it is damaged, or its network is not trusted.
        """
        from skipwise.sklearn.saved import load

        return load(cls, folder, trust=trust)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_run")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.non_deterministic = self.random_state is None
        return tags
