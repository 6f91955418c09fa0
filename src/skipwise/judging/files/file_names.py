"""The network and the seed that the name of a file of predictions says."""

from __future__ import annotations

import re
from pathlib import Path

_SEED = re.compile(r"(?P<network>.*?[^-_. ])(?:[-_. ]+seed[-_= ]?|[-_. ]+s)(?P<seed>\d{1,9})", re.IGNORECASE)
GENERIC = frozenset({"predictions", "prediction", "preds", "answers", "logits", "probabilities", "outputs", "results"})
"""Names of files that say nothing; their folder has the name."""


def network_and_seed(path: Path) -> tuple[str, int | None]:
    """The network and the seed in the name of a file, or of its folder; the seed is None where there is none.

    Example:
        >>> [network_and_seed(Path(name)) for name in ("a/resnet18-s0.csv", "vit_b.16_seed12.npz", "resnet18.csv")]
        [('resnet18', 0), ('vit_b.16', 12), ('resnet18', None)]
        >>> network_and_seed(Path("runs/se_resnet18-s3/predictions.npz"))
        ('se_resnet18', 3)
    """
    name = path.name if path.is_dir() else path.stem
    if name.lower() in GENERIC and path.resolve().parent.name:
        name = path.resolve().parent.name
    found = _SEED.fullmatch(name)
    return (name, None) if found is None else (found["network"], int(found["seed"]))
