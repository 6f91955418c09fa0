"""Spreads over seeds and epochs to an accuracy in words: for the terminal, the page and Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UnsetType

from skipwise.comparison.results.records import Results
from skipwise.comparison.results.target import TargetEpochs
from skipwise.core.text import count, listed
from skipwise.statistics import FEWEST_RUNS, Reaching, ReachingPair, Spread, SpreadPair, Spreads

MOST_NAMED = 3
FEW_SEEDS = (
    f"fewer than {FEWEST_RUNS} seeds, which don't show whether a network has a bad run now and then, so nothing is "
    "judged"
)
"""The reason why there is no verdict."""


def lines(results: Results) -> list[str]:
    """Returns the lines for the terminal: one on spreads, and one on epochs where an accuracy was asked for."""
    said = []
    if not isinstance(results.spreads, UnsetType):
        said.append(" ".join((_deviations(results.spreads, results), *spread_verdicts(results.spreads))))
    if not isinstance(results.target_epochs, UnsetType):
        said.append(" ".join((_epochs(results.target_epochs), *epoch_verdicts(results.target_epochs))))
    return said


def about_means(results: Results) -> str:
    """Returns " about mean test accuracy" where verdicts on spreads or epochs stand beside those on means: each kind is
    wrong with a probability of its own. "" where there are only means.
    """
    if isinstance(results.spreads, UnsetType) and isinstance(results.target_epochs, UnsetType):
        return ""
    question = results.question
    return f" about {'the means of these outcomes' if question.further else f'mean {question.scoring.measure()}'}"


def deviation(value: float, results: Results) -> str:
    """A standard deviation in the outcome's unit: "0.41 points"."""
    outcome = results.question.scoring
    return outcome.amount(value, digits=outcome.digits)


def _deviations(spreads: Spreads, results: Results) -> str:
    each = [f"{name} {deviation(spread.deviation, results)}" for name, spread in spreads.networks.items()]
    measure = results.question.scoring.measure()
    return f"Standard deviation of {measure} over seeds, on these images: {', '.join(each)}."


def spread_verdicts(spreads: Spreads) -> list[str]:
    """A sentence for each network that is shown to be more sensitive, and one about the other pairs."""
    told = [pair for pair in spreads.pairs if pair.verdict in ("larger", "smaller")]
    said = [_more_sensitive(pair) for pair in told[:MOST_NAMED]]
    if len(told) > MOST_NAMED:
        said.append(f"{len(told) - MOST_NAMED} more such pairs are in the report.")
    rest = [pair for pair in spreads.pairs if pair not in told]
    if not rest:
        return said
    if all(pair.verdict == "too few seeds" for pair in rest):
        return [*said, _few_seeds(told)]
    beyond = " beyond these test images" if any(map(_is_of_images, rest)) else ""
    return [*said, f"No {'other ' if told else ''}difference in spread is shown{beyond}."]


def _few_seeds(told: Sequence[object]) -> str:
    """States why the pairs that are not told of are not judged."""
    return f"{'The other pairs have' if told else 'There are'} {FEW_SEEDS}."


def spread_verdict(pair: SpreadPair) -> str:
    """The verdict on a pair, in a few words."""
    if pair.verdict == "too few seeds":
        return f"not judged: {FEW_SEEDS}"
    if pair.verdict == "larger":
        return f"{pair.a} is more sensitive to the seed"
    if pair.verdict == "smaller":
        return f"{pair.b} is more sensitive to the seed"
    if not pair.ratio:
        return "not judged: all runs of one of them have the same outcome"
    return f"no difference in spread shown{' beyond these test images' if _is_of_images(pair) else ''}"


def _is_of_images(pair: SpreadPair) -> bool:
    """Returns whether the spreads on these images differ, and the images may be the reason."""
    return (
        pair.verdict == "unresolved"
        and pair.low is not None
        and pair.high is not None
        and not (pair.low <= 1 <= pair.high)
    )


def _more_sensitive(pair: SpreadPair) -> str:
    assert pair.ratio is not None
    assert pair.low is not None
    assert pair.high is not None
    more, less, ends = pair.a, pair.b, (pair.ratio, pair.low, pair.high)
    if pair.verdict == "smaller":
        more, less, ends = pair.b, pair.a, (1 / pair.ratio, 1 / pair.high, 1 / pair.low)
    times, low, high = (f"{each:.1f}" for each in ends)
    return (
        f"{more} is more sensitive to the seed than {less}: on these images it varies {times} times as much ({low} to "
        f"{high})."
    )


