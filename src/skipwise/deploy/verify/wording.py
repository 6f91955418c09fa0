"""Artifacts and certificates in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from skipwise.core.text import byte_size, command, count, printable
from skipwise.deploy.artifact.artifact import Artifact, Quantization
from skipwise.deploy.servers import find_server
from skipwise.deploy.verify.agreement import Quality
from skipwise.deploy.verify.drop import mend, seen, unsure
from skipwise.deploy.verify.record import Certificate, Verified
from skipwise.deploy.verify.results import BackendResult
from skipwise.deploy.verify.speed import Speed
from skipwise.deploy.verify.variants import PYTORCH

if TYPE_CHECKING:
    from skipwise.deploy.export.export import Exported

PRECISIONS = {"fp32": "FP32", "fp16": "FP16 weights", "int8": "INT8"}


def named(artifact: Artifact) -> str:
    """Names an artifact: "se_resnet18 as ONNX INT8"."""
    made = artifact.provenance
    width = "" if made.width == 1 else f" (width {made.width:g})"
    return f"{printable(made.model)}{width} as {artifact.kind.title} {PRECISIONS[artifact.precision]}"


def exported(made: Exported) -> Iterator[str]:
    """Describes the result of an export, line by line."""
    artifact = made.artifact
    if made.repeated:
        yield f"{made.folder} holds this already."
    opset = f", opset {artifact.opset}" if artifact.opset else ""
    size = artifact.preprocessing.size
    yield (
        f"{named(artifact)}{opset}: {byte_size(made.size)}. It takes uint8 pixels of any size, resizes them "
        f"to {size} x {size} as in training, and gives the probabilities of {len(artifact.classes):,} classes."
    )
    if artifact.temperature != 1:
        yield (
            f"Its logits are divided by the temperature {artifact.temperature:g}, fitted on the validation images, so "
            "that its probabilities match how often its answers are right. No answer changes by that."
        )
    if artifact.quantization is not None:
        yield quantized(artifact.quantization)
    if artifact.threshold is not None:
        yield not_sure(artifact)
    golden = artifact.golden
    worst = max(abs(a - b) for each in golden for a, b in zip(each.expected, each.answered, strict=True))
    yield (
        f"{len(golden)} golden images are included; none of their probabilities differs from PyTorch's by more than "
        f"{worst:.2g}."
    )


def not_sure(artifact: Artifact) -> str:
    """Explains which answers are called "not sure"; it has a threshold."""
    threshold = artifact.threshold
    assert threshold is not None
    asked = f"{100 * threshold.asked:g}%"
    if threshold.confidence > 1:
        return (
            f'All answers are called "not sure": no confidence was enough for {asked} right on the validation images.'
        )
    return (
        f'Answers with a confidence below {100 * threshold.confidence:.1f}% are called "not sure": of the validation '
        f"images, {asked} of those above were right.{_in_single(artifact)}"
    )


def _in_single(artifact: Artifact) -> str:
    if artifact.precision != "int8":
        return ""
    return " They were answered by the network in single precision; INT8 changes confidences a little."


def quantized(record: Quantization) -> str:
    """States what INT8 costs in accuracy, and which layers stayed in single precision."""
    names = ", ".join(map(printable, record.kept))
    kept = (
        "all of them are INT8"
        if not record.kept
        else f"{len(record.kept)} stayed in single precision, since they cost accuracy: {names}"
    )
    return (
        f"INT8: {100 * record.accuracy:.2f}% of {record.checked:,} {printable(record.split)} images were right before, "
        f"{100 * record.quantized_accuracy:.2f}% are now (calibrated on {record.calibrated} training images). Of "
        f"{record.layers} convolutions, {kept}.{_found(record)}"
    )


def _found(record: Quantization) -> str:
    """States whether the drop on the checked images is within its limit."""
    drop = record.drop
    if drop is None:  # written by an earlier version
        return ""
    if drop.outcome == "cannot tell":
        return f" {unsure(drop)}"
    within = "within" if drop.outcome == "certified" else "more than"
    return f" That is {seen(drop)}, {within} the {100 * drop.limit:g} points that are allowed."


def verify_command(made: Exported) -> str:
    """The command that verifies an artifact on images."""
    return command("skipwise", "verify", made.folder, Path(made.data or "path/to/test/images"))


def serve_command(served: Path) -> str:
    """The command that starts a server on the folder that was written for it."""
    return command(*find_server(served.name).command(served))


def verdict(found: Verified) -> str:
    """States whether the file answers as the network does, in a sentence or two."""
    certificate, what = found.certificate, named(found.artifact)
    if not certificate.passed:
        why = f"NOT certified: {what} does not answer as it should. {'; '.join(certificate.faults)}."
        return f"{why} {_mended(certificate)}".rstrip()
    golden = next(iter(certificate.golden.values())).images
    if not certificate.images:
        return f"{what} answers its {golden} golden images here as it did where it was exported."
    own = [result for result in certificate.results if result.own]
    least = min(own, key=lambda result: result.agreement.share)
    images = (
        f"{certificate.images:,} {certificate.split or ''}".rstrip() + f" images of {printable(certificate.data or '')}"
    )
    same = (
        f"all of {images} the same class as"
        if least.agreement.same == certificate.images
        else f"{100 * least.agreement.share:.2f}% of {images} the same class as"
    )
    gives = f"{what} gives {same} {certificate.reference}{_drop(certificate, own)}."
    if certificate.outcome != "cannot tell":
        return f"{certificate.outcome.capitalize()}: {gives}"
    worst = max((result.drop for result in own if result.drop is not None), key=lambda drop: drop.high)
    return f"WARNING, not certified: {gives} {unsure(worst)}"


def _mended(certificate: Certificate) -> str:
    """Tells in sentences what to do about a file that failed; "" where nothing is known."""
    bad = [result for result in certificate.results if result.own and result.faults]
    drops = [result.drop for result in bad if result.drop is not None and result.drop.outcome == "not as good"]
    if drops:
        return mend(max(drops, key=lambda drop: drop.high))
    return "Export with --precision fp32." if bad and certificate.precision == "fp16" else ""


def _drop(certificate: Certificate, own: list[BackendResult]) -> str:
    before = certificate.reference_quality
    after = [result.agreement.quality.accuracy for result in own if result.agreement.quality is not None]
    if before is None or not after:
        return ""
    lost = 100 * (before.accuracy - min(after))
    if round(lost, 2) == 0:
        return f", and as many of them are right ({100 * before.accuracy:.2f}%)"
    return f", and {100 * min(after):.2f}% of them are right instead of {100 * before.accuracy:.2f}%"


HEADINGS = ("answered by", "same class", "largest difference", "accuracy", "log loss", "calibration error")


def backend_rows(certificate: Certificate) -> Iterator[tuple[str, ...]]:
    """A row under `HEADINGS` for the reference and for each backend."""
    before = certificate.reference_quality
    if certificate.reference is None:
        return
    yield (certificate.reference, "", "", *_quality(before))
    for result in certificate.results:
        found = result.agreement
        share = f"{100 * found.share:.2f}% ({100 * found.low:.2f} to {100 * found.high:.2f})"
        yield (result.name, share, f"{found.difference:.1e}", *_quality(found.quality))


def _quality(quality: Quality | None) -> tuple[str, str, str]:
    if quality is None:
        return "", "", ""
    return f"{100 * quality.accuracy:.2f}%", f"{quality.nll:.4f}", f"{100 * quality.calibration_error:.2f}%"


def speed_rows(certificate: Certificate) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows: milliseconds per batch and images per second by backend, batch and number of threads."""
    cells = sorted({(speed.threads, speed.batch) for speed in certificate.speeds})
    headings = ("milliseconds per batch", *(f"{_threads(threads)}, batch {batch}" for threads, batch in cells))
    rows = []
    for name in dict.fromkeys(speed.name for speed in certificate.speeds):
        mine = {(s.threads, s.batch): s for s in certificate.speeds if s.name == name}
        shown = f"{PYTORCH} FP32" if name == PYTORCH else f"{name} {certificate.precision.upper()}"
        rows.append((shown, *(_timed(mine[cell]) for cell in cells)))
    return headings, rows


def _threads(number: int) -> str:
    return count(number, "thread")


def _timed(speed: Speed) -> str:
    return f"{1e3 * speed.timing.median:.2f} ({speed.batch / speed.timing.median:,.0f}/s)"
