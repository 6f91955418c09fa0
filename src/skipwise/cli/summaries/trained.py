"""What a person reads at the end of a single run."""

from __future__ import annotations

from pathlib import Path

import scipy
from rich.text import Text

from skipwise.core.progress import Console
from skipwise.core.text import command, finished_already
from skipwise.training.train import Trained


def print_trained(trained: Trained, *, data: str) -> None:
    """How a run ended, where it is and what to type next."""
    console = Console()
    record, spec = trained.record, trained.plan.spec
    if trained.repeated:
        console.print(Text(finished_already(trained.folder)), soft_wrap=True)
    console.print()
    if record.status == "failed":
        console.print(Text(f"The run failed: {record.reason}.", style="bold"))
    elif record.test is not None:
        images = trained.plan.split_images["test"]
        interval = scipy.stats.binomtest(round(record.test.accuracy * images), images).proportion_ci(method="wilson")
        sentence = (
            f"{spec.model} is right on {record.test.accuracy * 100:.2f}% of {images:,} test images (95% interval "
            f"{interval.low * 100:.1f} to {interval.high * 100:.1f}, for this network: another seed gives another)."
        )
        console.print(Text(sentence, style="bold"), soft_wrap=not console.is_terminal)
        if record.lr_cuts:
            times = f"{len(record.lr_cuts)} times" if len(record.lr_cuts) > 1 else "once"
            again = f"The loss diverged {times}, and each time training went on at half the learning rate: lower --lr."
            console.print(Text(again), soft_wrap=not console.is_terminal)
    console.print()
    console.print(Text(f"Run:    {trained.folder}"), soft_wrap=True)
    other = "se_resnet18" if spec.model == "resnet18" else "resnet18"
    following = command("skipwise", "compare", Path(data), "--models", f"{spec.model},{other}")
    if record.status == "failed":
        following = f"the same command with --lr {spec.recipe.lr / 10:g} (and another --output, if you gave one)"
    console.print(Text(f"Next:   {following}"), soft_wrap=True)
