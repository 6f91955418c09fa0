"""From what --outcome says to the outcome: a name, or a name with the classes whose images alone count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.evaluation.outcomes.outcome import Outcome
from skipwise.evaluation.outcomes.table import OUTCOMES

SUBSET = ":classes="
"""Between the name of an outcome and the classes whose images alone count."""


@lru_cache(maxsize=256)
def outcome_of(name: str) -> Outcome:
    """The outcome of a name in `OUTCOMES`, or of one on the images of some classes: "accuracy:classes=cat,dog".

    Raises:
        SkipwiseError: there is none of that name, or no class is named.

    Examples:
        >>> outcome_of("log-loss:classes=cat,dog").measure()
        'test log-loss on cat, dog'
    """
    base, mark, within = name.partition(SUBSET)
    if base not in OUTCOMES:
        name_alone, _, rest = name.partition(":")
        if name_alone in OUTCOMES:
            raise SkipwiseError(f"--outcome {name}: {rest!r} is not understood; write {name_alone}{SUBSET}A,B.")
        raise unknown_name("outcome", base, OUTCOMES)
    if mark and not all(part.strip() for part in within.split(",")):
        raise SkipwiseError(f"--outcome {name} names no class, or an empty one; write {base}{SUBSET}A,B.")
    # Two objects of one name would be two outcomes to whoever asks which one it is.
    return replace(OUTCOMES[base], name=name, within=within) if mark else OUTCOMES[base]


def outcome_names(asked: str | Sequence[str]) -> tuple[str, ...]:
    """The names of the outcomes that are asked for, the first of them the one that the choice goes by.

    Commas separate outcomes, and also the classes of one outcome: what follows ":classes=" belongs to it up to the next
    name of an outcome.

    Args:
        asked: what --outcome says, or the names one by one.

    Raises:
        SkipwiseError: none is named, one is named twice, or there is none of a name.

    Examples:
        >>> outcome_names("accuracy:classes=cat,dog,brier")
        ('accuracy:classes=cat,dog', 'brier')
    """
    names: list[str] = []
    for part in ",".join([asked] if isinstance(asked, str) else asked).split(","):
        begins = part.strip().partition(":")[0] in OUTCOMES
        if names and SUBSET in names[-1] and not begins:
            names[-1] += f",{part}"
        else:
            names.append(part.lstrip() if SUBSET in part else part.strip())
    for name in names:
        outcome_of(name)
        if names.count(name) > 1:
            raise SkipwiseError(f"{name} is in --outcome twice; name each outcome once.")
    return tuple(names)


def margins_of(names: Sequence[str], asked: float | Sequence[float] | None) -> tuple[float, ...]:
    """The margin of each outcome, in its unit: as it is asked for, in the same order, and else the outcome's own.

    Args:
        names: of the outcomes.
        asked: a number for the first outcome, or numbers for as many of the first ones; None for none.

    Raises:
        SkipwiseError: there are more margins than outcomes.

    Examples:
        >>> margins_of(["accuracy", "brier"], 1)
        (1.0, 0.005)
    """
    given = [] if asked is None else list(asked) if isinstance(asked, Sequence) else [asked]
    if len(given) > len(names):
        outcomes = "one outcome" if len(names) == 1 else f"{len(names)} outcomes"
        raise SkipwiseError(f"--margin has {len(given)} numbers for {outcomes}; give one for each, in the same order.")
    # A whole number would be written, and read back, otherwise.
    return tuple(map(float, [*given, *(outcome_of(name).margin for name in names[len(given) :])]))
