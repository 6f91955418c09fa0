"""The options of `explain`."""

from __future__ import annotations

from skipwise.core.options import group, option, options
from skipwise.core.workspace.options import FolderOptions
from skipwise.nets.options import TrustOptions


@options("Heat maps")
class MapOptions:
    """Options for the heat maps and their checks."""

    class_name: str | None = option(
        None,
        "Show the map of this class, too, whatever the answer is.",
        metavar="CLASS",
        called="class",
    )
    layer: str | None = option(
        None,
        "Show Grad-CAM at this layer of the network.",
        unset="class activation maps, which are exact; for an external network Grad-CAM at the layer that is pooled",
        metavar="NAME",
    )
    check: bool = option(
        False,
        "Check the maps, too: whether they change when weights are made random, and whether the pixels that they mark "
        "are those that the answer depends on.",
    )
    limit: int = option(
        100, "The most images that are explained. Of more, evenly spaced ones are chosen.", metavar="IMAGES"
    )


@options()
class ExplainOptions:
    """The options of `explain`."""

    maps: MapOptions = group(MapOptions)
    folder: FolderOptions = group(FolderOptions, without=("resume",))
    trust: TrustOptions = group(TrustOptions)
