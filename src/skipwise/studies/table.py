"""Every study there is, a row each."""

from __future__ import annotations

from skipwise.studies.claims.bottleneck import BOTTLENECK
from skipwise.studies.claims.depth import DEPTH
from skipwise.studies.claims.initialisation import INITIALISATION
from skipwise.studies.claims.inverted import INVERTED
from skipwise.studies.claims.robustness import ROBUSTNESS
from skipwise.studies.claims.squeeze_excite import SQUEEZE_EXCITE
from skipwise.studies.designs import Study

STUDIES: dict[str, Study] = {
    row.name: row for row in (DEPTH, SQUEEZE_EXCITE, ROBUSTNESS, BOTTLENECK, INVERTED, INITIALISATION)
}
"""The studies by their names. A further one is one more row."""
