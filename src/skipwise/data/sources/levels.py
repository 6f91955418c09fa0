"""Which level of folders holds the classes, where folders lie in folders.

Names of splits decide first. Then: where the sub-folders of all classes are called like patients, sessions or cameras,
the top level is the class; where the top folders are called so, or like parts of one set, it is the level below. Where
the top folders share sub-folders and nothing decides, nothing is guessed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from skipwise.data.names import printable
from skipwise.data.sources import folder_names as called
from skipwise.data.sources.labels import listing
from skipwise.data.sources.options import Ambiguous
from skipwise.data.sources.split_names import splits_of
from skipwise.data.sources.tree import Node, merged
from skipwise.errors import SkipwiseError

_SPLIT_AND_CLASS = re.compile(r"(train|test|val|valid)[ _-]?([A-Z]|\d)", re.IGNORECASE)
"""As sets for translating images into one another have them: trainA, trainB, testA, testB."""

StemsOf = Callable[[str], frozenset[str]]
"""The names, without suffix, of the pictures in a folder by its path."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """Where the classes are, in folders below the top.

    Args:
        classes: the level of the classes, 0 for the top; None for all folders from the level `first` on.
        first: the level from which folders count for the class where `classes` is None.
        splits, groups: the level that says the split, or what belongs together, or None.
        split_of: the split that a folder on the level `splits` means.
        skipped: the level that says nothing, since all folders of it are called "images", or None.
        left_out: folders that are no images of the class they lie in: masks.
        other: the other reading and its flag.
    """

    classes: int | None = 0
    first: int = 0
    splits: int | None = None
    groups: int | None = None
    split_of: Mapping[str, str] | None = None
    skipped: int | None = None
    left_out: frozenset[str] = frozenset()
    other: str = ""


def find_level(top: Node, where: str, wanted: str | None, stems_of: StemsOf) -> Level:
    """The level of the classes in a tree without wrappers and splits on top.

    Args:
        wanted: the level that the user asked for: "1", "2", ..., "leaf", or None. A level of splits, or of folders that
            are all called "images", is not counted.
        stems_of: the names, without suffix, of the pictures in a folder by its path.

    Raises:
        Ambiguous: two readings are equally likely.
        SkipwiseError: there are no folders on the level asked for, or nothing but images and their masks.
    """
    tops = list(top.children)
    deep = [node for node in top.children.values() if node.deep]
    if len(tops) > 1 and not deep and all(called.is_generic(name) or called.is_mask(name) for name in tops):
        if any(called.is_mask(name) for name in tops):
            raise SkipwiseError(
                f"{where} holds images and their masks ({listing(sorted(tops), 3)}), a set for segmentation; Skipwise "
                "tells classes apart, so it needs a sub-folder for each class, or a table of labels."
            )
    both = [match for name in tops if (match := _SPLIT_AND_CLASS.fullmatch(name))]
    if len(tops) > 1 and len(both) == len(tops) and len({match[1].lower() for match in both}) > 1:
        raise SkipwiseError(
            f"{where} has folders that name a split and a class at once ({listing(sorted(tops), 4)}); make them "
            f"{both[0][1]}/{both[0][2]} and so on, if their letters are the classes."
        )
    inside = Counter(name for node in deep for name in node.children)
    splits = splits_of(inside)
    if "train" in splits.values() and len(set(splits.values())) > 1 and set(inside) == set(splits):
        level = find_level(_without_second(top), where, wanted, stems_of)
        return _shifted(level, splits=1, split_of=splits)
    if len(deep) == len(tops) and len(inside) == 1 and called.is_generic(next(iter(inside))):
        if any(child.deep for node in deep for child in node.children.values()):
            return _shifted(find_level(_without_second(top), where, wanted, stems_of), skipped=1)
        return Level() if wanted is None else _asked(top, wanted, where)
    if wanted is not None:
        return _asked(top, wanted, where)
    if not deep:
        return Level()
    masks = frozenset(name for name in inside if called.is_mask(name))
    if masks and all(called.is_generic(name) or name in masks for name in inside):
        return Level(left_out=masks)
    if all(len(name) == 1 for name in tops) and all(
        child.lower().startswith(node.name.lower()) for node in deep for child in node.children
    ):
        # An index by first letters, as of SUN397 and Places.
        return Level(classes=None, first=1, other="--class-level 1 takes the first letters for the classes.")
    return _nested(where, tops, deep, inside, stems_of)


def _nested(where: str, tops: list[str], deep: list[Node], inside: Counter[str], stems_of: StemsOf) -> Level:
    """Of folders in folders, which level is the class."""
    shared = sorted(name for name, count in inside.items() if count > 1)
    second = f"--class-level 2 takes {listing(shared or sorted(inside), 3)} for the classes."
    if len(shared) < 2 and len(inside) > 1 and len(deep) > 1:
        if all(called.is_group(name) or called.is_number(name) for name in inside):
            return Level(groups=1, other=second)
    # Shared by accident are one or two names of many: Apple/healthy and Corn/healthy.
    if len(shared) < 2 or len(shared) * 2 < len(inside) or len(deep) < 2:
        return Level(other=_leaves(deep))
    first = f"--class-level 1 takes {listing(sorted(tops), 3)} for the classes."
    if all(map(called.is_part, tops)):
        return Level(classes=1, other=first)
    if all(map(called.is_group, tops)):
        return Level(classes=1, groups=0, other=first)
    if all(map(called.is_group, inside)) and not _copies(deep, shared, stems_of):
        return Level(groups=1, other=second)
    numbered = all(map(called.is_number, inside)) and not all(map(called.is_number, tops))
    if numbered and not _alike(deep, shared, stems_of):
        return Level(groups=1, other=second)
    raise Ambiguous(
        f"{where} can be read in two ways: with the classes {listing(sorted(tops), 4)} (--class-level 1), or with the "
        f"classes {listing(shared, 4)} that lie in {'each' if len(shared) == len(inside) else 'several'} of them "
        "(--class-level 2). Say which, or give one of the folders."
    )


def _without_second(top: Node) -> Node:
    """The tree without its second level: what lies in its folders moves up."""
    moved = Node("", "")
    for name, child in top.children.items():
        moved.children[name] = Node(name, name)
        moved.children[name] = merged(child.children.values())
        moved.children[name].name, moved.children[name].path = name, name
    return moved


def _shifted(level: Level, **changes: Any) -> Level:
    """A level found in a tree without its second level, for the tree with it."""

    def below(number: int | None) -> int | None:
        return number if number is None or number == 0 else number + 1

    return replace(level, classes=below(level.classes), groups=below(level.groups), **changes)


def _asked(top: Node, wanted: str, where: str) -> Level:
    if wanted == "leaf":
        return Level(classes=None)
    level = int(wanted)
    nodes = [top]
    for _ in range(level):
        nodes = [child for node in nodes for child in node.children.values()]
    if not nodes:
        raise SkipwiseError(f"{where} has no folders with images {level} levels deep; use a smaller --class-level.")
    return Level(classes=level - 1)


def _leaves(deep: list[Node]) -> str:
    names = sorted({each.name for node in deep for each in node.walk() if each.direct and each is not node})
    if len(names) < 2:
        return ""
    first = min(deep, key=lambda node: node.name)
    return (
        f"Images in sub-folders of {printable(first.name)!r}{' and other classes' * (len(deep) > 1)} count for that "
        f"class; --class-level leaf takes {listing(names, 3)} for the classes."
    )


def _alike(deep: list[Node], shared: list[str], stems_of: StemsOf) -> bool:
    """Whether folders of one name hold pictures of the same names."""
    for name in shared[:8]:
        stems = [stems_of(node.children[name].path) for node in deep if name in node.children]
        if len(stems) > 1 and stems[0] and len(set.intersection(*map(set, stems))) >= 0.9 * max(map(len, stems)):
            return True
    return False


def _copies(deep: list[Node], shared: list[str], stems_of: StemsOf) -> bool:
    """Whether the pictures in folders of one name are called alike and by more than a number."""
    for name in shared[:8]:
        stems = [stems_of(node.children[name].path) for node in deep if name in node.children]
        same = set.intersection(*map(set, stems)) if len(stems) > 1 else set()
        wordy = [stem for stem in same if stem.strip("0123456789_- ").lower() not in ("", "img", "image", "frame", "f")]
        if wordy and len(same) >= 0.9 * max(map(len, stems)):
            return True
    return False
