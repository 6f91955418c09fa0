"""Progress below the cell of a notebook that calls Skipwise.

In a notebook, `skipwise.compare` and the other verbs show how far they are; anywhere else, a call prints nothing. A
cell's output is replaced while the work goes on, so no widgets are needed, and the same is seen in JupyterLab, VS Code,
Colab and nbclient.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from skipwise.core.progress import SHOWN_SECONDS, Bar, Surface
from skipwise.core.text import count
from skipwise.pages import card

SWITCH = "SKIPWISE_PROGRESS"
"""The environment variable that turns progress off in notebooks, if it is 0."""
STOPPED = "Stopped. What was finished is kept: run the cell again, and it goes on from here."


class Cell(Surface):
    """The output of the cell that is running."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.state: tuple[str, float, float | None, str] | None = None
        self.shown = 0.0
        self.handle: Any = None

    def stop(self) -> None:
        self.state = None
        if self.handle is not None:
            self._draw(card.card(card.folded("What was done", card.said(self.lines, soft=True))) if self.lines else "")

    def line(self, text: str) -> None:
        self.lines.append(text)
        self._draw_all()

    def show(self, what: str, done: float, total: float | None, status: str) -> None:
        changed = self.state is None or self.state[0] != what
        self.state = (what, done, total, status)
        if changed or time.monotonic() - self.shown >= SHOWN_SECONDS:
            self._draw_all()

    def _draw_all(self) -> None:
        self.shown = time.monotonic()
        parts = [card.said(self.lines, soft=True)]
        if self.state is not None:
            what, done, total, status = self.state
            share = card.bar(done / total) if total else Markup()
            parts.append(Markup("<p>{} {} {}</p>").format(card.text(what), share, card.text(status)))
        self._draw(card.card(*parts))

    def _draw(self, html: str) -> None:
        from IPython import display

        shown: Any = display.HTML(html)  # type: ignore[no-untyped-call]
        if self.handle is None:
            self.handle = display.display(shown, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self.handle.update(shown)


def is_notebook() -> bool:
    """Returns whether this process is the kernel of a notebook, and progress is wanted there."""
    interactive = sys.modules.get("IPython")
    shell = None if interactive is None else interactive.get_ipython()
    return hasattr(shell, "kernel") and os.environ.get(SWITCH) != "0"


def in_cells(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A public function that shows its progress below the cell where it is called in a notebook.

    What the caller gives as `progress` or `notice` is called instead; what is given as `callbacks` is called as well.

    Args:
        name: the public name.
        function: the function, or anything else, which is returned as it is.
    """
    parameters = inspect.signature(function).parameters if inspect.isfunction(function) else {}
    told = name == "profile" or (name != "serve" and {"callbacks", "progress"} & parameters.keys())
    if not told or not is_notebook():
        return function

    @functools.wraps(function)
    def called(*arguments: Any, **keywords: Any) -> Any:
        if name == "predict" and keywords.get("output") is None:  # its answers come one by one, after the call
            return function(*arguments, **keywords)
        if "callbacks" in parameters:
            return _with_screen(name, function, arguments, keywords)
        with Bar(Cell()) as bar:
            if name == "profile":
                models = arguments[0] if arguments else keywords.get("models", ())
                bar.surface.show(f"Measuring {count(len(models), 'network')}", 0, None, "")
                return function(*arguments, **keywords)
            hears = {"progress": bar.preparing} | ({"notice": bar.noticed} if "notice" in parameters else {})
            return function(*arguments, **hears | keywords)

    return called


def _with_screen(name: str, function: Callable[..., Any], arguments: Any, keywords: dict[str, Any]) -> Any:
    """Calls a verb that trains, and says after an interrupt that the same cell goes on."""
    from skipwise.cli.live import AgainScreen, Screen, TrainScreen

    kinds: dict[str, type[Screen | TrainScreen]] = {"train": TrainScreen, "restore": AgainScreen}
    with kinds.get(name, Screen)(Cell()) as screen:
        try:
            return function(*arguments, **keywords | {"callbacks": [*keywords.get("callbacks", ()), screen]})
        except KeyboardInterrupt:
            screen.surface.line(STOPPED)
            raise
