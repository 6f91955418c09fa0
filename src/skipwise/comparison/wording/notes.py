"""Warnings and remarks beside the answer: sentences for the terminal, the page and Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.question.question import FEWEST, LEAST, Question
from skipwise.comparison.results.records import Candidate, Results, RunResult
from skipwise.comparison.wording.groups import group_warnings
from skipwise.comparison.wording.phrases import accuracy, length
from skipwise.comparison.wording.study import given_up_in_all
from skipwise.core.text import count, listed
from skipwise.evaluation.outcomes import OUTCOMES
from skipwise.evaluation.variants.corrupted import CORRUPTED as CORRUPTED_VARIANT
from skipwise.statistics import resolution
from skipwise.training.planning.setting import enough_epochs


def notes(plan: Plan, results: Results) -> list[str]:
    """Everything that a reader must know, the gravest first."""
    return [
        *reservations(plan, results),
        *failures(results),
        *_not_learned(results),
        *_two_seeds(results),
        *_groups(plan),
        *_not_trained(results),
        *_too_short(plan),
        *_climbing(plan, results),
        *guessing(results),
        *_small_images(plan),
        *_near_duplicates(results),
        *_stopped(plan),
        *_too_few(results),
    ]


def notes_on_results(results: Results) -> list[str]:
    """Those that need no plan, for results that no comparison of ours gave."""
    return [*_not_learned(results), *_two_seeds(results), *guessing(results), *_too_few(results)]


def reservations(plan: Plan, results: Results) -> list[str]:
    """Lists reasons why the intervals may be wrong."""
    return [*_identical(results), *_exploratory(plan), *_cross_validation(plan)]


def _stopped(plan: Plan) -> list[str]:
    """Lists what was given up for a time limit, before the first run and later."""
    return [*given_up_in_all(plan), *plan.corrections]


def _not_trained(results: Results) -> list[str]:
    """A sentence for every candidate for which the time was too short."""
    return [f"{c.name} is not trained and not judged. {c.not_trained}" for c in results.candidates if c.not_trained]


def _too_short(plan: Plan) -> list[str]:
    """Warns of a time limit that left too few epochs or seeds for the verdicts to say much about the networks."""
    if plan.time_limit is None or plan.asked_for is None:
        return []
    epochs, seeds = plan.recipe.epochs, plan.looks[-1]
    enough = enough_epochs(replace(plan.recipe, epochs=plan.asked_for[1]), plan.train_images)
    sentences = []
    if epochs < enough:
        sentences.append(
            f"The time limit left {length(plan.recipe)}, while networks need about {enough} on these images to show "
            "what they can. The verdicts are about the beginning of training and may turn around."
        )
    if seeds < FEWEST <= plan.asked_for[0][-1]:
        sentences.append(f"The time limit left {seeds} seeds. Their intervals are several times as wide as those of 5.")
    return sentences


def _climbing(plan: Plan, results: Results) -> list[str]:
    """A sentence for every candidate whose validation accuracy still rose at the end of its training."""
    counted = OUTCOMES["accuracy"]
    least = plan.question.tolerance if plan.question.scoring.right_or_wrong else counted.margin / counted.scale
    return [
        f"{c.name} was still improving: its last {_epochs(c.climb.epochs)} brought "
        f"{counted.amount(c.climb.gain)} of {counted.measure(on='validation')} "
        f"({counted.bounds(c.climb.low, c.climb.high)}), so more epochs may bring more."
        for c in results.candidates
        if c.climb is not None and c.not_trained is None and c.climb.is_climbing(least)
    ]


def _epochs(number: int) -> str:
    """The last epochs, counted where they are several."""
    return "epoch" if number == 1 else count(number, "epoch")


def _exploratory(plan: Plan) -> list[str]:
    """Lists decisions that were made when results could be known already, and their effect on the error rates."""
    sentences = []
    if plan.asked_before:
        asked = [*plan.asked_before, plan.question]
        alpha = plan.question.alpha * 100
        sentences.append(
            "Exploratory: this comparison was extended when its results could be known. First it asked about "
            f"{', then about '.join(_asked(question) for question in asked)}. Each of these {len(asked)} plans is "
            f"wrong at most {alpha:g}% of the time; all of them together up to {min(len(asked) * alpha, 100):g}%."
        )
    if plan.included:
        models = Counter(run.model for run in plan.included)
        whose = listed([f"{number} of {name}" for name, number in models.items()])
        were = "was trained before and is" if len(plan.included) == 1 else "were trained before and are"
        sentences.append(
            f"Exploratory: {count(len(plan.included), 'run')} {were} included ({whose}). If runs were chosen by their "
            "results, the intervals do not hold."
        )
    return sentences


def _asked(question: Question) -> str:
    looks = [str(look) for look in question.looks]
    return f"{listed(question.candidates)} with {listed(looks)} seeds"


def failures(results: Results) -> list[str]:
    """A sentence for every candidate with failed runs."""
    return [
        " ".join([_failed(candidate), *(_seeds_left(candidate) if not _has_unlearned(candidate) else [])])
        for candidate in results.candidates
        if candidate.failed
    ]


def _failed(candidate: Candidate) -> str:
    each = "; ".join(f"{_which(run)}: {run.reason}" for run in candidate.runs if run.status == "failed")
    return f"{candidate.failed} of {count(len(candidate.runs), 'run')} of {candidate.name} failed ({each})."


def _has_unlearned(candidate: Candidate) -> bool:
    return candidate.not_learned is not None and candidate.not_learned.count > 0


def _which(run: RunResult) -> str:
    return f"seed {run.seed}{'' if run.fold is None else f', fold {run.fold}'}"


def _not_learned(results: Results) -> list[str]:
    """A sentence for every candidate with runs that learned nothing."""
    return [_unlearned(c) for c in results.candidates if _has_unlearned(c)]


def _unlearned(candidate: Candidate) -> str:
    share = candidate.not_learned
    assert share is not None
    causes = list(dict.fromkeys(run.not_learned for run in candidate.runs if run.not_learned))
    likely = " (right no more often than by always giving the most common class)"
    if causes:
        likely = f" (likely {'cause' if len(causes) == 1 else 'causes'}: {'; '.join(causes)})"
    if share.count == share.runs:
        none = (
            f"The only run of {candidate.name} learned nothing"
            if share.runs == 1
            else f"None of the {share.runs} runs of {candidate.name} learned anything"
        )
        return f"{none}{likely}, so it is left out of the verdicts."
    said = [
        f"{share.count} of {share.runs} runs of {candidate.name} learned nothing{likely}.",
        *_seeds_left(candidate),
    ]
    if candidate.accuracy is not None:
        rest = share.runs - share.count
        others = "the one that did" if rest == 1 else f"the {rest} that did"
        those = others if candidate.folds == 1 else "the seeds that count"
        said.append(f"Its accuracy of {accuracy(candidate.accuracy)} is that of {those}.")
    said.append(f"In further runs, {share.low:.0%} to {share.high:.0%} may learn nothing.")
    return " ".join(said)


def _seeds_left(candidate: Candidate) -> list[str]:
    """Counts the seeds that are complete in cross-validation: a fold that failed or learned nothing removes its seed,
    as the images of this fold then have no answers from that seed.
    """
    done, left = len(candidate.seeds), len(candidate.seeds_that_count)
    if candidate.folds == 1 or left == done:
        return []
    return [f"A seed counts only if the runs of all its folds learned, which leaves {left or 'none'} of {done} seeds."]


def _two_seeds(results: Results) -> list[str]:
    """Warns that two seeds can't show that a network fails now and then."""
    if not results.pairs or max(pair.seeds for pair in results.pairs) > LEAST:
        return []
    return [
        "Two seeds can't show that a network fails now and then: if every third of its runs learned nothing, it would "
        f"still look sound in {(2 / 3) ** LEAST:.0%} of comparisons. Use five seeds before you rely on a verdict."
    ]


