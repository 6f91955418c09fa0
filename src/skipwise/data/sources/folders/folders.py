"""Classes from folders: `<class>/...`, or `train/<class>/...` beside other splits, in any folders around them."""

from __future__ import annotations

import heapq
import itertools
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from skipwise.core.errors import SkipwiseError
from skipwise.data.names import printable, stem
from skipwise.data.options import ReadingOptions
from skipwise.data.sources.folders import folder_names
from skipwise.data.sources.folders.levels import Level, find_level
from skipwise.data.sources.folders.split_folders import Part, check_joined, find_parts
from skipwise.data.sources.folders.tree import Node, merged, tree_of
from skipwise.data.sources.folders.wrappers import beside_classes, unwrapped
from skipwise.data.sources.labelled import LabelledImage
from skipwise.data.sources.labels import quoted_list
from skipwise.data.sources.place import Place


@dataclass
class Folders:
    """The classes, splits and groups that folders mean.

    Args:
        top: the folder below everything that wraps the set.
        parts: the splits with class folders, or one part that is the whole set.
        unlabelled: the splits without class folders, which a table may label.
        level: which level of folders holds the classes.
        labels: the class, split and group of every folder with pictures of the set.
        faults: sentences about what has to be fixed before training.
        notes: more sentences for the user.
    """

    top: Node
    parts: list[Part]
    unlabelled: list[Part]
    level: Level
    labels: dict[str, tuple[str, str, str]]
    faults: list[str]
    notes: list[str]

    @property
    def tops(self) -> list[str]:
        """The names of the top folders of all parts."""
        return [name for part in self.parts for name in part.inside.children]

    def counted(self, names: Iterable[str]) -> Counter[str]:
        """The number of pictures in each class."""
        return Counter(row.label for row in self.rows(names))

    def rows(self, names: Iterable[str]) -> Iterator[LabelledImage]:
        """The pictures with a class."""
        for name in names:
            known = self.labels.get(name.rpartition("/")[0])
            if known is not None:
                yield LabelledImage(name, *known)

    def without_class(self, names: Iterable[str]) -> list[str]:
        """The names of the pictures without a class."""
        return [name for name in names if name.rpartition("/")[0] not in self.labels]


def read_folders(place: Place, options: ReadingOptions) -> Folders | None:
    """The classes that folders mean; None if there are no folders.

    Raises:
        Ambiguous: two readings are equally likely.
        SkipwiseError: there are two folders for one split, or none for training.
    """
    root = tree_of(itertools.chain(place.names, place.unread))
    top = unwrapped(root, place.name)
    check_joined(top, place.name)
    parts = find_parts(top, place.name, asked=options.class_level is not None)
    if not parts:
        only = top.only()
        flat = only is not None and not only.deep and folder_names.is_generic(only.name)
        everything = Part("", top, top, bool(top.children) and not flat)
        everything.left_out = [] if options.class_level == "1" else beside_classes(top)
        parts = [everything]
        _check_several_classes(everything, place.name)
    labelled = [part for part in parts if part.labelled]
    if not labelled:
        return Folders(top, [], parts, Level(), {}, [], [])
    for part in labelled:
        for node in part.left_out:
            part.inside = _without(part.inside, node.name)
    together = merged(part.inside for part in labelled)
    stems: dict[str, list[str]] = {}

    def stems_of(path: str) -> frozenset[str]:
        if not stems:  # they are needed only if folders are nested
            stems.update(_stems(heapq.merge(place.names, sorted(place.unread))))
        places = [f"{part.inside.path}/{path}".strip("/") for part in labelled]
        return frozenset(stem for folder in places for stem in stems.get(folder, ()))

    level = find_level(together, place.name, options.class_level, stems_of)
    labels = {}
    for part in labelled:
        labels.update(_labels(part, level))
    hidden = sorted({label for label, _, _ in labels.values() if label.startswith(".")})
    notes = [f"The hidden folder{'s' * (len(hidden) > 1)} {quoted_list(hidden)} count as classes."] if hidden else []
    return Folders(
        top=top,
        parts=labelled,
        unlabelled=[part for part in parts if not part.labelled],
        level=level,
        labels=labels,
        faults=_empty_classes(place, labelled, level),
        notes=notes,
    )


