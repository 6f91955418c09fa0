"""A comparison's time limit on a made-up machine, whose clock only its work moves: runs, loads, ends, kills."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skipwise.comparison.budget.corrections import Budget
from skipwise.comparison.evidence.collect import collect
from skipwise.comparison.question.question import LEAST
from skipwise.comparison.run import study as study_module
from skipwise.comparison.run.study import StudyResult, run_study
from skipwise.core.errors import SkipwiseError
from skipwise.training.callbacks import Phase
from skipwise.training.tuning.tuning import Tuning
from tests.calling import calls
from tests.simulated import NAMES, Comparison, Killed, Load, Machine, asking, costs_of

APART = {"resnet18": 0.9, "se_resnet18": 0.6, "plain18": 0.5, "resnet34": 0.4}
CLOSE = {"resnet18": 0.9, "se_resnet18": 0.895, "plain18": 0.89, "resnet34": 0.885}


def epochs_of(networks: int, seconds: float = 3.0) -> dict[str, float]:
    """Each network costs a little more than the one before."""
    return {name: seconds * (1 + number / 3) for number, name in enumerate(NAMES[:networks])}


def slower(epochs: dict[str, float], times: float) -> dict[str, float]:
    return {name: seconds * times for name, seconds in epochs.items()}


def judged(comparison: Comparison, study: StudyResult) -> None:
    """What holds of every comparison that came to its end."""
    plan = comparison.plan
    assert study.plan == plan
    used = {job.folder for name in plan.trained for seed in plan.question.seeds for job in plan.jobs(name, seed)}
    counted = [study.records[folder] for folder in used if folder in study.records]
    # Rounds of other epochs are no part of it.
    assert {record.spec.recipe.epochs for record in counted} == {plan.recipe.epochs}
    assert plan.stopped_after is None or plan.stopped_after >= LEAST
    last = study.looks[-1]
    # A round counts when it is whole, and then for all networks that went on.
    assert {len(study.answers[name].seeds) for name in last.candidates} == {last.seeds}
    for look in study.looks:
        assert look.seeds in plan.looks


@pytest.mark.parametrize("networks", [2, 4])
@pytest.mark.parametrize("speed", [1 / 1.3, 1.0, 1.15, 1.3])
def test_a_limit_is_used_where_a_machine_is_about_as_fast_as_tried(tmp_path: Path, networks: int, speed: float) -> None:
    expected = epochs_of(networks)
    machine = Machine(slower(expected, speed), CLOSE)
    comparison = Comparison(asking(networks), tmp_path / "out", expected, 600.0)
    judged(comparison, comparison.carry_out(machine))
    whole = comparison.plan.recipe.epochs == 15 and comparison.plan.question.looks == (5,)
    assert machine.now >= 0.85 * 600 or (whole and comparison.plan.stopped_after == 5)
    assert machine.now <= 600


def test_what_takes_less_time_than_there_is_is_done_whole_and_ends(tmp_path: Path) -> None:
    machine = Machine(epochs_of(2), CLOSE)
    comparison = Comparison(asking(), tmp_path / "out", epochs_of(2), 3600.0)
    study = comparison.carry_out(machine)
    judged(comparison, study)
    assert machine.now < 1000
    assert (comparison.plan.question.looks, comparison.plan.recipe.epochs) == ((5,), 15)
    assert comparison.plan.corrections == ()


def test_settled_pairs_end_it(tmp_path: Path) -> None:
    machine = Machine(epochs_of(2), APART)
    comparison = Comparison(asking(looks=(3, 6, 12)), tmp_path / "out", epochs_of(2), 1200.0)
    study = comparison.carry_out(machine)
    judged(comparison, study)
    assert [look.seeds for look in study.looks] == [3]
    assert machine.now < 600


loads = st.lists(st.tuples(st.floats(0, 900), st.floats(1, 3)), max_size=3).map(sorted)


@pytest.mark.slow
@settings(max_examples=100)
@given(
    networks=st.integers(2, 4),
    processes=st.sampled_from([1, 2, 4]),
    seconds=st.floats(1.0, 12.0),
    load=loads,
    limit=st.sampled_from([480.0, 900.0]),
)
def test_the_end_does_not_move_whatever_the_load_does(
    tmp_path_factory: pytest.TempPathFactory,
    networks: int,
    processes: int,
    seconds: float,
    load: Load,
    limit: float,
) -> None:
    expected = epochs_of(networks, seconds)
    machine = Machine(expected, CLOSE, load)
    folder = tmp_path_factory.mktemp("load") / "out"
    comparison = Comparison(asking(networks, processes=processes), folder, expected, limit)
    try:
        study = comparison.carry_out(machine)
    except SkipwiseError as error:
        assert "some networks have no finished run" in str(error)  # noqa: PT017 - it need not be raised
    else:
        judged(comparison, study)
    assert machine.now <= 1.05 * limit


@pytest.mark.parametrize("load", [[(0.0, 2.0)], [(150.0, 2.0)], [(0.0, 3.0), (200.0, 1.0)], [(330.0, 3.0)]])
def test_load_that_begins_or_ends_moves_no_end(tmp_path: Path, load: Load) -> None:
    machine = Machine(epochs_of(3), CLOSE, load)
    comparison = Comparison(asking(3, processes=2), tmp_path / "out", epochs_of(3), 480.0)
    judged(comparison, comparison.carry_out(machine))
    assert machine.now <= 1.05 * 480


def test_a_machine_five_times_slower_begins_again_with_fewer_epochs_and_answers(tmp_path: Path) -> None:
    expected = epochs_of(2)
    machine = Machine(slower(expected, 5.0), CLOSE)
    comparison = Comparison(asking(), tmp_path / "out", expected, 600.0)
    study = comparison.carry_out(machine)
    judged(comparison, study)
    plan = comparison.plan
    assert plan.recipe.epochs < 15
    assert plan.corrections[0].startswith("Training is 5.0 times as slow as was measured before: it begins again")
    assert comparison.noticed[0] == plan.corrections[0]
    # From seeds that nothing was begun of.
    assert plan.question.first_seed > 0
    assert len(study.judgement.pairs) == 1
    assert machine.now <= 600
    # It is the same comparison, for whoever gives the command again.
    assert replace(comparison.asked, time_limit=600.0).same_as(plan)


def test_a_machine_that_is_quicker_begins_again_with_more_epochs(tmp_path: Path) -> None:
    expected = epochs_of(2)
    machine = Machine(slower(expected, 0.6), CLOSE)
    comparison = Comparison(asking(), tmp_path / "out", expected, 400.0)
    judged(comparison, comparison.carry_out(machine))
    assert "times as fast as was measured before" in comparison.plan.corrections[0]
    assert machine.now >= 0.85 * 400 or comparison.plan.recipe.epochs == 15


def test_idle_processes_are_no_slow_machine(tmp_path: Path) -> None:
    """Two networks on eight processes: six of them wait while the first round goes on."""
    machine = Machine(epochs_of(2), CLOSE)
    comparison = Comparison(asking(processes=8), tmp_path / "out", epochs_of(2), 300.0)
    judged(comparison, comparison.carry_out(machine))
    assert comparison.plan.corrections == ()


def test_epochs_that_were_asked_for_stay_and_seeds_give_way(tmp_path: Path) -> None:
    expected = epochs_of(2)
    machine = Machine(slower(expected, 1.5), CLOSE)
    comparison = Comparison(asking(), tmp_path / "out", expected, 480.0, fewer_epochs=False)
    judged(comparison, comparison.carry_out(machine))
    assert comparison.plan.recipe.epochs == 15
    assert comparison.plan.stopped_after is not None
    assert comparison.plan.stopped_after < 5
    assert comparison.plan.corrections[-1] == f"The time was up after {comparison.plan.stopped_after} seeds."


def test_rates_that_were_tuned_before_a_restart_are_tuned_anew(tmp_path: Path) -> None:
    """In shorter runs, which are no part of those that were done."""
    expected = epochs_of(2)
    machine = Machine(slower(expected, 4.0), CLOSE)
    asked = replace(asking(), tuning=Tuning(rates=(0.1, 0.4), epochs=5, seed=1000))
    comparison = Comparison(asked, tmp_path / "out", expected, 900.0)
    judged(comparison, comparison.carry_out(machine))
    tuning = comparison.plan.tuning
    assert tuning is not None
    assert len(comparison.plan.corrections) >= 1
    assert (tuning.seed > 1000, tuning.epochs < 5) == (True, True)
    assert replace(asked, time_limit=900.0).same_as(comparison.plan)
    assert machine.now <= 900


def test_a_network_that_learned_nothing_is_named_and_its_time_goes_to_the_others(tmp_path: Path) -> None:
    expected = epochs_of(3)
    poor = Machine(expected, CLOSE | {"plain18": 0.2})
    comparison = Comparison(asking(3, looks=(12,)), tmp_path / "poor", expected, 600.0)
    study = comparison.carry_out(poor)
    judged(comparison, study)
    sentence = comparison.plan.not_trained["plain18"]
    assert sentence.startswith("It had learned nothing when its first run of ")
    assert any(sentence in said for said in comparison.noticed)
    assert sum(job.spec.model == "plain18" for job in poor.ran) == 1
    results = collect(study.plan, comparison.folder, study)
    assert [candidate.not_trained for candidate in results.candidates] == [None, None, sentence]
    assert [(pair.a, pair.b) for pair in results.pairs] == [("resnet18", "se_resnet18")]
    # What others get is what is left over.
    good = Machine(expected, CLOSE)
    other = Comparison(asking(3, looks=(12,)), tmp_path / "good", expected, 600.0)
    other.carry_out(good)
    assert comparison.plan.looks[-1] > other.plan.looks[-1]
    assert 0.85 * 600 <= poor.now <= 600


def test_too_few_finished_seeds_are_said_in_a_sentence(tmp_path: Path) -> None:
    expected = epochs_of(2)
    machine = Machine(slower(expected, 100.0), CLOSE)
    comparison = Comparison(asking(), tmp_path / "out", expected, 300.0)
    with pytest.raises(SkipwiseError, match="The time is up, and some networks have no finished run") as stopped:
        comparison.carry_out(machine)
    assert str(tmp_path / "out") in str(stopped.value)
    assert machine.now <= 300
    # What was done is used.
    judged(comparison, Comparison(comparison.asked, comparison.folder, expected, 9e4).carry_out(Machine(expected)))


def test_a_network_whose_runs_all_fail_does_not_pass_for_a_quick_machine(tmp_path: Path) -> None:
    expected = epochs_of(3)
    machine = Machine(expected, CLOSE | {"plain18": math.nan})
    comparison = Comparison(asking(3), tmp_path / "out", expected, 600.0)
    comparison.carry_out(machine)
    assert comparison.plan.corrections == ()


@pytest.mark.parametrize("speed", [pytest.param(1.0, marks=pytest.mark.slow), 5.0])
def test_whenever_it_is_killed_it_goes_on_and_plan_and_corrections_give_the_same_bytes(
    tmp_path: Path, speed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skipwise.comparison.evidence.collect.count_candidate", lambda *_: None)
    expected, accuracies = epochs_of(3), CLOSE | {"plain18": 0.2}
    whole = Machine(slower(expected, speed), accuracies)
    reference = Comparison(asking(3, looks=(2, 3), epochs=4), tmp_path / "whole", expected, 300.0)
    reference.carry_out(whole)
    for event in range(0, whole.events, 1 + whole.events // 12):
        comparison = Comparison(reference.asked, tmp_path / f"killed-{event}", expected, 300.0)
        machine = Machine(slower(expected, speed), accuracies, killed=event)
        with pytest.raises(Killed):
            comparison.carry_out(machine)
        before = comparison.plan
        machine.killed = None
        study = comparison.carry_out(machine)
        judged(comparison, study)
        assert comparison.plan.corrections[: len(before.corrections)] == before.corrections
        found = comparison.results(study)
        # Without a clock, the plan as it is now takes the same study, and trains nothing.
        idle = Machine(expected, accuracies)
        replayed = run_study(comparison.plan, comparison.folder, idle.processes(comparison.folder, processes=1))
        assert not idle.ran
        assert comparison.results(replayed) == found


def test_the_last_look_is_not_moved_once_it_was_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By ending the command when the answer is there, and giving it again with all its time."""
    expected = epochs_of(2)
    comparison = Comparison(asking(looks=(12,)), tmp_path / "out", expected, 300.0)
    machine = Machine(expected, CLOSE)

    def ended(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(study_module, "judge", ended)
        with pytest.raises(Killed):
            comparison.carry_out(machine)
    taken, runs = comparison.plan, len(machine.ran)
    assert taken.stopped_after == taken.question.looks[-1] < 12
    found = comparison.carry_out(machine)
    assert comparison.plan == taken
    assert len(machine.ran) == runs
    assert [look.seeds for look in found.looks] == [taken.stopped_after]


def test_before_it_is_taken_the_last_look_moves_as_far_as_was_asked_for(tmp_path: Path) -> None:
    expected = epochs_of(2)
    machine = Machine(slower(expected, 0.7), CLOSE)
    comparison = Comparison(asking(looks=(12,)), tmp_path / "out", expected, 900.0, fewer_epochs=False)
    found = comparison.carry_out(machine)
    judged(comparison, found)
    assert 0.85 * 900 <= machine.now <= 900
    assert comparison.plan.question.looks[-1] <= 12
    assert comparison.plan.corrections == ()


def test_what_is_to_be_done_is_told_whole_and_what_is_done_already_with_it(tmp_path: Path) -> None:
    """The bar's estimate is of all rounds from the beginning, not of the first one."""
    told: list[list[str]] = []
    done: list[str] = []
    plan = replace(asking(looks=(2, 4)), time_limit=900.0)
    comparison = Comparison(asking(looks=(2, 4)), tmp_path / "out", epochs_of(2), 900.0)
    comparison._begin(plan)
    machine = Machine(epochs_of(2), CLOSE)

    def on_phase(phase: Phase) -> None:
        told.append([job.folder for job in phase.runs])
        done[:] = phase.ended

    with mock.patch("skipwise.comparison.budget.forecast.usable_cores", return_value=1):
        costs = costs_of(plan, epochs_of(2))
        budget = Budget(plan, plan, costs, end=900.0, fewer_epochs=True, clock=lambda: machine.now)
        processes = machine.processes(comparison.folder, processes=1)
        callback = calls(on_phase=on_phase, on_run_end=lambda end: done.append(end.run))
        run_study(plan, comparison.folder, processes, callback=callback, budget=budget)
    assert [len(jobs) for jobs in told] == [4, 8]
    assert sorted(done) == sorted(told[-1])


def test_one_finished_seed_is_an_answer_without_verdicts(tmp_path: Path) -> None:
    expected = epochs_of(2)
    for times in (8.0, 12.0, 16.0, 24.0, 32.0):
        machine = Machine(slower(expected, times), CLOSE)
        comparison = Comparison(asking(), tmp_path / f"out-{times:g}", expected, 300.0)
        try:
            study = comparison.carry_out(machine)
        except SkipwiseError:
            continue
        if comparison.plan.stopped_after == 1:
            results = collect(study.plan, comparison.folder, study)
            assert results.pairs == ()
            assert all(candidate.accuracy is not None for candidate in results.candidates if not candidate.not_trained)
            assert any("so that nothing is judged" in sentence for sentence in comparison.noticed)
            assert machine.now <= 1.05 * 300
            return
    pytest.fail("none of these machines was of that speed")
