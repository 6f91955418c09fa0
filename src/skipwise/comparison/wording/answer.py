"""The answer of a comparison in a few sentences, for somebody without statistics: what to use, how sure that is, what
would change it, and what that would cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import assert_never

from skipwise.comparison.results.effort import effort_for
from skipwise.comparison.results.recommendation import Excess, Recommendation
from skipwise.comparison.results.records import Candidate, Costs, Results
from skipwise.comparison.wording.by_seed import about_means
from skipwise.comparison.wording.costs import chance_of, if_alike
from skipwise.comparison.wording.learning_curve import more_images
from skipwise.comparison.wording.pairs import cost_of, is_wide, ways
from skipwise.comparison.wording.phrases import margin, milliseconds, over_limit, size, sure, tested
from skipwise.core.text import count, listed
from skipwise.cost.price import spent
from skipwise.statistics import FEWEST_GROUPS


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The sentences, each "" where there is nothing to say.

    Args:
        faster: the network that is as good as the best guess, and faster.
        use: the choice and why.
        sure: how far that can be relied on.
        price: what the choice costs, in milliseconds and megabytes, and what it took to find out.
        change: what would change it, or settle it.
        cost: what that would take, in runs, hours and images.
        images: what twice as many training images would bring.
        mind: what to watch with this network.
    """

    faster: str
    use: str
    sure: str
    price: str
    change: str
    cost: str
    images: str
    mind: str

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of them, in the order in which they are read."""
        return tuple(filter(None, (self.faster, self.use, self.sure, self.price, *self.rest)))

    @property
    def head(self) -> tuple[str, ...]:
        """The first lines, for whoever decides: the network to use, how sure that is, and its cost."""
        return tuple(filter(None, (" ".join(filter(None, (self.faster, self.use))), self.sure, self.price)))

    @property
    def rest(self) -> tuple[str, ...]:
        """The other lines: what could change the answer, what that costs, what more images bring, and what to watch."""
        return tuple(filter(None, (self.change, self.cost, self.images, self.mind)))


def answer(results: Results, choice: Recommendation, costs: Costs | None = None) -> Answer:
    """The answer in words.

    Args:
        results: what the recommendation rests on.
        choice: the recommendation.
        costs: for how long runs took here; None where that is not known.
    """
    if choice.candidate is None:
        return Answer(faster="", use=_none(results, choice), sure="", price="", change="", cost="", images="", mind="")
    change, cost = _settling(results, choice, costs) if choice.basis == "best guess" else (_may_change(choice), "")
    return Answer(
        faster=_faster(results, choice),
        use=_use(results, choice),
        sure=_guessed(results, choice) if choice.basis == "best guess" else _sure(results, choice),
        price=_price(results, choice, costs),
        change=change,
        cost=cost,
        images=more_images(results),
        mind=_mind(results, choice),
    )


def status(results: Results, choice: Recommendation) -> str:
    """States in two or three words how reliable the answer is."""
    if choice.candidate is None:
        return "No answer"
    if has_a_bug(results):
        return "Not to be trusted"
    if not choice.shown:
        return "Not settled"
    if results.folds is not None:
        return "Shown, approximately"
    return "Shown, but exploratory" if results.exploratory else f"Shown, {sure(results.question)} sure"


def has_a_bug(results: Results) -> bool:
    """Returns whether some seeds gave the same answers, which means that there is a bug."""
    return any(candidate.repeated for candidate in results.candidates)


def does_not_fit(results: Results, choice: Recommendation) -> list[str]:
    """A sentence for each network that breaks a limit."""
    return [
        f"{name} does not fit: {'; '.join(excess(each, results) for each in broken)}."
        for name, broken in choice.unfit.items()
    ]


def excess(broken: Excess, results: Results) -> str:
    """A limit that is broken: "latency 3 ms, 20% over the limit of 2.5 ms"."""
    value, limit, outcome = broken.value, broken.limit, results.question.scoring
    match broken.quantity:
        case "latency":
            return over_limit("latency", value, limit, scale=1e3, unit="ms")
        case "size":
            return over_limit("size", value, limit, scale=1e-6, unit="MB")
        case "multiply-adds":
            return over_limit("multiply-adds", value, limit, scale=1e-6, unit="M")
        case "outcome":
            if value is None:
                return f"its {outcome.measure()} is not known"
            short = outcome.merit(limit) - outcome.merit(value)
            visible = short * outcome.scale >= 0.5 * 10**-outcome.digits
            by = outcome.amount(short, digits=outcome.digits) if visible else "just"
            reached = f"{outcome.measure()} {outcome.value(value)}"
            return f"{reached}, {by} {outcome.behind} the {outcome.limit(limit)} asked for"
        case other:
            assert_never(other)


def _none(results: Results, choice: Recommendation) -> str:
    if choice.basis == "none fits":
        broken = (
            f"{name} ({', '.join(excess(each, results) for each in several)})" for name, several in choice.unfit.items()
        )
        return f"No network fits the limits: {'; '.join(broken)}."
    able = [c.name for c in results.candidates if c.outcome is not None]
    left = f"only {able[0]} has" if able else "no network has"
    nothing = any(c.not_learned is not None and c.not_learned.count for c in results.candidates)
    runs = "two runs that learned something" if nothing else "two finished runs"
    return f"No network can be recommended: {left} {runs}, and comparing takes two runs of each network."


def _faster(results: Results, choice: Recommendation) -> str:
    found = choice.faster
    if found is None or choice.latency is None:
        return ""
    return (
        f"Use {found.name} where speed counts: it is faster than {choice.candidate} ({milliseconds(found.latency)} "
        f"instead of {milliseconds(choice.latency)} per image) and shown to be as good, to within "
        f"{margin(results.question)}."
    )


def _unlike(results: Results, rival: str, choice: Recommendation) -> str:
    """States how much worse or better than the choice a network may be that can't be told from it."""
    pair, scoring = results.advantage(rival, str(choice.candidate)), results.question.scoring
    if pair is None or is_wide(pair, results.question):
        return "it is unknown how much worse or better it is"
    better = f", or up to {scoring.amount(pair.high)} better" if pair.high > 0 else ""
    return f"may be up to {scoring.amount(-pair.low)} worse{better}"


