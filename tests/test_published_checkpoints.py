"""Checkpoints of other people, evaluated: as theirs answer, and by scikit-learn's own metrics to the last digit."""

from __future__ import annotations

import csv
import json
import re
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics
from torch import Tensor, nn

import skipwise
from skipwise.core.files.json_records import as_json
from skipwise.data.sources import open_source
from skipwise.evaluation.one_network import Answers, Evaluation, evaluate_answers
from tests.conftest import Run

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)


class _Block(nn.Module):
    """A basic block as the usual CIFAR repositories write it."""

    def __init__(self, ins: int, outs: int, stride: int, *, padded: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(ins, outs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outs)
        self.conv2 = nn.Conv2d(outs, outs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outs)
        self.downsample: nn.Module | None = None
        if ins != outs and not padded:
            self.downsample = nn.Sequential(nn.Conv2d(ins, outs, 1, stride, bias=False), nn.BatchNorm2d(outs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        if self.downsample is not None:
            x = self.downsample(x)
        elif x.shape != y.shape:
            extra = y.shape[1] - x.shape[1]
            x = nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, extra // 2, extra - extra // 2))
        return (x + y).relu()


class CifarResNet20(nn.Module):
    """ResNet-20: with padded shortcuts and the last layer `linear`, or with projections and `fc`."""

    def __init__(self, *, padded: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        ins = 16
        for number, outs in enumerate((16, 32, 64), start=1):
            blocks = [
                _Block(ins if k == 0 else outs, outs, 2 if k == 0 and number > 1 else 1, padded=padded)
                for k in range(3)
            ]
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
            ins = outs
        self.last = "linear" if padded else "fc"
        setattr(self, self.last, nn.Linear(64, 10))

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer3(self.layer2(self.layer1(self.bn1(self.conv1(x)).relu())))  # type: ignore[operator]
        return getattr(self, self.last)(x.mean((2, 3)))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten classes of small colour pictures in class folders."""
    from PIL import Image

    root, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for label in range(10):
        folder = root / f"class{label}"
        folder.mkdir()
        for number in range(7 + label):
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            pixels[:, :, label % 3] //= 1 + label // 3
            Image.fromarray(pixels).save(folder / f"{number:02}.png")
    return root


def checkpoint(folder: Path, *, padded: bool) -> tuple[nn.Module, Path]:
    """A network that looks trained, and its file in the form in which it is published."""
    torch.manual_seed(3)
    network = CifarResNet20(padded=padded)
    network.train()
    for _ in range(3):  # so that its norms have seen images
        network(torch.randn(16, 3, 32, 32))
    with torch.no_grad():
        getattr(network, network.last).weight.mul_(8)
    network.eval()
    state = network.state_dict()
    if padded:  # as somebody saves a network in nn.DataParallel, with the accuracy beside it
        named = OrderedDict((f"module.{name}", tensor) for name, tensor in state.items())
        torch.save({"state_dict": named, "best_prec1": 91.73}, folder / "resnet20-12fca82f.th")
        return network, folder / "resnet20-12fca82f.th"
    torch.save(state, folder / "cifar10_resnet20-4118986f.pt")
    return network, folder / "cifar10_resnet20-4118986f.pt"


def their_logits(
    network: nn.Module, images: Path, mean: tuple[float, ...], std: tuple[float, ...]
) -> tuple[NDArray, NDArray]:
    """Logits and labels as the authors' own script gets them."""
    from PIL import Image

    source = open_source(images)
    pixels = np.stack([np.asarray(Image.open(images / name)) for name in source.ids])
    tensors = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    normal = (tensors - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    with torch.inference_mode():
        return network(normal).numpy(), source.labels


@pytest.mark.parametrize(("padded", "model"), [(False, "projection_resnet20"), (True, "resnet20")])
def test_a_published_checkpoint_is_evaluated_as_its_authors_would(
    images: Path, tmp_path: Path, padded: bool, model: str
) -> None:
    network, path = checkpoint(tmp_path, padded=padded)
    notices: list[str] = []
    report = skipwise.evaluate(
        path, images, model=model, mean=MEAN, std=STD, output=tmp_path / "e", notice=notices.append
    )
    logits, labels = their_logits(network, images, MEAN, STD)
    check_against_sklearn(report.evaluation, logits, labels, tolerance=1e-5)
    assert report.evaluation.matrix == as_counts(metrics.confusion_matrix(labels, logits.argmax(1), labels=range(10)))
    assert "The classes are taken to be those of the images, in their order: class0, class1" in notices[0]
    assert "Images are prepared as 32 x 32 pixels, bilinear, mean 0.4914, 0.4822, 0.4465" in notices[1]
    rows = list(csv.DictReader((tmp_path / "e" / "predictions.csv").read_text().splitlines()))
    assert [f"class{answer}" for answer in logits.argmax(axis=1)] == [row["answer"] for row in rows]
    # The same again shows it; other preparation of the images is another network.
    assert skipwise.evaluate(path, images, model=model, mean=MEAN, std=STD, output=tmp_path / "e").repeated
    with pytest.raises(skipwise.SkipwiseError, match="the network differs"):
        skipwise.evaluate(path, images, model=model, output=tmp_path / "e")


def test_the_command_and_what_it_says_to_type_next(images: Path, tmp_path: Path, cli: Run) -> None:
    _, path = checkpoint(tmp_path, padded=False)
    words = ["--mean", "0.4914,0.4822,0.4465", "--std", "0.2023,0.1994,0.201"]
    shown = cli("evaluate", path, images, "--model", "projection_resnet20", *words)
    following = re.search(r"Next: +.*skipwise (export .*)", shown.stdout)
    assert following is not None, shown.stderr
    assert "runs/evaluate/cifar10_resnet20-4118986f/evaluation.html" in shown.stdout
    assert "--classes class0,class1," in following[1]
    assert "--model projection_resnet20" in following[1]
    assert "--std 0.2023,0.1994,0.201" in following[1]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "is a file; if it holds weights, name their network, such as --model resnet20"),
        ({"model": "resnet21"}, "There is no network called 'resnet21'"),
        ({"model": "resnet20"}, "Nothing was loaded"),
        ({"model": "projection_resnet20", "classes": "a,b"}, "Nothing was loaded"),
        ({"model": "projection_resnet20", "backend": "openvino"}, "which PyTorch runs; leave --backend out"),
        ({"model": "projection_resnet20", "mean": (0.5,), "std": (0.5,)}, "Nothing was loaded"),
    ],
)
def test_what_can_not_be_evaluated_is_refused_in_a_sentence(
    images: Path, tmp_path: Path, options: dict, sentence: str
) -> None:
    _, path = checkpoint(tmp_path, padded=False)
    with pytest.raises(skipwise.SkipwiseError, match=sentence):
        skipwise.evaluate(path, images, output=tmp_path / "e", **options)
    assert not (tmp_path / "e").exists()


def test_weights_without_images_are_refused(tmp_path: Path) -> None:
    _, path = checkpoint(tmp_path, padded=False)
    with pytest.raises(skipwise.SkipwiseError, match="name labelled images behind it"):
        skipwise.evaluate(path, model="resnet20")


def as_counts(matrix: NDArray) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())


def check_against_sklearn(found: Evaluation, logits: NDArray, labels: NDArray, *, tolerance: float = 1e-12) -> None:
    """Holds every metric against scikit-learn's."""
    classes = logits.shape[1]
    every = list(range(classes))
    shares = torch.from_numpy(np.asarray(logits, np.float64)).softmax(dim=1).numpy()
    answers = logits.argmax(axis=1)
    values = {each.outcome: each.value for each in found.outcomes}
    assert values["accuracy"] == metrics.accuracy_score(labels, answers)
    assert values["balanced-accuracy"] == pytest.approx(metrics.balanced_accuracy_score(labels, answers), rel=1e-14)
    assert found.matrix == as_counts(metrics.confusion_matrix(labels, answers, labels=every))
    assert values["log-loss"] == pytest.approx(metrics.log_loss(labels, shares, labels=every), rel=tolerance)
    if classes == 2:  # of which scikit-learn gives half
        brier = 2 * metrics.brier_score_loss(labels, shares[:, 1], pos_label=1)
    else:
        brier = metrics.brier_score_loss(labels, shares, labels=every, scale_by_half=False)
    assert values["brier"] == pytest.approx(brier, rel=tolerance, abs=1e-15)
    if classes > 5 and untied(logits):
        assert values["top5-accuracy"] == metrics.top_k_accuracy_score(labels, logits, k=5, labels=every)
    precision, recall, f1, images = metrics.precision_recall_fscore_support(
        labels, answers, labels=every, zero_division=np.nan
    )
    for number, each in enumerate(found.scores):
        assert each.images == images[number]
        if not each.images:
            assert (each.precision.value, each.recall.value, each.f1.value) == (None, None, None)
            continue
        assert each.recall.value == recall[number]
        assert each.precision.value == (None if np.isnan(precision[number]) else precision[number])
        assert each.f1.value == pytest.approx(f1[number], rel=1e-14)
    if classes == 2 and len(set(labels.tolist())) == 2:
        assert found.curve is not None
        assert found.curve.roc_area == pytest.approx(metrics.roc_auc_score(labels, shares[:, 1]), rel=tolerance)
        area = metrics.average_precision_score(labels, shares[:, 1])
        assert found.curve.average_precision == pytest.approx(area, rel=tolerance)
        rises, falls, _ = metrics.roc_curve(labels, shares[:, 1], drop_intermediate=False)
        assert [p.false_positives for p in found.curve.points] == pytest.approx(list(rises))
        assert [p.true_positives for p in found.curve.points] == pytest.approx(list(falls))


def untied(logits: NDArray) -> bool:
    """Whether no image has two equal logits, of which scikit-learn counts the last as the largest and we the first."""
    ordered = np.sort(logits, axis=1)
    return bool((np.diff(ordered, axis=1) > 0).all())


@st.composite
def answered(draw: st.DrawFn) -> tuple[NDArray, NDArray]:
    """Logits and labels of few images, with ties, absent classes and classes that are never predicted.

    No probability is below 2.2e-16, which is the least that scikit-learn's log-loss reckons with.
    """
    classes, images = draw(st.integers(2, 8)), draw(st.integers(1, 25))
    value = st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0]) if draw(st.booleans()) else st.floats(-8, 8, width=32)
    logits = np.array(
        draw(st.lists(st.lists(value, min_size=classes, max_size=classes), min_size=images, max_size=images))
    )
    present = draw(st.lists(st.integers(0, classes - 1), min_size=1, max_size=classes, unique=True))
    labels = np.array(draw(st.lists(st.sampled_from(present), min_size=images, max_size=images)))
    if draw(st.booleans()):
        logits[:, draw(st.integers(0, classes - 1))] = -12.0  # never predicted
    return logits, labels


@settings(max_examples=40, deadline=None)
@given(answered())
@pytest.mark.filterwarnings(
    "ignore:y_pred contains classes not in y_true",
    "ignore:A single label was found",
    "ignore:Only one class",
    "ignore::sklearn.exceptions.UndefinedMetricWarning",
)
def test_every_metric_is_scikit_learns_to_the_last_digit(given_answers: tuple[NDArray, NDArray]) -> None:
    logits, labels = given_answers
    answers = Answers(ids=np.array([str(n) for n in range(len(labels))]), labels=labels, logits=logits)
    found = evaluate_answers(answers, [f"c{number}" for number in range(logits.shape[1])])
    check_against_sklearn(found, logits, labels)
    assert json.loads(as_json(found))["images"] == len(labels)
