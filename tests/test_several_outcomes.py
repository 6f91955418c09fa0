"""Comparisons by several outcomes at once: what is asked, judged together, written down and said."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import skipwise
from skipwise.cli.summaries.comparison import print_comparison, print_recommended
from skipwise.comparison.evidence.collect import collect
from skipwise.comparison.evidence.predictions import read_answers, read_tested
from skipwise.comparison.plan.arguments import arguments
from skipwise.comparison.plan.command import command
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.plan.saved import beside, read_plan, write_plan
from skipwise.comparison.question.question import FurtherOutcome, Question
from skipwise.comparison.recommend import Recommended
from skipwise.comparison.report.markdown import markdown
from skipwise.comparison.report.page import write_report
from skipwise.comparison.results.choice import Limits, choose
from skipwise.comparison.results.finished import Comparison, record
from skipwise.comparison.results.judged import possible, possible_pairs
from skipwise.comparison.results.records import Results
from skipwise.comparison.run.study import run_study
from skipwise.comparison.wording.further import claims, decides, further
from skipwise.comparison.wording.plans import outlined
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import read_sealed, write_sealed
from skipwise.core.files.json_records import as_json
from skipwise.evaluation.outcomes import margins_of, outcome_names, outcome_of
from skipwise.statistics import Estimate, Pair, judge
from tests.fabricated import fabricate
from tests.test_outcomes import Graded, make_plan

ASKED = ("accuracy", "brier", "log-loss:classes=bee,cat")


def made(folder: Path, *names: str) -> tuple[Plan, Results]:
    """A comparison of two networks, one of them clearly better."""
    plan = make_plan(folder, names[0])
    others = tuple(FurtherOutcome(outcome=name, margin=outcome_of(name).margin) for name in names[1:])
    if others:
        plan = replace(plan, question=replace(plan.question, further_outcomes=others))
    return plan, collect(plan, folder, run_study(plan, folder, Graded(folder, resnet18=2.2, plain18=1.9)))


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Plan, Results]:
    folder = tmp_path_factory.mktemp("several")
    return folder, *made(folder, *ASKED)


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("accuracy", ("accuracy",)),
        ("accuracy, brier", ("accuracy", "brier")),
        ("accuracy:classes=cat,dog", ("accuracy:classes=cat,dog",)),
        ("accuracy:classes=tench, Tinca tinca", ("accuracy:classes=tench, Tinca tinca",)),
        (
            "brier:classes=cat,dog,log-loss:classes=eel,accuracy",
            ("brier:classes=cat,dog", "log-loss:classes=eel", "accuracy"),
        ),
        (["log-loss", "accuracy:classes=a, b"], ("log-loss", "accuracy:classes=a, b")),
    ],
)
def test_outcomes_are_taken_apart_at_commas_and_classes_are_not(asked: str, names: tuple[str, ...]) -> None:
    assert outcome_names(asked) == names
    assert outcome_names(",".join(names)) == names


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("accuracy,brierr", "no outcome called 'brierr'; did you mean 'brier'"),
        ("accuracy,brier,accuracy", "accuracy is in --outcome twice"),
        ("accuracy,", "no outcome called ''"),
        ("log-loss:classes=cat,,accuracy", "names no class, or an empty one"),
    ],
)
def test_a_list_with_something_else_in_it_is_refused(asked: str, said: str) -> None:
    with pytest.raises(SkipwiseError, match=re.escape(said)):
        outcome_names(asked)


def test_margins_go_by_the_order_of_outcomes() -> None:
    names = ("accuracy", "brier", "log-loss")
    assert margins_of(names, None) == (0.5, 0.005, 0.01)
    assert margins_of(names, 1) == (1.0, 0.005, 0.01)
    assert margins_of(names, [1, 0.02]) == (1.0, 0.02, 0.01)
    with pytest.raises(SkipwiseError, match="--margin has 2 numbers for one outcome"):
        margins_of(["accuracy"], [1, 2])
    question = Question(
        candidates=("resnet18", "plain18"),
        looks=(5,),
        margin=0.5,
        alpha=0.05,
        further_outcomes=(FurtherOutcome(outcome="brier", margin=-1.0),),
    )
    with pytest.raises(SkipwiseError, match=r"--margin.*test Brier score"):
        question.check()


def test_intervals_stay_within_what_there_can_be() -> None:
    brier, loss = outcome_of("brier"), outcome_of("log-loss")
    assert possible(Estimate(0.4, -0.1, 1e8), brier) == Estimate(0.4, 0.0, 2.0)
    assert possible(Estimate(0.4, -0.1, 1e8), loss) == Estimate(0.4, 0.0, 1e8)
    assert possible(None, brier) is None
    pair = Pair("a", "b", 0.1, -1e8, 1e8, "unresolved", False, seeds=2, images=9)
    (within,) = possible_pairs([pair], brier)
    assert (within.low, within.high) == (-2.0, 2.0)
    assert possible_pairs([pair], loss) == (pair,)
    relied = replace(pair, low=-3.0, high=1.5)
    (within,) = possible_pairs([relied], outcome_of("background"))
    assert (within.low, within.high) == (-2.0, 1.5)
    assert loss.differences(-1e14, 0.5) == "-1.0e+14 to +0.5000"


def test_a_single_outcome_is_written_as_before() -> None:
    question = fabricate().plan.question
    assert "further" not in as_json(question)
    assert question.questions == (question,)
    assert question.share_of_alpha == question.alpha
    assert "further" not in as_json(fabricate().results)
    assert arguments(fabricate().plan).margin == 0.5


def test_every_outcome_is_judged_with_its_share_of_alpha(several: tuple[Path, Plan, Results]) -> None:
    folder, plan, results = several
    tested = read_tested(plan, folder)
    records = {
        job.folder: _record(folder, job.folder) for name in plan.trained for s in range(5) for job in plan.jobs(name, s)
    }
    alone = make_plan(folder, "accuracy")
    assert [each.outcome for each in results.judged] == list(ASKED)
    for found in results.judged:
        outcome = outcome_of(found.outcome)
        question = replace(alone.question, outcome=found.outcome, margin=outcome.margin)
        own = replace(alone, question=question)
        answers = {name: read_answers(own, folder, read_tested(own, folder), name, records) for name in plan.trained}
        counts = outcome.members(tested.labels, plan.classes)
        assert all(each.scores.shape == (5, counts.sum()) for each in answers.values())
        expected = judge(
            {name: each.scores for name, each in answers.items()},
            margin=outcome.margin / outcome.scale,
            alpha=0.05 / 3,
            looks=(5,),
            higher_is_better=outcome.higher_is_better,
        )
        assert found.pairs == expected.pairs
        values = {each.name: each.outcome for each in found.networks}
        assert {name: value.value for name, value in values.items() if value is not None} == {
            name: value.value for name, value in expected.accuracies.items()
        }
    single = made(folder, "accuracy")[1].pairs[0]
    assert single.low > results.pairs[0].low  # which has to hold beside two more


def _record(folder: Path, name: str) -> object:
    from skipwise.training.folder.record import read_run

    return read_run(folder / name)


def test_the_first_outcome_decides_and_all_are_told(
    several: tuple[Path, Plan, Results], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, plan, results = several
    write_sealed(folder / "comparison.json", results)
    assert read_sealed(folder / "comparison.json", Results) == results
    assert [each["outcome"] for each in json.loads((folder / "comparison.json").read_text())["further_outcomes"]] == [
        "brier",
        "log-loss:classes=bee,cat",
    ]
    choice = choose(results, {"resnet18": 0.002, "plain18": 0.001})
    costs = replace(fabricate(("resnet18", "plain18")).costs, recommendation=choice)
    shown = Comparison(folder=folder, plan=plan, results=results, costs=costs, repeated=False)
    said = [sentence for question, judged in further(results) for sentence in claims(question, judged)]
    assert len(said) == 2
    assert re.fullmatch(
        r"By test Brier score, resnet18 is better than plain18 by 0\.\d{3} \(0\.\d+ to 0\.\d+\)\.", said[0]
    )
    print_comparison(shown, typed=["skipwise", "compare"])
    printed = capsys.readouterr().out
    recommended = Recommended(
        comparison=shown, limits=Limits(), latencies=costs.medians, where="this machine", recommendation=choice
    )
    assert recommended.claims == shown.claims == tuple(said)
    assert json.loads(record(shown))["claims"] == said
    print_recommended(recommended)
    again = capsys.readouterr().out
    page = folder / "report.html"
    write_report(page, plan, results, costs, {}, {}, {})
    html, text = page.read_text(), markdown(plan, results, costs)
    assert decides(results).startswith("The recommendation goes by test accuracy. ")  # there is one look
    looked = replace(results, question=replace(results.question, looks=(3, 5)))
    assert decides(looked).startswith("The recommendation, and who got more seeds, go by test accuracy. ")
    for sentence in said:
        assert sentence in printed
        assert sentence in again
        assert sentence in html
        assert sentence.replace("_", "\\_") in text
    for words in ("test Brier score (95%)", "95% for all pairs and outcomes", "hold for all 3 outcomes together"):
        assert words in printed
    anchors = re.findall(r' id="([^"]*)"', html)
    assert "h-further" in anchors
    assert len(anchors) == len(set(anchors))
    assert "for all pairs and outcomes at once" in html
    assert "| network | test Brier score (95% interval) |" in text
    assert "and also by test Brier score and test log-loss on bee, cat" in text
    assert any("also by brier (margin 0.005)" in line for line in outlined(plan))


def test_claims_are_plain_sentences() -> None:
    question = Question(candidates=("a", "b"), looks=(5,), margin=0.5, alpha=0.05, outcome="accuracy")
    losses = replace(question, outcome="log-loss", margin=0.01)

    def said(asked: Question, low: float, value: float, high: float, verdict: str, *, small: bool = False) -> str:
        from skipwise.comparison.results.judged import JudgedOutcome

        pair = Pair("a", "b", value, low, high, verdict, small, seeds=5, images=100)  # type: ignore[arg-type]
        judged = JudgedOutcome(outcome=asked.outcome, margin=asked.margin, networks=(), pairs=(pair,))
        (sentence,) = claims(asked, judged)
        return sentence

    assert said(question, 0.003, 0.012, 0.021, "better") == (
        "By test accuracy, a is better than b by 1.2 points (0.3 to 2.1)."
    )
    assert said(question, -0.021, -0.012, -0.003, "worse") == (
        "By test accuracy, b is better than a by 1.2 points (0.3 to 2.1)."
    )
    assert said(losses, -0.021, -0.012, -0.0004, "better") == (
        "By test log-loss, a is better than b by 0.0120 nats (0.0004 to 0.0210)."
    )
    assert said(question, 0.001, 0.002, 0.003, "better", small=True).endswith(
        "by 0.2 points (0.1 to 0.3), which is less than 0.5 points."
    )
    assert said(question, -0.002, 0.001, 0.004, "equivalent", small=True) == (
        "By test accuracy, a and b differ by less than 0.5 points (-0.20 to +0.40)."
    )
    assert said(question, -0.02, 0.001, 0.02, "unresolved") == "By test accuracy, a and b are not told apart."


def test_a_plan_with_several_outcomes_is_saved_and_given_again(
    several: tuple[Path, Plan, Results], tmp_path: Path
) -> None:
    _, plan, _ = several
    written = ("--outcome", "accuracy,brier,log-loss:classes=bee,cat", "--margin", "0.5,0.005,0.01")
    assert all(word in command(plan).replace("\n", " ") for word in written)
    path = tmp_path / "plan.json"
    write_plan(path, plan)
    assert read_plan(path).outcome == ",".join(ASKED)
    assert read_plan(path).margin == (0.5, 0.005, 0.01)
    models = {"models": ["resnet18", "plain18"]}
    beside(path, {**models, "outcome": list(ASKED), "margin": 0.5})
    with pytest.raises(SkipwiseError, match="says otherwise than --outcome"):
        beside(path, {**models, "outcome": "accuracy,brier"})
    with pytest.raises(SkipwiseError, match="says otherwise than --margin"):
        beside(path, {**models, "margin": [0.5, 0.1]})
    without = replace(plan, question=plan.question.questions[0])
    assert "other outcomes are asked for beside the first one" in plan.difference(
        replace(without, question=replace(without.question, alpha=plan.question.alpha))
    )
    assert plan.digest() != replace(plan, question=replace(plan.question, further_outcomes=())).digest()


def test_images_in_groups_are_judged_in_groups_by_every_outcome(tmp_path: Path) -> None:
    """Outcomes that count different images each take the groups of their own."""
    from skipwise.comparison.evidence.further import judge_further

    plan, results = made(tmp_path, "log-loss:classes=bee,cat", "accuracy")
    study = run_study(plan, tmp_path, Graded(tmp_path, resnet18=2.2, plain18=1.9))
    groups = np.array([f"{number // 8}" for number in range(plan.test_images)])
    together = replace(study, tested=replace(study.tested, groups=groups))
    (found,) = judge_further(together)
    assert found.pairs[0].groups == 200
    assert found.pairs[0].images == plan.test_images
    assert results.further[0].pairs[0].groups is None


def test_what_one_of_several_cannot_tell_is_refused_before_training(photos: Path, tmp_path: Path) -> None:
    usual = {"models": ["resnet18", "plain18"], "seeds": 2, "output": tmp_path / "out"}
    with pytest.raises(SkipwiseError, match="top-5 test accuracy of any network is 100%"):
        skipwise.compare(photos, outcome="accuracy,top5-accuracy", **usual)
    with pytest.raises(SkipwiseError, match="no class called 'stripes9'; did you mean 'stripes"):
        skipwise.compare(photos, outcome=["accuracy", "log-loss:classes=stripes9"], **usual)
    with pytest.raises(SkipwiseError, match="--margin has 3 numbers for 2 outcomes"):
        skipwise.compare(photos, outcome="accuracy,brier", margin=[1, 2, 3], **usual)
    assert not (tmp_path / "out").exists()


def test_losses_of_which_one_run_has_almost_none_get_an_interval() -> None:
    rng = np.random.default_rng(0)
    usual = rng.uniform(0.5, 1.5, (2, 400))
    extreme = np.stack([np.full(400, 1e-9), rng.uniform(1.5, 2.5, 400)])
    judged = judge({"a": usual, "b": extreme}, margin=0.01, higher_is_better=False)
    assert all(np.isfinite([each.low, each.high]).all() for each in judged.accuracies.values())
