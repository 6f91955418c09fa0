"""Plans in files of their own: what `compare` writes with `save_plan`, and carries out with `plan`, on any images.

A file has the arguments of `compare` that a plan fixed, by their names, and the number of its format. Nothing in it is
of the images, the machine or a time limit, so that the same comparison can be made of others, on another machine.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, overload

import msgspec

from skipwise.comparison.options import CompareOptions
from skipwise.comparison.plan.arguments import ELSEWHERE, Arguments, arguments
from skipwise.comparison.plan.plan import Plan
from skipwise.core.errors import NotTrusted, SkipwiseError
from skipwise.core.files.atomic import atomic
from skipwise.core.files.json_records import as_json, read_json
from skipwise.core.files.paths import user_path
from skipwise.core.options import declared, flag
from skipwise.core.text import command, listed
from skipwise.data.assign_splits import VAL_SHARE, VAL_SHARE_OF_GIVEN
from skipwise.evaluation.outcomes import margins_of, outcome_names
from skipwise.nets.external import is_own
from skipwise.training.weights.starting_weights import PRETRAINED

if TYPE_CHECKING:
    from skipwise.comparison.plan.planned import Planned
    from skipwise.comparison.results.finished import Comparison

P = ParamSpec("P")

FORMAT = 1
KEY = "skipwise_compare_plan"
OF_THE_MACHINE = ("device", "precision", "compile")
FREE = (*OF_THE_MACHINE, "val_share", "learning_curve")
"""These may be given beside a file that leaves them out; other options that are left out have their defaults."""
ANOTHER = "name another file with --save-plan"


def portable(plan: Plan) -> Arguments:
    """Returns the content of a plan's file: everything that the plan fixed for any images, on any machine."""
    usual = VAL_SHARE_OF_GIVEN if plan.test_share is None else VAL_SHARE
    found = replace(arguments(plan), device=None, precision=None, compile=None)
    # Images that bring their validation images have no share of them; unless it was asked for, it is not insisted on.
    return replace(found, val_share=None) if found.val_share == usual else found


def write_plan(path: Path, plan: Plan) -> None:
    """Writes a plan's file, unless it is there already.

    Raises:
        SkipwiseError: another file is there, or it can't be written.
    """
    wanted = portable(plan)
    if path.exists():
        if read_plan(path) != wanted:
            raise SkipwiseError(f"{path} is there already, and holds another plan; remove it, or {ANOTHER}.")
        return
    with atomic(path, mend=ANOTHER) as temporary:
        temporary.write_text(as_json({KEY: FORMAT, **wanted.said()}, indent=1) + "\n", encoding="utf-8")


def check_savable(path: Path) -> None:
    """Raises SkipwiseError, before any time is spent, where no plan can be saved."""
    if not path.parent.is_dir():
        raise SkipwiseError(f"There is no folder {path.parent} for {path.name}; make it, or {ANOTHER}.")
    if path.exists():
        try:
            read_plan(path)
        except SkipwiseError as error:
            raise SkipwiseError(f"{path} is there already, and is no plan that can be read; {ANOTHER}.") from error


def read_plan(path: Path) -> Arguments:
    """Reads the file of a plan.

    Raises:
        SkipwiseError: there is none, or it is not as `write_plan` writes it.
    """
    if not path.exists():
        raise SkipwiseError(f"There is no file {path}; --save-plan writes one.")
    found = read_json(path, Any, mend="give --plan a file that --save-plan wrote")
    if not isinstance(found, dict) or KEY not in found:
        raise SkipwiseError(f"{path} is no plan; give --plan a file that --save-plan wrote.")
    version = found.pop(KEY)
    if type(version) is not int or version < 1:
        raise SkipwiseError(f"{path} has the format {version!r}, which no plan has; give --plan one that was saved.")
    if version > FORMAT:
        raise SkipwiseError(f"{path} was saved by a newer version of Skipwise, which is needed to use it.")
    known = {each.name for each in fields(Arguments)} - {*OF_THE_MACHINE}
    if strange := sorted(found.keys() - known):
        raise SkipwiseError(f"{path} has {strange[0]!r}, which no plan has; remove it.")
    try:
        said = msgspec.convert(found, Arguments)
    except msgspec.ValidationError as error:
        raise SkipwiseError(
            f"{path} is not as --save-plan writes it ({error}); correct it, or save it anew."
        ) from error
    if (said.seeds is None) == (said.looks is None):
        raise SkipwiseError(f"{path} has to say seeds or looks, and one of them only; correct it, or save it anew.")
    return said


