# Written by `python -m skipwise.make_stub`, from the options that the verbs declare; not to be edited.

import os
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from pathlib import Path
from skipwise.auditing.record import AuditReport
from skipwise.comparison.recommend import Recommended
from skipwise.comparison.restore import Restored
from skipwise.core.reporting import Progress
from skipwise.cost.profile import ProfileReport
from skipwise.deploy.export.export import Exported
from skipwise.deploy.predict.answers import Answer
from skipwise.deploy.predict.predict import Predicted
from skipwise.deploy.trained.external_weights import ExternalWeights
from skipwise.deploy.verify.record import Verified
from skipwise.explaining.explain import Images
from skipwise.nets.external import Trust
from skipwise.serving.listening import Listening
from skipwise.studies.records import PlannedStudy
from skipwise.training.observer import TrainObserver
from typing import Any
from typing import Literal
from typing import overload

from skipwise import statistics as statistics
from skipwise import tracking as tracking
from skipwise.advice.advise import Advice as Advice
from skipwise.training.callbacks import Callback as Callback
from skipwise.cleaning.record import Cleaning as Cleaning
from skipwise.comparison.results.finished import Comparison as Comparison
from skipwise.training.depth.norms import DepthNorms as DepthNorms
from skipwise.training.callbacks import End as End
from skipwise.training.callbacks import Epoch as Epoch
from skipwise.evaluating.record import EvaluationReport as EvaluationReport
from skipwise.comparison.executors.executor import Executor as Executor
from skipwise.explaining.record import ExplanationReport as ExplanationReport
from skipwise.gating.record import GateReport as GateReport
from skipwise.comparison.executors.in_process import InProcess as InProcess
from skipwise.judging.record import JudgeReport as JudgeReport
from skipwise.judging.record import Judged as Judged
from skipwise.comparison.executors.local import LocalProcesses as LocalProcesses
from skipwise.nets.spec import NetworkSpec as NetworkSpec
from skipwise.comparison.run.observer import Observer as Observer
from skipwise.training.callbacks import Phase as Phase
from skipwise.comparison.plan.planned import Planned as Planned
from skipwise.deploy.predict.predictor import Prediction as Prediction
from skipwise.deploy.predict.predictor import Predictor as Predictor
from skipwise.deploy.hub.push import Pushed as Pushed
from skipwise.comparison.executors.ray.executor import RayExecutor as RayExecutor
from skipwise.data.sources import ReadingOptions as ReadingOptions
from skipwise.training.callbacks import RunEnd as RunEnd
from skipwise.core.errors import SkipwiseError as SkipwiseError
from skipwise.comparison.executors.slurm.executor import SlurmExecutor as SlurmExecutor
from skipwise.comparison.executors.slurm.request import SlurmRequest as SlurmRequest
from skipwise.data.sources import Source as Source
from skipwise.training.callbacks import Start as Start
from skipwise.watching.record import Status as Status
from skipwise.studies.records import StudyReport as StudyReport
from skipwise.training.train import Trained as Trained
from skipwise.nets.create import create_model as create_model
from skipwise.nets.create import list_models as list_models
from skipwise.deploy.load import load as load
from skipwise.nets.weights.loading import load_weights as load_weights
from skipwise.training.depth.norms import read_depth_norms as read_depth_norms

__version__: str
__all__ = [
    "Advice",
    "Callback",
    "Cleaning",
    "Comparison",
    "DepthNorms",
    "End",
    "Epoch",
    "EvaluationReport",
    "Executor",
    "ExplanationReport",
    "GateReport",
    "InProcess",
    "JudgeReport",
    "Judged",
    "LocalProcesses",
    "NetworkSpec",
    "Observer",
    "Phase",
    "Planned",
    "Prediction",
    "Predictor",
    "Pushed",
    "RayExecutor",
    "ReadingOptions",
    "RunEnd",
    "SkipwiseError",
    "SlurmExecutor",
    "SlurmRequest",
    "Source",
    "Start",
    "Status",
    "StudyReport",
    "Trained",
    "advise",
    "audit",
    "clean",
    "compare",
    "create_model",
    "evaluate",
    "explain",
    "export",
    "gate",
    "judge",
    "judge_predictions",
    "list_models",
    "load",
    "load_weights",
    "open_images",
    "predict",
    "profile",
    "push",
    "read_depth_norms",
    "recommend",
    "report",
    "restore",
    "serve",
    "statistics",
    "status",
    "study",
    "tracking",
    "train",
    "verify",
]

def advise(
    data: str | os.PathLike[str],
    *,
    img_size: int | None = None,
    val_share: float | None = None,
    split: str | os.PathLike[str] | None = None,
    exclude: str | os.PathLike[str] | None = None,
    folds: int | None = None,
    class_level: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    label_regex: str | None = None,
    group: str | None = None,
    group_regex: str | None = None,
    crop_boxes: bool = False,
    skip_unread_formats: bool = False,
    outcome: str | Sequence[str] = 'accuracy',
    margin: float | Sequence[float] | None = None,
    alpha: float = 0.05,
    networks: int = 4,
    looks: int = 3,
    progress: Progress | None = None,
    notice: Callable[[str], None] = ...,
) -> Advice:
    """Says what a set of images is like, and what to do with it: weights, cross-validation, size, mirror and balance.

    Nothing is trained or written. What it says about weights, sizes and mirroring comes from experiments; their table
    is in docs/advice.md.

    Args:
        data: the name of a data set, or the path of a folder, an archive or a table.
        networks: the number of networks that are to be compared; default 4. With 1 there is no comparison.
        looks: how many times their results are to be looked at; default 3.
        progress: called as progress(what, done, total) while the images are read; None by default.
        notice: called with each sentence that a person should know; by default nothing is called.
        img_size (int | None, default None): The size of the images, in pixels a side. None: their own, up to 128.
        val_share (float | None, default None): The share of the images that is kept for validation. None: 0.15, or 0.10
            of training images that are given as such.
        split (str | PathLike[str] | None, default None): Split the images as this split.csv of earlier work does.
        exclude (str | PathLike[str] | None, default None): Leave out the images that this audit.json flags.
        folds (int | None, default None): Cross-validate in this many parts, once per seed, instead of splitting the
            images. For small data sets.
        class_level (str | None, default None): The level of folders that holds the classes: 1 for the top, 2 for the
            folders in those, and so on, or leaf for the innermost. Folders that only wrap or split the images do not
            count. None: what the folders' names say.
        image_column (str | None, default None): The table's column that names the images.
        label_column (str | None, default None): The table's column that names the classes.
        label_regex (str | None, default None): The part of a file's name that is its class: '^([a-z]+)' finds cat in
            cat.0.jpg. The first group counts, or the whole match.
        group (str | None, default None): The table's column that says which images belong together (one patient), or
            'folder' for sub-folders of the classes.
        group_regex (str | None, default None): Which images belong together, by a pattern in their paths, such as
            'patient(\\d+)'.
        crop_boxes (bool, default False): Take each box of COCO annotations as an image of its own.
        skip_unread_formats (bool, default False): Leave out pictures in formats that are not read (raw, PSD, ...).
        outcome (str | Sequence[str], default 'accuracy'): What is compared: accuracy, balanced-accuracy (every class
            weighs the same), top5-accuracy, log-loss, brier, corrupted (accuracy under noise, blur, weather and
            compression), background (how much accuracy depends on the background, for the data set backgrounds), or one
            of them on some classes, such as accuracy:classes=A,B. Of several, separated by commas, the first decides
            which network is recommended and gets more seeds; the verdicts hold for all of them together.
        margin (float | Sequence[float] | None, default None): The largest difference that would not matter, in the unit
            of `outcome`: percentage points of an accuracy, nats of log-loss. Of several outcomes, that of the first, or
            of each, separated by commas. None: 0.5 points, 0.01 nats, or 0.005 of the Brier score.
        alpha (float, default 0.05): The probability that any of the verdicts is wrong.

    Returns:
        The advice, with the flags that carry it out.

    Raises:
        SkipwiseError: the images can't be found, they can't be trained on as they are (one class, unreadable files), or
            an option is out of range.

    Example:
        >>> import skipwise
        >>> skipwise.advise("digits", networks=2).flags
        ('--folds', '5')
    """

