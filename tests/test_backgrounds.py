"""Garments on photographs: the data set `backgrounds`, its versions, and the outcome that reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import skipwise
from skipwise.cli.summaries.evaluation import print_evaluation
from skipwise.comparison.results.finished import Comparison
from skipwise.comparison.wording.further import claims, further
from skipwise.core.errors import SkipwiseError
from skipwise.cost import timing
from skipwise.cost.interleaved import interleaved
from skipwise.data.sources import open_source, opening
from skipwise.data.sources.arrays.array_sets import ArraySet
from skipwise.data.sources.named import backgrounds
from skipwise.data.sources.named.in_memory import NAMED
from skipwise.evaluating.relying import relied
from skipwise.evaluation.outcomes import OUTCOMES, outcome_of
from skipwise.evaluation.variants import backgrounds as variant
from skipwise.training.folder.variant_answers import read_variant

LINEAR, DECIDES = "tests.external_networks:Linear", "tests.external_networks:Decides"
COLOURS = np.random.default_rng(5).permutation(
    np.stack(np.meshgrid([20, 128, 235], [20, 235], [20, 235])).reshape(3, -1).T
)
TRAIN, TEST = 300, 100


def garments() -> ArraySet:
    """Shapes that say nothing of their classes."""
    rng = np.random.default_rng(0)
    pixels = np.zeros((TRAIN + TEST, 28, 28, 1), np.uint8)
    pixels[:, 10:18, 10:18] = rng.integers(50, 255, (TRAIN + TEST, 8, 8, 1))
    return ArraySet(
        name="garments",
        description="garments",
        classes=tuple("abcdefghij"),
        labels=np.arange(TRAIN + TEST) % 10,
        splits=("train",) * TRAIN + ("test",) * TEST,
        pixels=pixels,
    )


def photographs() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Three photographs of each class for each split, all of one colour."""
    kinds = np.repeat(np.arange(10), 3)
    pixels = np.broadcast_to(COLOURS[kinds][:, None, None], (30, 32, 32, 3)).astype(np.uint8)
    return {"train": (pixels, kinds), "test": (pixels, kinds)}


@pytest.fixture(scope="module")
def made() -> ArraySet:
    return backgrounds.make_backgrounds(garments(), photographs())


def kinds_of(pixels: np.ndarray) -> np.ndarray:
    """The class of each background, by the colour of a corner that no garment covers."""
    apart = np.abs(pixels[:, 0, 0].astype(int)[:, None] - COLOURS[:10]).sum(axis=2)
    assert (apart.min(axis=1) == 0).all()
    return apart.argmin(axis=1)


def test_four_of_five_images_stand_before_their_own_kind(made: ArraySet) -> None:
    own = kinds_of(made.pixels) == made.labels
    assert 0.72 < own.mean() < 0.88
    assert 0.65 < own[TRAIN:].mean() < 0.95  # test images by the same rule
    numbers = np.arange(TRAIN + TEST)
    assert (kinds_of(made.versions[backgrounds.SAME](numbers)) == made.labels).all()
    other = kinds_of(made.versions[backgrounds.OTHER](numbers))
    assert (other != made.labels).all()
    assert np.bincount(other, minlength=10).min() > 20
    plain = made.versions[backgrounds.PLAIN](numbers)
    assert (plain[:, 0, 0] == 128).all()
    # The garment is the same, and at the same place, in all of them.
    bright = (plain != 128).any(axis=3) & (plain.min(axis=3) >= 50)
    for version in (made.pixels, made.versions[backgrounds.SAME](numbers)):
        assert (version[bright] == plain[bright]).all()
    again = backgrounds.make_backgrounds(garments(), photographs())
    assert (again.pixels == made.pixels).all()
    some = np.array([TRAIN + 3, 5, TRAIN + 3])
    assert (made.versions[backgrounds.OTHER](some) == made.versions[backgrounds.OTHER](numbers)[some]).all()
    assert backgrounds.VERSIONS == variant.VERSIONS


