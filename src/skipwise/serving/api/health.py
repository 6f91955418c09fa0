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
    """It takes requests: all networks are open, and it was not asked to end."""
    if service_of(request).draining:
        raise Problem(503, "This server is about to end; ask another one.", {"Retry-After": "1"})
    return JSONResponse({"ready": True})


async def metrics(request: Request) -> Response:
    """The counts, in the format that is asked for."""
    text, media_type = service_of(request).metrics.text(request.headers.get("accept", ""))
    return Response(text, headers={"Content-Type": media_type})
