"""The verb `train` on the command line."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer

from skipwise.cli.options import (
    BEGAN,
    Advised,
    Again,
    Balance,
    BatchSize,
    ClassLevel,
    Compile,
    CropBoxes,
    Data,
    Device,
    Epochs,
    Exclude,
    FreezeNorms,
    Group,
    GroupRegex,
    ImageColumn,
    ImgSize,
    InitKey,
    Json,
    LabelColumn,
    LabelRegex,
    Mirror,
    Pack,
    Precision,
    Pretrained,
    Rate,
    RecipeName,
    SkipUnreadFormats,
    Split,
    StemOfWeights,
    Strict,
    ValShare,
    WidthOfWeights,
    print_json,
)
from skipwise.core.escaping import say
from skipwise.core.text import finished_already


def train(
    data: Data,
    model: Annotated[
        str | None,
        typer.Option(help="The network to train; see 'skipwise models'. [default: that of --init's run, or resnet18]"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed for initial weights, data order and augmentation.")] = 0,
    epochs: Epochs = None,
    time_limit: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Train for as many epochs as fit into a time, such as 90s, 20m or 1h30m."),
    ] = None,
    batch_size: BatchSize = None,
    img_size: ImgSize = None,
    lr: Rate = None,
    recipe: RecipeName = "standard",
    mirror: Mirror = None,
    stem: StemOfWeights = "auto",
    width: WidthOfWeights = None,
    pretrained: Pretrained = False,
    init: Annotated[
        str,
        typer.Option(
            metavar="none|auto|pretrained|RUN|FILE",
            help="Start from no weights, from published ones, or from those of a run or in a file.",
        ),
    ] = "auto",
    init_key: InitKey = None,
    freeze_norms: FreezeNorms = False,
    val_share: ValShare = None,
    split: Split = None,
    class_level: ClassLevel = None,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    label_regex: LabelRegex = None,
    group: Group = None,
    group_regex: GroupRegex = None,
    crop_boxes: CropBoxes = False,
    skip_unread_formats: SkipUnreadFormats = False,
    exclude: Exclude = None,
    strict: Strict = False,
    pack: Pack = True,
    balance: Balance = None,
    device: Device = "auto",
    precision: Precision = "auto",
    compile: Compile = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="The folder for the run. [default: the next in runs/train]")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Fail unless there is a run to go on with.")] = False,
    again: Again = False,
    advice: Advised = False,
    json: Json = False,
) -> int:
    """Train one network on your images. The same command goes on where it was stopped, and shows what is finished."""
    if advice:
        from skipwise.advice.advise import advise
        from skipwise.cli.summaries.advice import print_advice
        from skipwise.core.progress import Bar

        with Bar(sys.stderr) as bar:
            found = advise(
                data,
                split=split,
                exclude=exclude,
                val_share=val_share,
                img_size=img_size,
                class_level=class_level,
                image_column=image_column,
                label_column=label_column,
                label_regex=label_regex,
                group=group,
                group_regex=group_regex,
                crop_boxes=crop_boxes,
                skip_unread_formats=skip_unread_formats,
                networks=1,
                progress=bar.preparing,
                notice=bar.noticed,
            )
        if json:
            print_json(found)
        else:
            print_advice(found, typed=sys.argv)
        return 0
    from skipwise.cli.live import TrainScreen
    from skipwise.core.machine.system import keep_freed_memory
    from skipwise.training.machine.ranks import rank
    from skipwise.training.train import train as run

    keep_freed_memory()
    with contextlib.redirect_stdout(sys.stderr), TrainScreen(sys.stderr, BEGAN) as screen:
        trained = run(
            data,
            model=model,
            seed=seed,
            epochs=epochs,
            time_limit=time_limit,
            batch_size=batch_size,
            img_size=img_size,
            lr=lr,
            recipe=recipe,
            mirror=mirror,
            stem=stem,
            width=width,
            pretrained=pretrained,
            init=init,
            init_key=init_key,
            freeze_norms=freeze_norms,
            val_share=val_share,
            split=split,
            class_level=class_level,
            image_column=image_column,
            label_column=label_column,
            label_regex=label_regex,
            group=group,
            group_regex=group_regex,
            crop_boxes=crop_boxes,
            skip_unread_formats=skip_unread_formats,
            exclude=exclude,
            strict=strict,
            pack=pack,
            balance=balance,
            device=device,
            precision=precision,
            compile=compile,
            output=output,
            resume=resume,
            again=again,
            callbacks=[screen],
            began=BEGAN,
        )
    if rank():  # one of several processes; the first one prints
        return 0
    if json:
        if trained.repeated:
            say(finished_already(trained.folder), sys.stderr)
        print_json({"folder": str(trained.folder), "record": trained.record})
    else:
        from skipwise.cli.summaries.trained import print_trained

        print_trained(trained, data=data)
    return 2 if trained.record.status == "failed" else 0
