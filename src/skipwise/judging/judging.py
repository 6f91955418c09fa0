"""From scores of images to `Judged`: by seeds and images, or of single files where there is one seed of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from skipwise.comparison.evidence.collapse import has_learned
from skipwise.comparison.question.question import LEAST_ALPHA, Question
from skipwise.comparison.results.judged import possible, possible_pairs
from skipwise.core.errors import SkipwiseError
from skipwise.core.text import listed
from skipwise.evaluation.outcomes import Outcome, outcome_names, outcome_of
from skipwise.judging.one_seed import judge_single
from skipwise.judging.options import QuestionOptions
from skipwise.judging.record import Judged, JudgedNetwork
from skipwise.judging.scored import Run, Tested
from skipwise.judging.wording import compared, notes_of, verdict_of
from skipwise.statistics import Estimate, judge, share
from skipwise.training.folder.predictions import Predictions


def outcome_asked(asked: QuestionOptions) -> Outcome:
    """The outcome.

    Raises:
        SkipwiseError: there is none of that name, or there are several; or the margin or alpha is none.
    """
    if len(names := outcome_names(asked.outcome)) > 1:
        raise SkipwiseError(
            f"One outcome is judged at a time, and --outcome names {len(names)}; judge each by itself, with --alpha "
            f"{asked.alpha / len(names):.2g}, so that the verdicts on all of them hold together."
        )
    outcome = outcome_of(asked.outcome)
    if outcome.variant:
        raise SkipwiseError(
            f"--outcome {asked.outcome} is measured on {outcome.variant} copies of the images, which 'skipwise "
            "compare' makes; for predictions on such images of your own use --outcome accuracy."
        )
    if asked.margin is not None:
        outcome.check_margin(asked.margin)
    if not LEAST_ALPHA <= asked.alpha < 1:
        raise SkipwiseError(f"--alpha must lie between {LEAST_ALPHA:g} and 1, not {asked.alpha:g}.")
    return outcome


def question_of(runs: Sequence[Run], asked: QuestionOptions) -> Question:
    """The question that is answered.

    Raises:
        SkipwiseError: there is one network only, or some have one seed and others several.
    """
    outcome = outcome_asked(asked)
    seeds = seeds_of(runs)
    if len(seeds) < 2:
        raise SkipwiseError(
            f"There is one network only ({listed(list(seeds)) or 'none'}); give predictions of at least two, in files "
            "called after the network and the seed (resnet18-s0.csv, mobilenet-s0.csv)."
        )
    alone = [name for name, which in seeds.items() if len(which) == 1]
    if alone and len(alone) < len(seeds):
        most = max(seeds, key=lambda name: len(seeds[name]))
        raise SkipwiseError(
            f"{listed(alone, 3)} {'has' if len(alone) == 1 else 'have'} one seed and {most} {len(seeds[most])}; give "
            "at least two seeds of every network, or one of each."
        )
    return Question(
        candidates=tuple(seeds),
        looks=(max(map(len, seeds.values())),),
        margin=float(outcome.margin if asked.margin is None else asked.margin),
        alpha=asked.alpha,
        outcome=asked.outcome,
    )


def seeds_of(runs: Sequence[Run]) -> dict[str, tuple[int, ...]]:
    """The seeds of each network, rising."""
    found: dict[str, list[int]] = {}
    for run in runs:
        found.setdefault(run.network, []).append(run.seed)
    return {name: tuple(sorted(seeds)) for name, seeds in found.items()}


def judge_runs(tested: Tested, runs: Sequence[Run], question: Question, notes: Sequence[str] = ()) -> Judged:
    """The verdicts on all pairs of networks.

    Args:
        tested: the images.
        runs: the answers of each network and seed.
        question: what is asked.
        notes: what is known to be said already.

    Raises:
        SkipwiseError: the outcome can't be told from such images.
    """
    outcome = question.scoring
    outcome.check(tested.class_images, tested.classes)
    ordered = {name: _of(runs, name) for name in question.candidates}
    chosen = outcome.members(tested.labels, tested.classes)
    weights = np.ones(len(tested.labels)) if outcome.weights is None else outcome.weights(tested.labels)
    scores = {name: np.stack([(run.scores * weights)[chosen] for run in own]) for name, own in ordered.items()}
    groups = None if tested.groups is None else tested.groups[chosen]
    learned = {name: [_has_learned(run, tested) for run in own] for name, own in ordered.items()}
    single = all(len(own) == 1 for own in ordered.values())
    more = list(notes)
    if single:
        found = judge_single({name: table[0] for name, table in scores.items()}, question, groups)
        estimates, pairs, tests = found.estimates, found.pairs, found.tests
    else:
        numbers, said = _numbered(ordered)
        more += said
        judgement = judge(
            scores,
            margin=question.tolerance,
            alpha=question.alpha,
            looks=question.looks,
            seeds=numbers,
            groups=groups,
            learned=learned,
            higher_is_better=outcome.higher_is_better,
        )
        estimates, pairs, tests = judgement.accuracies, judgement.pairs, ()
    counted = tested.class_images
    made = Judged(
        question=question,
        images=len(tested.labels),
        classes=tested.classes,
        class_images=counted,
        groups=None if tested.groups is None else len(set(tested.groups.tolist())),
        grouped_by=tested.grouped_by,
        guess=outcome.baseline(counted, tested.classes),
        networks=tuple(
            _network(name, own, learned[name], estimates.get(name), tested, outcome) for name, own in ordered.items()
        ),
        pairs=possible_pairs(pairs, outcome),
        one_seed=tests,
        compared=compared(question, seeds_of(runs), tested),
        notes=(),
        verdict=(),
    )
    made = replace(made, notes=tuple(notes_of(made, tested, [*more, *_copies(ordered)])))
    return replace(made, verdict=verdict_of(made))


def _of(runs: Sequence[Run], network: str) -> list[Run]:
    return sorted((run for run in runs if run.network == network), key=lambda run: run.seed)


def _has_learned(run: Run, tested: Tested) -> bool:
    """Returns whether a run's answers show that it learned, by the rule for runs of a comparison."""
    one_hot = np.zeros((len(run.answers), len(tested.classes)), np.float32)
    one_hot[np.arange(len(run.answers)), run.answers] = 1
    return has_learned(Predictions(ids=np.array(tested.ids), labels=tested.labels, logits=one_hot))