def _use(results: Results, choice: Recommendation) -> str:
    name, question = choice.candidate, results.question
    within = " within the limits" if choice.unfit else ""
    match choice.basis:
        case "only one fits":
            unknown = [c.name for c in results.candidates if c.outcome is None]
            rest = f"; {listed(unknown)} could not be compared" if unknown else ""
            return f"Use {name}: it is the only network{within}{rest}."
        case "cheapest of those as good":
            cheap = "the smallest" if choice.latency is None else f"the fastest on {choice.where}"
            latency = "" if choice.latency is None else f" ({milliseconds(choice.latency)} per image)"
            return (
                f"Use {name}: of the {len(choice.as_good)} networks{within} shown to be as good as any other, to "
                f"within {margin(question)}, it is {cheap}{latency}."
            )
        case "alone as good":
            pairs = [results.advantage(str(name), other) for other in _others(results, choice)]
            least = min((pair.low for pair in pairs if pair is not None), default=0.0)
            if all(pair is not None and pair.verdict == "better" for pair in pairs):
                by = f", by at least {question.scoring.amount(least)}"
                return f"Use {name}: it is shown to be better than every other network{within}{by}."
            return f"Use {name}: it alone{within} is shown to be as good as any other, to within {margin(question)}."
    outcome = _candidate(results, name).outcome
    reached = "" if outcome is None else question.scoring.value(outcome.value)
    if choice.level:
        smaller = f", and {name} is the smaller" if _is_smaller(results, choice) else ""
        best = f": {listed([str(name), *choice.level])} did best and equally well ({reached}){smaller}."
    else:
        best = f", which did best ({reached})."
    if results.pairs and all(pair.verdict == "unresolved" for pair in results.pairs):
        return f"If you must choose now, use {name}{best}"
    return f"As a best guess, use {name}{best}"


