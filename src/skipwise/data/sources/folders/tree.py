"""The folders of pictures as a tree, with one node per folder, however many pictures there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(eq=False)
class Node:
    """A folder with pictures in it or below it.

    Args:
        name: the name of the folder.
        path: the path from the root, "" for the root.
        direct: the number of pictures in the folder itself.
        children: the folders in it by name.
    """

    name: str
    path: str
    direct: int = 0
    children: dict[str, Node] = field(default_factory=dict)

    @cached_property
    def total(self) -> int:
        """The number of pictures in the folder and below it."""
        return self.direct + sum(child.total for child in self.children.values())

    @property
    def deep(self) -> bool:
        """True if there are folders with pictures in it."""
        return bool(self.children)

    def walk(self) -> Iterator[Node]:
        """This folder, and all folders below it."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.children.values()

    def only(self) -> Node | None:
        """The folder in it if there is exactly one, else None."""
        return next(iter(self.children.values())) if len(self.children) == 1 else None


def tree_of(pictures: Iterable[str]) -> Node:
    """The tree of the folders of some pictures."""
    root = Node("", "")
    nodes = {"": root}
    for folder, count in Counter(name.rpartition("/")[0] for name in pictures).items():
        if folder not in nodes:
            parts = folder.split("/")
            for depth, part in enumerate(parts):
                path = "/".join(parts[: depth + 1])
                if path not in nodes:
                    nodes[path] = Node(part, path)
                    nodes["/".join(parts[:depth])].children[part] = nodes[path]
        nodes[folder].direct += count
    return root


def merged(nodes: Iterable[Node]) -> Node:
    """One tree of all folders that several trees have below their tops, with paths relative to the tops."""
    top = Node("", "")

    def add(into: Node, other: Node) -> None:
        into.direct += other.direct
        for name, child in other.children.items():
            if name not in into.children:
                into.children[name] = Node(name, f"{into.path}/{name}" if into.path else name)
            add(into.children[name], child)

    for node in nodes:
        add(top, node)
    return top
