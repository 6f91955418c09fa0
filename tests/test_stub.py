"""__init__.pyi, from which type checkers and editors know the keywords of the verbs, says what the verbs take."""

from __future__ import annotations

import ast
import inspect

import pytest

import skipwise
from skipwise.make_stub import FILE, NARROWED, stub

WRITTEN = FILE.read_text(encoding="utf-8")
FUNCTIONS = [node for node in ast.parse(WRITTEN).body if isinstance(node, ast.FunctionDef)]


def test_it_is_as_the_options_are_now() -> None:
    assert stub() == WRITTEN, "Run: python -m skipwise.make_stub"


@pytest.mark.parametrize("function", FUNCTIONS, ids=[f"{node.name}-{node.lineno}" for node in FUNCTIONS])
def test_a_function_has_the_parameters_of_its_signature(function: ast.FunctionDef) -> None:
    parameters = inspect.signature(getattr(skipwise, function.name)).parameters
    arguments = [*function.args.args, *function.args.kwonlyargs]
    assert [each.arg for each in arguments] == list(parameters)
    assert [each.arg for each in function.args.kwonlyargs] == [
        name for name, each in parameters.items() if each.kind is each.KEYWORD_ONLY
    ]


def test_every_public_name_is_there() -> None:
    names = {node.name for node in FUNCTIONS}
    imported = {
        each.asname for node in ast.parse(WRITTEN).body if isinstance(node, ast.ImportFrom) for each in node.names
    }
    assert set(skipwise.__all__) <= names | imported
    assert NARROWED.keys() <= names