def left_to(plan: Plan) -> set[str]:
    """The arguments that its file gives, so that they need not stand beside it; networks of one's own have to."""
    said = portable(plan)
    kept = {"models"} if any(map(is_own, said.models)) else set()
    kept |= {"init", "init_key"} if any(f"={ELSEWHERE}" in word for word in said.init or ()) else set()
    return {"pretrained", *(each.name for each in fields(Arguments))} - {*FREE} - kept


def beside(path: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `compare`: those of a plan's file, and what was given beside it.

    Raises:
        SkipwiseError: the file is not right, or says otherwise than what was given.
        NotTrusted: the file names networks that are somebody's code, and nobody else does.
    """
    if given.get("extend"):
        raise SkipwiseError("--extend adds to a comparison that has its plan already; leave --plan out.")
    said = read_plan(path)
    fixed = _comparable(said.said(), said.outcome)
    free = {name for name in FREE if name not in fixed}
    if any(f"={ELSEWHERE}" in word for word in said.init or ()):  # where files of weights lie is known here
        free |= {"init", "init_key"} & given.keys()
    names = {"pretrained", *(each.name for each in fields(Arguments))} - free
    asked = {name: value for name, value in given.items() if name in names and value is not None}
    apart = [name for name, value in _comparable(asked, said.outcome).items() if value != fixed.get(name)]
    if apart:
        otherwise = {"looks": "seeds", "init": "pretrained"}
        flags = [flag(otherwise[name] if otherwise.get(name) in asked else name) for name in apart]
        them = "it" if len(apart) == 1 else "them"
        raise SkipwiseError(
            f"{path} is a plan that says otherwise than {listed(flags)}; leave {them} out, or change the file."
        )
    if "models" not in asked and (own := next(filter(is_own, said.models), None)):
        options = ("--models", ",".join(said.models))
        raise NotTrusted(
            f"{path} uses the network {own!r}, which is Python code that would have to run; if you trust it, name the "
            f"networks again: {command(*options)}",
            options,
        )
    taken = {name: value for name, value in said.said().items() if name not in free or name not in given}
    return {name: value for name, value in given.items() if name not in names} | taken


def _comparable(said: Mapping[str, Any], outcome: str) -> dict[str, Any]:
    """Arguments in one way of several to give them.

    Args:
        said: the arguments.
        outcome: the plan's, to whose margins others are compared.
    """
    found = dict(said)
    if "outcome" in found:
        found["outcome"] = outcome_names(found["outcome"])
    if "margin" in found:
        found["margin"] = margins_of(outcome_names(outcome), found["margin"])
    for name in ("models", "tune_what"):
        if isinstance(found.get(name), str):
            found[name] = found[name].split(",")
    if found.get("tune_what") is not None:  # in any order
        found["tune_what"] = sorted(found["tune_what"])
    if found.pop("pretrained", False):
        found["init"] = PRETRAINED
    several = [option.name for option in declared(CompareOptions).values() if option.repeated]
    for name in several:
        if isinstance(found.get(name), (str, os.PathLike)):
            found[name] = [os.fspath(found[name])]
    many = ("models", "looks", "tune", "tune_what", *several)
    found |= {name: tuple(found[name]) for name in many if found.get(name)}
    if (seeds := found.pop("seeds", None)) is not None and "looks" not in found:
        found["looks"] = (seeds,)
    return found


class Compare(Protocol[P]):
    """The function `compare`: a dry run gives what is planned."""

    @overload
    def __call__(  # type: ignore[overload-overlap]
        self, data: Any, *, dry_run: Literal[True], **options: Any
    ) -> Planned: ...

    @overload
    def __call__(self, *arguments: P.args, **options: P.kwargs) -> Comparison: ...


def by_plan(function: Callable[P, Comparison | Planned]) -> Compare[P]:
    """The function, with the arguments of the plan's file that it is given."""

    @functools.wraps(function)
    def called(*arguments: Any, **options: Any) -> Any:
        path = options.get("plan")
        return function(*arguments, **options if path is None else beside(user_path(path), options))

    return called
