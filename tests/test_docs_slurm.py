"""The commands in docs/slurm.md and docs/several-nodes.md, given to a real Slurm."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.slurm_cluster import NODES, SlurmCluster, needs_mounts, own_hosts
from tests.test_readme import ROOT, blocks

pytestmark = pytest.mark.cluster

SLURM, NODES_PAGE = ROOT / "docs" / "slurm.md", ROOT / "docs" / "several-nodes.md"
SMALL = "--models tests.external_networks:Linear,tests.external_networks:ManyParts --epochs 2 --seeds 2 --img-size 16"


@pytest.fixture
def here(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with images at `path/to/images`, in which `skipwise` and `torchrun` are found."""
    (tmp_path / "path" / "to").mkdir(parents=True)
    (tmp_path / "path" / "to" / "images").symlink_to(photos)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    return tmp_path


def compares() -> list[str]:
    """The commands of docs/slurm.md that compare, whatever they are handed to."""
    lines = [line for block in blocks(SLURM, "sh") for line in block.splitlines()]
    inline = re.findall(r"`(srun [^`]*)`", SLURM.read_text(encoding="utf-8"))
    return [line for line in [*lines, *inline] if "skipwise compare" in line]


@pytest.mark.parametrize("number", range(len(compares())))
def test_a_comparison_on_slurm(slurm: SlurmCluster, here: Path, number: int) -> None:
    line = compares()[number].replace("...", "path/to/images --executor slurm").replace("/shared", str(here))
    if "--output" not in line:
        line = line.replace("path/to/images", f"path/to/images --output {here}/results")
    line = line.replace("skipwise compare", f"skipwise compare {SMALL}")
    if "--pty" in line:  # as in a terminal
        line = f"script --quiet --return --command {shlex.quote(line)} /dev/null"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert ends(slurm), slurm.ask("squeue")
    assert (here / "results" / "comparison.json").exists(), [path.read_text() for path in here.glob("slurm-*.out")]


def test_one_run_on_two_nodes_of_slurm(slurm: SlurmCluster, here: Path) -> None:
    needs_mounts()
    (script,) = blocks(NODES_PAGE, "sh")[1:]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    small = "-m skipwise train --model plain20 --width 0.25 --img-size 16 --epochs 5 --no-compile"
    script = script.replace("29500", str(port)).replace("/shared", str(here)).replace("-m skipwise train", small)
    (here / "job.sh").write_text(script.replace("--nproc-per-node 4", "--nproc-per-node 1"))
    try:
        for node in NODES:  # whose names are those of this machine
            slurm.restart_node(node, mounts=own_hosts(here, NODES))
        done = subprocess.run(["sbatch", "job.sh"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert ends(slurm), slurm.ask("squeue")
    finally:
        for node in NODES:
            slurm.restart_node(node)
    said = [path.read_text() for path in here.glob("slurm-*.out")]
    record = here / "runs" / "my-run" / "run.json"
    assert record.exists(), said
    assert json.loads(record.read_text())["status"] == "finished"


def ends(slurm: SlurmCluster, seconds: float = 600) -> bool:
    """Waits until all jobs have ended."""
    deadline = time.monotonic() + seconds
    while slurm.ask("squeue", "--noheader") and time.monotonic() < deadline:
        time.sleep(0.5)
    return not slurm.ask("squeue", "--noheader")
