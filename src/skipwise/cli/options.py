"""Arguments and options that several verbs have on the command line only: the images, and the output."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from skipwise.core.options import option, options

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


@options("Output")
class PrintOptions:
    """Options for the output."""

    json: bool = option(False, "Print one JSON record instead of text.")


@options("Output")
class AdviceOptions:
    """Options for advice without training."""

    advice: bool = option(False, "Say what these images are like, what to do with them, and why. Nothing is trained.")


@options("Trust")
class OwnModelOptions:
    """A network of one's own by its name, which is more careful than `--trust`."""

    own_model: str | None = option(
        None,
        "Run the code of this network of your own, which the run's record names.",
        metavar="MODULE:NAME",
        called="model",
    )

    @property
    def trust(self) -> dict[str, str]:
        """The keyword `trust` of a verb's Python function; nothing where no network is named."""
        return {"trust": self.own_model} if self.own_model else {}


def names(text: str) -> list[str]:
    """Splits a text at commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def print_json(record: Any) -> None:
    """One record for machines."""
    from skipwise.core.escaping import json_text
    from skipwise.core.files.json_records import as_json

    print(json_text(as_json(record)))
