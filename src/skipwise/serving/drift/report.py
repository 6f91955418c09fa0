"""Is what a network is asked like its validation images? The answer as a record, and in words."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from skipwise.core.text import count, printable, shortened
from skipwise.deploy.artifact.artifact import Artifact
from skipwise.deploy.artifact.reference import INPUTS, Spread, parts
from skipwise.serving.drift.difference import ALPHA, FEWEST, Difference, difference
from skipwise.serving.drift.window import Window

MOST_SHOWN = 8
"""Classes in the picture; the others are taken together."""
WORDS = {
    "answers": "the answers",
    "not sure": "how often it is not sure",
    "brightness": "brightness",
    "contrast": "contrast",
    "shorter side": "size",
}
UNITS = {"brightness": "brightness", "contrast": "contrast", "shorter side": "the shorter side, in pixels"}


@dataclass(frozen=True, kw_only=True)
class Measure:
    """Something that is compared.

    Args:
        name: "answers", "not sure", or one of `INPUTS`.
        title: the same for people.
        parts: what each part is called.
        then: the share of the validation images in each part.
        now: the share of the images asked about.
        found: the comparison.
        sentence: what it says.
    """

    name: str
    title: str
    parts: tuple[str, ...]
    then: tuple[float, ...]
    now: tuple[float, ...]
    found: Difference
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Drift:
    """The last requests of a network, compared with its validation images.

    Args:
        images: how many images that was.
        unsure: the share of answers that are called "not sure"; None where there is no threshold or no answer.
        measures: what can be compared.
        sentences: the result in words.
    """

    images: int
    unsure: float | None
    measures: tuple[Measure, ...]
    sentences: tuple[str, ...]

    @property
    def differs(self) -> bool | None:
        """True if anything differs; None where that can't be told yet."""
        known = [each.found.differs for each in self.measures if each.found.differs is not None]
        return any(known) if known else None


def drift(artifact: Artifact, window: Window, threshold: float | None) -> Drift:
    """Compares what a network was asked last with what its artifact says of its validation images.

    Args:
        threshold: the probability below which its answers are called "not sure"; None calls all of them sure.
    """
    images, reference = len(window.answers), artifact.reference
    unsure = window.unsure(threshold) / images if images and threshold is not None else None
    if reference is None:
        none = "The file of this network does not say what its validation images were like, so nothing can be compared."
        mend = "Export the network again, from a run with 20 validation images or more."
        return Drift(images=images, unsure=unsure, measures=(), sentences=(none, mend))
    rows = [("answers", list(artifact.classes), list(reference.answers), window.counts(len(artifact.classes)))]
    own = artifact.threshold
    # Another threshold is another question than the one that the validation images were asked.
    if reference.unsure is not None and own is not None and threshold == own.confidence:
        below = window.unsure(threshold)
        sure = reference.images - reference.unsure
        rows.append(("not sure", ["sure", "not sure"], [sure, reference.unsure], [images - below, below]))
    for place, name in enumerate(INPUTS):
        if (spread := reference.inputs.get(name)) is not None:
            now = parts(window.values(place), spread.edges)
            rows.append((name, _ranges(spread), list(spread.counts), now))
    measures = tuple(_measure(*row, looked_at=len(rows)) for row in rows)
    return Drift(
        images=images, unsure=unsure, measures=measures, sentences=_sentences(images, reference.images, measures)
    )


def _measure(name: str, titles: list[str], then: list[int], now: list[int], *, looked_at: int) -> Measure:
    found = difference(then, now, looked_at=looked_at)
    before, after = _shares(then), _shares(now)
    titles = [shortened(printable(title), 24) for title in titles]
    if sum(then) < FEWEST:
        sentence = f"There were fewer than {FEWEST} validation images to compare with."
    else:
        sentence = _sentence(name, titles, before, after, found)
    if len(titles) > MOST_SHOWN:
        order = sorted(range(len(titles)), key=lambda at: -abs(after[at] - before[at]))[: MOST_SHOWN - 1]
        before = [*(before[at] for at in order), 1 - sum(before[at] for at in order)]
        after = [*(after[at] for at in order), max(0.0, sum(after) - sum(after[at] for at in order))]
        titles = [*(titles[at] for at in order), "others"]
    return Measure(
        name=name,
        title=name.capitalize(),
        parts=tuple(titles),
        then=tuple(before),
        now=tuple(after),
        found=found,
        sentence=sentence,
    )


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts)
    return [each / total if total else 0.0 for each in counts]


def _ranges(spread: Spread) -> list[str]:
    """The parts of a scale, with as many digits as tell its edges apart."""
    edges = spread.edges
    if len(edges) == 2 and edges[1] - edges[0] < 1e-5:  # nearly all images were the same
        return [f"< {edges[0]:.4g}", f"{edges[0]:.4g}", f"> {edges[0]:.4g}"]
    written = next(
        found for digits in range(3, 9) if len(set(found := [f"{edge:.{digits}g}" for edge in edges])) == len(edges)
    )
    between = [f"{low}\u2013{high}" for low, high in itertools.pairwise(written)]
    return [f"< {written[0]}", *between, f"≥ {written[-1]}"]


def _sentence(name: str, titles: Sequence[str], then: Sequence[float], now: Sequence[float], found: Difference) -> str:
    if found.differs is None:
        return f"{count(found.images, 'image')} so far; it takes {FEWEST} to tell."
    if not found.differs:
        return "No difference is seen; a small one can't be excluded."
    # What changed most, in the direction of more: that is what there is to look at.
    most = max(range(len(titles)), key=lambda at: now[at] - then[at])
    what = f"{UNITS[name]} {titles[most]}" if name in INPUTS else titles[most]
    looks = 10 ** math.floor(-math.log10(max(found.chance, 1e-9)))
    share = f"{100 * now[most]:.0f}% are {what}, instead of {100 * then[most]:.0f}%."
    return f"{share} Chance alone does that in fewer than 1 of {looks:,} looks."


def _sentences(images: int, reference: int, measures: Sequence[Measure]) -> tuple[str, ...]:
    known = [each for each in measures if each.found.differs is not None]
    these, those = f"the last {count(images, 'image')}", f"the {count(reference, 'validation image')}"
    if not known and reference < FEWEST:
        return (f"This network had {count(reference, 'validation image')}: too few to compare others with.",)
    if not known:
        few = f"{count(images, 'image')} so far" if images else "No images so far"
        return (f"{few}: too few to tell whether they are like {those}; {FEWEST} are enough to see large differences.",)
    different = [WORDS[each.name] for each in known if each.found.differs]
    if not different:
        return (f"{these.capitalize()} look like {those}: no difference is seen. A small one can't be excluded.",)
    return (
        f"{these.capitalize()} are not like {those}. What differs: {', '.join(different)}.",
        "The answers need not be wrong, but how often they are right was measured on images like those, and need not "
        "hold for these. Look at some of them, and evaluate the network on them if you know their classes.",
        f"Chance alone would raise this alarm in at most {100 * ALPHA:g}% of the looks at images of the same kind.",
    )
