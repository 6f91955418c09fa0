"""State that all routes share: the networks, the engine and the limits."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from starlette.requests import Request

from skipwise import __version__
from skipwise.serving.drift.window import Windows
from skipwise.serving.engine.engine import Engine
from skipwise.serving.engine.work import Answer
from skipwise.serving.metrics import Metrics
from skipwise.serving.models.catalog import Catalog
from skipwise.serving.models.version import Version
from skipwise.serving.options import LimitOptions

VERSION = __version__
"""The version of this package."""


@dataclass(kw_only=True, eq=False)
class Service:
    """The networks that are served, the engine and the limits.

    Args:
        catalog: the networks.
        engine: answers images.
        limits: of requests.
        metrics: the counts.
        threshold: answers below this probability are not sure; None takes each network's own.
        windows: what the networks were asked last.
        draining: whether the server was asked to end and only finishes what it accepted.
    """

    catalog: Catalog
    engine: Engine
    limits: LimitOptions
    metrics: Metrics
    threshold: float | None = None
    windows: Windows = field(default_factory=Windows)
    draining: bool = False

    def deadline(self) -> float:
        """The moment of the monotonic clock until which a request that begins now has to be answered."""
        return time.monotonic() + self.limits.request_timeout

    def answers(self, version: Version) -> bool:
        """Returns whether a network works on what it is asked. One that has been busy with a single batch for longer
        than a request may take does not."""
        return self.engine.working and version.batcher.working(self.limits.request_timeout)

    def stuck(self) -> list[str]:
        """The names of networks that do not."""
        return [served.name for served in self.catalog if not all(map(self.answers, served.versions.values()))]

    @property
    def most_images(self) -> int:
        """The most images of a request; with more than may wait it could never be answered."""
        return min(self.limits.max_images, self.limits.queue)

    def threshold_of(self, version: Version) -> float | None:
        """The probability below which answers of a network are not sure; None where every answer is sure."""
        own = version.session.artifact.threshold
        return self.threshold if self.threshold is not None or own is None else own.confidence

    def is_sure(self, answer: Answer) -> bool:
        """Returns whether an answer is called sure."""
        threshold = self.threshold_of(answer.version)
        return threshold is None or answer.probability >= threshold


def service_of(request: Request) -> Service:
    """The service that a request is for."""
    service: Service = request.app.state.service
    return service


def asked_version(request: Request) -> Version:
    """The network that an address names, in the version that its query names.

    Raises:
        UnknownModel: there is none.
    """
    return service_of(request).catalog.find(request.path_params["model"], request.query_params.get("version"))
