"""Is MobileNetV2 better than ResNet at equal cost?"""

from __future__ import annotations

from dataclasses import replace

from skipwise.studies.designs import Design, Part, Setup, Study, Subset
from skipwise.studies.measuring import counted, one_image
from skipwise.studies.networks import at_width, plain_name

NAME = "inverted"
WIDTHS = tuple(range(12, 65, 4))
"""Hundredths of ResNet-18's published width among which one is chosen by latency."""
COUNTS, LATENCY = "as many multiply-adds", "the same latency"


def _part(what: str, mobile: str, residual: str) -> Part:
    return Part(
        claim=f"with {what}, MobileNetV2 does better than ResNet-18",
        a=mobile,
        b=residual,
        of_a=NAME,
        of_b=NAME,
    )


def _setup(mobile: int, multiply_adds: int, parameters: int, design: Design) -> Setup:
    """The study with widths that were chosen by counting, in hundredths.

    Args:
        mobile: of MobileNetV2.
        multiply_adds, parameters: of ResNet-18 where it has as many of them.
    """
    network = at_width("mobilenet_v2", mobile)
    residual = at_width("resnet18", multiply_adds), at_width("resnet18", parameters)
    parts = _part(COUNTS, network, residual[0]), _part("as many parameters", network, residual[1])
    return Setup(designs=(replace(design, models=tuple(dict.fromkeys((network, *residual)))),), parts=parts)


def _settle(setup: Setup) -> Setup:
    """Adds the ResNet-18 that answers about as quickly."""
    (design,) = setup.designs
    mobile, *residual = design.models
    names = [at_width("resnet18", width) for width in WIDTHS]
    threads, seconds = one_image([mobile, *names], design.img_size)
    chosen = min(names, key=lambda name: abs(seconds[name] - seconds[mobile]))
    counts = {name: counted(name, design.img_size) for name in (mobile, *residual, chosen)}
    sentences = (
        *(
            f"Counted: {plain_name(name)} has {count.multiply_adds / 1e6:.2f} million multiply-adds and "
            f"{count.parameters:,} parameters."
            for name, count in counts.items()
        ),
        f"Measured before training, in turn, for one image in float32 with {threads} thread{'s' * (threads > 1)}: "
        f"{plain_name(mobile)} takes {1000 * seconds[mobile]:.2f} ms, and of ResNet-18 at {len(WIDTHS)} widths "
        f"{plain_name(chosen)} comes nearest, with {1000 * seconds[chosen]:.2f} ms.",
    )
    models = tuple(dict.fromkeys((*design.models, chosen)))
    return replace(
        setup,
        designs=(replace(design, models=models),),
        parts=(*setup.parts, _part(LATENCY, mobile, chosen)),
        measured=sentences,
    )


INVERTED = Study(
    name=NAME,
    claim="MobileNetV2 is better than ResNet at equal cost: multiply-adds, parameters or latency.",
    source=(
        "articles that call MobileNetV2 the faster and lighter choice; Sandler et al. 2018, MobileNetV2: Inverted "
        "Residuals and Linear Bottlenecks, arXiv:1801.04381, table 4, which compares accuracy with multiply-adds, "
        "parameters and milliseconds on a phone."
    ),
    small=_setup(
        40,
        18,
        18,
        Design(
            name=NAME,
            title="MobileNetV2 and ResNet-18 at equal cost",
            models=(),
            images=Subset(data="cifar10", train=5000, val=1000, test=10_000),
            epochs=10,
            img_size=24,
        ),
    ),
    full=_setup(
        91,
        36,
        40,
        Design(
            name=NAME,
            title="MobileNetV2 and ResNet-18 at equal cost",
            models=(),
            images=Subset(data="cifar10", train=45_000, val=5000, test=10_000),
            epochs=200,
            recipe="reference",
            compile=None,
        ),
    ),
    reasons=(
        "Widths were chosen before any training: by counting for multiply-adds and parameters, which differ by about "
        "1% or less, and by measuring for latency.",
        "resnet18_x18 is ResNet-18 with 0.18 times the published channels, each number rounded to a multiple of 8. "
        "`compare --width` is for all networks alike, so these are networks of a module that comes with Skipwise.",
    ),
    not_covered=(
        "latency on a phone, on a GPU, in a batch, or of an exported file, which other kernels run",
        "longer training, and published weights: MobileNetV2 learns slowly",
        "a recipe that was tuned for MobileNetV2",
    ),
    would_change=(
        "Longer training: MobileNetV2 is far from trained after a few hundred steps.",
        "Hardware on which depthwise convolutions are quick would allow only a smaller ResNet at the same latency.",
        "More seeds or more test images narrow every interval.",
    ),
    settle=_settle,
)
