"""Options for networks."""

from __future__ import annotations

from skipwise.core.options import option, options


@options("Networks")
class NetworkOptions:
    """The variant of the networks, and whether they start from published weights."""

    stem: str = option(
        "auto",
        "The first layers: small, imagenet, or auto, which is the stem of the weights to start from, or else small up "
        "to 64 pixels.",
    )
    width: float | None = option(
        None,
        "The number of channels, as a multiple of the published number.",
        unset="that of the weights to start from, or 1",
        metavar="FACTOR",
    )
    pretrained: bool = option(False, "Start from published ImageNet weights, as --init pretrained does.")


@options("Trust")
class TrustOptions:
    """Options for code that only a record names."""

    trust: bool | str = option(
        False, "Run the code of a network of your own that the run's record names, whichever it is."
    )
