"""What a reader must know beside the answer: sentences for the screen, the report and markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.plan.question import FEWEST, LEAST, Question
from skipwise.comparison.results.records import Results
from skipwise.comparison.results.wording import counted, given_up, length, listed
from skipwise.evaluation.outcomes import OUTCOMES
from skipwise.statistics import at_best, least_shown
from skipwise.training.setting import enough_epochs


def notes(plan: Plan, results: Results) -> list[str]:
    """All of them, the gravest first."""
    return [
        *reservations(plan, results),
        *failures(results),
        *_not_learned(results),
        *_two_seeds(results),
        *_groups(plan),
        *_not_trained(results),
        *_too_short(plan),
        *_climbing(plan, results),
        *_guessing(results),
        *_twins(results),
        *_stopped(plan),
        *_too_few(results),
    ]


def reservations(plan: Plan, results: Results) -> list[str]:
    """Why the intervals may not mean what they say."""
    return [*_identical(results), *_exploratory(plan), *_cross_validation(plan)]


def _stopped(plan: Plan) -> list[str]:
    """What a time limit gave up, at the beginning and on the way."""
    given = [f"Given up for the time limit: {'; '.join(phrases)}."] if (phrases := given_up(plan)) else []
    return [*given, *plan.corrections]


def _not_trained(results: Results) -> list[str]:
    """A sentence for every candidate that the time was too short for."""
    return [f"{c.name} is not trained and not judged. {c.not_trained}" for c in results.candidates if c.not_trained]


def _too_short(plan: Plan) -> list[str]:
    """Whether a time limit left too few epochs, or seeds, for the verdicts to say much of the networks."""
    if plan.time_limit is None or plan.asked_for is None:
        return []
    epochs, seeds = plan.recipe.epochs, plan.looks[-1]
    enough = enough_epochs(replace(plan.recipe, epochs=plan.asked_for[1]), plan.train_images)
    sentences = []
    if epochs < enough:
        sentences.append(
            f"The time limit left {length(plan.recipe)}, and networks need about {enough} on these images to show "
            "what they can: the verdicts are about the beginning of training, and may turn around."
        )
    if seeds < FEWEST <= plan.asked_for[0][-1]:
        sentences.append(f"The time limit left {seeds} seeds, of which intervals are several times as wide as of 5.")
    return sentences


def _climbing(plan: Plan, results: Results) -> list[str]:
    """A sentence for every candidate whose validation accuracy still rose at the end of its training."""
    accuracy = OUTCOMES["accuracy"]
    least = plan.question.tolerance if plan.question.scoring.right_or_wrong else accuracy.margin / accuracy.scale
    return [
        f"{c.name} was still climbing: the last {counted(c.climb.epochs, 'epoch')} brought it "
        f"{c.climb.gain * 100:.1f} points of accuracy on the validation images ({c.climb.low * 100:.1f} to "
        f"{c.climb.high * 100:.1f}), so more epochs may bring more."
        for c in results.candidates
        if c.climb is not None and c.not_trained is None and c.climb.is_climbing(least)
    ]


def _exploratory(plan: Plan) -> list[str]:
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
    return f"{listed(question.candidates)} with {listed(looks)} seeds"


def failures(results: Results) -> list[str]:
    """A sentence for every candidate with failed runs."""
    sentences = []
    for candidate in results.candidates:
        if candidate.failed:
            reasons = [
                f"seed {run.seed}{'' if run.fold is None else f', fold {run.fold}'}: {run.reason}"
                for run in candidate.runs
                if run.status == "failed"
            ]
            sentences.append(
                f"{candidate.failed} of {counted(len(candidate.runs), 'run')} of {candidate.name} failed "
                f"({'; '.join(reasons)})."
            )
    return sentences


def _not_learned(results: Results) -> list[str]:
    """A sentence for every candidate with runs that learned nothing."""
    sentences = []
    for c in results.candidates:
        if c.not_learned is None or not c.not_learned.count:
            continue
        count, runs = c.not_learned.count, c.not_learned.runs
        causes = Counter(run.not_learned for run in c.runs if run.not_learned is not None)
        likely = f"likely {'cause' if len(causes) == 1 else 'causes'}: {'; '.join(map(str, causes))}"
        if count == runs:
            what = "The only run" if runs == 1 else f"None of the {runs} runs"
            learned = "learned nothing" if runs == 1 else "learned anything"
            sentences.append(f"{what} of {c.name} {learned} ({likely}), so it is left out of the verdicts.")
            continue
        rest = runs - count
        reached = "" if c.accuracy is None else (
            f" Its {c.accuracy * 100:.2f}% is the accuracy of the {rest} that did;"
            if rest > 1
            else f" Its {c.accuracy * 100:.2f}% is the accuracy of the one that did;"
        )  # fmt: skip
        further = "of" if reached else "Of"
        sentences.append(
            f"{count} of {runs} runs of {c.name} learned nothing ({likely}).{reached} {further} further runs, "
            f"{c.not_learned.low:.0%} to {c.not_learned.high:.0%} may learn nothing either."
        )
    return sentences


def _two_seeds(results: Results) -> list[str]:
    """What verdicts from two seeds can't see."""
    if not results.pairs or max(pair.seeds for pair in results.pairs) > LEAST:
        return []
    return [
        "Two seeds can't see a network that fails now and then: one of whose runs every third learns nothing looks "
        f"sound in {(2 / 3) ** LEAST:.0%} of comparisons with two. Take five before you rely on a verdict."
    ]


