"""Initial weights of the networks of a comparison: the words of `--init` -> weights, and the recipes that suit them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from skipwise.comparison.options import Paths
from skipwise.comparison.plan.plan import Plan
from skipwise.core.errors import SkipwiseError, TrainingFailed
from skipwise.core.remote.copies import local_path
from skipwise.core.text import listed
from skipwise.nets.weights.published import published
from skipwise.training.loop.recipe import Recipe, RecipeOptions, choose_recipe, of_one_size
from skipwise.training.weights.starting_weights import (
    AUTO,
    NONE,
    PRETRAINED,
    Found,
    agreed,
    automatic,
    find_start,
    for_model,
    published_start,
)


def several(words: Paths) -> list[str]:
    """The words of an option that may be given several times, of which one may be given by itself."""
    return [os.fspath(word) for word in ([words] if isinstance(words, str | os.PathLike) else words)]


@dataclass(frozen=True, kw_only=True)
class Starts:
    """Initial weights as the user asked for them: named files, published weights, or a choice left to Skipwise."""

    candidates: tuple[str, ...]
    named: dict[str, Found]
    pretrained: tuple[str, ...]
    automatic: tuple[str, ...]

    @property
    def any(self) -> bool:
        """True if a network may start from weights."""
        return bool(self.named or self.pretrained or self.automatic)

    def agreed(self, stem: str, width: float | None) -> tuple[str, float]:
        """The stem and the width of all networks; see `starting.agreed`."""
        return agreed(self.named, self.pretrained, stem=stem, width=width)

    def found(self, why: str, *, stem: str, width: float, notice: Callable[[str], None]) -> dict[str, Found]:
        """The weights, downloaded where they are published and not here yet; in the order of the candidates.

        Args:
            why: `auto` starts from weights, a sentence; "" where it does not.
            notice: is told what one should know of them.

        Raises:
            SkipwiseError: they can't be downloaded.
        """
        found = self.named | {model: published_start(model) for model in self.pretrained}
        found |= automatic(self.automatic, why, stem=stem, width=width, notice=notice)
        found = {model: found[model] for model in self.candidates if model in found}
        for each in found.values():
            for sentence in each.notes:
                notice(sentence)
        bare = [model for model in self.candidates if model not in found]
        if found and bare:
            notice(
                f"{listed(list(found))} start{'s' * (len(found) == 1)} from weights, and {listed(bare)} from scratch: "
                "a verdict between the two kinds is one about networks together with their weights."
            )
        return found


def find_starts(init: Paths, init_key: Paths, candidates: Sequence[str], *, pretrained: bool) -> Starts:
    """Finds the initial weights of each network.

    Args:
        init: "none", "auto", "pretrained" or a run's folder, each for all networks or, after NETWORK=, for one; after
            that also a file. What is said of one network comes first. Networks of which nothing is said start from
            scratch where others were named.
        init_key: of the sets to load from files that hold several, likewise.
        pretrained: the same as the `init` of that name.

    Raises:
        SkipwiseError: it can't be so, or there are no such weights.
    """
    keys, key = _by_network(init_key, candidates)
    each, rest = _by_network(init, candidates)
    general = PRETRAINED if pretrained else ""
    for word in rest:
        if word not in (NONE, AUTO, PRETRAINED):
            model = _model_of_run(word, candidates)
            if model in each:
                raise _twice(model)
            each[model] = word
        elif general and word != general:
            raise SkipwiseError(f"All networks can't start from {general} and from {word}; give --init one of them.")
        else:
            general = word
    said = {model: each.get(model, general or (NONE if each else AUTO)) for model in candidates}
    files = {model: word for model, word in said.items() if word not in (NONE, AUTO, PRETRAINED)}
    if len(key) > 1 or (key and not any(local_path(word).is_file() for word in files.values())):
        raise SkipwiseError("--init-key takes one key for all files of --init, or NETWORK=KEY for each of them.")
    if strangers := [model for model in keys if model not in files]:
        raise SkipwiseError(f"--init-key is for --init with a file, and {strangers[0]} has none; leave it out.")
    named = {}
    for model, word in files.items():
        general_key = key[0] if key and local_path(word).is_file() else None
        named[model] = for_model(find_start(word, keys.get(model, general_key)), model, word)
    for model in (wanted := tuple(model for model in candidates if said[model] == PRETRAINED)):
        published(model)  # now, rather than once all images have been read
    left = tuple(model for model in candidates if said[model] == AUTO)
    return Starts(candidates=tuple(candidates), named=named, pretrained=wanted, automatic=left)


def _by_network(words: Paths, candidates: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Separates values written as NETWORK=VALUE from those without a network."""
    each: dict[str, str] = {}
    rest = []
    for text in several(words):
        before, sign, after = text.partition("=")
        models = [model for model in candidates if before in (model, model.partition(":")[2])] if sign else []
        if before in models:
            models = [before]
        if len(models) > 1:
            raise SkipwiseError(f"{before!r} is {listed(models)}; name one of them in full.")
        if models and models[0] in each:
            raise _twice(models[0])
        if models:
            each[models[0]] = after
        elif sign and not local_path(text).exists():
            raise SkipwiseError(
                f"There is no network called {before!r} in this comparison to take {after!r}; it has "
                f"{listed(list(candidates))}."
            )
        else:
            rest.append(text)
    return each, rest


