"""`GET /v1/models/{model}/drift`: whether what a network is asked is like its validation images."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from skipwise.serving.api.served import asked_version, service_of
from skipwise.serving.drift.report import drift


async def drifted(request: Request) -> Response:
    """Compares the last images that a network was asked about with its validation images."""
    service, version = service_of(request), asked_version(request)
    window = service.windows.of(version.name, version.identity)
    found = drift(version.session.artifact, window, service.threshold_of(version))
    record = {
        "images": found.images,
        "not_sure": found.unsure,
        "differs": found.differs,
        "sentences": found.sentences,
        "measures": [
            {
                "name": each.name,
                "title": each.title,
                "parts": each.parts,
                "then": each.then,
                "now": each.now,
                "images": each.found.images,
                "index": each.found.index,
                "chance": each.found.chance,
                "differs": each.found.differs,
                "sentence": each.sentence,
            }
            for each in found.measures
        ],
    }
    return Response(msgspec.json.encode(record), media_type="application/json")