def _sure(results: Results, choice: Recommendation) -> str:
    """States how sure a choice is that was shown."""
    if choice.basis == "only one fits":
        return "Nothing had to be shown for this, as there is no other to choose."
    if has_a_bug(results):
        return "Don't rely on it: seeds that must differ gave the same answers, so there is a bug somewhere."
    wrong = f"{results.question.alpha * 100:g}"
    if not (doubts := _doubts(results)):
        return (
            f"How sure: {sure(results.question)}. Of 100 comparisons like this one, at most {wrong} say anything"
            f"{about_means(results)} that is wrong."
        )
    return f"How sure: less than {sure(results.question)}, since {listed(doubts)}."


def _doubts(results: Results) -> list[str]:
    """Lists reasons why the intervals may be too narrow, a clause each."""
    found = []
    if results.exploratory:
        found.append("some of the plan was made when results could be known")
    if results.folds is not None:
        found.append("the intervals of cross-validation are approximate")
    if results.test_groups is not None and results.test_groups < FEWEST_GROUPS:
        found.append(f"{count(results.test_groups, 'group')} of test images are too few to know how much groups differ")
    return found


def _guessed(results: Results, choice: Recommendation) -> str:
    """States what a best guess may still lose."""
    name = str(choice.candidate)
    if has_a_bug(results):
        return "Don't rely on it: seeds that must differ gave the same answers, so there is a bug somewhere."
    pairs = {other: results.pair(name, other) for other in choice.rivals}
    seeds = max((pair.seeds for pair in pairs.values() if pair is not None), default=0)
    against = None if choice.against is None else results.advantage(name, choice.against)
    if choice.largest_loss is None or against is None or is_wide(against, results.question):
        loss = f"it is unknown how much worse than {choice.against} it may be"
    else:
        loss = f"it may be up to {results.question.scoring.amount(choice.largest_loss)} worse than {choice.against}"
    return (
        f"How sure: not settled. {count(seeds, 'seed')} on {tested(results)} can't tell it from "
        f"{listed(choice.rivals)}, and {loss}."
    )


def _may_change(choice: Recommendation) -> str:
    """States what could change a choice that was shown."""
    if choice.basis == "only one fits":
        return "Other limits may change it."
    return (
        "What may change it: images of another kind, another split of these, another recipe or more tuning. The "
        "intervals cover none of these."
    )


def _price(results: Results, choice: Recommendation, costs: Costs | None) -> str:
    """States the time and size of the choice, the loss with a faster network, and the comparison's cost."""
    counts, runs = _candidate(results, choice.candidate).counts, sum(len(c.runs) for c in results.candidates)
    speed = "" if choice.latency is None else f"{milliseconds(choice.latency)} per image on {choice.where}"
    space = "" if counts is None else f"{size(counts)} of weights"
    parts = [part for part in (speed, space) if part]
    found = f"What it costs: {listed(parts)}." if parts else "What it costs is not known here."
    said = [found, _beside_faster(results, choice)]
    said.append(f"Finding this out took {count(runs, 'run')}{_machine_time(costs)}." if runs else "")
    return " ".join(filter(None, said))


def _machine_time(costs: Costs | None) -> str:
    """States the machine-hours of a comparison and what they cost; "" where they are not known."""
    if costs is None or costs.trained_seconds is None:
        return ""
    return f" and about {spent(costs.trained_seconds / max(costs.processes, 1), costs.price)}"


