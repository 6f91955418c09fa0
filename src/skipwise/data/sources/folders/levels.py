"""The level of nested folders that holds the classes.

Names of splits decide first. If all sub-folders are named like patients, sessions or cameras, the top level holds the
classes. If the top folders are named so, or like parts of one set, the level below holds them. If the top folders share
sub-folders and no name decides, the user is asked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from skipwise.core.errors import SkipwiseError
from skipwise.data.names import printable
from skipwise.data.sources.ambiguous import Ambiguous
from skipwise.data.sources.folders import folder_names
from skipwise.data.sources.folders.tree import Node, merged
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.split_names import split_of, splits_of

StemsOf = Callable[[str], frozenset[str]]
"""Returns the names, without suffix, of the pictures in a folder by its path."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """The meaning of each level of folders; levels are counted from 0 at the top.

    Args:
        classes: the level of the classes; None if all folders from the level `first` on make the class name.
        first: the first level of the class name if `classes` is None.
        splits, groups: the levels of splits and groups, or None.
        split_of: the split that a folder on the level `splits` means.
        skipped: a level that means nothing, since all its folders are named "images"; or None.
        left_out: names of folders that are not images of the class they are in, such as masks.
        other: a sentence with another possible reading and its flag, or "".
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
    """Finds the level of the classes in a tree without wrappers and split folders on top.

    Args:
        top: the tree.
        where: the name of the data set for messages.
        wanted: the level that the user asked for: "1", "2", ..., "leaf", or None. A level of splits, or of folders that
            are all named "images", is not counted.
        stems_of: returns the names, without suffix, of the pictures in a folder.

    Raises:
        Ambiguous: two readings are equally likely.
        SkipwiseError: there are no folders on the level asked for, or only images and their masks.
    """
    tops = list(top.children)
    deep = [node for node in top.children.values() if node.deep]
    no_classes = all(folder_names.is_generic(name) or folder_names.is_mask(name) or split_of(name) for name in tops)
    if len(tops) > 1 and not deep and no_classes and any(map(folder_names.is_mask, tops)):
        raise SkipwiseError(
            f"{where} holds images and their masks ({quoted_list(sorted(tops), 3)}), a set for segmentation; Skipwise "
            "needs a sub-folder for each class, or a table of labels."
        )
    inside = Counter(name for node in deep for name in node.children)
    splits = splits_of(inside)
    if "train" in splits.values() and len(set(splits.values())) > 1 and set(inside) == set(splits):
        if wanted is None:
            _check_splits_below(top, where, splits)
        level = find_level(_without_second(top), where, wanted, stems_of)
        return _shifted(level, splits=1, split_of=splits)
    generic = len(inside) == 1 and (folder_names.is_generic(next(iter(inside))) or all(map(folder_names.is_part, tops)))
    if len(deep) == len(tops) and generic:
        if any(child.deep for node in deep for child in node.children.values()):
            return _shifted(find_level(_without_second(top), where, wanted, stems_of), skipped=1)
        return Level() if wanted is None else _asked(top, wanted, where)
    if wanted is not None:
        return _asked(top, wanted, where)
    if not deep:
        _check_flat(tops, where)
        return Level()
    masks = frozenset(name for name in inside if folder_names.is_mask(name))
    if masks and all(folder_names.is_generic(name) or name in masks for name in inside):
        return Level(left_out=masks)
    if all(len(name) == 1 for name in tops) and all(
        child.lower().startswith(node.name.lower()) for node in deep for child in node.children
    ):
        # The top folders are first letters, as in SUN397 and Places.
        return Level(classes=None, first=1, other="--class-level 1 takes the first letters as classes.")
    return _nested(where, top, deep, inside, stems_of)


def _check_flat(tops: list[str], where: str) -> None:
    """Raises SkipwiseError if the folders are not named like classes."""
    for test, what, fewest in (
        (folder_names.is_part, "parts of one set", 2),
        (folder_names.is_camera, "folders of a camera", 2),
        (folder_names.is_date, "days or months", 2),
        (folder_names.is_well, "wells of a plate", 4),
    ):
        if len(tops) >= fewest and all(map(test, tops)):
            raise SkipwiseError(
                f"{where} has only folders that are named like {what} ({quoted_list(sorted(tops), 3)}), so nothing "
                "says which class an image is of; give a table (.csv) with the columns path and label, or "
                "--class-level 1 if these folders are the classes."
            )


