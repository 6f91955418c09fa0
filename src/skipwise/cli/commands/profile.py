"""The verb `profile` on the command line."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer

from skipwise.cli.options import Json, Stem, Width, names, print_json
from skipwise.core.machine.streams import need_output
from skipwise.core.text import count


def profile(
    models: Annotated[
        str,
        typer.Argument(metavar="MODELS", help="The networks to measure, separated by commas; see 'skipwise models'."),
    ],
    img_size: Annotated[int, typer.Option(help="The size of the images, in pixels a side.")] = 224,
    batch_size: Annotated[int, typer.Option("--batch-size", "-b", help="The number of images per batch.")] = 32,
    num_classes: Annotated[int, typer.Option(help="The number of classes.")] = 1000,
    stem: Stem = "auto",
    width: Width = 1.0,
    precision: Annotated[str, typer.Option(help="The precision to compute in: fp32 or bf16.")] = "fp32",
    compile: Annotated[bool, typer.Option("--compile", help="Compile each network first (a minute each).")] = False,
    json: Json = False,
) -> None:
    """Count what networks cost and measure it on this machine: fewer multiply-adds is not always faster."""
    from skipwise.core.progress import working
    from skipwise.cost.profile import profile as run

    need_output()
    chosen = names(models)
    what = f"Measuring {count(len(chosen), 'network')}"
    with (
        contextlib.redirect_stdout(sys.stderr),
        working(what, sys.stderr),
    ):
        report = run(
            chosen,
            img_size=img_size,
            batch_size=batch_size,
            num_classes=num_classes,
            stem=stem,
            width=width,
            precision=precision,
            compile=compile,
        )
    if json:
        print_json(report)
    else:
        from skipwise.cli.summaries.cost import print_profile

        print_profile(report)
