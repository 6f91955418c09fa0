"""The options of `train`."""

from __future__ import annotations

from collections.abc import Sequence

from skipwise.core.options import group, option, options
from skipwise.core.workspace.options import FolderOptions
from skipwise.data.options import DataOptions, ReadingOptions
from skipwise.nets.options import NetworkOptions
from skipwise.training.loop.recipe import RecipeOptions
from skipwise.training.tuning.options import TuneOptions


@options("Machine")
class MachineOptions:
    """Options for the device, the precision and compilation."""

    device: str = option("auto", "The device to compute on: cpu, cuda, mps, or auto for the fastest one there is.")
    precision: str = option(
        "auto", "The precision to compute in: fp32, bf16, fp16, or auto for whichever is fast on this machine."
    )
    compile: bool | None = option(None, "Use torch.compile.", unset="where it saves time")
    pack: bool = option(
        True, "Decode the images once, into a file in the cache. Without it, they are decoded in every epoch."
    )


@options("Run")
class RunOptions:
    """Options of a run: its network, seed, length and initial weights."""

    model: str | None = option(
        None,
        "The network to train; see 'skipwise models'.",
        unset="that of the run in --init, or resnet18",
        metavar="NETWORK",
    )
    seed: int = option(0, "The seed for initial weights, data order and augmentation.")
    time_limit: str | None = option(
        None, "Train for as many epochs as fit into a time, such as 90s, 20m or 1h30m.", metavar="TIME"
    )
    init: str = option(
        "auto",
        "The weights to start from: none; pretrained (published ImageNet weights); those of a run, by its folder, or "
        "in a file; or auto, which is the published weights where experiments say that they help on such images.",
        metavar="none|auto|pretrained|RUN|FILE",
        path=True,
    )
    init_key: str | None = option(
        None,
        "Which weights to take from a file that holds several, such as state_dict_ema.",
        metavar="KEY",
    )
    depth_norms: bool = option(
        False,
        "Record how large activations and gradients are at each block, before the first step and after the first and "
        "the last epoch.",
    )


@options("Trackers")
class TrackOptions:
    """The option for tools that are told of runs."""

    track: str | Sequence[str] = option(
        (),
        "Log the runs in a tool, too: mlflow, tensorboard or wandb, or several, separated by commas. May be given "
        "several times.",
        metavar="TRACKER",
        repeated=True,
    )


@options()
class TrainOptions:
    """The options of `train`."""

    run: RunOptions = group(RunOptions)
    recipe: RecipeOptions = group(RecipeOptions)
    tuning: TuneOptions = group(TuneOptions)
    network: NetworkOptions = group(NetworkOptions)
    images: DataOptions = group(DataOptions, without=("folds",))
    reading: ReadingOptions = group(ReadingOptions)
    machine: MachineOptions = group(MachineOptions)
    tracking: TrackOptions = group(TrackOptions)
    folder: FolderOptions = group(FolderOptions)
