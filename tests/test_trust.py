"""No record makes code run that nobody named: networks of one's own need their name again, or `--trust`."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import skipwise
from skipwise.core.errors import NotTrusted, SkipwiseError
from skipwise.core.files.checksums import sha256, write_sealed
from skipwise.deploy.trained.images import own_images
from tests import processes
from tests.conftest import Run, making

CODE = """
from pathlib import Path
from torch import nn

Path({marker!r}).touch()

class Network(nn.Module):
    def __init__(self, num_classes, in_channels):
        super().__init__()
        self.head = nn.Linear(in_channels, num_classes)

    def forward(self, x):
        {forward}
        return self.head(x.mean((2, 3)))

def net(num_classes, in_channels):
    {body}
    return Network(num_classes, in_channels)
"""
SETTINGS = ("--img-size", "16", "--epochs", "1", "--precision", "fp32", "--no-compile")


def write_module(folder: Path, name: str, *, body: str = "pass", forward: str = "pass") -> Path:
    """A module of one network, which leaves a mark when it is imported: where."""
    marker = folder / f"{name}-ran"
    (folder / f"{name}.py").write_text(CODE.format(marker=str(marker), body=body, forward=forward))
    return marker


@pytest.fixture(scope="module")
def mine(photos: Path, shared: Path) -> Path:
    """A folder with mine.py, a run of its network, and an artifact of that; not to be changed."""
    with making(shared / "trust") as folder:
        home = folder / "mine"
        if home.exists():
            return home
        made = folder / "unfinished"
        made.mkdir()
        write_module(made, "mine")
        for words in (
            ("train", photos, "--model", "mine:net", *SETTINGS, "-o", "run"),
            ("export", "run", "--model", "mine:net", "-o", "artifact"),
        ):
            done = processes.run(*words, cwd=made)
            assert done.returncode == 0, done.stderr
        (made / "mine-ran").unlink()
        shutil.rmtree(made / "__pycache__", ignore_errors=True)
        return made.rename(home)


@pytest.fixture
def home(mine: Path, tmp_path: Path) -> Path:
    """A copy of `mine`, whose module marks the copy."""
    shutil.copytree(mine, tmp_path, dirs_exist_ok=True)
    write_module(tmp_path, "mine")
    return tmp_path


def ran(home: Path) -> bool:
    """Whether the module was imported since it was last asked."""
    marker = home / "mine-ran"
    found = marker.exists()
    marker.unlink(missing_ok=True)
    return found


def alone(*words: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """`python -m skipwise` in an interpreter of its own, with what Python puts on the path."""
    command = [sys.executable, "-m", "skipwise", *words]
    return subprocess.run(command, cwd=cwd, env=os.environ | variables, capture_output=True, text=True, check=False)


def renamed(run: Path, model: str) -> None:
    """Has the run's record name another network, and seals it again."""
    record = json.loads((run / "run.json").read_text())
    files = [name for name in record.pop("files") if name]
    record["spec"]["model"] = model
    write_sealed(run / "run.json", record, files)


@pytest.mark.parametrize("verb", ["predict", "export"])
def test_a_run_of_ones_own_network_needs_its_name_again(cli: Run, home: Path, photos: Path, verb: str) -> None:
    words = (verb, "run", *([photos] if verb == "predict" else ["--format", "torch"]))
    refused = cli(*words)
    assert refused.returncode == 2
    assert not refused.stdout
    assert "uses the network 'mine:net', which is Python code" in refused.stderr
    assert re.match(rf"Again:    \S+ (-m skipwise )?{verb} run ", refused.stderr.splitlines()[-1])
    assert refused.stderr.rstrip().endswith("--model mine:net")
    assert not ran(home)
    other = cli(*words, "--model", "other:net")
    assert (other.returncode, ran(home)) == (2, False)
    assert "has the network 'mine:net', not 'other:net'" in other.stderr
    for trust in (["--model", "mine:net"], ["--trust"]):
        done = cli(*words, *trust)
        assert done.returncode == 0, done.stderr
        assert ran(home)
        shutil.rmtree(home / "runs", ignore_errors=True)


