"""Costs of networks, in a notebook."""

from __future__ import annotations

from skipwise.core.text import count
from skipwise.cost.profile import ProfileReport
from skipwise.pages import card


def profile(report: ProfileReport) -> str:
    """The cost of each network, counted and measured."""
    headings = (
        "network",
        "parameters",
        "multiply-adds",
        "one image",
        f"images/s, batch {report.batch_size}",
        "of peak",
    )
    rows = [
        (
            each.name,
            f"{each.counts.parameters:,}",
            f"{each.counts.multiply_adds / 1e6:,.1f} M",
            f"{each.latency.median * 1e3:.2f} ms ({each.latency.low * 1e3:.2f} to {each.latency.high * 1e3:.2f})",
            f"{each.images_per_second:,.1f}",
            f"{each.of_peak:.0%}",
        )
        for each in report.networks
    ]
    mode = "compiled" if report.compiled else "eager"
    return card.card(
        card.table(headings, rows),
        card.said(
            [
                f"{report.image_size} x {report.image_size} pixels, {mode} {report.precision}, "
                f"{count(report.threads, 'thread')} of {report.machine.processor}. Medians over rounds in which every "
                "network took its turn; in brackets the middle half."
            ],
            soft=True,
        ),
    )
