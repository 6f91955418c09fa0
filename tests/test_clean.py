"""`clean`: what may go is listed with a reason; nothing else ever goes, and a kill leaves nothing half gone."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import skipwise
from skipwise.cleaning.clean import free
from skipwise.cleaning.record import Cleaning
from skipwise.comparison.plan.plan import COMPARISONS
from skipwise.comparison.restore import WORK
from skipwise.core.errors import SkipwiseError
from skipwise.core.files.atomic import leftovers
from skipwise.core.files.cache_folder import cache_folder
from skipwise.core.files.locks import locked
from skipwise.core.workspace.heartbeat import HEARTBEAT, Pulse
from skipwise.data.cache.origins import note_origin, origins
from skipwise.data.cache.rows import RowWriter
from skipwise.training.folder.dropped import DROPPED
from skipwise.training.folder.names import CHECKPOINT, WEIGHTS, previous
from skipwise.training.folder.record import read_run, write_run
from tests.fabricated import fabricate
from tests.simulated import answered

LONG_AGO = time.time() - 40 * 86400


def make_old(path: Path) -> None:
    os.utime(path, (LONG_AGO, LONG_AGO))


@pytest.fixture
def runs(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `runs` with a finished comparison of two networks and three seeds, and a cache of its own."""
    monkeypatch.setenv("SKIPWISE_CACHE", str(here / "cache"))
    home = here / "runs" / "compare" / "photos"
    plan = fabricate(("resnet18", "plain18"), tuned=False, exploratory=False).plan
    for model in ("resnet18", "plain18"):
        for seed in range(3):
            (job,) = plan.jobs(model, seed)
            record = answered(job, home, 0.5 + 0.1 * ((seed + 1) % 3))
            (home / job.folder / WEIGHTS).write_bytes(f"weights of {job.folder}".encode())
            write_run(home / job.folder, record)
    COMPARISONS.begin(home, plan)
    for name in ("comparison.json", "costs.json", "report.html", "source.json"):
        (home / name).write_text("{}")
    return here / "runs"


def found_in(found: Cleaning) -> set[tuple[str, str]]:
    return {(each.kind, "/".join(each.path.parts[-2:])) for each in found.found}


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


SPARE = {("weights", f"{model}-s{seed}/{WEIGHTS}") for model in ("resnet18", "plain18") for seed in (0, 2)}
"""The first and the third seed of each network did worse on the validation images than the second."""


def test_weights_that_nothing_refers_to_may_go_and_are_only_listed(runs: Path) -> None:
    before = everything(runs)
    found = skipwise.clean([runs])
    assert found_in(found) == SPARE
    assert all("skipwise restore" in each.again for each in found.found)
    assert found.size == sum(each.path.stat().st_size for each in found.found)
    assert everything(runs) == before


def test_they_go_with_yes_and_nothing_else_does(runs: Path) -> None:
    before = everything(runs)
    found = skipwise.clean([runs], yes=True)
    assert found.done
    assert not found.left
    assert found.freed == found.size
    after = everything(runs)
    gone = before.keys() - after.keys()
    assert {"/".join(Path(path).parts[-2:]) for path in gone} == {name for _, name in SPARE}
    assert {Path(path).name for path in after.keys() - before.keys()} <= {DROPPED, ".lock"}
    assert all(after[path] == before[path] for path in before.keys() - gone)
    assert not skipwise.clean([runs]).found
    for run in (runs / "compare" / "photos" / "runs").iterdir():
        assert read_run(run, "predictions.npz").status == "finished"


def test_what_is_referred_to_stays(runs: Path) -> None:
    """By an exported network, by a comparison that includes it, and by a network that started from it."""
    home = runs / "compare" / "photos"

    def digest(run: str) -> str:
        return json.loads((home / "runs" / run / "run.json").read_text())["files"][WEIGHTS]

    artifact = runs / "export" / "network"
    artifact.mkdir(parents=True)
    (artifact / "artifact.json").write_text(json.dumps({"provenance": {"weights": digest("resnet18-s0")}}))
    other = runs / "compare" / "other"
    other.mkdir()
    including = {"folder": str((home / "runs" / "resnet18-s2").absolute())}
    plan = {"question": {"looks": [5]}, "data": "x", "recipe": {"epochs": 1, "batch_size": 1}, "split_images": {}}
    plan |= {"included": [including], "init": {"plain18": {"sha256": digest("plain18-s0")}}}
    (other / "plan.json").write_text(json.dumps(plan))
    assert found_in(skipwise.clean([runs])) == {("weights", f"plain18-s2/{WEIGHTS}")}


