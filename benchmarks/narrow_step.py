"""The limits of a training step of a narrow network, and the value of each remedy.

    python benchmarks/narrow_step.py [--model resnet18] [--width 0.25] [--quick]

First the parts: where the time of an eager, channels-last step goes by torch's profiler, on one thread and on all,
beside two floors: the convolutions' operations at the speed of the fastest large matrix product, and what norms and
activations have to read and write at the speed of a copy. Then the remedies, in turn. "Two at once" are steps in two
processes with a thread each, against one process on both.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from statistics import median, quantiles

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from skipwise.core.machine.system import describe_machine, keep_freed_memory, usable_cores
from skipwise.cost.counts import count
from skipwise.cost.interleaved import interleaved_times
from skipwise.cost.timing import matrix_product
from skipwise.nets.create import create_model
from skipwise.training.loop.optimizer import make_optimizer, norms, set_learning_rate
from skipwise.training.loop.recipe import RECIPES
from skipwise.training.machine.compiling import compiled

SIZE, CLASSES = 32, 10
PARTS = {
    "convolutions, forward": ("aten::mkldnn_convolution",),
    "convolutions, backward": ("aten::convolution_backward", "aten::mkldnn_convolution_backward"),
    "norms, forward": ("aten::native_batch_norm", "aten::_batch_norm_with_update"),
    "norms, backward": ("aten::native_batch_norm_backward", "aten::batch_norm_backward"),
    "activations": ("aten::clamp_min", "aten::clamp_min_", "aten::relu", "aten::relu_", "aten::threshold_backward"),
    "sums": ("aten::add", "aten::add_"),
    "copies": ("aten::copy_",),
}
"""Names of operations in the profiler. The optimizer is timed alone; the rest is dispatch and other operations."""
PASSES = 13
"""Over each norm's output, in float32: the norm reads its input twice and writes once, the activation reads and writes;
backward the activation reads two and writes one, the norm reads two tensors twice and writes one."""
Step = Callable[[], object]


def make_step(model: str, width: float, batch: int, *, channels_last: bool = True, compile: bool = False) -> Step:
    """Forward, loss and backward on one synthetic batch, as a call."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network = create_model(model, num_classes=CLASSES, stem="small", width=width, seed=0).to(memory_format=layout)
    images = torch.randn(batch, 3, SIZE, SIZE).to(memory_format=layout)
    labels = torch.arange(batch) % CLASSES
    forward = compiled(network) if compile else network

    def step() -> None:
        network.zero_grad(set_to_none=True)
        F.cross_entropy(forward(images), labels).backward()

    return step


def make_update(model: str, width: float) -> Step:
    """The optimizer's step, as a call."""
    network = create_model(model, num_classes=CLASSES, stem="small", width=width, seed=0)
    network = network.to(memory_format=torch.channels_last)
    optimizer = make_optimizer(network, RECIPES["standard"])
    set_learning_rate(optimizer, 0.1)
    for parameter in network.parameters():
        parameter.grad = torch.randn_like(parameter)
    return optimizer.step


def parts_of(step: Step, times: int) -> dict[str, float]:
    """Milliseconds of each part of a step."""
    for _ in range(3):
        step()
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(times):
            step()
    own = {event.key: event.self_cpu_time_total / 1000 / times for event in profiled.key_averages()}
    found = {part: sum(own.get(name, 0.0) for name in names) for part, names in PARTS.items()}
    return found | {"everything else": sum(own.values()) - sum(found.values())}


def norm_bytes(model: str, width: float, batch: int) -> float:
    """Returns the bytes that norms and activations read and write in a step, if each pass goes through memory."""
    network = create_model(model, num_classes=CLASSES, stem="small", width=width, seed=0)
    sizes: list[int] = []

    def measure(_: nn.Module, __: object, output: Tensor) -> None:
        sizes.append(output.numel())

    for norm in norms(network):
        norm.register_forward_hook(measure)
    network.eval()(torch.zeros(1, 3, SIZE, SIZE))
    return 4.0 * PASSES * batch * sum(sizes)


def peak() -> tuple[float, float]:
    """Operations a second of the fastest large float32 product; bytes a second of a large copy, read and written."""
    side, source = 2048, torch.randn(64 * 2**20)
    target = torch.empty_like(source)
    arms = {"product": matrix_product(torch.float32, side=side), "copy": lambda: target.copy_(source)}
    taken = {name: min(times) for name, times in interleaved_times(arms, seconds=2.0).items()}
    return 2 * side**3 / taken["product"], 2 * 4 * source.numel() / taken["copy"]


def serve(model: str, width: float, batch: int, pipe: Connection) -> None:
    """Does steps on one thread for as long as it is told, and answers with how many a second."""
    keep_freed_memory()
    torch.set_num_threads(1)
    step = make_step(model, width, batch)
    step()
    pipe.send(0.0)
    while True:
        seconds, done, began = pipe.recv(), 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            step()
            done += 1
        pipe.send(done / (time.perf_counter() - began))


