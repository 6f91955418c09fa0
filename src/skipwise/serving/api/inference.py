"""The Open Inference Protocol, version 2, as clients of KServe and Triton speak it."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from skipwise.serving.api import health
from skipwise.serving.api.predict import MEND
from skipwise.serving.api.served import VERSION, service_of
from skipwise.serving.api.tensors import IMAGE, LABEL, LOGITS, PIXELS, PROBABILITIES, outputs, parse
from skipwise.serving.connections.bodies import body_of, while_connected
from skipwise.serving.connections.held import HeldResponse
from skipwise.serving.connections.problems import Problem
from skipwise.serving.engine.work import Answer, Unreadable
from skipwise.serving.models.version import Version

_LENGTH = "inference-header-content-length"


async def server(_: Request) -> Response:
    """Describes this server."""
    return JSONResponse(
        {"name": "skipwise", "version": VERSION, "extensions": ["binary_tensor_data", "classification"]}
    )


async def model(request: Request) -> Response:
    """The inputs and outputs of a network."""
    version = _version(request)
    served = next(each for each in service_of(request).catalog if each.name == version.name)
    channels = version.pixel_format.channels
    record: dict[str, Any] = {
        "name": version.name,
        "versions": list(served.versions),
        "platform": f"{version.session.artifact.format}_{version.session.backend.name}",
        "inputs": [
            {"name": IMAGE, "datatype": "BYTES", "shape": [-1]},
            {"name": PIXELS, "datatype": "UINT8", "shape": [-1, -1, -1, channels]},
        ],
        "outputs": [
            {"name": PROBABILITIES, "datatype": "FP32", "shape": [-1, len(version.classes)]},
            {"name": LABEL, "datatype": "BYTES", "shape": [-1]},
            {"name": LOGITS, "datatype": "FP32", "shape": [-1, len(version.classes)]},
        ],
    }
    return Response(msgspec.json.encode(record), media_type="application/json")


async def ready(request: Request) -> Response:
    """Tells whether a network answers."""
    version = _version(request)
    if not service_of(request).answers(version):
        raise Problem(503, f"The network {version.name} gives no answers; ask another server.", {"Retry-After": "1"})
    return JSONResponse({"name": version.name, "ready": True})


async def infer(request: Request) -> Response:
    """Answers the tensors of a request."""
    service = service_of(request)
    deadline = service.deadline()
    _version(request)
    service.engine.check()
    async with body_of(request, service.engine, most=service.limits.max_bytes, deadline=deadline) as body:
        length = request.headers.get(_LENGTH)
        asked, images = await service.engine.aside(parse, body, length, service.most_images, deadline=deadline)
        version = _version(request)  # it may have been replaced meanwhile
        found = await while_connected(request, service.engine.answer(version, images, deadline=deadline))
    answers: list[Answer] = []
    for number, each in enumerate(found):
        if isinstance(each, Unreadable):
            raise Problem(422, f"The image {number} can't be read: {each}; {MEND}.")
        answers.append(each)
    shown, behind = outputs(asked, answers)
    record: dict[str, Any] = {"model_name": version.name, "model_version": version.number}
    record |= {} if asked.id is None else {"id": asked.id}
    head = msgspec.json.encode(record | {"outputs": shown})
    if not behind:
        return HeldResponse(service.engine, head, "application/json")
    return HeldResponse(service.engine, head + behind, "application/octet-stream", {_LENGTH: str(len(head))})


def _version(request: Request) -> Version:
    name, number = request.path_params["model"], request.path_params.get("version")
    return service_of(request).catalog.find(name, number)


def _of_models(path: str, endpoint: Any, methods: list[str]) -> list[Route]:
    """A route of a network, and of each version of it."""
    of_version = f"/v2/models/{{model}}/versions/{{version}}{path}"
    return [Route(each, endpoint, methods=methods) for each in (f"/v2/models/{{model}}{path}", of_version)]


ROUTES = [
    Route("/v2", server),
    Route("/v2/health/live", health.live),
    Route("/v2/health/ready", health.ready),
    *_of_models("", model, ["GET"]),
    *_of_models("/ready", ready, ["GET"]),
    *_of_models("/infer", infer, ["POST"]),
]
