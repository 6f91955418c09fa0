"""The summary of a finished comparison: tables, the verdict, and the next command."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from skipwise.cli.program import as_typed
from skipwise.cli.summaries.further import print_further
from skipwise.cli.summaries.next_steps import first_run, next_command
from skipwise.comparison.recommend import Recommended, profile_command
from skipwise.comparison.results.choice import HERE
from skipwise.comparison.results.finished import Comparison
from skipwise.comparison.results.recommendation import Recommendation
from skipwise.comparison.results.records import Costs, Results
from skipwise.comparison.wording import pairs, phrases
from skipwise.comparison.wording.answer import answer, does_not_fit
from skipwise.comparison.wording.by_seed import lines as by_seed
from skipwise.comparison.wording.further import and_outcomes
from skipwise.comparison.wording.notes import notes, reservations
from skipwise.comparison.wording.study import looks_taken, when_and_how_long
from skipwise.comparison.wording.tuning import tuned
from skipwise.core.progress import Console
from skipwise.core.text import command, finished_already
from skipwise.cost.interleaved import Timing
from skipwise.nets.external import is_own
from skipwise.statistics import Pair
from skipwise.training.folder.dropped import has_dropped_weights

MOST_PAIRS = 15
"""If there are more pairs than this, only those of the recommended network are printed."""


def print_comparison(comparison: Comparison, *, typed: Sequence[str]) -> None:
    """The tables, what to know beside them, the verdict, where the report is and what to type next.

    Args:
        typed: the command line that led here, the program's name first.
    """
    console = Console()
    results, costs = comparison.results, comparison.costs
    choice = costs.recommendation
    if comparison.repeated:
        console.print(Text(finished_already(comparison.folder)), soft_wrap=True)
    console.print()
    console.print(_networks(results, costs))
    console.print()
    lines = pairs.pair_lines(results)
    shown = lines if len(lines) <= MOST_PAIRS else [line for line in lines if _is_about(line[1], choice.candidate)]
    if shown:
        console.print(pair_table(shown, results))
        console.print()
    print_further(console, results, costs)
    _print_answer(console, comparison, choice)
    console.print()
    more = [f"{len(lines) - len(shown):,} more pairs are in the report."] if len(shown) < len(lines) else []
    plan = comparison.plan
    said = (*looks_taken(plan, results), *tuned(results, costs), *by_seed(results))
    for line in (*more, *said, *notes(plan, results), _brackets(results)):
        console.print(Text(line), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(f"Report: {comparison.report}"), soft_wrap=True)
    console.print(Text(f"Next:   {as_typed(next_command(comparison, typed))}"), soft_wrap=True)


def print_recommended(found: Recommended) -> None:
    """Prints which limits are exceeded, which network to use within them, and the next command."""
    console = Console()
    comparison, choice = found.comparison, found.recommendation
    _print_answer(console, comparison, choice)
    for line in (*reservations(comparison.plan, comparison.results), *found.claims):
        console.print(Text(line), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(f"Report: {comparison.report}"), soft_wrap=True)
    run = first_run(comparison, choice.candidate)
    if run is not None:
        own = ["--model", choice.candidate] if choice.candidate and is_own(choice.candidate) else []
        verb = "restore" if has_dropped_weights(run) else "export"
        console.print(Text(f"Next:   {as_typed(command('skipwise', verb, run, *own))}"), soft_wrap=True)
    if found.where == HERE and comparison.costs.recommendation.candidate is not None:
        console.print(Text(f"Elsewhere: run  {profile_command(comparison)}"), soft_wrap=True)
        with_costs = command("skipwise", "recommend", comparison.folder, "--costs", "costs.json")
        console.print(Text(f"           and  {as_typed(with_costs)}"), soft_wrap=True)


def _print_answer(console: Console, comparison: Comparison, choice: Recommendation) -> None:
    """The verdict: a line for each of what to use (in bold), how sure that is and what it costs; when that was found
    out; and what would change it."""
    results, costs = comparison.results, comparison.costs
    said = answer(results, choice, costs)
    unfit = does_not_fit(results, choice) if choice.candidate is not None else []
    first, *others = said.head
    lines = [*((line, "") for line in unfit), (first, "bold"), *((line, "") for line in others)]
    lines += [(when_and_how_long(comparison.plan, costs), "dim"), *((line, "") for line in said.rest)]
    for line, style in lines:
        console.print(Text(line, style=style), soft_wrap=not console.is_terminal)


def _networks(results: Results, costs: Costs) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("network", no_wrap=True)
    outcome = f"{phrases.measure(results.question)} ({phrases.sure(results.question)})"
    for heading in (outcome, "runs", "ms per image", "size", "multiply-adds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for candidate in results.candidates:
        counts = candidate.counts
        table.add_row(
            Text(candidate.name),
            phrases.reached(candidate, results.question),
            phrases.runs_done(candidate),
            _milliseconds(costs.latencies.get(candidate.name)),
            phrases.size(counts),
            phrases.operations(counts),
        )
    return table


def _brackets(results: Results) -> str:
    """Explains what is in brackets in the tables."""
    often = phrases.sure(results.question)
    return (
        f"In brackets: intervals that hold all together in {often} of comparisons like this one; of milliseconds, the "
        "middle half of those measured."
    )


def pair_table(lines: Sequence[tuple[str, Pair | None]], results: Results) -> Table:
    """The pairs of networks: difference, interval and verdict."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("pair", no_wrap=True)
    sure = phrases.sure(results.question)
    heading = results.question.scoring.heading
    table.add_column(f"{heading} ({sure} for all pairs{and_outcomes(results.question)})", justify="right", no_wrap=True)
    table.add_column("verdict")
    for name, pair in lines:
        if pair is None:
            table.add_row(Text(name), "", pairs.NOT_JUDGED)
        else:
            table.add_row(Text(name), phrases.difference(pair, results.question), Text(pairs.short_verdict(pair)))
    return table


def _is_about(pair: Pair | None, name: str | None) -> bool:
    return pair is not None and name in (pair.a, pair.b)


def _milliseconds(timing: Timing | None) -> str:
    """The median and the middle half of what was measured: "4.10 (3.94-4.41)"."""
    if timing is None:
        return phrases.UNKNOWN
    return f"{timing.median * 1e3:.2f} ({timing.low * 1e3:.2f}-{timing.high * 1e3:.2f})"
