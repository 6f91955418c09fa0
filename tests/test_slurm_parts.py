"""The parts of the executor for Slurm that need no Slurm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from skipwise import SkipwiseError, SlurmRequest
from skipwise.comparison.executors.kinds import Kinds
from skipwise.comparison.executors.slurm.commands import Node, minutes_of
from skipwise.comparison.executors.slurm.messages import Order, Reader, append
from skipwise.core.machine.system import describe_machine
from skipwise.core.workspace.shared_folder import check_probe, check_versions, describe_worker, write_probe

SMALL = Node(partition="debug", default=True, cpus=4, memory=8000, gpus=0, minutes=60)
LARGE = Node(partition="debug", default=True, cpus=64, memory=4000, gpus=0, minutes=60)
GPU = Node(partition="gpu", default=False, cpus=16, memory=64000, gpus=4, minutes=None)


def test_an_address_says_what_is_asked_for() -> None:
    asked = SlurmRequest.from_address("gpu?time=90m&memory=1.5G&cpus=4&gpus=2&jobs=7&account=mine")
    assert asked == SlurmRequest(
        partition="gpu", time="90m", memory="1.5G", cpus=4, gpus=2, jobs=7, sbatch={"account": "mine"}
    )
    assert (asked.minutes, asked.megabytes) == (90, 1536)
    assert SlurmRequest.from_address("?time=1:30:00").partition is None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"partition": "gpus"}, "did you mean 'gpu'"),
        ({"cpus": 65}, "has 65 CPUs; the largest has 64"),
        ({"memory": "8001M"}, "has 8001M of memory"),
        ({"cpus": 64, "memory": "5G"}, "at once"),
        ({"partition": "debug", "gpus": 1}, "has 1 GPU"),
        ({"time": "61m"}, "60 minutes at most"),
    ],
)
def test_what_no_node_has_is_refused(asked: dict[str, object], said: str) -> None:
    with pytest.raises(SkipwiseError, match=said):
        SlurmRequest(**asked).check([SMALL, LARGE, GPU])  # type: ignore[arg-type]


def test_what_a_node_has_is_not_refused() -> None:
    SlurmRequest(cpus=64, memory="3G", time="1h").check([SMALL, LARGE, GPU])
    SlurmRequest(partition="gpu", gpus=4, time="100h").check([SMALL, LARGE, GPU])
    with pytest.raises(SkipwiseError, match="no default partition here; name one, such as slurm://gpu"):
        SlurmRequest().check([GPU])


@pytest.mark.parametrize(
    ("limit", "minutes"), [("30:00", 30), ("1:00:00", 60), ("1-02:30:30", 1591), ("45", 1), ("infinite", None)]
)
def test_times_of_slurm(limit: str, minutes: int | None) -> None:
    assert minutes_of(limit) == minutes


def test_messages_are_read_once_and_what_a_kill_cut_off_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "orders"
    path.touch()
    reader = Reader(path, Order)
    assert reader.read() == []
    append(path, Order(session="a"))
    append(path, Order(session="b"))
    with path.open("ab") as file:
        file.write(b'\n{"session": "cut o')
    assert [order.session for order in reader.read()] == ["a", "b"]
    assert reader.read() == []
    append(path, Order(session="c"))
    assert [order.session for order in reader.read()] == ["c"]


def test_the_runs_of_a_seed_stay_on_one_kind_of_machine_also_when_resumed(tmp_path: Path) -> None:
    Kinds(tmp_path).choose(0, "old")
    kinds = Kinds(tmp_path)
    assert not kinds.fits(0, "new", {"old", "new"})
    assert kinds.fits(0, "old", {"old", "new"})
    assert kinds.fits(1, "new", {"old", "new"})
    assert kinds.fits(0, "new", {"new"})  # there is no other any more


def test_another_folder_and_other_versions_are_noticed(tmp_path: Path) -> None:
    text = write_probe(tmp_path)
    check_probe(tmp_path, text, node="here")
    with pytest.raises(SkipwiseError, match="there does not see"):
        check_probe(tmp_path, "of another command", node="there", patience=0.0)
    here, there = describe_machine(), describe_worker("cpu")
    check_versions(here, there)
    older = replace(there, machine=replace(there.machine, versions=there.machine.versions | {"torch": "1.0"}))
    with pytest.raises(SkipwiseError, match=f"{there.node} has other versions .torch 1.0 there and "):
        check_versions(here, older)
