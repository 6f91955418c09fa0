"""Weights published elsewhere -> our names, strictly: all of a file fits, or nothing of it is loaded.

`read_weights` reads what people have on disk without ever executing it. `translate` renames what torchvision, timm
and the usual CIFAR repositories call their layers. `load_weights` does both and checks.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor, nn

from skipwise.errors import SkipwiseError
from skipwise.nets.network import Network

_NESTED = ("state_dict", "model_state_dict", "model", "net")
_WRAPPERS = re.compile(r"^(?:module\.|_orig_mod\.)+")
_SHOWN = 8


def _block(match: re.Match[str], rest: str) -> str:
    # Stages are counted from 1 there and from 0 here, blocks from 0 in both.
    return f"stages.{int(match[1]) - 1}.{match[2]}.{rest}"


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^(?:layer0\.)?conv1\.", lambda _: "stem.0.conv."),
        (r"^(?:layer0\.)?bn1\.", lambda _: "stem.0.norm."),
        (r"^layer(\d+)\.(\d+)\.conv(\d)\.", lambda m: _block(m, f"branch.{int(m[3]) - 1}.conv.")),
        (r"^layer(\d+)\.(\d+)\.bn(\d)\.", lambda m: _block(m, f"branch.{int(m[3]) - 1}.norm.")),
        (r"^layer(\d+)\.(\d+)\.(?:downsample|shortcut)\.0\.", lambda m: _block(m, "skip.shortcut.conv.")),
        (r"^layer(\d+)\.(\d+)\.(?:downsample|shortcut)\.1\.", lambda m: _block(m, "skip.shortcut.norm.")),
        (r"^layer(\d+)\.(\d+)\.(?:se|se_module)\.(?:fc1|fc\.0)\.", lambda m: _block(m, "gate.squeeze.")),
        (r"^layer(\d+)\.(\d+)\.(?:se|se_module)\.(?:fc2|fc\.2)\.", lambda m: _block(m, "gate.excite.")),
        (r"^(?:fc|linear|last_linear|classifier(?:\.1)?)\.(?=weight$|bias$)", lambda _: "classifier."),
    )
)


def load_weights(model: nn.Module, path: str | PathLike[str], *, new_head: bool = False) -> None:
    """Loads a file of weights into `model`, all of it or nothing.

    Args:
        path: safetensors, or a `.pt`, `.pth` or `.th` file of tensors; see `read_weights` and `translate`.
        new_head: leave the last layer's initial weights if the file is for another number of classes.

    Raises:
        SkipwiseError: the file can't be read or does not fit, with what does not, by name and shape.
    """
    path = Path(path)
    fit_weights(model, read_weights(path), source=str(path), new_head=new_head)


def fit_weights(model: nn.Module, tensors: Mapping[str, Tensor], *, source: str, new_head: bool = False) -> None:
    """`load_weights` for tensors that have been read; `source` names where they came from."""
    target = model.state_dict()
    found = translate(model, tensors)
    # Files from before torch 1.0 don't count batches; nothing that is computed depends on that count.
    for name, value in target.items():
        if name.endswith("num_batches_tracked"):
            found.setdefault(name, torch.zeros_like(value))
    if new_head:
        head = [name for name in found if name.startswith("classifier.") and name in target]
        if any(found[name].shape != target[name].shape for name in head):
            for name in head:
                found[name] = target[name]
    faults = [f"it lacks {name} {_shape(value)}" for name, value in target.items() if name not in found]
    faults += [f"it has {name} {_shape(value)} besides" for name, value in found.items() if name not in target]
    faults += [
        f"{name} is {_shape(value)} there and {_shape(target[name])} here"
        for name, value in found.items()
        if name in target and value.shape != target[name].shape
    ]
    if faults:
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise SkipwiseError(
            f"{source} does not fit this network: {'; '.join(faults[:_SHOWN])}{more}. Nothing was loaded; choose the "
            "network and the number of classes that the weights were made for."
        )
    model.load_state_dict(found)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors in a file, by name: safetensors, or what torch.save wrote, read without executing anything.

    A state dict may be nested under `state_dict`, `model_state_dict`, `model` or `net`.

    Raises:
        SkipwiseError: no such file, a damaged one, one without tensors, or one that only unpickling could read.
    """
    if not path.is_file():
        raise SkipwiseError(f"There is no file {path}; give a file of weights (.safetensors, .pt, .pth or .th).")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise SkipwiseError(f"{path} is no whole safetensors file ({error}); fetch it again.") from error
    try:
        with warnings.catch_warnings():  # of the pickle protocol, which is ours to judge
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch raises this both for code in a sound file and for bytes that were never a pickle.
        reason = _forbidden(str(error), path)
        if reason is None:
            raise SkipwiseError(f"{path} is damaged or no file of weights; fetch it again.") from error
        raise SkipwiseError(
            f"{path} can only be read by running code that it contains ({reason}), which Skipwise does not do; ask for "
            "its state dict alone, best as safetensors."
        ) from error
    except Exception as error:  # a truncated archive raises half a dozen kinds
        raise SkipwiseError(
            f"{path} is damaged or no file of weights ({_first_line(error)}); fetch it again."
        ) from error
    while isinstance(content, Mapping):
        inner = next((content[key] for key in _NESTED if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = inner
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise SkipwiseError(
            f"{path} holds no state dict (names and tensors), alone or under {', '.join(_NESTED)}; save one with "
            "torch.save(model.state_dict(), path)."
        )
    return {str(name): tensor for name, tensor in content.items()}


def translate(model: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names that `model` gives its layers.

    Known are the names of torchvision's ResNets, ResNeXts and MobileNetV2, timm's SE-ResNets and legacy SE-ResNets,
    and the CIFAR repositories' (`linear` heads, `shortcut`s). Wrappers' prefixes are taken off for any model.
    """
    bare = {_WRAPPERS.sub("", name): tensor for name, tensor in tensors.items()}
    if not isinstance(model, Network):
        return bare
    target = model.state_dict()
    features = _mobilenet_names(model)
    renamed = {}
    for name, tensor in bare.items():
        for pattern, replacement in _RULES:
            name, count = pattern.subn(replacement, name)
            if count:
                break
        prefix, _, leaf = name.rpartition(".")
        name = f"{features.get(prefix, prefix)}.{leaf}"
        if name in target and tensor.ndim == 4 and target[name].ndim == 2 and tensor.shape[2:] == (1, 1):
            tensor = tensor[:, :, 0, 0]  # a gate's linear layer, kept as a 1x1 convolution
        renamed[name] = tensor
    return renamed


def _mobilenet_names(model: Network) -> dict[str, str]:
    """torchvision's names of MobileNetV2's layers -> ours; they count blocks through all stages."""
    names = {}

    def layer(theirs: str, ours: str) -> None:
        names[f"{theirs}.0"] = f"{ours}.conv"
        names[f"{theirs}.1"] = f"{ours}.norm"

    layer("features.0", "stem.0")
    number = 1
    for stage_name, stage in model.stages.named_children():
        if not isinstance(stage, nn.Sequential) or hasattr(stage, "conv"):
            layer(f"features.{number}", f"stages.{stage_name}")  # the 1x1 convolution before the head
            continue
        for block_name, block in stage.named_children():
            branch = f"stages.{stage_name}.{block_name}.branch"
            last = len(block.get_submodule("branch")) - 1  # type: ignore[arg-type]
            for index in range(last):
                layer(f"features.{number}.conv.{index}", f"{branch}.{index}")
            # The linear projection is not wrapped there: its norm is the next layer.
            names[f"features.{number}.conv.{last}"] = f"{branch}.{last}.conv"
            names[f"features.{number}.conv.{last + 1}"] = f"{branch}.{last}.norm"
            number += 1
    return names


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _forbidden(message: str, path: Path) -> str | None:
    """What a pickle wants called, out of torch's message; None if that was not the trouble."""
    match = re.search(r"(?:(?:U|u)nsupported (?:global: )?GLOBAL|unrecognized function) ([\w.]+)", message)
    if match:
        return match[1]
    with path.open("rb") as file:  # a pickle of protocol 2 or later starts so
        return "a pickle of more than tensors" if file.read(1) == b"\x80" else None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
