"""Comparisons end to end, in real processes that are really killed."""

from __future__ import annotations

import json
import math
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

import skipwise
from skipwise.comparison import conclude
from skipwise.comparison.executors.local import ATTEMPTS
from skipwise.comparison.plan.plan import Plan
from skipwise.comparison.results.finished import Comparison
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.checksums import seal_of, sha256
from skipwise.core.files.json_records import read_json
from skipwise.training.callbacks import Epoch, RunEnd, Start
from skipwise.training.folder.files import read_history
from skipwise.training.run.checkpoint import load_checkpoints
from tests.conftest import QUICK, Run, make_photos
from tests.processes import Command, Prepare, children_of, heavy_imports, run_here, time_briefly

EXTERNAL = "tests.external_networks:"


def answers(folder: Path) -> dict[str, bytes]:
    """Every file of a comparison that has to be the same however it came about."""
    files = [folder / "comparison.json", *folder.glob("runs/*/predictions.npz"), *folder.glob("runs/*/weights*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_folder_of_photographs_gets_a_table_verdicts_and_a_report(
    cli: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = ["--seeds", "2", "--epochs", "1", "--width", "0.125", "--precision", "fp32", "--workers", "1"]
    result = cli("compare", photos, "--models", "resnet18,mobilenet_v2", *small, prepare=run_here)
    assert result.returncode == 0, result.stderr
    report = tmp_path / "runs" / "compare" / "stripes" / "report.html"
    assert report.is_file()
    for words in ("test accuracy", "95%", "multiply-adds", "ms", "resnet18 - mobilenet_v2", "Report: runs/", "Next: "):
        assert words in result.stdout
    assert "3 classes" in result.stderr  # what is compared is told before it starts
    assert not re.search(r"about \d+ (s|min)\b", result.stdout)  # progress goes elsewhere

    class Stopped(skipwise.Callback):
        def on_start(self, start: Start) -> None:
            assert start.folder == Path("runs/compare/stripes-2")
            raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        skipwise.compare(photos, callbacks=[Stopped()], **QUICK)


def test_the_folder_holds_what_was_promised(finished: Comparison) -> None:
    folder = finished.folder
    names = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    promised = {"comparison.json", "costs.json", "pictures.json", "plan.json", "report.html", "runs", "split.csv"}
    assert names == {*promised, "source.json", "evaluation"}
    assert {path.name for path in (folder / "runs").iterdir()} == {
        f"{model}-s{seed}" for model in QUICK["models"] for seed in range(2)
    }
    run = json.loads((folder / "runs" / "plain18-s1" / "run.json").read_text())
    assert run["spec"]["fingerprint"] == finished.plan.fingerprint
    assert run["machine"]["versions"]["torch"]
    assert finished.plan.split_images == {"train": 24, "val": 6, "test": 6}
    assert "seconds" not in (folder / "comparison.json").read_text()  # no clock in it


def test_a_finished_comparison_is_printed_again(finished: Comparison, photos: Path) -> None:
    before = answers(finished.folder)
    again = skipwise.compare(photos, output=finished.folder, **QUICK)
    assert again.repeated
    assert again.results == finished.results
    assert again.costs == finished.costs
    assert answers(finished.folder) == before
    assert skipwise.compare(photos, output=finished.folder, resume=True, **QUICK).repeated


class Begun(Exception):
    """A comparison has been begun."""


def test_a_finished_comparison_is_shown_at_once_unless_it_is_to_be_made_again(
    finished: Comparison, photos: Path, here: Path
) -> None:
    """Without torch, whose import takes longer than all else."""

    class Stopped(skipwise.Callback):
        def on_start(self, start: Start) -> None:
            raise Begun(start.folder)

    first = Path("runs/compare/stripes")
    shutil.copytree(finished.folder, first)
    again = skipwise.compare(photos, **QUICK)
    assert (again.folder, again.results, again.repeated) == (first, finished.results, True)
    words = [word for name, value in QUICK.items() for word in (f"--{name}", value)]
    words[1] = ",".join(QUICK["models"])
    commands = [
        ["compare", photos, *words, *more] for more in ([], ["--json"], ["--dry-run"], ["--again", "--output", first])
    ]
    assert heavy_imports(commands, here) == [(0, []), (0, []), (0, []), (2, [])]
    with pytest.raises(skipwise.SkipwiseError, match="holds a comparison that is finished; to make another"):
        skipwise.compare(photos, output=first, again=True, **QUICK)
    with pytest.raises(skipwise.SkipwiseError, match="--again begins anew and --extend goes on"):
        skipwise.compare(photos, output=first, again=True, extend=True, **QUICK)
    for change in ({"again": True}, {"precision": "bf16"}):
        with pytest.raises(skipwise.SkipwiseError, match=r"callback Stopped failed in on_start \(Begun: .*stripes-2"):
            skipwise.compare(photos, callbacks=[Stopped()], **(QUICK | change))
        shutil.rmtree("runs/compare/stripes-2")


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"epochs": 3}, "epochs is 2 there and 3 here"),
        ({"seeds": 3}, "looks is 2 there and 3 here"),
        ({"outcome": "balanced-accuracy"}, "outcome is accuracy there and balanced-accuracy here"),
        ({"tune": [0.1, 0.2]}, "learning rates are tuned otherwise"),
        ({"models": ["resnet18", "se_resnet18"]}, "candidates is resnet18, plain18 there"),
        ({"margin": 1.0}, "margin is 0.5 there and 1.0 here"),
        ({"img_size": 24}, "the image size is 16 there and 24 here"),
        ({"val_share": 0.2}, "val_share is 0.15 there and 0.2 here"),
    ],
)
def test_another_plan_is_not_mixed_in(finished: Comparison, photos: Path, change: dict, difference: str) -> None:
    with pytest.raises(skipwise.SkipwiseError, match="of another plan") as caught:
        skipwise.compare(photos, output=finished.folder, **(QUICK | change))
    assert difference in str(caught.value)


