"""A `.pt2` of torch.export, read and run without torch's own loader.

That loader runs code which a file may hold: it unpickles weights and constants that the file marks so, evaluates
expressions that are written out in it, and looks up whatever functions and classes it names. Here the graph is taken
for what it is, a list of calls, each of an operator in `torch_operators` with numbers and earlier results. Sizes that
depend on the image are numbers when the program runs, so no expression is ever read.
"""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from skipwise.deploy.torch_operators import function_called
from skipwise.errors import SkipwiseError

_SCHEMA = 8
"""The major version of torch's schema; that of torch 2.10 to 2.14."""

_MEMBERS = re.compile(
    r"data/weights/weight_\d+|data/weights/model_weights_config\.json"
    r"|data/constants/tensor_\d+|data/constants/model_constants_config\.json|models/model\.json"
    r"|data/sample_inputs/model\.pt"  # a pickle in older exports; it is never opened
    r"|archive_format|archive_version|byteorder|\.data/version|\.data/serialization_id"
)
_DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
_MEMORY_FORMATS = {1: torch.contiguous_format, 2: torch.channels_last, 4: torch.preserve_format}
_STRIDED = 7
_NOT_FINITE = {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}


class _Input(msgspec.Struct):
    name: str
    arg: dict[str, Any]


class _Node(msgspec.Struct):
    target: str
    inputs: list[_Input]
    outputs: list[dict[str, Any]]
    metadata: dict[str, str]


class _Graph(msgspec.Struct):
    nodes: list[_Node]


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


@dataclass(frozen=True)
class _Earlier:
    """Stands for an earlier result, by its name."""

    name: str


@dataclass(frozen=True)
class _Call:
    """One step.

    Args:
        function: what is called, with `positional` and `named`, in which `_Earlier` stands for results.
        gives: the names of its results, and `several` whether it returns them as a sequence.
        spent: the results that nothing needs any more after it.
    """

    function: Callable[..., Any]
    positional: tuple[Any, ...]
    named: dict[str, Any]
    gives: tuple[str, ...]
    several: bool
    spent: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Program:
    """A program of one input and one result.

    Args:
        pixels: the name of what it takes, `probabilities` of what it gives, `fitted` of the last thing that it does
            before the network.
    """

    pixels: str
    fitted: str
    probabilities: str
    weights: dict[str, Tensor]
    calls: tuple[_Call, ...]

    def __call__(self, given: Mapping[str, Tensor], stopped: Callable[[], bool] = lambda: False) -> Tensor:
        """The result for the pixels, and for other values that are given instead of being computed."""
        values: dict[str, Any] = {**self.weights, **given}
        for call in self.calls:
            if stopped():
                raise TimeoutError
            if not any(name in given for name in call.gives):
                found = call.function(*_filled(call.positional, values), **_filled(call.named, values))
                results = found if call.several else (found,)
                values.update(zip(call.gives, results, strict=True) if call.gives else ())
            for name in call.spent:
                values.pop(name, None)
        answer = values[self.probabilities]
        if not isinstance(answer, Tensor):
            raise TypeError("its result is no tensor")
        return answer


