"""Networks that are not ours, by name: `timm:NAME`, `torchvision:NAME`, or `package.module:function` for one's own.

A function of one's own is called as function(num_classes=..., in_channels=...) and returns a module from images
[B, C, H, W] to logits [B, classes].
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from skipwise.core.errors import NotTrusted, SkipwiseError, TrainingFailed, missing_extra, unknown_name
from skipwise.core.text import command

if TYPE_CHECKING:
    from torch import nn

Trust = bool | str
"""Whether a network of somebody's own that a record names may run: always, never, or if it is this one."""

Source = Literal["skipwise", "timm", "torchvision", "module"]
"""Where a network's code comes from; "module" is a function of the user's own."""


def source_of(name: str) -> Source:
    """Where the code of a network comes from, by its name.

    Example:
        >>> source_of("resnet18"), source_of("timm:densenet121"), source_of("my_module:my_network")
        ('skipwise', 'timm', 'module')
    """
    prefix, colon, _ = name.partition(":")
    if not colon:
        return "skipwise"
    return "timm" if prefix == "timm" else "torchvision" if prefix == "torchvision" else "module"


def is_external(name: str) -> bool:
    """Whether a name is that of a network from timm, torchvision or the user's own module."""
    return source_of(name) != "skipwise"


def is_own(name: str) -> bool:
    """Whether a name is that of a function in the user's own module, which runs when it is looked up."""
    return source_of(name) == "module"


def check_trusted(name: str, trust: Trust, where: str | os.PathLike[str]) -> None:
    """Refuses a network that only a record names, if looking it up would run code.

    Args:
        name: the network, by the record.
        trust: what was said of it.
        where: what the record is of.

    Raises:
        NotTrusted: it is a function in a module, and nobody said that it may run.
        SkipwiseError: another network was named.
    """
    if isinstance(trust, str) and trust != name:
        raise SkipwiseError(f"{where} is of the network {name!r}, not {trust!r}; leave --model out, or name that one.")
    if is_own(name) and not trust:
        options = ("--model", name)
        raise NotTrusted(
            f"{where} uses the network {name!r}, which is Python code that would have to run; if you trust it, name "
            f"the network again: {command(*options)}",
            options,
        )


def is_installed(name: str) -> bool:
    """Whether the module of a network of one's own is found without the folder one stands in.

    Looking for package.module runs the package.
    """
    module = name.partition(":")[0]
    if module in sys.modules:
        return True
    here = {"", os.curdir, str(Path.cwd())}
    before, sys.path = sys.path, [each for each in sys.path if each not in here]
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
    finally:
        sys.path = before


def check_external(name: str) -> None:
    """Raises SkipwiseError if there is no such external network."""
    _maker(name)


def code_fingerprint(name: str) -> str:
    """What an external network is made from: its library's version, or a hash of the file its function is in.

    Raises:
        SkipwiseError: there is no such network.
    """
    check_external(name)
    library = name.partition(":")[0]
    if not is_own(name):
        return f"{library} {importlib.metadata.version(library)}"
    file = getattr(sys.modules[library], "__file__", None)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else library


def create_external(name: str, *, num_classes: int, in_channels: int, seed: int | None) -> nn.Module:
    """An external network with initial weights.

    Raises:
        SkipwiseError: there is no such network, or it is not a network.
    """
    import torch

    make = _maker(name)
    # An external network draws from torch's default generator; it is put back, so nobody else's draws depend on ours.
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        try:
            network = make(num_classes, in_channels)
        except SkipwiseError:
            raise
        except (SystemExit, KeyboardInterrupt) as error:  # so it is no end of ours
            raise TrainingFailed(f"The function of the network {name!r} ended the program ({error!r})") from error
        except Exception as error:  # whatever somebody's function does
            last = traceback.extract_tb(error.__traceback__)[-1]
            raise TrainingFailed(
                f"The function of the network {name!r} failed ({type(error).__name__}: {error}; line {last.lineno} of "
                f"{last.filename}); it is called with num_classes and in_channels, and returns a torch.nn.Module"
            ) from error
    if not isinstance(network, torch.nn.Module):
        raise TrainingFailed(f"{name!r} returned {type(network).__name__!r}; it must return a torch.nn.Module")
    return network


def _maker(name: str) -> Callable[[int, int], object]:
    """(classes, channels) -> the external network."""
    library, _, model = name.partition(":")
    if library == "timm":
        return _timm(model)
    if library == "torchvision":
        return _torchvision(model)
    function = _imported(name)
    return lambda classes, channels: function(num_classes=classes, in_channels=channels)


def _timm(model: str) -> Callable[[int, int], object]:
    try:
        import timm
    except ImportError as error:
        raise missing_extra("timm", "timm") from error
    if not timm.is_model(model) or (not timm.is_model_pretrained(model) and "." in model):  # a tag behind the dot
        raise unknown_name("network in timm", model, timm.list_models())
    return lambda classes, channels: timm.create_model(model, num_classes=classes, in_chans=channels)


def _torchvision(model: str) -> Callable[[int, int], object]:
    from torchvision import models

    names = models.list_models(module=models)  # the classifiers, without detection and segmentation
    if model not in names:
        raise unknown_name("classifier in torchvision", model, names)

    def make(classes: int, channels: int) -> object:
        if channels != 3:
            raise SkipwiseError(f"torchvision:{model} takes images of 3 channels, not {channels}.")
        return models.get_model(model, weights=None, num_classes=classes)

    return make


def _imported(name: str) -> Callable[..., object]:
    module_name, _, function_name = name.partition(":")
    if module_name == "__main__":
        raise SkipwiseError(f"{name!r} is in the script that runs; put the function into a module of its own.")
    try:
        if not is_installed(name) and str(Path.cwd()) not in sys.path:
            sys.path.append(str(Path.cwd()))  # as with `python -m`, but behind everything installed
        function = getattr(importlib.import_module(module_name), function_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise SkipwiseError(
                f"The network {name!r} can't be imported, since its module needs {error.name}."
            ) from error
        raise SkipwiseError(
            f"There is no module {module_name!r} for the network {name!r}: it is neither installed nor in the "
            "current folder; change to its folder, or add that folder to PYTHONPATH."
        ) from error
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # whatever somebody's module does when it is imported
        reason = f"{type(error).__name__}: {error}".rstrip(".: ")
        raise SkipwiseError(
            f"The network {name!r} can't be imported ({reason}); name it as package.module:function."
        ) from error
    if not callable(function):
        raise SkipwiseError(f"{name!r} is not a function; name it as package.module:function.")
    return function
