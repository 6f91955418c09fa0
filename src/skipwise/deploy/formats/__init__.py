"""The formats that networks are exported in, one file each, and the table of them.

To add a format, write one file here that has three things, and add one row to `FORMATS`:

- *write*: a function that writes an `ExportJob` into a folder;
- *load*: a class whose constructor opens that file with so many threads;
- *run*: that class's `predict_resized`, `predict_pixels` and `stop`, as `BackendSession` says.

`export`, `predict`, `Predictor` and `verify`, the list in docs/shipping.md and the tests of tests/test_formats.py go by
the table. Nothing is imported before it is used, so that a file which needs PyTorch to write needs none to run.
"""

from __future__ import annotations

from skipwise.core.errors import unknown_name
from skipwise.deploy.formats.format import PRECISIONS as PRECISIONS
from skipwise.deploy.formats.format import Backend as Backend
from skipwise.deploy.formats.format import BackendSession as BackendSession
from skipwise.deploy.formats.format import ExportFormat as ExportFormat
from skipwise.deploy.formats.format import ExportJob as ExportJob
from skipwise.deploy.formats.format import Precision as Precision
from skipwise.deploy.formats.onnx_format import ONNX
from skipwise.deploy.formats.openvino_format import OPENVINO_IR
from skipwise.deploy.formats.torch_format import TORCH_EXPORT

FORMATS: dict[str, ExportFormat] = {each.name: each for each in (ONNX, OPENVINO_IR, TORCH_EXPORT)}


def find_format(name: str) -> ExportFormat:
    """A format by its name.

    Raises:
        SkipwiseError: there is none of that name.
    """
    if name not in FORMATS:
        raise unknown_name("format", name, FORMATS)
    return FORMATS[name]


def find_backend(name: str, format: ExportFormat | None = None) -> Backend:
    """A backend by its name.

    Args:
        format: one that it has to run; None is any.

    Raises:
        SkipwiseError: there is none of that name, or it does not run that format.
    """
    formats = FORMATS.values() if format is None else (format,)
    backends = {backend.name: backend for each in formats for backend in each.backends}
    if name not in backends:
        raise unknown_name("backend" if format is None else f"backend for {format.title}", name, backends)
    return backends[name]
