"""The verb train: one network, from a folder of images to a run folder."""

from __future__ import annotations

import itertools
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import skipwise
from skipwise.cli.live import TrainScreen
from skipwise.data.image.preprocess import Preprocessing
from skipwise.training.callbacks import Callback, Epoch
from skipwise.training.folder.state import TrainState
from skipwise.training.loop.recipe import RECIPES
from skipwise.training.planning.inputs import with_sizes_for_all
from skipwise.training.run import saving
from skipwise.training.train import train
from tests.conftest import Run
from tests.processes import Command, heavy_imports

OPTIONS = {"model": "resnet18", "epochs": 2, "width": 0.25, "precision": "fp32"}


@pytest.mark.usefixtures("here")
def test_the_same_call_again_shows_the_run_unless_it_is_to_be_made_again(photos: Path) -> None:
    first = train(photos, **OPTIONS)
    assert first.folder == Path("runs/train/stripes")
    assert {path.name for path in first.folder.iterdir() if not path.name.startswith(".")} == {
        "metrics.jsonl",
        "predictions.npz",
        "run.json",
        "source.json",
        "split.csv",
        "terms.json",
        "weights.safetensors",
    }
    for named in ({"output": first.folder}, {}, {"precision": "fp32"}, {"resume": True}):
        again = train(photos, **(OPTIONS | named))
        assert (again.folder, again.record, again.repeated) == (first.folder, first.record, True), named
    second = train(photos, **OPTIONS, again=True)
    assert second.folder == Path("runs/train/stripes-2")
    assert not second.repeated
    weights = [run.folder / "weights.safetensors" for run in (first, second)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert train(photos, **OPTIONS).folder == second.folder
    with pytest.raises(skipwise.SkipwiseError, match="holds a run that is finished; to make another with --again"):
        train(photos, **OPTIONS, output=first.folder, again=True)
    with pytest.raises(skipwise.SkipwiseError, match="--again begins anew and --resume goes on"):
        train(photos, **OPTIONS, again=True, resume=True)
    with pytest.raises(skipwise.SkipwiseError, match="was begun in fp32; leave --precision out"):
        train(photos, **{**OPTIONS, "precision": "bf16"}, output=first.folder)
    # What was begun without for want of a compiler goes on so, and so does everything else.
    assert train(photos, **OPTIONS, compile=True, output=first.folder).repeated
    for change, sentence in [
        ({"mirror": False}, "mirror is True there and False here"),
        ({"epochs": 3}, "epochs is 2 there and 3 here"),
        ({"seed": 1}, "seed is 0 there and 1 here"),
        ({"width": 0.5}, "width is 0.25 there and 0.5 here"),
    ]:
        with pytest.raises(skipwise.SkipwiseError, match=sentence):
            train(photos, **{**OPTIONS, **change}, output=first.folder)
    with pytest.MonkeyPatch.context() as patch:  # as after an update
        patch.setitem(RECIPES, "standard", replace(RECIPES["standard"], weight_decay=1e-4))
        with pytest.raises(skipwise.SkipwiseError, match="the recipe 'standard' has changed since then"):
            train(photos, **OPTIONS, output=first.folder)
    with pytest.raises(skipwise.SkipwiseError, match="the images differ"):
        train("digits", **OPTIONS, output=first.folder)
    with pytest.raises(skipwise.SkipwiseError, match="nothing to resume"):
        train(photos, **{**OPTIONS, "seed": 5}, resume=True)


def test_a_finished_run_is_shown_at_once(photos: Path, here: Path) -> None:
    """Without torch, whose import takes longer than all else."""
    made = train(photos, **OPTIONS)
    words = ["train", photos, *(word for name, value in OPTIONS.items() for word in (f"--{name}", value))]
    assert heavy_imports([words, [*words, "--json"]], here) == [(0, []), (0, [])]
    assert [path.name for path in Path("runs/train").iterdir()] == [made.folder.name]


@pytest.mark.slow
def test_it_is_the_run_that_a_comparison_makes(photos: Path, tmp_path: Path) -> None:
    """And streaming the images changes nothing."""
    options = {"epochs": 2, "width": 0.25, "precision": "fp32", "workers": 1}
    skipwise.compare(photos, models=["resnet18", "plain18"], seeds=2, output=tmp_path / "c", **options)
    run = train(photos, **OPTIONS, seed=1, pack=False, output=tmp_path / "t")
    theirs = tmp_path / "c" / "runs" / "resnet18-s1"
    assert run.record.test == skipwise.training.folder.record.read_run(theirs).test
    assert (run.folder / "weights.safetensors").read_bytes() == (theirs / "weights.safetensors").read_bytes()


def save_always() -> None:
    """A checkpoint after every step."""
    saving.CHECKPOINT_SECONDS, saving.SAVING_SHARE = 0.0, math.inf


def wait_after_four_epochs() -> None:
    """The process does no more than that: it is not done before somebody ends it, however fast the machine is."""
    save_always()
    done, told = itertools.count(1), TrainScreen.on_epoch

    def wait(screen: TrainScreen, epoch: Epoch) -> None:
        told(screen, epoch)
        if next(done) == 4:
            signal.pause()

    TrainScreen.on_epoch = wait


def test_killed_while_it_trains_it_goes_on_to_the_same_weights(cli: Run, photos: Path, tmp_path: Path) -> None:
    command = ["train", photos, "--width", "0.125", "--epochs", "10", "--precision", "fp32", "--output"]
    whole = cli(*command, "whole", prepare=save_always)
    assert whole.returncode == 0, whole.stderr
    folder = tmp_path / "killed"
    for ending in (signal.SIGKILL, signal.SIGTERM):
        done = lines(folder)
        process = Command(*command, folder, cwd=tmp_path, prepare=wait_after_four_epochs)
        while process.poll() is None and lines(folder) < done + 2:
            time.sleep(0.01)
        process.send_signal(ending)
        _, err = process.communicate()
        assert process.returncode == (-signal.SIGKILL if ending == signal.SIGKILL else 128 + signal.SIGTERM), err
        assert not (folder / "run.json").exists()
    finished = cli(*command, folder, "--resume", prepare=save_always)
    assert finished.returncode == 0, finished.stderr
    assert (folder / "weights.safetensors").read_bytes() == (tmp_path / "whole" / "weights.safetensors").read_bytes()
    assert not list(folder.glob("resume*"))


def lines(folder: Path) -> int:
    """The epochs that are done."""
    try:
        return len((folder / "metrics.jsonl").read_text().splitlines())
    except OSError:
        return 0


def test_the_command_says_how_it_ended_and_what_next(cli: Run, photos: Path, here: Path) -> None:
    """In a process that has imported nothing before."""
    command = [sys.executable, "-m", "skipwise", "train", photos, "--width", "0.25", "--epochs", "1"]
    result = subprocess.run([*command, "--balance", "sampling"], cwd=here, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "resnet18 is right on" in result.stdout
    assert "Run:    runs/train/stripes" in result.stdout
    assert f"skipwise compare {photos} --models resnet18,se_resnet18" in result.stdout
    small = ["--width", "0.125", "--epochs", "1", "--precision", "fp32", "--json"]
    record = json.loads(cli("train", photos, *small).stdout)["record"]
    assert record["status"] == "finished"


def test_a_run_that_fails_exits_with_2(cli: Run, photos: Path) -> None:
    result = cli("train", photos, "--width", "0.25", "--epochs", "2", "--lr", "1e30")
    assert result.returncode == 2
    assert "The run failed: " in result.stdout
    assert "the same command with --lr 1e+29" in result.stdout


@pytest.mark.usefixtures("here")
def test_an_unfinished_run_is_found_though_others_were_removed_and_said_if_it_was_begun_otherwise(photos: Path) -> None:
    class Stopping(Callback):
        def __init__(self) -> None:
            self.notices: list[str] = []

        def on_step(self, _: TrainState) -> None:
            raise KeyboardInterrupt

        def on_notice(self, sentence: str) -> None:
            self.notices.append(sentence)

    first = train(photos, **OPTIONS).folder
    with pytest.raises(KeyboardInterrupt):
        train(photos, **OPTIONS, seed=1, callbacks=[Stopping()])
    shutil.rmtree(first)
    otherwise = Stopping()
    with pytest.raises(KeyboardInterrupt):
        train(photos, **OPTIONS, seed=1, mirror=False, callbacks=[otherwise])
    assert Path("runs/train/stripes").is_dir()
    assert any("stripes-2 is unfinished, but was begun otherwise: mirror is True there" in n for n in otherwise.notices)
    assert train(photos, **OPTIONS, seed=1).folder == Path("runs/train/stripes-2")


@pytest.mark.usefixtures("here")
def test_images_that_were_renamed_are_the_same_images(photos: Path, tmp_path: Path) -> None:
    """Where the results are named, and where the unfinished run is to be found; other images are said to be others."""

    class Stopping(Callback):
        stop, notices = True, []

        def on_step(self, _: TrainState) -> None:
            if self.stop:
                raise KeyboardInterrupt

        def on_notice(self, sentence: str) -> None:
            self.notices.append(sentence)

    old = Path(shutil.copytree(photos, tmp_path / "old"))
    for output in (None, "named"):
        with pytest.raises(KeyboardInterrupt):
            train(old, **OPTIONS, output=output, callbacks=[Stopping()])
    new = old.rename(tmp_path / "new")
    watch = Stopping()
    watch.stop = False
    run = train(new, **OPTIONS, callbacks=[watch])
    assert run.folder == Path("runs/train/old")
    assert run.plan.data == "new"
    assert "runs/train/old was begun with the same images, when they had another name; it goes on." in watch.notices
    assert train(new, **OPTIONS, output="named").record.test == run.record.test
    assert train(new, **OPTIONS, output="named").repeated
    # And now they are others: one is another picture, one more, one more class.
    shutil.copy(new / "stripes0" / "001.jpg", new / "stripes0" / "003.jpg")
    with pytest.raises(skipwise.SkipwiseError, match="the images differ, or how they are split"):
        train(new, **OPTIONS, output="named")
    shutil.copy(new / "stripes0" / "001.jpg", new / "stripes0" / "099.jpg")
    with pytest.raises(skipwise.SkipwiseError, match="the images differ: 36 there and 37 here"):
        train(new, **OPTIONS, output="named")
    shutil.copytree(new / "stripes1", new / "stripes3")
    with pytest.raises(skipwise.SkipwiseError, match="and so do their classes: 'stripes3' is one only here"):
        train(new, **OPTIONS, output="named")


@pytest.mark.slow
def test_two_different_commands_at_once_get_a_folder_each(photos: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "skipwise", "train", str(photos), "--model", "plain20", "--width", "0.25"]
    options = ["--epochs", "1", "--img-size", "16", "--precision", "fp32", "--no-compile"]
    processes = [
        subprocess.Popen([*command, *options, "--seed", seed], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        for seed in ("0", "1")
    ]
    for process in processes:
        assert process.communicate(timeout=300)[1].count("Traceback") == 0
        assert process.returncode == 0
    runs = sorted((tmp_path / "runs" / "train").glob("*/run.json"))
    assert [run.parent.name for run in runs] == ["stripes", "stripes-2"]
    assert {json.loads(run.read_text())["spec"]["seed"] for run in runs} == {0, 1}


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (("--model", "resnet81"), "did you mean 'resnet18'"),
        (("--img-size", "4"), "between 8 and 1024"),
        (("--width", "0"), "width"),
        (("--epochs", "0"), "--epochs must be at least 1"),
        (("--pretrained", "--width", "0.5"), "leave --width out"),
        (("--pretrained", "--stem", "small"), "leave --stem out"),
        (
            ("--model", "tests.external_networks:raises"),
            "raises can't be trained on images of 16 x 16 pixels (IndexError",
        ),
        (("--balance", "often"), "no balance called 'often'"),
        (("--seed", "-1"), "--seed must be at least 0"),
        (("--resume",), "nothing to resume"),
    ],
)
def test_bad_options_are_a_sentence_and_leave_nothing(
    option: tuple[str, ...], sentence: str, photos: Path, here: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skipwise.cli import app as cli

    monkeypatch.setattr(sys, "argv", ["skipwise", "train", os.fspath(photos), *option])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not list(here.iterdir())


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.slow
def test_images_grow_unless_a_network_takes_only_one_size(photos: Path, tmp_path: Path) -> None:
    """And then they do for none: what is compared is trained alike."""
    told: list[str] = []
    preprocessing = Preprocessing(size=32, channels=3, mean=(), std=())
    of_one_size = "tests.external_networks:of_one_size"
    for models, epochs, expected in [
        (["resnet18", "tests.external_networks:linear", "tests.external_networks:raises"], None, (0.625, 15)),
        (["resnet18", of_one_size], None, (1.0, 11)),
        ([of_one_size], 12, (1.0, 12)),
    ]:
        recipe = with_sizes_for_all(RECIPES["fast"], models, preprocessing, 3, epochs, told.append)
        assert (recipe.min_size, recipe.epochs) == expected
    assert told == [
        f"{of_one_size} does not take images of 20 x 20 pixels, so training images have their full size from the "
        f"beginning, for {epochs} epochs."
        for epochs in (11, 12)
    ]
    tiny = replace(preprocessing, size=16)
    assert with_sizes_for_all(RECIPES["fast"], ["resnet18"], tiny, 3, None, told.append).epochs == 11
    assert len(told) == 2

    options = {"recipe": "fast", "epochs": 12, "batch_size": 2, "img_size": 32, "width": 0.0625, "precision": "fp32"}
    options |= {"seeds": 2, "workers": 1, "output": tmp_path / "compared"}
    found = skipwise.compare(photos, models=["plain18", of_one_size], **options)
    assert found.plan.recipe.min_size == 1.0
    assert not any(candidate.failed for candidate in found.results.candidates)


def test_a_network_that_breaks_down_on_the_way_leaves_what_was_saved(
    here: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a compiler, a driver or a file it needs is gone; once that is mended, the same call goes on."""
    (here / "fragile_net.py").write_text(
        "from pathlib import Path\nfrom tests.external_networks import Linear\n"
        "class Net(Linear):\n"
        "    def forward(self, x):\n"
        "        if Path('run/resume.safetensors').exists() and not Path('mended').exists():\n"
        "            raise RuntimeError('the driver is gone')\n"
        "        return super().forward(x)\n"
    )
    monkeypatch.setattr(sys, "path", [*sys.path, str(here)])
    monkeypatch.setattr(saving, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(saving, "SAVING_SHARE", math.inf)
    options = {"model": "fragile_net:Net", "epochs": 20, "img_size": 16, "precision": "fp32", "output": here / "run"}
    with pytest.raises(skipwise.SkipwiseError, match=r"RuntimeError: the driver is gone.*error\.txt.*resumes it"):
        train(photos, **options)
    assert (here / "run" / "resume.safetensors").exists()
    assert not (here / "run" / "run.json").exists()
    (here / "mended").touch()
    told = []

    class Telling(Callback):
        def on_step(self, at: TrainState) -> None:
            told.append(at.steps)

    assert train(photos, callbacks=[Telling()], **options).record.status == "finished"
    assert not (here / "run" / "error.txt").exists()
    assert told[0] > 1  # not from the beginning
    # Other code is another network.
    (here / "mended").unlink()
    with (here / "fragile_net.py").open("a") as file:
        file.write("# changed\n")
    with pytest.raises(skipwise.SkipwiseError, match="the code of the network changed"):
        train(photos, **options)


@pytest.mark.slow
def test_rare_classes_that_weigh_much_are_no_explosion(tmp_path: Path) -> None:
    """Three images of a class among 700: each weighs more than a hundred times as much as another."""
    rng = np.random.default_rng(0)
    for name, count in (("common", 980), ("rare", 5)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(
                tmp_path / "images" / name / f"{number}.png"
            )
    run = train(
        tmp_path / "images",
        model="resnet18",
        width=0.125,
        epochs=1,
        batch_size=4,
        balance="loss",
        precision="fp32",
        output=tmp_path / "run",
    )
    assert run.record.status == "finished", run.record.reason
    assert not run.record.lr_cuts
