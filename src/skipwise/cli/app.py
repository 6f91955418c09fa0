"""The command line: parses, calls, prints. Nothing heavy is imported before a verb needs it."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Annotated, Any, NoReturn, TextIO

import typer

from skipwise.cli import activation
from skipwise.cli.commands import (
    audit,
    clean,
    compare,
    evaluate,
    explain,
    export,
    gate,
    judge,
    models,
    predict,
    profile,
    push,
    recommend,
    report,
    restore,
    serve,
    status,
    study,
    train,
    verify,
)
from skipwise.cli.declared import command
from skipwise.cli.program import program_of
from skipwise.cli.stopped import Stopped
from skipwise.cli.watchdog import watched
from skipwise.core import text
from skipwise.core.addresses import asked_once, telling, without_secrets
from skipwise.core.errors import Interrupted, NotTrusted, SkipwiseError, TrainingFailed, differing_keys
from skipwise.core.machine import environment, memory, streams
from skipwise.core.text import printable
from skipwise.data.image.limits import most_pixels
from skipwise.training.machine.signals import SIGNALS

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which residual network should I use on these images, on this machine, and how sure is that?",
    epilog=activation.advice(),
)


UNREAD = 128 + 13
"""The exit status where nobody reads what is printed: that of SIGPIPE, which Windows does not have."""


HANGUP: Any = getattr(signal, "SIGHUP", None)


class _Unread(BaseException):
    """Whoever read what is printed has enough of it; typer would make status 1 of a BrokenPipeError."""


def main() -> NoReturn:
    """Runs the command line and exits: 0 done, 1 and 3 what `verify` and `gate` found, 2 something the user can mend,
    130 and 143 stopped, 141 not read to its end."""
    streams.complete()
    warnings.showwarning = _warn
    status = 0
    try:
        environment.furnish()
        _keep_secrets()
        watched(_say)
        memory.refuse_what_does_not_fit()
        with _stoppable(), _missing_extras(), asked_once(), telling(_copying):
            status = app(standalone_mode=False, prog_name=_called()) or 0
            with _read_to_its_end():
                sys.stdout.flush()
    except SkipwiseError as error:
        # The reason for which a run failed is otherwise a part of a sentence.
        _say(f"skipwise: {error}{'.' * isinstance(error, TrainingFailed)}")
        if isinstance(error, NotTrusted):
            _say(f"Again:    {text.command(*program_of(sys.argv), *sys.argv[1:], *error.options)}")
        if isinstance(error, Interrupted):
            _say(f"Go on:    {text.command(*program_of(sys.argv), *sys.argv[1:])}")
        status = 2
    except Stopped as stopped:
        _say(f"\n{stopped.sentence}")
        status = stopped.status
    except _Unread:
        status = UNREAD
    except SystemExit as ended:
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        status = UNREAD  # typer makes 1 of it where it prints by itself
    except Exception as error:
        sentence = _sentence(error)
        if sentence is not None:
            _say(f"skipwise: {sentence}")
        status = 2 if sentence is not None else _usage(error)
    finally:
        streams.let_go()
    sys.exit(status)


def _called() -> str | None:
    """The name of the program for completion, which a shell asks of `skipwise` and not of `python -m skipwise`; None
    for the name that it was called by."""
    asked = any(word.split("=")[0] in ("--install-completion", "--show-completion") for word in sys.argv[1:2])
    return "skipwise" if asked else None


def _keep_secrets() -> None:
    """Takes passwords and signatures out of the addresses in the command line, before anything repeats it."""
    try:
        sys.argv[1:] = without_secrets(sys.argv[1:])
    except ValueError as error:
        raise differing_keys(error) from None


def _sentence(error: Exception) -> str | None:
    """Returns a sentence on an error that the user can correct; None for errors of typer's, and for bugs."""
    if memory.is_short(error):
        first = str(error).strip().partition("\n")[0]
        shown = f" ({first[:120]})" if first else ""
        return (
            f"The system gives this process no more memory or threads{shown}; raise its limits, or ask for less: a "
            "smaller --img-size or --batch-size."
        )
    if isinstance(error, OSError):  # what the operating system forbids
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, (str, bytes)) else ""
        return printable(f"{where}{error.strerror or error}{environment.mend(error)}.")
    if isinstance(error, RecursionError):
        return "Something here is nested too deep to be read: a record, a table or a folder; look for what is damaged."
    return None


_lines: list[Any] = []
"""What copies of files at addresses are told to, once there is one."""


def _copying(what: str, done: int, total: int) -> None:
    from skipwise.core.progress import Lines  # takes a while to import

    _lines[:] = _lines or [Lines(sys.stderr)]
    with contextlib.suppress(OSError):
        _lines[0](what, done, total)