def _groups(plan: Plan) -> list[str]:
    """Lists the limits of the groups of test images."""
    return [] if plan.grouping is None else group_warnings(plan.grouping, plan.test_images)


def _identical(results: Results) -> list[str]:
    """A sentence for every candidate with seeds that made no difference at all."""
    return [
        f"{listed([f'seed {seed}' for seed in candidate.repeated]).capitalize()} of {candidate.name} gave exactly the "
        "same answers as an earlier seed. No seed should: there is a bug somewhere, and the intervals can't be trusted."
        for candidate in results.candidates
        if candidate.repeated
    ]


def guessing(results: Results) -> list[str]:
    """A sentence about candidates that are not shown to be better than a guesser who knows how common each class is."""
    outcome, guess = results.question.scoring, results.guess
    reached = [(c.name, c.outcome) for c in results.candidates if c.outcome is not None]
    names = [name for name, of in reached if outcome.advantage(of.low - guess, of.high - guess)[0] <= 0]
    if not names:
        return []
    are = "are" if len(names) > 1 else "is"
    return [
        f"{listed(names)} {are} not shown to be better than guessing: {outcome.guess} gives a {outcome.measure()} of "
        f"{outcome.bound(guess)}."
    ]


def _small_images(plan: Plan) -> list[str]:
    """Warns where corrupted images are smaller than those that corruptions were made for."""
    if CORRUPTED_VARIANT.name not in plan.question.variants:
        return []
    from skipwise.evaluation.corruptions.apply import about_size

    return list(filter(None, [about_size(plan.preprocessing.size)]))


