"""Finds the weights that `--init` and `--pretrained` name, and records which they are.

A network starts from scratch ("none"), from the weights that are published for it ("pretrained"), from a run, or from
a file; "auto" leaves the choice to Skipwise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from skipwise.advice.weights import StartingWeights
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import sha256
from skipwise.core.remote.copies import local_path
from skipwise.core.text import listed
from skipwise.data.image.preprocess import Preprocessing
from skipwise.nets.external import check_trusted, is_external
from skipwise.nets.weights.published import (
    Expected,
    Published,
    expected,
    fetch,
    find_cached,
    has_published,
    published,
)
from skipwise.training.folder.dropped import need_weights
from skipwise.training.folder.record import read_run
from skipwise.training.weights.hub_folder import PREFIX, WEIGHTS, is_hub_folder, local_folder, read_hub_network

NONE, AUTO, PRETRAINED = "none", "auto", "pretrained"
OFFLINE = "SKIPWISE_OFFLINE"
"""The environment variable with which "auto" downloads nothing and takes only weights on this machine; 0 is unset."""
STEM = "imagenet"
"""The stem of the published weights of Skipwise's networks; their width is 1."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """The weights that a network starts from, as plan.json and terms.json record them.

    Args:
        name: the name of the file, or of the run's folder.
        url: the address they are published at; None for the user's own file.
        sha256: the SHA-256 of the file.
        key: the key of the set that the user chose in a file with several; None where the user did not choose.
        expects: how they expect images prepared; None where it is not known.
    """

    name: str
    url: str | None = None
    sha256: str
    key: str | None = None
    expects: Preprocessing | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    """Weights to start from, on this machine.

    Args:
        start: the record of them.
        file: the file that holds them.
        model: the network that they are of, where the folder says so: that of a run, or of `export --huggingface`.
        stem, width: what a network of Skipwise must have for them; None where it is not known.
        notes: what the user should know about them, a sentence each.
    """

    start: Start
    file: Path
    model: str | None = None
    stem: str | None = None
    width: float | None = None
    notes: tuple[str, ...] = ()


def find_start(where: str | os.PathLike[str], key: str | None = None) -> Found:
    """Finds the weights in a run's folder, in one that `export --huggingface` wrote, on the Hub, or in a file.

    Args:
        where: the folder or the file.
        key: the key of the set to load from a file with several.

    Raises:
        SkipwiseError: there are none, or the run failed.
    """
    path = local_path(local_folder(where))
    if not path.is_dir():
        if not path.is_file():
            raise SkipwiseError(
                f"There is no file {path}; give --init a run's folder, a file of weights, {PRETRAINED}, {AUTO} or "
                f"{NONE}."
            )
        return Found(start=Start(name=path.name, sha256=sha256(path), key=key), file=path)
    if is_hub_folder(path):
        return _find_hub_start(path, where, key)
    if not (path / "run.json").exists():
        raise SkipwiseError(f"{path} is no finished run; give --init a run's folder or a file of weights.")
    record = read_run(path)
    if record.status == "failed":
        raise SkipwiseError(f"The run in {path} failed ({record.reason}), so it has no weights to start from.")
    if key is not None:
        raise SkipwiseError(f"--init-key is for files that hold several weights; the run in {path} has one.")
    spec, file = record.spec, need_weights(path)
    read_run(path, file.name)
    start = Start(name=path.resolve().name, sha256=sha256(file), expects=spec.preprocessing)
    stem, width = (None, None) if is_external(spec.model) else (spec.stem, spec.width)
    return Found(start=start, file=file, model=spec.model, stem=stem, width=width)


def _find_hub_start(path: Path, where: str | os.PathLike[str], key: str | None) -> Found:
    found = read_hub_network(path)
    if key is not None:
        raise SkipwiseError(f"--init-key is for files that hold several weights; {path} has one.")
    file = path / WEIGHTS
    name = os.fspath(where) if os.fspath(where).startswith(PREFIX) else path.resolve().name
    start = Start(name=name, sha256=found.weights, expects=found.preprocessing)
    stem, width = (None, None) if is_external(found.model) else (found.stem, found.width)
    return Found(start=start, file=file, model=found.model, stem=stem, width=width)


def model_of(found: Found, where: str | os.PathLike[str]) -> str:
    """The name of the network of a run to start from.

    Raises:
        NotTrusted: it is the user's own code, which only the run's record names.
    """
    assert found.model is not None
    check_trusted(found.model, False, where)
    return found.model


def for_model(found: Found, model: str, where: str | os.PathLike[str]) -> Found:
    """Completes what is known of weights, given the network that they are for.

    A published file is recognised by its hash. For any other file for a network of timm or torchvision, images are
    prepared as that library says of its own weights, and a note says so.

    Raises:
        SkipwiseError: the weights are of a run with another network.
    """
    if found.model is not None:
        if found.model != model:
            raise SkipwiseError(
                f"{where} is a run of {found.model}, not of {model}; leave --model out, or start from other weights."
            )
        return found
    own = not is_external(model)
    weights = _published_of(model)
    if weights is not None and weights.digits and found.start.sha256.startswith(weights.digits):
        start = replace(found.start, url=weights.url, expects=_preprocessing(weights))
        return replace(found, start=start, stem=STEM if own else None, width=1.0 if own else None)
    expects = None if own else expected(model)
    if expects is None:
        return found
    library, _, name = model.partition(":")
    mean, std = (", ".join(f"{value:g}" for value in values) for values in (expects.mean, expects.std))
    note = (
        f"{found.start.name} does not say how its images were prepared, so they are prepared as {library} says of its "
        f"own weights of {name}: {expects.size} pixels, {expects.interpolation}, mean {mean} and standard deviation "
        f"{std}."
    )
    return replace(found, start=replace(found.start, expects=_preprocessing(expects)), notes=(note,))


def published_start(model: str) -> Found:
    """Finds the published weights of a network, and downloads them if they are not on this machine.

    Raises:
        SkipwiseError: there are none, or they cannot be downloaded.
    """
    weights = published(model)
    file = fetch(weights)
    start = Start(name=file.name, url=weights.url, sha256=sha256(file), expects=_preprocessing(weights))
    own = not is_external(model)
    return Found(start=start, file=file, stem=STEM if own else None, width=1.0 if own else None)


def _published_of(model: str) -> Published | None:
    try:
        return published(model)
    except SkipwiseError:
        return None


def _preprocessing(expects: Expected) -> Preprocessing:
    return Preprocessing(
        size=expects.size,
        channels=len(expects.mean),
        mean=expects.mean,
        std=expects.std,
        crop=expects.crop,
        interpolation=expects.interpolation,
    )


def available(models: Sequence[str]) -> dict[str, Literal["here", "web"]]:
    """The networks with published weights: "here" where the file is on this machine, "web" where it is not."""
    found: dict[str, Literal["here", "web"]] = {}
    for model in models:
        weights = _published_of(model)
        if weights is not None:
            found[model] = "web" if find_cached(weights) is None else "here"
    return found


def automatic(
    models: Sequence[str], why: str, *, stem: str, width: float, notice: Callable[[str], None]
) -> dict[str, Found]:
    """Finds published weights for the networks that start from "auto", where starting from weights is advised.

    A network without published weights, or with another stem or width than theirs, starts from scratch. So do networks
    whose weights cannot be downloaded, or may not be (`OFFLINE`); after one failed download no other is tried.

    Args:
        models: the networks.
        why: the sentence that advises to start from weights; "" where it is not advised.
        stem, width: what the user asked for.
        notice: called with each sentence for the user.
    """
    found: dict[str, Found] = {}
    if not why:
        return found
    fitting, reason = stem in ("auto", STEM) and width == 1.0, "none are published"
    if not fitting and any(map(has_published, models)):
        reason = f"published weights are for the {STEM} stem and width 1"
    there = available([model for model in models if is_external(model) or fitting])
    for model in sorted(there, key=there.__getitem__):  # "here" comes before "web"
        if there[model] == "web" and os.environ.get(OFFLINE, "0") != "0":
            reason = f"they are not on this machine, and {OFFLINE} forbids to download them"
            break
        try:
            found[model] = published_start(model)
        except SkipwiseError as error:
            notice(f"{model} starts from scratch, since its weights are not available: {error}")
            reason = "they can't be downloaded"
            break  # waiting for a connection once is enough
    if found:
        names = listed(list(found))
        notice(
            f"{names} start{'s' * (len(found) == 1)} from published weights; to train from scratch, add --init "
            f"{NONE}. {why}"
        )
    elif models:
        notice(
            f"Published weights are expected to help, and there are none here for {listed(models)}, as {reason}. {why}"
        )
    return found


def size_for(found: Mapping[str, Found], advice: StartingWeights, auto_size: int) -> int | None:
    """The image size for weights that "auto" chose; None where it chose none.

    It is the size at which weights did best in experiments, or the images' own size where that is larger.
    """
    if not found or advice.size is None:
        return None
    return max(advice.size, auto_size)


def agreed(
    starts: Mapping[str, Found], pretrained: Sequence[str], *, stem: str, width: float | None
) -> tuple[str, float]:
    """The stem and the width of all networks: those the user asked for, otherwise those that the weights need.

    Args:
        starts: the weights that the user named, by network.
        pretrained: the networks that start from published weights, which may not be downloaded yet.
        stem: the stem the user asked for; "auto" takes the weights' own, and stays "auto" where they do not say.
        width: the width the user asked for; None takes the weights' own, or 1.

    Raises:
        SkipwiseError: weights need another stem or width than the user asked for, or than other weights.
    """
    needs: dict[str, tuple[str | None, float | None]] = {m: (f.stem, f.width) for m, f in starts.items()}
    needs |= {model: (STEM, 1.0) for model in pretrained if not is_external(model)}
    asked_stem, asked_width = None if stem == "auto" else stem, width
    for model, (its_stem, its_width) in needs.items():
        for option, asked, its in (("width", asked_width, its_width), ("stem", asked_stem, its_stem)):
            if None in (asked, its) or asked == its:
                continue
            if model in starts:
                its_name = f"{its:g}" if isinstance(its, float) else its
                raise SkipwiseError(
                    f"{starts[model].start.name} has weights of {model} with the {option} {its_name}; leave --{option} "
                    "out, or start from other weights."
                )
            raise SkipwiseError(
                f"Published weights are for the {STEM} stem and width 1; leave --{option} out, or --pretrained."
            )
    stems = {model: its for model, (its, _) in needs.items() if its is not None}
    widths = {model: its for model, (_, its) in needs.items() if its is not None}
    for option, each in (("stem", stems), ("width", widths)):
        if len(set(each.values())) > 1:
            said = listed([f"{its} for {model}" for model, its in each.items()])
            raise SkipwiseError(
                f"The weights are of networks with another {option} each ({said}), and a comparison has one {option}; "
                "start all of them from weights of one kind."
            )
    return (
        asked_stem or next(iter(stems.values()), "auto"),
        asked_width if asked_width is not None else next(iter(widths.values()), 1.0),
    )
