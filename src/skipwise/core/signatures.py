"""Functions that take declared options as keywords: their signature and their docstring list each of them.

Example:
    >>> from skipwise.core.options import group, option, options
    >>> @options("Light")
    ... class LightOptions:
    ...     lux: float | None = option(None, "The brightness.", unset="that of the room", metavar="LUX")
    >>> @options()
    ... class LampOptions:
    ...     light: LightOptions = group(LightOptions)
    >>> @takes(LampOptions)
    ... def lamp(place, *, options):
    ...     return place, options.light.lux
    >>> lamp("desk", lux=300)
    ('desk', 300)
    >>> inspect.signature(lamp)
    <Signature (place, *, lux: float | None = None)>
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

from skipwise.core.options import build, declared

R = TypeVar("R")


def takes(kind: type) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Makes a function that takes `options` of this kind take them as keywords.

    Its signature lists every option with its type and default, keyword-only, and the section "Args" of its docstring
    says what each of them is. The kind is its attribute `takes`.
    """

    def decorated(function: Callable[..., R]) -> Callable[..., R]:
        signature = _signature(function, kind)

        @functools.wraps(function)
        def called(*arguments: Any, **keywords: Any) -> R:
            try:
                signature.bind(*arguments, **keywords)
            except TypeError as error:
                raise TypeError(f"{function.__name__}() {error}") from None
            given = {name: keywords.pop(name) for name in names & keywords.keys()}
            return function(*arguments, options=build(kind, given), **keywords)

        names = declared(kind).keys()
        called.__signature__ = signature  # type: ignore[attr-defined]
        called.takes = kind  # type: ignore[attr-defined]
        returned = {"return": signature.return_annotation}
        called.__annotations__ = {each.name: each.annotation for each in signature.parameters.values()} | returned
        called.__doc__ = _documented(function.__doc__ or "", kind).replace("<verb>", function.__name__)
        return called

    return decorated


def _signature(function: Callable[..., Any], kind: type) -> inspect.Signature:
    written = inspect.signature(function)
    parameters: list[inspect.Parameter] = []
    for parameter in written.parameters.values():
        if parameter.name == "options":
            parameters += [
                inspect.Parameter(
                    option.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=option.default,
                    annotation=option.python_annotation,
                )
                for option in declared(kind).values()
            ]
        else:
            parameters.append(parameter)
    return written.replace(parameters=parameters)


def _documented(text: str, kind: type) -> str:
    """The docstring, with the options behind what it says of other arguments."""
    head, section, rest = text.partition("    Args:\n")
    if not section:
        return text
    entries = re.match(r"(?:        .*\n|\n(?=        ))*", rest)
    end = entries.end() if entries else 0
    lines = [f"{option.documentation}\n" for option in declared(kind).values()]
    return f"{head}{section}{rest[:end]}{''.join(lines)}{rest[end:]}"
