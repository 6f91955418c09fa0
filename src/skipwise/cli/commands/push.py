"""The verb `push` on the command line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from skipwise.cli.declared import Line
from skipwise.cli.options import PrintOptions, print_json
from skipwise.cli.program import as_typed
from skipwise.core.escaping import say
from skipwise.core.text import command
from skipwise.deploy.hub.options import PushOptions

Folder = Annotated[str, typer.Argument(metavar="FOLDER", help="A folder that 'skipwise export --huggingface' wrote.")]
Name = Annotated[str, typer.Argument(metavar="USER/NAME", help="The repository on the Hub.")]


def push(line: Line[PushOptions], folder: Folder, name: Name, *, shown: PrintOptions) -> None:
    """Send a network to the Hugging Face Hub. Its model card, its configuration and its weights are sent."""
    from skipwise.core.progress import working
    from skipwise.deploy.hub.push import push as send

    with working(f"Sending it to {name}", sys.stderr):
        sent = send(folder, name, **line.given())
    if shown.json:
        print_json({"folder": str(sent.folder), "name": sent.name, "url": sent.url})
        return
    say(f"On the Hub: {sent.url}")
    say(f"Next:       {as_typed(command('skipwise', 'evaluate', f'hf-hub:{sent.name}', 'path/to/images'))}")
