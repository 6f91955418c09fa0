"""`GET /v1/models`: the networks that are served, and what is known of each."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from skipwise.serving.api.served import asked_version, service_of
from skipwise.serving.models.catalog import Served
from skipwise.serving.models.version import Version


async def models(request: Request) -> Response:
    """All networks."""
    service = service_of(request)
    record = {"models": [_described(each, each.newest) for each in service.catalog]}
    return Response(msgspec.json.encode(record), media_type="application/json")


async def model(request: Request) -> Response:
    """One network."""
    service, version = service_of(request), asked_version(request)
    served = next(each for each in service.catalog if each.name == version.name)
    record = _described(served, version) | {"threshold": service.threshold_of(version), "classes": version.classes}
    return Response(msgspec.json.encode(record), media_type="application/json")


def _described(served: Served, version: Version) -> dict[str, Any]:
    """Describes a network for clients. Nothing of it is a path on the server."""
    artifact = version.session.artifact
    prepared = artifact.preprocessing
    certified = version.certified
    return {
        "name": served.name,
        "version": version.number,
        "versions": list(served.versions),
        "network": artifact.provenance.model,
        "format": artifact.kind.title,
        "precision": artifact.precision,
        "backend": version.session.backend.title,
        "identity": version.identity,
        "number_of_classes": len(version.classes),
        "input": {"size": prepared.size, "channels": prepared.channels, "crop": prepared.crop},
        "explains": version.explains,
        "test_accuracy": artifact.provenance.test_accuracy,
        "certificate": None
        if certified is None
        else {
            "outcome": certified.outcome,
            "passed": certified.passed,
            "certified": certified.certified,
            "data": certified.data,
            "images": certified.images,
        },
    }
