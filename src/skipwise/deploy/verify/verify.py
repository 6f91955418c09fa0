"""The verb `verify`: does an exported file still answer the same, from the images' bytes on?"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from skipwise.core.errors import Damaged, SkipwiseError
from skipwise.core.files.checksums import sha256
from skipwise.core.files.paths import user_path
from skipwise.core.machine.system import Machine, describe_machine, usable_cores
from skipwise.core.text import printable
from skipwise.data.sources import ReadingOptions
from skipwise.deploy.artifact import golden
from skipwise.deploy.artifact.artifact import MODEL_FILES, Artifact, Precision, read_artifact
from skipwise.deploy.artifact.golden import GoldenCheck
from skipwise.deploy.artifact.images import LabelledImages, other_images, own_images, remembered_reading
from skipwise.deploy.artifact.signing import SIGNATURE, read_public_key
from skipwise.deploy.runtime.session import Session
from skipwise.deploy.verify.agreement import Quality, agreement, quality, right
from skipwise.deploy.verify.backends import (
    BACKEND_NAMES,
    PYTORCH,
    Progress,
    find_trained_network,
    list_backends,
    open_backends,
    predict_all,
)
from skipwise.deploy.verify.results import Arm, Flip, find_flips, judged
from skipwise.deploy.verify.speed import Speed, speeds
from skipwise.statistics.noninferiority import noninferiority

if TYPE_CHECKING:
    from skipwise.deploy.artifact.trained_network import TrainedNetwork

Outcome = Literal["certified", "consistent", "golden images only", "cannot tell", "not as good"]


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """`certificate.json`.

    Args:
        artifact: the hash of artifact.json.
        golden: how each engine answered the golden images.
        images: how many others were answered; `data` and `split` say which.
        reference: what the others are held against.
        reference_quality: None without labels.
        size: of the model's files, in bytes.
        passed: nothing lies outside the tolerance; `faults` has what does.
        notes: what is worth knowing, a sentence each.
        signed_by: the key whose signature was checked, as minisign shows it; None where none was asked for.
        outcome: "not as good" where it has not passed; "cannot tell" where the images are too few to say what INT8
            costs; "consistent" where INT8 was held against itself in other engines, as the network was not here.
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
    arms: tuple[Arm, ...]
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Verified:
    """A certificate, the artifact's folder, and the images it is about, if there are any."""

    folder: Path
    artifact: Artifact
    certificate: Certificate
    images: LabelledImages | None


