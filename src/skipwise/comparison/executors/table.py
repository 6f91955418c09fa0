"""The executors that have a name, for `--executor NAME` and `compare(executor="NAME")`.

To add one, write a file here with a class that keeps to `Executor`, and add a row to `EXECUTORS`. The class is imported
when it is asked for, so that what it needs may be an extra.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from skipwise.comparison.executors.executor import Executor, check_executor
from skipwise.core.errors import SkipwiseError, require, unknown_name


@dataclass(frozen=True, kw_only=True)
class NamedExecutor:
    """An executor that has a name.

    Args:
        name: as on the command line.
        module: where its class is, below `skipwise.comparison.executors`.
        kind: the name of the class. It is called without arguments; where an address was given, its class method
            `at` is called with that.
        needs: the package that it is made with, which the extra of the executor's name installs; None where that is
            always there.
        address: an example of what may stand after "://"; None where nothing may.
    """

    name: str
    module: str
    kind: str
    needs: str | None = None
    address: str | None = None


EXECUTORS: dict[str, NamedExecutor] = {
    each.name: each
    for each in (
        NamedExecutor(name="local", module="local", kind="LocalProcesses"),
        NamedExecutor(name="in-process", module="in_process", kind="InProcess"),
        NamedExecutor(name="ray", module="ray.executor", kind="RayExecutor", needs="ray", address="head:10001"),
        NamedExecutor(
            name="slurm", module="slurm.executor", kind="SlurmExecutor", needs="submitit", address="PARTITION?time=8h"
        ),
    )
}


def find_executor(asked: str | Executor | None) -> Executor:
    """Returns the executor that is asked for: by its name, or as it is; None is processes of this machine.

    Raises:
        SkipwiseError: there is none of that name, it takes no address, or what it needs is not installed.

    Example:
        >>> type(find_executor("in-process")).__name__
        'InProcess'
    """
    if asked is not None and not isinstance(asked, str):
        check_executor(asked)
        return asked
    name, separator, address = ("local" if asked is None else asked).partition("://")
    if name not in EXECUTORS:
        raise unknown_name("executor", name, EXECUTORS)
    row = EXECUTORS[name]
    if separator and (row.address is None or not address):
        example = "takes no address" if row.address is None else f"takes an address, such as {name}://{row.address}"
        raise SkipwiseError(f"--executor {name} {example}; not {asked!r}.")
    if row.needs is not None:
        require(row.needs, extra=name)
    kind = getattr(importlib.import_module(f"skipwise.comparison.executors.{row.module}"), row.kind)
    made: Executor = kind.at(address) if separator else kind()
    return made
