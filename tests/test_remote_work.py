"""Work with what lies at addresses: `status`, what `clean` may remove, and training on shards that stay there."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import skipwise
from skipwise.cli import app
from skipwise.core.errors import SkipwiseError
from skipwise.core.remote import copies
from skipwise.core.remote.copies import RECORD, USED, home_of
from tests.conftest import make_photos
from tests.processes import Command
from tests.stores import Store, object_store, waited_for
from tests.test_status import begin, do

Call = Callable[..., str]
DAY = 86400.0


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with pytest.MonkeyPatch.context() as patch, object_store(patch) as found:
        yield found


@pytest.fixture
def bucket(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SKIPWISE_CACHE", str(tmp_path / "cache"))
    return store.bucket(f"b{time.time_ns()}")


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    def called(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["skipwise", *words])
        with pytest.raises(SystemExit) as stopped:
            app.main()
        assert not stopped.value.code
        return capsys.readouterr().out

    return called


def make_old(address: str, days: float) -> Path:
    """Makes a copy one that was not used for some days, by a process that has ended."""
    home = home_of(address)
    os.utime(home / USED, (time.time() - days * DAY,) * 2)
    return home


def opened_and_ended(address: str) -> None:
    """Opens images as a process that has ended: nothing that it held is open any more."""
    skipwise.open_images(address)
    while copies._held:
        os.close(copies._held.popitem()[1])


def test_the_status_of_a_copied_folder_fetches_records_alone(
    bucket: str, store: Store, tmp_path: Path, call: Call
) -> None:
    plan = begin(tmp_path / "runs" / "a")
    do(plan, tmp_path / "runs" / "a", ("resnet18", 0))
    (tmp_path / "runs" / "a" / "runs" / "resnet18-s0" / "weights.safetensors").write_bytes(b"large")
    store.put_folder(bucket, "runs", tmp_path / "runs")
    here, there = skipwise.status(tmp_path / "runs" / "a"), skipwise.status(f"s3://{bucket}/runs/a/")
    assert there.folder == f"s3://{bucket}/runs/a"
    assert there.runs == here.runs
    assert (there.state, there.about) == (here.state, here.about) == ("stopped", here.about)
    there_now = [path.name for path in (tmp_path / "cache" / "remote").rglob("*") if path.is_file()]
    assert "run.json" in there_now
    assert not {"weights.safetensors", "predictions.npz"} & set(there_now)
    do(plan, tmp_path / "runs" / "a", ("plain18", 0))  # it is looked at again each time
    store.put_folder(bucket, "runs", tmp_path / "runs")
    found = json.loads(call("status", f"s3://{bucket}/runs", "--json"))
    assert found["kind"] == "folder"
    assert [part["folder"] for part in found["parts"]] == [f"s3://{bucket}/runs/a"]
    assert sum(run["state"] == "done" for run in found["parts"][0]["runs"]) == 2


@pytest.mark.parametrize(
    ("key", "match"), [("", "no such|not exist|nothing"), ("photo.jpg", "no files"), ("x.json", "no comparison")]
)
def test_an_address_without_work_is_refused_and_named(key: str, match: str, bucket: str, store: Store) -> None:
    if key:
        store.put(bucket, f"work/{key}", b"{}")
    with pytest.raises(SkipwiseError, match=f"(?i){match}") as caught:
        skipwise.status(f"s3://{bucket}/work")
    assert f"s3://{bucket}/work" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_copies_that_nobody_has_used_for_long_may_go(bucket: str, store: Store, tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "pets", classes=2, per_class=4)
    address = f"s3://{bucket}/pets"
    store.put_folder(bucket, "pets", photos)
    opened_and_ended(address)
    assert [each.kind for each in skipwise.clean([]).found] == []
    home = make_old(address, days=40)
    (found,) = skipwise.clean([]).found
    assert (found.kind, found.path) == ("copy", home)
    assert address in found.why
    assert "40 days" in found.why
    assert found.size > sum(path.stat().st_size for path in photos.rglob("*.jpg")) / 2
    done = skipwise.clean([], yes=True)
    assert (done.freed, done.left) == (found.size, ())
    assert not home.exists()
    assert len(skipwise.open_images(address)) == 8  # it is copied again
    assert store.client.list_objects_v2(Bucket=bucket)["KeyCount"] == 8


def test_the_copies_of_an_address_go_when_it_is_named_and_nothing_there_does(
    bucket: str, store: Store, tmp_path: Path, call: Call
) -> None:
    photos = make_photos(tmp_path / "pets", classes=2, per_class=4)
    for name in ("pets", "pets2", "more/pets"):
        store.put_folder(bucket, name, photos)
        opened_and_ended(f"s3://{bucket}/{name}")
    said = call("clean", f"s3://{bucket}/pets/")
    assert f"a copy of s3://{bucket}/pets, which" in " ".join(said.split())
    assert home_of(f"s3://{bucket}/pets").exists()
    call("clean", f"s3://{bucket}/pets", "--yes")
    assert not home_of(f"s3://{bucket}/pets").exists()
    assert all(home_of(f"s3://{bucket}/{name}").exists() for name in ("pets2", "more/pets"))
    assert len(skipwise.clean([f"s3://{bucket}"]).found) == 2
    with pytest.raises(SkipwiseError, match=f"no copy of s3://{bucket}/pets in .* removes nothing at an address"):
        skipwise.clean([f"s3://{bucket}/pets"])
    assert store.client.list_objects_v2(Bucket=bucket)["KeyCount"] == 24


def test_a_copy_that_a_process_reads_stays(bucket: str, store: Store, tmp_path: Path) -> None:
    store.put_folder(bucket, "pets", make_photos(tmp_path / "pets", classes=2, per_class=4))
    address = f"s3://{bucket}/pets"
    skipwise.open_images(address)  # this process may read it as long as it lives
    done = skipwise.clean([address], yes=True)
    assert done.freed == 0
    assert "A process reads" in done.left[0].why
    assert home_of(address).exists()


@pytest.mark.usefixtures("bucket")
def test_unfinished_copies_and_what_is_not_ours(tmp_path: Path) -> None:
    root = tmp_path / "cache" / "remote"
    half, theirs = root / ("0" * 20), root / "theirs"
    for home in (half, theirs):
        (home / "files").mkdir(parents=True)
        (home / "files" / "a.part").write_bytes(b"half")
        for path in (home / "files" / "a.part", home / "files", home):
            os.utime(path, (time.time() - 50 * DAY,) * 2)
    (found,) = skipwise.clean([]).found
    assert found.path == half
    assert "unfinished" in found.why
    assert skipwise.clean([], yes=True).freed == 4
    assert theirs.exists()
    assert not half.exists()
    assert not (half / RECORD).exists()


@pytest.mark.slow
def test_shards_that_stay_where_they_are_train_the_same_network_after_a_kill_too(
    bucket: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sorted(make_photos(tmp_path / "pets", classes=2, per_class=40).rglob("*.*"))
    (tmp_path / "tars").mkdir()
    for shard in range(3):
        with tarfile.open(tmp_path / f"tars/pets-{shard}.tar", "w") as archive:
            for number, path in enumerate(files[shard::3]):
                for kind, data in ((path.suffix, path.read_bytes()), (".cls", path.parent.name.encode())):
                    header = tarfile.TarInfo(f"{number:04d}{kind}")
                    header.size = len(data)
                    archive.addfile(header, io.BytesIO(data))
    store.put_folder(bucket, "tars", tmp_path / "tars")
    words = ("--model", "plain20", "--width", "0.25", "--img-size", "16", "--epochs", "40", "--precision", "fp32")

    def train(data: str | Path, output: str, *more: str) -> Command:
        options = ("--no-compile", "--device", "cpu", "--output", tmp_path / output, *more)
        return Command(
            "train", data, *words, *options, cwd=tmp_path, env={"SKIPWISE_CACHE": str(tmp_path / f"cache-{output}")}
        )

    here = train(tmp_path / "tars", "packed")
    assert (here.communicate()[1], here.returncode)[1] == 0
    monkeypatch.setenv("SKIPWISE_MAX_COPY", "0")
    there = train(f"s3://{bucket}/tars", "streamed", "--no-pack")
    assert waited_for(lambda: any((tmp_path / "streamed").rglob("resume*")) or there.returncode is not None, 240)
    there.send_signal(signal.SIGKILL)
    there.communicate()
    assert there.returncode == -signal.SIGKILL, "it was killed in the middle"
    again = train(f"s3://{bucket}/tars", "streamed", "--no-pack")
    _, said = again.communicate()
    assert (again.returncode, "read where they are" in said) == (0, True), said
    for name in ("weights.safetensors", "predictions.npz"):
        assert (tmp_path / "packed" / name).read_bytes() == (tmp_path / "streamed" / name).read_bytes()
    assert not list(tmp_path.joinpath("cache-streamed").rglob("*.tar")), "nothing is copied"
