"""Results in words, the same on the screen, in the report and in markdown."""

from __future__ import annotations

import math

from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.plan.question import Question
from skipwise.comparison.results.records import Candidate, Results
from skipwise.core.text import listed as listed
from skipwise.cost.counts import Counts
from skipwise.cost.interleaved import Timing
from skipwise.statistics import Pair
from skipwise.training.loop.recipe import Recipe
from skipwise.training.setting import Setting

NOT_JUDGED = "not judged: it takes two runs of each that finished and learned, with seeds that both have"
WIDE = 0.5
"""An interval of a difference wider than this says nothing, and its ends would read as if it did."""


def counted(count: int, noun: str) -> str:
    """A number of things: "1 run", "2 runs"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def measure(question: Question, *, on: str = "test") -> str:
    """What the question counts, by its name."""
    return question.scoring.measure(on=on)


def margin(question: Question) -> str:
    """The difference that would not matter, in its unit: "0.5 points"."""
    return question.scoring.margin_said(question.margin)


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
        f"Asked of {counted(len(results.candidates), 'network')}, {seeds} each, on "
        f"{tested(results)}. Less than {margin(question)} of {measure(question)} would not matter.{whole}"
    )


def tested(results: Results) -> str:
    """What networks were tested on: "900 test images in 30 groups (column patient)"."""
    images, used = counted(results.test_images, "test image"), sum(results.class_images_that_count)
    if used < results.test_images:
        images = f"{used:,} of {images}"
    if results.test_groups is None:
        return images
    groups = f"{images} in {counted(results.test_groups, 'group')}"
    if results.grouped_by:
        return f"{groups} ({results.grouped_by})"
    return f"{groups} ({counted(results.test_images - results.test_groups, 'near-duplicate')})"


def unlearned(candidate: Candidate) -> str:
    """How many runs learned nothing, and how many may: "0 of 5 learned nothing; up to 52% may"; "" where unknown."""
    share = candidate.not_learned
    if share is None:
        return ""
    reach = f"up to {share.high:.0%} may" if not share.count else f"{share.low:.0%} to {share.high:.0%} may"
    return f"{share.count} of {share.runs} learned nothing; {reach}"


def reached(candidate: Candidate, question: Question) -> str:
    """A candidate's outcome with its interval."""
    if candidate.not_trained is not None:
        return "not trained"
    outcome = candidate.outcome
    if outcome is None:
        return "learned nothing" if candidate.not_learned is not None and candidate.not_learned.count else "none"
    scoring = question.scoring
    return f"{scoring.value(outcome.value)} ({scoring.bounds(outcome.low, outcome.high)})"


def difference(pair: Pair, question: Question) -> str:
    """A difference with its interval, in the outcome's unit."""
    scoring = question.scoring
    return f"{scoring.difference(pair.difference)} ({scoring.differences(pair.low, pair.high)})"


def verdict(pair: Pair, question: Question) -> str:
    """What a pair's interval means."""
    if pair.verdict in ("better", "worse"):
        small = f", though by less than {margin(question)}" if pair.equivalent else ""
        return f"{pair.a} is {pair.verdict} than {pair.b}{small}"
    if pair.verdict == "equivalent":
        return f"equivalent: they differ by less than {margin(question)}"
    if is_wide(pair, question):
        return f"unresolved: {counted(pair.seeds, 'seed')} on these images can't tell them apart"
    most = question.scoring.amount(max(-pair.low, pair.high))
    return f"unresolved: either may be the better one, by up to {most}"


def is_wide(pair: Pair, question: Question) -> bool:
    """Whether an interval is so wide that its ends tell nobody anything; only shares have a scale to say so by."""
    return question.scoring.higher_is_better and pair.high - pair.low > WIDE


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
    if pair.groups_to_settle is not None:
        ways.append(f"about {_rounded(pair.groups_to_settle):,} groups of test images instead of {pair.groups:,}")
    if not ways:
        more = "more test images" if pair.groups is None else "more groups of test images"
        return f"neither more seeds nor {more} alone would settle it"
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
    above, question = results.beaten(), results.question
    gone = [name for name in (pair.a, pair.b) if name in above]
    if gone and not question.every_pair:
        behind = question.scoring.behind
        below = [f"{name} is more than {margin(question)} {behind} {above[name]}" for name in gone]
        return f"left open, as nobody would choose {' or '.join(gone)}: {' and '.join(below)}"
    if pair.seeds_to_settle is None:
        return remedy(pair)
    return f"the looks are over, after {counted(question.looks[-1], 'seed')}; {remedy(pair)}"


def latency(timing: Timing | None) -> str:
    """The median of what an image takes."""
    return f"{timing.median * 1000:.2f} ms" if timing else "unknown"


