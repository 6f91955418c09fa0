"""Is SE-ResNet-18 better than ResNet-18, after as many epochs and after as much time?"""

from __future__ import annotations

from dataclasses import replace

from skipwise.studies.designs import ALPHA, Design, Part, Setup, Study, Subset
from skipwise.studies.measuring import step_times

PLAIN, GATED = "resnet18", "se_resnet18"
MODELS = (PLAIN, GATED)
EPOCHS, TIME = "equal-epochs", "equal-time"
PARTS = (
    Part(
        claim="after as many epochs, SE-ResNet-18 does better than ResNet-18",
        a=GATED,
        b=PLAIN,
        of_a=EPOCHS,
        of_b=EPOCHS,
    ),
    Part(
        claim="after as much training time, SE-ResNet-18 does better than ResNet-18",
        a=GATED,
        b=PLAIN,
        of_a=TIME,
        of_b=EPOCHS,
    ),
)


def _settle(setup: Setup) -> Setup:
    """Gives the network with gates as many epochs as fit into the time of the one without."""
    first, second = setup.designs
    seconds = step_times(first)
    ratio = seconds[GATED] / seconds[PLAIN]
    epochs = max(1, min(first.epochs, int(first.epochs / ratio)))
    sentence = (
        f"Measured before training, in turn: a step of {GATED} takes {ratio:.2f} times as long as one of {PLAIN}. So "
        f"{epochs} of its epochs fit into the time of {first.epochs} epochs of {PLAIN}. Multiply-adds would hide this: "
        "gates have few of them."
    )
    return replace(setup, designs=(first, replace(second, epochs=epochs)), measured=(sentence,))


def _setup(first: Design) -> Setup:
    title = "the epochs that take SE-ResNet-18 as long as ResNet-18 takes in the first comparison"
    return Setup(designs=(first, replace(first, name=TIME, title=title)), parts=PARTS)


SQUEEZE_EXCITE = Study(
    name="squeeze-excite",
    claim="SE-ResNet-18 is better than ResNet-18, after as many epochs and after as much training time.",
    source=(
        "articles that train both on CIFAR-10 and compare one run of each; Hu et al. 2018, Squeeze-and-Excitation "
        "Networks, arXiv:1709.01507, which reports it for ImageNet (table 2) and CIFAR-10 (table 4)."
    ),
    small=_setup(
        Design(
            name=EPOCHS,
            title="as many epochs",
            models=MODELS,
            images=Subset(data="cifar10", train=5000, val=1000, test=10_000),
            epochs=12,
            width=0.25,
            alpha=ALPHA / 2,
        )
    ),
    full=_setup(
        Design(
            name=EPOCHS,
            title="as many epochs",
            models=MODELS,
            images=Subset(data="cifar10", train=45_000, val=5000, test=10_000),
            epochs=200,
            recipe="reference",
            alpha=ALPHA / 2,
            compile=None,
        )
    ),
    reasons=(
        "At the small scale both networks have a quarter of the published channels.",
        "The second part holds SE-ResNet-18 of the second comparison against ResNet-18 of the first. Both comparisons "
        "have the same images, split and seeds, and each gets half of the probability of an error.",
        "Equal time goes by the time of a training step, and whole epochs are rounded down. Reading images and "
        "answering validation and test images cost both networks about the same, and are not counted.",
        "ResNet-18 is trained in the second comparison, too; no part of the claim is about that.",
    ),
    not_covered=(
        "longer training, and ImageNet, where gates are usually found to help",
        "deeper networks, which have more gates, and other reductions than 16",
        "a recipe that was tuned with gates in mind",
        "the time of a step on other hardware, or compiled",
    ),
    would_change=(
        "Longer training: gates learn slowly, and a network that is behind after a few hundred steps may catch up.",
        "More seeds or more test images narrow every interval.",
        "An epoch more or less in the second part: it is counted in whole epochs, and a step is timed on a machine "
        "that may be doing other work.",
        "Hardware on which gates cost less time would give SE-ResNet-18 more epochs in the second part.",
    ),
    settle=_settle,
)