def _beside_faster(results: Results, choice: Recommendation) -> str:
    """States how much slower the choice is than a faster network, and what that brings."""
    rival, fastest, scoring = choice.faster_rival, choice.fastest, results.question.scoring
    if choice.basis == "best guess":
        if rival is None or (choice.faster is not None and choice.faster.name == rival.name):
            return ""
        return f"{rival.name} takes {milliseconds(rival.latency)}, and {_unlike(results, rival.name, choice)}."
    pair = None if fastest is None else results.advantage(fastest.name, str(choice.candidate))
    if fastest is None or pair is None or choice.latency is None:
        return ""
    worse = f"is {scoring.span(-pair.high, -pair.low)} worse"
    if pair.high >= 0:
        worse = f"may be up to {scoring.amount(-pair.low)} worse"
    return f"The fastest network, {fastest.name}, takes {milliseconds(fastest.latency)} and {worse}."


def _others(results: Results, choice: Recommendation) -> list[str]:
    """The other candidates that were compared and fit."""
    able = [c.name for c in results.candidates if c.outcome is not None and c.name not in choice.unfit]
    return [name for name in able if name != choice.candidate]


def _settling(results: Results, choice: Recommendation, costs: Costs | None) -> tuple[str, str]:
    """States what would decide a best guess, and what that costs."""
    open_pairs = [results.pair(str(choice.candidate), rival) for rival in choice.rivals]
    pairs = [pair for pair in open_pairs if pair is not None]
    if not pairs:
        return "What would settle it: two runs that learn, with the same seeds, of each network.", ""
    effort = effort_for(pairs, results, costs)
    rivals = "the two" if len(pairs) == 1 else "them all"
    if effort.seeds is None and effort.images is None and effort.groups is None:
        more = "test images" if results.test_groups is None else "groups of test images"
        alone = f"Neither more seeds nor more {more} alone would tell {rivals} apart."
        level = listed([str(choice.candidate), *choice.rivals])
        return f"{alone} Of {level}, you may take the fastest or smallest, if you accept what it may lose.", ""
    no_seeds = "; more seeds can't" if effort.seeds is None else ""
    settled = f"What would tell {rivals} apart: {ways(effort)}, if they really differ as they did here{no_seeds}."
    if costs is None:
        return settled, f"What that costs: {cost_of(effort)}."
    then = costs.settling
    chance = ""
    if then is not None:
        range_of = if_alike(then.least, then.most)
        chance = f" A look after {count(then.seeds, 'seed')} has {chance_of(then.chance)} to do it{range_of}."
    return settled, f"What that costs: {cost_of(effort, costs.price)}.{chance}"


def _mind(results: Results, choice: Recommendation) -> str:
    """Warns of weak points of the network that was chosen."""
    candidate, outcome, said = _candidate(results, choice.candidate), results.question.scoring, []
    if candidate.not_learned is not None and candidate.not_learned.count:
        said.append(
            f"Mind that {candidate.not_learned.count} of its {candidate.not_learned.runs} runs learned nothing: train "
            "it several times, and keep a run that learned."
        )
    elif candidate.failed:
        said.append(f"Mind that {candidate.failed} of its {len(candidate.runs)} runs failed.")
    if choice.not_reached is not None and candidate.outcome is not None:
        worst = candidate.outcome.low if outcome.higher_is_better else candidate.outcome.high
        goes = "down" if outcome.higher_is_better else "up"
        said.append(
            f"That it reaches {outcome.limit(choice.not_reached)} is not shown: its interval goes {goes} to "
            f"{outcome.bound(worst)}."
        )
    return " ".join(said)


def _candidate(results: Results, name: str | None) -> Candidate:
    return next(c for c in results.candidates if c.name == name)


def _is_smaller(results: Results, choice: Recommendation) -> bool:
    """Returns whether the choice is smaller than all that did as well."""
    sizes = {c.name: c.counts.parameters for c in results.candidates if c.counts is not None}
    own = sizes.get(str(choice.candidate))
    return own is not None and all(own < sizes.get(name, math.inf) for name in choice.level)