def test_other_images_are_another_plan(finished: Comparison, photos: Path, tmp_path: Path) -> None:
    changed = Path(shutil.copytree(photos, tmp_path / "stripes"))
    (changed / "stripes0" / "000.png").unlink()
    shutil.copy(changed / "stripes0" / "001.jpg", changed / "stripes0" / "000.jpg")
    with pytest.raises(skipwise.SkipwiseError, match="the images differ"):
        skipwise.compare(changed, output=finished.folder, **QUICK)


def test_images_that_were_renamed_are_the_same_comparison(finished: Comparison, photos: Path, tmp_path: Path) -> None:
    renamed = Path(shutil.copytree(photos, tmp_path / "pictures_v2"))
    again = skipwise.compare(renamed, output=finished.folder, **QUICK)
    assert again.repeated
    assert again.results == finished.results
    draft = replace(finished.plan, data="pictures_v2", found_in="pictures_v2")
    assert draft.same_as(finished.plan)
    other = replace(draft, fingerprint="other", classes=("a", "stripes1", "stripes2"))
    assert other.difference(finished.plan) == (
        "the images differ, and so do their classes: 'stripes0' is one only there; 'a' is one only here"
    )


def test_a_report_shows_no_picture_that_is_elsewhere(finished: Comparison, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(finished.folder, tmp_path / "c"))
    page = skipwise.report(folder)
    assert isinstance(page, Path)
    before = page.read_bytes()
    shown = json.loads((folder / "pictures.json").read_text())
    (folder / "pictures.json").write_text(
        json.dumps(dict.fromkeys(shown or ["an image"], "http://example.org/seen.png"))
    )
    costs = json.loads((folder / "costs.json").read_text())
    costs["files"] = {"pictures.json": sha256(folder / "pictures.json")}
    costs["files"][""] = seal_of(costs)
    (folder / "costs.json").write_text(json.dumps(costs))
    with pytest.raises(SkipwiseError, match=r"pictures\.json was changed: it names pictures that are elsewhere"):
        skipwise.report(folder)
    assert page.read_bytes() == before


