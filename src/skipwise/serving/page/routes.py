"""The files of the page."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route


async def page(_: Request) -> Response:
    """The page to try a network."""
    return HTMLResponse("<!DOCTYPE html><html lang=en><title>Skipwise</title><h1>Skipwise</h1></html>")


ROUTES = [Route("/", page)]
