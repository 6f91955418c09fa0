"""Counts every named network and writes nets/catalogue.json. Run it after adding a row to `zoo.NETWORKS`:

python -m skipwise.cost.make_catalogue
"""

from __future__ import annotations

from skipwise.core.files.json_records import write_json
from skipwise.cost.counts import count
from skipwise.nets.catalogue import FILE, Entry
from skipwise.nets.spec import NetworkSpec
from skipwise.nets.zoo import NETWORKS

_USUAL = {"imagenet": (224, 1000), "small": (32, 10)}
"""The image size and the classes that networks with this stem were published for."""


def catalogue_entry(name: str) -> Entry:
    """Counts a network for its row in the catalogue."""
    architecture = NETWORKS[name]
    size, classes = _USUAL[architecture.stem]
    counts = count(NetworkSpec(name=name, num_classes=classes).build_for_counting(), channels=3, size=size)
    return Entry(
        paper=architecture.paper,
        image_size=size,
        classes=classes,
        parameters=counts.parameters,
        multiply_adds=counts.multiply_adds,
    )


if __name__ == "__main__":
    write_json(FILE, {name: catalogue_entry(name) for name in sorted(NETWORKS)})
