"""The command line: parses, calls, prints. Nothing heavy is imported before a verb needs it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from skipwise.errors import SkipwiseError
from skipwise.options import (
    Balance,
    BatchSize,
    Compile,
    Data,
    Device,
    Epochs,
    Exclude,
    FreezeNorms,
    Group,
    GroupRegex,
    ImgSize,
    Json,
    Mirror,
    Pack,
    Precision,
    Rate,
    RecipeName,
    Split,
    Stem,
    Strict,
    ValShare,
    Width,
)

BEGAN = time.monotonic()
"""About when the process began, from which a time limit counts."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which residual network should I use on these images, on this machine, and how sure is that?",
)


class _Stopped(BaseException):
    """Ctrl-C, or a polite request to end; `status` is the exit status shells expect.

    No Exception, so that no handler for what may go wrong in a network takes it for that.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def main() -> NoReturn:
    """Runs the command line and exits: 0 done, 2 something the user can mend, 130 and 143 stopped."""
    status = 0
    try:
        with _stoppable(), _missing_extras():
            status = app(standalone_mode=False) or 0
    except SkipwiseError as error:
        print(f"skipwise: {error}", file=sys.stderr)
        status = 2
    except _Stopped as stopped:
        print("\nStopped. What is finished is kept; the same command goes on from there.", file=sys.stderr)
        status = stopped.status
    except OSError as error:  # what the operating system forbids is the user's to mend
        where = f"{error.filename}: " if error.filename else ""
        print(f"skipwise: {where}{error.strerror or error}.", file=sys.stderr)
        status = 2
    except MemoryError as error:
        print(f"skipwise: There is not enough memory ({error}); try a smaller --img-size.", file=sys.stderr)
        status = 2
    except Exception as error:
        status = _usage(error)
    sys.exit(status)


def _usage(error: Exception) -> int:
    """Prints what typer says of a command line it can't take; anything else is a bug and is raised again."""
    show, status = getattr(error, "format_message", None), getattr(error, "exit_code", 0)
    if show is None or not status:
        raise error
    message = show().strip()
    if message.startswith("Usage:"):  # a verb without its arguments: its help is the best answer
        print(message, file=sys.stderr)
    else:
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "skipwise"
        print(f"skipwise: {message.rstrip('.')}. See '{path} --help'.", file=sys.stderr)
    return 2


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl-C and SIGTERM unwind the stack, so that processes end and locks open, instead of cutting it off."""

    def stop(number: int, _: FrameType | None) -> None:
        first = time.monotonic()

        def again(number: int, _: FrameType | None) -> None:
            # A second one means it: whatever the tidying up waits for, files are whole or absent. But a terminal and
            # whatever runs a program there may both send the first.
            if time.monotonic() - first > 1:
                os._exit(128 + number)

        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, again)
        raise _Stopped(128 + number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _missing_extras() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in {"torch", "torchvision", "sklearn"}:
            raise
        from skipwise.errors import missing_extra

        raise missing_extra("train", error.name) from error


def _print_version(wanted: bool) -> None:
    if wanted:
        from skipwise import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command(
    epilog="Example: skipwise compare path/to/images --models resnet18,mobilenet_v2 --seeds 5",
    no_args_is_help=True,
)
def compare(
    data: Data,
    models: Annotated[
        str, typer.Option(help="Networks to compare, separated by commas; see 'skipwise models'.")
    ] = "resnet18,se_resnet18,mobilenet_v2,plain18",
    seeds: Annotated[int, typer.Option(help="Runs per network, at least 2.")] = 5,
    seed: Annotated[int, typer.Option(help="The first seed; the others follow it.")] = 0,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    img_size: ImgSize = None,
    lr: Rate = None,
    recipe: RecipeName = "standard",
    mirror: Mirror = None,
    stem: Stem = "auto",
    width: Width = 1.0,
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="Start from published ImageNet weights, where all networks have them.")
    ] = False,
    freeze_norms: FreezeNorms = False,
    val_share: ValShare = None,
    split: Split = None,
    group: Group = None,
    group_regex: GroupRegex = None,
    exclude: Exclude = None,
    strict: Strict = False,
    pack: Pack = True,
    balance: Balance = None,
    margin: Annotated[
        float, typer.Option(help="The accuracy difference that would not matter, in percentage points.")
    ] = 0.5,
    alpha: Annotated[float, typer.Option(help="The chance that any verdict is wrong.")] = 0.05,
    device: Device = "auto",
    precision: Precision = "auto",
    compile: Compile = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-j", help="Runs at once. [default: as suits this machine]")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Folder for the results. [default: next in runs/compare]"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Fail unless there is a comparison to go on with.")] = False,
    json: Json = False,
) -> int:
    """Train several networks alike, several times each, and say which to use and how sure that is."""
    from skipwise.comparison.compare import compare as run
    from skipwise.printing import print_comparison
    from skipwise.screen import Screen

    # A network of one's own may print; standard output is for the result.
    with contextlib.redirect_stdout(sys.stderr), Screen(sys.stderr) as screen:
        comparison = run(
            data,
            models=_names(models),
            seeds=seeds,
            seed=seed,
            epochs=epochs,
            batch_size=batch_size,
            img_size=img_size,
            lr=lr,
            recipe=recipe,
            mirror=mirror,
            stem=stem,
            width=width,
            pretrained=pretrained,
            freeze_norms=freeze_norms,
            val_share=val_share,
            split=split,
            group=group,
            group_regex=group_regex,
            exclude=exclude,
            strict=strict,
            pack=pack,
            balance=balance,
            margin=margin,
            alpha=alpha,
            device=device,
            precision=precision,
            compile=compile,
            workers=workers,
            output=output,
            resume=resume,
            observer=screen,
        )
    if json:
        _print_json({"folder": str(comparison.folder), "results": comparison.results, "costs": comparison.costs})
    else:
        print_comparison(comparison, typed=sys.argv)
    return 2 if any(contender.failed for contender in comparison.results.contenders) else 0


@app.command(epilog="Example: skipwise train path/to/images --model resnet18 --epochs 20", no_args_is_help=True)
def train(
    data: Data,
    model: Annotated[str, typer.Option(help="The network; see 'skipwise models'.")] = "resnet18",
    seed: Annotated[int, typer.Option(help="Of initial weights, order and augmentation.")] = 0,
    epochs: Epochs = None,
    time_limit: Annotated[
        str | None, typer.Option(metavar="TIME", help="As many epochs as fit, such as 90s, 20m or 1h30m.")
    ] = None,
    batch_size: BatchSize = None,
    img_size: ImgSize = None,
    lr: Rate = None,
    recipe: RecipeName = "standard",
    mirror: Mirror = None,
    stem: Stem = "auto",
    width: Width = 1.0,
    pretrained: Annotated[bool, typer.Option("--pretrained", help="Start from published ImageNet weights.")] = False,
    init: Annotated[
        str | None, typer.Option(metavar="RUN|FILE", help="Start from the weights of a run, or in a file.")
    ] = None,
    freeze_norms: FreezeNorms = False,
    val_share: ValShare = None,
    split: Split = None,
    group: Group = None,
    group_regex: GroupRegex = None,
    exclude: Exclude = None,
    strict: Strict = False,
    pack: Pack = True,
    balance: Balance = None,
    device: Device = "auto",
    precision: Precision = "auto",
    compile: Compile = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Folder for the run. [default: next in runs/train]")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Fail unless there is a run to go on with.")] = False,
    json: Json = False,
) -> int:
    """Train one network on your images; stopped, the same command goes on."""
    from skipwise.machine import keep_freed_memory
    from skipwise.printing import print_trained
    from skipwise.screen import TrainScreen
    from skipwise.training.train import train as run

    keep_freed_memory()
    with contextlib.redirect_stdout(sys.stderr), TrainScreen(sys.stderr) as screen:
        trained = run(
            data,
            model=model,
            seed=seed,
            epochs=epochs,
            time_limit=time_limit,
            batch_size=batch_size,
            img_size=img_size,
            lr=lr,
            recipe=recipe,
            mirror=mirror,
            stem=stem,
            width=width,
            pretrained=pretrained,
            init=init,
            freeze_norms=freeze_norms,
            val_share=val_share,
            split=split,
            group=group,
            group_regex=group_regex,
            exclude=exclude,
            strict=strict,
            pack=pack,
            balance=balance,
            device=device,
            precision=precision,
            compile=compile,
            output=output,
            resume=resume,
            observer=screen,
            began=BEGAN,
        )
    if int(os.environ.get("RANK", "0")):  # one of several processes; the first one prints
        return 0
    if json:
        _print_json({"folder": str(trained.folder), "record": trained.record})
    else:
        print_trained(trained, data=data)
    return 2 if trained.record.status == "failed" else 0


@app.command(epilog="Example: skipwise audit path/to/images", no_args_is_help=True)
def audit(
    data: Data,
    split: Split = None,
    group: Group = None,
    group_regex: GroupRegex = None,
    run: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="A run or comparison of these images: which labels does it doubt?"),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with status 2 where splits leak.")] = False,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Folder for the results. [default: next in runs/audit]")
    ] = None,
    json: Json = False,
) -> None:
    """Find what is wrong with images: unreadable, repeated, leaking between splits, blank, odd, doubtfully labelled."""
    from skipwise.comparison.audit import audit as run_audit
    from skipwise.printing import print_audit
    from skipwise.screen import Screen

    with Screen(sys.stderr) as screen:
        report = run_audit(
            data,
            split=split,
            group=group,
            group_regex=group_regex,
            run=run,
            output=output,
            progress=screen.preparing,
            notice=screen.noticed,
        )
    if json:
        _print_json({"folder": str(report.folder), "audit": report.record})
    else:
        print_audit(report)
    if strict and report.leaks:
        raise SkipwiseError(f"{report.leaks} (--strict)")


@app.command(epilog="Example: skipwise profile resnet18,se_resnet18,mobilenet_v2 --img-size 224", no_args_is_help=True)
def profile(
    models: Annotated[str, typer.Argument(metavar="MODELS", help="Networks, separated by commas.")],
    img_size: Annotated[int, typer.Option(help="Pixels a side.")] = 224,
    batch_size: Annotated[int, typer.Option("--batch-size", "-b", help="Images per batch.")] = 32,
    num_classes: Annotated[int, typer.Option(help="Classes of the last layer.")] = 1000,
    stem: Stem = "auto",
    width: Width = 1.0,
    precision: Annotated[str, typer.Option(help="fp32 or bf16.")] = "fp32",
    compile: Annotated[bool, typer.Option("--compile", help="Compile each network first (a minute each).")] = False,
    json: Json = False,
) -> None:
    """Count what networks cost and measure it on this machine: fewer multiply-adds is not always faster."""
    from skipwise.cost.profile import profile as run
    from skipwise.printing import print_profile
    from skipwise.screen import working

    names = _names(models)
    with contextlib.redirect_stdout(sys.stderr), working(f"Measuring {len(names)} networks", sys.stderr):
        report = run(
            names,
            img_size=img_size,
            batch_size=batch_size,
            num_classes=num_classes,
            stem=stem,
            width=width,
            precision=precision,
            compile=compile,
        )
    if json:
        _print_json(report)
    else:
        print_profile(report)


@app.command(epilog="Example: skipwise models 'se_*'")
def models(
    pattern: Annotated[str, typer.Argument(metavar="[PATTERN]", help="Only names like this, such as 'se_*'.")] = "*",
    json: Json = False,
) -> None:
    """List the networks that can be compared, with their papers, sizes and costs."""
    from skipwise.cost.listing import list_networks
    from skipwise.printing import print_models

    rows = list_networks(pattern)
    if json:
        _print_json(rows)
    else:
        print_models(rows)


def _names(text: str) -> list[str]:
    """What commas separate."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _print_json(record: Any) -> None:
    import msgspec

    print(msgspec.json.encode(record).decode())
