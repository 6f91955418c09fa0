"""Images on which networks of a comparison disagree, as records."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """A test image that some candidates mostly get right and others mostly wrong.

    Args:
        id: its path, as in split.csv.
        label: its class.
        right: the share of each candidate's runs that got it right, in the order of the candidates; None without runs.
        answers: each candidate's commonest answer.
    """

    id: str
    label: str
    right: tuple[float | None, ...]
    answers: tuple[str | None, ...]


@dataclass(frozen=True, kw_only=True)
class DividingImage:
    """A test image that most runs of one network get right, and most runs of another get wrong.

    Args:
        id: its path, as in split.csv.
        label: its class.
        right_a, right_b: the share of the runs of each that got it right.
        answer_a, answer_b: the commonest answer of each.
    """

    id: str
    label: str
    right_a: float
    right_b: float
    answer_a: str
    answer_b: str


@dataclass(frozen=True, kw_only=True)
class Divided:
    """The test images on which two networks disagree.

    Args:
        a, b: the networks.
        only_a: the number of images that most runs of a get right, and most runs of b get wrong.
        only_b: the number of those the other way round.
        images: some of them, those first on which they differ most.
    """

    a: str
    b: str
    only_a: int
    only_b: int
    images: tuple[DividingImage, ...]

    def turned(self) -> Divided:
        """The same from b's side, those first that b gets right."""
        images = tuple(
            replace(i, right_a=i.right_b, right_b=i.right_a, answer_a=i.answer_b, answer_b=i.answer_a)
            for i in sorted(self.images, key=lambda image: image.right_a > image.right_b)
        )
        return Divided(a=self.b, b=self.a, only_a=self.only_b, only_b=self.only_a, images=images)
