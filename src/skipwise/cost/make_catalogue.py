"""Makes nets/catalogue.json: counts every named network. To be done again when one is added:

python -m skipwise.cost.make_catalogue
"""

from __future__ import annotations

from skipwise.core.files.json_records import write_json
from skipwise.cost.counts import count
from skipwise.nets.catalogue import FILE, Entry
from skipwise.nets.spec import NetworkSpec
from skipwise.nets.zoo import NETWORKS

_USUAL = {"imagenet": (224, 1000), "small": (32, 10)}
"""Image size and classes that a network with this stem was published for."""


def counted(name: str) -> Entry:
    """What the catalogue has to say of a network."""
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
    write_json(FILE, {name: counted(name) for name in sorted(NETWORKS)})
