"""What the terminal shows of a comparison."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from skipwise.cli.summaries.comparison import print_comparison, print_recommended
from skipwise.cli.summaries.next_steps import next_command
from skipwise.comparison.recommend import Recommended
from skipwise.comparison.results.choice import Limits
from skipwise.comparison.results.finished import Comparison
from tests.fabricated import NETWORKS, Fabricated, fabricate

TYPED = ["skipwise", "compare", "my photos", "--models", "a,b", "--seeds", "5", "--output", "out", "--resume"]


def finished(made: Fabricated) -> Comparison:
    folder = Path("runs/compare/holiday-photos")
    return Comparison(folder=folder, plan=made.plan, results=made.results, costs=made.costs, repeated=False)


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/skipwise")


def test_the_tables_fit_a_hundred_columns(capsys: pytest.CaptureFixture[str]) -> None:
    print_comparison(finished(fabricate()), typed=TYPED)
    text = capsys.readouterr().out
    table = text[: text.index("Use mobilenet_v2")]
    assert max(len(line.rstrip()) for line in table.splitlines()) <= 100
    for words in (
        "test accuracy (95%)",
        "94.81% (94.3 to 95.4)",
        "12, 1 failed",
        "4.10 (3.94-4.41)",
        "multiply-adds",
        "resnet18 - mobilenet_v2",
        "equivalent",
        "se_resnet18 is slightly better",
        "unresolved",
    ):
        assert words in table
    for words in ("Exploratory: this comparison was extended", "resnet18 does not fit: latency 9.8 ms",
                  "Don't rely on it", "(12% saved)", "Report: runs/compare/holiday-photos/report.html"):  # fmt: skip
        assert words in text
    assert text.index("Use mobilenet_v2") < text.index("1 of 12 runs")


def test_of_many_pairs_those_of_the_choice(capsys: pytest.CaptureFixture[str]) -> None:
    print_comparison(finished(fabricate(tuple(NETWORKS))), typed=TYPED)
    text = capsys.readouterr().out
    assert text.count(" - ") == 9
    assert "36 more pairs are in the report." in text


def test_what_is_recommended_can_be_exported(capsys: pytest.CaptureFixture[str]) -> None:
    def said(made: Fabricated) -> str:
        found = finished(made)
        print_recommended(Recommended(comparison=found, limits=Limits(), latencies={}, where="x",
                                      recommendation=made.costs.recommendation))  # fmt: skip
        return capsys.readouterr().out

    assert "Next:   skipwise export runs/compare/holiday-photos/runs/mobilenet_v2-s0\n" in said(fabricate())
    # Not a run that failed, and none of cross-validation, which was trained on a part of the images.
    made = fabricate()
    first, *others = made.results.candidates[2].runs
    without = replace(made.results.candidates[2], runs=(replace(first, status="failed"), *others))
    candidates = (*made.results.candidates[:2], without, *made.results.candidates[3:])
    assert "runs/mobilenet_v2-s1\n" in said(replace(made, results=replace(made.results, candidates=candidates)))
    assert "skipwise export" not in said(fabricate(folds=4))
    # What makes intervals worthless or approximate is said here, too.
    assert "there is a bug somewhere" in said(fabricate())
    assert "cross-validation" in said(fabricate(folds=4))


def test_the_next_command_is_worth_typing() -> None:
    made = fabricate()
    found = finished(made)
    assert next_command(found, TYPED) == "skipwise recommend runs/compare/holiday-photos --max-latency-ms 8.9"
    pairs = tuple(
        replace(pair, seeds_needed=16) if pair.verdict == "unresolved" else pair for pair in made.results.pairs
    )
    settling = replace(found, results=replace(made.results, pairs=pairs))
    assert next_command(settling, TYPED) == (
        "skipwise compare 'my photos' --models a,b --looks 5,8,12,16 --extend --output runs/compare/holiday-photos"
    )
    dashed = next_command(settling, ["skipwise", "compare", "--models", "a,b", "--output=x", "--", "-my photos"])
    assert dashed.startswith("skipwise compare --models a,b './-my photos' --looks 5,8,12,16 --extend")
    elsewhere = replace(settling, folder=Path("-o'clock"))
    assert next_command(elsewhere, TYPED).endswith("""--output './-o'"'"'clock'""")
    limited = replace(settling, plan=replace(made.plan, time_limit=60.0))
    assert next_command(limited, TYPED).startswith("skipwise recommend")
    unmeasured = replace(found, costs=replace(made.costs, latencies={}))
    assert next_command(unmeasured, TYPED) == "skipwise report runs/compare/holiday-photos --format md"
    nothing = replace(made.costs, recommendation=replace(made.costs.recommendation, candidate=None))
    assert next_command(replace(found, costs=nothing), TYPED) == (
        "skipwise report runs/compare/holiday-photos --format md"
    )
    named = replace(found, plan=replace(made.plan, data="digits", found_in=None))
    assert "path/to/your/images --models resnet18," in next_command(named, TYPED)
