"""Speed of an exported network, against the same network as people run it.

    python benchmarks/inference.py [--quick | --gates]

Every arm of a case takes turns in one process, on all cores. The first seven arms are of a torchvision or timm network
and take float32 pixels that are normalised already and give logits; Skipwise's take uint8 pixels as they come from a
decoder and give probabilities, so they do more. All are of the network's size: nothing is resized. INT8 is by NNCF's
defaults in the OpenVINO arm, and as `skipwise export` makes it in ours. Weights are random (they cost the same time);
`skipwise verify` certifies accuracy, on trained ones. With --gates, resnet18 and se_resnet18 take turns in every arm.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from skipwise.core.machine.system import describe_machine, usable_cores
from skipwise.cost.interleaved import interleaved
from skipwise.data.image.preprocess import Preprocessing
from skipwise.deploy.export.calibration import evaluating as running
from skipwise.deploy.export.onnx_file import PIXELS, PROBABILITIES, joined, to_onnx
from skipwise.deploy.export.quantize import Checked, quantize
from skipwise.deploy.export.shipped import portable, trace_classifier, trace_resize
from skipwise.deploy.formats import find_backend
from skipwise.deploy.formats.format import RESIZED
from skipwise.deploy.formats.openvino_format import run_model
from skipwise.deploy.runtime.backend_import import import_backend
from skipwise.deploy.runtime.model_session import ModelSession
from skipwise.nets.create import create_model

CASES = (
    ("resnet18", "torchvision:resnet18", 224),
    ("se_resnet18", "timm:seresnet18", 224),
    ("resnet50", "torchvision:resnet50", 224),
    ("mobilenet_v2", "torchvision:mobilenet_v2", 224),
    ("resnet18", "torchvision:resnet18", 32),
)
EAGER = "eager fp32"
RECOMMENDED = "Skipwise OpenVINO INT8"
CALIBRATION = 32


def external(name: str, size: int) -> nn.Module:
    """The network as people have it; at 32 pixels with the stem that the CIFAR repositories give it."""
    network = create_model(name, num_classes=1000 if size == 224 else 10, seed=0).eval()
    if size == 32:
        network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        network.maxpool = nn.Identity()
    return network


def torch_arms(name: str, images: torch.Tensor, *, compiled: bool) -> dict[str, Callable[[], object]]:
    last = images.to(memory_format=torch.channels_last)
    plain, fast = (
        external(name, images.shape[-1]),
        external(name, images.shape[-1]).to(memory_format=torch.channels_last),
    )
    arms = {EAGER: (plain, images), "channels-last fp32": (fast, last)}
    if compiled:
        arms["torch.compile fp32"] = (torch.compile(fast), last)

    def arm(network: nn.Module, batch: torch.Tensor) -> Callable[[], object]:
        def forward() -> None:
            with torch.inference_mode():
                network(batch)

        return forward

    return {label: arm(*each) for label, each in arms.items()}


def engine_arms(name: str, images: torch.Tensor, folder: Path) -> dict[str, Callable[[], object]]:
    """ONNX Runtime, and OpenVINO in three precisions, of the external network."""
    nncf, onnxruntime, openvino = map(import_backend, ("nncf", "onnxruntime", "openvino"))
    nncf.set_log_level(logging.ERROR)
    path = folder / "external.onnx"
    batch = images.numpy()

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    dynamic = torch.export.export(
        external(name, images.shape[-1]),
        (images[:1].repeat(2, 1, 1, 1),),
        dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
    )
    onnx.save(to_onnx(dynamic, takes="images", gives="logits"), path)
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    core = openvino.Core()

    def compiled(network: Any, precision: str) -> Callable[[], object]:
        network.reshape(list(batch.shape))
        settings = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
        request = core.compile_model(network, "CPU", settings).create_infer_request()
        return lambda: request.infer({0: batch}, share_inputs=True)

    some = np.random.default_rng(1).standard_normal((CALIBRATION, *batch.shape[1:])).astype(np.float32)
    quantized = nncf.quantize(core.read_model(path), nncf.Dataset([image[None] for image in some]))
    return {
        "ONNX Runtime fp32": lambda: session.run(None, {"images": batch}),
        "OpenVINO fp32": compiled(core.read_model(path), "f32"),
        "OpenVINO bf16": compiled(core.read_model(path), "bf16"),
        "OpenVINO INT8": compiled(quantized, "f32"),
    }


def our_arms(name: str, batch: int, size: int, folder: Path) -> dict[str, Callable[[], object]]:
    """Our network as `export` makes it, in single precision and INT8, as `predict` runs it."""
    classes = 1000 if size == 224 else 10
    prepared = Preprocessing(size=size, channels=3, mean=(0.49, 0.48, 0.45), std=(0.25, 0.24, 0.26))
    network = create_model(name, num_classes=classes, stem="imagenet" if size == 224 else "small", seed=0).eval()
    answer = to_onnx(trace_classifier(portable(network), prepared), takes=RESIZED, gives=PROBABILITIES)
    some = np.random.default_rng(1).integers(0, 256, (CALIBRATION, 3, size, size), dtype=np.uint8)
    evaluate = running(run_model)
    labels = evaluate(answer, some).argmax(axis=1)
    # Random weights give answers that any rounding changes; what it costs in time is the same.
    checked = Checked(pixels=some, labels=labels, split="no")
    quantized, _ = quantize(answer, some, checked, max_drop=1.0, evaluate=evaluate)
    fit = to_onnx(trace_resize(prepared), takes=PIXELS, gives=RESIZED)
    pixels = np.random.default_rng(2).integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
    arms: dict[str, Callable[[], object]] = {}
    made: tuple[tuple[str, str, onnx.ModelProto], ...] = (
        ("Skipwise ONNX fp32", "onnxruntime", answer),
        ("Skipwise OpenVINO fp32", "openvino", answer),
        ("Skipwise ONNX INT8", "onnxruntime", quantized),
        (RECOMMENDED, "openvino", quantized),
    )
    for label, engine, model in made:
        path = folder / f"{label}.onnx"
        onnx.save(joined(fit, model), path)
        opened = ModelSession(find_backend(engine), path, usable_cores())
        arms[label] = lambda opened=opened: opened.predict_resized(pixels)
    return arms


def all_arms(
    ours: str, theirs: str, size: int, batch: int, folder: Path, *, compiled: bool
) -> dict[str, Callable[[], object]]:
    folder.mkdir()
    images = torch.randn(batch, 3, size, size)
    return {
        **torch_arms(theirs, images, compiled=compiled),
        **engine_arms(theirs, images, folder),
        **our_arms(ours, batch, size, folder),
    }


def gates() -> None:
    """Prints what squeeze-excite costs in each way of running."""
    arms: dict[str, dict[str, float]] = {}
    ratios: dict[str, float] = {}
    for batch in (1, 32):
        with tempfile.TemporaryDirectory() as folder:
            ways = {
                (ours, label): arm
                for ours, theirs, size in CASES[:2]
                for label, arm in all_arms(ours, theirs, size, batch, Path(folder) / ours, compiled=True).items()
            }
            # A network and its twin next to each other, so that the machine is as fast for both.
            order = sorted(ways, key=lambda way: [label for _, label in ways].index(way[1]))
            names = {" ".join(way): ways[way] for way in order}
            timings = interleaved(names, seconds=20 if batch == 1 else 120, warm_up=True)
        for name, timing in timings.items():
            arms[f"b{batch} {name}"] = {"median": timing.median, "spread": timing.high - timing.low}
        print(f"batch {batch}: se_resnet18 / resnet18")
        for label in dict.fromkeys(label for _, label in order):
            gated, plain = timings[f"se_resnet18 {label}"], timings[f"resnet18 {label}"]
            ratios[f"b{batch} {label} se/plain"] = gated.median / plain.median
            print(
                f"  {label:<24} {gated.median / plain.median:>5.2f}   {plain.median * 1e3:>8.2f} ms plain", flush=True
            )
        torch.compiler.reset()
    machine = describe_machine().processor
    print(json.dumps({"benchmark": "inference --gates", "machine": machine, "arms": arms, "ratios": ratios}))


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast exported networks answer.")
    parser.add_argument("--quick", action="store_true", help="resnet18 at 224 alone, one image, nothing compiled")
    parser.add_argument("--gates", action="store_true", help="se_resnet18 against resnet18 at 224, in every arm")
    options = parser.parse_args()
    quick = options.quick
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    if options.gates:
        gates()
        return
    arms: dict[str, dict[str, float]] = {}
    ratios: dict[str, float] = {}
    for ours, theirs, size in CASES[:1] if quick else CASES:
        for batch in (1,) if quick else (1, 32):
            case = f"{ours}-{size}-b{batch}"
            with tempfile.TemporaryDirectory() as folder:
                ways = all_arms(ours, theirs, size, batch, Path(folder) / ours, compiled=not quick)
                timings = interleaved(ways, seconds=8 if batch == 1 else 30, warm_up=True)
            eager = timings[EAGER].median
            best = min(timing.median for timing in timings.values())
            print(f"\n{case}")
            for label, timing in timings.items():
                arms[f"{case} {label}"] = {"median": timing.median, "spread": timing.high - timing.low}
                ratios[f"{case} {label} / eager"] = eager / timing.median
                print(
                    f"  {label:<24} {timing.median * 1e3:>9.2f} ms ({timing.low * 1e3:.2f} to {timing.high * 1e3:.2f})"
                    f" {batch / timing.median:>8.0f}/s {eager / timing.median:>6.2f}x",
                    flush=True,
                )
            ratios[f"{case} recommended / best"] = timings[RECOMMENDED].median / best
            print(f"  {RECOMMENDED} takes {timings[RECOMMENDED].median / best:.2f} of the time of the quickest arm")
            torch.compiler.reset()
    print(
        json.dumps({"benchmark": "inference", "machine": describe_machine().processor, "arms": arms, "ratios": ratios})
    )


if __name__ == "__main__":
    main()
