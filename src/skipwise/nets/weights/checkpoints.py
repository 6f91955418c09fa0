"""Reads a file of weights without executing anything: its sets of tensors, by their keys."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from skipwise.core.errors import SkipwiseError
from skipwise.core.files.paths import refuse_address
from skipwise.core.text import byte_size

SHOWN = 6
"""The most keys that a sentence lists."""
_MOST_TEXT = 2**26
DEEPEST = 5
"""The number of levels of mappings that are searched for tensors."""
_OTHER_STATE = re.compile(r"optim|sched|scaler|callbacks|loops", re.IGNORECASE)
"""In the keys of what does not belong to a network."""


class _Nothing:
    """Stands in for an object that a training program saves with its weights and that is not needed here, so that
    neither its class nor a function is looked up or called."""

    def __new__(cls, *_: object) -> _Nothing:
        return super().__new__(cls)

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


def _empty(*_: object) -> dict[Any, Any]:
    return {}


# What timm, torchvision's training scripts, Lightning and OpenMMLab use for options, times and best accuracies.
_OBJECTS = """
    argparse.Namespace
    builtins.dict builtins.float builtins.getattr builtins.int builtins.list builtins.set builtins.str
    datetime.date datetime.datetime datetime.timedelta
    mmengine.logging.history_buffer.HistoryBuffer
    numpy.core.multiarray._reconstruct numpy.core.multiarray.scalar numpy.dtype numpy.ndarray
    numpy._core.multiarray._reconstruct numpy._core.multiarray.scalar
    omegaconf.base.ContainerMetadata omegaconf.base.Metadata
    omegaconf.dictconfig.DictConfig omegaconf.listconfig.ListConfig
    omegaconf.nodes.AnyNode omegaconf.nodes.BooleanNode omegaconf.nodes.FloatNode omegaconf.nodes.IntegerNode
    omegaconf.nodes.PathNode omegaconf.nodes.StringNode
    pathlib.Path pathlib.PosixPath pathlib.PurePosixPath pathlib.PureWindowsPath pathlib.WindowsPath
    typing.Any
"""
_MAPPINGS = """
    collections.defaultdict
    lightning.fabric.utilities.data.AttributeDict lightning.pytorch.utilities.parsing.AttributeDict
    lightning_fabric.utilities.data.AttributeDict pytorch_lightning.utilities.parsing.AttributeDict
"""
_STAND_INS = [*((_Nothing, name) for name in _OBJECTS.split()), *((_empty, name) for name in _MAPPINGS.split())]

_FOREIGN = (
    (b"version https://git-lfs", "is a Git LFS pointer, not the file itself; run: git lfs pull"),
    (b"<", "is a web page, not a file of weights; download the file itself"),
    (b"\x89HDF", "is an HDF5 file, as Keras writes them; save the weights from PyTorch"),
)
"""The first bytes of other files that are mistaken for weights, and what to do about each."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Contents:
    """A file's sets of tensors.

    Args:
        source: the file, as messages call it.
        sets: the sets by their keys; levels are joined by dots, and "" is the top level.
        marks: the keys of the top two levels.
        ordered: whether the tensors of a set have the order of the network's layers: torch.save keeps it, safetensors
            sorts them.
    """

    source: str
    sets: dict[str, dict[str, Tensor]]
    marks: frozenset[str] = frozenset()
    ordered: bool = True

    def under(self, key: str) -> Contents:
        """The contents with only what is under a key, or with the tensors whose names begin with it.

        Raises:
            SkipwiseError: there is nothing under it.
        """
        sets = {name: tensors for name, tensors in self.sets.items() if f"{name}.".startswith(f"{key}.")}
        for name, tensors in self.sets.items() if not sets else ():
            if name and not key.startswith(f"{name}."):
                continue
            begin = re.compile(rf"(?:(?:module|_orig_mod)\.)*{re.escape(key.removeprefix(f'{name}.'))}\.")
            named = {begin.sub("", n, count=1): tensor for n, tensor in tensors.items() if begin.match(n)}
            if named:
                sets[key] = named
        if not sets:
            raise SkipwiseError(f"{self.source} has no weights under {key!r}; it has {self.listed()}.")
        return replace(self, sets=sets)

    def listed(self) -> str:
        """The first keys, with what is under them, for a sentence."""
        shown = [
            f"{name or 'weights without a key'} ({len(tensors):,} tensors, such as {next(iter(tensors))})"
            for name, tensors in self.sets.items()
        ]
        return ", ".join(shown[:SHOWN]) + (f" and {len(shown) - SHOWN:,} more" if len(shown) > SHOWN else "")


