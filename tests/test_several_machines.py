"""One folder that several machines see: processes in namespaces of their own, with names of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

import skipwise
from tests.clocks import an_hour_ahead
from tests.external_networks import PAUSE

NETWORKS = ["tests.external_networks:Unhurried", "tests.external_networks:UnhurriedParts"]
COMMAND = ["compare", "--models", ",".join(NETWORKS), "--epochs", "20", "--seeds", "2"]
COMMAND += ["--img-size", "16", "--precision", "fp32"]


def on(machine: str, *words: str | Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """A command of Skipwise on a machine of that name."""
    line = ["unshare", "--uts", "sh", "-c", f'echo {machine} > /proc/sys/kernel/hostname && exec "$@"', "sh"]
    return subprocess.Popen(
        [*line, sys.executable, "-m", "skipwise", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | (env or {}),
    )  # fmt: skip


@pytest.mark.slow
def test_two_people_start_the_same_comparison_on_machines_whose_clocks_differ(photos: Path, tmp_path: Path) -> None:
    if subprocess.run(["unshare", "--uts", "true"], capture_output=True, check=False).returncode:
        pytest.skip("only root may give this machine another name")
    ahead = an_hour_ahead(tmp_path)
    skipwise.compare(
        photos, models=NETWORKS, epochs=20, seeds=2, img_size=16, precision="fp32", executor="in-process",
        output=tmp_path / "undisturbed",
    )  # fmt: skip
    folder = tmp_path / "out"
    command = [*COMMAND, "--output", folder, photos]
    first = on("early", *command, env=ahead | {PAUSE: "5"})  # it does not end before it is killed
    deadline = time.monotonic() + 300
    while not list(folder.glob("runs/*/resume.safetensors")):
        assert first.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    others = [on(machine, *command) for machine in ("other", "another")]
    for other in others:
        _, said = other.communicate(timeout=300)
        assert other.returncode == 2, said
        assert f"Another Skipwise is working in {folder}" in said
    told, _ = on("other", "status", folder).communicate(timeout=300)
    assert "early" in told
    assert "The clock of early is 60 min ahead of that of the disk" in told
    first.kill()
    first.communicate()
    results = [on(machine, *command) for machine in ("other", "another")]
    ended = [(each.communicate(timeout=600), each.returncode) for each in results]
    assert 0 in [status for _, status in ended], ended
    assert (folder / "comparison.json").read_bytes() == (tmp_path / "undisturbed/comparison.json").read_bytes()
    for machine in ("early", "other"):
        shown = on(machine, *command)
        _, said = shown.communicate(timeout=300)
        assert shown.returncode == 0, said
    assert not list(folder.rglob("resume*"))
