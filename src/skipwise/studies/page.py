"""The page of a study, in Markdown; every number on it is in its record."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence

from skipwise.core.text import command, count, duration, listed
from skipwise.evaluation.outcomes import outcome_of
from skipwise.statistics.records import Estimate
from skipwise.studies.designs import Part
from skipwise.studies.networks import plain_name
from skipwise.studies.records import ComparisonFound, Cost, Finding, NetworkFound, StudyRecord

NONE = "-"
WIDTH = 120


def page(record: StudyRecord) -> str:
    """The page: claim, verdict, design, results, and what they do not say."""
    return "\n\n".join(_paragraphs(record)) + "\n"


def _paragraphs(record: StudyRecord) -> Iterable[str]:
    yield f"# {record.claim}"
    yield _prose(f"**{verdict_of(record)}** {count_of_answers(record)}")
    yield _table(
        ("part of the claim", "difference, and its interval", "answer"),
        [(each.part.claim, difference(each), each.answer) for each in record.findings],
    )
    yield _prose(
        f"These intervals hold all together with a probability of {1 - record.alpha:.0%}, and so do, by themselves, "
        f"those of each comparison below.{_margins(record)}"
    )
    yield _prose(f"Source of the claim: {record.source}")
    yield "## Design"
    yield _fenced([study_command(record)])
    sets = list(dict.fromkeys(each.data for each in record.comparisons))
    yield _prose(
        "All of this was fixed before anything was trained, except where it says otherwise. Where a data set can't be "
        f"found by its name, add `--data {sets[0]}=PLACE`."
    )
    yield _bullets([*record.reasons, *record.measured, *record.notes])
    for comparison in record.comparisons:
        yield from _comparison(record, comparison)
    if more := [*_more(record)]:
        yield "## More about the parts"
        yield _bullets(more)
    yield "## Rule"
    yield _prose(record.rule)
    yield "## Not covered"
    yield _bullets(record.not_covered)
    yield "## What would change it"
    yield _bullets(record.would_change)
    yield _prose(
        f"Made with Skipwise {record.version} on {record.machine}. This page is made from its record, "
        f"[{file_name(record)}.json]({file_name(record)}.json)."
    )


def _more(record: StudyRecord) -> Iterable[str]:
    """Further findings about the parts of the claim, a sentence each."""
    for each in record.findings:
        if each.part.of_a != each.part.of_b:
            yield _took(record, each.part)
        if each.seeds_to_settle is not None:
            yield _to_settle(each)
        yield from each.details


def _margins(record: StudyRecord) -> str:
    """The differences that would not matter, in a sentence; "" where every difference does."""
    margins = {
        outcome_of(each.part.outcome or record.comparisons[0].outcome).measure(): f"{each.margin:g} {each.unit}"
        for each in record.findings
        if each.margin is not None
    }
    if not margins:
        return ""
    if len(set(margins.values())) == 1:
        return f" A difference of less than {next(iter(margins.values()))} would not matter."
    return f" What would not matter: less than {listed([f'{size} of {of}' for of, size in margins.items()])}."


def _took(record: StudyRecord, part: Part) -> str:
    """States the time of a pair's runs in two comparisons, which shows whether times meant to be equal were."""
    seconds = {(cost.comparison, cost.name): cost.run for cost in record.costs}
    each = [(part.a, part.of_a), (part.b, part.of_b)]
    times = [seconds.get((of, name)) for name, of in each]
    said = [
        f"{plain_name(name)} in {of} took {'an unknown time' if time is None else duration(time)}"
        for (name, of), time in zip(each, times, strict=True)
    ]
    return f'On "{part.claim}": the median run of {listed(said)}, with data, validation and test images.'


def _to_settle(found: Finding) -> str:
    return (
        f'On "{found.part.claim}": about {found.seeds_to_settle} seeds would settle it, if what was observed is the '
        "truth."
    )


def _comparison(record: StudyRecord, found: ComparisonFound) -> Iterable[str]:
    costs = {cost.name: cost for cost in record.costs if cost.comparison == found.name}
    yield f"## Results: {found.title}"
    further = [outcome_of(each.outcome).measure() for each in found.networks[0].further]
    yield _table(
        (
            "network",
            outcome_of(found.outcome).measure(),
            *further,
            "SD",
            "training loss",
            "runs",
            "parameters",
            "multiply-adds",
            "ms per image",
            "a run",
        ),
        [_row(each, costs.get(each.name), found.outcome) for each in found.networks],
    )
    yield _prose(
        "SD is the standard deviation of the accuracy over seeds, in points. The training loss is that of the last "
        "epoch. Milliseconds (one image at a time, on the processor) and the time of a run were measured with whatever "
        "else ran."
    )
    if found.norms:
        yield from _norms(found)
    yield _bullets([*found.outline, f"seeds {found.seeds[0]} to {found.seeds[-1]}, {found.steps:,} steps for each run"])
    yield _prose("The study writes the split to its folder. With it, this command does the comparison by itself:")
    yield _fenced([found.command])


