"""Ray's overhead for each run, and the scheduling of 10,000 runs by simulation.

    python benchmarks/cluster.py [--quick]

Overhead: the same runs, one after the other, by `LocalProcesses` and by `RayExecutor` on a cluster of this machine that
has one CPU, interleaved. It is what a run takes from `submit` to its `RunEnd`, less the training itself. The first run
of each is reported apart: a process starts for it.

Simulation: Ray hands runs to workers in the order in which they were submitted; the time of each is drawn from times
that were measured (`MEASURED`). A worker fails once in 100 hours. Half of these failures kill it, and its run goes on
elsewhere from the last epoch; in the other half it hangs, and the run is late until `Stragglers` has it done again.
Makespan is compared with the least that is possible: all the work on all workers, or the longest run. What our own code
takes for a decision, and the memory that it holds, are measured while it works.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import tempfile
import time
import tracemalloc
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import skipwise
from skipwise.comparison.executors.ray.stragglers import Stragglers
from skipwise.comparison.plan.plan import COMPARISONS, Job, Plan
from skipwise.core.files.checksums import read_sealed
from skipwise.core.machine.system import describe_machine
from skipwise.training.callbacks import RunEnd, Start

MEASURED = {
    "plain20": (27, 27, 28, 28, 29),
    "plain56": (67, 74, 79, 80, 82),
    "resnet20": (30, 31, 33, 33, 34),
    "resnet56": (51, 58, 79, 83, 84),
    "resnet18": (28, 29, 29, 29, 29, 29, 30, 30, 30, 30, 30, 30, 30, 31, 47, 57, 60, 62, 68, 70),
    "se_resnet18": (31, 31, 31, 32, 32, 32, 32, 32, 33, 33, 33, 33, 34, 35, 54, 60, 66, 69, 74, 77),
}
"""Seconds of the runs of the studies "depth" and "initialisation", on two cores in use; see docs/studies."""
EPOCHS = 10
START = 5.0
"""Seconds that an attempt takes before it trains."""
LOST = 10.0
"""Seconds until Ray knows that a worker is dead."""
HOURS = 100.0
"""Of work, between two failures of a worker."""
LOOK = 2.0
"""Seconds between two looks for late runs."""


class _Begun(skipwise.Callback):
    """Stops a comparison before its first run."""

    def on_start(self, start: Start) -> None:  # noqa: ARG002
        raise KeyboardInterrupt


def begin(folder: Path, *, epochs: int, runs: int) -> list[Job]:
    """Begins a comparison of small networks on the digits, and returns its runs."""
    options: Any = {"models": ["resnet20", "plain20"], "width": 0.25, "epochs": epochs, "seeds": max(2, runs)}
    try:
        skipwise.compare(
            "digits", output=folder, callbacks=[_Begun()], precision="fp32", compile=False, img_size=8, **options
        )
    except KeyboardInterrupt:
        plan = read_sealed(folder / COMPARISONS.plan_file, Plan)
        return [plan.jobs("resnet20", seed)[0] for seed in range(runs)]
    raise AssertionError("the comparison was to stop at its start")


def overheads(*, epochs: int, runs: int) -> dict[str, list[float]]:
    """The seconds of each run beside its training, by arm."""
    import ray

    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    found: dict[str, list[float]] = {"processes": [], "ray": []}
    with tempfile.TemporaryDirectory() as parent:
        arms: dict[str, skipwise.Executor] = {"processes": skipwise.LocalProcesses(), "ray": skipwise.RayExecutor()}
        jobs = {name: begin(Path(parent) / name, epochs=epochs, runs=runs) for name in arms}
        for name, executor in arms.items():
            executor.open(Path(parent) / name, processes=1, threads=1)
        for number in range(runs):
            for name, executor in arms.items():
                began = time.perf_counter()
                executor.submit(jobs[name][number])
                (end,) = (event for event in executor.events() if isinstance(event, RunEnd))
                found[name].append(time.perf_counter() - began - end.record.seconds)
        for executor in arms.values():
            executor.close()
    ray.shutdown()
    return found


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """What became of a simulated comparison.

    Args:
        makespan: in seconds.
        bound: the least that it could be.
        failures: of workers; half of them hung.
        again: how many runs were done a second time because they were late.
        mean, worst: of our decisions, in seconds of the processor; the worst is the 99.9th percentile.
        memory: bytes held by our code when a tenth, half and nine tenths of the runs had ended.
    """

    makespan: float
    bound: float
    failures: int
    again: int
    mean: float
    worst: float
    memory: tuple[int, ...]


@dataclass
class _Run:
    """A simulated run."""

    name: str
    model: str
    seconds: float
    epochs: int = 0
    saved: int = 0
    attempts: int = 0
    ended: bool = False


class _Cluster:
    """Workers that take runs in order; events are on a heap, and no time passes."""

    def __init__(self, *, workers: int, runs: int, seed: int) -> None:
        self.rng = random.Random(seed)
        names = list(MEASURED)
        self.runs = [self._run(number, names[number % len(names)]) for number in range(runs)]
        self.workers, self.idle, self.waiting = workers, workers, deque(self.runs)
        self.policy = Stragglers()
        self.by_name = {run.name: run for run in self.runs}
        self.now, self.events, self.count = 0.0, list[tuple[float, int, str, _Run, int]](), 0
        self.decisions: list[float] = []
        self.failures = self.again = self.done = 0
        self.memory: list[int] = []
        self.looking = False

    def _run(self, number: int, model: str) -> _Run:
        return _Run(f"runs/{model}-s{number}", model, float(self.rng.choice(MEASURED[model])))

    def simulate(self) -> Simulated:
        """Does all runs."""
        tracemalloc.start()
        self._hand_out()
        while self.done < len(self.runs):
            self.now, _, kind, run, attempt = heapq.heappop(self.events)
            getattr(self, f"_{kind}")(run, attempt)
            if kind != "look":
                self._hand_out()
            if self.done in self._marks() and len(self.memory) == self._marks().index(self.done):
                self.memory.append(self._size())
        tracemalloc.stop()
        ordered = sorted(self.decisions)
        work = [START + run.seconds for run in self.runs]
        return Simulated(
            makespan=self.now,
            bound=max(sum(work) / self.workers, max(work)),
            failures=self.failures,
            again=self.again,
            mean=sum(ordered) / len(ordered),
            worst=ordered[int(len(ordered) * 0.999)],
            memory=tuple(self.memory),
        )

    def _marks(self) -> list[int]:
        return [len(self.runs) // 10, len(self.runs) // 2, len(self.runs) * 9 // 10]

    def _size(self) -> int:
        snapshot = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*stragglers.py")])
        return sum(each.size for each in snapshot.statistics("filename"))

    def _decide(self, decide: Any, *arguments: Any, **keywords: Any) -> Any:
        began = time.thread_time()  # of the processor: other programs do not count
        answer = decide(*arguments, **keywords)
        self.decisions.append(time.thread_time() - began)
        return answer

    def _at(self, seconds: float, kind: str, run: _Run, attempt: int) -> None:
        self.count += 1
        heapq.heappush(self.events, (self.now + seconds, self.count, kind, run, attempt))

    def _hand_out(self) -> None:
        while self.idle and self.waiting:
            run = self.waiting.popleft()
            self.idle -= 1
            run.attempts += 1
            self._at(START, "begun", run, run.attempts)
        if not self.waiting and self.idle and not self.looking:
            self.looking = True
            self._at(LOOK, "look", self.runs[0], 0)

    def _begun(self, run: _Run, attempt: int) -> None:
        if run.ended:
            self.idle += 1
            return
        self._decide(self.policy.heard, run.name, run.model, at=self.now)
        self._next_epoch(run, attempt, run.saved)

    def _next_epoch(self, run: _Run, attempt: int, before: int) -> None:
        seconds = run.seconds / EPOCHS
        fails = self.rng.expovariate(1 / (HOURS * 3600))
        if fails > seconds:
            self._at(seconds, "epoch" if before + 1 < EPOCHS else "end", run, attempt)
            return
        self.failures += 1
        if self.rng.random() < 0.5:
            self._at(fails + LOST, "died", run, attempt)  # else nothing is heard of it any more

    def _epoch(self, run: _Run, attempt: int) -> None:
        if run.ended:
            self.idle += 1
            return
        run.saved += attempt == run.attempts or run.attempts == 1
        self._decide(self.policy.heard, run.name, run.model, at=self.now)
        self._next_epoch(run, attempt, run.saved)

    def _died(self, run: _Run, attempt: int) -> None:  # noqa: ARG002
        self.idle += 1
        if not run.ended:
            self.waiting.appendleft(run)

    def _end(self, run: _Run, attempt: int) -> None:  # noqa: ARG002
        self.idle += 1
        if not run.ended:
            run.ended = True
            self.done += 1
            self._decide(self.policy.ended, run.name)

    def _look(self, run: _Run, attempt: int) -> None:  # noqa: ARG002
        self.looking = False
        late = self._decide(self.policy.late, at=self.now)
        if late is not None and not self.waiting and self.idle:
            self.again += 1
            self.waiting.append(self.by_name[late])
            self.policy.ended(late)  # it is done a second time, and not a third
        self._hand_out()


def simulations(*, runs: int) -> Iterator[tuple[int, Simulated]]:
    """The simulations with 10, 100 and 1,000 workers."""
    for workers in (10, 100, 1000):
        yield workers, _Cluster(workers=workers, runs=runs, seed=0).simulate()


def main() -> None:
    parser = argparse.ArgumentParser(description="Ray's overhead for each run, and the scheduling of many runs.")
    parser.add_argument("--quick", action="store_true", help="shorter runs")
    quick = parser.parse_args().quick
    found = overheads(epochs=2 if quick else 10, runs=4 if quick else 12)
    print("arm          first run, s   others, s (median, least to most)")
    for name, seconds in found.items():
        later = seconds[1:]
        print(f"{name:12} {seconds[0]:12.2f}   {median(later):.2f} ({min(later):.2f} to {max(later):.2f})")
    more = median(found["ray"][1:]) - median(found["processes"][1:])
    print(f"Ray takes {more:+.2f} s for a run, {100 * more / 60:+.1f}% of one of a minute.\n")
    print("workers   makespan, s   bound, s   ratio   failures   again   decision, us (99.9%)   memory, kB")
    done = {}
    for workers, each in simulations(runs=10_000):
        done[workers] = each
        memory = ", ".join(f"{size / 1000:.0f}" for size in each.memory)
        print(
            f"{workers:7,}   {each.makespan:11,.0f}   {each.bound:8,.0f}   {each.makespan / each.bound:5.3f}"
            f"   {each.failures:8}   {each.again:5}   {1e6 * each.mean:9.1f} ({1e6 * each.worst:.0f})   {memory}"
        )
    arms = {
        name: {"median": median(seconds[1:]), "spread": max(seconds[1:]) - min(seconds[1:])}
        for name, seconds in found.items()
    }
    ratios = {"share of a minute": more / 60}
    ratios |= {f"makespan to bound, {workers} workers": each.makespan / each.bound for workers, each in done.items()}
    machine = describe_machine().processor
    print(json.dumps({"benchmark": "cluster", "machine": machine, "arms": arms, "ratios": ratios}))


if __name__ == "__main__":
    main()
