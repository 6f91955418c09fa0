"""Confusion, temperature, thresholds and mistakes, against scikit-learn where it has the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as theirs

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import read_sealed, write_sealed
from skipwise.evaluating.record import EvaluationPlan, EvaluationRecord
from skipwise.evaluation.calibration import calibration, confidence
from skipwise.evaluation.confidence import abstention, threshold_for, two_class_curve
from skipwise.evaluation.confusion import class_scores, confused_pairs, confusion_matrix
from skipwise.evaluation.metrics import log_loss, right
from skipwise.evaluation.mislabelled import probabilities
from skipwise.evaluation.mistakes import barely_right, pair_examples, worst_mistakes
from skipwise.evaluation.one_network import Answers, evaluate_answers
from skipwise.evaluation.temperature import LEAST, MOST, fit_temperature


@st.composite
def answers(draw: st.DrawFn, classes: int | None = None) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    count = draw(st.integers(1, 60))
    many = classes or draw(st.integers(2, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = rng.normal(size=(count, many)).round(draw(st.sampled_from((0, 1, 6))))
    return logits, rng.integers(many, size=count)


@given(answers())
def test_matrix_and_scores_are_those_of_scikit_learn(given: tuple[NDArray[np.float64], NDArray[np.int64]]) -> None:
    logits, labels = given
    classes, found = logits.shape[1], logits.argmax(axis=1)
    names = [f"c{k}" for k in range(classes)]
    matrix = confusion_matrix(labels, found, classes)
    assert matrix.tolist() == theirs.confusion_matrix(labels, found, labels=range(classes)).tolist()
    scores = class_scores(matrix, names)
    precision, recall, f1, images = theirs.precision_recall_fscore_support(
        labels, found, labels=range(classes), zero_division=0.0
    )
    for each, p, r, f, n in zip(scores, precision, recall, f1, images, strict=True):
        assert each.images == n
        for ours, other in ((each.precision, p), (each.recall, r), (each.f1, f)):
            assert (ours.value or 0.0) == pytest.approx(other, abs=1e-12)
            assert ours.value is None or ours.low <= ours.value <= ours.high
            assert ours.high > ours.low
    pairs = confused_pairs(matrix, names, most=classes**2)
    assert sum(pair.count for pair in pairs) == int((found != labels).sum())
    assert [pair.count for pair in pairs] == sorted((pair.count for pair in pairs), reverse=True)


def test_intervals_of_f1_hold() -> None:
    rng = np.random.default_rng(0)
    share, many, missed = np.array([[0.35, 0.15], [0.1, 0.4]]), 400, 0
    precision, recall = 0.35 / 0.45, 0.35 / 0.5
    truth = 2 * precision * recall / (precision + recall)
    for _ in range(many):
        matrix = rng.multinomial(60, share.ravel()).reshape(2, 2)
        f1 = class_scores(matrix, ["a", "b"])[0].f1
        missed += not f1.low <= truth <= f1.high
    assert missed <= 0.05 * many + 2 * np.sqrt(0.05 * 0.95 * many)


@given(answers(), st.floats(0.2, 5))
@settings(deadline=None)
def test_a_temperature_changes_no_answer_and_never_makes_the_loss_worse(
    given: tuple[NDArray[np.float64], NDArray[np.int64]], scale: float
) -> None:
    logits, labels = (np.repeat(each, 20, axis=0) for each in given)
    temperature = fit_temperature(logits * scale, labels)
    assert LEAST <= temperature <= MOST
    before, after = log_loss(logits * scale, labels).mean(), log_loss(logits * scale / temperature, labels).mean()
    assert after <= before + 1e-9
    assert ((logits / temperature).argmax(axis=1) == logits.argmax(axis=1)).all()


def test_a_temperature_is_that_of_a_logistic_regression_on_the_logits_of_two_classes() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(1)
    margin = rng.normal(size=3000) * 4
    labels = (rng.random(3000) < 1 / (1 + np.exp(-margin / 2.5))).astype(np.int64)
    regression = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(margin[:, None], labels)
    logits = np.stack([np.zeros(3000), margin], axis=1)
    temperature = fit_temperature(logits, labels)
    assert temperature == pytest.approx(1 / float(regression.coef_[0, 0]), rel=1e-4)
    hits = right(logits, labels)[None]
    before, after = (calibration(confidence(logits / t)[None], hits).plain for t in (1.0, temperature))
    assert after < before / 3


def test_too_few_images_for_a_temperature_are_refused() -> None:
    with pytest.raises(SkipwiseError, match="needs at least 20 validation images, and there are 19"):
        fit_temperature(np.zeros((19, 2)), np.zeros(19, dtype=np.int64))


@given(answers(classes=2))
@settings(max_examples=30, deadline=None)
def test_curves_of_two_classes_are_those_of_scikit_learn(
    given: tuple[NDArray[np.float64], NDArray[np.int64]],
) -> None:
    logits, labels = given
    labels[0] = 1 - labels[-1] if len(labels) > 1 else 1
    positive = probabilities(logits)[:, 1]
    if len(set(labels.tolist())) < 2:
        with pytest.raises(ValueError, match="both"):
            two_class_curve(positive, labels)
        return
    curve = two_class_curve(positive, labels)
    assert curve.roc_area == pytest.approx(theirs.roc_auc_score(labels, positive))
    assert curve.average_precision == pytest.approx(theirs.average_precision_score(labels, positive))
    called = positive >= curve.operating.threshold
    best = max(theirs.balanced_accuracy_score(labels, positive >= t) for t in positive)
    assert theirs.balanced_accuracy_score(labels, called) == pytest.approx(best)


@given(answers())
def test_who_answers_less_is_right_as_often_as_is_said(given: tuple[NDArray[np.float64], NDArray[np.int64]]) -> None:
    shares, labels = probabilities(given[0]), given[1]
    sure, right = shares.max(axis=1), shares.argmax(axis=1) == labels
    curve = abstention(sure, right)
    assert curve[0].answered == 1.0
    assert curve[0].accuracy == pytest.approx(right.mean())
    for each in curve:
        assert each.accuracy == pytest.approx(right[sure >= each.threshold].mean())
        assert each.answered == pytest.approx((sure >= each.threshold).mean())
    asked = threshold_for(sure, right, 1.0)
    assert right[sure >= asked.threshold].all()


def test_mistakes_are_sorted_by_what_makes_them_worth_a_look() -> None:
    shares = np.array([[0.9, 0.1], [0.4, 0.6], [0.45, 0.55], [0.2, 0.8]])
    labels = np.array([1, 0, 1, 1])
    assert [(each.index, each.answer, each.of_label) for each in worst_mistakes(shares, labels)] == [
        (0, 0, 0.1),
        (1, 1, 0.4),
    ]
    assert [each.index for each in barely_right(shares, labels)] == [2, 3]
    assert [each.index for each in pair_examples(shares, labels, 1, 0)] == [0]


def test_a_record_of_two_classes_is_read_back(tmp_path: Path) -> None:
    labels = np.arange(40) % 2
    logits = np.random.default_rng(0).normal(size=(40, 2)) + np.eye(2)[labels]
    answers = Answers(ids=np.arange(40).astype(str), labels=labels, logits=logits)
    record = EvaluationRecord(
        plan=EvaluationPlan(network="", model="", source="", data="", split="", images="", backend=""),
        evaluation=evaluate_answers(answers, ("no", "yes"), validation=answers),
        ids={},
        notes=(),
        missing=(),
        extra={},
    )
    write_sealed(tmp_path / "evaluation.json", record)
    assert read_sealed(tmp_path / "evaluation.json", EvaluationRecord) == record
