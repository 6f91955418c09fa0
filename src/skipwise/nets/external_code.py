"""The code of external networks: finds it, identifies it, and calls it.

The user's own function is called as function(num_classes=..., in_channels=...) and returns a module from images
[B, in_channels, H, W] to logits [B, num_classes].
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
from typing import TYPE_CHECKING

from skipwise.core.errors import SkipwiseError, TrainingFailed, missing_extra, unknown_name
from skipwise.nets.external import is_own

if TYPE_CHECKING:
    from torch import nn


def is_installed(name: str) -> bool:
    """Returns whether the module of the user's own network can be imported without the current folder.

    Looking for package.module imports the package.
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
    """Checks that an external network exists, which imports its module.

    Raises:
        SkipwiseError: it does not, or its module cannot be imported.
    """
    _maker(name)


def code_fingerprint(name: str) -> str:
    """Identifies the code of an external network: the library's version, or the SHA-256 of the file with the function.

    A module of Skipwise's own has a `FINGERPRINT` instead, which editing the file does not change.

    Raises:
        SkipwiseError: there is no such network.
    """
    check_external(name)
    library = name.partition(":")[0]
    if not is_own(name):
        return f"{library} {importlib.metadata.version(library)}"
    module = sys.modules[library]
    stated = getattr(module, "FINGERPRINT", None) if library.startswith("skipwise.") else None
    if stated is not None:
        return str(stated)
    file = getattr(module, "__file__", None)
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else library


def create_external(name: str, *, num_classes: int, in_channels: int, seed: int | None) -> nn.Module:
    """Creates an external network with initial weights.

    Args:
        name: its name.
        num_classes: the number of classes.
        in_channels: the channels of the images.
        seed: the seed of the initial weights; None draws from torch's default generator.

    Raises:
        SkipwiseError: there is no such network, or it does not take so many channels.
        TrainingFailed: its function fails, or returns no module.
    """
    import torch

    make = _maker(name)
    # An external network draws from torch's default generator, whose state is restored afterwards.
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        try:
            network = make(num_classes, in_channels)
        except SkipwiseError:
            raise
        except (SystemExit, KeyboardInterrupt) as error:  # which must not end Skipwise
            raise TrainingFailed(f"The function of the network {name!r} ended the program ({error!r})") from error
        except Exception as error:  # the function may raise anything
            last = traceback.extract_tb(error.__traceback__)[-1]
            raise TrainingFailed(
                f"The function of the network {name!r} failed ({type(error).__name__}: {error}; line {last.lineno} of "
                f"{last.filename}); it must take num_classes and in_channels, and return a torch.nn.Module"
            ) from error
    if not isinstance(network, torch.nn.Module):
        raise TrainingFailed(f"{name!r} returned {type(network).__name__!r}; it must return a torch.nn.Module")
    return network


def _maker(name: str) -> Callable[[int, int], object]:
    """The function (classes, channels) -> network of an external network."""
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
    if not timm.is_model(model) or (
        not timm.is_model_pretrained(model) and "." in model
    ):  # what follows the dot is a tag of weights
        raise unknown_name("network in timm", model, timm.list_models())
    return lambda classes, channels: timm.create_model(model, num_classes=classes, in_chans=channels)


def _torchvision(model: str) -> Callable[[int, int], object]:
    from torchvision import models

    names = models.list_models(module=models)  # only classifiers, no detection and segmentation
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
        raise SkipwiseError(f"{name!r} is in the script that is running; put the function into a module of its own.")
    try:
        if not is_installed(name) and str(Path.cwd()) not in sys.path:
            sys.path.append(str(Path.cwd()))  # as `python -m` does, but after everything installed
        function = getattr(importlib.import_module(module_name), function_name)
    except ModuleNotFoundError as error:
        if error.name != module_name:
            raise SkipwiseError(
                f"The network {name!r} can't be imported, since its module needs {error.name}; install that."
            ) from error
        raise SkipwiseError(
            f"There is no module {module_name!r} for the network {name!r}: it is neither installed nor in the "
            "current folder; change to its folder, or add that folder to PYTHONPATH."
        ) from error
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # importing a module may raise anything
        reason = f"{type(error).__name__}: {error}".rstrip(".: ")
        raise SkipwiseError(
            f"The network {name!r} can't be imported ({reason}); name it as package.module:function."
        ) from error
    if not callable(function):
        raise SkipwiseError(f"{name!r} is not a function; name it as package.module:function.")
    return function
