"""`GET /v1/models/{model}/about`: what chose a network, how it was checked, and when its answers are sure, in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.json_records import read_json
from skipwise.core.text import printable
from skipwise.deploy.artifact.artifact import Artifact
from skipwise.deploy.verify.record import Certificate, Verified
from skipwise.deploy.verify.wording import HEADINGS, backend_rows, named, not_sure, quantized, verdict
from skipwise.serving.api.served import Service, asked_version, service_of
from skipwise.serving.models.version import Version

CERTIFICATE = "certificate.json"


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of what is known of a network.

    Args:
        title: its heading.
        sentences: what it says.
        headings, rows: a table; () where there is none.
    """

    title: str
    sentences: tuple[str, ...]
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


_KNOWN: WeakKeyDictionary[Version, tuple[int, list[Section]]] = WeakKeyDictionary()
"""What was said of each version that is open, and of which certificate: files are read once."""


async def about(request: Request) -> Response:
    """Describes a network: headings with sentences each. Nothing of it is a path on the server."""
    service, version = service_of(request), asked_version(request)
    sections = await run_in_threadpool(_sections, service, version)
    return Response(msgspec.json.encode({"sections": sections}), media_type="application/json")


def _sections(service: Service, version: Version) -> list[Section]:
    artifact, folder = version.session.artifact, version.session.folder
    written = _written(folder / CERTIFICATE)
    if version in _KNOWN and _KNOWN[version][0] == written:
        return _KNOWN[version][1]
    found = [
        Section(title="Why this network", sentences=_chosen(artifact)),
        _checked(artifact, folder),
        Section(title="When it is not sure", sentences=_sure(artifact, service.threshold_of(version))),
    ]
    _KNOWN[version] = written, found
    return found


def _written(path: Path) -> int:
    """When a file was written last; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _chosen(artifact: Artifact) -> tuple[str, ...]:
    chosen = artifact.chosen
    if chosen is None:
        return (f"This is {named(artifact)}. Its file names no comparison that chose it.",)
    head = f"This is {named(artifact)}. A comparison on {printable(chosen.data)} of {printable(chosen.date)} found:"
    return head, *map(printable, chosen.sentences)


def _checked(artifact: Artifact, folder: Path) -> Section:
    more = () if artifact.quantization is None else (quantized(artifact.quantization),)

    def section(sentence: str, **table: tuple) -> Section:
        return Section(title="How it was checked", sentences=(sentence, *more), **table)

    try:
        found = read_json(folder / CERTIFICATE, Certificate)
    except SkipwiseError:
        return section("It has no certificate that can be read; 'skipwise verify' makes one.")
    if found.artifact != artifact.files[""]:
        return section("Its certificate is about another file; verify it again.")
    try:
        # Without its notes, which may name folders.
        said = verdict(Verified(folder=folder, artifact=artifact, certificate=found, images=None))
        rows = tuple(tuple(map(printable, row)) for row in backend_rows(found))
    except (ValueError, StopIteration):  # it has no answers of which it could say anything
        return section("Its certificate is damaged; verify it again.")
    return section(said, headings=HEADINGS if rows else (), rows=rows)


def _sure(artifact: Artifact, threshold: float | None) -> tuple[str, ...]:
    own = artifact.threshold
    if threshold is None:
        return ("No threshold is known, so every answer is called sure.",)
    if own is not None and threshold == own.confidence:
        return not_sure(artifact), "That was chosen on the validation images, and holds for images like those."
    return (f"Answers with a probability below {100 * threshold:.1f}% are called not sure, as this server was told.",)
