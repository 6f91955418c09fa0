"""Is SE-ResNet-18 better than ResNet-18, after as many epochs and after as much time?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from skipwise.comparison.results.finished import Comparison
from skipwise.studies.designs import ALPHA, Design, Part, Setup, Study, Subset

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


def _adjust(setup: Setup, done: Mapping[str, Comparison]) -> Setup:
    """Gives the network with gates the epochs that come nearest to the time of the one without.

    The time of a step alone would not do: in one trial it was 1.20 times as long with gates, and that of whole runs
    1.11 times, as reading, augmenting and validating cost both networks the same.
    """
    if EPOCHS not in done:
        return setup
    first, second = setup.designs
    seconds = done[EPOCHS].costs.run_seconds
    if not (seconds.get(PLAIN) and seconds.get(GATED)):
        return setup
    ratio = seconds[GATED] / seconds[PLAIN]
    epochs = max(1, min(first.epochs, round(first.epochs / ratio)))
    sentence = (
        f"Measured in the first comparison, whose runs take turns: the median run of {GATED} took {ratio:.2f} times as "
        f"long as that of {PLAIN}. {first.epochs} epochs of {PLAIN} take as long as {first.epochs / ratio:.1f} of "
        f"{GATED}, so it gets {epochs}. Multiply-adds would hide this: gates have few of them."
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
        "Equal time goes by whole runs, with everything that they do, in the nearest whole number of epochs. It is "
        "settled between the two comparisons, by their times and by nothing else.",
        "ResNet-18 is trained in the second comparison, too; no part of the claim is about that.",
    ),
    not_covered=(
        "longer training, and ImageNet, where gates are usually found to help",
        "deeper networks, which have more gates, and other reductions than 16",
        "a recipe that was tuned with gates in mind",
        "the time of a run on other hardware, or compiled",
    ),
    would_change=(
        "Longer training: gates learn slowly, and a network that is behind after a few hundred steps may catch up.",
        "More seeds or more test images narrow every interval.",
        "An epoch more or less in the second part: it is counted in whole epochs, and runs are timed on a machine that "
        "may be doing other work.",
        "Hardware on which gates cost less time would give SE-ResNet-18 more epochs in the second part.",
    ),
    adjust=_adjust,
)
