"""Comparisons that nobody ran: records as a comparison writes them, made up to have every case there is."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from skipwise.comparison.plan.plan import Included, Plan
from skipwise.comparison.question.question import Question
from skipwise.comparison.report.networks import NetworkPage
from skipwise.comparison.results.choice import HERE
from skipwise.comparison.results.disagreements import Disagreement, Divided, DividingImage
from skipwise.comparison.results.recommendation import Basis, Excess, Recommendation
from skipwise.comparison.results.records import (
    Bootstrap,
    Candidate,
    Costs,
    Look,
    Ratio,
    Results,
    RunResult,
    as_advantage,
)
from skipwise.core.files.checksums import write_sealed
from skipwise.core.machine.system import Machine
from skipwise.cost.counts import Counts
from skipwise.cost.interleaved import Timing
from skipwise.data.image.preprocess import Preprocessing
from skipwise.evaluating.record import EvaluationPlan, EvaluationRecord
from skipwise.evaluation.calibration import Calibration
from skipwise.evaluation.metrics import Metrics
from skipwise.evaluation.one_network import Answers, evaluate_answers
from skipwise.evaluation.outcomes import OUTCOMES, Outcome
from skipwise.statistics import Estimate, Pair, Verdict
from skipwise.training.folder.state import EpochMetrics
from skipwise.training.loop.recipe import RECIPES
from skipwise.training.machine.execution import Execution
from skipwise.training.tuning.tried import Tried
from skipwise.training.tuning.tuning import Tuning

NASTY = "<script>alert(1)</script>|`*x*"
CLASSES = ("aeroplane", "bird", "cat", "deer", "dog")

# Accuracy in percent, half its interval, seeds, milliseconds, parameters and multiply-adds in millions.
NETWORKS: dict[str, tuple[float, float, int, float, float, float]] = {
    "resnet18": (94.81, 0.55, 12, 9.8, 11.17, 556.7),
    "se_resnet18": (95.05, 0.52, 12, 11.3, 11.26, 556.8),
    "mobilenet_v2": (94.77, 0.57, 12, 4.1, 2.24, 88.0),
    "plain18": (91.20, 0.81, 5, 8.9, 11.0, 555.4),
    "my_networks:tiny": (93.95, 0.88, 12, 1.2, 0.37, 21.3),
    "timm:densenet121": (95.11, 0.60, 12, 24.0, 6.96, 898.2),
    "resnet34": (95.03, 0.61, 8, 17.9, 21.3, 1162.0),
    "preresnet18": (94.90, 0.58, 8, 9.9, 11.17, 556.7),
    "torchvision:mobilenet_v3_small": (92.44, 0.80, 5, 2.6, 1.53, 56.5),
    "resnet50": (95.40, 0.66, 12, 22.1, 23.5, 1297.8),
}


@dataclass(frozen=True)
class Fabricated:
    """What `write_report` is given, and what the screen and markdown are made of."""

    plan: Plan
    results: Results
    costs: Costs
    histories: dict[str, list[tuple[EpochMetrics, ...]]]
    pictures: dict[str, str]
    pages: dict[str, NetworkPage]

    def arguments(self) -> tuple[Any, ...]:
        """In the order of write_report's parameters after the path."""
        return self.plan, self.results, self.costs, self.histories, self.pictures, self.pages


