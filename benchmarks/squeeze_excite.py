"""The cost of squeeze-excite: se_resnet18 against resnet18, which has none, in each mode of running.

    python benchmarks/squeeze_excite.py [--quick | --gate]

A mode is eager or compiled, fp32 or bf16, inference or a training step. Both networks, and the gate written with 1x1
convolutions as most libraries have it, take turns in one process. Ratios are of medians, over resnet18. With --gate a
gate alone is trained, with the mean as it is and as `mean((2, 3))`, beside a bare copy of its input.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from skipwise.core.machine.system import describe_machine
from skipwise.cost.interleaved import interleaved
from skipwise.deploy.export.shipped import ConvolvedGate
from skipwise.evaluation.logits import evaluating
from skipwise.nets.blocks import SqueezeExcite
from skipwise.nets.create import create_model


def with_convolution_gates(network: nn.Module) -> nn.Module:
    for module in network.modules():
        gate = getattr(module, "gate", None)
        if isinstance(gate, SqueezeExcite):
            module.gate = ConvolvedGate(gate)
    return network


class UsualMean(SqueezeExcite):
    """The gate with the mean written as usual."""

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.excite(torch.relu(self.squeeze(x.mean(dim=(2, 3))))))
        return x * gate[:, :, None, None]


def gates_alone() -> None:
    """Forward and backward of one gate in fp32, channels-last."""
    arms: dict[str, dict[str, float]] = {}
    ratios: dict[str, float] = {}
    print(f"{'batch, channels, side':<24} {'copy, ms':>9} {'usual mean':>11} {'ours':>7} {'ours / usual':>13}")
    for batch, channels, side in ((128, 64, 32), (128, 128, 16), (128, 512, 4), (16, 64, 56)):
        x = torch.randn(batch, channels, side, side).to(memory_format=torch.channels_last)
        leaf, ahead = x.clone().requires_grad_(), torch.randn_like(x)

        def step(gate: nn.Module, leaf: Tensor = leaf, ahead: Tensor = ahead) -> None:
            leaf.grad = None
            gate(leaf).backward(ahead)

        usual, ours = UsualMean(channels), SqueezeExcite(channels)
        timings = interleaved(
            {"copy": lambda x=x: x * 1.5, "usual": lambda: step(usual), "ours": lambda: step(ours)},  # noqa: B023
            seconds=6,
        )
        label = f"{batch}, {channels}, {side}"
        for name, timing in timings.items():
            arms[f"{label} {name}"] = {"median": timing.median, "spread": timing.high - timing.low}
        copy, before, now = (timings[name].median * 1000 for name in ("copy", "usual", "ours"))
        ratios[label] = now / before
        print(f"{label:<24} {copy:>9.2f} {before:>11.2f} {now:>7.2f} {ratios[label]:>13.3f}", flush=True)
    machine = describe_machine().processor
    print(json.dumps({"benchmark": "squeeze_excite --gate", "machine": machine, "arms": arms, "ratios": ratios}))


def arm(network: nn.Module, batch: int, size: int, *, training: bool, bf16: bool, compiled: bool) -> Callable[[], None]:
    """A forward pass, or a forward and backward pass."""
    network.to(memory_format=torch.channels_last)
    run = torch.compile(network) if compiled else network
    images = torch.randn(batch, 3, size, size).to(memory_format=torch.channels_last)
    labels = torch.zeros(batch, dtype=torch.long)

    def infer() -> None:
        with evaluating(network), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            run(images)

    def step() -> None:
        network.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = run(images)
        F.cross_entropy(logits.float(), labels).backward()

    return step if training else infer


def main() -> None:
    parser = argparse.ArgumentParser(description="What squeeze-excite costs in each mode.")
    parser.add_argument("--quick", action="store_true", help="eager inference only")
    parser.add_argument("--gate", action="store_true", help="one gate alone, by how its mean is written")
    options = parser.parse_args()
    if options.gate:
        gates_alone()
        return
    quick = options.quick
    cases = [(size, batch, training) for size, batch in ((224, 1), (224, 16), (32, 128)) for training in (False, True)]
    cases = [case for case in cases if case[1:] != (1, True)]
    compiled_cases = [(224, 16, False), (32, 128, True)]  # compiling takes a minute a network
    modes = [("eager", "fp32"), ("eager", "bf16"), ("compiled", "fp32")]
    if quick:
        cases, modes = [case for case in cases if not case[2]], modes[:1]
    arms: dict[str, dict[str, float]] = {}
    ratios: dict[str, float] = {}
    print(f"{'case':<42} {'resnet18, ms':>12} {'se / plain':>11} {'1x1 conv gate / plain':>22}")
    for how, precision in modes:
        for size, batch, training in cases if how == "eager" else compiled_cases:
            options = {"num_classes": 10, "stem": "small" if size == 32 else "imagenet", "width": 1.0, "seed": 0}
            networks = {
                "resnet18": create_model("resnet18", **options),
                "se_resnet18": create_model("se_resnet18", **options),
                "conv gate": with_convolution_gates(create_model("se_resnet18", **options)),
            }
            mode = {"training": training, "bf16": precision == "bf16", "compiled": how == "compiled"}
            timings = interleaved(
                {name: arm(network, batch, size, **mode) for name, network in networks.items()},
                seconds=6 if quick else 8,
            )
            label = f"{how} {precision} {'train' if training else 'infer'} {size}px b{batch}"
            for name, timing in timings.items():
                arms[f"{label} {name}"] = {"median": timing.median, "spread": timing.high - timing.low}
            plain = timings["resnet18"].median
            ratios[f"{label} se/plain"] = timings["se_resnet18"].median / plain
            ratios[f"{label} conv gate/plain"] = timings["conv gate"].median / plain
            print(
                f"{label:<42} {plain * 1000:>12.1f} {ratios[f'{label} se/plain']:>11.3f} "
                f"{ratios[f'{label} conv gate/plain']:>22.3f}",
                flush=True,
            )
            torch.compiler.reset()
    machine = describe_machine()
    print(json.dumps({"benchmark": "squeeze_excite", "machine": machine.processor, "arms": arms, "ratios": ratios}))


if __name__ == "__main__":
    main()
