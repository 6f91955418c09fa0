"""Classes from folders: `<class>/...`, or `train/<class>/...` beside test and validation, inside whatever wraps them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from skipwise.data.names import printable, stem
from skipwise.data.sources import folder_names as called
from skipwise.data.sources.labels import listing
from skipwise.data.sources.levels import Level, find_level
from skipwise.data.sources.options import ReadingOptions
from skipwise.data.sources.place import Place
from skipwise.data.sources.source import Row
from skipwise.data.sources.split_names import split_of, splits_of
from skipwise.data.sources.tree import Node, merged, tree_of
from skipwise.errors import SkipwiseError


@dataclass
class Part:
    """A folder that the set consists of: the whole of it ("" as its split), or one split.

    `inside` is where its classes are, `left_out` the folders in it that are none of them, and `labelled` says whether
    there are class folders in it at all.
    """

    split: str
    folder: Node
    inside: Node
    labelled: bool
    left_out: list[Node] = field(default_factory=list)


@dataclass
class Folders:
    """What the folders say.

    `parts` are the parts that class folders make; `unlabelled` those without any, which a table may label. `labels` has
    the class, split and group of every folder with pictures of the set. `aside` are folders that are not part of the
    set.
    """

    top: Node
    parts: list[Part]
    unlabelled: list[Part]
    aside: list[Node]
    level: Level
    labels: dict[str, tuple[str, str, str]]
    faults: list[str]
    notes: list[str]

    @property
    def tops(self) -> list[str]:
        """What the folders on the top are called."""
        return [name for part in self.parts for name in part.inside.children]

    def counted(self, names: Sequence[str]) -> Counter[str]:
        """How many of some pictures are of each class."""
        return Counter(row.label for row in self.rows(names)[0])

    def rows(self, names: Sequence[str]) -> tuple[list[Row], list[str]]:
        """The labelled pictures, and those that belong to no class."""
        rows, left = [], []
        for name in names:
            known = self.labels.get(name.rpartition("/")[0])
            if known is None:
                left.append(name)
            else:
                rows.append(Row(name, *known))
        return rows, left


def read_folders(place: Place, options: ReadingOptions) -> Folders | None:
    """The classes that folders make; None where there are no folders to make any.

    Raises:
        Ambiguous: two readings are equally likely.
        SkipwiseError: two folders for one split, or splits without one for training.
    """
    pictures = (*place.names, *place.unread)
    root = tree_of(pictures)
    top, aside = _unwrapped(root)
    parts = _parts(top, place.name)
    if not parts:
        only = top.only()
        flat = only is not None and not only.deep and called.is_generic(only.name)
        whole = Part("", top, top, bool(top.children) and not flat)
        whole.left_out = _beside_classes(top)
        parts = [whole]
    labelled = [part for part in parts if part.labelled]
    if parts[0].split and not any(part.split == "train" for part in labelled):
        labelled = []  # folders in a part for testing are no classes that anything could learn
    used = {id(part.folder) for part in parts}
    if parts[0].split:
        aside += [child for child in top.children.values() if id(child) not in used]
    if not labelled:
        return Folders(top, [], parts, aside, Level(), {}, [], [])
    for part in labelled:
        aside += part.left_out
        for node in part.left_out:
            part.inside = _without(part.inside, node.name)
    together = merged(part.inside for part in labelled)
    stems: dict[str, list[str]] = {}

    def stems_of(path: str) -> frozenset[str]:
        if not stems:  # only folders in folders have to be held against each other
            stems.update(_stems(pictures))
        places = [f"{part.inside.path}/{path}".strip("/") for part in labelled]
        return frozenset(stem for folder in places for stem in stems.get(folder, ()))

    level = find_level(together, place.name, options.class_level, stems_of)
    labels = {}
    for part in labelled:
        labels.update(_labels(part, level))
    hidden = sorted({label for label, _, _ in labels.values() if label.startswith(".")})
    notes = [f"The hidden folder{'s' * (len(hidden) > 1)} {listing(hidden)} count as classes."] if hidden else []
    return Folders(
        top=top,
        parts=labelled,
        unlabelled=[part for part in parts if not part.labelled],
        aside=aside,
        level=level,
        labels=labels,
        faults=_empty_classes(place, labelled, level),
        notes=notes,
    )


def _unwrapped(node: Node) -> tuple[Node, list[Node]]:
    """The folder in which something is to be told apart: below those that wrap everything."""
    aside: list[Node] = []
    while True:
        only = node.only()
        kids = list(node.children.values())
        generic = [kid for kid in kids if called.is_generic(kid.name)]
        beside = [kid for kid in kids if (_is_beside(kid) or _is_test(kid)) and kid not in generic]
        if only is not None and only.deep:
            node = only
        elif len(generic) == 1 and generic[0].deep and len(beside) == len(kids) - 1:
            aside += beside
            node = generic[0]
        elif len(kids) == 2 and (copy := _nested_copy(node)) is not None and copy.deep:
            node = next(kid for kid in kids if kid is not copy)
        else:
            return node, aside


def _is_beside(node: Node) -> bool:
    return called.is_beside(node.name) or called.is_sample(node.name) or called.is_unlabelled(node.name)


def _is_test(node: Node) -> bool:
    """Whether a folder holds pictures to be tested on, without class folders."""
    return not node.deep and split_of(node.name) == "test"


def _nested_copy(node: Node) -> Node | None:
    """A folder that holds what lies beside it once more, as some archives do by accident."""
    for kid in node.children.values():
        others = set(node.children) - {kid.name}
        if len(others) >= 2 and others <= set(kid.children):
            return kid
    return None


def _beside_classes(top: Node) -> list[Node]:
    """Folders among class folders that are none: unlabelled pictures, a second copy of everything, masks."""
    found = [kid for kid in top.children.values() if called.is_unlabelled(kid.name)]
    if (copy := _nested_copy(top)) is not None:
        found.append(copy)
    deep = [kid for kid in top.children.values() if kid.deep]
    if deep:  # a few pictures to look at, beside folders of folders
        found += [kid for kid in top.children.values() if called.is_sample(kid.name) and not kid.deep]
    return list(dict.fromkeys(found)) if len(found) < len(top.children) else []


def _without(node: Node, name: str) -> Node:
    left = Node(node.name, node.path, node.direct)
    left.children = {each: child for each, child in node.children.items() if each != name}
    return left


def _parts(top: Node, where: str) -> list[Part]:
    """The split folders on the top; empty where the folders there are classes."""
    kids = {name: kid for name, kid in top.children.items() if not called.is_unlabelled(name)}
    split_of = splits_of(kids)
    if not split_of:
        return []
    others = [kid for name, kid in kids.items() if name not in split_of]
    if "train" not in split_of.values():
        return [] if others else _without_training(split_of, where)
    train = [kids[name] for name, split in split_of.items() if split == "train"]
    # Without folders in it `train` is a class, trains among other vehicles, unless only splits are there.
    classes = [kid for kid in others if not _is_beside(kid)]
    if not any(node.deep for node in train) and classes and len(set(split_of.values())) == 1:
        return []
    if len(split_of) == 1 and any(kid.deep and set(kid.children) & set(train[0].children) for kid in classes):
        return []
    insides = [_inside(node, frozenset()) for node in train]
    known = frozenset(name for inside in insides for name in inside.children)
    found: list[Part] = []
    for name, split in split_of.items():
        inside = _inside(kids[name], frozenset() if split == "train" else known)
        labelled = _has_classes(kids[name], inside) and (split == "train" or not known or _fits(inside, known))
        found.append(Part(split, kids[name], inside, labelled, _beside_classes(inside) if labelled else []))
    for split in ("train", "val", "test"):
        both = [part.folder.name for part in found if part.split == split and part.labelled]
        if len(both) > 1:
            raise SkipwiseError(
                f"{where} has two folders for one split ({', '.join(map(printable, sorted(both)))}); keep one of them."
            )
    order = ("train", "val", "test")
    return sorted(found, key=lambda part: order.index(part.split))


def _without_training(split_of: dict[str, str], where: str) -> list[Part]:
    names = sorted(split_of)
    if len(names) == 1:
        return []
    raise SkipwiseError(
        f"{where} has the split folders {', '.join(map(printable, names))} but none for training; add 'train', or give "
        "one of them and let Skipwise split it."
    )


def _inside(node: Node, known: frozenset[str]) -> Node:
    """Below what wraps a split's class folders: "seg_train/seg_train/<class>", "train/images/<class>"."""
    while True:
        only = node.only()
        if only is not None and only.deep and only.name not in known and not node.direct:
            node = only
            continue
        generic = [kid for kid in node.children.values() if called.is_generic(kid.name)]
        beside = [kid for kid in node.children.values() if called.is_beside(kid.name) and kid not in generic]
        if len(generic) == 1 and len(beside) == len(node.children) - 1 and generic[0].deep:
            node = generic[0]
            continue
        return node