def fabricate(
    names: Sequence[str] = tuple(NETWORKS)[:5],
    *,
    looks: tuple[int, ...] = (5, 8, 12),
    epochs: int = 30,
    folds: int | None = None,
    failed: str | None = "my_networks:tiny",
    tuned: bool = True,
    exploratory: bool = True,
    outcome: str = "accuracy",
    classes: tuple[str, ...] = CLASSES,
    test_images: int = 2000,
    side: int = 32,
    choice: str | None = "mobilenet_v2",
    shown: bool = True,
) -> Fabricated:
    """A comparison of `names`; with the first five of `NETWORKS` it has every verdict there is."""
    rng = np.random.default_rng(0)
    question = Question(
        candidates=tuple(names),
        looks=looks,
        margin=OUTCOMES[outcome].margin,
        alpha=0.05,
        outcome=outcome,
    )
    plan = _plan(question, classes, epochs, folds, tuned, exploratory, test_images, side)
    pairs = _pairs(names, looks, test_images)
    candidates = tuple(_candidate(name, looks, folds, failed, classes, question.scoring, rng) for name in names)
    if not question.scoring.higher_is_better:
        pairs = tuple(as_advantage(pair, question.scoring) for pair in pairs)
    decided = [pair for pair in pairs if pair.verdict != "unresolved"]
    results = Results(
        plan=plan.digest(),
        question=question,
        data=plan.data,
        fingerprint=plan.fingerprint,
        test_images=test_images,
        near_duplicates=3,
        guess=1 / len(classes),
        classes=classes,
        class_images=tuple(rng.multinomial(test_images, rng.dirichlet(np.full(len(classes), 9.0))).tolist()),
        exploratory=exploratory,
        folds=folds,
        candidates=candidates,
        pairs=pairs,
        looks=tuple(
            Look(
                seeds=count,
                candidates=tuple(c.name for c in candidates if len(c.runs) >= count * (folds or 1)),
                decided=tuple((pair.a, pair.b) for pair in decided if pair.seeds == count),
            )
            for count in looks
        ),
        bootstraps=tuple(
            Bootstrap(a=pair.a, b=pair.b, low=pair.difference - 0.003, high=pair.difference + 0.003) for pair in pairs
        ),
        ratios=tuple(Ratio(a=pair.a, b=pair.b, value=0.93, low=0.8124, high=1.0611) for pair in pairs[1:]),
        disagreements=_disagreements(names, classes),
        divided=tuple(_divided(a, b, classes, place) for place, (a, b) in enumerate(combinations(names, 2))),
        tried=tuple(
            Tried(model=name, lr=rate, outcome=0.9 + 0.01 * index, nll=0.3)
            for name in names
            for index, rate in enumerate((0.1, 0.4))
        )
        if tuned
        else (),
    )
    return Fabricated(
        plan=plan,
        results=results,
        costs=_costs(names, choice, shown),
        histories={c.name: [_history(c, run, epochs, rng) for run in c.runs] for c in candidates},
        pictures={shown.id: _picture(side, rng) for shown in results.disagreements[1:]},
        pages={name: _page(name, plan, rng) for name in names[:3]},
    )


def _plan(
    question: Question,
    classes: tuple[str, ...],
    epochs: int,
    folds: int | None,
    tuned: bool,
    exploratory: bool,
    test_images: int,
    side: int,
) -> Plan:
    execution = Execution(device="cpu", precision="fp32", threads=1)
    first = replace(question, candidates=question.candidates[:2], looks=question.looks[:1])
    included = (Included(model=question.candidates[0], seed=0, folder="runs/train/a", execution=None),)
    return Plan(
        question=question,
        asked_before=(first,) if exploratory else (),
        included=included if exploratory else (),
        data="holiday-photos",
        found_in="holiday-photos",
        classes=classes,
        fingerprint="980fe7aae5c65550b900640c5ebc02be956af89f30fe5522197ba4bbf50e9e48",
        split_images={"train": 0 if folds else 9000, "val": 0 if folds else 1000, "test": test_images},
        split_seed=0,
        val_share=None if folds else 0.15,
        test_share=None if folds else 0.15,
        folds=folds,
        preprocessing=Preprocessing(size=side, channels=3, mean=(0.5,) * 3, std=(0.2,) * 3),
        stem="small",
        width=1.0,
        pretrained=False,
        external_code={name: "timm 1.0" for name in question.candidates if ":" in name},
        recipe=replace(RECIPES["standard"], epochs=epochs),
        tuning=Tuning(rates=(0.1, 0.4), epochs=3, seed=0) if tuned else None,
        time_limit=None,
        execution=execution,
        processes=2,
    )


