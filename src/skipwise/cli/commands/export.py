"""The verb `export` on the command line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from skipwise.cli.options import (
    ClassLevel,
    CropBoxes,
    ImageColumn,
    InitKey,
    Json,
    LabelColumn,
    LabelRegex,
    SkipUnreadFormats,
    Trust,
    names,
    print_json,
    reading_options,
)
from skipwise.core.errors import SkipwiseError
from skipwise.core.escaping import say
from skipwise.core.files.json_records import LARGEST_RECORD
from skipwise.core.files.paths import user_path
from skipwise.core.files.regular import read_regular


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a finished run, or a file of weights.")],
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="The run's images, where they are not any more where they were."),
    ] = None,
    format: Annotated[
        str, typer.Option(help="The format of the file: onnx, openvino or torch (a .pt2 of torch.export).")
    ] = "onnx",
    precision: Annotated[
        str, typer.Option(help="The precision of the weights: fp32, fp16 (half the space) or int8.")
    ] = "fp32",
    max_drop: Annotated[
        float, typer.Option(help="For int8: how many points of accuracy on the validation images may be lost.")
    ] = 0.3,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="The folder for the artifact. [default: the next in runs/export]"),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="For a file of weights: the network, see 'skipwise models'. For a run: as --trust, for this one alone."
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="For a file of weights: its classes, in the order of its answers, as a,b,c or as a file of lines.",
        ),
    ] = None,
    img_size: Annotated[
        int, typer.Option(help="For a file of weights: the size of the images, in pixels a side.")
    ] = 224,
    mean: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBERS", help="For a file of weights: the means of the channels, as r,g,b. [default: ImageNet's]"
        ),
    ] = None,
    std: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBERS",
            help="For a file of weights: the deviations of the channels, as r,g,b. [default: ImageNet's]",
        ),
    ] = None,
    crop: Annotated[float, typer.Option(help="For a file of weights: the share of the middle square it sees.")] = 1.0,
    interpolation: Annotated[
        str, typer.Option(help="For a file of weights: how images are resized, bilinear or bicubic.")
    ] = "bilinear",
    width: Annotated[
        float, typer.Option(help="For a file of weights: the network's width, as in 'skipwise train'.")
    ] = 1.0,
    stem: Annotated[
        str, typer.Option(help="For a file of weights: the network's stem, imagenet or small.")
    ] = "imagenet",
    init_key: InitKey = None,
    trust: Trust = False,
    sign: Annotated[
        str | None, typer.Option(metavar="KEY", help="Sign the artifact with this secret key of minisign's.")
    ] = None,
    class_level: ClassLevel = None,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    label_regex: LabelRegex = None,
    crop_boxes: CropBoxes = False,
    skip_unread_formats: SkipUnreadFormats = False,
    json: Json = False,
) -> None:
    """Make one file of a run that takes pixels of any size and answers as the run does."""
    from skipwise.core.progress import Bar
    from skipwise.deploy.artifact.trained_network import ExternalWeights
    from skipwise.deploy.export.export import export as make

    elsewhere = None
    if init_key is not None and model is None:
        raise SkipwiseError("--init-key is for a file of weights, which needs --model and --classes as well.")
    of_run = classes is None and (user_path(run) / "run.json").exists()
    if not of_run and (model is not None or classes is not None):
        if model is None or classes is None:
            raise SkipwiseError("A file of weights needs both --model and --classes.")
        given = {"mean": mean, "std": std}
        elsewhere = ExternalWeights(
            model=model,
            classes=_lines(classes),
            img_size=img_size,
            crop=crop,
            interpolation=interpolation,
            width=width,
            stem=stem,
            init_key=init_key,
            **{name: _numbers(name, text) for name, text in given.items() if text is not None},
        )

    with Bar(sys.stderr) as bar:
        made = make(
            run,
            data,
            format=format,
            precision=precision,
            max_drop=max_drop,
            output=output,
            elsewhere=elsewhere,
            trust=(model if of_run else None) or trust,
            reading=reading_options(
                class_level,
                image_column,
                label_column,
                label_regex,
                crop_boxes=crop_boxes,
                skip_unread=skip_unread_formats,
            ),
            sign=sign,
            progress=bar.preparing,
            notice=bar.noticed,
        )
        for note in made.notes:
            bar.noticed(note)
    if json:
        print_json({"folder": str(made.folder), "artifact": made.artifact, "bytes": made.size})
        return
    from skipwise.deploy.verify.wording import exported, verify_command

    for line in exported(made):
        say(line)
    say()
    say(f"Artifact: {made.folder}")
    say(f"Next:     {verify_command(made)}")


def _lines(classes: str) -> tuple[str, ...]:
    """Names that commas separate, or the lines of a file."""
    path = user_path(classes)
    if "," not in classes and path.is_file():
        text = read_regular(path, LARGEST_RECORD).decode("utf-8", "backslashreplace")
        return tuple(line.strip() for line in text.splitlines() if line.strip())
    return tuple(names(classes))


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in names(text))
    except ValueError:
        raise SkipwiseError(f"--{option} takes numbers such as 0.5,0.5,0.5, not {text!r}.") from None
