"""The cost of busy waiting in OpenMP's threads, on an idle machine and beside another program.

    python benchmarks/waiting.py [--quick]

One process for each way of waiting and load, in turn: a training step of two networks on all cores, the median.
Beside other programs means one endless loop for each core.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from statistics import median

from skipwise.core.machine.environment import PATIENCE
from skipwise.core.machine.system import describe_machine, usable_cores

WAYS = {
    "torch's own": {},
    "passive": {"OMP_WAIT_POLICY": "passive"},
    "1,000 looks": {"GOMP_SPINCOUNT": "1000"},
    "as Skipwise": PATIENCE,
    "30,000 looks": {"GOMP_SPINCOUNT": "30000"},
}
NETWORKS = ("resnet18", "mobilenet_v2")
STEP = """
import json, sys, time
import torch
from skipwise.nets.create import create_model
found = {}
for name in sys.argv[2:]:
    network = create_model(name, num_classes=10, stem="imagenet", seed=0).to(memory_format=torch.channels_last)
    images = torch.zeros(32, 3, 64, 64).to(memory_format=torch.channels_last)
    found[name] = []
    for _ in range(int(sys.argv[1]) + 2):
        started = time.perf_counter()
        network(images).logsumexp(1).sum().backward()
        found[name].append(time.perf_counter() - started)
print(json.dumps({name: taken[2:] for name, taken in found.items()}))
"""


@contextlib.contextmanager
def load(loops: int) -> Iterator[None]:
    """So many endless loops beside what is done within."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def steps(way: dict[str, str], count: int) -> dict[str, list[float]]:
    """The seconds of so many steps of each network, in a process that waits in this way."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    command = [sys.executable, "-c", STEP, str(count), *NETWORKS]
    return json.loads(subprocess.run(command, env=bare | way, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of few steps")
    rounds, count = (1, 4) if parser.parse_args().quick else (5, 12)
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for loops in (0, usable_cores()):
            for way, setting in WAYS.items():
                with load(loops):
                    for name, taken in steps(setting, count).items():
                        key = f"{name}, {'beside ' + str(loops) + ' loops' if loops else 'idle'}"
                        found.setdefault(key, {}).setdefault(way, []).append(median(taken))
    print(f"{'a step':32}" + "".join(f"{way:>16}" for way in WAYS))
    for key, ways in found.items():
        print(f"{key:32}" + "".join(f"{median(ways[way]) * 1000:>13.0f} ms" for way in WAYS))
    medians = {key: {way: median(taken) for way, taken in ways.items()} for key, ways in found.items()}
    print(json.dumps({"seconds": medians, "rounds": rounds, "processor": describe_machine().processor}))


if __name__ == "__main__":
    main()
