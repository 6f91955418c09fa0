"""What a person sees in the terminal: progress while it runs, the answer at the end."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text
from scipy.stats import binomtest

from skipwise.comparison import wording
from skipwise.comparison.audit import TITLES, AuditReport, summary
from skipwise.comparison.compare import Comparison, Observer
from skipwise.comparison.execute import Event
from skipwise.comparison.plan import Plan
from skipwise.comparison.results import Results
from skipwise.cost.listing import Listed
from skipwise.cost.profile import ProfileReport
from skipwise.data.named import NAMED
from skipwise.training.loop import Epoch
from skipwise.training.train import Terms, Trained

LINE_SECONDS = 15.0
"""Where there is no terminal, a line at most this often."""
MOST_SEEDS_SUGGESTED = 30


class Remaining:
    """Estimates how long the rest of a plan takes, from the epochs done so far.

    Networks differ several times over in the time of an epoch, so each is estimated from its own; one that has
    not run yet from the mean of the others.
    """

    def __init__(self, plan: Plan) -> None:
        self.processes = plan.processes
        self.epochs = plan.recipe.epochs
        self.left = dict.fromkeys(plan.runs(), plan.recipe.epochs)
        self.taken: dict[str, list[float]] = {name: [] for name in plan.question.contenders}

    def note(self, event: Event) -> None:
        """Counts an epoch or the end of a run."""
        ended = event.record is not None
        self.left[event.model, event.seed] = 0 if ended else self.epochs - event.epoch
        if not ended:
            self.taken[event.model].append(event.seconds)

    def seconds(self) -> float | None:
        """The estimate; None before the first epoch."""
        means = {name: sum(taken) / len(taken) for name, taken in self.taken.items() if taken}
        if not means:
            return None
        usual = sum(means.values()) / len(means)
        work = sum(epochs * means.get(model, usual) for (model, _), epochs in self.left.items())
        # With fewer runs left than processes, some have nothing to do.
        return work / min(self.processes, max(1, sum(epochs > 0 for epochs in self.left.values())))


class Screen(Observer):
    """Progress on a terminal as a bar with an estimate, elsewhere as plain lines. Use as a context manager."""

    def __init__(self, stream: IO[str]) -> None:
        self.console = Console(file=stream, highlight=False)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[status]}"),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self.task: Any = None
        self.said = time.monotonic()
        self.preparing_what = ""
        self.preparing_since = 0.0
        self.preparing_from = 0
        self.runs_done = 0
        self.epochs = 0

    def __enter__(self) -> Screen:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def preparing(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what != self.preparing_what:
            self.preparing_what, self.preparing_since, self.preparing_from = what, now, done
        taken, new = now - self.preparing_since, done - self.preparing_from
        left = (
            f"  about {duration(taken / new * (total - done))} left" if taken > 1 and new > 0 and done < total else ""
        )
        self._show(what, done, total, f"{done:,} of {total:,}{left}")

    def noticed(self, sentence: str) -> None:
        self._line(sentence)

    def starting(self, plan: Plan, folder: Path) -> None:
        question, counts = plan.question, plan.split_images
        runs = len(plan.runs())
        self._line(
            f"{plan.data}: {len(plan.classes)} classes, {counts['train']:,} training, {counts['val']:,} validation and "
            f"{counts['test']:,} test images, {plan.preprocessing.size} x {plan.preprocessing.size} pixels"
        )
        self._line(
            f"{len(question.contenders)} networks x {len(question.seeds)} seeds = {runs} runs of {plan.recipe.epochs} "
            f"epochs, {plan.processes} at once on {plan.execution.device} in {plan.execution.precision}; recipe "
            f"'{plan.recipe.name}', {plan.stem} stem, width {plan.width:g}"
        )
        self._line(f"in {folder}  (stop at any time; the same command goes on)")
        self.plan = plan
        self.remaining = Remaining(plan)
        self.started = time.monotonic()

    def happened(self, event: Event) -> None:
        self.remaining.note(event)
        if event.record is not None:
            self.runs_done += 1
            if event.record.status == "failed":
                self._line(f"{event.model}, seed {event.seed}, failed: {event.record.reason}")
        total = len(self.remaining.left) * self.plan.recipe.epochs
        done = total - sum(self.remaining.left.values())
        left = self.remaining.seconds()
        rest = f"about {duration(left)} left" if left is not None and done < total else ""
        now = f"{event.model}, seed {event.seed}, epoch {event.epoch}" if event.record is None else ""
        self._show(
            f"{self.runs_done} of {len(self.remaining.left)} runs",
            done,
            total,
            "  ".join(filter(None, (rest, now))),
        )

    def training(self, terms: Terms, folder: Path) -> None:
        """One run begins, or goes on."""
        spec, counts = terms.spec, terms.split_images
        self._line(
            f"{terms.data}: {len(spec.classes)} classes, {counts['train']:,} training, {counts['val']:,} validation "
            f"and {counts['test']:,} test images, {spec.preprocessing.size} x {spec.preprocessing.size} pixels"
        )
        self._line(
            f"{spec.model}, seed {spec.seed}, {spec.recipe.epochs} epochs of recipe '{spec.recipe.name}', {spec.stem} "
            f"stem, width {spec.width:g}, on {spec.execution.device} in {spec.execution.precision}"
        )
        self._line(f"in {folder}  (stop at any time; the same command goes on)")
        self.epochs = spec.recipe.epochs
        self._show("Training", 0, self.epochs, "first epoch")

    def trained_epoch(self, epoch: Epoch) -> None:
        """One more epoch is done."""
        left = duration(epoch.seconds * (self.epochs - epoch.epoch))
        val = f", validation {epoch.val.accuracy * 100:.2f}%" if epoch.val else ""
        now = f"epoch {epoch.epoch}: loss {epoch.train_loss:.3f}{val}"
        rest = f"about {left} left  " if epoch.epoch < self.epochs else ""
        self._show("Training", epoch.epoch, self.epochs, rest + now)

    def finishing(self, what: str) -> None:
        self._show(what, 1, 1, "")

    def _show(self, what: str, done: int, total: int, status: str) -> None:
        if self.console.is_terminal:
            if self.task is None:
                self.task = self.bar.add_task(what, total=total, status=status)
            self.bar.update(self.task, description=what, completed=done, total=total, status=status)
        elif time.monotonic() - self.said >= LINE_SECONDS:
            self._line(f"{what}  {status}")

    def _line(self, text: str) -> None:
        self.said = time.monotonic()
        self.console.print(Text(text), soft_wrap=True)


def duration(seconds: float) -> str:
    """Seconds as a person would say them."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def print_comparison(comparison: Comparison, *, typed: Sequence[str]) -> None:
    """The table, the verdicts, the recommendation, where the report is and what to type next."""
    console = Console(highlight=False, width=None if Console().is_terminal else 200)
    results, costs = comparison.results, comparison.costs
    if comparison.repeated:
        console.print(Text(f"{comparison.folder} is finished already; this is its result."))

    sure = f"{(1 - results.question.alpha) * 100:g}%"
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("network", no_wrap=True)
    for heading in (f"test accuracy ({sure} interval)", "parameters", "multiply-adds", "latency, batch 1"):
        table.add_column(heading, justify="right", no_wrap=True)
    for contender in results.contenders:
        timing = costs.latencies.get(contender.name)
        table.add_row(
            Text(contender.name + (f"  ({contender.failed} failed)" if contender.failed else "")),
            wording.percent(contender.accuracy),
            f"{contender.counts.parameters:,}" if contender.counts else "unknown",
            f"{contender.counts.multiply_adds / 1e6:,.1f} M" if contender.counts else "unknown",
            f"{timing.median * 1000:.2f} ms" if timing else "unknown",
        )
    console.print()
    console.print(table)

    verdicts = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    verdicts.add_column("pair", no_wrap=True)
    verdicts.add_column(f"difference in points ({sure} for all together)", justify="right", no_wrap=True)
    verdicts.add_column("verdict")
    for name, pair in wording.pair_lines(results):
        if pair is None:
            verdicts.add_row(Text(name), "", wording.NOT_JUDGED)
        else:
            verdicts.add_row(Text(name), wording.points(pair), wording.verdict(pair, results.question.margin))
    console.print()
    console.print(verdicts)
    console.print()
    for line in (*_settling(results), *wording.twins(results), *wording.failures(results)):
        console.print(Text(line), soft_wrap=not console.is_terminal)
    console.print(Text(costs.recommendation.sentence, style="bold"), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(f"Report: {comparison.report}"), soft_wrap=True)
    console.print(Text(f"Next:   {next_command(comparison, typed)}"), soft_wrap=True)