def size(counts: Counts | None) -> str:
    """What the weights take in float32."""
    return f"{counts.parameters * 4 / 1e6:,.1f} MB" if counts else "unknown"


def operations(counts: Counts | None) -> str:
    """Multiply-adds per image, in millions."""
    return f"{counts.multiply_adds / 1e6:,.1f} M" if counts else "unknown"


def pair_lines(results: Results) -> list[tuple[str, Pair | None]]:
    """Every pair of the candidates that were trained as "a - b", judged or not."""
    names = [candidate.name for candidate in results.candidates if candidate.not_trained is None]
    return [(f"{a} - {b}", results.pair(a, b)) for index, a in enumerate(names) for b in names[index + 1 :]]


def seeds_done(candidate: Candidate) -> int:
    """How many seeds a candidate was trained with."""
    return len({run.seed for run in candidate.runs})


def runs_done(candidate: Candidate) -> str:
    """How many runs a candidate had: "5", "5, 1 failed", or "5 x 4" with four folds."""
    seeds = seeds_done(candidate)
    folds = f" x {len(candidate.runs) // seeds}" if seeds and len(candidate.runs) > seeds else ""
    failed = f", {candidate.failed} failed" if candidate.failed else ""
    return f"{seeds}{folds}{failed}"


def course(plan: Plan, results: Results) -> list[str]:
    """How several looks went, and which runs that spared; not those that failures or a time limit prevented."""
    question, looks = results.question, results.looks
    if len(question.looks) == 1 or not looks:
        return []
    settled = [f"{len(look.decided) or 'none'} after {look.seeds}" for look in looks]
    open_pairs = sum(pair.verdict == "unresolved" for pair in results.pairs)
    left = f"; {open_pairs} stayed open" if open_pairs else ""
    sentences = [f"Settled of {counted(len(results.pairs), 'pair')}: {listed(settled)} seeds{left}."]
    folds = len({run.fold for candidate in results.candidates for run in candidate.runs})
    done, most = (
        sum(len(candidate.runs) for candidate in results.candidates),
        len(results.candidates) * question.looks[-1] * max(folds, 1),
    )
    # A network whose runs failed is in pairs that can't be judged.
    stopped = plan.stopped_after not in (None, question.looks[-1])
    prevented = stopped or len(results.pairs) < math.comb(len(results.candidates), 2)
    if done < most and not prevented:
        sentences.append(
            f"That took {counted(done, 'run')}; all {question.looks[-1]} seeds for every network would have been "
            f"{most:,} ({1 - done / most:.0%} saved)."
        )
    return sentences


def length(recipe: Recipe) -> str:
    """How long a run is: "40 epochs", or "24 steps, less than an epoch"."""
    if recipe.steps is not None:
        return f"{counted(recipe.steps, 'step')}, less than an epoch"
    return counted(recipe.epochs, "epoch")


def given_up(plan: Plan) -> list[str]:
    """What a plan gives up for its time limit, a phrase each."""
    found = []
    if plan.asked_for is not None:
        looks, epochs = plan.asked_for
        if plan.looks[-1] < looks[-1]:
            most = "up to " if len(looks) > 1 else ""
            found.append(f"{plan.looks[-1]} seeds instead of {most}{looks[-1]}")
        if plan.recipe.epochs < epochs:
            found.append(f"{length(plan.recipe)} instead of {epochs} epochs")
    if plan.asked_setting is not None:
        asked = Setting(size=plan.asked_setting[0], stem=plan.asked_setting[1])
        if plan.setting != asked:
            found.append(f"images of {plan.setting} instead of {asked}")
    found += [f"{name} is not trained" for name in plan.not_trained]
    return found


def not_covered(plan: Plan) -> str:
    """In one sentence, what the intervals leave out."""
    split = "another split of these images, " if plan.folds is None else ""
    beyond = " beyond the learning rates tried here" if plan.tuning else ""
    return (
        f"Not covered by the intervals: other data, {split}other recipes, and tuning each network separately{beyond}."
    )


def assumed(results: Results) -> str:
    """What the intervals rest on."""
    units = "test images" if results.test_groups is None else "groups of test images"
    said = (
        "frames of one video, patches of one slide or pictures of one patient are fewer than they seem, unless --group "
        "says what belongs together"
        if not results.grouped_by
        else f"images of one group ({results.grouped_by}), and near-duplicates, count as belonging together"
    )
    return (
        f"The intervals cover which seeds were drawn and which {units}, both at once, for all pairs together. They "
        f"take the {units} for independent of each other: {said}. {_SECOND_LOOK}"
    )


_SECOND_LOOK = (
    "And a comparison repeated with more seeds because this one left a pair open is a second look, whose chance of "
    "error adds to the first's."
)