def _has_classes(folder: Node, inside: Node) -> bool:
    """Whether a split folder holds class folders, rather than pictures, perhaps in one folder that wraps them."""
    if not inside.children:
        return False
    only = inside.only()
    wraps = only is not None and not only.deep and (
        called.is_generic(only.name) or only.name == folder.name or bool(splits_of([only.name]))
        or called.is_unlabelled(only.name)
    )  # fmt: skip
    return not wraps


def _fits(inside: Node, known: frozenset[str]) -> bool:
    """Whether the folders of another split are classes too: some are those of training, or there are several."""
    return bool(set(inside.children) & known) or len(inside.children) > 1


def _labels(part: Part, level: Level) -> dict[str, tuple[str, str, str]]:
    """The class, split and group of every folder in a part that has pictures."""
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
        # macOS writes accents in two code points.
        found[node.path] = unicodedata.normalize("NFC", label), split, group
    return found


def _empty_classes(place: Place, parts: Sequence[Part], level: Level) -> list[str]:
    """Sentences about class folders without any file in them: a class that somebody meant to have."""
    if level.classes != 0:
        return []
    tops = [part.inside.path for part in parts if part.split in ("", "train")]
    full = {part.inside.path: set(part.inside.children) for part in parts}
    used = {node.path for part in parts for node in part.left_out}
    holding = {entry.name.rpartition("/")[0] for entry in (*place.others, *place.pictures)}
    holding |= {name.rpartition("/")[0] for name in (*place.hidden, *place.unread)}
    holding |= {"/".join(folder.split("/")[:depth]) for folder in holding for depth in range(1, folder.count("/") + 1)}
    empty = []
    for folder in place.folders:
        above, _, name = folder.rpartition("/")
        if above not in tops or name in full[above] or folder in used or folder in holding or name.startswith("."):
            continue
        if not called.is_beside(name) and not called.is_unlabelled(name):
            empty.append(
                f"The class folder {printable(folder)} of {place.name} holds no images; add some or remove it."
            )
    return empty


def _stems(pictures: Sequence[str]) -> dict[str, list[str]]:
    """The names of the first pictures in each folder, without suffix: enough to hold folders against each other."""
    found: dict[str, list[str]] = {}
    for name in sorted(pictures):
        folder, _, file = name.rpartition("/")
        if len(stems := found.setdefault(folder, [])) < 100:
            stems.append(stem(file))
    return found
