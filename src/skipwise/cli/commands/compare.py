"""The verb `compare` on the command line."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Annotated

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
    names,
    only_given,
    print_json,
    repeated,
)
from skipwise.core.errors import SkipwiseError, unknown_name
from skipwise.core.escaping import say
from skipwise.core.text import command, finished_already

if TYPE_CHECKING:
    from skipwise.comparison.plan.planned import Planned

PRINTED = ("text", "md", "json")
USUAL_LOOKS = (5, 8, 12)
"""Those of `compare`, which needs torch to be imported."""


def compare(
    context: typer.Context,
    data: Data,
    models: Annotated[
        str, typer.Option(help="The networks to compare, separated by commas; see 'skipwise models'.")
    ] = "resnet18,se_resnet18,mobilenet_v2,plain18",
    seeds: Annotated[
        int | None, typer.Option(help="Train each network so often, at least twice, and look once; instead of --looks.")
    ] = None,
    looks: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...",
            help="After how many seeds to look at the results; only networks that are not told apart yet get more. "
            "[default: 5,8,12]",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="The first seed for initial weights, data order and augmentation; the others follow it.")
    ] = 0,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    img_size: ImgSize = None,
    lr: Rate = None,
    recipe: RecipeName = "standard",
    mirror: Mirror = None,
    stem: StemOfWeights = "auto",
    width: WidthOfWeights = None,
    pretrained: Pretrained = False,
    init: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NETWORK=]none|auto|pretrained|RUN|FILE",
            help="Weights to start from, for all networks or for one; may be given several times.",
        ),
    ] = None,
    init_key: Annotated[
        list[str] | None,
        typer.Option(metavar="[NETWORK=]KEY", help="Which weights of a file that holds several."),
    ] = None,
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
    folds: Annotated[
        int | None,
        typer.Option(
            metavar="K", help="Cross-validate in K parts, once per seed, instead of splitting; for few images."
        ),
    ] = None,
    outcome: Annotated[
        str,
        typer.Option(
            help="What is compared: accuracy, balanced-accuracy (every class weighs the same), top5-accuracy, "
            "log-loss, brier, or one of them on some classes, such as accuracy:classes=A,B."
        ),
    ] = "accuracy",
    margin: Annotated[
        float | None,
        typer.Option(
            help="The difference that would not matter, in the unit of --outcome: percentage points of an accuracy, "
            "nats of log-loss. [default: 0.5 points, 0.01 nats, or 0.005 of the Brier score]"
        ),
    ] = None,
    alpha: Annotated[float, typer.Option(help="The chance that any verdict is wrong.")] = 0.05,
    every_pair: Annotated[
        bool, typer.Option("--every-pair", help="Spend more seeds also on pairs of networks that are out.")
    ] = False,
    tune: Annotated[
        str | None,
        typer.Option(
            metavar="lr=A,B,...",
            help="Try these peak learning rates with every network first, and choose by the validation images.",
        ),
    ] = None,
    tune_epochs: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="The number of epochs of the runs for --tune. [default: a third of the recipe's]"
        ),
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Choose looks and epochs such that all of it fits into a time, such as 20m or 2h."
        ),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="RUN", help="Use a run that was trained before; may be given several times."),
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    compile: Compile = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", "-j", help="The number of runs at a time. [default: what suits this machine]"),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="The folder for the results. [default: the next in runs/compare]"),
    ] = None,
    extend: Annotated[
        bool, typer.Option("--extend", help="Ask more of the comparison in --output: more networks, or more looks.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Fail unless there is a comparison to go on with.")] = False,
    again: Again = False,
    plan: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Carry out a plan that --save-plan wrote, on these images."),
    ] = None,
    save_plan: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the plan, to carry it out on other images with --plan.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Train nothing: print the plan, how long it takes, and what it gives up.")
    ] = False,
    format: Annotated[str, typer.Option(help="What to print: text, md (for a pull request) or json.")] = "text",
    advice: Advised = False,
    json: Json = False,
) -> int:
    """Train several networks alike, several times each, and say which to use and how sure that is."""
    rates, counts = _rates(tune), _counts(looks)
    if format not in PRINTED:
        raise unknown_name("format", format, PRINTED)
    if json and format != "text":
        raise SkipwiseError("--json and --format say different things; give one of them.")
    if dry_run and format == "md":
        raise SkipwiseError("--dry-run prints text or json, and no Markdown; leave --format out.")
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
                folds=folds,
                outcome=outcome,
                margin=margin,
                alpha=alpha,
                networks=len(names(models)),
                looks=1 if seeds is not None else len(counts or USUAL_LOOKS),
                progress=bar.preparing,
                notice=bar.noticed,
            )
        if json:
            print_json(found)
        else:
            print_advice(found, typed=sys.argv)
        return 0
    from skipwise.cli.live import Screen
    from skipwise.comparison.compare import compare as run
    from skipwise.comparison.plan.planned import Planned

    # A network of one's own may print; standard output is for the result.
    with contextlib.redirect_stdout(sys.stderr), Screen(sys.stderr, BEGAN) as screen:
        comparison = only_given(context, run)(
            data,
            models=names(models),
            seeds=seeds,
            looks=counts,
            seed=seed,
            epochs=epochs,
            batch_size=batch_size,
            img_size=img_size,
            lr=lr,
            recipe=recipe,
            mirror=mirror,
            stem=stem,
            width=width,
            pretrained=pretrained,
            init=init or (),
            init_key=init_key or (),
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
            folds=folds,
            outcome=outcome,
            margin=margin,
            alpha=alpha,
            every_pair=every_pair,
            tune=rates,
            tune_epochs=tune_epochs,
            time_limit=time_limit,
            include=include or (),
            extend=extend,
            began=BEGAN,
            device=device,
            precision=precision,
            compile=compile,
            workers=workers,
            output=output,
            resume=resume,
            again=again,
            plan=plan,
            save_plan=save_plan,
            dry_run=dry_run,
            callbacks=[screen],
        )
    if isinstance(comparison, Planned):
        _print_planned(comparison, context, as_json=json or format == "json")
        return 0
    # What prints is not imported before there is something to print.
    if comparison.repeated and (json or format != "text"):
        say(finished_already(comparison.folder), sys.stderr)
    if json or format == "json":
        from skipwise.comparison.results.finished import record

        print(record(comparison))
    elif format == "md":
        from skipwise.comparison.report.markdown import markdown

        say(markdown(comparison.plan, comparison.results, comparison.costs))
    else:
        from skipwise.cli.summaries.comparison import print_comparison

        print_comparison(comparison, typed=sys.argv)
    return 2 if any(candidate.failed for candidate in comparison.results.candidates) else 0


def _print_planned(planned: Planned, context: typer.Context, *, as_json: bool) -> None:
    """What a dry run found out; the command that follows carries out the file, where the plan was saved."""
    from skipwise.cli.summaries.next_steps import program_of
    from skipwise.cli.summaries.planned import print_planned
    from skipwise.comparison.plan.saved import left_to
    from skipwise.comparison.wording.study import given_up

    saved, without = context.params["save_plan"], {"dry_run", "json", "format", "save_plan"}
    if saved is not None:
        without |= {"plan", *left_to(planned.plan)}
    words = [*repeated(context, without=without), *([] if saved is None else ["--plan", saved])]
    following = command(*program_of(sys.argv), "compare", *words)
    if not as_json:
        print_planned(planned, following)
        return
    record = {name: getattr(planned, name) for name in ("stage", "noticed", "plan", "forecast")}
    print_json({"folder": str(planned.folder), **record, "given_up": given_up(planned.plan), "next": following})


def _rates(text: str | None) -> list[float] | None:
    """The learning rates of "lr=0.1,0.2"."""
    if text is None:
        return None
    name, _, values = text.partition("=")
    try:
        if name.strip() != "lr":
            raise ValueError
        return [float(value) for value in names(values)]
    except ValueError as error:
        raise SkipwiseError(f"--tune takes learning rates, like --tune lr=0.05,0.1,0.2; not {text!r}.") from error


def _counts(text: str | None) -> list[int] | None:
    """The numbers of "5,8,12"."""
    try:
        return None if text is None else [int(value) for value in names(text)]
    except ValueError as error:
        raise SkipwiseError(f"--looks takes rising numbers of seeds, like --looks 5,8,12; not {text!r}.") from error
