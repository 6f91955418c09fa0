"""Is a network with squeeze-excite more sensitive to its initial weights, and does it need more epochs?"""

from __future__ import annotations

from skipwise.studies.designs import ALPHA, Design, Part, Setup, Study, Subset

NAME = "initialisation"
PLAIN, GATED = "resnet18", "se_resnet18"


def _setup(design: Design, *, target: float) -> Setup:
    spread = Part(
        claim="the accuracy of SE-ResNet-18 varies more from seed to seed than that of ResNet-18",
        a=GATED,
        b=PLAIN,
        of_a=NAME,
        of_b=NAME,
        quantity="spread",
        alpha=ALPHA / 2,
    )
    epochs = Part(
        claim=f"SE-ResNet-18 needs more epochs than ResNet-18 to get {target:.0%} of the validation images right",
        a=GATED,
        b=PLAIN,
        of_a=NAME,
        of_b=NAME,
        quantity="epochs",
        target=target,
        alpha=ALPHA / 2,
    )
    return Setup(designs=(design,), parts=(spread, epochs))


INITIALISATION = Study(
    name=NAME,
    claim="Squeeze-excite makes a network more sensitive to its initial weights, and it needs more epochs.",
    source=(
        "articles on SE-ResNet-18, which warn that gates make training more sensitive to initial weights and need more "
        "iterations; they give no numbers."
    ),
    small=_setup(
        Design(
            name=NAME,
            title="many seeds of ResNet-18 and SE-ResNet-18",
            models=(PLAIN, GATED),
            images=Subset(data="cifar10", train=5000, val=1000, test=10_000),
            epochs=8,
            seeds=20,
            batch_size=128,
            width=0.25,
            img_size=24,
        ),
        target=0.5,
    ),
    full=_setup(
        Design(
            name=NAME,
            title="many seeds of ResNet-18 and SE-ResNet-18",
            models=(PLAIN, GATED),
            images=Subset(data="cifar10", train=45_000, val=5000, test=10_000),
            epochs=100,
            seeds=20,
            recipe="reference",
            compile=None,
        ),
        target=0.9,
    ),
    reasons=(
        "A seed decides on the initial weights, and on the order and the augmentation of the images. Both networks "
        "have the same seeds, but a seed does not mean the same initial weights in both: their layers differ.",
        "Twenty seeds: the ratio of two standard deviations is known to within a factor of about 1.7 with so many.",
        "A run that does not reach the target counts as one that would have needed more epochs than it had.",
    ),
    not_covered=(
        "initial weights alone, with the order of the images the same",
        "other ways to draw initial weights, deeper networks, and longer training",
        "epochs to another accuracy; the learning rate falls along the same schedule for both networks",
    ),
    would_change=(
        "Many more seeds: a ratio of 1.2 takes about 150 to be shown.",
        "Another schedule of the learning rate may let one of the networks reach the target earlier.",
    ),
)
