"""Gates of a squeeze-excite network: the channels that they close for each class, and whether that matters."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from skipwise.nets.blocks import SqueezeExcite
from skipwise.nets.explanation.records import BlockGates, ClassGates, GateRecord

CLOSED, OPEN = 0.1, 0.9
"""A gate below the first lets next to nothing of a channel through, and one above the second nearly all."""
BATCH = 32


def has_gates(network: nn.Module) -> bool:
    """Returns whether it is a squeeze-excite network of Skipwise."""
    return any(isinstance(module, SqueezeExcite) for module in network.modules())


@torch.no_grad()
def gate_record(
    network: nn.Module, x_BCHW: Tensor, labels: NDArray[np.int64], classes: Sequence[str]
) -> GateRecord | None:
    """Measures the gates of a squeeze-excite network (Hu et al. 2018, arXiv:1709.01507).

    Args:
        network: in evaluation mode.
        x_BCHW: normalised images.
        labels: their classes [B], as positions in `classes`.
        classes: the names of the network's classes.

    Returns:
        The record; None for a network without gates of Skipwise.
    """
    gates = {name: module for name, module in network.named_modules() if isinstance(module, SqueezeExcite)}
    if not gates:
        return None
    answers, values = _observed(network, gates, x_BCHW)
    means = {name: values_BC.mean(dim=0) for name, values_BC in values.items()}
    with _fixed(gates, means):
        without = _answers(network, x_BCHW)
    blocks = []
    for name, values_BC in values.items():
        with _fixed({name: gates[name]}, means):
            accuracy = float((_answers(network, x_BCHW) == labels).mean())
        blocks.append(_block(name, values_BC.numpy(), labels, classes, accuracy))
    return GateRecord(
        images=len(labels),
        blocks=tuple(blocks),
        accuracy=_rounded((answers == labels).mean()),
        mean_accuracy=_rounded((without == labels).mean()),
        changed=_rounded((answers != without).mean()),
    )


def _observed(
    network: nn.Module, gates: Mapping[str, SqueezeExcite], x_BCHW: Tensor
) -> tuple[NDArray[np.int64], dict[str, Tensor]]:
    """The network's answers, and the value of every gate for every image [B, C]."""
    seen: dict[str, list[Tensor]] = {name: [] for name in gates}
    with contextlib.ExitStack() as stack:
        for name, gate in gates.items():

            def note(_: object, __: object, output: Tensor, name: str = name) -> None:
                seen[name].append(output.sigmoid())

            stack.callback(gate.excite.register_forward_hook(note).remove)
        answers = _answers(network, x_BCHW)
    return answers, {name: torch.cat(values) for name, values in seen.items()}


@contextlib.contextmanager
def _fixed(gates: Mapping[str, SqueezeExcite], means: Mapping[str, Tensor]) -> Iterator[None]:
    """Gates that have their mean whatever the image is."""
    with contextlib.ExitStack() as stack:
        for name, gate in gates.items():
            logit_C = torch.logit(means[name].double(), eps=1e-12).float()

            def replace(_: object, __: object, output: Tensor, logit_C: Tensor = logit_C) -> Tensor:
                return logit_C.expand_as(output)

            stack.callback(gate.excite.register_forward_hook(replace).remove)
        yield


def _answers(network: nn.Module, x_BCHW: Tensor) -> NDArray[np.int64]:
    answers: NDArray[np.int64] = torch.cat([network(some).argmax(dim=1) for some in torch.split(x_BCHW, BATCH)]).numpy()
    return answers


def _block(
    name: str, values_BC: NDArray[np.float32], labels: NDArray[np.int64], classes: Sequence[str], accuracy: float
) -> BlockGates:
    own = {number: values_BC[labels == number].mean(axis=0) for number in np.unique(labels).tolist()}
    overall = values_BC.mean(axis=0)
    _, stage, block, *_ = name.split(".")
    return BlockGates(
        block=f"{int(stage) + 1}.{int(block) + 1}",
        stage=int(stage) + 1,
        channels=len(overall),
        mean=_rounded(overall.mean()),
        closed_share=_rounded((overall < CLOSED).mean()),
        open_share=_rounded((overall > OPEN).mean()),
        between=_rounded(np.std(list(own.values()), axis=0).mean()),
        classes=tuple(
            ClassGates(
                label=classes[number],
                mean=_rounded(mean.mean()),
                closed_share=_rounded((mean < CLOSED).mean()),
                open_share=_rounded((mean > OPEN).mean()),
                closed=tuple(np.flatnonzero(mean < CLOSED).tolist()),
            )
            for number, mean in own.items()
        ),
        mean_accuracy=_rounded(accuracy),
    )


def _rounded(value: np.floating | float) -> float:
    return round(float(value), 4)
