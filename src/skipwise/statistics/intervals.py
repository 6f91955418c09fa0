"""Intervals for a mean over seeds and images, both of which are random.

A network's scores are taken as mean + seed effect + image effect + residual, each independent with a variance of its
own (two-way random effects: Searle, Casella and McCulloch 1992, Variance Components, ch. 4). Images may come in groups
that are drawn as wholes. Two networks share the images and therefore the image effects' covariance; their seeds are
separate draws, each with its own variance.

Everything here is about errors, of which fewer are better: 1 - score where 1 is the best score, the score itself where
it is a loss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from skipwise.statistics.groups import Groups
from skipwise.statistics.moderation import borrowed, combined

ROUNDING = 1e-12
SKEW = 0.7
"""The skewness that seed effects are taken to have, on the scale on which they are nearer to symmetrical: as far as it
can be told, most runs are a little better than the mean and few are much worse."""


@dataclass(frozen=True, eq=False)
class Table:
    """The two-way analysis of one network's errors [seeds, images].

    Args:
        mean: of all errors.
        seeds: how many runs there are.
        run_variance: the variance over seeds of a run's mean error.
        residual_variance: how much of it the residual accounts for, which shrinks with more images.
        by_image: the mean over seeds of each image.
        on_log_scale: the runs' means on a scale on which seed effects are nearer to symmetrical; None where errors may
            be negative.
    """

    mean: float
    seeds: int
    run_variance: float
    residual_variance: float
    by_image: NDArray[np.float64]
    on_log_scale: LogScale | None


@dataclass(frozen=True)
class LogScale:
    """Runs' mean errors as log-odds, or as logarithms where errors have no upper end.

    Args:
        mean, variance: of these over seeds.
        error: the mean error.
        slope: the derivative of the scale at `error`.
        is_odds: whether they are log-odds.
    """

    mean: float
    variance: float
    error: float
    slope: float
    is_odds: bool

    def error_at(self, place: float) -> float:
        """The error at a place on the scale."""
        return (
            float(special.expit(place)) if self.is_odds else math.exp(min(place, 300.0))
        )  # the square of which is still a number

    def errors_at(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """The errors at places on the scale."""
        return np.asarray(special.expit(places) if self.is_odds else np.exp(np.minimum(places, 300.0)))


def analyse(errors: NDArray[np.float64], groups: Groups, *, most: float | None = 1.0) -> Table:
    """The analysis of errors [seeds, images].

    Args:
        most: the largest mean error there can be where the least is 0: 1, or infinity. None where errors may be
            negative, too.

    Raises:
        ValueError: fewer than two seeds or one image.
    """
    seeds, images = errors.shape
    if seeds < 2 or images < 1:
        raise ValueError(f"An interval needs at least two seeds and one image, not {seeds} and {images}.")
    by_seed, by_image = errors.mean(axis=1), errors.mean(axis=0)
    deviations = groups.sums(errors - by_seed[:, None])
    residual_variance = groups.variance(deviations - deviations.mean(axis=0)) / (seeds - 1)
    return Table(
        mean=float(by_seed.mean()),
        seeds=seeds,
        # Runs that agree but for the order of sums agree.
        run_variance=float(by_seed.var(ddof=1)) if np.ptp(by_seed) > ROUNDING * np.abs(errors).max() else 0.0,
        residual_variance=residual_variance,
        by_image=by_image,
        on_log_scale=None if most is None else log_scale(by_seed, images, is_odds=math.isfinite(most)),
    )


def log_scale(by_seed: NDArray[np.float64], images: int, *, is_odds: bool) -> LogScale:
    """The runs' mean errors as log-odds, or as logarithms where errors have no upper end."""
    # Half an error stands for none, which has no logarithm.
    least = 0.5 / images
    if is_odds:
        error = min(max(float(by_seed.mean()), least), 1 - least)
        places, slope = special.logit(np.clip(by_seed, least, 1 - least)), 1 / (error * (1 - error))
    else:
        least *= float(by_seed.max()) or 1.0
        error = max(float(by_seed.mean()), least)
        places, slope = np.log(np.maximum(by_seed, least)), 1 / error
    return LogScale(float(places.mean()), float(places.var(ddof=1)), error, slope, is_odds)