def read_program(path: Path) -> Program:
    """The program in a `.pt2` file. Nothing in the file is executed.

    Raises:
        SkipwiseError: it is damaged, or holds what no export of Skipwise does.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            members = _members(archive, path.stat().st_size)
            return _program(lambda name: bytearray(archive.read(members[name])))
    except OSError as error:
        raise SkipwiseError(f"{path} can't be read ({error.strerror or error}).") from error
    except MemoryError:
        raise
    except Exception as error:  # bytes of somebody else's: zipfile, msgspec and torch have a dozen kinds
        reason = str(error) if isinstance(error, ValueError | msgspec.ValidationError) else ""
        raise SkipwiseError(
            f"{path} is no program that Skipwise runs ({reason or 'it is damaged'}), and nothing of it was run; "
            "export it again, or as ONNX."
        ) from error


def _members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """Of the archive, by their names below its one folder."""
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
        raise ValueError("its parts are larger than itself")
    return members


def _program(read: Callable[[str], bytearray]) -> Program:
    if read("archive_format") != b"pt2" or read("byteorder") != sys.byteorder.encode():
        raise ValueError("it is of another format, or of another byte order")
    stored = dict(_tensors(read, "data/weights", "model_weights_config.json"))
    stored |= dict(_tensors(read, "data/constants", "model_constants_config.json"))
    exported = msgspec.json.decode(read("models/model.json"), type=_Exported)
    if exported.schema_version.major != _SCHEMA:
        raise ValueError(f"it was written by another version of torch (schema {exported.schema_version.major})")
    graph, signature = exported.graph_module.graph, exported.graph_module.signature
    weights, pixels = {}, []
    for spec in signature.input_specs:
        kind, said = _only(spec)
        if kind == "user_input":
            pixels.append(_text(said["arg"]["as_tensor"]["name"]))
        elif kind in ("parameter", "buffer", "tensor_constant"):
            weights[_text(said["arg"]["name"])] = stored[said[f"{kind}_name"]]
        else:
            raise ValueError(f"it takes an input of the kind {kind!r}")
    outputs = [_only(spec) for spec in signature.output_specs]
    if len(pixels) != 1 or [kind for kind, _ in outputs] != ["user_output"]:
        raise ValueError("it does not take one input and give one result")
    probabilities = _text(outputs[0][1]["arg"]["as_tensor"]["name"])
    boundary = [node for node in graph.nodes if _is_in(node, "fit")]
    return Program(
        pixels=pixels[0],
        fitted=_names(boundary[-1])[0][0],
        probabilities=probabilities,
        weights=weights,
        calls=tuple(_calls(graph.nodes, probabilities)),
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
        dtype = _DTYPES[meta.dtype]
        sizes, strides = ([_whole(_only(part), "as_int") for part in parts] for parts in (meta.sizes, meta.strides))
        offset = _whole(_only(meta.storage_offset), "as_int")
        if meta.layout != _STRIDED or len(sizes) != len(strides) or min((*sizes, *strides, offset)) < 0:
            raise ValueError(f"the layout of {name} is none of an export's")
        # In whole numbers of any length, before torch's own check, whose may overflow.
        last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
        empty = 0 in sizes
        if not empty and (last + 1) * dtype.itemsize > len(content):
            raise ValueError(f"{name} reaches beyond {each.path_name}")
        if empty:
            yield name, torch.empty(sizes, dtype=dtype)
        else:
            flat = torch.frombuffer(content, dtype=dtype, count=len(content) // dtype.itemsize)
            yield name, torch.as_strided(flat, sizes, strides, offset)


def _calls(nodes: list[_Node], result: str) -> list[_Call]:
    """The steps, each with what it is the last one to need."""
    calls: list[_Call] = []
    needed = {result}
    for node in reversed(nodes):
        try:
            function, positional, named = _applied(node)
            gives, several = _names(node)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"a call of {node.target!r} is damaged") from error
        used = {each.name for each in _earlier((*positional, *named.values()))} | set(gives)
        calls.append(_Call(function, positional, named, gives, several, tuple(used - needed)))
        needed |= used
    return calls[::-1]


def _applied(node: _Node) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """What a node calls, and with which arguments."""
    function = function_called(node.target)
    given = {each.name: _argument(each.arg) for each in node.inputs}
    if len(given) != len(node.inputs):
        raise ValueError(f"a call of {node.target!r} names an argument twice")
    if not isinstance(function, torch._ops.OpOverload):
        if any(not isinstance(value, int | float | _Earlier) for value in given.values()):
            raise ValueError(f"a call of {node.target!r} is not of numbers")
        return function, tuple(given.values()), {}
    positional = []
    for each in function._schema.arguments:
        if each.kwarg_only or each.name not in given:
            break
        positional.append(given.pop(each.name))
    return function, tuple(positional), given


def _names(node: _Node) -> tuple[tuple[str, ...], bool]:
    """Of a node's results, and whether it returns several."""
    names: list[str] = []
    several = len(node.outputs) > 1
    for output in node.outputs:
        kind, value = _only(output)
        if kind == "as_tensor":
            names.append(_text(value["name"]))
        elif kind == "as_tensors":
            several = True
            names += [_text(each["name"]) for each in value]
        elif kind in ("as_sym_int", "as_sym_float", "as_sym_bool"):
            names.append(_text(value["as_name"]))
        else:
            raise ValueError(f"a result of {node.target!r} is of the kind {kind!r}")
    return tuple(names), several