def _check_splits_below(top: Node, where: str, splits: Mapping[str, str]) -> None:
    """Raises SkipwiseError if splits are below folders that are not classes, or below only some of the classes."""
    flat = sorted(node.name for node in top.children.values() if node.direct and not node.deep)
    if flat:
        raise SkipwiseError(
            f"{where} has {quoted_list(sorted(splits), 3)} in some of its class folders, but not in "
            f"{quoted_list(flat, 3)}; split these folders too, or move them elsewhere."
        )
    if all(map(folder_names.is_part, top.children)) and any(
        child.deep for node in top.children.values() for child in node.children.values()
    ):
        first = sorted(top.children)[0]
        raise SkipwiseError(
            f"{where} holds several splits of what may be the same images ({quoted_list(sorted(top.children), 3)}); "
            f"give one of these folders, such as {printable(first)}."
        )
    below = [{each for child in node.children.values() for each in child.children} for node in top.children.values()]
    apart = len(below) > 1 and len(set.intersection(*below)) < 2
    if apart and all(len(names) > 1 and not _no_classes(names) for names in below):
        raise _ambiguous(where, _without_second(top))


def _nested(where: str, top: Node, deep: list[Node], inside: Counter[str], stems_of: StemsOf) -> Level:
    """The level of the classes in nested folders, by the names and contents of the folders."""
    tops = list(top.children)
    shared = sorted(name for name, count in inside.items() if count > 1)
    second = f"--class-level 2 takes {quoted_list(shared or sorted(inside), 3)} as classes."
    first = f"--class-level 1 takes {quoted_list(sorted(tops), 3)} as classes."
    all_deep = len(deep) == len(tops)
    if (
        len(tops) > 1
        and all_deep
        and all(map(folder_names.is_part, tops))
        and not all(map(folder_names.is_part, inside))
    ):
        return Level(classes=1, other=first)
    if splits_of(tops) or _innermost(deep) or all(map(folder_names.is_well, inside)):
        raise _ambiguous(where, top)
    if len(shared) < 2 and len(inside) > 1 and len(deep) > 1 and all(map(_is_group, inside)):
        return Level(groups=1, other=second)
    # One or two shared names of many may be a coincidence: Apple/healthy and Corn/healthy.
    if len(shared) < 2 or len(shared) * 2 < len(inside) or len(deep) < 2:
        if _same_leaves(deep):
            raise _ambiguous(where, top)
        return Level(other=_leaves(deep))
    if all(map(folder_names.is_group, tops)):
        return Level(classes=1, groups=0, other=first)
    if all(map(folder_names.is_scale, tops)) and not _alike(deep, shared, stems_of):
        return Level(classes=1, other=first)
    groups = any(
        all(map(test, inside))
        for test in (folder_names.is_group, folder_names.is_date, folder_names.is_camera, folder_names.is_part)
    )
    if groups and not _copies(deep, shared, stems_of) and not any(map(folder_names.is_part, tops)):
        return Level(groups=1, other=second)
    if all(map(folder_names.is_scale, inside)) and not _same_inside(deep, stems_of):
        return Level(other=second)
    numbered = all(map(folder_names.is_number, inside)) and not all(map(folder_names.is_number, tops))
    if numbered and not _alike(deep, shared, stems_of):
        return Level(groups=1, other=second)
    raise _ambiguous(where, top)


def _is_group(name: str) -> bool:
    return (
        folder_names.is_group(name)
        or folder_names.is_number(name)
        or folder_names.is_date(name)
        or folder_names.is_camera(name)
    )


def _innermost(deep: list[Node]) -> list[str]:
    """Names of folders below the second level that all top folders share, which may be classes; else []."""
    names = [
        {each.name for child in node.children.values() for each in child.walk() if each is not child and each.direct}
        for node in deep
    ]
    shared = set.intersection(*names) if len(names) > 1 else set()
    return [] if len(shared) < 2 or _no_classes(shared) else sorted(shared)


