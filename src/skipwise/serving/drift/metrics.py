"""Metrics for Prometheus about the last requests of each network, compared with its validation images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from skipwise.core.text import printable, shortened
from skipwise.deploy.artifact.artifact import Artifact
from skipwise.deploy.artifact.reference import INPUTS
from skipwise.serving.drift.report import drift
from skipwise.serving.drift.window import Window

MOST_CLASSES = 50
"""Classes with a metric of their own, the commonest."""
OF = ("model", "version")


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A network, and what it was asked.

    Args:
        model, version: what requests call it.
        artifact: its record.
        window: its last requests.
        threshold: the probability below which its answers are not sure.
    """

    model: str
    version: str
    artifact: Artifact
    window: Window
    threshold: float | None


class DriftCollector(Collector):
    """Computes its metrics when they are asked for.

    Args:
        watched: returns the networks that are served now.
    """

    def __init__(self, watched: Callable[[], Iterable[Watched]]) -> None:
        self._watched = watched

    def describe(self) -> list[GaugeMetricFamily]:
        """Returns nothing, so that nothing is computed while it is registered."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Returns the metrics, with the networks as labels."""
        last = GaugeMetricFamily("skipwise_last_images", "Images that are looked back on.", labels=OF)
        unsure = GaugeMetricFamily("skipwise_not_sure_ratio", "Share of these whose answer is not sure.", labels=OF)
        classes = GaugeMetricFamily("skipwise_class_ratio", "Share of these with this answer.", labels=(*OF, "class"))
        mean = GaugeMetricFamily("skipwise_input_mean", "Mean over these images.", labels=(*OF, "input"))
        std = GaugeMetricFamily("skipwise_input_std", "Standard deviation over these images.", labels=(*OF, "input"))
        index = GaugeMetricFamily(
            "skipwise_drift_index",
            "Population stability index of these images against the validation images.",
            labels=(*OF, "measure"),
        )
        alarm = GaugeMetricFamily(
            "skipwise_drift",
            "1 where these images differ from the validation images, 0 where no difference is seen.",
            labels=(*OF, "measure"),
        )
        for each in self._watched():
            of, images = (each.model, each.version), len(each.window.answers)
            found = drift(each.artifact, each.window, each.threshold)
            last.add_metric(of, images)
            if found.unsure is not None:
                unsure.add_metric(of, found.unsure)
            counts = each.window.counts(len(each.artifact.classes)) if images else []
            for number in sorted(range(len(counts)), key=lambda number: -counts[number])[:MOST_CLASSES]:
                if counts[number]:
                    name = shortened(printable(each.artifact.classes[number]))
                    classes.add_metric((*of, name), counts[number] / images)
            if each.window.inputs:
                for place, name in enumerate(INPUTS):
                    values = each.window.values(place)
                    mean.add_metric((*of, name), float(values.mean()))
                    std.add_metric((*of, name), float(values.std()))
            for measure in found.measures:
                if measure.found.differs is not None:
                    index.add_metric((*of, measure.name), measure.found.index)
                    alarm.add_metric((*of, measure.name), float(measure.found.differs))
        yield from (last, unsure, classes, mean, std, index, alarm)