def _argument(arg: dict[str, Any]) -> Any:
    """A number, a word, a kind of tensor, an earlier result, or a list of them."""
    kind, value = _only(arg)
    if kind in ("as_tensor", "as_sym_int", "as_sym_float", "as_sym_bool", "as_optional_tensor"):
        return _one(value)
    if kind in ("as_tensors", "as_sym_ints", "as_sym_floats", "as_sym_bools", "as_optional_tensors"):
        return [_one(each) for each in value]
    if kind in ("as_ints", "as_floats", "as_bools"):
        return [_number(each) for each in value]
    if kind in ("as_int", "as_float", "as_bool"):
        return _number(value)
    if kind == "as_string":
        return _text(value)
    if kind == "as_none":
        return None
    if kind == "as_scalar_type":
        return _DTYPES[value]
    if kind == "as_memory_format":
        return _MEMORY_FORMATS[value]
    if kind == "as_layout" and value == _STRIDED:
        return torch.strided
    if kind == "as_device" and value["type"] == "cpu":
        return torch.device("cpu")
    raise ValueError(f"an argument is of the kind {kind!r}")


def _one(said: dict[str, Any]) -> Any:
    """An earlier result, or a number in its stead."""
    if "name" in said:
        return _Earlier(_text(said["name"]))
    kind, value = _only(said)
    if kind == "as_name":
        return _Earlier(_text(value))
    if kind == "as_tensor":
        return _Earlier(_text(value["name"]))
    return None if kind == "as_none" else _number(value)


def _only(said: dict[str, Any]) -> tuple[str, Any]:
    if len(said) != 1:
        raise ValueError("one of its values is of several kinds")
    return next(iter(said.items()))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("one of its names is no text")
    return value


def _number(value: Any) -> int | float:
    number = _NOT_FINITE.get(value, value) if isinstance(value, str) else value
    if not isinstance(number, int | float):
        raise ValueError("one of its numbers is none")
    return number


def _whole(said: tuple[str, Any], kind: str) -> int:
    if said[0] != kind or not isinstance(said[1], int):
        raise ValueError("one of its sizes is no whole number")
    return said[1]


def _earlier(values: Any) -> Iterator[_Earlier]:
    for each in values:
        if isinstance(each, _Earlier):
            yield each
        elif isinstance(each, list):
            yield from _earlier(each)


def _filled(values: Any, known: Mapping[str, Any]) -> Any:
    """Arguments with the earlier results in their places."""
    if isinstance(values, _Earlier):
        return known[values.name]
    if isinstance(values, dict):
        return {name: _filled(each, known) for name, each in values.items()}
    if isinstance(values, tuple | list):
        return [_filled(each, known) for each in values]
    return values


def _is_in(node: _Node, child: str) -> bool:
    """Whether a node comes from a child of the module that was traced; its stack is "key,path,class;..."."""
    parts = [entry.split(",") for entry in node.metadata.get("nn_module_stack", "").split(";")]
    return any(len(part) > 2 and part[1].split(".")[-1] == child for part in parts)
