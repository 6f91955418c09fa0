"""The verb `restore` on the command line."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer

from skipwise.cli.declared import Line
from skipwise.cli.options import BEGAN, OwnModelOptions, PrintOptions, print_json
from skipwise.cli.program import as_typed
from skipwise.comparison.options import RestoreOptions
from skipwise.core.escaping import say
from skipwise.core.text import command

Run = Annotated[
    str, typer.Argument(metavar="RUN", help="The folder of a run of a comparison, whose weights were dropped.")
]


def restore(line: Line[RestoreOptions], run: Run, own: OwnModelOptions, shown: PrintOptions) -> None:
    """Train a run again whose weights were dropped to save space. The same bytes come out, or nothing changes."""
    from skipwise.cli.live import AgainScreen
    from skipwise.comparison.restore import restore as does

    with contextlib.redirect_stdout(sys.stderr), AgainScreen(sys.stderr, BEGAN) as screen:
        found = does(run, **line.given(), **own.trust, callbacks=[screen])
    if shown.json:
        print_json({"folder": str(found.folder), "repeated": found.repeated})
        return
    weights = found.folder / "weights.safetensors"
    say(f"{weights} is there; nothing had to be trained." if found.repeated else f"Weights: {weights}, byte for byte.")
    say(f"Next:    {as_typed(command('skipwise', 'export', found.folder))}")
