"""The verb `verify` on the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from skipwise.cli.options import (
    ClassLevel,
    CropBoxes,
    ImageColumn,
    Json,
    LabelColumn,
    LabelRegex,
    OwnModel,
    SkipUnreadFormats,
    Trust,
    print_json,
    reading_options,
)
from skipwise.core.errors import SkipwiseError
from skipwise.core.escaping import say
from skipwise.core.files.paths import user_path
from skipwise.core.text import command


def verify(
    artifact: Annotated[str, typer.Argument(metavar="ARTIFACT", help="A folder that 'skipwise export' made.")],
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="Labelled images; of the run's own, the test images are taken."),
    ] = None,
    run: Annotated[
        str | None, typer.Option(metavar="RUN", help="The run to hold the artifact against. [default: where it was]")
    ] = None,
    own_model: OwnModel = None,
    trust: Trust = False,
    max_drop: Annotated[
        float | None, typer.Option(help="For int8: how many points of accuracy may be lost. [default: the export's]")
    ] = None,
    images: Annotated[
        int | None, typer.Option(help="Take at most so many images, drawn class by class. [default: all]")
    ] = None,
    timing: Annotated[bool, typer.Option("--timing/--no-timing", help="Measure how fast the artifact is here.")] = True,
    public_key: Annotated[
        str | None, typer.Option(metavar="FILE", help="Accept the artifact only if this minisign key signed it.")
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="The folder for the certificate. [default: the artifact's]")
    ] = None,
    class_level: ClassLevel = None,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    label_regex: LabelRegex = None,
    crop_boxes: CropBoxes = False,
    skip_unread_formats: SkipUnreadFormats = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with status 1 unless it is certified, also where images can't tell.")
    ] = False,
    json: Json = False,
) -> int:
    """Check that an exported file still answers the same; exit with status 1 where it does not.

    Where the images are too few to tell what INT8 costs, that is a warning and status 0, or 1 with --strict."""
    from skipwise.core.files.folders import make_folder
    from skipwise.core.progress import Bar
    from skipwise.deploy.verify.certificate import write_certificate
    from skipwise.deploy.verify.verify import verify as check
    from skipwise.deploy.verify.wording import HEADINGS, arm_rows, speed_rows, verdict

    if strict and data is None:
        raise SkipwiseError("--strict needs images: golden ones alone certify nothing. Name labelled images as DATA.")
    folder = user_path(artifact if output is None else output)
    if (data is not None or output is not None) and folder.is_dir():
        make_folder(folder)  # where the certificate can't be written, that is said before the work
    reading = reading_options(
        class_level, image_column, label_column, label_regex, crop_boxes=crop_boxes, skip_unread=skip_unread_formats
    )
    with Bar(sys.stderr) as bar:
        found = check(
            artifact,
            data,
            run=run,
            trust=own_model or trust,
            max_drop=max_drop,
            images=images,
            timing=timing,
            reading=reading,
            public_key=public_key,
            progress=bar.preparing,
        )
    certificate = found.certificate
    status = 0 if certificate.certified or (certificate.passed and not strict) else 1
    page = write_certificate(found, output) if data is not None or output is not None else None
    if json:
        print_json({"folder": str(found.folder), "certificate": certificate})
        return status
    _table(HEADINGS, list(arm_rows(certificate)))
    if certificate.speeds:
        _table(*speed_rows(certificate))
    for note in certificate.notes:
        say(note)
    say(verdict(found))
    say()
    if page is not None:
        say(f"Certificate: {page}")
    if not certificate.images:
        say(f"Next:        {command('skipwise', 'verify', Path(artifact), 'path/to/test/images')}")
    elif certificate.passed:
        say(f"Next:        {command('skipwise', 'predict', Path(artifact), 'path/to/images')}")
    return status


def _table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    from rich.table import Table
    from rich.text import Text

    from skipwise.core.progress import Console

    if not rows:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console()
    console.print(table)
    console.print()
