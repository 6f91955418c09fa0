"""What every export format has to do, and that adding one takes a file and a row."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.data.image.preprocess import fit_square
from skipwise.deploy import formats
from skipwise.deploy.artifact.artifact import Quantization
from skipwise.deploy.artifact.trained_network import TrainedNetwork, network_of_run
from skipwise.deploy.formats import FORMATS, Backend, ExportFormat, ExportJob, find_backend, find_format
from skipwise.deploy.formats.onnx_format import ONNX, OnnxRuntimeSession
from skipwise.deploy.runtime.model_session import ModelSession
from skipwise.deploy.runtime.run_session import RunSession
from tests.conftest import Run

PAGE = Path(__file__).parent.parent / "docs" / "shipping.md"


@pytest.fixture(scope="module")
def network(trained: Path) -> TrainedNetwork:
    return network_of_run(trained)


def job(network: TrainedNetwork, precision: formats.Precision) -> ExportJob:
    return ExportJob(network=network, precision=precision, images=None, max_drop=0, progress=lambda *_: None)


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_format_writes_every_backend_of_it_loads_and_runs_as_pytorch_does(
    network: TrainedNetwork, tmp_path: Path, name: str
) -> None:
    """INT8, which needs images, is in test_export.py and test_quantize.py."""
    kind, reference = find_format(name), RunSession(network)
    size = network.preprocessing.size
    pixels = np.random.default_rng(0).integers(0, 256, (3, size + 9, size + 4, 3), dtype=np.uint8)
    resized = np.stack([fit_square(each, size) for each in pixels])
    expected = reference.predict_resized(resized)
    assert kind.name == name
    assert kind.write(tmp_path, job(network, "fp32")) is None
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(kind.files)
    assert kind.backends
    for backend in kind.backends:
        assert find_backend(backend.name, kind) is backend
        session = ModelSession(backend, tmp_path / kind.files[0], 1)
        for answer, given in ((session.predict_resized, resized), (session.predict_pixels, pixels)):
            found = answer(given)
            assert (found.shape, found.dtype) == (expected.shape, np.float32)
            np.testing.assert_allclose(found, expected, atol=1e-4)
            np.testing.assert_allclose(answer(given[:1]), expected[:1], atol=1e-4)


@pytest.mark.parametrize("name", FORMATS)
def test_a_precision_that_a_format_lacks_is_refused_with_what_has_it(trained: Path, here: Path, name: str) -> None:
    for precision in set(formats.PRECISIONS) - set(find_format(name).precisions):
        with pytest.raises(SkipwiseError, match=f"has no {precision.upper()}; choose --format "):
            skipwise.export(trained, format=name, precision=precision)
    assert not list(here.iterdir())


def test_names_that_there_are_not() -> None:
    with pytest.raises(SkipwiseError, match="There is no format called 'onx'; did you mean 'onnx'"):
        find_format("onx")
    with pytest.raises(SkipwiseError, match=r"There is no backend for torch\.export called 'openvino'"):
        find_backend("openvino", find_format("torch"))


# A format that somebody adds: ONNX, packed with gzip.


def write(folder: Path, job: ExportJob) -> Quantization | None:
    quantization = ONNX.write(folder, job)
    plain = folder / "model.onnx"
    (folder / "model.onnx.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    return quantization


class PackedSession:
    def __init__(self, path: Path, threads: int) -> None:
        plain = path.with_suffix(".plain")
        plain.write_bytes(gzip.decompress(path.read_bytes()))
        self.session = OnnxRuntimeSession(plain, threads)

    def predict_resized(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self.session.predict_resized(pixels)

    def predict_pixels(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self.session.predict_pixels(pixels)

    def stop(self) -> None:
        self.session.stop()


PACKED = ExportFormat(
    name="packed",
    title="packed ONNX",
    files=("model.onnx.gz",),
    precisions=("fp32",),
    backends=(Backend(name="unpacking", title="ONNX Runtime, unpacking", extra="export", load=PackedSession),),
    write=write,
)


def test_one_row_brings_a_format_into_export_predict_and_verify(
    monkeypatch: pytest.MonkeyPatch, trained: Path, tmp_path: Path
) -> None:
    monkeypatch.setitem(FORMATS, PACKED.name, PACKED)
    made = skipwise.export(trained, format="packed", output=tmp_path / "packed")
    image = next((trained.parent / "stripes").rglob("*.png"))
    answer = skipwise.Predictor(made.folder, backend="unpacking").predict(image)
    assert answer.probability == pytest.approx(skipwise.Predictor(trained).predict(image).probability, abs=1e-4)
    certificate = skipwise.verify(made.folder, timing=False).certificate
    assert certificate.passed
    assert list(certificate.golden) == ["ONNX Runtime, unpacking"]


def test_the_page_has_the_table_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    written = text.partition("<!-- formats -->\n")[2].partition("<!-- end of formats -->")[0]
    rows = [
        f"| `{each.name}` | {each.title} | {', '.join(f'`{file}`' for file in each.files)} | "
        f"{', '.join(f'`{precision}`' for precision in each.precisions)} | "
        f"{', '.join(backend.title for backend in each.backends)} |"
        for each in FORMATS.values()
    ]
    head = ["| `--format` | | files | `--precision` | run by |", "|---|---|---|---|---|"]
    assert written == "\n".join([*head, *rows, ""])


def test_the_command_line_names_every_format(cli: Run) -> None:
    said = " ".join(cli("export", "--help").stdout.split())
    assert all(name in said for name in FORMATS)
