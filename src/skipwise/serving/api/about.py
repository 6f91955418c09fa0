"""`GET /v1/models/{model}/about`: what chose a network, how it was checked, and when its answers are sure, in words."""

from __future__ import annotations

from pathlib import Path

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.json_records import read_json
from skipwise.core.text import printable
from skipwise.deploy.artifact.artifact import Artifact
from skipwise.deploy.verify.record import Certificate, Verified
from skipwise.deploy.verify.wording import named, not_sure, quantized, verdict
from skipwise.serving.api.served import Service, asked_version, service_of
from skipwise.serving.models.version import Version


async def about(request: Request) -> Response:
    """Describes a network: headings with sentences each. Nothing of it is a path on the server."""
    service, version = service_of(request), asked_version(request)
    sections = await run_in_threadpool(_sections, service, version)
    record = {"sections": [{"title": title, "sentences": sentences} for title, sentences in sections]}
    return Response(msgspec.json.encode(record), media_type="application/json")


def _sections(service: Service, version: Version) -> list[tuple[str, list[str]]]:
    artifact = version.session.artifact
    return [
        ("Why this network", _chosen(artifact)),
        ("How it was checked", _checked(artifact, version.session.folder)),
        ("When it is not sure", _sure(artifact, service.threshold_of(version))),
    ]


def _chosen(artifact: Artifact) -> list[str]:
    chosen = artifact.chosen
    if chosen is None:
        return [f"This is {named(artifact)}. Its file names no comparison that chose it."]
    head = f"This is {named(artifact)}. A comparison on {printable(chosen.data)} of {printable(chosen.date)} found:"
    return [head, *map(printable, chosen.sentences)]


def _checked(artifact: Artifact, folder: Path) -> list[str]:
    sentences = [] if artifact.quantization is None else [quantized(artifact.quantization)]
    try:
        found = read_json(folder / "certificate.json", Certificate)
    except SkipwiseError:
        return ["It was not verified on images where it is served; 'skipwise verify' does that.", *sentences]
    if found.artifact != artifact.files[""]:
        return ["Its certificate is about another file; verify it again.", *sentences]
    verified = Verified(folder=folder, artifact=artifact, certificate=found, images=None)
    return [verdict(verified), *sentences]  # its notes may name folders


def _sure(artifact: Artifact, threshold: float | None) -> list[str]:
    own = artifact.threshold
    if threshold is None:
        return ["No threshold is known, so every answer is called sure."]
    if own is not None and threshold == own.confidence:
        return [not_sure(own), "That was chosen on the validation images, and holds for images like those."]
    return [f"Answers with a probability below {100 * threshold:.1f}% are called not sure, as this server was told."]
