"""A comparison's study with made-up answers instead of training: who goes on, what is frozen, what can go wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from skipwise.comparison.evidence.collect import collect
from skipwise.comparison.executors.executor import Event
from skipwise.comparison.plan.plan import Job, Plan
from skipwise.comparison.run.study import run_study
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.folders import make_folder
from skipwise.core.machine.system import describe_machine
from skipwise.data.splits import save_split
from skipwise.evaluation.metrics import Metrics, measure
from skipwise.evaluation.outcomes import OUTCOMES
from skipwise.training.callbacks import RunEnd
from skipwise.training.folder.predictions import Predictions, read_predictions, write_predictions
from skipwise.training.folder.record import RunRecord, RunSpec, failed_run, write_run
from skipwise.training.tuning.tried import Tried, best_values
from skipwise.training.tuning.tuning import Tuning
from tests.fabricated import fabricate

IMAGES = 4000
MACHINE = describe_machine()

Accuracy = Callable[[RunSpec], float]


def make_plan(folder: Path, names: tuple[str, ...] = ("resnet18", "plain18"), **changes: object) -> Plan:
    """A plan for made-up answers, and the split that goes with it."""
    plan = fabricate(("resnet18", "plain18"), tuned=False, exploratory=False).plan
    looks = changes.pop("looks", (5, 8, 12))
    question = replace(plan.question, candidates=names, looks=looks, every_pair=changes.pop("every_pair", False))
    plan = replace(plan, question=question, split_images={"train": 100, "val": 10, "test": IMAGES}, **changes)
    labels = np.arange(IMAGES) % len(plan.classes)
    make_folder(folder)
    save_split(
        folder / "split.csv",
        [f"{number:05}.png" for number in range(IMAGES)],
        [plan.classes[label] for label in labels],
        ["test"] * IMAGES,
        [""] * IMAGES,
    )
    return plan


class Answering:
    """An executor whose runs answer rightly as often as they are told to; which images are hard is common to all."""

    def __init__(self, home: Path, accuracy: Accuracy) -> None:
        self.home, self.accuracy = home, accuracy
        self.waiting: list[Job] = []
        self.done: list[Job] = []

    def submit(self, job: Job) -> None:
        self.waiting.append(job)

    def events(self, until: float = math.inf) -> Iterator[Event]:  # noqa: ARG002 - it does not wait
        while self.waiting:
            job = self.waiting.pop(0)
            self.done.append(job)
            yield RunEnd(run=job.folder, record=self.run(job))

    def cancel(self) -> None:
        self.waiting.clear()

    def run(self, job: Job) -> RunRecord:
        spec, folder = job.spec, self.home / job.folder
        make_folder(folder)
        share = self.accuracy(spec)
        if math.isnan(share):
            record = failed_run(spec, "the loss became nan")
        else:
            labels = np.arange(IMAGES) % len(spec.classes)
            hard = np.random.default_rng(0).random(IMAGES)
            own = np.random.default_rng([spec.seed, *spec.model.encode()]).normal(0, 0.03, IMAGES)
            right = hard + own < share
            logits = np.eye(len(spec.classes), dtype=np.float32)[np.where(right, labels, (labels + 1) % 5)]
            ids = np.array([f"{number:05}.png" for number in range(IMAGES)])
            test = Predictions(ids, labels, logits)
            write_predictions(folder, {"val": test, "test": test})
            record = RunRecord(
                spec=spec,
                status="finished",
                val=Metrics(accuracy=share, nll=1 - share),
                test=measure(logits, labels),
                seconds=1.0,
                machine=MACHINE,
            )
        write_run(folder, record)
        return record


class Folds(Answering):
    """The same in cross-validation: each run answers the images of its fold, every fourth; resnet18 rightly, plain18
    every tenth wrongly; where the accuracy is 0, one class for all."""

    def run(self, job: Job) -> RunRecord:
        record = super().run(job)
        if record.status != "finished":
            return record
        assert job.spec.fold is not None
        members = np.arange(job.spec.fold[0], IMAGES, 4)
        labels = members % 5
        ids = np.array([f"{number:05}.png" for number in members])
        given = labels if job.spec.model == "resnet18" else (labels + (members % 10 == 0)) % 5
        if self.accuracy(job.spec) == 0:
            given = np.zeros_like(labels)
        test = Predictions(ids, labels, np.eye(5, dtype=np.float32)[given])
        write_predictions(self.home / job.folder, {"val": test, "test": test})
        write_run(self.home / job.folder, record)
        return record


def by_name(**accuracies: float) -> Accuracy:
    return lambda spec: accuracies[spec.model]


def trained(executor: Answering) -> dict[str, int]:
    counts: dict[str, int] = {}
    for job in executor.done:
        counts[job.spec.model] = counts.get(job.spec.model, 0) + 1
    return counts


def test_an_executor_that_forgets_a_run_is_named(tmp_path: Path) -> None:
    class Forgetful(Answering):
        def events(self, until: float = math.inf) -> Iterator[Event]:
            self.waiting = self.waiting[1:]
            yield from super().events(until)

    with pytest.raises(SkipwiseError, match="The executor Forgetful has no more events, though 1 run did not end"):
        run_study(make_plan(tmp_path), tmp_path, Forgetful(tmp_path, by_name(resnet18=0.9, plain18=0.8)))


def test_a_clear_difference_is_decided_at_the_first_look(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    executor = Answering(tmp_path, by_name(resnet18=0.9, plain18=0.8))
    study = run_study(plan, tmp_path, executor)
    assert trained(executor) == {"resnet18": 5, "plain18": 5}
    assert [look.seeds for look in study.looks] == [5]
    assert study.looks[0].decided == (("resnet18", "plain18"),)
    assert study.judgement.pairs[0].verdict == "better"
    assert study.judgement.looks == 3  # the error is shared over all that were planned


def test_only_who_is_in_an_open_pair_goes_on(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, ("resnet18", "se_resnet18", "plain18"))
    executor = Answering(tmp_path, by_name(resnet18=0.9, se_resnet18=0.895, plain18=0.8))
    study = run_study(plan, tmp_path, executor)
    counts = trained(executor)
    assert counts["plain18"] == 5
    assert counts["resnet18"] == counts["se_resnet18"] > 5
    assert study.looks[1].candidates == ("resnet18", "se_resnet18")
    # What was decided at the first look stays as it was decided there.
    frozen = {(pair.a, pair.b): pair for pair in study.judgement.pairs}
    assert frozen["resnet18", "plain18"].seeds == 5


def test_pairs_of_candidates_that_are_out_are_not_pursued_unless_asked_for(tmp_path: Path) -> None:
    names = ("resnet18", "plain18", "plain34")

    def accuracy(spec: RunSpec) -> float:
        return {"resnet18": 0.9, "plain18": 0.8, "plain34": 0.795 + 0.01 * (spec.seed % 2)}[spec.model]

    executor = Answering(tmp_path / "a", accuracy)
    study = run_study(make_plan(tmp_path / "a", names), tmp_path / "a", executor)
    assert trained(executor) == dict.fromkeys(names, 5)
    assert study.judgement.pairs[2].verdict == "unresolved"
    executor = Answering(tmp_path / "b", accuracy)
    run_study(make_plan(tmp_path / "b", names, every_pair=True), tmp_path / "b", executor)
    assert trained(executor)["plain34"] > 5
    assert trained(executor)["resnet18"] == 5


def test_a_study_that_is_repeated_does_nothing_and_finds_the_same(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, ("resnet18", "se_resnet18", "plain18"))
    accuracy = by_name(resnet18=0.9, se_resnet18=0.897, plain18=0.8)
    first = collect(plan, tmp_path, run_study(plan, tmp_path, Answering(tmp_path, accuracy)))
    executor = Answering(tmp_path, accuracy)
    again = collect(plan, tmp_path, run_study(plan, tmp_path, executor))
    assert not executor.done
    assert again == first


def test_failed_runs_stay_in_the_record_and_leave_the_seeds_both_have(tmp_path: Path) -> None:
    def accuracy(spec: RunSpec) -> float:
        return math.nan if spec.model == "plain18" and spec.seed == 1 else {"resnet18": 0.9, "plain18": 0.8}[spec.model]

    plan = make_plan(tmp_path)
    results = collect(plan, tmp_path, run_study(plan, tmp_path, Answering(tmp_path, accuracy)))
    assert results.pairs[0].seeds == 4
    assert [run.status for run in results.candidates[1].runs].count("failed") == 1
    assert results.candidates[1].failed == 1


def test_a_candidate_whose_runs_all_fail_gets_no_more(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, ("resnet18", "se_resnet18", "plain18"))
    executor = Answering(tmp_path, by_name(resnet18=0.9, se_resnet18=0.897, plain18=math.nan))
    results = collect(plan, tmp_path, run_study(plan, tmp_path, executor))
    assert trained(executor)["plain18"] == 5
    assert results.candidates[2].outcome is None
    assert results.candidates[2].per_class == ()
    assert [(pair.a, pair.b) for pair in results.pairs] == [("resnet18", "se_resnet18")]


def test_seeds_that_gave_the_same_answers_are_noticed(tmp_path: Path) -> None:
    class Same(Answering):
        def run(self, job: Job) -> RunRecord:
            return super().run(replace(job, spec=replace(job.spec, seed=0)) if job.spec.model == "plain18" else job)

    plan = make_plan(tmp_path, looks=(3,))
    results = collect(plan, tmp_path, run_study(plan, tmp_path, Same(tmp_path, by_name(resnet18=0.9, plain18=0.8))))
    assert [candidate.repeated for candidate in results.candidates] == [(), (1, 2)]


def test_answers_to_other_images_are_refused(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, looks=(2,))
    run_study(plan, tmp_path, Answering(tmp_path, by_name(resnet18=0.9, plain18=0.8)))
    path = tmp_path / "split.csv"
    path.write_text(path.read_text().replace("00007.png", "77777.png"))
    with pytest.raises(SkipwiseError, match="other images"):
        run_study(plan, tmp_path, Answering(tmp_path, by_name()))
    path.write_text("\n".join(path.read_text().splitlines()[:-5]))
    with pytest.raises(SkipwiseError, match=r"split\.csv is not the one"):
        run_study(plan, tmp_path, Answering(tmp_path, by_name()))


def test_balanced_accuracy_counts_every_class_alike(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, looks=(2,))
    rows = (tmp_path / "split.csv").read_text().splitlines()
    # Of the first class, nine images of ten are taken out of the test.
    kept = [rows[0]] + [row for number, row in enumerate(rows[1:]) if number % 5 or number % 50 == 0]
    (tmp_path / "split.csv").write_text("\n".join(kept) + "\n")
    members = np.array([int(row[:5]) for row in kept[1:]])
    plan = replace(
        plan,
        question=replace(plan.question, outcome="balanced-accuracy"),
        split_images={"train": 100, "val": 10, "test": len(members)},
    )

    class Fewer(Answering):
        def run(self, job: Job) -> RunRecord:
            record = super().run(job)
            labels = members % 5
            # Right on the first two classes alone.
            given = np.where(labels < 2, labels, (labels + 1) % 5) if job.spec.model == "plain18" else labels
            logits = np.eye(5, dtype=np.float32)[given]
            ids = np.array([f"{number:05}.png" for number in members])
            test = Predictions(ids, labels, logits)
            write_predictions(self.home / job.folder, {"val": test, "test": test})
            write_run(self.home / job.folder, record)
            return record

    results = collect(plan, tmp_path, run_study(plan, tmp_path, Fewer(tmp_path, by_name(resnet18=0.9, plain18=0.9))))
    assert results.candidates[1].outcome is not None
    assert results.candidates[1].outcome.value == pytest.approx(0.4)
    assert results.candidates[1].accuracy == pytest.approx(880 / len(members))
    assert results.guess == pytest.approx(0.2)
    assert results.candidates[1].per_class == (1.0, 1.0, 0.0, 0.0, 0.0)
    assert results.pairs[0].difference == pytest.approx(0.6)


def test_images_on_which_candidates_disagree_most_come_first(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, looks=(3,))
    results = collect(
        plan, tmp_path, run_study(plan, tmp_path, Answering(tmp_path, by_name(resnet18=0.9, plain18=0.6)))
    )
    first = results.disagreements[0]
    assert first.right == (1.0, 0.0)
    assert first.answers[0] == first.label != first.answers[1]
    spreads = [max(shown.right) - min(shown.right) for shown in results.disagreements]
    assert spreads == sorted(spreads, reverse=True)
    assert len(results.disagreements) == 24
    # Hundreds of images divide these two wholly; the classes take turns.
    assert {shown.label for shown in results.disagreements[:5]} == set(plan.classes)


def test_rates_are_tuned_first_each_network_for_itself(tmp_path: Path) -> None:
    def accuracy(spec: RunSpec) -> float:
        best = {"resnet18": 0.1, "plain18": 0.4}[spec.model]
        return 0.9 if spec.recipe.lr == best else 0.5

    tuning = Tuning(rates=(0.1, 0.4), epochs=2, seed=1000)
    plan = make_plan(tmp_path, looks=(2,), tuning=tuning)
    executor = Answering(tmp_path, accuracy)
    study = run_study(plan, tmp_path, executor)
    assert [(job.spec.model, job.spec.recipe.lr, job.spec.recipe.epochs) for job in executor.done[:4]] == [
        ("resnet18", 0.1, 2),
        ("resnet18", 0.4, 2),
        ("plain18", 0.1, 2),
        ("plain18", 0.4, 2),
    ]
    assert study.tuned == {"resnet18": {"lr": 0.1}, "plain18": {"lr": 0.4}}
    assert {(job.spec.model, job.spec.recipe.lr) for job in executor.done[4:]} == {("resnet18", 0.1), ("plain18", 0.4)}
    assert [candidate.lr for candidate in collect(plan, tmp_path, study).candidates] == [0.1, 0.4]


def test_rates_are_tuned_by_the_outcome_that_is_asked_for(tmp_path: Path) -> None:
    """At 0.1 a run is right on all of the commonest class, at 0.4 on all of the others."""
    classes = np.repeat(np.arange(5), [8, 1, 1, 1, 1])

    class Uneven(Answering):
        def run(self, job: Job) -> RunRecord:
            record = super().run(job)
            folder = self.home / job.folder
            given = np.zeros_like(classes) if job.spec.recipe.lr == 0.1 else np.where(classes == 0, 1, classes)
            ids = np.array([f"v{number}" for number in range(len(classes))])
            val = Predictions(ids, classes, np.eye(5, dtype=np.float32)[given])
            write_predictions(folder, {"val": val, "test": read_predictions(folder, "test")})
            write_run(folder, record)
            return record

    tuning = Tuning(rates=(0.1, 0.4), epochs=2, seed=1000)
    for outcome, best in (("accuracy", 0.1), ("balanced-accuracy", 0.4)):
        plan = make_plan(tmp_path / outcome, looks=(2,), tuning=tuning)
        plan = replace(plan, question=replace(plan.question, outcome=outcome))
        executor = Uneven(tmp_path / outcome, by_name(resnet18=0.9, plain18=0.9))
        study = run_study(plan, tmp_path / outcome, executor)
        assert {values["lr"] for values in study.tuned.values()} == {best}


def test_the_best_rate_is_by_accuracy_then_loss_then_the_smaller() -> None:
    def tried(lr: float, accuracy: float | None, nll: float | None) -> Tried:
        return Tried(model="a", lr=lr, outcome=accuracy, nll=nll)

    def best(*runs: Tried, outcome: str = "accuracy") -> dict[str, float]:
        return {model: values["lr"] for model, values in best_values(runs, OUTCOMES[outcome]).items()}

    assert best(tried(0.1, 0.8, 0.5), tried(0.2, 0.9, 0.9)) == {"a": 0.2}
    assert best(tried(0.1, 0.8, 0.5), tried(0.2, 0.9, 0.9), outcome="brier") == {"a": 0.1}  # of which less is better
    assert best(tried(0.1, 0.9, 0.5), tried(0.2, 0.9, 0.4)) == {"a": 0.2}
    assert best(tried(0.2, 0.9, 0.4), tried(0.1, 0.9, 0.4)) == {"a": 0.1}
    assert best(tried(0.1, None, None)) == {}


def test_what_is_finished_when_the_time_is_up_is_judged_as_was_planned(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, ("resnet18", "se_resnet18", "plain18"), looks=(3, 6, 9))
    accuracy = by_name(resnet18=0.9, se_resnet18=0.897, plain18=0.8)
    run_study(replace(plan, question=replace(plan.question, looks=(4,))), tmp_path, Answering(tmp_path, accuracy))
    # No run that is missing is needed now, and the error is still shared over three looks.
    executor = Answering(tmp_path, accuracy)
    study = run_study(replace(plan, stopped_after=4), tmp_path, executor)
    assert not executor.done
    assert study.judgement.looks == 3
    assert [look.seeds for look in study.looks] == [3, 4]
    assert replace(plan, stopped_after=2).looks == (2,)
    assert replace(plan, stopped_after=6).looks == (3, 6)


def test_a_network_that_the_time_was_too_short_for_is_in_no_verdict(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, ("resnet18", "se_resnet18", "plain18"), looks=(2,), not_trained={"plain18": "Too dear."})
    executor = Answering(tmp_path, by_name(resnet18=0.9, se_resnet18=0.8))
    results = collect(plan, tmp_path, run_study(plan, tmp_path, executor))
    assert "plain18" not in trained(executor)
    assert [(pair.a, pair.b) for pair in results.pairs] == [("resnet18", "se_resnet18")]
    assert [candidate.not_trained for candidate in results.candidates] == [None, None, "Too dear."]
    assert results.candidates[2].outcome is None


def test_in_cross_validation_a_seed_counts_when_all_its_folds_are_done(tmp_path: Path) -> None:
    plan = replace(make_plan(tmp_path, looks=(2,)), folds=4)

    def accuracy(spec: RunSpec) -> float:
        return math.nan if (spec.model, spec.seed, spec.fold) == ("plain18", 5, (1, 4)) else 0.9

    executor = Folds(tmp_path, accuracy)
    study = run_study(plan, tmp_path, executor)
    assert len(executor.done) == 2 * 2 * 4
    assert study.judgement.pairs[0].difference == pytest.approx(0.1)
    assert study.judgement.pairs[0].images == IMAGES
    results = collect(plan, tmp_path, study)
    assert [(run.seed, run.fold) for run in results.candidates[0].runs[:5]] == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]
