"""A program of torch.export: one file, model.pt2, that PyTorch runs."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skipwise.deploy.formats.format import Backend, ExportFormat, ExportJob


def write(folder: Path, job: ExportJob) -> None:
    """Writes model.pt2."""
    import torch

    from skipwise.deploy.export.shipped import (
        HalfPrecisionWeights,
        portable,
        trace_classifier,
        trace_resize_and_classify,
    )
    from skipwise.deploy.export.tracing import tracing

    job.progress("Tracing the network", 0, 1)
    network, preprocessing = job.network, job.network.preprocessing
    with tracing(network.model):
        answer = trace_classifier(portable(network.module()), preprocessing).module()
        program = trace_resize_and_classify(
            HalfPrecisionWeights(answer) if job.precision == "fp16" else answer, preprocessing
        )
    program.example_inputs = None  # they would be a pickle
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine
    content = io.BytesIO()  # writing to the file directly, PyTorch aborts the process where the disk is full
    torch.export.save(program, content)
    (folder / TORCH_EXPORT.files[0]).write_bytes(content.getbuffer())


class TorchSession:
    """A program of torch.export, read and run without PyTorch's own loader."""

    def __init__(self, path: Path, threads: int) -> None:
        import torch

        from skipwise.deploy.runtime.torch_file import read_program

        self._torch, self._threads = torch, threads
        self._program = read_program(path)
        self._stopped = threading.Event()

    def predict_pixels(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._run({self._program.pixels: self._torch.tensor(pixels)})

    def predict_resized(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        planes = self._torch.tensor(pixels).permute(0, 3, 1, 2).float()
        # What comes before runs, too, on next to nothing.
        nothing = self._torch.zeros(len(pixels), 8, 8, pixels.shape[3], dtype=self._torch.uint8)
        return self._run({self._program.pixels: nothing, self._program.fitted: planes})

    def stop(self) -> None:
        self._stopped.set()

    def _run(self, given: dict[str, Any]) -> NDArray[np.float32]:
        before = self._torch.get_num_threads()
        self._torch.set_num_threads(self._threads)
        try:
            with self._torch.inference_mode():
                result: NDArray[np.float32] = self._program(given, self._stopped.is_set).numpy()
            return result
        finally:
            self._torch.set_num_threads(before)


TORCH = Backend(name="torch", title="torch.export", extra="train", load=TorchSession)
TORCH_EXPORT = ExportFormat(
    name="torch",
    title="torch.export",
    files=("model.pt2",),
    precisions=("fp32", "fp16"),
    backends=(TORCH,),
    write=write,
)
