"""The verb `export`: a finished run -> an artifact, one file that answers the same from pixels of any size on."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import Damaged, SkipwiseError, missing_extra, unknown_name
from skipwise.core.files.checksums import sha256
from skipwise.core.files.json_records import write_json
from skipwise.core.files.paths import user_path
from skipwise.core.text import command, printable
from skipwise.core.workspace.task import Task
from skipwise.core.workspace.whole import making_whole
from skipwise.data.image.decode import UnreadableImage, decode
from skipwise.data.sources import ReadingOptions
from skipwise.deploy.artifact import golden
from skipwise.deploy.artifact.artifact import (
    MODEL_FILES,
    VERSION,
    Artifact,
    Format,
    Golden,
    Precision,
    read_artifact,
    sealed,
)
from skipwise.deploy.artifact.folder import EXPORTS, export_plan
from skipwise.deploy.artifact.images import LabelledImages, fit, other_images, own_images, remembered_data
from skipwise.deploy.artifact.normalisation import reversed_channels
from skipwise.deploy.artifact.signing import SecretKey, read_secret_key
from skipwise.deploy.artifact.trained_network import ExternalWeights, TrainedNetwork, network_of_file, network_of_run
from skipwise.deploy.runtime.backend_import import import_backend
from skipwise.deploy.runtime.engines import Opened
from skipwise.deploy.runtime.session import engines

if TYPE_CHECKING:
    from skipwise.deploy.export.calibration import Progress


@dataclass(frozen=True, kw_only=True)
class Exported:
    """An artifact and its folder. `repeated` says that it was there before; `notes` are worth saying; `data` says where
    the run's images are, if that is known."""

    folder: Path
    artifact: Artifact
    repeated: bool
    data: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The size of the model's files, in bytes."""
        return sum((self.folder / name).stat().st_size for name in MODEL_FILES[self.artifact.format])


