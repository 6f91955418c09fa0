"""`status`: what is said of work that goes on, is over, was killed, or is nobody's; looking changes nothing."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

import skipwise
from skipwise.cli.commands import status as watching
from skipwise.cli.summaries.status import shown
from skipwise.comparison.plan.plan import COMPARISONS, Plan
from skipwise.comparison.results.interim import INTERIM, write_interim
from skipwise.comparison.run.interim import interim_of
from skipwise.comparison.run.study import run_study
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.locks import holder, locked
from skipwise.core.workspace.heartbeat import HEARTBEAT, Heartbeat, Pulse, read_heartbeat
from skipwise.training.folder.files import write_history
from skipwise.training.folder.record import failed_run, write_run
from skipwise.training.folder.state import EpochMetrics
from skipwise.training.tuning.tuning import Tuning
from skipwise.watching import wording
from skipwise.watching.page import page_of
from skipwise.watching.record import Status
from tests.processes import heavy_imports
from tests.test_study import Answering, by_name, make_plan

KEPT = Path(__file__).parent / "kept"
EARLIER = pytest.mark.filterwarnings("ignore::skipwise.core.files.checksums.UnsealedWarning")
ACCURACIES = {"resnet18": 0.9, "plain18": 0.8}


def begin(folder: Path, **changes: Any) -> Plan:
    """A comparison that was begun, of which no run was done."""
    plan = make_plan(folder, looks=changes.pop("looks", (2, 3)), processes=2, **changes)
    COMPARISONS.begin(folder, plan)
    return plan


def do(plan: Plan, folder: Path, *runs: tuple[str, int]) -> None:
    """Does some of its runs."""
    for model, seed in runs:
        Answering(folder, by_name(**ACCURACIES)).run(plan.jobs(model, seed)[0])


def look(plan: Plan, folder: Path, **accuracies: float) -> None:
    """Takes its first look, which is written down."""
    seen: list[Any] = []

    def looked(taken: Any) -> None:
        seen.append(taken)
        write_interim(folder, interim_of(taken))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(plan, folder, Answering(folder, by_name(**(accuracies or ACCURACIES))), looked=looked)


def beat(folder: Path, *, ago: float = 0.0, **said: Any) -> None:
    """A heartbeat that was written so many seconds ago."""
    now = time.time()
    fields: dict[str, Any] = {"host": "node7", "pid": 4711, "began": now - 100, "now": now - ago, **said}
    (folder / HEARTBEAT).write_bytes(msgspec.json.encode(Heartbeat(**fields)))
    os.utime(folder / HEARTBEAT, (now - ago, now - ago))


def content(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file in a folder, with its time."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


def text_of(found: Status) -> str:
    lines = [wording.headline(found), wording.counted(found), wording.expectation(found), *wording.silences(found)]
    return " ".join([*lines, wording.interim_title(found), found.next_cost, wording.peeking(found)])


@pytest.fixture
def running(tmp_path: Path) -> Path:
    """A comparison with two runs done, one failed, and one that goes on on another machine."""
    folder = tmp_path / "out"
    plan = begin(folder)
    do(plan, folder, ("resnet18", 0), ("plain18", 0))
    job = plan.jobs("plain18", 1)[0]
    (folder / job.folder).mkdir()
    write_run(folder / job.folder, failed_run(job.spec, "the loss became nan"))
    run = folder / plan.jobs("resnet18", 1)[0].folder
    run.mkdir()
    write_history(run, (EpochMetrics(1, 1.0, 0.1, None, 2.0), EpochMetrics(2, 0.9, 0.1, None, 0.5)))
    beat(run, steps=40, steps_in_all=100, left=60.0, ago=10.0)
    beat(folder, doing="Look 1 of 2", left=90.0, ago=10.0, processes=2)
    return folder


def test_runs_are_counted_with_where_they_run_and_how_fast(running: Path) -> None:
    before = content(running)
    found = skipwise.status(running)
    assert content(running) == before
    assert (found.kind, found.state, found.doing) == ("comparison", "running", "Look 1 of 2")
    states = {(run.model, run.seed): run.state for run in found.runs}
    assert states == {
        ("resnet18", 0): "done",
        ("plain18", 0): "done",
        ("plain18", 1): "failed",
        ("resnet18", 1): "running",
    }
    (run,) = (run for run in found.runs if run.state == "running")
    assert run.place is not None
    assert (run.place.host, run.place.pid, run.epoch) == ("node7", 4711, 2)
    # 100 training images in batches of the plan's size, in half a second.
    batch = COMPARISONS.plan_of(running).recipe.batch_size  # type: ignore[union-attr]
    assert run.images_per_second == (batch * (100 // batch) / 0.5 or None)
    assert run.left == pytest.approx(50, abs=2)  # what its process said, less the time since
    assert found.next_look is not None
    assert (found.next_look.seeds, found.next_look.seconds) == (2, pytest.approx(80, abs=2))
    assert found.last_look is not None
    assert (found.last_look.seeds, found.last_look.seconds) == (3, pytest.approx(81, abs=2))  # two runs of 1 s at once
    said = text_of(found)
    assert "2 of 4 runs done, 1 running" in said
    assert "1 failed" in said
    assert "running on node7, process 4711; look 1 of 2" in said


def test_the_rates_that_a_search_has_tried_are_shown_and_no_others(tmp_path: Path) -> None:
    plan = replace(begin(tmp_path), tuning=Tuning(rates=(0.01, 1.0), epochs=6, seed=999, trials=8))
    COMPARISONS.begin(tmp_path, plan)
    for epochs in (2, None):
        job = plan.tuning_job("resnet18", {"lr": 0.125}, epochs=epochs)
        (tmp_path / job.folder).mkdir(parents=True)
        write_run(tmp_path / job.folder, failed_run(job.spec, "the loss became nan"))
    beat(tmp_path, doing="Tuning 1 of 2")
    found = skipwise.status(tmp_path)
    tuned = {(run.folder, run.epochs, run.state) for run in found.runs if run.folder.startswith("tuning/")}
    name = "tuning/resnet18-s999-lr0.125"
    assert tuned == {(name, 6, "failed"), (f"{name}-e2", 2, "failed")}
    assert found.next_look is None  # nobody knows yet which rates follow


def test_before_a_look_nothing_is_judged(running: Path) -> None:
    found = skipwise.status(running)
    assert found.interim is None
    assert "Nothing was judged yet" in text_of(found)
    page = page_of(found, again=None)
    assert "is better" not in page
    assert "Interim" not in page


def test_after_a_look_its_intervals_are_interim_and_its_verdicts_stay(tmp_path: Path) -> None:
    plan = begin(tmp_path, looks=(2, 3))
    look(plan, tmp_path)
    found = skipwise.status(tmp_path)
    assert found.interim is not None
    assert found.interim.looks == (2,)
    assert [(pair.a, pair.b, pair.verdict) for pair in found.interim.pairs] == [("resnet18", "plain18", "better")]
    assert all(each.low is not None and each.low < each.value < each.high for each in found.interim.networks)  # type: ignore[operator]
    said = text_of(found)
    assert "Interim, from the look after 2 seeds (look 1 of 2)" in said
    assert "stays settled" in said
    assert wording.at_look(found.interim.pairs[0]) == "resnet18 is better"


def test_what_a_look_leaves_open_is_open_and_its_cost_is_told(tmp_path: Path) -> None:
    plan = begin(tmp_path, looks=(2, 30))
    look(plan, tmp_path, resnet18=0.9, plain18=0.9)
    found = skipwise.status(tmp_path, price="$3600/h")
    assert found.interim is not None
    assert [pair.verdict for pair in found.interim.pairs] == ["unresolved"]
    assert wording.at_look(found.interim.pairs[0]) == "open"
    # 28 more runs of each, of a second, two at a time.
    assert "The next look, after 30 seeds, takes 56 runs, about 28 s: it costs about" in found.next_cost
    assert "($28.00), and has a" in found.next_cost
    assert sum(run.state == "waiting" for run in found.runs) == 56


def test_a_process_that_was_killed_is_not_at_work(tmp_path: Path) -> None:
    plan = begin(tmp_path)
    run = tmp_path / plan.jobs("resnet18", 0)[0].folder
    run.mkdir(parents=True)
    script = "import sys, time; from pathlib import Path; from skipwise.core.workspace.heartbeat import Pulse\n"
    script += "Pulse(Path(sys.argv[1])).beat(left=9.0); print(flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", script, run], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (first, *_) = skipwise.status(tmp_path).runs
        assert first.state == "running"
        assert first.place is not None
        assert (first.place.host, first.place.pid) == (socket.gethostname(), process.pid)
        process.send_signal(signal.SIGKILL)
    found = skipwise.status(tmp_path)
    assert (found.state, found.runs[0].state) == ("stopped", "waiting")
    assert "nobody is seen working on it" in text_of(found)
    assert found.next_look is None


def test_a_machine_that_is_silent_is_named_and_at_last_given_up(tmp_path: Path) -> None:
    begin(tmp_path)
    beat(tmp_path, ago=300)
    found = skipwise.status(tmp_path)
    assert found.state == "running"
    assert f"{tmp_path} on node7, process 4711 was not heard of for 5 min." in text_of(found)
    beat(tmp_path, ago=7200)
    assert skipwise.status(tmp_path).state == "stopped"


def test_a_clock_that_is_off_changes_nothing_and_is_named(tmp_path: Path) -> None:
    begin(tmp_path)
    beat(tmp_path, left=90.0)
    right = skipwise.status(tmp_path)
    said, _ = read_heartbeat(tmp_path) or pytest.fail("there is one")
    beat(tmp_path, left=90.0, now=said.now + 3600)
    found = skipwise.status(tmp_path)
    assert found.next_look is not None
    assert right.next_look is not None
    assert found.next_look.seconds == pytest.approx(right.next_look.seconds, abs=2)
    assert "The clock of node7 is 60 min ahead of that of the disk; nothing depends on it." in text_of(found)


def test_a_lock_is_seen_without_being_touched(tmp_path: Path) -> None:
    begin(tmp_path)
    with locked(tmp_path):
        if holder(tmp_path) is None:
            pytest.skip("this system does not list its locks")
        before = content(tmp_path)
        found = skipwise.status(tmp_path)
        assert content(tmp_path) == before
        assert found.place is not None
        assert (found.state, found.place.pid) == ("running", os.getpid())
    assert holder(tmp_path) is None


def test_a_heartbeat_goes_when_the_work_does_and_never_stops_it(tmp_path: Path) -> None:
    pulse = Pulse(tmp_path)
    pulse.beat(doing="Look 1 of 2")
    said, _ = read_heartbeat(tmp_path) or pytest.fail("there is one")
    assert (said.doing, said.pid) == ("Look 1 of 2", os.getpid())
    assert not pulse.due
    pulse.close()
    assert list(tmp_path.iterdir()) == []
    lost = Pulse(tmp_path / "gone")
    lost.beat()
    lost.close()


def test_files_may_be_replaced_meanwhile(running: Path) -> None:
    """Each look finds every file whole, as it was or as it is, or not at all."""
    plan = COMPARISONS.plan_of(running)
    assert plan is not None
    look(replace(plan, question=replace(plan.question, looks=(2, 3))), running)
    over = threading.Event()
    record = (running / "runs" / "resnet18-s0" / "run.json").read_bytes()

    def change() -> Iterator[None]:
        while True:
            for place, name in (
                (running, INTERIM),
                (running, HEARTBEAT),
                (running / "runs" / "resnet18-s0", "run.json"),
            ):
                file = place / name
                before = file.read_bytes() if file.exists() else record
                file.unlink(missing_ok=True)
                yield
                file.write_bytes(before[: len(before) // 2])
                yield
                file.write_bytes(before)
                yield

    def work() -> None:
        for _ in change():
            if over.is_set():
                return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(15):
            found = skipwise.status(running)
            assert found.kind == "comparison"
            page_of(found, again=2.0)
    finally:
        over.set()
        thread.join()


@EARLIER
def test_works_of_earlier_versions_are_known() -> None:
    finished, unfinished, run = (skipwise.status(KEPT / name) for name in ("finished", "unfinished", "run"))
    assert (finished.state, len(finished.runs), finished.interim) == ("finished", 4, None)
    assert (unfinished.state, {run.state for run in unfinished.runs}) == ("stopped", {"done", "waiting"})
    assert (run.kind, run.state, run.runs[0].epoch) == ("run", "finished", 10)
    assert "of the test images right" in run.result


@EARLIER
def test_a_folder_may_hold_several_and_those_that_run_come_first(tmp_path: Path) -> None:
    begin(tmp_path / "compare" / "a")
    begin(tmp_path / "compare" / "b")
    beat(tmp_path / "compare" / "b", left=90.0)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "digits").symlink_to(KEPT / "run")  # links are not followed
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "plan.json").write_text('{"holidays": true}')
    found = skipwise.status(tmp_path)
    assert (found.kind, found.state) == ("folder", "running")
    assert [Path(part.folder).name for part in found.parts] == ["b", "a"]
    assert found.is_running


def test_a_judgement_beside_comparisons_is_no_damaged_comparison(tmp_path: Path) -> None:
    """Its plan has a question, too."""
    begin(tmp_path / "compare" / "a")
    (tmp_path / "judge" / "b").mkdir(parents=True)
    (tmp_path / "judge" / "b" / "plan.json").write_text('{"question": {"looks": [2]}, "fingerprint": "0"}')
    assert [part.state for part in skipwise.status(tmp_path).parts] == ["stopped"]


@EARLIER
def test_what_is_finished_in_a_folder_is_a_line_each_and_of_many_some_are_counted(tmp_path: Path) -> None:
    for number in range(12):
        shutil.copytree(KEPT / "run", tmp_path / "train" / f"digits-{number}")
    begin(tmp_path / "compare" / "a")
    lines = io.StringIO()
    Console(file=lines, width=500).print(shown(skipwise.status(tmp_path)))
    said = lines.getvalue().splitlines()
    assert sum(line.startswith(f"Run {tmp_path / 'train' / 'digits-'}") for line in said) == 10
    assert said[-1] == "And 2 more are finished; --json has them all."
    assert not any(line.startswith("run ") for line in said)  # no table of each


def test_a_study_has_its_comparisons(tmp_path: Path) -> None:
    designs = [{"name": "first", "title": "As many epochs"}, {"name": "second", "title": "As much time"}]
    plan = {"study": "depth", "setup": {"designs": designs}, "settled": None}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    begin(tmp_path / "first")
    beat(tmp_path / "first")
    found = skipwise.status(tmp_path)
    assert (found.kind, found.state, [part.state for part in found.parts]) == (
        "study",
        "running",
        ["running", "waiting"],
    )
    (tmp_path / "study.json").write_text('{"verdict": "contradicted"}')
    assert skipwise.status(tmp_path).result == "the claim is contradicted"


def test_a_damaged_plan_is_told_among_others_and_by_itself(tmp_path: Path) -> None:
    begin(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "plan.json").write_text('{"question": {"looks"')
    found = skipwise.status(tmp_path)
    assert [part.state for part in found.parts] == ["stopped", "damaged"]
    assert "b/plan.json is damaged" in found.parts[1].problem
    assert skipwise.status(tmp_path / "b").state == "damaged"


@pytest.mark.parametrize("kind", ["nothing", "empty", "a file", "somebody's"])
def test_what_is_no_work_of_ours_is_refused_in_a_sentence(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "x"
    if kind == "a file":
        folder.write_text("")
    elif kind != "nothing":
        folder.mkdir()
    if kind == "somebody's":
        (folder / "notes.txt").write_text("")
        (folder / "plan.json").write_text("[]")
    with pytest.raises(SkipwiseError, match=r"does not exist|is a file|holds no comparison"):
        skipwise.status(folder)


def test_it_needs_no_torch_nor_anything_heavy(running: Path, tmp_path: Path) -> None:
    ((status, heavy),) = heavy_imports([["status", running]], tmp_path)
    assert (status, set(heavy) & {"torch", "scipy", "numpy", "sklearn", "PIL"}) == (0, set())


@pytest.mark.parametrize(
    ("page", "why"), [(".", "a folder is in the way"), ("there", "a folder is in the way"), ("no/file/x", "a part of")]
)
def test_a_page_that_cannot_be_written_names_the_option(page: str, why: str, running: Path, here: Path) -> None:
    (here / "there").mkdir()
    (here / "no").mkdir()
    (here / "no" / "file").touch()
    with pytest.raises(skipwise.SkipwiseError, match=rf"{why}.*; name another file with --page\.$"):
        skipwise.status(running, page=page)


def test_the_page_is_whole_and_reads_itself_again_only_while_it_is_written(running: Path, tmp_path: Path) -> None:
    page = tmp_path / "status.html"
    found = skipwise.status(running, page=page)
    once, again = page.read_text(), page_of(found, again=2.0)
    assert 'http-equiv="refresh"' not in once
    assert '<meta http-equiv="refresh" content="2">' in again
    assert "node7" in once
    assert "http://" not in once
    assert "https://" not in once
    nasty = replace(found, folder="<script>alert(1)</script>")
    assert "<script>alert" not in page_of(nasty, again=None)


def test_watching_prints_lines_and_ends_with_the_work(
    running: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(watching, "LOOKS_APART", 0.01)
    page = tmp_path / "status.html"

    looks = 0
    real = Status.is_running.fget  # type: ignore[attr-defined]

    def ends(self: Status) -> bool:
        nonlocal looks
        looks += 1
        if looks == 6:  # the work ends while it is watched
            (running / HEARTBEAT).unlink()
            for heartbeat in running.rglob(HEARTBEAT):
                heartbeat.unlink()
        return bool(real(self))

    monkeypatch.setattr(Status, "is_running", property(ends))
    monkeypatch.setattr(sys, "argv", ["skipwise", "status", str(running), "--watch", "--page", str(page)])
    from skipwise.cli import app

    with pytest.raises(SystemExit) as stopped:
        app.main()
    out = capsys.readouterr().out
    assert not stopped.value.code
    assert out.splitlines()[0][2] == ":"  # a line begins with the time
    assert "2 of 4 runs done, 1 running" in out
    assert "nobody is seen working on it" in out
    assert 'http-equiv="refresh"' not in page.read_text()


@pytest.mark.slow
def test_a_comparison_is_watched_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    """In other processes: the heartbeats come, go with a kill, come again, and are gone at the end; so is the rest."""
    words = ["digits", "--models", "resnet20,plain20", "--width", "0.0625", "--stem", "small", "--epochs", "3"]
    words += ["--looks", "2,3", "--precision", "fp32", "--no-compile", "--output", str(tmp_path / "out")]
    command = [sys.executable, "-m", "skipwise", "compare", *words]
    seen: set[str] = set()

    def look_on(process: subprocess.Popen[bytes], until: str = "") -> None:
        while process.poll() is None:
            if (tmp_path / "out" / "plan.json").exists():
                found = skipwise.status(tmp_path / "out")
                seen.update(run.state for run in found.runs)
                seen.add(found.state)
                if until in seen:
                    return
            time.sleep(0.05)

    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        look_on(process, until="done")
        process.kill()
    for _ in range(200):  # its workers notice, and end
        if (stopped := skipwise.status(tmp_path / "out")).state == "stopped":
            break
        time.sleep(0.1)
    assert stopped.state == "stopped"
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        look_on(process)
    assert process.returncode == 0
    assert {"running", "done", "waiting"} <= seen
    assert skipwise.status(tmp_path / "out").state == "finished"
    names = {path.name for path in (tmp_path / "out").rglob("*")}
    assert not names & {HEARTBEAT, INTERIM}