def _model_of_run(word: str, candidates: Sequence[str]) -> str:
    model = find_start(word).model
    if model is None:
        raise SkipwiseError(f"Say which network {word} is for, such as --init {candidates[0]}={word}")
    if model not in candidates:
        raise SkipwiseError(
            f"{word} is a run of {model}, which does not take part; add it to --models, or leave that --init out."
        )
    return model


def _twice(model: str) -> SkipwiseError:
    return SkipwiseError(f"{model} can't start from two things; give it one --init.")


def choose_recipes(
    asked: RecipeOptions, starting: Iterable[str], candidates: Sequence[str], *, mirrors: bool, images: int
) -> tuple[Recipe, Recipe | None]:
    """The recipe, and that of networks which start from weights where others don't.

    Then both have the same epochs, batches and image sizes, so that all networks see as many images; what differs is
    how they learn: a recipe that makes initial weights suits none that are given, and the other way round.

    Raises:
        SkipwiseError: one learning rate for both.
    """
    count = len(set(starting))
    if count in (0, len(candidates)):
        return choose_recipe(asked, fine_tune=count > 0, mirrors=mirrors, images=images), None
    if asked.lr is not None:
        raise SkipwiseError(
            "--lr can't suit networks that start from weights and those that start from scratch alike; leave it out, "
            "or let --tune choose one for each network."
        )
    recipe = of_one_size(choose_recipe(replace(asked, freeze_norms=False), mirrors=mirrors, images=images))
    recipe = replace(recipe, epochs=asked.epochs or recipe.epochs)
    alike = replace(asked, epochs=recipe.epochs, batch_size=recipe.batch_size)
    return recipe, choose_recipe(alike, fine_tune=True, mirrors=mirrors, images=images)


def try_weights(plan: Plan, found: dict[str, Found], notice: Callable[[str], None]) -> None:
    """Loads all weights once, before anything is written, and says what was taken.

    Raises:
        SkipwiseError: they don't fit their network, or are no network's.
    """
    for model, weights in found.items():
        network = plan.network(model).from_file(weights.file, key=weights.start.key)
        try:
            loaded = network.build_loaded(seed=plan.question.first_seed)[1]
        except TrainingFailed:  # its runs will fail the same way, and say how
            continue
        for sentence in loaded.notes:
            notice(sentence)


def files_of(found: dict[str, Found]) -> dict[str, Path]:
    """The files, by the SHA-256 that the plan knows them by."""
    return {each.start.sha256: each.file for each in found.values()}
