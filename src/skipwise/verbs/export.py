"""The verb `export` on the command line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from skipwise.options import Json, print_json


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a finished run.")],
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="The run's images, where they are not any more where they were."),
    ] = None,
    format: Annotated[str, typer.Option(help="onnx, openvino or torch (a .pt2 of torch.export).")] = "onnx",
    precision: Annotated[str, typer.Option(help="fp32, fp16 (weights in half the space) or int8.")] = "fp32",
    max_drop: Annotated[
        float, typer.Option(help="For int8: the points of accuracy on the validation images that may be lost.")
    ] = 0.3,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Folder for the artifact. [default: next in runs/export]")
    ] = None,
    json: Json = False,
) -> None:
    """Make one file of a run that takes pixels of any size and answers as the run does."""
    from skipwise.deploy.export import export as make
    from skipwise.progress import Bar

    with Bar(sys.stderr) as bar:
        made = make(
            run, data, format=format, precision=precision, max_drop=max_drop, output=output, progress=bar.preparing
        )
        for note in made.notes:
            bar.noticed(note)
    if json:
        print_json({"folder": str(made.folder), "artifact": made.artifact, "bytes": made.size})
        return
    from skipwise.deploy.wording import exported, verify_command

    for line in exported(made):
        print(line)
    print()
    print(f"Artifact: {made.folder}")
    print(f"Next:     {verify_command(made)}")
