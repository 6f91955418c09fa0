"""Load tests of `skipwise serve`, against a bare loop and against other servers.

    python benchmarks/serving.py [--quick] [--overload-minutes 10]

ResNet-18 in INT8 (OpenVINO) for JPEGs of 224 pixels; weights and images are made up, which costs the same time. The
bare loop is a `Predictor` in this process, which decodes the same bytes: `predict_many` in batches of eight for
throughput, `predict` for one image. Client and servers share the machine's cores, which costs every server something
and the loop nothing. LitServe and MLServer run the same `Predictor` in environments of their own, with the same sizes
of batches; what can't be installed is left out. All take turns.

Throughput is of 32 clients that ask again at once. Then, of `skipwise serve` alone: latency while requests come at
random at 80% of that rate; four times that rate for a minute; other versions put in its place, and SIGTERM, under load.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import skipwise
from serving.client import BROKEN, REFUSED, Load, at_rate, closed
from serving.served import artifact, images
from serving.servers import BATCH, RIVALS, SKIPWISE, Running, running
from skipwise.core.files.cache_folder import cache_folder
from skipwise.core.machine.system import describe_machine

LOOP = "bare loop"
CLIENTS = 32


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """Seconds of each part, and rounds in which the arms take turns."""

    rounds: int
    turn: float
    steady: float
    overload: float
    change: float


FULL = Lengths(rounds=7, turn=10, steady=60, overload=60, change=15)
QUICK = Lengths(rounds=2, turn=2, steady=6, overload=6, change=5)


def looped(predictor: skipwise.Predictor, pictures: Sequence[bytes], seconds: float) -> float:
    """Images per second of the loop, in batches."""
    began, done = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds:
        done += sum(1 for _ in predictor.predict_many(pictures))
    return done / passed


def alone(predictor: skipwise.Predictor, pictures: Sequence[bytes], seconds: float) -> float:
    """Seconds of the loop for one image."""
    end, found, number = time.perf_counter() + seconds, [], 0
    while (began := time.perf_counter()) < end:
        predictor.predict(pictures[number % len(pictures)])
        found.append(time.perf_counter() - began)
        number += 1
    return median(found)


def take_turns(arms: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Runs each arm in each round, in an order that turns round, once more beforehand to warm up."""
    found: dict[str, list[float]] = {name: [] for name in arms}
    for turn in range(rounds):
        for name in list(arms)[:: 1 if turn % 2 == 0 else -1]:
            found[name].append(arms[name]())
    return found


def told(found: dict[str, list[float]], unit: str, scale: float = 1.0) -> dict[str, dict[str, float]]:
    for name, each in found.items():
        print(f"  {name:<16} {median(each) * scale:>9.2f} {unit}  ({min(each) * scale:.2f} to {max(each) * scale:.2f})")
    sys.stdout.flush()
    return {name: {"median": median(each), "spread": max(each) - min(each)} for name, each in found.items()}


async def overloaded(server: Running, rate: float, seconds: float) -> tuple[Load, list[int]]:
    """Four times what it can do, and its memory each half second."""
    memory: list[int] = []

    async def watch() -> None:
        while True:
            memory.append(server.memory)
            await asyncio.sleep(0.5)

    watching = asyncio.create_task(watch())
    load = await at_rate(server.target, rate=rate, seconds=seconds)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    return load, memory


async def changed(server: Running, folder: Path, seconds: float) -> Load:
    """Other versions take its place twice while 16 clients ask."""

    async def change() -> None:
        for number in ("2", "3"):
            await asyncio.sleep(seconds / 4)
            hidden = folder.with_name("being-copied")
            shutil.copytree(folder / "1", hidden)
            hidden.rename(folder / number)
            server.ask(signal.SIGHUP)

    load, _ = await asyncio.gather(closed(server.target, connections=16, seconds=seconds), change())
    return load


async def ended(server: Running, seconds: float) -> Load:
    """SIGTERM while 16 clients ask."""

    async def end() -> None:
        await asyncio.sleep(seconds / 2)
        server.ask(signal.SIGTERM)

    load, _ = await asyncio.gather(
        closed(server.target, connections=16, seconds=60, stop=lambda load: REFUSED in load.latencies), end()
    )
    return load


