"""The verb `audit` on the command line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from skipwise.cli.options import (
    Again,
    ClassLevel,
    CropBoxes,
    Data,
    Group,
    GroupRegex,
    ImageColumn,
    Json,
    LabelColumn,
    LabelRegex,
    SkipUnreadFormats,
    Split,
    print_json,
)
from skipwise.core.errors import SkipwiseError
from skipwise.core.escaping import say
from skipwise.core.text import finished_already


def audit(
    data: Data,
    split: Split = None,
    class_level: ClassLevel = None,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    label_regex: LabelRegex = None,
    group: Group = None,
    group_regex: GroupRegex = None,
    crop_boxes: CropBoxes = False,
    skip_unread_formats: SkipUnreadFormats = False,
    run: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Find mislabelled images by a run or a comparison of these images."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with status 2 if splits share images.")] = False,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="The folder for the results. [default: the next in runs/audit]")
    ] = None,
    again: Again = False,
    json: Json = False,
) -> None:
    """Show each class, and find images that are unreadable, duplicated, in two splits, blank, odd or mislabelled.

    Status 2 if something has to be mended before training.
    """
    from skipwise.auditing.audit import audit as run_audit
    from skipwise.cli.summaries.audit import print_audit
    from skipwise.core.progress import Bar

    with Bar(sys.stderr) as bar:
        report = run_audit(
            data,
            split=split,
            class_level=class_level,
            image_column=image_column,
            label_column=label_column,
            label_regex=label_regex,
            group=group,
            group_regex=group_regex,
            crop_boxes=crop_boxes,
            skip_unread_formats=skip_unread_formats,
            run=run,
            output=output,
            again=again,
            progress=bar.preparing,
            notice=bar.noticed,
        )
    if json:
        if report.repeated:
            say(finished_already(report.folder), sys.stderr)
        print_json({"folder": str(report.folder), "audit": report.record})
    else:
        print_audit(report, typed=sys.argv)
    if report.record.faults:
        raise SkipwiseError(report.record.faults[0])
    if strict and report.leaks:
        raise SkipwiseError(f"{report.leaks} (--strict)")
