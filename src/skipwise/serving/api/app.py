"""The app: the routes, and how errors become answers."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from skipwise.serving.api import health, inference, models, openapi
from skipwise.serving.api.about import about
from skipwise.serving.api.drift import drifted
from skipwise.serving.api.predict import predict
from skipwise.serving.api.served import Service, service_of
from skipwise.serving.connections.guard import Guard, Rules
from skipwise.serving.connections.problems import BROKEN, Problem, overloaded, too_late
from skipwise.serving.engine.work import Broken, Overloaded, TooLate
from skipwise.serving.metrics import Measured
from skipwise.serving.models.catalog import UnknownModel
from skipwise.serving.page.routes import ROUTES


def app_of(service: Service, rules: Rules) -> ASGIApp:
    """The app of a service, guarded by its rules."""
    routes = [
        *ROUTES,
        Route("/v1/predict", predict, methods=["POST"]),
        Route("/v1/models", models.models),
        Route("/v1/models/{model}", models.model),
        Route("/v1/models/{model}/about", about),
        Route("/v1/models/{model}/drift", drifted),
        Route("/health/live", health.live),
        Route("/health/ready", health.ready),
        Route("/metrics", health.metrics),
        Route("/openapi.json", openapi.openapi),
        *inference.ROUTES,
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={
            Problem: _problem,
            UnknownModel: _unknown,
            Overloaded: _overloaded,
            TooLate: _too_late,
            Broken: _broken,
            HTTPException: _http,
            Exception: _broken,
        },
    )
    app.router.redirect_slashes = False
    app.state.service = service
    addresses: dict[object, str] = {}
    for route in routes:
        addresses.setdefault(route.endpoint, route.path)
    return Measured(Guard(app, rules), service.metrics, addresses)


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _unknown(_: Request, error: Exception) -> Response:
    return Problem(404, str(error)).response()


async def _overloaded(_: Request, error: Exception) -> Response:
    assert isinstance(error, Overloaded)
    return overloaded(error).response()


async def _too_late(request: Request, _: Exception) -> Response:
    return too_late(service_of(request).limits.request_timeout).response()


async def _http(_: Request, error: Exception) -> Response:
    """Answers a request that fits no route, as Starlette reports it."""
    assert isinstance(error, HTTPException)
    details = {
        404: "There is nothing at this address; /openapi.json lists what there is.",
        405: "This address takes another method; /openapi.json says which.",
    }
    return Problem(error.status_code, details.get(error.status_code, error.detail), error.headers).response()


async def _broken(_: Request, __: Exception) -> Response:
    """A fault that is not the request's. One of a network was told already; others are raised again and logged."""
    return Problem(500, BROKEN).response()
