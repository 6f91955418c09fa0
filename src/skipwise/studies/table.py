"""Every study there is, a row each."""

from __future__ import annotations

from skipwise.studies.depth import DEPTH
from skipwise.studies.designs import Study

STUDIES: dict[str, Study] = {row.name: row for row in (DEPTH,)}
"""The studies by their names. A further one is one more row."""