def print_trained(trained: Trained, *, data: str) -> None:
    """How a run ended, where it is and what to type next."""
    console = Console(highlight=False, width=None if Console().is_terminal else 200)
    record, spec = trained.record, trained.terms.spec
    if trained.repeated:
        console.print(Text(f"{trained.folder} is finished already; this is its result."))
    console.print()
    if record.status == "failed":
        console.print(Text(f"The run failed: {record.reason}.", style="bold"))
    elif record.test is not None:
        images = trained.terms.split_images["test"]
        interval = binomtest(round(record.test.accuracy * images), images).proportion_ci(method="wilson")
        sentence = (
            f"{spec.model} is right on {record.test.accuracy * 100:.2f}% of {images:,} test images (95% interval "
            f"{interval.low * 100:.1f} to {interval.high * 100:.1f}, for this network: another seed gives another)."
        )
        console.print(Text(sentence, style="bold"), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(f"Run:    {trained.folder}"), soft_wrap=True)
    other = "se_resnet18" if spec.model == "resnet18" else "resnet18"
    words = ["skipwise", "compare", data, "--models", f"{spec.model},{other}"]
    if record.status == "failed":
        words = ["skipwise", "train", data, "--model", spec.model, "--lr", f"{spec.recipe.lr / 10:g}"]
    console.print(Text(f"Next:   {shlex.join(words)}"), soft_wrap=True)


