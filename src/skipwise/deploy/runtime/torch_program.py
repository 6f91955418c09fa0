"""A program of torch.export: a list of calls of operators in `torch_operators`, with numbers and earlier results.

Sizes that depend on the image are numbers when the program runs, so no expression is ever evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import torch
from torch import Tensor

from skipwise.deploy.runtime.torch_operators import check_constant, function_called

DTYPES = {
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
STRIDED = 7
_NOT_FINITE = {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}
_SETTINGS = {
    "torch.ops.higher_order.wrap_with_autocast": 4,
    "torch.ops.higher_order.wrap_with_set_grad_enabled": 1,
}
"""Calls whose argument is a part of the program that runs under other settings of PyTorch, and which argument it is."""


class _Input(msgspec.Struct):
    name: str
    arg: dict[str, Any]


class Node(msgspec.Struct):
    target: str
    inputs: list[_Input]
    outputs: list[dict[str, Any]]
    metadata: dict[str, str]


class _Part(msgspec.Struct):
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    nodes: list[Node]


@dataclass(frozen=True)
class _Earlier:
    """A placeholder for an earlier result, by its name."""

    name: str


@dataclass(frozen=True)
class Call:
    """One call of a program.

    Args:
        function: the function that is called.
        positional: its positional arguments, in which `_Earlier` stands for earlier results.
        named: its keyword arguments, likewise.
        gives: the names of its results.
        several: whether it returns them as a sequence.
        spent: the results that no later call needs.
    """

    function: Callable[..., Any]
    positional: tuple[Any, ...]
    named: dict[str, Any]
    gives: tuple[str, ...]
    several: bool
    spent: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Program:
    """A program with one input and one result.

    Args:
        pixels: the name of its input.
        fitted: the name of the resized pixels, the last result before the network.
        probabilities: the name of its result.
        weights: tensors by name. PyTorch counts the changes of a tensor's memory, and these have none.
        calls: the calls, in order.
    """

    pixels: str
    fitted: str
    probabilities: str
    weights: dict[str, Tensor]
    calls: tuple[Call, ...]

    def __call__(self, given: Mapping[str, Tensor], stopped: Callable[[], bool] = lambda: False) -> Tensor:
        """Runs the program.

        Args:
            given: the pixels by their name, and other values that need not be computed.
            stopped: whether to end; asked before each call.

        Raises:
            TimeoutError: it was stopped.
            ValueError: it changes its weights, in which it could remember earlier images.
        """
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
        if any(weight._version for weight in self.weights.values()):
            raise ValueError("it changes its own weights, which no export does")
        answer = values[self.probabilities]
        if not isinstance(answer, Tensor):
            raise TypeError("its result is not a tensor")
        return answer


def calls_of(nodes: list[Node], result: str) -> list[Call]:
    """The calls of a graph, each with the results that no later call needs."""
    calls: list[Call] = []
    needed = {result}
    for step in reversed(list(_steps(nodes, ""))):
        used = {each.name for each in _earlier((*step.positional, *step.named.values()))} | set(step.gives)
        calls.append(replace(step, spent=tuple(used - needed)))
        needed |= used
    return calls[::-1]


def _steps(nodes: list[Node], within: str) -> Iterator[Call]:
    """The calls of a graph, with those of inner graphs in their places.

    Args:
        within: the prefix of the names of its results.
    """
    for node in nodes:
        try:
            if node.target in _SETTINGS:
                yield from _inside(node, within)
            else:
                function, positional, named = _applied(node, within)
                yield Call(function, positional, named, *names(node, within))
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"a call of {node.target!r} is damaged") from error


def _inside(node: Node, within: str) -> Iterator[Call]:
    """The calls of a part of the program that runs under other settings of PyTorch, which change nothing here."""
    place = _SETTINGS[node.target]
    graph = msgspec.convert(node.inputs[place].arg["as_graph"]["graph"], _Part)
    if place == 4 and node.inputs[2].arg != {"as_bool": False}:
        raise ValueError("a part of it computes in another precision")
    own = f"{within}{names(node, '')[0][0]}/"
    given = [_argument(each.arg, within) for each in node.inputs[place + 1 :]]
    for inner, value in zip(graph.inputs, given, strict=True):
        yield Call(_same, (value,), {}, (_argument(inner, own).name,), False)
    yield from _steps(graph.nodes, own)
    for result, inner in zip(names(node, within)[0], graph.outputs, strict=True):
        yield Call(_same, (_argument(inner, own),), {}, (result,), False)


def _same(value: Any) -> Any:
    return value


def _applied(node: Node, within: str) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """The function that a node calls, and its positional and keyword arguments."""
    function = function_called(node.target)
    given = {each.name: _argument(each.arg, within) for each in node.inputs}
    if len(given) != len(node.inputs):
        raise ValueError(f"a call of {node.target!r} names an argument twice")
    if not isinstance(function, torch._ops.OpOverload):
        if any(not isinstance(value, int | float | _Earlier) for value in given.values()):
            raise ValueError(f"a call of {node.target!r} has arguments that are not numbers")
        return function, tuple(given.values()), {}
    check_constant(function, given)
    positional = []
    for each in function._schema.arguments:
        if each.kwarg_only or each.name not in given:
            break
        positional.append(given.pop(each.name))
    return function, tuple(positional), given


def names(node: Node, within: str) -> tuple[tuple[str, ...], bool]:
    """The names of a node's results, and whether it returns several."""
    names: list[str] = []
    several = len(node.outputs) > 1
    for output in node.outputs:
        kind, value = only(output)
        if kind == "as_tensor":
            names.append(text(value["name"]))
        elif kind == "as_tensors":
            several = True
            names += [text(each["name"]) for each in value]
        elif kind in ("as_sym_int", "as_sym_float", "as_sym_bool"):
            names.append(text(value["as_name"]))
        else:
            raise ValueError(f"a result of {node.target!r} has the type {kind!r}")
    return tuple(within + name for name in names), several


