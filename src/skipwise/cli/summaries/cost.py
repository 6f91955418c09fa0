"""The summary of the known networks and of their costs; it needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from skipwise.cli.program import as_typed
from skipwise.cli.summaries.next_steps import rival_of
from skipwise.core.progress import Console
from skipwise.core.text import command, count

if TYPE_CHECKING:
    from skipwise.cost.models import ListedNetwork
    from skipwise.cost.profile import ProfileReport


def print_models(rows: Sequence[ListedNetwork]) -> None:
    """The networks, where they were published and what they cost."""
    console = Console()
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("network", no_wrap=True)
    for heading in ("image", "parameters", "multiply-adds"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("weights")
    table.add_column("paper", no_wrap=True)
    for row in rows:
        table.add_row(
            row.name,
            f"{row.image_size}",
            f"{row.parameters:,}",
            f"{row.multiply_adds / 1e6:,.1f} M",
            "ImageNet" if row.published else "",
            row.paper,
        )
    console.print(table)
    console.print(
        Text(f"\nNext:   {as_typed('skipwise compare digits --models resnet18,mobilenet_v2 --width 0.25')}"),
        soft_wrap=True,
    )


def print_profile(report: ProfileReport) -> None:
    """Prints the cost of each network, counted and measured."""
    console = Console()
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("network", no_wrap=True)
    headings = (
        "parameters",
        "multiply-adds",
        "activations",
        "latency, batch 1",
        f"images/s, batch {report.batch_size}",
        "of peak",
    )
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for network in report.networks:
        latency, batch = network.latency, network.batch
        spread = (batch.high - batch.low) / batch.median
        table.add_row(
            Text(network.name),
            f"{network.counts.parameters:,}",
            f"{network.counts.multiply_adds / 1e6:,.1f} M",
            f"{network.counts.activations * 4 / 2**20:,.1f} MiB",
            f"{latency.median * 1000:.2f} ms ({latency.low * 1000:.2f} to {latency.high * 1000:.2f})",
            f"{network.images_per_second:,.1f} (within {spread * 100:.0f}%)",
            f"{network.of_peak * 100:.0f}%",
        )
    console.print(table)
    mode = "compiled" if report.compiled else "eager"
    console.print(
        Text(
            f"\n{report.image_size} x {report.image_size} pixels, {mode} {report.precision}, "
            f"{count(report.threads, 'thread')} "
            f"of {report.machine.processor}; its matrix-multiply peak was {report.peak / 1e9:,.0f} G multiply-adds/s.\n"
            "Medians over rounds in which every network took its turn; in brackets the middle half. Activations: what "
            "convolutions and linear layers put out for one image, in fp32."
        ),
        soft_wrap=True,
    )
    names = [network.name for network in report.networks]
    names += [rival_of(names[0])] if len(names) == 1 else []
    following = command("skipwise", "compare", "path/to/your/images", "--models", ",".join(names))
    console.print(Text(f"Next:   {as_typed(following)}"), soft_wrap=True)
