"""The verb `verify`: checks that an exported file answers as the network does, from the images' bytes on."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skipwise.core.deprecation import by_name
from skipwise.core.errors import Damaged, SkipwiseError
from skipwise.core.files.paths import user_path
from skipwise.core.machine.system import describe_machine, usable_cores
from skipwise.core.remote.copies import local_path
from skipwise.core.reporting import Progress
from skipwise.core.signatures import takes
from skipwise.core.text import printable
from skipwise.data.options import ReadingOptions, asked_reading
from skipwise.deploy.artifact import golden
from skipwise.deploy.artifact.artifact import Artifact, read_artifact
from skipwise.deploy.artifact.golden import GoldenCheck
from skipwise.deploy.artifact.signing import SIGNATURE, read_public_key
from skipwise.deploy.runtime.model_session import ModelSession
from skipwise.deploy.runtime.session import Session
from skipwise.deploy.trained.images import LabelledImages, other_images, own_images, remembered_reading, run_of
from skipwise.deploy.verify.agreement import Quality, agreement, quality, right
from skipwise.deploy.verify.certificate import write_certificate
from skipwise.deploy.verify.options import VerifyOptions
from skipwise.deploy.verify.record import Certificate, Outcome, Verified
from skipwise.deploy.verify.results import BackendResult, Flip, find_flips, judged
from skipwise.deploy.verify.speed import speeds
from skipwise.deploy.verify.variants import PYTORCH, find_trained_network, list_variants, open_backends, predict_all
from skipwise.statistics.noninferiority import noninferiority
from skipwise.training.trackers import trackers_of

if TYPE_CHECKING:
    from skipwise.deploy.trained.trained_network import TrainedNetwork


@takes(VerifyOptions)
def verify(
    artifact: str | os.PathLike[str],
    data: str | os.PathLike[str] | None = None,
    *,
    options: VerifyOptions,
    reading: ReadingOptions | None = None,
    progress: Progress | None = None,
) -> Verified:
    """Checks that an exported file answers as the network does.

    The hashes and the golden images are always checked. With `data`, the file's answers in every backend are compared
    with those of the network in PyTorch, from the images' bytes on.

    Without the network that it was exported from, or without torch, the backends are compared with each other. A
    network of your own runs if `trust` is True or its name, `run` is given, and its module is found without the current
    folder.

    Args:
        artifact (str | Path): the folder that `export` made.
        data (str | Path | None): labelled images. Of the run's own images its test images are taken; of other images
            those of their test split, or all. None, the default, checks the golden images only. They are read as the
            run read its images, unless options say otherwise.
        reading: deprecated; give its options by name.
        progress (Callable[[str, int, int], None] | None): called as progress(what, done, total); None by default.

    Returns:
        Verified: the certificate, with the artifact and the images that it is about.

    Raises:
        SkipwiseError: the artifact is damaged or not signed by that key, an argument is out of range, the images can't
            be read, or `run` is not what was exported.

    Example:
        >>> import skipwise
        >>> found = skipwise.verify("runs/export/images-onnx-fp32", timing=False)
        >>> found.certificate.passed, found.certificate.outcome
        (True, 'golden images only')
    """
    if reading is not None:
        by_name("reading", "label_column=...")
    reading = asked_reading(options.reading, reading)
    run, trust, images, timing = options.check.run, options.trust.trust, options.check.images, options.check.timing
    max_drop, public_key = options.check.max_drop, options.check.public_key
    folder, tell = local_path(artifact, progress), progress or (lambda *_: None)
    key = None if public_key is None else read_public_key(user_path(public_key))
    if key is not None:
        key.check(folder)
    found = read_artifact(folder)
    limit = _allowed(found, max_drop)
    trackers = trackers_of(options.tracking.track)
    for tracker in trackers:
        tracker.known_run(user_path(found.provenance.run))
    if images is not None and images < 1:
        raise SkipwiseError(f"--images must be at least 1, not {images}.")
    sessions, notes = open_backends(folder, found, usable_cores())
    if key is not None:
        notes.append(f"It is signed by the key {key.id}.")
    elif (folder / SIGNATURE).exists():
        notes.append("It has a signature that was not checked; give --public-key to check it.")
    checks = {
        session.backend.title: golden.check(
            found.golden, folder, found.preprocessing, found.precision, session.predict_pixels, found.temperature
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
        results=compared.results,
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
    verified = Verified(folder=folder, artifact=found, certificate=certificate, images=chosen)
    for tracker in trackers:
        _keep_certificate(tracker, verified)
    return verified


def _keep_certificate(tracker: Any, verified: Verified) -> None:
    """Has a tracker keep the certificate with the run that was exported."""
    with tempfile.TemporaryDirectory() as folder:
        page = write_certificate(verified, folder)
        tracker.keep(user_path(verified.artifact.provenance.run), "certificate", [page.with_suffix(".json"), page])


@dataclass(frozen=True, kw_only=True)
class _Compared:
    """The backends' answers, compared with the reference; nothing where there were no images."""

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
        results.append(
            judged(variant, agreement(expected, found, images.labels), drop, temperature=artifact.temperature)
        )
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


def _allowed(artifact: Artifact, max_drop: float | None) -> float | None:
    """The drop in accuracy that is allowed, a fraction; None for precisions that are judged by their probabilities."""
    if max_drop is not None and not 0 <= max_drop <= 100:
        raise SkipwiseError(f"--max-drop must lie between 0 and 100 points, not {max_drop:g}.")
    if artifact.quantization is None:
        return None
    return artifact.quantization.max_drop if max_drop is None else max_drop / 100


def _images(
    data: str | os.PathLike[str], artifact: Artifact, network: TrainedNetwork | None, reading: ReadingOptions | None
) -> tuple[LabelledImages, str | None, str | None]:
    """The images to answer, their split if it is known, and a note about it."""
    own, why = None, "the run is not here"
    home = run_of(artifact) if network is None else user_path(network.where)
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
        f"{engine}: {len(check.failed)} of {check.images} golden images are answered differently (a probability is off "
        f"by {check.difference:.2g}, and {check.tolerance:g} is tolerated)"
    )
