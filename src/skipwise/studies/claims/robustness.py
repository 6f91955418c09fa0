"""Is a network with squeeze-excite more robust?"""

from __future__ import annotations

from skipwise.studies.designs import Design, Part, Setup, Study, Subset

NAME = "robustness"
PLAIN, GATED = "resnet18", "se_resnet18"
ALIKE = "accuracy:classes=t-shirt,pullover,dress,coat,shirt"
OUTCOMES = ("accuracy", "corrupted", "background", ALIKE)


def _part(claim: str, outcome: str) -> Part:
    return Part(claim=claim, a=GATED, b=PLAIN, of_a=NAME, of_b=NAME, outcome=outcome)


PARTS = (
    _part("SE-ResNet-18 gets more corrupted images right than ResNet-18", "corrupted"),
    _part("SE-ResNet-18 relies less on the background than ResNet-18", "background"),
    _part("SE-ResNet-18 tells classes that are alike better apart than ResNet-18", ALIKE),
)


ROBUSTNESS = Study(
    name=NAME,
    claim=(
        "Squeeze-excite makes a network more robust: to corrupted images, to other backgrounds, and between classes "
        "that are alike."
    ),
    source=(
        "articles on SE-ResNet-18, which call it more robust on complex backgrounds and more sensitive to fine "
        "differences; Hendrycks and Dietterich 2019, arXiv:1903.12261, for the corruptions, and Xiao et al. 2021, "
        "arXiv:2006.09994, for the backgrounds."
    ),
    small=Setup(
        designs=(
            Design(
                name=NAME,
                title="ResNet-18 and SE-ResNet-18 on garments before photographs",
                models=(PLAIN, GATED),
                images=Subset(data="backgrounds", train=5000, val=1000, test=3000),
                epochs=10,
                width=0.25,
                outcomes=OUTCOMES,
            ),
        ),
        parts=PARTS,
    ),
    full=Setup(
        designs=(
            Design(
                name=NAME,
                title="ResNet-18 and SE-ResNet-18 on garments before photographs",
                models=(PLAIN, GATED),
                images=Subset(data="backgrounds", train=55_000, val=5000, test=10_000),
                epochs=100,
                recipe="reference",
                outcomes=OUTCOMES,
                compile=None,
            ),
        ),
        parts=PARTS,
    ),
    reasons=(
        "The images are garments of Fashion-MNIST before photographs of CIFAR-10. 80% of the images of a garment, in "
        "training and in the test, stand before one kind of photographs, so that a network can go by the background. "
        "How far it does is its accuracy before photographs of that kind less that before photographs of another.",
        "Corrupted images are the test images under 15 kinds of noise, blur, weather and compression, and at five "
        "severities.",
        "The classes that are alike are t-shirt, pullover, dress, coat and shirt.",
    ),
    not_covered=(
        "by how much corruption lowers the accuracy: what counts is the accuracy on corrupted images itself",
        "photographs, whose backgrounds were not put behind their subjects by a program",
        "longer training, and training with such corruptions or backgrounds",
    ),
    would_change=(
        "Longer training, in which a network relies more on what helps in training, or less.",
        "More seeds or more test images narrow every interval.",
    ),
)