@pytest.mark.parametrize("unfinished", ["comparison.json", "costs.json", "report.html", "source.json"])
def test_weights_stay_while_a_comparison_is_unfinished_or_could_not_train_them_again(
    runs: Path, unfinished: str
) -> None:
    (runs / "compare" / "photos" / unfinished).unlink()
    assert not skipwise.clean([runs]).found


def test_checkpoints_go_when_their_run_has_ended_or_is_abandoned(runs: Path) -> None:
    home = runs / "compare" / "photos"
    ended = home / "runs" / "resnet18-s1" / CHECKPOINT
    ended.write_bytes(b"state")
    (home / "report.html").unlink()
    for number, old in enumerate((True, False)):
        run = home / "runs" / f"resnet18-s{7 + number}"
        run.mkdir()
        for path in (run / CHECKPOINT, previous(run / CHECKPOINT)):
            path.write_bytes(b"state")
            if old:
                make_old(path)
    abandoned = {("checkpoint", f"resnet18-s7/{name}") for name in (CHECKPOINT, previous(Path(CHECKPOINT)).name)}
    assert found_in(skipwise.clean([runs])) == {("leftover", f"resnet18-s1/{CHECKPOINT}"), *abandoned}
    assert found_in(skipwise.clean([runs], older_than=50)) == {("leftover", f"resnet18-s1/{CHECKPOINT}")}


def test_leftovers_of_killed_writes_go_and_files_that_only_look_like_them_stay(runs: Path) -> None:
    home = runs / "compare" / "photos"
    left = home / ".report.html.123456789.tmp"
    for path in (left, home / ".mine.tmp", home / "notes.123.tmp", runs / ".report.html.1.tmp"):
        path.write_text("x")
    assert [path.name for path in leftovers(home)] == [left.name]
    assert found_in(skipwise.clean([home])) - SPARE == {("leftover", f"photos/{left.name}")}
    skipwise.clean([home], yes=True)
    assert not left.exists()
    assert (home / ".mine.tmp").exists()
    assert (home / "notes.123.tmp").exists()


def test_what_a_process_works_on_is_left_alone(runs: Path) -> None:
    home = runs / "compare" / "photos"
    with locked(home):  # by this process, which is another one than that of `clean` for all it knows
        listed = skipwise.clean([runs])
        if not listed.found:  # where the system lists its locks, nothing is even listed
            assert not skipwise.clean([runs], yes=True).freed
    pulse = Pulse(home / "runs" / "resnet18-s2")
    pulse.beat()
    assert not skipwise.clean([runs]).found  # a worker is at work in it
    pulse.close()
    found = skipwise.clean([runs])
    assert found_in(found) == SPARE
    before = everything(runs)
    with locked(home):  # begun since it was listed
        done = free(found.found, listed=time.time())
    assert (done.freed, len(done.left)) == (0, len(SPARE))
    assert everything(runs).keys() - before.keys() <= {str(home / ".lock")}


def test_a_dead_process_leaves_a_heartbeat_that_may_go(runs: Path) -> None:
    home = runs / "compare" / "photos"
    Pulse(home).beat()
    said = json.loads((home / HEARTBEAT).read_text())
    (home / HEARTBEAT).write_text(json.dumps({**said, "pid": 2**22 - 1}))
    assert ("leftover", f"photos/{HEARTBEAT}") in found_in(skipwise.clean([runs]))


