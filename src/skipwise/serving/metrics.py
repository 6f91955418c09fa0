"""Metrics for Prometheus, at `/metrics`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from skipwise.deploy.predict.given_image import Image
from skipwise.serving.engine.engine import Engine
from skipwise.serving.engine.work import Answer

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
_NO_ROUTE = "none"


class Metrics:
    """Counts requests, answers and batches. It is a `Watcher`.

    Attributes:
        registry: where other parts may add metrics of theirs.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "skipwise_requests", "Requests that were answered.", ("route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "skipwise_request_seconds",
            "Seconds from a request's head until its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._images = Counter(
            "skipwise_images", "Images that were answered.", ("model", "version"), registry=self.registry
        )
        self._batches = Histogram(
            "skipwise_batch_images", "Images in a batch.", ("model",), buckets=_SIZES, registry=self.registry
        )
        self._forward = Histogram(
            "skipwise_batch_seconds",
            "Seconds that the network took for a batch.",
            ("model",),
            buckets=_SECONDS,
            registry=self.registry,
        )

    def of_engine(self, engine: Engine) -> None:
        """Adds what an engine holds."""
        for name, text, value in (
            ("skipwise_waiting_images", "Images that are on their way.", lambda: engine.waiting),
            ("skipwise_held_bytes", "Bytes of requests and of unsent answers in memory.", lambda: engine.held),
        ):
            Gauge(name, text, registry=self.registry).set_function(value)

    def answered(self, image: Image, answer: Answer) -> None:
        """Counts an answer."""
        del image
        self._images.labels(answer.version.name, answer.version.number).inc()

    def batch(self, model: str, images: int, seconds: float) -> None:
        """Counts a batch; called in other threads."""
        self._batches.labels(model).observe(images)
        self._forward.labels(model).observe(seconds)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Counts a request."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self, accept: str) -> tuple[bytes, str]:
        """All of it, and its media type."""
        try:
            encode, media_type = choose_encoder(accept)
        except (TypeError, ValueError):  # it asks for a version that is none
            encode, media_type = choose_encoder("")
        return encode(self.registry), media_type


class Measured:
    """Counts the requests to an app.

    Args:
        app: the app behind it.
        metrics: counts.
        routes: the address of each endpoint, as metrics show it.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, routes: Mapping[Any, str]) -> None:
        self._app, self._metrics, self._routes = app, metrics, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = self._routes.get(scope.get("endpoint"), _NO_ROUTE)
                self._metrics.request(route, message["status"], time.monotonic() - began)
            await send(message)

        await self._app(scope, receive, sent)
