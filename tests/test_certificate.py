"""The certificate's page, made of fabricated records and opened in a real browser."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from skipwise.core.machine.system import describe_machine
from skipwise.cost.interleaved import Timing
from skipwise.data.image.preprocess import Preprocessing
from skipwise.deploy.artifact.artifact import Artifact, Golden, Provenance, Quantization
from skipwise.deploy.artifact.golden import GoldenCheck
from skipwise.deploy.trained.images import other_images
from skipwise.deploy.verify.agreement import agreement, quality
from skipwise.deploy.verify.certificate import write_certificate
from skipwise.deploy.verify.record import Certificate, Verified
from skipwise.deploy.verify.results import BackendResult, Flip
from skipwise.deploy.verify.speed import Speed
from skipwise.deploy.verify.wording import verdict
from skipwise.statistics.noninferiority import noninferiority
from tests.browsing import page_of

NASTY = "<script>alert('x')</script> & a_very_long_name_that_nobody_would_give_to_a_class_of_images"
CLASSES = ("cat", NASTY)


@pytest.fixture
def verified(tmp_path: Path) -> Verified:
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(10):
            pixels = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{number}.png")
    images = other_images(tmp_path / "images", ("cat", "dog"))
    labels = images.labels
    before = np.where(labels[:, None] == np.arange(2), 0.8, 0.2).astype(np.float32)
    after = before.copy()
    after[[3, 14]] = after[[3, 14], ::-1]
    found = agreement(before, after, labels)
    machine = describe_machine()
    check = GoldenCheck(images=8, difference=1e-3, tolerance=0.05, failed=())
    timing = Timing(median=0.004, low=0.003, high=0.005, rounds=9)
    golden = Golden(file="golden/1.png", name="cat/1.png", expected=(0.8, 0.2), answered=(0.79, 0.21))
    artifact = Artifact(
        version=1,
        format="onnx",
        precision="int8",
        opset=20,
        classes=CLASSES,
        preprocessing=Preprocessing(size=24, channels=3, mean=(0.5,) * 3, std=(0.2,) * 3, crop=0.875),
        golden=(golden,),
        quantization=Quantization(
            calibrated=300,
            checked=100,
            split="validation",
            accuracy=0.9,
            quantized_accuracy=0.89,
            max_drop=0.003,
            layers=20,
            kept=("node_Conv_3", "node_Conv_7"),
        ),
        provenance=Provenance(
            model="se_resnet18",
            width=0.5,
            stem="small",
            seed=0,
            recipe="fast",
            run="runs/train/x",
            weights="0" * 64,
            test_accuracy=0.9,
            machine=machine,
        ),
        files={"": "f" * 64},
    )
    results = [
        BackendResult(
            name="ONNX Runtime INT8", precision="int8", own=True, agreement=found, faults=("2 points are lost",)
        ),
        BackendResult(name="OpenVINO FP32", precision="fp32", own=False, agreement=found, faults=()),
    ]
    flips = [
        Flip(
            backend=results[0].name,
            position=position,
            name=images.id(position) + NASTY,
            label="cat",
            before="cat",
            before_probability=0.8,
            after=NASTY,
            after_probability=0.8,
        )
        for position in found.flipped
    ]
    cells = itertools.product(("PyTorch", "ONNX Runtime"), (1, 32), (1, 2))
    speeds = [Speed(name=name, batch=batch, threads=threads, timing=timing) for name, batch, threads in cells]
    certificate = Certificate(
        artifact="f" * 64,
        format="onnx",
        precision="int8",
        classes=CLASSES,
        golden={"ONNX Runtime": check},
        data="images",
        split="test",
        images=20,
        reference="PyTorch",
        reference_quality=quality(before, labels),
        max_drop=0.003,
        results=tuple(results),
        flips=tuple(flips),
        size=800_000,
        speeds=tuple(speeds),
        passed=False,
        faults=("ONNX Runtime INT8: 2 points are lost",),
        notes=("OpenVINO is not installed here.",),
        machine=machine,
    )
    return Verified(folder=tmp_path, artifact=artifact, certificate=certificate, images=images)


@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_opens_offline_says_so_first_and_fits(
    browser: Any, verified: Verified, width: int, scheme: str
) -> None:
    path = write_certificate(verified)
    with page_of(browser, path, width=width, scheme=scheme) as page:
        assert page.inner_text("p.answer").startswith("NOT certified: se_resnet18 (width 0.5) as ONNX INT8")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(".gallery img").count() == 2
        assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
        text = page.inner_text("body")
        for words in (
            "90.00%",
            "ONNX Runtime INT8",
            "OpenVINO FP32 is not the artifact",
            "node_Conv_3",
            "4.00 (250/s)",
        ):
            assert words in text, words
    assert json.loads((path.parent / "certificate.json").read_text())["passed"] is False


def test_the_verdict_is_a_sentence_about_the_images(verified: Verified) -> None:
    failed = verdict(verified)
    assert failed.startswith("NOT certified")
    certified = replace(verified.certificate, passed=True, faults=(), outcome="certified", certified=True)
    passed = replace(verified, certificate=certified)
    assert verdict(passed) == (
        "Certified: se_resnet18 (width 0.5) as ONNX INT8 gives 90.00% of 20 test images of images the same class as "
        "PyTorch, and 90.00% of them are right instead of 100.00%."
    )


def test_images_that_cannot_tell_are_a_warning_with_what_would(verified: Verified) -> None:
    right = np.ones(310, dtype=bool)
    drop = noninferiority(right, np.arange(310) >= 2, limit=0.003)
    result = replace(verified.certificate.results[0], faults=(), drop=drop)
    few = replace(verified.certificate, passed=True, faults=(), outcome="cannot tell", results=(result,))
    said = verdict(replace(verified, certificate=few))
    assert said.startswith("WARNING, not certified: ")
    assert (
        "are too few to tell whether INT8 loses more than the 0.3 points that are allowed: 2 of 310 images lost" in said
    )
    assert f"about {drop.enough:,} such images can tell" in said
    assert "export with --precision fp16, or allow more (--max-drop 2.4)" in said
    bad = replace(result, drop=noninferiority(right, np.arange(310) >= 9, limit=0.003), faults=("9 images lost",))
    failed = replace(verified.certificate, outcome="not as good", results=(bad,))
    assert "Export with --precision fp16, or allow more" in verdict(replace(verified, certificate=failed))


def test_agreement_counts_what_is_no_number_as_wrong() -> None:
    before = np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
    found = agreement(before, np.array([[0.9, 0.1], [np.nan, np.nan]], dtype=np.float32), None)
    assert (found.same, found.flipped, found.difference) == (1, (1,), float("inf"))
    assert found.low < 0.5 < found.high
    assert quality(np.full((2, 2), np.nan, dtype=np.float32), np.zeros(2, dtype=np.int64)).accuracy == 0
