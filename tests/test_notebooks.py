"""The notebooks of the documentation run, each in a kernel of its own; and an interrupted cell goes on."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

DOCS = Path(__file__).parents[1] / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
READING = "ignore::DeprecationWarning"
"""Libraries of notebooks warn of each other."""


def cells(path: Path, kind: str) -> list[str]:
    """The cells of a kind, as text."""
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def test_there_are_four() -> None:
    assert len(NOTEBOOKS) == 4
    listed = re.findall(r"\(notebooks/(\w+\.ipynb)\)", (DOCS / "notebooks.md").read_text())
    assert sorted(listed) == [path.name for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_no_outputs_and_its_links_lead_somewhere(path: Path) -> None:
    """Outputs change with the machine, and would make every change of a notebook unreadable."""
    for cell in nbformat.read(path, as_version=4).cells:
        assert cell.cell_type == "markdown" or (cell.outputs, cell.execution_count) == ([], None)
    text = "\n".join(cells(path, "markdown"))
    assert text.startswith("# ")
    assert max(len(line) for line in text.splitlines()) <= 122
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (path.parent / target).exists(), target


@pytest.mark.slow
@pytest.mark.filterwarnings(READING)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.kernelspec.name = "python3"
    client = NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    shown = [output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert sum("skipwise" in html for html in shown) >= 3
    assert not [output for output in outputs if output.output_type == "error"]
    warned = [output.text for output in outputs if output.get("name") == "stderr"]
    assert warned == []


class Kernel:
    """A kernel of Jupyter's, and what it shows.

    Args:
        folder: its working folder.
    """

    def __init__(self, folder: Path) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder), env=os.environ | {"OMP_NUM_THREADS": "1"})
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)

    def messages(self, code: str) -> Iterator[Any]:
        """What a cell shows, until it has ended."""
        asked = self.client.execute(code)
        while True:
            message = self.client.get_iopub_msg(timeout=600)
            if message["parent_header"].get("msg_id") != asked:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return
            yield message

    def close(self) -> None:
        """Ends it."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    opened = Kernel(tmp_path)
    yield opened
    opened.close()


def html_of(message: Any) -> str:
    """The HTML in a message, or ""."""
    return str(message["content"].get("data", {}).get("text/html", ""))


CELL = """
import skipwise
found = skipwise.compare(
    "digits", models=["resnet20", "plain20"], seeds=2, epochs=20, width=0.25, output="runs/compare/digits",
    compile=False, precision="fp32", workers=1,
)
found
"""


@pytest.mark.slow
@pytest.mark.filterwarnings(READING)
def test_an_interrupted_cell_stops_cleanly_and_goes_on(kernel: Kernel, tmp_path: Path) -> None:
    """It stops in the middle of a run, nothing of it is left running, and the second time only the rest is done."""
    interrupted, told, error, reached = 0.0, "", "", ("", 0)
    for message in kernel.messages(CELL):
        told = html_of(message) or told
        if shown := re.search(r"1 of 4 runs.* (\w+, seed \d), epoch (\d+)", told):
            reached = shown[1], int(shown[2])
        if not interrupted and 3 <= reached[1] <= 15:
            interrupted = time.monotonic()
            kernel.manager.interrupt_kernel()
        if message["msg_type"] == "error":
            error = message["content"]["ename"]
    assert interrupted
    assert error == "KeyboardInterrupt"
    assert time.monotonic() - interrupted < 60
    assert "run the cell again, and it goes on from here" in told
    folder = tmp_path / "runs" / "compare" / "digits"
    assert not working_in(folder)
    assert not (folder / "comparison.json").exists()
    ended = {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("runs/*/run.json")}
    assert len(ended) == 1
    assert list(folder.glob("runs/*/resume*.safetensors"))

    epochs: list[int] = []
    for message in kernel.messages(CELL):
        epochs += [int(found) for found in re.findall(rf"{reached[0]}, epoch (\d+)", html_of(message))]
        if message["msg_type"] == "execute_result":
            told = html_of(message)
    assert "How sure" in told
    assert (folder / "comparison.json").exists()
    assert min(epochs, default=20) >= reached[1]  # the run that was stopped did not begin anew
    for name, stamp in ended.items():
        assert (folder / "runs" / name / "run.json").stat().st_mtime_ns == stamp
    assert not working_in(folder)

    off = kernel.messages("import os; os.environ['SKIPWISE_PROGRESS'] = '0'; print(skipwise.advise('digits').flags)")
    assert [message["msg_type"] for message in off if message["msg_type"] not in ("status", "execute_input")] == [
        "stream"
    ]


def working_in(folder: Path) -> list[str]:
    """The command lines of processes that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        if str(folder).encode() in words:
            found.append(b" ".join(words).decode(errors="replace"))
    return found
