"""What the report says; computes nothing but means over seeds."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from skipwise.comparison import wording
from skipwise.comparison.plan import Plan
from skipwise.comparison.results import Contender, Costs, Results
from skipwise.data.named import NAMED
from skipwise.evaluation.metrics import Metrics
from skipwise.files import write_text
from skipwise.pages import figures, render
from skipwise.statistics import Pair
from skipwise.training.loop import Epoch

Histories = Mapping[tuple[str, int], tuple[Epoch, ...]]


def write_report(path: Path, plan: Plan, results: Results, costs: Costs, histories: Histories) -> None:
    """Writes the comparison as one HTML file that needs nothing else.

    Args:
        histories: every run's epochs, by contender and seed.
    """
    question = results.question
    machine = costs.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    write_text(
        path,
        render(
            "report.html",
            title=f"{len(question.contenders)} networks on {plan.data}: {len(question.seeds)} seeds each",
            answer=costs.recommendation.sentence,
            failures=[*wording.failures(results), *wording.guessing(results), *wording.twins(results)],
            sure=f"{(1 - question.alpha) * 100:g}%",
            script=figures.script(),
            networks=[_network(contender, costs) for contender in results.contenders],
            test_images=f"{results.test_images:,}",
            latency_note=(
                f"median of a forward pass in fp32, PyTorch eager, {costs.threads} thread"
                f"{'s' * (costs.threads != 1)} of {machine.processor}, the networks measured in turn."
            ),
            trade_off=_trade_off(results, costs),
            margin=f"{question.margin:g}",
            differences=_differences(results),
            pairs=[_pair(name, results) for name in wording.pair_lines(results)],
            not_covered=wording.NOT_COVERED,
            curves=_curves(plan, histories),
            equal=wording.equal(plan),
            different=wording.different(plan, results),
            runs=[_run(contender, index) for contender in results.contenders for index in range(len(contender.runs))],
            command=command(plan),
            data=plan.data,
            fingerprint=plan.fingerprint,
            machine=(
                f"{machine.processor}, {machine.cores} cores, {machine.system}, Python {machine.python}, {versions}."
            ),
        ),
    )


def command(plan: Plan) -> str:
    """A command that asks the same question of the same images."""
    question, recipe = plan.question, plan.recipe
    options: dict[str, object | None] = {
        "models": ",".join(question.contenders),
        "seeds": len(question.seeds),
        "seed": question.seeds[0],
        "img-size": plan.preprocessing.size,
        "stem": plan.stem,
        "width": repr(plan.width),
        "recipe": recipe.name,
        "epochs": recipe.epochs,
        "batch-size": recipe.batch_size,
        "lr": repr(recipe.lr),
        "margin": repr(question.margin),
        "alpha": repr(question.alpha),
        "balance": recipe.balance,
        "device": plan.execution.device,
        "precision": plan.execution.precision,
        "compile" if plan.execution.compile else "no-compile": None,
        "mirror" if recipe.augmentation.mirror else "no-mirror": None,
    }
    for name, wanted in (("pretrained", plan.pretrained), ("freeze-norms", recipe.freeze_norms)):
        if wanted:
            options[name] = None
    if plan.val_share is not None:
        options["val-share"] = repr(plan.val_share)
    data = plan.data if plan.data in NAMED else f"path/to/{plan.data}"
    words = ["skipwise", "compare", data]
    for name, value in options.items():
        words += [f"--{name}"] if value is None else [f"--{name}", str(value)]
    return shlex.join(words)


def _network(contender: Contender, costs: Costs) -> dict[str, Any]:
    accuracy, counts = contender.accuracy, contender.counts
    timing = costs.latencies.get(contender.name)
    return {
        "name": contender.name,
        "chosen": contender.name == costs.recommendation.contender,
        "accuracy": f"{accuracy.value * 100:.2f}%" if accuracy else "none",
        "interval": f"{accuracy.low * 100:.1f} to {accuracy.high * 100:.1f}" if accuracy else "",
        "parameters": f"{counts.parameters:,}" if counts else "unknown",
        "multiply_adds": f"{counts.multiply_adds / 1e6:,.1f} M" if counts else "unknown",
        "latency": f"{timing.median * 1000:.2f} ms" if timing else "unknown",
    }


def _trade_off(results: Results, costs: Costs) -> str | None:
    points = []
    for contender in results.contenders:
        accuracy, timing = contender.accuracy, costs.latencies.get(contender.name)
        if accuracy is not None and timing is not None:
            across = (timing.median * 1000, timing.low * 1000, timing.high * 1000)
            points.append(
                figures.Point(contender.name, *across, accuracy.value * 100, accuracy.low * 100, accuracy.high * 100)
            )
    if not points:
        return None
    return figures.trade_off(points, x_title="latency, ms per image", y_title="test accuracy, %")


def _differences(results: Results) -> str | None:
    if not results.pairs:
        return None
    intervals = [
        figures.Interval(
            f"{pair.a} - {pair.b}",
            pair.difference * 100,
            pair.low * 100,
            pair.high * 100,
            pair.verdict != "unresolved",
        )
        for pair in results.pairs
    ]
    return figures.differences(intervals, margin=results.question.margin, x_title="difference in accuracy, points")


def _pair(pair: tuple[str, Pair | None], results: Results) -> dict[str, str]:
    name, judged = pair
    if judged is None:
        return {"name": name, "points": "", "verdict": wording.NOT_JUDGED, "remedy": ""}
    return {
        "name": name,
        "points": wording.points(judged),
        "verdict": wording.verdict(judged, results.question.margin),
        "remedy": wording.remedy(judged),
    }


def _curves(plan: Plan, histories: Histories) -> Sequence[str]:
    wanted: list[tuple[str, str, Callable[[Epoch], float | None]]] = [
        (
            "validation accuracy, %",
            "validation",
            lambda epoch: epoch.val.accuracy * 100 if epoch.val else None,
        ),
        ("training loss, nats", "training", lambda epoch: epoch.train_loss),
    ]
    drawn = []
    for title, name, value in wanted:
        lines = []
        for contender in plan.question.contenders:
            # Over the epochs that every run has; a failed run stops short, and may have none.
            runs = [
                h for (model, _), history in histories.items() if model == contender and (h := _values(history, value))
            ]
            columns = list(zip(*runs, strict=False))
            if columns:
                lines.append(
                    figures.Curve(
                        contender,
                        [fmean(c) for c in columns],
                        [min(c) for c in columns],
                        [max(c) for c in columns],
                    )
                )
        if lines:
            drawn.append(figures.curves(lines, y_title=title, name=name))
    return drawn


def _values(history: tuple[Epoch, ...], value: Callable[[Epoch], float | None]) -> list[float]:
    return [number for epoch in history if (number := value(epoch)) is not None]


def _run(contender: Contender, index: int) -> dict[str, Any]:
    run = contender.runs[index]
    return {
        "name": contender.name,
        "seed": run.seed,
        "status": run.status if run.reason is None else f"{run.status}: {run.reason}",
        "val": _accuracy(run.val),
        "test": _accuracy(run.test),
        "nll": f"{run.test.nll:.3f}" if run.test else "",
    }


def _accuracy(metrics: Metrics | None) -> str:
    return f"{metrics.accuracy * 100:.2f}%" if metrics else ""
