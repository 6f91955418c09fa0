"""Callbacks from functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skipwise.training.callbacks import Callback


def calls(**functions: Callable[..., Any]) -> Callback:
    """A callback whose methods are these functions, such as `calls(on_epoch=epochs.append)`."""
    return type("Calls", (Callback,), {name: _method(function) for name, function in functions.items()})()


def _method(function: Callable[..., Any]) -> Callable[..., None]:
    def method(_: Callback, *arguments: Any) -> None:
        function(*arguments)

    return method


class Notices(Callback):
    """Keeps what it is told, as sentences."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def on_notice(self, sentence: str) -> None:
        self.sentences.append(sentence)
