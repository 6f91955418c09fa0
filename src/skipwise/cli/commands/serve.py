"""The verb `serve` on the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from skipwise.cli.declared import Line
from skipwise.cli.stopped import Stopped
from skipwise.core.escaping import say
from skipwise.serving.options import TOKEN_VARIABLE, ServeOptions

if TYPE_CHECKING:
    from skipwise.serving.listening import Listening

LAST_SECONDS = 3.0
"""Seconds for the end of the process, once the server has ended: libraries of networks may get stuck in it."""

Artifacts = Annotated[
    list[str],
    typer.Argument(
        metavar="[NAME=]ARTIFACT",
        help="What 'skipwise export' made, or a folder of such folders called 1, 2 and so on: its versions.",
    ),
]


def serve(line: Line[ServeOptions], artifacts: Artifacts) -> None:
    """Serve exported networks, in the browser and to programs."""
    from skipwise.core.progress import Bar
    from skipwise.serving.connections.deadline import end_within
    from skipwise.serving.serve import serve as run

    with Bar(sys.stderr) as bar:

        def began(listening: Listening) -> None:
            bar.__exit__()
            _say(listening)

        def noticed(sentence: str) -> None:
            say(sentence, sys.stderr)

        try:
            run(artifacts, **line.given(), progress=bar.preparing, began=began, notice=noticed)
        except Stopped as stopped:  # later the server itself takes the signals
            stopped.sentence = "Stopped before it took requests."
            raise
    end_within(LAST_SECONDS)


def _say(listening: Listening) -> None:
    names = ", ".join(
        name if versions == ("1",) else f"{name} (version {', '.join(versions)})" for name, versions in listening.models
    )
    reached = "from this machine only" if listening.alone else "from other machines, too"
    say(f"Serving {names}, {reached}. Ctrl-C ends it.")
    for note in listening.notes:
        say(note)
    token = f' -H "Authorization: Bearer ${TOKEN_VARIABLE}"' if listening.authorized else ""
    say(f"Page: {listening.url}")
    say(f"Call: curl{token} --data-binary @photo.jpg {listening.url}v1/predict")
    sys.stdout.flush()
