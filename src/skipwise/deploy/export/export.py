"""The verb `export`: a finished run -> an artifact, whose one file answers as the run's network does."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from skipwise.core.addresses import is_address
from skipwise.core.deprecation import by_name
from skipwise.core.errors import Damaged, SkipwiseError, missing_extra, unknown_name
from skipwise.core.files.checksums import sha256
from skipwise.core.files.json_records import write_json
from skipwise.core.files.paths import output_path, user_path
from skipwise.core.remote.copies import local_path
from skipwise.core.reporting import Progress
from skipwise.core.shown import Shown
from skipwise.core.signatures import takes
from skipwise.core.text import command
from skipwise.core.workspace.task import Task
from skipwise.core.workspace.whole import making_whole
from skipwise.data.options import ReadingOptions, asked_reading
from skipwise.deploy.artifact.artifact import (
    VERSION,
    Artifact,
    read_artifact,
    sealed,
)
from skipwise.deploy.artifact.folder import EXPORTS, export_plan
from skipwise.deploy.artifact.signing import SecretKey, read_secret_key
from skipwise.deploy.artifact.temperature import temperature_of_run
from skipwise.deploy.export.chosen import chosen_by
from skipwise.deploy.export.golden_images import write_golden
from skipwise.deploy.export.heat_maps import check_heat_maps, heat_maps_of
from skipwise.deploy.export.options import ExportOptions
from skipwise.deploy.export.reference import reference_of, threshold_of
from skipwise.deploy.formats import FORMATS, PRECISIONS, ExportFormat, ExportJob, Precision, find_format
from skipwise.deploy.hub.folder import write_hub_folder
from skipwise.deploy.runtime.backend_import import import_backend
from skipwise.deploy.servers import Server, find_server
from skipwise.deploy.servers.serve_folder import check_server, write_server
from skipwise.deploy.trained.external_weights import ExternalWeights
from skipwise.deploy.trained.images import LabelledImages, other_images, own_images, remembered_data
from skipwise.deploy.trained.normalisation import reversed_channels
from skipwise.deploy.trained.trained_network import TrainedNetwork, network_of_file, network_of_run
from skipwise.training.trackers import trackers_of


@dataclass(frozen=True, kw_only=True)
class Exported(Shown):
    """The result of an export.

    Args:
        folder: the artifact's folder.
        artifact: its record.
        repeated: whether it was there before.
        data: where the run's images are, if that is known.
        served: the folder for the server that was asked for; None where none was.
        hub: the folder for the Hugging Face Hub; None where none was asked for.
        notes: what a person should know, a sentence each.
    """

    folder: Path
    artifact: Artifact
    repeated: bool
    data: str | None = None
    served: Path | None = None
    hub: Path | None = None
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """The size of the model's files, in bytes."""
        return self.artifact.size(self.folder)


