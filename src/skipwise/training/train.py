"""The verb `train`: one network on one's own images, from the images to a run folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from skipwise.cost.counts import count
from skipwise.data.images import Images
from skipwise.data.look import Square
from skipwise.data.prepare import Prepared, Request, prepare
from skipwise.data.splits import save_split
from skipwise.data.survey import Progress
from skipwise.errors import SkipwiseError
from skipwise.files import locked, make_folder, write_json
from skipwise.folders import Shelf
from skipwise.nets.network import resolve_stem
from skipwise.nets.zoo import check_model, create_model
from skipwise.training.execution import Execution, choose_device, choose_execution
from skipwise.training.loop import Epoch
from skipwise.training.recipe import choose_recipe
from skipwise.training.run import RunRecord, RunSpec, execute_run
from skipwise.training.setup import check_options, choose_preprocessing, with_statistics

SPLIT_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Terms:
    """`terms.json`: what a run was begun with. Shares are None for a split that came with the images."""

    spec: RunSpec
    data: str
    split_images: dict[str, int]
    val_share: float | None
    test_share: float | None

    def same_as(self, other: Terms) -> bool:
        """Whether both ask for the same run, on the same kind of device."""
        return (
            self._bare() == other._bare()
            and self.spec.execution.device == other.spec.execution.device
            and self.spec.preprocessing.size == other.spec.preprocessing.size
        )

    def difference(self, other: Terms) -> str:
        """What differs, named for a person."""
        ours, theirs = self._bare(), other._bare()
        if (ours.data, ours.spec.fingerprint) != (theirs.data, theirs.spec.fingerprint):
            return "the images differ"
        pairs = ((ours.spec.recipe, theirs.spec.recipe), (ours.spec, theirs.spec), (ours, theirs))
        for mine, yours in pairs:
            for name in mine.__dataclass_fields__:
                if name not in {"recipe", "spec"} and getattr(mine, name) != getattr(yours, name):
                    return f"{name} is {getattr(yours, name)} there and {getattr(mine, name)} here"
        return "the device or the image size differs"

    def _bare(self) -> Terms:
        """Without what follows from images and machine."""
        nowhere = Execution(device="", precision="", threads=0)
        bare = replace(self.spec.preprocessing, mean=(), std=())
        return replace(self, spec=replace(self.spec, execution=nowhere, preprocessing=bare))


SHELF = Shelf(parent=Path("runs/train"), noun="a run", begun="terms.json", finished="run.json", kind=Terms)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A run that has ended. `repeated` says that it had before, and nothing was done now."""

    folder: Path
    terms: Terms
    record: RunRecord
    repeated: bool


def train(
    data: str | os.PathLike[str],
    *,
    model: str = "resnet18",
    seed: int = 0,
    epochs: int | None = None,
    batch_size: int | None = None,
    img_size: int | None = None,
    lr: float | None = None,
    recipe: str = "auto",
    stem: str = "auto",
    width: float = 1.0,
    pretrained: bool = False,
    val_share: float | None = None,
    split: str | os.PathLike[str] | None = None,
    group: str | None = None,
    group_regex: str | None = None,
    exclude: str | os.PathLike[str] | None = None,
    strict: bool = False,
    pack: bool = True,
    balance: str | None = None,
    device: str = "auto",
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    notice: Callable[[str], None] = lambda _: None,
    on_start: Callable[[Terms, Path], None] = lambda *_: None,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> Trained:
    """Trains one network with one seed; the same call again goes on with an unfinished run.

    The arguments are those of `compare`, for one model and one seed.

    Args:
        output: the run's folder; None is the next in runs/train.
        progress, notice, on_start, on_epoch: are told how it goes.

    Raises:
        SkipwiseError: anything a person can mend; what was finished stays.
    """
    check_model(model)
    check_options(img_size=img_size, stem=stem, width=width, seed=seed)
    request = Request(
        data=os.fspath(data),
        group=group,
        group_regex=group_regex,
        split=None if split is None else os.fspath(split),
        exclude=None if exclude is None else os.fspath(exclude),
        val_share=val_share,
        strict=strict,
        img_size=img_size,
    )
    prepared = prepare(request, seed=SPLIT_SEED, packed=pack, progress=progress, notice=notice)
    preprocessing = choose_preprocessing(prepared, [model] if pretrained else [], img_size)
    draft = Terms(
        spec=RunSpec(
            model=model,
            seed=seed,
            stem="imagenet" if pretrained and stem == "auto" else resolve_stem(stem, preprocessing.size),
            width=width,
            pretrained=pretrained,
            classes=prepared.source.classes,
            preprocessing=preprocessing,
            fingerprint=prepared.fingerprint,
            recipe=choose_recipe(
                recipe,
                mirrors=prepared.source.mirrors,
                images=prepared.counts["train"],
                epochs=epochs,
                batch_size=batch_size,
                lr=lr,
                pretrained=pretrained,
                balance=balance,
            ),
            # Precision and threads are chosen when the run is new.
            execution=Execution(device=choose_device(device), precision="fp32", threads=1),
        ),
        data=prepared.source.name,
        split_images=prepared.counts,
        val_share=prepared.val_share,
        test_share=prepared.test_share,
    )
    named = Path(output) if output is not None else None
    folder, stored = SHELF.choose(draft, draft.data, named)
    if resume and stored is None:
        raise SkipwiseError(f"There is nothing to resume for this run in {named or SHELF.parent}; leave --resume out.")
    # Decoded before the folder is made, so that a full disk leaves nothing behind.
    images = prepared.images(Square.of(preprocessing), packed=pack, progress=progress)
    make_folder(folder)
    with contextlib.ExitStack() as stack:
        stack.callback(getattr(images.pixels, "close", lambda: None))
        stack.enter_context(locked(folder))
        _, stored = SHELF.choose(draft, draft.data, folder)  # another process may have begun in there meanwhile
        repeated = (folder / SHELF.finished).exists()
        terms = stored or _settle(draft, images)
        if stored is None:
            _save_split(folder, prepared)
            write_json(folder / SHELF.begun, terms)
        on_start(terms, folder)
        record = execute_run(terms.spec, images, folder, on_epoch)
    return Trained(folder=folder, terms=terms, record=record, repeated=repeated)


def _settle(draft: Terms, images: Images) -> Terms:
    """The draft with what follows from the images' pixels and from this machine."""
    spec = draft.spec
    preprocessing = with_statistics(spec.preprocessing, images.pixels, images.members("train"))
    network = create_model(
        spec.model,
        num_classes=len(spec.classes),
        in_channels=preprocessing.channels,
        stem=spec.stem,
        width=spec.width,
        seed=spec.seed,
    )
    cost = count(network, channels=preprocessing.channels, size=preprocessing.size).multiply_adds
    execution = choose_execution(spec.execution.device, step_multiply_adds=cost * spec.recipe.batch_size)
    return replace(draft, spec=replace(spec, preprocessing=preprocessing, execution=execution))


def _save_split(folder: Path, prepared: Prepared) -> None:
    source = prepared.source
    classes = np.array(source.classes)[source.labels].tolist()
    save_split(folder / "split.csv", source.ids, classes, prepared.split.tolist(), prepared.twins.tolist())
