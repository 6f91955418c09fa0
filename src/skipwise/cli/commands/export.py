"""The verb `export` on the command line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from skipwise.cli.declared import Line
from skipwise.cli.options import PrintOptions, print_json
from skipwise.cli.program import as_typed
from skipwise.core.escaping import say
from skipwise.core.text import command
from skipwise.deploy.export.options import ExportOptions

Run = Annotated[str, typer.Argument(metavar="RUN", help="The folder of a finished run, or a file of weights.")]
Images = Annotated[
    str | None,
    typer.Argument(metavar="DATA", help="The run's images, if they are no longer where they were."),
]


def export(line: Line[ExportOptions], run: Run, data: Images = None, *, shown: PrintOptions) -> None:
    """Make one file of a trained network, for use elsewhere. It takes pixels of any size and answers as the run."""
    from skipwise.core.progress import Bar
    from skipwise.deploy.export.export import export as make

    with Bar(sys.stderr) as bar:
        made = make(run, data, **line.given(), progress=bar.preparing, notice=bar.noticed)
        for note in made.notes:
            bar.noticed(note)
    if shown.json:
        served = None if made.served is None else str(made.served)
        hub = {} if made.hub is None else {"hub": str(made.hub)}
        print_json({"folder": str(made.folder), "artifact": made.artifact, "bytes": made.size, "served": served, **hub})
        return
    from skipwise.deploy.verify.wording import exported, serve_command, verify_command

    for sentence in exported(made):
        say(sentence)
    say()
    say(f"Artifact: {made.folder}")
    if made.served is not None:
        say(f"Server:   {made.served}")
        say(f"Serve it: {as_typed(serve_command(made.served))}")
    if made.hub is not None:
        say(f"Hub:      {made.hub}")
        say(f"Send it:  {as_typed(command('skipwise', 'push', made.hub, 'user/name'))}")
    say(f"Next:     {as_typed(verify_command(made))}")
