"""Which split a folder, a file or a cell means by its name: "train", "seg_train", "Training", "dev", "holdout"."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORDS = {
    "train": "train",
    "training": "train",
    "trainset": "train",
    "trainval": "train",
    "trn": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "validate": "val",
    "valset": "val",
    "dev": "val",
    "eval": "val",
    "evaluation": "val",
    "test": "test",
    "testing": "test",
    "testset": "test",
    "tst": "test",
    "holdout": "test",
}
_NEUTRAL = frozenset(
    """
    set sets data dataset images image imgs img jpg jpeg png pics pictures photos photo split splits part subset
    full all folder files labels label labeled labelled resized list lists ids csv classes annotations solution
    mini clean final original meta metadata instances image2 info large small standard
""".split()
)
_TOKENS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def split_of(name: str, neutral: frozenset[str] = frozenset()) -> str | None:
    """The split that a name means, "train", "val" or "test", or None.

    Args:
        neutral: words that say nothing here, such as the data set's own name in "seg_train" and "seg_test".

    Example:
        >>> split_of("training_set"), split_of("Validation"), split_of("train station")
        ('train', 'val', None)
    """
    if (whole := re.sub(r"[^a-z]", "", name.lower())) in _WORDS:
        return _WORDS[whole]
    tokens = _tokens(name)
    meant = {_WORDS[token] for token in tokens if token in _WORDS}
    rest = [token for token in tokens if token not in _WORDS and token not in neutral]
    if len(meant) != 1 or any(token not in _NEUTRAL and not token.isdigit() for token in rest):
        return None
    return meant.pop()


def splits_of(names: Iterable[str]) -> dict[str, str]:
    """The split of each of some names side by side that means one.

    Words that all of the names that mention a split have in common are the data set's own, so "seg_train" and
    "seg_test" are splits, where "dogs_train" and "cats_test" are not.

    Example:
        >>> splits_of(["seg_train", "seg_test", "seg_pred"])
        {'seg_train': 'train', 'seg_test': 'test'}
    """
    names = list(names)
    mentioning = [set(tokens) for name in names if (tokens := _tokens(name)) and any(t in _WORDS for t in tokens)]
    neutral: frozenset[str] = frozenset()
    if len(mentioning) > 1:
        neutral = frozenset(set.intersection(*mentioning) - _WORDS.keys())
    found = {name: split for name in names if (split := split_of(name, neutral)) is not None}
    # Beside a validation part, and without one for testing, what is for evaluation is for testing.
    evaluated = [name for name, split in found.items() if split == "val" and "eval" in name.lower()]
    if evaluated and len(evaluated) < sum(split == "val" for split in found.values()) and "test" not in found.values():
        found.update(dict.fromkeys(evaluated, "test"))
    return found


def _tokens(name: str) -> list[str]:
    return [token.lower() for token in _TOKENS.findall(name)]