def _check_several_classes(part: Part, where: str) -> None:
    """Raises SkipwiseError if all folders but one are left out because of their names."""
    names = {node.name for node in part.left_out}
    kept = [kid for kid in part.inside.children.values() if kid.name not in names]
    if names and len(kept) == 1 and not kept[0].deep and not folder_names.is_generic(kept[0].name):
        raise SkipwiseError(
            f"{where} has only one class folder, '{printable(kept[0].name)}', since {quoted_list(sorted(names), 2)} is "
            "named like images without a class; if each of these folders is a class, add --class-level 1."
        )


def _without(node: Node, name: str) -> Node:
    """The tree without one of the folders on top."""
    left = Node(node.name, node.path, node.direct)
    left.children = {each: child for each, child in node.children.items() if each != name}
    return left


def _labels(part: Part, level: Level) -> dict[str, tuple[str, str, str]]:
    """The class, split and group of every folder with pictures in a part."""
    found: dict[str, tuple[str, str, str]] = {}
    depth = part.inside.path.count("/") + 1 if part.inside.path else 0
    last: dict[str, set[str]] = {}
    holding = [node for node in part.inside.walk() if node.direct and node.path != part.inside.path]
    for node in holding:
        last.setdefault(node.name, set()).add(node.path)
    for node in holding:
        parts = node.path.split("/")[depth:]
        if level.left_out & set(parts):
            continue
        naming = [each for number, each in enumerate(parts) if number not in (level.splits, level.skipped)]
        if level.classes is None:
            short = level.first == 0 and len(last[node.name]) == 1
            label = node.name if short else "/".join(naming[level.first :])
        elif len(parts) > level.classes:
            label = parts[level.classes]
        else:
            continue
        if not label:
            continue
        split = part.split
        if level.splits is not None:
            if len(parts) <= level.splits:
                continue
            split = (level.split_of or {})[parts[level.splits]]
        group = parts[level.groups] if level.groups is not None and len(parts) > level.groups else ""
        # macOS stores accents as code points of their own.
        found[node.path] = unicodedata.normalize("NFC", label), split, group
    return found


def _empty_classes(place: Place, parts: Sequence[Part], level: Level) -> list[str]:
    """Sentences about empty class folders."""
    if level.classes != 0:
        return []
    tops = [part.inside.path for part in parts if part.split in ("", "train")]
    full = {part.inside.path: set(part.inside.children) for part in parts}
    used = {node.path for part in parts for node in part.left_out}
    names = itertools.chain(place.others.names, place.names, place.hidden, place.unread)
    holding = {name.rpartition("/")[0] for name in names}
    holding |= {"/".join(folder.split("/")[:depth]) for folder in holding for depth in range(1, folder.count("/") + 1)}
    empty = []
    for folder in place.folders:
        above, _, name = folder.rpartition("/")
        if above not in tops or name in full[above] or folder in used or folder in holding or name.startswith("."):
            continue
        if not folder_names.is_beside(name) and not folder_names.is_unlabelled(name):
            empty.append(
                f"The class folder {printable(folder)} of {place.name} holds no images; add some or remove it."
            )
    return empty


def _stems(pictures: Iterable[str]) -> dict[str, list[str]]:
    """The names of the first 100 pictures in each folder, without suffix, which are enough to compare folders.

    Args:
        pictures: their names, ascending.
    """
    found: dict[str, list[str]] = {}
    for name in pictures:
        folder, _, file = name.rpartition("/")
        if len(stems := found.setdefault(folder, [])) < 100:
            stems.append(stem(file))
    return found