def two_at_once(model: str, width: float, batch: int) -> Iterator[float]:
    """Seconds a step takes where each core does steps of its own, now and again."""
    context = multiprocessing.get_context("spawn")
    pairs = [context.Pipe() for _ in range(2)]
    team = [context.Process(target=serve, args=(model, width, batch, end), daemon=True) for _, end in pairs]
    for process in team:
        process.start()
    pipes = [pipe for pipe, _ in pairs]
    for pipe in pipes:
        pipe.recv()
    try:
        while True:
            for pipe in pipes:
                pipe.send(2.0)
            yield 1 / sum(pipe.recv() for pipe in pipes)
    finally:
        for process in team:
            process.kill()
            process.join()


def show_parts(options: argparse.Namespace) -> dict[str, float]:
    """Prints where the time goes, and returns it in milliseconds."""
    model, width, batch = options.model, options.width, options.batch
    network = create_model(model, num_classes=CLASSES, stem="small", width=width, seed=0)
    operations = 2 * batch * count(network, channels=3, size=SIZE).multiply_adds
    columns, floors = {}, {}
    for threads in dict.fromkeys((1, usable_cores())):
        torch.set_num_threads(threads)
        columns[threads] = parts_of(make_step(model, width, batch), options.steps)
        update = make_update(model, width)
        columns[threads]["optimizer"] = 1000 * median(interleaved_times({"": update}, seconds=0.5)[""])
        speed, bandwidth = peak()
        floors[threads] = {
            "convolutions, forward": 1000 * operations / speed,
            "convolutions, backward": 2000 * operations / speed,
            "norms and activations": 1000 * norm_bytes(model, width, batch) / bandwidth,
        }
    print(f"{'part of a step, ms':28}" + "".join(f"{f'{threads} threads':>12}{'share':>8}" for threads in columns))
    for part in next(iter(columns.values())):
        cells = (f"{column[part]:12.1f}{column[part] / sum(column.values()):8.0%}" for column in columns.values())
        print(f"{part:28}" + "".join(cells))
    print(f"{'all of it':28}" + "".join(f"{sum(column.values()):12.1f}{'':8}" for column in columns.values()))
    for floor in next(iter(floors.values())):
        print(f"{'floor of ' + floor:38}" + "".join(f"{column[floor]:12.1f}{'':8}" for column in floors.values()))
    found = {f"{part}, {threads}": value for threads, column in columns.items() for part, value in column.items()}
    return found | {f"floor of {f}, {t}": value for t, column in floors.items() for f, value in column.items()}


def show_remedies(options: argparse.Namespace) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Prints what each remedy does to the time an image takes; returns arms and ratios."""
    model, width, batch = options.model, options.width, options.batch
    torch.set_num_threads(usable_cores())
    steps = {
        "as PyTorch comes": make_step(model, width, batch, channels_last=False),
        "channels last": make_step(model, width, batch),
        "compiled": make_step(model, width, batch, channels_last=False, compile=True),
        "channels last, compiled": make_step(model, width, batch, compile=True),
        "channels last, batch x4": make_step(model, width, 4 * batch),
        "channels last, compiled, batch x4": make_step(model, width, 4 * batch, compile=True),
    }
    side_by_side = two_at_once(model, width, batch)
    taken: dict[str, list[float]] = {name: [] for name in (*steps, "channels last, two at once")}
    for step in steps.values():
        step()
    for _ in range(options.rounds):
        for name, step in steps.items():
            images = batch * (4 if name.endswith("x4") else 1)
            step()
            began, done = time.perf_counter(), 0
            while time.perf_counter() - began < 2.0:
                step()
                done += 1
            taken[name].append(1e6 * (time.perf_counter() - began) / (done * images))
        taken["channels last, two at once"].append(1e6 * next(side_by_side) / batch)
    side_by_side.close()
    arms, ratios = {}, {}
    base = taken["as PyTorch comes"]
    print(f"\n{'microseconds an image':36}{'median':>8}{'spread':>8}{'ratio':>8}")
    for name, times in taken.items():
        low, middle, high = quantiles(times, n=4)
        ratios[name] = round(median(ours / theirs for ours, theirs in zip(times, base, strict=True)), 3)
        arms[name] = {"median": round(middle, 1), "spread": round((high - low) / middle, 3)}
        print(f"{name:36}{middle:8.0f}{arms[name]['spread']:8.0%}{ratios[name]:8.2f}")
    return arms, ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and steps")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.steps = 2, 5
    keep_freed_memory()
    parts = show_parts(options)
    arms, ratios = show_remedies(options)
    arms |= {part: {"median": round(value, 2), "spread": 0.0} for part, value in parts.items()}
    machine = describe_machine().processor
    print(json.dumps({"benchmark": "narrow_step", "machine": machine, "arms": arms, "ratios": ratios}))


if __name__ == "__main__":
    main()
