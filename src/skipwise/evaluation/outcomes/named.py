"""From what --outcome says to the outcome: a name, or a name with the classes whose images alone count."""

from __future__ import annotations

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