def verify(
    artifact: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    run: str | os.PathLike[str] | None = None,
    trust: bool | str = False,
    max_drop: float | None = None,
    images: int | None = None,
    timing: bool = True,
    reading: ReadingOptions | None = None,
    public_key: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Verified:
    """Checks an artifact's hashes and golden images, and, with `data`, its answers to these images.

    Args:
        artifact: the folder that `export` made.
        data: labelled images. Of a data set that the run was trained on, its test images are taken; of one with
            splits, those of its test split.
        run: the run, or the file of weights, it was exported from, to be held against; None is where that was. Without
            it, or without torch, the engines are held against each other.
        trust: whether a network of somebody's own, which only the records name, may run: True, or its name. It needs
            `run`, and the module must be found without the folder one stands in.
        max_drop: for INT8, the points of accuracy that may be lost; None is what the export allowed.
        images: at most so many, drawn class by class.
        timing: whether latencies are measured.
        reading: how `data` is to be read where its layout does not say it; None is as the run read its images.
        public_key: of minisign's, the only one whose signature is accepted; None asks for no signature.
        progress: is told what is being done, how much of it is, and of how much.

    Raises:
        SkipwiseError: it is not signed by that key, a file is not the one that was exported, the images can't be
            read, ...
    """
    folder, tell = user_path(artifact), progress or (lambda *_: None)
    key = None if public_key is None else read_public_key(user_path(public_key))
    if key is not None:
        key.check(folder)
    found = read_artifact(folder)
    drop = _allowed(found, max_drop)
    if images is not None and images < 1:
        raise SkipwiseError(f"--images must be at least 1, not {images}.")
    cores = usable_cores()
    opened, notes = open_backends(folder, found, cores)
    if key is not None:
        notes.append(f"It is signed by the key {key.id}.")
    elif (folder / SIGNATURE).exists():
        notes.append("It has a signature that was not checked; give --public-key to check it.")
    checks = {
        BACKEND_NAMES[name]: golden.check(
            found.golden, folder, found.preprocessing, found.precision, engine.predict_pixels
        )
        for name, engine in opened.items()
    }
    faults = [_golden_fault(name, check) for name, check in checks.items() if check.failed]
    network, why = find_trained_network(found, run, trust)
    reference = None if network is None else _run_session(network)
    chosen: LabelledImages | None = None
    arms: tuple[Arm, ...] = ()
    flips: tuple[Flip, ...] = ()
    reference_name, reference_quality = None, None
    if data is not None:
        chosen, part, caution = _images(data, found, network, reading)
        notes += [] if caution is None else [caution]
        chosen = chosen if images is None else chosen.drawn(images)
        with tempfile.TemporaryDirectory() as companions:
            ways = list_backends(found, opened, network, reference, Path(companions), cores)
            answers = predict_all(ways, chosen, found, tell)
        reference_name = next(iter(answers))
        if why:
            notes.append(f"{why} So the engines are held against {reference_name}.")
            if found.quantization is not None:
                notes.append(
                    "What INT8 costs can't be told without the network in single precision; only that engines agree."
                )
        expected = answers.pop(reference_name)
        reference_quality = quality(expected, chosen.labels)
        before, groups = right(expected, chosen.labels), chosen.groups()
        arms = tuple(
            judged(
                way,
                agreement(expected, answers[way.name], chosen.labels),
                None
                if drop is None or way.precision != "int8"
                else noninferiority(before, right(answers[way.name], chosen.labels), limit=drop, groups=groups),
            )
            for way in ways
            if way.name in answers
        )
        faults += [f"{arm.name}: {fault}" for arm in arms for fault in arm.faults if arm.own]
        flips = find_flips(arms, answers, expected, chosen, found.classes)
    else:
        part = None
    timed = speeds(folder, found, opened, reference, tell) if timing else ()
    outcome = _outcome(found, arms, reference_name, passed=not faults)
    certificate = Certificate(
        artifact=found.files[""],
        format=found.format,
        precision=found.precision,
        classes=found.classes,
        golden=checks,
        data=None if chosen is None else chosen.name,
        split=part,
        images=0 if chosen is None else len(chosen),
        reference=reference_name,
        reference_quality=reference_quality,
        max_drop=drop,
        arms=arms,
        flips=flips,
        size=sum((folder / name).stat().st_size for name in MODEL_FILES[found.format]),
        speeds=timed,
        passed=not faults,
        faults=tuple(faults),
        notes=tuple(notes),
        machine=describe_machine(),
        signed_by=None if key is None else key.id,
        outcome=outcome,
        certified=outcome == "certified",
    )
    return Verified(folder=folder, artifact=found, certificate=certificate, images=chosen)


def _outcome(artifact: Artifact, arms: tuple[Arm, ...], reference: str | None, *, passed: bool) -> Outcome:
    if not passed:
        return "not as good"
    if reference is None:
        return "golden images only"
    if artifact.precision == "int8" and reference != PYTORCH:
        return "consistent"
    unsure = any(arm.drop is not None and arm.drop.outcome == "cannot tell" for arm in arms)
    return "cannot tell" if unsure else "certified"


def _run_session(network: TrainedNetwork) -> Session:
    from skipwise.deploy.runtime.run_session import RunSession

    return RunSession(network)


def _is_here(artifact: Artifact) -> bool:
    """Whether the run's folder is where it was, with the same weights."""
    weights = Path(artifact.provenance.run) / "weights.safetensors"
    return weights.is_file() and sha256(weights) == artifact.provenance.weights


def _allowed(artifact: Artifact, max_drop: float | None) -> float | None:
    """The accuracy that may be lost, a fraction; None where that is not how the artifact is judged."""
    if max_drop is not None and not 0 <= max_drop <= 100:
        raise SkipwiseError(f"--max-drop must lie between 0 and 100 points, not {max_drop:g}.")
    if artifact.quantization is None:
        return None
    return artifact.quantization.max_drop if max_drop is None else max_drop / 100


def _images(
    data: str | os.PathLike[str], artifact: Artifact, network: TrainedNetwork | None, reading: ReadingOptions | None
) -> tuple[LabelledImages, str | None, str | None]:
    """The images to answer, which split of theirs they are, and what has to be said of that."""
    own, why = None, "the run is not here"
    home = None
    if network is not None or _is_here(artifact):
        home = user_path(Path(artifact.provenance.run) if network is None else network.where)
    given = other_images(data, artifact.classes, reading or remembered_reading(home))
    if home is not None:
        try:
            own = own_images(home, artifact.classes, data, reading)
            why = "it has no split"
        except Damaged:
            raise
        except SkipwiseError as error:  # other images than the run's
            why = printable(str(error)).rstrip(".")
    for images in (own, given):
        if images is not None and len(images.of("test")):
            return images.of("test"), "test", None
    return given, None, f"Training images may be among these: which ones were trained on is not known ({why})."


def _golden_fault(engine: str, check: GoldenCheck) -> str:
    return (
        f"{engine}: {len(check.failed)} of {check.images} golden images are answered otherwise (a probability differs "
        f"by {check.difference:.2g}, and {check.tolerance:g} is tolerated)"
    )
