"""Results in words, the same on the screen, in the report and in markdown."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

import numpy as np

from skipwise.comparison.plan import Plan
from skipwise.comparison.question import Question
from skipwise.comparison.results import Contender, Results
from skipwise.statistics import Estimate, Pair, judge

NOT_JUDGED = "not judged: fewer than two of their runs were finished with the same seed"


def counted(count: int, noun: str) -> str:
    """A number of things: "1 run", "2 runs"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def listed(names: Sequence[str]) -> str:
    """Names as in a sentence: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def first(sentences: Sequence[str], most: int) -> list[str]:
    """Sentences of which there may be too many."""
    more = len(sentences) - most
    return [*sentences[:most], *([f"And {more:,} more of these are in the report."] if more > 0 else [])]


def measure(question: Question) -> str:
    """What the question counts, by its name."""
    return {"accuracy": "test accuracy", "balanced-accuracy": "balanced test accuracy"}[question.outcome]


def sure(question: Question) -> str:
    """How sure the intervals are: "95%"."""
    return f"{(1 - question.alpha) * 100:g}%"


def asked(results: Results) -> str:
    """The question, for whoever did not ask it."""
    question, looks = results.question, results.question.looks
    seeds = counted(looks[0], "seed") if len(looks) == 1 else f"up to {looks[-1]} seeds"
    whole = f" The chance that any verdict is wrong is at most {question.alpha * 100:g}%."
    if results.exploratory or results.folds is not None:
        whole = ""
    return (
        f"Asked of {counted(len(results.contenders), 'network')}, {seeds} each, on "
        f"{counted(results.test_images, 'test image')}. Less than {question.margin:g} points of {measure(question)} "
        f"would not matter.{whole}"
    )


def percent(outcome: Estimate | None) -> str:
    """An accuracy with its interval."""
    if outcome is None:
        return "none"
    return f"{outcome.value * 100:.2f}% ({outcome.low * 100:.1f} to {outcome.high * 100:.1f})"


def points(pair: Pair) -> str:
    """A difference with its interval, in percentage points."""
    return f"{pair.difference * 100:+.2f} ({span(pair.low, pair.high)})"


def span(low: float, high: float) -> str:
    """An interval of a difference, in percentage points."""
    return f"{low * 100:+.2f} to {high * 100:+.2f}"


def verdict(pair: Pair, margin: float) -> str:
    """What a pair's interval means. `margin` in percentage points."""
    if pair.verdict in ("better", "worse"):
        small = f", though by less than {margin:g} points" if pair.equivalent else ""
        return f"{pair.a} is {pair.verdict} than {pair.b}{small}"
    if pair.verdict == "equivalent":
        return f"equivalent: they differ by less than {margin:g} points"
    return "unresolved: these runs cannot tell"


def short_verdict(pair: Pair) -> str:
    """The same in a few words; slightly is by less than the margin."""
    if pair.verdict in ("better", "worse"):
        return f"{pair.a if pair.verdict == 'better' else pair.b} is {'slightly ' * pair.equivalent}better"
    return pair.verdict


def remedy(pair: Pair) -> str:
    """What would settle an unresolved pair; "" for others."""
    if pair.verdict != "unresolved":
        return ""
    ways = []
    if pair.seeds_to_settle is not None:
        ways.append(f"about {_rounded(pair.seeds_to_settle):,} seeds instead of {pair.seeds}")
    if pair.images_to_settle is not None:
        ways.append(f"about {_rounded(pair.images_to_settle):,} test images instead of {pair.images:,}")
    if not ways:
        return "neither more seeds nor more test images alone would settle it"
    only = "" if pair.seeds_to_settle is not None else "; more seeds cannot"
    return f"{' or '.join(ways)} would settle it{only}"


def _rounded(count: int) -> int:
    """Two digits are more than such an estimate is worth."""
    unit = 10 ** max(0, len(str(count)) - 2)
    return math.ceil(count / unit) * unit


def left_open(pair: Pair, results: Results) -> str:
    """Why an unresolved pair got no more seeds, and what would settle it; "" for others."""
    if pair.verdict != "unresolved":
        return ""
    beaten, question = out(results), results.question
    gone = [name for name in (pair.a, pair.b) if name in beaten]
    if gone and not question.every_pair:
        below = [f"{name} is more than {question.margin:g} points below {beaten[name]}" for name in gone]
        return f"left open, as nobody would choose {' or '.join(gone)}: {' and '.join(below)}"
    if pair.seeds_to_settle is None:
        return remedy(pair)
    return f"the looks are over, after {counted(question.looks[-1], 'seed')}; {remedy(pair)}"


