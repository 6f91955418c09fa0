"""A trained network and where it is: a finished run, or a file of weights that was trained by another program."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from skipwise.core.errors import Damaged, SkipwiseError, unknown_name
from skipwise.core.files.checksums import sha256
from skipwise.core.files.paths import user_path
from skipwise.core.machine.system import describe_machine
from skipwise.data.image.preprocess import Preprocessing
from skipwise.deploy.artifact.artifact import Artifact, Provenance
from skipwise.deploy.artifact.normalisation import IMAGENET_MEAN, IMAGENET_STD, check_scale
from skipwise.nets.catalogue import check_model
from skipwise.nets.external import Trust, check_trusted
from skipwise.nets.spec import NetworkSpec
from skipwise.training.run.record import read_run

if TYPE_CHECKING:
    from torch import nn

    from skipwise.nets.weights.loading import Loaded


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

    def module(self) -> nn.Module:
        """The PyTorch module with its weights, in evaluation mode on the CPU.

        Raises:
            SkipwiseError: the weights don't fit the network, or the file holds none.
        """
        return self.load()[0]

    def load(self) -> tuple[nn.Module, Loaded]:
        """The same, and what was loaded from the file."""
        network, loaded = self.spec.build_loaded()
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
        """What an artifact records about it."""
        return Provenance(
            model=self.model,
            width=self.width,
            stem=self.stem,
            seed=self.seed,
            recipe=self.recipe,
            run=str(user_path(self.where).absolute()),
            weights=sha256(self.weights),
            key=self.key,
            test_accuracy=self.test_accuracy,
            machine=describe_machine(),
        )


@dataclass(frozen=True, kw_only=True)
class ExternalWeights:
    """What has to be known about a file of weights from another program, because the file does not say it.

    Args:
        model: the network's name, as `create_model` takes it.
        classes: the names of the classes, in the order of the network's answers.
        img_size: height and width of the images, in pixels.
        mean: the mean of each channel, for pixels of 0 to 1; one value for a network of grey images.
        std: the standard deviation of each channel, for pixels of 0 to 1.
        crop: side of the central square that the network sees, as a share of the shorter side. Resizing to 256 pixels
            and cropping to 224 is 0.875.
        interpolation: how images are resized, "bilinear" or "bicubic".
        width: the network's width, a factor.
        stem: its stem, "imagenet" or "small".
        init_key: which of the file's weights, where it holds several; see `load_weights`.
    """

    model: str
    classes: tuple[str, ...]
    img_size: int = 224
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    crop: float = 1.0
    interpolation: str = "bilinear"
    width: float = 1.0
    stem: str = "imagenet"
    init_key: str | None = None

    def preprocessing(self) -> Preprocessing:
        """How images become the network's input.

        Raises:
            SkipwiseError: a value is out of range.
        """
        if not 8 <= self.img_size <= 1024:
            raise SkipwiseError(f"--img-size must lie between 8 and 1024 pixels, not {self.img_size}.")
        check_scale(self.mean, self.std)
        if not 0 < self.crop <= 1:
            raise SkipwiseError(f"--crop must be above 0 and at most 1, not {self.crop:g}.")
        if self.interpolation not in ("bilinear", "bicubic"):
            raise unknown_name("interpolation", self.interpolation, ("bilinear", "bicubic"))
        return Preprocessing(
            size=self.img_size,
            channels=len(self.mean),
            mean=self.mean,
            std=self.std,
            crop=self.crop,
            interpolation=self.interpolation,
        )


def network_of_run(folder: str | os.PathLike[str], trust: Trust = False) -> TrainedNetwork:
    """The network of a finished run.

    Args:
        folder: the run's.
        trust: whether a network of your own, whose code only the record names, may run.

    Raises:
        SkipwiseError: the folder holds no run, or one that is unfinished, failed or damaged; or its network is not
            trusted.
    """
    path = user_path(folder)
    if path.is_file():
        raise SkipwiseError(f"{path} is a file; name its network and classes: --model NAME --classes a,b,c")
    if not (path / "run.json").is_file():
        if (path / "comparison.json").is_file() or (path / "plan.json").is_file():
            runs = sorted(each.parent.name for each in path.glob("runs/*/run.json"))
            which = f"such as {path / 'runs' / runs[0]}" if runs else "once one of them is finished"
            raise SkipwiseError(f"{path} is a comparison; name one of its runs, {which}.")
        if (path / "terms.json").is_file() or any(path.glob("resume*.safetensors")):
            raise SkipwiseError(
                f"{path} has no run.json: the run is not finished, and the same command again finishes it; or the "
                "folder was copied without that file."
            )
        raise SkipwiseError(f"{path} is not a run; give the folder of a finished run, which has a run.json.")
    record = read_run(path)
    if record.status != "finished":
        raise SkipwiseError(f"The run in {path} failed ({record.reason}), so it has no network.")
    weights = path / "weights.safetensors"
    if not weights.is_file():
        raise SkipwiseError(f"{path} has no weights.safetensors any more; train that run again.")
    read_run(path, weights.name)
    spec = record.spec
    check_trusted(spec.model, trust, folder)
    try:
        spec.preprocessing.check()
    except ValueError as error:
        raise Damaged(f"{path / 'run.json'} is damaged ({error}); train it again, or copy {path} again.") from error
    return TrainedNetwork(
        where=Path(folder),
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


def network_of_file(file: str | os.PathLike[str], elsewhere: ExternalWeights) -> TrainedNetwork:
    """The network whose weights another program trained; the file is read as `load_weights` does it.

    Args:
        file: the weights.
        elsewhere: what the file does not say.

    Raises:
        SkipwiseError: there is no such file or network, or a value is out of range.
    """
    path, classes = user_path(file), elsewhere.classes
    check_model(elsewhere.model)
    if not path.is_file():
        raise SkipwiseError(f"There is no file {path}; give a finished run's folder, or a file of weights.")
    if len(set(classes)) != len(classes) or len(classes) < 2:
        raise SkipwiseError("--classes must name two classes or more, each once, in the order of its answers.")
    return TrainedNetwork(
        where=Path(file),
        weights=path,
        key=elsewhere.init_key,
        model=elsewhere.model,
        width=elsewhere.width,
        stem=elsewhere.stem,
        seed=None,
        recipe="",
        classes=classes,
        preprocessing=elsewhere.preprocessing(),
        test_accuracy=None,
    )


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
    path = user_path(where)
    if path.is_dir():
        network = network_of_run(where, trust)
    elif not path.is_file():
        raise SkipwiseError(f"There is no file {path}; give a finished run's folder, or a file of weights.")
    else:
        check_trusted(made.model, trust, where)
        check_model(made.model)
        network = TrainedNetwork(
            where=Path(where),
            weights=path,
            key=made.key,
            model=made.model,
            width=made.width,
            stem=made.stem,
            seed=None,
            recipe="",
            classes=artifact.classes,
            preprocessing=artifact.preprocessing,
            test_accuracy=None,
        )
    if sha256(network.weights) != made.weights:
        raise SkipwiseError(f"{where} is not what this was exported from: its weights differ.")
    return network
