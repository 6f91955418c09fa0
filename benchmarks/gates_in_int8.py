"""Squeeze-excite gates in INT8 under OpenVINO, in the two forms in which they are written.

    python benchmarks/gates_in_int8.py RUN [DATA]

RUN is a finished run of a network with gates, DATA its images where they are not any more where they were. Its network
is quantized twice in the same way, all convolutions and nothing else: with gates as products of flat vectors, as most
libraries write them, and as 1x1 convolutions, as `skipwise export` does. Test images are then answered one at a time,
and 64 at a time.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from skipwise.core.errors import SkipwiseError
from skipwise.core.machine.system import describe_machine
from skipwise.deploy.export import quantize
from skipwise.deploy.export.calibration import images_for_int8
from skipwise.deploy.export.onnx_file import PROBABILITIES, to_onnx
from skipwise.deploy.export.shipped import portable, trace_classifier
from skipwise.deploy.formats.format import RESIZED
from skipwise.deploy.runtime.backend_import import import_backend
from skipwise.deploy.trained.images import batches, own_images
from skipwise.deploy.trained.trained_network import network_of_run

IMAGES = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description="Squeeze-excite gates in INT8 under OpenVINO.")
    parser.add_argument("run", type=Path)
    parser.add_argument("data", nargs="?")
    options = parser.parse_args()
    origin = network_of_run(options.run)
    prepared = origin.preprocessing
    images = own_images(options.run, origin.classes, options.data)
    if images is None:
        raise SkipwiseError("Name the run's images, too.")
    calibration, _ = images_for_int8(images, prepared, lambda *_: None)
    test = images.of("test").drawn(IMAGES)
    pixels = np.concatenate([batch.transpose(0, 3, 1, 2) for batch in batches(test.resized(prepared), 64)])
    pixels = pixels.astype(np.float32)
    flat = origin.module()
    core = import_backend("openvino").Core()
    quantize.IN_INT8 = ("Conv",)
    arms = {}
    for form, network in (("flat vectors", flat), ("1x1 convolutions", portable(flat))):
        answer = to_onnx(trace_classifier(network, prepared), takes=RESIZED, gives=PROBABILITIES)
        for what, model in zip(("fp32", "INT8"), quantize._quantized(answer, calibration), strict=True):
            compiled = core.compile_model(
                core.read_model(model.SerializeToString()), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
            )
            for size in (1, 64):
                answers = [
                    compiled(pixels[start : start + size])[0].argmax(axis=1) for start in range(0, len(pixels), size)
                ]
                accuracy = float((np.concatenate(answers) == test.labels).mean())
                arms[f"{form} {what}, {size} at a time"] = {"median": accuracy, "spread": 0.0}
                print(f"{form:<18} {what:<5} {size:>3} at a time  {100 * accuracy:.2f}% right", flush=True)
    print(
        json.dumps({"benchmark": "gates_in_int8", "machine": describe_machine().processor, "arms": arms, "ratios": {}})
    )


if __name__ == "__main__":
    main()