def _pairs(names: Sequence[str], looks: tuple[int, ...], images: int) -> tuple[Pair, ...]:
    """Differences as the accuracies say; the rest is made up, so that verdicts of all kinds are there."""
    pairs = []
    for a, b in combinations(names, 2):
        difference = (NETWORKS[a][0] - NETWORKS[b][0]) / 100
        # Two networks of one kind agree on most images, so that their difference is known better.
        half = 0.002 if {a, b} <= {"resnet18", "se_resnet18", "mobilenet_v2"} else 0.0105
        half *= (2000 / images) ** 0.5
        low, high = difference - half, difference + half
        equivalent = low > -0.005 and high < 0.005
        verdict: Verdict = "equivalent" if equivalent else "unresolved"
        if low > 0 or high < 0:
            verdict = "better" if low > 0 else "worse"
        seeds = min(NETWORKS[a][2], NETWORKS[b][2], looks[-1])
        is_open = verdict == "unresolved"
        pairs.append(
            Pair(
                a,
                b,
                difference,
                low,
                high,
                verdict,
                equivalent,
                seeds=seeds if is_open else looks[0],
                images=images,
                seeds_needed=31 if is_open and len(pairs) % 2 else None,
                images_needed=9400 if is_open else None,
            )
        )
    return tuple(pairs)


def _candidate(
    name: str,
    looks: tuple[int, ...],
    folds: int | None,
    failed: str | None,
    classes: tuple[str, ...],
    scoring: Outcome,
    rng: np.random.Generator,
) -> Candidate:
    accuracy, half, seeds, _, parameters, multiply_adds = NETWORKS[name]
    runs = []
    for seed in range(min(seeds, looks[-1])):
        for fold in range(folds or 1):
            broken = name == failed and seed == 1 and fold == 0
            reached = Metrics(accuracy=accuracy / 100 + float(rng.normal(0, 0.002)), nll=0.21)
            runs.append(
                RunResult(
                    seed=seed,
                    fold=fold if folds else None,
                    status="failed" if broken else "finished",
                    reason="the loss became nan in epoch 2" if broken else None,
                    val=None if broken or folds else reached,
                    test=None if broken else reached,
                )
            )
    known = not name.startswith("my_networks")
    return Candidate(
        name=name,
        counts=Counts(parameters=int(parameters * 1e6), multiply_adds=int(multiply_adds * 1e6), activations=5)
        if known
        else None,
        lr=0.4,
        outcome=_estimate(accuracy, half, scoring),
        accuracy=accuracy / 100 + (0.0 if scoring.is_accuracy else 0.01),
        without_near_duplicates=accuracy / 100 - 0.001,
        per_class=tuple(float(v) for v in np.clip(accuracy / 100 + rng.normal(0, 0.03, len(classes)), 0, 1)),
        runs=tuple(runs),
        repeated=(1, 2) if name == "plain18" else (),
        calibration=Calibration(error=0.021, low=0.004, high=0.035, plain=0.024, confidence=0.97) if known else None,
    )


def _estimate(accuracy: float, half: float, scoring: Outcome) -> Estimate:
    """An accuracy; or a loss that is what is missing to it."""
    low, high = (accuracy - half) / 100, min((accuracy + half) / 100, 1.0)
    if scoring.higher_is_better:
        return Estimate(accuracy / 100, low, high)
    return Estimate(1 - accuracy / 100, 1 - high, 1 - low)


def _costs(names: Sequence[str], choice: str | None, shown: bool) -> Costs:
    unfit = {"resnet18": (Excess(quantity="latency", value=0.0098, limit=0.008),)} if "resnet18" in names else {}
    return Costs(
        machine=Machine(
            processor="An Ordinary Processor 3000",
            cores=2,
            memory_gb=8.0,
            system="Linux-6.1",
            python="3.11.2",
            versions={"skipwise": "0.1.0", "torch": "2.10.0"},
        ),
        threads=1,
        latencies={
            name: Timing(
                median=NETWORKS[name][3] / 1e3, low=NETWORKS[name][3] / 1.04e3, high=NETWORKS[name][3] / 930, rounds=99
            )
            for name in names
        },
        recommendation=Recommendation(
            candidate=choice,
            shown=shown and choice is not None,
            largest_loss=0.004 if choice else None,
            against=names[0] if choice else None,
            unfit=unfit,
            basis=_basis(choice, shown),
            latency=None if choice is None else NETWORKS[choice][3] / 1e3,
            where=HERE,
            as_good=() if choice is None or not shown else (choice, names[0]),
            rivals=() if choice is None or shown else tuple(name for name in names if name != choice),
        ),
        run_seconds={name: 60 * NETWORKS[name][3] for name in names},
        processes=2,
    )


