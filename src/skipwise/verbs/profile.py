"""The verb `profile` on the command line."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer

from skipwise.options import Json, Stem, Width, names, print_json
from skipwise.streams import need_output


def profile(
    models: Annotated[str, typer.Argument(metavar="MODELS", help="Networks, separated by commas.")],
    img_size: Annotated[int, typer.Option(help="Pixels a side.")] = 224,
    batch_size: Annotated[int, typer.Option("--batch-size", "-b", help="Images per batch.")] = 32,
    num_classes: Annotated[int, typer.Option(help="Classes of the last layer.")] = 1000,
    stem: Stem = "auto",
    width: Width = 1.0,
    precision: Annotated[str, typer.Option(help="fp32 or bf16.")] = "fp32",
    compile: Annotated[bool, typer.Option("--compile", help="Compile each network first (a minute each).")] = False,
    json: Json = False,
) -> None:
    """Count what networks cost and measure it on this machine: fewer multiply-adds is not always faster."""
    from skipwise.cost.profile import profile as run
    from skipwise.progress import working

    need_output()
    chosen = names(models)
    what = f"Measuring {len(chosen)} network{'s' * (len(chosen) != 1)}"
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
        from skipwise.cost.printing import print_profile

        print_profile(report)
