"""A trained network and where it is: a finished run, or a file of weights that was trained by another program."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skipwise.core.addresses import is_address
from skipwise.core.errors import Damaged, SkipwiseError
from skipwise.core.files.checksums import sha256
from skipwise.core.files.json_records import LARGEST_RECORD
from skipwise.core.files.paths import user_path
from skipwise.core.files.regular import read_regular
from skipwise.core.machine.system import describe_machine
from skipwise.core.options import Listed
from skipwise.core.remote.copies import address_of, local_path
from skipwise.data.image.preprocess import Preprocessing
from skipwise.deploy.artifact.artifact import Artifact, Provenance
from skipwise.deploy.trained.comparison_folder import refuse_comparison
from skipwise.deploy.trained.external_weights import ExternalWeights
from skipwise.nets.catalogue import check_model
from skipwise.nets.external import Trust, check_trusted, is_external
from skipwise.nets.spec import NetworkSpec
from skipwise.training.folder.dropped import need_weights
from skipwise.training.folder.record import read_run
from skipwise.training.weights.hub_folder import WEIGHTS, is_hub_folder, local_folder, read_hub_network

if TYPE_CHECKING:
    from torch import nn

    from skipwise.nets.weights.loading import Loaded


CIFAR_SIZE, IMAGENET_SIZE = 32, 224
"""Pixels a side of the images that networks were published for."""


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """A trained network on disk, with everything that is needed to use it.

    Args:
        where: the run's folder, or the file of weights, as the user named it.
        weights: the file of weights.
        key: which weights in that file, where it holds several; None otherwise.
        model: the network's name.
        width: its width, a factor.
        stem: its stem.
        seed: the run's seed; None where another program trained it.
        recipe: the run's recipe; "" where another program trained it.
        classes: the names of the classes, in the order of its answers.
        preprocessing: how images become its input.
        test_accuracy: the run's accuracy on its test images, a fraction; None if it had none.
        temperature: what its logits are divided by; 1 leaves its confidence as it is.
    """

    where: Path
    weights: Path
    key: str | None = None
    model: str
    width: float
    stem: str
    seed: int | None
    recipe: str
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    test_accuracy: float | None
    temperature: float = 1.0

    def module(self) -> nn.Module:
        """The PyTorch module with its weights, in evaluation mode on the CPU.

        Raises:
            SkipwiseError: the weights don't fit the network, or the file holds none.
        """
        return self.load()[0]

    def load(self) -> tuple[nn.Module, Loaded]:
        """The same, and what was loaded from the file."""
        network, loaded = self.spec.build_loaded()
        if self.temperature != 1:
            from skipwise.deploy.artifact.divided_logits import DividedLogits  # which needs torch

            network = DividedLogits(network, self.temperature)
        return network.eval(), loaded

    @property
    def spec(self) -> NetworkSpec:
        """The network with its file of weights."""
        network = NetworkSpec(
            name=self.model,
            num_classes=len(self.classes),
            in_channels=self.preprocessing.channels,
            stem=self.stem,
            width=self.width,
            image_size=self.preprocessing.size,
        )
        return network.from_file(self.weights, key=self.key, new_head=False)

    def provenance(self) -> Provenance:
        """The record of its origin, for an artifact."""
        return Provenance(
            model=self.model,
            width=self.width,
            stem=self.stem,
            seed=self.seed,
            recipe=self.recipe,
            run=address_of(user_path(self.where).absolute()),
            weights=sha256(self.weights),
            key=self.key,
            test_accuracy=self.test_accuracy,
            machine=describe_machine(),
        )


def network_of_run(folder: str | os.PathLike[str], trust: Trust = False) -> TrainedNetwork:
    """The network of a finished run, or of a folder for the Hub.

    Args:
        folder: the run's, one that `export --huggingface` wrote, or `hf-hub:user/name`.
        trust: whether a network of your own, whose code only the record names, may run.

    Raises:
        SkipwiseError: the folder holds no run, or one that is unfinished, failed or damaged; or its network is not
            trusted.
    """
    path = local_path(local_folder(folder))
    if is_hub_folder(path):
        return network_of_hub(path, trust)
    if path.is_file():
        raise SkipwiseError(f"{path} is a file; name its network and classes: --model NAME --classes a,b,c")
    if not (path / "run.json").is_file():
        refuse_comparison(path)
        if (path / "terms.json").is_file() or any(path.glob("resume*.safetensors")):
            raise SkipwiseError(
                f"{path} has no run.json: the run is not finished, and the same command again finishes it; or the "
                "folder was copied without that file."
            )
        raise SkipwiseError(f"{path} is not a run; give the folder of a finished run, which has a run.json.")
    record = read_run(path)
    if record.status != "finished":
        raise SkipwiseError(f"The run in {path} failed ({record.reason}), so it has no network.")
    weights = need_weights(path)
    read_run(path, weights.name)
    spec = record.spec
    check_trusted(spec.model, trust, folder)
    try:
        spec.preprocessing.check()
    except ValueError as error:
        raise Damaged(f"{path / 'run.json'} is damaged ({error}); train it again, or copy {path} again.") from error
    return TrainedNetwork(
        where=path if is_address(folder) else Path(folder),
        weights=weights,
        model=spec.model,
        width=spec.width,
        stem=spec.stem,
        seed=spec.seed,
        recipe=spec.recipe.name,
        classes=spec.classes,
        preprocessing=spec.preprocessing,
        test_accuracy=None if record.test is None else record.test.accuracy,
    )


def network_of_hub(folder: Path, trust: Trust = False) -> TrainedNetwork:
    """The network in a folder as the Hub keeps it.

    Args:
        folder: one for which `is_hub_folder` holds.
        trust: as in `network_of_run`.

    Raises:
        SkipwiseError: another program made it, it is damaged, or its network is not trusted.
    """
    found = read_hub_network(folder)
    check_trusted(found.model, trust, folder)
    check_model(found.model)
    return TrainedNetwork(
        where=folder / WEIGHTS,
        weights=folder / WEIGHTS,
        model=found.model,
        width=found.width,
        stem=found.stem,
        seed=found.seed,
        recipe=found.recipe,
        classes=found.classes,
        preprocessing=found.preprocessing,
        test_accuracy=found.test_accuracy,
    )


def network_of_file(file: str | os.PathLike[str], weights: ExternalWeights) -> TrainedNetwork:
    """The network whose weights another program trained; the file is read as `load_weights` does it.

    Args:
        file: the weights.
        weights: what the file does not say.

    Raises:
        SkipwiseError: there is no such file or network, or a value is out of range.
    """
    if weights.model is None or weights.classes is None:
        raise SkipwiseError("A file of weights needs both --model and --classes.")
    path, classes = local_path(file), _class_names(weights.classes)
    check_model(weights.model)
    if not path.is_file():
        raise SkipwiseError(f"There is no file {path}; give a finished run's folder, or a file of weights.")
    if len(set(classes)) != len(classes) or len(classes) < 2:
        raise SkipwiseError("--classes must name two classes or more, each once, in the order of its answers.")
    stem = "imagenet" if is_external(weights.model) else NetworkSpec(name=weights.model).resolved_stem
    return _trained_elsewhere(
        file,
        key=weights.init_key,
        model=weights.model,
        width=weights.width,
        stem=weights.stem or stem,
        classes=classes,
        preprocessing=weights.preprocessing(CIFAR_SIZE if stem == "small" else IMAGENET_SIZE),
    )


def _trained_elsewhere(file: str | os.PathLike[str], **described: Any) -> TrainedNetwork:
    """Returns the network in a file of weights, of whose training nothing is known."""
    path = local_path(file)
    return TrainedNetwork(
        where=path if is_address(file) else Path(file),
        weights=path,
        seed=None,
        recipe="",
        test_accuracy=None,
        **described,
    )


def _class_names(classes: str | Sequence[str]) -> tuple[str, ...]:
    """Names one by one, separated by commas, or the lines of a file."""
    if not isinstance(classes, str):
        return tuple(classes)
    path = user_path(classes)
    if "," in classes or not path.is_file():
        return tuple(Listed().parse(classes, "--classes"))
    text = read_regular(path, LARGEST_RECORD).decode("utf-8", "backslashreplace")
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def network_of_artifact(artifact: Artifact, where: str | os.PathLike[str], trust: Trust = False) -> TrainedNetwork:
    """The network that an artifact was exported from.

    Args:
        where: the run's folder, or the file of weights.
        trust: whether a network of your own, whose code only a record names, may run.

    Raises:
        SkipwiseError: it is not there, it has other weights than those that were exported, or the network is not
            trusted.
    """
    made = artifact.provenance
    path = local_path(where)
    if path.is_dir():
        network = network_of_run(where, trust)
    elif not path.is_file():
        raise SkipwiseError(f"There is no file {path}; give a finished run's folder, or a file of weights.")
    else:
        check_trusted(made.model, trust, where)
        check_model(made.model)
        network = _trained_elsewhere(
            where,
            key=made.key,
            model=made.model,
            width=made.width,
            stem=made.stem,
            classes=artifact.classes,
            preprocessing=artifact.preprocessing,
        )
    if sha256(network.weights) != made.weights:
        raise SkipwiseError(f"{where} is not what this was exported from: its weights differ.")
    return replace(network, temperature=artifact.temperature)
