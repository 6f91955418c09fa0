"""The options of `compare`, `recommend`, `restore` and `report`."""

from __future__ import annotations

import os
from collections.abc import Sequence

from skipwise.comparison.executors.executor import Executor
from skipwise.core.options import Listed, group, option, options
from skipwise.core.workspace.options import FolderOptions
from skipwise.data.options import DataOptions, ReadingOptions
from skipwise.evaluation.options import OutcomeOptions, TargetOptions
from skipwise.nets.options import NetworkOptions
from skipwise.training.loop.recipe import RecipeOptions
from skipwise.training.options import MachineOptions, TrackOptions
from skipwise.training.tuning.options import TuneOptions

Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
DEFAULT_MODELS = ("resnet18", "se_resnet18", "mobilenet_v2", "plain18")


@options("Study")
class StudyOptions:
    """Options for the networks to compare and the number of runs."""

    models: str | Sequence[str] = option(
        DEFAULT_MODELS,
        "The networks to compare, separated by commas; see 'skipwise models'.",
        metavar="NETWORK,NETWORK,...",
        listed=Listed(),
    )
    seeds: int | None = option(
        None,
        "Train each network with this many seeds, at least 2, and look at the results once; instead of --looks.",
        metavar="N",
    )
    looks: Sequence[int] | None = option(
        None,
        "The numbers of seeds after which to look at the results. Only networks that can't be told apart yet get more "
        "seeds.",
        unset="5,8,12",
        metavar="N,N,...",
        listed=Listed(of=int, takes="rising numbers of seeds, like --looks 5,8,12"),
    )
    seed: int = option(0, "The first seed for initial weights, data order and augmentation; the others follow it.")
    every_pair: bool = option(
        False, "Spend more seeds also on pairs of networks of which neither can be the best any more."
    )
    time_limit: str | None = option(
        None,
        "Choose the looks and the number of epochs so that the comparison fits into a time, such as 20m or 2h.",
        metavar="TIME",
    )
    learning_curve: bool = option(
        False,
        "Also train the recommended network on a quarter and on half of the training images, to say what twice as many "
        "would bring.",
    )
    include: Paths = option(
        (),
        "Use a finished run instead of training it again; its network takes part. May be given several times.",
        metavar="RUN",
        repeated=True,
    )


@options("Weights to start from")
class StartOptions:
    """The weights that the networks start from."""

    init: Paths = option(
        (),
        "The weights to start from, for all networks or, after NETWORK=, for one: none; pretrained (published ImageNet "
        "weights); those of a run, by its folder; those in a file (for one network); or auto, the default, which is "
        "the published weights where experiments say that they help on such images. May be given several times.",
        metavar="[NETWORK=]none|auto|pretrained|RUN|FILE",
        repeated=True,
    )
    init_key: Paths = option(
        (),
        "Which weights to take from a file that holds several, such as state_dict_ema; for one network after "
        "NETWORK=. May be given several times.",
        metavar="[NETWORK=]KEY",
        repeated=True,
    )


@options("Machine")
class ProcessOptions:
    """Options for what does the runs, and how many at a time."""

    workers: int | None = option(
        None, "The number of runs at a time.", unset="what suits this machine", metavar="N", short="-j"
    )
    executor: str | Executor | None = option(
        None,
        "The executor that does the runs: local (processes of this machine), in-process (one run after the other, in "
        "the process of the command), ray (a Ray cluster, such as ray://head:10001) or slurm (jobs of Slurm). The "
        "results are the same.",
        unset="local",
        metavar="NAME[://ADDRESS]",
    )


@options("Disk")
class DiskOptions:
    """The option for what is kept of runs."""

    keep: str | None = option(
        None,
        "The runs that keep their weights: all; best, which is of each network the run that did best on the validation "
        "images; or none. Answers are always kept, and 'skipwise restore' trains dropped weights again.",
        unset="all",
        metavar="all|best|none",
    )


@options("Cost")
class PriceOptions:
    """The option for what machines cost."""

    price: str | None = option(
        None,
        "What one machine costs in an hour, such as 0.9/h or '$0.9/h', to state costs in money, too.",
        unset="costs are stated in machine-hours only",
        metavar="AMOUNT/h",
    )


@options("Plan")
class PlanOptions:
    """Options for the plan of a comparison."""

    extend: bool = option(
        False,
        "Extend the comparison in --output by more networks, or by more looks. Its runs are kept, and everything is "
        "judged again.",
    )
    plan: str | None = option(
        None, "Carry out a plan that --save-plan wrote, on these images.", metavar="FILE", path=True
    )
    save_plan: str | None = option(
        None, "Write the plan to a file, to carry it out on other images with --plan.", metavar="FILE", path=True
    )
    dry_run: bool = option(False, "Train nothing: print the plan, how long it takes, and what a time limit gives up.")


@options()
class CompareOptions:
    """The options of `compare`."""

    study: StudyOptions = group(StudyOptions)
    tuning: TuneOptions = group(TuneOptions)
    outcome: OutcomeOptions = group(OutcomeOptions)
    target: TargetOptions = group(TargetOptions)
    recipe: RecipeOptions = group(RecipeOptions)
    network: NetworkOptions = group(NetworkOptions)
    start: StartOptions = group(StartOptions)
    images: DataOptions = group(DataOptions)
    reading: ReadingOptions = group(ReadingOptions)
    machine: MachineOptions = group(MachineOptions)
    processes: ProcessOptions = group(ProcessOptions)
    disk: DiskOptions = group(DiskOptions)
    cost: PriceOptions = group(PriceOptions)
    tracking: TrackOptions = group(TrackOptions)
    folder: FolderOptions = group(FolderOptions)
    planning: PlanOptions = group(PlanOptions)


@options("Limits")
class RecommendOptions:
    """The options of `recommend`."""

    max_latency_ms: float | None = option(
        None, "The most milliseconds per image that are acceptable, one image at a time.", metavar="MS"
    )
    max_size_mb: float | None = option(
        None, "The most megabytes of weights that are acceptable, in float32.", metavar="MB"
    )
    max_macs: str | float | None = option(
        None, "The most multiply-adds per image that are acceptable, such as 600M or 1.5G.", metavar="N"
    )
    min_accuracy: float | None = option(
        None,
        "The least accuracy that is acceptable, as the comparison counts it: a share such as 0.93, or a percentage.",
        metavar="SHARE",
    )
    max_loss: float | None = option(
        None, "The largest loss that is acceptable, as the comparison counts it, such as 0.2.", metavar="LOSS"
    )
    costs: str | None = option(
        None,
        "Use latencies of another machine, from a file with what 'skipwise profile --json' printed there.",
        metavar="FILE",
        path=True,
    )


@options("What it was trained on")
class RestoreOptions:
    """The options of `restore`."""

    images: str | None = option(None, "The place of the images.", unset="where they were", metavar="DATA", path=True)
    init: str | None = option(
        None,
        "The file, or the run, of the weights that it started from.",
        unset="those that are published, if it started from these",
        metavar="RUN|FILE",
        path=True,
    )


@options("Report")
class ReportOptions:
    """The options of `report`."""

    format: str = option(
        "html",
        "The format: html writes the page again; md (Markdown, for a pull request) and json are printed.",
    )
    target: TargetOptions = group(TargetOptions)
    cost: PriceOptions = group(PriceOptions)