def _no_classes(names: set[str]) -> bool:
    """Returns whether all folders are named like folders inside classes."""
    tests = (_is_group, folder_names.is_scale, folder_names.is_generic, folder_names.is_mask, folder_names.is_part)
    return any(all(map(test, names)) for test in tests)


def _same_leaves(deep: list[Node]) -> bool:
    """Returns whether the folders hold folders of the same names on different levels: a set and a copy of it."""
    leaves = [{each.name for each in node.walk() if each.direct and each is not node} for node in deep]
    shared = set.intersection(*leaves) if len(leaves) > 1 else set()
    return len(shared) > 1 and all(len(shared) * 2 > len(names) for names in leaves) and not _no_classes(shared)


def _ambiguous(where: str, top: Node) -> Ambiguous:
    """The error that asks which level is meant, with the names on each level."""
    levels: list[list[str]] = []
    nodes = [top]
    while nodes := [child for node in nodes for child in node.children.values()]:
        levels.append(sorted({node.name for node in nodes}))
    shown = [
        f"{quoted_list(names, 4)} (--class-level {number})"
        for number, names in enumerate(levels[:4], 1)
        if not all(map(folder_names.is_generic, names))
    ]
    ways = "two ways" if len(shown) == 2 else f"{len(shown)} ways"
    return Ambiguous(
        f"{where} can be read in {ways}, with the classes {', '.join(shown[:-1])} or {shown[-1]}. Say which, or give "
        "one of the folders."
    )


def _without_second(top: Node) -> Node:
    """The tree without its second level; the contents of its folders move up."""
    moved = Node("", "")
    for name, child in top.children.items():
        moved.children[name] = Node(name, name)
        moved.children[name] = merged(child.children.values())
        moved.children[name].name, moved.children[name].path = name, name
    return moved


def _shifted(level: Level, **changes: Any) -> Level:
    """Converts a level that was found in a tree without its second level to the tree with it."""

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
    """A sentence about sub-folders that count for the class above them, or ""."""
    below = [(node, each) for node in deep for each in node.walk() if each.direct and each is not node]
    below = [(node, each) for node, each in below if not folder_names.is_generic(each.name) and each.name != node.name]
    names = sorted({each.name for _, each in below})
    if not names:
        return ""
    tops = sorted({node.name for node, _ in below})
    first = f"Images in sub-folders of '{printable(tops[0])}'{' and other classes' * (len(tops) > 1)}"
    if len(names) == 1:
        return f"{first} ({quoted_list(names)}) count for that class."
    return f"{first} count for that class; --class-level leaf takes {quoted_list(names, 3)} as classes."


def _alike(deep: list[Node], shared: list[str], stems_of: StemsOf) -> bool:
    """Returns whether folders with the same name hold pictures with the same names."""
    for name in shared[:8]:
        stems = [stems_of(node.children[name].path) for node in deep if name in node.children]
        if len(stems) > 1 and stems[0] and len(set.intersection(*map(set, stems))) >= 0.9 * max(map(len, stems)):
            return True
    return False


def _same_inside(deep: list[Node], stems_of: StemsOf) -> bool:
    """Returns whether sub-folders hold pictures with the same names, such as one picture in several sizes."""
    for node in deep[:8]:
        stems = [stems_of(child.path) for child in node.children.values()]
        if len(stems) > 1 and set.intersection(*map(set, stems)):
            return True
    return False


def _copies(deep: list[Node], shared: list[str], stems_of: StemsOf) -> bool:
    """Returns whether folders with the same name hold pictures with the same names, which are more than numbers."""
    for name in shared[:8]:
        stems = [stems_of(node.children[name].path) for node in deep if name in node.children]
        same = set.intersection(*map(set, stems)) if len(stems) > 1 else set()
        # "tile_0_1" and "tile_0_2" are numbered anew in each folder.
        words = {re.sub(r"\d+", "", stem) for stem in same}
        told = {word.strip("-_ ().").lower() for word in words} - folder_names.GENERIC - {"", "frame", "f"}
        if told and (len(words) > 1 or len(same) == 1) and len(same) >= 0.9 * max(map(len, stems)):
            return True
    return False
