"""Triton Inference Server: a model repository for its ONNX Runtime backend."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from skipwise.core.files.atomic import write_text
from skipwise.core.text import printable
from skipwise.deploy.servers.server import Server, ServerJob

MOST_IMAGES = 32
"""Images that Triton gives the network at a time."""
MOST_WAITING = 5000
"""Microseconds that a request waits for others to be answered with."""
LABELS = "labels.txt"


def write(folder: Path, job: ServerJob) -> None:
    """Writes models/NAME/config.pbtxt, labels.txt and 1/model.onnx."""
    home = folder / "models" / job.name
    (home / "1").mkdir(parents=True)
    shutil.copyfile(job.artifact.model_file(job.folder), home / "1" / "model.onnx")
    write_text(home / LABELS, "".join(f"{printable(name)}\n" for name in job.artifact.classes))
    write_text(home / "config.pbtxt", _config(job))


def _config(job: ServerJob) -> str:
    """The names, types and dimensions that the file itself has, without that of the batch."""
    import onnx

    graph = onnx.load(job.artifact.model_file(job.folder), load_external_data=False).graph
    described = [_tensor("input", each) for each in graph.input]
    for number, each in enumerate(graph.output):
        described.append(_tensor("output", each, *([f"label_filename: {json.dumps(LABELS)}"] if number == 0 else [])))
    return "\n".join(
        [
            f"name: {json.dumps(job.name)}",
            'backend: "onnxruntime"',
            f"max_batch_size: {MOST_IMAGES}",
            *described,
            "# Images of one size are answered together.",
            f"dynamic_batching {{ max_queue_delay_microseconds: {MOST_WAITING} }}",
            "",
        ]
    )


def _tensor(kind: str, value: Any, *more: str) -> str:
    from onnx import TensorProto

    types = {TensorProto.UINT8: "TYPE_UINT8", TensorProto.FLOAT: "TYPE_FP32"}
    tensor = value.type.tensor_type
    dims = ", ".join(_sizes(tensor.shape.dim[1:]))
    lines = [f"name: {json.dumps(value.name)}", f"data_type: {types[tensor.elem_type]}", f"dims: [ {dims} ]", *more]
    return f"{kind} [\n  {{\n" + "".join(f"    {line}\n" for line in lines) + "  }\n]"


def _sizes(dimensions: Iterable[Any]) -> list[str]:
    """Each dimension; -1 is any."""
    return [str(each.dim_value) if each.HasField("dim_value") else "-1" for each in dimensions]


def _command(folder: Path) -> tuple[str, ...]:
    repository = f"{folder.resolve() / 'models'}:/models:ro"
    ports = ("-p", "127.0.0.1:8000:8000")
    return ("docker", "run", "--rm", *ports, "-v", repository, "nvcr.io/nvidia/tritonserver:25.10-py3", "tritonserver",
            "--model-repository=/models")  # fmt: skip


TRITON = Server(
    name="triton",
    title="Triton Inference Server",
    formats=("onnx",),
    write=write,
    command=_command,
)