@pytest.mark.usefixtures("in_this_process")
def test_the_same_comparison_elsewhere_gives_the_same_bytes(finished: Comparison, photos: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(photos, tmp_path / "stripes"))
    one_at_a_time = skipwise.compare(moved, output=tmp_path / "out", workers=1, **QUICK)
    assert one_at_a_time.plan.processes == 1
    assert answers(tmp_path / "out") == answers(finished.folder)


def start(photos: Path, output: Path, *more: str, prepare: Prepare = time_briefly) -> Command:
    """A comparison of two networks with three seeds each, unless `more` says otherwise."""
    models = [] if "--models" in more else ["--models", "resnet18,plain18"]
    seeds = [] if "--looks" in more or "--seeds" in more else ["--seeds", "3"]
    workers = [] if "--workers" in more else ["--workers", "2"]
    options = [*models, *seeds, *workers, "--epochs", "2", "--width", "0.125", "--precision", "fp32"]
    return Command("compare", photos, *options, "--output", output, *more, cwd=output.parent, prepare=prepare)


def judge_never() -> None:
    """A comparison waits to be killed when its runs are done, however quick it is."""
    time_briefly()
    conclude.collect = lambda *_: signal.pause()


def killed_and_restarted(
    photos: Path, output: Path, kills: int, rng: random.Random, *more: str, runs: int
) -> list[int]:
    """Kills a comparison at random moments, then lets it finish; how many runs were done after each kill.

    The first time with two runs to go at the latest, unless the machine is too quick for that.
    """

    def finished() -> int:
        return len(list(output.glob("runs/*/run.json")))

    done: list[int] = []
    for _ in range(kills):
        process = start(photos, output, *more, prepare=judge_never)
        late = time.monotonic() + rng.uniform(3, 12)
        while time.monotonic() < late and (done or finished() < runs - 2):
            time.sleep(0.02)
        process.send_signal(rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
        process.communicate()
        assert not (output / "report.html").exists()
        done.append(finished())
    process = start(photos, output, *more)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "Report:" in out
    return done


def check_kills(photos: Path, whole: Path, broken: Path, kills: int, *more: str, runs: int) -> None:
    """`whole` is the same comparison, which nobody killed."""
    seed = random.randrange(10**6)
    print(f"random moments of seed {seed}")  # noqa: T201 - shown when the test fails
    done = killed_and_restarted(photos, broken, kills, random.Random(seed), *more, runs=runs)
    assert done == sorted(done)  # no finished run is lost
    assert answers(broken) == answers(whole)
    assert len(answers(whole)) >= 1 + 2 * runs
    leftovers = [p for p in broken.rglob("*") if p.name.endswith(".tmp") or p.name.startswith("resume")]
    assert not leftovers


@pytest.mark.usefixtures("in_this_process")
def test_runs_in_one_process_give_the_same_bytes(finished: Comparison, photos: Path, tmp_path: Path) -> None:
    found = skipwise.compare(photos, output=tmp_path / "out", executor=skipwise.InProcess(), **QUICK)
    assert answers(found.folder) == answers(finished.folder)


def test_killed_it_gives_the_same_bytes(finished: Comparison, photos: Path, tmp_path: Path) -> None:
    check_kills(photos, finished.folder, tmp_path / "broken", 1, "--seeds", "2", "--workers", "1", runs=4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kills", "options", "runs"),
    [
        (10, ("--models", "resnet18,se_resnet18,plain18"), 9),
        (4, ("--looks", "2,3", "--every-pair", "--tune", "lr=0.05,0.2"), 4),
        (4, ("--folds", "3"), 18),
    ],
    ids=["three networks", "looks and tuning", "folds"],
)
def test_killed_many_times_it_gives_the_same_bytes(
    photos: Path, tmp_path: Path, kills: int, options: tuple[str, ...], runs: int
) -> None:
    process = start(photos, tmp_path / "whole", *options)
    _, err = process.communicate()
    assert process.returncode == 0, err
    check_kills(photos, tmp_path / "whole", tmp_path / "broken", kills, *options, runs=runs)


@pytest.mark.slow
def test_stopped_every_run_is_saved_where_it_stands(photos: Path, tmp_path: Path) -> None:
    process = start(photos, tmp_path / "out", "--epochs", "5000")
    folders = tmp_path / "out" / "runs"
    while process.poll() is None and len(list(folders.glob("*/metrics.jsonl"))) < 2:
        time.sleep(0.2)
    begun = list(folders.iterdir())
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    for folder in begun:  # long before the time for a checkpoint comes
        _, state = next(load_checkpoints(folder / "resume.safetensors"))
        assert state["state"]["steps"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("busy", [False, True])
def test_a_worker_that_is_told_to_stop_ends_with_that_status(photos: Path, tmp_path: Path, busy: bool) -> None:
    """Any other would be taken for its network's fault."""
    process = start(photos, tmp_path / "out", "--epochs", "3000")
    while not (tmp_path / "out" / "images.json").exists():
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    command = [sys.executable, "-P", "-m", "skipwise.comparison.executors.worker_process", str(tmp_path / "out")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as worker:
        assert b'"ready"' in worker.stdout.readline()
        if busy:
            job = read_json(tmp_path / "out" / "plan.json", Plan).jobs("plain18", 0)[0]
            worker.stdin.write(msgspec.json.encode(job) + b"\n")
            worker.stdin.flush()
            assert b'"epoch"' in worker.stdout.readline()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=30) == 128 + signal.SIGTERM
        assert not worker.stderr.read()
    assert busy == bool(list(tmp_path.glob("out/runs/plain18-s0/resume*")))


def test_ctrl_c_says_how_to_go_on_and_leaves_no_process_behind(photos: Path, tmp_path: Path) -> None:
    process = start(photos, tmp_path / "out", "--epochs", "500", "--workers", "1")
    while process.poll() is None and not list((tmp_path / "out").glob("runs/*/metrics.jsonl")):
        time.sleep(0.05)
    children = children_of(process.pid)
    assert children
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert err.rstrip().endswith("Stopped. What is finished is kept; the same command goes on from there.")
    assert "Traceback" not in err
    for child in children:
        assert not Path(f"/proc/{child}").exists()


@pytest.mark.slow
def test_processes_end_with_the_one_that_started_them(photos: Path, tmp_path: Path) -> None:
    process = start(photos, tmp_path / "out", "--epochs", "500")
    while process.poll() is None and not list((tmp_path / "out").glob("runs/*/metrics.jsonl")):
        time.sleep(0.05)
    children = children_of(process.pid)
    # A second Skipwise keeps its hands off meanwhile.
    second = start(photos, tmp_path / "out", "--epochs", "500")
    _, err = second.communicate()
    assert second.returncode == 2
    assert "Another Skipwise is working in" in err
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 60
    while any(alive(child) for child in children):
        assert time.monotonic() < deadline, "a process went on without its master"
        time.sleep(0.1)


def alive(pid: str) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]
    except OSError:
        return False


def test_a_run_that_turns_to_nan_is_reported_and_the_rest_goes_on(cli: Run, photos: Path, tmp_path: Path) -> None:
    models = f"resnet18,{EXTERNAL}not_a_number,{EXTERNAL}raises,plain18"
    arguments = ["compare", photos, "--models", models, "--seeds", "2", "--epochs", "4", "--width", "0.125"]
    arguments += ["--precision", "fp32", "--workers", "1", "--output", "out"]
    result = cli(*arguments, prepare=time_briefly)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr + result.stdout
    assert f"{EXTERNAL}not_a_number, seed 0, failed: the loss became nan in epoch" in result.stderr
    assert f"2 of 2 runs of {EXTERNAL}not_a_number failed (seed 0: the loss became nan" in result.stdout
    assert "IndexError: list index out of range" in result.stdout
    assert "not judged" in result.stdout
    comparison = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert all((pair["a"], pair["b"]) == ("resnet18", "plain18") for pair in comparison["pairs"])
    assert [run["status"] for run in comparison["candidates"][3]["runs"]] == ["finished", "finished"]
    assert [run["status"] for run in comparison["candidates"][1]["runs"]] == ["failed", "failed"]
    error = tmp_path / "out" / "runs" / f"{EXTERNAL[:-1]}.raises-s0" / "error.txt"
    assert "Traceback" in error.read_text()  # kept for whoever wrote that network
    assert "failed" in (tmp_path / "out" / "report.html").read_text()
    # Failed runs are part of the record: asked again, the same answer.
    again = cli(*arguments)
    assert again.returncode == 2
    assert "is finished already" in again.stdout


@pytest.mark.slow
def test_when_every_run_fails_nothing_is_recommended(cli: Run, photos: Path) -> None:
    result = cli("compare", photos, "--models", "resnet18,plain18", "--seeds", "2", "--epochs", "2", "--lr", "1e20")
    assert result.returncode == 2
    assert "No network can be recommended" in result.stdout
    assert "a smaller --lr may help" in result.stdout
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_a_process_that_is_killed_is_replaced_so_often_and_no_more(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    monkeypatch.setenv("KILLED_COUNTER", str(counter))
    monkeypatch.setenv("KILLED_TIMES", str(2 * ATTEMPTS))  # once when its batch is tried
    options = QUICK | {"models": [f"{EXTERNAL}linear", f"{EXTERNAL}killed"], "epochs": 1}
    with pytest.raises(skipwise.SkipwiseError, match="was killed 3 times, perhaps because memory ran out"):
        skipwise.compare(photos, output=tmp_path / "out", workers=1, **options)
    # That says nothing about the network: the same command goes on, and gets by with two deaths more.
    comparison = skipwise.compare(photos, output=tmp_path / "out", workers=2, resume=True, **options)
    assert counter.read_text() == str(2 * ATTEMPTS)
    assert not any(candidate.failed for candidate in comparison.results.candidates)


@pytest.mark.slow
def test_two_at_once_do_not_write_over_each_other(photos: Path, tmp_path: Path) -> None:
    """Both choose the same next folder; the later one takes another."""

    options = ["--seeds", "2", "--epochs", "1", "--width", "0.125", "--precision", "fp32", "--workers", "1"]
    both = [
        Command("compare", photos, "--models", models, *options, cwd=tmp_path, prepare=time_briefly)
        for models in ("resnet18,plain18", "resnet18,mobilenet_v2")
    ]
    ends = [(process.communicate()[1], process.returncode) for process in both]
    assert [code for _, code in ends] == [0, 0], ends
    plans = list((tmp_path / "runs" / "compare").glob("*/plan.json"))
    assert len(plans) == 2
    for plan in plans:
        models = set(json.loads(plan.read_text())["question"]["candidates"])
        assert {path.name[:-3] for path in plan.parent.glob("runs/*")} == models


@pytest.mark.usefixtures("in_this_process")
def test_a_network_whose_code_changed_is_another_plan(
    here: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    code = "from torch import nn\ndef net(num_classes, in_channels):\n"
    code += "    return nn.Sequential(nn.AdaptiveAvgPool2d(SIZE), "
    code += "nn.Flatten(), nn.Linear(in_channels * SIZE * SIZE, num_classes))\n"
    (here / "changing_net.py").write_text(code.replace("SIZE", "1"))
    options = QUICK | {"models": "resnet18,changing_net:net", "epochs": 1}
    skipwise.compare(photos, output=here / "out", **options)
    (here / "changing_net.py").write_text(code.replace("SIZE", "2"))
    for more in ({}, {"extend": True, "seeds": None, "looks": (2, 3)}):
        with pytest.raises(skipwise.SkipwiseError, match="the code of a network changed"):
            skipwise.compare(photos, output=here / "out", **(options | more))


@pytest.mark.slow  # a fast one is in test_predict.py
def test_a_full_disk_stops_with_a_sentence_and_what_is_finished_goes_on(photos: Path, tmp_path: Path) -> None:
    """On a real file system of its own that is really full."""
    out = tmp_path / "small" / "out"
    out.parent.mkdir()
    compare = f"{sys.executable} -m skipwise compare {photos} --models resnet18,plain18 --seeds 4 --epochs 1"
    compare += f" --width 0.125 --precision fp32 --workers 1 --output {out}"
    command = f"""
        mount -t tmpfs -o size=1600k tmpfs {out.parent} || exit 77
        {compare}
        echo "status $?"
        find {out} -name '*.tmp'
        mount -o remount,size=64m {out.parent}
        ls {out}/runs/*/run.json | wc -l
        {compare} --resume
        echo "status $?"
    """
    result = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", command], capture_output=True, text=True, timeout=300
    )
    if result.returncode == 77 or "unshare failed" in result.stderr:
        pytest.skip("this machine lets nobody mount a file system")
    assert "status 2" in result.stdout, result.stderr
    assert "the disk is full; free some space and give the same command again." in result.stderr
    assert "Traceback" not in result.stderr
    assert ".tmp" not in result.stdout
    assert "Report:" in result.stdout
    assert "status 0" in result.stdout


@pytest.mark.slow
def test_seeds_advance_together_and_callbacks_are_called_with_every_epoch(photos: Path, tmp_path: Path) -> None:
    class Notes(skipwise.Callback):
        def __init__(self) -> None:
            self.epochs: list[Epoch] = []
            self.ended: list[RunEnd] = []
            self.plan: Plan | None = None

        def on_start(self, start: Start) -> None:
            self.plan = start.plan

        def on_epoch(self, epoch: Epoch) -> None:
            self.epochs.append(epoch)

        def on_run_end(self, end: RunEnd) -> None:
            self.ended.append(end)

    notes = Notes()
    skipwise.compare(photos, output=tmp_path / "out", workers=1, callbacks=[notes], **QUICK)
    runs = [("resnet18", 0), ("plain18", 0), ("resnet18", 1), ("plain18", 1)]
    assert [(end.record.spec.model, end.record.spec.seed) for end in notes.ended] == runs
    assert [(told.model, told.seed, told.epoch) for told in notes.epochs] == [(*run, n) for run in runs for n in (1, 2)]
    for end in notes.ended:  # and the file has what the callback was told
        told = [epoch for epoch in notes.epochs if epoch.run == end.run]
        assert [epoch.metrics for epoch in told] == list(read_history(tmp_path / "out" / end.run))
        assert told[-1].outcome == told[-1].val.accuracy
        assert all(0 < epoch.images_per_second < math.inf for epoch in told)
    assert notes.plan == read_json(tmp_path / "out" / "plan.json", Plan)


def test_verdicts_are_those_of_the_stored_predictions(finished: Comparison) -> None:
    correct = {}
    for model in QUICK["models"]:
        rows = []
        for seed in range(2):
            with np.load(finished.folder / "runs" / f"{model}-s{seed}" / "predictions.npz") as stored:
                rows.append(stored["test_logits"].argmax(axis=1) == stored["test_labels"])
        correct[model] = np.array(rows)
    candidates = finished.results.candidates
    learned = {each.name: [run.not_learned is None for run in each.runs] for each in candidates}
    judged = skipwise.statistics.judge(correct, margin=0.005, learned=learned)
    assert judged.pairs == finished.results.pairs
    for candidate in candidates:
        rows = correct[candidate.name][learned[candidate.name]]
        assert candidate.accuracy == (pytest.approx(rows.mean()) if len(rows) else None)


@pytest.mark.slow
def test_given_splits_are_used_as_given(tmp_path: Path) -> None:
    for split, count in (("train", 8), ("val", 3), ("test", 4)):
        make_photos(tmp_path / "images" / split, per_class=count)
    comparison = skipwise.compare(tmp_path / "images", output=tmp_path / "out", **QUICK)
    assert comparison.plan.split_images == {"train": 24, "val": 9, "test": 12}
    rows = (tmp_path / "out" / "split.csv").read_text().splitlines()
    assert all(row.startswith(f"{row.split(',')[2]}/") for row in rows[1:])


@pytest.mark.slow
def test_calling_compare_from_a_script_without_a_main_guard(photos: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import skipwise\n"
        f"found = skipwise.compare({str(photos)!r}, models=['resnet18', 'plain18'], seeds=2, epochs=1, width=0.125)\n"
        "print(found.report)\n"
    )
    result = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert result.stdout.strip() == "runs/compare/stripes/report.html", result.stderr
