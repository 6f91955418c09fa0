"""What all routes know: the networks, the engine and the limits."""

from __future__ import annotations

import importlib.metadata
import time
from dataclasses import dataclass

from starlette.requests import Request

from skipwise.serving.engine.engine import Engine
from skipwise.serving.metrics import Metrics
from skipwise.serving.models.catalog import Catalog
from skipwise.serving.options import LimitOptions

VERSION = importlib.metadata.version("skipwise")
"""The version of this package."""


@dataclass(kw_only=True, eq=False)
class Service:
    """What is served.

    Args:
        catalog: the networks.
        engine: answers images.
        limits: of requests.
        metrics: the counts.
        threshold: answers below this probability are not sure; None calls every answer sure.
        draining: whether the server was asked to end and only finishes what it accepted.
    """

    catalog: Catalog
    engine: Engine
    limits: LimitOptions
    metrics: Metrics
    threshold: float | None = None
    draining: bool = False

    def deadline(self) -> float:
        """The moment of the monotonic clock until which a request that begins now has to be answered."""
        return time.monotonic() + self.limits.request_timeout

    def is_sure(self, probability: float) -> bool:
        """Whether an answer with this probability is called sure."""
        return self.threshold is None or probability >= self.threshold


def service_of(request: Request) -> Service:
    """The service that a request is for."""
    service: Service = request.app.state.service
    return service
