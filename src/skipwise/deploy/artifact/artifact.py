"""The artifact: a folder that holds one network as one file, with everything needed to use it and to check it.

artifact.json      what is in the other files, with their hashes; written last
model.onnx         or model.xml and model.bin, or model.pt2: pixels of any size -> probabilities
golden/            eight images as encoded bytes; what they have to be answered is in artifact.json
certificate.json   what `skipwise verify` found, and certificate.html, once it was
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.files.checksums import seal_of as _seal
from skipwise.core.files.checksums import sha256
from skipwise.core.files.regular import read_regular
from skipwise.core.machine.system import Machine
from skipwise.core.text import printable
from skipwise.data.image.preprocess import Preprocessing
from skipwise.deploy.formats import FORMATS, ExportFormat, Precision
from skipwise.statistics.noninferiority import Drop

VERSION = 1
"""The version of the artifact's layout. A newer one is refused rather than guessed at."""

_LARGEST = 2**26
"""Bytes of artifact.json; that of 20,000 classes has a tenth of it."""


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """How a network was brought to INT8.

    Args:
        calibrated: the number of training images its ranges were taken from.
        checked: the number of images that the accuracy was controlled on, of the split `split`.
        accuracy, quantized_accuracy: on those, as fractions, before and after.
        max_drop: the drop that was allowed, a fraction.
        layers: the number of layers that could be INT8; `kept` names those that stayed in single precision, because
            they cost accuracy.
        drop: what it lost on those, and whether that is within `max_drop`; None in artifacts of earlier versions.
    """

    calibrated: int
    checked: int
    split: str
    accuracy: float
    quantized_accuracy: float
    max_drop: float
    layers: int
    kept: tuple[str, ...]
    drop: Drop | None = None


@dataclass(frozen=True, kw_only=True)
class Golden:
    """An image that travels with the file, and the probabilities it has to be given.

    Args:
        file: inside the artifact.
        name: where it came from.
        expected: what the network in PyTorch answers, in single precision and by the preprocessing of training.
        answered: what the file answered where it was exported.
    """

    file: str
    name: str
    expected: tuple[float, ...]
    answered: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where an artifact came from.

    Args:
        model, width, stem, seed, recipe: of the run; no seed and "" for a recipe where somebody else trained it.
        run: the run's folder, or the file of weights, as it was named for the export.
        weights: the SHA-256 of its weights; `key` is that of the set in the file, where it holds several.
        test_accuracy: what training measured on its test images, a fraction; None if there were none.
        machine: that it was exported on.
    """

    model: str
    width: float
    stem: str
    seed: int | None
    recipe: str
    run: str
    weights: str
    key: str | None = None
    test_accuracy: float | None
    machine: Machine


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """`artifact.json`.

    Args:
        opset: of ONNX; None for other formats.
        files: name -> SHA-256, of everything the artifact came with.
        quantization: None unless `precision` is "int8".
    """

    version: int
    format: str
    precision: Precision
    opset: int | None
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    golden: tuple[Golden, ...]
    quantization: Quantization | None
    provenance: Provenance
    files: dict[str, str]

    @property
    def kind(self) -> ExportFormat:
        """The format's row of the table."""
        return FORMATS[self.format]

    def model_file(self, folder: Path) -> Path:
        """The file in the artifact's folder that a backend opens."""
        return folder / self.kind.files[0]

    def size(self, folder: Path) -> int:
        """The size of the model's files in the artifact's folder, in bytes."""
        return sum((folder / name).stat().st_size for name in self.kind.files)


def is_artifact(folder: Path) -> bool:
    """Whether there is one."""
    return (folder / "artifact.json").is_file()


def read_artifact(folder: Path) -> Artifact:
    """The artifact in a folder, every file of it checked against its hash.

    Raises:
        SkipwiseError: there is none, it is of a newer version, or a file is missing or not the one that was exported.
    """
    path = folder / "artifact.json"
    again = "export it again, or copy the whole folder again"
    if not is_artifact(folder):
        raise SkipwiseError(f"{folder} holds no artifact.json; give a folder that 'skipwise export' made.")
    try:
        plain = msgspec.json.decode(read_regular(path, _LARGEST))
    except OSError as error:
        raise SkipwiseError(f"{path} can't be read ({reason_of(error)}); {again}.") from error
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise SkipwiseError(f"{path} can't be read ({error}); {again}.") from error
    version = plain.get("version") if isinstance(plain, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise SkipwiseError(
            f"{folder} was made by a newer Skipwise (artifact version {version}, and this one knows {VERSION}); "
            "install a newer Skipwise here."
        )
    artifact = _converted(plain, path, again)
    if artifact.files.get("") != _seal(plain):
        raise SkipwiseError(f"{path} was changed after it was exported; {again}.")
    for name, expected in artifact.files.items():
        if not name:
            continue
        file = folder / name
        if file.exists() and not file.is_file():  # reading a device may never end
            raise SkipwiseError(f"{file} is no plain file; {again}.")
        try:
            found = sha256(file)
        except OSError as error:
            raise SkipwiseError(f"{file} can't be read ({error.strerror}); {again}.") from error
        if found != expected:
            raise SkipwiseError(f"{file} is not the file that was exported (its SHA-256 differs); {again}.")
    return artifact


def _converted(plain: Any, path: Path, again: str) -> Artifact:
    try:
        artifact = msgspec.convert(plain, Artifact)
        for name in artifact.files:
            if Path(name).is_absolute() or ".." in Path(name).parts or not name.isprintable():
                raise ValueError(f"{name!r} lies outside")
        if artifact.format not in FORMATS:
            raise ValueError(f"there is no format {artifact.format!r}")
        needed = [*artifact.kind.files, *(golden.file for golden in artifact.golden)]
        missing = [name for name in needed if name not in artifact.files]
        if missing:
            raise ValueError(f"no hash of {missing[0]!r}")
        _check_ranges(artifact)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise SkipwiseError(f"{path} is damaged ({printable(str(error))}); {again}.") from error
    return artifact


def _check_ranges(artifact: Artifact) -> None:
    """Raises ValueError for what no export writes."""
    classes = len(artifact.classes)
    made, quantized = artifact.provenance, artifact.quantization
    names = [made.model, made.stem, made.recipe, made.key or ""]
    names += [] if quantized is None else [quantized.split, *quantized.kept]
    unprintable = [name for name in names if not name.isprintable()]  # of classes and images others may choose any
    if unprintable:
        raise ValueError(f"{unprintable[0]!r} is no name of a network, a recipe or a layer")
    if artifact.version < 1:
        raise ValueError(f"there is no version {artifact.version}")
    if len(set(artifact.classes)) != classes:
        raise ValueError("two of its classes have one name")
    if classes < 2 or not artifact.golden:
        raise ValueError("it has fewer than two classes, or no golden images")
    if any(len(each.expected) != classes or len(each.answered) != classes for each in artifact.golden):
        raise ValueError(f"a golden image has not {classes} probabilities")
    artifact.preprocessing.check()


def sealed(artifact: Artifact) -> dict[str, Any]:
    """The record as it is written: with the hash of itself under the name "" among the files.

    So a changed class name or mean is noticed as surely as a changed weight. It guards against accidents; whoever
    changes a file on purpose can write new hashes, too.
    """
    plain = msgspec.to_builtins(artifact)
    plain["files"][""] = _seal(plain)
    return plain