def _near_duplicates(results: Results) -> list[str]:
    """A sentence about test images that are in another split too, and what accuracies are without them."""
    number = results.near_duplicates
    if not number:
        return []
    found = {each.name: each.without_near_duplicates for each in results.candidates}
    without = [f"{name} {accuracy(share)}" for name, share in found.items() if share is not None]
    them = "them" if number != 1 else "it"
    accuracies = f" Test accuracy without {them}: {', '.join(without)}." if without else ""
    are = "have exact or near copies" if number != 1 else "has an exact or near copy"
    return [
        f"{number:,} of the {results.test_images:,} test images {are} among the training or validation "
        f"images.{accuracies}"
    ]


def _cross_validation(plan: Plan) -> list[str]:
    """Explains intervals from cross-validation, which has no split."""
    if plan.folds is None:
        return []
    return [
        f"The intervals are approximate. In cross-validation with {plan.folds} folds, networks are trained on images "
        "that others are tested on, so that their answers are not independent of each other."
    ]


def _too_few(results: Results) -> list[str]:
    """Warns of too few test images; nothing where they come in groups, as the limit is for independent images."""
    bound = "" if results.test_groups is not None else resolvable(results.class_images_that_count, results.question)
    return [bound] if bound else []


def resolvable(class_images: Sequence[int], question: Question) -> str:
    """States the smallest difference that so many test images can show with any number of seeds; "" where that is below
    the margin, and for losses, which have no limits on a single image.

    Args:
        class_images: how many test images of each class count.
    """
    outcome = question.scoring
    if not outcome.right_or_wrong:
        return ""
    found = resolution(outcome.effective_images(class_images), margin=question.tolerance, alpha=question.level)
    if found.share * outcome.scale <= question.margin:
        return ""
    so_few = f"With {count(sum(class_images), 'test image')}, "
    if found.least is None:
        return f"{so_few}no difference can be shown, however large it is."
    size = outcome.amount(found.share)
    size = f"it is at least about {size}" if outcome.is_weighted else f"it is at least {found.least} of them ({size})"
    equal = "" if found.shows_equivalence else (
        f" That two networks differ by less than {outcome.margin_text(question.margin)} can't be shown with so few."
    )  # fmt: skip
    return f"{so_few}a difference is likely to be shown only if {size}.{equal}"
