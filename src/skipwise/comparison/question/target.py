"""The accuracy of which it is asked how many epochs networks need to reach it."""

from __future__ import annotations

from skipwise.core.errors import SkipwiseError


def target_of(percent: float | None) -> float | None:
    """The target accuracy, in percent, as it is given; None where none is.

    Raises:
        SkipwiseError: it is no percentage.
    """
    if percent is None:
        return None
    if not 1 <= percent <= 100:
        raise SkipwiseError(f"--target-accuracy is in percent and lies between 1 and 100, such as 80; not {percent:g}.")
    return float(percent)


def check_reachable(target: float | None, validation: int, *, planned: bool = True) -> None:
    """Raises SkipwiseError where a target is asked for, and there are no validation images.

    Args:
        planned: whether the comparison is still to be made, so that it can be made with some.
    """
    if target is None or validation:
        return
    mend = "leave it out, or --folds or --val-share 0"
    if not planned:
        mend = "leave it out; a comparison without --folds and --val-share 0 has some"
    raise SkipwiseError(f"--target-accuracy is an accuracy on the validation images, and there are none; {mend}.")