def audit(
    data: str | os.PathLike[str],
    *,
    split: str | os.PathLike[str] | None = None,
    run: str | os.PathLike[str] | None = None,
    class_level: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    label_regex: str | None = None,
    group: str | None = None,
    group_regex: str | None = None,
    crop_boxes: bool = False,
    skip_unread_formats: bool = False,
    output: str | os.PathLike[str] | None = None,
    again: bool = False,
    progress: Progress | None = None,
    notice: Callable[[str], None] = ...,
) -> AuditReport:
    """Writes a page with a contact sheet of each class, and with what is wrong with the images; changes no image.

    It looks for images that are unreadable, there more than once, in more than one split, under two labels, blank, very
    small or very narrow. If the same images with the same findings have a folder in runs/audit, it is shown again.

    Args:
        data: the name of a data set, or the path of a folder, an archive or a table.
        progress: called as progress(what, done, total) while the images are read; None by default.
        notice: called with each sentence that a person should know; by default nothing is called.
        split (str | PathLike[str] | None, default None): Split the images as this split.csv of earlier work does.
        run (str | PathLike[str] | None, default None): Find mislabelled images by the predictions of a run, or of a
            comparison, of these images.
        class_level (str | None, default None): The level of folders that holds the classes: 1 for the top, 2 for the
            folders in those, and so on, or leaf for the innermost. Folders that only wrap or split the images do not
            count. None: what the folders' names say.
        image_column (str | None, default None): The table's column that names the images.
        label_column (str | None, default None): The table's column that names the classes.
        label_regex (str | None, default None): The part of a file's name that is its class: '^([a-z]+)' finds cat in
            cat.0.jpg. The first group counts, or the whole match.
        group (str | None, default None): The table's column that says which images belong together (one patient), or
            'folder' for sub-folders of the classes.
        group_regex (str | None, default None): Which images belong together, by a pattern in their paths, such as
            'patient(\\d+)'.
        crop_boxes (bool, default False): Take each box of COCO annotations as an image of its own.
        skip_unread_formats (bool, default False): Leave out pictures in formats that are not read (raw, PSD, ...).
        output (str | PathLike[str] | None, default None): The folder for the results. None: the next in runs/audit.
        again (bool, default False): Do it once more, in the next folder, even if the same command has been finished
            before.

    Returns:
        The findings and where the page is. What would keep `compare` from starting is in `record.faults`.

    Raises:
        SkipwiseError: the images can't be found, none of them can be read, they are no data set, or the folder for the
            results holds something else; nothing is written then.

    Example:
        >>> import skipwise
        >>> report = skipwise.audit("digits", output="audit-of-digits")
        >>> report.record.counts.findings, report.record.faults
        ({}, ())
        >>> sorted(path.name for path in report.folder.glob("audit.*"))
        ['audit.html', 'audit.json']
    """

def clean(
    folders: Sequence[str | os.PathLike[str]],
    *,
    older_than: int = 30,
    cache: bool = True,
    yes: bool = False,
) -> Cleaning:
    """Lists what may go in folders of results and in the cache; with `yes`, it frees it.

    Results, answers, exported networks, the weights that one would use, and whatever a running process holds are never
    touched, nor is anything that Skipwise did not make, nor what lies at an address.

    Args:
        folders: of works, or folders that hold several, such as ["runs"]; [] looks into the cache only. An address,
            such as "s3://bucket/pets", stands for the copies, in the cache, of what lies there.
        older_than (int, default 30): The days after which unfinished work counts as abandoned, and a cache as not used.
        cache (bool, default True): Look into the cache of decoded images and data sets, too.
        yes (bool, default False): Free what may go. Without it, it is only listed.

    Returns:
        What may go, and what was freed.

    Raises:
        SkipwiseError: there is no such folder, or a number of days below 0.

    Example:
        >>> import skipwise
        >>> [each.kind for each in skipwise.clean(["runs"], cache=False).found]
        []
    """

@overload
def compare(
    data: str | os.PathLike[str],
    *,
    models: str | Sequence[str] = ...,
    seeds: int | None = None,
    looks: Sequence[int] | None = None,
    seed: int = 0,
    every_pair: bool = False,
    time_limit: str | None = None,
    learning_curve: bool = False,
    include: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = ...,
    tune: Sequence[float] | None = None,
    tune_trials: int | None = None,
    tune_what: Sequence[str] | None = None,
    tune_epochs: int | None = None,
    outcome: str | Sequence[str] = 'accuracy',
    margin: float | Sequence[float] | None = None,
    alpha: float = 0.05,
    target_accuracy: float | None = None,
    recipe: str = 'standard',
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    mirror: bool | None = None,
    balance: str | None = None,
    freeze_norms: bool = False,
    stem: str = 'auto',
    width: float | None = None,
    pretrained: bool = False,
    init: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = ...,
    init_key: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = ...,
    img_size: int | None = None,
    val_share: float | None = None,
    split: str | os.PathLike[str] | None = None,
    exclude: str | os.PathLike[str] | None = None,
    strict: bool = False,
    folds: int | None = None,
    class_level: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    label_regex: str | None = None,
    group: str | None = None,
    group_regex: str | None = None,
    crop_boxes: bool = False,
    skip_unread_formats: bool = False,
    device: str = 'auto',
    precision: str = 'auto',
    compile: bool | None = None,
    pack: bool = True,
    workers: int | None = None,
    executor: str | Executor | None = None,
    keep: str | None = None,
    price: str | None = None,
    track: str | Sequence[str] = ...,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    again: bool = False,
    extend: bool = False,
    plan: str | os.PathLike[str] | None = None,
    save_plan: str | os.PathLike[str] | None = None,
    dry_run: Literal[False] = False,
    began: float | None = None,
    callbacks: Sequence[Callback] = ...,
    observer: Observer | None = None,
) -> Comparison:
    """Trains every network with every seed on the same images in the same way, and says which to use.

    The same call again continues an unfinished comparison of the same plan, or shows a finished one. With a plan's
    file, all that it fixes is as the file says; what is given beside it may not say otherwise.

    Args:
        data: the name of a data set, or the path of a folder with one sub-folder per class, an archive of one, or a
            table of paths and labels.
        began: the time on time.monotonic() from which the time limit counts, in seconds; None (default) is now.
        callbacks: called while the comparison is running, see `skipwise.Callback`; none by default.
        observer: deprecated; use `callbacks`.
        models (str | Sequence[str], default ('resnet18', 'se_resnet18', 'mobilenet_v2', 'plain18')): The networks to
            compare, separated by commas; see 'skipwise models'.
        seeds (int | None, default None): Train each network with this many seeds, at least 2, and look at the results
            once; instead of `looks`.
        looks (Sequence[int] | None, default None): The numbers of seeds after which to look at the results. Only
            networks that can't be told apart yet get more seeds. None: 5,8,12.
        seed (int, default 0): The first seed for initial weights, data order and augmentation; the others follow it.
        every_pair (bool, default False): Spend more seeds also on pairs of networks of which neither can be the best
            any more.
        time_limit (str | None, default None): Choose the looks and the number of epochs so that the comparison fits
            into a time, such as 20m or 2h.
        learning_curve (bool, default False): Also train the recommended network on a quarter and on half of the
            training images, to say what twice as many would bring.
        include (str | PathLike[str] | Sequence[str | PathLike[str]], default ()): Use a finished run instead of
            training it again; its network takes part. May be given several times.
        tune (Sequence[float] | None, default None): Try these peak learning rates first, and choose one for each
            network by the validation images. With `tune_trials`, the lowest and the highest one to search between.
        tune_trials (int | None, default None): Have Optuna choose hyperparameters so many times for each network, by
            the validation images, and train with the best ones.
        tune_what (Sequence[str] | None, default None): The hyperparameters that `tune_trials` searches: lr,
            weight_decay, momentum, label_smoothing, mixup, cutmix and cutout, separated by commas. None: lr.
        tune_epochs (int | None, default None): The number of epochs of the runs that tune. None: a third of the
            recipe's.
        outcome (str | Sequence[str], default 'accuracy'): What is compared: accuracy, balanced-accuracy (every class
            weighs the same), top5-accuracy, log-loss, brier, corrupted (accuracy under noise, blur, weather and
            compression), background (how much accuracy depends on the background, for the data set backgrounds), or one
            of them on some classes, such as accuracy:classes=A,B. Of several, separated by commas, the first decides
            which network is recommended and gets more seeds; the verdicts hold for all of them together.
        margin (float | Sequence[float] | None, default None): The largest difference that would not matter, in the unit
            of `outcome`: percentage points of an accuracy, nats of log-loss. Of several outcomes, that of the first, or
            of each, separated by commas. None: 0.5 points, 0.01 nats, or 0.005 of the Brier score.
        alpha (float, default 0.05): The probability that any of the verdicts is wrong.
        target_accuracy (float | None, default None): Also compare how many epochs networks need to reach this accuracy
            on the validation images, in percent.
        recipe (str, default 'standard'): The recipe to train by: fast, standard, or reference (200 epochs, the field's
            usual).
        epochs (int | None, default None): The number of passes over the training images. None: the recipe's.
        batch_size (int | None, default None): The number of images per step. None: fits the training set.
        lr (float | None, default None): The peak learning rate. None: the recipe's.
        mirror (bool | None, default None): Mirror training images left to right at random. Not for letters, digits or
            signs. None: mirror, unless a mirrored image is known to be of another class.
        balance (str | None, default None): How to compensate for rare classes: none, sampling (every class is shown
            equally often) or loss (rare classes weigh more). None: none.
        freeze_norms (bool, default False): Keep the statistics, scales and biases of batch norms as in the weights to
            start from.
        stem (str, default 'auto'): The first layers: small, imagenet, or auto, which is the stem of the weights to
            start from, or else small up to 64 pixels.
        width (float | None, default None): The number of channels, as a multiple of the published number. None: that of
            the weights to start from, or 1.
        pretrained (bool, default False): Start from published ImageNet weights, as `init` pretrained does.
        init (str | PathLike[str] | Sequence[str | PathLike[str]], default ()): The weights to start from, for all
            networks or, after NETWORK=, for one: none; pretrained (published ImageNet weights); those of a run, by its
            folder; those in a file (for one network); or auto, the default, which is the published weights where
            experiments say that they help on such images. May be given several times.
        init_key (str | PathLike[str] | Sequence[str | PathLike[str]], default ()): Which weights to take from a file
            that holds several, such as state_dict_ema; for one network after NETWORK=. May be given several times.
        img_size (int | None, default None): The size of the images, in pixels a side. None: their own, up to 128.
        val_share (float | None, default None): The share of the images that is kept for validation. None: 0.15, or 0.10
            of training images that are given as such.
        split (str | PathLike[str] | None, default None): Split the images as this split.csv of earlier work does.
        exclude (str | PathLike[str] | None, default None): Leave out the images that this audit.json flags.
        strict (bool, default False): Fail if an image is, exactly or nearly, on two sides of a given split.
        folds (int | None, default None): Cross-validate in this many parts, once per seed, instead of splitting the
            images. For small data sets.
        class_level (str | None, default None): The level of folders that holds the classes: 1 for the top, 2 for the
            folders in those, and so on, or leaf for the innermost. Folders that only wrap or split the images do not
            count. None: what the folders' names say.
        image_column (str | None, default None): The table's column that names the images.
        label_column (str | None, default None): The table's column that names the classes.
        label_regex (str | None, default None): The part of a file's name that is its class: '^([a-z]+)' finds cat in
            cat.0.jpg. The first group counts, or the whole match.
        group (str | None, default None): The table's column that says which images belong together (one patient), or
            'folder' for sub-folders of the classes.
        group_regex (str | None, default None): Which images belong together, by a pattern in their paths, such as
            'patient(\\d+)'.
        crop_boxes (bool, default False): Take each box of COCO annotations as an image of its own.
        skip_unread_formats (bool, default False): Leave out pictures in formats that are not read (raw, PSD, ...).
        device (str, default 'auto'): The device to compute on: cpu, cuda, mps, or auto for the fastest one there is.
        precision (str, default 'auto'): The precision to compute in: fp32, bf16, fp16, or auto for whichever is fast on
            this machine.
        compile (bool | None, default None): Use torch.compile. None: where it saves time.
        pack (bool, default True): Decode the images once, into a file in the cache. Without it, they are decoded in
            every epoch.
        workers (int | None, default None): The number of runs at a time. None: what suits this machine.
        executor (str | Executor | None, default None): The executor that does the runs: local (processes of this
            machine), in-process (one run after the other, in the process of the command), ray (a Ray cluster, such as
            ray://head:10001) or slurm (jobs of Slurm). The results are the same. None: local.
        keep (str | None, default None): The runs that keep their weights: all; best, which is of each network the run
            that did best on the validation images; or none. Answers are always kept, and 'skipwise restore' trains
            dropped weights again. None: all.
        price (str | None, default None): What one machine costs in an hour, such as 0.9/h or '$0.9/h', to state costs
            in money, too. None: costs are stated in machine-hours only.
        track (str | Sequence[str], default ()): Log the runs in a tool, too: mlflow, tensorboard or wandb, or several,
            separated by commas. May be given several times.
        output (str | PathLike[str] | None, default None): The folder for the results. None: the next in runs/compare.
        resume (bool, default False): Fail unless there is unfinished work to continue.
        again (bool, default False): Do it once more, in the next folder, even if the same command has been finished
            before.
        extend (bool, default False): Extend the comparison in `output` by more networks, or by more looks. Its runs are
            kept, and everything is judged again.
        plan (str | PathLike[str] | None, default None): Carry out a plan that `save_plan` wrote, on these images.
        save_plan (str | PathLike[str] | None, default None): Write the plan to a file, to carry it out on other images
            with `plan`.
        dry_run (bool, default False): Train nothing: print the plan, how long it takes, and what a time limit gives up.

    Returns:
        The comparison; with `dry_run`, a `Planned`.

    Raises:
        SkipwiseError: the images can't be found or can't be trained on; there is no such network, or an option is out
            of range; the folder for the results holds something else, or another process works in it; the time limit
            is too short; the disk is full; or a callback failed. Runs that were finished are kept, and the same call
            continues from there.
        TypeError: there is no such argument.

    Example:
        >>> import skipwise
        >>> found = skipwise.compare("digits", models=["resnet20", "se_resnet20"], seeds=2, epochs=4)
        >>> [(pair.a, pair.b) for pair in found.results.pairs]
        [('resnet20', 'se_resnet20')]
        >>> found.costs.recommendation.candidate in ("resnet20", "se_resnet20")
        True
    """

