"""Whether networks were trained enough for their accuracy to say something of them."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from skipwise.comparison.evidence.learning import climbs, not_learned
from skipwise.comparison.plan.plan import Plan
from skipwise.core.files.folders import make_folder
from skipwise.evaluation.metrics import Metrics
from skipwise.training.folder.files import write_history
from skipwise.training.folder.predictions import Predictions, read_predictions, write_predictions
from skipwise.training.folder.record import RunRecord, write_run
from skipwise.training.folder.state import EpochMetrics
from tests.simulated import answered, asking


def first_round(folder: Path, plan: Plan, *accuracies: float) -> dict[str, RunRecord]:
    """The first seed of every network, with such accuracies; not a number where it failed."""
    jobs = [job for name in plan.question.candidates for job in plan.jobs(name, plan.question.first_seed)]
    return {job.folder: answered(job, folder, share) for job, share in zip(jobs, accuracies, strict=True)}


def test_who_learned_nothing_is_named_with_what_it_did_instead(tmp_path: Path) -> None:
    plan = replace(asking(3), time_limit=480.0)
    records = first_round(tmp_path, plan, 0.9, 0.7, 0.2)
    assert not_learned(plan, tmp_path, records) == {
        "plain18": "It had learned nothing when its first run of 15 epochs ended: it is right on 20.0% of 50 "
        "validation images, and always predicting the most common class is right on 20.0%; "
        "--time-limit 16m trains it longer."
    }
    short = plan.lasting((5,), 1)
    found = not_learned(short, tmp_path, first_round(tmp_path / "short", short, 0.9, 0.7, 0.2))
    assert "when its first run of 1 epoch ended" in found["plain18"]
    unlimited = not_learned(replace(plan, time_limit=None), tmp_path, records)
    assert unlimited["plain18"].endswith("on 20.0%.")


def test_nobody_is_left_out_where_fewer_than_two_others_learned(tmp_path: Path) -> None:
    plan = asking(3)
    assert not_learned(plan, tmp_path, first_round(tmp_path, plan, 0.9, 0.2, 0.2)) == {}
    assert not_learned(plan, tmp_path, first_round(tmp_path, plan, 0.9, 0.8, 0.7)) == {}


def test_a_failed_run_is_not_one_that_learned_nothing(tmp_path: Path) -> None:
    plan = asking(3)
    assert not_learned(plan, tmp_path, first_round(tmp_path, plan, 0.9, 0.8, math.nan)) == {}


def test_who_was_left_out_is_not_asked_again(tmp_path: Path) -> None:
    plan = asking(3)
    records = first_round(tmp_path, plan, 0.9, 0.7, 0.2)
    assert not_learned(replace(plan, not_trained={"plain18": "It had learned nothing."}), tmp_path, records) == {}


def test_without_enough_validation_images_nobody_is_left_out(tmp_path: Path) -> None:
    plan = asking(3)
    records = first_round(tmp_path, plan, 0.9, 0.8, 0.2)
    few = {}
    for folder, record in records.items():
        answers = {
            split: replace(found, ids=found.ids[:2], labels=found.labels[:2], logits=found.logits[:2])
            for split, found in _answers(tmp_path / folder).items()
        }
        write_predictions(tmp_path / folder, answers)
        write_run(tmp_path / folder, record)
        few[folder] = record
    assert not_learned(plan, tmp_path, few) == {}
    none = {folder: replace(record, val=None) for folder, record in records.items()}
    assert not_learned(plan, tmp_path, none) == {}


def _answers(folder: Path) -> dict[str, Predictions]:
    return {split: read_predictions(folder, split) for split in ("val", "test")}


def with_history(folder: Path, plan: Plan, *histories: list[float]) -> dict[str, RunRecord]:
    records = {}
    for seed, history in enumerate(histories):
        job = plan.jobs("resnet18", seed)[0]
        make_folder(folder / job.folder)
        epochs = [EpochMetrics(n, 1.0, 0.1, Metrics(accuracy=a, nll=0.5), 1.0) for n, a in enumerate(history, start=1)]
        write_history(folder / job.folder, tuple(epochs))
        records[job.folder] = answered(job, folder, 0.9)
    return records


def test_who_still_climbs_is_told_by_the_last_part_of_all_seeds(tmp_path: Path) -> None:
    plan = asking()
    records = with_history(tmp_path, plan, [0.2, 0.4, 0.6, 0.7, 0.8], [0.2, 0.4, 0.6, 0.7, 0.82])
    found = climbs(plan, tmp_path, records, "resnet18")
    assert found is not None
    assert found.epochs == 2
    assert found.gain == pytest.approx(0.21)
    assert climbs(plan, tmp_path, records, "se_resnet18") is None


def test_what_climbs_can_not_be_told_of(tmp_path: Path) -> None:
    plan = asking()
    assert climbs(plan, tmp_path, with_history(tmp_path / "one", plan, [0.5]), "resnet18") is None
    apart = with_history(tmp_path / "apart", plan, [0.5, 0.6], [0.5, 0.6, 0.7])
    assert climbs(plan, tmp_path / "apart", apart, "resnet18") is None
    records = with_history(tmp_path / "none", plan, [0.5, 0.6, 0.7])
    unseen = replace(plan, split_images=plan.split_images | {"val": 0})
    assert climbs(unseen, tmp_path / "none", records, "resnet18") is None
