"""What every export format has to do. That adding one takes a file and a row: see test_contributing.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import skipwise
from skipwise.core.errors import SkipwiseError
from skipwise.data.image.preprocess import fit_square
from skipwise.deploy import formats
from skipwise.deploy.formats import FORMATS, ExportJob, find_backend, find_format
from skipwise.deploy.runtime.model_session import ModelSession
from skipwise.deploy.runtime.run_session import RunSession
from skipwise.deploy.trained.trained_network import TrainedNetwork, network_of_run
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
        written = {each: each.read_bytes() for each in tmp_path.iterdir()}
        for each, content in written.items():  # by a newer network, say
            with each.open("r+b") as file:
                file.write(bytes(len(content)))
        np.testing.assert_allclose(session.predict_resized(resized), expected, atol=1e-4)
        for each, content in written.items():
            each.write_bytes(content)


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
