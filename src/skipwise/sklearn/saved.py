"""A fitted estimator in a folder, without pickle: its run, and a record of what is not in the run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import Damaged, SkipwiseError
from skipwise.core.files.checksums import read_sealed, write_sealed
from skipwise.core.files.folders import make_folder
from skipwise.core.files.paths import user_path
from skipwise.nets.external import Trust, check_trusted
from skipwise.sklearn.given import Levels
from skipwise.sklearn.run_folder import RunFolder
from skipwise.sklearn.sources import class_names

if TYPE_CHECKING:
    from skipwise.sklearn.classifier import ImageClassifier

E = TypeVar("E", bound="ImageClassifier")

RECORD = "classifier.json"
MEND = "fit it and save it again, or copy the folder again"


@dataclass(frozen=True, kw_only=True)
class SavedClassifier:
    """`classifier.json`.

    Args:
        params: the arguments of `ImageClassifier`; a `random_state` that is no number is None.
        classes: as they were in y, and `label_type` the type of their array.
        levels: the values that count as black and white.
        features: the length of a row of pixels, and `feature_names` the names of the columns; None where there were no
            rows.
        row_lengths: the lengths of rows that `predict` takes where `fit` was given none; None for any.
    """

    params: dict[str, str | int | float | bool | None]
    classes: tuple[str | int | float | bool, ...]
    label_type: str
    levels: Levels
    features: int | None
    feature_names: tuple[str, ...] | None
    row_lengths: tuple[int, ...] | None = None


def save(estimator: ImageClassifier, folder: str | os.PathLike[str]) -> Path:
    """Writes a fitted estimator; see `ImageClassifier.save`."""
    path = user_path(folder)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise SkipwiseError(f"{path} is there already, and not an empty folder; name another one.")
    make_folder(path)
    estimator._run.copy_to(path)
    names = getattr(estimator, "feature_names_in_", None)
    record = SavedClassifier(
        params={name: _plain(value) for name, value in estimator.get_params().items()},
        classes=tuple(estimator.classes_.tolist()),
        label_type=estimator.classes_.dtype.str,
        levels=estimator._levels,
        features=getattr(estimator, "n_features_in_", None),
        feature_names=None if names is None else tuple(map(str, names)),
        row_lengths=estimator._row_lengths,
    )
    write_sealed(path / RECORD, record)  # last, so that its presence means that all is there
    return path


def _plain(value: Any) -> str | int | float | bool | None:
    """An argument as JSON holds it."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, str | int | float | bool) else None


def _classes(saved: SavedClassifier, path: Path) -> NDArray[Any]:
    try:
        return np.array(saved.classes, dtype=np.dtype(saved.label_type))
    except (TypeError, ValueError, OverflowError) as error:
        raise Damaged(f"{path / RECORD} is damaged ({error}); {MEND}.") from error


def load(kind: type[E], folder: str | os.PathLike[str], *, trust: Trust) -> E:
    """Reads a fitted estimator; see `ImageClassifier.load`."""
    from skipwise.training.folder.files import read_history
    from skipwise.training.folder.record import read_run

    path = user_path(folder)
    if not (path / RECORD).is_file():
        raise SkipwiseError(f"{path} holds no classifier; give a folder that ImageClassifier.save wrote.")
    saved = read_sealed(path / RECORD, SavedClassifier, mend=MEND)
    run = read_run(path, "weights.safetensors")
    check_trusted(run.spec.model, trust, path)
    estimator = kind(**saved.params)  # type: ignore[arg-type]
    estimator.classes_ = _classes(saved, path)
    if class_names(estimator.classes_) != run.spec.classes or run.spec.model != saved.params.get("network"):
        raise Damaged(f"{path / RECORD} does not belong to the run beside it; {MEND}.")
    estimator._levels, estimator._run = saved.levels, RunFolder.copy_of(path)
    estimator._row_lengths = saved.row_lengths
    estimator.history_ = read_history(path)
    estimator.n_iter_ = len(estimator.history_)
    if saved.features is not None:
        estimator.n_features_in_ = saved.features
    if saved.feature_names is not None:
        estimator.feature_names_in_ = np.array(saved.feature_names, dtype=object)
    return estimator