def _argument(arg: dict[str, Any], within: str) -> Any:
    """An argument: a number, a text, a setting of a tensor, an earlier result, or a list of them."""
    kind, value = only(arg)
    if kind in ("as_tensor", "as_sym_int", "as_sym_float", "as_sym_bool", "as_optional_tensor"):
        return _one(value, within)
    if kind in ("as_tensors", "as_sym_ints", "as_sym_floats", "as_sym_bools", "as_optional_tensors"):
        return [_one(each, within) for each in value]
    if kind in ("as_ints", "as_floats", "as_bools"):
        return [_number(each) for each in value]
    if kind in ("as_int", "as_float", "as_bool"):
        return _number(value)
    if kind == "as_string":
        return text(value)
    if kind == "as_none":
        return None
    if kind == "as_scalar_type":
        return DTYPES[value]
    if kind == "as_memory_format":
        return _MEMORY_FORMATS[value]
    if kind == "as_layout" and value == STRIDED:
        return torch.strided
    if kind == "as_device" and value["type"] == "cpu":
        return torch.device("cpu")
    raise ValueError(f"an argument has the type {kind!r}")


def _one(said: dict[str, Any], within: str) -> Any:
    """An earlier result, or a number in its place."""
    if "name" in said:
        return _Earlier(within + text(said["name"]))
    kind, value = only(said)
    if kind == "as_name":
        return _Earlier(within + text(value))
    if kind == "as_tensor":
        return _Earlier(within + text(value["name"]))
    return None if kind == "as_none" else _number(value)


def only(said: dict[str, Any]) -> tuple[str, Any]:
    if len(said) != 1:
        raise ValueError("one of its values has several types")
    return next(iter(said.items()))


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("one of its names is not a text")
    return value


def _number(value: Any) -> int | float:
    number = _NOT_FINITE.get(value, value) if isinstance(value, str) else value
    if not isinstance(number, int | float):
        raise ValueError("one of its numbers is not a number")
    return number


def _earlier(values: Any) -> Iterator[_Earlier]:
    for each in values:
        if isinstance(each, _Earlier):
            yield each
        elif isinstance(each, list):
            yield from _earlier(each)


def _filled(values: Any, known: Mapping[str, Any]) -> Any:
    """Arguments with earlier results filled in."""
    if isinstance(values, _Earlier):
        return known[values.name]
    if isinstance(values, dict):
        return {name: _filled(each, known) for name, each in values.items()}
    if isinstance(values, tuple | list):
        return [_filled(each, known) for each in values]
    return values


def is_in(node: Node, child: str) -> bool:
    """Returns whether a node comes from this child of the traced module. The node's stack is "key,path,class;..."."""
    parts = [entry.split(",") for entry in node.metadata.get("nn_module_stack", "").split(";")]
    return any(len(part) > 2 and part[1].split(".")[-1] == child for part in parts)