@takes(ExportOptions)
def export(
    run: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    options: ExportOptions,
    elsewhere: ExternalWeights | None = None,
    reading: ReadingOptions | None = None,
    progress: Progress | None = None,
    notice: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Exports a trained network as one file that takes pixels of any size and answers as the network does.

    The file, its record and a few golden images make up the artifact, a folder. Before it is finished, the file must
    answer the golden images as PyTorch does. The same export again finds the artifact that is there.

    A file of weights needs the options `model` and `classes`. A network of your own, which only the run's record names,
    runs if `trust` is True or its name, or if `model` is its name.

    Args:
        run (str | Path): the folder of a finished run, or a file of weights.
        data (str | Path | None): the run's images, if they are not where they were. INT8 is calibrated on them, and
            golden images are copied from them. They are read as the run read them, unless options say otherwise. None,
            the default, is where the run found them.
        elsewhere (ExternalWeights | None): deprecated; give `model`, `classes` and the others by name.
        reading (ReadingOptions | None): deprecated; give its options by name.
        progress (Callable[[str, int, int], None] | None): called as progress(what, done, total); None by default.
        notice (Callable[[str], None]): called with each sentence that a person should know; by default nothing is
            called.

    Returns:
        Exported: the folder, the record, whether it was there before, and notes.

    Raises:
        SkipwiseError: the run is unfinished or damaged, an argument is out of range, INT8 loses more than `max_drop`,
            the file does not answer as PyTorch does, a package is not installed, or the folder can't be written.

    Example:
        >>> import skipwise
        >>> made = skipwise.export("runs/train/images", format="onnx")
        >>> made.folder.name, made.artifact.precision
        ('images-onnx-fp32', 'fp32')
    """
    format, precision, max_drop = options.file.format, options.file.precision, options.file.max_drop
    sign, output = options.file.sign, options.folder.output
    if reading is not None:
        by_name("reading", "label_column=...")
    if elsewhere is not None:
        by_name("elsewhere", "model=..., classes=...")
    reading = asked_reading(options.reading, reading)
    run = local_path(run, progress) if is_address(run) else run
    external = elsewhere or _external(run, options.weights)
    chosen, exact = _checked(format, precision, max_drop)
    server = None if options.file.serve is None else find_server(options.file.serve)
    if server is not None:
        check_server(server, chosen)
    explain = options.file.explain
    key = None if sign is None else read_secret_key(user_path(sign))
    trust = options.weights.model or options.trust.trust
    network = network_of_run(run, trust) if external is None else network_of_file(run, external)
    trackers = trackers_of(options.tracking.track)
    for tracker in trackers:
        tracker.known_run(user_path(network.where))
    _check_installed(chosen)
    loaded = network.load()[1]  # weights that do not fit are refused before anything else is done
    temperature = temperature_of_run(network) if options.file.temperature else 1.0
    network = replace(network, key=loaded.key or None, temperature=temperature)
    said = [*loaded.notes]
    if external is not None and (order := reversed_channels(external.mean, external.std)):
        said.append(order)
    if key is not None:
        said.append(f"It is signed by the key {key.public.id}.")
    maps = heat_maps_of(network, chosen, exact) if explain else None
    provenance = network.provenance()
    beside = _Beside(network=network, server=server, hub=options.file.huggingface, trackers=trackers)
    task = Task(
        workspace=EXPORTS,
        plan=export_plan(network, chosen.name, exact, max_drop / 100, explain=explain),
        name=f"{user_path(network.where).resolve().stem}-{chosen.name}-{exact}{'-explain' * explain}",
        output=None if output is None else output_path(output).absolute(),
        notice=notice,
    )
    place = task.find()
    if place.finished:
        return _completed(_made_before(network, place.folder, key, said), beside)
    images, notes = _images(network, data, exact, reading)
    said += notes
    tell = progress or (lambda *_: None)
    with making_whole(task, place.folder) as making:
        if making.place.finished:  # another process was quicker
            return _completed(_made_before(network, making.place.folder, key, said), beside)
        made = making.made
        job = ExportJob(
            network=network, precision=exact, images=images, max_drop=max_drop / 100, explain=explain, progress=tell
        )
        quantization = chosen.write(made, job)
        tell("Checking the golden images", 0, 1)
        examples = write_golden(made, network, images, chosen, exact)
        if maps is not None:
            check_heat_maps(made, network, chosen, exact, examples)
        threshold = threshold_of(network)
        names = [*chosen.files, *(example.file for example in examples)]
        artifact = Artifact(
            version=VERSION,
            format=chosen.name,
            precision=exact,
            opset=chosen.opset,
            classes=network.classes,
            preprocessing=network.preprocessing,
            golden=examples,
            quantization=quantization,
            heat_maps=maps,
            provenance=provenance,
            files={name: sha256(made / name) for name in names},
            temperature=network.temperature,
            threshold=threshold,
            reference=reference_of(network, threshold, images, tell),
            chosen=chosen_by(network),
        )
        write_json(made / "artifact.json", sealed(artifact))
        artifact = read_artifact(made)
        if key is not None:
            key.sign(made)
        place = making.take()
    if place.finished:
        return _completed(_made_before(network, place.folder, key, said), beside)
    where = None if images is None else images.where
    made_now = Exported(folder=place.folder, artifact=artifact, repeated=False, data=where, notes=tuple(said))
    return _completed(made_now, beside)


@dataclass(frozen=True, kw_only=True)
class _Beside:
    """Results that are made besides the artifact.

    Args:
        network: what was exported.
        server: writes a folder that a server runs.
        hub: whether a folder for the Hugging Face Hub is asked for.
        trackers: keep the artifact.
    """

    network: TrainedNetwork
    server: Server | None
    hub: bool
    trackers: Sequence[Any]


def _completed(made: Exported, beside: _Beside) -> Exported:
    """The same, with what was asked for besides."""
    for tracker in beside.trackers:
        files = [made.folder / name for name in ("artifact.json", *made.artifact.kind.files)]
        tracker.keep(user_path(made.artifact.provenance.run), "artifact", files)
    if beside.hub:
        made = replace(made, hub=write_hub_folder(made.folder, beside.network, made.artifact))
    if beside.server is None:
        return made
    return replace(made, served=write_server(beside.server, made.folder, made.artifact))


def _external(run: str | os.PathLike[str], weights: ExternalWeights) -> ExternalWeights | None:
    """Returns the description of a file of weights; None where a run is exported.

    Raises:
        SkipwiseError: the key of a file's weights is given, and not which network they are of.
    """
    if weights.init_key is not None and weights.model is None:
        raise SkipwiseError("--init-key is for a file of weights, which needs --model and --classes as well.")
    of_run = weights.classes is None and (user_path(run) / "run.json").exists()
    return None if of_run or (weights.model is None and weights.classes is None) else weights


def _made_before(network: TrainedNetwork, folder: Path, key: SecretKey | None, notes: list[str]) -> Exported:
    """The result for an artifact that is there already.

    It is not signed now, because anybody may have changed it since. Where a signature is asked for, it must have one.
    """
    if key is not None:
        try:
            key.public.check(folder)
        except SkipwiseError as error:
            raise SkipwiseError(
                f"{folder} was made before and has no valid signature of the key {key.public.id}. It may have been "
                "changed since, so it is not signed now; export it again with another --output, or remove it first."
            ) from error
    where = None
    with contextlib.suppress(SkipwiseError):  # only a hint for the next command
        where = remembered_data(user_path(network.where))
    return Exported(folder=folder, artifact=read_artifact(folder), repeated=True, data=where, notes=tuple(notes))


def _checked(format: str, precision: str, max_drop: float) -> tuple[ExportFormat, Precision]:
    chosen = find_format(format)
    exact = next((each for each in PRECISIONS if each == precision), None)
    if exact is None:
        raise unknown_name("precision", precision, PRECISIONS)
    if not 0 <= max_drop <= 100:
        raise SkipwiseError(f"--max-drop must lie between 0 and 100 points, not {max_drop:g}.")
    if exact not in chosen.precisions:
        others = " or ".join(each.name for each in FORMATS.values() if exact in each.precisions)
        raise SkipwiseError(
            f"{chosen.title} has no {exact.upper()}; choose --format {others}, or --precision "
            f"{' or '.join(chosen.precisions)}."
        )
    return chosen, exact


def _check_installed(format: ExportFormat) -> None:
    for package in format.packages:
        try:
            import_backend(package)
        except ImportError:
            raise missing_extra("export", package) from None


def _images(
    network: TrainedNetwork, data: str | os.PathLike[str] | None, precision: Precision, reading: ReadingOptions | None
) -> tuple[LabelledImages | None, list[str]]:
    """The images to calibrate on and to copy golden images from, and notes about them."""
    home = user_path(network.where)
    if data is not None:
        if home.is_dir():
            images = own_images(home, network.classes, data, reading)
        else:
            images = other_images(data, network.classes, reading)
        if images is None:
            raise SkipwiseError(f"{home} has no split.csv, which says what was trained on; leave the images out.")
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
            f"INT8 has to be calibrated on images, and {why}. Name them after the run: "
            f"{command('skipwise', 'export', network.where, 'IMAGES', '--precision', 'int8')}"
        )
    return images, [] if images is not None else [f"The golden images are made up: {why}."]
