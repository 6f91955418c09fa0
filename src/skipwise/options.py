"""The command line's arguments and options that several verbs share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from skipwise.data.sources import ReadingOptions

BEGAN = time.monotonic()
"""About when the process began, from which a time limit counts."""

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="Labelled images: class folders, a .zip or .tar of them, a table (.csv) of paths and labels, arrays "
        "(.npz), Parquet, or a name such as digits or torchvision:DTD. docs/layouts.md lists all layouts.",
    ),
]
Folder = Annotated[str, typer.Argument(metavar="COMPARISON", help="The folder of a finished comparison.")]
Split = Annotated[
    str | None, typer.Option(metavar="FILE", help="A split.csv of an earlier comparison, to be used again.")
]
ClassLevel = Annotated[
    str | None,
    typer.Option(metavar="1|2|leaf", help="Which level of folders holds the classes. [default: what their names say]"),
]
ImageColumn = Annotated[str | None, typer.Option(metavar="COLUMN", help="The table's column that names the images.")]
LabelColumn = Annotated[str | None, typer.Option(metavar="COLUMN", help="The table's column that names the classes.")]
LabelRegex = Annotated[
    str | None,
    typer.Option(metavar="PATTERN", help="Classes from file names: '^([a-z]+)' finds cat in cat.0.jpg."),
]
Group = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="The table's column that says which images belong together (one patient), or 'folder' for sub-folders of "
        "the classes.",
    ),
]
GroupRegex = Annotated[
    str | None,
    typer.Option(metavar="PATTERN", help="The same from the paths, such as 'patient(\\d+)'."),
]
CropBoxes = Annotated[
    bool, typer.Option("--crop-boxes", help="COCO annotations: each box that was drawn is an image of its own.")
]
SkipUnreadFormats = Annotated[
    bool, typer.Option("--skip-unread-formats", help="Leave out pictures in formats that are not read (raw, PSD, ...).")
]
Epochs = Annotated[int | None, typer.Option(help="Passes over the training images. [default: the recipe's]")]
BatchSize = Annotated[
    int | None, typer.Option("--batch-size", "-b", help="Images per step. [default: fits the training set]")
]
ImgSize = Annotated[int | None, typer.Option(help="Pixels a side. [default: the images' own, up to 128]")]
Rate = Annotated[float | None, typer.Option(help="Peak learning rate. [default: the recipe's]")]
RecipeName = Annotated[str, typer.Option(help="fast, standard, or reference (200 epochs, the field's usual).")]
Mirror = Annotated[
    bool | None,
    typer.Option(
        "--mirror/--no-mirror",
        help="Mirror training images: not letters, digits, signs. [default: unless the set is known not to bear it]",
        show_default=False,
    ),
]
FreezeNorms = Annotated[
    bool, typer.Option("--freeze-norms", help="With weights to start from: leave their batch norms as they are.")
]
ValShare = Annotated[float | None, typer.Option(help="Share of the images kept for validation. [default: 0.15]")]
Exclude = Annotated[str | None, typer.Option(metavar="FILE", help="An audit.json; the images it flags are left out.")]
Strict = Annotated[bool, typer.Option("--strict", help="Fail where an image is on two sides of a given split.")]
Pack = Annotated[bool, typer.Option("--pack/--no-pack", help="Decode once into the cache, or in every epoch anew.")]
Balance = Annotated[
    str | None, typer.Option(help="For rare classes: sampling (shown as often) or loss (weigh more). [default: none]")
]
Device = Annotated[str, typer.Option(help="cpu, cuda, mps or auto.")]
Precision = Annotated[str, typer.Option(help="fp32, bf16, fp16, or auto: whichever is fast here.")]
Compile = Annotated[
    bool | None,
    typer.Option("--compile/--no-compile", help="Use torch.compile. [default: where it repays]", show_default=False),
]
Stem = Annotated[str, typer.Option(help="small, imagenet, or auto: small up to 64 pixels.")]
Width = Annotated[float, typer.Option(help="Scales the channels of every network; 1 is as published.")]
StemOfWeights = Annotated[
    str,
    typer.Option("--stem", help="small, imagenet, or auto: that of weights to start from, or small up to 64 pixels."),
]
WidthOfWeights = Annotated[
    float | None,
    typer.Option("--width", help="Scales the channels. [default: that of weights to start from, or 1, as published]"),
]
Pretrained = Annotated[
    bool, typer.Option("--pretrained", help="Start from published ImageNet weights: --init pretrained.")
]
InitKey = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="Which weights of a file that holds several, such as state_dict_ema."),
]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Run the code of a network of your own that the run's record names, whichever it is."),
]
OwnModel = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="MODULE:NAME", help="Run the code of this network of your own, which the run's record names."
    ),
]
Advised = Annotated[
    bool,
    typer.Option("--advice", help="Say what these images are like and what to do with them, and why; train nothing."),
]
Again = Annotated[
    bool,
    typer.Option("--again", help="Do it once more, in the next folder, where the same command was finished before."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON record instead of text.")]


def names(text: str) -> list[str]:
    """What commas separate."""
    return [name.strip() for name in text.split(",") if name.strip()]


def print_json(record: Any) -> None:
    """One record for machines."""
    from skipwise.audience import json_text
    from skipwise.files import as_json

    print(json_text(as_json(record)))


def reading_options(
    class_level: str | None,
    image_column: str | None,
    label_column: str | None,
    label_regex: str | None,
    *,
    crop_boxes: bool,
    skip_unread: bool,
) -> ReadingOptions | None:
    """How images are to be read, for verbs that know it of the run unless they are told; None where they are not."""
    from skipwise.data.sources import ReadingOptions

    given = ReadingOptions(
        class_level=class_level,
        image_column=image_column,
        label_column=label_column,
        label_regex=label_regex,
        crop_boxes=crop_boxes,
        skip_unread_formats=skip_unread,
    )
    return None if given == ReadingOptions() else given
