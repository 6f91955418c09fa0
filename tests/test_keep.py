"""`--keep` and `restore`: whose weights are kept, what is said of those that were dropped, and how they come back."""

from __future__ import annotations

import itertools
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import skipwise
from skipwise.cli.summaries.evaluation import print_evaluation
from skipwise.comparison import restore as restoring
from skipwise.comparison.plan.plan import KEEPS, Plan
from skipwise.comparison.run.keeping import WeightKeeper
from skipwise.core.errors import Busy, SkipwiseError
from skipwise.core.files.checksums import read_sealed, sha256
from skipwise.core.files.locks import locked
from skipwise.training.callbacks import Callback, RunEnd
from skipwise.training.folder import dropped
from skipwise.training.folder.dropped import DROPPED, Dropped, drop_weights, need_weights, weights_hash
from skipwise.training.folder.names import WEIGHTS
from skipwise.training.folder.record import RunRecord, find_run, write_run
from tests.fabricated import fabricate
from tests.simulated import answered
from tests.test_study import make_plan

KEPT = Path(__file__).parent / "kept"
WORDS = ("--models", "resnet20,plain20", "--width", "0.0625", "--stem", "small", "--epochs", "3", "--seeds", "2")
SAME = ("--precision", "fp32", "--no-compile")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Path, dict[str, RunRecord]]:
    """Runs that have ended, with a file in place of their weights; not to be changed."""
    home = tmp_path_factory.mktemp("keep")
    plan = fabricate(("resnet18", "plain18"), tuned=False, exploratory=False).plan
    records = {}
    for model, seed in itertools.product(("resnet18", "plain18"), range(3)):
        (job,) = plan.jobs(model, seed)
        record = answered(job, home, 0.5 + 0.1 * ((seed + 1) % 3))
        (home / job.folder / WEIGHTS).write_bytes(f"weights of {job.folder}".encode())
        write_run(home / job.folder, record)
        records[job.folder] = record
    return plan, home, records


def kept_in(home: Path) -> set[str]:
    return {path.parent.name for path in home.glob("*/*/weights.safetensors")}


@pytest.mark.parametrize("order", range(3))
def test_best_keeps_the_run_that_did_best_on_validation_images_in_whatever_order_they_end(
    ended: tuple[Plan, Path, dict[str, RunRecord]], order: int, tmp_path: Path
) -> None:
    plan, source, records = ended
    home = Path(shutil.copytree(source, tmp_path / "home"))
    ends = list(records.items())
    random.Random(order).shuffle(ends)
    keeper = WeightKeeper(replace(plan, keep="best"), home, Callback())
    for folder, record in ends:
        keeper.on_run_end(RunEnd(run=folder, record=record))
    best = {}
    for record in records.values():
        assert record.val is not None
        known = best.get(record.spec.model)
        if known is None or record.val.accuracy > known[0]:
            best[record.spec.model] = record.val.accuracy, record.spec.seed
    assert kept_in(home) == {f"{model}-s{seed}" for model, (_, seed) in best.items()}
    assert len({seed for _, seed in best.values()} - {0})  # it is not simply the first
    for folder, record in ends:
        assert find_run(record.spec, home / folder) == record  # the answers are there
    # Another session is told of the same runs again.
    keeper = WeightKeeper(replace(plan, keep="best"), home, Callback())
    for folder, record in reversed(ends):
        keeper.on_run_end(RunEnd(run=folder, record=record, earlier=True))
    assert kept_in(home) == {f"{model}-s{seed}" for model, (_, seed) in best.items()}


def test_none_keeps_none_all_keeps_all_and_tuning_runs_are_only_kept_with_all(
    ended: tuple[Plan, Path, dict[str, RunRecord]], tmp_path: Path
) -> None:
    plan, source, records = ended
    (folder, record), *_ = records.items()
    for keep in KEEPS:
        home = Path(shutil.copytree(source, tmp_path / keep))
        shutil.copytree(home / folder, home / "tuning" / "resnet18-s1000-lr0.1")
        keeper = WeightKeeper(replace(plan, keep=keep), home, Callback())
        for run, each in {**records, "tuning/resnet18-s1000-lr0.1": record}.items():
            keeper.on_run_end(RunEnd(run=run, record=each))
        there = {"all": len(records) + 1, "best": 2, "none": 0}[keep]
        assert len(kept_in(home)) == there


def test_it_makes_no_other_plan() -> None:
    plan = fabricate(tuned=False).plan
    for keep in KEEPS:
        other = replace(plan, keep=keep)
        assert other.digest() == plan.digest()
        assert other.same_as(plan)
        assert plan.same_as(other)


def test_a_choice_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SkipwiseError, match=r"'bets'; did you mean 'best'\?"):
        skipwise.compare(tmp_path, keep="bets")


def test_what_was_dropped_is_recorded_and_a_kill_in_between_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(KEPT / "run", tmp_path / "run"))
    digest, size = sha256(run / WEIGHTS), (run / WEIGHTS).stat().st_size

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            drop_weights(run, "a test")
    assert need_weights(run) == run / WEIGHTS  # they are there, and count
    assert weights_hash(run) == digest
    assert drop_weights(run, "a test") == size
    assert read_sealed(run / DROPPED, Dropped) == Dropped(sha256=digest, size=size, why="a test")
    assert weights_hash(run) == digest  # by which what was exported from it still knows it
    assert drop_weights(run, "a test") == 0