@overload
def compare(
    data: str | os.PathLike[str],
    *,
    models: str | Sequence[str] = ...,
    seeds: int | None = None,
    looks: Sequence[int] | None = None,
    seed: int = 0,
    every_pair: bool = False,
    time_limit: str | None = None,
    learning_curve: bool = False,
    include: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = ...,
    tune: Sequence[float] | None = None,
    tune_trials: int | None = None,
    tune_what: Sequence[str] | None = None,
    tune_epochs: int | None = None,
    outcome: str | Sequence[str] = 'accuracy',
    margin: float | Sequence[float] | None = None,
    alpha: float = 0.05,
    target_accuracy: float | None = None,
    recipe: str = 'standard',
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    mirror: bool | None = None,
    balance: str | None = None,
    freeze_norms: bool = False,
    stem: str = 'auto',
    width: float | None = None,
    pretrained: bool = False,
    init: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = ...,
    init_key: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = ...,
    img_size: int | None = None,
    val_share: float | None = None,
    split: str | os.PathLike[str] | None = None,
    exclude: str | os.PathLike[str] | None = None,
    strict: bool = False,
    folds: int | None = None,
    class_level: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    label_regex: str | None = None,
    group: str | None = None,
    group_regex: str | None = None,
    crop_boxes: bool = False,
    skip_unread_formats: bool = False,
    device: str = 'auto',
    precision: str = 'auto',
    compile: bool | None = None,
    pack: bool = True,
    workers: int | None = None,
    executor: str | Executor | None = None,
    keep: str | None = None,
    price: str | None = None,
    track: str | Sequence[str] = ...,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    again: bool = False,
    extend: bool = False,
    plan: str | os.PathLike[str] | None = None,
    save_plan: str | os.PathLike[str] | None = None,
    dry_run: Literal[True],
    began: float | None = None,
    callbacks: Sequence[Callback] = ...,
    observer: Observer | None = None,
) -> Planned: ...

@overload
def compare(
    data: str | os.PathLike[str],
    *,
    models: str | Sequence[str] = ...,
    seeds: int | None = None,
    looks: Sequence[int] | None = None,
    seed: int = 0,
    every_pair: bool = False,
    time_limit: str | None = None,
    learning_curve: bool = False,
    include: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = ...,
    tune: Sequence[float] | None = None,
    tune_trials: int | None = None,
    tune_what: Sequence[str] | None = None,
    tune_epochs: int | None = None,
    outcome: str | Sequence[str] = 'accuracy',
    margin: float | Sequence[float] | None = None,
    alpha: float = 0.05,
    target_accuracy: float | None = None,
    recipe: str = 'standard',
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    mirror: bool | None = None,
    balance: str | None = None,
    freeze_norms: bool = False,
    stem: str = 'auto',
    width: float | None = None,
    pretrained: bool = False,
    init: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = ...,
    init_key: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = ...,
    img_size: int | None = None,
    val_share: float | None = None,
    split: str | os.PathLike[str] | None = None,
    exclude: str | os.PathLike[str] | None = None,
    strict: bool = False,
    folds: int | None = None,
    class_level: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    label_regex: str | None = None,
    group: str | None = None,
    group_regex: str | None = None,
    crop_boxes: bool = False,
    skip_unread_formats: bool = False,
    device: str = 'auto',
    precision: str = 'auto',
    compile: bool | None = None,
    pack: bool = True,
    workers: int | None = None,
    executor: str | Executor | None = None,
    keep: str | None = None,
    price: str | None = None,
    track: str | Sequence[str] = ...,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    again: bool = False,
    extend: bool = False,
    plan: str | os.PathLike[str] | None = None,
    save_plan: str | os.PathLike[str] | None = None,
    dry_run: bool,
    began: float | None = None,
    callbacks: Sequence[Callback] = ...,
    observer: Observer | None = None,
) -> Comparison | Planned: ...