def _norms(found: ComparisonFound) -> Iterable[str]:
    yield _prose(
        "How much the gradient of the loss grows from one block to the one before it, on 64 training images: the "
        "geometric mean over all blocks and over the runs in which it was recorded. 1.00 is no change; a factor f "
        "makes it f^n times as large n blocks earlier."
    )
    yield _table(
        ("network", "blocks", "before the first step", "after the last epoch", "runs recorded"),
        [(plain_name(n.name), str(n.blocks), _factor(n.before), _factor(n.after), str(n.runs)) for n in found.norms],
    )


def _factor(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"


def _row(found: NetworkFound, cost: Cost | None, first: str) -> tuple[str, ...]:
    runs = str(found.runs)
    if found.learned < found.runs:
        runs += f", of which {found.runs - found.learned} learned nothing"
    if found.failed:
        runs += f"; {found.failed} failed"
    latency = None if cost is None else cost.latency
    run = None if cost is None else cost.run
    return (
        plain_name(found.name),
        _estimate(found.outcome, first),
        *(_estimate(each.value, each.outcome) for each in found.further),
        NONE if found.spread is None else f"{100 * found.spread:.2f}",
        NONE if found.train_loss is None else f"{found.train_loss:.2f}",
        runs,
        NONE if found.parameters is None else f"{found.parameters:,}",
        NONE if found.multiply_adds is None else f"{found.multiply_adds / 1e6:.1f} M",
        NONE if latency is None else f"{1000 * latency:.2f}",
        NONE if run is None else duration(run),
    )


def _estimate(found: Estimate | None, outcome: str) -> str:
    """An outcome with its interval."""
    if found is None:
        return NONE
    of = outcome_of(outcome)
    unit = "" if of.sign else f" {of.unit}"
    return f"{of.value(found.value)} ({of.bounds(found.low, found.high)}){unit}"


def difference(found: Finding) -> str:
    """The difference of a part of the claim with its interval and unit."""
    if found.value is None or found.low is None or found.high is None:
        return "no interval"
    sign = "" if found.part.quantity == "spread" else "+"
    return f"{found.value:{sign}.2f} ({found.low:{sign}.2f} to {found.high:{sign}.2f}) {found.unit}".rstrip()


def verdict_of(record: StudyRecord) -> str:
    """The verdict in a few words, with the budget that it is for."""
    steps = [comparison.steps for comparison in record.comparisons]
    return f"{record.verdict.capitalize()} at this budget, {max(steps):,} steps for each run."


def count_of_answers(record: StudyRecord) -> str:
    """States how many parts of the claim have each answer."""
    counts = Counter(finding.answer for finding in record.findings)
    each = [f"{number} {answer}" for answer, number in counts.items()]
    return f"Of the {count(len(record.findings), 'part')} of the claim, {listed(each)}." if len(counts) > 1 else ""


def study_command(record: StudyRecord) -> str:
    """The command that does the study."""
    scale = () if record.scale == "small" else ("--scale", record.scale)
    return command("skipwise", "study", record.study, *scale, *(("--seed", str(record.seed)) if record.seed else ()))


def file_name(record: StudyRecord) -> str:
    """The name of a study's files; other seeds and scales have files of their own."""
    scale = "" if record.scale == "small" else f"-{record.scale}"
    return f"{record.study}{scale}{f'-seed{record.seed}' if record.seed else ''}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _prose(text: str, *, then: str = "") -> str:
    """A paragraph in lines that are not too long; those after the first begin with `then`."""
    return textwrap.fill(text.strip(), WIDTH, subsequent_indent=then, break_on_hyphens=False, break_long_words=False)


def _bullets(sentences: Iterable[str]) -> str:
    return "\n".join(_prose(f"- {sentence}", then="  ") for sentence in sentences)


def _fenced(lines: Iterable[str]) -> str:
    return "\n".join(["```sh", *lines, "```"])