def _basis(choice: str | None, shown: bool) -> Basis:
    if choice is None:
        return "too few compared"
    return "cheapest of those as good" if shown else "best guess"


def _history(candidate: Candidate, run: RunResult, epochs: int, rng: np.random.Generator) -> tuple[EpochMetrics, ...]:
    assert candidate.accuracy is not None
    done = []
    for epoch in range(1, (2 if run.status == "failed" else epochs) + 1):
        gap = np.exp(-epoch / epochs * 4)
        reached = candidate.accuracy - 0.5 * gap + rng.normal(0, 0.006)
        val = Metrics(accuracy=float(reached), nll=0.3) if run.fold is None else None
        done.append(EpochMetrics(epoch, float(0.5 + 1.7 * gap + rng.normal(0, 0.02)), 0.1, val, 1.0))
    return tuple(done)


def _disagreements(names: Sequence[str], classes: tuple[str, ...]) -> tuple[Disagreement, ...]:
    return tuple(
        Disagreement(
            id=f"{classes[index % len(classes)]}/{index:04d}.png",
            label=classes[index % len(classes)],
            right=tuple([0.0, 1.0, 0.8, None, 0.2][(index + k) % 5] for k in range(len(names))),
            answers=tuple(
                None if (index + k) % 5 == 3 else classes[(index + k) % len(classes)] for k in range(len(names))
            ),
        )
        for index in range(8)
    )


def _divided(a: str, b: str, classes: tuple[str, ...], place: int) -> Divided:
    """Images of the last pair are none; of the others, the first network is right on one of two."""
    images = tuple(
        DividingImage(
            id=f"{classes[number % len(classes)]}/{number:04d}.png",
            label=classes[number % len(classes)],
            right_a=(0.8, 0.2)[turn],
            right_b=(0.0, 1.0)[turn],
            answer_a=classes[(number + turn) % len(classes)],
            answer_b=classes[(number + 1 - turn) % len(classes)],
        )
        for turn, number in enumerate((place % 8, (place + 1) % 8))
    )
    return Divided(a=a, b=b, only_a=1, only_b=1, images=images)


def _page(name: str, plan: Plan, rng: np.random.Generator) -> NetworkPage:
    """What a network's page says of answers that nobody gave."""
    classes = plan.classes
    labels = rng.integers(0, len(classes), 200)
    logits = rng.normal(0, 1, (200, len(classes)))
    logits[np.arange(200), labels] += 3
    ids = np.array([f"{classes[label]}/{place:04d}.png" for place, label in enumerate(labels)])
    evaluation = evaluate_answers(Answers(ids=ids, labels=labels, logits=logits), classes)
    record = EvaluationRecord(
        plan=EvaluationPlan(
            network="", model=name, source="", data=plan.data, split="test", images="", backend="predictions"
        ),
        evaluation=evaluation,
        ids={each.index: str(ids[each.index]) for each in (*evaluation.worst, *evaluation.barely, *evaluation.doubted)},
        notes=(),
        missing=(),
        extra={},
    )
    return NetworkPage(address=f"evaluation/{name.replace(':', '.')}/evaluation.html", seed=0, record=record)


def _picture(side: int, rng: np.random.Generator) -> str:
    rows, columns = np.mgrid[:side, :side] / side
    wave = np.sin(rows * rng.uniform(3, 9) + columns * rng.uniform(3, 9))[..., None]
    pixels = 128 + 90 * wave * rng.uniform(-1, 1, 3) + rng.normal(0, 8, (side, side, 3))
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def write_comparison(folder: Path) -> None:
    """Writes a finished comparison that nobody ran into a new folder, as far as it is read back."""
    found = fabricate()
    folder.mkdir()
    results = replace(found.results, plan=found.plan.digest())
    for name, record in (("plan", found.plan), ("comparison", results), ("costs", found.costs)):
        write_sealed(folder / f"{name}.json", record)
    (folder / "report.html").write_text("")
