"""`/health/live` and `/health/ready`: what a load balancer asks."""

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
