"""The networks that are open, by name and version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from skipwise.serving.models.version import Version


class UnknownModel(Exception):
    """There is no such network, or no such version of it; the message is a sentence for a client."""


@dataclass(frozen=True)
class Served:
    """A network.

    Args:
        name: what requests call it.
        versions: by their names, the newest last.
    """

    name: str
    versions: Mapping[str, Version]

    @property
    def newest(self) -> Version:
        """The version that answers where none is named."""
        return list(self.versions.values())[-1]


class Catalog:
    """All networks. Only the event loop changes it.

    Args:
        served: the networks, in the order in which they were named.
    """

    def __init__(self, served: Mapping[str, Served]) -> None:
        self._served = dict(served)

    def __iter__(self) -> Iterator[Served]:
        return iter(self._served.values())

    @property
    def first(self) -> Served:
        """The network that answers where none is named."""
        return next(iter(self._served.values()))

    def find(self, name: str | None = None, version: str | None = None) -> Version:
        """A version of a network.

        Args:
            name: the network; None is the first one.
            version: None is the newest.

        Raises:
            UnknownModel: there is none.
        """
        served = self.first if name is None else self._served.get(name)
        if served is None:
            raise UnknownModel(f"There is no such network here; there is {', '.join(self._served)}.")
        if version is None:
            return served.newest
        if version not in served.versions:
            raise UnknownModel(f"The network {served.name} has no such version; it has {', '.join(served.versions)}.")
        return served.versions[version]

    def replace(self, served: Served) -> None:
        """Puts other versions of a network in the place of those that are there; these finish what they were given."""
        before = self._served.get(served.name)
        self._served[served.name] = served
        if before is not None:
            kept = {id(each) for each in served.versions.values()}
            for each in before.versions.values():
                if id(each) not in kept:
                    each.batcher.close()

    def close(self) -> None:
        """Lets all networks end when they have answered what they were given."""
        for served in self:
            for each in served.versions.values():
                each.batcher.close()