@pytest.mark.filterwarnings("ignore::skipwise.core.files.checksums.UnsealedWarning")
def test_the_record_of_a_drop_that_goes_on_is_not_removed(tmp_path: Path) -> None:
    run = Path(shutil.copytree(KEPT / "run", tmp_path / "runs" / "resnet20-s0"))
    (tmp_path / "plan.json").write_text("{}")
    (run / DROPPED).write_text("{}")
    with locked(tmp_path), pytest.raises(Busy):
        skipwise.restore(run)
    assert (run / DROPPED).exists()
    assert skipwise.restore(run).repeated
    assert not (run / DROPPED).exists()


READERS: dict[str, Callable[[Path], object]] = {
    "export": lambda run: skipwise.export(run),
    "explain": lambda run: skipwise.explain(run, KEPT / "digits.zip"),
    "evaluate": lambda run: skipwise.evaluate(run, KEPT / "digits.zip"),
    "--init": lambda run: skipwise.train(KEPT / "digits.zip", model="resnet20", init=run),
    "--include": lambda run: skipwise.compare(KEPT / "digits.zip", models=["plain20", "resnet20"], include=run),
}


@pytest.mark.filterwarnings("ignore::skipwise.core.files.checksums.UnsealedWarning")
@pytest.mark.parametrize("verb", READERS)
def test_who_needs_weights_that_were_dropped_says_how_to_get_them_back(verb: str, here: Path) -> None:
    """In a comparison's folder, where they can be trained again by themselves."""
    home = here / "runs" / "compare" / "digits"
    run = Path(shutil.copytree(KEPT / "run", home / "runs" / "resnet20-s0"))
    shutil.copyfile(KEPT / "finished" / "plan.json", home / "plan.json")
    drop_weights(run, "--keep none")
    with pytest.raises(SkipwiseError) as error:
        READERS[verb](run)
    assert "were dropped to save space; train them again with: skipwise restore" in str(error.value)
    assert str(run) in str(error.value)
    shutil.move(run, here / "alone")  # a run of `train` is trained by its own command
    with pytest.raises(SkipwiseError, match="were dropped to save space; train it again"):
        need_weights(here / "alone")


@pytest.mark.filterwarnings("ignore::skipwise.core.files.checksums.UnsealedWarning")
def test_after_an_evaluation_without_weights_the_next_command_brings_them_back(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(KEPT / "run", here / "digits" / "runs" / "resnet20-s0"))
    for verb in ("export", "restore"):
        print_evaluation(skipwise.evaluate(run), network=str(run))
        assert capsys.readouterr().out.splitlines()[-1] == f"Next:    skipwise {verb} {run}"
        drop_weights(run, "--keep none")


@pytest.mark.parametrize("kind", ["nothing", "a run of train", "failed"])
def test_what_can_not_be_restored_is_told(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "resnet18-s0"
    if kind == "a run of train":
        shutil.copytree(KEPT / "run", folder)
    if kind == "failed":
        plan = make_plan(tmp_path)
        from skipwise.comparison.plan.plan import COMPARISONS
        from skipwise.training.folder.record import failed_run

        COMPARISONS.begin(tmp_path, plan)
        folder.mkdir(parents=True)
        write_run(folder, failed_run(plan.spec("resnet18", 0), "the loss became nan"))
    sentence = "failed" if kind == "failed" else "is no run of a comparison that has ended"
    with pytest.raises(SkipwiseError, match=sentence):
        skipwise.restore(folder)


def compare(folder: Path, *more: str) -> None:
    words = ["compare", "digits", *WORDS, *SAME, "--output", str(folder), *more]
    subprocess.run([sys.executable, "-m", "skipwise", *words], check=True, capture_output=True)


@pytest.mark.slow
def test_results_are_the_same_whatever_is_kept_and_a_dropped_run_comes_back_to_the_byte(tmp_path: Path) -> None:
    for keep in KEEPS:
        compare(tmp_path / keep, "--keep", keep)
    results = {(tmp_path / keep / "comparison.json").read_bytes() for keep in KEEPS}
    assert len(results) == 1
    assert {keep: len(kept_in(tmp_path / keep)) for keep in KEEPS} == {"all": 4, "best": 2, "none": 0}
    run = tmp_path / "none" / "runs" / "plain20-s1"
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.name != DROPPED}
    # Killed twice on the way, and then left alone.
    for _ in range(2):
        command = [sys.executable, "-m", "skipwise", "restore", str(run)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            time.sleep(6)
            process.send_signal(signal.SIGKILL)
        if (run / WEIGHTS).exists():
            break
    assert skipwise.restore(run).folder == run
    after = {path.name: path.read_bytes() for path in run.iterdir()}
    assert after.pop(WEIGHTS) == (tmp_path / "all" / "runs" / "plain20-s1" / WEIGHTS).read_bytes()
    assert after == before
    assert skipwise.restore(run).repeated
    assert not (tmp_path / "none" / ".restore").exists()
    # What is asked beyond takes no weights.
    compare(tmp_path / "none", "--models", "resnet20,plain20,se_resnet20", "--extend")
    assert skipwise.status(tmp_path / "none").state == "finished"


@pytest.mark.slow
def test_other_bytes_are_never_put_in_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compare(tmp_path / "none", "--keep", "none")
    run = tmp_path / "none" / "runs" / "plain20-s0"
    real = restoring._checksums
    monkeypatch.setattr(restoring, "_checksums", lambda folder: {**real(folder), WEIGHTS: "0" * 64})
    with pytest.raises(SkipwiseError, match="Other weights came out than plain20 with seed 0 had"):
        skipwise.restore(run)
    assert not (run / WEIGHTS).exists()
    assert (run / dropped.DROPPED).exists()