def print_audit(report: AuditReport) -> None:
    """What was found, by kind, with an example each, and where the rest is."""
    console = Console(highlight=False, width=None if Console().is_terminal else 200)
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("found", no_wrap=True)
    table.add_column("times", justify="right")
    table.add_column("such as", overflow="fold")
    for kind, title in TITLES.items():
        mine = [finding for finding in report.record.findings if finding.kind == kind]
        if mine:
            files = ", ".join(mine[0].files[:3]) + (", ..." if len(mine[0].files) > 3 else "")
            table.add_row(title, f"{len(mine):,}", Text(f"{files}: {mine[0].detail}" if files else mine[0].detail))
    if report.record.findings:
        console.print()
        console.print(table)
    console.print()
    console.print(Text(summary(report.record), style="bold"), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(f"Page:   {report.page}"), soft_wrap=True)
    console.print(Text(f"Record: {report.file}"), soft_wrap=True)
    exclude = any(finding.exclude for finding in report.record.findings)
    words = ["skipwise", "compare", report.data, *(["--exclude", str(report.file)] if exclude else [])]
    console.print(Text(f"Next:   {shlex.join(words)}"), soft_wrap=True)


def _settling(results: Results) -> list[str]:
    """What would settle the pairs that are open, in one line."""
    unresolved = [pair for pair in results.pairs if pair.verdict == "unresolved"]
    if not unresolved:
        return []
    seeds = [pair.seeds_to_settle for pair in unresolved if pair.seeds_to_settle is not None]
    images = [pair.images_to_settle for pair in unresolved if pair.images_to_settle is not None]
    parts = [f"Unresolved: {len(unresolved)} of {len(results.pairs)} pairs."]
    if seeds:
        parts.append(f"About {max(seeds):,} seeds on these images would settle {len(seeds)} of them.")
    else:
        parts.append("More seeds on these images would settle none of them.")
    if images:
        parts.append(f"About {max(images):,} test images with these seeds would settle {len(images)}.")
    return [" ".join(parts)]


def next_command(comparison: Comparison, typed: Sequence[str]) -> str:
    """What a person would type next: more seeds where they can settle something, else one's own images, or the report.

    Args:
        typed: the command line that led here, the program's name first.
    """
    # A virtual environment that is not activated has the program, but not on the path.
    program = ["skipwise"] if shutil.which("skipwise") else [_short(typed[0])]
    if typed[0].endswith("__main__.py"):
        program = [_short(sys.executable), "-m", "skipwise"]
    results = comparison.results
    settle = [pair.seeds_to_settle for pair in results.pairs if pair.seeds_to_settle is not None]
    if comparison.plan.data in NAMED:
        models = ",".join(contender.name for contender in results.contenders)
        return shlex.join([*program, "compare", "path/to/your/images", "--models", models])
    if settle and min(settle) <= MOST_SEEDS_SUGGESTED:
        return shlex.join([*program, *_without(typed[1:], "--seeds", "--output", "-o"), "--seeds", str(min(settle))])
    return shlex.join([_short(sys.executable), "-m", "webbrowser", str(comparison.report)])


def _short(path: str) -> str:
    """A program's path as one would type it from here."""
    return min(path, os.path.relpath(path), key=len)


def _without(typed: Sequence[str], *options: str) -> list[str]:
    """A command line without some options and their values."""
    kept: list[str] = []
    skip = False
    for word in typed:
        if not skip and word.partition("=")[0] not in options and word != "--resume":
            kept.append(word)
        skip = not skip and word in options
    return kept


@contextlib.contextmanager
def working(what: str, stream: IO[str]) -> Iterator[None]:
    """Shows that something takes a while."""
    console = Console(file=stream, highlight=False)
    if console.is_terminal:
        with console.status(what):
            yield
    else:
        console.print(Text(what))
        yield


def print_models(rows: Sequence[Listed]) -> None:
    """The networks, where they were published and what they cost."""
    console = Console(highlight=False, width=None if Console().is_terminal else 200)
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
    console.print(Text("\nNext:   skipwise compare digits --models resnet18,mobilenet_v2 --width 0.25"), soft_wrap=True)


def print_profile(report: ProfileReport) -> None:
    """What each network costs, counted and measured."""
    console = Console(highlight=False, width=None if Console().is_terminal else 200)
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
            f"\n{report.image_size} x {report.image_size} pixels, {mode} {report.precision}, {report.threads} threads "
            f"of {report.machine.processor}; its matrix-multiply peak was {report.peak / 1e9:,.0f} G multiply-adds/s.\n"
            "Medians over rounds in which every network took its turn; in brackets the middle half. Activations: what "
            "convolutions and linear layers put out for one image, in fp32."
        ),
        soft_wrap=True,
    )
    names = ",".join(network.name for network in report.networks)
    console.print(Text(f"Next:   skipwise compare path/to/your/images --models {names}"), soft_wrap=True)
