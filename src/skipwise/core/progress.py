"""Output of progress and results, without torch."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import IO, Any, NoReturn, Self

import rich.console
from rich.progress import BarColumn, Progress, TextColumn
from rich.segment import Segment
from rich.text import Text

from skipwise.core.escaping import lines
from skipwise.core.remaining import Remaining
from skipwise.core.text import duration

LINE_SECONDS = 15.0
"""Seconds between two lines, at least, where there is no terminal."""
SHOWN_SECONDS = 0.2
"""Seconds between two estimates, at least; steps may be faster than anybody can read."""
ESTIMATING = "estimating"
"""The text that stands for the remaining time while it is not known yet."""
WIDE = 200
"""Characters in a line where there is no terminal."""


class Console(rich.console.Console):
    """A console that is as wide as the terminal. Without a terminal, lines are not wrapped.

    Args:
        file: where to print; None is standard output.
    """

    def __init__(self, file: IO[str] | None = None) -> None:
        super().__init__(file=file, highlight=False, markup=False, emoji=False)
        if not self.is_terminal:
            self.width = WIDE

    def render(
        self, renderable: rich.console.RenderableType, options: rich.console.ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Renders as rich does, without the control characters that names may contain."""
        for each in super().render(renderable, options):
            yield each if each.control else Segment(lines(each.text), each.style)

    def on_broken_pipe(self) -> NoReturn:
        """The output is not read any more. rich itself would end the process with status 1."""
        raise BrokenPipeError


class Surface:
    """Somewhere that progress is shown: a terminal, a file of lines, or the output of a cell."""

    def start(self) -> None:
        """Something begins that may take a while."""

    def stop(self) -> None:
        """It is over; the bar goes, the lines stay."""

    def line(self, text: str) -> None:
        """Shows a line that stays."""

    def show(self, what: str, done: float, total: float | None, status: str) -> None:
        """Shows how far something is: `done` of `total`, which is None where it is not known."""


class Terminal(Surface):
    """A progress bar in a terminal, or plain lines now and then where there is none.

    Args:
        stream: where it is shown.
    """

    def __init__(self, stream: IO[str]) -> None:
        self.console = Console(stream)
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[status]}", markup=False),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self.task: Any = None
        self.said = time.monotonic()

    def start(self) -> None:
        self.bar.start()

    def stop(self) -> None:
        self.bar.stop()

    def line(self, text: str) -> None:
        self.said = time.monotonic()
        self.console.print(Text(text), soft_wrap=True)

    def show(self, what: str, done: float, total: float | None, status: str) -> None:
        if self.console.is_terminal:
            if self.task is None:
                self.task = self.bar.add_task(what, total=total, status=status)
            self.bar.update(self.task, description=what, completed=done, total=total, status=status)
        elif time.monotonic() - self.said >= LINE_SECONDS:
            self.line(f"{what}  {status}")


class Bar:
    """A progress bar with an estimate of the remaining time. Use it as a context manager.

    Args:
        where: a stream, on which there are plain lines where it is no terminal; or another surface.
    """

    def __init__(self, where: IO[str] | Surface) -> None:
        self.surface = where if isinstance(where, Surface) else Terminal(where)
        self.preparing_what = ""
        self.preparing_noted = 0.0
        self.preparing_left = Remaining()

    def __enter__(self) -> Self:
        self.surface.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.surface.stop()

    def preparing(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what != self.preparing_what:
            self.preparing_what, self.preparing_noted, self.preparing_left = what, now, Remaining()
            self.preparing_left.expect({what: ("", float(max(total - done, 0)))})
        elif now - self.preparing_noted >= SHOWN_SECONDS and total - done != self.preparing_left.work:
            self.preparing_left.note(what, float(max(total - done, 0)), now - self.preparing_noted, now)
            self.preparing_noted = now
        left = f"  {about(self.preparing_left.seconds(now))}" if done < total else ""
        # Where the total is not known, only the number so far is shown.
        self.surface.show(what, done, total or None, f"{done:,} of {total:,}{left}" if total else f"{done:,} so far")

    def noticed(self, sentence: str) -> None:
        self.surface.line(sentence)


class Lines:
    """Progress as plain lines, one in a while, for what is done while no bar is shown."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream, self.what, self.began, self.said = stream, "", 0.0, 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what != self.what:
            self.what, self.began, self.said = what, now, now + 2.0 - LINE_SECONDS
        if now - self.said >= LINE_SECONDS:
            self.said = now
            left = f"  {about((now - self.began) * (total - done) / done)}" if 0 < done < total else ""
            print(f"{what}  {f'{done:,} of {total:,}' if total else f'{done:,} so far'}{left}", file=self.stream)


@contextlib.contextmanager
def working(what: str, stream: IO[str]) -> Iterator[None]:
    """Shows that something takes a while."""
    console = Console(stream)
    if console.is_terminal:
        with console.status(what):
            yield
    else:
        console.print(Text(what))
        yield


def about(seconds: float | None) -> str:
    """The estimate of the remaining time."""
    return ESTIMATING if seconds is None else f"about {duration(seconds)} left"


def of_limit(seconds: float) -> str:
    """The remaining time of a limit."""
    return f"{duration(seconds)} of the time limit left" if seconds > 0 else "the time limit is over"
