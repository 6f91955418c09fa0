"""Every study there is, a row each."""

from __future__ import annotations

from skipwise.studies.bottleneck import BOTTLENECK
from skipwise.studies.depth import DEPTH
from skipwise.studies.designs import Study
from skipwise.studies.initialisation import INITIALISATION
from skipwise.studies.inverted import INVERTED
from skipwise.studies.robustness import ROBUSTNESS
from skipwise.studies.squeeze_excite import SQUEEZE_EXCITE

STUDIES: dict[str, Study] = {
    row.name: row for row in (DEPTH, SQUEEZE_EXCITE, ROBUSTNESS, BOTTLENECK, INVERTED, INITIALISATION)
}
"""The studies by their names. A further one is one more row."""
