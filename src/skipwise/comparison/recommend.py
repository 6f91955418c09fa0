"""The verb `recommend`: a finished comparison and what a network may cost -> which one to use."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from skipwise.comparison.options import RecommendOptions
from skipwise.comparison.results.choice import HERE, Limits, choose
from skipwise.comparison.results.finished import Comparison, read_comparison
from skipwise.comparison.results.recommendation import Recommendation
from skipwise.comparison.wording.answer import answer
from skipwise.comparison.wording.further import claims, further
from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.files.json_limits import check_json
from skipwise.core.files.json_records import LARGEST_RECORD
from skipwise.core.files.regular import read_regular
from skipwise.core.remote.copies import local_path
from skipwise.core.shown import Shown
from skipwise.core.signatures import takes
from skipwise.core.text import command
from skipwise.cost.profile import ProfileReport
from skipwise.evaluation.outcomes import Outcome

_AMOUNT = re.compile(r"([\d.]+)([kKMGT]?)")
_TIMES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


@dataclass(frozen=True, kw_only=True)
class Recommended(Shown):
    """The network of a comparison to use within limits.

    Args:
        comparison: the finished comparison.
        limits: what a network may cost, and how good it has to be.
        latencies: the seconds per image of each network, one image at a time.
        where: where these were measured, for sentences.
        recommendation: the choice, and what it rests on.
    """

    comparison: Comparison
    limits: Limits
    latencies: dict[str, float]
    where: str
    recommendation: Recommendation

    @property
    def verdict(self) -> tuple[str, ...]:
        """The answer within the limits in a few sentences; see `Comparison.verdict`."""
        return answer(self.comparison.results, self.recommendation, self.comparison.costs).sentences

    @property
    def claims(self) -> tuple[str, ...]:
        """The findings on the recommended network by the outcomes beside the first one; see `Comparison.claims`."""
        return tuple(
            sentence
            for question, judged in (further(self.comparison.results) if self.recommendation.candidate else ())
            for sentence in claims(question, judged, about=self.recommendation.candidate)
        )


@takes(RecommendOptions)
def recommend(comparison: str | os.PathLike[str], *, options: RecommendOptions) -> Recommended:
    """Says which network of a finished comparison to use, within limits. Nothing is trained or written.

    Args:
        comparison: the folder of the comparison.

    Returns:
        The recommendation, the limits it keeps, and the latencies it goes by.

    Raises:
        SkipwiseError: there is no finished comparison in the folder, or it is damaged; a limit is not above 0, or of an
            outcome that the comparison does not count; or the file of costs can't be read or is about other networks.

    Example:
        >>> import skipwise
        >>> found = skipwise.recommend("runs/compare/images", max_latency_ms=5)
        >>> found.recommendation.candidate, found.latencies["mobilenet_v2"] <= 0.005
        ('mobilenet_v2', True)
    """
    found = read_comparison(local_path(comparison))
    limits = Limits(
        latency=_positive("--max-latency-ms", options.max_latency_ms, 1e-3),
        size=_positive("--max-size-mb", options.max_size_mb, 1e6),
        multiply_adds=None if options.max_macs is None else _amount(str(options.max_macs)),
        outcome=_asked_for(found.results.question.scoring, options.min_accuracy, options.max_loss),
    )
    if options.costs is None:
        latencies, where = found.costs.medians, HERE
    else:
        latencies, where = _elsewhere(Path(options.costs), found)
    return Recommended(
        comparison=found,
        limits=limits,
        latencies=latencies,
        where=where,
        recommendation=choose(found.results, latencies, limits, where=where),
    )


def _positive(option: str, value: float | None, scale: float) -> float | None:
    if value is not None and not value > 0:
        raise SkipwiseError(f"{option} must be above 0, not {value:g}.")
    return None if value is None else value * scale


def _amount(text: str) -> float:
    match = _AMOUNT.fullmatch(text.strip())
    try:
        value = float(match[1]) * _TIMES[match[2]] if match else 0.0
    except ValueError:
        value = 0.0
    if not value > 0:
        raise SkipwiseError(f"--max-macs must be a number of multiply-adds such as 600M or 1.5G, not {text!r}.")
    return value


def _asked_for(outcome: Outcome, min_accuracy: float | None, max_loss: float | None) -> float | None:
    """Returns the value that the outcome must reach; None where the user sets no limit."""
    if outcome.higher_is_better:
        if max_loss is not None:
            raise SkipwiseError(
                f"This comparison counts {outcome.measure()}, of which more is better; --max-loss is for losses: give "
                "--min-accuracy instead."
            )
        return None if min_accuracy is None else _share(min_accuracy)
    if min_accuracy is not None:
        raise SkipwiseError(
            f"This comparison counts {outcome.measure()}, of which less is better; --min-accuracy is for accuracies: "
            "give --max-loss instead."
        )
    return _positive("--max-loss", max_loss, 1 / outcome.scale)


def _share(value: float) -> float:
    share = value / 100 if value > 1 else value
    if not 0 < share <= 1:
        raise SkipwiseError(f"--min-accuracy must lie between 0 and 1, or 0 and 100 percent, not {value:g}.")
    return share


def _elsewhere(path: Path, found: Comparison) -> tuple[dict[str, float], str]:
    """Latencies that were measured on another machine, and which."""
    try:
        content = read_regular(path, LARGEST_RECORD)
    except OSError as error:
        raise SkipwiseError(f"Can't read {path}: {reason_of(error)}.") from error
    try:
        check_json(content)
        profile = msgspec.json.decode(content, type=ProfileReport)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise SkipwiseError(
            f"{path} holds no latencies; --costs takes what this prints on another machine: {profile_command(found)}"
        ) from error
    plan = found.plan
    there = (profile.image_size, profile.num_classes, profile.stem, profile.width, profile.precision)
    if there != (plan.preprocessing.size, len(plan.classes), plan.stem, plan.width, "fp32"):
        raise SkipwiseError(
            f"{path} is of other networks than this comparison's, in image size, classes, stem, width or precision; "
            f"there, run: {profile_command(found)}"
        )
    latencies = {network.name: network.latency.median for network in profile.networks}
    missing = [name for name in _measurable(found) if name not in latencies]
    if missing:
        raise SkipwiseError(f"{path} has no latency of {', '.join(missing)}; there, run: {profile_command(found)}")
    return latencies, profile.machine.processor


def _measurable(found: Comparison) -> list[str]:
    """The candidates that can be built."""
    return [candidate.name for candidate in found.results.candidates if candidate.counts is not None]


def profile_command(found: Comparison) -> str:
    """Returns the command that measures this comparison's networks on another machine."""
    plan = found.plan
    options = {
        "--img-size": plan.preprocessing.size,
        "--num-classes": len(plan.classes),
        "--stem": plan.stem,
        "--width": f"{plan.width:g}",
    }
    words = [str(word) for option in options.items() for word in option]
    return f"{command('skipwise', 'profile', ','.join(_measurable(found)), *words, '--json')} > costs.json"
