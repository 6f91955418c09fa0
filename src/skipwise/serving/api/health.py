"""`/health/live`, `/health/ready` and `/metrics`: what load balancers and Prometheus ask."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from skipwise.serving.api.served import service_of
from skipwise.serving.connections.problems import Problem


async def live(_: Request) -> Response:
    """The process answers."""
    return JSONResponse({"live": True})


async def ready(request: Request) -> Response:
    """It takes requests: all networks are open and none is stuck, and it was not asked to end."""
    service = service_of(request)
    if service.draining:
        raise Problem(503, "This server is about to end; ask another one.", {"Retry-After": "1"})
    stuck = service.stuck()
    if stuck:
        said = f"The network {stuck[0]} gives no answers; ask another server, and restart this one."
        raise Problem(503, said, {"Retry-After": "1"})
    return JSONResponse({"ready": True})


async def metrics(request: Request) -> Response:
    """The counts, in the format that is asked for."""
    text, media_type = service_of(request).metrics.text(request.headers.get("accept", ""))
    return Response(text, headers={"Content-Type": media_type})