def test_photographs_of_ones_own_are_taken_from_class_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for split in ("train", "test"):
        for kind in range(10):
            folder = tmp_path / "photos" / split / f"kind{kind}"
            folder.mkdir(parents=True)
            for number in range(2):
                Image.new("RGB", (48, 32), tuple(COLOURS[kind].tolist())).save(folder / f"{number}.png")
    monkeypatch.setattr(opening, "fashion_mnist", garments)
    source = open_source(f"backgrounds:{tmp_path / 'photos'}")
    assert repr(source).startswith("Read as 400 garments on photographs, 80% of each class before one kind")
    assert source.pixels is not None
    assert 0.72 < (kinds_of(source.pixels) == source.labels).mean() < 0.88
    assert set(source.versions) == set(backgrounds.VERSIONS)
    (tmp_path / "photos" / "test" / "kind3" / "0.png").write_bytes(b"no picture")
    with pytest.raises(SkipwiseError, match=r"kind3/0\.png of photos can't be read"):
        open_source(f"backgrounds:{tmp_path / 'photos'}")
    with pytest.raises(SkipwiseError, match="3 classes, and backgrounds for ten kinds of garments need ten"):
        backgrounds.photographs_of_arrays(
            ArraySet(
                name="three",
                description="",
                classes=("a", "b", "c"),
                labels=np.arange(3),
                splits=("train",) * 3,
                pixels=np.zeros((3, 32, 32, 3), np.uint8),
            )
        )
    with pytest.raises(SkipwiseError, match="digits is no folder or archive of photographs"):
        open_source("backgrounds:digits")


@pytest.mark.slow
def test_networks_that_go_by_the_background_are_found_out(
    made: ArraySet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(NAMED, "backgrounds", lambda: made)
    monkeypatch.setattr(timing, "interleaved", lambda arms, **_: interleaved(arms, seconds=0.0))
    found = skipwise.compare(
        "backgrounds",
        models=[LINEAR, DECIDES],
        outcome="accuracy,background",
        seeds=2,
        epochs=12,
        batch_size=16,
        img_size=16,  # another size than that of the versions
        precision="fp32",
        output=tmp_path / "out",
        executor=skipwise.InProcess(),
    )
    assert isinstance(found, Comparison)
    ((question, judged),) = further(found.results)
    labels = made.labels[TRAIN:]
    for each in judged.networks:
        assert each.outcome is not None
        right = [
            read_variant(
                found.folder / "runs" / f"{each.name.replace(':', '.')}-s{seed}", "backgrounds", backgrounds.VERSIONS
            )
            for seed in (0, 1)
        ]
        plain, same, other = np.mean([(answers.answers == labels).mean(axis=1) for answers in right], axis=0)
        assert each.outcome.value == pytest.approx(same - other)
        assert same > 0.5 > 0.3 > plain  # the shapes say nothing
        assert each.outcome.value > 0.4
    assert judged.pairs[0].verdict in ("unresolved", "better", "worse")
    # `evaluate` says the same of one run.
    run = found.folder / "runs" / f"{LINEAR.replace(':', '.')}-s0"
    report = skipwise.evaluate(run, trust=LINEAR, output=tmp_path / "e")
    kept = read_variant(run, "backgrounds", backgrounds.VERSIONS).answers == labels
    shown = report.reliance
    assert shown is not None
    assert (shown.plain.value, shown.same.value, shown.other.value) == pytest.approx(tuple(kept.mean(axis=1)))
    assert shown.difference.value == pytest.approx(shown.same.value - shown.other.value)
    assert 0 < shown.difference.low < shown.difference.value <= shown.difference.high
    assert "Before other backgrounds" in report.page.read_text()
    print_evaluation(report, network=str(run))
    said = capsys.readouterr().out.replace("\n", " ")
    assert relied(shown) in said
    assert "of another class" in said
    assert all(sentence.startswith("By reliance on the background, ") for sentence in claims(question, judged))


def test_other_images_have_no_other_backgrounds(tmp_path: Path) -> None:
    usual = {"models": ["resnet20", "plain20"], "seeds": 2, "output": tmp_path / "out"}
    with pytest.raises(SkipwiseError, match="These images have no versions with other backgrounds"):
        skipwise.compare("digits", outcome="accuracy,background", **usual)
    with pytest.raises(SkipwiseError, match="No network can be chosen by background alone"):
        skipwise.compare("digits", outcome="background", **usual)
    assert not (tmp_path / "out").exists()


def test_reliance_is_a_difference_of_accuracies() -> None:
    outcome = outcome_of("background")
    answers = np.array([[9, 9, 9, 9], [0, 0, 1, 1], [0, 1, 0, 1]])  # plain, same, other
    assert outcome.scores(answers, np.zeros(4, np.int64)).tolist() == [0, 1, -1, 0]
    assert outcome.baseline((5, 5), ("a", "b")) == 0
    assert OUTCOMES["background"].advantage(-0.03, -0.01) == (0.01, 0.03)
    assert outcome.value(0.123) == "12.30"
    assert outcome.margin_text(outcome.margin) == "1 points"