def _numbered(ordered: dict[str, list[Run]]) -> tuple[dict[str, list[int]], list[str]]:
    """The seeds by which pairs are matched, and what is to be said of them.

    The seeds of two networks are separate draws whatever they are called. So where two networks share fewer than two,
    the seeds of all are numbered in order.
    """
    seeds = {name: [run.seed for run in own] for name, own in ordered.items()}
    if any(len(set(a) & set(b)) < 2 for a, b in combinations(seeds.values(), 2)):
        seeds = {name: list(range(len(own))) for name, own in ordered.items()}
        said = [
            "The networks have different seeds, which are taken in their order; seeds of two networks need not match."
        ]
    else:
        said = []
    if len(set(map(tuple, seeds.values()))) > 1:
        counts = [f"{name} has {len(own)}" for name, own in seeds.items()]
        said.append(
            f"The networks do not have the same seeds ({listed(counts, 4)}), and each pair is judged on those that "
            "both have: give as many of each to use them all."
        )
    return seeds, said


def _copies(ordered: dict[str, list[Run]]) -> list[str]:
    """A sentence where two seeds of a network give the same answers and scores to every image."""
    found = []
    for name, own in ordered.items():
        for a, b in combinations(own, 2):
            if np.array_equal(a.scores, b.scores) and np.array_equal(a.answers, b.answers):
                found.append(
                    f"Seeds {a.seed} and {b.seed} of {name} have the same predictions for every image. If one is a "
                    "copy of the other, the intervals are too narrow: leave it out."
                )
                break
    return found


def _network(
    name: str, own: list[Run], learned: list[bool], estimate: Estimate | None, tested: Tested, outcome: Outcome
) -> JudgedNetwork:
    answers = [run.answers for run, did in zip(own, learned, strict=True) if did or len(own) == 1]
    right = np.array([each == tested.labels for each in answers])
    return JudgedNetwork(
        name=name,
        seeds=tuple(run.seed for run in own),
        unlearned=tuple(run.seed for run, did in zip(own, learned, strict=True) if not did),
        outcome=possible(estimate, outcome),
        accuracy=float(right.mean()) if len(right) else None,
        per_class=_per_class(right, tested),
        not_learned=share(learned.count(False), len(own)),
    )


def _per_class(right: NDArray[np.bool_], tested: Tested) -> tuple[float, ...]:
    if not len(right):
        return ()
    sums = np.bincount(tested.labels, weights=right.mean(axis=0), minlength=len(tested.classes))
    return tuple((sums / np.maximum(tested.class_images, 1)).tolist())
