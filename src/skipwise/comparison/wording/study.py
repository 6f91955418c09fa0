"""A whole comparison in words: what was asked, how it went, what a time limit gave up, and what intervals rest on."""

from __future__ import annotations

import math

from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.results.records import Costs, Results
from skipwise.comparison.wording.by_seed import about_means
from skipwise.comparison.wording.further import and_outcomes, beside
from skipwise.comparison.wording.phrases import length, margin, measure, tested
from skipwise.comparison.wording.tuning import tuned_what
from skipwise.core.text import count, duration, listed
from skipwise.training.planning.setting import Setting


def asked(results: Results) -> str:
    """The question, for whoever did not ask it."""
    question, looks = results.question, results.question.looks
    seeds = count(looks[0], "seed") if len(looks) == 1 else f"up to {looks[-1]} seeds"
    error = f" The chance that any verdict{about_means(results)} is wrong is at most {question.alpha * 100:g}%."
    if results.exploratory or results.folds is not None:
        error = ""
    return (
        f"Compared: {count(len(results.candidates), 'network')} by {measure(question)}{beside(question)}, with {seeds} "
        f"each, on {tested(results)}. A difference of less than {margin(question)} counts as too small to matter."
        f"{error}"
    )


def when_and_how_long(plan: Plan, costs: Costs) -> str:
    """The day, the data and the time that training took, as far as they are known: the line below the answer."""
    images = plan.test_images if plan.folds is not None else sum(plan.split_images.values())
    parts = [costs.finished, f"{plan.data}, {count(images, 'image')} of {count(len(plan.classes), 'class')}"]
    if costs.trained_seconds is not None:
        at_once = f", {costs.processes} runs at once" if costs.processes > 1 else ""
        parts.append(f"{duration(costs.trained_seconds)} of training in all{at_once}")
    return f"{'; '.join(filter(None, parts))}."


def looks_taken(plan: Plan, results: Results) -> list[str]:
    """Describes the looks and the runs that they saved; not those that failures or a time limit prevented."""
    question, looks = results.question, results.looks
    if len(question.looks) == 1 or not looks:
        return []
    first, *later = [(len(look.decided) or "none", look.seeds) for look in looks]
    were = "was" if first[0] == 1 else "were"
    settled = [f"{first[0]} {were} settled after {first[1]} seeds", *(f"{more} after {seeds}" for more, seeds in later)]
    open_pairs = sum(pair.verdict == "unresolved" for pair in results.pairs)
    left = f"; {open_pairs} stayed open" if open_pairs else ""
    sentences = [f"Of {count(len(results.pairs), 'pair')}, {listed(settled)}{left}."]
    folds = len({run.fold for candidate in results.candidates for run in candidate.runs})
    done = sum(len(candidate.runs) for candidate in results.candidates)
    most = len(results.candidates) * question.looks[-1] * max(folds, 1)
    # A network whose runs failed is in pairs that can't be judged.
    stopped = plan.stopped_after not in (None, question.looks[-1])
    prevented = stopped or len(results.pairs) < math.comb(len(results.candidates), 2)
    if done < most and not prevented:
        sentences.append(
            f"That took {count(done, 'run')}; {question.looks[-1]} seeds for every network would have taken {most:,} "
            f"({1 - done / most:.0%} saved)."
        )
    return sentences


def given_up(plan: Plan) -> list[str]:
    """Lists what a plan gives up for its time limit, a phrase each."""
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
    if plan.learning_curve and not plan.curve_seeds:
        found.append("the learning curve")
    return found


def given_up_in_all(plan: Plan) -> list[str]:
    """The same in a sentence, if anything was given up."""
    return [f"Given up for the time limit: {'; '.join(phrases)}."] if (phrases := given_up(plan)) else []


def not_covered(plan: Plan) -> str:
    """In one sentence, what the intervals leave out."""
    split = "another split of these images, " if plan.folds is None else ""
    beyond = f" beyond the {tuned_what(plan.tuning)} tried here" if plan.tuning else ""
    return (
        f"Not covered by the intervals: other data, {split}other recipes, and tuning each network separately{beyond}."
    )


def assumed(results: Results) -> str:
    """States the assumptions of the intervals."""
    units = "test images" if results.test_groups is None else "groups of test images"
    together = (
        f"Images of one group ({results.grouped_by}), and near-duplicates, count as belonging together."
        if results.grouped_by
        else "Frames of one video, patches of one slide or pictures of one patient are not: --group says what belongs "
        "together."
    )
    return (
        f"The intervals allow for which seeds and which {units} were drawn, and hold for all pairs"
        f"{and_outcomes(results.question)} at once. They "
        f"assume that {units} are independent of each other. {together} A comparison that is repeated with more seeds "
        "because a pair stayed open is a second look, and the chances of error of the two add up."
    )
