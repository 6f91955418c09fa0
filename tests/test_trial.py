"""What is chosen by trying: threads, and whether to compile."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from skipwise.nets.create import create_model
from skipwise.training.loop.recipe import RECIPES
from skipwise.training.machine import compiling, execution
from skipwise.training.machine.execution import ONE_THREAD_ALONE, ONE_THREAD_STEP, Execution, choose_execution
from skipwise.training.probe import step as trial
from skipwise.training.probe.step import (
    COMPILE_GAIN,
    COMPILE_SECONDS,
    choose_compile,
    repays,
    try_step,
)
from skipwise.training.probe.step_cost import StepCost

CPU = Execution(device="cpu", precision="fp32", threads=1)
RECIPE = replace(RECIPES["reference"], batch_size=8)
SHAPE = {"channels": 3, "size": 8}
LONG = 1.01 * COMPILE_SECONDS / COMPILE_GAIN


def network() -> torch.nn.Module:
    return create_model("resnet18", num_classes=3, stem="small", width=0.125, seed=0)


def choose(wanted: bool | None, seconds: float, **networks: torch.nn.Module) -> tuple[Execution, list[str]]:
    said: list[str] = []
    chosen = choose_compile(
        CPU, wanted, networks or {"resnet18": network()}, seconds=seconds, recipe=RECIPE, notice=said.append, **SHAPE
    )
    return chosen, said


def test_compiling_repays_in_long_runs_and_the_later_the_more_sizes_there_are() -> None:
    assert not repays(0.9 * LONG, RECIPE, 32)
    assert repays(LONG, RECIPE, 32)
    growing = replace(RECIPE, min_size=0.5, full_size_from=0.5)
    assert not repays(4 * LONG, growing, 32)
    assert repays(5 * LONG, growing, 32)


def test_short_runs_are_not_compiled_and_nothing_is_said() -> None:
    assert choose(None, 1.0) == (CPU, [])
    assert choose(False, 10 * LONG) == (CPU, [])


def test_without_a_compiler_it_goes_on_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    for wanted in (None, True):
        chosen, said = choose(wanted, LONG)
        assert chosen == CPU
        assert said == ["Not compiled: torch.compile needs a C++ compiler (g++ or clang++), and there is none here."]


def test_a_network_that_can_not_be_compiled_is_named_and_nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("not this one\nand a long story")

    monkeypatch.setattr(compiling, "has_compiler", lambda: True)
    monkeypatch.setattr(trial, "try_gradients", fail)
    chosen, said = choose(True, 0.0)
    assert chosen == CPU
    assert said[-1] == "Not compiled: torch.compile can't do resnet18 (not this one)."


def test_a_trial_costs_something_and_leaves_the_network_as_it_was() -> None:
    tried = network()
    before = {name: tensor.clone() for name, tensor in tried.state_dict().items()}
    state = torch.get_rng_state()
    cost = try_step(tried, RECIPE, CPU, **SHAPE)
    assert cost.step > cost.evaluation > 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in tried.state_dict().items())
    assert all(parameter.grad is None for parameter in tried.parameters())
    assert torch.equal(torch.get_rng_state(), state)
    assert cost.training(RECIPE, 8, steps=100) == pytest.approx(100 * cost.step)
    growing = replace(RECIPE, min_size=0.5, full_size_from=1.0)
    assert StepCost(1.0, 0.1).training(growing, 32, steps=100) == pytest.approx(
        100 * sum((side / 32) ** 2 for side in (16, 20, 24, 28)) / 4, rel=0.01
    )


def test_one_run_alone_takes_all_cores_unless_its_steps_are_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a count, not by a clock: the same command twice has to give the same bits."""
    monkeypatch.setattr(execution, "usable_cores", lambda: 4)
    for work, at_once, threads in [
        (0.9 * ONE_THREAD_ALONE, 1, 1),
        (1.1 * ONE_THREAD_ALONE, 1, 4),
        (1.1 * ONE_THREAD_ALONE, 4, 1),
        (1.1 * ONE_THREAD_STEP, 4, 4),
    ]:
        chosen = choose_execution("cpu", step_multiply_adds=work, precision="fp32", alone=at_once == 1)
        assert chosen.threads == threads


def test_precision_can_be_asked_for() -> None:
    for precision in ("fp32", "bf16"):
        assert choose_execution("cpu", step_multiply_adds=1.0, precision=precision).precision == precision
