"""Training throughput: several single-thread runs at once against one run on all cores.

    python benchmarks/processes.py [--quick]

This is what training/machine/execution.py's ONE_THREAD_STEP rests on: the multiply-adds of a step from which one run on
all cores is not slower than one run per core. The arms are interleaved; images per second are summed over the
runs that go on at once.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F

from skipwise.core.machine.system import describe_machine, usable_cores
from skipwise.cost.counts import count
from skipwise.nets.create import create_model
from skipwise.training.loop.optimizer import make_optimizer
from skipwise.training.loop.recipe import RECIPES
from skipwise.training.machine.execution import ONE_THREAD_STEP

CASES = [  # network, width, image size, batch size
    ("resnet18", 0.25, 8, 64),
    ("resnet18", 0.25, 32, 128),
    ("mobilenet_v2", 0.25, 32, 128),
    ("resnet18", 0.5, 32, 128),
    ("resnet18", 1.0, 32, 128),
]


def steps(case: tuple[str, float, int, int], threads: int, seconds: float, start: Any, results: Any) -> None:
    """Trains on one synthetic batch for `seconds` once all processes are ready; reports images per second."""
    name, width, size, batch = case
    torch.set_num_threads(threads)
    network = create_model(name, num_classes=10, stem="small", width=width, seed=0)
    network.to(memory_format=torch.channels_last)
    optimizer = make_optimizer(network, RECIPES["standard"])
    images = torch.randn(batch, 3, size, size).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (batch,))

    def step() -> None:
        loss = F.cross_entropy(network(images), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    step()
    start.wait()
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        step()
        done += 1
    results.put(done * batch / (time.perf_counter() - began))


def throughput(case: tuple[str, float, int, int], *, processes: int, threads: int, seconds: float) -> float:
    """Images per second over all processes."""
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(processes), context.Queue()
    team = [context.Process(target=steps, args=(case, threads, seconds, start, results)) for _ in range(processes)]
    for process in team:
        process.start()
    total = sum(results.get() for _ in team)
    for process in team:
        process.join()
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description="One run per core against one run on all cores.")
    parser.add_argument("--quick", action="store_true", help="two cases, one round")
    quick = parser.parse_args().quick
    cores = usable_cores()
    arms: dict[str, dict[str, float]] = {}
    ratios: dict[str, float] = {}
    print(f"{'case':<32} {'step, G mult-adds':>18} {'one per core':>13} {'one on all':>11} {'ratio':>6}")
    for case in CASES[:2] if quick else CASES:
        name, width, size, batch = case
        network = create_model(name, num_classes=10, stem="small", width=width, seed=0)
        work = count(network, channels=3, size=size).multiply_adds * batch
        rounds: dict[str, list[float]] = {"one per core": [], "one on all": []}
        for _ in range(1 if quick else 3):
            rounds["one per core"].append(throughput(case, processes=cores, threads=1, seconds=6))
            rounds["one on all"].append(throughput(case, processes=1, threads=cores, seconds=6))
        label = f"{name}-w{width:g}-{size}px-b{batch}"
        for arm, values in rounds.items():
            arms[f"{label} {arm}"] = {"median": median(values), "spread": max(values) - min(values)}
        per_core, on_all = median(rounds["one per core"]), median(rounds["one on all"])
        ratios[label] = per_core / on_all
        print(
            f"{label:<32} {work / 1e9:>18.2f} {per_core:>13.0f} {on_all:>11.0f} {per_core / on_all:>6.2f}",
            flush=True,
        )
    print(f"Images per second. ONE_THREAD_STEP is {ONE_THREAD_STEP / 1e9:g} G.")
    machine = describe_machine()
    print(json.dumps({"benchmark": "processes", "machine": machine.processor, "arms": arms, "ratios": ratios}))


if __name__ == "__main__":
    main()
