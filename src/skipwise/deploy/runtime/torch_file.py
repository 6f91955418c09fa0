"""Reads a `.pt2` file of torch.export without PyTorch's own loader.

That loader can run code in the file: it unpickles weights and constants where the file says so, evaluates expressions,
and looks up any function or class by name. Here the graph is read as a list of calls. Each calls an operator in
`torch_operators` with numbers and earlier results. Sizes that depend on the image are numbers when the program runs, so
no expression is ever evaluated.
"""

from __future__ import annotations

import math
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from skipwise.core.errors import SkipwiseError, reason_of
from skipwise.core.files.regular import open_regular
from skipwise.deploy.runtime.torch_program import DTYPES, STRIDED, Node, Program, calls_of, is_in, names, only, text

_SCHEMA = 8
"""The major version of PyTorch's schema, in PyTorch 2.10 to 2.14."""

_MOST = 2**40
"""The largest number of elements in a tensor. Views may repeat numbers of the file, until this many."""

_MEMBERS = re.compile(
    r"data/weights/weight_\d+|data/weights/model_weights_config\.json"
    r"|data/constants/tensor_\d+|data/constants/model_constants_config\.json|models/model\.json"
    r"|data/sample_inputs/model\.pt"  # a pickle in older exports; it is never opened
    r"|archive_format|archive_version|byteorder|\.data/version|\.data/serialization_id"
)


class _Graph(msgspec.Struct):
    nodes: list[Node]


class _Signature(msgspec.Struct):
    input_specs: list[dict[str, Any]]
    output_specs: list[dict[str, Any]]


class _Module(msgspec.Struct):
    graph: _Graph
    signature: _Signature


class _Version(msgspec.Struct):
    major: int


class _Exported(msgspec.Struct):
    graph_module: _Module
    schema_version: _Version


class _Layout(msgspec.Struct):
    dtype: int
    sizes: list[dict[str, Any]]
    strides: list[dict[str, Any]]
    storage_offset: dict[str, Any]
    layout: int


class _Payload(msgspec.Struct):
    path_name: str
    use_pickle: bool
    tensor_meta: _Layout


class _Payloads(msgspec.Struct):
    config: dict[str, _Payload]


def read_program(path: Path) -> Program:
    """Reads the program in a `.pt2` file. Nothing in the file is executed.

    Raises:
        SkipwiseError: the file is damaged, or holds something that no export of Skipwise writes.
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            members = _members(archive, path.stat().st_size)
            return _program(lambda name: bytearray(archive.read(members[name])))
    except OSError as error:
        raise SkipwiseError(f"{path} can't be read ({reason_of(error)}).") from error
    except MemoryError:
        raise
    except Exception as error:  # on hostile bytes, zipfile, msgspec and torch raise a dozen kinds of exceptions
        reason = str(error) if isinstance(error, ValueError | msgspec.ValidationError) else ""
        raise SkipwiseError(
            f"{path} is not a program that Skipwise runs ({reason or 'it is damaged'}), and no part of it was run; "
            "export it again, or as ONNX."
        ) from error


def _members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The members of the archive, by their names below its one folder."""
    members: dict[str, zipfile.ZipInfo] = {}
    folders = set()
    for each in archive.infolist():
        folder, _, name = each.filename.partition("/")
        folders.add(folder)
        if not _MEMBERS.fullmatch(name) or name in members or len(folders) > 1:
            raise ValueError(f"it holds {each.filename!r}, which no export writes")
        if each.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"its {name} is compressed, which no export does")
        members[name] = each
    if sum(each.file_size for each in members.values()) > size:
        raise ValueError("its members are larger than the file")
    return members


def _program(read: Callable[[str], bytearray]) -> Program:
    if read("archive_format") != b"pt2" or read("byteorder") != sys.byteorder.encode():
        raise ValueError("it has another format or byte order")
    stored = dict(_tensors(read, "data/weights", "model_weights_config.json"))
    stored |= dict(_tensors(read, "data/constants", "model_constants_config.json"))
    exported = msgspec.json.decode(read("models/model.json"), type=_Exported)
    if exported.schema_version.major != _SCHEMA:
        raise ValueError(f"it was written by another version of PyTorch (schema {exported.schema_version.major})")
    graph, signature = exported.graph_module.graph, exported.graph_module.signature
    weights, pixels = {}, []
    for spec in signature.input_specs:
        kind, said = only(spec)
        if kind == "user_input":
            pixels.append(text(said["arg"]["as_tensor"]["name"]))
        elif kind in ("parameter", "buffer", "tensor_constant"):
            weights[text(said["arg"]["name"])] = stored[said[f"{kind}_name"]]
        else:
            raise ValueError(f"it takes an input of the type {kind!r}")
    outputs = [only(spec) for spec in signature.output_specs]
    if len(pixels) != 1 or [kind for kind, _ in outputs] != ["user_output"]:
        raise ValueError("it does not take one input and give one result")
    probabilities = text(outputs[0][1]["arg"]["as_tensor"]["name"])
    boundary = [node for node in graph.nodes if is_in(node, "fit")]
    return Program(
        pixels=pixels[0],
        fitted=names(boundary[-1], "")[0][0],
        probabilities=probabilities,
        weights=weights,
        calls=tuple(calls_of(graph.nodes, probabilities)),
    )


def _tensors(read: Callable[[str], bytearray], folder: str, config: str) -> Iterator[tuple[str, Tensor]]:
    files: dict[str, bytearray] = {}
    for name, each in msgspec.json.decode(read(f"{folder}/{config}"), type=_Payloads).config.items():
        if each.use_pickle:
            raise ValueError(f"its {each.path_name} is a pickle, which can run code")
        content = files.get(each.path_name)
        if content is None:
            content = files[each.path_name] = read(f"{folder}/{each.path_name}")
        meta = each.tensor_meta
        dtype = DTYPES[meta.dtype]
        sizes, strides = ([_whole(only(part), "as_int") for part in parts] for parts in (meta.sizes, meta.strides))
        offset = _whole(only(meta.storage_offset), "as_int")
        plain = meta.layout == STRIDED and len(sizes) == len(strides) and min((*sizes, *strides, offset)) >= 0
        if not plain or math.prod(sizes) > _MOST:
            raise ValueError(f"{name} has a layout that no export writes")
        # In integers of any length, because PyTorch's own check may overflow.
        last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
        empty = 0 in sizes
        if not empty and (last + 1) * dtype.itemsize > len(content):
            raise ValueError(f"{name} reaches beyond {each.path_name}")
        if empty:
            yield name, torch.empty(sizes, dtype=dtype)
        else:
            flat = torch.frombuffer(content, dtype=dtype, count=len(content) // dtype.itemsize)
            yield name, torch.as_strided(flat, sizes, strides, offset)


def _whole(said: tuple[str, Any], kind: str) -> int:
    if said[0] != kind or not isinstance(said[1], int):
        raise ValueError("one of its sizes is not an integer")
    return said[1]