def _say(message: str) -> None:
    with contextlib.suppress(OSError):  # nobody listens
        print(message, file=sys.stderr)


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,  # noqa: ARG001 - as the standard library calls it
    line: str | None = None,
) -> None:
    """Ours are sentences for people; those of other packages say where they come from."""
    ours = category.__module__.startswith("skipwise.")
    _say(f"{message}" if ours else warnings.formatwarning(message, category, filename, lineno, line).rstrip())


@contextlib.contextmanager
def _read_to_its_end() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise _Unread from error


def _quiet(verb: Callable[..., object]) -> Callable[..., object]:
    """The verb, ending without a word where nobody reads what it prints any more, and never as if it had been done
    because a network's own code ends the program."""

    @functools.wraps(verb)
    def called(*arguments: object, **options: object) -> object:
        try:
            with _read_to_its_end():
                return verb(*arguments, **options)
        except (SystemExit, KeyboardInterrupt) as ended:  # Ctrl-C is `Stopped`
            raise SkipwiseError(
                f"The code of your network, or of another package, ended the program ({ended!r}); fix it, and run the "
                "same command again."
            ) from ended

    return called


def _usage(error: Exception) -> int:
    """Prints what typer says of a command line it can't take; anything else is a bug and is raised again."""
    show, status = getattr(error, "format_message", None), getattr(error, "exit_code", 0)
    if show is None or not status:
        raise error
    message = show().strip()
    if message.startswith("Usage:"):  # a verb without its arguments: its help is the best answer
        _say(message)
    else:
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "skipwise"
        ended = message if message.endswith("?") else f"{message.rstrip('.')}."
        _say(f"skipwise: {ended} See '{path} --help'.")
    return 2


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """A request to end unwinds the stack, so that processes end and locks open, instead of cutting it off."""

    asked: list[Stopped] = []

    def stop(number: int, _: FrameType | None) -> None:
        first = time.monotonic()
        asked.append(Stopped(128 + number))

        def again(number: int, _: FrameType | None) -> None:
            # A second one means it: whatever the tidying up waits for, files are whole or absent. But a terminal and
            # whatever runs a program there may both send the first.
            if time.monotonic() - first > 1:
                os._exit(128 + number)

        for each in before:
            signal.signal(each, again)
        raise asked[0]

    before = {number: signal.getsignal(number) for number in SIGNALS}
    if before.get(HANGUP) is signal.SIG_IGN:  # by nohup: it is to go on without its terminal
        before.pop(HANGUP)
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    except Exception as error:
        if asked:  # libraries written in C make another exception of it
            raise asked[0] from error
        raise
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
        from skipwise.core.errors import missing_extra

        raise missing_extra("train", error.name) from error


def _print_version(wanted: bool) -> None:
    if wanted:
        from skipwise import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[  # noqa: ARG001 - it is told to the callback
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    most_pixels()  # which refuses a setting that makes no sense


VERBS = (
    (compare.compare, "skipwise compare path/to/images --models resnet18,mobilenet_v2 --time-limit 2h"),
    (recommend.recommend, "skipwise recommend runs/compare/images --max-latency-ms 20 --min-accuracy 0.93"),
    (report.report, "skipwise report runs/compare/images --format md"),
    (train.train, "skipwise train path/to/images --model resnet18 --epochs 20"),
    (evaluate.evaluate, "skipwise evaluate runs/train/images"),
    (export.export, "skipwise export runs/train/images --format openvino --precision int8"),
    (push.push, "skipwise push runs/export/images-onnx-fp32/huggingface user/name --private"),
    (verify.verify, "skipwise verify runs/export/images-onnx-fp32 path/to/images"),
    (predict.predict, "skipwise predict runs/export/images-onnx-fp32 path/to/photos --output answers.csv"),
    (judge.judge, "skipwise judge resnet18-s0.csv resnet18-s1.csv mobilenet-s0.csv mobilenet-s1.csv --margin 1"),
    (gate.gate, "skipwise gate runs/export/old runs/export/new path/to/images --margin 1 --markdown gate.md"),
    (explain.explain, "skipwise explain runs/train/images path/to/photos --check"),
    (serve.serve, "skipwise serve runs/export/images-onnx-fp32"),
    (study.study, "skipwise study depth --dry-run"),
    (restore.restore, "skipwise restore runs/compare/images/runs/resnet18-s0"),
    (status.status, "skipwise status runs/compare/images --watch"),
    (audit.audit, "skipwise audit path/to/images"),
    (clean.clean, "skipwise clean runs --older-than 14"),
    (profile.profile, "skipwise profile resnet18,se_resnet18,mobilenet_v2 --img-size 224"),
    (models.models, "skipwise models 'se_*'"),
)
"""The verbs and an example each."""

for verb, example in VERBS:
    command(app, _quiet(verb), example=example)
