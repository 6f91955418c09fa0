"""Benchmark of keeping freed memory instead of handing it back: steps with and without `keep_freed_memory`.

    python benchmarks/allocator.py [--quick]

glibc returns every freed block above 32 MB to the kernel, and gets the next one as fresh pages, each of which has to be
zeroed when it is first touched. The arms are processes of their own, since the setting can't be taken back; they take
turns.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from statistics import median

from skipwise.core.machine.system import describe_machine

CASES = [("resnet18", 1.0), ("se_resnet18", 1.0), ("resnet18", 0.25)]

ARM = """
import json, sys, time
from statistics import median
import torch
import torch.nn.functional as F
from skipwise.core.machine.system import keep_freed_memory
from skipwise.nets.create import create_model
name, width, keep, steps = sys.argv[1], float(sys.argv[2]), sys.argv[3] == "keep", int(sys.argv[4])
if keep:
    keep_freed_memory()
network = create_model(name, num_classes=10, stem="small", width=width, seed=0).to(memory_format=torch.channels_last)
images = torch.randn(128, 3, 32, 32).to(memory_format=torch.channels_last)
labels = torch.zeros(128, dtype=torch.long)
taken = []
for _ in range(steps):
    started = time.perf_counter()
    network.zero_grad(set_to_none=True)
    F.cross_entropy(network(images), labels).backward()
    taken.append(time.perf_counter() - started)
print(json.dumps(median(taken[2:])))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Training steps with freed memory kept and handed back.")
    parser.add_argument("--quick", action="store_true", help="one network, two rounds")
    quick = parser.parse_args().quick
    arms: dict[str, dict[str, float]] = {}
    ratios: dict[str, float] = {}
    print(f"{'network':<20} {'handed back, ms':>16} {'kept, ms':>10} {'kept / back':>12}")
    for name, width in CASES[:1] if quick else CASES:
        seconds: dict[str, list[float]] = {"back": [], "keep": []}
        for _ in range(2 if quick else 4):
            for how, taken in seconds.items():
                command = [sys.executable, "-c", ARM, name, str(width), how, "6" if width == 1 else "14"]
                taken.append(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))
        label = f"{name}, width {width:g}"
        for how, taken in seconds.items():
            arms[f"{label}, {how}"] = {"median": median(taken), "spread": max(taken) - min(taken)}
        back, keep = median(seconds["back"]), median(seconds["keep"])
        ratios[label] = keep / back
        print(f"{label:<20} {back * 1000:>16.0f} {keep * 1000:>10.0f} {ratios[label]:>12.3f}", flush=True)
    machine = describe_machine()
    print(json.dumps({"benchmark": "allocator", "machine": machine.processor, "arms": arms, "ratios": ratios}))


if __name__ == "__main__":
    main()
