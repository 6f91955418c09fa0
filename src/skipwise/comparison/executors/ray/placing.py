"""The nodes on which a run may be done: all runs of one seed on one kind of machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from skipwise.comparison.executors.kinds import Kinds
from skipwise.comparison.executors.ray.nodes import NODE_ID, Node
from skipwise.core.text import listed


class Placing:
    """Says by which labels Ray is to choose a node.

    Args:
        folder: the comparison's folder.
        nodes: the nodes that can do runs.
        notice: is called with a sentence where they are of several kinds.
    """

    def __init__(self, folder: Path, nodes: Sequence[Node], notice: Callable[[str], None]) -> None:
        self._kinds = Kinds(folder)
        self._seeds: dict[str, set[int]] = {}  # given to each kind
        self._notice = notice
        self.nodes = nodes

    @property
    def nodes(self) -> Sequence[Node]:
        """The nodes that can do runs."""
        return self._nodes

    @nodes.setter
    def nodes(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        counts = Counter(node.kind for node in nodes)
        if len(counts) > 1:
            found = listed([f"{kind} ({number})" for kind, number in counts.most_common()])
            self._notice(
                f"The cluster has several kinds of machines: {found}. Precision and threads are the same on all; the "
                "last bits of a sum are not. So all runs of one seed are done on one kind."
            )

    @property
    def is_mixed(self) -> bool:
        """True if there are several kinds of machines, so that runs are bound to some of the nodes."""
        return len({node.kind for node in self._nodes}) > 1

    @property
    def most_memory(self) -> int:
        """The memory of the largest node, in bytes."""
        return int(max(node.memory for node in self._nodes))

    def of(self, seed: int, *, away_from: Iterable[str] = ()) -> tuple[str, dict[str, str]]:
        """Returns the kind of machine for a run of a seed, and the labels of the nodes that may do it.

        Args:
            away_from: the ids of nodes that it should not be done on, if there are others.
        """
        cpus = Counter[str]()
        for node in self._nodes:
            cpus[node.kind] += int(node.cpus)
        fits = [kind for kind in sorted(cpus) if self._kinds.fits(seed, kind, cpus.keys())]
        # The kind that has most to spare: seeds are given out in the order in which they are looked at.
        kind = max(fits, key=lambda kind: cpus[kind] / (len(self._seeds.get(kind, set()) - {seed}) + 1))
        self._seeds.setdefault(kind, set()).add(seed)
        self._kinds.choose(seed, kind)
        avoided = set(away_from)
        same = [node.id for node in self._nodes if node.kind == kind]
        if self.is_mixed:
            return kind, {NODE_ID: f"in({','.join([id for id in same if id not in avoided] or same)})"}
        # Nodes that join later may do it, too.
        return kind, {NODE_ID: f"!in({','.join(avoided)})"} if avoided and set(same) - avoided else {}
