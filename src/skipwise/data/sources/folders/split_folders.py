"""Folders for training, validation and test, and the class folders in them."""

from __future__ import annotations

from dataclasses import dataclass, field

from skipwise.core.errors import SkipwiseError
from skipwise.data.names import printable
from skipwise.data.sources.ambiguous import Ambiguous
from skipwise.data.sources.folders import folder_names
from skipwise.data.sources.folders.tree import Node
from skipwise.data.sources.folders.wrappers import beside_classes, is_beside
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.split_names import split_and_rest, splits_of


@dataclass
class Part:
    """One split of the set, or the whole set.

    Args:
        split: "train", "val" or "test"; "" for the whole set.
        folder: the folder of the split.
        inside: the folder with its classes, which may be below `folder`.
        labelled: whether there are class folders in it.
        left_out: folders in it that are not classes.
    """

    split: str
    folder: Node
    inside: Node
    labelled: bool
    left_out: list[Node] = field(default_factory=list)


def find_parts(top: Node, where: str, *, asked: bool) -> list[Part]:
    """Finds the split folders on top of a tree.

    Args:
        top: the tree.
        where: the name of the data set for messages.
        asked: whether the user named the level of the classes.

    Returns:
        The splits; [] if the folders on top are classes.

    Raises:
        Ambiguous: one of the folders is named like a split, but may be a class.
        SkipwiseError: there are two folders for one split, or none for training.
    """
    kids = {name: kid for name, kid in top.children.items() if not folder_names.is_unlabelled(name)}
    split_of = splits_of(kids)
    if not split_of:
        return []
    others = [kid for name, kid in kids.items() if name not in split_of]
    if "train" not in split_of.values():
        return _beside_training(top, kids, split_of, others) if others else _without_training(split_of, where)
    train = [kids[name] for name, split in split_of.items() if split == "train"]
    # Without folders in it, `train` is a class (among other vehicles), unless all other folders are splits, too.
    classes = [kid for kid in others if not is_beside(kid)]
    if not any(node.deep for node in train) and classes and len(set(split_of.values())) == 1:
        return []
    if len(split_of) == 1 and any(kid.deep and set(kid.children) & set(train[0].children) for kid in classes):
        return []
    if len(split_of) == 1 and any(kid.deep for kid in classes):
        if asked:
            return []
        name = printable(train[0].name)
        raise Ambiguous(
            f"{where} can be read in two ways: with {name}/ for training and without the folders beside it (give "
            f"{name}/ alone), or with the classes {quoted_list(sorted(kids), 4)} (--class-level 1)."
        )
    insides = [_inside(node, frozenset()) for node in train]
    known = frozenset(name for inside in insides for name in inside.children)
    found: list[Part] = []
    for name, split in split_of.items():
        inside = _inside(kids[name], frozenset() if split == "train" else known)
        labelled = _has_classes(kids[name], inside) and (split == "train" or not known or _fits(inside, known))
        found.append(Part(split, kids[name], inside, labelled, beside_classes(inside) if labelled else []))
    for split in ("train", "val", "test"):
        both = [part.folder.name for part in found if part.split == split and part.labelled]
        if len(both) > 1:
            raise SkipwiseError(
                f"{where} has two folders for one split ({', '.join(map(printable, sorted(both)))}); keep one of them."
            )
    order = ("train", "val", "test")
    return sorted(found, key=lambda part: order.index(part.split))


def check_joined(top: Node, where: str) -> None:
    """Raises SkipwiseError if each folder names both a split and a class: trainA, testA; cat_train, cat_test."""
    both = [split_and_rest(name) for name in top.children]
    found = [each for each in both if each is not None and each[1]]
    if len(found) < len(both) or len({split for split, _ in found}) < 2:
        return
    rests = [{rest for each, rest in found if each == split} for split in {split for split, _ in found}]
    if len(rests[0]) > 1 and all(rest == rests[0] for rest in rests):
        names = sorted(top.children)
        split, rest = found[0]
        raise SkipwiseError(
            f"{where} has folders that name both a split and a class ({quoted_list(names, 4)}); make them "
            f"{split}/{printable(rest)} and so on, if the rest of the name is the class."
        )


def _beside_training(top: Node, kids: dict[str, Node], split_of: dict[str, str], others: list[Node]) -> list[Part]:
    """Class folders for training, beside folders for validation or test with the same classes in them; else []."""
    classes = {kid.name: kid for kid in others if not is_beside(kid)}
    found: list[Part] = []
    for name, split in split_of.items():
        inside = _inside(kids[name], frozenset(classes))
        if len(set(inside.children) & set(classes)) < 2:
            return []
        found.append(Part(split, kids[name], inside, True, beside_classes(inside)))
    if len({part.split for part in found}) < len(found):
        return []
    names = list(classes)
    shown = "/, ".join(names) if len(names) < 4 else f"{names[0]}/, ... {names[-1]}"
    train = Node(shown, top.path, 0, classes)
    return [Part("train", train, train, True, beside_classes(train)), *found]


def _without_training(split_of: dict[str, str], where: str) -> list[Part]:
    names = sorted(split_of)
    if len(names) == 1:
        return []
    raise SkipwiseError(
        f"{where} has the split folders {', '.join(map(printable, names))} but none for training; add 'train', or give "
        "one of them and let Skipwise split it."
    )


def _inside(node: Node, known: frozenset[str]) -> Node:
    """The folder that holds a split's class folders: "train/images" for "train/images/<class>"."""
    while True:
        only = node.only()
        if only is not None and only.deep and only.name not in known and not node.direct:
            node = only
            continue
        kids = list(node.children.values())
        inner = [kid for kid in kids if folder_names.is_generic(kid.name) or not folder_names.is_beside(kid.name)]
        named = [kid for kid in inner if not folder_names.is_unlabelled(kid.name)]
        if len(inner) == 1 and folder_names.is_generic(inner[0].name) and inner[0].deep:
            node = inner[0]
        elif len(named) == 1 < len(inner) and named[0].deep and named[0].name not in known:
            node = named[0]
        else:
            return node


def _has_classes(folder: Node, inside: Node) -> bool:
    """Returns whether a split folder holds class folders, rather than pictures or one folder of pictures."""
    if not inside.children:
        return False
    only = inside.only()
    wraps = only is not None and not only.deep and (
        folder_names.is_generic(only.name) or only.name == folder.name or bool(splits_of([only.name]))
        or folder_names.is_unlabelled(only.name)
    )  # fmt: skip
    return not wraps


def _fits(inside: Node, known: frozenset[str]) -> bool:
    """Returns whether the folders of another split are classes: one is a training class, or there are several."""
    return bool(set(inside.children) & known) or len(inside.children) > 1
