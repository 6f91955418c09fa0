"""The verb `profile` on the command line."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer

from skipwise.cli.declared import Line
from skipwise.cli.options import PrintOptions, names, print_json
from skipwise.core.machine.streams import need_output
from skipwise.core.text import count
from skipwise.cost.options import ProfileOptions

Models = Annotated[
    str, typer.Argument(metavar="MODELS", help="The networks to measure, separated by commas; see 'skipwise models'.")
]


def profile(line: Line[ProfileOptions], models: Models, shown: PrintOptions) -> None:
    """Measure what networks cost on this machine. Fewer multiply-adds are not always faster."""
    from skipwise.core.progress import working
    from skipwise.cost.profile import profile as run

    need_output()
    chosen = names(models)
    with contextlib.redirect_stdout(sys.stderr), working(f"Measuring {count(len(chosen), 'network')}", sys.stderr):
        report = run(chosen, **line.given())
    if shown.json:
        print_json(report)
    else:
        from skipwise.cli.summaries.cost import print_profile

        print_profile(report)
