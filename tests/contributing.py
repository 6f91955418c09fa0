"""The examples of CONTRIBUTING.md."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

PAGE = Path(__file__).parents[1] / "CONTRIBUTING.md"


def examples() -> dict[str, str]:
    """The code of each example, by the name in the comment above it."""
    found = re.findall(
        r"^<!-- example: ([a-z ]+) -->\n```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    return dict(found)


def run_example(name: str) -> ModuleType:
    """Runs an example as a module, which other processes' pickles and dataclasses can find by its name."""
    module = ModuleType(f"tests.example_of_{name.replace(' ', '_')}")
    sys.modules[module.__name__] = module
    exec(compile(examples()[name], f"{PAGE}: {name}", "exec"), vars(module))
    return module
