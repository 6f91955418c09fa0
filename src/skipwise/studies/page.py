"""The page of a study, in Markdown; every number on it is in its record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from skipwise.core.text import command, duration
from skipwise.studies.networks import plain_name
from skipwise.studies.records import ComparisonFound, Cost, Finding, NetworkFound, StudyRecord

NONE = "-"


def page(record: StudyRecord) -> str:
    """The page: claim, verdict, design, results, and what they do not say."""
    return "\n\n".join(_paragraphs(record)) + "\n"


def _paragraphs(record: StudyRecord) -> Iterable[str]:
    yield f"# {record.claim}"
    yield f"**{verdict_of(record)}**"
    yield _table(
        ("part of the claim", "difference, and the interval of all together", "answer"),
        [(each.part.claim, difference(each), each.answer) for each in record.findings],
    )
    yield f"Source of the claim: {record.source}"
    yield "## Design"
    yield _fenced([study_command(record)])
    if len(record.comparisons) > 1:
        yield f"The study makes {len(record.comparisons)} comparisons, all of it fixed before anything was trained."
    else:
        yield "All of it was fixed before anything was trained."
    yield _bullets([*record.reasons, *record.measured, *record.notes])
    for comparison in record.comparisons:
        yield from _comparison(record, comparison)
    yield "## Rule"
    yield record.rule
    for each in record.findings:
        if each.seeds_to_settle is not None:
            yield (
                f"That {each.part.claim}: about {each.seeds_to_settle} seeds would settle it, if what was observed is "
                "the truth."
            )
    yield "## Not covered"
    yield _bullets(record.not_covered)
    yield "## What would change it"
    yield _bullets(record.would_change)
    yield (
        f"Made with Skipwise {record.version} on {record.machine}. [{record.study}.json]"
        f"({file_name(record)}.json) has the record that this page is made from."
    )


def _comparison(record: StudyRecord, found: ComparisonFound) -> Iterable[str]:
    costs = {cost.name: cost for cost in record.costs if cost.comparison == found.name}
    yield f"## Results: {found.title}"
    yield _table(
        ("network", "result", "loss in the last epoch", "runs", "parameters", "multiply-adds", "ms per image", "a run"),
        [_row(each, costs.get(each.name)) for each in found.networks],
    )
    yield "\n".join(f"{line}  " for line in (*found.outline, f"{found.recipe_steps:,} steps for each run")).rstrip()
    yield "The study wrote the split to its folder. With it, this command does the same comparison by itself:"
    yield _fenced([found.command])


def _row(found: NetworkFound, cost: Cost | None) -> tuple[str, ...]:
    outcome = found.outcome
    runs = str(found.runs)
    if found.learned < found.runs:
        runs += f", of which {found.runs - found.learned} learned nothing"
    if found.failed:
        runs += f"; {found.failed} failed"
    latency = None if cost is None else cost.latency
    run = None if cost is None else cost.run
    return (
        plain_name(found.name),
        NONE
        if outcome is None
        else f"{100 * outcome.value:.2f}% ({100 * outcome.low:.1f} to {100 * outcome.high:.1f})",
        NONE if found.train_loss is None else f"{found.train_loss:.2f}",
        runs,
        NONE if found.parameters is None else f"{found.parameters:,}",
        NONE if found.multiply_adds is None else f"{found.multiply_adds / 1e6:.1f} M",
        NONE if latency is None else f"{1000 * latency:.2f}",
        NONE if run is None else duration(run),
    )


def difference(found: Finding) -> str:
    """The difference of a part of the claim with its interval and unit."""
    if found.difference is None or found.low is None or found.high is None:
        return "no interval: a network has fewer than two runs that learned anything"
    return f"{found.difference:+.2f} ({found.low:+.2f} to {found.high:+.2f}) {found.unit}".rstrip()


def verdict_of(record: StudyRecord) -> str:
    """The verdict in a sentence."""
    budget = " at this budget" if record.verdict == "undecided" else ""
    return f"{record.verdict.capitalize()}{budget}."


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


def _bullets(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _fenced(lines: Iterable[str]) -> str:
    return "\n".join(["```sh", *lines, "```"])