def ratio(pair: SpreadPair) -> tuple[str, str]:
    """The ratio of spreads and its interval; "" where there is none."""
    value = "" if pair.ratio is None else f"{pair.ratio:.2f}"
    return value, "" if pair.low is None or pair.high is None else f"{pair.low:.2f} to {pair.high:.2f}"


def explained(spread: Spread) -> str:
    """The part of a variance that is due to the images: "62%"."""
    if not spread.deviation:
        return ""
    return f"{1 - (spread.beyond / spread.deviation) ** 2:.0%}"


def _epochs(target: TargetEpochs) -> str:
    each = [
        f"{name} {f'not within {target.epochs}' if found.median is None else median(found)} "
        f"({found.reached or 'none'} of {count(found.runs, 'run')} got there)"
        for name, found in target.found.networks.items()
    ]
    return f"Epochs until half of the runs have {target.accuracy:g}% validation accuracy: {'; '.join(each)}."


def median(found: Reaching) -> str:
    """The median number of epochs with its interval: "7 (6 to 9)"; or that it is not reached by half."""
    if found.median is None:
        return "not reached by half"
    if found.low is None:
        return f"{found.median}"
    return f"{found.median} ({found.low} {'or more' if found.high is None else f'to {found.high}'})"


def epoch_verdicts(target: TargetEpochs) -> list[str]:
    """A sentence for each network that is shown to need more epochs, and one about the other pairs."""
    told = [pair for pair in target.found.pairs if pair.verdict in ("more", "fewer")]
    said = [_needs_more(pair, target) for pair in told[:MOST_NAMED]]
    if len(told) > MOST_NAMED:
        said.append(f"{len(told) - MOST_NAMED} more such pairs are in the report.")
    rest = [pair for pair in target.found.pairs if pair not in told]
    if not rest:
        return said
    if all(pair.verdict == "too few seeds" for pair in rest):
        return [*said, _few_seeds(told)]
    return [*said, f"No {'other ' if told else ''}difference in the epochs needed is shown."]


def epoch_verdict(pair: ReachingPair) -> str:
    """The verdict on a pair, in a few words."""
    if pair.verdict == "too few seeds":
        return f"not judged: {FEW_SEEDS}"
    if pair.verdict in ("more", "fewer"):
        return f"{pair.a if pair.verdict == 'more' else pair.b} needs more epochs"
    return "not judged: no run of either reached it" if pair.low is None else "no difference in the epochs needed shown"


def _needs_more(pair: ReachingPair, target: TargetEpochs) -> str:
    assert pair.low is not None
    assert pair.high is not None
    more, less, ends = pair.a, pair.b, (pair.difference, pair.low, pair.high)
    if pair.verdict == "fewer":
        more, less, ends = pair.b, pair.a, (-pair.difference, -pair.high, -pair.low)
    by, low, high = (f"{each:.1f}" for each in ends)
    upto = horizon(target)
    return f"{more} needs more epochs than {less}: {by} more on average, counted up to {upto} ({low} to {high})."


def epochs_more(pair: ReachingPair) -> tuple[str, str]:
    """The difference in epochs and its interval; "" where there is none."""
    span = "" if pair.low is None or pair.high is None else f"{pair.low:+.1f} to {pair.high:+.1f}"
    return f"{pair.difference:+.1f}", span


def horizon(target: TargetEpochs) -> int:
    """The epoch up to which epochs are counted."""
    return min((found.horizon for found in target.found.networks.values()), default=target.epochs)


def about_epochs(target: TargetEpochs) -> list[str]:
    """Explains the epochs to an accuracy: the last epoch that is counted, and how each run counts."""
    said = [
        f"The accuracy on the validation images is looked at after every epoch, and the first one at which it is "
        f"{target.accuracy:g}% counts. A run that did not get there within {count(target.epochs, 'epoch')} may need "
        "any number more: it counts as not there yet (Kaplan and Meier), and means count each run's epochs up to "
        f"{horizon(target)}."
    ]
    sure = {f"{100 * found.sure:.0f}%" for found in target.found.networks.values() if found.sure is not None}
    if sure:
        said.append(f"The interval of a median holds in at least {listed(sorted(sure))} of cases, for each by itself.")
    said += [
        f"The loss of {count(runs, 'run')} of {name} diverged; {'it counts' if runs == 1 else 'they count'} as never "
        "getting there."
        for name, runs in target.diverged.items()
    ]
    return said