def export(
    run: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    format: str = "onnx",
    precision: str = "fp32",
    max_drop: float = 0.3,
    output: str | os.PathLike[str] | None = None,
    elsewhere: ExternalWeights | None = None,
    trust: bool | str = False,
    reading: ReadingOptions | None = None,
    sign: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Makes an artifact of a trained network, and checks that its golden images are answered as in PyTorch.

    Args:
        run: a finished run's folder, or, with `elsewhere`, a file of weights.
        data: where its images are now; None is where they were. INT8 is calibrated on them, and golden images are
            some of them; without any, golden images are made up.
        format: "onnx", "openvino" or "torch".
        precision: "fp32"; "fp16", which stores weights in half and computes in single precision; or "int8".
        max_drop: for INT8, how many points of accuracy on the validation images may be lost.
        output: the artifact's folder; None is the next in runs/export.
        elsewhere: for weights that were not trained here, which network they are of.
        trust: whether a network of somebody's own, which only the run's record names, may run: True, or its name.
        reading: how `data` is to be read where its layout does not say it; None is as the run read its images.
        sign: a secret key of minisign's, which signs the artifact; one that was made before has to be signed by it.
        progress: is told what is being done, how much of it is, and of how much.
        notice: is told what a person should know meanwhile, a sentence at a time.

    Raises:
        SkipwiseError: the run is unfinished, INT8 costs more than `max_drop`, an extra is missing, the disk is full ...
    """
    chosen, exact = _checked(format, precision, max_drop)
    key = None if sign is None else read_secret_key(user_path(sign))
    network = network_of_run(run, trust) if elsewhere is None else network_of_file(run, elsewhere)
    _check_installed(chosen)
    from skipwise.deploy.export.model_file import write_model  # torch and onnx take seconds to import
    from skipwise.deploy.export.onnx_file import OPSET

    loaded = network.load()[1]  # what is no network is refused before anything is done
    network = replace(network, key=loaded.key or None)
    said = [*loaded.notes]
    if elsewhere is not None and (order := reversed_channels(elsewhere.mean, elsewhere.std)):
        said.append(order)
    if key is not None:
        said.append(f"It is signed by the key {key.public.id}.")
    provenance = network.provenance()
    task = Task(
        workspace=EXPORTS,
        plan=export_plan(network, chosen, exact, max_drop / 100),
        name=f"{user_path(network.where).resolve().stem}-{chosen}-{exact}",
        output=None if output is None else user_path(output).absolute(),
        notice=notice,
    )
    place = task.find()
    if place.finished:
        return _made_before(network, place.folder, key, said)
    images, notes = _images(network, data, exact, reading)
    said += notes
    tell = progress or (lambda *_: None)
    with making_whole(task, place.folder) as making:
        if making.place.finished:  # another process was quicker
            return _made_before(network, making.place.folder, key, said)
        made = making.made
        quantization = write_model(made, network, images, chosen, exact, max_drop / 100, tell)
        tell("Checking the golden images", 0, 1)
        examples = _write_golden(made, network, images, chosen, exact)
        names = [*MODEL_FILES[chosen], *(example.file for example in examples)]
        artifact = Artifact(
            version=VERSION,
            format=chosen,
            precision=exact,
            opset=OPSET if chosen == "onnx" else None,
            classes=network.classes,
            preprocessing=network.preprocessing,
            golden=examples,
            quantization=quantization,
            provenance=provenance,
            files={name: sha256(made / name) for name in names},
        )
        write_json(made / "artifact.json", sealed(artifact))
        artifact = read_artifact(made)
        if key is not None:
            key.sign(made)
        place = making.take()
    if place.finished:
        return _made_before(network, place.folder, key, said)
    where = None if images is None else images.where
    return Exported(folder=place.folder, artifact=artifact, repeated=False, data=where, notes=tuple(said))


def _made_before(network: TrainedNetwork, folder: Path, key: SecretKey | None, notes: list[str]) -> Exported:
    """An artifact that is there already. Where a signature is asked for it has to have it: anybody may have changed and
    sealed it since it was made, so it is not signed now."""
    if key is not None:
        try:
            key.public.check(folder)
        except SkipwiseError as error:
            raise SkipwiseError(
                f"{folder} was made before and has no valid signature of the key {key.public.id}, so it is not signed "
                "now: it may not be what was made any more; export it again with another --output, or remove it first."
            ) from error
    where = None
    with contextlib.suppress(SkipwiseError):  # only a hint for the next command
        where = remembered_data(user_path(network.where))
    return Exported(folder=folder, artifact=read_artifact(folder), repeated=True, data=where, notes=tuple(notes))


def _checked(format: str, precision: str, max_drop: float) -> tuple[Format, Precision]:
    formats, precisions = get_args(Format), get_args(Precision)
    if format not in formats:
        raise unknown_name("format", format, formats)
    if precision not in precisions:
        raise unknown_name("precision", precision, precisions)
    if not 0 <= max_drop <= 100:
        raise SkipwiseError(f"--max-drop must lie between 0 and 100 points, not {max_drop:g}.")
    if format == "torch" and precision == "int8":
        raise SkipwiseError("INT8 is for ONNX and OpenVINO; choose --format onnx or openvino, or --precision fp16.")
    return format, precision  # type: ignore[return-value]


def _check_installed(format: Format) -> None:
    for package in () if format == "torch" else ("onnx", "onnxscript", format.replace("onnx", "onnxruntime")):
        try:
            import_backend(package)
        except ImportError:
            raise missing_extra("export", package) from None


def _images(
    network: TrainedNetwork, data: str | os.PathLike[str] | None, precision: Precision, reading: ReadingOptions | None
) -> tuple[LabelledImages | None, list[str]]:
    """The images to calibrate on and to take golden ones from, and what has to be said of them."""
    home = user_path(network.where)
    if data is not None:
        if home.is_dir():
            images = own_images(home, network.classes, data, reading)
        else:
            images = other_images(data, network.classes, reading)
        if images is None:
            raise SkipwiseError(f"{home} has no split.csv that says what was trained on; leave the images out.")
        return images, []
    try:
        images = own_images(home, network.classes, None)
        why = f"{home} does not say where its images are"
    except Damaged:
        raise
    except SkipwiseError as error:
        images, why = None, str(error).rstrip(".")
    if images is None and precision == "int8":
        raise SkipwiseError(
            f"INT8 needs images to be calibrated on: {why}. Name them behind the run: "
            f"{command('skipwise', 'export', network.where, 'IMAGES', '--precision', 'int8')}"
        )
    return images, [] if images is not None else [f"The golden images are made up: {why}."]


def _write_golden(
    folder: Path, network: TrainedNetwork, images: LabelledImages | None, format: Format, precision: Precision
) -> tuple[Golden, ...]:
    """Writes the golden images, and has them answered by the network and by the file, from their bytes on.

    Raises:
        SkipwiseError: the file answers otherwise; it is not shipped then.
    """
    from skipwise.deploy.runtime.run_session import RunSession

    reference = RunSession(network)
    shipped = Opened(engines(format)[0], folder / MODEL_FILES[format][0], threads=1)
    (folder / "golden").mkdir()
    made = []
    for number, (name, data) in enumerate(golden.choose(images, network.preprocessing), 1):
        file = f"golden/{number}{golden.suffix(data)}"
        (folder / file).write_bytes(data)
        try:
            pixels = decode(data, channels=network.preprocessing.channels, levels=network.preprocessing.levels)
        except UnreadableImage as error:
            raise SkipwiseError(f"{name} can't be read ({error}); repair or remove it.") from error
        expected = reference.predict_resized(fit(data, network.preprocessing)[None])[0]
        answered = shipped.predict_pixels(pixels[None])[0]
        made.append(Golden(file=file, name=name, expected=_floats(expected), answered=_floats(answered)))
    found = golden.check(made, folder, network.preprocessing, precision, shipped.predict_pixels)
    if found.failed:
        raise SkipwiseError(
            f"The exported file answers {printable(found.failed[0])} otherwise than PyTorch (a probability differs by "
            f"{found.difference:.2g}, and {found.tolerance:g} is tolerated), so it is not shipped; choose another "
            "--format."
        )
    return tuple(made)


def _floats(probabilities: NDArray[np.float32]) -> tuple[float, ...]:
    return tuple(round(float(value), 7) for value in probabilities)
