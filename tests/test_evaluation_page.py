"""The page of an evaluation: what it says, how large it is, and that it asks nobody for anything."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from skipwise.evaluating.report import wording
from skipwise.evaluating.report.page import Shown, evaluation_page
from skipwise.evaluation.mislabelled import probabilities
from skipwise.evaluation.mistakes import pair_examples
from skipwise.evaluation.one_network import Answers, Evaluation, evaluate_answers, measured
from skipwise.evaluation.outcomes import OUTCOMES
from skipwise.pages.charts import ticks
from skipwise.pages.matrix import confusion_table
from skipwise.pages.pictures import data_url

PICTURE = data_url(Image.new("RGB", (1, 1)))


def made_up(classes: int, images: int, *, strength: float = 4.0, seed: int = 0) -> Answers:
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=images)
    logits = rng.normal(size=(images, classes)) * 2
    logits[np.arange(images), labels] += strength
    return Answers(ids=np.array([f"{label}/{n}.png" for n, label in enumerate(labels)]), labels=labels, logits=logits)


def found(classes: int, images: int, **options: float) -> tuple[Evaluation, Answers]:
    names = [f"class <{number}>" for number in range(classes)]
    answers = made_up(classes, images, **options)  # type: ignore[arg-type]
    return evaluate_answers(answers, names, validation=made_up(classes, images, seed=1)), answers


def page(classes: int, images: int) -> str:
    evaluation, answers = found(classes, images)
    shares, number = probabilities(answers.logits), {name: n for n, name in enumerate(evaluation.classes)}
    examples = [
        [each.index for each in pair_examples(shares, answers.labels, number[pair.label], number[pair.answer])]
        for pair in evaluation.confused
    ]
    return evaluation_page(
        evaluation,
        Shown(
            title="Evaluation of resnet18",
            network="resnet18",
            facts=[("Images", f"{images:,}")],
            notes=["Two classes <of> the network have no image."],
            split="test",
            ids=answers.ids.tolist(),
            pictures=dict.fromkeys(range(images), PICTURE),
            few_pixels=True,
            examples=examples,
        ),
    )


@pytest.mark.parametrize(("classes", "images"), [(2, 60), (3, 100), (30, 300), (200, 2000)])
def test_a_page_is_whole_and_light_whatever_the_number_of_classes(classes: int, images: int) -> None:
    text = page(classes, images)
    assert len(text) - text.count(PICTURE) * len(PICTURE) < 1_000_000
    assert "class &lt;0&gt;" in text
    assert "class <0>" not in text
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", text)
    assert text.count("<script") == 1  # which makes tables that scroll reachable
    assert ("The threshold between two classes" in text) == (classes == 2)
    assert ('<img alt="Confusion matrix' in text) == (classes > 24)
    assert text.count('<tr><th scope="row">class') >= classes


def test_what_is_said_of_confidence_follows_what_was_measured() -> None:
    honest, sure = found(4, 4000)[0], found(4, 4000)[1]
    loud = evaluate_answers(Answers(ids=sure.ids, labels=sure.labels, logits=4 * sure.logits), honest.classes)
    shy = evaluate_answers(Answers(ids=sure.ids, labels=sure.labels, logits=sure.logits / 4), honest.classes)
    assert "It is overconfident" in wording.trust(loud)
    assert "It is underconfident" in wording.trust(shy)
    assert wording.scaled(loud) is None
    assert loud.accuracy == shy.accuracy == honest.accuracy


def test_a_network_that_guesses_is_called_that() -> None:
    evaluation, _ = found(5, 400, strength=0.0)
    assert "do not show that the network has learned anything" in wording.against_guessing(evaluation)


def test_images_that_belong_together_make_intervals_wider() -> None:
    answers = made_up(3, 40)
    again = Answers(
        ids=np.repeat(answers.ids, 10),
        labels=np.repeat(answers.labels, 10),
        logits=np.repeat(answers.logits, 10, axis=0),
        groups=np.repeat(np.arange(40), 10),
    )
    names = ["a", "b", "c"]
    alone, singly = evaluate_answers(answers, names), evaluate_answers(again, names)
    assert singly.groups == 40
    for once, repeated in zip(alone.outcomes, singly.outcomes, strict=True):
        assert repeated.value == pytest.approx(once.value)
        assert repeated.high - repeated.low == pytest.approx(once.high - once.low, rel=0.1)


def test_intervals_of_accuracies_hold_in_groups_and_singly() -> None:
    rng, missed, many = np.random.default_rng(0), np.zeros(2), 300
    for _ in range(many):
        labels = rng.integers(2, size=120)
        right = np.repeat(rng.random(30) < 0.8, 4)  # each group right or wrong as a whole
        logits = np.zeros((120, 2))
        logits[np.arange(120), np.where(right, labels, 1 - labels)] = 1.0
        answers = Answers(
            ids=np.arange(120).astype(str), labels=labels, logits=logits, groups=np.repeat(np.arange(30), 4)
        )
        both = [measured(OUTCOMES[name], answers, ["a", "b"]) for name in ("accuracy", "balanced-accuracy")]
        missed += [not each.low <= 0.8 <= each.high for each in both]
    assert (missed <= 0.05 * many + 2.6 * np.sqrt(0.05 * 0.95 * many)).all()


@pytest.mark.parametrize(("low", "high", "expected"), [(0, 1, 6), (0.3, 1, 5), (0, 37, 5), (0.97, 1, 4)])
def test_ticks_are_round_and_inside(low: float, high: float, expected: int) -> None:
    found = ticks(low, high)
    assert expected - 1 <= len(found) <= 7
    assert low - 1e-9 <= found[0] <= found[-1] <= high + 1e-9


def test_a_matrix_with_an_empty_class_is_drawn() -> None:
    text = confusion_table(np.array([[3, 1, 0], [0, 0, 0], [0, 0, 2]]), ["a", "b", "c"])
    assert "a taken for b: 1 of 4" in text
