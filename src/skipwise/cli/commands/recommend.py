"""The verb `recommend` on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from skipwise.cli.options import Folder, Json, print_json
from skipwise.core.machine.streams import need_output


def recommend(
    comparison: Folder,
    max_latency_ms: Annotated[
        float | None, typer.Option(help="At most so many milliseconds per image, at batch 1.")
    ] = None,
    max_size_mb: Annotated[float | None, typer.Option(help="At most so many megabytes of weights, in float32.")] = None,
    max_macs: Annotated[
        str | None, typer.Option(metavar="N", help="At most so many multiply-adds per image, such as 600M or 1.5G.")
    ] = None,
    min_accuracy: Annotated[
        float | None, typer.Option(help="At least so much of the accuracy that the comparison counts, such as 0.93.")
    ] = None,
    max_loss: Annotated[
        float | None, typer.Option(help="At most so much of the loss that the comparison counts, such as 0.2.")
    ] = None,
    costs: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Use latencies of another machine: what 'skipwise profile --json' printed there."
        ),
    ] = None,
    json: Json = False,
) -> int:
    """Say which network of a finished comparison to use, within limits, and what it may lose."""
    from skipwise.comparison.recommend import recommend as run

    need_output()
    found = run(
        comparison,
        max_latency_ms=max_latency_ms,
        max_size_mb=max_size_mb,
        max_macs=max_macs,
        min_accuracy=min_accuracy,
        max_loss=max_loss,
        costs=costs,
    )
    if json:
        print_json(
            {
                "verdict": found.verdict,
                "recommendation": found.recommendation,
                "latencies": found.latencies,
                "where": found.where,
            }
        )
    else:
        from skipwise.cli.summaries.comparison import print_recommended

        print_recommended(found)
    return 0 if found.recommendation.candidate is not None else 2
