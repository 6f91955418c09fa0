"""Are bottleneck blocks better than basic blocks at equal multiply-adds?"""

from __future__ import annotations

from dataclasses import replace

from skipwise.studies.designs import Design, Part, Setup, Study, Subset
from skipwise.studies.networks import at_width

# At 32 pixels: 48.8 and 49.1 million multiply-adds, 0.84 and 0.82 million parameters.
SMALL_BASIC, SMALL_BOTTLENECK = at_width("resnet34", 20), at_width("resnet50", 18)
FULL_BASIC, FULL_BOTTLENECK = at_width("resnet34", 93), at_width("resnet50", 87)
NAME = "bottleneck"


def _setup(basic: str, bottleneck: str, design: Design) -> Setup:
    part = Part(
        claim="at equal multiply-adds, ResNet-50 with bottleneck blocks does better than ResNet-34 with basic ones",
        a=bottleneck,
        b=basic,
        of_a=NAME,
        of_b=NAME,
    )
    return Setup(designs=(replace(design, models=(basic, bottleneck)),), parts=(part,))


BOTTLENECK = Study(
    name=NAME,
    claim="Bottleneck blocks are better than basic blocks at equal multiply-adds.",
    source=(
        "He et al. 2015, Deep Residual Learning for Image Recognition, arXiv:1512.03385, section 4.1: ResNet-50 puts a "
        "bottleneck of three layers in the place of each basic block of ResNet-34, is about as expensive, and more "
        "accurate on ImageNet."
    ),
    small=_setup(
        SMALL_BASIC,
        SMALL_BOTTLENECK,
        Design(
            name=NAME,
            title="basic and bottleneck blocks at equal multiply-adds",
            models=(),
            images=Subset(data="cifar10", train=5000, val=1000, test=10_000),
            epochs=10,
        ),
    ),
    full=_setup(
        FULL_BASIC,
        FULL_BOTTLENECK,
        Design(
            name=NAME,
            title="basic and bottleneck blocks at equal multiply-adds",
            models=(),
            images=Subset(data="cifar10", train=45_000, val=5000, test=10_000),
            epochs=200,
            recipe="reference",
            compile=None,
        ),
    ),
    reasons=(
        "Both networks have the same number of blocks in each stage (3, 4, 6, 3), as in the paper. Their widths were "
        "chosen by counting, before any training: the multiply-adds differ by less than 1% at the small scale and by "
        "0.1% at the full one, and so do the parameters by less than 5%.",
        "resnet34_x20 is ResNet-34 with 0.20 times the published channels, each number rounded to a multiple of 8. "
        "`compare --width` is for all networks alike, so these are networks of a module that comes with Skipwise.",
    ),
    not_covered=(
        "networks of the published width, whose multiply-adds differ by 12%",
        "equal latency: bottlenecks have more layers, and take longer on most hardware",
        "ImageNet, and training for as long as published tables",
    ),
    would_change=(
        "Longer training: the deeper network has more layers to train.",
        "Wider networks: at a fifth of the channels the 3x3 convolutions inside of bottlenecks have 8 to 96 channels.",
        "More seeds or more test images narrow every interval.",
    ),
)
