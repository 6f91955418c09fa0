"""The artifact: a folder with one network, exported, and everything that is needed to use and to check it.

artifact.json      the record: what the other files are, with their hashes; written last
model.onnx         or model.xml and model.bin, or model.pt2: pixels of any size -> probabilities
golden/            eight encoded images; artifact.json has the probabilities that they must get
certificate.json   what `skipwise verify` found; certificate.html is the same for people
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.files.checksums import seal_of as _seal
from skipwise.core.files.checksums import sha256
from skipwise.core.files.regular import read_regular
from skipwise.core.machine.system import Machine
from skipwise.core.text import command, printable
from skipwise.data.image.preprocess import Preprocessing
from skipwise.deploy.artifact.reference import Chosen, Reference, Threshold, check_reference
from skipwise.deploy.formats import FORMATS, ExportFormat, Precision
from skipwise.evaluation.temperature import LEAST, MOST
from skipwise.statistics.noninferiority import Drop

VERSION = 2
"""The version of the record. A newer one is refused."""

_LARGEST = 2**26
"""The largest artifact.json that is read, in bytes. With 20,000 classes it has a tenth of that."""


@dataclass(frozen=True, kw_only=True)
class Quantization:
    """The record of a quantization to INT8.

    Args:
        calibrated: number of training images that the ranges of activations were measured on.
        checked: number of images that the accuracy was checked on.
        split: the split that these images belong to.
        accuracy: accuracy on them in single precision, a fraction.
        quantized_accuracy: accuracy on them in INT8, a fraction.
        max_drop: the drop in accuracy that was allowed, a fraction.
        layers: number of layers that can be quantized.
        kept: the names of those that stayed in single precision, because they cost too much accuracy.
        drop: the drop on the checked images, with its interval, and whether it is within `max_drop`; None in artifacts
            of earlier versions.
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
    """An image in the artifact, and the probabilities that it must get.

    Args:
        file: its path inside the artifact.
        name: the image that it is a copy of.
        expected: the network's probabilities in PyTorch, in single precision, with the preprocessing of training.
        answered: the exported file's probabilities on the machine that exported it.
    """

    file: str
    name: str
    expected: tuple[float, ...]
    answered: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """The origin of an artifact.

    Args:
        model: the network's name.
        width: its width, a factor.
        stem: its stem.
        seed: the run's seed; None where the network was not trained by Skipwise.
        recipe: the run's recipe; "" where the network was not trained by Skipwise.
        run: the run's folder, or the file of weights, as the export was given it.
        weights: the SHA-256 of the file of weights.
        key: which weights in that file, where it holds several; None otherwise.
        test_accuracy: the run's accuracy on its test images, a fraction; None if it had none.
        machine: the machine that exported it.
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
class HeatMaps:
    """The heat maps that an artifact gives beside its answers.

    Args:
        cells: height and width of a map.
        first: the pixel that the first cell is centred on, in the network's input; 0 is the centre of the first pixel.
        step: the distance from one cell to the next, in pixels.
    """

    cells: int
    first: float
    step: float


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """The record in artifact.json.

    Args:
        version: the version of the record.
        format: the name of its export format.
        precision: the precision of the weights.
        opset: the version of ONNX's operators; None in other formats.
        classes: the names of the classes, in the order of the probabilities.
        preprocessing: how images become the network's input.
        golden: images with the probabilities that they must get.
        quantization: how it was quantized; None unless `precision` is "int8".
        heat_maps: the heat maps that are its second output; None where it has none.
        provenance: where it comes from.
        files: the SHA-256 of each file by its name, and of this record under the name "".
        temperature: what the network's logits are divided by in the file; 1 leaves its confidence as it is, as the
            first version did.
        threshold: the confidence below which its answers are called "not sure"; None where none is known.
        reference: what its validation images were like; None where that is not known.
        chosen: the comparison that chose the network; None where none did.
    """

    version: int
    format: str
    precision: Precision
    opset: int | None
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    golden: tuple[Golden, ...]
    quantization: Quantization | None
    heat_maps: HeatMaps | None = None
    provenance: Provenance
    files: dict[str, str]
    temperature: float = 1.0
    threshold: Threshold | None = None
    reference: Reference | None = None
    chosen: Chosen | None = None

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
    """Returns whether a folder holds an artifact."""
    return (folder / "artifact.json").is_file()


def read_artifact(folder: Path) -> Artifact:
    """Reads the artifact in a folder, and checks every file against its hash.

    Raises:
        SkipwiseError: there is none, a newer version wrote it, or a file is missing or was changed.
    """
    path = folder / "artifact.json"
    again = "export it again, or copy the whole folder again"
    if not is_artifact(folder):
        if (folder / "run.json").is_file():
            raise SkipwiseError(f"{folder} is a run; export it first: {command('skipwise', 'export', folder)}")
        what = "holds no artifact.json" if folder.exists() else "is not there"
        raise SkipwiseError(f"{folder} {what}; give a folder that 'skipwise export' made.")
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
    """Raises ValueError where a value is one that no export writes."""
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
    # One below 0 would turn the answers round, in the file and in the network that it is compared with.
    if not LEAST <= artifact.temperature <= MOST:
        raise ValueError(f"its temperature is {artifact.temperature:g}, which no export writes")
    check_reference(artifact.threshold, artifact.reference, classes)
    maps = artifact.heat_maps
    sizes_are_sound = maps is None or (
        1 <= maps.cells <= artifact.preprocessing.size and 0 < maps.step < math.inf and math.isfinite(maps.first)
    )
    if not sizes_are_sound:
        raise ValueError("its heat maps have sizes that no export writes")


def sealed(artifact: Artifact) -> dict[str, Any]:
    """The record as it is written, with the hash of itself under the name "" among the files.

    So a changed class name or mean is noticed like a changed weight. The hashes guard against accidents: whoever
    changes a file on purpose can write new hashes, too.
    """
    plain = msgspec.to_builtins(artifact)
    plain["files"][""] = _seal(plain)
    return plain
