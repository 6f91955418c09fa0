"""A judgement in GitHub's Markdown, for a pull request or a README."""

from __future__ import annotations

from skipwise.comparison.report.tables import table
from skipwise.comparison.wording import pairs, phrases
from skipwise.core.escaping import markdown as escaped
from skipwise.evaluation.outcomes import OUTCOMES
from skipwise.judging import wording
from skipwise.judging.record import Judged


def markdown(judged: Judged) -> str:
    """The answer, the networks, the pairs, what to mind and what is not covered."""
    first, *rest = judged.verdict
    sections = [
        f"**{escaped(first)}**",
        "\n".join(f"- {escaped(sentence)}" for sentence in rest),
        escaped(f"Compared: {judged.compared}. {_matters(judged)}"),
        "\n".join(f"- {escaped(note)}" for note in judged.notes),
        _networks(judged),
        _pairs(judged),
        escaped(wording.not_covered(judged)),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _matters(judged: Judged) -> str:
    question = judged.question
    return (
        f"A difference of less than {phrases.margin(question)} counts as too small to matter. The chance that any "
        f"verdict is wrong is at most {question.alpha * 100:g}%."
    )


def _networks(judged: Judged) -> str:
    question, results = judged.question, judged.results
    also = not question.scoring.is_accuracy
    headings = [
        "network",
        f"{phrases.measure(question)} ({phrases.sure(question)} interval)",
        *([OUTCOMES["accuracy"].measure()] if also else []),
        "seeds",
    ]
    rows = [
        [
            escaped(candidate.name),
            phrases.reached(candidate, question),
            *([phrases.accuracy(candidate.accuracy)] if also else []),
            phrases.runs_done(candidate),
        ]
        for candidate in results.candidates
    ]
    return table(headings, rows, left=1)


def _pairs(judged: Judged) -> str:
    results, rows = judged.results, []
    for name, pair in pairs.pair_lines(results):
        if pair is None:
            rows.append([escaped(name), "", pairs.NOT_JUDGED])
            continue
        settling = "" if judged.has_one_seed else pairs.remedy(pair, results)
        said = filter(None, (pairs.verdict(pair, judged.question), settling))
        rows.append([escaped(name), phrases.difference(pair, judged.question), escaped("; ".join(said))])
    unit = judged.question.scoring.unit
    return table(["pair", f"difference in {unit}" if unit else "difference", "verdict"], rows, left=1)
