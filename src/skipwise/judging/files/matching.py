"""Files of predictions matched with each other: the same images by their ids, the same labels, the same classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skipwise.core.errors import SkipwiseError
from skipwise.core.text import count, listed, shortened
from skipwise.evaluation.outcomes import Outcome
from skipwise.judging.files.file_answers import FileAnswers
from skipwise.judging.files.numbers import as_logits
from skipwise.judging.scored import Run, Tested, needs_values, raw_scores


@dataclass(frozen=True, kw_only=True, eq=False)
class Matched:
    """Files that were matched.

    Args:
        tested: the images, in the order of the first file.
        runs: the answers of each network and seed, in the order of the files.
        notes: what a person should know, a sentence each.
    """

    tested: Tested
    runs: tuple[Run, ...]
    notes: tuple[str, ...]


def match(
    files: Sequence[FileAnswers],
    outcome: Outcome,
    *,
    labels: FileAnswers | None = None,
    group: str | None = None,
) -> Matched:
    """Files as runs on the same images.

    Args:
        files: at least one.
        outcome: what is scored.
        labels: the labels of the images by their ids, for files without labels.
        group: what says which images belong together, as it was asked for.

    Raises:
        SkipwiseError: ids, labels, groups or classes do not fit together, or the outcome takes probabilities and a
            file has none.
    """
    first, orders = files[0], []
    for each in files:
        orders.append(_order(each, first))
    truth = _truth(files, orders, labels)
    classes = _classes(files, truth)
    places = {name: place for place, name in enumerate(classes)}
    numbers = np.array([places[name] for name in truth], dtype=np.int64)
    groups = _groups(files, orders, group)
    runs, notes = [], []
    for each, order in zip(files, orders, strict=True):
        run, said = _run(each, order, numbers, places, outcome)
        runs.append(run)
        notes += [*each.notes, *said]
    _check_different(runs)
    tested = Tested(
        ids=list(first.ids),
        labels=numbers,
        classes=classes,
        groups=groups,
        grouped_by="" if groups is None else f"column {group}",
    )
    return Matched(tested=tested, runs=tuple(runs), notes=tuple(dict.fromkeys(notes)))


def _order(answers: FileAnswers, first: FileAnswers) -> NDArray[np.int64]:
    """The place in a file of each image of the first file."""
    places = {name: place for place, name in enumerate(answers.ids)}
    order = np.array([places.get(name, -1) for name in first.ids], dtype=np.int64)
    missing = [first.ids[place] for place in np.flatnonzero(order < 0).tolist()]
    if not missing and len(places) == len(order):
        return order
    known = set(first.ids)
    more = [name for name in answers.ids if name not in known]
    if len(missing) == len(first.ids):
        raise SkipwiseError(
            f"{answers.where} and {first.where} have no id in common: the ids of one are like "
            f"{shortened(answers.ids[0], 40)!r}, those of the other like {shortened(first.ids[0], 40)!r}. Write them "
            "in the same way."
        )
    said = []
    if missing:
        said.append(f"{len(missing):,} of the {len(first.ids):,} images of {first.where}, such as {missing[0]!r}")
    lacks = f"{answers.where} has no prediction for {said[0]}" if said else ""
    if more:
        extra = f"{count(len(more), 'image')} that {first.where} has not, such as {more[0]!r}"
        lacks = f"{lacks}, and has {extra}" if lacks else f"{answers.where} has {extra}"
    raise SkipwiseError(f"{lacks}. Give predictions of the same images in every file.")


def _truth(files: Sequence[FileAnswers], orders: Sequence[NDArray[np.int64]], given: FileAnswers | None) -> list[str]:
    """The label of each image, in the order of the first file."""
    sources = [(each, order) for each, order in zip(files, orders, strict=True) if each.labels is not None]
    if given is not None:
        sources.insert(0, (given, _order_of_labels(given, files[0])))
    if not sources:
        raise SkipwiseError(
            f"{files[0].where} has no labels, and no other file has; add a column label, or give a table of id and "
            "label with --labels."
        )
    truth, whose = _in_order(sources[0][0].labels, sources[0][1]), sources[0][0].where
    for each, order in sources[1:]:
        others = _in_order(each.labels, order)
        apart = [place for place, (a, b) in enumerate(zip(truth, others, strict=True)) if a != b]
        if apart:
            place = apart[0]
            raise SkipwiseError(
                f"{each.where} has other labels than {whose} for {count(len(apart), 'image')}, such as "
                f"{files[0].ids[place]!r}: {others[place]!r} and {truth[place]!r}. Give files of the same labels, "
                "written in the same way."
            )
    return truth


def _order_of_labels(given: FileAnswers, first: FileAnswers) -> NDArray[np.int64]:
    """The place in a table of labels of each image of a file; the table may have more."""
    places = {name: place for place, name in enumerate(given.ids)}
    missing = [name for name in first.ids if name not in places]
    if missing:
        raise SkipwiseError(
            f"{given.where} has no label for {len(missing):,} of the {len(first.ids):,} images of {first.where}, such "
            f"as {missing[0]!r}; add them."
        )
    return np.array([places[name] for name in first.ids], dtype=np.int64)


def _in_order(names: Sequence[str] | None, order: NDArray[np.int64]) -> list[str]:
    assert names is not None
    return [names[place] for place in order.tolist()]


def _classes(files: Sequence[FileAnswers], truth: Sequence[str]) -> tuple[str, ...]:
    """The names of all classes; numbers are sorted as numbers.

    Raises:
        SkipwiseError: a file with probabilities has no class that another file with probabilities has, or that an image
            is of.
    """
    labels, valued = set(truth), [each for each in files if each.values is not None]
    for each in valued:
        known = set(each.classes)
        for wanted, whose in ((labels, "the labels"), *((set(other.classes), other.where) for other in valued[:1])):
            if lacking := sorted(wanted - known):
                raise SkipwiseError(
                    f"{each.where} knows nothing of {count(len(lacking), 'class')} that {whose} "
                    f"{'have' if whose == 'the labels' else 'has'}, such as {lacking[0]!r}; its classes are "
                    f"{listed(list(each.classes), 5)}. Give a probability or logit for every class, called as "
                    "the labels are."
                )
        if valued and (more := sorted(known - set(valued[0].classes))):
            raise SkipwiseError(
                f"{valued[0].where} knows nothing of {count(len(more), 'class')} that {each.where} has, such as "
                f"{more[0]!r}. Give a probability or logit for every class in every file."
            )
    found = labels.union(*(each.classes for each in valued), *(each.answers or () for each in files))
    if all(name.isdigit() for name in found):
        return tuple(sorted(found, key=int))
    return valued[0].classes + tuple(sorted(found - set(valued[0].classes))) if valued else tuple(sorted(found))


def _groups(files: Sequence[FileAnswers], orders: Sequence[NDArray[np.int64]], group: str | None) -> NDArray | None:
    if group is None:
        return None
    known = [(each, _in_order(each.groups, order)) for each, order in zip(files, orders, strict=True) if each.groups]
    if not known:
        raise SkipwiseError(f"--group {group}: no file has a column of that name; add it to one of them.")
    (first, groups), *others = known
    for each, also in others:
        if groups != also:
            place = next(place for place, (a, b) in enumerate(zip(groups, also, strict=True)) if a != b)
            raise SkipwiseError(
                f"{each.where} and {first.where} have different groups ({group}) for the image "
                f"{files[0].ids[place]!r}: {also[place]!r} and {groups[place]!r}; correct them, or leave the "
                "column in one file."
            )
    if len(set(groups)) == 1:
        raise SkipwiseError(
            f"--group {group}: all images are in the group {groups[0]!r}, which says nothing about other groups; give "
            "images of several, or leave --group out."
        )
    return np.array(groups)


def _run(
    given: FileAnswers,
    order: NDArray[np.int64],
    labels: NDArray[np.int64],
    places: Mapping[str, int],
    outcome: Outcome,
) -> tuple[Run, list[str]]:
    """A file's answers in the order of the first file, and what is to be said of them."""
    if needs_values(outcome) and given.values is None:
        raise SkipwiseError(
            f"{given.where} has predicted classes only, and {outcome.name} takes a probability or logit for each "
            "class; give these, or --outcome accuracy."
        )
    if given.answers is not None and not needs_values(outcome):
        answers = np.array([places[given.answers[place]] for place in order.tolist()], dtype=np.int64)
        scores = (answers == labels).astype(np.float64)
    else:
        assert given.values is not None
        values = given.values[order]
        columns = np.array([places[name] for name in given.classes], dtype=np.int64)
        answers = columns[values.argmax(axis=1)]
        own = np.full(len(places), -1)
        own[columns] = np.arange(len(columns))
        scores = raw_scores(outcome, as_logits(values, given.kind), own[labels])
    seed = 0 if given.seed is None else given.seed
    run = Run(network=given.network, seed=seed, where=given.where, answers=answers, scores=scores)
    return run, _strange(given, answers, labels, list(places))


