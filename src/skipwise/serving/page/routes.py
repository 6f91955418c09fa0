"""The page to try a network, and the one with its certificate: files that ask the API for everything they show."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FILES = {
    "/": ("page.html", "text/html"),
    "/page/certificate.html": ("certificate.html", "text/html"),
    "/page/page.css": ("page.css", "text/css"),
    "/page/common.js": ("common.js", "text/javascript"),
    "/page/page.js": ("page.js", "text/javascript"),
    "/page/certificate.js": ("certificate.js", "text/javascript"),
}
"""The files of the pages by their addresses, with their types."""


def _route(path: str, name: str, kind: str) -> Route:
    content = (Path(__file__).parent / name).read_bytes()

    async def file(_: Request) -> Response:
        return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})

    return Route(path, file)


ROUTES = [_route(path, name, kind) for path, (name, kind) in FILES.items()]
