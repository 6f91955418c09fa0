"""Commands whose cache is deleted, cut off and scrambled while they run give what they give in peace."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from skipwise.data.cache import rows
from tests.conftest import make_photos
from tests.processes import Command
from tests.test_cache import cut, flip

QUICK = "--width 0.25 --epochs 1 --img-size 16 --precision fp32 --no-compile".split()
COMMANDS = {
    "train": ["train", "img", *QUICK],
    "compare": ["compare", "img", "--models", "resnet18,plain18", "--seeds", "2", "--workers", "2", *QUICK],
    "audit": ["audit", "img"],
}
RESULTS = {
    "train": ["weights.safetensors", "predictions.npz", "split.csv"],
    "compare": ["comparison.json", "split.csv"],
    "audit": ["audit.json"],
}


def never_hold() -> None:
    """Has a process read rows from the file again and again, as it would those of a large one."""
    rows.IN_MEMORY = 0


def start(command: str, output: str, cache: Path) -> Command:
    site = cache.parent / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text("import skipwise.data.cache.rows as rows\nrows.HELD = 0\n")  # for workers
    env = {"SKIPWISE_CACHE": str(cache), "PYTHONPATH": os.pathsep.join([str(site), *filter(None, sys.path)])}
    return Command(*COMMANDS[command], "--output", output, cwd=cache.parent, env=env, prepare=never_hold)


def check_ended_well(process: Command) -> None:
    _, err = process.communicate()
    assert process.returncode == 0, err


def delete(cache: Path, _: np.random.Generator) -> None:
    """Everything goes."""
    shutil.rmtree(cache, ignore_errors=True)


def cut_some(cache: Path, rng: np.random.Generator) -> None:
    """About half of the files are cut off somewhere."""
    for path in sorted(cache.rglob("*")):
        if path.is_file() and rng.random() < 0.5:
            cut(path, rng)


def flip_some(cache: Path, rng: np.random.Generator) -> None:
    """A bit turns over in about a third of the files, in place."""
    for path in sorted(cache.rglob("*")):
        if path.is_file() and rng.random() < 0.3:
            size = path.stat().st_size
            with path.open("rb+") as file:
                file.seek(rng.integers(max(1, size)))
                byte = file.read(1)
                file.seek(-len(byte), os.SEEK_CUR)
                file.write(bytes([byte[0] ^ (1 << rng.integers(8))]) if byte else b"")


HARMS = {"deleted": delete, "cut": cut_some, "flipped": flip_some}


def check(tmp_path: Path, command: str, harm: str, seed: int) -> None:
    make_photos(tmp_path / "img", per_class=40)
    check_ended_well(start(command, "calm", tmp_path / "calm-cache"))
    rng, struck = np.random.default_rng(seed), 0
    process = start(command, "struck", tmp_path / "cache")
    while process.poll() is None:
        time.sleep(rng.choice([0.003, 0.02, 0.1, 0.4]))
        with contextlib.suppress(OSError):  # a file that went away meanwhile
            HARMS[harm](tmp_path / "cache", rng)
            struck += 1
    check_ended_well(process)
    assert struck  # how often goes by the machine
    for name in RESULTS[command]:
        assert (tmp_path / "struck" / name).read_bytes() == (tmp_path / "calm" / name).read_bytes(), name


@pytest.mark.parametrize("harm", HARMS)
def test_an_audit(tmp_path: Path, harm: str) -> None:
    check(tmp_path, "audit", harm, 0)


@pytest.mark.parametrize(
    "harm", [harm if harm == "flipped" else pytest.param(harm, marks=pytest.mark.slow) for harm in HARMS]
)
def test_training(tmp_path: Path, harm: str) -> None:
    check(tmp_path, "train", harm, 0)


@pytest.mark.slow
@pytest.mark.parametrize("harm", HARMS)
def test_a_comparison_with_its_workers(tmp_path: Path, harm: str) -> None:
    check(tmp_path, "compare", harm, 0)


@pytest.mark.slow
def test_two_processes_at_once_on_a_damaged_cache(tmp_path: Path) -> None:
    make_photos(tmp_path / "img", per_class=40)
    check_ended_well(start("train", "calm", tmp_path / "cache"))
    rng = np.random.default_rng(0)
    whole = shutil.copytree(tmp_path / "cache", tmp_path / "whole")
    for number in range(3):
        shutil.rmtree(tmp_path / "cache")
        shutil.copytree(whole, tmp_path / "cache")
        for path in sorted((tmp_path / "cache").rglob("*.np?")):
            (flip if rng.random() < 0.5 else cut)(path, rng)
        both = [start("train", f"{name}{number}", tmp_path / "cache") for name in ("one", "two")]
        for process, name in zip(both, ("one", "two"), strict=True):
            check_ended_well(process)
            for result in RESULTS["train"]:
                assert (tmp_path / f"{name}{number}" / result).read_bytes() == (tmp_path / "calm" / result).read_bytes()
