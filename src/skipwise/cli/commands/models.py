"""The verb `models` on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from skipwise.cli.options import PrintOptions, print_json
from skipwise.core.machine.streams import need_output

Pattern = Annotated[
    str, typer.Argument(metavar="PATTERN", help="List only networks whose names match, such as 'se_*'.")
]


def models(pattern: Pattern = "*", *, shown: PrintOptions) -> None:
    """List the networks, with their papers, sizes and costs."""
    from skipwise.cli.summaries.cost import print_models
    from skipwise.cost.models import list_networks

    need_output()
    rows = list_networks(pattern)
    if shown.json:
        print_json(rows)
    else:
        print_models(rows)
