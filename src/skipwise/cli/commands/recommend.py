"""The verb `recommend` on the command line."""

from __future__ import annotations

from skipwise.cli.declared import Line
from skipwise.cli.options import Folder, PrintOptions, print_json
from skipwise.comparison.options import RecommendOptions
from skipwise.core.machine.streams import need_output


def recommend(line: Line[RecommendOptions], comparison: Folder, shown: PrintOptions) -> int:
    """Say which network of a comparison to use within limits. What it may lose is said, too."""
    from skipwise.comparison.recommend import recommend as run

    need_output()
    found = run(comparison, **line.given())
    if shown.json:
        record = {
            "verdict": found.verdict,
            "recommendation": found.recommendation,
            "latencies": found.latencies,
            "where": found.where,
        }
        if further := found.comparison.results.further:
            record |= {"claims": found.claims, "further_outcomes": further}
        print_json(record)
    else:
        from skipwise.cli.summaries.comparison import print_recommended

        print_recommended(found)
    return 0 if found.recommendation.candidate is not None else 2
