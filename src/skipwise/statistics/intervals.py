"""How far a mean over seeds and images may be from the truth, when both were drawn.

A contender's answers are taken as accuracy + seed effect + image effect + rest, each effect independent with a
variance of its own (two-way random effects: Searle, Casella and McCulloch 1992, Variance Components, ch. 4). Two
contenders share the images and therefore the image effects' covariance; their seeds are separate draws, each with its
own variance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy  # whose parts are imported when they are first used
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Table:
    """The two-way analysis of one contender's values[s, i].

    `by_image` is the mean over seeds of each image. `log_odds` holds the mean and the variance, over seeds, of the
    logarithm of errors / right answers.
    """

    mean: float
    seeds: int
    images: int
    ms_seed: float
    ms_rest: float
    by_image: NDArray[np.floating]
    log_odds: tuple[float, float]

    def variance(self, seeds: int, images: int) -> float:
        """What varies from seed to seed, seed effects and rest, in a mean over so many of each."""
        # What images of its own cost a seed shrinks with more images; the seed's effect on all of them does not.
        effect = max(self.ms_seed - self.ms_rest, 0.0) / self.images
        return (effect + min(self.ms_seed, self.ms_rest) / images) / seeds

    def variance_below(self, quantile: float, seeds: int, images: int) -> float:
        """The same, as far as the truth may lie below the mean: `quantile` of its roots reach down to Cox's bound.

        Near the ceiling, runs that are much worse than the rest are rare, and much worse. Seeds that happen to have
        none of them show a high accuracy and a small variance together, so that an interval of equal arms would miss
        far more often than it says. On the log-odds scale seed effects are nearer to symmetrical. The bound there is
        Cox's for the mean of a log-normal variable, used one contender at a time (Zou, Huo and Taleban 2009,
        Environmetrics 20:172). Far from the ceiling it is the ordinary one.
        """
        variance = self.variance(seeds, images)
        if variance == 0 or quantile == 0:
            return variance
        centre, spread = self.log_odds
        spread *= variance * seeds / self.variance(1, self.images)
        reach = quantile * math.sqrt(spread / seeds + spread**2 / (2 * (seeds - 1)))
        error = max(1 - self.mean, 0.5 / self.images)
        fall = float(scipy.special.expit(centre + spread / 2 + reach)) - error
        return max(variance, (max(fall, 0.0) / quantile) ** 2)


def analyse(values: NDArray[np.floating]) -> Table:
    """The mean squares of values [seeds, images].

    Raises:
        ValueError: fewer than two seeds or one image.
    """
    seeds, images = values.shape
    if seeds < 2 or images < 1:
        raise ValueError(f"An interval needs at least two seeds and one image, not {seeds} and {images}.")
    by_seed, by_image = values.mean(axis=1), values.mean(axis=0)
    grand = by_seed.mean()
    of_seeds = images * np.square(by_seed - grand).sum()
    of_images = seeds * np.square(by_image - grand).sum()
    rest = np.vdot(values, values) - seeds * images * grand**2 - of_seeds - of_images
    # Half an answer stands for none, which has no logarithm.
    log_odds = -scipy.special.logit(np.clip(by_seed, 0.5 / images, 1 - 0.5 / images))
    return Table(
        mean=float(grand),
        seeds=seeds,
        images=images,
        ms_seed=float(of_seeds / (seeds - 1)),
        ms_rest=float(max(rest, 0.0) / ((seeds - 1) * max(images - 1, 1))),
        by_image=by_image,
        log_odds=(float(log_odds.mean()), float(log_odds.var(ddof=1))),
    )


@lru_cache(maxsize=1024)
def _student(freedom: int, alpha: float) -> float:
    """Student's two-sided quantile: asked for again and again with few different counts."""
    return float(-scipy.special.stdtrit(freedom, alpha / 2))  # from below: 1 - alpha may round to 1


@dataclass(frozen=True)
class Mean:
    """An accuracy, or the difference of two: `value` is the mean of `first`, less that of `second` where there is one.

    `image_effect` is the variance of one image's effect on the value.
    """

    value: float
    image_effect: float
    first: Table
    second: Table | None = None

    def interval(self, alpha: float, *, seeds: int | None = None, images: int | None = None) -> tuple[float, float]:
        """The two-sided interval that misses with probability alpha; or about what it would be with so many of each.

        The variance has two estimated parts: what varies from seed to seed, known from few seeds, and what the image
        effects add, known from many images. Student's quantiles for the two are averaged by the parts' sizes (Cochran
        1964, Biometrics 20:191). Satterthwaite's degrees of freedom for the whole would err on the unsafe side
        wherever the few seeds happen to agree.

        The seeds' part is itself a sum over two contenders. Welch's degrees of freedom (1947, Biometrika 34:28) lie
        between S - 1, where only one varies, and 2 (S - 1), where both vary alike; as they are estimated from as few
        seeds, the mean of them and of S - 1 is taken. docs/statistics.md has what this errs in simulation.
        """
        seeds, images = seeds or self.first.seeds, images or self.first.images
        by_image = self.image_effect / images
        few, many = _student(seeds - 1, alpha), _student(images + 1, alpha)

        def arm(parts: list[float]) -> float:
            by_seed = sum(parts)
            if by_seed + by_image == 0:
                return 0.0
            of_seeds = few
            if sum(part > 0 for part in parts) > 1:
                welch = (seeds - 1) * by_seed**2 / sum(part**2 for part in parts)
                of_seeds = float(-scipy.special.stdtrit((welch + seeds - 1) / 2, alpha / 2))
            return (by_seed * of_seeds + by_image * many) / math.sqrt(by_seed + by_image)

        below = [self.first.variance_below(few, seeds, images)]
        above = [self.first.variance(seeds, images)]
        if self.second is not None:
            below.append(self.second.variance(seeds, images))
            above.append(self.second.variance_below(few, seeds, images))
        return self.value - arm(below), self.value + arm(above)


def mean_of(table: Table, *, largest: float = 1.0) -> Mean:
    """One contender's mean. `largest` is the largest value that an image can have, see `difference_of`."""
    spread = float(np.square(table.by_image - table.mean).sum()) + largest**2 / 2
    return Mean(table.mean, _image_effect(spread, table), table)


def difference_of(a: Table, b: Table, *, largest: float = 1.0) -> Mean:
    """The mean of a minus that of b, on the same images and as many seeds.

    The image effects' variance is taken with two images more than there were: one that only a gets right and one
    that only b does, in the outcome's largest value. Without them a hundred images without one disagreement would
    have variance zero, and any claim whatever would look certain. The mean leaves them out.
    """
    value = a.mean - b.mean
    spread = float(np.square(a.by_image - b.by_image - value).sum()) + 2 * largest**2
    return Mean(value, _image_effect(spread, a, b), a, b)


def _image_effect(spread: float, *tables: Table) -> float:
    """Its variance: `spread` is the sum of squares over two more images than there are, with the rest in it."""
    of_rest = sum(table.ms_rest for table in tables) / tables[0].seeds
    return max(spread / (tables[0].images + 1) - of_rest, 0.0)