def _strange(
    given: FileAnswers, answers: NDArray[np.int64], labels: NDArray[np.int64], classes: list[str]
) -> list[str]:
    """A sentence where a file predicts classes that no image is of.

    Raises:
        SkipwiseError: none of its predictions is the class of any image.
    """
    if given.values is not None:
        return []
    there, counts = set(labels.tolist()), Counter(answers.tolist())
    others = [classes[number] for number in counts if number not in there]
    if len(others) == len(counts):
        raise SkipwiseError(
            f"None of the predictions of {given.where} is the class of any image: it predicts "
            f"{listed(sorted(others), 3)}, and the labels are {listed(sorted(classes[each] for each in there), 3)}. "
            "Write predictions as the labels are written."
        )
    if not others:
        return []
    images = sum(number for place, number in counts.items() if place not in there)
    return [
        f"{given.where} predicts {count(len(others), 'class')} that no image is of ({listed(sorted(others), 3)}), for "
        f"{count(images, 'image')}; these count as wrong."
    ]


def _check_different(runs: Sequence[Run]) -> None:
    """Raises SkipwiseError where two runs are of the same network and seed."""
    found: dict[tuple[str, int], str] = {}
    for run in runs:
        if (run.network, run.seed) in found:
            raise SkipwiseError(
                f"{found[run.network, run.seed]} and {run.where} are both of {run.network} with seed {run.seed}; call "
                f"files after the network and the seed ({run.network}-s0.csv, {run.network}-s1.csv), or name these "
                "columns with --network-column and --seed-column."
            )
        found[run.network, run.seed] = run.where
