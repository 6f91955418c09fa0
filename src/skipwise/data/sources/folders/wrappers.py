"""Folders around class folders and split folders, and folders beside them."""

from __future__ import annotations

from skipwise.data.names import printable
from skipwise.data.sources.ambiguous import Ambiguous
from skipwise.data.sources.folders import folder_names
from skipwise.data.sources.folders.tree import Node
from skipwise.data.sources.split_names import split_and_rest, split_of, splits_of


def unwrapped(node: Node, where: str) -> Node:
    """The folder below all folders that just wrap the data set.

    Raises:
        Ambiguous: a folder with splits is beside another folder of pictures.
    """
    while True:
        only = node.only()
        kids = list(node.children.values())
        inner = [kid for kid in kids if not (is_beside(kid) or _is_test(kid))]
        done = [kid for kid in inner if folder_names.is_done(kid.name) or folder_names.is_generic(kid.name)]
        if len(done) == 1 and all(
            folder_names.is_raw(kid.name) and not kid.deep for kid in inner if kid is not done[0]
        ):
            inner = done
        generic = [kid for kid in kids if folder_names.is_generic(kid.name) and not _is_flat(kid)]
        if only is not None and only.deep:
            node = only
        elif len(inner) == 1 and inner[0].deep and split_of(inner[0].name) is None and (
            folder_names.is_generic(inner[0].name) or all(_can_be_left_out(kid) for kid in kids if kid is not inner[0])
        ):  # fmt: skip
            node = inner[0]
        elif len(generic) == 1 and all(
            _is_flat(kid) and split_of(kid.name) in (None, "test") for kid in kids if kid is not generic[0]
        ):
            # "images" is not a class, since it holds folders and the folders beside it hold none.
            node = generic[0]
        elif len(kids) == 2 and (copy := _nested_copy(node)) is not None and copy.deep:
            node = next(kid for kid in kids if kid is not copy)
        elif (split := _only_split(node, where)) is not None:
            node = split
        else:
            return node


def _only_split(node: Node, where: str) -> Node | None:
    """The one folder that is split into training and test, if the folders beside it are not; else None."""
    classes = {kid.name: found for kid in node.children.values() if (found := _split_classes(kid))}
    if len(classes) != 1 or splits_of(node.children):
        return None
    name = next(iter(classes))
    for kid in node.children.values():
        if kid.name != name and not (_can_be_left_out(kid) or is_beside(kid)):
            raise Ambiguous(
                f"{where} can be read in two ways: with {printable(name)}/, which is split into folders for training "
                f"and test, or with {printable(kid.name)}/. Give one of these folders."
            )
    return node.children[name]


def _split_classes(node: Node) -> set[str]:
    """The names of the training classes in a folder with splits, which may be further down; else an empty set."""
    while (only := node.only()) is not None and only.deep:
        node = only
    splits = splits_of(node.children)
    if len(set(splits.values())) < 2:
        return set()
    return {child for name, split in splits.items() if split == "train" for child in node.children[name].children}


def is_beside(node: Node) -> bool:
    """Returns whether a folder is named like one beside class folders or split folders."""
    return (
        folder_names.is_beside(node.name) or folder_names.is_sample(node.name) or folder_names.is_unlabelled(node.name)
    )


def _can_be_left_out(node: Node) -> bool:
    named = (
        folder_names.is_unlabelled(node.name) or folder_names.is_sample(node.name) or folder_names.is_mask(node.name)
    )
    return _is_flat(node) or named


def _is_flat(node: Node) -> bool:
    """Returns whether all pictures of a folder are in one folder."""
    while not node.direct and (only := node.only()) is not None:
        node = only
    return not node.deep


def _is_test(node: Node) -> bool:
    """Returns whether a folder holds test pictures without class folders."""
    meant = split_and_rest(node.name)
    return meant is not None and meant[0] == "test" and _is_flat(node)


def _nested_copy(node: Node) -> Node | None:
    """A folder that contains a copy of the folders beside it, as some archives do by accident; or None."""
    for kid in node.children.values():
        others = set(node.children) - {kid.name}
        if len(others) >= 2 and others <= set(kid.children):
            return kid
    return None


def beside_classes(top: Node) -> list[Node]:
    """Folders among class folders that are not classes: unlabelled pictures, a copy of everything, examples."""
    found = [kid for kid in top.children.values() if folder_names.is_unlabelled(kid.name)]
    if (copy := _nested_copy(top)) is not None:
        found.append(copy)
    deep = [kid for kid in top.children.values() if kid.deep]
    if deep:  # a few examples beside nested folders
        found += [kid for kid in top.children.values() if folder_names.is_sample(kid.name) and not kid.deep]
    return list(dict.fromkeys(found)) if len(found) < len(top.children) else []
