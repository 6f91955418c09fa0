"""The command line's arguments and options that several verbs share."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from skipwise.data.sources import ReadingOptions

T = TypeVar("T")

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
    str | None, typer.Option(metavar="FILE", help="Split the images as this split.csv of earlier work says.")
]
ClassLevel = Annotated[
    str | None,
    typer.Option(metavar="1|2|leaf", help="Which level of folders holds the classes. [default: what their names say]"),
]
ImageColumn = Annotated[str | None, typer.Option(metavar="COLUMN", help="The table's column that names the images.")]
LabelColumn = Annotated[str | None, typer.Option(metavar="COLUMN", help="The table's column that names the classes.")]
LabelRegex = Annotated[
    str | None,
    typer.Option(
        metavar="PATTERN", help="The part of a file's name that is its class: '^([a-z]+)' finds cat in cat.0.jpg."
    ),
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
    typer.Option(
        metavar="PATTERN", help="Which images belong together, by a pattern in their paths, such as 'patient(\\d+)'."
    ),
]
CropBoxes = Annotated[
    bool, typer.Option("--crop-boxes", help="Take each box of COCO annotations for an image of its own.")
]
SkipUnreadFormats = Annotated[
    bool, typer.Option("--skip-unread-formats", help="Leave out pictures in formats that are not read (raw, PSD, ...).")
]
Epochs = Annotated[
    int | None, typer.Option(help="The number of passes over the training images. [default: the recipe's]")
]
BatchSize = Annotated[
    int | None,
    typer.Option("--batch-size", "-b", help="The number of images per step. [default: fits the training set]"),
]
ImgSize = Annotated[
    int | None, typer.Option(help="The size of the images, in pixels a side. [default: their own, up to 128]")
]
Rate = Annotated[float | None, typer.Option(help="The peak learning rate. [default: the recipe's]")]
RecipeName = Annotated[
    str, typer.Option(help="The recipe to train by: fast, standard, or reference (200 epochs, the field's usual).")
]
Mirror = Annotated[
    bool | None,
    typer.Option(
        "--mirror/--no-mirror",
        help="Mirror training images at random; not for letters, digits or signs. [default: mirror, unless the set is "
        "known to change its meaning]",
        show_default=False,
    ),
]
FreezeNorms = Annotated[
    bool, typer.Option("--freeze-norms", help="Leave batch norms as the weights to start from have them.")
]
ValShare = Annotated[
    float | None, typer.Option(help="The share of the images that is kept for validation. [default: 0.15]")
]
Exclude = Annotated[str | None, typer.Option(metavar="FILE", help="Leave out the images that this audit.json flags.")]
Strict = Annotated[bool, typer.Option("--strict", help="Fail where an image is on two sides of a given split.")]
Pack = Annotated[
    bool, typer.Option("--pack/--no-pack", help="Decode images once, into the cache, or anew in every epoch.")
]
Balance = Annotated[
    str | None,
    typer.Option(
        help="What to do for rare classes: sampling shows them as often as others, loss has them weigh more. "
        "[default: none]"
    ),
]
Device = Annotated[
    str, typer.Option(help="The device to compute on: cpu, cuda, mps, or auto for the fastest there is.")
]
Precision = Annotated[
    str, typer.Option(help="The precision to compute in: fp32, bf16, fp16, or auto for whichever is fast here.")
]
Compile = Annotated[
    bool | None,
    typer.Option("--compile/--no-compile", help="Use torch.compile. [default: where it repays]", show_default=False),
]
Stem = Annotated[
    str, typer.Option(help="The networks' first layers: small, imagenet, or auto, which is small up to 64 pixels.")
]
Width = Annotated[float, typer.Option(help="The number of channels, as a multiple of what was published.")]
StemOfWeights = Annotated[
    str,
    typer.Option(
        "--stem",
        help="The first layers: small, imagenet, or auto, which is that of weights to start from, or small up to 64 "
        "pixels.",
    ),
]
WidthOfWeights = Annotated[
    float | None,
    typer.Option(
        "--width",
        help="The number of channels, as a multiple of what was published. [default: that of weights to start from, "
        "or 1]",
    ),
]
Pretrained = Annotated[
    bool, typer.Option("--pretrained", help="Start from published ImageNet weights: the same as --init pretrained.")
]
InitKey = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="Which weights to take from a file that holds several, such as state_dict_ema."),
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


def is_given(context: typer.Context, name: str) -> bool:
    """Whether an argument stands on the command line; what is none of the command line's always does."""
    source = context.get_parameter_source(name)
    return source is None or source.name != "DEFAULT"


def only_given(context: typer.Context, function: Callable[..., T]) -> Callable[..., T]:
    """The function, told only what stands on the command line: what else it does by default may stand in a file."""

    def called(*arguments: object, **options: object) -> T:
        return function(*arguments, **{name: value for name, value in options.items() if is_given(context, name)})

    return called


def repeated(context: typer.Context, *, without: Collection[str]) -> list[str | Path]:
    """The words of a command line behind the verb: its arguments, and its options without some of them."""
    words: list[str | Path] = []
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in without or not is_given(context, name):
            continue
        value, option = context.params[name], max(parameter.opts, key=len)
        if parameter.param_type_name == "argument":
            words.append(Path(value) if value.startswith("-") else value)
        elif isinstance(value, bool):
            words.append(option if value else max(parameter.secondary_opts, key=len))
        else:
            for each in value if isinstance(value, list) else [value]:
                words += [option, str(each)]
    return words


def print_json(record: Any) -> None:
    """One record for machines."""
    from skipwise.core.escaping import json_text
    from skipwise.core.files.json_records import as_json

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