@dataclass(frozen=True, eq=False)
class Networks:
    """All networks of a comparison, whose seed variances borrow from each other.

    Args:
        tables: of each.
        groups: how the images fall into groups.
        largest: the largest error that a single image can have; None where there is none but what was seen.
    """

    tables: Sequence[Table]
    groups: Groups
    largest: float | None = 1.0

    @cached_property
    def _run_variances(self) -> NDArray[np.float64]:
        return np.array([table.run_variance for table in self.tables])

    @cached_property
    def _residual_variances(self) -> NDArray[np.float64]:
        return np.array([table.residual_variance for table in self.tables])

    @cached_property
    def _freedom(self) -> NDArray[np.float64]:
        return np.array([table.seeds - 1.0 for table in self.tables])

    @cached_property
    def _weight(self) -> NDArray[np.float64]:
        # Seeds that happen to agree say less of a variance than the residual does, which is known well.
        return borrowed(np.maximum(self._run_variances, self._residual_variances), self._freedom)

    def seed_variance(self, shares: NDArray[np.float64], seeds: int | None, fewer: float) -> tuple[float, float]:
        """The variance of a sum of means over seeds, seed effects and residual, and its degrees of freedom.

        Args:
            shares: 1 / seeds for each network whose mean is in the sum, 0 for the others.
            seeds: as if there were so many of each network. None: as many as there are.
            fewer: as if there were 1 / fewer as many images.
        """
        variances = self._run_variances - np.minimum(self._run_variances, self._residual_variances) * (1 - fewer)
        freedom = self._freedom if seeds is None else np.full_like(self._freedom, seeds - 1.0)
        variance, of_variance = combined(variances, freedom, self._weight, shares)
        return float(variance), float(of_variance)


@lru_cache(maxsize=4096)
def student(freedom: float, level: float) -> float:
    """Student's two-sided quantile."""
    return float(-special.stdtrit(freedom, level / 2))  # from below: 1 - level may round to 1