def test_a_kill_in_the_middle_leaves_each_run_with_weights_or_a_record_of_them(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Path.unlink, 0

    def killed(path: Path, missing_ok: bool = False) -> None:
        nonlocal calls
        if path.name == WEIGHTS:
            calls += 1
            if calls == 2:
                raise KeyboardInterrupt
        real(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            skipwise.clean([runs], yes=True)
    home = runs / "compare" / "photos" / "runs"
    assert all((run / WEIGHTS).exists() or (run / DROPPED).exists() for run in home.iterdir())
    assert skipwise.clean([runs], yes=True).freed
    assert not skipwise.clean([runs]).found


class TestCache:
    @pytest.fixture
    def pixels(self, runs: Path) -> Path:  # noqa: ARG002 - the cache is beside them
        folder = cache_folder() / "pixels"
        folder.mkdir(parents=True)
        path = folder / f"{'0123' * 8}.npy"
        path.write_bytes(b"pixels")
        return path

    def test_what_was_not_used_for_long_may_go(self, pixels: Path, runs: Path) -> None:
        assert not [each for each in skipwise.clean([runs]).found if each.kind == "cache"]
        make_old(pixels)
        (cached,) = (each for each in skipwise.clean([runs]).found if each.kind == "cache")
        assert cached.path == pixels
        assert "not used for 40 days" in cached.why
        assert not [each for each in skipwise.clean([runs], older_than=50).found if each.kind == "cache"]
        assert not [each for each in skipwise.clean([runs], cache=False).found if each.kind == "cache"]
        skipwise.clean([runs], yes=True)
        assert not pixels.exists()

    def test_packs_whose_images_are_gone_may_go_at_once(self, pixels: Path, runs: Path, here: Path) -> None:
        photos, copy = here / "photos", here / "copy"
        for folder in (photos, copy):
            folder.mkdir()
            note_origin(pixels, folder)
            note_origin(pixels, folder)
        assert origins(pixels) == [str(photos), str(copy)]
        photos.rmdir()
        assert not [each for each in skipwise.clean([runs]).found if each.kind == "pack"]  # the copy is there
        copy.rmdir()
        (pack,) = (each for each in skipwise.clean([runs]).found if each.kind == "pack")
        assert (pack.path, "the images are gone from" in pack.why) == (pixels, True)
        skipwise.clean([runs], yes=True)
        assert list(pixels.parent.iterdir()) == []

    def test_a_disk_that_is_not_there_is_no_reason(self, pixels: Path, runs: Path) -> None:
        note_origin(pixels, Path("/nowhere/usb/photos"))
        assert not [each for each in skipwise.clean([runs]).found if each.kind == "pack"]

    @pytest.mark.parametrize("theirs", ["datasets/cats/1.png", "huggingface/hub/token", "pixels/mine.npy"])
    def test_a_folder_that_others_use_too_is_no_cache_of_ours(self, theirs: str, runs: Path) -> None:
        file = cache_folder() / theirs
        file.parent.mkdir(parents=True)
        file.write_text("x")
        make_old(file)
        make_old(file.parent)
        assert not [each for each in skipwise.clean([runs]).found if each.kind == "cache"]
        skipwise.clean([runs], yes=True, older_than=0)
        assert file.exists()

    def test_a_downloaded_set_of_ours_may_go(self, runs: Path) -> None:
        folder = cache_folder() / "datasets" / "CIFAR10"
        folder.mkdir(parents=True)
        make_old(folder)
        (cache_folder() / "locks" / "datasets-CIFAR10").mkdir(parents=True)
        assert [each.path for each in skipwise.clean([runs]).found if each.kind == "cache"] == [folder]

    def test_an_empty_mount_point_is_no_reason(self, pixels: Path, runs: Path, here: Path) -> None:
        (here / "disk").mkdir()
        note_origin(pixels, here / "disk" / "photos")
        assert not [each for each in skipwise.clean([runs]).found if each.kind == "pack"]

    def test_decoded_images_that_a_process_reads_stay(self, runs: Path, here: Path) -> None:
        path = cache_folder() / "pixels" / f"{'0123' * 8}.npy"
        writer = RowWriter(here / "rows", (1, 2, 2, 1))
        writer.begin()
        writer.write([0], [b"abcd"])
        reader = writer.finish(path, lambda _: np.zeros((1, 2, 2, 1), np.uint8))
        writer.close()
        note_origin(path, here / "gone")
        found = skipwise.clean([runs], yes=True)
        assert (path.exists(), [each.path for each in found.left]) == (True, [path])
        del reader
        skipwise.clean([runs], yes=True)
        assert not path.exists()

    def test_what_is_not_ours_in_it_stays(self, pixels: Path, runs: Path) -> None:
        strange = cache_folder() / "mine"
        strange.mkdir()
        (strange / "file").write_text("x")
        link = pixels.with_name("linked.npy")
        link.symlink_to(strange / "file")
        make_old(strange / "file")
        skipwise.clean([runs], yes=True, older_than=0)
        assert (strange / "file").exists()
        assert link.is_symlink()


def test_what_is_used_after_it_was_listed_stays(runs: Path) -> None:
    listed = time.time()
    found = skipwise.clean([runs]).found
    os.utime(found[0].path, (listed + 60, listed + 60))
    left = free(found, listed=listed).left
    assert [each.path for each in left] == [found[0].path]
    assert found[0].path.exists()


def test_an_abandoned_restore_is_as_old_as_its_newest_file(runs: Path) -> None:
    place = runs / "compare" / "photos" / WORK
    (place / "runs").mkdir(parents=True)
    (place / "runs" / "state").write_text("x")
    make_old(place)
    assert "checkpoint" not in {each.kind for each in skipwise.clean([runs]).found}


def test_a_run_that_is_included_by_a_relative_path_stays_wherever_it_is_asked(
    runs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = runs / "compare" / "other"
    other.mkdir()
    plan = {"question": {"looks": [5]}, "data": "x", "recipe": {"epochs": 1, "batch_size": 1}, "split_images": {}}
    plan["included"] = [{"folder": "runs/compare/photos/runs/resnet18-s2"}]
    (other / "plan.json").write_text(json.dumps(plan))
    monkeypatch.chdir(tmp_path)
    assert ("weights", f"resnet18-s2/{WEIGHTS}") not in found_in(skipwise.clean([runs]))


def test_comparisons_of_a_study_that_is_at_work_stay(runs: Path) -> None:
    study = runs / "compare"
    (study / "plan.json").write_text(json.dumps({"study": "x", "setup": {"designs": []}}))
    assert found_in(skipwise.clean([study])) == SPARE
    pulse = Pulse(study)
    pulse.beat()
    assert not skipwise.clean([study]).found
    pulse.close()


@pytest.mark.parametrize("kind", ["nothing", "a file"])
def test_a_folder_that_is_none_is_refused(kind: str, tmp_path: Path) -> None:
    if kind == "a file":
        (tmp_path / "x").write_text("")
    with pytest.raises(SkipwiseError, match=r"does not exist|is a file"):
        skipwise.clean([tmp_path / "x"])


def test_where_nothing_was_made_nothing_may_go(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKIPWISE_CACHE", str(here / "cache"))
    assert skipwise.clean([]) == Cleaning(found=())


def test_damaged_works_are_left_alone(runs: Path) -> None:
    plan = runs / "compare" / "photos" / "plan.json"
    plan.write_text(plan.read_text()[:100])
    assert not skipwise.clean([runs]).found
    shutil.rmtree(runs / "compare")
    (runs / "compare" / "photos").mkdir(parents=True)
    (runs / "compare" / "photos" / "plan.json").write_text("[]")
    assert not skipwise.clean([runs]).found


def test_the_command_line_lists_and_then_frees(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from skipwise.cli import app

    def call(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["skipwise", "clean", *words])
        with pytest.raises(SystemExit) as stopped:
            app.main()
        return int(stopped.value.code or 0), capsys.readouterr().out

    status, out = call("runs")
    assert (status, "Next:   skipwise clean runs --yes" in out) == (0, True)
    assert "4 files may go" in out
    (row,) = [line for line in out.splitlines() if "weights" in line]
    assert f"{Path('runs/compare/photos/runs')}: 4 runs, such as " in row, "one row for each comparison"
    status, out = call("runs", "--json")
    assert {each["kind"] for each in json.loads(out)["found"]} == {"weights"}
    status, out = call("runs", "--yes")
    assert (status, "Freed" in out) == (0, True)
    status, out = call("runs")
    assert (status, out) == (0, "Nothing may go.\n")
    assert replace(skipwise.clean([runs]), found=()) == Cleaning(found=())
