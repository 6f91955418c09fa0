"""The folder for the Hub: weights, configuration and model card, inside the exported network that it belongs to."""

from __future__ import annotations

from pathlib import Path

from skipwise.core.files.atomic import atomic, write_text
from skipwise.core.files.checksums import sha256
from skipwise.core.files.folders import make_folder
from skipwise.core.files.json_records import write_json
from skipwise.deploy.artifact.artifact import Artifact
from skipwise.deploy.hub.card import model_card
from skipwise.deploy.trained.trained_network import TrainedNetwork
from skipwise.training.weights.hub_folder import CARD, CONFIG, FORMAT, KEY, WEIGHTS, HubNetwork

FOLDER = "huggingface"
"""The folder inside that of the exported network."""
DRAFT = ".README.sha256"
"""The hash of the card as Skipwise wrote it, beside it: a card that somebody edited is kept."""


def write_hub_folder(place: Path, network: TrainedNetwork, artifact: Artifact) -> Path:
    """Writes what the Hub keeps of a network, and returns the folder. A card that was edited stays as it is.

    Args:
        place: the folder of the exported network.
        network: the network.
        artifact: its record.

    Raises:
        SkipwiseError: timm is needed and not installed, or the folder can't be written.
    """
    from safetensors.torch import save

    from skipwise.deploy.hub.timm_copy import timm_copy  # which needs torch

    folder = place / FOLDER
    module, _ = network.spec.build_loaded()  # as timm has it: without the temperature
    copy = timm_copy(network, module.eval())
    make_folder(folder)
    with atomic(folder / WEIGHTS) as temporary:
        temporary.write_bytes(save(copy.tensors, metadata={"format": "pt"}))
    made = network.preprocessing
    about = HubNetwork(
        format=FORMAT,
        model=network.model,
        stem=network.stem,
        width=network.width,
        classes=network.classes,
        preprocessing=made,
        temperature=artifact.temperature,
        weights=sha256(folder / WEIGHTS),
        timm=copy.name,
        seed=network.seed,
        recipe=network.recipe,
        test_accuracy=network.test_accuracy,
    )
    shown = {name: value for name, value in copy.described.items() if name in ("num_features", "global_pool")}
    rest = {name: value for name, value in copy.described.items() if name not in shown and value is not None}
    write_json(
        folder / CONFIG,
        {
            # timm refuses a name that it does not know, and says it.
            "architecture": copy.name or f"skipwise:{network.model}",
            "num_classes": len(network.classes),
            **shown,
            "label_names": network.classes,
            "model_args": {"in_chans": made.channels},
            "pretrained_cfg": {
                "input_size": (made.channels, made.size, made.size),
                "fixed_input_size": False,
                "interpolation": made.interpolation,
                "crop_pct": made.crop,
                "crop_mode": "center",
                "mean": made.mean,
                "std": made.std,
                "num_classes": len(network.classes),
                **rest,
            },
            KEY: about,
        },
    )
    _write_card(folder, model_card(network, artifact, place, copy.name, copy.why))
    return folder


def _write_card(folder: Path, text: str) -> None:
    card, draft = folder / CARD, folder / DRAFT
    if card.exists() and not (draft.exists() and draft.read_text(encoding="ascii") == sha256(card)):
        return
    write_text(card, text)
    write_text(draft, sha256(card))