@dataclass(frozen=True, eq=False)
class Mean:
    """The mean error of network `first`, less that of `second` where there is one (their places among `networks`).

    `image_variance` is the variance over images, and `residual_variance` how much of it is residual, which also
    varies from seed to seed.
    """

    networks: Networks
    first: int
    second: int | None
    value: float
    image_variance: float
    residual_variance: float

    @property
    def seeds(self) -> int:
        """The number of seeds, on the side with fewer."""
        sides = [side for side in (self.first, self.second) if side is not None]
        return min(self.networks.tables[side].seeds for side in sides)

    def interval(self, level: float, *, seeds: int | None = None, images: float | None = None) -> tuple[float, float]:
        """The two-sided interval that misses with probability `level`; or about what it would be with so many of each.

        The variance has two estimated parts: what one would expect if images alone were drawn, known from many of them,
        and what varies from seed to seed beyond it, known from few seeds. Student's quantiles for the two are averaged
        by the parts' sizes (Cochran 1964, Biometrics 20:191). Satterthwaite's degrees of freedom for the whole would
        err on the unsafe side wherever the few seeds happen to agree.
        """
        groups = self.networks.groups
        fewer = 1.0 if images is None else groups.images / images
        many = student(groups.freedom / fewer, level)
        shares = np.zeros(len(self.networks.tables))
        sides = [side for side in (self.first, self.second) if side is not None]
        for side in sides:
            shares[side] = 1 / (seeds or self.networks.tables[side].seeds)
        runs_variance, freedom = self.networks.seed_variance(shares, seeds, fewer)
        residual_variance = self.residual_variance * fewer * self.seeds / (seeds or self.seeds)
        image_variance = (self.image_variance - self.residual_variance) * fewer + residual_variance
        beyond = max(runs_variance - residual_variance, 0.0)

        def arm(worse: int | None) -> float:
            """Returns how far the truth may lie to the side on which network `worse` has more errors."""
            tail_variance, few = (0.0, math.inf) if worse is None else self._tail(worse, level, seeds, fewer)
            by_seed, few = beyond + tail_variance, student(min(freedom, few), level)
            return (by_seed * few + image_variance * many) / math.sqrt(by_seed + image_variance)

        return self.value - arm(self.second), self.value + arm(self.first)

    def _tail(self, side: int, level: float, seeds: int | None, fewer: float) -> tuple[float, float]:
        """Returns what seeds add to the variance on the side of more errors, and the degrees of freedom.

        Where errors are few, runs with many more are rare, and much worse. Seeds that happen to have none of them show
        few errors and a small variance together, so that an interval of equal arms would miss far more often than it
        says. On the scale of log-odds (of logarithms, for a loss) seed effects are nearer to symmetrical. The bound
        there is Cox's for the mean of a log-normal variable, used one network at a time (Zou, Huo and Taleban 2009,
        Environmetrics 20:172), made longer by what skewed seed effects would need (Johnson 1978, Journal of the
        American Statistical Association 73:536). Where errors are not few it is nearly the ordinary one.
        """
        networks, table = self.networks, self.networks.tables[side]
        count, on_log_scale = seeds or table.seeds, table.on_log_scale
        shares = np.zeros(len(networks.tables))
        shares[side] = 1 / count
        variance, freedom = networks.seed_variance(shares, seeds, fewer)
        if on_log_scale is None or variance == 0:
            return 0.0, math.inf
        # The variance on that scale, of as many seeds' as was borrowed or foreseen on the scale of errors.
        per_error = on_log_scale.variance / table.run_variance if table.run_variance else on_log_scale.slope**2
        spread = per_error * variance * count
        quantile = student(freedom, level)
        skew = SKEW * max(1 - table.residual_variance * fewer / (variance * count), 0.0) ** 1.5
        skewed = skew * (2 * student(math.inf, level) ** 2 + 1) / (6 * math.sqrt(count))
        reach = (quantile + skewed) * math.sqrt(spread / count + spread**2 / (2 * (count - 1)))
        fall = on_log_scale.error_at(on_log_scale.mean + spread / 2 + reach) - on_log_scale.error
        beyond = (max(fall, 0.0) / quantile) ** 2 - variance if quantile else 0.0
        return (beyond, freedom) if beyond > 0 else (0.0, math.inf)


def mean_of(networks: Networks, side: int) -> Mean:
    """One network's mean error. One more image that is wrong and one that is right are counted, see `difference_of`."""
    table = networks.tables[side]
    extreme = _extreme(networks, table.by_image - table.mean)
    return _mean(networks, side, None, table.mean, table.by_image, extreme**2 / 2)


def difference_of(networks: Networks, first: int, second: int) -> Mean:
    """The mean error of `first` minus that of `second`, on the same images.

    The image effects' variance is taken with two images more than there were: one on which only the first is wrong and
    one on which only the second is. Without them a hundred images without one disagreement would have variance zero,
    and any claim whatever would look certain. The mean leaves them out.
    """
    a, b = networks.tables[first], networks.tables[second]
    by_image = a.by_image - b.by_image
    extreme = _extreme(networks, by_image)
    return _mean(networks, first, second, a.mean - b.mean, by_image, 2 * extreme**2)


def _extreme(networks: Networks, by_image: NDArray[np.float64]) -> float:
    if networks.largest is not None:
        return networks.largest
    return float(np.abs(by_image).max()) or max(float(np.abs(table.by_image).max()) for table in networks.tables) or 1.0


def _mean(
    networks: Networks, first: int, second: int | None, value: float, by_image: NDArray[np.float64], extreme: float
) -> Mean:
    groups = networks.groups
    variance = groups.variance(groups.sums(by_image - value)) + extreme / groups.images**2
    tables = [networks.tables[side] for side in (first, second) if side is not None]
    residual_variance = min(sum(table.residual_variance / table.seeds for table in tables), variance)
    return Mean(networks, first, second, value, variance, residual_variance)