def compare(size: int, lengths: Lengths, cache: Path, arms: dict[str, Any], ratios: dict[str, float]) -> float:
    """Throughput and latency of each; returns the requests per second of `skipwise serve`."""
    made, pictures = artifact(size, cache), images(size)
    with contextlib.ExitStack() as stack:
        predictor = stack.enter_context(skipwise.Predictor(made, batch_size=BATCH))
        servers: dict[str, Running] = {}
        for kind in (SKIPWISE, *RIVALS):
            try:
                servers[kind.name] = stack.enter_context(running(kind, made, pictures, cache))
            except RuntimeError as error:
                if kind is SKIPWISE:
                    raise
                print(f"  left out: {error}")

        def through(server: Running) -> float:
            load = asyncio.run(closed(server.target, connections=CLIENTS, seconds=lengths.turn))
            return load.per_second

        def one(server: Running) -> float:
            return asyncio.run(closed(server.target, connections=1, seconds=lengths.turn)).quantile(0.5)

        looped(predictor, pictures[:BATCH], 0.5)
        print(f"\n{size} pixels: images per second, {CLIENTS} clients")
        asked = {name: lambda server=server: through(server) for name, server in servers.items()}
        rates = take_turns({LOOP: lambda: looped(predictor, pictures, lengths.turn), **asked}, lengths.rounds)
        arms |= {f"{size} {name} per second": each for name, each in told(rates, "/s").items()}
        print(f"{size} pixels: one request alone")
        asked = {name: lambda server=server: one(server) for name, server in servers.items()}
        times = take_turns({LOOP: lambda: alone(predictor, pictures, lengths.turn), **asked}, lengths.rounds)
        arms |= {f"{size} {name} alone": each for name, each in told(times, "ms", 1e3).items()}
    for name in servers:
        # Of the same round, since the machine may be faster in another.
        ratios[f"{size} {name} / loop, per second"] = median(map(np.divide, rates[name], rates[LOOP])).item()
        ratios[f"{size} {name} / loop, alone"] = median(map(np.divide, times[name], times[LOOP])).item()
    return median(rates[SKIPWISE.name])


def hold(rate: float, lengths: Lengths, cache: Path, ratios: dict[str, float]) -> None:
    """Measures `skipwise serve` at 80% load, at four times its capacity, and while a network is replaced."""
    made, pictures = artifact(224, cache), images(224)
    with running(SKIPWISE, made, pictures, cache) as server:
        steady = asyncio.run(at_rate(server.target, rate=0.8 * rate, seconds=lengths.steady))
        middle, late = steady.quantile(0.5), steady.quantile(0.99)
        print(
            f"\nat 80% ({0.8 * rate:.0f}/s): median {1e3 * middle:.1f} ms, p99 {1e3 * late:.1f} ms, {steady.statuses}"
        )
        ratios["p99 / median at 80%"] = late / middle
        load, memory = asyncio.run(overloaded(server, 4 * rate, lengths.overload))
        settled = memory[len(memory) // 4 :]
        ratios["memory at four times, most / least"] = max(settled) / min(settled)
        ratios["answered at four times / capacity"] = load.per_second / rate
        strangers = {status: number for status, number in load.statuses.items() if status not in (200, 429, 503)}
        print(
            f"at 400%: {dict(load.statuses)}; accepted requests took at most {max(load.good, default=0):.2f} s; "
            f"{min(settled) / 1e6:.0f} to {max(settled) / 1e6:.0f} MB"
        )
        ratios["other than 200, 429, 503"] = float(sum(strangers.values()))
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        shutil.copytree(made, Path(folder) / "served" / "1")
        with running(SKIPWISE, Path(folder) / "served", pictures, cache) as server:
            load = asyncio.run(changed(server, Path(folder) / "served", lengths.change))
            print(f"reloading: {dict(load.statuses)}")
            ratios["lost while reloading"] = float(sum(load.statuses.values()) - len(load.good))
            load = asyncio.run(ended(server, lengths.change))
            print(f"SIGTERM: {dict(load.statuses)} ({REFUSED} is refused at the door, {BROKEN} is lost)")
            ratios["lost at SIGTERM"] = float(load.statuses[BROKEN])


def main() -> None:
    parser = argparse.ArgumentParser(description="How skipwise serve holds under load.")
    parser.add_argument("--quick", action="store_true", help="short turns, and 224 pixels alone")
    parser.add_argument("--overload-minutes", type=float, help="how long it is asked four times what it can do")
    given = parser.parse_args()
    quick, minutes = given.quick, given.overload_minutes
    lengths = QUICK if quick else FULL
    if minutes is not None:
        lengths = replace(lengths, overload=60 * minutes)
    cache = cache_folder() / "benchmarks" / "serving"
    cache.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PYTHONPATH", str(Path(skipwise.__file__).parents[1]))
    arms: dict[str, Any] = {}
    ratios: dict[str, float] = {}
    print(f"Client and servers share {os.cpu_count()} cores.")
    rate = compare(224, lengths, cache, arms, ratios)
    hold(rate, lengths, cache, ratios)
    if not quick:
        compare(32, lengths, cache, arms, ratios)
    print()
    for name, ratio in ratios.items():
        print(f"  {name:<44} {ratio:.3g}")
    print(json.dumps({"benchmark": "serving", "machine": describe_machine().processor, "arms": arms, "ratios": ratios}))


if __name__ == "__main__":
    with contextlib.suppress(ImportError):
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    main()