def out(results: Results) -> dict[str, str]:
    """The contenders shown to be more than the margin below another one, each with the one it is furthest below."""
    shown: dict[str, Pair] = {}
    for pair in results.pairs:
        for side in (pair, pair.turned()):
            below = side.high < -results.question.margin / 100
            if below and (side.a not in shown or side.high < shown[side.a].high):
                shown[side.a] = side
    return {name: pair.b for name, pair in shown.items()}


def pair_lines(results: Results) -> list[tuple[str, Pair | None]]:
    """Every pair of contenders as "a - b", judged or not."""
    names = [contender.name for contender in results.contenders]
    return [(f"{a} - {b}", results.pair(a, b)) for index, a in enumerate(names) for b in names[index + 1 :]]


def seeds_done(contender: Contender) -> int:
    """How many seeds a contender was trained with."""
    return len({run.seed for run in contender.runs})


def runs_done(contender: Contender) -> str:
    """How many runs a contender had: "5", "5, 1 failed", or "5 x 4" with four folds."""
    seeds = seeds_done(contender)
    folds = f" x {len(contender.runs) // seeds}" if seeds and len(contender.runs) > seeds else ""
    failed = f", {contender.failed} failed" if contender.failed else ""
    return f"{seeds}{folds}{failed}"


def course(results: Results) -> list[str]:
    """How several looks went, and which runs that spared."""
    question, looks = results.question, results.looks
    if len(question.looks) == 1 or not looks:
        return []
    settled = [f"{len(look.decided) or 'none'} after {look.seeds}" for look in looks]
    open_pairs = sum(pair.verdict == "unresolved" for pair in results.pairs)
    left = f"; {open_pairs} stayed open" if open_pairs else ""
    sentences = [f"Settled of {counted(len(results.pairs), 'pair')}: {listed(settled)} seeds{left}."]
    folds = len({run.fold for contender in results.contenders for run in contender.runs})
    done, most = (
        sum(len(contender.runs) for contender in results.contenders),
        len(results.contenders) * question.looks[-1] * max(folds, 1),
    )
    if done < most:
        sentences.append(
            f"That took {counted(done, 'run')}; all {question.looks[-1]} seeds for every network would have been "
            f"{most:,} ({1 - done / most:.0%} saved)."
        )
    return sentences


def notes(plan: Plan, results: Results) -> list[str]:
    """All that a reader must know beside the answer, the gravest first."""
    return [
        *exploratory(plan),
        *failures(results),
        *identical(results),
        *guessing(results),
        *twins(results),
        *cross_validation(plan),
        *_stopped(plan),
        *filter(None, [resolvable(results.test_images, results.question)]),
    ]


def _stopped(plan: Plan) -> list[str]:
    if plan.stopped_after is None:
        return []
    return [f"The time limit was up after {plan.stopped_after} seeds; what was finished then was judged."]


def exploratory(plan: Plan) -> list[str]:
    """What was decided when results could be known already, and what that does to the error rates."""
    sentences = []
    if plan.asked_before:
        asked = [*plan.asked_before, plan.question]
        alpha = plan.question.alpha
        sentences.append(
            "Exploratory: this comparison was extended when its results could be known. First it asked about "
            f"{', then about '.join(_asked(question) for question in asked)}. The claims of each of these "
            f"{len(asked)} plans alone are wrong at most {alpha * 100:g}% of the time; those of all together, up to "
            f"{min(len(asked) * alpha, 1) * 100:g}%."
        )
    if plan.included:
        models = Counter(run.model for run in plan.included)
        whose = listed([f"{count} of {name}" for name, count in models.items()])
        takes = "was trained before takes" if len(plan.included) == 1 else "were trained before take"
        sentences.append(
            f"Exploratory: {counted(len(plan.included), 'run')} that {takes} part ({whose}). Where runs are picked "
            "by their results, the intervals do not hold."
        )
    return sentences


def _asked(question: Question) -> str:
    looks = [str(look) for look in question.looks]
    return f"{listed(question.contenders)} with {listed(looks)} seeds"