def read_contents(path: Path) -> Contents:
    """Reads the tensors of a safetensors file, or of one that torch.save wrote, without executing anything.

    Raises:
        SkipwiseError: the file does not exist, is damaged, holds no tensors, or can only be read by running code in it.
    """
    refuse_address(path)
    if not path.is_file():
        raise SkipwiseError(f"There is no file {path}; give a file of weights (.safetensors, .pt, .pth or .th).")
    sorts = path.suffix == ".safetensors"
    content = _safetensors(path) if sorts else _torch(path)
    sets = dict(_sets(content, "", set(), DEEPEST))
    if not sets:
        raise SkipwiseError(
            f"{path} holds no state dict (tensors by name); save one with torch.save(model.state_dict(), path)."
        )
    marks = set(map(str, content))
    marks |= {f"{key}.{name}" for key, below in content.items() if isinstance(below, Mapping) for name in below}
    return Contents(source=str(path), sets=sets, marks=frozenset(marks), ordered=not sorts)


def _sets(content: object, key: str, seen: set[int], levels: int) -> Iterator[tuple[str, dict[str, Tensor]]]:
    if not isinstance(content, Mapping) or id(content) in seen or _OTHER_STATE.search(key) or not levels:
        return
    seen.add(id(content))
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if any(tensor.ndim > 1 for tensor in tensors.values()):  # otherwise they are an epoch, a count or a loss
        yield key, tensors
    for name, value in content.items():
        yield from _sets(value, f"{key}.{name}" if key else str(name), seen, levels - 1)


def _safetensors(path: Path) -> Mapping[Any, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise _damaged(path, f"is not a complete safetensors file ({error})") from error
    except OSError as error:
        raise SkipwiseError(f"Can't read {path}: {error.strerror or error}.") from error


def _torch(path: Path) -> Mapping[Any, Any]:
    _check_size(path)
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_STAND_INS):  # type: ignore[arg-type]
            warnings.simplefilter("ignore")  # about the pickle protocol, which is no concern of the user
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # torch raises this for code in an intact file as well as for bytes that are no pickle.
        reason = _forbidden(str(error), path)
        if reason is None:
            raise _damaged(path) from error
        raise SkipwiseError(
            f"{path} can only be read by running code that it contains ({reason}), which Skipwise does not do; save "
            "only the state dict, preferably as safetensors."
        ) from error
    except OSError as error:
        raise SkipwiseError(f"Can't read {path}: {error.strerror or error}.") from error
    except Exception as error:  # a truncated archive raises many kinds
        if "TorchScript" in str(error):
            raise SkipwiseError(
                f"{path} is a TorchScript program, not weights; save its weights with "
                "torch.save(torch.jit.load(path).state_dict(), 'weights.pth')."
            ) from error
        if "legacy .tar" in str(error):
            raise SkipwiseError(
                f"{path} was written by torch 0.1; load it with that version and save its state dict again."
            ) from error
        raise _damaged(path) from error
    if not isinstance(content, Mapping):
        return {}
    return content


def _check_size(path: Path) -> None:
    """Refuses an archive that unpacks to much more than its size: torch.save compresses nothing, TorchScript only code.

    Raises:
        SkipwiseError: it does.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except Exception:  # no archive, or a damaged one; torch tells them apart
        return
    if unpacked > path.stat().st_size + _MOST_TEXT:
        raise SkipwiseError(
            f"{path} unpacks to {byte_size(unpacked)}, far more than its own size, which torch.save never does; "
            "download it again."
        )


def _damaged(path: Path, how: str = "is damaged or not a file of weights") -> SkipwiseError:
    with path.open("rb") as file:
        start = file.read(32).lstrip()
    known = (sentence for beginning, sentence in _FOREIGN if start.startswith(beginning))
    return SkipwiseError(f"{path} {next(known, f'{how}; download it again')}.")


def _forbidden(message: str, path: Path) -> str | None:
    """Returns the function that a pickle would call, from torch's message; None if the error has another cause."""
    match = re.search(r"(?:(?:U|u)nsupported (?:global: )?GLOBAL|unrecognized function) ([\w.]+)", message)
    if match:
        return match[1]
    with path.open("rb") as file:  # the first byte of a pickle of protocol 2 or later
        pickled = file.read(1) == b"\x80" or zipfile.is_zipfile(path)
    return "a pickle of more than tensors" if pickled else None
