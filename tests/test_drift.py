"""Whether what a network is asked is like its validation images: seldom an alarm without a cause, and one with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skipwise.deploy.artifact.artifact import Artifact
from skipwise.deploy.artifact.reference import INPUTS, Reference, Threshold, check_reference, measured, spread
from skipwise.deploy.export.export import Exported
from skipwise.serving.drift import window as windows
from skipwise.serving.drift.difference import FEWEST, difference
from skipwise.serving.drift.metrics import DriftCollector, Watched
from skipwise.serving.drift.report import drift
from skipwise.serving.drift.window import LAST, Window, Windows

SHARES = (0.5, 0.3, 0.2)


@pytest.fixture
def artifact(exported: Exported) -> Artifact:
    rng = np.random.default_rng(1)
    inputs = {name: spread(values(name, rng, 300).tolist()) for name in INPUTS}
    answers = tuple(rng.multinomial(300, SHARES).tolist())
    return replace(
        exported.artifact,
        threshold=Threshold(asked=0.95, confidence=0.8),
        reference=Reference(images=300, answers=answers, unsure=30, inputs=inputs),
    )


def values(name: str, rng: np.random.Generator, count: int) -> np.ndarray:
    centre, width = {"brightness": (120, 20), "contrast": (50, 8), "shorter side": (400, 60)}[name]
    return rng.normal(centre, width, count).round(2)


def asked(
    count: int, *, shares: Sequence[float] = SHARES, unsure: float = 0.1, darker: float = 0, seed: int = 0
) -> Window:
    """What was asked, drawn as the validation images were unless something else is said."""
    rng, window = np.random.default_rng(seed), Window()
    for best, doubtful in zip(rng.choice(3, count, p=shares), rng.random(count) < unsure, strict=True):
        window.answers.append((int(best), 0.7 if doubtful else 0.9))
    drawn = [values(name, rng, count) for name in INPUTS]
    drawn[0] -= darker
    window.inputs.extend(zip(*(each.tolist() for each in drawn), strict=True))
    return window


def test_images_of_the_same_kind_seldom_raise_an_alarm(artifact: Artifact) -> None:
    alarms = [drift(artifact, asked(200, seed=seed), 0.8).differs for seed in range(400)]
    assert None not in alarms
    assert sum(alarms) <= 4  # 0.4 are expected at most, and five would be a chance of one in a thousand


@pytest.mark.parametrize(
    ("changed", "measure", "word"),
    [
        ({"shares": (0.1, 0.3, 0.6)}, "answers", "stripes2, instead of 20%"),
        ({"unsure": 0.5}, "not sure", "not sure, instead of 10%"),
        ({"darker": 40}, "brightness", "brightness < "),
    ],
)
def test_what_differs_is_named_with_how_much_and_how_sure(
    artifact: Artifact, changed: dict[str, Any], measure: str, word: str
) -> None:
    found = drift(artifact, asked(200, **changed), 0.8)
    (different,) = [each for each in found.measures if each.found.differs]
    assert different.name == measure
    assert word in different.sentence
    assert "Chance alone does that in fewer than 1 of " in different.sentence
    assert found.sentences[0].startswith("The last 200 images are not like the 300 validation images.")
    assert found.differs


def test_with_few_images_it_is_said_that_nothing_is_known(artifact: Artifact) -> None:
    for count in (0, 1, FEWEST - 1):
        found = drift(artifact, asked(count, darker=100), 0.8)
        assert found.differs is None
        assert "too few to tell" in found.sentences[0]
        assert not any(each.found.differs for each in found.measures)
    assert drift(artifact, asked(FEWEST, darker=100), 0.8).differs


def test_too_few_validation_images_are_said_to_be(artifact: Artifact) -> None:
    few = replace(artifact, reference=Reference(images=20, answers=(10, 6, 4), unsure=2, inputs={}))
    for count in (10, 200):
        found = drift(few, asked(count), 0.8)
        assert found.differs is None
        assert all("fewer than 50 validation images" in each.sentence for each in found.measures)
        assert found.sentences == ("This network had 20 validation images: too few to compare others with.",)


def test_a_small_difference_among_many_images_is_none_that_matters() -> None:
    found = difference([50_000, 50_000], [52_000, 48_000])
    assert found.chance < 1e-9
    assert found.differs is False
    rare = difference([300, *[0] * 400], [0, *[1] * 400])
    assert rare.differs


def test_another_threshold_is_not_compared_with_that_of_the_validation_images(artifact: Artifact) -> None:
    window = asked(100)
    assert {each.name for each in drift(artifact, window, 0.8).measures} == {"answers", "not sure", *INPUTS}
    assert {each.name for each in drift(artifact, window, 0.5).measures} == {"answers", *INPUTS}
    assert drift(artifact, window, 0.95).unsure == 1
    assert drift(artifact, window, None).unsure is None


def test_an_artifact_that_says_nothing_of_its_validation_images_is_not_compared(exported: Exported) -> None:
    found = drift(exported.artifact, asked(100), None)
    assert (found.measures, found.differs, found.images) == ((), None, 100)
    assert "export" in found.sentences[1].lower()


def test_the_window_keeps_the_last_images_and_three_numbers_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "SECONDS_BETWEEN", 0.0)
    square = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    all_of_them = Windows()
    version = SimpleNamespace(name="m", identity="a")
    for side in (40, 10, None):
        answer: Any = SimpleNamespace(version=version, best=2, probability=0.4, square=square, shorter_side=side)
        all_of_them.answered(b"", answer)
    window = all_of_them.of("m", "a")
    assert list(window.answers) == [(2, 0.4)] * 3
    assert list(window.inputs) == [measured(square, 40), measured(square, 10)]
    for _ in range(LAST + 5):
        all_of_them.answered(b"", answer)
    assert len(window.answers) == LAST
    assert all_of_them.of("other", "a") is not window
    assert not all_of_them.of("other", "a").answers
    for number in range(2 * windows.MOST_NETWORKS):  # looking at others drops none
        assert not all_of_them.of(f"{number}", "a").answers
    assert all_of_them.of("m", "a") is window


def test_many_images_in_a_moment_are_not_all_measured() -> None:
    square, window = np.zeros((8, 8, 3), np.uint8), Window()
    answer: Any = SimpleNamespace(best=0, probability=1.0, square=square, shorter_side=8)
    for _ in range(200):
        window.add(answer)
    assert len(window.answers) == 200
    assert 1 <= len(window.inputs) < 200


def test_prometheus_is_told_the_same(artifact: Artifact) -> None:
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    window = asked(100, unsure=0.6)
    registry.register(
        DriftCollector(lambda: [Watched(model="m", version="1", artifact=artifact, window=window, threshold=0.8)])
    )
    of = {"model": "m", "version": "1"}
    assert registry.get_sample_value("skipwise_last_images", of) == 100
    assert registry.get_sample_value("skipwise_not_sure_ratio", of) == window.unsure(0.8) / 100
    assert registry.get_sample_value("skipwise_drift", {**of, "measure": "not sure"}) == 1
    assert registry.get_sample_value("skipwise_drift", {**of, "measure": "brightness"}) == 0
    brightness = registry.get_sample_value("skipwise_input_mean", {**of, "input": "brightness"})
    assert brightness == pytest.approx(120, abs=10)
    shares = [registry.get_sample_value("skipwise_class_ratio", {**of, "class": f"stripes{k}"}) for k in range(3)]
    assert sum(share or 0 for share in shares) == pytest.approx(1)
    assert b"# TYPE skipwise_drift gauge" in generate_latest(registry)


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(st.sampled_from([0.0, 28.0, 100.0, 4032.0]), st.floats(0, 1e5).map(lambda v: round(v, 2))), min_size=1
    )
)
def test_the_parts_of_any_values_are_those_that_an_artifact_may_have(found: list[float]) -> None:
    # Photographs of one camera all have the same size.
    inputs = {name: spread(found) for name in INPUTS}
    reference = Reference(images=5, answers=(3, 2), unsure=None, inputs=inputs)
    check_reference(None, reference, 2)
