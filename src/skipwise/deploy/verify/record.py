"""The certificate: what `verify` found, as a record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from skipwise.core.deprecation import earlier_name
from skipwise.core.machine.system import Machine
from skipwise.core.shown import Shown
from skipwise.deploy.artifact.artifact import Artifact
from skipwise.deploy.artifact.golden import GoldenCheck
from skipwise.deploy.formats import Precision
from skipwise.deploy.trained.images import LabelledImages
from skipwise.deploy.verify.agreement import Quality
from skipwise.deploy.verify.results import BackendResult, Flip
from skipwise.deploy.verify.speed import Speed

Outcome = Literal["certified", "consistent", "golden images only", "cannot tell", "not as good"]


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The record in certificate.json.

    Args:
        artifact: the hash of artifact.json.
        format: the artifact's format.
        precision: the precision of its weights.
        classes: the names of its classes.
        golden: how each backend answered the golden images.
        data: the name of the images; None where there were only golden ones.
        split: their split, where it is known.
        images: number of images.
        reference: the name of the backend that the others are compared with.
        reference_quality: how good its answers are; None without images.
        max_drop: for INT8, the drop in accuracy that is allowed, a fraction.
        results: the results of the other backends.
        flips: the images that get another class.
        size: size of the model's files, in bytes.
        speeds: how fast each backend is.
        passed: whether nothing is outside the tolerance.
        faults: what is, a clause each.
        notes: what a person should know, a sentence each.
        machine: the machine that it was checked on.
        signed_by: the key whose signature was checked, as minisign shows it; None where none was asked for.
        outcome: "certified"; "not as good" where it has not passed; "cannot tell" where the images are too few to tell
            what INT8 costs; "consistent" where INT8 was compared with itself in other backends, because the network
            was not there; "golden images only" without images.
        certified: whether the outcome is "certified".
    """

    artifact: str
    format: str
    precision: Precision
    classes: tuple[str, ...]
    golden: dict[str, GoldenCheck]
    data: str | None
    split: str | None
    images: int
    reference: str | None
    reference_quality: Quality | None
    max_drop: float | None
    results: tuple[BackendResult, ...]
    flips: tuple[Flip, ...]
    size: int
    speeds: tuple[Speed, ...]
    passed: bool
    faults: tuple[str, ...]
    notes: tuple[str, ...]
    machine: Machine
    signed_by: str | None = None
    outcome: Outcome = "golden images only"
    certified: bool = False

    EARLIER_NAMES: ClassVar[dict[str, str]] = {"results": "arms"}
    arms = earlier_name("results", "arms")


@dataclass(frozen=True, kw_only=True, eq=False)
class Verified(Shown):
    """The result of `verify`.

    Args:
        folder: the artifact's folder.
        artifact: its record.
        certificate: the certificate.
        images: the images that it is about; None where there were only golden ones.
    """

    folder: Path
    artifact: Artifact
    certificate: Certificate
    images: LabelledImages | None
