"""What is said of results: on the screen, in the report and in Markdown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from markdown_it import MarkdownIt

from skipwise.comparison.question.question import Question
from skipwise.comparison.report import fairness
from skipwise.comparison.report.markdown import escaped, markdown
from skipwise.comparison.wording import notes, pairs, phrases, study
from skipwise.comparison.wording.answer import answer
from skipwise.core.text import count, first, listed
from skipwise.statistics import judge
from skipwise.statistics.simultaneous import RESERVE
from tests.fabricated import NASTY, NETWORKS, Fabricated, fabricate
from tests.test_report import CASES, with_nasty_names


@pytest.mark.parametrize(
    ("images", "names", "looks", "alpha"), [(30, "ab", 1, 0.05), (60, "abcd", 3, 0.05), (200, "abc", 2, 0.01)]
)
def test_what_is_said_to_be_out_of_reach_is_not_shown(images: int, names: str, looks: int, alpha: float) -> None:
    """Judged as one of so many pairs, with seeds that agree and with seeds that don't."""
    said = notes.resolvable((images // 2, images - images // 2), asking(names, looks, alpha))
    least = next((n for n in range(images + 1) if f"at least {n} of them" in said), images + 1)
    level = asking(names, looks, alpha).level

    rng = np.random.default_rng(0)

    def verdict(wrong: int, noise: float = 0.0) -> str:
        right = np.ones((5, images), dtype=bool)
        other = right.copy()
        other[:, :wrong] = rng.random((5, wrong)) < noise
        # The level of a single pair, of which judge keeps a part back.
        return judge({"a": right, "b": other}, margin=0.005, alpha=level / RESERVE).pairs[0].verdict

    assert {verdict(wrong, noise) for wrong in range(1, least) for noise in (0.0, 0.1, 0.3)} <= {"unresolved"}
    assert least > images or verdict(least) == "better"
    assert ("That two networks differ by less" in said) == (verdict(0) != "equivalent")


def test_what_can_be_resolved_is_said_in_numbers_or_not_at_all() -> None:
    assert notes.resolvable((15, 15), asking("abcd", 3)) == (
        "With 30 test images, a difference is likely to be shown only if it is at least 10 of them (33.3 points). That "
        "two networks differ by less than 0.5 points can't be shown with so few."
    )
    assert notes.resolvable((1, 2), asking("abcd", 3)) == (
        "With 3 test images, no difference can be shown, however large it is."
    )
    assert notes.resolvable((500, 500), asking("abcd", 1)).endswith(" points).")
    assert notes.resolvable((5000, 5000), asking("abcd", 3)) == ""
    balanced = replace(asking("abcd", 3), outcome="balanced-accuracy")
    assert "only if it is at least about 33.3 points." in notes.resolvable((15, 15), balanced)
    # Four images of a small class count as much as the 996 others: as many as 16 that weigh alike.
    assert "only if it is at least about 56.2 points." in notes.resolvable((996, 4), balanced)
    assert "only if it is at least about 56.2 points." in notes.resolvable((996, 0, 4), balanced)


def asking(names: str, looks: int, alpha: float = 0.05) -> Question:
    return Question(candidates=tuple(names), looks=tuple(range(5, 5 + looks)), margin=0.5, alpha=alpha)


def test_one_is_one() -> None:
    assert count(1, "epoch") == "1 epoch"
    assert count(1200, "pair") == "1,200 pairs"
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    made = fabricate(("resnet18", "plain18"), epochs=1, looks=(2, 3), tuned=False)
    assert study.looks_taken(made.plan, made.results)[0].startswith("Of 1 pair, 1 was settled after 2 seeds")
    assert any("1 epoch," in line for line in fairness.equal(made.plan))


def test_of_many_sentences_the_first() -> None:
    assert first(["a", "b"], 2) == ["a", "b"]
    assert first(["a", "b", "c", "d"], 2) == ["a", "b", "And 2 more of these are in the report."]


def test_the_course_counts_the_runs_it_saved() -> None:
    made = fabricate()
    assert study.looks_taken(made.plan, made.results) == [
        "Of 10 pairs, 8 were settled after 5 seeds, none after 8 and none after 12; 2 stayed open.",
        "That took 53 runs; 12 seeds for every network would have taken 60 (12% saved).",
    ]
    assert study.looks_taken(*fabricate(looks=(5,)).arguments()[:2]) == []
    cross_validated = fabricate(folds=4, looks=(5, 8), failed=None)
    folded = cross_validated.results
    said = study.looks_taken(cross_validated.plan, folded)
    assert "That took 148 runs" in said[1]
    assert "would have taken 160 (7% saved)" in said[1]
    assert phrases.runs_done(folded.candidates[0]) == "8 x 4"
    # What a time limit or failures prevented was not saved.
    assert len(study.looks_taken(replace(made.plan, stopped_after=5), made.results)) == 1
    assert len(study.looks_taken(made.plan, replace(made.results, pairs=made.results.pairs[1:]))) == 1
    assert phrases.runs_done(made.results.candidates[4]) == "12, 1 failed"


def test_open_pairs_say_why_they_were_left_open() -> None:
    made = fabricate()
    results, pair = made.results, made.results.pair("resnet18", "my_networks:tiny")
    assert pair is not None
    settled = results.pair("resnet18", "plain18")
    assert settled is not None
    assert pairs.left_open(settled, results) == ""
    later = replace(pair, seeds_needed=31, images_needed=None)
    assert (
        pairs.left_open(later, results)
        == f"still open after 12 seeds, the last look; about 31 seeds instead of 12 would settle it, {pairs.IF}"
    )
    never = replace(pair, seeds_needed=None)
    assert (
        pairs.left_open(never, results)
        == f"about 9,400 test images instead of 2,000 would settle it, {pairs.IF}; more seeds can't"
    )
    assert results.beaten() == {"plain18": "se_resnet18"}
    with_one_out = replace(pair, a="resnet18", b="plain18")
    assert pairs.left_open(with_one_out, results) == (
        "left open, since nobody would choose plain18: plain18 is more than 0.5 points below se_resnet18"
    )
    every = replace(results, question=replace(results.question, every_pair=True))
    assert "nobody would choose" not in pairs.left_open(with_one_out, every)


def test_what_is_exploratory_is_said_with_what_it_does_to_the_error_rates() -> None:
    made = fabricate(("resnet18", "se_resnet18", "plain18"))
    bug, extended, included = notes.reservations(made.plan, made.results)
    assert "there is a bug somewhere" in bug
    assert "First it asked about resnet18 and se_resnet18 with 5 seeds, then about resnet18, se_resnet18" in extended
    assert "Each of these 2 plans is wrong at most 5% of the time; all of them together up to 10%" in extended
    assert "1 run was trained before and is included (1 of resnet18)" in included
    assert "at most 5%" not in study.asked(made.results)
    assert notes.notes(made.plan, made.results)[:3] == [bug, extended, included]
    assert not any("Exploratory" in said for said in notes.notes(fabricate(exploratory=False).plan, made.results))


def test_whatever_one_must_know_is_in_the_notes() -> None:
    made = fabricate(folds=4, looks=(3,), tuned=False, test_images=30)
    said = " ".join(notes.notes(made.plan, made.results))
    for words in (
        "seed 1, fold 0: the loss became nan",
        "Seed 1 and seed 2 of plain18 gave exactly the same answers",
        "cross-validation",
        "With 30 test images",
        "3 of the 30 test images have exact or near copies",
    ):
        assert words in said
    balanced = replace(fabricate(outcome="balanced-accuracy").results, guess=0.95)
    (guessing,) = notes.guessing(balanced)
    assert guessing.startswith("resnet18, se_resnet18")
    assert guessing.endswith("gives a balanced test accuracy of 95.0%.")


def test_fairness_tells_runs_that_were_computed_in_another_way() -> None:
    plan = fabricate().plan
    included = replace(plan.included[0], execution=replace(plan.execution, device="cuda", precision="bf16"))
    assert any("Computed on cpu in fp32" in line for line in fairness.equal(plan))
    elsewhere = replace(plan, included=(included,))
    assert not any("Computed on" in line for line in fairness.equal(elsewhere))
    said = " ".join(fairness.different(elsewhere, fabricate().results))
    assert "Computed on cpu in fp32, except earlier runs of resnet18 on cuda in bf16" in said


def test_fairness_names_what_differed_and_what_did_not() -> None:
    made = fabricate()
    others = (replace(made.results.candidates[0], lr=0.1), *made.results.candidates[1:])
    lines = " ".join(fairness.different(made.plan, replace(made.results, candidates=others)))
    assert (
        "The number of seeds: 12 for resnet18, se_resnet18, mobilenet_v2 and my_networks:tiny; 5 for plain18." in lines
    )
    assert "The peak learning rate, as tuned: 0.1 for resnet18; 0.4 for se_resnet18, mobilenet_v2" in lines
    assert "Some runs of resnet18 were trained before" in lines
    assert "1 of 12 runs of my_networks:tiny failed" in lines
    same = " ".join(fairness.equal(made.plan))
    for words in (
        "small stem",
        "30 epochs",
        "batches of 256",
        "Progressive resizing: training images have ",
        "principal components",
        "at each of the learning rates 0.1 and 0.4",
        "9,000 training",
    ):
        assert words in same
    folded = " ".join(fairness.equal(fabricate(folds=4, tuned=False).plan))
    assert "2,000, each tested once per seed by a network that was trained on the other 3 of 4 folds" in folded
    assert "peak learning rate 0.4" in folded


def tables(text: str) -> list[list[list[str]]]:
    """The tables in Markdown, rows of cells, as GitHub reads them."""
    found: list[list[list[str]]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and found and token.level >= 4:
            found[-1][-1].append("".join(child.content for child in token.children or ()))
    return found


@pytest.mark.parametrize("case", CASES)
def test_markdown_has_the_answer_and_two_tables(case: str) -> None:
    made = fabricate(**CASES[case])
    text = markdown(made.plan, made.results, made.costs)
    networks, pairs = tables(text)
    count = len(made.results.candidates)
    assert len(networks) == 1 + count
    assert len(pairs) == 1 + count * (count - 1) // 2
    assert {len(row) for row in networks} == {6 if made.plan.question.scoring.is_accuracy else 7}
    assert {len(row) for row in pairs} == {3}
    assert sorted(row[0].partition(",")[0] for row in networks[1:]) == sorted(tuple(NETWORKS)[:count])
    assert text.startswith(f"**{escaped(answer(made.results, made.costs.recommendation).use)}**")
    assert ("Exploratory" in text) == made.plan.exploratory
    assert "Not covered by the intervals: other data" in text
    assert "```sh\nskipwise compare path/to/holiday-photos" in text


def test_names_are_text_in_markdown() -> None:
    made: Fabricated = with_nasty_names(fabricate())
    text = markdown(made.plan, made.results, made.costs)
    networks, pairs = tables(text)
    assert {len(row) for row in networks} == {6}
    assert {len(row) for row in pairs} == {3}
    assert NASTY in [row[0] for row in networks]
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert "<script>" not in html
    assert "<em>" not in html
    assert escaped("se_resnet18 by @someone\nand _this_") == "se_resnet18 by &#64;someone and \\_this\\_"