def _groups(plan: Plan) -> list[str]:
    """What the groups of the test images can't show."""
    return [] if plan.grouping is None else plan.grouping.warnings(plan.test_images)


def _identical(results: Results) -> list[str]:
    """A sentence for every candidate with seeds that made no difference at all."""
    return [
        f"{listed([f'seed {seed}' for seed in candidate.repeated]).capitalize()} of {candidate.name} gave the same "
        "answers as an earlier one to the last bit. No seed should: there is a bug somewhere, and the intervals can't "
        "be trusted."
        for candidate in results.candidates
        if candidate.repeated
    ]


def _guessing(results: Results) -> list[str]:
    """A sentence about candidates that are not shown to be better than who knows only how common each class is."""
    outcome, guess = results.question.scoring, results.guess
    reached = [(c.name, c.outcome) for c in results.candidates if c.outcome is not None]
    names = [name for name, of in reached if outcome.advantage(of.low - guess, of.high - guess)[0] <= 0]
    if not names:
        return []
    return [
        f"{outcome.guess[0].upper()}{outcome.guess[1:]} has a {outcome.measure()} of {outcome.bound(guess)}; "
        f"{', '.join(names)} {'are' if len(names) != 1 else 'is'} not shown to be better than that."
    ]


def _twins(results: Results) -> list[str]:
    """A sentence about test images that are in another split too, and what accuracies are without them."""
    if not results.twins:
        return []
    without = [f"{c.name} {c.without_twins * 100:.2f}%" for c in results.candidates if c.without_twins is not None]
    accuracies = f"; without {'them' if results.twins != 1 else 'it'}: {', '.join(without)}" if without else ""
    are = "are" if results.twins != 1 else "is"
    return [
        f"{results.twins:,} of the {results.test_images:,} test images {are}, exactly or nearly, among the training or "
        f"validation images too{accuracies}."
    ]


def _cross_validation(plan: Plan) -> list[str]:
    """What intervals mean where there is no split."""
    if plan.folds is None:
        return []
    return [
        f"The intervals are approximate: this is cross-validation in {plan.folds} folds, where networks are trained on "
        "images that others are tested on, so that their answers are not independent of each other."
    ]


def _too_few(results: Results) -> list[str]:
    """What so few test images can't show; nothing where they come in groups, as it would take them for independent."""
    bound = "" if results.test_groups is not None else resolvable(results.class_images_that_count, results.question)
    return [bound] if bound else []


def resolvable(class_images: Sequence[int], question: Question) -> str:
    """What so few test images can't show whatever the networks do, however many seeds; "" where they can, and for
    losses, of which an image may have any.

    This is about the clearest case, see `at_best`. More seeds can show a little less, where many images are now right
    and now wrong.

    Args:
        class_images: how many test images of each class count.
    """
    outcome, margin, alpha = question.scoring, question.tolerance, question.level
    if not outcome.right_or_wrong:
        return ""
    images, alike = sum(class_images), outcome.alike(class_images)
    least = least_shown(alike, margin=margin, alpha=alpha)
    smallest = least / alike
    if smallest * outcome.scale <= question.margin:
        return ""
    so_few = f"With {counted(images, 'test image')}, no difference "
    if least > alike:
        return f"{so_few}at all can be shown."
    equal = (
        ""
        if at_best(alike, 0, margin=margin, alpha=alpha) == "equivalent"
        else f", nor that two networks differ by less than {outcome.margin_said(question.margin)}"
    )
    size = outcome.amount(smallest)
    size = f"less than about {size}" if outcome.weighs else f"fewer than {least} of them ({size})"
    return f"{so_few}of {size} is likely to be shown{equal}."
