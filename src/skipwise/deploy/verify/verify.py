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
from skipwise.deploy.artifact.artifact import Artifact, read_artifact
from skipwise.deploy.artifact.golden import GoldenCheck
from skipwise.deploy.artifact.images import LabelledImages, other_images, own_images, remembered_reading
from skipwise.deploy.artifact.signing import SIGNATURE, read_public_key
from skipwise.deploy.formats import Precision
from skipwise.deploy.formats.format import Progress
from skipwise.deploy.runtime.model_session import ModelSession
from skipwise.deploy.runtime.session import Session
from skipwise.deploy.verify.agreement import Quality, agreement, quality, right
from skipwise.deploy.verify.results import BackendResult, Flip, find_flips, judged
from skipwise.deploy.verify.speed import Speed, speeds
from skipwise.deploy.verify.variants import PYTORCH, find_trained_network, list_variants, open_backends, predict_all
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
    arms: tuple[BackendResult, ...]
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
    limit = _allowed(found, max_drop)
    if images is not None and images < 1:
        raise SkipwiseError(f"--images must be at least 1, not {images}.")
    sessions, notes = open_backends(folder, found, usable_cores())
    if key is not None:
        notes.append(f"It is signed by the key {key.id}.")
    elif (folder / SIGNATURE).exists():
        notes.append("It has a signature that was not checked; give --public-key to check it.")
    checks = {
        session.backend.title: golden.check(
            found.golden, folder, found.preprocessing, found.precision, session.predict_pixels
        )
        for session in sessions
    }
    faults = [_golden_fault(name, check) for name, check in checks.items() if check.failed]
    network, why = find_trained_network(found, run, trust)
    reference = None if network is None else _run_session(network)
    chosen, part = None, None
    compared = _Compared()
    if data is not None:
        chosen, part, caution = _images(data, found, network, reading)
        notes += [] if caution is None else [caution]
        chosen = chosen if images is None else chosen.drawn(images)
        compared = _compare(found, sessions, network, reference, chosen, limit, tell)
        if why:
            notes.append(f"{why} So the backends are compared with {compared.reference}.")
            if found.quantization is not None:
                notes.append(
                    "What INT8 costs can't be told without the network in single precision; only that backends agree."
                )
    faults += [f"{result.name}: {fault}" for result in compared.results for fault in result.faults if result.own]
    backends = [session.backend for session in sessions]
    timed = speeds(folder, found, backends, reference, tell) if timing else ()
    outcome = _outcome(found, compared, passed=not faults)
    certificate = Certificate(
        artifact=found.files[""],
        format=found.format,
        precision=found.precision,
        classes=found.classes,
        golden=checks,
        data=None if chosen is None else chosen.name,
        split=part,
        images=0 if chosen is None else len(chosen),
        reference=compared.reference,
        reference_quality=compared.reference_quality,
        max_drop=limit,
        arms=compared.results,
        flips=compared.flips,
        size=found.size(folder),
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


@dataclass(frozen=True, kw_only=True)
class _Compared:
    """How the backends answered images, compared with the reference; nothing where there were no images."""

    reference: str | None = None
    reference_quality: Quality | None = None
    results: tuple[BackendResult, ...] = ()
    flips: tuple[Flip, ...] = ()


def _compare(
    artifact: Artifact,
    sessions: list[ModelSession],
    network: TrainedNetwork | None,
    reference: Session | None,
    images: LabelledImages,
    limit: float | None,
    progress: Progress,
) -> _Compared:
    """Has every variant answer the images, and compares the answers with those of the first one."""
    with tempfile.TemporaryDirectory() as folder:
        variants = list_variants(artifact, sessions, network, reference, Path(folder), usable_cores())
        answers = predict_all(variants, images, artifact, progress)
    name = variants[0].name
    expected = answers.pop(name)
    before, groups = right(expected, images.labels), images.groups()
    results = []
    for variant in variants[1:]:
        found, drop = answers[variant.name], None
        if limit is not None and variant.precision == "int8":
            drop = noninferiority(before, right(found, images.labels), limit=limit, groups=groups)
        results.append(judged(variant, agreement(expected, found, images.labels), drop))
    return _Compared(
        reference=name,
        reference_quality=quality(expected, images.labels),
        results=tuple(results),
        flips=find_flips(tuple(results), answers, expected, images, artifact.classes),
    )


def _outcome(artifact: Artifact, compared: _Compared, *, passed: bool) -> Outcome:
    if not passed:
        return "not as good"
    if compared.reference is None:
        return "golden images only"
    if artifact.precision == "int8" and compared.reference != PYTORCH:
        return "consistent"
    unsure = any(result.drop is not None and result.drop.outcome == "cannot tell" for result in compared.results)
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
