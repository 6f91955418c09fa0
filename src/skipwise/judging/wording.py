"""A judgement in words: how the files were read, the answer, and what a reader must know beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from skipwise.comparison.question.grouping import Grouping
from skipwise.comparison.question.question import Question
from skipwise.comparison.results.choice import choose
from skipwise.comparison.results.recommendation import Recommendation
from skipwise.comparison.results.records import Results
from skipwise.comparison.wording import pairs as words
from skipwise.comparison.wording.answer import answer
from skipwise.comparison.wording.groups import group_warnings
from skipwise.comparison.wording.notes import guessing, notes_on_results
from skipwise.comparison.wording.phrases import difference, margin, measure
from skipwise.core.text import count, listed
from skipwise.judging.record import Judged, OneSeedPair
from skipwise.statistics import Pair

if TYPE_CHECKING:
    from skipwise.judging.scored import Tested

MOST_NETWORKS = 4


def compared(question: Question, seeds: Mapping[str, Sequence[int]], tested: Tested) -> str:
    """Describes the comparison: "resnet18 and vgg16, 5 seeds each, on 269 images of 10 classes, by test accuracy"."""
    counts = sorted({len(each) for each in seeds.values()})
    each = f"{count(counts[0], 'seed')} each" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds each"
    images = f"{count(len(tested.ids), 'image')} of {count(len(tested.classes), 'class')}"
    if tested.groups is not None:
        images += f" in {count(len(set(tested.groups.tolist())), 'group')} ({tested.grouped_by})"
    return f"{listed(list(seeds), MOST_NETWORKS)}, {each}, on {images}, by {measure(question)}"


def verdict_of(judged: Judged) -> tuple[str, ...]:
    """The answer in a few sentences."""
    if judged.has_one_seed:
        return tuple(_single(judged))
    results = judged.results
    choice = choose(results, {})
    said = replace(answer(results, choice), price="")  # what a network costs, files of predictions don't say
    if choice.basis == "cheapest of those as good":
        said = replace(said, use=_as_good(results, choice))
    return said.sentences


def notes_of(judged: Judged, tested: Tested, more: Sequence[str]) -> list[str]:
    """Lists warnings and remarks beside the answer, the gravest first."""
    results = judged.results
    return [
        *_groups(judged, tested),
        *more,
        *([] if judged.has_one_seed else notes_on_results(results)),
        *(guessing(results) if judged.has_one_seed else []),
    ]


def not_covered(judged: Judged) -> str:
    """States what the intervals leave out."""
    units = "images" if judged.groups is None else "groups of images"
    seeds = "" if judged.has_one_seed else "which seeds and "
    alone = ", other seeds" if judged.has_one_seed else ""
    return (
        f"The intervals allow for {seeds}which {units} were drawn, and hold for all pairs at once. Not covered: other "
        f"data{alone}, another split of these images, and how each network was trained, of which the files say nothing."
    )


def tested_by(test: OneSeedPair) -> str:
    """McNemar's test of a pair, as a clause."""
    only = f"{test.a} alone was right on {count(test.only_a, 'image')}, {test.b} alone on {test.only_b:,}"
    if test.p is None:
        return only
    return f"{only}; McNemar's exact p for this pair alone is {probability(test.p)}"


def probability(p: float) -> str:
    """A p-value: "0.031", "less than 0.001"."""
    return "less than 0.001" if p < 0.001 else f"{p:.2g}"


def _as_good(results: Results, choice: Recommendation) -> str:
    return (
        f"Use any of {listed(choice.as_good)}: each is shown to be as good as any other network, to within "
        f"{margin(results.question)}. Choose by speed or size, which files of predictions don't tell."
    )


def _single(judged: Judged) -> list[str]:
    said = [_one_pair(judged, pair, test) for pair, test in zip(judged.pairs, judged.one_seed, strict=True)]
    return [
        *said,
        "There is one seed of each network, so this is about these files, and not about the networks. Trained again "
        "with another seed, either may turn out better: how much seeds differ can't be seen from one. For a verdict on "
        "the networks, give at least two seeds of each, better five.",
    ]


def _one_pair(judged: Judged, pair: Pair, test: OneSeedPair) -> str:
    question = judged.question
    by = f"{difference(pair, question)} {question.scoring.unit}".rstrip()
    if pair.verdict in ("better", "worse"):
        shown = words.verdict(pair, question)
        return f"{shown} on such images: {by}; {tested_by(test)}."
    if pair.verdict == "equivalent":
        return f"{pair.a} and {pair.b} differ by less than {margin(question)} on such images: {by}; {tested_by(test)}."
    return f"These images can't tell {pair.a} from {pair.b}: {by}; {tested_by(test)}."


def _groups(judged: Judged, tested: Tested) -> list[str]:
    if tested.groups is None:
        return []
    names, sizes = np.unique(tested.groups, return_counts=True)
    lone = [
        tested.classes[label]
        for label in np.unique(tested.labels).tolist()
        if (tested.labels == label).sum() > 1 and len(np.unique(tested.groups[tested.labels == label])) == 1
    ]
    grouping = Grouping(groups=len(names), largest=int(sizes.max()), by=judged.grouped_by, lone=tuple(lone), digest="")
    return group_warnings(grouping, judged.images)