def evaluate(
    network: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    subset: str = 'test',
    backend: str | None = None,
    model: str | None = None,
    classes: str | Sequence[str] | None = None,
    img_size: int | None = None,
    mean: Sequence[float] = ...,
    std: Sequence[float] = ...,
    crop: float = 1.0,
    interpolation: str = 'bilinear',
    width: float = 1.0,
    stem: str | None = None,
    init_key: str | None = None,
    corruptions: str | Sequence[str] | None = None,
    severities: Sequence[int] | None = None,
    images: int | None = None,
    trust: bool | str = False,
    class_level: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    label_regex: str | None = None,
    group: str | None = None,
    group_regex: str | None = None,
    crop_boxes: bool = False,
    skip_unread_formats: bool = False,
    output: str | os.PathLike[str] | None = None,
    again: bool = False,
    progress: Progress | None = None,
    notice: Callable[[str], None] = ...,
) -> EvaluationReport:
    """Evaluates one network on labelled images, and writes a page, a record and every answer.

    Args:
        network (str | Path): the folder of a finished run, or of an exported network, which needs no PyTorch; a folder
            that `export --huggingface` wrote, or `hf-hub:user/name`; or a file of weights that another program trained,
            with the option `model`.
        data (str | Path | None): labelled images, matched by the names of their classes. None, the default, takes the
            run's own images. Of images that the run was trained on, only its test images are taken.
        progress (Callable[[str, int, int], None] | None): called as progress(what, done, total); None by default.
        notice (Callable[[str], None]): called with each sentence that a person should know; by default nothing is
            called.
        subset (str, default 'test'): Which of the run's own images to evaluate on: test or val.
        backend (str | None, default None): What runs an exported network: onnxruntime, openvino or torch. None: the
            format's own.
        model (str | None, default None): The network; see 'skipwise models'. For a run: trust the network of your own
            that has this name.
        classes (str | Sequence[str] | None, default None): The names of the classes in the order of the network's
            answers, as a,b,c or as a file of lines.
        img_size (int | None, default None): The size of the images, in pixels a side. None: 32 for networks that were
            published for CIFAR, else 224.
        mean (Sequence[float], default (0.485, 0.456, 0.406)): The mean of each channel, from 0 to 1; one number for
            grey images.
        std (Sequence[float], default (0.229, 0.224, 0.225)): The standard deviation of each channel, from 0 to 1.
        crop (float, default 1.0): The side of the central square that the network sees, as a share of the shorter side:
            0.875 if images are resized to 256 pixels and cropped to 224.
        interpolation (str, default 'bilinear'): How images are resized: bilinear or bicubic.
        width (float, default 1.0): The width of the network, as in 'skipwise train'.
        stem (str | None, default None): The stem of the network: imagenet or small. None: the one that the network was
            published with.
        init_key (str | None, default None): Which weights to take from a file that holds several, such as
            state_dict_ema.
        corruptions (str | Sequence[str] | None, default None): Also measure the accuracy on corrupted images: all,
            groups of corruptions (noise, blur, weather, digital), or single ones such as fog,gaussian_noise. They are
            applied to images at the size that the network takes. None: none.
        severities (Sequence[int] | None, default None): The severities of the corruptions, from 1 to 5, such as 1,3,5.
            None: all five.
        images (int | None, default None): How many images are corrupted at most, drawn class by class. Each is answered
            once for every corruption and severity. None: 1000.
        trust (bool | str, default False): Run the code of a network of your own that the run's record names, whichever
            it is.
        class_level (str | None, default None): The level of folders that holds the classes: 1 for the top, 2 for the
            folders in those, and so on, or leaf for the innermost. Folders that only wrap or split the images do not
            count. None: what the folders' names say.
        image_column (str | None, default None): The table's column that names the images.
        label_column (str | None, default None): The table's column that names the classes.
        label_regex (str | None, default None): The part of a file's name that is its class: '^([a-z]+)' finds cat in
            cat.0.jpg. The first group counts, or the whole match.
        group (str | None, default None): The table's column that says which images belong together (one patient), or
            'folder' for sub-folders of the classes.
        group_regex (str | None, default None): Which images belong together, by a pattern in their paths, such as
            'patient(\\d+)'.
        crop_boxes (bool, default False): Take each box of COCO annotations as an image of its own.
        skip_unread_formats (bool, default False): Leave out pictures in formats that are not read (raw, PSD, ...).
        output (str | PathLike[str] | None, default None): The folder for the results. None: the next in runs/evaluate.
        again (bool, default False): Do it once more, in the next folder, even if the same command has been finished
            before.

    Returns:
        The report: its folder, and its `evaluation` with every number.

    Raises:
        SkipwiseError: the folder holds no network or a damaged one, the run failed, the images have no labels or none
            of the network's classes, a file can't be read, or there is no such corruption.

    Example:
        >>> import skipwise
        >>> report = skipwise.evaluate("runs/export/images-onnx-fp32", "images")
        >>> report.evaluation.accuracy.low <= report.evaluation.accuracy.value
        True
    """

def explain(
    run: str | os.PathLike[str],
    images: Images,
    *,
    class_name: str | None = None,
    layer: str | None = None,
    check: bool = False,
    limit: int = 100,
    output: str | os.PathLike[str] | None = None,
    again: bool = False,
    trust: bool | str = False,
    progress: Progress | None = None,
    notice: Callable[[str], None] = ...,
) -> ExplanationReport:
    """Shows what parts of images a network's answers come from: heat maps as pictures, on a page and in numbers.

    A network of Skipwise has exact class activation maps, whose mean is the logit (Zhou et al. 2016, arXiv:1512.04150).
    External networks, and layers that are named, get Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391). An image has a
    map for the answer; one for its label where the answer is wrong; and one for the class that is asked for. Its label
    is the name of its folder, where the network has a class of that name. Where the network has squeeze-excite gates
    and images have labels, it is measured what the gates do.

    Args:
        run (str | Path): the folder of a finished run, or of a network that was exported with `explain=True`, which
            needs no PyTorch and gives the map of the answer alone.
        images (str | Path | Iterable[str | Path]): image files, folders (searched through), archives, or "-" for one
            image on standard input.
        progress (Callable[[str, int, int], None] | None): called as progress(what, done, total); None by default.
        notice (Callable[[str], None]): called with each sentence that a person should know; by default nothing is
            called.
        class_name (str | None, default None): Show the map of this class, too, whatever the answer is.
        layer (str | None, default None): Show Grad-CAM at this layer of the network. None: class activation maps, which
            are exact; for an external network Grad-CAM at the layer that is pooled.
        check (bool, default False): Check the maps, too: whether they change when weights are made random, and whether
            the pixels that they mark are those that the answer depends on.
        limit (int, default 100): The most images that are explained. Of more, evenly spaced ones are chosen.
        output (str | PathLike[str] | None, default None): The folder for the results. None: the next in runs/explain.
        again (bool, default False): Do it once more, in the next folder, even if the same command has been finished
            before.
        trust (bool | str, default False): Run the code of a network of your own that the run's record names, whichever
            it is.

    Returns:
        ExplanationReport: the folder, and the record with every number.

    Raises:
        SkipwiseError: there is no such run or it is damaged, no image can be read, the network has no such class or
            layer, or a package is not installed.

    Example:
        >>> import skipwise
        >>> report = skipwise.explain("runs/train/images", "photo.jpg")
        >>> shown = report.record.images[0]
        >>> shown.maps[0].name == shown.answer
        True
    """

