"""Whether a run has learned anything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from skipwise.evaluation.learned import ALPHA, check_learning

Answers = tuple[np.ndarray, np.ndarray]


@st.composite
def answers(draw: st.DrawFn) -> Answers:
    """Logits and labels; the answers have this or that much to do with the labels."""
    classes, images = draw(st.integers(1, 12)), draw(st.integers(1, 200))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = rng.choice(classes, images, p=rng.dirichlet(np.ones(classes)))
    logits = rng.normal(size=(images, classes)) + draw(st.floats(0, 5)) * np.eye(classes)[labels]
    return logits, labels


@given(answers())
def test_its_numbers_are_those_of_the_answers(drawn: Answers) -> None:
    logits, labels = drawn
    found = check_learning(logits, labels)
    picked = logits.argmax(axis=1)
    assert found.accuracy == pytest.approx(np.mean(picked == labels))
    assert found.commonest == pytest.approx(max(np.mean(labels == kind) for kind in set(labels.tolist())))
    assert found.classes_given == len(set(picked.tolist()))
    assert found.images == len(labels)
    expected = stats.binomtest(
        int((picked == labels).sum()), len(labels), found.commonest, alternative="greater"
    ).pvalue
    assert found.p_value == pytest.approx(expected, abs=1e-9)


@given(answers(), st.integers(0, 11))
def test_one_class_for_every_image_is_nothing_learned(drawn: Answers, kind: int) -> None:
    logits, labels = drawn
    constant = np.zeros_like(logits)
    constant[:, kind % logits.shape[1]] = 1
    found = check_learning(constant, labels)
    assert not found.has_learned
    assert found.classes_given == 1
    assert found.accuracy <= found.commonest


@given(answers())
def test_what_is_learned_is_above_the_commonest_class(drawn: Answers) -> None:
    found = check_learning(*drawn)
    if found.has_learned:
        assert found.accuracy > found.commonest
        assert found.can_be_told


@given(answers())
def test_all_right_is_learned_wherever_it_can_be_told(drawn: Answers) -> None:
    _, labels = drawn
    found = check_learning(np.eye(labels.max() + 1)[labels], labels)
    assert found.has_learned == found.can_be_told


@given(answers(), st.randoms())
def test_the_order_of_images_and_the_names_of_classes_do_not_matter(drawn: Answers, random: object) -> None:
    logits, labels = drawn
    order = np.argsort([random.random() for _ in labels])  # type: ignore[attr-defined]
    names = np.argsort([random.random() for _ in logits[0]])  # type: ignore[attr-defined]
    renamed = np.argsort(names)[labels]
    assert (
        check_learning(logits[order], labels[order])
        == check_learning(logits, labels)
        == check_learning(logits[:, names], renamed)
    )


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_answers_at_random_are_seldom_taken_for_learning(classes: int) -> None:
    rng = np.random.default_rng(0)
    told = [
        check_learning(rng.normal(size=(100, classes)), rng.integers(classes, size=100)).has_learned
        for _ in range(3000)
    ]
    assert np.mean(told) < 1.5 * ALPHA


def test_twice_as_often_right_as_the_commonest_class_is_learned() -> None:
    labels = np.arange(100) % 10
    logits = np.eye(10)[np.where(np.arange(100) < 80, (labels + 1) % 10, labels)]  # 20 of 100 are right
    found = check_learning(logits, labels)
    assert (found.accuracy, found.commonest, found.classes_given) == (0.2, 0.1, 10)
    assert found.has_learned


def test_few_images_and_one_class_show_nothing() -> None:
    few, one = np.array([0, 1, 0, 1]), np.zeros(500, np.int64)
    for labels in (few, one):
        found = check_learning(np.eye(2)[labels], labels)
        assert not found.has_learned
        assert not found.can_be_told
    with pytest.raises(ValueError, match="there are none"):
        check_learning(np.zeros((0, 2)), np.zeros(0, np.int64))
