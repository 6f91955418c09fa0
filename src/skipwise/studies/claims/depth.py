"""Does depth hurt without skip connections, and help with them?"""

from __future__ import annotations

from skipwise.studies.designs import Design, Part, Setup, Study, Subset

SMALL = Subset(data="cifar10", train=5000, val=1000, test=10_000)
FULL = Subset(data="cifar10", train=45_000, val=5000, test=10_000)
MODELS = ("plain20", "plain32", "plain56", "resnet20", "resnet32", "resnet56")
PARTS = (
    Part(
        claim="without skip connections, 20 layers do better than 56",
        a="plain20",
        b="plain56",
        of_a="depth",
        of_b="depth",
    ),
    Part(
        claim="with skip connections, 56 layers do better than 20",
        a="resnet56",
        b="resnet20",
        of_a="depth",
        of_b="depth",
    ),
)

DEPTH = Study(
    name="depth",
    claim="Deeper networks are worse without skip connections, and better with them.",
    source="He et al. 2015, Deep Residual Learning for Image Recognition, arXiv:1512.03385, section 4.2 and figure 6.",
    small=Setup(
        designs=(
            Design(
                name="depth",
                title="plain and residual networks of 20, 32 and 56 layers",
                models=MODELS,
                images=SMALL,
                epochs=10,
                batch_size=128,
                width=0.5,
                img_size=24,
            ),
        ),
        parts=PARTS,
    ),
    full=Setup(
        designs=(
            Design(
                name="depth",
                title="plain and residual networks of 20, 32 and 56 layers",
                models=MODELS,
                images=FULL,
                epochs=200,
                recipe="reference",
                compile=None,
            ),
        ),
        parts=PARTS,
    ),
    reasons=(
        "These are the networks of the paper's figure 6, with the same three depths plain and residual; at the small "
        "scale they have half of the channels, and images of 24 x 24 pixels.",
        "Runs record how gradients change from block to block, which changes nothing in them.",
        "The training loss is shown beside the accuracy: a deep plain network that is worse on the training images, "
        "too, is hard to optimize, and does not overfit.",
    ),
    not_covered=(
        "longer training: published tables rest on 64,000 steps or more",
        "ImageNet, where the paper compares 18 and 34 layers",
        "networks that were each tuned by themselves, and other ways to make depth trainable",
    ),
    would_change=(
        "Longer training narrows the gap between plain networks, and gives deeper residual networks time to get ahead.",
        "More seeds or more test images narrow every interval.",
    ),
    depth_norms=True,
)
