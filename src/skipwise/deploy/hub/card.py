"""The model card: what a network is for, how good it is and how sure that is, and what is not known of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from skipwise.core.errors import SkipwiseError
from skipwise.core.escaping import markdown as escaped
from skipwise.core.files.json_records import read_json
from skipwise.core.files.paths import user_path
from skipwise.core.text import count, listed
from skipwise.deploy.artifact.artifact import Artifact
from skipwise.deploy.trained.trained_network import TrainedNetwork
from skipwise.deploy.verify.record import Certificate
from skipwise.evaluation.one_network import Answers, Evaluation, evaluate_answers
from skipwise.evaluation.outcomes import OUTCOMES
from skipwise.training.folder.predictions import read_predictions
from skipwise.training.folder.record import RunRecord, read_run
from skipwise.training.planning.plan import RUNS

MOST_CLASSES = 200
"""Rows of the table of classes."""
SHOWN_CLASSES = 10
"""Names of classes in a sentence."""


@dataclass(frozen=True, kw_only=True)
class _Known:
    """Facts about a network beside its weights; None for what is not known.

    Args:
        run: the record of its training.
        data: the name of its images.
        counts: how many images each split has.
        tested: the evaluation of its answers to the test images.
    """

    run: RunRecord | None = None
    data: str | None = None
    counts: dict[str, int] | None = None
    tested: Evaluation | None = None


def model_card(network: TrainedNetwork, artifact: Artifact, place: Path, timm: str | None, why: str) -> str:
    """The card as Markdown, with metadata for the Hub.

    Args:
        network: the network.
        artifact: the record of the exported network.
        place: its folder, which may have a certificate.
        timm: timm's name of the network; None where timm has none.
        why: why not, a clause.
    """
    known = _known(network)
    sections = [
        _metadata(network, artifact, known, timm),
        f"# {escaped(network.model)} for {count(len(network.classes), 'class')}",
        _what(network, known),
        "## Intended use",
        _use(network),
        "## How to use it",
        _code(timm, why, artifact.temperature),
        "## Data",
        _data(network, artifact, known),
        "## How good it is",
        _quality(known, artifact),
        *_verdict(artifact),
        *_per_class(known),
        "## Limits",
        _limits(known),
        "## Certificate",
        _certificate(place, artifact),
        "## What is not known",
        "\n".join(f"- {sentence}" for sentence in _unknown(network, known)),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _known(network: TrainedNetwork) -> _Known:
    home = user_path(network.where)
    if not (home / "run.json").is_file():
        return _Known()
    run = read_run(home)
    plan = None
    try:
        plan = RUNS.plan_of(home)
    except SkipwiseError:  # it is a run of a comparison
        plan = None
    tested = None
    if run.test is not None:
        found = read_predictions(home, "test")
        tested = evaluate_answers(Answers(ids=found.ids, labels=found.labels, logits=found.logits), network.classes)
    return _Known(
        run=run,
        data=None if plan is None else plan.data,
        counts=None if plan is None else plan.split_images,
        tested=tested,
    )


def _metadata(network: TrainedNetwork, artifact: Artifact, known: _Known, timm: str | None) -> str:
    """The part that the Hub reads: YAML, of which JSON is a part."""
    tags = ["image-classification", "skipwise", *(["timm"] if timm else [])]
    lines = [
        f"library_name: {'timm' if timm else 'skipwise'}",
        "pipeline_tag: image-classification",
        f"tags: {json.dumps(tags)}",
        'metrics: ["accuracy"]',
    ]
    if known.tested is not None:
        data = known.data or (artifact.chosen.data if artifact.chosen is not None else "own images")
        entry = {
            "name": network.model,
            "results": [
                {
                    "task": {"type": "image-classification"},
                    "dataset": {"name": data, "type": "own-images", "split": "test"},
                    "metrics": [{"type": "accuracy", "value": round(known.tested.accuracy.value, 4)}],
                }
            ],
        }
        lines.append(f"model-index: {json.dumps([entry])}")
    return "\n".join(["---", *lines, "---"])


def _what(network: TrainedNetwork, known: _Known) -> str:
    made = network.preprocessing
    kind = "grey" if made.channels == 1 else "colour"
    text = (
        f"This network tells {kind} images of {count(len(network.classes), 'class')} apart: "
        f"{escaped(listed(network.classes, SHOWN_CLASSES))}. It is {escaped(network.model)} with the {network.stem} "
        f"stem at width {network.width:g}, and takes {made.size} x {made.size} pixels."
    )
    if known.run is not None:
        recipe = known.run.spec.recipe
        text += (
            f" Skipwise trained it for {count(recipe.epochs, 'epoch')} with the recipe '{recipe.name}' and seed "
            f"{known.run.spec.seed}."
        )
    return text


def _use(network: TrainedNetwork) -> str:
    return (
        "It is meant for images like those that it was trained and tested on, one label each. It gives every image one "
        f"of its {count(len(network.classes), 'class')}, also an image that shows none of them. Nobody has tested it "
        "for decisions about people, or where a wrong answer does harm; whoever wants to use it so has to test it for "
        "that first."
    )


def _code(timm: str | None, why: str, temperature: float) -> str:
    ours = (
        '```python\nimport skipwise\n\nnetwork = skipwise.load("hf-hub:user/name")  # or a folder\n'
        "module = network.module()  # PyTorch, in evaluation mode\n```"
    )
    divided = (
        "" if temperature == 1 else f"\n\nDivide the logits by {temperature:.4g} for probabilities that are honest."
    )
    if timm is None:
        return f"timm can't load it: {escaped(why)}. Skipwise loads it:\n\n{ours}{divided}"
    theirs = '```python\nimport timm\n\nmodule = timm.create_model("hf-hub:user/name", pretrained=True).eval()\n```'
    return (
        f"timm loads it as its {timm}, and Skipwise as its own network; both give the same logits, which was checked "
        f"when this was written:\n\n{theirs}\n\n{ours}{divided}"
    )


def _data(network: TrainedNetwork, artifact: Artifact, known: _Known) -> str:
    data = known.data or (artifact.chosen.data if artifact.chosen is not None else None)
    text = "" if data is None else f"It was trained on {escaped(data)}"
    if text and known.counts is not None:
        text += "".join(
            f"{', ' if split != 'test' else ' and '}{known.counts.get(split, 0):,} {word} images"
            for split, word in (("train", "training"), ("val", "validation"), ("test", "test"))
        ).replace(", ", ": ", 1)
    if text:
        text += ". "
    made = network.preprocessing
    mean, std = (", ".join(f"{value:g}" for value in values) for values in (made.mean, made.std))
    crop = "The central square" if made.crop == 1 else f"The middle {made.crop:.1%} of the central square"
    return (
        f"{text}{crop} of an image is resized to {made.size} x {made.size} pixels ({made.interpolation}); the input is "
        f"(value / 255 - mean) / standard deviation, with mean {mean} and standard deviation {std}."
    )


def _quality(known: _Known, artifact: Artifact) -> str:
    if known.tested is None:
        return "It is not known: there are no answers to test images with it."
    rows = []
    for each in known.tested.outcomes:
        outcome = OUTCOMES[each.outcome]
        value, low, high, guess = map(outcome.value, (each.value, each.low, each.high, each.guess))
        rows.append(f"| {escaped(outcome.measure())} | {value} | {low} to {high} | {guess} |")
    images, chosen = count(known.tested.images, "test image"), artifact.chosen is not None
    return "\n".join(
        [
            f"On {images}, which took no part in training:",
            "",
            "| measure | value | 95% interval | by guessing |",
            "|---|---:|---:|---:|",
            *rows,
            "",
            "The intervals are about this network on images drawn like these. Another seed gives another network."
            + (" The network was chosen by these images, so that the numbers may be a little too good." * chosen),
        ]
    )


def _verdict(artifact: Artifact) -> list[str]:
    chosen = artifact.chosen
    if chosen is None:
        return []
    return [
        "## Why this network",
        f"A comparison on {escaped(chosen.data)}, finished on {chosen.date}, said of the networks that took part:",
        "\n".join(f"- {escaped(sentence)}" for sentence in chosen.sentences),
    ]


def _per_class(known: _Known) -> list[str]:
    if known.tested is None:
        return []
    rows = [
        f"| {escaped(each.name)} | {each.images:,} | {_share(each.recall)} | {_share(each.precision)} |"
        for each in known.tested.scores[:MOST_CLASSES]
    ]
    left = len(known.tested.scores) - MOST_CLASSES
    more = ["", f"And {left:,} more classes."] if left > 0 else []
    return [
        "## Class by class",
        "\n".join(
            [
                "| class | test images | recognised (95% interval) | right when it says so (95% interval) |",
                "|---|---:|---:|---:|",
                *rows,
                *more,
            ]
        ),
    ]


def _share(score: object) -> str:
    value, low, high = (getattr(score, name) for name in ("value", "low", "high"))
    return "" if value is None else f"{value * 100:.1f}% ({low * 100:.1f} to {high * 100:.1f})"


def _limits(known: _Known) -> str:
    sentences = [
        "Images from other sources (another camera, place, time or population) may be answered much worse.",
        "It was not tested against corrupted images, or against images that were made to mislead it.",
    ]
    if known.tested is not None:
        if known.tested.confused:
            pair = known.tested.confused[0]
            sentences.append(f"It confuses {escaped(pair.label)} with {escaped(pair.answer)} most often.")
        few = [each.name for each in known.tested.scores if each.images < 10]
        if few:
            sentences.append(
                f"There are fewer than ten test images of {escaped(listed(few, SHOWN_CLASSES))}, so that little is "
                f"known of {'it' if len(few) == 1 else 'them'}."
            )
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _certificate(place: Path, artifact: Artifact) -> str:
    path = place / "certificate.json"
    kind = f"{artifact.kind.title} in {artifact.precision}"
    if not path.is_file():
        return (
            f"There is none: the exported file ({kind}) was not verified on test images. These weights are its source."
        )
    found = read_json(path, Certificate, mend="verify it again")
    images = f"{count(found.images, 'image')}{'' if found.data is None else f' of {escaped(found.data)}'}"
    said = {
        "certified": "it answers as the trained network does",
        "cannot tell": "these are too few to tell whether it answers as well",
        "not as good": "it does not answer as well",
        "consistent": "all backends answer alike",
        "golden images only": "it answers the golden images as the trained network does",
    }[found.outcome]
    return (
        f"The same network, exported as {kind}, was verified on {images}: {said} (outcome: {found.outcome}). That file "
        "is not in this folder."
    )


def _unknown(network: TrainedNetwork, known: _Known) -> Sequence[str]:
    found = [
        "Who took the images, of whom or what, and with which permission.",
        "The licence of these weights: whoever trained them decides that, and writes it here.",
        "How it does on images of any other kind.",
    ]
    if network.seed is None:
        found.append("How it was trained: another program did that.")
    if known.tested is not None and known.tested.groups is None:
        found.append(
            "Whether test images belong together with training images, such as those of one person; if they do, these "
            "numbers are too good."
        )
    return found