def export(
    run: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    format: str = 'onnx',
    precision: str = 'fp32',
    max_drop: float = 0.3,
    temperature: bool = True,
    explain: bool = False,
    serve: str | None = None,
    huggingface: bool = False,
    sign: str | os.PathLike[str] | None = None,
    output: str | os.PathLike[str] | None = None,
    trust: bool | str = False,
    model: str | None = None,
    classes: str | Sequence[str] | None = None,
    img_size: int | None = None,
    mean: Sequence[float] = ...,
    std: Sequence[float] = ...,
    crop: float = 1.0,
    interpolation: str = 'bilinear',
    width: float = 1.0,
    stem: str | None = None,
    init_key: str | None = None,
    track: str | Sequence[str] = ...,
    class_level: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    label_regex: str | None = None,
    crop_boxes: bool = False,
    skip_unread_formats: bool = False,
    elsewhere: ExternalWeights | None = None,
    reading: ReadingOptions | None = None,
    progress: Progress | None = None,
    notice: Callable[[str], None] = ...,
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
        format (str, default 'onnx'): The format of the file: onnx, openvino or torch (a .pt2 of torch.export).
        precision (str, default 'fp32'): The precision of the weights: fp32, fp16 (half the space; computed in single
            precision) or int8.
        max_drop (float, default 0.3): For int8: the points of accuracy on the validation images that may be lost.
        temperature (bool, default True): Divide the logits by the temperature that makes the probabilities honest on
            the run's validation images. It changes no answer.
        explain (bool, default False): Give the heat map of the answer, too, as a second output of an ONNX file of fp32
            or fp16; for networks of Skipwise.
        serve (str | None, default None): Write a folder into the artifact, too, that a server runs as it is: docker,
            openvino-model-server or triton.
        huggingface (bool, default False): Write a folder into the artifact, too, for the Hugging Face Hub: a model
            card, the weights, and a config.json that timm takes, too, where it has the network. 'skipwise push' sends
            it.
        sign (str | PathLike[str] | None, default None): Sign the artifact with this secret minisign key. One that was
            made before has to be signed by it already.
        output (str | PathLike[str] | None, default None): The folder for the results. None: the next in runs/export.
        trust (bool | str, default False): Run the code of a network of your own that the run's record names, whichever
            it is.
        model (str | None, default None): The network; see 'skipwise models'. For a run: trust the network of your own
            that has this name.
        classes (str | Sequence[str] | None, default None): The names of the classes in the order of the network's
            answers, as a,b,c or as a file of lines.
        img_size (int | None, default None): The size of the images, in pixels a side. None: 32 for networks that were
            published for CIFAR, else 224.
        mean (Sequence[float], default (0.485, 0.456, 0.406)): The mean of each channel, from 0 to 1; one number for
            grey images.
        std (Sequence[float], default (0.229, 0.224, 0.225)): The standard deviation of each channel, from 0 to 1.
        crop (float, default 1.0): The side of the central square that the network sees, as a share of the shorter side:
            0.875 if images are resized to 256 pixels and cropped to 224.
        interpolation (str, default 'bilinear'): How images are resized: bilinear or bicubic.
        width (float, default 1.0): The width of the network, as in 'skipwise train'.
        stem (str | None, default None): The stem of the network: imagenet or small. None: the one that the network was
            published with.
        init_key (str | None, default None): Which weights to take from a file that holds several, such as
            state_dict_ema.
        track (str | Sequence[str], default ()): Log the runs in a tool, too: mlflow, tensorboard or wandb, or several,
            separated by commas. May be given several times.
        class_level (str | None, default None): The level of folders that holds the classes: 1 for the top, 2 for the
            folders in those, and so on, or leaf for the innermost. Folders that only wrap or split the images do not
            count. None: what the folders' names say.
        image_column (str | None, default None): The table's column that names the images.
        label_column (str | None, default None): The table's column that names the classes.
        label_regex (str | None, default None): The part of a file's name that is its class: '^([a-z]+)' finds cat in
            cat.0.jpg. The first group counts, or the whole match.
        crop_boxes (bool, default False): Take each box of COCO annotations as an image of its own.
        skip_unread_formats (bool, default False): Leave out pictures in formats that are not read (raw, PSD, ...).

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

def gate(
    old: str | os.PathLike[str],
    new: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    margin: float = 1.0,
    alpha: float = 0.05,
    timing: bool = True,
    trust: bool | str = False,
    class_level: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    label_regex: str | None = None,
    group: str | None = None,
    group_regex: str | None = None,
    crop_boxes: bool = False,
    skip_unread_formats: bool = False,
    progress: Progress | None = None,
    notice: Callable[[str], None] = ...,
) -> GateReport:
    """Says whether a new network may take an old one's place: whether it is shown not to be worse by more than a
    margin.

    Both answer the same images. The interval of the drop in accuracy is that of `verify`, paired over images, or over
    groups of images that belong together. It is about these two networks, as they are, and not about their recipes.

    Args:
        old (str | Path): the network in use: the folder of an exported network, of a run, or a file of predictions.
        new (str | Path): the network that is to replace it, in any of these forms.
        data (str | Path | None): labelled images; of a set with a test split, its test images are taken. For files of
            predictions without labels, a table of id and label. None, the default: the test images of the runs, or
            those in the files.
        progress (Callable[[str, int, int], None] | None): called as progress(what, done, total); None by default.
        notice (Callable[[str], None]): called with each sentence that a person should know; by default nothing is
            called.
        margin (float, default 1.0): The largest drop in accuracy that would not matter, in percentage points.
        alpha (float, default 0.05): How often the interval of the drop may miss. A network that is worse by more than
            `margin` passes at most half as often.
        timing (bool, default True): Time both networks in turn. The times have no part in the result.
        trust (bool | str, default False): Run the code of a network of your own that the run's record names, whichever
            it is.
        class_level (str | None, default None): The level of folders that holds the classes: 1 for the top, 2 for the
            folders in those, and so on, or leaf for the innermost. Folders that only wrap or split the images do not
            count. None: what the folders' names say.
        image_column (str | None, default None): The table's column that names the images.
        label_column (str | None, default None): The table's column that names the classes.
        label_regex (str | None, default None): The part of a file's name that is its class: '^([a-z]+)' finds cat in
            cat.0.jpg. The first group counts, or the whole match.
        group (str | None, default None): The table's column that says which images belong together (one patient), or
            'folder' for sub-folders of the classes.
        group_regex (str | None, default None): Which images belong together, by a pattern in their paths, such as
            'patient(\\d+)'.
        crop_boxes (bool, default False): Take each box of COCO annotations as an image of its own.
        skip_unread_formats (bool, default False): Leave out pictures in formats that are not read (raw, PSD, ...).

    Returns:
        GateReport: the outcome, the interval, and what else a reviewer wants to see.

    Raises:
        SkipwiseError: one of the networks can't answer these images, they have no images in common, labels differ, or
            the margin is none.

    Example:
        >>> import skipwise
        >>> report = skipwise.gate("old.csv", "new.csv", margin=2)
        >>> report.outcome
        'pass'
        >>> print(report.verdict[0])
        PASS: ...
    """

def judge(
    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    margin: float | None = None,
    outcome: str = 'accuracy',
    alpha: float = 0.05,
    labels: str | os.PathLike[str] | None = None,
    network_column: str | None = None,
    seed_column: str | None = None,
    group: str | None = None,
    output: str | os.PathLike[str] | None = None,
    again: bool = False,
    progress: Progress | None = None,
    notice: Callable[[str], None] = ...,
) -> JudgeReport:
    """Judges predictions of any tool: intervals and verdicts for every pair of networks, and a report.

    Args:
        files (Path | list[Path]): files of predictions, one for each network and seed, called after both
            (resnet18-s0.csv), or tables that hold several: .csv, .tsv, .parquet, .xlsx, .jsonl and .npz; also the
            folders of runs and evaluations of Skipwise's.
        progress (Callable[[str, int, int], None] | None): called as progress(what, done, total); None by default.
        notice (Callable[[str], None]): called with each sentence that a person should know; by default nothing is
            called.
        margin (float | None, default None): The largest difference that would not matter, in the unit of `outcome`:
            percentage points of an accuracy, nats of log-loss. None: 0.5 points, 0.01 nats, or 0.005 of the Brier
            score.
        outcome (str, default 'accuracy'): What is compared: accuracy, balanced-accuracy (every class weighs the same),
            top5-accuracy, log-loss, brier, or one of them on some classes, such as accuracy:classes=A,B. top5-accuracy,
            log-loss and brier take probabilities or logits.
        alpha (float, default 0.05): The probability that any of the verdicts is wrong.
        labels (str | PathLike[str] | None, default None): A table of id and label, for files without labels.
        network_column (str | None, default None): The column that names the network, in tables that hold several. None:
            network, or the file's name.
        seed_column (str | None, default None): The column that holds the seed, in tables that hold several. None: seed,
            or the file's name.
        group (str | None, default None): The column that says which images belong together (one patient).
        output (str | PathLike[str] | None, default None): The folder for the results. None: the next in runs/judge.
        again (bool, default False): Do it once more, in the next folder, even if the same command has been finished
            before.

    Returns:
        JudgeReport: its folder, and its `judged` with every number.

    Raises:
        SkipwiseError: a file can't be read, files do not fit together, there is one network only, or the outcome can't
            be told from such predictions.

    Example:
        >>> import skipwise
        >>> report = skipwise.judge(["a-s0.csv", "a-s1.csv", "b-s0.csv", "b-s1.csv"], margin=1)
        >>> [pair.verdict for pair in report.judged.pairs]
        ['worse']
    """

def judge_predictions(
    labels: ArrayLike,
    predictions: Mapping[str, Sequence[ArrayLike] | NDArray[Any]],
    *,
    groups: ArrayLike | None = None,
    classes: Sequence[str] | None = None,
    margin: float | None = None,
    outcome: str = 'accuracy',
    alpha: float = 0.05,
) -> Judged:
    """Intervals and verdicts for networks that were trained anywhere, from their predictions for the same images.

    With two seeds or more of each network, the intervals allow for which seeds and which images were drawn, and hold
    for all pairs at once, as those of `compare` do. With one seed of each they are about these predictions only, and
    McNemar's exact test is beside them.

    Args:
        labels (array): the class of each image, numbers or names [images].
        predictions (dict[str, list[array]]): for each network, an array for each seed: predicted classes [images], or
            probabilities or logits [images, classes]. The images are in the order of the labels.
        groups (array | None): what each image belongs to, such as a patient. None, the default: each is by itself.
        classes (list[str] | None): the names of the classes, in the order of the columns of probabilities, where labels
            are names. None, the default: labels are numbers of columns.
        margin (float | None, default None): The largest difference that would not matter, in the unit of `outcome`:
            percentage points of an accuracy, nats of log-loss. None: 0.5 points, 0.01 nats, or 0.005 of the Brier
            score.
        outcome (str, default 'accuracy'): What is compared: accuracy, balanced-accuracy (every class weighs the same),
            top5-accuracy, log-loss, brier, or one of them on some classes, such as accuracy:classes=A,B. top5-accuracy,
            log-loss and brier take probabilities or logits.
        alpha (float, default 0.05): The probability that any of the verdicts is wrong.

    Returns:
        Judged: accuracies, pairs, verdicts, and the answer in sentences.

    Raises:
        SkipwiseError: there is one network only, arrays do not fit together, probabilities do not sum to one, or the
            outcome can't be told from such predictions.

    Example:
        >>> import skipwise
        >>> rng = np.random.default_rng(0)
        >>> labels = rng.integers(0, 10, 2000)
        >>> def answers(share):
        ...     return np.where(rng.random(2000) < share, labels, (labels + 1) % 10)
        >>> found = skipwise.judge_predictions(
        ...     labels, {"old": [answers(0.85) for _ in range(3)], "new": [answers(0.95) for _ in range(3)]}, margin=1
        ... )
        >>> found.pairs[0].verdict
        'worse'
        >>> found.networks[1].name, f"{found.networks[1].outcome.value:.2f}"
        ('new', '0.95')
    """

def open_images(
    data: str | os.PathLike[str],
    *,
    class_level: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    label_regex: str | None = None,
    group: str | None = None,
    group_regex: str | None = None,
    crop_boxes: bool = False,
    skip_unread_formats: bool = False,
    progress: Progress | None = None,
) -> Source:
    """Opens labelled images in any layout that Skipwise recognises. No image is decoded yet.

    Args:
        data: path of a folder, an archive, a table or an array file; or the address of one ("s3://bucket/pets"); or the
            name of a data set ("digits", "torchvision:DTD", "huggingface:owner/name").
        progress: called as progress(what, done, total) while long lists are read; None by default.
        class_level (str | None, default None): The level of folders that holds the classes: 1 for the top, 2 for the
            folders in those, and so on, or leaf for the innermost. Folders that only wrap or split the images do not
            count. None: what the folders' names say.
        image_column (str | None, default None): The table's column that names the images.
        label_column (str | None, default None): The table's column that names the classes.
        label_regex (str | None, default None): The part of a file's name that is its class: '^([a-z]+)' finds cat in
            cat.0.jpg. The first group counts, or the whole match.
        group (str | None, default None): The table's column that says which images belong together (one patient), or
            'folder' for sub-folders of the classes.
        group_regex (str | None, default None): Which images belong together, by a pattern in their paths, such as
            'patient(\\d+)'.
        crop_boxes (bool, default False): Take each box of COCO annotations as an image of its own.
        skip_unread_formats (bool, default False): Leave out pictures in formats that are not read (raw, PSD, ...).

    Returns:
        The images' names, labels, classes and splits. Its `repr` is the line that says how they were understood.

    Raises:
        Ambiguous: two readings are equally likely. The message names both, with their flags.
        SkipwiseError: the path does not exist, it holds no labelled images of two or more classes, or a file that is
            needed to understand them is damaged.

    Example:
        >>> import skipwise
        >>> skipwise.open_images("digits")
        Read as the 1,797 handwritten digits of scikit-learn (8 x 8 pixels, 10 classes).
    """

@overload
def predict(
    model: str | os.PathLike[str],
    inputs: Images,
    *,
    top: int = 1,
    probabilities: bool = False,
    output: None = None,
    format: str | None = None,
    batch_size: int = 32,
    workers: int | None = None,
    threads: int | None = None,
    trust: bool | str = False,
    progress: Progress | None = None,
) -> Iterator[Answer]:
    """Answers images: as an iterator that computes answers while they are asked for, or written into a file.

    Args:
        model (str | Path): the folder of an exported network, or of a finished run.
        inputs (str | Path | Iterable[str | Path]): image files, folders (with everything below them), archives, or "-"
            for one image on standard input.
        progress (Callable[[str, int, int], None] | None): called as progress(what, done, total); None by default.
        top (int, default 1): The number of classes in each answer, the most likely ones.
        probabilities (bool, default False): Give the probability of every class, too.
        output (str | PathLike[str] | None, default None): Write the answers into this .csv or .jsonl file. The same
            command continues it.
        format (str | None, default None): How answers are printed or written: table, csv or jsonl. None: what the name
            of --output says, or else table.
        batch_size (int, default 32): The number of images per forward pass.
        workers (int | None, default None): The number of threads that decode images. None: one per core.
        threads (int | None, default None): The number of threads of the network. None: one per core.
        trust (bool | str, default False): Run the code of a network of your own that the run's record names, whichever
            it is.

    Returns:
        Iterator[Answer] | Predicted: the answers in order; or, with `output`, the finished file. An image that can't
        be read raises nothing: its answer has an `error`.

    Raises:
        SkipwiseError: there is no such network or image, an argument is out of range, the file belongs to another call,
            or it can't be written.

    Example:
        >>> import skipwise
        >>> for answer in skipwise.predict("runs/export/images-onnx-fp32", "photos/"):
        ...     print(answer.path, answer.classes, answer.error)  # doctest: +ELLIPSIS
        photos/a.png ('...',) None
        >>> skipwise.predict("runs/export/images-onnx-fp32", "photos/", output="answers.csv").images
        1
    """

@overload
def predict(
    model: str | os.PathLike[str],
    inputs: Images,
    *,
    top: int = 1,
    probabilities: bool = False,
    output: str | os.PathLike[str],
    format: str | None = None,
    batch_size: int = 32,
    workers: int | None = None,
    threads: int | None = None,
    trust: bool | str = False,
    progress: Progress | None = None,
) -> Predicted: ...

@overload
def predict(
    model: str | os.PathLike[str],
    inputs: Images,
    *,
    top: int = 1,
    probabilities: bool = False,
    output: str | os.PathLike[str] | None,
    format: str | None = None,
    batch_size: int = 32,
    workers: int | None = None,
    threads: int | None = None,
    trust: bool | str = False,
    progress: Progress | None = None,
) -> Iterator[Answer] | Predicted: ...

def profile(
    models: Sequence[str],
    *,
    img_size: int = 224,
    batch_size: int = 32,
    num_classes: int = 1000,
    stem: str = 'auto',
    width: float = 1.0,
    precision: str = 'fp32',
    compile: bool = False,
    seconds: float = 3.0,
) -> ProfileReport:
    """Counts what networks cost, and times their forward passes on the CPU.

    The networks are timed in turn, round by round, so that a change in the machine's speed affects all of them.

    Args:
        models: the names of the networks, as for `create_model`.
        seconds: about how long each network is timed, in seconds; default 3.
        img_size (int, default 224): The size of the images, in pixels a side.
        batch_size (int, default 32): The number of images per batch.
        num_classes (int, default 1000): The number of classes.
        stem (str, default 'auto'): The networks' first layers: small, imagenet, or auto, which is small up to 64
            pixels.
        width (float, default 1.0): The number of channels, as a multiple of the published number.
        precision (str, default 'fp32'): The precision to compute in: fp32 or bf16.
        compile (bool, default False): Compile each network first (a minute each).

    Returns:
        A record with the machine and a `NetworkProfile` for each network: its counts, its latency for one image, and
        its images per second in batches.

    Raises:
        SkipwiseError: there is no such network or precision, a number is out of range, or an external network does not
            take images of this size.

    Example:
        >>> import skipwise
        >>> report = skipwise.profile(["resnet20"], img_size=32, batch_size=2, num_classes=10, seconds=0.1)
        >>> report.networks[0].counts.parameters
        269722
        >>> report.networks[0].latency.median > 0
        True
    """

def push(
    folder: str | os.PathLike[str],
    name: str,
    *,
    private: bool = False,
) -> Pushed:
    """Sends a network to the Hugging Face Hub: its card, its configuration and its weights.

    The library huggingface_hub does it, with the token that `hf auth login` keeps or HF_TOKEN has. Skipwise reads no
    token. A repository that is there gets a new version.

    Args:
        folder (str | Path): what `export --huggingface` wrote, or the exported network that it is in.
        name (str): the repository on the Hub, user/name.
        private (bool, default False): Make a new repository private, so that only you and your organisation see it.

    Returns:
        Pushed: the folder, and where it is now.

    Raises:
        SkipwiseError: the folder holds no such network, the Hub refuses it or can't be reached, or huggingface_hub is
            not installed.

    Example:
        >>> import skipwise
        >>> try:
        ...     skipwise.push("runs/export/images-onnx-fp32/huggingface", "no name")
        ... except skipwise.SkipwiseError as error:
        ...     print(error)
        'no name' names nothing on the Hub; give a user or an organisation and a name: user/name.
    """

def recommend(
    comparison: str | os.PathLike[str],
    *,
    max_latency_ms: float | None = None,
    max_size_mb: float | None = None,
    max_macs: str | float | None = None,
    min_accuracy: float | None = None,
    max_loss: float | None = None,
    costs: str | os.PathLike[str] | None = None,
) -> Recommended:
    """Says which network of a finished comparison to use, within limits. Nothing is trained or written.

    Args:
        comparison: the folder of the comparison.
        max_latency_ms (float | None, default None): The most milliseconds per image that are acceptable, one image at a
            time.
        max_size_mb (float | None, default None): The most megabytes of weights that are acceptable, in float32.
        max_macs (str | float | None, default None): The most multiply-adds per image that are acceptable, such as 600M
            or 1.5G.
        min_accuracy (float | None, default None): The least accuracy that is acceptable, as the comparison counts it: a
            share such as 0.93, or a percentage.
        max_loss (float | None, default None): The largest loss that is acceptable, as the comparison counts it, such as
            0.2.
        costs (str | PathLike[str] | None, default None): Use latencies of another machine, from a file with what
            'skipwise profile `json`' printed there.

    Returns:
        The recommendation, the limits it keeps, and the latencies it goes by.

    Raises:
        SkipwiseError: there is no finished comparison in the folder, or it is damaged; a limit is not above 0, or of an
            outcome that the comparison does not count; or the file of costs can't be read or is about other networks.

    Example:
        >>> import skipwise
        >>> found = skipwise.recommend("runs/compare/images", max_latency_ms=5)
        >>> found.recommendation.candidate, found.latencies["mobilenet_v2"] <= 0.005
        ('mobilenet_v2', True)
    """

@overload
def report(
    comparison: str | os.PathLike[str],
    *,
    format: Literal["html"] = 'html',
    target_accuracy: float | None = None,
    price: str | None = None,
) -> Path:
    """Writes the report of a finished comparison again.

    Args:
        comparison: the folder of the comparison.
        format (str, default 'html'): The format: html writes the page again; md (Markdown, for a pull request) and json
            are printed.
        target_accuracy (float | None, default None): Also compare how many epochs networks need to reach this accuracy
            on the validation images, in percent.
        price (str | None, default None): What one machine costs in an hour, such as 0.9/h or '$0.9/h', to state costs
            in money, too. None: costs are stated in machine-hours only.

    Returns:
        The path of the page for "html"; the text itself for "md" and "json".

    Raises:
        SkipwiseError: there is no finished comparison in the folder, it is damaged, or there is no such format.

    Example:
        >>> import skipwise
        >>> text = skipwise.report("runs/compare/images", format="md")
        >>> "| network |" in text
        True
    """

@overload
def report(
    comparison: str | os.PathLike[str],
    *,
    format: Literal["md", "json"],
    target_accuracy: float | None = None,
    price: str | None = None,
) -> str: ...

@overload
def report(
    comparison: str | os.PathLike[str],
    *,
    format: str,
    target_accuracy: float | None = None,
    price: str | None = None,
) -> Path | str: ...

def restore(
    run: str | os.PathLike[str],
    *,
    images: str | os.PathLike[str] | None = None,
    init: str | os.PathLike[str] | None = None,
    trust: Trust = False,
    callbacks: Sequence[Callback] = ...,
    executor: Executor | None = None,
) -> Restored:
    """Trains a run of a comparison again whose weights were dropped, and puts them back if they are the same bytes.

    The same call again goes on where it was stopped.

    Args:
        run: the folder of the run.
        trust: whether a network of your own, whose code only the run's record names, may run; or its name. The default
            is False.
        callbacks: called while it is trained, see `skipwise.Callback`; none by default.
        executor: does the run, see `skipwise.Executor`; None (default) is `skipwise.LocalProcesses()`.
        images (str | PathLike[str] | None, default None): The place of the images. None: where they were.
        init (str | PathLike[str] | None, default None): The file, or the run, of the weights that it started from.
            None: those that are published, if it started from these.

    Returns:
        The run's folder, and whether there was nothing to do.

    Raises:
        SkipwiseError: there is no finished run of a comparison in the folder, its images or the weights that it started
            from are not there any more, another process works there, or other bytes came out, as they may on another
            machine.

    Example:
        >>> import skipwise
        >>> try:
        ...     skipwise.restore("runs/train/images")
        ... except skipwise.SkipwiseError as error:
        ...     print(error)
        runs/train/images is no run of a comparison that has ended; give a folder such as runs/...
        >>> skipwise.restore("runs/compare/images/runs/resnet18-s0").repeated  # doctest: +SKIP
        False
    """

def serve(
    artifacts: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    host: str = '127.0.0.1',
    port: int = 8000,
    token: str | None = None,
    no_auth: bool = False,
    allow_origin: list[str] | None = None,
    host_name: list[str] | None = None,
    max_bytes: int = 10000000,
    max_pixels: int = 64000000,
    max_images: int = 64,
    request_timeout: float = 30.0,
    connections: int = 1000,
    queue: int = 128,
    drain_time: float = 30.0,
    batch_size: int = 8,
    max_wait: float = 5.0,
    workers: int | None = None,
    threads: int | None = None,
    backend: str | None = None,
    threshold: float | None = None,
    public_key: str | os.PathLike[str] | None = None,
    watch: bool = False,
    log: str | os.PathLike[str] | None = None,
    log_images: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
    began: Callable[[Listening], None] | None = None,
    notice: Callable[[str], None] | None = None,
) -> None:
    """Serves exported networks until SIGTERM or SIGINT: a page to try them, and an API. It needs no PyTorch.

    Args:
        artifacts (str | Path | Iterable[str | Path]): the folder of an exported network, or one of its versions called
            1, 2 and so on; or NAME=PATH; one or several. Requests that name none are answered by the first.
        progress (Callable[[str, int, int], None] | None): called as progress(what, done, total); None by default.
        notice (Callable[[str], None] | None): called with each sentence that whoever runs the server should read, in
            any thread; None by default.
        began (Callable[[Listening], None] | None): called when requests are taken; None by default.
        host (str, default '127.0.0.1'): The address to listen at; beyond this machine only with `token` or `no_auth`.
        port (int, default 8000): The port to listen at; 0 takes one that is free.
        token (str | None, default None): Answer only requests with 'Authorization: Bearer TOKEN'; 16 characters or
            more. None: the environment variable SKIPWISE_TOKEN.
        no_auth (bool, default False): Answer everyone who can reach an address beyond this machine.
        allow_origin (list[str] | None, default None): Let pages of this origin, such as https://example.org, ask; given
            several times for several. None: none but the server's own page.
        host_name (list[str] | None, default None): A name that clients call this server by, as in the header Host;
            given several times for several. None: localhost and the address itself.
        max_bytes (int, default 10000000): The largest request, in bytes.
        max_pixels (int, default 64000000): The most pixels of an image.
        max_images (int, default 64): The most images of a request.
        request_timeout (float, default 30.0): The most seconds from the beginning of a request until its answer.
        connections (int, default 1000): The most connections at a time.
        queue (int, default 128): The most images that may wait; more are refused at once, with 503.
        drain_time (float, default 30.0): The most seconds for finishing what was accepted, once the server is asked to
            end.
        batch_size (int, default 8): The most images per forward pass.
        max_wait (float, default 5.0): The most milliseconds that an image waits for others of its batch while these are
            decoded.
        workers (int | None, default None): The number of threads that decode images. None: one per core.
        threads (int | None, default None): The number of threads of a network. None: one per core.
        backend (str | None, default None): What runs the networks: onnxruntime, openvino or torch. None: what each was
            exported for.
        threshold (float | None, default None): Call answers below this probability not sure; from 0 to 1. None: what
            the network was exported with.
        public_key (str | PathLike[str] | None, default None): Serve only networks that this minisign key signed.
        watch (bool, default False): Look every second for other versions of the networks, and replace them; SIGHUP does
            so once.
        log (str | PathLike[str] | None, default None): Append a line of JSON for each answer to this file; no images.
        log_images (bool, default False): Keep the images, too, in a folder beside `log`.

    Returns:
        Nothing, once the server has ended: it answers until then.

    Raises:
        SkipwiseError: a folder holds no network or a damaged one, an option is out of range, or the address can't be
            listened at.

    Example:
        >>> import skipwise
        >>> skipwise.serve("runs/export/images-onnx-fp32", port=8080)  # doctest: +SKIP
    """

def status(
    folder: str | os.PathLike[str],
    *,
    price: str | None = None,
    page: str | os.PathLike[str] | None = None,
) -> Status:
    """Reads how far the work in a folder is. It changes nothing there, and disturbs nobody who works in it.

    Args:
        folder: of a comparison, a run of `train`, or a study; or one that holds several of them, such as runs. An
            address, such as "s3://bucket/runs", says how far the work was when its folder was copied there.
        price (str | None, default None): What one machine costs in an hour, such as 0.9/h or '$0.9/h', to state what
            the next look costs in money. None: it is stated in machine-hours only.
        page (str | PathLike[str] | None, default None): Write the status as a page, one file that opens offline, too.

    Returns:
        The status.

    Raises:
        SkipwiseError: there is no such folder, nothing in it is a comparison, a run or a study, or the page can't be
            written.

    Example:
        >>> import skipwise
        >>> skipwise.status("runs").kind
        'folder'
    """

@overload
def study(
    name: str,
    *,
    scale: str = 'small',
    seed: int = 0,
    data: str | os.PathLike[str] | Sequence[str] = ...,
    pages: str | os.PathLike[str] = 'docs/studies',
    dry_run: Literal[False] = False,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    again: bool = False,
    callbacks: Sequence[Callback] = ...,
    executor: Executor | None = None,
) -> StudyReport:
    """Tests a sentence about residual networks that people repeat: compares networks, and writes a page with a verdict.

    The same call again continues an unfinished study, or shows a finished one and writes its page again. The design,
    and the rule by which results become a verdict, are fixed before anything is trained.

    Args:
        name: the study: depth, squeeze-excite, robustness, bottleneck, inverted or initialisation.
        callbacks: called while the comparisons are running, see `skipwise.Callback`; none by default.
        executor: does the runs, see `skipwise.Executor`; None (default) is `skipwise.LocalProcesses()`.
        scale (str, default 'small'): The size of the study: small, for two cores and some minutes, or full, for a GPU.
        seed (int, default 0): The first seed of the runs; the others follow it. The split of the images stays the same.
        data (str | PathLike[str] | Sequence[str], default ()): Where a data set lies that cannot be found by its name,
            as NAME=PLACE: cifar10=cifar10.zip. May be given several times.
        pages (str | PathLike[str], default 'docs/studies'): The folder for the page and its record.
        dry_run (bool, default False): Train nothing: print the design, and how long it takes.
        output (str | PathLike[str] | None, default None): The folder for the results. None: the next in runs/study.
        resume (bool, default False): Fail unless there is unfinished work to continue.
        again (bool, default False): Do it once more, in the next folder, even if the same command has been finished
            before.

    Returns:
        What was found, and where its page is; with `dry_run`, a `PlannedStudy`.

    Raises:
        SkipwiseError: there is no such study or scale, its images can't be found, the folder for the results holds
            something else, or the disk is full. Runs that were finished are kept, and the same call continues from
            there.

    Example:
        >>> import skipwise
        >>> try:
        ...     skipwise.study("dept")
        ... except skipwise.SkipwiseError as error:
        ...     print(error)
        There is no study called 'dept'; did you mean 'depth'?
        >>> found = skipwise.study("depth", data=["cifar10=cifar10.zip"])  # doctest: +SKIP
        >>> found.record.verdict, found.page.name  # doctest: +SKIP
        ('contradicted', 'depth.md')
    """

@overload
def study(
    name: str,
    *,
    scale: str = 'small',
    seed: int = 0,
    data: str | os.PathLike[str] | Sequence[str] = ...,
    pages: str | os.PathLike[str] = 'docs/studies',
    dry_run: Literal[True],
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    again: bool = False,
    callbacks: Sequence[Callback] = ...,
    executor: Executor | None = None,
) -> PlannedStudy: ...

@overload
def study(
    name: str,
    *,
    scale: str = 'small',
    seed: int = 0,
    data: str | os.PathLike[str] | Sequence[str] = ...,
    pages: str | os.PathLike[str] = 'docs/studies',
    dry_run: bool,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    again: bool = False,
    callbacks: Sequence[Callback] = ...,
    executor: Executor | None = None,
) -> StudyReport | PlannedStudy: ...

def train(
    data: str | os.PathLike[str],
    *,
    model: str | None = None,
    seed: int = 0,
    time_limit: str | None = None,
    init: str | os.PathLike[str] = 'auto',
    init_key: str | None = None,
    depth_norms: bool = False,
    recipe: str = 'standard',
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    mirror: bool | None = None,
    balance: str | None = None,
    freeze_norms: bool = False,
    tune: Sequence[float] | None = None,
    tune_trials: int | None = None,
    tune_what: Sequence[str] | None = None,
    tune_epochs: int | None = None,
    stem: str = 'auto',
    width: float | None = None,
    pretrained: bool = False,
    img_size: int | None = None,
    val_share: float | None = None,
    split: str | os.PathLike[str] | None = None,
    exclude: str | os.PathLike[str] | None = None,
    strict: bool = False,
    class_level: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    label_regex: str | None = None,
    group: str | None = None,
    group_regex: str | None = None,
    crop_boxes: bool = False,
    skip_unread_formats: bool = False,
    device: str = 'auto',
    precision: str = 'auto',
    compile: bool | None = None,
    pack: bool = True,
    track: str | Sequence[str] = ...,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    again: bool = False,
    callbacks: Sequence[Callback] = ...,
    observer: TrainObserver | None = None,
    began: float | None = None,
) -> Trained:
    """Trains one network with one seed. The same call again continues an unfinished run, or shows a finished one.

    Under torchrun its processes do the run together.

    Args:
        data: the name of a data set, or the path of a folder with one sub-folder per class, an archive of one, or a
            table of paths and labels.
        callbacks: called while the run is going on, see `skipwise.Callback`; none by default.
        observer: deprecated; use `callbacks`.
        began: the time on time.monotonic() from which the time limit counts, in seconds; None (default) is now.
        model (str | None, default None): The network to train; see 'skipwise models'. None: that of the run in --init,
            or resnet18.
        seed (int, default 0): The seed for initial weights, data order and augmentation.
        time_limit (str | None, default None): Train for as many epochs as fit into a time, such as 90s, 20m or 1h30m.
        init (str | PathLike[str], default 'auto'): The weights to start from: none; pretrained (published ImageNet
            weights); those of a run, by its folder, or in a file; or auto, which is the published weights where
            experiments say that they help on such images.
        init_key (str | None, default None): Which weights to take from a file that holds several, such as
            state_dict_ema.
        depth_norms (bool, default False): Record how large activations and gradients are at each block, before the
            first step and after the first and the last epoch.
        recipe (str, default 'standard'): The recipe to train by: fast, standard, or reference (200 epochs, the field's
            usual).
        epochs (int | None, default None): The number of passes over the training images. None: the recipe's.
        batch_size (int | None, default None): The number of images per step. None: fits the training set.
        lr (float | None, default None): The peak learning rate. None: the recipe's.
        mirror (bool | None, default None): Mirror training images left to right at random. Not for letters, digits or
            signs. None: mirror, unless a mirrored image is known to be of another class.
        balance (str | None, default None): How to compensate for rare classes: none, sampling (every class is shown
            equally often) or loss (rare classes weigh more). None: none.
        freeze_norms (bool, default False): Keep the statistics, scales and biases of batch norms as in the weights to
            start from.
        tune (Sequence[float] | None, default None): Try these peak learning rates first, and choose one for each
            network by the validation images. With `tune_trials`, the lowest and the highest one to search between.
        tune_trials (int | None, default None): Have Optuna choose hyperparameters so many times for each network, by
            the validation images, and train with the best ones.
        tune_what (Sequence[str] | None, default None): The hyperparameters that `tune_trials` searches: lr,
            weight_decay, momentum, label_smoothing, mixup, cutmix and cutout, separated by commas. None: lr.
        tune_epochs (int | None, default None): The number of epochs of the runs that tune. None: a third of the
            recipe's.
        stem (str, default 'auto'): The first layers: small, imagenet, or auto, which is the stem of the weights to
            start from, or else small up to 64 pixels.
        width (float | None, default None): The number of channels, as a multiple of the published number. None: that of
            the weights to start from, or 1.
        pretrained (bool, default False): Start from published ImageNet weights, as `init` pretrained does.
        img_size (int | None, default None): The size of the images, in pixels a side. None: their own, up to 128.
        val_share (float | None, default None): The share of the images that is kept for validation. None: 0.15, or 0.10
            of training images that are given as such.
        split (str | PathLike[str] | None, default None): Split the images as this split.csv of earlier work does.
        exclude (str | PathLike[str] | None, default None): Leave out the images that this audit.json flags.
        strict (bool, default False): Fail if an image is, exactly or nearly, on two sides of a given split.
        class_level (str | None, default None): The level of folders that holds the classes: 1 for the top, 2 for the
            folders in those, and so on, or leaf for the innermost. Folders that only wrap or split the images do not
            count. None: what the folders' names say.
        image_column (str | None, default None): The table's column that names the images.
        label_column (str | None, default None): The table's column that names the classes.
        label_regex (str | None, default None): The part of a file's name that is its class: '^([a-z]+)' finds cat in
            cat.0.jpg. The first group counts, or the whole match.
        group (str | None, default None): The table's column that says which images belong together (one patient), or
            'folder' for sub-folders of the classes.
        group_regex (str | None, default None): Which images belong together, by a pattern in their paths, such as
            'patient(\\d+)'.
        crop_boxes (bool, default False): Take each box of COCO annotations as an image of its own.
        skip_unread_formats (bool, default False): Leave out pictures in formats that are not read (raw, PSD, ...).
        device (str, default 'auto'): The device to compute on: cpu, cuda, mps, or auto for the fastest one there is.
        precision (str, default 'auto'): The precision to compute in: fp32, bf16, fp16, or auto for whichever is fast on
            this machine.
        compile (bool | None, default None): Use torch.compile. None: where it saves time.
        pack (bool, default True): Decode the images once, into a file in the cache. Without it, they are decoded in
            every epoch.
        track (str | Sequence[str], default ()): Log the runs in a tool, too: mlflow, tensorboard or wandb, or several,
            separated by commas. May be given several times.
        output (str | PathLike[str] | None, default None): The folder for the results. None: the next in runs/train.
        resume (bool, default False): Fail unless there is unfinished work to continue.
        again (bool, default False): Do it once more, in the next folder, even if the same command has been finished
            before.

    Returns:
        The run: its folder, its plan and its record, with the metrics on the test images in `record.test`.

    Raises:
        SkipwiseError: the images can't be found or can't be trained on; there is no such network, or an option is out
            of range; weights do not fit; the folder for the results holds something else, or another process works in
            it; the loss diverged however often the run was resumed; the disk or the memory is full; or a callback
            failed. What was saved is kept, and the same call resumes the run.
        TypeError: there is no such argument.

    Example:
        >>> import skipwise
        >>> run = skipwise.train("digits", model="resnet20", width=0.5, epochs=2)
        >>> run.record.status, run.record.test.accuracy > 0.1
        ('finished', True)
        >>> skipwise.train("digits", model="resnet20", width=0.5, epochs=2).repeated
        True
    """

def verify(
    artifact: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    run: str | os.PathLike[str] | None = None,
    max_drop: float | None = None,
    images: int | None = None,
    timing: bool = True,
    public_key: str | os.PathLike[str] | None = None,
    trust: bool | str = False,
    track: str | Sequence[str] = ...,
    class_level: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
    label_regex: str | None = None,
    crop_boxes: bool = False,
    skip_unread_formats: bool = False,
    reading: ReadingOptions | None = None,
    progress: Progress | None = None,
) -> Verified:
    """Checks that an exported file answers as the network does.

    The hashes and the golden images are always checked. With `data`, the file's answers in every backend are compared
    with those of the network in PyTorch, from the images' bytes on.

    Without the network that it was exported from, or without torch, the backends are compared with each other. A
    network of your own runs if `trust` is True or its name, `run` is given, and its module is found without the current
    folder.

    Args:
        artifact (str | Path): the folder that `export` made.
        data (str | Path | None): labelled images. Of the run's own images its test images are taken; of other images
            those of their test split, or all. None, the default, checks the golden images only. They are read as the
            run read its images, unless options say otherwise.
        reading: deprecated; give its options by name.
        progress (Callable[[str, int, int], None] | None): called as progress(what, done, total); None by default.
        run (str | PathLike[str] | None, default None): The run, or the file of weights, to compare the artifact with.
            None: where it was exported from.
        max_drop (float | None, default None): For int8: the points of accuracy that may be lost. None: what the export
            allowed.
        images (int | None, default None): Take at most this many images, drawn class by class. None: all.
        timing (bool, default True): Measure how fast the artifact is on this machine.
        public_key (str | PathLike[str] | None, default None): Accept the artifact only if this minisign key signed it.
        trust (bool | str, default False): Run the code of a network of your own that the run's record names, whichever
            it is.
        track (str | Sequence[str], default ()): Log the runs in a tool, too: mlflow, tensorboard or wandb, or several,
            separated by commas. May be given several times.
        class_level (str | None, default None): The level of folders that holds the classes: 1 for the top, 2 for the
            folders in those, and so on, or leaf for the innermost. Folders that only wrap or split the images do not
            count. None: what the folders' names say.
        image_column (str | None, default None): The table's column that names the images.
        label_column (str | None, default None): The table's column that names the classes.
        label_regex (str | None, default None): The part of a file's name that is its class: '^([a-z]+)' finds cat in
            cat.0.jpg. The first group counts, or the whole match.
        crop_boxes (bool, default False): Take each box of COCO annotations as an image of its own.
        skip_unread_formats (bool, default False): Leave out pictures in formats that are not read (raw, PSD, ...).

    Returns:
        Verified: the certificate, with the artifact and the images that it is about.

    Raises:
        SkipwiseError: the artifact is damaged or not signed by that key, an argument is out of range, the images can't
            be read, or `run` is not what was exported.

    Example:
        >>> import skipwise
        >>> found = skipwise.verify("runs/export/images-onnx-fp32", timing=False)
        >>> found.certificate.passed, found.certificate.outcome
        (True, 'golden images only')
    """
