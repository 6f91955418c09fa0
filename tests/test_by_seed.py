"""What a comparison says of its runs one by one: how much they vary with the seed, and how many epochs they need."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import skipwise
from skipwise import SkipwiseError
from skipwise.comparison.evidence.by_seed import target_epochs
from skipwise.comparison.plan.command import command
from skipwise.comparison.report.markdown import markdown
from skipwise.comparison.report.page import write_report
from skipwise.comparison.results.records import Results, RunResult
from skipwise.comparison.results.target import TargetEpochs
from skipwise.comparison.wording import by_seed
from skipwise.comparison.wording.answer import answer
from skipwise.comparison.wording.plans import outlined
from skipwise.comparison.wording.study import asked
from skipwise.evaluation.metrics import Metrics
from skipwise.statistics import Attempt, reachings, spreads
from skipwise.training.folder.files import read_history, write_history
from skipwise.training.folder.predictions import read_predictions
from skipwise.training.folder.state import EpochMetrics
from tests.fabricated import Fabricated, fabricate

LINEAR = ["tests.external_networks:Linear", "tests.external_networks:linear"]
OPTIONS: dict[str, Any] = {"models": LINEAR, "seeds": 5, "epochs": 3, "precision": "fp32", "lr": 0.05}


def scores(spread: float, *, runs: int = 8, right: float = 0.9, images: int = 2000) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(round(1000 * spread))
    return rng.random((runs, images)) < right + spread * rng.standard_normal((runs, 1))


def told(results: Results, **tables: np.ndarray[Any, Any]) -> list[str]:
    return by_seed.lines(replace(results, spreads=spreads(tables)))


@pytest.fixture(scope="module")
def fabricated() -> Fabricated:
    return fabricate(("resnet18", "plain18"), choice="resnet18")


def test_spreads_are_told_with_their_unit_and_verdict(fabricated: Fabricated) -> None:
    (line,) = told(fabricated.results, calm=scores(0.0), wild=scores(0.08))
    assert line.startswith("Standard deviation of test accuracy over seeds, on these images: calm 0.")
    assert "wild is more sensitive to the seed than calm: on these images it varies " in line
    assert line.endswith(").")
    (line,) = told(fabricated.results, a=scores(0.01), b=scores(0.011))
    assert line.endswith("points. No difference in spread is shown.")
    (line,) = told(fabricated.results, a=scores(0.01, runs=4), b=scores(0.02, runs=3))
    assert line.endswith("which don't show whether a network has a bad run now and then, so nothing is judged.")
    many = {f"calm{n}": scores(0.001 * n, runs=30) for n in range(3)} | {"wild": scores(0.1, runs=30)}
    (line,) = told(fabricated.results, **many)
    assert line.count("wild is more sensitive") == 3
    assert line.endswith("No other difference in spread is shown.")
    few = many.pop("calm1")[:4]
    (line,) = told(fabricated.results, wild=many["wild"], calm0=many["calm0"], few=few)
    assert line.count("wild is more sensitive") == 1
    assert "The other pairs have fewer than 5 seeds" in line
    assert "There are" not in line
    more = many | {"calm1": scores(0.001, runs=30), "wilder": scores(0.11, runs=30)}
    (line,) = told(fabricated.results, **more)
    assert "3 more such pairs are in the report." in line
    # Two networks that answer at random where they are unsure: only the images tell them apart.
    (line,) = told(fabricated.results, sure=scores(0, runs=60, right=0.999), unsure=scores(0.0001, runs=60, right=0.5))
    assert line.endswith("No difference in spread is shown beyond these test images.")


def attempts(*epochs: int | None) -> dict[int, Attempt]:
    return {s: Attempt(epochs=e or 30, reached=e is not None) for s, e in enumerate(epochs)}


def target(**runs: dict[int, Attempt]) -> TargetEpochs:
    return TargetEpochs(accuracy=80.0, epochs=30, diverged={"b": 2}, found=reachings(runs, epochs=30))


def test_epochs_are_told_with_who_did_not_get_there(fabricated: Fabricated) -> None:
    def line(**runs: dict[int, Attempt]) -> str:
        return by_seed.lines(replace(fabricated.results, target_epochs=target(**runs)))[0]

    some = attempts(25, 26, None, None, None, None)
    found = line(a=attempts(3, 4, 3, 5, 4, 3), b=some)
    assert found.startswith(
        "Epochs until half of the runs have 80% validation accuracy: a 3 (3 to 5) (6 of 6 runs got there); b "
        "not within 30 (2 of 6 runs got there). b needs more epochs than a: 24.8 more on average"
    )
    assert "counted up to 30 (" in found
    assert line(b=some, a=attempts(3, 4, 3, 5, 4, 3)).partition("b needs more")[2] == found.partition("b needs more")[2]
    assert line(a=some, b=some).endswith("No difference in the epochs needed is shown.")
    quick = attempts(3, 4, 3, 5, 4, 3)
    assert line(a=quick, b=some, c=some).endswith("No other difference in the epochs needed is shown.")
    assert line(a=attempts(3, 4), b=attempts(5, 4)).endswith("so nothing is judged.")
    assert "a 5 (3 or more) (4 of 5 runs got there);" in line(a=attempts(3, 4, 5, 6, None), b=some)
    assert "b not within 30 (none of 5 runs got there)." in line(a=some, b=attempts(*[None] * 5))
    about = by_seed.about_epochs(target(a=some, b=some))
    assert about[1] == "The interval of a median holds in at least 97% of cases, for each by itself."
    assert about[2] == "The loss of 2 runs of b diverged; they count as never getting there."


def test_the_plan_names_the_target(fabricated: Fabricated) -> None:
    line = "compared, too: the epochs that 80% validation accuracy takes"
    assert line in outlined(replace(fabricated.plan, target_accuracy=80.0))
    assert line not in outlined(fabricated.plan)


def test_what_is_said_of_all_verdicts_is_about_means_where_there_are_others(fabricated: Fabricated) -> None:
    sound = tuple(replace(candidate, repeated=()) for candidate in fabricated.results.candidates)
    plain = replace(fabricated.results, exploratory=False, folds=None, candidates=sound)
    beside = replace(plain, spreads=spreads({"a": scores(0.01)}))
    assert "any verdict is wrong" in asked(plain)
    assert "any verdict about mean test accuracy is wrong" in asked(beside)
    choice = replace(fabricated.costs.recommendation, basis="alone as good", shown=True)
    assert "at most 5 say anything that is wrong." in " ".join(answer(plain, choice).sentences)
    assert "at most 5 say anything about mean test accuracy that" in " ".join(answer(beside, choice).sentences)


def test_page_and_markdown_have_both(fabricated: Fabricated, tmp_path: Path) -> None:
    found = fabricated
    results = replace(
        found.results,
        spreads=spreads({"resnet18": scores(0.001), "plain18": scores(0.08)}),
        target_epochs=target(resnet18=attempts(3, 4, 3, 5, 4), plain18=attempts(9, None, None, None, None)),
    )
    text = markdown(found.plan, results, found.costs)
    assert "| network | test accuracy: standard deviation over seeds | of that due to the images |" in text
    assert "| network | reached 80% validation accuracy | median epochs | mean epochs |" in text
    assert "| plain18 | 1 of 5 | not reached by half | 25.8 |" in text
    write_report(tmp_path / "page.html", found.plan, results, found.costs, {}, {}, {})
    page = (tmp_path / "page.html").read_text()
    for words in ("Sensitivity to the seed", "plain18 is more sensitive to the seed", "Epochs to 80% validation"):
        assert words in page
    write_report(tmp_path / "page.html", found.plan, found.results, found.costs, {}, {}, {})
    page = (tmp_path / "page.html").read_text()
    assert "Sensitivity to the seed" not in page
    assert "h-epochs" not in page


def epochs_of(*accuracies: float) -> tuple[EpochMetrics, ...]:
    return tuple(
        EpochMetrics(epoch=n, train_loss=1.0, learning_rate=0.1, val=Metrics(accuracy=a, nll=1.0), seconds=1.0)
        for n, a in enumerate(accuracies, 1)
    )


def test_epochs_are_counted_by_the_runs_histories(fabricated: Fabricated, tmp_path: Path) -> None:
    plan = fabricated.plan
    histories = {0: epochs_of(0.5, 0.8, 0.7), 1: epochs_of(0.5, 0.6, 0.79), 2: epochs_of(0.5), 3: epochs_of(0.9), 4: ()}
    reasons = {2: "the loss became nan in epoch 2, step 1", 3: "the loss became 99 in epoch 2, step 1", 4: "killed"}
    for seed, history in histories.items():
        (job,) = plan.jobs("plain18", seed)
        (tmp_path / job.folder).mkdir(parents=True)
        write_history(tmp_path / job.folder, history)
    runs = tuple(
        RunResult(
            seed=seed, status="failed" if seed in reasons else "finished", reason=reasons.get(seed), val=None, test=None
        )
        for seed in histories
    )
    candidate = replace(fabricated.results.candidates[1], runs=runs)
    found = target_epochs(plan, tmp_path, [candidate], 80.0)
    # One diverged before it got there, one after; of the last nothing is known.
    expected = {0: (2, True), 1: (3, False), 2: (plan.recipe.epochs, False), 3: (1, True)}
    network = found.found.networks["plain18"]
    assert (network.runs, network.reached) == (4, 2)
    assert found.diverged == {"plain18": 2}
    attempts = {seed: Attempt(epochs=epochs, reached=reached) for seed, (epochs, reached) in expected.items()}
    assert found.found == reachings({"plain18": attempts}, epochs=plan.recipe.epochs)


@pytest.mark.slow
@pytest.mark.usefixtures("in_this_process")
def test_a_comparison_has_both_and_a_finished_one_can_be_asked(photos: Path, tmp_path: Path) -> None:
    made = skipwise.compare(photos, output=tmp_path / "made", target_accuracy=60, **OPTIONS)
    results, record = made.results, json.loads((made.folder / "comparison.json").read_text())
    assert record["target_epochs"]["accuracy"] == 60.0
    assert "--target-accuracy 60" in command(made.plan)
    for name in LINEAR:
        folders = [made.folder / made.plan.jobs(name, seed)[0].folder for seed in range(5)]
        answers = [read_predictions(folder, "test") for folder in folders]
        (candidate,) = (each for each in results.candidates if each.name == name)
        learned = [run.not_learned is None for run in candidate.runs]
        means = np.array([(each.logits.argmax(axis=1) == each.labels).mean() for each in answers])[learned]
        assert results.spreads.networks[name].deviation == pytest.approx(np.std(means, ddof=1))  # type: ignore[union-attr]
        firsts = []
        for folder in folders:
            values = [epoch.val.accuracy for epoch in read_history(folder) if epoch.val is not None]
            firsts.append(next((number for number, value in enumerate(values, 1) if value >= 0.6), None))
        found = results.target_epochs.found.networks[name]  # type: ignore[union-attr]
        assert found.reached == sum(first is not None for first in firsts)
        assert found.mean == pytest.approx(np.mean([first or 3 for first in firsts]))
    # Without a target, nothing else changes but the digest of the plan; and it may be asked afterwards.
    plain = skipwise.compare(photos, output=tmp_path / "plain", **OPTIONS)
    before = (plain.folder / "comparison.json").read_bytes()
    without = json.loads(before)
    for each in (record, without):
        del each["plan"], each["files"]
    assert record.pop("target_epochs") is not None
    assert record == without
    asked = json.loads(str(skipwise.report(plain.folder, format="json", target_accuracy=60)))
    assert (
        asked["results"]["target_epochs"] == json.loads((made.folder / "comparison.json").read_text())["target_epochs"]
    )
    assert "Epochs until" not in str(skipwise.report(plain.folder, format="md"))
    skipwise.report(plain.folder, target_accuracy=60)
    assert "Epochs to 60% validation accuracy" in plain.report.read_text()
    assert (plain.folder / "comparison.json").read_bytes() == before
    with pytest.raises(SkipwiseError, match="another target accuracy is asked for, which 'skipwise report' takes"):
        skipwise.compare(photos, output=tmp_path / "made", target_accuracy=70, **OPTIONS)


def test_a_target_that_is_none_is_refused(photos: Path, tmp_path: Path) -> None:
    for wrong in (0.8, 101, float("nan")):
        with pytest.raises(SkipwiseError, match="--target-accuracy is in percent and lies between 1 and 100"):
            skipwise.compare(photos, output=tmp_path / "out", target_accuracy=wrong, **OPTIONS)
    with pytest.raises(SkipwiseError, match="--target-accuracy is an accuracy on the validation images, and there"):
        skipwise.compare(photos, output=tmp_path / "out", target_accuracy=80, folds=3, **OPTIONS)
    assert not (tmp_path / "out").exists()