@pytest.mark.slow
def test_verify_runs_such_a_network_only_where_the_run_is_named_and_the_module_is_installed(
    cli: Run, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    verify = ("verify", "artifact", "--no-timing")
    quietly = cli(*verify)
    assert (quietly.returncode, ran(home)) == (0, False), quietly.stderr
    refused = cli(*verify, "--run", "run")
    assert (refused.returncode, ran(home)) == (2, False)
    assert "--model mine:net" in refused.stderr.splitlines()[-1]
    here = cli(*verify, "--run", "run", "--model", "mine:net")
    assert here.returncode == 2
    assert "PYTHONPATH" in here.stderr
    assert not ran(home)
    elsewhere = tmp_path_factory.mktemp("installed")
    marker = write_module(elsewhere, "mine")
    path = os.pathsep.join((str(elsewhere), os.environ["PYTHONPATH"]))
    held = alone(*verify, "--run", "run", "--model", "mine:net", cwd=home, PYTHONPATH=path)
    assert held.returncode == 0, held.stderr
    assert marker.exists()
    assert not ran(home)


def test_what_a_sealed_record_was_made_to_name_does_not_run(home: Path, photos: Path) -> None:
    evil = write_module(home, "evil")
    renamed(home / "run", "evil:net")
    artifact = json.loads((home / "artifact" / "artifact.json").read_text())
    with pytest.raises(NotTrusted, match="'evil:net'") as caught:
        skipwise.predict(home / "run", photos)
    assert caught.value.options == ("--model", "evil:net")
    with pytest.raises(NotTrusted):
        skipwise.export(home / "run", output=home / "shipped")
    with pytest.raises(NotTrusted):
        skipwise.verify(home / "artifact", run=home / "run", timing=False)
    with pytest.raises(SkipwiseError, match="not 'mine:net'"):
        skipwise.predict(home / "run", photos, trust="mine:net")
    assert artifact["provenance"]["model"] == "mine:net"
    assert not evil.exists()
    assert not (home / "shipped").exists()


def test_networks_of_libraries_need_no_trust(photos: Path, tmp_path: Path) -> None:
    settings = {"epochs": 1, "img_size": 32, "precision": "fp32", "compile": False}
    run = skipwise.train(photos, model="torchvision:squeezenet1_1", output=tmp_path / "run", **settings).folder
    assert next(iter(skipwise.predict(run, photos))).classes


@pytest.mark.parametrize("ending", ["raise SystemExit(0)", "raise KeyboardInterrupt"])
@pytest.mark.parametrize("where", ["body", "forward"])
def test_code_of_ones_own_that_ends_the_program_is_an_error(
    cli: Run, home: Path, photos: Path, ending: str, where: str
) -> None:
    write_module(home, "mine", **{where: ending})
    for words in (
        ("predict", "run", photos, "--model", "mine:net"),
        ("train", photos, "--model", "mine:net", *SETTINGS, "-o", "another"),
    ):
        done = cli(*words)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        assert "ended the program" in done.stderr


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('no such depth')", "failed (ValueError: no such depth; line 17 of "),
        ("return 3", "returned 'int'; it must return a torch.nn.Module."),
        ("import nonsense", "failed (ModuleNotFoundError: No module named 'nonsense'; line 17 of "),
    ],
)
def test_a_function_that_makes_no_network_is_a_sentence(
    cli: Run, home: Path, photos: Path, body: str, said: str
) -> None:
    write_module(home, "mine", body=body)
    done = cli("train", photos, "--model", "mine:net", *SETTINGS, "-o", "another")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert said in done.stderr
    assert done.stderr.rstrip().endswith(".")
    assert not (home / "another").exists()


def test_a_module_that_is_not_there_says_where_it_is_looked_for(cli: Run, photos: Path) -> None:
    done = cli("train", photos, "--model", "elsewhere:net", *SETTINGS)
    assert done.returncode == 2
    assert (
        "it is neither installed nor in the current folder; change to its folder, or add that folder to PYTHONPATH."
        in done.stderr
    )


def test_a_module_that_ends_the_program_when_it_is_imported_is_an_error(cli: Run, home: Path, photos: Path) -> None:
    (home / "mine.py").write_text("raise SystemExit(0)")
    done = cli("predict", "run", photos, "--model", "mine:net")
    assert done.returncode == 2
    assert "can't be imported (SystemExit: 0)" in done.stderr


def test_modules_that_lie_where_one_stands_are_not_imported(tmp_path: Path) -> None:
    for name in ("onnx", "msgspec", "numpy", "typer", "rich"):
        (tmp_path / f"{name}.py").write_text(f"open('{name}-ran', 'w')\n")
    assert alone("models", cwd=tmp_path).returncode == 0
    assert not list(tmp_path.glob("*-ran"))


@pytest.mark.parametrize("data", ["cifar10", "torchvision:DTD", "huggingface:owner/name"])
def test_no_record_makes_anything_be_downloaded(home: Path, monkeypatch: pytest.MonkeyPatch, data: str) -> None:
    def connect(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", connect)
    record = json.loads((home / "run" / "source.json").read_text())
    del record["files"]
    write_sealed(home / "run" / "source.json", record | {"data": data}, ["split.csv"])
    with pytest.raises(SkipwiseError, match="would have to be downloaded, and only a record names it"):
        own_images(home / "run", ("stripes0", "stripes1", "stripes2"), None)


def test_a_record_that_is_sealed_names_its_files(home: Path) -> None:
    files = json.loads((home / "run" / "run.json").read_text())["files"]
    assert set(files) == {"", "metrics.jsonl", "weights.safetensors", "predictions.npz"}
    assert files["weights.safetensors"] == sha256(home / "run" / "weights.safetensors")