def failures(results: Results) -> list[str]:
    """A sentence for every contender with failed runs."""
    sentences = []
    for contender in results.contenders:
        if contender.failed:
            reasons = [
                f"seed {run.seed}{'' if run.fold is None else f', fold {run.fold}'}: {run.reason}"
                for run in contender.runs
                if run.status == "failed"
            ]
            sentences.append(
                f"{contender.failed} of {counted(len(contender.runs), 'run')} of {contender.name} failed "
                f"({'; '.join(reasons)})."
            )
    return sentences


def identical(results: Results) -> list[str]:
    """A sentence for every contender with seeds that made no difference at all."""
    return [
        f"{listed([f'seed {seed}' for seed in contender.repeated]).capitalize()} of {contender.name} gave the same "
        "answers as an earlier one to the last bit. No seed should: there is a bug somewhere, and the intervals can't "
        "be trusted."
        for contender in results.contenders
        if contender.repeated
    ]


def guessing(results: Results) -> list[str]:
    """A sentence about contenders that are not shown to be better than always giving the commonest class."""
    names = [c.name for c in results.contenders if c.outcome is not None and c.outcome.low <= results.guess]
    if not names:
        return []
    guess = f"{results.guess * 100:.1f}%"
    reached = {
        "accuracy": f"is right on {guess} of the test images",
        "balanced-accuracy": f"has a balanced test accuracy of {guess}",
    }[results.question.outcome]
    return [
        f"Always answering the commonest class {reached}; {', '.join(names)} {'are' if len(names) != 1 else 'is'} not "
        "shown to be better than that."
    ]


def twins(results: Results) -> list[str]:
    """A sentence about test images that are in another split too, and what accuracies are without them."""
    if not results.twins:
        return []
    without = [f"{c.name} {c.without_twins * 100:.2f}%" for c in results.contenders if c.without_twins is not None]
    accuracies = f"; without {'them' if results.twins != 1 else 'it'}: {', '.join(without)}" if without else ""
    are = "are" if results.twins != 1 else "is"
    return [
        f"{results.twins:,} of the {results.test_images:,} test images {are}, exactly or nearly, among the training or "
        f"validation images too{accuracies}."
    ]


def cross_validation(plan: Plan) -> list[str]:
    """What intervals mean where there is no split."""
    if plan.folds is None:
        return []
    return [
        f"The intervals are approximate: this is cross-validation in {plan.folds} folds, where networks are trained on "
        "images that others are tested on, so that their answers are not independent of each other."
    ]


def resolvable(images: int, question: Question) -> str:
    """What so few test images can't show whatever the networks do, however many seeds; "" where they can.

    Nothing can speak for a difference more clearly than seeds that all agree and images that all go one way, nor for
    equivalence than networks that always answer alike; these are what is judged here.

    More seeds can show a little less, where many images are now right and now wrong. Nothing is said of balanced
    accuracy, where it depends on the class.
    """
    if question.outcome != "accuracy":
        return ""
    margin_points = question.margin
    share = question.alpha / (math.comb(len(question.contenders), 2) * len(question.looks))

    def verdict(wrong: int) -> str:
        a, b = np.ones((2, images)), np.ones((2, images))
        b[:, :wrong] = 0
        return judge({"a": a, "b": b}, margin=margin_points / 100, alpha=share).pairs[0].verdict

    least = 1 + bisect_left(range(1, images + 1), True, key=lambda wrong: verdict(wrong) == "better")
    smallest = least / images * 100
    if smallest <= margin_points:
        return ""
    so_few = f"With {counted(images, 'test image')}, no difference "
    if least > images:
        return f"{so_few}at all can be shown."
    alike = (
        "" if verdict(0) == "equivalent" else f", nor that two networks differ by less than {margin_points:g} points"
    )
    return f"{so_few}of fewer than {least} of them ({smallest:.1f} points) is likely to be shown{alike}."


def not_covered(plan: Plan) -> str:
    """In one sentence, what the intervals leave out."""
    split = "another split of these images, " if plan.folds is None else ""
    beyond = " beyond the learning rates tried here" if plan.tuning else ""
    return (
        f"Not covered by the intervals: other data, {split}other recipes, and tuning each network separately{beyond}."
    )


ASSUMED = (
    "The intervals cover which seeds were drawn and which test images, both at once, for all pairs together. They take "
    "the test images for independent of each other: frames of one video, patches of one slide or pictures of one "
    "patient are fewer than they seem. And a comparison repeated with more seeds because this one left a pair open is "
    "a second look, whose chance of error adds to the first's."
)
