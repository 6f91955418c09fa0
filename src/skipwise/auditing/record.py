"""The result of an audit, as it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from skipwise.core.shown import Shown
from skipwise.core.workspace.workspace import Workspace
from skipwise.data.quality.findings import Counts, Finding

AUDIT, PAGE = "audit.json", "audit.html"


@dataclass(frozen=True, kw_only=True)
class Record:
    """`audit.json`. `reading` and `notes` say what was understood of the input; `faults` say, a sentence each, why
    nothing can be trained on these images as they are."""

    data: str
    reading: str
    notes: tuple[str, ...]
    fingerprint: str
    counts: Counts
    faults: tuple[str, ...]
    findings: tuple[Finding, ...]

    def same_as(self, other: Record) -> bool:
        """Returns whether both found the same in the same images."""
        return self == other

    def difference(self, other: Record) -> str:
        """Returns a phrase for the user that names what differs."""
        if self.fingerprint != other.fingerprint:
            return "the images differ"
        return "other findings"


AUDITS = Workspace(
    parent=Path("runs/audit"),
    noun="an audit",
    plan_file=AUDIT,
    results=(PAGE, AUDIT),
    kind=Record,
    # What is found says which images it was found in.
    renamable=False,
)
"""An audit's plan is what it found: it is the same audit where nothing else would be written."""


@dataclass(frozen=True, kw_only=True)
class AuditReport(Shown):
    """A finished audit: where it is and what it says.

    Args:
        data: the images as they were given.
        folder: where audit.html and audit.json are.
        record: the findings.
        leaks: a sentence about images that are in more than one split, or "".
        trainable_without: whether the set can be trained on once `--exclude` has left out what is flagged.
        repeated: whether an earlier audit of the same images had found the same, and nothing was written now.
    """

    data: str
    folder: Path
    record: Record
    leaks: str
    trainable_without: bool
    repeated: bool = False

    @property
    def page(self) -> Path:
        """The page for people."""
        return self.folder / PAGE

    @property
    def file(self) -> Path:
        """The record, for `--exclude`."""
        return self.folder / AUDIT
