"""Public names that were replaced: the earlier ones still work, with a DeprecationWarning."""

from __future__ import annotations

import warnings
from typing import Any


def earlier_name(now: str, before: str) -> Any:
    """An attribute by its earlier name.

    Args:
        now: the attribute that replaces it.
        before: the earlier name, as the warning says it.

    Example:
        >>> class Results:
        ...     candidates = ("resnet18", "plain18")
        ...     contenders = earlier_name("candidates", "contenders")
    """

    def read(record: object) -> Any:
        warnings.warn(f"`{before}` is now `{now}`.", DeprecationWarning, stacklevel=2)
        return getattr(record, now)

    return property(read, doc=f"The earlier name of `{now}`.")


def by_name(record: str, options: str) -> None:
    """Warns of an argument that took several options as one record, which are now given one by one.

    Args:
        record: the name of that argument.
        options: how they are given now.
    """
    sentence = f"`{record}=` is deprecated; give its options by name: `{options}`."
    # Between here and the caller are the function and what made options of its keywords.
    warnings.warn(sentence, DeprecationWarning, stacklevel=4)
